"""Recurrent layers on a GPU: the function is torch's own, whatever is added to its sizes."""

import pytest
import torch
from torch import nn

from skgenome.nn import DropConnectLSTM, RecurrentContext
from skgenome.nn._recurrent import MULTIPLE, autocast_dtype, run_lstm_on_gpu

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device")


@pytest.mark.parametrize("n_inputs", [1, 7, 8, 13])
@pytest.mark.parametrize("n_units", [1, 5, MULTIPLE, 11])
def test_units_added_change_neither_output_nor_state_nor_gradient(n_inputs, n_units):
    lstm = nn.LSTM(n_inputs, n_units, batch_first=True).double()
    x = torch.randn(3, 9, n_inputs, dtype=torch.float64, requires_grad=True)
    state = tuple(torch.randn(1, 3, n_units, dtype=torch.float64, requires_grad=True) for _ in range(2))
    outcomes = []
    for run in (lstm, lambda x, state: run_lstm_on_gpu(x, state, list(lstm.parameters()))):
        output, (hidden, cell) = run(x, state)
        loss = (output**2).sum() + hidden.sin().sum() + cell.cos().sum()
        gradients = torch.autograd.grad(loss, [x, *state, *lstm.parameters()])
        outcomes.append([output, hidden, cell, *gradients])
    for expected, found in zip(*outcomes, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def test_state_that_comes_out_can_go_in_again():
    lstm = nn.LSTM(4, 5, batch_first=True)
    x, zeros = torch.randn(2, 12, 4), torch.zeros(1, 2, 5)
    weights = list(lstm.parameters())
    whole, _ = run_lstm_on_gpu(x, (zeros, zeros), weights)
    first, state = run_lstm_on_gpu(x[:, :7], (zeros, zeros), weights)
    second, _ = run_lstm_on_gpu(x[:, 7:], state, weights)
    torch.testing.assert_close(torch.cat([first, second], dim=1), whole)


def test_precision_is_that_of_the_input_without_autocast():
    assert autocast_dtype(torch.zeros(1, dtype=torch.float64)) == torch.float64


@pytest.mark.parametrize(
    ("torch_version", "cudnn", "expected"),
    [
        ("2.11.0+cu130", 91900, torch.bfloat16),
        ("2.10.0", 91300, torch.bfloat16),
        ("2.9.1", 91900, torch.float32),
        ("2.11.0", 91002, torch.float32),
        ("2.13.0+cpu", None, torch.float32),
    ],
)
def test_bfloat16_takes_a_torch_and_a_cudnn_that_know_it(torch_version, cudnn, expected, monkeypatch):
    monkeypatch.setattr(torch, "__version__", type(torch.__version__)(torch_version))
    monkeypatch.setattr(torch.backends.cudnn, "version", lambda: cudnn)
    with torch.autocast("cpu", torch.bfloat16):
        assert autocast_dtype(torch.zeros(1)) == expected


@needs_cuda
@pytest.mark.parametrize("kind", ["layer", "context"])
def test_gradient_of_a_mean_over_many_tokens_survives_autocast(kind):
    """Autocast alone gives float16, in which a sixth of such a gradient was lost."""
    layer = DropConnectLSTM(20, 30, 0.0) if kind == "layer" else RecurrentContext("gru", 20, 30)
    layer, x = layer.cuda(), torch.randn(64, 70, 20, device="cuda")
    gradients = []
    for is_mixed in (False, True):
        layer.zero_grad()
        with torch.autocast("cuda", torch.bfloat16, enabled=is_mixed):
            output = layer(x)
        states = output[0] if isinstance(output, tuple) else output
        (states.float() ** 2).mean().mul(1e-3).backward()
        gradients.append(torch.cat([weight.grad.flatten() for weight in layer.parameters()]))
    expected, found = gradients
    assert (found - expected).norm() < 0.02 * expected.norm()


@needs_cuda
def test_layer_on_a_gpu_agrees_with_the_cpu():
    layer, x = DropConnectLSTM(13, 21, weight_p=0.0), torch.randn(4, 30, 13)
    expected, (hidden, cell) = layer(x)
    found, state = layer.cuda()(x.cuda())
    for one, other in zip((expected, hidden, cell), (found, *state), strict=True):
        torch.testing.assert_close(other.cpu(), one, rtol=1e-2, atol=2e-3)
