"""Context networks: what the patches up to one say about those that follow."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

#: The names that :func:`make_context` knows.
CONTEXTS = ("causal-conv", "gru", "lstm")

_RECURRENT = {"gru": nn.GRU, "lstm": nn.LSTM}


class RecurrentContext(nn.Module):
    """A recurrent network over the patches of a sequence.

    Parameters
    ----------
    kind : {'lstm', 'gru'}
        Which.
    n_features : int
        Features of a patch.
    hidden_size : int, default=256
        Features of the context.
    n_layers : int, default=1
        Layers.

    References
    ----------
    van den Oord, Li and Vinyals, "Representation Learning with Contrastive Predictive Coding" (2018),
    section 2.1; a GRU of 256 units in section 3.1.

    Examples
    --------
    >>> import torch
    >>> from skgenome.nn import RecurrentContext
    >>> RecurrentContext("gru", 12, hidden_size=5)(torch.zeros(2, 32, 12)).shape
    torch.Size([2, 32, 5])
    """

    def __init__(self, kind: str, n_features: int, hidden_size: int = 256, n_layers: int = 1):
        super().__init__()
        if kind not in _RECURRENT:
            raise ValueError(f"kind must be one of {sorted(_RECURRENT)}. Got {kind!r} instead.")
        self.hidden_size = hidden_size
        self.rnn = _RECURRENT[kind](n_features, hidden_size, n_layers, batch_first=True)
        if kind == "lstm":
            self._remember_from_the_start()

    @torch.no_grad()
    def _remember_from_the_start(self) -> None:
        """Set the forget gates' bias to 1, as in DropConnectLSTM."""
        for name, parameter in self.rnn.named_parameters():
            if name.startswith("bias"):
                # Of the two biases that are summed, one.
                parameter[self.hidden_size : 2 * self.hidden_size] = float(name.startswith("bias_ih"))

    def forward(self, latents: Tensor) -> Tensor:
        """Read the patches in order.

        Parameters
        ----------
        latents : Tensor of shape (batch, n_patches, n_features)
            What the encoder made of each patch.

        Returns
        -------
        Tensor of shape (batch, n_patches, hidden_size)
            At each patch, what was made of it and of those before it.
        """
        if not latents.is_cuda:
            return self.rnn(latents)[0]
        # Too small to gain by less precision, and autocast would take float16: see autocast_dtype.
        with torch.autocast("cuda", enabled=False):
            return self.rnn(latents.to(next(self.rnn.parameters()).dtype))[0]


class _CausalLayer(nn.Module):
    """A convolution that does not look ahead, added to its input."""

    def __init__(self, hidden_size: int, kernel_size: int, dilation: int):
        super().__init__()
        # In place of the paper's weight normalisation: it needs no care for the initial scale.
        self.norm = nn.LayerNorm(hidden_size)
        self.conv = nn.Conv1d(hidden_size, hidden_size, kernel_size, dilation=dilation)
        self.n_before = (kernel_size - 1) * dilation

    def forward(self, x: Tensor) -> Tensor:
        past = F.pad(self.norm(x).transpose(1, 2), (self.n_before, 0))  # (B, H, n_before + P)
        return x + F.relu(self.conv(past)).transpose(1, 2)  # (B, P, H)


class CausalConvContext(nn.Module):
    """A stack of convolutions over the patches of a sequence, none of which looks ahead.

    Parameters
    ----------
    n_features : int
        Features of a patch.
    hidden_size : int, default=256
        Features of the context.
    kernel_size : int, default=3
        Patches that a convolution sees.
    n_layers : int, default=4
        Convolutions. The distance between the patches that one sees doubles from each to the next, so the
        context reaches back over ``1 + (kernel_size - 1) * (2**n_layers - 1)`` patches, given in
        ``receptive_field``.

    References
    ----------
    Bai, Kolter and Koltun, "An Empirical Evaluation of Generic Convolutional and Recurrent Networks for
    Sequence Modeling" (2018), section 3, with one convolution in a residual block and layer normalisation.

    Examples
    --------
    >>> import torch
    >>> from skgenome.nn import CausalConvContext
    >>> network = CausalConvContext(12, hidden_size=5)
    >>> network(torch.zeros(2, 32, 12)).shape, network.receptive_field
    (torch.Size([2, 32, 5]), 31)
    """

    def __init__(self, n_features: int, hidden_size: int = 256, kernel_size: int = 3, n_layers: int = 4):
        super().__init__()
        self.hidden_size = hidden_size
        self.receptive_field = 1 + (kernel_size - 1) * (2**n_layers - 1)
        self.inputs = nn.Linear(n_features, hidden_size)
        self.layers = nn.Sequential(*(_CausalLayer(hidden_size, kernel_size, 2**i) for i in range(n_layers)))

    def forward(self, latents: Tensor) -> Tensor:
        """Read the patches.

        Parameters
        ----------
        latents : Tensor of shape (batch, n_patches, n_features)
            What the encoder made of each patch.

        Returns
        -------
        Tensor of shape (batch, n_patches, hidden_size)
            At each patch, what was made of it and of those before it.
        """
        return self.layers(self.inputs(latents))


def make_context(name: str, n_features: int, hidden_size: int = 256) -> nn.Module:
    """Make a context network by its name.

    Parameters
    ----------
    name : {'lstm', 'gru', 'causal-conv'}
        A :class:`RecurrentContext` of one layer, or a :class:`CausalConvContext` of four.
    n_features : int
        Features of a patch.
    hidden_size : int, default=256
        Features of the context.

    Returns
    -------
    torch.nn.Module
        Maps (batch, n_patches, n_features) to (batch, n_patches, hidden_size), and never looks ahead.

    Raises
    ------
    ValueError
        If the name is unknown.

    Examples
    --------
    >>> from skgenome.nn import make_context
    >>> make_context("causal-conv", 512).hidden_size
    256
    """
    if name not in CONTEXTS:
        raise ValueError(f"name must be one of {list(CONTEXTS)}. Got {name!r} instead.")
    if name in _RECURRENT:
        return RecurrentContext(name, n_features, hidden_size)
    return CausalConvContext(n_features, hidden_size)
