"""Fit methods on draws of labels and score them: what all accuracy tasks share."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from sklearn.base import ClassifierMixin, clone
from sklearn.metrics import get_scorer

from benchmarks.records import Score

logger = logging.getLogger(__name__)


class Draw(NamedTuple):
    """Rows to learn from and rows to test on, under one condition."""

    condition: str
    train: np.ndarray
    test: np.ndarray


def evaluate(
    methods: Mapping[str, ClassifierMixin],
    data: np.ndarray,
    target: np.ndarray,
    draws: Iterable[Draw],
    metrics: Sequence[str],
) -> list[Score]:
    """Fit every method on the same labels and test it on the same rows.

    Parameters
    ----------
    methods : mapping of str to classifier
        Not fitted; they take sequences.
    data, target : ndarray of shape (n_samples,)
        Sequences and classes.
    draws : iterable of Draw
        Repeats of a condition are several draws of one name.
    metrics : sequence of str
        Names of scikit-learn's scorers.

    Returns
    -------
    list of Score
        Metric by metric, then method by method; a value for each draw of a condition.
    """
    values: dict[tuple[str, str, str], list[float]] = {}
    n_labels: dict[str, list[int]] = {}
    for draw in draws:
        n_labels.setdefault(draw.condition, []).append(len(draw.train))
        for name, method in methods.items():
            fitted = clone(method).fit(data[draw.train], target[draw.train])
            for metric in metrics:
                value = get_scorer(metric)(fitted, data[draw.test], target[draw.test])
                values.setdefault((metric, name, draw.condition), []).append(float(value))
        logger.info("%s: draw %d done", draw.condition, len(n_labels[draw.condition]))
    return [
        # Where whole genomes are labelled, the number differs a little from draw to draw: its mean is told.
        Score(name, condition, round(np.mean(n_labels[condition])), metric, values[metric, name, condition])
        for metric in metrics
        for name in methods
        for condition in n_labels
    ]
