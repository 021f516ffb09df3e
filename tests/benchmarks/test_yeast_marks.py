"""The task about histone marks of yeast: what is held out, and what its labels are."""

import numpy as np
import pytest
from sklearn.utils import Bunch

from benchmarks.tasks import yeast_marks
from benchmarks.tasks.yeast_marks import kind_of, read


@pytest.fixture
def marks(seed, monkeypatch):
    """Two hundred sequences in sixty groups, as the fetcher gives them."""
    rng = np.random.RandomState(seed)
    found = Bunch(
        data=np.array(["".join(rng.choice(list("ACGT"), 500)) for _ in range(200)], dtype=object),
        target=rng.choice([-1, -1, -1, 0, 1], (200, 3)).astype(np.int8),
        groups=rng.randint(60, size=200),
        label_names=["H3", "H3K14ac", "H3K4me3"],
        filenames=["a.csv"],
    )
    monkeypatch.setattr(yeast_marks, "fetch_yeast_histone_marks", lambda data_home: found)
    return found


@pytest.mark.parametrize("quick", [False, True])
def test_read_divides_no_group(marks, quick, seed):
    labelled, _ = read("anywhere", 3, seed, quick)
    groups = marks.groups[:: yeast_marks.QUICK_EVERY] if quick else marks.groups
    assert len(labelled.data) == len(groups) == len(labelled.target)
    ((train, test),) = labelled.splits
    assert sorted([*train, *test]) == list(range(len(groups)))
    assert set(groups[train]).isdisjoint(groups[test])
    assert len(set(groups[test])) == pytest.approx(0.1 * len(set(groups)), abs=1)


def test_read_draws_another_test_set_for_another_seed(marks):
    tests = [read(None, 1, seed, False)[0].splits[0][1].tolist() for seed in (0, 0, 1)]
    assert tests[0] == tests[1] != tests[2]


def test_read_keeps_what_is_missing_and_names_the_rest(marks):
    labelled, corpus = read(None, 1, 0, False)
    assert (labelled.target == -1).any()
    np.testing.assert_array_equal(labelled.target, marks.target)
    assert labelled.target.dtype == np.int64
    assert labelled.label_names == marks.label_names
    assert labelled.label_groups == ["histone itself", "acetylation", "methylation"]
    assert list(corpus.contigs) == marks.data.tolist()
    assert corpus.description == "200 overlapping sequences of Saccharomyces cerevisiae: 0.1 Mbp"


@pytest.mark.parametrize(
    ("label", "kind"),
    [
        ("H3", "histone itself"),
        ("H4", "histone itself"),
        ("H4ac", "acetylation"),
        ("H3K9ac", "acetylation"),
        ("H3K79me3", "methylation"),
    ],
)
def test_kind_of_a_label_is_read_from_its_name(label, kind):
    assert kind_of(label) == kind
