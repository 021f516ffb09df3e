"""Many labels at once, some of them missing: what is learnt of them, and what is said of them."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

from benchmarks.labels import (
    KnownLabels,
    WhereKnown,
    describe_labels,
    each_label,
    name_unscored,
    scored_labels,
)
from benchmarks.methods import lasso
from skgenome.classification import SequenceClassifier
from skgenome.preprocessing import KmerTokenizer
from skgenome.representation import LanguageModel


@pytest.fixture
def X(seed):
    return np.random.RandomState(seed).normal(size=(80, 4))


def make_target(X, n_positives, n_known):
    """Give each label so many known rows, drawn by chance; those greatest in a column are positives."""
    rng = np.random.RandomState(1)
    target = np.full((len(X), len(n_positives)), -1)
    for j, (positives, known) in enumerate(zip(n_positives, n_known, strict=True)):
        rows = rng.permutation(len(X))[:known]
        rows = rows[np.argsort(-X[rows, j % X.shape[1]])]
        target[rows, j] = np.arange(known) < positives
    return target


def entries(**params):
    return KnownLabels(WhereKnown(LogisticRegression()), **params)


def by_hand(X, column):
    known = column != -1
    return LogisticRegression().fit(X[known], column[known]).predict_proba(X)[:, 1]


@pytest.mark.parametrize(
    ("n_positives", "n_known"),
    [((10, 20), (30, 60)), ((10, 35, 12), (20, 80, 17)), ((5,), (10,))],
    ids=["two labels", "three", "one"],
)
def test_known_labels_learn_each_label_where_it_is_known(X, n_positives, n_known):
    y = make_target(X, n_positives, n_known)
    fitted = entries().fit(X, y)
    expected = np.stack([by_hand(X, column) for column in y.T], axis=1)
    np.testing.assert_allclose(fitted.predict_proba(X), expected)
    np.testing.assert_array_equal(fitted.predict(X), expected > 0.5)


def test_known_labels_of_which_none_is_missing_are_those_of_scikit_learn(X):
    y = make_target(X, (30, 4, 50), (80, 80, 80))
    found = entries().fit(X, y).predict_proba(X)
    expected = KnownLabels(OneVsRestClassifier(LogisticRegression())).fit(X, y).predict_proba(X)
    np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize(
    ("n_positives", "n_known", "known"),
    [
        ((4, 20, 5), (40, 40, 9), [1]),
        ((20, 10, 0), (40, 20, 0), [0, 1]),
        ((2, 38), (40, 40), []),
    ],
    ids=["one is left", "one that nobody knows", "none is left"],
)
def test_known_labels_give_the_share_of_what_is_known_too_rarely(X, n_positives, n_known, known):
    y = make_target(X, n_positives, n_known)
    fitted = entries().fit(X, y)
    assert fitted.known_.tolist() == known
    shares = [p / n if n else 0.5 for p, n in zip(n_positives, n_known, strict=True)]
    expected = np.tile(shares, (len(X), 1))
    for j in known:
        expected[:, j] = by_hand(X, y[:, j])
    np.testing.assert_allclose(fitted.predict_proba(X), expected)


def test_known_labels_can_be_cloned_and_seeded():
    ((name, method),) = each_label(lasso(3))
    assert name == "lasso"
    twin = clone(method).set_params(estimator__estimator__random_state=4)
    assert (method.estimator.estimator.random_state, twin.estimator.estimator.random_state) == (3, 4)


@pytest.mark.parametrize("known", [(80, 60), (80, 4)], ids=["two known", "one known"])
def test_known_labels_hold_a_network(X, known):
    y = make_target(X, (30, 2 if known[1] == 4 else 30), known)
    token_ids = KmerTokenizer(k=2).transform(
        ["ACGTTGCA" * 4 if label == 1 else "AAATTTAC" * 4 for label in y[:, 0]]
    )
    tiny = {"device": "cpu", "random_state": 0}
    lm = LanguageModel(embedding_size=4, hidden_size=4, n_layers=1, **tiny)
    network = SequenceClassifier(lm, training="finetune", max_epochs=1, **tiny)
    found = KnownLabels(network).fit(token_ids, y).predict_proba(token_ids[:5])
    assert found.shape == (5, 2)
    assert ((found > 0) & (found < 1)).all()
    if known[1] == 4:
        assert found[:, 1].tolist() == [0.5] * 5


def test_where_known_of_one_column_gives_both_classes(X):
    y = make_target(X, (10,), (30,))[:, 0]
    found = WhereKnown(LogisticRegression()).fit(X, y).predict_proba(X)
    np.testing.assert_allclose(found, np.c_[1 - by_hand(X, y), by_hand(X, y)])


def test_shares_of_known_entries_are_those_of_a_majority(X):
    y = make_target(X, (10, 30, 7), (40, 45, 70))
    ((_, method),) = each_label([("majority", DummyClassifier(strategy="prior"))])
    found = method.fit(X, y).predict_proba(X[:2])
    np.testing.assert_allclose(found, [[10 / 40, 30 / 45, 7 / 70]] * 2)


#: Known in both halves with both values; the same with a missing entry; one value alone in the second half;
#: never 1; not known in the second half.
TARGET = np.array(
    [
        [0, 0, 0, 0, 0],
        [1, 1, 1, 0, 1],
        [0, -1, 1, 0, 0],
        [0, 0, 1, 0, -1],
        [1, 1, 1, -1, -1],
        [0, -1, 1, 0, -1],
    ]
)
HALVES = [np.arange(3), np.arange(3, 6)]
NAMES = list("abcde")


@pytest.mark.parametrize(
    ("tests", "scored"), [(HALVES, [0, 1]), (HALVES[:1], [0, 1, 2, 4]), (HALVES[1:], [0, 1])]
)
def test_scored_labels_have_both_values_in_every_test_set(tests, scored):
    assert scored_labels(TARGET, tests).tolist() == scored
    assert [row["label"] for row in describe_labels(TARGET, tests, NAMES)] == [NAMES[j] for j in scored]
    (note,) = name_unscored(TARGET, tests, NAMES)
    assert (
        note.partition(": ")[2] == ", ".join(name for name in NAMES if NAMES.index(name) not in scored) + "."
    )


def test_scored_labels_of_which_there_is_none_are_an_error():
    with pytest.raises(ValueError, match="so for none of 2 labels: hold out more rows"):
        scored_labels(TARGET[:, 2:4], HALVES[1:])


def test_describe_labels_count_what_is_known():
    rows = describe_labels(TARGET, HALVES, NAMES, ["x", "y", "x", "y", "x"])
    assert rows == [
        {"label": "a", "group": "x", "n_known": 6, "n_positives": 2, "prevalence": 0.3333},
        {"label": "b", "group": "y", "n_known": 4, "n_positives": 2, "prevalence": 0.5},
    ]


def test_name_unscored_of_measured_labels_says_nothing():
    assert name_unscored(TARGET[:, :2], HALVES, NAMES[:2]) == []
