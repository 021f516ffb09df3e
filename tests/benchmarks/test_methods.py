"""Labels of their own: which are learnt, and what is said of the others."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import get_scorer, roc_auc_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline, make_pipeline

from benchmarks.labels import KnownLabels, each_label
from benchmarks.methods import describe_method, kmers, lasso, positions, ridge, scaled, shared_out
from skgenome.classification import SequenceClassifier
from skgenome.preprocessing import KmerTokenizer
from skgenome.representation import LanguageModel


@pytest.fixture
def X(seed):
    return np.random.RandomState(seed).normal(size=(60, 4))


def make_labels(X, counts):
    """Give labels with so many positives each: the rows that are greatest in one column."""
    columns = [np.argsort(np.argsort(-X[:, i % X.shape[1]])) < n for i, n in enumerate(counts)]
    return np.stack(columns, axis=1).astype(int)


def known_labels(**params):
    return KnownLabels(OneVsRestClassifier(LogisticRegression()), **params)


def by_hand(X, y, X_test):
    """Fit one classifier for each column."""
    return np.stack(
        [LogisticRegression().fit(X, column).predict_proba(X_test)[:, 1] for column in y.T], axis=1
    )


@pytest.mark.parametrize("counts", [(30, 10), (20, 5, 55), (8, 30, 12, 50)], ids=str)
def test_known_labels_that_all_are_known_is_a_classifier_for_each(X, counts):
    y = make_labels(X, counts)
    fitted = known_labels().fit(X[:60], y)
    np.testing.assert_allclose(fitted.predict_proba(X), by_hand(X, y, X))
    np.testing.assert_array_equal(fitted.predict(X), by_hand(X, y, X) > 0.5)
    assert fitted.known_.tolist() == list(range(len(counts)))


@pytest.mark.parametrize(
    ("counts", "known"),
    [
        ((4, 30, 5), [1, 2]),
        ((30, 56, 0), [0]),
        ((3, 20, 60, 55), [1, 3]),
        ((30, 2), [0]),
    ],
    ids=["few positives", "few negatives, and none", "all", "one of two"],
)
def test_known_labels_give_the_share_of_others(X, counts, known):
    y = make_labels(X, counts)
    found = known_labels().fit(X, y).predict_proba(X[:7])
    expected = np.tile(np.divide(counts, 60), (7, 1))
    expected[:, known] = by_hand(X, y[:, known], X[:7])
    np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize("as_rows", [np.asarray, list], ids=["array", "list"])
def test_known_labels_of_which_none_is_known_learn_nothing(X, as_rows):
    class Refusing(DummyClassifier):
        def fit(self, X, y):
            raise AssertionError("something was learnt")

    y = make_labels(X, (1, 59, 4))
    fitted = KnownLabels(Refusing()).fit(X, y)
    np.testing.assert_allclose(fitted.predict_proba(as_rows(X[:3])), [np.divide((1, 59, 4), 60)] * 3)
    assert fitted.predict(as_rows(X[:3])).tolist() == [[0, 1, 0]] * 3


def test_known_labels_ask_for_as_many_as_they_are_told(X):
    y = make_labels(X, (2, 30, 57))
    assert known_labels(min_count=2).fit(X, y).known_.tolist() == [0, 1, 2]
    assert known_labels(min_count=3).fit(X, y).known_.tolist() == [1, 2]
    assert known_labels(min_count=31).fit(X, y).known_.tolist() == []


@pytest.mark.parametrize("counts", [(30, 10), (20, 5, 50)], ids=["two labels", "three"])
def test_known_labels_are_scored_label_by_label(X, counts):
    """Non-regression test: two labels were taken for two classes, and their scores refused."""
    y = make_labels(X, counts)
    fitted = known_labels().fit(X[::2], y[::2])
    expected = roc_auc_score(y[1::2], fitted.predict_proba(X[1::2]))
    assert get_scorer("roc_auc")(fitted, X[1::2], y[1::2]) == expected
    piped = make_pipeline("passthrough", known_labels()).fit(X[::2], y[::2])
    assert get_scorer("roc_auc")(piped, X[1::2], y[1::2]) == expected


def test_known_labels_read_sparse_features_and_can_be_cloned():
    X = np.array(["ACGT" * 3, "AAAT", "CCCC", "GGGG"] * 5, dtype=object)
    y = np.c_[np.arange(20) % 2, np.arange(20) % 4 == 0].astype(int)
    method = make_pipeline(CountVectorizer(analyzer="char"), known_labels())
    assert clone(method).fit(X, y).predict_proba(X).shape == (20, 2)
    assert describe_method(method).endswith(
        "KnownLabels(estimator=OneVsRestClassifier(estimator=LogisticRegression())))])"
    )


@pytest.mark.parametrize("counts", [(20, 3, 30), (20, 3)], ids=["two known", "one known"])
def test_known_labels_hold_a_network(X, counts):
    y = make_labels(X, counts)
    data = ["ACGTTGCA" * 4 if label else "AAATTTAC" * 4 for label in y[:, 0]]
    token_ids = KmerTokenizer(k=2).transform(data)
    tiny = {"device": "cpu", "random_state": 0}
    lm = LanguageModel(embedding_size=4, hidden_size=4, n_layers=1, **tiny)
    network = SequenceClassifier(lm, training="finetune", max_epochs=1, **tiny)
    found = KnownLabels(network).fit(token_ids, y).predict_proba(token_ids[:5])
    assert found.shape == (5, len(counts))
    assert found[:, 1] == pytest.approx(3 / 60)
    assert ((found > 0) & (found < 1)).all()


@pytest.mark.parametrize("last", [lasso(0), ridge()], ids=["lasso", "ridge"])
def test_each_label_has_a_classifier_of_its_own(last, seed):
    """With a penalty of its own too."""
    rng = np.random.RandomState(seed)
    rich = rng.rand(80) < 0.5
    data = [
        "".join(rng.choice(list("ACGT"), 60, p=[0.2, 0.3, 0.3, 0.2] if r else [0.3, 0.2, 0.2, 0.3]))
        for r in rich
    ]
    y = np.c_[rich, rng.rand(80) < 0.4].astype(int)
    data = np.array(data, dtype=object)
    steps = scaled(kmers(2), data)
    ((name, classifier),) = each_label(last)
    assert name == last[0][0]
    found = Pipeline([*steps, (name, classifier)]).fit(data[:60], y[:60]).predict_proba(data[60:])
    for i in range(2):
        alone = Pipeline(steps + last).fit(data[:60], y[:60, i])
        np.testing.assert_allclose(found[:, i], alone.predict_proba(data[60:])[:, 1], rtol=1e-6)


def test_shared_out_blocks_have_the_same_share():
    """Mean squared norms of the blocks are equal, and the mean variance of all features is 1."""
    X = ["".join(letters) for letters in np.random.RandomState(0).choice(list("ACGT"), (50, 60))]
    steps = shared_out({"few": kmers(1), "many": kmers(3)}, X)
    features = Pipeline(steps).transform(X)
    assert features.shape == (50, 4 + 64)
    few, many = (np.square(block).sum(1).mean() for block in (features[:, :4], features[:, 4:]))
    assert few == pytest.approx(many, rel=1e-6)
    assert features.var(0).mean() == pytest.approx(1, rel=1e-6)
    scale = scaled(kmers(3), X)
    expected = Pipeline(scale).transform(X)
    np.testing.assert_allclose(many / features.shape[1] * 2, 1, rtol=1e-6)
    np.testing.assert_allclose(features[:, 4:] / expected, (34 / 64) ** 0.5, rtol=1e-5)


def test_describe_method_is_the_same_in_every_process():
    """It once told where a function lies in memory: no part was found again, and none fitted a result."""
    steps = positions(3, ["GATTACA", "GATTACC"])
    text = describe_method(Pipeline(steps))
    assert "function to_width" in text
    assert "0x" not in text
