"""What is held out to choose by: a share of the rows, or every row once."""

from collections.abc import Iterable

import numpy as np
from sklearn.model_selection import (
    KFold,
    ShuffleSplit,
    StratifiedGroupKFold,
    StratifiedKFold,
    StratifiedShuffleSplit,
)

from skgenome.classification._targets import Targets, shows_each

Split = tuple[np.ndarray, np.ndarray]

# How often a draw without strata may be repeated until it leaves every label in the training rows.
_DRAWS = 20


def _smallest_class(targets: Targets) -> int:
    """Count the members, or groups, of the rarest class."""
    y, coder, groups = targets.y, targets.coder, targets.groups
    units = np.arange(len(y)) if groups is None else groups
    if coder.kind == "multilabel":
        return len(np.unique(units))
    return min(len(np.unique(units[y == c])) for c in coder.classes)


def complete_splits(y: np.ndarray, splits: Iterable[Split]) -> list[Split]:
    """Keep the splits whose training rows show all that there is to learn.

    Parameters
    ----------
    y : ndarray of shape (n_samples,) or (n_samples, n_labels)
        Labels.
    splits : iterable of (train, validation)
        Row numbers.

    Returns
    -------
    list of (train, validation)
        Those with every class among their training rows, and every label of its own both given and not.
    """
    return [split for split in splits if shows_all(y[split[0]], y)]


def shows_all(part: np.ndarray, y: np.ndarray) -> bool:
    """Say whether some labels have all that there is to learn in others.

    Parameters
    ----------
    part, y : ndarray of shape (n_samples,) or (n_samples, n_labels)
        Labels.

    Returns
    -------
    bool
        True where every class of `y` is in `part`, and every label of its own is there both given and not.
    """
    if y.ndim == 2:
        return bool(shows_each(part).all())
    return len(np.setdiff1d(y, part)) == 0


def fold_splits(targets: Targets, n_folds: int, random_state: int) -> list[Split]:
    """Deal rows into folds, stratified and with groups whole.

    Parameters
    ----------
    targets : Targets
        Labels and groups; labels of their own are not stratified.
    n_folds : int
        How many, at most as many as the rarest class has members (or groups).
    random_state : int
        Of the deal.

    Returns
    -------
    list of (train, validation)
        Row numbers; none where a class has a single member. Groups, and labels of their own, may be dealt
        so that a class is missing from the training rows: see :func:`complete_splits`.
    """
    n_folds = min(n_folds, _smallest_class(targets))
    return _deal(targets, n_folds, random_state) if n_folds >= 2 else []


def _deal(targets: Targets, n_folds: int, random_state: int) -> list[Split]:
    y, coder, groups = targets.y, targets.coder, targets.groups
    options = {"n_splits": n_folds, "shuffle": True, "random_state": random_state}
    if groups is not None:
        # Labels of their own have no strata: constant ones leave the sizes of the folds to be balanced.
        strata = np.zeros(len(y)) if coder.kind == "multilabel" else y
        return list(StratifiedGroupKFold(**options).split(y, strata, groups))
    if coder.kind == "multilabel":
        return list(KFold(**options).split(y))
    return list(StratifiedKFold(**options).split(y, y))


def holdout_split(targets: Targets, size: float, random_state: int) -> list[Split]:
    """Hold out one share of the rows, stratified or with groups whole.

    Parameters
    ----------
    targets : Targets
        Labels and groups.
    size : float
        Share of the rows. Groups are dealt into folds of about this size, at least two, of which one is held
        out: one with every class, if there is one.
    random_state : int
        Of the draw.

    Returns
    -------
    list of (train, validation)
        One pair, with all there is to learn among the training rows; none where a class has a single
        member.
    """
    y, coder, groups = targets.y, targets.coder, targets.groups
    if _smallest_class(targets) < 2:
        return []
    if groups is not None:
        # A share of the groups alone could miss a class: folds of that size are stratified.
        rarest = len(y) if coder.kind == "multilabel" else np.unique(y, return_counts=True)[1].min()
        n_folds = min(max(round(1 / size), 2), len(np.unique(groups)), int(rarest))
        splits = complete_splits(y, _deal(targets, n_folds, random_state))
        return sorted(splits, key=lambda split: not shows_all(y[split[1]], y))[:1]
    if coder.kind == "multilabel":
        splitter = ShuffleSplit(_DRAWS, test_size=size, random_state=random_state)
    else:
        n_held_out = min(max(round(size * len(y)), len(coder.classes)), len(y) - len(coder.classes))
        splitter = StratifiedShuffleSplit(1, test_size=n_held_out, random_state=random_state)
    return complete_splits(y, splitter.split(y, y))[:1]
