"""Curves over labels as scores of a record: what all accuracy tasks share."""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import ClassifierMixin, clone
from sklearn.metrics import check_scoring
from sklearn.pipeline import Pipeline
from sklearn.utils import Bunch

from benchmarks.environment import describe
from benchmarks.methods import describe_method
from benchmarks.parts import Parts
from benchmarks.records import EVERYTHING, Record, Score, Settings, describe_files
from benchmarks.stopwatch import Stopwatch
from skgenome.datasets import get_data_home
from skgenome.model_selection import LabelFractionCurve, label_fraction_curve, split_prefix

logger = logging.getLogger(__name__)


def score_methods(
    methods: Mapping[str, ClassifierMixin],
    X: np.ndarray,
    y: np.ndarray,
    *,
    conditions: Mapping[str, float],
    metrics: Sequence[str],
    random_state: int,
    settings: Settings = EVERYTHING,
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
    settings : Settings, default=EVERYTHING
        Says if parts alone are wanted.
    semi_supervised : collection of str, default=()
        Names of the methods that get the rows without labels too.
    parts : Parts or None, default=None
        Where the scores of each method under each condition are kept; the name of the condition must tell all
        that is not in `parts`.
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
    for name, method in settings.choose(methods, "methods").items():
        found[name] = []
        for condition, amount in settings.choose(conditions, "conditions").items():
            # One at a time, so that it can be kept; the seed gives all of them the same draws.
            compute = partial(
                label_fraction_curve,
                {name: method},
                X,
                y,
                fractions=[amount],
                scoring=list(metrics),
                random_state=random_state,
                semi_supervised={name} & set(semi_supervised),
                **protocol,
            )
            key = {"method": name, "is": describe_method(method), "condition": [condition, amount]}
            rows = keep(partial(_score_curve, name, condition, compute), **key)
            found[name] += [Score(*row) for row in rows]
        means = {s.condition: float(np.mean(s.values)) for s in found[name] if s.metric == metrics[0]}
        if means:
            logger.info("%s: %s", name, _summary(means))
    return [
        score for metric in metrics for rows in found.values() for score in rows if score.metric == metric
    ]


def _score_curve(name: str, condition: str, compute: Callable[[], LabelFractionCurve]) -> list[Score]:
    curve = compute()
    n_labels = round(curve.n_labels[0])
    return [
        Score(name, condition, n_labels, metric, values[~np.isnan(values)].tolist())
        for metric, (values,) in curve.scores[name].items()
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
    settings: Settings = EVERYTHING,
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
    settings : Settings, default=EVERYTHING
        Says if parts alone are wanted.
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
    wanted = settings.choose(tests, "conditions")
    for name, method in settings.choose(methods, "methods").items() if wanted else ():
        seeded = with_seeds(method, seeds)
        # A fit serves all tests: a part has them all, whichever are wanted.
        compute = partial(_fit_seeds, seeded, X, y, tests, metrics, n_jobs)
        key = {"method": name, "is": describe_method(seeded[0]), "tests": list(tests), "seeds": list(seeds)}
        found[name] = keep(compute, **key)
        logger.info("%s: %s", name, _summary({test: found[name][0][i][0] for i, test in enumerate(tests)}))
    return [
        Score(name, condition, len(X), metric, [fit[i][j] for fit in found[name]])
        for j, metric in enumerate(metrics)
        for name in found
        for i, condition in enumerate(tests)
        if condition in wanted
    ]


def _fit_seeds(
    seeded: Sequence[ClassifierMixin],
    X: np.ndarray,
    y: np.ndarray,
    tests: Mapping[str, Bunch],
    metrics: Sequence[str],
    n_jobs: int | None,
) -> list[list[list[float]]]:
    """Fit and score the copies of a method; steps that learn nothing are run once, in this process."""
    prefix, _ = split_prefix(seeded[0])
    if prefix is not None:
        X = prefix.transform(X)
        tests = {
            name: Bunch(data=prefix.transform(test.data), target=test.target) for name, test in tests.items()
        }
    calls = [delayed(_fit_and_score)(split_prefix(one)[1], X, y, tests, metrics) for one in seeded]
    return Parallel(n_jobs=n_jobs)(calls)


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


def with_seeds(method: ClassifierMixin, seeds: Sequence[int]) -> list[ClassifierMixin]:
    """Give a copy of a method for each seed.

    Parameters
    ----------
    method : classifier
        Its last step may be seeded, or what that one wraps.
    seeds : sequence of int
        The seeds.

    Returns
    -------
    list of classifier
        The method alone if it has no seed, or needs none.
    """
    last = f"{method.steps[-1][0]}__" if isinstance(method, Pipeline) else ""
    # Labels of their own are learnt behind a wrapper.
    names = [f"{last}{inner}random_state" for inner in ("", "estimator__", "estimator__estimator__")]
    seeded = [name for name in names if method.get_params().get(name) is not None]
    if not seeded:
        return [method]
    return [clone(method).set_params(**{seeded[0]: seed}) for seed in seeds]
