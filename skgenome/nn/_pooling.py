"""From states at every position to one vector for a sequence: over real positions alone."""

import copy
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

#: Ways to pool by name, and how many vectors each of them joins.
POOLINGS = {"mean": 1, "max": 1, "last": 1, "concat": 3}

Added = TypeVar("Added")


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


class _Pooled(NamedTuple):
    """What has been added so far, of each sequence."""

    total: Tensor
    largest: Tensor
    last: Tensor
    n_real: Tensor


def _start(states: Tensor) -> _Pooled:
    zeros = states.new_zeros(states.shape[0], states.shape[2])
    return _Pooled(zeros, torch.full_like(zeros, -torch.inf), zeros, zeros[:, :1])


def _added(pooled: Added | None) -> Added:
    """Refuse a result of nothing."""
    if pooled is None:
        raise RuntimeError("There is nothing to pool yet. Add the states with update first.")
    return pooled


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
        self._pooled: _Pooled | None = None

    def update(self, states: Tensor, mask: Tensor) -> None:
        """Add the next piece.

        Parameters
        ----------
        states : Tensor of shape (batch, time, features)
            The states of the piece.
        mask : BoolTensor of shape (batch, time)
            True where a position is real.
        """
        total, largest, last_state, n_real = self._pooled or _start(states)
        real = mask.unsqueeze(-1)  # (B, T, 1)
        total = total + torch.where(real, states, 0).sum(1)
        largest = torch.maximum(largest, torch.where(real, states, -torch.inf).amax(1))
        positions = torch.arange(1, mask.shape[1] + 1, device=mask.device)
        last = (mask * positions).amax(1)  # (B,), 0 where the piece holds no real position
        rows = torch.arange(len(last), device=mask.device)
        last_state = torch.where((last > 0).unsqueeze(-1), states[rows, last - 1], last_state)
        self._pooled = _Pooled(total, largest, last_state, n_real + mask.sum(1, keepdim=True))

    def take(self, rows: Tensor) -> "PoolingAccumulator":
        """Give a copy for some sequences, from which each may go on in its own way.

        Parameters
        ----------
        rows : LongTensor of shape (n_rows,)
            Which, also several times.

        Returns
        -------
        PoolingAccumulator
            With what was added so far.
        """
        twin = copy.copy(self)
        if self._pooled is not None:
            twin._pooled = _Pooled(*(part[rows] for part in self._pooled))
        return twin

    def result(self) -> Tensor:
        """Give the pooled vectors.

        Returns
        -------
        Tensor of shape (batch, n_vectors * features)
            One row for each sequence; zeros for a sequence without a real position.

        Raises
        ------
        RuntimeError
            If no piece was added.
        """
        total, largest, last, n_real = _added(self._pooled)
        parts = {
            "mean": total / n_real.clamp(min=1),
            "max": torch.where(n_real > 0, largest, 0),
            "last": last,
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
        self._position = 0
        self._means: Tensor | None = None

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

    def take(self, rows: Tensor) -> "SegmentAccumulator":
        """Give a copy for some sequences, from which each may go on in its own way.

        Parameters
        ----------
        rows : LongTensor of shape (n_rows,)
            Which, also several times.

        Returns
        -------
        SegmentAccumulator
            With what was added so far.
        """
        twin = copy.copy(self)
        twin._starts, twin._ends = self._starts[rows], self._ends[rows]
        twin._means = None if self._means is None else self._means[rows]
        return twin

    def result(self) -> Tensor:
        """Give the pooled vectors.

        Returns
        -------
        Tensor of shape (batch, n_segments * features)
            One row for each sequence; zeros for a sequence without a real position.

        Raises
        ------
        RuntimeError
            If no piece was added.
        """
        return _added(self._means).flatten(1)


def make_accumulator(pooling: str | int, lengths: Tensor) -> PoolingAccumulator | SegmentAccumulator:
    """Make what pools in the way asked for.

    Parameters
    ----------
    pooling : {'mean', 'max', 'last', 'concat'} or int
        As in :class:`PoolingAccumulator`; a number is that of the segments of a :class:`SegmentAccumulator`.
    lengths : LongTensor of shape (batch,)
        Real positions of each sequence.

    Returns
    -------
    PoolingAccumulator or SegmentAccumulator
        Empty.
    """
    return PoolingAccumulator(pooling) if isinstance(pooling, str) else SegmentAccumulator(pooling, lengths)


def pool(states: Tensor, mask: Tensor, pooling: str | int = "concat") -> Tensor:
    """Pool the states of whole sequences.

    Parameters
    ----------
    states : Tensor of shape (batch, time, features)
        The states at each position.
    mask : BoolTensor of shape (batch, time)
        True where a position is real. What stands elsewhere has no influence.
    pooling : {'mean', 'max', 'last', 'concat'} or int, default='concat'
        As in :func:`make_accumulator`.

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
    accumulator = make_accumulator(pooling, mask.sum(1))
    accumulator.update(states, mask)
    return accumulator.result()
