"""specificity_score against counts by hand, loops, and recall_score of the negatives."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import recall_score

from skgenome.metrics import specificity_score

AVERAGES = ["macro", "micro", "weighted", None]


def one_label(truth, predicted, weight):
    """Count true negatives and false positives of one label, row by row."""
    negative = false_positive = 0.0
    for true, said, w in zip(truth, predicted, weight, strict=True):
        negative += w * (not true and not said)
        false_positive += w * (not true and said)
    return negative, false_positive


def brute_force(truth, predicted, weight, average):
    """Compute the specificity of an indicator matrix from loops."""
    counts = [one_label(t, p, weight) for t, p in zip(truth.T, predicted.T, strict=True)]
    if average == "micro":
        negative, false_positive = np.sum(counts, axis=0)
        return negative / (negative + false_positive)
    values = np.array([negative / (negative + false_positive) for negative, false_positive in counts])
    if average is None:
        return values
    return np.average(values, weights=weight @ truth if average == "weighted" else None)


@pytest.fixture
def classes(seed):
    rng = np.random.default_rng(seed)
    y_true = rng.permutation(np.repeat([0, 1, 2, 3], [40, 30, 20, 10]))
    y_pred = np.where(rng.random(100) < 0.6, y_true, rng.integers(0, 4, 100))
    return y_true, y_pred, rng.random(100)


@pytest.fixture
def indicators(seed):
    rng = np.random.default_rng(seed)
    y_true = (rng.random((60, 3)) < [0.5, 0.3, 0.2]).astype(int)
    return y_true, np.where(rng.random((60, 3)) < 0.7, y_true, 1 - y_true), rng.random(60)


def test_specificity_of_counts_by_hand():
    y_true = [0] * 8 + [1] * 4
    y_pred = [0] * 6 + [1] * 2 + [1] * 1 + [0] * 3
    assert specificity_score(y_true, y_pred) == 6 / 8
    assert specificity_score(y_true, y_pred, pos_label=0) == 1 / 4


def test_specificity_is_the_recall_of_the_negatives(classes):
    y_true, y_pred, weight = (classes[0] > 0), (classes[1] > 0), classes[2]
    for w in (None, weight):
        expected = recall_score(y_true, y_pred, pos_label=False, sample_weight=w)
        assert specificity_score(y_true, y_pred, sample_weight=w) == pytest.approx(expected)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("average", AVERAGES)
def test_specificity_of_classes_is_that_of_loops(classes, average, weighted):
    y_true, y_pred, weight = classes
    one_hot = [y[:, None] == np.arange(4) for y in (y_true, y_pred)]
    expected = brute_force(*one_hot, weight if weighted else np.ones(100), average)
    value = specificity_score(y_true, y_pred, average=average, sample_weight=weight if weighted else None)
    np.testing.assert_allclose(value, expected)


@pytest.mark.parametrize("average", AVERAGES)
def test_specificity_of_indicators_is_that_of_loops(indicators, average):
    y_true, y_pred, weight = indicators
    value = specificity_score(y_true, y_pred, average=average, sample_weight=weight)
    np.testing.assert_allclose(value, brute_force(y_true, y_pred, weight, average))


def test_specificity_by_samples_is_that_of_rows(indicators):
    y_true, y_pred, weight = indicators
    rows = [
        specificity_score(true, said, zero_division=np.nan) for true, said in zip(y_true, y_pred, strict=True)
    ]
    value = specificity_score(y_true, y_pred, average="samples", sample_weight=weight, zero_division=np.nan)
    defined = ~np.isnan(rows)
    assert value == pytest.approx(np.average(np.array(rows)[defined], weights=weight[defined]))


@pytest.mark.parametrize("average", ["macro", "micro", None, "samples"])
def test_specificity_is_the_recall_of_flipped_indicators(indicators, average):
    """Not of the weighted mean, which counts positives in both."""
    y_true, y_pred, _ = indicators
    value = specificity_score(y_true, y_pred, average=average, zero_division=0)
    np.testing.assert_allclose(value, recall_score(1 - y_true, 1 - y_pred, average=average, zero_division=0))


def test_specificity_takes_sparse_indicators(indicators):
    y_true, y_pred, _ = indicators
    value = specificity_score(csr_array(y_true), csr_array(y_pred), average="macro")
    assert value == specificity_score(y_true, y_pred, average="macro")


def test_specificity_scores_the_labels_asked_for(classes):
    y_true, y_pred, _ = classes
    every = specificity_score(y_true, y_pred, average=None)
    chosen = specificity_score(y_true, y_pred, labels=[3, 1], average=None)
    np.testing.assert_array_equal(chosen, every[[3, 1]])
    assert specificity_score(y_true, y_pred, labels=[3, 1], average="macro") == chosen.mean()


def test_specificity_does_not_depend_on_order_or_names(classes):
    y_true, y_pred, _ = classes
    order = np.random.default_rng(0).permutation(100)
    names = np.array(["d", "c", "b", "a"])
    expected = specificity_score(y_true, y_pred, average="macro")
    assert specificity_score(names[y_true][order], names[y_pred][order], average="macro") == pytest.approx(
        expected
    )


def test_specificity_weights_are_repetitions(classes):
    y_true, y_pred, _ = classes
    repeats = np.random.default_rng(0).integers(0, 4, 100)
    for average in AVERAGES:
        np.testing.assert_allclose(
            specificity_score(y_true, y_pred, average=average, sample_weight=repeats),
            specificity_score(np.repeat(y_true, repeats), np.repeat(y_pred, repeats), average=average),
        )


@pytest.mark.parametrize(("zero_division", "expected"), [(0, 0.0), (1.0, 1.0), (np.nan, np.nan)])
def test_specificity_without_negatives_is_zero_division(zero_division, expected):
    value = specificity_score([1, 1, 1], [1, 0, 1], zero_division=zero_division)
    np.testing.assert_equal(value, expected)


def test_specificity_without_negatives_warns():
    with pytest.warns(UndefinedMetricWarning, match=r"set to 0.0 in 1 of 1 cases, which have no negatives"):
        assert specificity_score([1, 1], [1, 0]) == 0


def test_specificity_without_negatives_is_seen_under_rounding_weights():
    """Non-regression: sums of ten times 0.1 differ by order, and 1e-16 / 1e-16 read as specificity 1."""
    y_true, y_pred = np.ones(10, dtype=int), np.array([1, 0, 0, 1, 0, 1, 1, 0, 1, 1])
    weight = np.random.default_rng(0).random((40, 10))
    values = [specificity_score(y_true, y_pred, sample_weight=w, zero_division=np.nan) for w in weight]
    assert np.isnan(values).all()


def test_specificity_leaves_nan_out_of_means():
    y_true = np.array([[1, 0], [1, 0], [1, 1]])
    y_pred = np.array([[1, 0], [0, 1], [1, 1]])
    for average in ("macro", "micro"):
        assert specificity_score(y_true, y_pred, average=average, zero_division=np.nan) == 0.5
    with pytest.warns(UndefinedMetricWarning, match="1 of 2 cases"):
        assert specificity_score(y_true, y_pred, average="macro") == 0.25


def test_weighted_specificity_without_positives_is_the_plain_mean():
    """As scikit-learn does where all weights are 0."""
    y_true, y_pred = np.zeros((4, 2), dtype=int), np.array([[1, 0], [0, 0], [0, 0], [1, 0]])
    assert specificity_score(y_true, y_pred, average="weighted") == 0.75
    assert recall_score(y_true, y_pred, average="weighted", zero_division=1) == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"y_true": [0, 1, 2]}, "Target is multiclass but average='binary'"),
        ({"pos_label": 7}, "pos_label=7 is not a valid label"),
        ({"y_pred": [0, 1]}, "inconsistent numbers of samples"),
        ({"average": "mean"}, "The 'average' parameter of specificity_score must be"),
        ({"zero_division": 2}, "The 'zero_division' parameter of specificity_score must be"),
    ],
)
def test_specificity_refuses_what_recall_refuses(changes, message):
    with pytest.raises(ValueError, match=message):
        specificity_score(**{"y_true": [0, 1, 1], "y_pred": [0, 1, 1], **changes})
