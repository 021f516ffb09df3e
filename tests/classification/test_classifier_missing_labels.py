"""Labels of their own that are known of some rows only, or that count more than others."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch.nn import functional as F

from skgenome.classification._heads import STRENGTHS
from skgenome.classification._targets import check_targets
from skgenome.nn import row_nats


@pytest.fixture
def indicators(data, seed):
    """Three labels: the class, its opposite, and chance; a third of the entries is not known."""
    rng = np.random.default_rng(seed)
    y = np.stack([data.y, 1 - data.y, rng.integers(0, 2, len(data.y))], axis=1)
    return y, np.where(rng.random(y.shape) < 1 / 3, -1, y)


def test_row_nats_are_those_of_what_is_known(seed):
    rng = torch.Generator().manual_seed(seed)
    logits = torch.randn(5, 3, generator=rng, dtype=torch.float64, requires_grad=True)
    labels = torch.randint(0, 2, (5, 3), generator=rng).double()
    weights = torch.tensor([[0.0, 2.0, 1.0]]).double().expand(5, 3)
    nats = row_nats(logits, torch.cat([labels, weights], dim=1))
    by_hand = F.binary_cross_entropy_with_logits(logits, labels, reduction="none")
    torch.testing.assert_close(nats, (0 * by_hand[:, 0] + 2 * by_hand[:, 1] + by_hand[:, 2]) / 3)
    nats.sum().backward()
    assert not logits.grad[:, 0].any()
    assert logits.grad[:, 1:].all()


def test_fit_reads_nan_as_not_known(make, data, indicators):
    _, known = indicators
    of_numbers = make().fit(data.X, known)
    of_nan = make().fit(data.X, np.where(known == -1, np.nan, known))
    np.testing.assert_array_equal(of_numbers.predict_proba(data.X), of_nan.predict_proba(data.X))


def test_frozen_head_of_a_label_is_that_of_its_known_rows(make, data, indicators):
    _, known = indicators
    classifier = make(training="frozen").fit(data.X, known)
    features = classifier.encoder_.transform(data.X)
    with torch.no_grad():
        x = classifier.head_.standardize(torch.from_numpy(features)).double().numpy()
    for column in range(known.shape[1]):
        rows = known[:, column] != -1
        weights = classifier.head_.linear.weight[column].detach().numpy()
        candidates = [
            LogisticRegression(C=C, max_iter=1000).fit(x[rows], known[rows, column]).coef_[0]
            for C in STRENGTHS
        ]
        assert min(np.abs(weights - candidate).max() for candidate in candidates) < 1e-4


def test_rows_of_which_nothing_is_known_are_left_out(make, data, indicators):
    _, known = indicators
    known[::5] = -1
    rows = (known != -1).any(axis=1)
    classifier = make(training="frozen").fit(data.X, known)
    without = make(training="frozen").fit(data.X[rows], known[rows])
    np.testing.assert_allclose(
        classifier.predict_proba(data.X), without.predict_proba(data.X), rtol=1e-5, atol=1e-6
    )


def test_class_weight_and_what_is_known_weigh_the_entries(indicators):
    _, known = indicators
    rows, targets = check_targets(known, "it", class_weight={2: 9.0})
    expected = (known[rows] != -1) * [1.0, 1.0, 9.0]
    np.testing.assert_allclose(targets.entry_weights, expected / expected.mean())
    encoded = targets.encode()
    np.testing.assert_array_equal(encoded[:, :3], known[rows] == 1)
    np.testing.assert_allclose(encoded[:, 3:], targets.entry_weights, rtol=1e-6)


def test_class_weight_reaches_the_fine_tuned_network(make, data, indicators):
    options = {"training": "finetune", "early_stopping": False}
    plain, heavy = (make(**options, class_weight=w).fit(data.X, indicators[1]) for w in (None, {2: 9.0}))
    assert np.abs(plain.predict_proba(data.X) - heavy.predict_proba(data.X)).max() > 1e-5


@pytest.mark.parametrize("class_weight", ["balanced", {3: 1.0}, {0: 0.0}, {"a": 2.0}])
def test_class_weight_of_labels_is_checked(make, data, indicators, class_weight):
    with pytest.raises(ValueError, match="class_weight must be a dict of column to positive weight"):
        make(training="frozen", class_weight=class_weight).fit(data.X, indicators[0])


@pytest.mark.parametrize("value", [0, 1, -1])
def test_label_that_shows_one_side_alone_is_refused(make, data, indicators, value):
    _, known = indicators
    known[:, 1] = np.where(known[:, 1] == -1, -1, value)
    given = "not known" if value == -1 else str(value)
    with pytest.raises(ValueError, match=f"label 1 of y is {given} in all"):
        make(training="frozen").fit(data.X, known)


def test_partial_fit_takes_what_is_not_known(make, data, indicators):
    whole, known = indicators
    classifier = make().partial_fit(data.X, whole).partial_fit(data.X, known)
    assert np.isfinite(classifier.predict_proba(data.X)).all()


def test_ulmfit_learns_from_rows_that_are_known_in_part(make_ulmfit, data, indicators):
    _, known = indicators
    known[:5] = -1
    as_nan = np.where(known == -1, np.nan, known)
    first, second = (make_ulmfit().fit(data.X, y).predict_proba(data.X) for y in (known, as_nan))
    np.testing.assert_array_equal(first, second)
