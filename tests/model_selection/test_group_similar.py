import numpy as np
import pytest

from skgenome.datasets import make_promoters
from skgenome.exceptions import SkgenomeWarning
from skgenome.model_selection import group_similar
from skgenome.sequences import reverse_complement


def _mutate(sequence, n_changes, rng):
    letters = list(sequence)
    for place in rng.choice(len(letters), n_changes, replace=False):
        letters[place] = "ACGT"[("ACGT".index(letters[place]) + 1) % 4]
    return "".join(letters)


def test_group_similar_finds_planted_families(seed):
    """Ten founders, each with mutated copies of both strands; founders themselves are unrelated."""
    founders, _ = make_promoters(n_samples=10, random_state=seed, return_X_y=True)
    rng = np.random.default_rng(seed)
    X, families = [], []
    for family, founder in enumerate(founders):
        copies = [founder, reverse_complement(_mutate(founder, 4, rng)), _mutate(founder, 4, rng)]
        X += copies
        families += [family] * len(copies)
    order = rng.permutation(len(X))
    groups = group_similar(np.array(X)[order])
    families = np.array(families)[order]
    assert len(set(zip(groups.tolist(), families.tolist(), strict=True))) == len(set(families)) == 10
    assert len(set(groups)) == 10


@pytest.mark.parametrize(("shared", "n_groups"), [(52, 1), (51, 2)])
def test_group_similar_default_links_windows_that_overlap_enough(shared, n_groups, seed):
    """The number of bases that the docstring states."""
    letters = "".join(np.random.default_rng(seed).choice(list("ACGT"), 300))
    assert len(set(group_similar([letters[:150], letters[150 - shared : 300 - shared]]))) == n_groups


@pytest.mark.parametrize(("canonical", "n_groups"), [(True, 1), (False, 2)])
def test_group_similar_strands(canonical, n_groups):
    X = ["GATTACAGATTACAGGC", reverse_complement("GATTACAGATTACAGGC")]
    assert len(set(group_similar(X, k=7, canonical=canonical))) == n_groups


def test_group_similar_takes_what_estimators_take():
    X = ["GATTACAGATTACA", "CCCCCCCCCCCC", "GATTACAGATTACA"]
    for collection in (X, tuple(X), np.array(X), np.array(X, dtype=object).reshape(-1, 1)):
        assert group_similar(collection).tolist() == [0, 1, 0]


def test_group_similar_warns_of_short_sequences():
    with pytest.warns(SkgenomeWarning, match="2 of 3 sequences are shorter than k=11"):
        groups = group_similar(["ACGT", "ACGT", "GATTACAGATTACA"])
    assert groups.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    "settings", [{"k": 0}, {"k": 16}, {"threshold": 0}, {"threshold": 2}, {"canonical": "no"}]
)
def test_group_similar_refuses_bad_parameters(settings):
    with pytest.raises(ValueError, match=f"'{next(iter(settings))}' parameter"):
        group_similar(["ACGT"], **settings)
