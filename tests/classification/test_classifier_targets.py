"""From the labels of a user to targets and back; what is refused."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.special import softmax
from sklearn.utils import compute_class_weight

from skgenome.classification._targets import (
    TargetCoder,
    check_more_targets,
    check_targets,
    coder_of_classes,
    read_labels,
)

INDICATORS = np.array([[1, 0], [0, 1], [1, 1], [0, 0]])


def check(y, **options):
    y = read_labels(y, len(y), "Model")
    return check_targets(y, "Model", **options)[1]


@pytest.mark.parametrize(
    ("y", "kind", "classes"),
    [
        ([5, 1, 5], "binary", [1, 5]),
        (["b", "a", "c"], "multiclass", ["a", "b", "c"]),
        (np.array(["b", "a", "b"], dtype=object), "binary", ["a", "b"]),
        ([True, False, True], "binary", [False, True]),
        ([1.0, 2.0, 1.0], "binary", [1.0, 2.0]),
        (pd.Series([3, 4, 4], index=[7, 8, 9]), "binary", [3, 4]),
        (INDICATORS, "multilabel", [0, 1]),
    ],
)
def test_targets_kind_and_classes(y, kind, classes):
    coder = check(y).coder
    assert coder.kind == kind
    assert coder.classes.tolist() == classes
    assert coder.n_outputs == (1 if kind == "binary" else len(classes))


@pytest.mark.parametrize("y", [pd.Series([0, 1, 1], dtype="Int64"), np.array([0, 1, 1], dtype=object)])
def test_targets_numbers_that_came_as_objects_are_numbers(y):
    """Non-regression: nullable integers were refused as an unknown kind of label."""
    targets = check(y)
    assert targets.y.dtype == np.int64
    assert targets.coder.kind == "binary"


def test_targets_take_a_sparse_indicator_matrix():
    """Non-regression: a sparse matrix has no length, and fit failed on that."""
    y = sparse.csr_matrix(INDICATORS)
    assert (read_labels(y, 4, "Model") == INDICATORS).all()


@pytest.mark.parametrize(
    ("kind", "y"),
    [("binary", ["b", "a", "b"]), ("multiclass", ["c", "a", "b"]), ("multilabel", INDICATORS)],
)
def test_targets_decide_undoes_encode(kind, y):
    y = np.asarray(y)
    coder = check(y).coder
    assert coder.kind == kind
    codes = coder.encode(y)
    scores = np.eye(3)[codes] if kind == "multiclass" else 2 * codes - 1
    decided = coder.decide(scores)
    assert decided.tolist() == y.tolist()
    assert decided.dtype == y.dtype


def test_targets_dtypes_are_those_of_the_loss():
    assert check(["a", "b"]).coder.encode(np.array(["a", "b"])).dtype == np.float32
    assert check(["a", "b", "c"]).coder.encode(np.array(["a", "b"])).dtype == np.int64
    assert check(INDICATORS).coder.encode(INDICATORS).dtype == np.float32


def test_targets_probabilities_are_logistic_and_softmax():
    logits = np.array([[0.3], [-800.0], [800.0]], dtype=np.float32)
    p = TargetCoder("binary", np.array([0, 1])).probabilities(logits)
    np.testing.assert_allclose(p, softmax(np.hstack([0 * logits, logits]).astype(float), axis=1), atol=1e-12)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-15)
    logits = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    p = TargetCoder("multiclass", np.arange(3)).probabilities(logits)
    np.testing.assert_allclose(p, softmax(logits.astype(float), axis=1))
    p = TargetCoder("multilabel", np.arange(3)).probabilities(logits)
    np.testing.assert_allclose(p, 1 / (1 + np.exp(-logits.astype(float))))


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([1, 1, 1], r"Model needs rows of at least 2 classes, but there is only one class: 1"),
        (["x", "x"], r"only one class: 'x'"),
        ([[1, 0], [1, 1]], r"label 0 of y is 1 in all 2 rows\. Leave its column out"),
        ([0.5, 1.5, 2.0], r"Unknown label type: continuous"),
        (np.array([1, None], dtype=object), r"Unknown label type"),
    ],
)
def test_targets_refuse_what_can_not_be_learnt(y, message):
    with pytest.raises(ValueError, match=message):
        check(y)


def test_targets_none_and_wrong_length_are_refused():
    with pytest.raises(ValueError, match="Model requires y to be passed"):
        read_labels(None, 3, "Model")
    with pytest.raises(ValueError, match="X has 3, y has 2"):
        read_labels([0, 1], 3, "Model")
    with pytest.raises(ValueError, match="X has 4, groups has 3"):
        check([0, 1, 0, 1], groups=[1, 2, 3])


def test_weights_have_mean_one_and_rows_without_are_left_out():
    y = np.array([0, 1, 0, 1, 2])
    rows, targets = check_targets(y, "Model", sample_weight=[1, 3, 2, 2, 0], groups=list("abcde"))
    assert rows.tolist() == [0, 1, 2, 3]
    assert targets.coder.kind == "binary"
    np.testing.assert_allclose(targets.weights, [0.5, 1.5, 1, 1])
    assert targets.groups.tolist() == list("abcd")


def test_weights_multiply_those_of_the_classes():
    y, sample_weight = np.array(["a", "a", "a", "b"]), np.array([1.0, 2, 1, 3])
    own = check(y, class_weight={"a": 1, "b": 5}, sample_weight=sample_weight).weights
    expected = sample_weight * [1, 1, 1, 5]
    np.testing.assert_allclose(own, expected / expected.mean())
    balanced = check(y, class_weight="balanced").weights
    by_class = compute_class_weight("balanced", classes=np.array(["a", "b"]), y=y)
    np.testing.assert_allclose(balanced, np.repeat(by_class, [3, 1]) / np.repeat(by_class, [3, 1]).mean())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sample_weight": [0, 0, 0, 0]}, r"at least one non-zero number"),
        ({"sample_weight": [1, 1, -1, 1]}, r"[Nn]egative"),
        ({"sample_weight": [1, 0, 1, 0]}, r"only one class"),
        ({"class_weight": {0: 0, 1: 0}}, r"leaves none of the 4 rows a weight"),
    ],
)  # fmt: skip
def test_weights_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        check([0, 1, 0, 1], **options)


def test_weights_of_classes_are_not_for_labels_of_their_own():
    with pytest.raises(ValueError, match=r"class_weight must be a dict of column to positive weight"):
        check(INDICATORS, class_weight="balanced")


def test_more_targets_may_lack_a_class():
    coder = coder_of_classes(np.array([0]), [2, 0, 1])
    assert coder.kind == "multiclass"
    rows, targets = check_more_targets(np.array([1, 1]), "Model", coder, class_weight={0: 2.0})
    assert rows.tolist() == [0, 1]
    assert targets.weights.tolist() == [1, 1]


@pytest.mark.parametrize(
    ("first", "y", "message"),
    [
        (["a", "b"], ["a", "z"], r"knows the classes \['a', 'b'\], but y holds 'z'"),
        (INDICATORS, INDICATORS[:, :1], r"knows 2 labels, .* Got shape \(4, 1\)"),
        (INDICATORS, INDICATORS * 2, r"indicator matrix of 0 and 1, or .* \[0, 2\]"),
    ],
)
def test_more_targets_refuse_labels_that_are_not_known(first, y, message):
    coder = coder_of_classes(np.array(first), None)
    with pytest.raises(ValueError, match=message):
        check_more_targets(np.array(y), "Model", coder)


def test_more_targets_refuse_balanced_weights():
    with pytest.raises(ValueError, match="class_weight='balanced' needs all labels at once"):
        check_more_targets(
            np.array([0]), "Model", coder_of_classes(np.array([0, 1]), None), class_weight="balanced"
        )


@pytest.mark.parametrize(
    ("known", "y", "shown"),
    [
        (["a", "b"], np.array(["a", "zz"], dtype=object), "'zz'"),
        (["a", "b"], np.array(["a", "zz"]), "'zz'"),
        ([1, 5], np.array([1, 7]), "7"),
    ],
)
def test_label_that_was_never_named_is_shown(known, y, shown):
    coder = check(np.array(known)).coder
    with pytest.raises(ValueError, match=f"but y holds {shown}"):
        check_more_targets(y, "It", coder, class_weight=None, sample_weight=None)
