"""The loop over methods, draws and metrics."""

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, matthews_corrcoef, roc_auc_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.utils import Bunch

from benchmarks.evaluation import score_methods, score_seeds
from benchmarks.labels import KnownLabels
from benchmarks.parts import Parts
from benchmarks.records import EVERYTHING
from skgenome.model_selection import nested_label_subset
from skgenome.preprocessing import KmerCounter

METHODS = {
    "majority": DummyClassifier(),
    "GC": make_pipeline(CountVectorizer(analyzer="char", lowercase=False), LogisticRegression()),
}
METRICS = ("accuracy", "roc_auc")


@pytest.fixture
def labelled(seed):
    """Sixty sequences that GC content tells apart in part."""
    rng = np.random.RandomState(seed)
    target = np.arange(60) % 2
    shares = [[0.35, 0.15, 0.15, 0.35], [0.2, 0.3, 0.3, 0.2]]
    data = ["".join(rng.choice(list("ACGT"), 80, p=shares[label])) for label in target]
    return np.array(data, dtype=object), target


def score(labelled, conditions, n_repeats=2, methods=METHODS, **options):
    data, target = labelled
    return score_methods(
        methods,
        data[:30],
        target[:30],
        conditions=conditions,
        metrics=METRICS,
        random_state=0,
        X_test=data[30:],
        y_test=target[30:],
        n_repeats=n_repeats,
        **options,
    )


def test_score_methods_give_metric_by_metric_a_row_for_method_and_condition(labelled):
    scores = score(labelled, {"few": 4, "all": 30})
    places = [(s.metric, s.method, s.condition, s.n_labels, len(s.values)) for s in scores]
    assert places == [
        (metric, method, condition, n_labels, n_draws)
        for metric in METRICS
        for method in METHODS
        for condition, n_labels, n_draws in (("few", 4, 2), ("all", 30, 1))
    ]


def test_score_methods_value_is_that_of_scikit_learn(labelled):
    data, target = labelled
    value = next(s for s in score(labelled, {"all": 30}) if s.method == "GC").values[0]
    fitted = METHODS["GC"].fit(data[:30], target[:30])
    assert value == accuracy_score(target[30:], fitted.predict(data[30:]))


def test_score_methods_know_chance(labelled):
    values = [value for s in score(labelled, {"few": 4}) if s.method == "majority" for value in s.values]
    assert set(values) == {0.5}


def test_score_methods_draw_the_same_for_all_methods(labelled, monkeypatch):
    """A method that is given other labels than its rival is compared with nothing."""
    drawn = []

    def record(y, fraction, **kwargs):
        drawn.append(tuple(nested_label_subset(y, fraction, **kwargs)))
        return np.array(drawn[-1])

    monkeypatch.setattr("skgenome.model_selection._curve.nested_label_subset", record)
    score(labelled, {"few": 4, "more": 10}, n_repeats=3)
    assert len(drawn) == 2 * 6
    assert drawn[:6] == drawn[6:]
    assert len(set(drawn)) == 6
    # One condition at a time, and still the fewer are among the more.
    assert all(set(few) < set(more) for few, more in zip(drawn[:3], drawn[3:6], strict=True))


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({}, [("majority", "few"), ("majority", "all"), ("GC", "few"), ("GC", "all")]),
        ({"methods": ("GC",)}, [("GC", "few"), ("GC", "all")]),
        ({"conditions": ("all", "elsewhere")}, [("majority", "all"), ("GC", "all")]),
        ({"methods": ("GC",), "conditions": ("few",)}, [("GC", "few")]),
        ({"conditions": ("elsewhere",)}, []),
    ],
    ids=["all", "method", "condition", "both", "condition of another step"],
)
def test_score_methods_measure_what_is_wanted(labelled, choice, expected):
    conditions = {"few": 4, "all": 30}
    scores = score(labelled, conditions, settings=EVERYTHING._replace(**choice))
    assert [(s.method, s.condition) for s in scores if s.metric == "accuracy"] == expected
    whole = score(labelled, conditions)
    assert all(one in whole for one in scores)


def test_score_methods_keep_each_condition_of_each_method(labelled, tmp_path, monkeypatch):
    monkeypatch.setattr(CountingDummy, "n_fits", 0)
    methods = {"counting": CountingDummy()}

    def measure(amounts, wanted=()):
        settings = EVERYTHING._replace(conditions=wanted)
        scores = score(labelled, amounts, methods=methods, settings=settings, parts=Parts(tmp_path))
        return scores, CountingDummy.n_fits

    first, n_fits = measure({"few": 4, "more": 10}, ("few",))
    assert n_fits == 2
    both, n_fits = measure({"few": 4, "more": 10})
    assert n_fits == 4
    again, n_fits = measure({"few": 4, "more": 10})
    assert n_fits == 4
    # Two draws of the third, and nothing else.
    added, n_fits = measure({"few": 4, "more": 10, "many": 20})
    assert n_fits == 6
    assert again == both
    assert first == [s for s in added if s.condition == "few"]
    # The same name for another number of labels is another part.
    assert measure({"few": 6})[1] == 8


def test_score_methods_of_another_estimator_are_another_part(labelled, tmp_path):
    parts = Parts(tmp_path)
    values = [
        score(labelled, {"few": 4}, methods={"same name": method}, parts=parts)[0].values
        for method in (DummyClassifier(strategy="constant", constant=0), METHODS["GC"])
    ]
    assert values[0] == [0.5, 0.5]
    assert values[1] != values[0]


class Lottery(DummyClassifier):
    """A classifier whose answer is its seed's parity, so that scores tell which seed was set."""

    n_fits = 0

    def __init__(self, random_state=None):
        super().__init__(strategy="constant", constant=0, random_state=random_state)

    def fit(self, X, y):
        Lottery.n_fits += 1
        self.constant = self.random_state % 2
        return super().fit(X, y)

    def get_params(self, deep=True):
        return {"random_state": self.random_state}


class CountingDummy(DummyClassifier):
    """A classifier that has nothing to seed, and counts its fits."""

    n_fits = 0

    def __init__(self):
        super().__init__(strategy="prior")

    def fit(self, X, y):
        CountingDummy.n_fits += 1
        return super().fit(X, y)


@pytest.fixture
def tests(labelled):
    """Two parts of the rows that nothing is learnt from."""
    data, target = labelled
    return {
        "near": Bunch(data=data[30:45], target=target[30:45]),
        "far": Bunch(data=data[45:], target=target[45:]),
    }


def seeds_of(methods, labelled, tests, **options):
    data, target = labelled
    options = {"seeds": (4, 5, 6), "metrics": ["accuracy"], **options}
    return score_seeds(methods, data[:30], target[:30], tests, **options)


def test_score_seeds_give_metric_by_metric_a_row_for_method_and_test(labelled, tests):
    scores = seeds_of({"lottery": Lottery(0), **METHODS}, labelled, tests, metrics=METRICS)
    assert [(s.metric, s.method, s.condition, s.n_labels) for s in scores] == [
        (metric, method, condition, 30)
        for metric in METRICS
        for method in ("lottery", *METHODS)
        for condition in tests
    ]


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_score_seeds_values_are_those_of_fitting_by_hand(labelled, tests, n_jobs):
    data, target = labelled
    forest = make_pipeline(
        CountVectorizer(analyzer="char", ngram_range=(1, 3)),
        RandomForestClassifier(n_estimators=2, max_depth=2, max_features=1, random_state=99),
    )
    metrics = ("accuracy", "roc_auc", "matthews_corrcoef")
    # Threads: processes would take seconds to start.
    with parallel_config(backend="threading"):
        scores = seeds_of({"forest": forest}, labelled, tests, metrics=metrics, n_jobs=n_jobs)
    expected = {}
    for random_state in (4, 5, 6):
        fitted = clone(forest).set_params(randomforestclassifier__random_state=random_state)
        fitted.fit(data[:30], target[:30])
        for name, test in tests.items():
            predicted, probability = fitted.predict(test.data), fitted.predict_proba(test.data)[:, 1]
            by_hand = (
                accuracy_score(test.target, predicted),
                roc_auc_score(test.target, probability),
                matthews_corrcoef(test.target, predicted),
            )
            for metric, value in zip(metrics, by_hand, strict=True):
                expected.setdefault((metric, name), []).append(value)
    assert {(s.metric, s.condition): s.values for s in scores} == expected
    assert any(len(set(values)) > 1 for values in expected.values())
    assert forest[-1].random_state == 99


def test_score_seeds_set_each_seed(labelled):
    test = Bunch(data=labelled[0][30:], target=np.repeat([0, 1], [21, 9]))
    methods = {
        "alone": Lottery(0),
        "in a pipeline": make_pipeline(CountVectorizer(analyzer="char"), Lottery(0)),
    }
    scores = seeds_of(methods, labelled, {"all": test})
    assert [score.values for score in scores] == [[0.7, 0.3, 0.7]] * 2


def test_score_seeds_fit_once_for_all_test_sets(labelled, tests, monkeypatch):
    monkeypatch.setattr(Lottery, "n_fits", 0)
    seeds_of({"lottery": Lottery(0)}, labelled, tests, metrics=METRICS)
    assert Lottery.n_fits == 3


def test_score_seeds_read_once_what_learns_nothing(labelled, tests, monkeypatch):
    """Else each process embeds all sequences again, for every seed."""
    read = []

    def note(self, X):
        read.append(len(X))
        return KmerCounter.transform(self, X)

    noting = type("Noting", (KmerCounter,), {"transform": note})
    forest = RandomForestClassifier(3, max_depth=2, random_state=0)
    found, expected = (
        seeds_of({"forest": make_pipeline(counter, forest)}, labelled, tests)
        for counter in (noting(k=2), KmerCounter(k=2))
    )
    assert read == [30, 15, 15]
    assert found == expected


@pytest.mark.parametrize(
    "wrap",
    [
        lambda lottery: lottery,
        lambda lottery: KnownLabels(lottery),
        lambda lottery: KnownLabels(OneVsRestClassifier(lottery)),
    ],
    ids=["alone", "known labels", "each label of its own"],
)
def test_score_seeds_set_the_seed_behind_wrappers(labelled, wrap, monkeypatch):
    data, target = labelled
    noted = []

    class Noting(DummyClassifier):
        def fit(self, X, y):
            noted.append(self.random_state)
            return super().fit(X, y)

        def predict_proba(self, X):
            return np.full((len(X), 2), 0.5)

    method = wrap(Noting(random_state=0))
    y = np.c_[target, 1 - target] if isinstance(method, KnownLabels) else target
    test = {"all": Bunch(data=data[30:], target=y[30:])}
    scores = score_seeds(
        {"noting": method}, data[:30, None], y[:30], test, seeds=(4, 5), metrics=["accuracy"]
    )
    assert sorted(set(noted)) == [4, 5]
    assert len(scores[0].values) == 2


@pytest.mark.parametrize("first", [("far",), ("near",), ()], ids=["far", "near", "both"])
def test_score_seeds_of_one_test_are_a_part_of_the_whole(labelled, tests, first, tmp_path, monkeypatch):
    """Non-regression test: parts of one of several test sets were not found by the whole run."""
    monkeypatch.setattr(Lottery, "n_fits", 0)
    settings = EVERYTHING._replace(conditions=first)
    methods = {"lottery": Lottery(0)}
    part = seeds_of(methods, labelled, tests, settings=settings, parts=Parts(tmp_path))
    assert [s.condition for s in part] == list(first or tests)
    whole = seeds_of(methods, labelled, tests, parts=Parts(tmp_path))
    assert Lottery.n_fits == 3
    assert [s.condition for s in whole] == list(tests)
    assert all(score in whole for score in part)


def test_score_seeds_measure_what_is_wanted(labelled, tests):
    settings = EVERYTHING._replace(methods=("GC",), conditions=("elsewhere",))
    assert seeds_of(METHODS, labelled, tests, settings=settings) == []
    (found,) = seeds_of(METHODS, labelled, tests, settings=settings._replace(conditions=("far",)))
    assert (found.method, found.condition) == ("GC", "far")


def test_score_seeds_fit_once_what_has_no_seed(labelled, tests, monkeypatch):
    monkeypatch.setattr(CountingDummy, "n_fits", 0)
    scores = seeds_of({"dummy": CountingDummy()}, labelled, tests)
    assert CountingDummy.n_fits == 1
    assert [len(score.values) for score in scores] == [1, 1]


def test_score_methods_hand_unlabelled_rows_to_the_semi_supervised_alone(labelled):
    seen = {}

    class Noting(DummyClassifier):
        def __init__(self, name="a"):
            super().__init__()
            self.name = name

        def fit(self, X, y):
            seen.setdefault(self.name, []).append((len(y), int((y == -1).sum())))
            return super().fit(X, np.where(y == -1, 0, y))

    data, target = labelled
    score_methods(
        {"all rows": Noting("all rows"), "labelled": Noting("labelled")},
        data[:30],
        target[:30],
        conditions={"few": 4},
        metrics=["accuracy"],
        random_state=0,
        semi_supervised={"all rows"},
        n_repeats=1,
        X_test=data[30:],
        y_test=target[30:],
    )
    assert seen == {"all rows": [(30, 26)], "labelled": [(4, 0)]}
