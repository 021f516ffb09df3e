"""From states at every position to one vector for a sequence: over real positions alone."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

#: The id of padding, that of skgenome.sequences: a test holds them together.
PAD_ID = 0

#: Ways to read a sequence that look at its reverse complement too.
BOTH_STRANDS = ("average", "concat")

#: Ways to pool by name, and how many vectors each of them joins.
POOLINGS = {"mean": 1, "max": 1, "last": 1, "concat": 3}


def n_pooled(pooling: str | int) -> int:
    """Count the vectors that a way to pool joins.

    Parameters
    ----------
    pooling : {'mean', 'max', 'last', 'concat'} or int
        As in :class:`PooledEncoder`.

    Returns
    -------
    int
        Their number.

    Raises
    ------
    ValueError
        If the name is unknown or the number is not positive.

    Examples
    --------
    >>> from skgenome.nn import n_pooled
    >>> n_pooled("concat"), n_pooled(10)
    (3, 10)
    """
    if isinstance(pooling, str) and pooling in POOLINGS:
        return POOLINGS[pooling]
    if isinstance(pooling, int) and pooling > 0:
        return pooling
    raise ValueError(
        f"pooling must be one of {sorted(POOLINGS)} or a number of segments from 1. Got {pooling!r} instead."
    )


class PoolingAccumulator:
    """Pool states that come piece by piece along the time axis.

    The result is that of pooling the joined pieces at once, so a contig of any length is pooled in the
    memory of one piece.

    Parameters
    ----------
    pooling : {'mean', 'max', 'last', 'concat'}, default='concat'
        ``'concat'`` joins last, max and mean, in this order, as ULMFiT's classifier does.

    References
    ----------
    Howard and Ruder, "Universal Language Model Fine-tuning for Text Classification" (2018), section 3.3.

    Examples
    --------
    >>> import torch
    >>> from skgenome.nn import PoolingAccumulator
    >>> accumulator = PoolingAccumulator("mean")
    >>> for piece in torch.tensor([[[1.0], [3.0], [9.0]]]).split(2, dim=1):
    ...     accumulator.update(piece, piece[..., 0] < 5)
    >>> accumulator.result()
    tensor([[2.]])
    """

    def __init__(self, pooling: str = "concat"):
        if pooling not in POOLINGS:
            raise ValueError(f"pooling must be one of {sorted(POOLINGS)}. Got {pooling!r} instead.")
        self.pooling = pooling
        self._sum = self._max = self._last = self._count = None

    def update(self, states: Tensor, mask: Tensor) -> None:
        """Add the next piece.

        Parameters
        ----------
        states : Tensor of shape (batch, time, features)
            The states of the piece.
        mask : BoolTensor of shape (batch, time)
            True where a position is real.
        """
        if self._sum is None:
            self._start(states)
        real = mask.unsqueeze(-1)  # (B, T, 1)
        self._sum += torch.where(real, states, 0).sum(1)
        self._max = torch.maximum(self._max, torch.where(real, states, -torch.inf).amax(1))
        positions = torch.arange(1, mask.shape[1] + 1, device=mask.device)
        last = (mask * positions).amax(1)  # (B,), 0 where the piece holds no real position
        rows = torch.arange(len(last), device=mask.device)
        self._last = torch.where((last > 0).unsqueeze(-1), states[rows, last - 1], self._last)
        self._count += mask.sum(1, keepdim=True)

    def _start(self, states: Tensor) -> None:
        zeros = states.new_zeros(states.shape[0], states.shape[2])
        self._sum, self._last, self._count = zeros.clone(), zeros, zeros[:, :1].clone()
        self._max = torch.full_like(zeros, -torch.inf)

    def result(self) -> Tensor:
        """Give the pooled vectors.

        Returns
        -------
        Tensor of shape (batch, n_vectors * features)
            One row for each sequence; zeros for a sequence without a real position.
        """
        parts = {
            "mean": self._sum / self._count.clamp(min=1),
            "max": torch.where(self._count > 0, self._max, 0),
            "last": self._last,
        }
        if self.pooling == "concat":
            return torch.cat([parts["last"], parts["max"], parts["mean"]], dim=1)
        return parts[self.pooling]


class SegmentAccumulator:
    """Average the states of equal parts of each sequence, from states that come piece by piece.

    What stands where is kept: pooled over a whole sequence, a promoter's start codon a hundred bases from its
    beginning is one of many. The parts are those of adaptive average pooling: part i of n reaches from
    ``floor(i * length / n)`` to ``ceil((i + 1) * length / n)``, so none is empty.

    Parameters
    ----------
    n_segments : int
        Number of parts.
    lengths : LongTensor of shape (batch,)
        Real positions of each sequence.

    Examples
    --------
    >>> import torch
    >>> from skgenome.nn import SegmentAccumulator
    >>> accumulator = SegmentAccumulator(2, torch.tensor([4]))
    >>> for piece in torch.tensor([[[1.0], [3.0], [5.0], [9.0]]]).split(3, dim=1):
    ...     accumulator.update(piece, torch.ones(piece.shape[:2], dtype=torch.bool))
    >>> accumulator.result()
    tensor([[2., 7.]])
    """

    def __init__(self, n_segments: int, lengths: Tensor):
        parts = torch.arange(n_segments, device=lengths.device)
        lengths = lengths[:, None]
        self._starts = parts * lengths // n_segments  # (B, S)
        self._ends = -(-(parts + 1) * lengths // n_segments)
        self._position, self._means = 0, None

    def update(self, states: Tensor, mask: Tensor) -> None:
        """Add the next piece.

        Parameters
        ----------
        states : Tensor of shape (batch, time, features)
            The states of the piece.
        mask : BoolTensor of shape (batch, time)
            True where a position is real.
        """
        positions = torch.arange(self._position, self._position + states.shape[1], device=states.device)
        self._position += states.shape[1]
        inside = (self._starts[..., None] <= positions) & (positions < self._ends[..., None])  # (B, S, T)
        shares = inside / (self._ends - self._starts).clamp(min=1)[..., None]
        # Padding may hold anything, infinity too: zero times that would not be zero.
        real = torch.where(mask.unsqueeze(-1), states, 0)
        # A mean is a sum over many positions, for which autocast's half precision is too coarse.
        with torch.autocast(states.device.type, enabled=False):
            sums = shares.to(states.dtype) @ real  # (B, S, F)
        self._means = sums if self._means is None else self._means + sums

    def result(self) -> Tensor:
        """Give the pooled vectors.

        Returns
        -------
        Tensor of shape (batch, n_segments * features)
            One row for each sequence; zeros for a sequence without a real position.
        """
        return self._means.flatten(1)


def pool(states: Tensor, mask: Tensor, pooling: str = "concat") -> Tensor:
    """Pool the states of whole sequences.

    Parameters
    ----------
    states : Tensor of shape (batch, time, features)
        The states at each position.
    mask : BoolTensor of shape (batch, time)
        True where a position is real. What stands elsewhere has no influence.
    pooling : {'mean', 'max', 'last', 'concat'}, default='concat'
        As in :class:`PoolingAccumulator`.

    Returns
    -------
    Tensor of shape (batch, n_vectors * features)
        One row for each sequence; zeros for a sequence without a real position.

    Examples
    --------
    >>> import torch
    >>> from skgenome.nn import pool
    >>> pool(torch.ones(2, 5, 4), torch.ones(2, 5, dtype=torch.bool)).shape
    torch.Size([2, 12])
    """
    accumulator = PoolingAccumulator(pooling)
    accumulator.update(states, mask)
    return accumulator.result()


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

    Examples
    --------
    >>> import torch
    >>> from skgenome.nn import join_strands
    >>> join_strands(torch.tensor([[1.0]]), torch.tensor([[3.0]]), "average")
    tensor([[2.]])
    """
    if strand == "average":
        return (forward + reverse) / 2
    if strand == "concat":
        return torch.cat([forward, reverse], dim=1)
    return forward


class PooledEncoder(nn.Module):
    """An encoder read as one vector for a sequence: its layers pooled over real tokens and joined.

    Parameters
    ----------
    encoder : torch.nn.Module
        Maps (token_ids, state, n_layers) to an :class:`EncoderOutput`, with the attribute ``layer_sizes``.
    pooling : {'mean', 'max', 'last', 'concat'} or int
        As in :class:`PoolingAccumulator`; a number is that of the segments of a
        :class:`SegmentAccumulator`.
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
        super().__init__()
        self.encoder = encoder
        self.pooling, self.strand, self.piece_length = pooling, strand, piece_length
        self.layers = [layer % len(encoder.layer_sizes) for layer in layers]
        self.n_layers = max(self.layers) + 1
        # A new module is in training mode; one around a network in eval mode must not wake it.
        self.training = encoder.training

    @property
    def n_features(self) -> int:
        """Length of the vector."""
        one_strand = n_pooled(self.pooling) * sum(self.encoder.layer_sizes[layer] for layer in self.layers)
        return one_strand * (2 if self.strand == "concat" else 1)

    def layer_groups(self) -> list[nn.Module]:
        """Give the parts that are unfrozen one after the other, from the input up.

        Returns
        -------
        list of torch.nn.Module
            Those of the encoder that are run. The first is the embedding.
        """
        return self.encoder.layer_groups()[: self.n_layers + 1]

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
        # Both strands in one batch: an LSTM is the faster for it.
        forward, backward = self._pool(torch.cat([token_ids, reverse])).chunk(2)
        return join_strands(forward, backward, self.strand)

    def _accumulator(self, token_ids: Tensor) -> PoolingAccumulator | SegmentAccumulator:
        if isinstance(self.pooling, str):
            return PoolingAccumulator(self.pooling)
        return SegmentAccumulator(self.pooling, (token_ids != PAD_ID).sum(1))

    def _pool(self, token_ids: Tensor) -> Tensor:
        accumulators = [self._accumulator(token_ids) for _ in self.layers]
        pieces, state = token_ids.split(self.piece_length, dim=1), None
        learns = torch.is_grad_enabled()
        chosen = int(torch.randint(len(pieces), ())) if learns and len(pieces) > 1 else 0
        for i, piece in enumerate(pieces):
            with torch.set_grad_enabled(learns and i == chosen):
                output = self.encoder(piece, state, self.n_layers)
            state = output.state
            for accumulator, layer in zip(accumulators, self.layers, strict=True):
                accumulator.update(output.raw[layer].float(), piece != PAD_ID)
        return torch.cat([accumulator.result() for accumulator in accumulators], dim=1)
