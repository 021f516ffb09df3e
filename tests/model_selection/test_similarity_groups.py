import numpy as np
import pytest

from skgenome.datasets import make_promoters
from skgenome.exceptions import SkgenomeWarning
from skgenome.model_selection import similarity_groups
from skgenome.sequences import linked_groups, reverse_complement, similar_pairs


def _mutate(sequence, n_changes, rng):
    letters = list(sequence)
    for place in rng.choice(len(letters), n_changes, replace=False):
        letters[place] = "ACGT"[("ACGT".index(letters[place]) + 1) % 4]
    return "".join(letters)


def test_similarity_groups_finds_planted_families(seed):
    """Ten founders, each with mutated copies of both strands; founders themselves are unrelated."""
    founders, _ = make_promoters(n_samples=10, random_state=seed, return_X_y=True)
    rng = np.random.default_rng(seed)
    X, families = [], []
    for family, founder in enumerate(founders):
        copies = [founder, reverse_complement(_mutate(founder, 4, rng)), _mutate(founder, 4, rng)]
        X += copies
        families += [family] * len(copies)
    order = rng.permutation(len(X))
    groups = similarity_groups(np.array(X)[order])
    families = np.array(families)[order]
    assert len(set(zip(groups.tolist(), families.tolist(), strict=True))) == len(set(families)) == 10
    assert len(set(groups)) == 10


@pytest.mark.parametrize(("shared", "n_groups"), [(52, 1), (51, 2)])
def test_similarity_groups_default_links_windows_that_overlap_enough(shared, n_groups, seed):
    """The number of bases that the docstring states."""
    letters = "".join(np.random.default_rng(seed).choice(list("ACGT"), 300))
    assert len(set(similarity_groups([letters[:150], letters[150 - shared : 300 - shared]]))) == n_groups


@pytest.mark.parametrize(("canonical", "n_groups"), [(True, 1), (False, 2)])
def test_similarity_groups_strands(canonical, n_groups):
    X = ["GATTACAGATTACAGGC", reverse_complement("GATTACAGATTACAGGC")]
    assert len(set(similarity_groups(X, k=7, canonical=canonical))) == n_groups


def test_similarity_groups_takes_what_estimators_take():
    X = ["GATTACAGATTACA", "CCCCCCCCCCCC", "GATTACAGATTACA"]
    for collection in (X, tuple(X), np.array(X), np.array(X, dtype=object).reshape(-1, 1)):
        assert similarity_groups(collection).tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("canonical", "expected"), [(True, [0, 1, 2, 0, 3, 1, 3]), (False, [0, 1, 2, 0, 3, 4, 3])]
)
def test_similarity_groups_of_sequences_without_kmer_are_those_of_equals(canonical, expected):
    """The letters say something where the k-mers do not: a duplicate is one, however short it is."""
    X = ["ACGT", "AACN", "GATTACAGATTACA", "acgu", "N" * 30, "NGTT", "N" * 30]
    with pytest.warns(
        SkgenomeWarning, match="6 of 7 sequences have no 11-mer to compare.* Choose a smaller k"
    ):
        groups = similarity_groups(X, canonical=canonical)
    assert groups.tolist() == expected


def test_similarity_groups_warning_points_at_the_caller():
    with pytest.warns(SkgenomeWarning) as caught:
        similarity_groups(["ACGT"])
    assert caught[0].filename == __file__


@pytest.mark.parametrize("n_hashes", ["auto", 20, None])
def test_similarity_groups_equal_those_of_all_pairs(n_hashes, seed):
    X, _ = make_promoters(n_samples=60, sequence_length=300, random_state=seed, return_X_y=True)
    rng = np.random.default_rng(seed)
    X = [_mutate(x, n, rng)[start:] for x in X for n, start in ((0, 0), (15, 100), (27, 0))]
    expected = linked_groups(len(X), similar_pairs(X))
    assert 50 <= len(set(expected)) < len(X) // 2
    np.testing.assert_array_equal(similarity_groups(X, n_hashes=n_hashes), expected)


def test_similarity_groups_refuses_too_small_a_sample():
    with pytest.raises(ValueError, match=r"n_hashes must be at least 17 for threshold=0.3.* Got 16 instead"):
        similarity_groups(["ACGT"], n_hashes=16)


@pytest.mark.parametrize(
    "settings",
    [{"k": 0}, {"k": 16}, {"threshold": 0}, {"threshold": 2}, {"canonical": "no"}, {"n_hashes": "many"}],
)
def test_similarity_groups_refuses_bad_parameters(settings):
    with pytest.raises(ValueError, match=f"'{next(iter(settings))}' parameter"):
        similarity_groups(["ACGT"], **settings)
