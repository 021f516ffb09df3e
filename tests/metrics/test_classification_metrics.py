"""The reports, against scikit-learn's functions one by one, counts by hand, and invariances."""

import math

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.sparse import csr_array
from sklearn import metrics
from sklearn.datasets import make_classification, make_multilabel_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from skgenome.metrics import classification_metrics, classification_metrics_by_class, specificity_score

NAMES = [
    "accuracy",
    "balanced_accuracy",
    "precision",
    "recall",
    "specificity",
    "f1",
    "matthews_corrcoef",
    "roc_auc",
    "average_precision",
    "prevalence",
]
LABEL_METRICS = {
    "precision": metrics.precision_score,
    "recall": metrics.recall_score,
    "specificity": specificity_score,
    "f1": metrics.f1_score,
}
CLASS_METRICS = {
    "accuracy": metrics.accuracy_score,
    "balanced_accuracy": metrics.balanced_accuracy_score,
    "matthews_corrcoef": metrics.matthews_corrcoef,
}
AREAS = {"roc_auc": metrics.roc_auc_score, "average_precision": metrics.average_precision_score}
AVERAGES = ["macro", "micro", "weighted"]


def binary(rng, n=80):
    y_true = rng.permutation(np.repeat([0, 1], [n - n // 4, n // 4]))
    score = np.round(y_true + rng.normal(0, 1, n), 1)
    return y_true, (score > 0.5).astype(int), score


def multiclass(rng, n=90):
    y_true = rng.permutation(np.repeat([0, 1, 2], [n // 2, n // 3, n - n // 2 - n // 3]))
    score = np.eye(3)[y_true] + rng.normal(0, 0.7, (n, 3))
    score = np.exp(score) / np.exp(score).sum(axis=1, keepdims=True)
    return y_true, score.argmax(axis=1), score


def multilabel(rng, n=70):
    y_true = (rng.random((n, 3)) < [0.5, 0.3, 0.2]).astype(int)
    score = np.round(y_true + rng.normal(0, 0.8, (n, 3)), 1)
    return y_true, (score > 0.5).astype(int), score


MAKERS = pytest.mark.parametrize("make", [binary, multiclass, multilabel], ids=lambda make: make.__name__)


@pytest.fixture
def rng(seed):
    return np.random.default_rng(seed)


def assert_same(report, expected):
    assert report.keys() == expected.keys()
    np.testing.assert_allclose(list(report.values()), list(expected.values()), rtol=1e-9, atol=1e-12)


@MAKERS
def test_report_has_every_figure_as_a_plain_number(rng, make):
    report = classification_metrics(*make(rng))
    assert list(report)[: len(NAMES)] == NAMES
    assert {type(report[name]) for name in NAMES} == {float}
    assert report.keys() - set(NAMES) == (set() if make is binary else {"n_labels_averaged"})
    assert type(report.get("n_labels_averaged", 3)) is int


def test_report_of_counts_by_hand():
    """TN 50, FP 10, FN 5, TP 35."""
    y_true = np.repeat([0, 0, 1, 1], [50, 10, 5, 35])
    y_pred = np.repeat([0, 1, 0, 1], [50, 10, 5, 35])
    report = classification_metrics(y_true, y_pred)
    correlation = (50 * 35 - 10 * 5) / math.sqrt(45 * 40 * 60 * 55)
    expected = {
        "accuracy": 0.85,
        "balanced_accuracy": (50 / 60 + 35 / 40) / 2,
        "precision": 35 / 45,
        "recall": 35 / 40,
        "specificity": 50 / 60,
        "f1": 70 / 85,
        "matthews_corrcoef": correlation,
        "prevalence": 0.4,
    }
    assert_same(report, expected)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("pos_label", [0, 1])
def test_report_of_two_classes_is_scikit_learns(rng, pos_label, weighted):
    y_true, y_pred, score = binary(rng)
    weight = rng.random(len(y_true)) if weighted else None
    report = classification_metrics(y_true, y_pred, score, pos_label=pos_label, sample_weight=weight)
    expected = {name: f(y_true, y_pred, sample_weight=weight) for name, f in CLASS_METRICS.items()}
    for name, function in LABEL_METRICS.items():
        expected[name] = function(y_true, y_pred, pos_label=pos_label, sample_weight=weight)
    toward = score if pos_label else -score
    for name, function in AREAS.items():
        expected[name] = function(y_true == pos_label, toward, sample_weight=weight)
    expected["prevalence"] = np.average(y_true == pos_label, weights=weight)
    assert_same(report, {name: expected[name] for name in report})


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("average", AVERAGES)
def test_report_of_several_classes_is_scikit_learns(rng, average, weighted):
    y_true, y_pred, score = multiclass(rng)
    weight = rng.random(len(y_true)) if weighted else None
    report = classification_metrics(y_true, y_pred, score, average=average, sample_weight=weight)
    expected = {name: f(y_true, y_pred, sample_weight=weight) for name, f in CLASS_METRICS.items()}
    for name, function in LABEL_METRICS.items():
        expected[name] = function(y_true, y_pred, average=average, sample_weight=weight)
    one_hot = np.eye(3)[y_true]
    for name, function in AREAS.items():
        expected[name] = function(one_hot, score, average=average, sample_weight=weight)
    shares = np.average(one_hot, axis=0, weights=weight)
    expected["prevalence"] = shares @ shares if average == "weighted" else 1 / 3
    expected["n_labels_averaged"] = 3
    assert_same(report, {name: expected[name] for name in report})


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("average", AVERAGES)
def test_report_of_several_labels_is_scikit_learns(rng, average, weighted):
    y_true, y_pred, score = multilabel(rng)
    weight = rng.random(len(y_true)) if weighted else None
    report = classification_metrics(y_true, y_pred, score, average=average, sample_weight=weight)
    expected = {
        name: function(y_true, y_pred, average=average, sample_weight=weight)
        for name, function in LABEL_METRICS.items()
    }
    for name, function in AREAS.items():
        expected[name] = function(y_true, score, average=average, sample_weight=weight)
    expected["accuracy"] = metrics.accuracy_score(y_true, y_pred, sample_weight=weight)
    assert_same({name: report[name] for name in expected}, expected)


@pytest.mark.parametrize("average", AVERAGES)
def test_report_of_several_labels_averages_what_has_one_label_alone(rng, average):
    y_true, y_pred, _ = multilabel(rng)
    report = classification_metrics(y_true, y_pred, average=average)
    for name in ("balanced_accuracy", "matthews_corrcoef"):
        if average == "micro":
            expected = CLASS_METRICS[name](y_true.ravel(), y_pred.ravel())
        else:
            values = [CLASS_METRICS[name](t, p) for t, p in zip(y_true.T, y_pred.T, strict=True)]
            expected = np.average(values, weights=y_true.sum(axis=0) if average == "weighted" else None)
        assert report[name] == pytest.approx(expected)


def test_chance_level_of_average_precision_is_prevalence(rng):
    y_true = (rng.random((20_000, 3)) < [0.5, 0.2, 0.05]).astype(int)
    for average in AVERAGES:
        report = classification_metrics(y_true, y_true, rng.random(y_true.shape), average=average)
        assert report["average_precision"] == pytest.approx(report["prevalence"], abs=0.02)
        assert report["roc_auc"] == pytest.approx(0.5, abs=0.03)


@MAKERS
def test_report_without_scores_has_no_areas(rng, make):
    y_true, y_pred, score = make(rng)
    full = classification_metrics(y_true, y_pred, score)
    del full["roc_auc"], full["average_precision"]
    assert_same(classification_metrics(y_true, y_pred), full)


@MAKERS
def test_report_does_not_depend_on_the_order_of_rows(rng, make):
    arrays = make(rng)
    order = rng.permutation(len(arrays[0]))
    assert_same(classification_metrics(*(a[order] for a in arrays)), classification_metrics(*arrays))


@MAKERS
@pytest.mark.parametrize("average", AVERAGES)
def test_report_weights_are_repetitions(rng, make, average):
    arrays = make(rng)
    repeats = rng.integers(0, 4, len(arrays[0]))
    weighted = classification_metrics(*arrays, average=average, sample_weight=repeats)
    repeated = classification_metrics(*(np.repeat(a, repeats, axis=0) for a in arrays), average=average)
    assert_same(weighted, repeated)
    scaled = classification_metrics(*arrays, average=average, sample_weight=repeats * 0.1)
    assert_same(scaled, weighted)


def test_report_does_not_depend_on_names_of_classes(rng):
    y_true, y_pred, score = multiclass(rng)
    names = np.array(["c", "a", "b"])
    renamed = classification_metrics(names[y_true], names[y_pred], score, labels=["c", "a", "b"])
    by_alphabet = classification_metrics(names[y_true], names[y_pred], score[:, [1, 2, 0]])
    assert_same(renamed, classification_metrics(y_true, y_pred, score))
    assert_same(by_alphabet, renamed)


def test_report_of_two_classes_takes_any_names(rng):
    y_true, y_pred, score = binary(rng)
    expected = classification_metrics(y_true, y_pred, score)
    for names in ([False, True], [1, 5], [-1, 1], ["no", "yes"], [0.0, 1.0]):
        names = np.array(names)
        assert_same(classification_metrics(names[y_true], names[y_pred], score), expected)
    names = np.array(["yes", "no"])
    swapped = classification_metrics(names[y_true], names[y_pred], -score, pos_label="no")
    assert_same(swapped, expected)


def test_report_takes_every_form_of_two_class_scores(rng):
    y_true, y_pred, score = binary(rng)
    probability = 1 / (1 + np.exp(-score))
    expected = classification_metrics(y_true, y_pred, score)
    for form in (probability, np.stack([1 - probability, probability], axis=1), probability[:, None]):
        assert_same(classification_metrics(y_true, y_pred, form), expected)


@pytest.mark.parametrize("convert", [list, pd.Series, pl.Series, lambda y: pd.Series(y, dtype="category")])
def test_report_takes_lists_and_series(rng, convert):
    y_true, y_pred, score = binary(rng)
    names = np.array(["no", "yes"])
    converted = classification_metrics(convert(names[y_true]), convert(names[y_pred]), list(score))
    assert_same(converted, classification_metrics(y_true, y_pred, score))


def test_report_takes_object_arrays_of_numbers(rng):
    y_true, y_pred, score = binary(rng)
    assert_same(
        classification_metrics(y_true.astype(object), y_pred, score),
        classification_metrics(y_true, y_pred, score),
    )


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize(
    ("classifier", "method"),
    [(LogisticRegression(), "predict_proba"), (LinearSVC(), "decision_function")],
    ids=["probabilities", "decision"],
)
def test_report_takes_what_a_classifier_gives(classifier, method, n_classes):
    X, y = make_classification(
        200, n_classes=n_classes, n_informative=4, class_sep=2.0, flip_y=0.0, random_state=0
    )
    classifier.fit(X[:100], y[:100])
    y_score = getattr(classifier, method)(X[100:])
    report = classification_metrics(y[100:], classifier.predict(X[100:]), y_score, labels=classifier.classes_)
    assert report["accuracy"] == classifier.score(X[100:], y[100:])
    assert report["roc_auc"] > 0.75


def test_report_takes_the_list_of_probabilities_of_a_forest():
    X, y = make_multilabel_classification(150, n_classes=3, random_state=0)
    forest = RandomForestClassifier(10, random_state=0).fit(X[:100], y[:100])
    probabilities, y_pred = forest.predict_proba(X[100:]), forest.predict(X[100:])
    matrix = np.stack([p[:, 1] for p in probabilities], axis=1)
    assert_same(
        classification_metrics(y[100:], y_pred, probabilities),
        classification_metrics(y[100:], y_pred, matrix),
    )


def test_unknown_entries_are_ignored_label_by_label(rng):
    y_true, y_pred, score = multilabel(rng)
    y_true[rng.random(y_true.shape) < 0.3] = -1
    report = classification_metrics(y_true, y_pred, score)
    kept = [y_true[:, j] >= 0 for j in range(3)]
    alone = [
        classification_metrics(y_true[rows, j], y_pred[rows, j], score[rows, j])
        for j, rows in enumerate(kept)
    ]
    for name in set(NAMES) - {"accuracy"}:
        assert report[name] == pytest.approx(np.mean([one[name] for one in alone]))
    pooled = np.stack(kept, axis=1)
    micro = classification_metrics(y_true, y_pred, score, average="micro")
    together = classification_metrics(y_true[pooled], y_pred[pooled], score[pooled])
    for name in set(NAMES) - {"accuracy"}:
        assert micro[name] == pytest.approx(together[name])


@MAKERS
def test_report_does_not_depend_on_what_is_predicted_where_nothing_is_known(rng, make):
    """In an indicator matrix by -1, elsewhere by weight 0."""
    y_true, y_pred, score = make(rng)
    hidden = rng.random(y_true.shape) < 0.3
    given = {"labels": np.unique(y_true)}
    if make is multilabel:
        y_true = np.where(hidden, -1, y_true)
        given = {}
    else:
        given["sample_weight"] = ~hidden
    expected = classification_metrics(y_true, y_pred, score, **given)
    other = np.where(hidden, rng.permutation(y_pred), y_pred)
    shifted = np.where(hidden if hidden.ndim == score.ndim else hidden[:, None], 100.0, score)
    assert_same(classification_metrics(y_true, other, shifted, **given), expected)


def test_accuracy_of_several_labels_asks_for_every_known_label():
    y_true = [[1, 0], [1, -1], [-1, -1], [0, 1]]
    y_pred = [[1, 0], [1, 1], [1, 1], [1, 1]]
    report = classification_metrics(y_true, y_pred)
    assert report["accuracy"] == pytest.approx(2 / 3)


def test_labels_of_one_class_are_left_out_of_what_needs_both(rng):
    y_true, y_pred, score = multilabel(rng)
    both = classification_metrics(y_true[:, :2], y_pred[:, :2], score[:, :2])
    y_true[:, 2] = 0
    report = classification_metrics(y_true, y_pred, score, zero_division=np.nan)
    assert report["n_labels_averaged"] == 2
    for name in ("balanced_accuracy", "matthews_corrcoef", "roc_auc", "average_precision", "prevalence"):
        assert report[name] == pytest.approx(both[name])
    # That there is no positive says nothing about recall, but the negatives have a specificity.
    assert report["recall"] == pytest.approx(both["recall"])
    assert report["specificity"] != pytest.approx(both["specificity"])


def test_report_is_nan_where_no_label_has_both_classes():
    report = classification_metrics(
        [[1, 0], [1, 0]], [[1, 0], [1, 1]], [[0.5, 0.1], [0.6, 0.2]], zero_division=0
    )
    assert report["n_labels_averaged"] == 0
    assert np.isnan([report[name] for name in ("roc_auc", "average_precision", "prevalence")]).all()
    assert report["accuracy"] == 0.5


def test_a_label_known_nowhere_counts_for_nothing(rng):
    y_true, y_pred, score = multilabel(rng)
    expected = classification_metrics(y_true[:, :2], y_pred[:, :2], score[:, :2])
    y_true[:, 2] = -1
    # Not even a warning that something is 0 / 0.
    assert_same(classification_metrics(y_true, y_pred, score), expected)
    row = classification_metrics_by_class(y_true, y_pred, score)[2]
    assert (row.pop("label"), row.pop("n_samples"), row.pop("n_positives")) == (2, 0, 0)
    assert np.isnan(list(row.values())).all()


def test_report_of_one_class_has_no_areas():
    report = classification_metrics([1, 1], [1, 0], [0.7, 0.3], zero_division=0)
    assert math.isnan(report["roc_auc"])
    assert math.isnan(report["average_precision"])
    assert (report["prevalence"], report["recall"], report["matthews_corrcoef"]) == (1.0, 0.5, 0.0)


def test_class_that_does_not_occur_is_left_out_of_areas_and_balance(rng):
    y_true, y_pred, score = multiclass(rng)
    rows = y_true < 2
    given = {"labels": [0, 1, 2], "zero_division": 0}
    report = classification_metrics(y_true[rows], y_pred[rows], score[rows], **given)
    assert report["n_labels_averaged"] == 2
    areas = [metrics.roc_auc_score(y_true[rows] == j, score[rows, j]) for j in (0, 1)]
    assert report["roc_auc"] == pytest.approx(np.mean(areas))
    recalls = [(y_pred[y_true == j] == j).mean() for j in (0, 1)]
    assert report["balanced_accuracy"] == pytest.approx(np.mean(recalls))
    assert report["recall"] == pytest.approx(np.sum(recalls) / 3)


def test_undefined_figures_warn_once_each():
    with pytest.warns(UndefinedMetricWarning) as caught:
        report = classification_metrics([0, 0, 0], [0, 0, 0])
    words = [str(warning.message).split()[0] for warning in caught]
    assert words == ["Precision", "Recall", "F1"]
    assert (report["precision"], report["recall"], report["f1"], report["specificity"]) == (0, 0, 0, 1)


@pytest.mark.parametrize("zero_division", [0.0, 1.0, np.nan])
def test_undefined_figures_are_scikit_learns(zero_division):
    y_true, y_pred = [0, 0, 1, 1], [0, 0, 0, 2]
    report = classification_metrics(y_true, y_pred, zero_division=zero_division)
    for name, function in LABEL_METRICS.items():
        expected = function(y_true, y_pred, average="macro", zero_division=zero_division)
        assert report[name] == pytest.approx(expected, nan_ok=True)


def test_constant_prediction_under_rounding_weights_has_no_correlation(rng):
    for _ in range(50):
        y_true = rng.integers(0, 3, 30)
        given = {"labels": [0, 1, 2], "sample_weight": rng.random(30), "zero_division": 0}
        assert classification_metrics(y_true, np.ones(30, dtype=int), **given)["matthews_corrcoef"] == 0


def test_inputs_are_not_modified(rng):
    arrays = multilabel(rng)
    copies = [a.copy() for a in arrays]
    classification_metrics(*arrays)
    for array, copy in zip(arrays, copies, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_report_takes_sparse_indicators(rng):
    y_true, y_pred, score = multilabel(rng)
    sparse = classification_metrics(csr_array(y_true), csr_array(y_pred), score)
    assert_same(sparse, classification_metrics(y_true, y_pred, score))


def test_table_has_a_row_for_each_class_against_the_rest(rng):
    y_true, y_pred, score = multiclass(rng)
    table = classification_metrics_by_class(y_true, y_pred, score)
    assert [row["label"] for row in table] == [0, 1, 2]
    for j, row in enumerate(table):
        alone = classification_metrics(y_true == j, y_pred == j, score[:, j])
        assert (row.pop("label"), row.pop("n_samples")) == (j, 90)
        assert row.pop("n_positives") == (y_true == j).sum()
        assert_same(row, alone)


def test_table_averages_to_the_report(rng):
    arrays = multilabel(rng)
    frame = pd.DataFrame(classification_metrics_by_class(*arrays, labels=["a", "b", "c"])).set_index("label")
    report = classification_metrics(*arrays)
    for name in set(NAMES) - {"accuracy"}:
        assert frame[name].mean() == pytest.approx(report[name])
    assert list(frame.index) == ["a", "b", "c"]


def test_table_of_two_classes_has_both(rng):
    y_true, y_pred, score = binary(rng)
    for pos_label, row in enumerate(classification_metrics_by_class(y_true, y_pred, score)):
        report = classification_metrics(y_true, y_pred, score, pos_label=pos_label)
        assert_same({name: row[name] for name in NAMES}, report)


def test_table_counts_rows_that_are_known_and_have_weight():
    y_true = np.array([[1, 1], [1, -1], [0, 0], [0, 1]])
    table = classification_metrics_by_class(y_true, np.abs(y_true), sample_weight=[2, 1, 1, 0])
    counts = [(row["n_samples"], row["n_positives"], row["prevalence"]) for row in table]
    assert counts == [(3, 2, 0.75), (2, 1, pytest.approx(2 / 3))]


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"y_pred": [0, 1]}, ValueError, r"same shape. Got \(4,\) and \(2,\)"),
        (
            {"y_pred": [0.1, 0.7, 0.2, 0.9]},
            ValueError,
            "y_pred must be classes .* such as 0.1: .* go to y_score",
        ),
        ({"y_true": [0, 1, np.nan, 1]}, ValueError, "y_true has a missing value in row 2"),
        ({"y_true": ["a", "b", None, "a"]}, ValueError, "y_true has a missing value in row 2"),
        ({"y_true": np.array([0, 1, pd.NA, 1], dtype=object)}, ValueError, "missing value in row 2"),
        ({"y_true": ["a", "b", "a", "b"]}, TypeError, "Got strings in y_true and numbers in y_pred"),
        (
            {"y_true": np.array([0, "b", 1, 1], dtype=object)},
            TypeError,
            "y_true must hold classes of one type",
        ),
        ({"y_true": [], "y_pred": []}, ValueError, r"one sample at least. Got shape \(0,\)"),
        ({"y_true": [[[1]]]}, ValueError, r"Got shape \(1, 1, 1\)"),
        ({"y_true": [3] * 4, "y_pred": [3] * 4}, ValueError, r"At least two classes .* Got \[3\]"),
        ({"labels": [0, 2]}, ValueError, r"y_true has 1 in row 1, which is not in labels: \[0, 2\]"),
        ({"labels": [0, 0, 1]}, ValueError, r"list of different labels. Got \[0, 0, 1\]"),
        ({"pos_label": 2}, ValueError, r"pos_label must be one of the classes \[0, 1\]. Got 2"),
        ({"pos_label": 1, "labels": [0, 1, 2]}, ValueError, "but y_true is multiclass, with 3 labels"),
        ({"y_score": np.zeros((4, 3))}, ValueError, r"Got shape \(4, 3\). If there are more classes"),
        ({"y_score": np.zeros((4, 3)), "labels": [0, 1]}, ValueError, r"Got shape \(4, 3\)\.$"),
        ({"y_score": [0, 1, 2]}, ValueError, "inconsistent numbers of samples"),
        ({"y_score": [0, 1, 2, np.nan]}, ValueError, "Input y_score contains NaN"),
        ({"sample_weight": [1, 1, 1]}, ValueError, r"one weight for each of 4 samples.*Got shape \(3,\)"),
        ({"sample_weight": [1, 1, 1, -2]}, ValueError, "none below 0 .* from -2 to 1"),
        ({"sample_weight": [0, 0, 0, 0]}, ValueError, "not all 0"),
        ({"average": "samples"}, ValueError, "The 'average' parameter of classification_metrics"),
        ({"zero_division": 2}, ValueError, "The 'zero_division' parameter of classification_metrics"),
    ],
)
def test_report_says_what_is_wrong(changes, error, message):
    with pytest.raises(error, match=message):
        classification_metrics(**{"y_true": [0, 1, 0, 1], "y_pred": [0, 1, 1, 1], **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"y_true": [[0, 2], [1, 1]]}, r"values are in \[-1, 0, 1\]. Got 2 in row 0, column 1"),
        ({"y_pred": [[0, 0], [-1, 1]]}, r"values are in \[0, 1\]. Got -1 in row 1, column 0"),
        ({"y_true": [["a", "b"], ["a", "b"]]}, "Got 'a' in row 0, column 0. Pass classes as a 1-D array"),
        ({"y_true": [[-1, -1], [-1, -1]]}, "no known label"),
        ({"y_true": [[0, np.nan], [1, 1]]}, "missing value in row 0.* -1 says that an entry is not known"),
        ({"labels": ["a"]}, "name the 2 columns of y_true. Got 1 names"),
        ({"y_score": [0.5, 0.5]}, "Expected 2D array, got 1D array"),
        ({"y_score": np.zeros((2, 3))}, r"shape of y_true, \(2, 2\). Got \(2, 3\)"),
        ({"y_score": [np.zeros((2, 2)), np.ones((2, 1))]}, "1 columns for label 1, where 2 are expected"),
        ({"pos_label": 1}, "but y_true is multilabel, with 2 labels"),
    ],
)
def test_report_of_indicators_says_what_is_wrong(changes, message):
    with pytest.raises(ValueError, match=message):
        classification_metrics(**{"y_true": [[0, 1], [1, 0]], "y_pred": [[0, 1], [1, 1]], **changes})
