"""Curves over labels as scores of a record: what all accuracy tasks share."""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import ClassifierMixin, clone
from sklearn.pipeline import Pipeline

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


def _summary(means: np.ndarray, conditions: Mapping[str, float]) -> str:
    figures = zip(conditions, means, strict=True)
    return ", ".join(f"{condition} {mean:.3f}" for condition, mean in figures)


def score_seeds(
    methods: Mapping[str, ClassifierMixin],
    X: np.ndarray,
    y: np.ndarray,
    *,
    condition: str,
    seeds: Sequence[int],
    metrics: Sequence[str],
    n_jobs: int | None = None,
    **protocol: object,
) -> list[Score]:
    """Measure every method with all labels, once for each seed of its own.

    Parameters
    ----------
    methods : mapping of str to classifier
        Not fitted. The last step's ``random_state`` is set; what has none is measured once.
    X, y : ndarray of shape (n_samples,)
        Sequences and classes.
    condition : str
        What to call it.
    seeds : sequence of int
        The seeds.
    metrics : sequence of str
        Names of scikit-learn's scorers.
    n_jobs : int, optional
        Seeds measured side by side.
    **protocol
        As in :func:`score_methods`.

    Returns
    -------
    list of Score
        Metric by metric, then method by method, with a value for each seed.
    """
    jobs = []
    for number, seed in enumerate(seeds):
        seeded = {name: with_seed(method, seed) for name, method in methods.items()}
        chosen = {name: seeded[name] for name in methods if number == 0 or seeded[name] is not methods[name]}
        given = {**protocol, "semi_supervised": set(protocol.get("semi_supervised", ())) & set(chosen)}
        options = {"conditions": {condition: len(X)}, "metrics": metrics, "random_state": 0, "n_repeats": 1}
        jobs.append(delayed(score_methods)(chosen, X, y, **options, **given))
    values: dict[tuple[str, str], list[float]] = {}
    for scores in Parallel(n_jobs=n_jobs)(jobs):
        for score in scores:
            values.setdefault((score.metric, score.method), []).extend(score.values)
    return [Score(method, condition, len(X), metric, found) for (metric, method), found in values.items()]


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


def with_seed(method: ClassifierMixin, seed: int) -> ClassifierMixin:
    """Give a method another seed.

    Parameters
    ----------
    method : classifier
        A classifier or a Pipeline that ends in one.
    seed : int
        The seed.

    Returns
    -------
    classifier
        A copy; the method itself if it has nothing to seed.
    """
    name = f"{method.steps[-1][0]}__random_state" if isinstance(method, Pipeline) else "random_state"
    return clone(method).set_params(**{name: seed}) if name in method.get_params() else method
