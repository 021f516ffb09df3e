"""Curves over labels as scores of a record: what all accuracy tasks share."""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import ClassifierMixin, clone
from sklearn.metrics import check_scoring
from sklearn.pipeline import Pipeline
from sklearn.utils import Bunch

from benchmarks.environment import describe
from benchmarks.methods import describe_method
from benchmarks.parts import Parts
from benchmarks.records import Record, Score, Settings, describe_files
from benchmarks.stopwatch import Stopwatch
from skgenome.datasets import get_data_home
from skgenome.model_selection import LabelFractionCurve, label_fraction_curve

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
    parts: Parts | None = None,
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
    parts : Parts or None, default=None
        Where the scores of each method are kept; the conditions must tell all that is not in `parts`.
    **protocol
        What else :func:`skgenome.model_selection.label_fraction_curve` takes: the test set or the splits,
        groups, number of repeats.

    Returns
    -------
    list of Score
        Metric by metric, then method by method. Draws that would be the same are computed once.
    """
    keep = parts or Parts()
    found: dict[str, list[Score]] = {}
    for name, method in methods.items():

        def compute(name: str = name, method: ClassifierMixin = method) -> list[Score]:
            # One at a time, so that there is something to report; the seed gives all of them the same draws.
            curve = label_fraction_curve(
                {name: method},
                X,
                y,
                fractions=list(conditions.values()),
                scoring=list(metrics),
                random_state=random_state,
                semi_supervised={name} & set(semi_supervised),
                **protocol,
            )
            return _scores_of_curve(name, curve, conditions)

        key = {"method": name, "is": describe_method(method), "conditions": dict(conditions)}
        found[name] = [Score(*row) for row in keep(compute, **key)]
        means = {s.condition: float(np.mean(s.values)) for s in found[name] if s.metric == metrics[0]}
        logger.info("%s: %s", name, _summary(means))
    return [
        score for metric in metrics for rows in found.values() for score in rows if score.metric == metric
    ]


def _scores_of_curve(name: str, curve: LabelFractionCurve, conditions: Mapping[str, float]) -> list[Score]:
    return [
        Score(name, condition, round(n_labels), metric, values[~np.isnan(values)].tolist())
        for metric, scores in curve.scores[name].items()
        for condition, n_labels, values in zip(conditions, curve.n_labels, scores, strict=True)
    ]


def _summary(means: Mapping[str, float]) -> str:
    return ", ".join(f"{condition} {mean:.3f}" for condition, mean in means.items())


def score_seeds(
    methods: Mapping[str, ClassifierMixin],
    X: np.ndarray,
    y: np.ndarray,
    tests: Mapping[str, Bunch],
    *,
    seeds: Sequence[int],
    metrics: Sequence[str],
    n_jobs: int | None = None,
    parts: Parts | None = None,
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
    parts : Parts or None, default=None
        Where the scores of each method are kept; the names of the tests must tell all that is not in `parts`.

    Returns
    -------
    list of Score
        Metric by metric, then method by method, with a value for each seed.
    """
    keep = parts or Parts()
    found: dict[str, list[list]] = {}
    for name, method in methods.items():
        seeded = _with_seeds(method, seeds)
        calls = [delayed(_fit_and_score)(one, X, y, tests, metrics) for one in seeded]

        def compute(calls: list = calls) -> list[list]:
            return Parallel(n_jobs=n_jobs)(calls)

        key = {"method": name, "is": describe_method(seeded[0]), "tests": list(tests), "seeds": list(seeds)}
        found[name] = keep(compute, **key)
        logger.info("%s: %s", name, _summary({test: found[name][0][i][0] for i, test in enumerate(tests)}))
    return [
        Score(name, condition, len(X), metric, [fit[i][j] for fit in found[name]])
        for j, metric in enumerate(metrics)
        for name in methods
        for i, condition in enumerate(tests)
    ]


def _fit_and_score(
    method: ClassifierMixin, X: np.ndarray, y: np.ndarray, tests: Mapping[str, Bunch], metrics: Sequence[str]
) -> list[list[float]]:
    """Give, for every test set, the value of every metric."""
    fitted = clone(method).fit(X, y)
    score = check_scoring(fitted, scoring=list(metrics))
    by_test = [score(fitted, test.data, test.target) for test in tests.values()]
    return [[float(scores[metric]) for metric in metrics] for scores in by_test]


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
