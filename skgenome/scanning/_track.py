"""What a scan gives: values of windows by contig and strand, and what follows from them for each base."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from typing import NamedTuple

import numpy as np

from skgenome.sequences import number_within

# Stretches whose mean is taken from one running sum. A sum over a chromosome loses digits as it grows; one
# over so many keeps about twelve.
_BLOCK = 2**16


class TrackPiece(NamedTuple):
    """The values of successive windows of a contig.

    Attributes
    ----------
    contig : str
        Name of the contig.
    length : int
        Bases of the whole contig.
    starts : ndarray of shape (n_windows,), int64
        First base of each window on the forward strand, from 0, ascending.
    values : ndarray of shape (n_strands, n_windows), float64
        A row for each strand, forward first. NaN where too many bases are ambiguous.
    n_skipped : int
        How many windows were skipped for that.
    """

    contig: str
    length: int
    starts: np.ndarray
    values: np.ndarray
    n_skipped: int


@dataclass(frozen=True, eq=False, repr=False)
class Track:
    """The values of a classifier along a genome.

    Coordinates count from 0 on the forward strand, for windows of both strands: the value of strand '-' at
    window [s, e) is the classifier's for the reverse complement of the contig's bases s to e.

    Parameters
    ----------
    pieces : dict of str to TrackPiece
        All that is known of each contig, by name, in the order of the genome. Arrays are read-only.
    window_size : int
        Bases in a window.
    step : int
        Bases between the starts of adjacent windows. The last one of a contig or region may be nearer.
    strands : tuple of str
        What the rows of values are: '+' and '-', one of them, or '.' where strands were put together.
    label : str
        What the values are, in words.

    Examples
    --------
    >>> import numpy as np
    >>> from skgenome.scanning import Track, TrackPiece
    >>> piece = TrackPiece("chr1", 8, np.array([0, 2]), np.array([[0.2, 0.6]]), 0)
    >>> track = Track({"chr1": piece}, window_size=4, step=2, strands=("+",), label="probability")
    >>> track.per_base("chr1")
    array([0.2, 0.2, 0.4, 0.4, 0.6, 0.6, nan, nan])
    """

    pieces: dict[str, TrackPiece]
    window_size: int
    step: int
    strands: tuple[str, ...]
    label: str = "value"

    def __repr__(self):
        bases = sum(self.lengths.values())
        return (
            f"<Track of {self.label}: {len(self.pieces):,} contigs with {bases:,} bases, {self.n_windows:,} "
            f"windows of {self.window_size:,} bases on strands {' '.join(self.strands)}, {self.n_skipped:,} "
            "skipped>"
        )

    @property
    def lengths(self) -> dict[str, int]:
        """Bases of each contig, by name."""
        return {contig: piece.length for contig, piece in self.pieces.items()}

    @property
    def n_windows(self) -> int:
        """Windows on one strand, skipped ones with them."""
        return sum(len(piece.starts) for piece in self.pieces.values())

    @property
    def n_skipped(self) -> int:
        """Windows on one strand that were skipped, because too many of their bases are ambiguous."""
        return sum(piece.n_skipped for piece in self.pieces.values())

    def starts(self, contig: str) -> np.ndarray:
        """Give the first bases of the windows of a contig.

        Parameters
        ----------
        contig : str
            Its name.

        Returns
        -------
        ndarray of shape (n_windows,), int64
            Ascending, from 0.

        Raises
        ------
        KeyError
            If the track has no such contig.
        """
        return self._piece(contig).starts

    def values(self, contig: str, strand: str | None = None) -> np.ndarray:
        """Give the values of the windows of a contig on one strand.

        Parameters
        ----------
        contig : str
            Its name.
        strand : {'+', '-', '.'}, optional
            May be left out where the track has one alone.

        Returns
        -------
        ndarray of shape (n_windows,), float64
            In the order of `starts`; NaN for skipped windows.

        Raises
        ------
        KeyError
            If the track has no such contig.
        ValueError
            If it has not that strand, or has two and none is given.
        """
        return self._piece(contig).values[self.strands.index(self.check_strand(strand))]

    def positions(self, contig: str, strand: str | None = None, site_offset: int | None = None) -> np.ndarray:
        """Give the base that each window of a contig speaks of.

        Parameters
        ----------
        contig : str
            Its name.
        strand : {'+', '-', '.'}, optional
            May be left out where the track has one alone.
        site_offset : int, optional
            Which base of a window, counted from 0 as the strand reads: 60 where a classifier has learnt from
            windows with the site behind 60 bases. By default the middle, ``window_size // 2``.

        Returns
        -------
        ndarray of shape (n_windows,), int64
            Positions on the forward strand, from 0, ascending.

        Raises
        ------
        KeyError, ValueError
            As `values`; `ValueError` too if `site_offset` is outside the window, or given where strands were
            put together.
        """
        strand = self.check_strand(strand)
        # A site may well lie outside of the windows that tell it; but then there is no window "at" the site,
        # and a negative number is more often a slip.
        if site_offset is not None and not 0 <= site_offset < self.window_size:
            raise ValueError(
                f"site_offset must be in the window, from 0 to {self.window_size - 1}. Got {site_offset}."
            )
        if site_offset is not None and strand == ".":
            raise ValueError(
                f"site_offset has no meaning on a track without strands. Got {site_offset}; find peaks "
                "before aggregate(), or leave it out for the middle of windows."
            )
        offset = self.window_size // 2 if site_offset is None else site_offset
        return self.starts(contig) + (self.window_size - 1 - offset if strand == "-" else offset)

    def runs(self, contig: str, strand: str | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Give the values for bases, as stretches of bases with one value.

        Parameters
        ----------
        contig : str
            Its name.
        strand : {'+', '-', '.'}, optional
            May be left out where the track has one alone.

        Returns
        -------
        starts, ends : ndarray of shape (n_runs,), int64
            The stretches, ascending; they do not overlap. What no window covers, or skipped ones alone, is in
            none.
        means : ndarray of shape (n_runs,), float64
            Mean over the windows that cover the stretch. Neighbours that touch differ.

        Raises
        ------
        KeyError, ValueError
            As `values`.
        """
        values = self.values(contig, strand)
        edges, means = _means_between_edges(self.starts(contig), values, self.window_size)
        if not len(means):
            return edges, edges, means
        # NaN differs from NaN, so a stretch without value stays in parts; these are left out anyway.
        first = np.concatenate([[True], means[1:] != means[:-1]])
        ends = np.append(edges[:-1][first][1:], edges[-1])
        known = ~np.isnan(means[first])
        return edges[:-1][first][known], ends[known], means[first][known]

    def per_base(self, contig: str, strand: str | None = None) -> np.ndarray:
        """Give a value for each base of a contig: the mean over the windows that cover it.

        Parameters
        ----------
        contig : str
            Its name.
        strand : {'+', '-', '.'}, optional
            May be left out where the track has one alone.

        Returns
        -------
        ndarray of shape (length,), float64
            NaN where no window is, or skipped ones alone.

        Raises
        ------
        KeyError, ValueError
            As `values`.
        """
        starts, ends, means = self.runs(contig, strand)
        bases = np.full(self.lengths[contig], np.nan)
        sizes = ends - starts
        # The places of all runs at once.
        bases[np.repeat(starts, sizes) + number_within(sizes)] = np.repeat(means, sizes)
        return bases

    def aggregate(self, how: str = "max") -> "Track":
        """Put the strands together.

        Parameters
        ----------
        how : {'max', 'mean'}, default='max'
            Which of the values of both strands, window by window, the new one is.

        Returns
        -------
        Track
            With the strand '.' alone.

        Raises
        ------
        ValueError
            If `how` is something else.
        """
        functions: dict[str, Callable[..., np.ndarray]] = {"max": np.max, "mean": np.mean}
        if how not in functions:
            raise ValueError(f"how must be one of {list(functions)}. Got {how!r} instead.")
        pieces = {}
        for contig, piece in self.pieces.items():
            values = _read_only(functions[how](piece.values, axis=0, keepdims=True))
            pieces[contig] = TrackPiece(contig, piece.length, piece.starts, values, piece.n_skipped)
        return replace(self, pieces=pieces, strands=(".",))

    def check_strand(self, strand: str | None) -> str:
        """Give the strand that is meant.

        Parameters
        ----------
        strand : {'+', '-', '.'} or None
            None is the only one.

        Returns
        -------
        str
            One of `strands`.

        Raises
        ------
        ValueError
            If the track has not that strand, or has two and none is given.
        """
        if strand is None and len(self.strands) == 1:
            return self.strands[0]
        if strand not in self.strands:
            raise ValueError(
                f"strand must be one of those of the track, {list(self.strands)}. Got {strand!r} instead; "
                "aggregate() puts both together."
            )
        return strand

    def _piece(self, contig: str) -> TrackPiece:
        if contig not in self.pieces:
            raise KeyError(f"The track has no contig {contig!r}; it has {list(self.pieces)[:10]}.")
        return self.pieces[contig]


def _read_only(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array


def _means_between_edges(
    starts: np.ndarray, values: np.ndarray, window_size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Cut a contig wherever a window starts or ends, and take the mean of the windows over each part."""
    # Both halves are sorted, which the stable sort sees: 0.02 s for a million windows, union1d takes 2 s.
    edges = np.sort(np.concatenate([starts, starts + window_size]), kind="stable")
    edges = edges[np.append(True, edges[1:] != edges[:-1])] if len(edges) else edges
    means = np.empty(max(len(edges) - 1, 0))
    for first in range(0, len(means), _BLOCK):
        part = edges[first : min(first + _BLOCK, len(means))]
        # Windows have one size, so those over a base are neighbours: from `low` up to `high`.
        low = np.searchsorted(starts, part - window_size, side="right")
        high = np.searchsorted(starts, part, side="right")
        covering = values[low[0] : high[-1]]
        # Skipped windows count neither in the sum nor in the number, as if they were not there.
        known = ~np.isnan(covering)
        sums = np.concatenate([[0.0], np.cumsum(np.where(known, covering, 0.0))])
        counts = np.concatenate([[0], np.cumsum(known)])
        low, high = low - low[0], high - low[0]
        n_known = counts[high] - counts[low]
        total = np.where(n_known > 0, sums[high] - sums[low], np.nan)
        means[first : first + len(part)] = total / np.maximum(n_known, 1)
    return edges, means


def join_pieces(pieces: Iterable[TrackPiece]) -> Iterator[TrackPiece]:
    """Join the pieces of each contig.

    Parameters
    ----------
    pieces : iterable of TrackPiece
        Those of a contig one after the other.

    Yields
    ------
    TrackPiece
        One for each contig, its arrays read-only.
    """
    for contig, group in groupby(pieces, key=lambda piece: piece.contig):
        parts = list(group)
        yield TrackPiece(
            contig,
            parts[0].length,
            _read_only(np.concatenate([part.starts for part in parts])),
            _read_only(np.concatenate([part.values for part in parts], axis=1)),
            sum(part.n_skipped for part in parts),
        )
