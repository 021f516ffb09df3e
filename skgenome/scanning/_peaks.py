"""Where a track is highest."""

from numbers import Integral, Real
from typing import NamedTuple

import numpy as np

from skgenome._sklearn import Interval, validate_params
from skgenome.scanning._track import Track


class Peak(NamedTuple):
    """A window with a higher value than its neighbours.

    Attributes
    ----------
    contig : str
        Name of the contig.
    start, end : int
        The window on the forward strand, from 0 and half-open.
    position : int
        The base that the window speaks of, on the forward strand, from 0.
    strand : {'+', '-', '.'}
        ``.`` where strands were put together.
    score : float
        The value of the window.
    """

    contig: str
    start: int
    end: int
    position: int
    strand: str
    score: float


def _local_maxima(values: np.ndarray, gaps: np.ndarray) -> np.ndarray:
    """Find what is higher than both neighbours; of equal neighbours, the middle one.

    A gap says that a value and the next are no neighbours. Beside a gap, as at the ends and beside NaN, there
    is nothing to be higher than: scipy.signal.find_peaks would find no peak there.
    """
    heights = np.where(np.isnan(values), -np.inf, values)
    # Runs of equal values are compared as one, by the run before and the run behind.
    begins = np.flatnonzero(np.concatenate([[True], gaps | (heights[1:] != heights[:-1])]))
    lasts = np.append(begins[1:], len(heights)) - 1
    of_run = heights[begins]
    # A run of NaN is lower than all that has a value, and never a peak: it is not higher than an end.
    before = np.where(gaps[begins[1:] - 1], -np.inf, of_run[:-1])
    behind = np.where(gaps[begins[1:] - 1], -np.inf, of_run[1:])
    higher = (of_run > np.append(-np.inf, before)) & (of_run > np.append(behind, -np.inf))
    return ((begins + lasts) // 2)[higher]


def _keep_apart(positions: np.ndarray, scores: np.ndarray, min_distance: int) -> np.ndarray:
    """Take the highest, leave out all that is nearer than `min_distance`, and so on. Positions ascend."""
    keep = np.ones(len(positions), dtype=bool)
    places = positions.tolist()
    # From each that stays, outwards on both sides. No other that stays is ever met there.
    for i in np.lexsort((positions, -scores)).tolist():
        if not keep[i]:
            continue
        for neighbours in (range(i - 1, -1, -1), range(i + 1, len(places))):
            for j in neighbours:
                if abs(places[j] - places[i]) >= min_distance:
                    break
                keep[j] = False
    return keep


def _peaks_of(
    track: Track, contig: str, strand: str, threshold: float, min_distance: int, site_offset: int | None
) -> list[Peak]:
    starts, values = track.starts(contig), track.values(contig, strand)
    if not len(starts):
        return []
    found = _local_maxima(values, np.diff(starts) > track.step)
    found = found[values[found] >= threshold]
    positions = track.positions(contig, strand, site_offset)
    found = found[_keep_apart(positions[found], values[found], min_distance)]
    rows = zip(starts[found].tolist(), positions[found].tolist(), values[found].tolist(), strict=True)
    return [
        Peak(contig, start, start + track.window_size, position, strand, score)
        for start, position, score in rows
    ]


@validate_params(
    {
        "track": [Track],
        "threshold": [Interval(Real, None, None, closed="both")],
        "min_distance": [Interval(Integral, 1, None, closed="left")],
        "site_offset": [Integral, None],
    },
    prefer_skip_nested_validation=True,
)
def find_peaks(
    track: Track, *, threshold: float, min_distance: int, site_offset: int | None = None
) -> list[Peak]:
    """Find the windows where a track is highest, each strand on its own.

    A peak is higher than the windows before and behind it; of a plateau it is the middle window. The first
    and the last window of a contig or region, and those beside skipped ones, have one neighbour, and are
    peaks if higher than that. Of peaks that are too near, the highest stays (the first, if they are equal).

    Parameters
    ----------
    track : Track
        What `scan` gives.
    threshold : float
        Lowest value of a peak. ``-numpy.inf`` takes all.
    min_distance : int
        Bases that two peaks of a strand are apart, at least.
    site_offset : int, optional
        Which base of a window its position is, counted from 0 as the strand reads. By default the middle,
        ``window_size // 2``.

    Returns
    -------
    list of Peak
        By contig, then strand, then position.

    Raises
    ------
    ValueError
        If `site_offset` is outside the window, or given where strands were put together.

    See Also
    --------
    Track.aggregate : Puts the strands together, for peaks that have none.

    Examples
    --------
    >>> import numpy as np
    >>> from skgenome.scanning import Track, TrackPiece, find_peaks
    >>> values = np.array([[0.1, 0.9, 0.2, 0.8, 0.7]])
    >>> piece = TrackPiece("chr1", 9, np.arange(5), values, 0)
    >>> track = Track({"chr1": piece}, window_size=5, step=1, strands=("+",))
    >>> [(peak.position, peak.score) for peak in find_peaks(track, threshold=0.5, min_distance=2)]
    [(3, 0.9), (5, 0.8)]
    >>> [peak.position for peak in find_peaks(track, threshold=0.5, min_distance=3)]
    [3]
    """
    return [
        peak
        for contig in track.pieces
        for strand in track.strands
        for peak in _peaks_of(track, contig, strand, threshold, min_distance, site_offset)
    ]
