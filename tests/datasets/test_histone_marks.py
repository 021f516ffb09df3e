from collections import Counter

import numpy as np
import pytest

from skgenome.datasets import fetch_yeast_histone_marks
from skgenome.exceptions import DataIntegrityError

UNKNOWN = -1


def test_fetch_yeast_histone_marks_joins_by_sequence(toy_data_home):
    marks = fetch_yeast_histone_marks(data_home=toy_data_home)
    assert marks.label_names == ["H3", "H4"]
    assert marks.target.dtype == np.int8
    np.testing.assert_array_equal(marks.target, [[0, UNKNOWN], [1, 0], [1, UNKNOWN], [UNKNOWN, 1]])
    assert marks.parts.tolist() == [["dev", ""], ["dev", "test"], ["test", ""], ["", "dev"]]
    assert [len(sequence) for sequence in marks.data] == [100] * 4
    assert len(marks.filenames) == 4
    assert "4 sequences" in marks.DESCR
    assert "62% of the entries are known" in marks.DESCR


def test_fetch_yeast_histone_marks_groups_hold_overlaps(toy_data_home):
    assert fetch_yeast_histone_marks(data_home=toy_data_home).groups.tolist() == [0, 1, 2, 0]


@pytest.mark.parametrize(
    ("subset", "target"),
    [("dev", [[0, UNKNOWN], [1, UNKNOWN], [UNKNOWN, 1]]), ("test", [[1, UNKNOWN], [UNKNOWN, 0]])],
)
def test_fetch_yeast_histone_marks_subsets(toy_data_home, subset, target):
    marks = fetch_yeast_histone_marks(subset=subset, data_home=toy_data_home)
    np.testing.assert_array_equal(marks.target, target)
    assert set(marks.parts.ravel()) == {"", subset}


def test_fetch_yeast_histone_marks_return_x_y_equals_the_bunch(toy_data_home):
    X, y = fetch_yeast_histone_marks(return_X_y=True, data_home=toy_data_home)
    marks = fetch_yeast_histone_marks(data_home=toy_data_home)
    np.testing.assert_array_equal(X, marks.data)
    np.testing.assert_array_equal(y, marks.target)
    assert X.dtype == object


def test_fetch_yeast_histone_marks_refuses_a_sequence_twice(toy_data_home, monkeypatch):
    from skgenome.datasets import _registry

    entries = [e for e in _registry.registry() if e.dataset == "yeast_histone_marks"]
    monkeypatch.setattr(_registry, "registry", lambda: (*entries, entries[0]))
    with pytest.raises(DataIntegrityError, match="Row 0 has H3 twice"):
        fetch_yeast_histone_marks(data_home=toy_data_home)


def test_fetch_yeast_histone_marks_refuses_an_unknown_subset():
    with pytest.raises(ValueError, match="'subset' parameter"):
        fetch_yeast_histone_marks(subset="train")


def test_fetch_yeast_histone_marks_raises_for_a_missing_file(toy_data_home, tmp_path):
    with pytest.raises(OSError, match="download_if_missing is False"):
        fetch_yeast_histone_marks(data_home=tmp_path, download_if_missing=False)


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("subset", "n_samples", "n_known"),
    [("all", 32_055, 57_482), ("dev", 21_238, 28_741), ("test", 21_261, 28_741)],
)
def test_fetch_yeast_histone_marks_real_counts(real_data_home, subset, n_samples, n_known):
    X, y = fetch_yeast_histone_marks(
        subset=subset, return_X_y=True, data_home=real_data_home, download_if_missing=False
    )
    assert y.shape == (n_samples, 10)
    assert len(set(X)) == n_samples
    assert (y != UNKNOWN).sum() == n_known
    assert set(np.unique(y[y != UNKNOWN])) == {0, 1}


@pytest.mark.slow
@pytest.mark.real_data
def test_fetch_yeast_histone_marks_real_facts_of_the_docstring(real_data_home):
    marks = fetch_yeast_histone_marks(data_home=real_data_home, download_if_missing=False)
    known = marks.target != UNKNOWN
    per_mark = dict(zip(marks.label_names, known.sum(axis=0).tolist(), strict=True))
    assert (per_mark["H4"], per_mark["H3K4me3"]) == (min(per_mark.values()), max(per_mark.values()))
    assert (per_mark["H4"], per_mark["H3K4me3"]) == (2922, 7360)
    prevalence = np.ma.masked_equal(marks.target, UNKNOWN).mean(axis=0)
    assert (prevalence.min().round(2), prevalence.max().round(2)) == (0.44, 0.59)
    per_sequence = Counter(known.sum(axis=1).tolist())
    assert (per_sequence[1], max(per_sequence), len(known) - per_sequence[1]) == (14_891, 7, 17_164)
    in_both = (marks.parts == "dev").any(axis=1) & (marks.parts == "test").any(axis=1)
    assert in_both.sum() == 10_444
    assert sorted({len(sequence) for sequence in marks.data}) == [290, 449, 500]
    sizes = np.bincount(marks.groups)
    assert (len(sizes), sizes.max(), sizes[sizes > 1].sum()) == (9579, 524, 29_394)
