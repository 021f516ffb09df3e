"""Any classifier of sequences as a function: what may be asked, what it says, and what errors say."""

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC, LinearSVC

from skgenome._response import make_predictor
from skgenome.preprocessing import KmerCounter

X = ["ACGTAC", "AACCAA", "GGTTGG", "GTGTGT", "CCCCAA", "TTTTGG"]
TWO = np.array([0, 0, 1, 1, 0, 1])
THREE = np.array(["x", "x", "y", "y", "z", "z"])
LABELS = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 1], [0, 1, 1], [1, 1, 0], [0, 0, 1]])


def fit(classifier, y):
    return make_pipeline(KmerCounter(k=1, sparse=False), classifier).fit(X, y)


def predictor_of(estimator, response_method="auto"):
    return make_predictor(estimator, response_method, X[0])


class Odd:
    """Answers with whatever it is given, however often."""

    def __init__(self, *answers, **attributes):
        self.answers = list(answers)
        vars(self).update(attributes)

    def predict_proba(self, sequences):
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.mark.parametrize(
    ("classifier", "y", "kind", "labels"),
    [
        (LogisticRegression(), TWO, "binary", [0, 1]),
        (LogisticRegression(), THREE, "multiclass", ["x", "y", "z"]),
        (RandomForestClassifier(5, random_state=0), TWO, "binary", [0, 1]),
        (OneVsRestClassifier(LogisticRegression()), THREE, "multiclass", ["x", "y", "z"]),
        (OneVsRestClassifier(LogisticRegression()), LABELS, "multilabel", [0, 1, 2]),
        (MLPClassifier((2,), max_iter=3000, random_state=0), LABELS, "multilabel", [0, 1, 2]),
    ],
    ids=["binary", "classes", "forest", "one-vs-rest-classes", "one-vs-rest-labels", "network-labels"],
)
def test_predictor_gives_probabilities(classifier, y, kind, labels):
    estimator = fit(classifier, y)
    predictor = predictor_of(estimator)
    assert (predictor.method, predictor.kind, predictor.labels) == ("predict_proba", kind, labels)
    np.testing.assert_array_equal(predictor.predict(X), estimator.predict_proba(X))


@pytest.mark.parametrize("n_labels", [2, 3])
@pytest.mark.parametrize(
    "classifier",
    [RandomForestClassifier(5, random_state=0), MultiOutputClassifier(LogisticRegression())],
    ids=["forest", "multi-output"],
)
def test_predictor_takes_a_list_of_probabilities_for_labels(classifier, n_labels):
    """Some of scikit-learn's classifiers give one array of two columns for each label."""
    estimator = fit(classifier, LABELS[:, :n_labels])
    predictor = predictor_of(estimator)
    assert (predictor.kind, predictor.labels) == ("multilabel", list(range(n_labels)))
    expected = [columns[:, 1] for columns in estimator.predict_proba(X)]
    np.testing.assert_array_equal(predictor.predict(X).T, expected)


def test_predictor_tells_two_labels_from_two_classes():
    """Probabilities of both have two columns; the second of two labels is not what the first is not."""
    labels = predictor_of(fit(OneVsRestClassifier(LogisticRegression()), LABELS[:, :2]))
    classes = predictor_of(fit(OneVsRestClassifier(LogisticRegression()), TWO))
    assert (labels.kind, classes.kind) == ("multilabel", "binary")


def test_predictor_takes_rows_that_are_lists():
    """Non-regression: a list of rows was taken for a list of arrays, one for each label."""
    predictor = predictor_of(Odd([[0.25, 0.75]]))
    assert predictor.kind == "binary"
    np.testing.assert_array_equal(predictor.predict(X[:1]), [[0.25, 0.75]])


def test_predictor_decision_function_of_two_classes_has_two_signs():
    estimator = fit(LinearSVC(), TWO)
    predictor = predictor_of(estimator)
    assert (predictor.method, predictor.kind) == ("decision_function", "binary")
    log_odds = estimator.decision_function(X)
    np.testing.assert_array_equal(predictor.predict(X), np.stack([-log_odds, log_odds], axis=1))


def test_predictor_decision_function_of_several_classes():
    estimator = fit(LinearSVC(), THREE)
    predictor = predictor_of(estimator)
    assert (predictor.kind, predictor.labels) == ("multiclass", ["x", "y", "z"])
    np.testing.assert_array_equal(predictor.predict(X), estimator.decision_function(X))


def test_predictor_response_method_can_be_chosen():
    estimator = fit(LogisticRegression(), TWO)
    predictor = predictor_of(estimator, "decision_function")
    np.testing.assert_array_equal(predictor.predict(X)[:, 1], estimator.decision_function(X))


def test_predictor_needs_neither_classes_nor_predict_nor_fit():
    """Public methods only: what answers is enough."""
    predictor = predictor_of(Odd(np.array([[0.5, 0.25, 0.25]])))
    assert (predictor.kind, predictor.labels) == ("multiclass", [0, 1, 2])


@pytest.mark.parametrize("batch_size", [1, 4, 6, 100])
def test_predictor_batches_change_nothing(batch_size):
    predictor = predictor_of(fit(LogisticRegression(), THREE))
    found = predictor.predict_batches(X, batch_size)
    # Counts are float32, and so is what comes of them.
    np.testing.assert_allclose(found, predictor.predict(X), rtol=1e-5)


@pytest.mark.parametrize(
    ("classifier", "y", "target", "column"),
    [
        (LogisticRegression(), TWO, None, 1),
        (LogisticRegression(), TWO, 0, 0),
        (LogisticRegression(), THREE, "z", 2),
        (OneVsRestClassifier(LogisticRegression()), LABELS[:, :2], 0, 0),
    ],
    ids=["default", "negative", "class", "label"],
)
def test_predictor_finds_the_column_of_the_target(classifier, y, target, column):
    predictor = predictor_of(fit(classifier, y))
    assert predictor.find_column(target) == column
    np.testing.assert_array_equal(predictor.choose_columns(target, predictor.predict(X)), [column] * len(X))


def test_predictor_default_columns_of_many_classes_are_the_predicted():
    estimator = fit(LogisticRegression(), THREE)
    predictor = predictor_of(estimator)
    columns = predictor.choose_columns(None, predictor.predict(X))
    assert [predictor.labels[column] for column in columns] == estimator.predict(X).tolist()


@pytest.mark.parametrize(
    ("classifier", "y", "target", "message"),
    [
        (LogisticRegression(), TWO, "yes", r"a class of the estimator: 0, 1\. Got 'yes' instead\.$"),
        (LogisticRegression(), THREE, "w", r"a class of the estimator: 'x', 'y', 'z'\. Got 'w'"),
        (LogisticRegression(), THREE, None, r"'x', 'y', 'z'\. Got None instead\. There is no default but"),
        (MultiOutputClassifier(LogisticRegression()), LABELS, 3, r"number of a label .*: 0, 1, 2\. Got 3"),
        (OneVsRestClassifier(LogisticRegression()), LABELS[:, :2], None, r"a label .*: 0, 1\. Got None"),
        (RandomForestClassifier(2), np.arange(60).reshape(6, 10)[:, 0], None, r"0, 10, 20"),
    ],
    ids=["of-two", "of-three", "none-of-three", "label", "none-of-two-labels", "forest"],
)
def test_predictor_refuses_a_target(classifier, y, target, message):
    with pytest.raises(ValueError, match=message):
        predictor_of(fit(classifier, y)).find_column(target)


def test_predictor_error_lists_some_of_many_classes():
    predictor = predictor_of(Odd(np.full((1, 50), 0.02)))
    with pytest.raises(ValueError, match=r": 0, .*, 18, 19, \.\.\.\. Got 50"):
        predictor.find_column(50)


@pytest.mark.parametrize(
    ("estimator", "response_method", "error", "message"),
    [
        (LogisticRegression, "auto", TypeError, "Got the class LogisticRegression itself"),
        ("model.joblib", "auto", TypeError, "have predict_proba or decision_function. str has not"),
        (KmerCounter(), "auto", TypeError, "KmerCounter has not; pass a classifier, or a Pipeline"),
        (fit(LinearRegression(), TWO), "auto", TypeError, "decision_function. Pipeline has not"),
        (fit(LinearSVC(), TWO), "predict_proba", TypeError, "must have predict_proba. .* CalibratedClass"),
        (make_pipeline(KmerCounter(k=2), LinearSVC()), "auto", NotFittedError, "fitted .* Call fit first"),
        (GridSearchCV(LogisticRegression(), {}), "auto", NotFittedError, "estimator must be fitted"),
        (fit(RandomForestClassifier(2), THREE[:, None].repeat(2, 1)), "auto", ValueError,
         r"\[3, 3\] columns"),
        (fit(SVC(decision_function_shape="ovo"), np.array(list("abcdbc"))), "auto", ValueError,
         "6 columns for 4 classes .* decision_function_shape='ovr'"),
        (Odd(np.zeros(1)), "auto", ValueError, r"predict_proba of Odd must give a row .* Got shape \(1,\)"),
        (Odd(np.zeros(3)), "auto", ValueError, r"a row for each of 1 sequences.* Got shape \(3,\)"),
        (Odd(np.zeros((1, 3)), classes_=[0, 1]), "auto", ValueError, "gives 3 columns for 2 classes"),
        (Odd([]), "auto", ValueError, r"a row for each of 1 sequences.* Got shape \(0,\)"),
        (Odd(X[:1]), "auto", ValueError, "predict_proba of Odd must give an array of numbers. Got list"),
        (Odd(None, classes_=[0, 1]), "auto", ValueError, r"Got shape \(\)"),
    ],
    ids=[
        "class", "path", "transformer", "regressor", "no-such-method", "not-fitted", "search-not-fitted",
        "many-classes-many-outputs", "one-against-one", "one-number", "shape", "columns", "nothing", "text",
        "none",
    ],
)  # fmt: skip
def test_make_predictor_refuses(estimator, response_method, error, message):
    with pytest.raises(error, match=message):
        predictor_of(estimator, response_method)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (np.zeros((2, 2)), r"a row for each of 3 sequences.* Got shape \(2, 2\)\. .* leave none out"),
        (np.zeros((4, 2)), r"a row for each of 3 sequences.* Got shape \(4, 2\)"),
        (np.zeros((3, 4)), "gives 4 columns for 2 classes"),
    ],
    ids=["row-dropped", "row-added", "columns"],
)
def test_predictor_looks_at_every_answer(answer, message):
    """A classifier that drops or adds a row would shift all predictions behind it."""
    predictor = predictor_of(Odd(np.zeros((1, 2)), answer))
    with pytest.raises(ValueError, match=message):
        predictor.predict(X[:3])
