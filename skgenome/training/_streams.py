"""From contigs to the batches that a language model is trained on.

A contig is cut into stretches of equal length. A batch holds stretches side by side and is read in
segments of ``bptt`` tokens; the hidden state runs on from a segment to the next and starts from zero with
every batch, so it never crosses the end of a contig.
"""

from collections.abc import Iterator
from itertools import count, islice, pairwise
from typing import NamedTuple

import numpy as np
import torch

from skgenome.sequences import N_SPECIAL, TokenRows, number_within, pad_rows, reverse_complement_ids


class Segment(NamedTuple):
    """What one training step sees."""

    token_ids: torch.Tensor
    """int64 of shape (batch, time + 1): inputs are all but the last column, targets all but the first."""
    starts: bool
    """Whether the hidden state is to start from zero."""


class Stretches(torch.utils.data.Dataset):
    """Pieces of contigs, as places in the corpus.

    Parameters
    ----------
    corpus : TokenIds or StoredTokenIds
        The ids, in memory or on disk.
    starts, ends : ndarray of shape (n_stretches,)
        Where each stretch lies in it. A stretch reaches one token into the next one of its contig, so
        that every token but a contig's first is predicted once.
    """

    def __init__(self, corpus: TokenRows, starts: np.ndarray, ends: np.ndarray):
        self.corpus, self.starts, self.ends = corpus, starts, ends

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def n_predicted(self) -> int:
        """Number of tokens that are predicted in one pass, unknown ones counted in."""
        return int((self.ends - self.starts - 1).sum())

    def subset(self, which: np.ndarray) -> "Stretches":
        """Keep some of the stretches.

        Parameters
        ----------
        which : ndarray of int or bool
            Which.

        Returns
        -------
        Stretches
            Over the same corpus.
        """
        return Stretches(self.corpus, self.starts[which], self.ends[which])

    def read(self, which: np.ndarray) -> list[np.ndarray]:
        """Read some of the stretches.

        Parameters
        ----------
        which : ndarray of int
            Which.

        Returns
        -------
        list of ndarray of unsigned integers
            The ids of each.
        """
        return self.corpus.pieces(self.starts[which], self.ends[which])


def cut_into_stretches(
    token_ids: TokenRows, length: int | None, *, even: bool = True
) -> tuple[Stretches, np.ndarray]:
    """Cut every contig into stretches of equal length.

    Parameters
    ----------
    token_ids : TokenIds or StoredTokenIds
        The corpus, one row for each contig. It is not read.
    length : int or None
        Longest stretch, in predicted tokens. None leaves contigs whole.
    even : bool, default=True
        Whether the stretches of a contig are equally long. Otherwise all have the full length but the last,
        which is what is left.

    Returns
    -------
    stretches : Stretches
        The pieces, in order. Contigs of one token, from which nothing can be predicted, have none.
    contigs : ndarray of int, shape (n_stretches,)
        The row that each comes from.

    Examples
    --------
    >>> import numpy as np
    >>> from skgenome.sequences import check_token_ids
    >>> from skgenome.training import cut_into_stretches
    >>> stretches, contigs = cut_into_stretches(check_token_ids([np.arange(2, 23), np.arange(2, 6)]), 10)
    >>> stretches.starts, stretches.ends, contigs
    (array([ 0, 10, 21]), array([11, 21, 25]), array([0, 0, 1]))
    """
    n_predicted = np.maximum(token_ids.lengths - 1, 0)
    n_pieces = -(-n_predicted // length) if length else (n_predicted > 0).astype(int)
    contigs = np.repeat(np.arange(token_ids.n_rows), n_pieces)
    piece = number_within(n_pieces)
    first, share, parts = token_ids.offsets[contigs], n_predicted[contigs], n_pieces[contigs]
    if even or not length:
        starts, ends = piece * share // parts, (piece + 1) * share // parts
    else:
        starts, ends = piece * length, np.minimum((piece + 1) * length, share)
    starts, ends = first + starts, first + ends + 1
    return Stretches(token_ids, starts, ends), contigs


def hold_out(
    stretches: Stretches, contigs: np.ndarray, n_tokens: float, unit: str, rng: np.random.RandomState
) -> tuple[Stretches, Stretches | None]:
    """Set stretches or whole contigs aside for validation.

    Parameters
    ----------
    stretches : Stretches
        All of them.
    contigs : ndarray of int, shape (n_stretches,)
        The contig of each.
    n_tokens : float
        How many predicted tokens to set aside, at least; 0 sets nothing aside.
    unit : {'stretches', 'contigs'}
        What may not be split.
    rng : numpy.random.RandomState
        Draws them.

    Returns
    -------
    train : Stretches
        What is left. Never empty.
    validation : Stretches or None
        What was set aside; None where a single unit is all there is, or nothing was asked for.
    """
    units = contigs if unit == "contigs" else np.arange(len(stretches))
    names, unit_of = np.unique(units, return_inverse=True)
    if n_tokens <= 0 or len(names) < 2:
        return stretches, None
    sizes = np.bincount(unit_of, weights=stretches.ends - stretches.starts - 1)
    order = rng.permutation(len(names))
    n_units = np.searchsorted(np.cumsum(sizes[order]), n_tokens) + 1
    chosen = np.isin(unit_of, order[: min(n_units, len(names) - 1)])
    return stretches.subset(~chosen), stretches.subset(chosen)


class SegmentStream:
    """Read stretches in batches, segment by segment, in the form that skorch iterates over.

    Parameters
    ----------
    dataset : Stretches
        What to read.
    batch_size : int
        Stretches side by side.
    bptt : int
        Longest segment, in tokens.
    seed : int or None, default=None
        Of the order, drawn anew for each pass. None keeps the order and makes every iteration one pass.
    k : int or None, default=None
        Bases in a token: given, every stretch is read from a strand drawn by chance. None: forward.
    steps_per_round : int or None, default=None
        Segments in one iteration; the next one goes on from there. None: one pass.
    max_steps : int or None, default=None
        Segments in all iterations together.
    least_rows : int, default=1
        Batches with fewer stretches, which the last one of a pass may be, are left out.
    position : (int, int), default=(0, 0)
        Where to begin: rounds that were read before, and segments of the round after them. It takes
        `steps_per_round`.
    """

    # Batches are made of stretches of similar length, sought among so many batches' worth of them.
    POOL = 50

    def __init__(
        self,
        dataset: Stretches,
        batch_size: int,
        bptt: int = 70,
        seed: int | None = None,
        k: int | None = None,
        steps_per_round: int | None = None,
        max_steps: int | None = None,
        least_rows: int = 1,
        position: tuple[int, int] = (0, 0),
    ):
        self.least_rows = least_rows
        self.dataset, self.batch_size, self.bptt = dataset, batch_size, bptt
        self.seed, self.k, self.steps_per_round = seed, k, steps_per_round
        self._complement = None if k is None else torch.from_numpy(_complement_table(k))
        n_rounds, self._n_in_round = position
        n_read = n_rounds * (steps_per_round or 0) + self._n_in_round
        # The last round may have been a shorter one.
        n_left = None if max_steps is None else max(max_steps - n_read, 0)
        self._endless = islice(self._read_on(n_read), n_left)

    def __iter__(self) -> Iterator[Segment]:
        if self.steps_per_round is None:
            return self.read_pass(0)
        n_left, self._n_in_round = self.steps_per_round - self._n_in_round, 0
        return islice(self._endless, n_left)

    def _read_on(self, n_read: int) -> Iterator[Segment]:
        """Read pass after pass, without the first segments."""
        for i_pass in count():
            n_segments = self._n_in_pass(i_pass) if n_read else 0
            # A pass that was read whole is counted, not read.
            if n_read < n_segments or not n_read:
                yield from islice(self.read_pass(i_pass), n_read, None)
            n_read = max(n_read - n_segments, 0)

    def n_steps(self, n_passes: int) -> int:
        """Count the segments of so many passes.

        Parameters
        ----------
        n_passes : int
            How many.

        Returns
        -------
        int
            Number of segments.
        """
        return sum(self._n_in_pass(i) for i in range(n_passes))

    def _n_in_pass(self, i_pass: int) -> int:
        return sum(map(self._n_segments, self._batches(i_pass)[0]))

    def _n_segments(self, batch: np.ndarray) -> int:
        longest = (self.dataset.ends[batch] - self.dataset.starts[batch]).max() - 1
        return int(-(-longest // self.bptt))

    def _batches(self, i_pass: int) -> tuple[list[np.ndarray], np.random.RandomState]:
        """Group stretches of similar length; give the generator in the state after it."""
        rng = np.random.RandomState([self.seed or 0, i_pass])
        n = len(self.dataset)
        order = np.arange(n) if self.seed is None else rng.permutation(n)
        lengths = self.dataset.ends - self.dataset.starts
        pool = self.POOL * self.batch_size
        pools = [order[i : i + pool] for i in range(0, n, pool)]
        pools = [part[np.argsort(-lengths[part], kind="stable")] for part in pools]
        batches = [
            part[i : i + self.batch_size] for part in pools for i in range(0, len(part), self.batch_size)
        ]
        batches = [batch for batch in batches if len(batch) >= self.least_rows]
        if self.seed is not None:
            batches = [batches[i] for i in rng.permutation(len(batches))]
        return batches, rng

    def read_pass(self, i_pass: int) -> Iterator[Segment]:
        """Read every stretch once.

        Parameters
        ----------
        i_pass : int
            Which pass: it decides on the order and the strands.

        Yields
        ------
        Segment
            What one step sees.
        """
        batches, rng = self._batches(i_pass)
        if not batches:
            # Passes follow each other until there are enough segments: this one would never end.
            raise ValueError(
                f"A batch needs at least {self.least_rows} stretches side by side, and there are "
                f"{len(self.dataset)}, at most {self.batch_size} of them in a batch."
            )
        for batch in batches:
            reverse = rng.rand(len(batch)) < 0.5 if self.k else np.zeros(len(batch), dtype=bool)
            token_ids = self._gather(batch, reverse)
            n_segments = self._n_segments(batch)
            bounds = np.arange(n_segments + 1) * (token_ids.shape[1] - 1) // n_segments
            for start, end in pairwise(bounds):
                yield Segment(token_ids[:, start : end + 1], start == 0)

    def _gather(self, batch: np.ndarray, reverse: np.ndarray) -> torch.Tensor:
        rows = self.dataset.read(batch)
        rows = [row[::-1] if turned else row for row, turned in zip(rows, reverse.tolist(), strict=True)]
        token_ids = torch.from_numpy(pad_rows(rows, np.dtype(np.int64)))
        if self._complement is not None and reverse.any():
            turned_rows = torch.from_numpy(np.flatnonzero(reverse))
            token_ids[turned_rows] = self._complement[token_ids[turned_rows]]
        return token_ids


def _complement_table(k: int) -> np.ndarray:
    return reverse_complement_ids(np.arange(4**k + N_SPECIAL, dtype=np.uint32), k).astype(np.int64)
