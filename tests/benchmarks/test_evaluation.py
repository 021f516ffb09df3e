"""The loop over methods, draws and metrics."""

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.pipeline import make_pipeline

from benchmarks.evaluation import score_methods, score_seeds, with_seed
from skgenome.model_selection import nested_label_subset

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


def score(labelled, conditions, n_repeats=2):
    data, target = labelled
    return score_methods(
        METHODS,
        data[:30],
        target[:30],
        conditions=conditions,
        metrics=METRICS,
        random_state=0,
        X_test=data[30:],
        y_test=target[30:],
        n_repeats=n_repeats,
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


class Lottery(DummyClassifier):
    """A classifier whose answer is its seed's parity, so that scores tell which seed was set."""

    def __init__(self, random_state=None):
        super().__init__(strategy="constant", constant=0, random_state=random_state)

    def fit(self, X, y):
        self.constant = self.random_state % 2
        return super().fit(X, y)

    def get_params(self, deep=True):
        return {"random_state": self.random_state}


def test_score_seeds_measure_each_seed_and_the_deterministic_once(labelled):
    data, target = labelled
    test_target = np.repeat([0, 1], [21, 9])
    scores = score_seeds(
        {
            "lottery": Lottery(),
            "plain": make_pipeline(CountVectorizer(analyzer="char"), LogisticRegression()),
        },
        data[:30],
        target[:30],
        condition="all",
        seeds=(4, 5, 6),
        metrics=["accuracy"],
        X_test=data[30:],
        y_test=test_target,
    )
    values = {score.method: score.values for score in scores}
    assert values["lottery"] == [0.7, 0.3, 0.7]
    # LogisticRegression has a seed too, of which its solver makes no use.
    assert len(set(values["plain"])) == 1
    assert {(score.condition, score.n_labels) for score in scores} == {("all", 30)}


def test_with_seed_reaches_the_last_step_and_leaves_the_method():
    pipeline = make_pipeline(CountVectorizer(), Lottery(random_state=1))
    assert with_seed(pipeline, 7)[-1].random_state == 7
    assert pipeline[-1].random_state == 1
    counts = CountVectorizer()
    assert with_seed(counts, 7) is counts


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
