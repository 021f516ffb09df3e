"""DanQ: motifs found by one convolution, their order read by an LSTM."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from skgenome.nn._dropout import DropConnectLSTM
from skgenome.nn._motifs import MotifFilters
from skgenome.nn._one_hot import OneHotBases, real_positions
from skgenome.nn._resnet import hide_padding, max_pool


class _MotifScan(nn.Module):
    """From ids to the best match of each filter in each piece of a sequence."""

    def __init__(self, n_filters: int, kernel_size: int, pool_size: int, p: float, unknown: str):
        super().__init__()
        self.one_hot = OneHotBases(unknown)
        self.filters = MotifFilters(4, n_filters, kernel_size)
        self.dropout = nn.Dropout(p)
        self.kernel_size, self.pool_size = kernel_size, pool_size

    def forward(self, token_ids: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        before = (self.kernel_size - 1) // 2
        # The ids are padded rather than their channels: they are a sixteenth of the size.
        token_ids = F.pad(token_ids, (before, self.kernel_size - 1 - before))
        x = self.filters.without_bias(self.one_hot(token_ids).transpose(1, 2))  # (B, L, C)
        # The maximum may be taken before bias and ReLU, which then have a thirteenth to do: the scan of 500
        # bp takes half the time. Pooled as an image of height one, for the reason given in _resnet.
        x, mask = max_pool(
            x.transpose(1, 2).unsqueeze(2), mask if mask is None else mask[:, None, None], self.pool_size
        )
        bias = self.filters.bias.to(x.dtype)[:, None, None]
        x = self.dropout(hide_padding(F.relu(x + bias), mask))  # (B, C, 1, T)
        return x.squeeze(2).transpose(1, 2), mask if mask is None else mask[:, 0, 0]


def _last_state(lstm: nn.Module, x: Tensor, lengths: Tensor | None) -> Tensor:
    """Give the state at the last real position: (batch, hidden_size), zeros where there is none."""
    states = lstm(x)[0]  # (B, T, H)
    if lengths is None:
        return states[:, -1]
    rows = torch.arange(len(lengths), device=lengths.device)
    return states[rows, (lengths - 1).clamp(min=0)] * (lengths > 0).unsqueeze(1)


def _reverse(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Turn each row around, from its last real position to its first; padding stays behind it."""
    if lengths is None:
        return x.flip(1)
    positions = torch.arange(x.shape[1], device=x.device)
    sources = (lengths[:, None] - 1 - positions).clamp(min=0)  # (B, T)
    return x.gather(1, sources.unsqueeze(2).expand_as(x))


class _OrderReader(nn.Module):
    """From a sequence of motif scores to the last state of an LSTM, or of two."""

    def __init__(self, n_filters: int, hidden_size: int, p: float, bidirectional: bool):
        super().__init__()
        n_directions = 2 if bidirectional else 1
        self.lstms = nn.ModuleList(DropConnectLSTM(n_filters, hidden_size, 0.0) for _ in range(n_directions))
        self.dropout = nn.Dropout(p)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        lengths = mask if mask is None else mask.sum(1)
        states = [_last_state(self.lstms[0], x, lengths)]
        if len(self.lstms) == 2:
            states.append(_last_state(self.lstms[1], _reverse(x, lengths), lengths))
        summary = torch.cat(states, dim=1)
        return self.dropout(summary.to(torch.promote_types(summary.dtype, torch.float32)))


class DanQ(nn.Module):
    """A convolution that finds motifs, and an LSTM that reads in which order they come.

    Convolution, ReLU, maximum over `pool_size` positions, dropout, LSTM, dropout. Padding on the right has
    no influence on a row.

    Parameters
    ----------
    n_filters : int, default=320
        Motifs.
    kernel_size : int, default=26
        Bases of a motif. The sequence is padded such that one may hang over its ends, which DanQ's own may
        not: so sequences may be shorter than a motif.
    pool_size : int, default=13
        Positions of which the best match is kept.
    hidden_size : int, default=320
        Units of the LSTM, in each direction.
    conv_p, lstm_p : float, default=0.2, 0.5
        Dropout on the matches and on the LSTM's state.
    bidirectional : bool, default=False
        Whether a second LSTM reads from the end. DanQ's does and gives the states of all positions to a
        dense layer; here a sequence of any length is summarised by the state at the last position, beside
        that of the second LSTM at the first.
    unknown : {'zero', 'uniform'}, default='zero'
        As in :class:`OneHotBases`.

    References
    ----------
    Quang and Xie, "DanQ: a hybrid convolutional and recurrent deep neural network for quantifying the
    function of DNA sequences", Nucleic Acids Research 44 (2016), e107.

    Examples
    --------
    >>> import torch
    >>> from skgenome.nn import DanQ
    >>> network = DanQ(n_filters=8, hidden_size=6, bidirectional=True)
    >>> network(torch.randint(2, 6, (4, 500))).shape, network.n_features
    (torch.Size([4, 12]), 12)
    """

    def __init__(
        self,
        n_filters: int = 320,
        kernel_size: int = 26,
        pool_size: int = 13,
        hidden_size: int = 320,
        conv_p: float = 0.2,
        lstm_p: float = 0.5,
        bidirectional: bool = False,
        *,
        unknown: str = "zero",
    ):
        super().__init__()
        self.motifs = _MotifScan(n_filters, kernel_size, pool_size, conv_p, unknown)
        self.order = _OrderReader(n_filters, hidden_size, lstm_p, bidirectional)
        self.n_features = hidden_size * (2 if bidirectional else 1)

    def layer_groups(self) -> list[nn.Module]:
        """Give the parts that are unfrozen one after the other, from the input up.

        Returns
        -------
        list of torch.nn.Module
            The convolution, then the LSTM; together they hold every parameter once.
        """
        return [self.motifs, self.order]

    def forward(self, token_ids: Tensor) -> Tensor:
        """Encode a batch.

        Parameters
        ----------
        token_ids : LongTensor of shape (batch, length)
            Ids of single bases as in :class:`OneHotBases`, padded on the right.

        Returns
        -------
        Tensor of shape (batch, n_features)
            One vector for each row, float32 also under autocast; zeros for a row without bases.
        """
        return self.order(*self.motifs(token_ids, real_positions(token_ids)))
