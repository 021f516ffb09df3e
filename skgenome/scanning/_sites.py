"""Known sites: reading them, pairing them with peaks, and saying which windows hold one."""

from collections.abc import Iterable
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np

from skgenome._sklearn import Interval, validate_params
from skgenome.scanning._peaks import Peak
from skgenome.scanning._track import Track
from skgenome.sequences import number_within

_COLUMNS = ("contig", "position", "strand")
_SIGNS = {"+": 1, "-": -1, ".": 0}
_TOLERANCE = [Interval(Integral, 0, None, closed="left")]


class Places(NamedTuple):
    """Places on a genome as numbers.

    Attributes
    ----------
    contigs : ndarray of shape (n_places,), int64
        Which contig, by its number.
    positions : ndarray of shape (n_places,), int64
        Bases from 0, on the forward strand.
    signs : ndarray of shape (n_places,), int64
        1 for strand '+', -1 for '-', 0 for '.'.
    """

    contigs: np.ndarray
    positions: np.ndarray
    signs: np.ndarray

    def take(self, index: np.ndarray) -> "Places":
        """Give some of them.

        Parameters
        ----------
        index : ndarray
            Indices or a mask.

        Returns
        -------
        Places
            Those.
        """
        return Places(*(column[index] for column in self))


def read_rows(table: Any, name: str) -> list[tuple[str, int, int]]:
    """Read sites or peaks.

    Parameters
    ----------
    table : frame, structured array, or iterable of rows
        With the columns contig, position and strand; rows are tuples of these three, or have them as
        attributes, as a `Peak` does.
    name : str
        What to call the table in an error.

    Returns
    -------
    list of (str, int, int)
        Contig, position, and 1 for strand '+', -1 for '-', 0 for '.'; in the order of the table.

    Raises
    ------
    TypeError
        If it is no such table.
    ValueError
        If it lacks a column, a position is no whole number from 0, or a strand none of + - and a dot.
    """
    return [_check_row(row, f"{name}[{i}]") for i, row in enumerate(_rows_of(table, name))]


def _rows_of(table: Any, name: str) -> Iterable:
    columns = getattr(getattr(table, "dtype", None), "names", None)
    columns = getattr(table, "columns", columns)
    if columns is not None:
        missing = [column for column in _COLUMNS if column not in columns]
        if missing:
            raise ValueError(f"{name} must have the columns {', '.join(_COLUMNS)}. It lacks {missing}.")
        return zip(*(np.asarray(table[column]).tolist() for column in _COLUMNS), strict=True)
    if isinstance(table, str) or not isinstance(table, Iterable):
        raise TypeError(
            f"{name} must be a table or a list of (contig, position, strand). Got {type(table).__name__}."
        )
    return table


def _check_row(row: Any, place: str) -> tuple[str, int, int]:
    if all(hasattr(row, column) for column in _COLUMNS):
        row = tuple(getattr(row, column) for column in _COLUMNS)
    if not isinstance(row, tuple | list) or len(row) != len(_COLUMNS) or not isinstance(row[0], str):
        raise TypeError(f"{place} must be (contig, position, strand), the contig a str. Got {row!r}.")
    contig, position, strand = row
    if not isinstance(position, Integral) or position < 0:
        raise ValueError(f"{place} must have a whole number from 0 as position. Got {position!r}.")
    if strand not in _SIGNS:
        raise ValueError(f"{place} must have one of {list(_SIGNS)} as strand. Got {strand!r}.")
    return contig, int(position), _SIGNS[strand]


def number_places(rows: Iterable[tuple[str, int, int]], contigs: Iterable[str], name: str) -> Places:
    """Put numbers for the names of contigs.

    Parameters
    ----------
    rows : iterable of (str, int, int)
        What `read_rows` gives.
    contigs : iterable of str
        The names; their order gives the numbers.
    name : str
        What to call the table in an error.

    Returns
    -------
    Places
        In the order of the rows.

    Raises
    ------
    ValueError
        If a contig is unknown.
    """
    numbers = {contig: i for i, contig in enumerate(contigs)}
    numbered = np.empty((3, len(rows := list(rows))), dtype=np.int64)
    for i, (contig, position, sign) in enumerate(rows):
        if contig not in numbers:
            raise ValueError(
                f"{name}[{i}] must lie on a contig of the track, one of {list(numbers)[:10]}. Got {contig!r}."
            )
        numbered[:, i] = numbers[contig], position, sign
    return Places(*numbered)


def read_sites(sites: Any, lengths: dict[str, int]) -> Places:
    """Read the known sites of a genome.

    Parameters
    ----------
    sites : frame, structured array, or iterable of rows
        With contig, position and strand.
    lengths : dict of str to int
        Bases of each contig.

    Returns
    -------
    Places
        In the order of the table; contigs are numbered in that of `lengths`.

    Raises
    ------
    TypeError, ValueError
        As `read_rows`; `ValueError` too if there is no site, or one lies on no contig or past its end.
    """
    places = number_places(read_rows(sites, "sites"), lengths, "sites")
    if not len(places.positions):
        raise ValueError("sites must hold at least one site. Got none.")
    ends = np.array(list(lengths.values()))[places.contigs]
    outside = np.flatnonzero(places.positions >= ends)
    if len(outside):
        first = outside[0]
        raise ValueError(
            f"sites[{first}] must lie on its contig, which has {ends[first]:,} bases. Got position "
            f"{places.positions[first]}; positions count from 0. Is it another version of the genome?"
        )
    return places


def pair(peaks: Places, scores: np.ndarray, sites: Places, tolerance: int) -> np.ndarray:
    """Give each peak at most one site, and each site at most one peak.

    Parameters
    ----------
    peaks : Places
        Of the peaks.
    scores : ndarray of shape (n_peaks,)
        The higher, the earlier a peak chooses.
    sites : Places
        Of the sites.
    tolerance : int
        Most bases from a peak to its site.

    Returns
    -------
    ndarray of shape (n_peaks,), int64
        Index of the peak's site, -1 where it has none.
    """
    # One axis for all contigs, so far from one another that no distance across is within the tolerance.
    room = max(peaks.positions.max(initial=0), sites.positions.max(initial=0)) + tolerance + 1
    at_peak, at_site = (places.contigs * room + places.positions for places in (peaks, sites))
    order = np.argsort(at_site, kind="stable")
    low = np.searchsorted(at_site[order], at_peak - tolerance, side="left")
    n_near = np.searchsorted(at_site[order], at_peak + tolerance, side="right") - low
    of_peak = np.repeat(np.arange(len(at_peak)), n_near)
    # `low` is where the first near site of a peak is.
    of_site = order[np.repeat(low, n_near) + number_within(n_near)]
    # Signs of + and - multiply to -1; with a dot, 0 fits all.
    same_strand = peaks.signs[of_peak] * sites.signs[of_site] >= 0
    of_peak, of_site = of_peak[same_strand], of_site[same_strand]
    rank = np.empty(len(scores), dtype=np.int64)
    rank[np.argsort(-scores, kind="stable")] = np.arange(len(scores))
    # Near pairs alone, the best peak's first and of those the nearest: then no choice has to be undone.
    first = np.lexsort((of_site, np.abs(at_peak[of_peak] - at_site[of_site]), rank[of_peak]))
    chosen = np.full(len(at_peak), -1, dtype=np.int64)
    taken: set[int] = set()
    for peak, site in zip(of_peak[first].tolist(), of_site[first].tolist(), strict=True):
        if chosen[peak] < 0 and site not in taken:
            chosen[peak] = site
            taken.add(site)
    return chosen


@validate_params({"tolerance": _TOLERANCE}, prefer_skip_nested_validation=True)
def match_peaks(peaks: Iterable[Peak], sites: Any, tolerance: int) -> np.ndarray:
    """Pair peaks with known sites.

    From the highest peak to the lowest (of equal ones, the first comes first), each takes the nearest site on
    its contig and strand that no peak has taken yet, if one is near enough.

    Parameters
    ----------
    peaks : iterable of Peak
        What `find_peaks` gives.
    sites : frame, structured array, or iterable of (contig, position, strand)
        Positions count from 0. A strand '.', of a site or of a peak, is any strand.
    tolerance : int
        Most bases from the position of a peak to its site.

    Returns
    -------
    ndarray of shape (n_peaks,), int64
        For each peak the index of its site, -1 where it has none.

    Raises
    ------
    TypeError
        If `sites` is no such table.
    ValueError
        If a position or a strand is none.

    Examples
    --------
    >>> from skgenome.scanning import Peak, match_peaks
    >>> peaks = [Peak("chr1", 0, 81, 40, "+", 0.7), Peak("chr1", 9, 90, 49, "+", 0.9)]
    >>> match_peaks(peaks, [("chr1", 44, "+"), ("chr1", 50, "-")], tolerance=10)
    array([-1,  0])
    """
    peaks = list(peaks)
    scores = np.array([peak.score for peak in peaks], dtype=np.float64)
    rows = read_rows(peaks, "peaks"), read_rows(sites, "sites")
    # Without a track no contig is unknown: all get a number as they come.
    contigs = list(dict.fromkeys(contig for table in rows for contig, *_ in table))
    at_peak, at_site = (number_places(table, contigs, "sites") for table in rows)
    return pair(at_peak, scores, at_site, tolerance)


@validate_params(
    {"track": [Track], "site_offset": [Integral, None], "tolerance": [*_TOLERANCE, None]},
    prefer_skip_nested_validation=True,
)
def label_windows(
    track: Track, sites: Any, *, site_offset: int | None = None, tolerance: int | None = None
) -> dict[str, np.ndarray]:
    """Say which windows hold a known site where the classifier has learnt to see it.

    Parameters
    ----------
    track : Track
        What `scan` gives.
    sites : frame, structured array, or iterable of (contig, position, strand)
        Positions count from 0. A strand '.' is both.
    site_offset : int, optional
        Which base of a window the site should be, counted from 0 as the strand reads. By default the middle,
        ``window_size // 2``.
    tolerance : int, optional
        How far from there it may be, in bases. By default ``step // 2``, so that no site falls between the
        windows.

    Returns
    -------
    dict of str to ndarray of shape (n_strands, n_windows), bool
        By contig, in the shape of ``track.pieces[contig].values``.

    Raises
    ------
    TypeError
        If `sites` is no such table.
    ValueError
        If a site is not on the track's contigs, or `site_offset` outside the window.

    Examples
    --------
    >>> import numpy as np
    >>> from skgenome.scanning import Track, TrackPiece, label_windows
    >>> piece = TrackPiece("chr1", 9, np.arange(5), np.zeros((2, 5)), 0)
    >>> track = Track({"chr1": piece}, window_size=5, step=1, strands=("+", "-"))
    >>> label_windows(track, [("chr1", 4, "+")], site_offset=1)["chr1"].astype(int)
    array([[0, 0, 0, 1, 0],
           [0, 0, 0, 0, 0]])
    """
    return label_places(track, read_sites(sites, track.lengths), site_offset, tolerance)


def label_places(
    track: Track, places: Places, site_offset: int | None, tolerance: int | None = None
) -> dict[str, np.ndarray]:
    """Say which windows hold a site, as `label_windows`, for sites that have been read.

    Parameters
    ----------
    track : Track
        What `scan` gives.
    places : Places
        The sites, their contigs numbered as in the track.
    site_offset, tolerance : int or None
        As in `label_windows`.

    Returns
    -------
    dict of str to ndarray of shape (n_strands, n_windows), bool
        By contig.
    """
    tolerance = track.step // 2 if tolerance is None else tolerance
    labels = {}
    for number, contig in enumerate(track.pieces):
        here = places.take(places.contigs == number)
        of_strands = []
        for strand in track.strands:
            sites = here.positions[here.signs * _SIGNS[strand] >= 0]
            of_strands.append(_near(track.positions(contig, strand, site_offset), sites, tolerance))
        labels[contig] = np.stack(of_strands)
    return labels


def _near(positions: np.ndarray, sites: np.ndarray, tolerance: int) -> np.ndarray:
    """Say which positions, ascending, have a site within the tolerance."""
    # +1 where the reach of a site begins, -1 behind its end: the running sum counts the sites in reach.
    change = np.zeros(len(positions) + 1, dtype=np.int64)
    np.add.at(change, np.searchsorted(positions, sites - tolerance, side="left"), 1)
    np.add.at(change, np.searchsorted(positions, sites + tolerance, side="right"), -1)
    return np.cumsum(change[:-1]) > 0
