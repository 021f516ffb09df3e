"""Estimators on a store: the bits of the same call on the list of its sequences, the memory of a batch."""

import tracemalloc

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skgenome.exceptions import ModelMismatchError
from skgenome.preprocessing import KmerTokenizer
from skgenome.sequences import SequenceStore, _stored_token_ids, build_store, check_token_rows, write_fasta
from skgenome.training import Place, SegmentStream, cut_into_stretches, fingerprint

LENGTHS = [900, 6, 333, 1400, 90]


@pytest.fixture
def contigs(rng):
    """Contigs with some N; the last one makes sure that k can be told from the ids of the list as well."""
    return ["".join(rng.choice(list("ACGTN"), n, p=[0.2475] * 4 + [0.01])) for n in LENGTHS] + ["T" * 9]


@pytest.fixture
def store(contigs, tmp_path):
    write_fasta(tmp_path / "a.fa", contigs)
    return build_store(tmp_path / "a.fa", tmp_path / "store")


@pytest.fixture
def both(contigs, store):
    """Make the token ids of the list of contigs and those of the store."""

    def make(k=3, stride=1):
        tokenizer = KmerTokenizer(k=k, stride=stride, padding=False)
        return tokenizer.transform(contigs), tokenizer.transform(store)

    return make


def assert_same(model, other):
    """Every weight, every figure, every bit."""
    weights, others = model.module_.state_dict(), other.module_.state_dict()
    assert [name for name in weights | others if not torch.equal(weights[name], others[name])] == []
    histories = [[{**row, "seconds": 0} for row in m.history_] for m in (model, other)]
    # repr, since nan differs from itself.
    assert repr(histories[0]) == repr(histories[1])
    assert (model.k_, model.stride_) == (other.k_, other.stride_)


@pytest.mark.parametrize(("k", "stride"), [(3, 1), (5, 2), (1, 1)])
@pytest.mark.parametrize(
    "params",
    [
        {"strand": "forward", "validation_size": 0},
        {"strand": "augment", "validation_size": 0.2, "stretch_length": 60, "max_epochs": 2},
        {"strand": "augment", "validation_size": 300, "validation_unit": "contigs", "max_steps": 9},
    ],
    ids=["forward", "both strands and stretches", "both strands and contigs"],
)
def test_language_model_fit_has_the_bits_of_the_list(k, stride, params, make_lm, both):
    in_memory, stored = both(k, stride)
    assert_same(make_lm(**params).fit(stored), make_lm(**params).fit(in_memory))


def test_language_model_partial_fit_and_initialize_have_the_bits_of_the_list(make_lm, both):
    in_memory, stored = both()
    from_store, from_list = make_lm().initialize(stored), make_lm().initialize(in_memory)
    assert_same(from_store, from_list)
    assert_same(from_store.partial_fit(stored), from_list.partial_fit(in_memory))


@pytest.mark.parametrize("strand", ["forward", "augment"])
def test_contrastive_fit_has_the_bits_of_the_list(strand, make_cpc, both):
    in_memory, stored = both(k=1)
    params = {"strand": strand, "validation_size": 0.2, "max_epochs": 2}
    from_store, from_list = make_cpc(**params).fit(stored), make_cpc(**params).fit(in_memory)
    assert_same(from_store, from_list)
    assert from_store.patch_scores(stored) == from_list.patch_scores(in_memory)
    assert_same(from_store.partial_fit(stored), from_list.partial_fit(in_memory))


@pytest.mark.parametrize("k", [None, 3], ids=["forward", "both strands"])
def test_segment_stream_is_that_of_the_list(k, both):
    streams = []
    for token_ids in both():
        stretches, _ = cut_into_stretches(check_token_rows(token_ids), 70)
        streams.append(SegmentStream(stretches, 4, 20, seed=3, k=k, steps_per_round=30, max_steps=70))
    for _ in range(3):
        for found, expected in zip(*streams, strict=True):
            assert torch.equal(found.token_ids, expected.token_ids)
            assert found.starts == expected.starts


def test_stream_of_a_store_holds_a_batch_alone(tmp_path, rng):
    write_fasta(tmp_path / "a.fa", ["".join(rng.choice(list("ACGT"), 1_000_000)) * 8])
    store = build_store(tmp_path / "a.fa", tmp_path / "store")
    tracemalloc.start()
    stretches, _ = cut_into_stretches(KmerTokenizer(k=3).transform(store), 2100)
    n_tokens = sum(
        segment.token_ids[:, 1:].count_nonzero().item()
        for segment in SegmentStream(stretches, 16, 3000, 0, k=3)
    )
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert n_tokens == 8_000_000 - 3
    assert peak < 3e6


@pytest.mark.parametrize("size", [1, 400, 2**24])
def test_language_model_reads_a_store_in_parts(size, lm, both, monkeypatch):
    monkeypatch.setattr(_stored_token_ids, "_PART", size)
    in_memory, stored = both()
    for method in ("transform", "score_samples", "score", "bits_per_base", "perplexity"):
        found, expected = getattr(lm, method)(stored), getattr(lm, method)(in_memory)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
        if size == 2**24:
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("cache_size", [0, 2**20])
def test_contrastive_transform_reads_a_store_in_parts(cache_size, cpc, both, monkeypatch):
    monkeypatch.setattr(_stored_token_ids, "_PART", 400)
    in_memory, stored = both(k=1)
    expected = cpc.transform(in_memory)
    cpc.set_params(cache_size=cache_size)
    for _ in range(2):
        np.testing.assert_allclose(cpc.transform(stored), expected, rtol=1e-4, atol=1e-6)


def test_pipeline_takes_a_store(make_lm, store, contigs):
    pipeline, other = (make_pipeline(KmerTokenizer(k=3), make_lm(strand="augment")) for _ in range(2))
    np.testing.assert_array_equal(pipeline.fit(store).transform(store), other.fit(contigs).transform(contigs))


def test_pipeline_of_a_store_with_labels(lm, store):
    """A classifier needs the features of each contig, and gets them."""
    classifier = make_pipeline(KmerTokenizer(k=3), lm, LogisticRegression())
    classifier.fit(store, [0, 1, 0, 1, 0, 1])
    assert classifier.predict(store).shape == (6,)


@pytest.mark.parametrize(("k", "stride"), [(4, 1), (3, 2)])
def test_store_of_other_tokens_is_refused(k, stride, lm, both):
    with pytest.raises(ModelMismatchError, match=r"Use KmerTokenizer\(k=3, stride=1\)"):
        lm.transform(both(k, stride)[1])


def test_store_of_other_tokens_than_bases_is_refused(cpc, make_cpc, both):
    with pytest.raises(ModelMismatchError, match=r"Use KmerTokenizer\(k=1\)"):
        cpc.patch_scores(both()[1])
    with pytest.raises(ModelMismatchError, match=r"reads single bases, .* which only k >= 3 has"):
        make_cpc().fit(both()[1])


def test_store_must_be_tokenised(make_lm, store):
    with pytest.raises(TypeError, match="Give it to KmerTokenizer, and the token ids to the estimator"):
        make_lm().fit(store)


def test_killed_fit_on_a_store_goes_on(make_lm, both, tmp_path, interruptions, monkeypatch):
    _, stored = both()
    steps = {"max_steps": 12, "steps_per_round": 5}
    whole = make_lm(**steps).fit(stored)
    options = {**steps, "checkpoint_dir": tmp_path / "runs", "checkpoint_minutes": 0}
    assert not interruptions.run(lambda: make_lm(**options).fit(stored), 50)
    resumed = []
    original = Place.__init__

    def opened(place, *args):
        original(place, *args)
        resumed.append(place.resumed)

    monkeypatch.setattr(Place, "__init__", opened)
    # Another process opens the folder anew.
    again = KmerTokenizer(k=3).transform(SequenceStore(stored.store.path))
    assert_same(make_lm(**options).fit(again), whole)
    assert resumed[0] is not None


def test_fingerprint_of_stored_ids_reads_no_base(both, monkeypatch, tmp_path):
    monkeypatch.setattr(SequenceStore, "read", None)
    (_, stored), (_, same), (_, other) = both(), both(), both(k=3, stride=2)
    assert fingerprint(stored) == fingerprint(same)
    write_fasta(tmp_path / "b.fa", ["ACGT"])
    elsewhere = KmerTokenizer().transform(build_store(tmp_path / "b.fa", tmp_path / "b"))
    assert len({fingerprint(x) for x in (stored, other, stored[1:], elsewhere)}) == 4
