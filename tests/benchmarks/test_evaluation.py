"""The loop over methods, draws and metrics."""

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.pipeline import make_pipeline

from benchmarks.evaluation import score_methods
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
