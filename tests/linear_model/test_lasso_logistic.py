"""LassoLogisticRegressionCV: the choice of C against brute force, conformance, and error messages."""

import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.metrics import get_scorer, log_loss
from sklearn.model_selection import GroupKFold, KFold, ShuffleSplit, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from skgenome.exceptions import SkgenomeWarning
from skgenome.linear_model import LassoLogisticRegressionCV


# The equivalence of weights and repeated rows is checked to 1e-7, beyond the default tol of 1e-4.
@parametrize_with_checks(
    [
        LassoLogisticRegressionCV(cv=3, Cs=8, tol=1e-10),
        LassoLogisticRegressionCV(
            cv=3, Cs=8, tol=1e-10, selection="1se", standardize=False, scoring="accuracy"
        ),
    ]
)
def test_lasso_meets_the_checks_of_scikit_learn(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 60)) @ np.diag(np.exp(rng.normal(size=60))) + 2
    score = (X - X.mean(axis=0)) / X.std(axis=0) @ np.r_[1.0, -1.0, 0.5, np.zeros(57)]
    return X, np.where(score + rng.normal(size=120) > 0, "promoter", "other")


@pytest.fixture(scope="module")
def three_classes():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(120, 30))
    return X, (X[:, :3] + rng.normal(size=(120, 3))).argmax(axis=1)


def test_fit_agrees_with_a_pipeline_of_scikit_learn(data):
    X, y = data
    lasso = LassoLogisticRegressionCV(tol=1e-8).fit(X, y)
    pipeline = make_pipeline(
        StandardScaler(), LogisticRegression(C=lasso.C_, l1_ratio=1, solver="saga", tol=1e-7, max_iter=10_000)
    )
    np.testing.assert_allclose(lasso.predict_proba(X), pipeline.fit(X, y).predict_proba(X), atol=1e-4)
    assert lasso.n_nonzero_ == np.count_nonzero(lasso.coef_)


@pytest.mark.parametrize("scoring", ["neg_log_loss", "accuracy"])
def test_scores_path_is_that_of_cross_val_score(data, scoring):
    X, y = data
    lasso = LassoLogisticRegressionCV(Cs=[0.05, 0.5], scoring=scoring, tol=1e-8).fit(X, y)
    for position, C in enumerate(lasso.Cs_):
        model = LogisticRegression(C=C, l1_ratio=1, solver="saga", tol=1e-6, max_iter=5_000)
        expected = cross_val_score(
            make_pipeline(StandardScaler(), model), X, y, cv=StratifiedKFold(5), scoring=scoring
        )
        np.testing.assert_allclose(lasso.scores_path_[:, position], expected, atol=1e-4)


def test_choice_agrees_with_logistic_regression_cv(three_classes):
    X, y = three_classes
    X = StandardScaler().fit_transform(X)
    Cs = [0.02, 0.05, 0.1, 0.3, 2.0]
    lasso = LassoLogisticRegressionCV(Cs=Cs, standardize=False).fit(X, y)
    theirs = LogisticRegressionCV(
        Cs=Cs,
        cv=5,
        l1_ratios=(1,),
        solver="saga",
        scoring="neg_log_loss",
        use_legacy_attributes=False,
        tol=1e-5,
        max_iter=5_000,
    ).fit(X, y)
    assert lasso.C_ == theirs.C_
    np.testing.assert_allclose(lasso.coef_, theirs.coef_, atol=1e-2)


def test_selection_follows_the_one_standard_error_rule(data):
    X, y = data
    least = LassoLogisticRegressionCV(early_stopping=False).fit(X, y)
    sparse_one = LassoLogisticRegressionCV(early_stopping=False, selection="1se").fit(X, y)
    mean = [least.scores_path_[:, i].mean() for i in range(20)]
    best = max(range(20), key=lambda i: mean[i])
    error = np.std(least.scores_path_[:, best], ddof=1) / np.sqrt(5)
    within = next(i for i in range(20) if mean[i] >= mean[best] - error)
    np.testing.assert_allclose(least.scores_se_[best], error)
    assert (least.C_, least.C_min_, least.C_1se_) == (least.Cs_[best], least.Cs_[best], least.Cs_[within])
    assert sparse_one.C_ == least.C_1se_ < least.C_min_
    assert sparse_one.n_nonzero_ < least.n_nonzero_


def test_early_stopping_leaves_the_choice_as_it_is(data):
    X, y = data
    short, full = (LassoLogisticRegressionCV(early_stopping=stop).fit(X, y) for stop in (True, False))
    assert len(short.Cs_) < len(full.Cs_) == 20
    np.testing.assert_array_equal(short.scores_path_, full.scores_path_[:, : len(short.Cs_)])
    np.testing.assert_array_equal(short.coef_, full.coef_)


def test_grid_starts_at_the_empty_model(data):
    X, y = data
    lasso = LassoLogisticRegressionCV(Cs=5, eps=0.1, early_stopping=False).fit(X, y)
    Xs = StandardScaler().fit_transform(X)
    assert lasso.Cs_[0] == pytest.approx(1 / np.abs(Xs.T @ ((y == "promoter") - 0.5)).max(), rel=0.1)
    assert lasso.Cs_[-1] == pytest.approx(10 * lasso.Cs_[0])
    assert not lasso.coefs_path_[0].any()
    assert lasso.coefs_path_[1].any()


def test_path_ends_at_the_chosen_model(data):
    lasso = LassoLogisticRegressionCV().fit(*data)
    assert lasso.coefs_path_.shape == (list(lasso.Cs_).index(lasso.C_) + 1, 1, 60)
    np.testing.assert_array_equal(lasso.coefs_path_[-1], lasso.coef_)


@pytest.mark.parametrize("wanted", [1, 7])
def test_min_nonzero_goes_on_along_the_path(wanted):
    """Labels drawn by lot: cross-validation prefers the empty model, which is no classifier."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 100)), np.tile([0, 1], 20)
    empty = LassoLogisticRegressionCV().fit(X, y)
    assert empty.n_nonzero_ == 0
    lasso = LassoLogisticRegressionCV(min_nonzero=wanted).fit(X, y)
    assert lasso.C_min_ == empty.C_min_ < lasso.C_
    assert lasso.n_nonzero_ >= wanted
    counts = (lasso.coefs_path_ != 0).any(axis=1).sum(axis=1)
    assert (counts[:-1] < wanted).all()
    reference = LogisticRegression(C=lasso.C_, l1_ratio=1, solver="saga", tol=1e-7, max_iter=10_000)
    reference = make_pipeline(StandardScaler(), reference).fit(X, y)
    np.testing.assert_allclose(lasso.predict_proba(X), reference.predict_proba(X), atol=1e-3)


def test_min_nonzero_leaves_a_larger_model_as_it_is(data):
    assert LassoLogisticRegressionCV(min_nonzero=1).fit(*data).C_ == LassoLogisticRegressionCV().fit(*data).C_


def test_min_nonzero_out_of_reach_is_a_warning(data):
    with pytest.warns(SkgenomeWarning, match=r"min_nonzero=61 .* but the model has \d+ at the largest C"):
        LassoLogisticRegressionCV(min_nonzero=61).fit(*data)


def test_array_of_Cs_is_sorted_and_tried_in_full(data):
    lasso = LassoLogisticRegressionCV(Cs=[100.0, 0.001, 1.0]).fit(*data)
    np.testing.assert_array_equal(lasso.Cs_, [0.001, 1.0, 100.0])


@pytest.mark.parametrize("classes", ["two", "three"])
def test_sparse_input_gives_the_model_of_dense_input(classes, data, three_classes):
    X, y = data if classes == "two" else three_classes
    X = X * (np.abs(X) > 1)
    dense = LassoLogisticRegressionCV(tol=1e-8).fit(X, y)
    for container in (sparse.csr_matrix, sparse.csc_array):
        model = LassoLogisticRegressionCV(tol=1e-8).fit(container(X), y)
        np.testing.assert_allclose(model.coef_, dense.coef_, atol=1e-6)
        np.testing.assert_allclose(model.predict_proba(container(X)), dense.predict_proba(X), atol=1e-6)


def test_float32_gives_the_model_of_float64(data):
    X, y = data
    X = X.astype(np.float32)
    single, double = (LassoLogisticRegressionCV().fit(Z, y) for Z in (X, X.astype(np.float64)))
    assert single.coef_.dtype == np.float64
    np.testing.assert_allclose(single.coef_, double.coef_, atol=1e-3)


def test_probabilities_are_consistent(three_classes, data):
    for X, y in (three_classes, data):
        lasso = LassoLogisticRegressionCV().fit(X, y)
        proba = lasso.predict_proba(X)
        np.testing.assert_allclose(proba.sum(axis=1), 1.0)
        np.testing.assert_allclose(np.exp(lasso.predict_log_proba(X)), proba)
        np.testing.assert_array_equal(lasso.predict(X), lasso.classes_[proba.argmax(axis=1)])
        assert log_loss(y, proba) < np.log(len(lasso.classes_))


def test_multinomial_intercepts_sum_to_zero(three_classes):
    assert LassoLogisticRegressionCV().fit(*three_classes).intercept_.sum() == pytest.approx(0, abs=1e-12)


def test_class_weight_counts_like_sample_weight(data):
    X, y = data
    weights = {"promoter": 3.0, "other": 0.5}
    rows = np.array([weights[label] for label in y])
    by_class = LassoLogisticRegressionCV(class_weight=weights, Cs=[0.1]).fit(X, y)
    by_row = LassoLogisticRegressionCV(Cs=[0.1]).fit(X, y, sample_weight=rows)
    np.testing.assert_allclose(by_class.coef_, by_row.coef_, atol=1e-8)


@pytest.mark.parametrize("scoring", ["neg_log_loss", "accuracy"])
def test_scores_are_weighted(data, scoring):
    X, y = data
    weight = np.random.default_rng(0).integers(1, 4, len(y)).astype(float)
    lasso = LassoLogisticRegressionCV(Cs=[0.1], scoring=scoring, tol=1e-8).fit(X, y, sample_weight=weight)
    train, test = next(StratifiedKFold(5).split(X, y))
    alone = LassoLogisticRegressionCV(Cs=[0.1], tol=1e-8).fit(X[train], y[train], sample_weight=weight[train])
    expected = get_scorer(scoring)(alone, X[test], y[test], sample_weight=weight[test])
    assert lasso.scores_path_[0, 0] == pytest.approx(expected, abs=1e-6)


def test_callable_scoring_gets_an_estimator_that_predicts(data):
    X, y = data

    def accuracy(estimator, X, y):
        return estimator.score(X, y)

    by_callable = LassoLogisticRegressionCV(scoring=accuracy).fit(X, y)
    by_name = LassoLogisticRegressionCV(scoring="accuracy").fit(X, y)
    np.testing.assert_array_equal(by_callable.scores_path_, by_name.scores_path_)


def test_scoring_that_gives_nan_is_an_error(data):
    lasso = LassoLogisticRegressionCV(scoring=lambda *_: float("nan"))
    with pytest.raises(ValueError, match="Scoring gave nan in fold 0 at C="):
        lasso.fit(*data)


def test_threads_change_nothing(data):
    serial = LassoLogisticRegressionCV().fit(*data)
    threads = LassoLogisticRegressionCV(n_jobs=2).fit(*data)
    np.testing.assert_array_equal(serial.coef_, threads.coef_)


def test_random_state_shuffles_the_folds(data):
    in_order, one, same, other = (
        LassoLogisticRegressionCV(random_state=seed).fit(*data).scores_path_[:, 0] for seed in (None, 0, 0, 1)
    )
    np.testing.assert_array_equal(one, same)
    fitted = [LassoLogisticRegressionCV(random_state=seed, Cs=[0.1]).fit(*data) for seed in (None, 0, 1)]
    assert len({tuple(lasso.scores_path_[:, 0]) for lasso in fitted}) == 3
    assert in_order.shape == other.shape == (5,)


def test_groups_stay_on_one_side(data):
    X, y = data
    groups = np.arange(120) // 4
    by_default = LassoLogisticRegressionCV(Cs=[0.1]).fit(X, y, groups=groups)
    splitter = LassoLogisticRegressionCV(Cs=[0.1], cv=GroupKFold(3)).fit(X, y, groups=groups)
    assert by_default.scores_path_.shape == (5, 1)
    assert splitter.scores_path_.shape == (3, 1)


def test_repeated_training_rows_count_as_often():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 5)), np.arange(40) % 2
    rows, rest = rng.integers(0, 30, 60), np.arange(30, 40)
    lasso = LassoLogisticRegressionCV(Cs=[0.5], cv=[(rows, rest)], tol=1e-9).fit(X, y)
    alone = LassoLogisticRegressionCV(Cs=[0.5], tol=1e-9).fit(X[rows], y[rows])
    assert lasso.scores_path_[0, 0] == pytest.approx(-log_loss(y[rest], alone.predict_proba(X[rest])))


def test_one_split_has_no_standard_error(data):
    lasso = LassoLogisticRegressionCV(cv=ShuffleSplit(1, random_state=0), selection="1se").fit(*data)
    assert not lasso.scores_se_.any()
    assert lasso.C_min_ == lasso.C_


def test_folds_are_reduced_to_the_members_of_a_class(data):
    X, y = data
    rows = np.r_[np.flatnonzero(y == "other")[:20], np.flatnonzero(y == "promoter")[:3]]
    with pytest.warns(
        SkgenomeWarning, match="Class 'promoter' has 3 rows, fewer than cv=5: C is chosen with 3"
    ):
        lasso = LassoLogisticRegressionCV().fit(X[rows], y[rows])
    assert len(lasso.scores_path_) == 3


def test_folds_are_reduced_to_the_groups_of_a_class(data):
    X, y = data
    groups = np.where(y == "promoter", np.arange(120) % 2, 10 + np.arange(120) % 7)
    with pytest.warns(SkgenomeWarning, match="Class 'promoter' has 2 groups, fewer than cv=5"):
        LassoLogisticRegressionCV(Cs=[0.1]).fit(X, y, groups=groups)


def test_class_with_one_member_is_an_error(data):
    X, y = data
    rows = np.r_[np.flatnonzero(y == "other")[:20], np.flatnonzero(y == "promoter")[:1]]
    with pytest.raises(ValueError, match=r"at least 2 rows of each class.*Class 'promoter' has 1"):
        LassoLogisticRegressionCV().fit(X[rows], y[rows])


def test_one_class_is_an_error(data):
    with pytest.raises(ValueError, match="only one class: 'a'"):
        LassoLogisticRegressionCV().fit(data[0], np.full(120, "a"))


def test_fold_without_a_class_is_an_error():
    X, y = np.random.default_rng(0).normal(size=(20, 3)), np.repeat([0, 1], 10)
    with pytest.raises(ValueError, match=r"training rows of fold 0 has class 0 and a positive weight"):
        LassoLogisticRegressionCV(cv=KFold(2)).fit(X, y)


def test_test_rows_without_weight_are_an_error():
    X, y = np.random.default_rng(0).normal(size=(20, 3)), np.arange(20) % 2
    splits = [(np.arange(10), np.arange(10, 15)), (np.arange(10), np.arange(15, 20))]
    with pytest.raises(ValueError, match="test rows of fold 1 have no weight"):
        LassoLogisticRegressionCV(cv=splits).fit(X, y, sample_weight=np.arange(20) < 15)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ([1.0, 2.0], r"one number for each of the 120 rows of X. Got an array of shape \(2,\)"),
        (np.r_[np.ones(7), -2.0, np.ones(112)], "must not be negative. Got -2 in row 7"),
        (np.zeros(120), "must not be zero everywhere"),
    ],
)
def test_wrong_weights_are_an_error(data, weight, message):
    with pytest.raises(ValueError, match=message):
        LassoLogisticRegressionCV().fit(*data, sample_weight=weight)


def test_negative_C_is_an_error(data):
    with pytest.raises(ValueError, match=r"Cs must be positive\. Got -1"):
        LassoLogisticRegressionCV(Cs=[1.0, -1.0]).fit(*data)


def test_constant_features_give_the_class_frequencies():
    X, y = np.full((30, 4), 2.5), np.repeat(["a", "b"], [10, 20])
    with pytest.warns(SkgenomeWarning, match="No feature varies"):
        lasso = LassoLogisticRegressionCV(Cs=5).fit(X, y)
    np.testing.assert_allclose(lasso.predict_proba(X[:1]), [[1 / 3, 2 / 3]])
    assert lasso.n_nonzero_ == 0


def test_feature_constant_in_a_fold_stays_out_of_it(data):
    X, y = data
    X = X.copy()
    # Only rows of the first test fold vary.
    X[:, 0] = 0.0
    X[:20, 0] = 1e3 * np.arange(20)
    lasso = LassoLogisticRegressionCV(Cs=[0.1]).fit(X, y)
    rest = LassoLogisticRegressionCV(Cs=[0.1]).fit(X[:, 1:], y)
    assert lasso.scores_path_[0, 0] == pytest.approx(rest.scores_path_[0, 0], abs=1e-4)


def test_max_iter_reached_is_a_warning(data):
    with pytest.warns(ConvergenceWarning, match="Raise max_iter or tol"):
        LassoLogisticRegressionCV(max_iter=1, Cs=[10.0]).fit(*data)


def test_separable_data_of_many_features_is_fitted_quietly():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 400)).astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lasso = LassoLogisticRegressionCV(early_stopping=False).fit(X, X[:, 0] > 0)
    assert np.argmax(np.abs(lasso.coef_)) == 0


def test_unfitted_predict_says_so(data):
    with pytest.raises(NotFittedError, match="not fitted yet"):
        LassoLogisticRegressionCV().predict(data[0])


def test_refit_forgets(data, three_classes):
    lasso = LassoLogisticRegressionCV().fit(*three_classes)
    fresh = clone(lasso).fit(*data)
    np.testing.assert_array_equal(lasso.fit(*data).coef_, fresh.coef_)
