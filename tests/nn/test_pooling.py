"""Pooling against a loop over rows, whatever stands at masked places and however it is cut."""

import numpy as np
import pytest
import torch

from skgenome import sequences
from skgenome.nn import (
    BOTH_STRANDS,
    POOLINGS,
    PoolingAccumulator,
    SegmentAccumulator,
    _one_hot,
    join_strands,
    n_pooled,
    pool,
)

ALL_POOLINGS = pytest.mark.parametrize("pooling", sorted(POOLINGS))


@pytest.fixture
def states(seed):
    # Shifted below zero, so that a forgotten mask shows in the maximum.
    return torch.from_numpy(np.random.default_rng(seed).normal(-3, 1, (6, 11, 4)))


@pytest.fixture
def mask():
    """Padding on the right, from none to all; the last row has holes as well."""
    mask = torch.arange(11) < torch.tensor([11, 10, 5, 1, 0, 9])[:, None]
    mask[5, [0, 4, 8]] = False
    return mask


def pool_row(states, mask, pooling):
    """Pool one row, one real position after the other."""
    real = [x for x, is_real in zip(states.numpy(), mask.tolist(), strict=True) if is_real]
    if not real:
        return np.zeros(POOLINGS[pooling] * states.shape[1])
    parts = {"last": real[-1], "max": np.max(real, axis=0), "mean": np.mean(real, axis=0)}
    return np.concatenate(list(parts.values())) if pooling == "concat" else parts[pooling]


@ALL_POOLINGS
def test_pool_equals_a_loop_over_rows(pooling, states, mask):
    expected = [pool_row(row, row_mask, pooling) for row, row_mask in zip(states, mask, strict=True)]
    np.testing.assert_allclose(pool(states, mask, pooling), expected, rtol=1e-12)


@ALL_POOLINGS
@pytest.mark.parametrize("size", [1, 2, 3, 5, 10])
def test_pooling_accumulator_equals_pooling_at_once(pooling, size, states, mask):
    accumulator = PoolingAccumulator(pooling)
    for piece, piece_mask in zip(states.split(size, dim=1), mask.split(size, dim=1), strict=True):
        accumulator.update(piece, piece_mask)
    torch.testing.assert_close(accumulator.result(), pool(states, mask, pooling))


@ALL_POOLINGS
@pytest.mark.parametrize("value", [1e300, -1e300, np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("size", [4, 11])
def test_pool_masked_values_have_no_influence(pooling, value, size, states, mask):
    spoilt = torch.where(mask[..., None], states, value)
    accumulator = PoolingAccumulator(pooling)
    for piece, piece_mask in zip(spoilt.split(size, dim=1), mask.split(size, dim=1), strict=True):
        accumulator.update(piece, piece_mask)
    torch.testing.assert_close(accumulator.result(), pool(states, mask, pooling))


@ALL_POOLINGS
def test_pool_gives_zeros_for_an_empty_row(pooling):
    states = torch.full((2, 5, 3), torch.nan)
    assert (pool(states, torch.zeros(2, 5, dtype=torch.bool), pooling) == 0).all()


def test_pool_concat_joins_last_max_and_mean(states, mask):
    parts = [pool(states, mask, name) for name in ("last", "max", "mean")]
    assert torch.equal(pool(states, mask, "concat"), torch.cat(parts, dim=1))


@ALL_POOLINGS
def test_pool_width_is_what_the_table_says(pooling, states, mask):
    assert pool(states, mask, pooling).shape == (6, POOLINGS[pooling] * 4)


def test_pool_does_not_change_the_states(states, mask):
    before = states.clone()
    pool(states, mask, "concat")
    assert torch.equal(states, before)


@ALL_POOLINGS
def test_pool_passes_gradcheck(pooling, states, mask):
    assert torch.autograd.gradcheck(lambda x: pool(x, mask[:3], pooling), states[:3].requires_grad_())


def test_pooling_accumulator_refuses_an_unknown_pooling():
    with pytest.raises(ValueError, match=r"pooling must be one of \['concat', .*Got 'median' instead"):
        PoolingAccumulator("median")


def test_pooling_knows_the_padding_of_the_tokenizer():
    """nn may not import sequences, so it has its own number."""
    assert _one_hot.PAD_ID == sequences.PAD_ID


@pytest.mark.parametrize(
    ("strand", "expected"),
    [("forward", [[1, 2]]), ("augment", [[1, 2]]), ("average", [[3, 4]]), ("concat", [[1, 2, 5, 6]])],
)
def test_join_strands_by_hand(strand, expected):
    forward, reverse = torch.tensor([[1.0, 2.0]]), torch.tensor([[5.0, 6.0]])
    assert join_strands(forward, reverse, strand).tolist() == expected
    assert join_strands(forward, None if strand not in BOTH_STRANDS else reverse, strand).tolist() == expected


def test_join_strands_average_does_not_ask_which_came_first(states):
    forward, reverse = states[0], states[1]
    assert torch.equal(join_strands(forward, reverse, "average"), join_strands(reverse, forward, "average"))


def average_segments(states, mask, n_segments, size=99):
    """Run a segment accumulator over pieces of a size."""
    accumulator = SegmentAccumulator(n_segments, mask.sum(1))
    for piece, piece_mask in zip(states.split(size, dim=1), mask.split(size, dim=1), strict=True):
        accumulator.update(piece, piece_mask)
    return accumulator.result()


SEGMENTS = pytest.mark.parametrize("n_segments", [1, 2, 3, 5, 11, 20])


@SEGMENTS
@pytest.mark.parametrize("size", [1, 3, 4, 10, 11])
def test_segment_accumulator_is_torchs_adaptive_average_of_each_row(size, n_segments, states, mask):
    states, mask = states[:5], mask[:5]
    found = average_segments(states, mask, n_segments, size)
    assert found.shape == (5, n_segments * 4)
    for row, row_mask, vector in zip(states, mask, found, strict=True):
        if row_mask.any():
            real = row[row_mask].T[None]
            expected = torch.nn.functional.adaptive_avg_pool1d(real, n_segments)[0].T.flatten()
        else:
            expected = torch.zeros(n_segments * 4, dtype=torch.float64)
        torch.testing.assert_close(vector, expected)


def test_segment_accumulator_of_one_segment_is_the_mean(states, mask):
    torch.testing.assert_close(average_segments(states[:5], mask[:5], 1), pool(states[:5], mask[:5], "mean"))


@SEGMENTS
@pytest.mark.parametrize("value", [1e300, np.inf, -np.inf, np.nan])
def test_segment_accumulator_masked_values_have_no_influence(value, n_segments, states, mask):
    states, mask = states[:5], mask[:5]
    spoilt = torch.where(mask[..., None], states, value)
    found = average_segments(spoilt, mask, n_segments, 4)
    torch.testing.assert_close(found, average_segments(states, mask, n_segments))


def test_segment_accumulator_passes_gradcheck(states, mask):
    states = states[:3].requires_grad_()
    assert torch.autograd.gradcheck(lambda x: average_segments(x, mask[:3], 3, 4), states)


def test_segment_accumulator_under_autocast_keeps_the_precision_of_the_states(states, mask):
    """Non-regression: the mean of a segment was taken in half precision, and given in it."""
    states = states[:5].float()
    exact = average_segments(states, mask[:5], 3)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(average_segments(states, mask[:5], 3), exact)


@pytest.mark.parametrize(("pooling", "expected"), [("mean", 1), ("concat", 3), (1, 1), (7, 7)])
def test_n_pooled_counts_the_vectors(pooling, expected):
    assert n_pooled(pooling) == expected


@pytest.mark.parametrize("pooling", ["median", 0, -3, 2.0, None])
def test_n_pooled_refuses_what_is_no_pooling(pooling):
    with pytest.raises(ValueError, match=f"or a number of segments from 1. Got {pooling!r} instead"):
        n_pooled(pooling)
