"""Pooled patches against numpy on the states of every row alone; strands against both read by hand."""

import numpy as np
import pytest
import torch

from skgenome.nn import (
    BOTH_STRANDS,
    POOLINGS,
    DanQ,
    PatchEncoder,
    PooledPatches,
    ResNet1d,
    make_context,
    reverse_complement_patches,
)

ENCODERS = {"resnet18": lambda: ResNet1d(18, width=2), "cnn-lstm": lambda: DanQ(6, hidden_size=5)}
# A number is one of segments.
ALL_POOLINGS = pytest.mark.parametrize("pooling", [*sorted(POOLINGS), 1, 3, 10])
LAYERS = pytest.mark.parametrize("layers", [[0], [1], [-1], [0, 1], [1, 0]], ids=str)
LENGTHS = [95, 66, 30, 7, 0]
CLOSE = {"rtol": 1e-5, "atol": 1e-5}


@pytest.fixture(params=ENCODERS)
def patches(request):
    """Patches of 30 bases every 12, in eval mode; norms have seen data, so that features differ."""
    encoder = ENCODERS[request.param]()
    patches = PatchEncoder(encoder, make_context("gru", encoder.n_features, 4), 30, 12)
    with torch.no_grad():
        patches.train()(torch.randint(2, 6, (20, 100)))
    return patches.eval()


@pytest.fixture
def token_ids():
    """Rows whose last patch is whole or not, one shorter than a patch, one empty; unknown bases too."""
    ids = torch.randint(1, 6, (len(LENGTHS), max(LENGTHS)))
    for row, length in enumerate(LENGTHS):
        ids[row, length:] = 0
    return ids


def pool_by_hand(states, pooling):
    """Pool the states (n_patches, n_features) of a row without padding."""
    named = {"mean": states.mean(0), "max": states.max(0), "last": states[-1]}
    if pooling == "concat":
        return np.concatenate([named["last"], named["max"], named["mean"]])
    if isinstance(pooling, str):
        return named[pooling]
    n = len(states)
    bounds = [(i * n // pooling, -(-(i + 1) * n // pooling)) for i in range(pooling)]
    return np.concatenate([states[start:end].mean(0) for start, end in bounds])


@torch.no_grad()
def by_hand(patches, token_ids, pooling, layers):
    """Run every row alone, without padding."""
    vectors = []
    for row in token_ids:
        real = row[row != 0][None]
        states = [state[0].numpy() for state in patches(real).states]
        vector = np.concatenate([pool_by_hand(states[layer], pooling) for layer in layers])
        vectors.append(vector if real.numel() else np.zeros_like(vector))
    return torch.from_numpy(np.stack(vectors))


@LAYERS
@ALL_POOLINGS
def test_pooled_patches_equal_numpy_on_the_states_of_each_row_alone(pooling, layers, patches, token_ids):
    module = PooledPatches(patches, pooling, layers)
    found = module(token_ids)
    torch.testing.assert_close(found, by_hand(patches, token_ids, pooling, layers), **CLOSE)
    assert found.shape == (len(LENGTHS), module.n_features)
    assert found.dtype == torch.float32


@ALL_POOLINGS
def test_pooled_patches_padding_has_no_influence(pooling, patches, token_ids):
    module = PooledPatches(patches, pooling, [0, 1])
    padded = torch.nn.functional.pad(token_ids, (0, 77))
    torch.testing.assert_close(module(padded), module(token_ids), **CLOSE)


@ALL_POOLINGS
@pytest.mark.parametrize("strand", BOTH_STRANDS)
def test_pooled_patches_join_both_strands(strand, pooling, patches, token_ids):
    reverse = reverse_complement_patches(token_ids)
    forward, backward = (by_hand(patches, ids, pooling, [0, 1]) for ids in (token_ids, reverse))
    module = PooledPatches(patches, pooling, [0, 1], strand)
    expected = (forward + backward) / 2 if strand == "average" else torch.cat([forward, backward], dim=1)
    found = module(token_ids, reverse)
    torch.testing.assert_close(found, expected, **CLOSE)
    assert found.shape[1] == module.n_features


@pytest.mark.parametrize("n_bases", [66, 67, 95])
@ALL_POOLINGS
def test_pooled_patches_do_not_tell_the_strands_apart(pooling, n_bases, patches):
    """Each strand is cut from its own beginning, so it holds whether the patches fill a row or not."""
    given = torch.randint(1, 6, (3, n_bases))
    other = reverse_complement_patches(given)
    average = PooledPatches(patches, pooling, [0, 1], "average")
    torch.testing.assert_close(average(other, given), average(given, other), **CLOSE)
    concat = PooledPatches(patches, pooling, [0, 1], "concat")
    first, second = concat(given, other).chunk(2, dim=1)
    torch.testing.assert_close(concat(other, given), torch.cat([second, first], dim=1), **CLOSE)


@LAYERS
def test_pooled_patches_run_and_hold_the_layers_that_are_read(layers, patches, token_ids):
    module = PooledPatches(patches, "mean", layers)
    assert module.n_layers == max(layer % 2 for layer in layers) + 1
    module(token_ids).sum().backward()
    held = [id(p) for group in module.layer_groups() for p in group.parameters()]
    assert sorted(held) == sorted(id(p) for p in module.parameters() if p.grad is not None)


@pytest.mark.parametrize("training", [True, False], ids=["training", "eval"])
def test_pooled_patches_leave_the_mode_of_what_they_wrap(training, patches):
    module = PooledPatches(patches.train(training), "mean", [1])
    assert {part.training for part in module.modules()} == {training}


def test_pooled_patches_prepare_training_without_dropouts_to_set(patches, token_ids):
    module = PooledPatches(patches, "mean", [0, 1])
    before = module(token_ids)
    module.prepare_training(piece_length=5, dropouts={"input_p": 0.9, "weight_p": 0.9})
    assert torch.equal(module(token_ids), before)


@pytest.mark.parametrize("strand", ["forward", "augment", *BOTH_STRANDS])
def test_pooled_patches_refuse_strands_that_do_not_fit(strand, patches, token_ids):
    module = PooledPatches(patches, "mean", [0], strand)
    with pytest.raises(ValueError, match=f"strand='{strand}' reads (both|one) strands?, but"):
        module(token_ids, None if strand in BOTH_STRANDS else token_ids)


@pytest.mark.parametrize("pooling", ["concat", 4])
def test_pooled_patches_under_autocast_pool_in_float32(pooling, patches, token_ids):
    module = PooledPatches(patches, pooling, [0, 1])
    with torch.autocast("cpu", torch.bfloat16):
        rough = module(token_ids)
    assert rough.dtype == torch.float32
    torch.testing.assert_close(rough, module(token_ids), rtol=0.1, atol=0.1)
