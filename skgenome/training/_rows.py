"""From labelled rows to the batches that a classifier is trained on."""

from collections.abc import Iterator

import numpy as np
import torch

from skgenome.nn import BOTH_STRANDS
from skgenome.sequences import TokenIds, reverse_complement_rows
from skgenome.training._inference import batches_of_similar_length, gather_rows

Inputs = dict[str, torch.Tensor]
Labelled = tuple[torch.Tensor, torch.Tensor]


class LabelledRows(torch.utils.data.Dataset):
    """Rows of token ids with their targets and weights.

    Parameters
    ----------
    token_ids : TokenIds
        The rows on the strand given.
    targets : ndarray of shape (n_rows,) or (n_rows, n_outputs)
        int64 numbers of classes, or a float32 indicator matrix.
    weights : ndarray of shape (n_rows,)
        Weight of each row in the loss.
    reverse : TokenIds or None, default=None
        The rows on the other strand.
    """

    def __init__(
        self,
        token_ids: TokenIds,
        targets: np.ndarray,
        weights: np.ndarray,
        reverse: TokenIds | None = None,
    ):
        self.token_ids, self.targets, self.reverse = token_ids, targets, reverse
        self.weights = weights.astype(np.float32)

    @classmethod
    def of_strand(
        cls, token_ids: TokenIds, targets: np.ndarray, weights: np.ndarray, strand: str, k: int
    ) -> "LabelledRows":
        """Make the dataset that a way to read strands needs.

        Parameters
        ----------
        token_ids, targets, weights
            As at construction.
        strand : {'forward', 'augment', 'average', 'concat'}
            The other strand is worked out for all but the first.
        k : int
            Bases in a token.

        Returns
        -------
        LabelledRows
            The dataset.
        """
        reverse = None if strand == "forward" else reverse_complement_rows(token_ids, k)
        return cls(token_ids, targets, weights, reverse)

    def __len__(self) -> int:
        return self.token_ids.n_rows

    def subset(self, rows: np.ndarray) -> "LabelledRows":
        """Keep some of the rows.

        Parameters
        ----------
        rows : ndarray of int
            Which.

        Returns
        -------
        LabelledRows
            A copy of them.
        """
        reverse = None if self.reverse is None else self.reverse.take(rows)
        return LabelledRows(self.token_ids.take(rows), self.targets[rows], self.weights[rows], reverse)


class RowBatches:
    """Deal labelled rows into batches, in the form that skorch iterates over.

    Parameters
    ----------
    dataset : LabelledRows
        What to read.
    batch_size : int
        Rows side by side.
    strand : {'forward', 'augment', 'average', 'concat'}, default='forward'
        ``'augment'`` reads every row from a strand drawn by chance where `seed` is given, else as it is;
        ``'average'`` and ``'concat'`` give both.
    seed : int or None, default=None
        Of the order and the strands, drawn anew for each pass. None deals rows by their length, as
        prediction does.
    position : (int, int), default=(0, 0)
        Where to begin: passes that were read before, and batches of the pass after them.

    Raises
    ------
    ValueError
        If `strand` reads the other strand and the dataset has none.
    """

    # Batches are made of rows of similar length, sought among so many batches' worth of them.
    POOL = 20

    def __init__(
        self,
        dataset: LabelledRows,
        batch_size: int,
        strand: str = "forward",
        seed: int | None = None,
        position: tuple[int, int] = (0, 0),
    ):
        reads_reverse = strand in BOTH_STRANDS or (strand == "augment" and seed is not None)
        if reads_reverse and dataset.reverse is None:
            raise ValueError(
                f"strand={strand!r} reads the other strand, but the dataset was made without it. Make it "
                f"with LabelledRows.of_strand(..., strand={strand!r}, k=...)."
            )
        self.dataset, self.batch_size, self.strand = dataset, batch_size, strand
        self._rng = None if seed is None else np.random.RandomState(seed)
        self._position = position

    def __len__(self) -> int:
        return -(-len(self.dataset) // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Inputs, Labelled]]:
        (n_passes, n_read), self._position = self._position, (0, 0)
        for _ in range(n_passes):
            # Orders and strands are drawn one after the other: those of former passes come first.
            for rows in self._order():
                self._draw_strands(rows)
        for i, rows in enumerate(self._order()):
            flipped = self._draw_strands(rows)
            if i >= n_read:
                yield self._inputs(rows, flipped), self._labelled(rows)

    def _order(self) -> Iterator[np.ndarray]:
        lengths = self.dataset.token_ids.lengths
        if self._rng is None:
            yield from batches_of_similar_length(lengths, self.batch_size)
            return
        order = self._rng.permutation(len(lengths))
        # Pools of whole batches: only the very last batch is a smaller one.
        pool = self.POOL * self.batch_size
        for start in range(0, len(order), pool):
            part = order[start : start + pool]
            batches = [part[rows] for rows in batches_of_similar_length(lengths[part], self.batch_size)]
            for i in self._rng.permutation(len(batches)):
                yield batches[i]

    def _draw_strands(self, rows: np.ndarray) -> torch.Tensor | None:
        """Say which rows are read from the other strand, where chance decides on it."""
        if self.strand != "augment" or self._rng is None:
            return None
        return torch.from_numpy(self._rng.rand(len(rows), 1) < 0.5)

    def _inputs(self, rows: np.ndarray, flipped: torch.Tensor | None) -> Inputs:
        forward = gather_rows(self.dataset.token_ids, rows)
        if self.dataset.reverse is None or (flipped is None and self.strand not in BOTH_STRANDS):
            return {"token_ids": forward}
        reverse = gather_rows(self.dataset.reverse, rows)
        if flipped is None:
            return {"token_ids": forward, "reverse": reverse}
        return {"token_ids": torch.where(flipped, reverse, forward)}

    def _labelled(self, rows: np.ndarray) -> Labelled:
        return torch.from_numpy(self.dataset.targets[rows]), torch.from_numpy(self.dataset.weights[rows])
