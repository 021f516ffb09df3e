"""Windows with many labels at once: learnt where they are known, and described where they are tested."""

from collections.abc import Sequence

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone

from benchmarks.methods import Step
from benchmarks.records import LABEL_DECIMALS

#: What stands in an indicator matrix where a label is not known.
UNKNOWN = -1


class KnownLabels(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """Learn those labels of which there are positives and negatives enough; of others give the share.

    With few rows, many labels of a set of many are all but absent. Positives and negatives are counted, and
    shares taken, where a label is known. Of a label that no row knows, half is given.

    Parameters
    ----------
    estimator : classifier
        What learns an indicator matrix in which -1 says that an entry is not known.
    min_count : int, default=5
        Least number of positives, and of negatives.
    """

    def __init__(self, estimator, min_count=5):
        self.estimator = estimator
        self.min_count = min_count

    def fit(self, X, y):
        """Learn.

        Parameters
        ----------
        X : array-like of length n_samples
            What `estimator` takes.
        y : ndarray of shape (n_samples, n_labels)
            Of 0 and 1, and -1 where an entry is not known.

        Returns
        -------
        self : KnownLabels
            Itself.
        """
        n_negatives, n_positives = ((y == value).sum(axis=0) for value in (0, 1))
        n_known = n_negatives + n_positives
        self.shares_ = np.where(n_known > 0, n_positives / np.maximum(n_known, 1), 0.5)
        self.known_ = np.flatnonzero(np.minimum(n_negatives, n_positives) >= self.min_count)
        if len(self.known_) == 1:
            # One column is read as classes, of which -1 would be one.
            rows = y[:, self.known_[0]] != UNKNOWN
            self.estimator_ = clone(self.estimator).fit(X[rows], y[rows, self.known_[0]])
        elif len(self.known_):
            self.estimator_ = clone(self.estimator).fit(X, y[:, self.known_])
        # As of many outputs: scorers would take two numbers for two classes.
        self.classes_ = [np.array([0, 1])] * y.shape[1]
        return self

    def predict_proba(self, X):
        """Predict the probability of every label.

        Parameters
        ----------
        X : array-like of length n_samples
            What `estimator` takes.

        Returns
        -------
        ndarray of shape (n_samples, n_labels)
            Probabilities.
        """
        # Tokens may be a list, and features a sparse matrix, which has no length.
        n_rows = X.shape[0] if hasattr(X, "shape") else len(X)
        probabilities = np.tile(self.shares_, (n_rows, 1))
        if len(self.known_):
            found = self.estimator_.predict_proba(X)
            probabilities[:, self.known_] = found[:, 1:] if len(self.known_) == 1 else found
        return probabilities

    def predict(self, X):
        """Predict which labels are more probable than not.

        Parameters
        ----------
        X : array-like of length n_samples
            What `estimator` takes.

        Returns
        -------
        ndarray of shape (n_samples, n_labels)
            Of 0 and 1.
        """
        return (self.predict_proba(X) > 0.5).astype(int)


class WhereKnown(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """A classifier for each label, on the rows in which it is known.

    Parameters
    ----------
    estimator : classifier
        For two classes.
    """

    def __init__(self, estimator):
        self.estimator = estimator

    def fit(self, X, y):
        """Fit a clone for each label.

        Parameters
        ----------
        X : ndarray or sparse matrix of n_samples rows
            What `estimator` takes.
        y : ndarray of shape (n_samples,) or (n_samples, n_labels)
            Of 0 and 1, and -1 where an entry is not known.

        Returns
        -------
        self : WhereKnown
            Itself.
        """
        columns = np.reshape(y, (len(y), -1)).T
        self.estimators_ = [
            clone(self.estimator).fit(X[column != UNKNOWN], column[column != UNKNOWN]) for column in columns
        ]
        return self

    def predict_proba(self, X):
        """Predict the probability of every label, or of both classes where there is one label.

        Parameters
        ----------
        X : ndarray or sparse matrix of n_samples rows
            What `estimator` takes.

        Returns
        -------
        ndarray of shape (n_samples, n_labels), or (n_samples, 2) for one label
            Probabilities.
        """
        found = [one.predict_proba(X) for one in self.estimators_]
        return found[0] if len(found) == 1 else np.column_stack([one[:, 1] for one in found])


def each_label(last: list[Step]) -> list[Step]:
    """Give a classifier for each label of its own.

    Parameters
    ----------
    last : list of (str, estimator)
        Last step of a Pipeline, for classes.

    Returns
    -------
    list of (str, estimator)
        The same for an indicator matrix in which -1 says that an entry is not known.
    """
    ((name, classifier),) = last
    return [(name, KnownLabels(WhereKnown(classifier)))]


def scored_labels(target: np.ndarray, tests: Sequence[np.ndarray]) -> np.ndarray:
    """Find the labels that are given in every test set, and lacking too.

    Parameters
    ----------
    target : ndarray of shape (n_windows, n_labels)
        Of 0 and 1, and -1 where an entry is not known.
    tests : sequence of ndarray of int
        Rows of each test set.

    Returns
    -------
    ndarray of int
        Columns, in order. Others have no area under a curve.

    Raises
    ------
    ValueError
        If there is none.
    """
    seen = [(target[rows] == value).any(axis=0) for rows in tests for value in (0, 1)]
    columns = np.flatnonzero(np.all(seen, axis=0))
    if not len(columns):
        raise ValueError(
            "A label is measured if some test rows have it and others lack it. That is so for none of "
            f"{target.shape[1]} labels: hold out more rows."
        )
    return columns


def describe_labels(
    target: np.ndarray, tests: Sequence[np.ndarray], names: Sequence[str], groups: Sequence[str] = ()
) -> list[dict]:
    """Say how common each label is where it is tested.

    Parameters
    ----------
    target, tests
        As in :func:`scored_labels`.
    names : sequence of str
        What the columns are called.
    groups : sequence of str, default=()
        Of what kind each is.

    Returns
    -------
    list of dict
        A row for each of :func:`scored_labels`, ready for JSON: ``label``, ``group``, ``n_known`` test
        windows, ``n_positives`` among them, and their ratio ``prevalence``.
    """
    y = target[np.concatenate(tests)]
    n_positives = (y == 1).sum(axis=0)
    n_known = n_positives + (y == 0).sum(axis=0)
    return [
        {
            "label": names[j],
            "group": groups[j] if len(groups) else "",
            "n_known": int(n_known[j]),
            "n_positives": int(n_positives[j]),
            "prevalence": round(float(n_positives[j] / n_known[j]), LABEL_DECIMALS),
        }
        for j in scored_labels(target, tests).tolist()
    ]


def name_unscored(target: np.ndarray, tests: Sequence[np.ndarray], names: Sequence[str]) -> list[str]:
    """Name the labels that no figure counts.

    Parameters
    ----------
    target, tests, names
        As in :func:`describe_labels`.

    Returns
    -------
    list of str
        One sentence, or nothing where all are measured.
    """
    scored = set(scored_labels(target, tests).tolist())
    left_out = [name for j, name in enumerate(names) if j not in scored]
    listed = ", ".join(left_out)
    return (
        [f"Not measured, since no test window has the label, or none lacks it: {listed}."] if listed else []
    )
