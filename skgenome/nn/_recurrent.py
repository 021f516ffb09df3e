"""Recurrent layers on a GPU: in a precision that keeps their gradients, in sizes that it multiplies fast."""

import warnings
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

LSTMState = tuple[Tensor, Tensor]

#: Tensor cores multiply matrices whose sizes are multiples of it; others take up to twice as long.
MULTIPLE = 8


def autocast_dtype(x: Tensor) -> torch.dtype:
    """Say what a recurrent layer on a GPU is to compute in.

    Torch's autocast runs cuDNN's recurrent layers in float16 whatever dtype it was asked for. The gradient of
    a mean over many tokens is too small for that: without a scaled loss, much of it becomes 0.

    Parameters
    ----------
    x : Tensor
        The input of the layer.

    Returns
    -------
    torch.dtype
        Without autocast that of `x`. Else the one asked for; float32 in place of a bfloat16 that torch or
        cuDNN is too old for.
    """
    kind = x.device.type
    if not torch.is_autocast_enabled(kind):
        return x.dtype
    asked = torch.get_autocast_dtype(kind)
    return asked if asked != torch.bfloat16 or _has_bfloat16() else torch.float32


def _has_bfloat16() -> bool:
    # Compared as a version, not as text: "2.9" comes before "2.10".
    return torch.__version__ >= "2.10" and (torch.backends.cudnn.version() or 0) >= 91300


def run_lstm_on_gpu(x: Tensor, state: LSTMState, weights: Sequence[Tensor]) -> tuple[Tensor, LSTMState]:
    """Run one LSTM layer over a sequence, as torch does, in the right precision and at a fast size.

    Units are added until their number is a multiple of 8, all of their weights zero: their states stay zero,
    and the others never see them.

    Parameters
    ----------
    x : Tensor of shape (batch, time, input_size)
        The input.
    state : tuple of two Tensors of shape (1, batch, hidden_size)
        Hidden and cell state to start from.
    weights : sequence of four Tensors
        Of shapes (4 * hidden_size, input_size), (4 * hidden_size, hidden_size) and twice (4 * hidden_size,).

    Returns
    -------
    output : Tensor of shape (batch, time, hidden_size)
        The hidden state after each step.
    state : tuple of two Tensors of shape (1, batch, hidden_size)
        After the last step.
    """
    dtype = autocast_dtype(x)
    n_inputs, n_units = x.shape[2], state[0].shape[2]
    more_inputs, more_units = -n_inputs % MULTIPLE, -n_units % MULTIPLE
    of_input, recurrent, *biases = (weight.to(dtype) for weight in weights)
    padded = [
        _pad_gates(of_input, n_units, more_units, more_inputs),
        _pad_gates(recurrent, n_units, more_units, more_units),
        *(_pad_gates(bias[:, None], n_units, more_units, 0)[:, 0] for bias in biases),
    ]
    start = tuple(_pad_last(part.to(dtype), more_units) for part in state)
    with torch.autocast(x.device.type, enabled=False), warnings.catch_warnings():
        # cuDNN copies weights that are not one block of memory and says so; dropped ones never are.
        warnings.filterwarnings("ignore", message="RNN module weights are not part of single")
        output, hidden, cell = torch.lstm(
            _pad_last(x.to(dtype), more_inputs), start, padded, True, 1, 0.0, True, False, True
        )
    return output[..., :n_units], (hidden[..., :n_units], cell[..., :n_units])


def _pad_last(x: Tensor, more: int) -> Tensor:
    """Add features that are zero; contiguous, as cuDNN wants its states."""
    return F.pad(x, (0, more)) if more else x.contiguous()


def _pad_gates(weight: Tensor, n_units: int, more_units: int, more_columns: int) -> Tensor:
    """Add units to each of the four gates, whose rows stand one gate after the other, and columns."""
    gates = weight.unflatten(0, (4, n_units))  # (4, H, columns)
    return F.pad(gates, (0, more_columns, 0, more_units)).flatten(0, 1)
