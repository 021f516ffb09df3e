"""Similar sequences found by a sample of their k-mers, against the comparison of all sets with all."""

import tracemalloc

import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.stats import hypergeom, poisson

from skgenome.sequences import (
    _kmer_sets,
    _meetings,
    _similarity,
    decode,
    nearest_similar,
    reverse_complement,
    similar_groups,
    similar_pairs,
)

# Of an identity p, a share of about p**11 of the 11-mers is left: from 0.72 to 0.09.
IDENTITIES = (0.97, 0.93, 0.9, 0.85, 0.8)


def _substitute(codes, identity, rng):
    codes = codes.copy()
    wrong = rng.random(len(codes)) > identity
    codes[wrong] = (codes[wrong] + rng.integers(1, 4, wrong.sum(), dtype=np.uint8)) % 4
    return codes


def _family(length, rng):
    """A founder, mutants at several identities, of both strands, stretches, and one that is mostly N."""
    founder = rng.integers(0, 4, length, dtype=np.uint8)
    family = [decode(founder), reverse_complement(decode(founder))]
    for identity in IDENTITIES:
        mutant = decode(_substitute(founder, identity, rng))
        family += [mutant, reverse_complement(mutant), mutant[length // 3 : length // 2], mutant[-60:]]
    letters = np.array(list(decode(founder)))
    letters[rng.random(length) < 0.05] = "N"
    return [*family, "".join(letters), decode(founder[:80]) + "N" * length]


@pytest.fixture(scope="module")
def zoo():
    """About 180 sequences of 60 to 4,000 bases: families, repeats of few k-mers, and repeats in others."""
    rng = np.random.default_rng(0)
    sequences = [
        member for length in (150, 300, 700, 1000, 1500, 2200, 4000) for member in _family(length, rng)
    ]
    low = ["A" * 500, "T" * 200, "AC" * 300, "GT" * 80, "ACG" * 100, "CAG" * 400, "CTG" * 30, "A" * 12]
    flanked = [
        decode(rng.integers(0, 4, 300, dtype=np.uint8)) + repeat * 60 for repeat in ("A", "AC", "CAG") * 2
    ]
    sequences += low + flanked
    sequences += ["", "ACGT", "N" * 400, "ACGTN" * 100]
    return [sequences[place] for place in rng.permutation(len(sequences))]


def _sets(sequences, k, canonical):
    sets = []
    for sequence in sequences:
        kmers = {sequence[i : i + k] for i in range(len(sequence) - k + 1)}
        kmers = {kmer for kmer in kmers if "N" not in kmer}
        sets.append({min(kmer, reverse_complement(kmer)) for kmer in kmers} if canonical else kmers)
    return sets


def _all_pairs(sequences, k=11, canonical=True):
    """Compute containments and Jaccard indices of all pairs, from Python's sets."""
    sets = _sets(sequences, k, canonical)
    sizes = np.array([len(kmers) for kmers in sets])
    shared = np.array([[len(a & b) for b in sets] for a in sets])
    smaller = np.minimum.outer(sizes, sizes)
    union = np.add.outer(sizes, sizes) - shared
    return shared / np.maximum(smaller, 1), shared / np.maximum(union, 1)


@pytest.fixture(scope="module")
def exact(zoo):
    return {canonical: _all_pairs(zoo, canonical=canonical) for canonical in (True, False)}


def _pairs_of(matrix, threshold):
    return {(i, j) for i, j in np.argwhere(matrix >= threshold).tolist() if i < j}


@pytest.mark.parametrize("canonical", [True, False])
@pytest.mark.parametrize("threshold", [0.1, 0.3, 0.6, 1.0])
@pytest.mark.parametrize("n_hashes", ["auto", 50])
def test_similar_pairs_of_a_sample_recalls_pairs_and_invents_none(zoo, exact, canonical, threshold, n_hashes):
    containment, jaccard = exact[canonical]
    found = similar_pairs(zoo, threshold=threshold, canonical=canonical, n_hashes=n_hashes)
    found = set(map(tuple, found.tolist()))
    expected = _pairs_of(containment, threshold)
    assert len(expected) > 50
    assert found <= expected
    assert len(found) >= 0.99 * len(expected)
    by_jaccard = _pairs_of(jaccard, threshold)
    assert len(found & by_jaccard) >= 0.99 * len(by_jaccard) > 0


@pytest.mark.parametrize(("n_hashes", "n_pairs"), [("auto", 1000), (17, 300)])
def test_similar_pairs_of_a_sample_recalls_pairs_at_the_threshold(n_hashes, n_pairs, seed):
    """The hardest ones: windows of 1,500 bases that share just what the threshold asks for, or less."""
    rng = np.random.default_rng(seed)
    sequences, overlap = [], 457
    for _ in range(n_pairs):
        letters = decode(rng.integers(0, 4, 3000 - overlap, dtype=np.uint8))
        sequences += [letters[:1500], letters[-1500:]]
    expected = {first // 2 for first, _ in similar_pairs(sequences).tolist()}
    # A k-mer that a window has twice takes the pair below the threshold.
    assert 0.8 * n_pairs < len(expected) < n_pairs
    found = similar_pairs(sequences, n_hashes=n_hashes)
    assert {first // 2 for first, _ in found.tolist()} <= expected
    assert len(found) >= 0.99 * len(expected)


@pytest.mark.parametrize("threshold", [0.1, 0.3, 0.6])
@pytest.mark.parametrize("n_hashes", ["auto", None])
def test_similar_groups_equal_connected_components(zoo, exact, threshold, n_hashes):
    pairs = np.array(sorted(_pairs_of(exact[True][0], threshold)))
    graph = coo_array((np.ones(len(pairs)), pairs.T), shape=(len(zoo), len(zoo)))
    n_expected, expected = connected_components(graph, directed=False)
    groups = similar_groups(zoo, threshold=threshold, n_hashes=n_hashes)
    assert groups.dtype == np.int64
    assert len(set(groups.tolist())) == n_expected == groups.max() + 1
    assert len(set(zip(groups.tolist(), expected.tolist(), strict=True))) == n_expected
    # Numbered as they first appear.
    assert np.unique(groups, return_index=True)[1].tolist() == sorted(np.unique(groups, return_index=True)[1])


def test_similar_groups_do_not_depend_on_order_or_strand(zoo, seed):
    order = np.random.default_rng(seed).permutation(len(zoo))
    turned = [reverse_complement(zoo[place]) if place % 2 else zoo[place].lower() for place in order]
    groups, shuffled = similar_groups(zoo)[order], similar_groups(turned)
    n_groups = len(set(groups.tolist()))
    assert (
        len(set(zip(groups.tolist(), shuffled.tolist(), strict=True)))
        == n_groups
        == len(set(shuffled.tolist()))
    )


def test_similar_groups_do_not_depend_on_how_much_is_done_at_a_time(zoo, monkeypatch):
    whole, pairs = similar_groups(zoo), similar_pairs(zoo, n_hashes="auto")
    monkeypatch.setattr(_kmer_sets, "_SPAN", 500)
    monkeypatch.setattr(_meetings, "_BUDGET", 100)
    monkeypatch.setattr(_meetings, "_ENTRIES", 50)
    # Fewer bits than a word has: most words that nobody has are then looked up.
    monkeypatch.setattr(_meetings, "_TABLE_BITS", 4)
    monkeypatch.setattr(_similarity, "_BUDGET", 1000)
    monkeypatch.setattr(_similarity, "_WAITING", 3)
    np.testing.assert_array_equal(similar_groups(zoo), whole)
    np.testing.assert_array_equal(similar_pairs(zoo, n_hashes="auto"), pairs)


def test_similar_groups_memory_does_not_grow_with_meetings():
    """Two families of 250: 31 million meetings, of which each array of the whole would take 250 MB."""
    rng = np.random.default_rng(0)
    founders = [rng.integers(0, 4, 500, dtype=np.uint8) for _ in range(2)]
    X = [decode(_substitute(founder, 0.995, rng)) for founder in founders for _ in range(250)]
    tracemalloc.start()
    n_pairs = len(similar_pairs(X))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert n_pairs == 2 * 250 * 249 / 2
    assert peak < 120e6


def _brute_nearest(queries, targets, threshold):
    matrix = _all_pairs([*queries, *targets])[0][: len(queries), len(queries) :]
    matrix = np.where(matrix >= threshold, matrix, 0.0)
    best = matrix.max(axis=1)
    return np.where(best > 0, matrix.argmax(axis=1), -1), best


@pytest.mark.parametrize("n_hashes", ["auto", None])
@pytest.mark.parametrize("threshold", [0.2, 0.5])
def test_nearest_similar_equals_comparison_of_sets(zoo, threshold, n_hashes):
    queries, targets = zoo[:50], zoo[50:]
    found = nearest_similar(queries, targets, threshold=threshold, n_hashes=n_hashes)
    places, containments = _brute_nearest(queries, targets, threshold)
    np.testing.assert_array_equal(found.targets, places)
    np.testing.assert_allclose(found.similarities, containments, rtol=1e-15)
    assert (places >= 0).sum() > 20
    assert (places < 0).sum() > 1


def test_nearest_similar_compares_few_where_all_are_related(monkeypatch):
    """A gene family: every pair is a candidate, few can be the nearest one."""
    rng = np.random.default_rng(0)
    founder = rng.integers(0, 4, 600, dtype=np.uint8)
    species = [_substitute(founder, 0.93, rng) for _ in range(30)]
    X = [decode(_substitute(species[i % 30], 0.995, rng)) for i in range(240)]
    queries, targets = X[:90], X[90:]
    expected = nearest_similar(queries, targets, n_hashes=None)
    compare, compared = _similarity._containments, []

    def count(survey, pairs):
        compared.extend(map(tuple, pairs.tolist()))
        return compare(survey, pairs)

    monkeypatch.setattr(_similarity, "_containments", count)
    found = nearest_similar(queries, targets)
    np.testing.assert_array_equal(found.targets, expected.targets)
    np.testing.assert_array_equal(found.similarities, expected.similarities)
    assert len(compared) == len(set(compared))
    assert len(queries) <= len(compared) < 0.2 * len(queries) * len(targets)


@pytest.mark.parametrize("containment", [0.3, 0.6, 0.95, 1.0])
def test_candidates_that_reach_a_containment_are_hardly_ever_denied(containment):
    """Samples without replacement, by the hypergeometric law."""
    size, n_sampled = 600, 67
    shared = np.arange(n_sampled + 1)
    candidates = _similarity._Candidates(
        np.zeros((len(shared), 2)), shared, np.full(len(shared), n_sampled), False
    )
    denied = ~_similarity._could_reach(candidates, np.full(len(shared), containment))
    law = hypergeom(size, round(containment * size), n_sampled)
    assert law.pmf(shared[denied]).sum() <= 1e-4
    # It denies something, too: what has half as much.
    assert denied[: int(0.5 * containment * n_sampled)].all() or containment < 0.5
    assert not denied[round(containment * n_sampled) :].any()


@pytest.mark.parametrize(("queries", "targets"), [([], []), (["ACGTACGTACGT"], []), ([], ["ACGTACGTACGT"])])
def test_nearest_similar_of_nothing(queries, targets):
    found = nearest_similar(queries, targets)
    assert found.targets.tolist() == [-1] * len(queries)
    assert found.similarities.tolist() == [0.0] * len(queries)


@pytest.mark.parametrize(
    ("queries", "targets", "message"),
    [
        (["ACGT", "ACJT"], ["ACGT"], r"In queries: Sequence 1 has 'J' at position 2"),
        (["ACGT"] * 9, ["AC", "GT", "J"], r"In targets: Sequence 2 has 'J' at position 0"),
    ],
)
def test_nearest_similar_names_a_wrong_letter(queries, targets, message):
    with pytest.raises(ValueError, match=message):
        nearest_similar(queries, targets)


def test_similar_groups_name_the_record_of_a_wrong_letter_beyond_the_first_span(monkeypatch):
    monkeypatch.setattr(_kmer_sets, "_SPAN", 10)
    with pytest.raises(ValueError, match="Sequence 30 has '!' at position 4"):
        similar_groups([*["ACGTACGT"] * 30, "ACGT!"])


@pytest.mark.parametrize("sequences", [[], [""], ["ACGT", "ACGT"], ["N" * 20, "N" * 20]])
def test_similar_groups_of_nothing_to_compare(sequences):
    assert similar_groups(sequences).tolist() == list(range(len(sequences)))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"n_hashes": 16},
            r"n_hashes must be at least 17 for threshold=0.3.* Got 16 instead; 'auto' takes 67",
        ),
        ({"n_hashes": 0, "threshold": 1.0}, "at least 5 for threshold=1.0.* Got 0"),
        ({"n_hashes": "all"}, "must be 'auto', None or a whole number. Got 'all'"),
        ({"k": 16}, "k must be from 1 to 15, in bases. Got 16"),
        ({"threshold": 0}, "threshold must be above 0 and at most 1. Got 0"),
    ],
)
@pytest.mark.parametrize("function", [similar_pairs, similar_groups])
def test_similar_groups_refuse_bad_parameters(function, settings, message):
    with pytest.raises(ValueError, match=message):
        function(["ACGT"], **settings)


@pytest.mark.parametrize("n_hashes", [1, 7, 67])
def test_sampling_levels_leave_from_the_number_to_twice_as_many(n_hashes):
    sizes = np.arange(0, 5000)
    levels = _kmer_sets.sampling_levels(sizes, n_hashes)
    left = sizes / 2.0**levels
    assert (left < 2 * n_hashes).all()
    assert (left[levels > 0] >= n_hashes).all()
    assert (levels[sizes < 2 * n_hashes] == 0).all()


def test_in_sample_halves_and_is_nested():
    words = np.arange(4**9)
    kept = [_kmer_sets.in_sample(words, level) for level in range(8)]
    assert kept[0].all()
    for level in range(1, 8):
        assert not (kept[level] & ~kept[level - 1]).any()
        expected = len(words) / 2**level
        assert abs(kept[level].sum() - expected) < 5 * np.sqrt(expected)


@pytest.mark.parametrize("n_expected", [1.0, 5.0, 9.0, 9.3, 20.0, 64.5, 300.0])
def test_least_shared_is_a_quantile_of_poisson(n_expected):
    least = _similarity._least_shared(n_expected)
    assert least == 1 or poisson.cdf(least - 1, n_expected) <= 1e-4
    assert poisson.cdf(least, n_expected) > 1e-4


def test_least_shared_of_very_many_is_finite():
    assert 400 < _similarity._least_shared(1e6) < 500
