"""Encoders read as one vector for a sequence: layers pooled over what is real, strands joined."""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from skgenome.nn._one_hot import PAD_ID
from skgenome.nn._patches import PatchEncoder
from skgenome.nn._pooling import make_accumulator, n_pooled, pool
from skgenome.nn._token_encoder import take_rows

#: Ways to read a sequence that look at its reverse complement too.
BOTH_STRANDS = ("average", "concat")


def join_strands(forward: Tensor, reverse: Tensor | None, strand: str) -> Tensor:
    """Join what was read from a sequence and from its reverse complement.

    Parameters
    ----------
    forward : Tensor of shape (batch, features)
        Features of the sequences as given.
    reverse : Tensor of shape (batch, features) or None
        Features of their reverse complements; None where they were not read.
    strand : {'forward', 'augment', 'average', 'concat'}
        ``'average'`` gives the mean, ``'concat'`` joins them, the given strand's first; the others leave
        `forward` as it is.

    Returns
    -------
    Tensor of shape (batch, features), twice as wide for 'concat'
        The joint features.

    Raises
    ------
    ValueError
        If `strand` reads both and `reverse` is None.

    Examples
    --------
    >>> import torch
    >>> from skgenome.nn import join_strands
    >>> join_strands(torch.tensor([[1.0]]), torch.tensor([[3.0]]), "average")
    tensor([[2.]])
    """
    if strand not in BOTH_STRANDS:
        return forward
    if reverse is None:
        raise ValueError(f"strand={strand!r} joins both strands, but reverse is None. Read it as well.")
    if strand == "average":
        return (forward + reverse) / 2
    return torch.cat([forward, reverse], dim=1)


class BasePooled(nn.Module):
    """What all pooled encoders have in common; a subclass says how the rows of one strand are pooled.

    Parameters
    ----------
    encoder : torch.nn.Module
        With ``layer_sizes`` and ``layer_groups(n_layers)``.
    pooling : {'mean', 'max', 'last', 'concat'} or int
        As in :func:`make_accumulator`.
    layers : sequence of int
        Which layers; negative ones count from the last. Layers above them are not run.
    strand : {'forward', 'augment', 'average', 'concat'}, default='forward'
        As in :func:`join_strands`.
    """

    # Any module with the attributes that the docstring names.
    encoder: Any

    def __init__(
        self, encoder: nn.Module, pooling: str | int, layers: Sequence[int], strand: str = "forward"
    ):
        super().__init__()
        self.encoder = encoder
        self.pooling, self.strand = pooling, strand
        self.layers = [layer % len(self.encoder.layer_sizes) for layer in layers]
        self.n_layers = max(self.layers) + 1
        # A new module is in training mode; one around a network in eval mode must not wake it.
        self.training = encoder.training

    @property
    def n_features_of_strand(self) -> int:
        """Length of the vector that one strand gives."""
        return n_pooled(self.pooling) * sum(self.encoder.layer_sizes[layer] for layer in self.layers)

    @property
    def n_features(self) -> int:
        """Length of the vector."""
        return self.n_features_of_strand * (2 if self.strand == "concat" else 1)

    def layer_groups(self) -> list[nn.Module]:
        """Give the parts that are unfrozen one after the other, from the input up.

        Returns
        -------
        list of torch.nn.Module
            Those of the encoder that are run.
        """
        return self.encoder.layer_groups(self.n_layers)

    def prepare_training(self, piece_length: int, dropouts: dict[str, float]) -> None:
        """Set what a training wants otherwise than a prediction, in place.

        Parameters
        ----------
        piece_length : int
            Tokens through which the gradient goes back, for an encoder that reads token by token.
        dropouts : dict of str to float
            As the encoder's ``set_dropouts`` takes them.
        """
        self.encoder.set_dropouts(**dropouts)

    def forward(self, token_ids: Tensor, reverse: Tensor | None = None) -> Tensor:
        """Encode and pool a batch.

        Parameters
        ----------
        token_ids : LongTensor of shape (batch, time)
            Token ids, padded on the right.
        reverse : LongTensor of shape (batch, time), optional
            The same rows on the other strand, for a `strand` that reads both.

        Returns
        -------
        Tensor of shape (batch, n_features), float32
            One vector for each row; zeros for a row without tokens.

        Raises
        ------
        ValueError
            If `strand` reads both strands and one is given, or the other way round.
        """
        if (reverse is None) == (self.strand in BOTH_STRANDS):
            what = "both strands, but no reverse" if reverse is None else "one strand, but a reverse"
            raise ValueError(
                f"strand={self.strand!r} reads {what} was given. The rows on the other strand are for "
                f"{BOTH_STRANDS} alone."
            )
        if reverse is None:
            return self._pool(token_ids)
        # Both strands in one batch: a network is the faster for it.
        forward, backward = self._pool(torch.cat([token_ids, reverse])).chunk(2)
        return join_strands(forward, backward, self.strand)

    def _pool(self, token_ids: Tensor) -> Tensor:
        raise NotImplementedError


class PooledEncoder(BasePooled):
    """An encoder that reads token by token, read as one vector for a sequence.

    Parameters
    ----------
    encoder : BaseTokenEncoder
        Maps (token_ids, state, n_layers) to an :class:`EncoderOutput`.
    pooling : {'mean', 'max', 'last', 'concat'} or int
        As in :func:`make_accumulator`.
    layers : sequence of int
        Which layers; negative ones count from the last. Layers above them are not run.
    strand : {'forward', 'augment', 'average', 'concat'}, default='forward'
        As in :func:`join_strands`.
    piece_length : int, default=256
        Tokens that go through the encoder at once; longer rows pass the state on, so it changes nothing in
        the result. In training the gradient goes through one piece of a row, drawn anew for every batch:
        memory does not grow with the length of the rows.

    Examples
    --------
    >>> import torch
    >>> from skgenome.nn import AWDLSTM, PooledEncoder
    >>> encoder = PooledEncoder(AWDLSTM(66, embedding_size=8, hidden_size=16), "mean", [0, -1])
    >>> encoder(torch.randint(2, 66, (4, 70))).shape, encoder.n_features
    (torch.Size([4, 24]), 24)
    """

    def __init__(
        self,
        encoder: nn.Module,
        pooling: str | int,
        layers: Sequence[int],
        strand: str = "forward",
        piece_length: int = 256,
    ):
        super().__init__(encoder, pooling, layers, strand)
        self.piece_length = piece_length

    def prepare_training(self, piece_length: int, dropouts: dict[str, float]) -> None:
        """Set pieces and dropouts, in place.

        Parameters
        ----------
        piece_length : int
            Tokens through which the gradient goes back.
        dropouts : dict of str to float
            As :meth:`BaseTokenEncoder.set_dropouts` takes them.
        """
        super().prepare_training(piece_length, dropouts)
        self.piece_length = piece_length

    def begin(self, lengths: Tensor) -> "PooledReading":
        """Begin to read a batch of one strand, for what does not read it all at once.

        Parameters
        ----------
        lengths : LongTensor of shape (batch,)
            Real tokens in each row, all that will be read.

        Returns
        -------
        PooledReading
            In front of the first token.
        """
        return PooledReading(self, lengths)

    def _pool(self, token_ids: Tensor) -> Tensor:
        reading = self.begin((token_ids != PAD_ID).sum(1))
        reading.read(token_ids)
        return reading.result()


class PooledReading:
    """A batch on its way through an encoder: what the network remembers, and what was pooled so far.

    Rows that begin alike are read as one up to where they part, and branch there by :meth:`take`.

    Parameters
    ----------
    pooled : PooledEncoder
        What reads.
    lengths : LongTensor of shape (batch,)
        Real tokens in each row, all that will be read.

    Examples
    --------
    >>> import torch
    >>> from skgenome.nn import AWDLSTM, PooledEncoder
    >>> encoder = PooledEncoder(AWDLSTM(66, embedding_size=8, hidden_size=16).eval(), "mean", [-1])
    >>> trunk = encoder.begin(torch.tensor([4]))
    >>> trunk.read(torch.tensor([[5, 6, 7]]))
    >>> branches = trunk.take(torch.tensor([0, 0]))
    >>> branches.read(torch.tensor([[8], [9]]))
    >>> whole = encoder(torch.tensor([[5, 6, 7, 8], [5, 6, 7, 9]]))
    >>> torch.allclose(branches.result(), whole, atol=1e-6)
    True
    """

    def __init__(self, pooled: PooledEncoder, lengths: Tensor):
        self._pooled = pooled
        self._state: list | None = None
        self._accumulators = [make_accumulator(pooled.pooling, lengths) for _ in pooled.layers]

    def read(self, token_ids: Tensor) -> None:
        """Read on, in pieces of the encoder's `piece_length`.

        Parameters
        ----------
        token_ids : LongTensor of shape (batch, time)
            What comes next, padded on the right. Nothing happens where `time` is 0.
        """
        pooled = self._pooled
        pieces = token_ids.split(pooled.piece_length, dim=1) if token_ids.shape[1] else ()
        learns = torch.is_grad_enabled()
        chosen = int(torch.randint(len(pieces), ())) if learns and len(pieces) > 1 else 0
        for i, piece in enumerate(pieces):
            with torch.set_grad_enabled(learns and i == chosen):
                output = pooled.encoder(piece, self._state, pooled.n_layers)
            self._state = output.state
            for accumulator, layer in zip(self._accumulators, pooled.layers, strict=True):
                accumulator.update(output.raw[layer].float(), piece != PAD_ID)

    def take(self, rows: Tensor) -> "PooledReading":
        """Give a copy for some rows, from which each may go on in its own way.

        Parameters
        ----------
        rows : LongTensor of shape (n_rows,)
            Which, also several times.

        Returns
        -------
        PooledReading
            At the same token.
        """
        twin = copy.copy(self)
        twin._state = None if self._state is None else take_rows(self._state, rows)
        twin._accumulators = [accumulator.take(rows) for accumulator in self._accumulators]
        return twin

    def result(self) -> Tensor:
        """Give what was pooled.

        Returns
        -------
        Tensor of shape (batch, n_features_of_strand), float32
            One vector for each row; zeros for a row without tokens.
        """
        return torch.cat([accumulator.result() for accumulator in self._accumulators], dim=1)


class PooledPatches(BasePooled):
    """An encoder that reads patch by patch, read as one vector for a sequence.

    Parameters
    ----------
    encoder : PatchEncoder
        Its layer 0 are the patches, layer 1 what the context network makes of them.
    pooling : {'mean', 'max', 'last', 'concat'} or int
        As in :func:`make_accumulator`, over patches.
    layers : sequence of int
        Which layers.
    strand : {'forward', 'augment', 'average', 'concat'}, default='forward'
        As in :func:`join_strands`.

    Examples
    --------
    >>> import torch
    >>> from skgenome.nn import PatchEncoder, PooledPatches, ResNet1d, make_context
    >>> resnet = ResNet1d(18, width=4)
    >>> patches = PatchEncoder(resnet, make_context("gru", resnet.n_features, 6), 50, 20)
    >>> PooledPatches(patches, "mean", [0, 1])(torch.randint(2, 6, (3, 110))).shape
    torch.Size([3, 38])
    """

    encoder: PatchEncoder

    def _pool(self, token_ids: Tensor) -> Tensor:
        states, mask = self.encoder(token_ids, self.n_layers)
        return torch.cat([pool(states[layer].float(), mask, self.pooling) for layer in self.layers], dim=1)
