"""The untrained network, and the module that a classifier takes over from the model."""

import math

import numpy as np
import pytest
import torch

from skgenome.nn import POOLINGS
from skgenome.representation import _language_model as module_under_test
from skgenome.sequences import check_token_ids, reverse_complement_rows


def weights_of(lm):
    return lm.module_.state_dict()


def assert_same_bits(first, second):
    torch.testing.assert_close(first, second, rtol=0, atol=0)


def test_initialize_gives_the_weights_that_fit_starts_from(make_lm, corpus, bias_of, monkeypatch):
    starts = []
    make_net = module_under_test.language_model_net

    def noting(module, *args, **params):
        starts.append({name: value.clone() for name, value in module.state_dict().items()})
        return make_net(module, *args, **params)

    monkeypatch.setattr(module_under_test, "language_model_net", noting)
    fitted = make_lm().fit(corpus)
    initial = make_lm().initialize(corpus)
    assert_same_bits(weights_of(initial), starts[0])
    assert not torch.equal(bias_of(fitted), bias_of(initial))


def test_initialize_draws_from_the_seed_alone(make_lm, corpus):
    lm = make_lm().initialize(corpus)
    assert lm.initialize(corpus[:1]) is lm
    assert_same_bits(weights_of(lm), weights_of(make_lm().initialize(corpus)))
    other = make_lm(random_state=1).initialize(corpus)
    # The part that reads the ids, which the seed draws first.
    first, second = (next(model.module_.encoder.front.parameters()) for model in (lm, other))
    assert not torch.equal(first, second)


def test_initialize_leaves_the_global_generators_alone(make_lm, corpus):
    before = torch.random.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    make_lm().initialize(corpus)
    assert torch.equal(torch.random.get_rng_state(), before[0])
    assert (np.random.get_state()[1] == before[1]).all()  # noqa: NPY002


@pytest.mark.parametrize(("k", "stride"), [(3, 1), (4, 2), (3, 3)])
def test_initialize_reads_the_geometry_off_the_ids(k, stride, make_lm, make_dna, tokenise):
    lm = make_lm().initialize(tokenise([*make_dna([300]), "T" * k], k, stride))
    assert (lm.k_, lm.stride_, lm.n_tokens_, lm.history_) == (k, stride, 4**k + 2, [])


def test_initialize_makes_a_model_that_transforms_and_scores(make_lm, corpus, token_ids):
    lm = make_lm().initialize(corpus)
    assert not lm.module_.training
    features = lm.transform(token_ids)
    assert features.shape == (len(token_ids), len(lm.get_feature_names_out()))
    assert np.isfinite(features).all()
    # It knows nothing, not even that adjacent tokens share bases: all 66 tokens are alike to it.
    assert lm.bits_per_base(token_ids) == pytest.approx(math.log2(66), abs=0.1)


def test_initialize_is_where_partial_fit_goes_on_from(make_lm, corpus, bias_of):
    lm = make_lm(max_epochs=2).initialize(corpus)
    before = bias_of(lm).clone()
    bits = lm.bits_per_base(corpus)
    lm.partial_fit(corpus)
    assert lm.bits_per_base(corpus) < bits
    assert [row["epoch"] for row in lm.history_] == [1, 2]
    assert lm.history_[0]["step"] > 0
    assert not torch.equal(bias_of(lm), before)


def test_initialize_forgets_a_fit(make_lm, corpus):
    lm = make_lm().fit(corpus).initialize(corpus)
    assert_same_bits(weights_of(lm), weights_of(make_lm().initialize(corpus)))
    assert lm.history_ == []


@pytest.mark.parametrize("method", ["fit", "initialize"])
def test_language_model_with_a_wrong_layer_does_not_look_fitted(method, make_lm, corpus):
    """Non-regression: the old network was left with the sizes of the new one, and could not be unpickled."""
    lm = make_lm().fit(corpus).set_params(n_layers=3, layer=5)
    with pytest.raises(ValueError, match="layer=5 was asked for, but the network has 3 layers"):
        getattr(lm, method)(corpus)
    assert not hasattr(lm, "module_")


def test_initialize_refuses_parameters_out_of_range(make_lm, corpus):
    with pytest.raises(ValueError, match="The 'hidden_size' parameter of LanguageModel must be"):
        make_lm(hidden_size=0).initialize(corpus)


@pytest.mark.parametrize("method", ["fit", "initialize", "partial_fit", "transform", "score"])
def test_language_model_takes_packed_ids(method, lm, token_ids):
    results = [getattr(lm, method)(X) for X in (token_ids, check_token_ids(token_ids))]
    if method in ("transform", "score"):
        assert np.array_equal(*results)


@pytest.mark.parametrize("strand", ["forward", "augment", "average", "concat"])
@pytest.mark.parametrize("pooling", [*sorted(POOLINGS), np.int64(3)])
@pytest.mark.parametrize("layer", [-1, 0, "all"])
def test_pooled_encoder_gives_what_transform_gives(layer, pooling, strand, lm, token_ids):
    lm.set_params(layer=layer, pooling=pooling, strand=strand)
    encoder = lm.pooled_encoder()
    packed = check_token_ids(token_ids)
    both = [packed, reverse_complement_rows(packed, lm.k_)]
    features = []
    for i in range(packed.n_rows):
        rows = [torch.from_numpy(ids.row(i).astype(np.int64))[None] for ids in both]
        with torch.inference_mode():
            features.append(encoder(*rows[: 2 if strand in ("average", "concat") else 1])[0].numpy())
    np.testing.assert_allclose(lm.transform(token_ids), features, atol=1e-6)
    assert encoder.n_features == len(features[0])


def test_pooled_encoder_shares_the_weights_of_the_model(lm):
    encoder = lm.pooled_encoder()
    assert encoder.encoder is lm.module_.encoder
    assert not encoder.training
    assert not lm.module_.training


def test_pooled_encoder_asks_to_be_fitted_first(make_lm):
    with pytest.raises(ValueError, match="This LanguageModel instance is not fitted yet"):
        make_lm().pooled_encoder()
