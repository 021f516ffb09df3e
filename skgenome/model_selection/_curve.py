"""How many labels are needed: scores over label fractions, the same draws for every estimator."""

from dataclasses import dataclass, field

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import check_scoring, get_scorer
from sklearn.model_selection import check_cv
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.utils import check_random_state, indexable

from skgenome._sklearn import get_tags, safe_indexing
from skgenome.model_selection._label_fraction import nested_label_subset


@dataclass
class LabelFractionCurve:
    """Scores of several estimators over label fractions.

    Attributes
    ----------
    fractions : list of float or int
        What was asked for.
    n_labels : ndarray of shape (n_fractions,)
        Mean number of labelled rows in a draw.
    scores : dict of dict of ndarray
        ``scores[estimator][metric]`` is of shape (n_fractions, n_repeats). Draws that would be the same,
        because all labels are kept and the test set is fixed, are computed once; the others are NaN.
    chance : dict of float
        For each metric, the score of always predicting the class proportions of the training data.
    """

    fractions: list
    n_labels: np.ndarray
    scores: dict
    chance: dict = field(default_factory=dict)

    @property
    def metrics(self):
        """Names of the metrics."""
        return list(next(iter(self.scores.values())))

    def mean(self, estimator, metric=None):
        """Give the mean over repeats.

        Parameters
        ----------
        estimator : str
            Its name.
        metric : str, optional
            By default the first.

        Returns
        -------
        ndarray of shape (n_fractions,)
            The means.
        """
        return np.nanmean(self._scores(estimator, metric), axis=1)

    def std(self, estimator, metric=None):
        """Give the standard deviation over repeats, with one degree of freedom less than repeats.

        Parameters
        ----------
        estimator : str
            Its name.
        metric : str, optional
            By default the first.

        Returns
        -------
        ndarray of shape (n_fractions,)
            The standard deviations; NaN where there is one repeat.
        """
        scores = self._scores(estimator, metric)
        n_repeats = (~np.isnan(scores)).sum(axis=1)
        squares = np.nansum((scores - np.nanmean(scores, axis=1, keepdims=True)) ** 2, axis=1)
        return np.where(n_repeats > 1, np.sqrt(squares / np.maximum(n_repeats - 1, 1)), np.nan)

    def _scores(self, estimator, metric):
        if estimator not in self.scores:
            raise KeyError(f"There is no estimator {estimator!r}; there are {list(self.scores)}.")
        metric = metric or self.metrics[0]
        if metric not in self.scores[estimator]:
            raise KeyError(f"There is no metric {metric!r}; there are {self.metrics}.")
        return self.scores[estimator][metric]

    def to_rows(self):
        """Give the whole as a table in long form.

        Returns
        -------
        list of dict
            With ``estimator``, ``metric``, ``fraction``, ``n_labels``, ``mean``, ``std`` and ``n_repeats``:
            what ``pandas.DataFrame`` takes.
        """
        rows = []
        for estimator, by_metric in self.scores.items():
            for metric, scores in by_metric.items():
                figures = zip(self.mean(estimator, metric), self.std(estimator, metric), scores, strict=True)
                for i, (mean, std, repeats) in enumerate(figures):
                    rows.append(
                        {
                            "estimator": estimator,
                            "metric": metric,
                            "fraction": self.fractions[i],
                            "n_labels": float(self.n_labels[i]),
                            "mean": float(mean),
                            "std": float(std),
                            "n_repeats": int((~np.isnan(repeats)).sum()),
                        }
                    )
        return rows

    def __str__(self):
        width = max(len(name) for name in [*self.scores, "chance"]) + 2
        lines = []
        for metric in self.metrics:
            header = "".join(f"{n:>15.0f}" for n in self.n_labels)
            lines.append(f"{metric}, mean ± sd; labels:".ljust(width) + "\n" + " " * width + header)
            for name in self.scores:
                cells = zip(self.mean(name, metric), self.std(name, metric), strict=True)
                cells = (f"{m:.3f}" + ("" if np.isnan(s) else f" ± {s:.3f}") for m, s in cells)
                lines.append(name.ljust(width) + "".join(f"{cell:>15}" for cell in cells))
            if metric in self.chance:
                lines.append("chance".ljust(width) + f"{self.chance[metric]:>15.3f}")
        return "\n".join(lines)


def label_fraction_curve(
    estimators,
    X,
    y,
    *,
    fractions,
    X_test=None,
    y_test=None,
    cv=None,
    groups=None,
    semi_supervised=(),
    n_repeats=5,
    scoring="accuracy",
    n_jobs=None,
    random_state=None,
    verbose=0,
):
    """Score estimators that are given few labels, more labels, all labels.

    Every estimator sees the same draws and the same test rows. The first steps of a Pipeline that learn
    nothing from the labelled data, because they are frozen or need no fit, are run once for all cells.

    Parameters
    ----------
    estimators : classifier or dict of str to classifier
        What is compared.
    X : indexable of length n_samples
        What labels may be drawn from; anything that the estimators take: list of str, array, frame.
    y : array-like of shape (n_samples,)
        Labels.
    fractions : list of float or int
        Shares or numbers of labels (with `groups`: of groups of each class), as in
        :func:`nested_label_subset`.
    X_test, y_test : indexable and array-like, optional
        Fixed rows to test on. Then the repeats differ by the draw of labels alone.
    cv : int, splitter or iterable, optional
        Without `X_test`: each split is a repeat, with a draw of its own. None is 5 folds, stratified.
    groups : array-like of shape (n_samples,), optional
        Units that are drawn as a whole and, with `cv`, not split.
    semi_supervised : collection of str, default=()
        Names of the estimators that learn from unlabelled rows too. They are fitted on all training rows,
        with -1 for the labels that were not drawn, as in :mod:`sklearn.semi_supervised`; labels that are
        text are then in an array of objects.
    n_repeats : int, default=5
        Draws of the labels with `X_test`.
    scoring : str, callable, list or dict, default='accuracy'
        Names of scikit-learn's scorers, or scorers by name.
    n_jobs : int, optional
        Cells computed side by side.
    random_state : int, RandomState instance or None, default=None
        Of the draws.
    verbose : int, default=0
        joblib's.

    Returns
    -------
    LabelFractionCurve
        Scores, their means and standard deviations, and chance level. Printed, it is a table.

    Raises
    ------
    ValueError
        If only one of `X_test` and `y_test` is given, both `X_test` and `cv`, or `fractions` is empty; if
        `semi_supervised` names no estimator, or -1 is one of the classes then.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skgenome.model_selection import label_fraction_curve
    >>> X, y = make_classification(400, class_sep=2.0, random_state=0)
    >>> curve = label_fraction_curve(
    ...     LogisticRegression(), X[:300], y[:300], X_test=X[300:], y_test=y[300:],
    ...     fractions=[10, 300], random_state=0,
    ... )
    >>> few, many = curve.mean("LogisticRegression")
    >>> bool(few < many)
    True
    """
    if not isinstance(estimators, dict):
        estimators = {type(estimators).__name__: estimators}
    fractions = list(fractions)
    if not fractions:
        raise ValueError("fractions is empty: pass at least one share or number of labels.")
    X, y, groups = indexable(X, y, groups)
    y = np.asarray(y)
    _check_semi_supervised(semi_supervised, estimators, y)
    scorers = _resolve_scorers(scoring)
    repeats = _plan_repeats(X, y, X_test, y_test, cv, groups, n_repeats)
    seeds = check_random_state(random_state).randint(np.iinfo(np.int32).max, size=len(repeats))
    draws = _draw_labels(y, groups, fractions, repeats, seeds)
    cells = [(name, i, r) for name in estimators for i, r in draws]

    def calls():
        """Cut the rows of a cell when its turn comes: those of all at once are many times the data."""
        for name, estimator in estimators.items():
            prefix, rest = split_prefix(estimator)
            features = X if prefix is None else prefix.transform(X)
            test_features = X_test if prefix is None or X_test is None else prefix.transform(X_test)
            for (_, r), rows in draws.items():
                test, test_labels = (test_features, y_test)
                if X_test is None:
                    test, test_labels = safe_indexing(features, repeats[r][1]), y[repeats[r][1]]
                labels = y[rows]
                if name in semi_supervised:
                    rows, labels = repeats[r][0], _hide_labels(y, rows)[repeats[r][0]]
                yield delayed(_score_cell)(
                    rest, safe_indexing(features, rows), labels, test, test_labels, scorers
                )

    results = Parallel(n_jobs=n_jobs, verbose=verbose)(calls())
    scores = {
        name: {metric: np.full((len(fractions), len(repeats)), np.nan) for metric in scorers}
        for name in estimators
    }
    for (name, i, r), result in zip(cells, results, strict=True):
        for metric, value in result.items():
            scores[name][metric][i, r] = value
    n_labels = np.array(
        [np.mean([len(rows) for (j, _), rows in draws.items() if j == i]) for i in range(len(fractions))]
    )
    return LabelFractionCurve(fractions, n_labels, scores, _chance(y, y_test, repeats, scorers))


def _check_semi_supervised(names, estimators, y):
    unknown = sorted(set(names) - set(estimators))
    if isinstance(names, str) or unknown:
        raise ValueError(
            f"semi_supervised must hold names of estimators, some of {list(estimators)}. "
            f"Got {names!r} instead."
        )
    if names and (y == -1).any():
        raise ValueError(
            f"-1 is a class of y, in row {int(np.argmax(y == -1))}, but stands for unlabelled where "
            "semi_supervised is given. Give the class another name."
        )


def _hide_labels(y, rows):
    """Give `y` with -1 in all rows but some."""
    hidden = np.full(y.shape, -1, dtype=y.dtype if y.dtype.kind in "if" else object)
    hidden[rows] = y[rows]
    return hidden


def _resolve_scorers(scoring):
    if isinstance(scoring, str):
        return {scoring: get_scorer(scoring)}
    if callable(scoring):
        return {getattr(scoring, "__name__", "score"): check_scoring(DummyClassifier(), scoring)}
    if isinstance(scoring, dict):
        return {name: get_scorer(scorer) for name, scorer in scoring.items()}
    return {name: get_scorer(name) for name in scoring}


def _plan_repeats(X, y, X_test, y_test, cv, groups, n_repeats):
    """Give (training rows, test rows) of each repeat; test rows are None where the test set is fixed."""
    if (X_test is None) != (y_test is None):
        raise ValueError("X_test and y_test go together. Got one of them.")
    if X_test is None:
        return list(check_cv(cv, y, classifier=True).split(X, y, groups))
    if cv is not None:
        raise ValueError(
            f"X_test fixes the rows to test on, so cv={cv!r} has nothing to split: pass one of them."
        )
    return [(np.arange(len(y)), None)] * n_repeats


def _draw_labels(y, groups, fractions, repeats, seeds):
    """Give the labelled rows of each (fraction, repeat); equal draws on a fixed test set come once."""
    draws = {}
    for r, (train, test) in enumerate(repeats):
        for i, fraction in enumerate(fractions):
            kept = nested_label_subset(
                y[train],
                fraction,
                groups=None if groups is None else safe_indexing(groups, train),
                random_state=seeds[r],
            )
            if test is not None or r == 0 or len(kept) < len(train):
                draws[i, r] = train[kept]
    return draws


def split_prefix(estimator):
    """Part a Pipeline into the steps that learn nothing from the labelled data and the rest.

    Parameters
    ----------
    estimator : estimator
        Any; only a Pipeline has something to part.

    Returns
    -------
    prefix : Pipeline or None
        The first steps that are frozen or need no fit.
    rest : estimator
        What is to be fitted in each cell.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from skgenome.model_selection import split_prefix
    >>> from skgenome.preprocessing import KmerCounter
    >>> prefix, rest = split_prefix(make_pipeline(KmerCounter(), LogisticRegression()))
    >>> [name for name, _ in prefix.steps], rest
    (['kmercounter'], LogisticRegression())
    """
    if not isinstance(estimator, Pipeline):
        return None, estimator
    steps = estimator.steps
    n_prefix = next(
        (i for i, (_, step) in enumerate(steps[:-1]) if not _learns_nothing(step)), len(steps) - 1
    )
    if n_prefix == 0:
        return None, estimator
    rest = steps[n_prefix:]
    return Pipeline(steps[:n_prefix]), rest[0][1] if len(rest) == 1 else Pipeline(rest)


def _learns_nothing(step):
    if step is None or isinstance(step, str | FrozenEstimator):
        return True
    if isinstance(step, Pipeline):
        return all(_learns_nothing(inner) for _, inner in step.steps)
    if isinstance(step, FeatureUnion):
        return all(_learns_nothing(inner) for _, inner in step.transformer_list)
    return not get_tags(step).requires_fit


def _score_cell(estimator, X, y, X_test, y_test, scorers):
    fitted = clone(estimator).fit(X, y)
    return {name: scorer(fitted, X_test, y_test) for name, scorer in scorers.items()}


def _chance(y, y_test, repeats, scorers):
    """Score the class proportions of the training data, as a mean over the test sets."""
    values = {name: [] for name in scorers}
    for train, test in repeats:
        labels = np.asarray(y_test) if test is None else y[test]
        dummy = DummyClassifier(strategy="prior").fit(np.zeros((len(train), 1)), y[train])
        for name, scorer in scorers.items():
            values[name].append(scorer(dummy, np.zeros((len(labels), 1)), labels))
    return {name: float(np.mean(scores)) for name, scores in values.items()}
