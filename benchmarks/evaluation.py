"""Curves over labels as scores of a record: what all accuracy tasks share."""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import product

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import ClassifierMixin, clone
from sklearn.metrics import check_scoring
from sklearn.pipeline import Pipeline
from sklearn.utils import Bunch

from benchmarks.environment import describe
from benchmarks.methods import describe_method
from benchmarks.records import Record, Score, Settings, describe_files
from benchmarks.stopwatch import Stopwatch
from skgenome.datasets import get_data_home
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
    semi_supervised: Collection[str] = (),
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
    semi_supervised : collection of str, default=()
        Names of the methods that get the rows without labels too.
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
            semi_supervised={name} & set(semi_supervised),
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


def _summary(means: Iterable[float], conditions: Mapping[str, float]) -> str:
    figures = zip(conditions, means, strict=True)
    return ", ".join(f"{condition} {mean:.3f}" for condition, mean in figures)


def score_seeds(
    methods: Mapping[str, ClassifierMixin],
    X: np.ndarray,
    y: np.ndarray,
    tests: Mapping[str, Bunch],
    *,
    seeds: Sequence[int],
    metrics: Sequence[str],
    n_jobs: int | None = None,
) -> list[Score]:
    """Learn every method from all labels, once for each seed of its own, and test it on every test set.

    Parameters
    ----------
    methods : mapping of str to classifier
        Not fitted. The last step's ``random_state`` is set; what has none is measured once.
    X, y : ndarray of shape (n_samples,)
        Sequences and classes.
    tests : mapping of str to Bunch
        Name of the condition to data and target.
    seeds : sequence of int
        The seeds.
    metrics : sequence of str
        Names of scikit-learn's scorers.
    n_jobs : int, optional
        Fits side by side.

    Returns
    -------
    list of Score
        Metric by metric, then method by method, with a value for each seed.
    """
    jobs = [(name, seeded) for name, method in methods.items() for seeded in _with_seeds(method, seeds)]
    calls = [delayed(_fit_and_score)(method, X, y, tests, metrics) for _, method in jobs]
    values: dict[tuple[str, str, str], list[float]] = {key: [] for key in product(metrics, methods, tests)}
    found = Parallel(n_jobs=n_jobs, return_as="generator")(calls)
    for (name, _), scores in zip(jobs, found, strict=True):
        for (condition, metric), value in scores.items():
            values[metric, name, condition].append(value)
        figures = {condition: scores[condition, metrics[0]] for condition in tests}
        logger.info("%s, all labels: %s", name, _summary(figures.values(), figures))
    return [
        Score(method, condition, len(X), metric, values[metric, method, condition])
        for metric, method, condition in values
    ]


def _fit_and_score(
    method: ClassifierMixin, X: np.ndarray, y: np.ndarray, tests: Mapping[str, Bunch], metrics: Sequence[str]
) -> dict[tuple[str, str], float]:
    """Give the value of every metric on every test set."""
    fitted = clone(method).fit(X, y)
    score = check_scoring(fitted, scoring=list(metrics))
    by_test = {name: score(fitted, test.data, test.target) for name, test in tests.items()}
    return {(name, metric): float(by_test[name][metric]) for name in tests for metric in metrics}


def make_record(
    settings: Settings,
    watch: Stopwatch,
    methods: Mapping[str, ClassifierMixin],
    scores: Sequence[Score],
    filenames: Iterable[str],
    **fields: object,
) -> Record:
    """Put together what a task leaves behind.

    Parameters
    ----------
    settings : Settings
        What the caller chose.
    watch : Stopwatch
        What took how long.
    methods : mapping of str to classifier
        What was compared.
    scores : sequence of Score
        What came out.
    filenames : iterable of str
        What was read.
    **fields
        The other fields of :class:`benchmarks.records.Record`: name, title, protocol and so on.

    Returns
    -------
    Record
        Not yet written.
    """
    return Record(
        random_state=settings.random_state,
        scores=[score.as_row() for score in scores],
        models={name: describe_method(method) for name, method in methods.items()},
        data=describe_files(filenames, get_data_home(settings.data_home)),
        seconds=watch.seconds,
        environment=describe(settings.device),
        quick=settings.quick,
        **fields,
    )


def _with_seeds(method: ClassifierMixin, seeds: Sequence[int]) -> list[ClassifierMixin]:
    """Give a copy of a method for each seed; the method alone if it has no seed, or needs none."""
    name = f"{method.steps[-1][0]}__random_state" if isinstance(method, Pipeline) else "random_state"
    if method.get_params().get(name) is None:
        return [method]
    return [clone(method).set_params(**{name: seed}) for seed in seeds]
