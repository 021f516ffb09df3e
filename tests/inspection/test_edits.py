"""How edits reach the estimator, and what all three functions refuse."""

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from skgenome._response import make_predictor
from skgenome.inspection import in_silico_mutagenesis, perturbation_importance, variant_effects
from skgenome.inspection._edits import Edit, predict_edits
from skgenome.preprocessing import KmerCounter

X = ["ACGTAC", "AACCAA", "GGTTGG", "GTGTGT", "CCCCAA", "TTTTGG"]
TWO = np.array([0, 0, 1, 1, 0, 1])
THREE = np.array(["x", "x", "y", "y", "z", "z"])
LABELS = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 1], [0, 1, 1], [1, 1, 0], [0, 0, 1]])


def fit(classifier, y):
    return make_pipeline(KmerCounter(k=1, sparse=False), classifier).fit(X, y)


def inspect(estimator, function="ism", **params):
    """Call one of the three functions with input that is right."""
    if function == "ism":
        return in_silico_mutagenesis(estimator, X[:2], **params)
    if function == "perturbation":
        return perturbation_importance(estimator, X[:2], widths=1, **params)
    return variant_effects(estimator, [("c", 2, "G", "A")], {"c": X[0]}, window_size=4, **params)


@pytest.mark.parametrize(
    ("classifier", "y", "target", "column"),
    [
        (LogisticRegression(), TWO, None, 1),
        (LogisticRegression(), TWO, 0, 0),
        (LogisticRegression(), THREE, "z", 2),
        (OneVsRestClassifier(LogisticRegression()), LABELS, 2, 2),
    ],
    ids=["positive", "negative", "multi-class", "multi-label"],
)
def test_inspection_probability_of_the_target(classifier, y, target, column):
    estimator = fit(classifier, y)
    result = inspect(estimator, target=target)
    np.testing.assert_array_equal(result.baseline, estimator.predict_proba(X[:2])[:, column])
    assert result.response_method == "predict_proba"
    edited = estimator.predict_proba(["ACTTAC"])[0, column]
    assert result.attributions[0, 3, 2] == pytest.approx(edited - result.baseline[0])


def test_inspection_response_method_can_be_chosen():
    estimator = fit(LogisticRegression(), TWO)
    result = inspect(estimator, response_method="decision_function")
    assert result.response_method == "decision_function"
    np.testing.assert_array_equal(result.baseline, estimator.decision_function(X[:2]))


def test_inspection_default_target_of_many_classes_is_the_predicted():
    estimator = fit(LogisticRegression(), THREE)
    result = in_silico_mutagenesis(estimator, X)
    assert result.target == estimator.predict(X).tolist()
    np.testing.assert_array_equal(result.baseline, estimator.predict_proba(X).max(axis=1))


@pytest.mark.parametrize("container", [tuple, np.array, pd.Series], ids=lambda c: c.__name__)
def test_inspection_takes_any_collection(container, word_scorer):
    expected = in_silico_mutagenesis(word_scorer("TATAAT"), X).attributions
    found = in_silico_mutagenesis(word_scorer("TATAAT"), container(X)).attributions
    np.testing.assert_array_equal(found, expected)


def test_predict_edits_reads_no_more_than_a_batch_ahead(word_scorer):
    """However many edits there are, a batch of them is in memory."""
    n_read = 0

    def endless():
        nonlocal n_read
        while True:
            n_read += 1
            yield Edit(n_read, 7, "", "A" * n_read)

    predictor = make_predictor(word_scorer("AAA"), "decision_function", "ACGT")
    predictions = predict_edits(predictor, endless(), batch_size=4)
    first = [next(predictions) for _ in range(5)]
    assert n_read == 8
    assert [(index, place, scores[1]) for index, place, scores in first] == [
        (1, 7, -2.0), (2, 7, -2.0), (3, 7, 1.0), (4, 7, 1.0), (5, 7, 1.0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("estimator", "params", "error", "message"),
    [
        (make_pipeline(KmerCounter(k=2), LinearSVC()), {}, NotFittedError, "estimator must be fitted"),
        (fit(LinearRegression(), TWO), {}, TypeError, "have predict_proba or decision_function. Pipeline"),
        (fit(LogisticRegression(), THREE), {"target": "w"}, ValueError, "a class .*'x', 'y', 'z'. Got 'w'"),
        (fit(LogisticRegression(), TWO), {"batch_size": 0}, ValueError, "'batch_size' parameter"),
        (fit(LogisticRegression(), TWO), {"response_method": "predict"}, ValueError, "'response_method'"),
    ],
    ids=["not-fitted", "regressor", "unknown-class", "batch_size", "response_method"],
)
@pytest.mark.parametrize("function", ["ism", "perturbation", "variants"])
def test_inspection_refuses_estimator_or_parameter(function, estimator, params, error, message):
    with pytest.raises(error, match=message):
        inspect(estimator, function, **params)


@pytest.mark.parametrize("function", ["ism", "perturbation"])
def test_inspection_labels_of_their_own_have_no_default(function):
    estimator = fit(OneVsRestClassifier(LogisticRegression()), LABELS)
    with pytest.raises(ValueError, match=r"the number of a label .*: 0, 1, 2\. Got None"):
        inspect(estimator, function)


@pytest.mark.parametrize(
    ("sequences", "error", "message"),
    [
        ("ACGT", TypeError, "Wrap it in a list"),
        ([], ValueError, "at least one sequence"),
        (["ACGT", ""], ValueError, "Sequence 1 is empty"),
        (["ACGT", None], ValueError, r"sequences\[1\] must be a str .* missing"),
        (["ACGT", "ACJT"], ValueError, "Sequence 1 has 'J' at position 2"),
    ],
    ids=["single", "none", "empty", "missing", "no-dna"],
)
@pytest.mark.parametrize("function", [in_silico_mutagenesis, perturbation_importance])
def test_inspection_refuses_sequences(function, sequences, error, message, word_scorer):
    with pytest.raises(error, match=message):
        function(word_scorer("A"), sequences)
