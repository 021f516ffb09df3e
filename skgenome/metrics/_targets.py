"""Labels, predictions and scores of any kind, as one binary question for each label.

Two classes, several classes and an indicator matrix all become the same arrays, so that what follows
knows one case.
"""

from typing import NamedTuple

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import check_array, check_consistent_length

UNLABELLED = -1


class Targets(NamedTuple):
    """Whether each of n samples has each of L labels, in truth and in prediction."""

    kind: str
    """One of binary, multiclass and multilabel."""
    labels: list
    """Names of the labels."""
    truth: np.ndarray
    """Boolean, of shape (n, L)."""
    predicted: np.ndarray
    """Boolean, of shape (n, L)."""
    score: np.ndarray | None
    """Higher where the label is more likely, of shape (n, L)."""
    weight: np.ndarray
    """Of shape (n, L); 0 where the label is not known."""

    def column(self, j):
        """Keep one label."""
        arrays = (None if a is None else a[:, [j]] for a in self[2:])
        return Targets(self.kind, [self.labels[j]], *arrays)

    def pooled(self):
        """Make one label of all: what a micro average is taken of."""
        arrays = (None if a is None else a.reshape(-1, 1) for a in self[2:])
        return Targets(self.kind, ["all"], *arrays)

    def support(self):
        """Sum the weights of negatives and positives of each label, of shape (2, L)."""
        return np.stack([(self.weight * side).sum(axis=0) for side in (~self.truth, self.truth)])


def read_targets(y_true, y_pred, y_score, labels, sample_weight):
    """Check what the user gave, and bring it into one form."""
    y_true, y_pred = _as_labels(y_true, "y_true"), _as_labels(y_pred, "y_pred")
    if y_true.shape != y_pred.shape:
        raise ValueError(
            f"y_true and y_pred must have the same shape. Got {y_true.shape} and {y_pred.shape}. y_pred takes"
            " what predict gives; probabilities and decision values go to y_score."
        )
    weight = _check_weight(sample_weight, len(y_true))
    if y_true.ndim == 2:
        return _read_indicators(y_true, y_pred, y_score, labels, weight)
    return _read_classes(y_true, y_pred, y_score, labels, weight)


def _as_labels(y, name):
    y = y.toarray() if issparse(y) else np.asarray(y)
    if y.ndim not in (1, 2) or len(y) == 0:
        raise ValueError(
            f"{name} must be classes of shape (n_samples,) or an indicator matrix of shape (n_samples, "
            f"n_labels), with one sample at least. Got shape {y.shape}."
        )
    missing = np.argwhere(_is_missing(y))
    if len(missing):
        raise ValueError(
            f"{name} has a missing value in row {missing[0][0]}. Drop rows without a class; in an indicator "
            f"matrix of true labels, {UNLABELLED} says that an entry is not known."
        )
    if y.dtype == object:
        y = _of_one_type(y, name)
    if y.dtype.kind == "f" and (y % 1).any():
        raise ValueError(
            f"{name} must be classes or an indicator matrix. Got fractions, such as "
            f"{y[y % 1 != 0][0]:g}: probabilities and decision values go to y_score."
        )
    return y


def _is_missing(y):
    if y.dtype != object:
        return y != y  # NaN alone differs from itself
    return np.array([_is_missing_value(value) for value in y.flat]).reshape(y.shape)


def _is_missing_value(value):
    same = value == value
    # NaN differs from itself; whether pandas.NA does is neither true nor false.
    return value is None or not isinstance(same, bool | np.bool_) or not same


def _of_one_type(y, name):
    is_text = [isinstance(value, str) for value in y.flat]
    if len(set(is_text)) > 1:
        raise TypeError(
            f"{name} must hold classes of one type. Got strings and numbers: {set(y.flat)!r:.200}."
        )
    return np.array(y.tolist())


def _check_weight(sample_weight, n_samples):
    if sample_weight is None:
        return np.ones(n_samples)
    weight = check_array(sample_weight, ensure_2d=False, dtype=float, input_name="sample_weight")
    if weight.shape != (n_samples,) or (weight < 0).any() or not weight.any():
        raise ValueError(
            f"sample_weight must be one weight for each of {n_samples} samples, none below 0 and not all 0. "
            f"Got shape {weight.shape}, from {weight.min():g} to {weight.max():g}."
        )
    return weight


def _read_indicators(y_true, y_pred, y_score, labels, weight):
    for name, y, allowed in (("y_true", y_true, [UNLABELLED, 0, 1]), ("y_pred", y_pred, [0, 1])):
        wrong = np.argwhere(~np.isin(y, allowed))
        if len(wrong):
            row, column = wrong[0]
            raise ValueError(
                f"{name} of shape {y.shape} is read as an indicator matrix, whose values are in {allowed}. "
                f"Got {y[row, column].item()!r} in row {row}, column {column}. Pass classes as a 1-D array."
            )
    known = y_true != UNLABELLED
    if not known.any():
        raise ValueError(f"y_true has no known label: all its entries are {UNLABELLED}.")
    n_labels = y_true.shape[1]
    names = list(range(n_labels)) if labels is None else _check_names(labels, n_labels)
    score = None if y_score is None else _score_of_indicators(y_score, y_true.shape)
    return Targets("multilabel", names, y_true == 1, y_pred == 1, score, weight[:, None] * known)


def _check_names(labels, n_labels):
    names = _unique_labels(labels)
    if len(names) != n_labels:
        raise ValueError(f"labels must name the {n_labels} columns of y_true. Got {len(names)} names.")
    return names.tolist()


def _unique_labels(labels):
    labels = np.asarray(labels)
    if labels.ndim != 1 or len(np.unique(labels)) != len(labels):
        raise ValueError(f"labels must be a list of different labels. Got {labels.tolist()!r}.")
    return labels


def _score_of_indicators(y_score, shape):
    # Forests, neighbours and MultiOutputClassifier give a list: for each label, (n_samples, 2).
    if isinstance(y_score, list | tuple) and np.ndim(y_score[0]) == 2:
        single = [j for j, column in enumerate(y_score) if np.shape(column)[1] != 2]
        if single:
            raise ValueError(
                f"y_score has {np.shape(y_score[single[0]])[1]} columns for label {single[0]}, where 2 are "
                "expected: was the classifier fitted on one class alone? Pass a matrix of shape "
                "(n_samples, n_labels), with the probabilities of having each label."
            )
        y_score = np.stack([np.asarray(column)[:, 1] for column in y_score], axis=1)
    score = check_array(y_score, dtype=float, input_name="y_score")
    if score.shape != shape:
        raise ValueError(f"y_score must have the shape of y_true, {shape}. Got {score.shape}.")
    return score


def _read_classes(y_true, y_pred, y_score, labels, weight):
    given = labels is not None
    classes = _unique_labels(labels) if given else _find_classes(y_true, y_pred)
    if len(classes) < 2:
        raise ValueError(
            f"At least two classes are expected. Got {classes.tolist()!r}. Pass all classes that there are as"
            " labels, for example classes_ of the classifier."
        )
    truth, predicted = (_one_hot(y, classes, name) for y, name in ((y_true, "y_true"), (y_pred, "y_pred")))
    score = None if y_score is None else _score_of_classes(y_score, len(y_true), classes.tolist(), given)
    kind = "binary" if len(classes) == 2 else "multiclass"
    weight = np.broadcast_to(weight[:, None], truth.shape)
    return Targets(kind, classes.tolist(), truth, predicted, score, weight)


def _find_classes(y_true, y_pred):
    # Joined, they would all become strings, and 1 would equal "1".
    text = ["strings" if y.dtype.kind in "UST" else "numbers" for y in (y_true, y_pred)]
    if text[0] != text[1]:
        raise TypeError(
            f"y_true and y_pred must hold classes of one type. Got {text[0]} in y_true and {text[1]} in "
            "y_pred."
        )
    classes = np.unique(np.concatenate([y_true, y_pred]))
    # One class of the usual two: 1 is the positive one, as everywhere in scikit-learn.
    is_usual = len(classes) == 1 and text[0] == "numbers" and classes[0] in (0, 1)
    return np.array([0, 1]).astype(classes.dtype) if is_usual else classes


def _one_hot(y, classes, name):
    matrix = np.asarray(y[:, None] == classes, dtype=bool)
    unknown = np.flatnonzero(~matrix.any(axis=1))
    if len(unknown):
        raise ValueError(
            f"{name} has {y[unknown[0]].item()!r} in row {unknown[0]}, which is not in labels: "
            f"{classes.tolist()!r}."
        )
    return matrix


def _score_of_classes(y_score, n_samples, classes, given):
    score = check_array(y_score, ensure_2d=False, dtype=float, input_name="y_score")
    check_consistent_length(score, np.empty(n_samples))
    if len(classes) == 2 and score.shape in ((n_samples,), (n_samples, 1)):
        # Areas depend on the order alone, so that this serves decision values and probabilities.
        score = score.reshape(-1)
        return np.stack([-score, score], axis=1)
    if score.shape != (n_samples, len(classes)):
        advice = "" if given else " If there are more classes than occur here, pass all of them as labels."
        raise ValueError(
            f"y_score must have a column for each of {len(classes)} classes, {classes!r}. Got shape "
            f"{score.shape}.{advice}"
        )
    return score
