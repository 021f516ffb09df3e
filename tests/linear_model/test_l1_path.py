"""The path solver against closed forms, optimality conditions and scikit-learn's solvers."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import Lasso, LogisticRegression
from sklearn.preprocessing import StandardScaler

from skgenome.linear_model import _l1_path
from skgenome.linear_model._l1_path import (
    Design,
    L1Path,
    column_moments,
    log_losses,
    null_intercept,
    probabilities,
    solve_quadratic_lasso,
    violations,
)


def make_problem(n_classes, n_samples=150, n_features=40, seed=0):
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=(n_samples, 10))
    X = np.tanh(hidden @ rng.normal(size=(10, n_features))) + 0.3 * rng.normal(size=(n_samples, n_features))
    scores = X[:, :n_classes] + rng.gumbel(size=(n_samples, n_classes))
    X = X * np.exp(rng.normal(size=n_features)) + 5 * rng.normal(size=n_features)
    return X, scores.argmax(axis=1)


def make_path(X, y, weight=None, tol=1e-9, max_iter=100):
    weight = np.ones(len(y)) if weight is None else weight
    design = Design(X, column_moments(X, weight))
    targets = np.eye(y.max() + 1)[y]
    targets = targets[:, 1:] if targets.shape[1] == 2 else targets
    return L1Path(design, targets, weight, np.ones(X.shape[1]), tol=tol, max_iter=max_iter)


def worst_violation(path, X, y, C):
    """The optimality conditions, written out anew from the definition."""
    Xs = StandardScaler().fit_transform(X)
    decision = Xs @ path.coef + path.intercept
    if decision.shape[1] == 1:
        residual = 1 / (1 + np.exp(-decision)) - y[:, None]
    else:
        odds = np.exp(decision - decision.max(axis=1, keepdims=True))
        residual = odds / odds.sum(axis=1, keepdims=True) - np.eye(y.max() + 1)[y]
    gradient = Xs.T @ residual
    active = path.coef != 0
    at_active = np.abs(gradient + np.sign(path.coef) / C)[active].max(initial=0.0)
    at_zero = (np.abs(gradient) - 1 / C)[~active].max(initial=0.0)
    return C * max(at_active, at_zero, np.abs(residual.sum(axis=0)).max())


@pytest.mark.parametrize("n_classes", [2, 3, 4])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_advance_meets_the_optimality_conditions(n_classes, dtype):
    X, y = make_problem(n_classes)
    X = X.astype(dtype)
    path = make_path(X, y, tol=1e-5)
    for C in path.smallest_C() * np.array([1.5, 5.0, 30.0, 200.0]):
        path.advance(C)
        assert path.converged
        assert worst_violation(path, X.astype(np.float64), y, C) < (1e-3 if dtype == np.float32 else 1.1e-5)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("share", [2.0, 20.0])
def test_advance_agrees_with_saga(n_classes, share):
    X, y = make_problem(n_classes)
    path = make_path(X, y)
    C = share * path.smallest_C()
    path.advance(C)
    saga = LogisticRegression(C=C, l1_ratio=1, solver="saga", tol=1e-8, max_iter=20_000)
    saga.fit(StandardScaler().fit_transform(X), y)
    np.testing.assert_allclose(path.coef.T, saga.coef_, atol=2e-5)


def test_advance_agrees_with_liblinear():
    X, y = make_problem(2)
    path = make_path(X, y)
    C = 10 * path.smallest_C()
    path.advance(C)
    # liblinear penalises the intercept; a large scaling of it makes that negligible.
    liblinear = LogisticRegression(
        C=C, l1_ratio=1, solver="liblinear", tol=1e-9, max_iter=10_000, intercept_scaling=1e3
    )
    liblinear.fit(StandardScaler().fit_transform(X), y)
    np.testing.assert_allclose(path.coef.T, liblinear.coef_, atol=1e-3)


@pytest.mark.parametrize("n_classes", [2, 3, 4])
def test_smallest_C_is_the_border_of_the_empty_model(n_classes):
    X, y = make_problem(n_classes)
    path = make_path(X, y)
    C = path.smallest_C()
    assert not path.advance(0.999 * C).coef.any()
    assert not path.advance(C).coef.any()
    assert path.advance(1.001 * C).coef.any()


def test_smallest_C_has_the_closed_form_of_glmnet():
    X, y = make_problem(2)
    Xs = StandardScaler().fit_transform(X)
    assert make_path(X, y).smallest_C() == pytest.approx(1 / np.abs(Xs.T @ (y - y.mean())).max())


def test_smallest_C_is_infinite_if_nothing_varies():
    assert make_path(np.full((10, 3), 7.0), np.arange(10) % 2).smallest_C() == np.inf


@pytest.mark.parametrize("n_classes", [3, 4])
def test_classes_in_turn_reach_the_solution_of_all_at_once(n_classes, monkeypatch):
    X, y = make_problem(n_classes)
    joint = make_path(X, y)
    C = 5 * joint.smallest_C()
    joint.advance(C)
    monkeypatch.setattr(_l1_path, "_MAX_JOINT", 0)
    in_turn = make_path(X, y, max_iter=1000).advance(C)
    np.testing.assert_allclose(probabilities(in_turn.decision), probabilities(joint.decision), atol=1e-5)


def test_advance_takes_the_sparsest_of_equal_solutions():
    X, y = make_problem(4)
    path = make_path(X, y)
    path.advance(50 * path.smallest_C())
    coef = path.coef[path.coef.any(axis=1)]
    assert (coef == 0).any(axis=1).all()
    assert worst_violation(path, X, y, 50 * make_path(X, y).smallest_C()) < 1e-6


def test_rows_of_weight_zero_are_predicted_but_not_learnt():
    X, y = make_problem(2)
    weight = np.r_[np.ones(100), np.zeros(50)]
    path = make_path(X, y, weight).advance(0.2)
    alone = make_path(X[:100], y[:100]).advance(0.2)
    np.testing.assert_allclose(path.coef, alone.coef, atol=1e-8)
    coef, intercept = path._design.unscale(path.coef, path.intercept)
    np.testing.assert_allclose(path.decision[100:], X[100:] @ coef.T + intercept, atol=1e-8)


def test_weights_count_like_repeated_rows():
    X, y = make_problem(3)
    weight = np.random.default_rng(0).integers(1, 4, len(y))
    weighted = make_path(X, y, weight.astype(float)).advance(0.1)
    repeated = make_path(X.repeat(weight, axis=0), y.repeat(weight)).advance(0.1)
    np.testing.assert_allclose(weighted.coef, repeated.coef, atol=1e-7)


def test_advance_says_when_it_stopped_early():
    X, y = make_problem(2)
    path = make_path(X, y, max_iter=1).advance(1.0)
    assert not path.converged
    assert path.n_iter == 1


def test_infinite_factors_keep_features_out():
    X, y = make_problem(2)
    path = make_path(X, y)
    path._factors = np.where(np.arange(40) < 2, np.inf, 1.0)
    path.advance(1.0)
    assert not path.coef[:2].any()
    assert path.coef.any()


def test_equal_columns_are_no_obstacle():
    X, y = make_problem(2)
    doubled = make_path(np.hstack([X, X]), y).advance(0.5)
    single = make_path(X, y).advance(0.5)
    np.testing.assert_allclose(doubled.coef[:40] + doubled.coef[40:], single.coef, atol=1e-6)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("size", [(200, 30), (30, 60)], ids=["tall", "wide"])
def test_solve_quadratic_lasso_agrees_with_coordinate_descent(seed, size):
    rng = np.random.default_rng(seed)
    n, d = size
    A = rng.normal(size=(n, 5)) @ rng.normal(size=(5, d)) + 0.2 * rng.normal(size=size)
    b = A[:, 0] + rng.normal(size=n)
    ours = solve_quadratic_lasso(A.T @ A, A.T @ b, np.full(d, 0.05 * n), rng.normal(size=d), tol=1e-10)
    lasso = Lasso(alpha=0.05, fit_intercept=False, tol=1e-12, max_iter=100_000).fit(A, b)
    np.testing.assert_allclose(ours, lasso.coef_, atol=1e-6)


def test_solve_quadratic_lasso_shrinks_a_diagonal_problem_softly():
    linear = np.array([3.0, -2.0, 0.5, 0.0])
    solution = solve_quadratic_lasso(2 * np.eye(4), linear, np.ones(4), np.ones(4))
    np.testing.assert_allclose(solution, [1.0, -0.5, 0.0, 0.0], atol=1e-9)


def test_solve_quadratic_lasso_skips_directions_without_curvature():
    hessian = np.diag([1.0, 0.0])
    solution = solve_quadratic_lasso(hessian, np.array([3.0, 0.5]), np.ones(2), np.zeros(2))
    np.testing.assert_allclose(solution, [2.0, 0.0], atol=1e-9)


def test_violations_are_shares_of_the_penalty():
    result = violations(
        np.array([1.0, 0, 0, 0]), np.array([-1.5, 3.0, 0.5, 9.0]), np.array([1, 2, 1, np.inf])
    )
    np.testing.assert_allclose(result, [0.5, 0.5, -0.5, 0.0])


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array, sparse.csc_matrix])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_column_moments_match_numpy(container, dtype):
    rng = np.random.default_rng(0)
    X = (rng.random((50, 300)) * (rng.random((50, 300)) < 0.3)).astype(dtype)
    X[:, 7] = 3.7
    weight = rng.random(50)
    mean, scale = column_moments(container(X), weight)
    expected = np.average(X, axis=0, weights=weight)
    np.testing.assert_allclose(mean, expected, rtol=1e-5)
    np.testing.assert_allclose(
        scale, np.sqrt(np.average((X - expected) ** 2, axis=0, weights=weight)), atol=1e-5
    )
    assert scale[7] == 0


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_design_standardises(container):
    X = np.random.default_rng(0).normal(3.0, 2.0, size=(60, 20))
    X[:, 4] = 1.5
    design = Design(container(X), column_moments(container(X), np.ones(60)))
    expected = StandardScaler().fit_transform(X)
    np.testing.assert_allclose(design.take(np.array([2, 4, 19])), expected[:, [2, 4, 19]], atol=1e-12)
    residual = np.random.default_rng(1).normal(size=(60, 3))
    np.testing.assert_allclose(design.project(residual), expected.T @ residual, atol=1e-10)
    weights = np.stack([np.ones(60), np.arange(60) < 30]).astype(float)
    spread = design.spread(weights)
    np.testing.assert_allclose(spread[1], expected[:30].std(axis=0), atol=1e-10)
    assert spread[1, 4] == 0


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_null_intercept_is_the_best_constant(n_outputs):
    y = np.array([0, 0, 0, 1, 1, 2]) if n_outputs == 3 else np.array([0, 0, 0, 1])
    targets = np.eye(3)[y] if n_outputs == 3 else y[:, None].astype(float)
    intercept = null_intercept(targets, np.ones(len(y)))
    predicted = probabilities(np.tile(intercept, (len(y), 1)))
    np.testing.assert_allclose(predicted[0], targets.mean(axis=0))
    losses = log_losses(np.tile(intercept, (len(y), 1)), targets)
    shares = np.bincount(y)[y] / len(y)
    np.testing.assert_allclose(losses, -np.log(shares))
