"""The loop over draws and methods."""

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.pipeline import make_pipeline

from benchmarks.evaluation import Draw, evaluate

METHODS = {
    "majority": DummyClassifier(),
    "GC": make_pipeline(CountVectorizer(analyzer="char", lowercase=False), LogisticRegression()),
}
METRICS = ("accuracy", "roc_auc")


@pytest.fixture
def labelled(seed):
    rng = np.random.RandomState(seed)
    target = np.arange(60) % 2
    shares = [[0.35, 0.15, 0.15, 0.35], [0.2, 0.3, 0.3, 0.2]]
    data = ["".join(rng.choice(list("ACGT"), 80, p=shares[label])) for label in target]
    return np.array(data, dtype=object), target


@pytest.fixture
def draws():
    test = np.arange(30, 60)
    return [
        Draw("few", np.arange(4), test),
        Draw("many", np.arange(20), test),
        Draw("few", np.arange(6), test),
    ]


def test_evaluate_values_are_those_of_scikit_learn(labelled, draws):
    data, target = labelled
    scores = evaluate(METHODS, data, target, draws, METRICS)
    values = {(s.metric, s.method, s.condition): s.values for s in scores}
    for number, draw in enumerate(draws):
        fitted = METHODS["GC"].fit(data[draw.train], target[draw.train])
        place = ("few", number // 2) if draw.condition == "few" else ("many", 0)
        expected = accuracy_score(target[draw.test], fitted.predict(data[draw.test]))
        assert values["accuracy", "GC", place[0]][place[1]] == expected
        expected = roc_auc_score(target[draw.test], fitted.predict_proba(data[draw.test])[:, 1])
        assert values["roc_auc", "GC", place[0]][place[1]] == pytest.approx(expected)


def test_evaluate_gives_metric_by_metric_a_row_for_method_and_condition(labelled, draws):
    scores = evaluate(METHODS, *labelled, draws, METRICS)
    places = [(s.metric, s.method, s.condition, s.n_labels, len(s.values)) for s in scores]
    assert places == [
        (metric, method, condition, n_labels, n)
        for metric in METRICS
        for method in METHODS
        for condition, n_labels, n in (("few", 5, 2), ("many", 20, 1))
    ]


def test_evaluate_leaves_the_methods_unfitted(labelled, draws):
    method = DummyClassifier()
    evaluate({"majority": method}, *labelled, draws, METRICS)
    assert not hasattr(method, "classes_")


def test_evaluate_knows_chance(labelled, draws):
    scores = evaluate({"majority": DummyClassifier()}, *labelled, draws, METRICS)
    assert {value for score in scores for value in score.values} == {0.5}
