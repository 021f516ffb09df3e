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
    """Turn ids of single bases into four channels: A, C, G, T.

    Parameters
    ----------
    unknown : {'zero', 'uniform'}, default='zero'
        What stands for an unknown base (id 1): nothing, or a quarter of each base. Padding (id 0) is
        always nothing.

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

    def __init__(self, unknown: str = "zero"):
        super().__init__()
        if unknown not in UNKNOWN_BASES:
            raise ValueError(f"unknown must be one of {sorted(UNKNOWN_BASES)}. Got {unknown!r} instead.")
        self.unknown = unknown
        table = torch.cat([torch.zeros(1, 4), torch.full((1, 4), UNKNOWN_BASES[unknown]), torch.eye(4)])
        # It follows the network's device and dtype, but holds nothing that a file of weights should.
        self.register_buffer("table", table, persistent=False)

    def forward(self, token_ids: Tensor) -> Tensor:
        """Look the bases up.

        Parameters
        ----------
        token_ids : LongTensor of shape (batch, length)
            0 is padding, 1 unknown, 2 to 5 are A, C, G and T.

        Returns
        -------
        Tensor of shape (batch, 4, length)
            The channels. They lie in memory base by base, which is how convolutions read fastest.

        Raises
        ------
        IndexError
            If an id is above 5 (on a GPU, whatever the device makes of it).
        """
        return F.embedding(token_ids, self.table).transpose(1, 2)  # (B, 4, L)

    def extra_repr(self) -> str:
        """Say how unknown bases are read when the module is printed."""
        return f"unknown={self.unknown!r}"
