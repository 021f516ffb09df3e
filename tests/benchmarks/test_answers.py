"""What is made of probabilities: figures of windows, of labels and of genomes."""

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, f1_score, get_scorer, roc_auc_score

from benchmarks.answers import Answers


@pytest.mark.parametrize(
    ("n_classes", "metrics"),
    [
        (2, ("roc_auc", "balanced_accuracy", "f1_macro", "average_precision", "accuracy", "neg_log_loss")),
        (3, ("roc_auc_ovr", "balanced_accuracy", "f1_macro", "matthews_corrcoef")),
    ],
    ids=["two classes", "three"],
)
def test_answers_are_judged_as_their_classifier(n_classes, metrics, seed):
    X, y = make_classification(200, n_informative=4, n_classes=n_classes, flip_y=0.2, random_state=seed)
    y = np.array(["a", "b", "c"])[y] if n_classes == 3 else y
    fitted = LogisticRegression().fit(X[:100], y[:100])
    answers = Answers(fitted.predict_proba(X[100:]), fitted.classes_)
    found = answers.score_by(metrics, y[100:])
    assert list(found) == list(metrics)
    for name, value in found.items():
        assert value == pytest.approx(get_scorer(name)(fitted, X[100:], y[100:])), name
    np.testing.assert_array_equal(answers.predict(), fitted.predict(X[100:]))


def test_answers_about_labels_are_judged_where_these_are_known(seed):
    rng = np.random.RandomState(seed)
    probabilities, y = rng.rand(60, 3), rng.randint(-1, 2, (60, 3))
    found = Answers(probabilities, None).score_labels(("average_precision", "roc_auc", "f1"), y)
    expected = {"average_precision": [], "roc_auc": [], "f1": []}
    for truth, score in zip(y.T, probabilities.T, strict=True):
        truth, score = truth[truth >= 0], score[truth >= 0]
        expected["average_precision"].append(average_precision_score(truth, score))
        expected["roc_auc"].append(roc_auc_score(truth, score))
        expected["f1"].append(f1_score(truth, score > 0.5))
    assert list(found) == list(expected)
    for name, values in expected.items():
        assert found[name] == pytest.approx(values)


def test_answers_that_nobody_has_a_label_say_it_without_a_warning():
    y = np.array([[0, 1], [1, 0]])
    found = Answers(np.full((2, 2), 0.1), None).score_labels(("f1", "roc_auc"), y)
    assert found == {"f1": [0.0, 0.0], "roc_auc": [0.5, 0.5]}


def test_answers_of_genomes_are_means_over_windows(seed):
    rng = np.random.RandomState(seed)
    genome_ids = rng.permutation(np.repeat(["x", "a", "m"], [1, 5, 3]))
    probabilities = rng.dirichlet(np.ones(3), 9)
    y = np.searchsorted(["a", "m", "x"], genome_ids) * 10
    answers, classes = Answers(probabilities, np.array([0, 10, 20])).of_genomes(y, genome_ids)
    expected = [probabilities[genome_ids == name].mean(axis=0) for name in ("a", "m", "x")]
    np.testing.assert_allclose(answers.probabilities, expected)
    assert classes.tolist() == [0, 10, 20]
    np.testing.assert_array_equal(answers.classes_, [0, 10, 20])


def test_answers_of_genomes_are_not_swayed_by_one_certain_window():
    """The mean of log odds would be infinite."""
    positive = np.array([1.0, 0.3, 0.3, 0.3])
    answers, _ = Answers(np.c_[1 - positive, positive], np.array([0, 1])).of_genomes(
        np.zeros(4, dtype=int), np.repeat("g", 4)
    )
    np.testing.assert_allclose(answers.probabilities, [[0.525, 0.475]])
    assert answers.predict().tolist() == [0]
