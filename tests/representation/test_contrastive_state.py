"""Pickling, saving, hashing and searching a contrastive model, and a module of one's own as encoder."""

import copy
import pickle

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from torch import nn

from skgenome.exceptions import ModelMismatchError
from skgenome.persistence import load, save
from skgenome.preprocessing import KmerTokenizer


class Motifs(nn.Module):
    """An encoder of one's own: a convolution and its maxima."""

    n_features = 4

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(6, 3, padding_idx=0)
        self.convolution = nn.Conv1d(3, 4, 5, padding=2)

    def forward(self, token_ids):
        return self.convolution(self.embedding(token_ids).transpose(1, 2)).amax(2)


def weights_of(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def round_trip(cpc):
    return pickle.loads(pickle.dumps(cpc))


@pytest.fixture
def motifs(seed):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Motifs()


def test_pickle_round_trip_gives_the_same_bits(cpc, bases):
    loaded = round_trip(cpc)
    assert (loaded.transform(bases) == cpc.transform(bases)).all()
    assert loaded.patch_scores(bases) == cpc.patch_scores(bases)
    assert loaded.get_params() == cpc.get_params()
    assert loaded.architecture_ == cpc.architecture_
    assert b"torch" not in pickle.dumps(cpc)


def test_pickle_after_other_parameters_were_set(cpc, bases):
    """The network keeps its own sizes, whatever the parameters say by then."""
    expected = cpc.transform(bases)
    cpc.set_params(encoder="resnet18", width=3, context="lstm", context_size=9, steps=(1,), n_patches=2)
    cpc.set_params(patch_length=7, projection_size=2, reverse_complement=True)
    assert (round_trip(cpc).transform(bases) == expected).all()


def test_unpickle_leaves_the_global_generator_alone(cpc):
    pickled, before = pickle.dumps(cpc), torch.random.get_rng_state()
    pickle.loads(pickled)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_unpickled_model_goes_on_training(cpc, bases):
    first, second = round_trip(cpc).partial_fit(bases), round_trip(cpc).partial_fit(bases)
    torch.testing.assert_close(first.module_.state_dict(), second.module_.state_dict(), rtol=0, atol=0)
    assert len(first.history_) == len(cpc.history_) + 1


def test_hash_of_equal_fits_is_equal(make_cpc, bases):
    first, again, other = (joblib.hash(make_cpc(random_state=s).fit(bases)) for s in (0, 0, 1))
    assert first == again
    assert first != other


def test_hash_is_the_same_after_use_and_a_round_trip(cpc, bases):
    before = joblib.hash(cpc)
    cpc.transform(bases)
    cpc.score(bases)
    assert joblib.hash(cpc) == joblib.hash(round_trip(cpc)) == before


def test_clone_is_unfitted_and_has_the_parameters(cpc):
    twin = clone(cpc)
    assert not hasattr(twin, "module_")
    assert twin.get_params() == cpc.get_params()


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"encoder": "resnet18", "context": "lstm", "negatives": "batch"},
        {"encoder": "resnet50", "context": "causal-conv", "reverse_complement": True},
        {"steps": [2, 3], "pooling": 3, "strand": "concat", "temperature": np.float64(0.5)},
    ],
    ids=str,
)
def test_save_and_load_give_the_same_bits(params, make_cpc, bases, tmp_path):
    cpc = make_cpc(**params).fit(bases)
    loaded = load(save(cpc, tmp_path / "cpc"))
    assert (loaded.transform(bases) == cpc.transform(bases)).all()
    assert loaded.patch_scores(bases) == cpc.patch_scores(bases)
    assert loaded.get_params() == cpc.get_params()
    assert joblib.hash(loaded) == joblib.hash(round_trip(cpc))


def test_save_and_load_in_a_pipeline(cpc, make_dna, tmp_path):
    sequences = make_dna([50, 80, 70, 61])
    pipe = make_pipeline(KmerTokenizer(k=1), FrozenEstimator(cpc), LogisticRegression())
    pipe.fit(sequences, [0, 1, 0, 1])
    loaded = load(save(pipe, tmp_path / "pipe"))
    assert (loaded.predict_proba(sequences) == pipe.predict_proba(sequences)).all()


def test_save_refuses_a_tokenizer_of_more_than_a_base(cpc, tmp_path):
    pipe = make_pipeline(KmerTokenizer(k=2), cpc)
    with pytest.raises(ModelMismatchError, match=r"k=2.*was fitted on k=1"):
        save(pipe, tmp_path / "pipe")


def test_grid_search_over_width(make_cpc, make_dna, tokenise):
    X = tokenise(make_dna([150] * 9), k=1)
    search = GridSearchCV(make_cpc(n_patches=5), {"width": [1, 2]}, cv=KFold(3)).fit(X)
    assert search.best_params_["width"] in (1, 2)
    scores = search.cv_results_["mean_test_score"]
    assert np.isfinite(scores).all()
    assert scores[0] != scores[1]
    assert search.best_estimator_.module_.encoder.encoder.n_features == 5 * search.best_params_["width"]


def test_module_as_encoder_is_copied_and_trained(motifs, make_cpc, bases):
    """What was given stays what it was, and is where each fit starts from."""
    before = weights_of(motifs)
    cpc = make_cpc(encoder=motifs).fit(bases)
    assert cpc.encoder is motifs
    torch.testing.assert_close(weights_of(motifs), before, rtol=0, atol=0)
    trained = weights_of(cpc.module_.encoder.encoder)
    assert not torch.equal(trained["convolution.weight"], before["convolution.weight"])
    again = weights_of(cpc.fit(bases).module_.encoder.encoder)
    torch.testing.assert_close(again, trained, rtol=0, atol=0)
    start = make_cpc(encoder=motifs).initialize(bases).module_.encoder.encoder
    torch.testing.assert_close(weights_of(start), before, rtol=0, atol=0)
    assert cpc.transform(bases).shape == (len(bases), 4 + 3)


def test_module_as_encoder_can_be_cloned_pickled_and_shown(motifs, make_cpc, bases):
    cpc = make_cpc(encoder=motifs).fit(bases)
    twin = clone(cpc)
    assert twin.encoder is not motifs
    torch.testing.assert_close(weights_of(twin.encoder), weights_of(motifs), rtol=0, atol=0)
    assert (twin.fit(bases).transform(bases) == cpc.transform(bases)).all()
    assert (round_trip(cpc).transform(bases) == cpc.transform(bases)).all()
    assert (copy.deepcopy(cpc).transform(bases) == cpc.transform(bases)).all()
    assert "Motifs" in repr(cpc)


def test_module_as_encoder_cannot_be_saved_without_code(motifs, make_cpc, bases, tmp_path):
    cpc = make_cpc(encoder=motifs).fit(bases)
    with pytest.raises(TypeError, match=r"estimator\.encoder is Motifs .* can't be saved as JSON"):
        save(cpc, tmp_path / "cpc")
    assert list(tmp_path.iterdir()) == []


def test_pickle_after_another_encoder_was_set_in_place_of_a_module(motifs, make_cpc, bases):
    cpc = make_cpc(encoder=motifs).fit(bases)
    expected = cpc.transform(bases)
    assert (round_trip(cpc.set_params(encoder="resnet18")).transform(bases) == expected).all()


def test_module_without_n_features_is_refused(make_cpc, bases):
    with pytest.raises(TypeError, match=r"encoder .* n_features"):
        make_cpc(encoder=nn.Embedding(6, 4)).fit(bases)


@pytest.mark.parametrize("device", ["cpu", torch.device("cpu")])
def test_device_may_be_named_or_given(device, make_cpc, bases):
    cpc = make_cpc(device=device).fit(bases)
    assert {parameter.device.type for parameter in cpc.module_.parameters()} == {"cpu"}
    assert np.isfinite(cpc.transform(bases)).all()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device")
def test_model_trained_on_cuda_predicts_on_the_cpu(make_cpc, bases):
    cpc = make_cpc(device="cuda", cache_size=0).fit(bases)
    assert {parameter.device.type for parameter in cpc.module_.parameters()} == {"cpu"}
    on_cuda = cpc.transform(bases)
    np.testing.assert_allclose(cpc.set_params(device="cpu").transform(bases), on_cuda, rtol=1e-2, atol=1e-3)
