"""Surprise and penalties against closed forms and loops by hand."""

import math

import numpy as np
import pytest
import torch
from scipy.special import expit, softmax
from sklearn.metrics import log_loss

from skgenome import sequences
from skgenome.nn import (
    ClassificationLoss,
    EncoderOutput,
    LanguageModelLoss,
    _losses,
    activation_regularization,
    row_nats,
    temporal_activation_regularization,
    token_nats,
)


@pytest.fixture
def rng(seed):
    return np.random.default_rng(seed)


def test_token_nats_is_minus_log_softmax(rng):
    logits, targets = rng.normal(size=(3, 5, 18)), rng.integers(2, 18, (3, 5))
    found = token_nats(torch.from_numpy(logits), torch.from_numpy(targets)).numpy()
    for i, j in np.ndindex(3, 5):
        expected = math.log(sum(math.exp(x) for x in logits[i, j])) - logits[i, j, targets[i, j]]
        assert found[i, j] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("n_tokens", [6, 66, 258])
def test_token_nats_of_equal_scores_is_the_logarithm_of_their_number(n_tokens):
    nats = token_nats(torch.full((2, 3, n_tokens), 7.0), torch.full((2, 3), 4))
    torch.testing.assert_close(nats, torch.full((2, 3), math.log(n_tokens)))


@pytest.mark.parametrize("special", [0, 1], ids=["padding", "unknown"])
def test_token_nats_ignores_special_targets(special, rng):
    logits = torch.from_numpy(rng.normal(size=(2, 4, 18))).requires_grad_()
    targets = torch.from_numpy(rng.integers(2, 18, (2, 4)))
    targets[0, 1] = special
    nats = token_nats(logits, targets)
    nats.sum().backward()
    assert nats[0, 1] == 0
    assert (logits.grad[0, 1] == 0).all()
    assert (nats > 0).sum() == 7


def test_token_nats_takes_the_softmax_of_half_precision_in_float32(rng):
    logits = torch.from_numpy(rng.normal(size=(2, 4, 18))).bfloat16()
    targets = torch.from_numpy(rng.integers(2, 18, (2, 4)))
    nats = token_nats(logits, targets)
    assert nats.dtype == torch.float32
    assert torch.equal(nats, token_nats(logits.float(), targets))


def test_token_nats_does_not_change_the_targets():
    targets = torch.tensor([[0, 1, 5]])
    token_nats(torch.zeros(1, 3, 18), targets)
    assert targets.tolist() == [[0, 1, 5]]


@pytest.mark.parametrize("alpha", [0.0, 1.0, 2.5])
def test_activation_regularization_is_the_mean_square(alpha, rng):
    x = rng.normal(size=(2, 3, 4))
    found = activation_regularization(torch.from_numpy(x), alpha)
    assert found.item() == pytest.approx(alpha * (x**2).mean(), rel=1e-5)


@pytest.mark.parametrize("beta", [0.0, 1.0, 2.5])
def test_temporal_activation_regularization_is_the_mean_squared_step(beta, rng):
    x = rng.normal(size=(2, 5, 4))
    steps = [(x[i, t + 1, j] - x[i, t, j]) ** 2 for i in range(2) for t in range(4) for j in range(4)]
    found = temporal_activation_regularization(torch.from_numpy(x), beta)
    assert found.item() == pytest.approx(beta * np.mean(steps), rel=1e-5)


@pytest.mark.parametrize("n_steps", [1, 6])
def test_temporal_activation_regularization_of_what_stands_still_is_zero(n_steps):
    assert temporal_activation_regularization(torch.ones(2, n_steps, 3), 1.0).item() == 0


def test_language_model_loss_keeps_surprise_and_penalty_apart(rng):
    raw, dropped = (torch.from_numpy(rng.normal(size=(2, 5, 4))) for _ in range(2))
    logits = torch.from_numpy(rng.normal(size=(2, 5, 18)))
    targets = torch.from_numpy(rng.integers(0, 18, (2, 5)))
    # Only the last layer is penalised.
    output = EncoderOutput([raw * 100, raw], [dropped * 100, dropped], [])
    nats, penalty = LanguageModelLoss(alpha=3.0, beta=5.0)(logits, targets, output)
    assert torch.equal(nats, token_nats(logits, targets))
    expected = 3 * dropped.square().mean() + 5 * (raw[:, 1:] - raw[:, :-1]).square().mean()
    assert penalty.item() == pytest.approx(expected.item(), rel=1e-5)


def test_language_model_loss_has_no_penalty_with_zero_weights():
    output = EncoderOutput([torch.ones(1, 2, 3)], [torch.ones(1, 2, 3)], [])
    _, penalty = LanguageModelLoss(0, 0)(torch.zeros(1, 2, 6), torch.full((1, 2), 2), output)
    assert penalty.item() == 0


def test_token_nats_knows_the_special_ids_of_the_tokenizer():
    """nn may not import sequences, so it has its own number."""
    assert _losses.N_SPECIAL == sequences.N_SPECIAL


@pytest.fixture
def weights(rng):
    return rng.uniform(0.1, 3, 12)


def loss_of(logits, targets, weights):
    """Compute the loss of numpy arrays."""
    logits, targets, weights = map(torch.from_numpy, (logits, targets, weights))
    return ClassificationLoss()(logits, (targets, weights)).item()


def test_classification_loss_of_a_column_is_sklearns_log_loss(rng, weights):
    logits, y = rng.normal(0, 2, (12, 1)), rng.integers(0, 2, 12)
    found = loss_of(logits, y[:, None].astype(float), weights)
    expected = log_loss(y, expit(logits[:, 0]), sample_weight=weights, normalize=False, labels=[0, 1]) / 12
    assert found == pytest.approx(expected, rel=1e-9)


def test_classification_loss_of_classes_is_sklearns_log_loss(rng, weights):
    logits, y = rng.normal(0, 2, (12, 4)), rng.integers(0, 4, 12)
    probabilities = softmax(logits, axis=1)
    expected = log_loss(y, probabilities, sample_weight=weights, normalize=False, labels=range(4)) / 12
    assert loss_of(logits, y, weights) == pytest.approx(expected, rel=1e-9)


def test_classification_loss_of_labels_is_the_mean_of_their_log_losses(rng, weights):
    logits, y = rng.normal(0, 2, (12, 3)), rng.integers(0, 2, (12, 3))
    each = [
        log_loss(y[:, i], expit(logits[:, i]), sample_weight=weights, normalize=False, labels=[0, 1]) / 12
        for i in range(3)
    ]
    assert loss_of(logits, y.astype(float), weights) == pytest.approx(np.mean(each), rel=1e-9)


@pytest.mark.parametrize("n_classes", [2, 5])
def test_classification_loss_of_equal_scores_is_the_logarithm_of_their_number(n_classes):
    loss = loss_of(np.full((3, n_classes), 4.0), np.array([0, 1, 1]), np.ones(3))
    assert loss == pytest.approx(math.log(n_classes))


def test_classification_loss_of_a_column_is_that_of_two_classes(rng, weights):
    logits, y = rng.normal(0, 2, (12, 1)), rng.integers(0, 2, 12)
    two = np.hstack([np.zeros((12, 1)), logits])
    column = loss_of(logits, y[:, None].astype(float), weights)
    assert column == pytest.approx(loss_of(two, y, weights), rel=1e-9)


@pytest.mark.parametrize("kind", ["classes", "labels"])
def test_classification_loss_a_weight_is_a_repetition(kind, rng):
    logits, counts = rng.normal(0, 2, (5, 3)), np.array([2, 0, 1, 3, 1])
    y = rng.integers(0, 3, 5) if kind == "classes" else rng.integers(0, 2, (5, 3)).astype(float)
    repeated = np.repeat(logits, counts, axis=0), np.repeat(y, counts, axis=0), np.ones(7)
    assert 5 * loss_of(logits, y, counts.astype(float)) == pytest.approx(7 * loss_of(*repeated), rel=1e-9)


@pytest.mark.parametrize("kind", ["classes", "labels"])
def test_row_nats_passes_gradcheck(kind, rng):
    logits = torch.from_numpy(rng.normal(size=(4, 3))).requires_grad_()
    y = rng.integers(0, 3, 4) if kind == "classes" else rng.integers(0, 2, (4, 3)).astype(float)
    assert torch.autograd.gradcheck(lambda x: row_nats(x, torch.from_numpy(y)), logits)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_row_nats_of_half_precision_is_computed_in_float32(dtype, rng):
    logits, y = torch.from_numpy(rng.normal(0, 5, (6, 3))).to(dtype), torch.tensor([0, 1, 2, 2, 1, 0])
    assert row_nats(logits, y).dtype == torch.float32
    assert torch.equal(row_nats(logits, y), row_nats(logits.float(), y))


def test_row_nats_of_sure_and_wrong_scores_stays_finite():
    logits = torch.tensor([[1e4], [-1e4]])
    assert row_nats(logits, torch.tensor([[0.0], [1.0]])).tolist() == [1e4, 1e4]
    assert row_nats(logits, torch.tensor([[1.0], [0.0]])).tolist() == [0, 0]
