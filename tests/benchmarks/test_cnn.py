"""The convolutional baseline learns, and is the same from the same seed."""

import numpy as np
import pytest
import torch

from benchmarks.cnn import OneHot, SmallCNN


@pytest.fixture(scope="module")
def planted():
    """Random sequences; the positive ones hold a motif at a fixed place."""
    rng = np.random.default_rng(0)
    target = np.arange(300) % 2
    data = ["".join(rng.choice(list("ACGT"), 40)) for _ in target]
    data = [s[:20] + "TATAAT" + s[26:] if label else s for s, label in zip(data, target, strict=True)]
    return np.array(data, dtype=object), np.array(["other", "promoter"])[target]


def test_one_hot_has_a_channel_for_each_base_and_none_for_others():
    encoded = OneHot()(torch.tensor([[2, 3, 4, 5, 1, 0]]))
    assert encoded.shape == (1, 4, 6)
    torch.testing.assert_close(encoded[0, :, :4], torch.eye(4))
    assert not encoded[0, :, 4:].any()


def test_small_cnn_finds_a_planted_motif(planted):
    data, target = planted
    cnn = SmallCNN(max_epochs=5, min_steps=60, device="cpu", random_state=0).fit(data[:200], target[:200])
    assert cnn.score(data[200:], target[200:]) > 0.9
    probabilities = cnn.predict_proba(data[200:])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    assert cnn.classes_.tolist() == ["other", "promoter"]


def test_small_cnn_is_the_same_from_the_same_seed(planted):
    data, target = planted
    options = {"max_epochs": 1, "min_steps": 5, "device": "cpu"}
    first, second, other = (
        SmallCNN(**options, random_state=seed).fit(data[:50], target[:50]).predict_proba(data[50:60])
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()
