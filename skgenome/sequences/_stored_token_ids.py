"""Token ids of a store on disk: made when they are read, never in memory all at once."""

from collections.abc import Iterator, Sequence

import numpy as np

from skgenome.sequences._kmers import N_SPECIAL, id_dtype, kmer_ids
from skgenome.sequences._store import SequenceStore
from skgenome.sequences._token_ids import TokenIds

# Ids of a part, padding counted in: 130 MB once a network gets them, as int64, from either strand.
_PART = 2**24


class StoredTokenIds:
    """Token ids of a :class:`SequenceStore`, one row for each contig.

    :class:`~skgenome.preprocessing.KmerTokenizer` makes it. It reads as a list of 1-D arrays does, but holds
    no ids: each read takes the bases from disk and turns them into ids. Estimators that learn from unlabelled
    sequences read it piece by piece.

    Parameters
    ----------
    store : SequenceStore
        The sequences.
    k : int
        Bases in a token.
    stride : int
        Bases between the starts of adjacent tokens.
    starts : ndarray of int, shape (n_rows,)
        The first base of each row, counted through all bases of the store.
    lengths : ndarray of int, shape (n_rows,)
        Tokens in each row.

    Attributes
    ----------
    offsets : ndarray of shape (n_rows + 1,), int64
        Where each row starts among all ids; the last is their number.

    See Also
    --------
    TokenIds : The same in memory.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from skgenome.preprocessing import KmerTokenizer
    >>> from skgenome.sequences import build_store, write_fasta
    >>> with TemporaryDirectory() as folder:
    ...     write_fasta(Path(folder) / "a.fa", ["GATTACA", "CCGN"])
    ...     store = build_store(Path(folder) / "a.fa", Path(folder) / "store")
    ...     token_ids = KmerTokenizer(k=2).transform(store)
    ...     token_ids.lengths, token_ids[1]
    (array([6, 3]), array([7, 8, 1], dtype=uint8))
    """

    def __init__(self, store: SequenceStore, k: int, stride: int, starts: np.ndarray, lengths: np.ndarray):
        self.store, self.k, self.stride = store, k, stride
        self.starts, self.lengths = starts, lengths
        self.offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)

    def __len__(self) -> int:
        return len(self.lengths)

    def __repr__(self) -> str:
        return (
            f"<StoredTokenIds of {len(self):,} rows, {self.offsets[-1]:,} ids, k={self.k}, "
            f"stride={self.stride}, of {self.store!r}>"
        )

    def __array__(self, dtype: np.dtype | None = None, copy: bool | None = None) -> np.ndarray:
        raise TypeError(
            "Token ids of a SequenceStore are rows of different lengths and not read into memory unasked. "
            "list(token_ids) reads all rows where they do fit, token_ids[i] reads one."
        )

    def __getitem__(self, row: int | slice | np.ndarray) -> "np.ndarray | StoredTokenIds":
        if isinstance(row, slice | np.ndarray | list):
            return StoredTokenIds(self.store, self.k, self.stride, self.starts[row], self.lengths[row])
        return self.row(range(len(self))[row])

    def __iter__(self) -> Iterator[np.ndarray]:
        return map(self.row, range(len(self)))

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self)

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the ids."""
        return id_dtype(self.k)

    @property
    def largest(self) -> int:
        """The largest id that there may be; which there are is not looked up."""
        return 4**self.k + N_SPECIAL - 1

    def row(self, i: int) -> np.ndarray:
        """Read one row.

        Parameters
        ----------
        i : int
            Which row.

        Returns
        -------
        ndarray of shape (length,)
            Its ids.
        """
        return self.pieces(self.offsets[i : i + 1], self.offsets[i + 1 : i + 2])[0]

    def read(self, start: int, end: int) -> np.ndarray:
        """Read a range, which may reach over several rows.

        Parameters
        ----------
        start, end : int
            From which place, counted through all rows, and up to which; the end of all ids ends the range.

        Returns
        -------
        ndarray of shape (end - start,)
            The ids.
        """
        first, last = np.searchsorted(self.offsets, [start, end])
        edges = np.clip(self.offsets[max(first - 1, 0) : last + 1], start, end)
        return self._join(self.pieces(edges[:-1], edges[1:]))

    def pieces(self, starts: np.ndarray, ends: np.ndarray) -> list[np.ndarray]:
        """Read several ranges, each within a row.

        Parameters
        ----------
        starts, ends : ndarray of int, shape (n_ranges,)
            From which places, counted through all rows, and up to which.

        Returns
        -------
        list of ndarray of shape (end - start,)
            The ids of each: views of one array.
        """
        counts = ends - starts
        rows = np.searchsorted(self.offsets, starts, side="right") - 1
        # Behind the last row there is only the empty range.
        rows = np.minimum(rows, max(len(self) - 1, 0))
        n_bases = np.where(counts > 0, (counts - 1) * self.stride + self.k, 0)
        first = self.starts[rows] + (starts - self.offsets[rows]) * self.stride
        # Ranges lie side by side, each at a multiple of the stride, so that all become ids at once. What is
        # made of the bases between them, and over their ends, is never looked at.
        slots = -(-n_bases // self.stride)
        places = np.cumsum(slots) - slots
        codes = np.zeros(int(slots.sum()) * self.stride + self.k, dtype=np.uint8)
        for place, base, n in zip(
            (places * self.stride).tolist(), first.tolist(), n_bases.tolist(), strict=True
        ):
            codes[place : place + n] = self.store.read(base, base + n)
        ids = kmer_ids(codes, self.k, self.stride)
        return [ids[place : place + n] for place, n in zip(places.tolist(), counts.tolist(), strict=True)]

    def take(self, rows: Sequence[int]) -> TokenIds:
        """Read some of the rows into memory.

        Parameters
        ----------
        rows : sequence of int
            Which, in the order wanted.

        Returns
        -------
        TokenIds
            A copy of them.
        """
        which = np.asarray(rows, dtype=np.int64)
        values = self._join(self.pieces(self.offsets[which], self.offsets[which + 1]))
        return TokenIds(values, np.concatenate([[0], np.cumsum(self.lengths[which])]).astype(np.int64))

    def _join(self, parts: list[np.ndarray]) -> np.ndarray:
        return np.concatenate([np.zeros(0, dtype=self.dtype), *parts])

    def parts(self) -> Iterator[TokenIds]:
        """Give all rows, as many at a time as memory is to hold.

        Yields
        ------
        TokenIds
            Rows that follow each other: 17 million ids at most once all are padded to the longest, or a
            single longer row.
        """
        start = longest = 0
        for i, length in enumerate(self.lengths.tolist()):
            if i > start and max(longest, length) * (i + 1 - start) > _PART:
                yield self.take(range(start, i))
                start, longest = i, 0
            longest = max(longest, length)
        yield self.take(range(start, len(self)))

    def described(self) -> dict:
        """Say what the ids are, without reading them.

        Returns
        -------
        dict
            Equal if and only if the store's checksums, the tokens and the rows are.
        """
        return {
            "store": self.store.fingerprint,
            "tokens": (self.k, self.stride),
            "starts": self.starts,
            "lengths": self.lengths,
        }
