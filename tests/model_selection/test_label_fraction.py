"""nested_label_subset and LabelFractionClassifier: nesting, strata, groups, delegation."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from skgenome.model_selection import LabelFractionClassifier, nested_label_subset

Y = np.repeat(["a", "b", "c"], [120, 60, 20])
# Ten groups of each of two classes, of 3 to 12 rows.
SIZES = np.arange(20) % 10 + 3
GROUPS = np.repeat(np.arange(20), SIZES)
Y_OF_GROUPS = np.repeat(np.arange(20) % 2, SIZES)


@pytest.mark.parametrize("seed", range(3))
def test_subset_of_fewer_lies_within_subset_of_more(seed):
    fractions = [3, 4, 7, 0.05, 20, 0.3, 99, 0.77, 199, 1.0]
    kept = [set(nested_label_subset(Y, f, random_state=seed)) for f in fractions]
    assert all(few <= more for few, more in pairwise(kept))


@pytest.mark.parametrize("n_labels", [3, 10, 20, 57, 150, 200])
def test_subset_has_the_classes_in_proportion(n_labels):
    kept = nested_label_subset(Y, n_labels, random_state=0)
    counts = np.unique(Y[kept], return_counts=True)[1]
    assert counts.sum() == n_labels == len(set(kept))
    assert np.abs(counts - n_labels * np.array([0.6, 0.3, 0.1])).max() < 1.5
    assert counts.min() >= 1


def test_subset_of_a_share_counts_rows():
    assert len(nested_label_subset(Y, 0.1, random_state=0)) == 20
    assert len(nested_label_subset(Y, 1e-6, random_state=0)) == 3
    np.testing.assert_array_equal(nested_label_subset(Y, 1.0, random_state=0), np.arange(200))


def test_subset_depends_on_the_seed_alone():
    one, again, other = (nested_label_subset(Y, 20, random_state=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, again)
    assert set(one) != set(other)


@pytest.mark.parametrize(("fraction", "n_groups"), [(1, 1), (3, 3), (0.25, 2), (0.01, 1), (1.0, 10)])
def test_subset_keeps_whole_groups_of_each_class(fraction, n_groups):
    kept = nested_label_subset(Y_OF_GROUPS, fraction, groups=GROUPS, random_state=0)
    names = np.unique(GROUPS[kept])
    assert set(kept) == set(np.flatnonzero(np.isin(GROUPS, names)))
    assert [np.sum(names % 2 == label) for label in (0, 1)] == [n_groups, n_groups]


def test_subset_of_groups_is_nested():
    kept = [
        set(nested_label_subset(Y_OF_GROUPS, f, groups=GROUPS, random_state=4)) for f in (1, 2, 0.4, 0.7, 9)
    ]
    assert all(few < more for few, more in pairwise(kept))


@pytest.mark.parametrize(
    ("fraction", "groups", "message"),
    [
        (0.0, None, r"fraction must be .* Got 0\.0"),
        (1.5, None, r"fraction must be .* Got 1\.5"),
        (0, None, r"fraction must be .* Got 0 "),
        ("half", None, r"fraction must be .* Got 'half'"),
        (2, None, r"fraction=2 .* 3 classes"),
        (201, None, r"fraction=201 .* there are 200"),
        (0.5, np.arange(7), r"same length. Got 7 and 200"),
        (50, np.repeat(np.arange(20), 10), r"fraction=50 groups of each class .* class .*a.* has 12"),
    ],
)
def test_subset_says_what_is_wrong(fraction, groups, message):
    with pytest.raises(ValueError, match=message):
        nested_label_subset(Y, fraction, groups=groups)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 6))
    return X, np.where(X[:, 0] + 0.3 * rng.normal(size=200) > 0, "yes", "no")


def test_classifier_learns_from_the_subset_alone(data):
    X, y = data
    few = LabelFractionClassifier(LogisticRegression(), fraction=30, random_state=1).fit(X, y)
    rows = nested_label_subset(y, 30, random_state=1)
    alone = LogisticRegression().fit(X[rows], y[rows])
    np.testing.assert_array_equal(few.indices_, rows)
    np.testing.assert_array_equal(few.predict_proba(X), alone.predict_proba(X))
    np.testing.assert_array_equal(few.predict_log_proba(X), alone.predict_log_proba(X))
    np.testing.assert_array_equal(few.decision_function(X), alone.decision_function(X))
    np.testing.assert_array_equal(few.classes_, ["no", "yes"])
    assert few.score(X, y) == alone.score(X, y)
    assert few.n_features_in_ == 6


def test_classifier_cuts_sample_weight_to_the_subset(data):
    X, y = data
    weight = np.random.default_rng(0).random(200)
    few = LabelFractionClassifier(LogisticRegression(), fraction=0.2, random_state=0)
    few.fit(X, y, sample_weight=weight)
    rows = few.indices_
    alone = LogisticRegression().fit(X[rows], y[rows], sample_weight=weight[rows])
    np.testing.assert_array_equal(few.estimator_.coef_, alone.coef_)


@pytest.mark.parametrize("container", [sparse.csr_array, sparse.coo_array, lambda X: X.tolist()])
def test_classifier_takes_any_kind_of_rows(data, container):
    X, y = data
    few = LabelFractionClassifier(LogisticRegression(), fraction=0.2, random_state=0)
    expected = few.fit(X, y).predict(X)
    np.testing.assert_array_equal(few.fit(container(X), list(y)).predict(X), expected)


def test_classifier_offers_what_the_estimator_has():
    few = LabelFractionClassifier(LinearSVC())
    assert hasattr(few, "decision_function")
    assert not hasattr(few, "predict_proba")


def test_classifier_takes_groups_in_a_pipeline():
    X = np.random.default_rng(0).normal(size=(len(GROUPS), 3))
    few = LabelFractionClassifier(LogisticRegression(), fraction=2, random_state=0)
    pipeline = make_pipeline(StandardScaler(), few)
    pipeline.fit(X, Y_OF_GROUPS, labelfractionclassifier__groups=GROUPS)
    assert len(np.unique(GROUPS[pipeline[-1].indices_])) == 4


def test_fraction_is_a_parameter_of_a_grid_search(data):
    few = LabelFractionClassifier(LogisticRegression(), random_state=0)
    search = GridSearchCV(few, {"fraction": [4, 0.5, 1.0]}, cv=3).fit(*data)
    assert len(search.cv_results_["params"]) == 3
    assert search.best_params_["fraction"] in (0.5, 1.0)


@pytest.mark.parametrize("fraction", [True, False])
def test_nested_label_subset_takes_no_boolean(fraction):
    """Non-regression: True passed as a share of 1."""
    with pytest.raises(ValueError, match=f"Got {fraction} instead"):
        nested_label_subset([0, 1, 0, 1], fraction)


def test_nested_label_subset_stratifies_labels_in_a_column():
    y = np.array([0] * 18 + [1] * 2)
    column = nested_label_subset(y[:, None], 10, random_state=0)
    np.testing.assert_array_equal(column, nested_label_subset(y, 10, random_state=0))
    assert y[column].sum() == 1


def test_label_fraction_classifier_hands_the_groups_kept_to_a_classifier_that_takes_them():
    class Recorder(ClassifierMixin, BaseEstimator):
        def fit(self, X, y, groups=None):
            self.classes_, self.groups_ = np.unique(y), groups
            return self

        def predict(self, X):
            return np.repeat(self.classes_[0], len(X))

    y, groups = np.repeat([0, 1], 6), np.repeat(np.arange(6), 2)
    classifier = LabelFractionClassifier(Recorder(), fraction=2, random_state=0)
    classifier.fit(np.zeros((12, 1)), y, groups=groups)
    np.testing.assert_array_equal(classifier.estimator_.groups_, groups[classifier.indices_])
    assert len(np.unique(classifier.estimator_.groups_)) == 4
