"""From the labels of a user to the targets of a network, and back."""

from typing import NamedTuple

import numpy as np
from scipy.sparse import issparse
from scipy.special import expit, softmax
from sklearn.utils import column_or_1d, compute_class_weight
from sklearn.utils.multiclass import check_classification_targets

from skgenome._sklearn import check_sample_weight

#: What stands in an indicator matrix where a label is not known.
UNKNOWN = -1


class TargetCoder(NamedTuple):
    """What the outputs of the network stand for."""

    kind: str
    """'binary', 'multiclass' or 'multilabel'."""
    classes: np.ndarray
    """Class labels in order; for 'multilabel' the numbers of the columns."""

    @property
    def n_outputs(self) -> int:
        """Scores that the network gives: one for two classes, else one for each class or label."""
        return 1 if self.kind == "binary" else len(self.classes)

    def encode(self, y: np.ndarray) -> np.ndarray:
        """Turn labels into targets.

        Parameters
        ----------
        y : ndarray of shape (n_samples,) or (n_samples, n_labels)
            Labels that the coder knows.

        Returns
        -------
        ndarray
            float32 of shape (n_samples, n_outputs) for two classes and for labels of their own, else int64 of
            shape (n_samples,).
        """
        if self.kind == "multilabel":
            return (y == 1).astype(np.float32)
        codes = np.searchsorted(self.classes, y)
        return codes.astype(np.float32)[:, None] if self.kind == "binary" else codes.astype(np.int64)

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Turn scores into probabilities.

        Parameters
        ----------
        logits : ndarray of shape (n_samples, n_outputs)
            Scores.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Rows that sum to one; for 'multilabel' the probability of each label.
        """
        logits = logits.astype(np.float64)
        if self.kind == "binary":
            return np.hstack([expit(-logits), expit(logits)])
        return softmax(logits, axis=1) if self.kind == "multiclass" else expit(logits)

    def decide(self, logits: np.ndarray) -> np.ndarray:
        """Give the most probable class, or the labels that are more probable than not.

        Parameters
        ----------
        logits : ndarray of shape (n_samples, n_outputs)
            Scores.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_labels)
            Class labels, or an indicator matrix of int64.
        """
        if self.kind == "multilabel":
            return (logits > 0).astype(np.int64)
        best = (logits[:, 0] > 0).astype(np.intp) if self.kind == "binary" else logits.argmax(axis=1)
        return self.classes[best]


class Targets(NamedTuple):
    """The labels that are learnt from, row by row."""

    y: np.ndarray
    """Class labels, or an indicator matrix with -1 where a label is not known."""
    coder: TargetCoder
    """What the outputs of the network stand for."""
    weights: np.ndarray
    """Weight of each row in the loss, mean 1."""
    groups: np.ndarray | None
    """Units that stay on one side of a split."""
    entry_weights: np.ndarray | None = None
    """For labels of their own: weight of each in each row, mean 1; 0 where it is not known."""

    def encode(self) -> np.ndarray:
        """Turn labels into targets.

        Returns
        -------
        ndarray
            As :func:`skgenome.nn.row_nats` takes them.
        """
        codes = self.coder.encode(self.y)
        if self.entry_weights is None:
            return codes
        return np.hstack([codes, self.entry_weights.astype(np.float32)])

    def subset(self, rows: np.ndarray) -> "Targets":
        """Keep some of the rows.

        Parameters
        ----------
        rows : ndarray of int
            Which.

        Returns
        -------
        Targets
            A copy of them.
        """
        groups, entries = (None if x is None else x[rows] for x in (self.groups, self.entry_weights))
        return Targets(self.y[rows], self.coder, self.weights[rows], groups, entries)


def read_labels(y, n_samples: int, name: str) -> np.ndarray:
    """Turn the labels of a user into an array with a row for each sample.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or (n_samples, n_labels)
        Class labels, or an indicator matrix, which may be sparse.
    n_samples : int
        Rows of X.
    name : str
        The estimator's, for errors.

    Returns
    -------
    ndarray
        The labels.

    Raises
    ------
    ValueError
        If there are none, or the numbers of rows differ.
    """
    if y is None:
        raise ValueError(f"{name} requires y to be passed, but the target y is None.")
    y = np.atleast_1d(y.toarray() if issparse(y) else np.asarray(y))
    _check_n_rows("y", len(y), n_samples)
    return y


def check_targets(
    y: np.ndarray, name: str, *, labelled=None, class_weight=None, sample_weight=None, groups=None
) -> tuple[np.ndarray, Targets]:
    """Choose the rows to learn from and find out what kind of labels they have.

    Parameters
    ----------
    y : ndarray of shape (n_samples,) or (n_samples, n_labels)
        Labels.
    name : str
        The estimator's, for errors.
    labelled : ndarray of bool, shape (n_samples,), or None
        Which rows have a label. None: all.
    class_weight : dict, 'balanced' or None
        As in scikit-learn; for labels of their own a dict of column to weight.
    sample_weight : array-like of shape (n_samples,) or None
        As in scikit-learn. Rows without weight are left out, and so are those of which no label is known.
    groups : array-like of shape (n_samples,) or None
        Units that stay on one side of a split.

    Returns
    -------
    rows : ndarray of int
        Numbers of the rows that are learnt from.
    targets : Targets
        Their labels.

    Raises
    ------
    ValueError
        If the labels are continuous, there is a single class, a label is the same in every row, a weight is
        negative, or no row has one; if the numbers of rows differ.
    """
    y, groups = read_indicators(_plain(y)), _check_groups(groups, len(y))
    is_matrix = is_indicator(y)
    known = _has_label(y, is_matrix)
    rows, weights = weighted_rows(y, sample_weight, known if labelled is None else known & labelled)
    y = y[rows]
    if is_matrix:
        coder = _check_indicators(y, name)
    else:
        check_classification_targets(y)
        y = column_or_1d(y, warn=True)
        coder = _check_classes(y, name)
    groups = None if groups is None else groups[rows]
    return rows, _weighted(y, coder, weights[rows], groups, class_weight)


def check_more_targets(
    y: np.ndarray, name: str, coder: TargetCoder, *, class_weight=None, sample_weight=None
) -> tuple[np.ndarray, Targets]:
    """Check labels whose kind is known already; some classes may be missing.

    Parameters
    ----------
    y : ndarray of shape (n_samples,) or (n_samples, n_labels)
        Labels.
    name : str
        The estimator's, for errors.
    coder : TargetCoder
        The kind.
    class_weight : dict or None
        As in scikit-learn; not for labels of their own.
    sample_weight : array-like of shape (n_samples,) or None
        As in scikit-learn. Rows without weight are left out.

    Returns
    -------
    rows : ndarray of int
        Numbers of the rows that are learnt from.
    targets : Targets
        Their labels.

    Raises
    ------
    ValueError
        If there is a label that is not among the classes, or y is no indicator matrix of the right width.
    """
    if isinstance(class_weight, str):
        raise ValueError(
            f"class_weight={class_weight!r} needs all labels at once, and partial_fit of {name} sees some of "
            "them. Give the weights as a dict."
        )
    y = read_indicators(_plain(y))
    rows, weights = weighted_rows(y, sample_weight, _has_label(y, is_indicator(y)))
    y = y[rows]
    if coder.kind == "multilabel":
        shape = (len(y), len(coder.classes))
        if y.shape != shape or not np.isin(y, (UNKNOWN, 0, 1)).all():
            raise ValueError(
                f"{name} knows {shape[1]} labels, so y must be an indicator matrix of 0 and 1, or -1 where a "
                "label is not known, with as many "
                f"columns. Got shape {y.shape} with values {np.unique(y)[:5].tolist()} instead."
            )
    else:
        y = column_or_1d(y, warn=True)
        strange = np.setdiff1d(y, coder.classes)
        if len(strange):
            raise ValueError(
                f"{name} knows the classes {coder.classes.tolist()}, but y holds {strange.tolist()[0]!r}. "
                "Name all classes in the first call of partial_fit."
            )
    return rows, _weighted(y, coder, weights[rows], None, class_weight)


def read_indicators(y: np.ndarray) -> np.ndarray:
    """Give an indicator matrix one form: int64 of 0 and 1, with -1 where a label is not known.

    Parameters
    ----------
    y : ndarray of shape (n_samples,) or (n_samples, n_labels)
        Labels. In an indicator matrix, NaN and -1 stand for what is not known.

    Returns
    -------
    ndarray of the same shape
        What is no indicator matrix is left as it is.
    """
    if y.ndim != 2 or y.shape[1] < 2 or y.dtype.kind not in "biuf":
        return y
    known = np.where(y != y, UNKNOWN, y)
    return known.astype(np.int64) if np.isin(known, (UNKNOWN, 0, 1)).all() else y


def is_indicator(y: np.ndarray) -> bool:
    """Say whether labels are an indicator matrix, as :func:`read_indicators` gives it.

    Parameters
    ----------
    y : ndarray
        Labels.

    Returns
    -------
    bool
        Whether they are.
    """
    return y.ndim == 2 and y.shape[1] > 1 and y.dtype == np.int64 and bool(np.isin(y, (UNKNOWN, 0, 1)).all())


def _has_label(y: np.ndarray, is_matrix: bool) -> np.ndarray:
    """Say of which rows a label is known."""
    return (y != UNKNOWN).any(axis=1) if is_matrix else np.ones(len(y), dtype=bool)


def _weighted(
    y: np.ndarray, coder: TargetCoder, weights: np.ndarray, groups: np.ndarray | None, class_weight
) -> Targets:
    """Put labels together with the weights of their rows, and of their entries."""
    if coder.kind != "multilabel":
        return Targets(y, coder, scale_weights(weights, y, coder, class_weight), groups)
    entries = (y != UNKNOWN) * _label_weights(class_weight, len(coder.classes))
    return Targets(y, coder, weights / weights.mean(), groups, entries / entries.mean())


def _label_weights(class_weight, n_labels: int) -> np.ndarray:
    """Read the weights of labels of their own."""
    given = {} if class_weight is None else class_weight
    if (
        isinstance(given, str)
        or not set(given) <= set(range(n_labels))
        or min(given.values(), default=1) <= 0
    ):
        raise ValueError(
            f"class_weight must be a dict of column to positive weight where y is an indicator matrix, with "
            f"columns from 0 to {n_labels - 1}. Got {class_weight!r} instead."
        )
    return np.array([given.get(column, 1.0) for column in range(n_labels)])


def coder_of_classes(y: np.ndarray, classes) -> TargetCoder:
    """Make the coder of a training that has only begun.

    Parameters
    ----------
    y : ndarray of shape (n_samples,) or (n_samples, n_labels)
        The first labels.
    classes : array-like of shape (n_classes,) or None
        All classes there will be. None: those of `y`.

    Returns
    -------
    TargetCoder
        For classes, or for the columns of an indicator matrix.

    Raises
    ------
    ValueError
        If there is a single class.
    """
    if y.ndim == 2 and y.shape[1] > 1:
        return TargetCoder("multilabel", np.arange(y.shape[1]))
    return _check_classes(_plain(np.ravel(y if classes is None else classes)), "partial_fit")


def weighted_rows(y: np.ndarray, sample_weight, labelled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the rows that have a weight, and a label.

    Parameters
    ----------
    y : ndarray of shape (n_samples,) or (n_samples, n_labels)
        Labels.
    sample_weight : array-like of shape (n_samples,) or None
        As in scikit-learn.
    labelled : ndarray of bool, shape (n_samples,)
        Which rows have a label.

    Returns
    -------
    rows : ndarray of int
        Their numbers.
    weights : ndarray of float64, shape (n_samples,)
        Weights of all rows.

    Raises
    ------
    ValueError
        If a weight is negative, or none of the rows with a label has one.
    """
    weights = check_sample_weight(sample_weight, y, dtype=np.float64, ensure_non_negative=True)
    rows = np.flatnonzero(labelled & (weights > 0))
    if not len(rows):
        raise ValueError(
            "sample_weight must be positive somewhere among the rows with a label. Got 0 for all "
            f"{np.sum(labelled)} of them."
        )
    return rows, weights


def scale_weights(weights: np.ndarray, y: np.ndarray, coder: TargetCoder, class_weight) -> np.ndarray:
    """Multiply the weights of rows by those of their classes.

    Parameters
    ----------
    weights : ndarray of shape (n_samples,)
        Of the rows.
    y : ndarray of shape (n_samples,)
        Class labels.
    coder : TargetCoder
        Their kind.
    class_weight : dict, 'balanced' or None
        As in scikit-learn.

    Returns
    -------
    ndarray of float64, shape (n_samples,)
        Mean 1.

    Raises
    ------
    ValueError
        If `class_weight` leaves no row a weight.
    """
    if class_weight is not None:
        of_class = compute_class_weight(class_weight, classes=coder.classes, y=y, sample_weight=weights)
        weights = weights * of_class[np.searchsorted(coder.classes, y)]
    if not weights.any():
        raise ValueError(f"class_weight={class_weight!r} leaves none of the {len(weights)} rows a weight.")
    return weights / weights.mean()


def _plain(y: np.ndarray) -> np.ndarray:
    """Give numbers that came as objects, as those of nullable columns do, their own dtype."""
    if y.dtype != object or any(isinstance(label, str) for label in y.flat):
        return y
    return np.array(y.tolist())


def _check_n_rows(what: str, found: int, n_samples: int) -> None:
    if found != n_samples:
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: X has {n_samples}, {what} has "
            f"{found}."
        )


def _check_groups(groups, n_samples: int) -> np.ndarray | None:
    if groups is None:
        return None
    groups = column_or_1d(groups)
    _check_n_rows("groups", len(groups), n_samples)
    return groups


def _check_classes(y: np.ndarray, name: str) -> TargetCoder:
    classes = np.unique(y)
    if len(classes) < 2:
        raise ValueError(
            f"{name} needs rows of at least 2 classes, but there is only one class: {classes.tolist()[0]!r}."
        )
    return TargetCoder("binary" if len(classes) == 2 else "multiclass", classes)


def _check_indicators(y: np.ndarray, name: str) -> TargetCoder:
    lacking = np.flatnonzero(~shows_each(y))
    if len(lacking):
        column = y[:, lacking[0]]
        known = np.unique(column[column != UNKNOWN]).tolist()
        raise ValueError(
            f"{name} needs rows with and without each label, but label {lacking[0]} of y is "
            f"{known[0] if known else 'not known'} in all {len(y)} rows. Leave its column out."
        )
    return TargetCoder("multilabel", np.arange(y.shape[1]))


def shows_each(y: np.ndarray) -> np.ndarray:
    """Say of which labels there are rows with and without.

    Parameters
    ----------
    y : ndarray of int64, shape (n_samples, n_labels)
        Indicator matrix with -1 where a label is not known.

    Returns
    -------
    ndarray of bool, shape (n_labels,)
        Whether there are.
    """
    return (y == 0).any(axis=0) & (y == 1).any(axis=0)
