"""Pickling, hashing, and the features that are remembered between calls."""

import io
import pickle

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from skgenome.representation import LanguageModel
from skgenome.representation._cache import CACHE, FeatureCache


@pytest.fixture
def embedded(monkeypatch):
    """The rows that were run through the network, one after the other."""
    rows = []
    embed = LanguageModel._embed

    def spy(self, token_ids):
        rows.extend(tuple(token_ids.row(i).tolist()) for i in range(token_ids.n_rows))
        return embed(self, token_ids)

    monkeypatch.setattr(LanguageModel, "_embed", spy)
    return rows


def round_trip(lm):
    return pickle.loads(pickle.dumps(lm))


def test_pickle_round_trip_gives_the_same_bits(lm, token_ids):
    loaded = round_trip(lm)
    assert (loaded.transform(token_ids) == lm.transform(token_ids)).all()
    assert loaded.score(token_ids) == lm.score(token_ids)
    assert (loaded.sample(random_state=0) == lm.sample(random_state=0)).all()
    assert loaded.get_params() == lm.get_params()


def test_pickle_leaves_the_model_as_it_was(lm, token_ids):
    module, history = lm.module_, lm.history_
    pickle.dumps(lm)
    assert lm.module_ is module
    assert lm.history_ is history


def test_pickle_keeps_the_history_but_for_the_time_it_took(lm):
    rows = [{name: value for name, value in row.items() if name != "seconds"} for row in lm.history_]
    assert round_trip(lm).history_ == rows


def test_pickle_holds_arrays_and_no_torch(lm):
    assert b"torch" not in pickle.dumps(lm)


def test_unpickle_leaves_the_global_generator_alone(lm):
    """Non-regression: weights were drawn, only to be replaced, from the user's generator."""
    pickled = pickle.dumps(lm)
    before = torch.random.get_rng_state()
    pickle.loads(pickled)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_pickle_of_an_unfitted_model_stays_unfitted(make_lm, token_ids):
    with pytest.raises(NotFittedError, match="not fitted"):
        round_trip(make_lm()).transform(token_ids)


def test_pickle_after_other_sizes_were_set(lm, token_ids):
    """The network keeps its own sizes, whatever the parameters say by then."""
    expected = lm.transform(token_ids)
    lm.set_params(hidden_size=50, embedding_size=30, n_layers=1, dropout_scale=1.0, k=2)
    assert (round_trip(lm).transform(token_ids) == expected).all()


def test_unpickled_model_goes_on_training(lm, corpus, bias_of):
    first, second = round_trip(lm).partial_fit(corpus), round_trip(lm).partial_fit(corpus)
    assert torch.equal(bias_of(first), bias_of(second))
    assert not torch.equal(bias_of(first), bias_of(lm))
    assert first.history_[-1]["epoch"] == 2


def test_hash_is_the_same_after_a_round_trip(lm):
    assert joblib.hash(round_trip(lm)) == joblib.hash(lm)
    assert joblib.hash(round_trip(round_trip(lm))) == joblib.hash(lm)


def test_hash_of_equal_fits_is_equal(make_lm, corpus):
    """Non-regression: seconds of the history gave every fit a hash of its own."""
    first, again, other = (joblib.hash(make_lm(random_state=s).fit(corpus)) for s in (0, 0, 1))
    assert first == again
    assert first != other


def test_hash_follows_the_weights(lm, bias_of):
    changed = round_trip(lm)
    with torch.no_grad():
        bias_of(changed)[2] += 1e-6
    assert joblib.hash(changed) != joblib.hash(lm)


def test_hash_does_not_change_with_use(lm, token_ids):
    before = joblib.hash(lm)
    lm.transform(token_ids)
    lm.score(token_ids)
    assert joblib.hash(lm) == before


@pytest.mark.parametrize("mmap_mode", [None, "r"])
def test_joblib_dump_and_load(mmap_mode, lm, token_ids, corpus, tmp_path):
    """Arrays mapped from disk are read-only, while training writes to the weights."""
    joblib.dump(lm, tmp_path / "lm.joblib")
    loaded = joblib.load(tmp_path / "lm.joblib", mmap_mode=mmap_mode)
    assert (loaded.transform(token_ids) == lm.transform(token_ids)).all()
    loaded.partial_fit(corpus)
    again = joblib.load(tmp_path / "lm.joblib")
    assert (again.transform(token_ids) == lm.transform(token_ids)).all()


def test_joblib_dump_to_memory(lm, token_ids):
    buffer = io.BytesIO()
    joblib.dump(lm, buffer)
    buffer.seek(0)
    assert (joblib.load(buffer).transform(token_ids) == lm.transform(token_ids)).all()


def test_clone_is_unfitted(lm, token_ids):
    assert not hasattr(clone(lm), "module_")


def test_cache_embeds_each_distinct_row_once(lm, token_ids, embedded):
    lm.set_params(cache_size=10**6)
    features = lm.transform([*token_ids, *token_ids[:3]])
    assert sorted(embedded) == sorted(map(tuple, (row.tolist() for row in token_ids)))
    assert (lm.transform(token_ids[::-1]) == features[: len(token_ids)][::-1]).all()
    assert len(embedded) == len(token_ids)
    assert (features[len(token_ids) :] == features[:3]).all()


def test_cache_embeds_only_what_is_new(lm, token_ids, embedded):
    lm.set_params(cache_size=10**6)
    first = lm.transform(token_ids[:3])
    second = lm.transform(token_ids)
    assert [len(row) for row in embedded[3:]] == [len(row) for row in token_ids[3:]]
    assert (second[:3] == first).all()
    np.testing.assert_allclose(second, lm.set_params(cache_size=0).transform(token_ids), atol=1e-6)


def test_cache_knows_rows_in_every_form(lm, token_ids, embedded):
    lm.set_params(cache_size=10**6)
    lm.transform(token_ids)
    lm.transform([row.astype(np.int64) for row in token_ids])
    lm.transform([np.pad(row, (0, 9)) for row in token_ids])
    assert len(embedded) == len(token_ids)


def test_cache_of_size_zero_remembers_nothing(lm, token_ids, embedded):
    lm.set_params(cache_size=0)
    lm.transform(token_ids)
    lm.transform(token_ids)
    assert len(embedded) == 2 * len(token_ids)
    assert CACHE._n_bytes == 0


@pytest.mark.parametrize("n_rows", [1, 3])
def test_cache_keeps_the_rows_used_last(n_rows, lm, token_ids, embedded):
    bytes_per_row = 4 * len(lm.get_feature_names_out())
    lm.set_params(cache_size=n_rows * bytes_per_row)
    lm.transform(token_ids)
    assert CACHE._n_bytes == n_rows * bytes_per_row
    embedded.clear()
    lm.transform(token_ids[-n_rows:])
    assert embedded == []
    lm.transform(token_ids[:1])
    assert len(embedded) == 1


def test_cache_is_not_changed_through_its_answers(lm, token_ids):
    lm.set_params(cache_size=10**6)
    features = lm.transform(token_ids)
    expected = features.copy()
    features[:] = 0
    lm.transform(token_ids)[:] = 0
    assert (lm.transform(token_ids) == expected).all()


def test_cache_is_shared_by_copies_of_a_model(lm, token_ids, embedded):
    lm.set_params(cache_size=10**6)
    lm.transform(token_ids)
    round_trip(lm).transform(token_ids)
    assert len(embedded) == len(token_ids)


@pytest.mark.parametrize(
    "params",
    [{"pooling": "mean"}, {"layer": 0}, {"strand": "average"}, {"precision": "bfloat16"}],
    ids=str,
)
def test_cache_does_not_mix_parameters(params, lm, token_ids, embedded):
    lm.set_params(cache_size=10**6)
    lm.transform(token_ids)
    changed = lm.set_params(**params).transform(token_ids)
    assert len(embedded) == 2 * len(token_ids)
    assert (changed == lm.set_params(cache_size=0).transform(token_ids)).all()


def test_cache_does_not_mix_models(lm, make_lm, corpus, token_ids, embedded):
    lm.set_params(cache_size=10**6)
    lm.transform(token_ids)
    other = make_lm(strand="forward", random_state=1).fit(corpus)
    found = other.transform(token_ids)
    assert len(embedded) == 2 * len(token_ids)
    np.testing.assert_allclose(found, other.set_params(cache_size=0).transform(token_ids), atol=1e-6)


def test_cache_forgets_features_of_weights_that_have_changed(lm, corpus, token_ids):
    trained = round_trip(lm).set_params(cache_size=10**6)
    before = trained.transform(token_ids)
    trained.partial_fit(corpus)
    after = trained.transform(token_ids)
    assert (before != after).any()
    assert (after == trained.set_params(cache_size=0).transform(token_ids)).all()


def test_feature_cache_forgets_in_the_order_of_use():
    cache = FeatureCache()
    for key in (b"a", b"b", b"c"):
        cache.put(key, np.zeros(2, dtype=np.float32), max_bytes=24)
    assert cache.get(b"a") is not None
    cache.put(b"d", np.ones(2, dtype=np.float32), max_bytes=24)
    assert cache.get(b"b") is None
    assert [cache.get(key) is None for key in (b"a", b"c", b"d")] == [False] * 3


def test_feature_cache_counts_a_row_once():
    cache = FeatureCache()
    for _ in range(3):
        cache.put(b"a", np.zeros(2, dtype=np.float32), max_bytes=8)
    assert cache.get(b"a").tolist() == [0, 0]
    cache.clear()
    assert cache.get(b"a") is None
