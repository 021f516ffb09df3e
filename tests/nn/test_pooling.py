"""Pooling against a loop over rows, whatever stands at masked places and however it is cut."""

import numpy as np
import pytest
import torch

from skgenome.nn import POOLINGS, PoolingAccumulator, pool

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
