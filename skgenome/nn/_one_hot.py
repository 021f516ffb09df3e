"""Bases as four channels: what networks without an embedding table read."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

#: The id of padding, that of skgenome.sequences: a test holds them together.
PAD_ID = 0

#: What stands in the four channels of a base that is not known.
UNKNOWN_BASES = {"zero": 0.0, "uniform": 0.25}


def real_positions(token_ids: Tensor) -> Tensor | None:
    """Find what is no padding.

    Parameters
    ----------
    token_ids : LongTensor of shape (batch, length)
        Token ids, padded on the right.

    Returns
    -------
    BoolTensor of shape (batch, length) or None
        True where a position is real. None if all are, so that a batch of rows of one length is spared
        all masking.
    """
    mask = token_ids != PAD_ID
    return None if bool(mask.all()) else mask


class OneHotBases(nn.Module):
    """Turn ids of bases into four channels: A, C, G, T. Those of k-mers, into four for each of their bases.

    Parameters
    ----------
    unknown : {'zero', 'uniform'}, default='zero'
        What stands for an unknown base or k-mer (id 1): nothing, or a quarter of each base. Padding (id 0)
        is always nothing.
    k : int, default=1
        Bases in a token.

    Examples
    --------
    >>> import torch
    >>> from skgenome.nn import OneHotBases
    >>> OneHotBases("uniform")(torch.tensor([[2, 5, 1, 0]]))
    tensor([[[1.0000, 0.0000, 0.2500, 0.0000],
             [0.0000, 0.0000, 0.2500, 0.0000],
             [0.0000, 0.0000, 0.2500, 0.0000],
             [0.0000, 1.0000, 0.2500, 0.0000]]])
    """

    table: Tensor

    def __init__(self, unknown: str = "zero", *, k: int = 1):
        super().__init__()
        if unknown not in UNKNOWN_BASES:
            raise ValueError(f"unknown must be one of {sorted(UNKNOWN_BASES)}. Got {unknown!r} instead.")
        self.unknown, self.k = unknown, k
        # K-mers follow in lexicographic order: their bases are the digits of a number to base 4.
        bases = torch.arange(4**k)[:, None] // 4 ** torch.arange(k - 1, -1, -1) % 4  # (4**k, k)
        special = torch.tensor([[0.0], [UNKNOWN_BASES[unknown]]]).expand(2, 4 * k)
        table = torch.cat([special, torch.eye(4)[bases].flatten(1)])
        # It follows the network's device and dtype, but holds nothing that a file of weights should.
        self.register_buffer("table", table, persistent=False)

    def forward(self, token_ids: Tensor) -> Tensor:
        """Look the bases up.

        Parameters
        ----------
        token_ids : LongTensor of shape (batch, length)
            0 is padding, 1 unknown, 2 to 5 are A, C, G and T, or from 2 on the k-mers.

        Returns
        -------
        Tensor of shape (batch, 4 * k, length)
            The channels. They lie in memory token by token, which is how convolutions read fastest.

        Raises
        ------
        IndexError
            If an id is above that of the last k-mer (on a GPU, whatever the device makes of it).
        """
        return F.embedding(token_ids, self.table).transpose(1, 2)  # (B, 4k, L)

    def extra_repr(self) -> str:
        """Say how unknown bases are read when the module is printed."""
        return f"unknown={self.unknown!r}" + (f", k={self.k}" if self.k > 1 else "")
