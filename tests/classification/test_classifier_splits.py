"""What is held out: strata, whole groups, and nothing that would leave a class out of the training."""

import numpy as np
import pytest

from skgenome.classification._splits import complete_splits, fold_splits, holdout_split, shows_all
from skgenome.classification._targets import TargetCoder, Targets

RANDOM = np.random.default_rng(0)
Y = np.repeat(["a", "b", "c"], [40, 30, 10])
GROUPS = np.arange(80) // 2
INDICATORS = RANDOM.integers(0, 2, (80, 3))


def targets(y, groups=None):
    kind = "multilabel" if y.ndim == 2 else "multiclass"
    classes = np.arange(y.shape[1]) if y.ndim == 2 else np.unique(y)
    return Targets(y, TargetCoder(kind, classes), np.ones(len(y)), groups)


@pytest.mark.parametrize("y", [Y, INDICATORS], ids=["classes", "labels"])
@pytest.mark.parametrize("groups", [None, GROUPS], ids=["rows", "groups"])
def test_folds_hold_every_row_out_once(y, groups, seed):
    splits = fold_splits(targets(y, groups), 5, seed)
    assert len(splits) == 5
    assert sorted(np.concatenate([held_out for _, held_out in splits])) == list(range(80))
    for train, held_out in splits:
        assert sorted([*train, *held_out]) == list(range(80))
        if groups is not None:
            assert not set(groups[train]) & set(groups[held_out])


def test_folds_are_stratified(seed):
    for _, held_out in fold_splits(targets(Y), 5, seed):
        assert np.unique(Y[held_out], return_counts=True)[1].tolist() == [8, 6, 2]


def test_folds_are_as_many_as_the_rarest_class_has_members():
    assert len(fold_splits(targets(np.array([0, 0, 0, 0, 1, 1, 1])), 5, 0)) == 3
    assert fold_splits(targets(np.array([0, 0, 0, 1])), 5, 0) == []
    one_group_each = targets(np.array([0, 0, 1, 1]), np.array([7, 7, 8, 8]))
    assert fold_splits(one_group_each, 5, 0) == []


@pytest.mark.parametrize("y", [Y, INDICATORS], ids=["classes", "labels"])
@pytest.mark.parametrize("groups", [None, GROUPS], ids=["rows", "groups"])
@pytest.mark.parametrize("size", [0.1, 0.25, 0.5])
def test_holdout_is_a_share_with_groups_whole(y, groups, size, seed):
    ((train, held_out),) = holdout_split(targets(y, groups), size, seed)
    assert sorted([*train, *held_out]) == list(range(80))
    assert len(held_out) == pytest.approx(80 * size, abs=4)
    if groups is not None:
        assert not set(groups[train]) & set(groups[held_out])
    if y.ndim == 1:
        assert set(y[held_out]) == set(y)


def test_holdout_of_few_rows_has_every_class():
    ((train, held_out),) = holdout_split(targets(np.array([0, 1] * 5)), 0.1, 0)
    assert len(held_out) == 2
    assert len(train) == 8


def test_holdout_is_none_where_a_class_has_one_member():
    assert holdout_split(targets(np.array([0, 0, 0, 1])), 0.3, 0) == []


def test_shows_all_asks_for_every_class_and_both_values_of_a_label():
    assert shows_all(np.array([1, 0, 1]), np.array([0, 1]))
    assert not shows_all(np.array([1, 1]), np.array([0, 1]))
    assert shows_all(np.array([[0, 1], [1, 0]]), INDICATORS)
    assert not shows_all(np.array([[0, 1], [1, 1]]), INDICATORS)
    assert not shows_all(INDICATORS[:0], INDICATORS)


def test_complete_splits_leave_no_label_out_of_the_training():
    """Non-regression: a label with one positive made the fold without it fail."""
    y = np.zeros((20, 2), dtype=int)
    y[::2, 0], y[3, 1] = 1, 1
    splits = fold_splits(targets(y), 5, 0)
    kept = complete_splits(y, splits)
    assert len(splits) == 5
    assert len(kept) == 4
    assert all(3 in train for train, _ in kept)


@pytest.mark.parametrize("seed", range(5))
def test_holdout_draws_again_until_no_label_is_missing(seed):
    y = np.zeros((20, 2), dtype=int)
    y[::2, 0], y[3, 1] = 1, 1
    ((train, _),) = holdout_split(targets(y), 0.4, seed)
    assert 3 in train
