"""DanQ, against torch's functions row by row, and what padding may not do."""

import pytest
import torch
from torch.nn import functional as F

from skgenome.nn import DanQ
from skgenome.nn._one_hot import real_positions

#: Kernels of even and odd length, pools that do and do not divide what they pool.
VARIANTS = {
    "plain": {},
    "both-ways": {"bidirectional": True},
    "odd-kernel": {"kernel_size": 7, "pool_size": 4},
    "pointwise": {"kernel_size": 1, "pool_size": 1, "bidirectional": True},
    "long-kernel": {"kernel_size": 40, "pool_size": 3},
    "uniform": {"unknown": "uniform"},
}
BUILDS = pytest.mark.parametrize("variant", VARIANTS)


def network(**params):
    return DanQ(**{"n_filters": 5, "hidden_size": 3, **params}).double().eval()


def ragged_batch(lengths, width):
    """Random rows of given lengths, unknown bases among them, padded to a width."""
    ids = torch.randint(1, 6, (len(lengths), width))
    for row, length in zip(ids, lengths, strict=True):
        row[length:] = 0
    return ids


def kernels(filters):
    """Give the filters as torch's convolution has them: (n_filters, n_channels, kernel_size)."""
    return filters.weight.unflatten(1, (-1, filters.n_channels)).transpose(1, 2)


def naive_network(model, row):
    """Compute the features of one row without padding, by torch's functions in the paper's order."""
    motifs, size = model.motifs, model.motifs.kernel_size
    x = F.pad(motifs.one_hot(row[None]), ((size - 1) // 2, size // 2))
    x = F.relu(F.conv1d(x, kernels(motifs.filters), motifs.filters.bias))
    x = F.max_pool1d(x, motifs.pool_size, ceil_mode=True).transpose(1, 2)
    directions = [x, x.flip(1)]
    states = [lstm.lstm(y)[1][0][0, 0] for lstm, y in zip(model.order.lstms, directions, strict=False)]
    return torch.cat(states)


@BUILDS
def test_danq_is_a_chain_of_torchs_functions_on_each_row_alone(variant):
    lengths = [70, 1, 2, 12, 13, 14, 26, 27, 69]
    model, ids = network(**VARIANTS[variant]), ragged_batch(lengths, 70)
    found = model(ids)
    assert found.shape == (9, model.n_features)
    for features, row, length in zip(found, ids, lengths, strict=True):
        torch.testing.assert_close(features, naive_network(model, row[:length]))


def test_danq_both_ways_is_torchs_bidirectional_lstm():
    """At the last position the first direction has read all, at the first position the second."""
    model, ids = network(bidirectional=True), ragged_batch([70, 70], 70)
    reference = torch.nn.LSTM(5, 3, batch_first=True, bidirectional=True).double()
    weights = {}
    for lstm, suffix in zip(model.order.lstms, ["", "_reverse"], strict=True):
        weights |= {name + suffix: value for name, value in lstm.lstm.state_dict().items()}
    reference.load_state_dict(weights)
    states = reference(model.motifs(ids, None)[0])[0]
    torch.testing.assert_close(model(ids), torch.cat([states[:, -1, :3], states[:, 0, 3:]], dim=1))


@BUILDS
@pytest.mark.parametrize("n_columns", [1, 2, 13, 64])
def test_danq_padding_has_no_influence(n_columns, variant):
    model, ids = network(**VARIANTS[variant]), ragged_batch([40, 1, 13], 40)
    torch.testing.assert_close(model(F.pad(ids, (0, n_columns))), model(ids), rtol=1e-9, atol=1e-9)


@BUILDS
def test_danq_of_rows_of_one_length_padding_has_no_influence(variant):
    """Without padding nothing is masked: another way through the code."""
    model, ids = network(**VARIANTS[variant]), ragged_batch([40, 40], 40)
    torch.testing.assert_close(model(F.pad(ids, (0, 9))), model(ids), rtol=1e-9, atol=1e-9)


@BUILDS
def test_danq_of_padding_alone_is_zero_with_finite_gradients(variant):
    model = network(**VARIANTS[variant]).train()
    model.motifs.dropout.p = model.order.dropout.p = 0.0
    found = model(ragged_batch([0, 5], 50))
    assert (found[0] == 0).all()
    assert (found[1] != 0).any()
    found.sum().backward()
    assert all(torch.isfinite(x.grad).all() for x in model.parameters())


@BUILDS
def test_danq_layer_groups_hold_every_parameter_once(variant):
    model = network(**VARIANTS[variant])
    grouped = [id(x) for group in model.layer_groups() for x in group.parameters()]
    assert sorted(grouped) == sorted(id(x) for x in model.parameters())
    assert len(set(grouped)) == len(grouped)


@pytest.mark.parametrize(
    ("params", "n_features", "n_lstms"), [({}, 320, 1), ({"bidirectional": True}, 640, 2)]
)
def test_danq_has_the_papers_sizes(params, n_features, n_lstms):
    """320 motifs of 26 bases, and 320 units in each direction."""
    model = DanQ(**params)
    lstm = 4 * (320 * 320 + 320 * 320 + 2 * 320)
    assert model.n_features == n_features
    assert sum(x.numel() for x in model.parameters()) == 320 * (4 * 26 + 1) + n_lstms * lstm


@pytest.mark.parametrize("dropout", ["conv_p", "lstm_p"])
def test_danq_each_dropout_has_an_effect_in_training_alone(dropout):
    model = network(**{"conv_p": 0.0, "lstm_p": 0.0, dropout: 0.5})
    ids = ragged_batch([70, 30, 50], 70)
    assert torch.equal(model(ids), model(ids))
    assert not torch.equal(model.train()(ids), model.eval()(ids))


@BUILDS
def test_danq_under_autocast_gives_single_precision(variant):
    model, ids = network(**VARIANTS[variant]).float(), ragged_batch([120, 77], 120)
    with torch.autocast("cpu", torch.bfloat16):
        found = model(ids)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, model(ids), rtol=0.1, atol=0.05)
    found.sum().backward()


@pytest.mark.parametrize("kernel_size", [8, 13, 16, 24, 26, 32])
@pytest.mark.parametrize("lengths", [[120, 120], [120, 77]], ids=["whole", "padded"])
def test_danq_in_bfloat16_is_close_for_every_kernel_size(lengths, kernel_size):
    """Non-regression: torch's own convolution is off by 90 % for 16, 24 and 32 taps on CPUs with AMX."""
    model = network(n_filters=64, kernel_size=kernel_size).float()
    ids = ragged_batch(lengths, 120)
    with torch.autocast("cpu", torch.bfloat16):
        rough, mask = model.motifs(ids, real_positions(ids))
    exact, _ = model.motifs.double()(ids, mask=real_positions(ids))
    assert rough.dtype == torch.bfloat16
    assert (rough - exact).norm() < 0.01 * exact.norm()
    assert mask is None or not rough[~mask].any()
