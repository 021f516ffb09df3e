"""The three dropouts of AWD-LSTM: on activations, on word types and on recurrent weights.

All three follow Merity, Keskar and Socher, "Regularizing and Optimizing LSTM Language Models" (2017),
section 4. Each is the identity in eval mode and keeps the expectation of what it drops from.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from skgenome.nn._recurrent import LSTMState, run_lstm_on_gpu


def keep_mask(shape: tuple[int, ...], p: float, like: Tensor) -> Tensor:
    """Draw which entries are kept.

    Four entries come from one random number of 64 bits: a recurrent matrix has a million of them, and
    drawing each alone takes a twentieth of a training step on a CPU.

    Parameters
    ----------
    shape : tuple of int
        Of the mask.
    p : float
        Probability that an entry is dropped, rounded to a multiple of 2**-16.
    like : Tensor
        Gives device and dtype.

    Returns
    -------
    Tensor of the shape
        0 where dropped, else ``1 / (1 - p)``.
    """
    n_entries = math.prod(shape)
    numbers = torch.empty(-(-n_entries // 4), dtype=torch.int64, device=like.device)
    numbers.random_(torch.iinfo(torch.int64).min, None)
    # Bounded, since 2**15 is no int16 and would wrap around to keep everything.
    threshold = min(round(p * 2**16) - 2**15, 2**15 - 1)
    keep = numbers.view(torch.int16)[:n_entries] >= threshold
    return keep.view(shape).to(like.dtype).div_(1 - p)


class LockedDropout(nn.Module):
    """Drop the same features at every time step of a sequence.

    Also known as variational dropout. One mask is drawn for each sequence of the batch and each feature
    and is used for all time steps.

    Parameters
    ----------
    p : float, default=0.5
        Probability that a feature is dropped, in [0, 1).

    References
    ----------
    Merity, Keskar and Socher (2017), section 4.2; Gal and Ghahramani (2016).

    Examples
    --------
    >>> import torch
    >>> from skgenome.nn import LockedDropout
    >>> dropped = LockedDropout(p=0.5)(torch.ones(2, 7, 3))
    >>> bool((dropped == dropped[:, :1]).all())
    True
    """

    def __init__(self, p: float = 0.5):
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """Drop features of ``x``.

        Parameters
        ----------
        x : Tensor of shape (batch, time, features)
            Activations.

        Returns
        -------
        Tensor of shape (batch, time, features)
            The activations, kept ones scaled by ``1 / (1 - p)``.
        """
        if not self.training or self.p == 0:
            return x
        return x * keep_mask((x.shape[0], 1, x.shape[2]), self.p, x)  # (B, T, C)

    def extra_repr(self) -> str:
        """Say what p is when the module is printed."""
        return f"p={self.p}"


class EmbeddingDropout(nn.Module):
    """Drop whole rows of an embedding table, so that a token is missing everywhere in the batch.

    Parameters
    ----------
    embedding : torch.nn.Embedding
        The table. Its weight is never changed: the masked table exists for one forward pass.
    p : float, default=0.1
        Probability that a token of the vocabulary is dropped, in [0, 1).

    References
    ----------
    Merity, Keskar and Socher (2017), section 4.3; Gal and Ghahramani (2016).

    Examples
    --------
    >>> import torch
    >>> from skgenome.nn import EmbeddingDropout
    >>> table = torch.nn.Embedding(66, 4)
    >>> EmbeddingDropout(table, p=0.3).eval()(torch.tensor([[2, 3]])).shape
    torch.Size([1, 2, 4])
    """

    def __init__(self, embedding: nn.Embedding, p: float = 0.1):
        super().__init__()
        self.embedding = embedding
        self.p = p

    def forward(self, token_ids: Tensor) -> Tensor:
        """Look the tokens up.

        Parameters
        ----------
        token_ids : LongTensor of shape (batch, time)
            Token ids.

        Returns
        -------
        Tensor of shape (batch, time, embedding_size)
            Their vectors; those of dropped tokens are zero.
        """
        weight = self.embedding.weight
        if self.training and self.p > 0:
            weight = weight * keep_mask((weight.shape[0], 1), self.p, weight)  # (V, E)
        return F.embedding(token_ids, weight, self.embedding.padding_idx)

    def extra_repr(self) -> str:
        """Say what p is when the module is printed."""
        return f"p={self.p}"


class DropConnectLSTM(nn.Module):
    """One LSTM layer whose recurrent weights are dropped, once for each forward pass.

    Parameters
    ----------
    input_size, hidden_size : int
        Features in and out.
    weight_p : float, default=0.5
        Probability that an entry of the hidden-to-hidden matrix is dropped, in [0, 1). The mask holds
        for all time steps of the pass.

    References
    ----------
    Merity, Keskar and Socher (2017), section 2 (the weight-dropped LSTM); Wan et al. (2013). The forget
    gate's bias starts at 1: Jozefowicz, Zaremba and Sutskever (2015).

    Examples
    --------
    >>> import torch
    >>> from skgenome.nn import DropConnectLSTM
    >>> output, (hidden, cell) = DropConnectLSTM(4, 5, weight_p=0.2)(torch.zeros(2, 7, 4))
    >>> output.shape, hidden.shape
    (torch.Size([2, 7, 5]), torch.Size([1, 2, 5]))
    """

    def __init__(self, input_size: int, hidden_size: int, weight_p: float = 0.5):
        super().__init__()
        self.lstm = nn.LSTM(input_size, hidden_size, batch_first=True)
        # A cell that remembers from the start learns what lies further back in fewer steps.
        with torch.no_grad():
            *_, bias, other_bias = self.lstm.parameters()
            bias[hidden_size : 2 * hidden_size].fill_(1)
            other_bias[hidden_size : 2 * hidden_size].zero_()
        self.weight_p = weight_p

    def forward(self, x: Tensor, state: LSTMState | None = None) -> tuple[Tensor, LSTMState]:
        """Run over a sequence.

        Parameters
        ----------
        x : Tensor of shape (batch, time, input_size)
            The input.
        state : tuple of two Tensors of shape (1, batch, hidden_size), optional
            Hidden and cell state to start from. None stands for zeros.

        Returns
        -------
        output : Tensor of shape (batch, time, hidden_size)
            The hidden state after each step.
        state : tuple of two Tensors of shape (1, batch, hidden_size)
            Hidden and cell state after the last step.

        Raises
        ------
        RuntimeError
            If the sizes of `state` and `x` do not fit together, or to the layer.
        """
        is_dropping = self.training and self.weight_p > 0
        if not is_dropping and not x.is_cuda:
            return self.lstm(x, state)
        lstm = self.lstm
        if state is None:
            zeros = x.new_zeros(1, x.shape[0], lstm.hidden_size)
            state = (zeros, zeros)
        # torch.lstm reads beyond the memory of what is too small instead of complaining.
        lstm.check_forward_args(x, state, None)
        weights: list[Tensor] = list(lstm.parameters())  # W_ih, W_hh, b_ih, b_hh
        if is_dropping:
            weights[1] = weights[1] * keep_mask(weights[1].shape, self.weight_p, weights[1])
        if x.is_cuda:
            return run_lstm_on_gpu(x, state, weights)
        output, hidden, cell = torch.lstm(x, state, weights, True, 1, 0.0, True, False, True)
        return output, (hidden, cell)

    def extra_repr(self) -> str:
        """Say what p is when the module is printed."""
        return f"weight_p={self.weight_p}"
