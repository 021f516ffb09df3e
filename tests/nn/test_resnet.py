"""The residual network, against torch's one-dimensional functions row by row, and what padding may not do."""

import copy

import pytest
import torch
from torch.nn import functional as F

from skgenome.nn import ResNet1d
from skgenome.nn._resnet import _BatchNorm, _Block, _block_plan, max_pool

BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}
NORMS = pytest.mark.parametrize("norm", ["batch", "layer"])

#: Ways to build a small network, each of which moves lengths or what is seen in another way.
VARIANTS = {
    "plain": {},
    "34": {"depth": 34},
    "50": {"depth": 50},
    "wide-kernels": {"kernel_size": 7, "stem_kernel_size": 9},
    "pointwise": {"kernel_size": 1, "stem_kernel_size": 1},
    "no-strides": {"stem_stride": 1, "stem_pool": 1, "strides": (1, 1, 1, 1)},
    "odd-strides": {"stem_stride": 3, "stem_pool": 5, "strides": (3, 1, 2, 3)},
    "dilated": {"dilations": (1, 2, 4, 8), "strides": (1, 1, 1, 1)},
    "dilated-strided-50": {"depth": 50, "dilations": (3, 2, 1, 5), "strides": (2, 2, 2, 2)},
    "gelu": {"activation": "gelu"},
    "uniform": {"unknown": "uniform"},
}
BUILDS = pytest.mark.parametrize("variant", VARIANTS)


def randomized(module):
    """Give every parameter and statistic a value of its own: at the start, branches are zero."""
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if tensor.is_floating_point() and ("norm" in name or tensor.dim() == 1):
                tensor.uniform_(0.5, 1.5)
    return module


def network(norm="batch", **params):
    return randomized(ResNet1d(**{"width": 4, **params}, norm=norm)).double().eval()


def ragged_batch(lengths, width):
    """Random rows of given lengths, unknown bases among them, padded to a width."""
    ids = torch.randint(1, 6, (len(lengths), width))
    for row, length in zip(ids, lengths, strict=True):
        row[length:] = 0
    return ids


def naive_conv_norm(layer, x):
    """Compute convolution and norm of a row (1, C, L) in one dimension."""
    conv = layer.conv
    x = F.conv1d(x, conv.weight.squeeze(2), None, conv.stride[1], conv.padding[1], conv.dilation[1])
    norm = layer.norm
    if isinstance(norm, _BatchNorm):
        return F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias)
    mean, variance = x.mean(1, keepdim=True), x.var(1, correction=0, keepdim=True)
    return (x - mean) / torch.sqrt(variance + 1e-5) * norm.weight[:, None] + norm.bias[:, None]


def naive_network(model, row):
    """Compute the features of one row without padding, by torch's functions."""
    activation = F.gelu if model.stem.activation == "gelu" else F.relu
    x = model.stem.one_hot(row[None])
    x = F.max_pool1d(activation(naive_conv_norm(model.stem.layer, x)), model.stem.pool_size, ceil_mode=True)
    for stage in model.stages:
        for block in stage:
            shortcut = x if block.shortcut is None else naive_conv_norm(block.shortcut, x)
            for layer in block.branch[:-1]:
                x = activation(naive_conv_norm(layer, x))
            x = activation(naive_conv_norm(block.branch[-1], x) + shortcut)
    return x.mean(2)[0]


@NORMS
@BUILDS
def test_resnet_is_a_chain_of_torchs_functions_on_each_row_alone(variant, norm):
    lengths = [70, 1, 2, 3, 17, 31, 32, 33, 64]
    model, ids = network(norm, **VARIANTS[variant]), ragged_batch(lengths, 70)
    found = model(ids)
    for features, row, length in zip(found, ids, lengths, strict=True):
        torch.testing.assert_close(features, naive_network(model, row[:length]))


@NORMS
@BUILDS
@pytest.mark.parametrize("n_columns", [1, 2, 7, 64])
def test_resnet_padding_has_no_influence(n_columns, variant, norm):
    model, ids = network(norm, **VARIANTS[variant]), ragged_batch([40, 1, 13], 40)
    torch.testing.assert_close(model(F.pad(ids, (0, n_columns))), model(ids), rtol=1e-9, atol=1e-9)


@NORMS
def test_resnet_in_single_precision_padding_changes_nothing_to_five_digits(norm):
    model, ids = network(norm).float(), ragged_batch([500, 499, 250, 1], 500)
    torch.testing.assert_close(model(F.pad(ids, (0, 300))), model(ids), rtol=1e-5, atol=1e-5)


@NORMS
def test_resnet_of_padding_alone_is_zero(norm):
    found = network(norm)(ragged_batch([0, 5], 9))
    assert (found[0] == 0).all()
    assert (found[1] != 0).any()


@NORMS
@pytest.mark.parametrize("mode", [True, False], ids=["train", "eval"])
def test_resnet_of_padding_alone_leaves_gradients_finite(mode, norm):
    model = network(norm).train(mode)
    model(torch.zeros(2, 9, dtype=torch.long)).sum().backward()
    assert all(torch.isfinite(x).all() for x in model.state_dict().values())
    assert all(x.grad is None or torch.isfinite(x.grad).all() for x in model.parameters())


@pytest.mark.parametrize(
    ("depth", "width", "n_features"),
    [(18, 64, 512), (34, 64, 512), (50, 64, 2048), (18, 8, 64), (50, 4, 128)],
)
def test_resnet_n_features_is_the_width_of_the_output(depth, width, n_features):
    model = ResNet1d(depth, width=width).eval()
    assert model.n_features == n_features
    with torch.no_grad():
        assert model(torch.randint(2, 6, (2, 33))).shape == (2, n_features)


@pytest.mark.parametrize("depth", [18, 34])
def test_resnet_channels_are_those_of_the_paper(depth):
    """64, 128, 256 and 512 in the stages (He et al., table 1)."""
    stages = ResNet1d(depth).stages
    assert [len(stage) for stage in stages] == list(BLOCKS[depth])
    assert [stage[-1].branch[-1].conv.out_channels for stage in stages] == [64, 128, 256, 512]


def count_by_hand(depth, kernel, stem_kernel, n_channels):
    """Count the weights of a network of width 64 whose kernels have so many taps."""
    count = n_channels * 64 * stem_kernel + 2 * 64  # convolution; scale and shift of its norm
    n_in = 64
    for i, n_blocks in enumerate(BLOCKS[depth]):
        inner = 64 * 2**i
        n_out = 4 * inner if depth == 50 else inner
        for j in range(n_blocks):
            if depth == 50:
                count += n_in * inner + inner * inner * kernel + inner * n_out + 2 * (2 * inner + n_out)
            else:
                count += n_in * inner * kernel + inner * inner * kernel + 2 * 2 * inner
            # The first stage of basic blocks keeps its shape: no projection.
            if j == 0 and (n_in != n_out or i > 0):
                count += n_in * n_out + 2 * n_out
            n_in = n_out
    return count


@pytest.mark.parametrize(("depth", "n_published"), [(18, 11_176_512), (34, 21_284_672), (50, 23_508_032)])
def test_resnet_count_by_hand_is_the_published_one_for_images(depth, n_published):
    """Those for images have kernels of 9 taps, 49 in the stem, and 3 channels. Their classifier aside."""
    assert count_by_hand(depth, 9, 49, 3) == n_published


@NORMS
@pytest.mark.parametrize("depth", BLOCKS)
def test_resnet_has_as_many_parameters_as_counted_by_hand(depth, norm):
    n_found = sum(x.numel() for x in ResNet1d(depth, norm=norm).parameters())
    assert n_found == count_by_hand(depth, 3, 5, 4)


@NORMS
@pytest.mark.parametrize("bottleneck", [False, True])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_resnet_block_is_the_sum_of_branch_and_shortcut(stride, bottleneck, norm):
    """A block composed by hand; without change of shape, the shortcut is the input."""
    n_out = 16 if bottleneck else 4
    n_in = n_out if stride == 1 else 6
    block = randomized(_Block(_block_plan(n_in, 4, 3, stride, 2, bottleneck), norm, "relu")).double().eval()
    x = torch.randn(2, n_in, 11, dtype=torch.float64)
    found, _ = block(x.unsqueeze(2), None)
    y, last = x, len(block.branch) - 1
    for i, layer in enumerate(block.branch):
        y = naive_conv_norm(layer, y)
        y = y if i == last else y.clamp(min=0)
    assert (block.shortcut is None) == (stride == 1)
    shortcut = x if stride == 1 else naive_conv_norm(block.shortcut, x)
    torch.testing.assert_close(found.squeeze(2), (y + shortcut).clamp(min=0))
    assert found.shape[3] == -(-11 // stride)


@NORMS
def test_resnet_branches_start_at_zero(norm):
    model = ResNet1d(18, width=4, norm=norm).double().eval()
    x = torch.rand(2, 4, 1, 9, dtype=torch.float64)
    assert torch.equal(model.stages[0][0](x, None)[0], x)


@NORMS
@BUILDS
def test_resnet_layer_groups_hold_every_parameter_once(variant, norm):
    model = network(norm, **VARIANTS[variant])
    grouped = [id(x) for group in model.layer_groups() for x in group.parameters()]
    assert sorted(grouped) == sorted(id(x) for x in model.parameters())
    assert len(set(grouped)) == len(grouped)
    names = {id(part) for _, part in model.named_modules()}
    assert all(id(group) in names for group in model.layer_groups())


@NORMS
def test_resnet_every_parameter_gets_a_gradient(norm):
    model = network(norm).train()
    model(ragged_batch([90, 70], 90)).square().sum().backward()
    assert all(x.grad.abs().sum() > 0 for x in model.parameters())


@NORMS
def test_resnet_training_does_not_see_padding(norm):
    """Neither features nor gradients nor running statistics know how far rows were padded."""
    model, ids = network(norm).train(), ragged_batch([40, 22, 1], 40)
    twin = copy.deepcopy(model)
    found, expected = model(F.pad(ids, (0, 50))), twin(ids)
    torch.testing.assert_close(found, expected)
    found.square().sum().backward()
    expected.square().sum().backward()
    for one, other in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad)
    torch.testing.assert_close(model.state_dict(), twin.state_dict())


def test_resnet_of_layer_norm_is_the_same_in_training_and_alone():
    model, ids = network("layer"), ragged_batch([40, 22, 1], 40)
    expected = torch.cat([model(row[None]) for row in ids])
    torch.testing.assert_close(model.train()(ids), expected)


@pytest.mark.parametrize("n_real", [2, 3, 10])
def test_batch_norm_measures_real_positions_alone(n_real):
    """The reference is torch's batch norm of the real positions, joined."""
    x = torch.randn(2, 3, 1, 6, dtype=torch.float64, requires_grad=True)
    mask = torch.zeros(2, 1, 1, 6, dtype=torch.bool)
    mask.view(-1)[torch.randperm(12)[:n_real]] = True
    norm, reference = _BatchNorm(3).double(), torch.nn.BatchNorm1d(3).double()
    spoilt = torch.where(mask, x, torch.inf)
    found = norm(spoilt, mask).permute(0, 2, 3, 1)[mask[:, 0]]
    expected = reference(x.permute(0, 2, 3, 1)[mask[:, 0]])
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(norm.state_dict(), reference.state_dict())


@pytest.mark.parametrize("padded", [False, True])
def test_batch_norm_of_one_position_uses_what_it_knows(padded):
    norm = randomized(_BatchNorm(3))
    before = copy.deepcopy(norm.state_dict())
    x = torch.randn(1, 3, 1, 2 if padded else 1)
    mask = torch.tensor([[[[True, False]]]]) if padded else None
    found = norm.train()(x, mask)
    torch.testing.assert_close(found, norm.eval()(x))
    torch.testing.assert_close(norm.state_dict(), before)


def test_batch_norm_with_frozen_weights_does_not_move():
    """Frozen features are the same in training, and no statistic follows the new data."""
    model, ids = network(), ragged_batch([40, 22], 40)
    expected, before = model(ids), copy.deepcopy(model.state_dict())
    model.requires_grad_(False).train()
    torch.testing.assert_close(model(ids), expected)
    torch.testing.assert_close(model.state_dict(), before)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 12])
@pytest.mark.parametrize("value", [1e9, float("inf"), float("nan")])
def test_max_pool_is_torchs_on_each_row_alone(value, size):
    lengths, x = [12, 0, 1, 5, 7], torch.randn(5, 3, 1, 12)
    mask = (torch.arange(12) < torch.tensor(lengths)[:, None])[:, None, None]
    found, found_mask = max_pool(torch.where(mask, x, value), mask, size)
    for row, row_mask, before, length in zip(found, found_mask, x, lengths, strict=True):
        n_pieces = -(-length // size)
        assert row_mask.flatten().tolist() == [i < n_pieces for i in range(row.shape[2])]
        assert (row[..., n_pieces:] == 0).all()
        for i in range(n_pieces):
            piece = before[:, 0, i * size : min((i + 1) * size, length)]
            assert torch.equal(row[:, 0, i], piece.amax(1))


@NORMS
def test_resnet_under_autocast_gives_single_precision(norm):
    model, ids = network(norm).float(), ragged_batch([120, 77], 120)
    with torch.autocast("cpu", torch.bfloat16):
        found = model(ids)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, model(ids), rtol=0.2, atol=0.2)


@pytest.mark.parametrize("kernel_size", [3, 9, 15, 17, 31, 33])
def test_resnet_stem_in_bfloat16_is_close_for_every_kernel_size(kernel_size):
    """Torch's convolution of four channels is wrong for 16, 24, 32 taps on some CPUs: none of them is odd."""
    layer = network(width=32, stem_kernel_size=kernel_size).stem.layer.float()
    x = F.one_hot(torch.randint(4, (4, 200)), 4).float().transpose(1, 2).unsqueeze(2)
    with torch.autocast("cpu", torch.bfloat16):
        rough = layer.conv(x)
    exact = layer.conv.double()(x.double())
    assert (rough - exact).norm() < 0.01 * exact.norm()


@pytest.mark.parametrize("length", [1, 2, 3, 4])
@pytest.mark.parametrize("stride", [2, 3])
def test_resnet_gradients_in_bfloat16_are_close_where_a_map_has_few_positions(stride, length):
    """Torch left the gradient of taps that meet no position as the memory was, on CPUs that have tiles."""
    layer = network(width=4, strides=(1, stride, 2, 2)).stages[1][0].branch[0].float()
    x = torch.randn(48, 4, 1, length)

    def gradient(dtype):
        # Memory that is freed full of NaN is what an unset gradient is then found in.
        for size in (16, 64, 256, 1024):
            _ = [torch.full((size,), float("nan")) for _ in range(20)]
        layer.zero_grad()
        with torch.autocast("cpu", dtype, enabled=dtype == torch.bfloat16):
            layer(x, None)[0].float().square().sum().backward()
        return layer.conv.weight.grad.clone()

    exact = gradient(torch.float32)
    for _ in range(20):
        assert (gradient(torch.bfloat16) - exact).norm() <= 0.05 * exact.norm()


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"depth": 101}, r"depth must be one of \[18, 34, 50\]. Got 101 instead"),
        ({"norm": "group"}, r"norm must be one of \['batch', 'layer'\]. Got 'group' instead"),
        ({"activation": "tanh"}, r"activation must be one of \['gelu', 'relu'\]. Got 'tanh' instead"),
        ({"kernel_size": 4}, "^kernel_size must be odd and at least 1.* Got 4 instead"),
        ({"stem_kernel_size": -1}, "stem_kernel_size must be odd and at least 1.* Got -1 instead"),
        ({"strides": (1, 2, 2)}, r"strides must be four whole numbers.* Got \(1, 2, 2\) instead"),
        ({"dilations": (1, 1, 0, 1)}, r"dilations must be four whole numbers.* Got \(1, 1, 0, 1\) instead"),
        ({"unknown": "N"}, r"unknown must be one of \['uniform', 'zero'\]. Got 'N' instead"),
    ],
)
def test_resnet_refuses_what_it_cannot_build(params, message):
    with pytest.raises(ValueError, match=message):
        ResNet1d(**params)


def test_resnet_learns_where_a_motif_is_composed():
    """A planted motif tells two classes of equal composition apart."""
    ids = torch.randint(2, 6, (64, 60))
    labels = torch.arange(64) % 2
    motif = torch.tensor([2, 2, 3, 3, 4, 4, 5, 5])
    ids[labels == 1, 20:28] = motif
    ids[labels == 0, 20:28] = motif[torch.randperm(8)]
    model = torch.nn.Sequential(ResNet1d(18, width=4, norm="layer"), torch.nn.Linear(32, 2))
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(30):
        loss = F.cross_entropy(model(ids), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.2
