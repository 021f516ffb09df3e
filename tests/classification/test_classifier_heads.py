"""The head that fine-tuning starts from: the optimum of a penalised loss, which training goes on with."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from skgenome.classification._heads import _rotate, fit_head, make_head
from skgenome.classification._targets import check_targets
from skgenome.nn import ClassificationLoss

OPTIONS = {"hidden_size": 4, "input_p": 0.0, "hidden_p": 0.0}


def draw(seed, kind, n_features=12, n_samples=60):
    """Features and labels of a kind, which the first features tell."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n_samples, n_features)).astype(np.float32)
    noisy = x + 0.5 * rng.normal(size=x.shape)
    if kind == "multilabel":
        return x, (noisy[:, :3] > 0).astype(int)
    if kind == "multiclass":
        return x, noisy[:, :3].argmax(axis=1)
    return x, (noisy[:, 0] > 0).astype(int)


def fitted_head(x, y, seed=0):
    _, targets = check_targets(y, "it")
    head = make_head("linear", x.shape[1], targets.coder.n_outputs, **OPTIONS)
    head.standardize.measure(torch.from_numpy(x))
    fit_head(head, x, targets, weight_decay=0.0, seed=seed)
    return head, targets


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel"])
@pytest.mark.parametrize("n_features", [12, 200])
def test_fitted_head_is_where_the_gradient_of_the_penalised_loss_is_zero(kind, n_features, seed):
    x, y = draw(seed, kind, n_features)
    head, targets = fitted_head(x, y)
    rows = torch.from_numpy(targets.encode()), torch.ones(len(y))
    loss = ClassificationLoss()(head(torch.from_numpy(x)), rows)
    gradient = torch.autograd.grad(loss, head.linear.weight, retain_graph=True)[0]
    penalised = torch.autograd.grad(loss + head.penalty(), head.linear.weight)[0]
    assert penalised.abs().max() < 0.02 * gradient.abs().max()


@pytest.mark.parametrize("n_features", [40, 61, 130, 3000])
def test_rotated_features_give_the_same_model(n_features, seed):
    x, y = draw(seed, "binary", n_features)
    rotated, restore = _rotate(x)
    assert rotated.shape == (len(x), min(x.shape))
    exact = x.astype(float)
    np.testing.assert_allclose(rotated @ rotated.T, exact @ exact.T, rtol=1e-6, atol=1e-8)
    options = {"C": 0.1, "tol": 1e-10, "max_iter": 10_000}
    expected, found = (LogisticRegression(**options).fit(part, y) for part in (exact, rotated))
    np.testing.assert_allclose(restore(found.coef_), expected.coef_, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found.intercept_, expected.intercept_, rtol=1e-4, atol=1e-6)


def test_rotation_leaves_out_directions_that_are_rounding(seed):
    x, y = draw(seed, "binary", 500)
    x = np.repeat(x[:20], 3, axis=0)
    rotated, restore = _rotate(x)
    assert rotated.shape == (60, 20)
    weights = LogisticRegression().fit(rotated, y).coef_
    assert restore(weights).shape == (1, 500)
    np.testing.assert_allclose(x @ restore(weights).T, rotated @ weights.T, rtol=1e-6, atol=1e-8)


def test_mlp_head_has_no_penalty():
    assert make_head("mlp", 5, 2, **OPTIONS).penalty() == 0


def test_rows_that_are_all_alike_have_one_direction_without_content():
    x = np.zeros((4, 9))
    rotated, restore = _rotate(x)
    assert rotated.shape == (4, 1)
    assert not rotated.any()
    assert np.array_equal(restore(np.ones((2, 1))), np.zeros((2, 9)))


def test_a_head_of_rows_that_are_all_alike_gives_the_share_of_the_classes():
    x = np.ones((8, 20), dtype=np.float32)
    head, _ = fitted_head(x, np.array([0, 1] * 4))
    with torch.inference_mode():
        assert torch.sigmoid(head(torch.from_numpy(x[:1]))).item() == pytest.approx(0.5, abs=1e-4)
