"""Windows of both strands, cut from contigs a batch at a time.

A batch holds windows of several contigs where these are short, so that an assembly in thousands of pieces
is no slower than a closed chromosome; and never more than a batch's worth of a long one.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from skgenome.scanning._regions import Regions, intervals_of
from skgenome.sequences import AMBIGUOUS, encode, reverse_complement


class ScanGeometry(NamedTuple):
    """How windows lie on contigs.

    Attributes
    ----------
    window_size, step : int
        In bases.
    strands : tuple of str
        '+', '-' or both.
    ends : {'shift', 'drop'}
        Whether a last window is moved back to the end.
    max_ambiguous : float
        Share of ambiguous bases that a window may have.
    """

    window_size: int
    step: int
    strands: tuple[str, ...]
    ends: str
    max_ambiguous: float


class WindowChunk(NamedTuple):
    """Adjacent windows of a contig.

    Attributes
    ----------
    contig : str
        Its name.
    length : int
        Its bases.
    starts : ndarray of shape (n_windows,), int64
        Where the windows start.
    kept : ndarray of shape (n_windows,), bool
        False where too many bases are ambiguous.
    windows : list of str
        The kept ones as each strand reads them, strand after strand.
    """

    contig: str
    length: int
    starts: np.ndarray
    kept: np.ndarray
    windows: list[str]


def start_ranges(intervals: Iterable[tuple[int, int]], geometry: ScanGeometry) -> list[range]:
    """Lay windows over intervals.

    Parameters
    ----------
    intervals : iterable of (int, int)
        Sorted.
    geometry : ScanGeometry
        Size and step of windows, and what happens at the ends.

    Returns
    -------
    list of range
        The starts, in order and without repetition. They are never all in memory.
    """
    ranges = []
    for start, end in intervals:
        last = end - geometry.window_size
        starts = range(start, last + 1, geometry.step)
        if starts:
            ranges.append(starts)
            if geometry.ends == "shift" and starts[-1] < last:
                ranges.append(range(last, last + 1))
    return ranges


def iter_chunks(
    contigs: Iterable[tuple[str, str]], regions: Regions | None, geometry: ScanGeometry, batch_size: int
) -> Iterator[WindowChunk]:
    """Cut contigs into chunks of windows.

    Parameters
    ----------
    contigs : iterable of (str, str)
        Names and sequences.
    regions : dict or None
        What `check_regions` gives.
    geometry : ScanGeometry
        How windows lie.
    batch_size : int
        Most windows in a chunk, both strands counted.

    Yields
    ------
    WindowChunk
        In the order of the contigs; an empty one for a contig without a window. Contigs outside all regions
        are left out.

    Raises
    ------
    ValueError
        If a contig is not DNA, a region goes on past its contig's end, or regions lie on contigs that the
        genome does not have.
    """
    missing = set(regions or ())
    # Both strands of a window stay together, so that a piece has all its rows.
    size = max(1, batch_size // len(geometry.strands))
    for contig, sequence in contigs:
        missing.discard(contig)
        # With regions, contigs without one do not count as scanned, and are not in the track.
        intervals = intervals_of(contig, len(sequence), regions)
        ranges = start_ranges(intervals, geometry)
        if intervals and not ranges:
            yield WindowChunk(contig, len(sequence), np.empty(0, np.int64), np.empty(0, bool), [])
        for starts in ranges:
            for first in range(0, len(starts), size):
                yield _cut(contig, sequence, starts[first : first + size], geometry)
    if missing:
        raise ValueError(
            f"regions must lie on contigs of the genome, which lacks {sorted(missing)[:10]}. Names are what "
            "stands before the first blank of a FASTA header."
        )


def _cut(contig: str, sequence: str, starts: range, geometry: ScanGeometry) -> WindowChunk:
    size = geometry.window_size
    span = sequence[starts[0] : starts[-1] + size]
    offsets = np.arange(0, len(span) - size + 1, starts.step)
    kept = _few_ambiguous(contig, sequence, span, offsets, geometry)
    places = offsets[kept].tolist()
    windows = []
    if "+" in geometry.strands:
        windows += [span[place : place + size] for place in places]
    if "-" in geometry.strands:
        # The span is turned once, and windows of the other strand are cut from it counting from its end.
        turned, end = reverse_complement(span), len(span)
        windows += [turned[end - place - size : end - place] for place in places]
    return WindowChunk(contig, len(sequence), offsets + starts[0], kept, windows)


def _few_ambiguous(
    contig: str, sequence: str, span: str, offsets: np.ndarray, geometry: ScanGeometry
) -> np.ndarray:
    try:
        ambiguous = encode(span) == AMBIGUOUS
    except ValueError:
        # Read again as a whole, for a message that counts positions from the start of the contig.
        _raise_not_dna(contig, sequence)
    # Most spans of a finished genome are spared the sums.
    if not ambiguous.any():
        return np.ones(len(offsets), dtype=bool)
    before = np.concatenate([[0], np.cumsum(ambiguous)])
    counts = before[offsets + geometry.window_size] - before[offsets]
    # The margin is for shares as 0.29, whose product with a size falls short of the whole number meant.
    return counts <= geometry.max_ambiguous * geometry.window_size + 1e-9


def _raise_not_dna(contig: str, sequence: str) -> None:
    try:
        encode(sequence)
    except ValueError as err:
        raise ValueError(str(err).replace("Sequence 0", f"Contig {contig!r}", 1)) from None


def pack(chunks: Iterable[WindowChunk], n_strands: int, batch_size: int) -> Iterator[list[WindowChunk]]:
    """Put chunks together into batches.

    Parameters
    ----------
    chunks : iterable of WindowChunk
        None with more than `batch_size` windows.
    n_strands : int
        How many strands are read.
    batch_size : int
        Most windows in a batch.

    Yields
    ------
    list of WindowChunk
        Of at least one chunk, where there is any.
    """
    batch: list[WindowChunk] = []
    size = 0
    for chunk in chunks:
        # Skipped windows count, and so does a chunk of none: a long stretch of N must not pile up here.
        weight = max(1, n_strands * len(chunk.starts))
        if batch and size + weight > batch_size:
            yield batch
            batch, size = [], 0
        batch.append(chunk)
        size += weight
    yield batch
