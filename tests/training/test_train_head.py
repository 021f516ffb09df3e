"""A head on features that do not change: the optimum that scikit-learn finds, margins, seeds."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from skgenome.nn import LinearHead, MLPHead
from skgenome.training import train_head

SETTINGS = {"n_steps": 400, "learning_rate": 0.1, "weight_decay": 0.0, "batch_size": 1000, "seed": 0}


@pytest.fixture(autouse=True)
def _seeded(seed):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


@pytest.fixture
def features(rng):
    return rng.normal(size=(120, 3)).astype(np.float32)


def draw_labels(features, rng, n_classes=2):
    """Draw classes that no line separates: logits of the features with noise of their own size."""
    logits = features @ rng.uniform(-0.6, 0.6, (3, n_classes)) + rng.gumbel(size=(len(features), n_classes))
    return logits.argmax(axis=1)


def reference(features, y, weights=None):
    """Fit without a penalty."""
    return LogisticRegression(C=1e6, tol=1e-8, max_iter=1000).fit(features, y, sample_weight=weights)


def logits_of(head, features):
    with torch.no_grad():
        return head(torch.from_numpy(features)).numpy()


def test_train_head_linear_finds_the_logistic_regression(features, rng):
    y, weights = draw_labels(features, rng), rng.uniform(0.2, 2, 120)
    head = LinearHead(3, 1)
    train_head(head, features, y[:, None].astype(np.float32), weights, **SETTINGS)
    expected = reference(features, y, weights).decision_function(features)
    np.testing.assert_allclose(logits_of(head, features)[:, 0], expected, atol=0.02)
    assert not head.training


def test_train_head_linear_finds_the_multinomial_regression(features, rng):
    y = draw_labels(features, rng, 3)
    head = LinearHead(3, 3)
    train_head(head, features, y, np.ones(120), **SETTINGS)
    found = torch.from_numpy(logits_of(head, features)).softmax(1)
    np.testing.assert_allclose(found, reference(features, y).predict_proba(features), atol=0.01)


def test_train_head_learns_each_label_on_its_own(features, rng):
    y = np.stack([draw_labels(features, rng) for _ in range(2)], axis=1)
    head = LinearHead(3, 2)
    train_head(head, features, y.astype(np.float32), np.ones(120), **SETTINGS)
    expected = [reference(features, column).decision_function(features) for column in y.T]
    np.testing.assert_allclose(logits_of(head, features).T, expected, atol=0.05)


def test_train_head_does_not_learn_from_rows_without_weight(features, rng):
    y = draw_labels(features, rng)
    weights = (np.arange(120) < 60).astype(float)
    spoilt = np.where(weights > 0, y, 1 - y)
    heads = [LinearHead(3, 1) for _ in range(2)]
    heads[1].load_state_dict(heads[0].state_dict())
    for head, labels in zip(heads, (y, spoilt), strict=True):
        train_head(head, features, labels[:, None].astype(np.float32), weights, **SETTINGS)
    assert (logits_of(heads[0], features) == logits_of(heads[1], features)).all()


def test_train_head_separates_what_a_line_separates_by_a_margin(features):
    y = (features[:, 0] > 0).astype(np.float32)[:, None]
    features[:, 0] += np.where(y[:, 0] > 0, 1, -1)
    head = LinearHead(3, 1)
    train_head(head, features, y, np.ones(120), **SETTINGS)
    assert ((2 * y - 1) * logits_of(head, features)).min() > 2


def test_train_head_mlp_learns_what_no_line_separates(rng):
    x = rng.uniform(-1, 1, (300, 2)).astype(np.float32)
    y = (x[:, :1] * x[:, 1:] > 0).astype(np.float32)
    head = MLPHead(2, 1, input_p=0.0)
    train_head(head, x, y, np.ones(300), **{**SETTINGS, "learning_rate": 0.02, "batch_size": 64})
    assert ((logits_of(head, x) > 0) == y).mean() > 0.95


@pytest.mark.parametrize("n_steps", [1, 2, 3, 10])
@pytest.mark.parametrize("batch_size", [1, 7, 1000])
def test_train_head_takes_exactly_so_many_steps_of_so_many_rows(n_steps, batch_size, features, rng):
    class Spy(LinearHead):
        seen = ()

        def forward(self, x):
            self.seen = (*self.seen, x.clone())
            return super().forward(x)

    head = Spy(3, 1)
    y = draw_labels(features, rng)[:, None].astype(np.float32)
    train_head(head, features, y, np.ones(120), **SETTINGS | {"n_steps": n_steps, "batch_size": batch_size})
    assert [len(x) for x in head.seen] == [min(batch_size, 120)] * n_steps
    # A pass repeats no row.
    within_a_pass = torch.cat(head.seen)[: 120 // batch_size * batch_size or 120]
    assert len(within_a_pass.unique(dim=0)) == len(within_a_pass)


def test_train_head_same_seed_gives_the_same_bits(features, rng):
    y = draw_labels(features, rng)[:, None].astype(np.float32)
    start, heads = LinearHead(3, 1).state_dict(), []
    for seed in (0, 0, 1):
        head = LinearHead(3, 1)
        head.load_state_dict(start)
        train_head(
            head, features, y, np.ones(120), **SETTINGS | {"n_steps": 9, "batch_size": 8, "seed": seed}
        )
        heads.append(head.linear.weight)
    assert torch.equal(heads[0], heads[1])
    assert not torch.equal(heads[0], heads[2])


def test_train_head_weight_decay_keeps_the_scores_small(features, rng):
    y = draw_labels(features, rng)[:, None].astype(np.float32)
    sizes = []
    for weight_decay in (0.0, 1.0):
        head = LinearHead(3, 1)
        train_head(head, features, y, np.ones(120), **SETTINGS | {"weight_decay": weight_decay})
        sizes.append(np.abs(logits_of(head, features)).mean())
    assert sizes[1] < 0.9 * sizes[0]
