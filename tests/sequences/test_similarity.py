from itertools import combinations

import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from skgenome.sequences import _meetings, decode, linked_groups, reverse_complement, similar_pairs


def _kmers(sequence, k, canonical):
    kmers = {sequence[i : i + k] for i in range(len(sequence) - k + 1)}
    kmers = {kmer for kmer in kmers if set(kmer) <= set("ACGT")}
    return {min(kmer, reverse_complement(kmer)) for kmer in kmers} if canonical else kmers


def _pairs_of_sets(sequences, k, threshold, canonical):
    """Compare the sets of all pairs: the slow twin of similar_pairs."""
    sets = [_kmers(sequence.upper().replace("U", "T"), k, canonical) for sequence in sequences]
    return [
        [i, j]
        for i, j in combinations(range(len(sets)), 2)
        if sets[i] and sets[j] and len(sets[i] & sets[j]) / min(len(sets[i]), len(sets[j])) >= threshold
    ]


@pytest.fixture
def relatives(seed):
    """Stretches of one sequence, of either strand, with substitutions, ambiguous letters and odd lengths."""
    rng = np.random.default_rng(seed)
    genome = rng.integers(0, 4, 400, dtype=np.uint8)
    sequences = ["", "AC", "N" * 30, "ACGTNACGTN"]
    for number in range(40):
        start, length = rng.integers(0, 350), rng.integers(5, 120)
        stretch = genome[start : start + length].copy()
        wrong = rng.random(len(stretch)) < 0.05
        stretch[wrong] = rng.integers(0, 5, wrong.sum())
        text = decode(stretch)
        sequences.append(reverse_complement(text).lower() if number % 2 else text)
    return sequences


@pytest.mark.parametrize("canonical", [True, False])
@pytest.mark.parametrize(("k", "threshold"), [(1, 1.0), (4, 0.5), (7, 0.1), (11, 0.3), (15, 0.01)])
def test_similar_pairs_equals_comparison_of_sets(relatives, k, threshold, canonical):
    pairs = similar_pairs(relatives, k=k, threshold=threshold, canonical=canonical)
    assert pairs.dtype == np.int64
    assert pairs.tolist() == _pairs_of_sets(relatives, k, threshold, canonical)


def test_similar_pairs_does_not_depend_on_the_budget(relatives, monkeypatch):
    whole = similar_pairs(relatives, k=6)
    monkeypatch.setattr(_meetings, "_BUDGET", 1)
    np.testing.assert_array_equal(similar_pairs(relatives, k=6), whole)
    assert len(whole) > 20


def test_similar_pairs_counts_no_kmer_across_sequences():
    """ACGT would be made of the end of the first and the beginning of the second."""
    assert similar_pairs(["TTTTAC", "GTGGGG", "ACGTCC"], k=4, threshold=0.01).tolist() == []


def test_similar_pairs_threshold_is_met_exactly():
    # Three of ten 2-mers in common; .3 * 10 and 3 / 10 are not the same number everywhere.
    first = "AACAGATCCGC"
    assert len(_kmers(first, 2, False)) == 10
    settings = {"k": 2, "canonical": False}
    second = "AACATTTTTTGTGGTA"
    n_shared = len(_kmers(first, 2, False) & _kmers(second, 2, False))
    size = min(len(_kmers(first, 2, False)), len(_kmers(second, 2, False)))
    assert similar_pairs([first, second], threshold=n_shared / size, **settings).tolist() == [[0, 1]]
    assert similar_pairs([first, second], threshold=n_shared / size + 1e-9, **settings).tolist() == []


@pytest.mark.parametrize("sequences", [[], [""], ["ACGT"], ["AC", "AC"]])
def test_similar_pairs_of_nothing_to_compare(sequences):
    assert similar_pairs(sequences, k=4).shape == (0, 2)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"k": 0}, "k must be from 1 to 15, in bases. Got 0"),
        ({"k": 16}, "Got 16"),
        ({"threshold": 0}, "threshold must be above 0 and at most 1. Got 0"),
        ({"threshold": 1.1}, "Got 1.1"),
    ],
)
def test_similar_pairs_refuses_bad_parameters(settings, message):
    with pytest.raises(ValueError, match=message):
        similar_pairs(["ACGT"], **settings)


@pytest.mark.parametrize("n_pairs", [0, 30, 60, 300])
def test_linked_groups_equals_connected_components(n_pairs, seed):
    pairs = np.random.default_rng(seed).integers(0, 100, (n_pairs, 2))
    graph = coo_array((np.ones(n_pairs), pairs.T), shape=(100, 100))
    n_expected, expected = connected_components(graph, directed=False)
    groups = linked_groups(100, pairs)
    assert groups.dtype == np.int64
    assert len(set(groups.tolist())) == n_expected
    # The same partition, whatever the numbers.
    assert len(set(zip(groups.tolist(), expected.tolist(), strict=True))) == n_expected


@pytest.mark.parametrize("order", [1, -1])
def test_linked_groups_follows_long_chains(order):
    chain = np.stack([np.arange(999), np.arange(1, 1000)], axis=1)[::order]
    assert linked_groups(1001, chain).tolist() == [0] * 1000 + [1]


def test_linked_groups_are_numbered_as_they_appear():
    assert linked_groups(6, np.array([[5, 2], [1, 3]])).tolist() == [0, 1, 2, 1, 3, 2]


def test_linked_groups_of_nothing():
    assert linked_groups(0, np.empty((0, 2), dtype=np.int64)).tolist() == []


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (np.zeros((2, 3), dtype=int), r"shape \(n_pairs, 2\). Got shape \(2, 3\)"),
        (np.array([[0, 3]]), "places from 0 to 2. Got 0 to 3"),
        (np.array([[-1, 0]]), "Got -1 to 0"),
    ],
)
def test_linked_groups_refuses_bad_pairs(pairs, message):
    with pytest.raises(ValueError, match=message):
        linked_groups(3, pairs)
