"""Keep a share of the labels: stratified, and nested from one fraction to the next."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone, is_classifier
from sklearn.utils import check_random_state, indexable
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, has_fit_parameter

from skgenome._sklearn import HasMethods, Interval, fit_context, get_tags, safe_indexing
from skgenome.sequences import number_within


def nested_label_subset(y, fraction, *, groups=None, random_state=None):
    """Choose the rows whose labels are kept.

    All rows are put into one order, in which every class comes up evenly; the rows kept are the first of
    it. So a smaller subset lies within a larger one, and each has the classes in their proportions. The
    first row of each class comes before everything else: no class is ever missing.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or (n_samples, n_labels)
        Labels. Rows of an indicator matrix are drawn without regard to their labels. ``-1`` is a label
        like any other: drop unlabelled rows before.
    fraction : float or int
        A float in (0, 1] is the share of rows to keep, an int their number. With `groups` it is the share
        or the number of groups, of each class.
    groups : array-like of shape (n_samples,), optional
        What is kept or dropped as a whole, a genome for instance. A group counts to the class that most of
        its rows have.
    random_state : int, RandomState instance or None, default=None
        Of the order. Subsets are nested for the same integer.

    Returns
    -------
    ndarray of int, shape (n_kept,)
        The rows kept, in ascending order.

    Raises
    ------
    ValueError
        If more is asked for than there is, less than one of each class, or the fraction is out of range.

    Examples
    --------
    >>> from skgenome.model_selection import nested_label_subset
    >>> y = ["promoter"] * 5 + ["other"] * 15
    >>> few, more = (nested_label_subset(y, n, random_state=0) for n in (4, 0.5))
    >>> len(few), len(more), set(few) <= set(more)
    (4, 10, True)
    """
    y = np.asarray(y)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    _check_fraction(fraction)
    rng = check_random_state(random_state)
    if groups is not None:
        return _subset_of_groups(y, np.asarray(groups), fraction, rng)
    strata = np.zeros(len(y), dtype=int) if y.ndim > 1 else np.unique(y, return_inverse=True)[1]
    n_strata = strata.max() + 1
    n_kept = fraction if isinstance(fraction, Integral) else max(round(fraction * len(y)), n_strata)
    if n_kept > len(y):
        raise ValueError(f"fraction={fraction} labels were asked for, but there are {len(y)}.")
    if n_kept < n_strata:
        raise ValueError(
            f"fraction={fraction} labels were asked for, but there are {n_strata} classes and each needs "
            f"one: use {n_strata} or more."
        )
    return np.sort(_stratified_order(strata, rng)[:n_kept])


def _check_fraction(fraction):
    is_number = isinstance(fraction, Integral) and not isinstance(fraction, bool) and fraction >= 1
    is_share = isinstance(fraction, Real) and not isinstance(fraction, Integral) and 0 < fraction <= 1
    if is_number or is_share:
        return
    raise ValueError(
        f"fraction must be a share, a float in (0, 1], or a number of labels, an int from 1. Got "
        f"{fraction!r} instead."
    )


def _stratified_order(strata, rng):
    """Order rows so that every stratum comes up evenly, one of each first."""
    order = rng.permutation(len(strata))
    order = order[np.argsort(strata[order], kind="stable")]
    sizes = np.bincount(strata)
    rank = number_within(sizes)
    key = np.where(rank == 0, -1, (rank + 0.5) / np.repeat(sizes, sizes))
    return order[np.argsort(key, kind="stable")]


def _subset_of_groups(y, groups, fraction, rng):
    if y.ndim > 1:
        raise ValueError(
            f"groups can't be stratified by an indicator matrix. Got y of shape {y.shape}: pass one label "
            "for each row."
        )
    if len(groups) != len(y):
        raise ValueError(f"groups and y must have the same length. Got {len(groups)} and {len(y)}.")
    names, group_of_row = np.unique(groups, return_inverse=True)
    classes, class_of_row = np.unique(y, return_inverse=True)
    counts = np.zeros((len(names), len(classes)), dtype=int)
    np.add.at(counts, (group_of_row, class_of_row), 1)
    class_of_group = counts.argmax(axis=1)
    kept = []
    for i, label in enumerate(classes):
        members = rng.permutation(np.flatnonzero(class_of_group == i))
        n_kept = fraction if isinstance(fraction, Integral) else max(round(fraction * len(members)), 1)
        if n_kept > len(members):
            raise ValueError(
                f"fraction={fraction} groups of each class were asked for, but class {label!r} has "
                f"{len(members)}."
            )
        kept.extend(members[:n_kept])
    return np.flatnonzero(np.isin(group_of_row, kept))


def _estimator_has(method):
    def check(self):
        getattr(getattr(self, "estimator_", self.estimator), method)
        return True

    return check


class LabelFractionClassifier(MetaEstimatorMixin, ClassifierMixin, BaseEstimator):
    """Fit a classifier on a share of the labels that it is given.

    As the last step of a Pipeline it leaves the steps before it untouched by the fraction, so that a cached
    representation is computed once for all fractions of a grid search.

    Parameters
    ----------
    estimator : classifier
        What is fitted.
    fraction : float or int, default=1.0
        A float in (0, 1] is the share of labels, an int their number; with `groups` the share or number of
        groups, of each class. Smaller subsets lie within larger ones.
    random_state : int, RandomState instance or None, default=None
        Of the choice. Use an integer: subsets are nested only among equal ones.

    Attributes
    ----------
    estimator_ : classifier
        The fitted classifier.
    classes_ : ndarray of shape (n_classes,)
        The labels.
    indices_ : ndarray of int, shape (n_kept,)
        The rows that were kept, in ascending order.
    n_features_in_ : int
        Number of features, where the classifier knows it.

    See Also
    --------
    nested_label_subset : How the rows are chosen.
    label_fraction_curve : Scores over fractions and repeats.

    References
    ----------
    Howard and Ruder, "Universal Language Model Fine-tuning for Text Classification" (2018), section 5
    (low-shot learning), where the labels of a smaller set are part of the larger.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skgenome.model_selection import LabelFractionClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = LabelFractionClassifier(LogisticRegression(max_iter=500), fraction=15, random_state=0)
    >>> len(classifier.fit(X, y).indices_)
    15
    """

    _parameter_constraints = {
        "estimator": [HasMethods(["fit", "predict"])],
        "fraction": [
            Interval(Real, 0, 1, closed="right"),
            Interval(Integral, 1, None, closed="left"),
        ],
        "random_state": ["random_state"],
    }

    def __init__(self, estimator, *, fraction=1.0, random_state=None):
        self.estimator = estimator
        self.fraction = fraction
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None, groups=None):
        """Keep a share of the labels and fit the classifier on it.

        Parameters
        ----------
        X : indexable of length n_samples
            Anything that the classifier takes: array, sparse matrix, frame, list of str.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Labels.
        sample_weight : array-like of shape (n_samples,), optional
            Handed on for the rows kept.
        groups : array-like of shape (n_samples,), optional
            What is kept or dropped as a whole; handed on to a classifier that takes groups.

        Returns
        -------
        self : LabelFractionClassifier
            The fitted classifier.
        """
        X, y, sample_weight, groups = indexable(X, y, sample_weight, groups)
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None.")
        self.indices_ = nested_label_subset(y, self.fraction, groups=groups, random_state=self.random_state)
        given = {} if sample_weight is None else {"sample_weight": sample_weight}
        if groups is not None and has_fit_parameter(self.estimator, "groups"):
            # An estimator that cross-validates must not split them either.
            given["groups"] = groups
        given = {name: safe_indexing(value, self.indices_) for name, value in given.items()}
        self.estimator_ = clone(self.estimator)
        self.estimator_.fit(safe_indexing(X, self.indices_), safe_indexing(y, self.indices_), **given)
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self.estimator_, name):
                setattr(self, name, getattr(self.estimator_, name))
        return self

    @property
    def classes_(self):
        """Labels that the classifier knows."""
        return self.estimator_.classes_

    @available_if(_estimator_has("predict"))
    def predict(self, X):
        """Predict labels.

        Parameters
        ----------
        X : indexable of length n_samples
            As in fit.

        Returns
        -------
        ndarray of shape (n_samples,)
            The labels.
        """
        check_is_fitted(self)
        return self.estimator_.predict(X)

    @available_if(_estimator_has("predict_proba"))
    def predict_proba(self, X):
        """Predict probabilities.

        Parameters
        ----------
        X : indexable of length n_samples
            As in fit.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            The probabilities.
        """
        check_is_fitted(self)
        return self.estimator_.predict_proba(X)

    @available_if(_estimator_has("predict_log_proba"))
    def predict_log_proba(self, X):
        """Predict logarithms of probabilities.

        Parameters
        ----------
        X : indexable of length n_samples
            As in fit.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            The logarithms.
        """
        check_is_fitted(self)
        return self.estimator_.predict_log_proba(X)

    @available_if(_estimator_has("decision_function"))
    def decision_function(self, X):
        """Compute the classifier's decision values.

        Parameters
        ----------
        X : indexable of length n_samples
            As in fit.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            The values.
        """
        check_is_fitted(self)
        return self.estimator_.decision_function(X)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "estimator_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.input_tags = inner.input_tags
        tags.target_tags = inner.target_tags
        if is_classifier(self.estimator):
            tags.classifier_tags = inner.classifier_tags
        return tags
