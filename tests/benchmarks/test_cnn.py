"""The convolutional baseline learns, and is the same from the same seed."""

import numpy as np
import pytest
import torch

from benchmarks.cnn import OneHot, SmallCNN

OPTIONS = {"aligned": False, "max_epochs": 5, "min_steps": 80, "device": "cpu", "random_state": 0}


def plant(n_samples, lengths, seed):
    """Random sequences; half of them hold a motif at a random place."""
    rng = np.random.default_rng(seed)
    target = np.arange(n_samples) % 2
    data = []
    for label in target:
        sequence = "".join(rng.choice(list("ACGT"), rng.integers(*lengths)))
        start = rng.integers(len(sequence) - 8)
        data.append(sequence[:start] + "TATAATGC" * label + sequence[start + 8 * label :])
    return np.array(data, dtype=object), target


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


@pytest.fixture(scope="module")
def anywhere():
    """A network that has learnt from sequences of many lengths."""
    return SmallCNN(**OPTIONS).fit(*plant(400, (40, 61), seed=0))


def test_small_cnn_not_aligned_finds_a_motif_anywhere(anywhere):
    assert anywhere.score(*plant(200, (40, 61), seed=1)) > 0.9


def test_small_cnn_not_aligned_sees_whether_and_not_where(anywhere):
    """Places that no motif had in training tell no less than the others."""
    rng = np.random.default_rng(2)
    background = ["".join(rng.choice(list("ACGT"), 52)) for _ in range(20)]
    shares = [
        np.mean(anywhere.predict([b[:start] + "TATAATGC" + b[start:] for b in background]) == 1)
        for start in (0, 26, 52)
    ]
    assert min(shares) > 0.8


@pytest.mark.parametrize("aligned", [True, False])
def test_small_cnn_prediction_depends_on_the_sequence_alone(aligned):
    data, target = plant(60, (30, 51), seed=0)
    cnn = SmallCNN(**{**OPTIONS, "aligned": aligned, "min_steps": 5, "max_epochs": 1}).fit(data, target)
    together = cnn.predict_proba(data)
    alone = np.concatenate([cnn.predict_proba([sequence]) for sequence in data])
    np.testing.assert_allclose(together, alone, rtol=1e-5)
    beside_longer = cnn.predict_proba([data[0], "ACGT" * 50])
    np.testing.assert_allclose(beside_longer[0], together[0], rtol=1e-5)


def test_small_cnn_reads_as_far_as_the_longest_it_learnt_from():
    data, target = plant(20, (30, 41), seed=0)
    cnn = SmallCNN(**{**OPTIONS, "min_steps": 2, "max_epochs": 1}).fit(data, target)
    assert cnn.length_ == max(map(len, data))


@pytest.mark.parametrize("aligned", [True, False])
def test_small_cnn_does_not_see_what_lies_behind_max_length(aligned):
    data, target = plant(40, (30, 41), seed=0)
    options = {**OPTIONS, "aligned": aligned, "max_length": 24, "min_steps": 5, "max_epochs": 1}
    cnn = SmallCNN(**options).fit(data, target)
    assert cnn.length_ == 24
    expected = cnn.predict_proba(data)
    np.testing.assert_array_equal(cnn.predict_proba([s[:24] for s in data]), expected)
    np.testing.assert_array_equal(cnn.predict_proba([s[:24] + "GATTACA" * 20 for s in data]), expected)
    # Nor while it learns.
    twin = SmallCNN(**options).fit([s[:24] + "TTTTTTTT" for s in data], target)
    np.testing.assert_array_equal(twin.predict_proba(data), expected)
    # The last base that is read counts.
    changed = [s[:23] + {"A": "C"}.get(s[23], "A") for s in data]
    assert (cnn.predict_proba(changed) != expected).any()
