"""Curves over labels as scores of a record: what all accuracy tasks share."""

import logging
from collections.abc import Mapping, Sequence

import numpy as np
from sklearn.base import ClassifierMixin

from benchmarks.records import Score
from skgenome.model_selection import label_fraction_curve

logger = logging.getLogger(__name__)


def score_methods(
    methods: Mapping[str, ClassifierMixin],
    X: np.ndarray,
    y: np.ndarray,
    *,
    conditions: Mapping[str, float],
    metrics: Sequence[str],
    random_state: int,
    **protocol: object,
) -> list[Score]:
    """Measure every method under every condition, on the same draws of labels.

    Parameters
    ----------
    methods : mapping of str to classifier
        Not fitted; they take sequences.
    X, y : ndarray of shape (n_samples,)
        Sequences and classes that labels are drawn from.
    conditions : mapping of str to float or int
        Name to the share or number of labels, as :func:`skgenome.model_selection.nested_label_subset`
        takes it.
    metrics : sequence of str
        Names of scikit-learn's scorers.
    random_state : int
        Of the draws.
    **protocol
        What else :func:`skgenome.model_selection.label_fraction_curve` takes: the test set or the splits,
        groups, number of repeats.

    Returns
    -------
    list of Score
        Metric by metric, then method by method. Draws that would be the same are computed once.
    """
    curves = {}
    for name, method in methods.items():
        # One at a time, so that there is something to report; the seed gives all of them the same draws.
        curves[name] = label_fraction_curve(
            {name: method},
            X,
            y,
            fractions=list(conditions.values()),
            scoring=list(metrics),
            random_state=random_state,
            **protocol,
        )
        logger.info("%s: %s", name, _summary(curves[name].mean(name), conditions))
    return [
        Score(name, condition, round(n_labels), metric, values[~np.isnan(values)].tolist())
        for metric in metrics
        for name, curve in curves.items()
        for condition, n_labels, values in zip(
            conditions, curve.n_labels, curve.scores[name][metric], strict=True
        )
    ]


def _summary(means: np.ndarray, conditions: Mapping[str, float]) -> str:
    figures = zip(conditions, means, strict=True)
    return ", ".join(f"{condition} {mean:.3f}" for condition, mean in figures)
