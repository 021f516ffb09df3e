"""Features: what they are, and what has no influence on them."""

import numpy as np
import pandas as pd
import pytest
import torch

from skgenome.exceptions import ModelMismatchError
from skgenome.nn import POOLINGS, pool
from skgenome.preprocessing import KmerTokenizer
from skgenome.representation import LanguageModel, _language_model
from skgenome.sequences import pad_rows, reverse_complement

# Features of the layers of the tiny models.
LAYER_SIZES = {"awd-lstm": [6, 4], "cnn-lstm": [6, 6]}
POOLED = pytest.mark.parametrize("pooling", sorted(POOLINGS))


def by_hand(lm, row, pooling, layers):
    """Run the network over one row and pool, without anything of the estimator."""
    with torch.no_grad():
        raw = lm.module_.encoder(torch.from_numpy(row.astype(np.int64))[None]).raw
    mask = torch.ones(1, len(row), dtype=torch.bool)
    return torch.cat([pool(raw[layer], mask, pooling) for layer in layers], dim=1)[0].numpy()


@POOLED
@pytest.mark.parametrize(("layer", "layers"), [(-1, [1]), (0, [0]), (-2, [0]), ("all", [0, 1])])
def test_transform_equals_pooling_the_networks_states(pooling, layer, layers, lm, token_ids):
    features = lm.set_params(pooling=pooling, layer=layer).transform(token_ids)
    expected = [by_hand(lm, row, pooling, layers) for row in token_ids]
    np.testing.assert_allclose(features, expected, atol=1e-6)
    assert features.dtype == np.float32


@POOLED
@pytest.mark.parametrize(("layer", "layers"), [(-1, [1]), (0, [0]), ("all", [0, 1])])
@pytest.mark.parametrize(
    ("strand", "n_strands"), [("forward", 1), ("augment", 1), ("average", 1), ("concat", 2)]
)
def test_transform_width_and_names_follow_the_parameters(
    pooling, layer, layers, strand, n_strands, lm, architecture, token_ids
):
    """Non-regression: names were counted in fit and did not follow parameters set afterwards."""
    lm.set_params(pooling=pooling, layer=layer, strand=strand)
    size = sum(LAYER_SIZES[architecture][i] for i in layers)
    n_features = n_strands * POOLINGS[pooling] * size
    assert lm.transform(token_ids).shape == (len(token_ids), n_features)
    names = lm.get_feature_names_out()
    assert (len(names), names[0], names[-1]) == (
        n_features,
        "languagemodel0",
        f"languagemodel{n_features - 1}",
    )


def test_transform_tells_sequences_apart(lm, token_ids):
    features = lm.transform(token_ids)
    distances = np.linalg.norm(features[:, None] - features, axis=2)
    assert distances[~np.eye(len(features), dtype=bool)].min() > 1e-3


def test_transform_refuses_a_layer_that_is_none(lm, token_ids):
    with pytest.raises(ValueError, match=r"layer=2 .* has 2 layers: use -2 to 1, or 'all'"):
        lm.set_params(layer=2).transform(token_ids)


@pytest.mark.parametrize("strand", ["forward", "average", "concat"])
def test_transform_ragged_list_equals_padded_matrix(strand, lm, token_ids):
    lm.set_params(strand=strand)
    expected = lm.transform(token_ids)
    matrix = pad_rows(token_ids)
    wider = np.pad(matrix, ((0, 0), (0, 50)))
    for X in (matrix, wider, matrix.astype(float), pd.DataFrame(matrix)):
        np.testing.assert_allclose(lm.transform(X), expected, atol=1e-6)


@pytest.mark.parametrize("strand", ["forward", "average", "concat"])
@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_transform_batch_size_changes_nothing(batch_size, strand, lm, token_ids):
    expected = lm.set_params(strand=strand).transform(token_ids)
    np.testing.assert_allclose(lm.set_params(batch_size=batch_size).transform(token_ids), expected, atol=1e-6)


def test_transform_order_of_rows_changes_nothing(lm, token_ids, rng):
    order = rng.permutation(len(token_ids))
    expected = lm.transform(token_ids)[order]
    np.testing.assert_allclose(lm.transform([token_ids[i] for i in order]), expected, atol=1e-6)


def test_transform_other_rows_have_no_influence(lm, token_ids):
    alone = np.concatenate([lm.transform([row]) for row in token_ids])
    np.testing.assert_allclose(lm.transform(token_ids), alone, atol=1e-6)


@pytest.mark.parametrize("chunk", [1, 5, 74, 75, 76])
def test_transform_pieces_change_nothing(chunk, lm, token_ids, monkeypatch):
    """Non-regression: this once set the size where transform no longer reads it, and tested nothing."""
    expected, lengths = lm.transform(token_ids), set()
    monkeypatch.setattr(_language_model, "CHUNK", chunk)
    lm.module_.encoder.layers[0].register_forward_hook(lambda _, inputs, __: lengths.add(inputs[0].shape[1]))
    np.testing.assert_allclose(lm.transform(token_ids), expected, atol=1e-6)
    assert max(lengths) == min(chunk, 75)


@pytest.mark.parametrize("strand", ["forward", "average", "concat"])
def test_transform_empty_row_gives_zeros(strand, lm, token_ids):
    lm.set_params(strand=strand)
    features = lm.transform([token_ids[0], np.array([], dtype=np.uint8), token_ids[1]])
    assert (features[1] == 0).all()
    assert (features[[0, 2]] != 0).any(axis=1).all()
    assert (lm.transform([np.array([], dtype=np.uint8)]) == 0).all()


def test_transform_unknown_tokens_are_read(lm):
    known, unknown = lm.transform([[2, 2, 2], [2, 1, 2]])
    assert (known != unknown).any()


@POOLED
def test_transform_average_is_the_same_for_both_strands(pooling, lm, sequences, tokenise):
    """Exactly so at stride 1, as the guide says: bits, not rounding."""
    lm.set_params(strand="average", pooling=pooling)
    forward = lm.transform(tokenise(sequences))
    backward = lm.transform(tokenise([reverse_complement(s) for s in sequences]))
    assert (forward == backward).all()
    assert (forward != lm.set_params(strand="forward").transform(tokenise(sequences))).any()


@pytest.mark.parametrize("length", [2, 5, 8])
def test_transform_average_is_exact_at_a_stride_that_fits(length, make_lm, make_dna, tokenise):
    lm = make_lm(strand="average", stride=2, k=2).fit(tokenise(make_dna([300]), 2, 2))
    sequence = make_dna([2 * length])[0]
    forward, backward = lm.transform(tokenise([sequence, reverse_complement(sequence)], 2, 2))
    assert (forward == backward).all()


def test_transform_concat_is_forward_then_reverse(lm, sequences, tokenise):
    forward = lm.transform(tokenise(sequences))
    backward = lm.transform(tokenise([reverse_complement(s) for s in sequences]))
    both = lm.set_params(strand="concat").transform(tokenise(sequences))
    np.testing.assert_allclose(both, np.concatenate([forward, backward], axis=1), atol=1e-6)


def test_transform_augment_reads_the_given_strand(lm, token_ids):
    forward = lm.transform(token_ids)
    assert (lm.set_params(strand="augment").transform(token_ids) == forward).all()


@pytest.mark.parametrize(("k", "stride"), [(3, 2), (3, 3), (2, 2), (3, 7)])
@pytest.mark.parametrize("method", ["transform", "score", "score_samples", "bits_per_base", "perplexity"])
def test_language_model_refuses_tokens_of_another_stride(method, k, stride, lm, make_dna, tokenise):
    with pytest.raises(
        ModelMismatchError, match=r"k=3, stride=1, but adjacent .*KmerTokenizer\(k=3, stride=1\)"
    ):
        getattr(lm, method)(tokenise(make_dna([200]), k, stride))


@pytest.mark.parametrize("method", ["transform", "score", "score_samples", "bits_per_base", "perplexity"])
def test_language_model_refuses_ids_out_of_range(method, lm):
    with pytest.raises(
        ModelMismatchError, match="token id 66, but this model was fitted on k=3 and knows ids below 66"
    ):
        getattr(lm, method)([[2, 66]])


def test_transform_output_may_be_a_table(lm, sequences, tokenise):
    lm.set_output(transform="pandas")
    table = lm.transform(KmerTokenizer(k=3).transform(sequences))
    assert isinstance(table, pd.DataFrame)
    assert list(table.columns) == list(lm.get_feature_names_out())
    plain = lm.set_output(transform="default").transform(tokenise(sequences))
    assert (table.to_numpy() == plain).all()


def test_transform_in_bfloat16_is_close(lm, token_ids):
    exact = lm.transform(token_ids)
    rough = lm.set_params(precision="bfloat16").transform(token_ids)
    assert rough.dtype == np.float32
    assert (rough != exact).any()
    np.testing.assert_allclose(rough, exact, atol=0.1)


def test_transform_in_auto_precision_predicts_in_float32(lm, token_ids):
    auto = lm.set_params(precision="auto").transform(token_ids)
    assert (auto == lm.set_params(precision="float32").transform(token_ids)).all()


def test_transform_on_cuda_is_close_to_the_cpu(lm, token_ids):
    if not torch.cuda.is_available():
        pytest.skip("torch sees no CUDA device")
    expected = lm.transform(token_ids)
    np.testing.assert_allclose(lm.set_params(device="cuda").transform(token_ids), expected, atol=1e-4)
    assert next(lm.module_.parameters()).device.type == "cpu"


def test_transform_does_not_change_the_ids(lm, token_ids):
    before = [row.copy() for row in token_ids]
    lm.set_params(strand="concat").transform(token_ids)
    assert all((row == old).all() for row, old in zip(token_ids, before, strict=True))


def test_fit_transform_is_fit_then_transform(make_lm, corpus):
    assert (make_lm().fit_transform(corpus) == make_lm().fit(corpus).transform(corpus)).all()


def test_language_model_defaults_read_both_strands():
    assert LanguageModel().get_params()["strand"] == "concat"
