"""Regions of a genome: what is scanned alone."""

from collections.abc import Iterable
from numbers import Integral

#: By contig, the intervals to scan, sorted and apart. An end of None is the contig's end.
Regions = dict[str, list[tuple[int, int | None]]]


def check_regions(regions: Iterable | None) -> Regions | None:
    """Check regions, and join those that overlap or touch.

    Parameters
    ----------
    regions : iterable of str or of (contig, start, end), or None
        A str is a whole contig.

    Returns
    -------
    dict of str to list of (int, int or None), or None
        By contig, sorted intervals that do not touch. None stays None.

    Raises
    ------
    TypeError
        If a region is something else, or `regions` is no list of them.
    ValueError
        If there is none, or not 0 <= start < end.
    """
    if regions is None:
        return None
    if isinstance(regions, str) or not isinstance(regions, Iterable):
        raise TypeError(f"regions must be a list of contigs or (contig, start, end). Got {regions!r}.")
    by_contig: Regions = {}
    for place, region in enumerate(regions):
        contig, start, end = _check_region(region, place)
        by_contig.setdefault(contig, []).append((start, end))
    if not by_contig:
        raise ValueError("regions must hold at least one region, or be None for the whole genome. Got none.")
    return {contig: _join(intervals) for contig, intervals in by_contig.items()}


def _check_region(region: object, place: int) -> tuple[str, int, int | None]:
    if isinstance(region, str):
        return region, 0, None
    fields = tuple(region)[:3] if isinstance(region, tuple | list) else ()
    if len(fields) != 3 or not isinstance(fields[0], str):
        raise TypeError(
            f"regions[{place}] must be the name of a contig, or (contig, start, end). Got {region!r}. A "
            "single region has to be in a list as well."
        )
    contig, start, end = fields
    if not (isinstance(start, Integral) and isinstance(end, Integral) and 0 <= int(start) < int(end)):
        raise ValueError(
            f"regions[{place}] must have whole numbers 0 <= start < end, in bases. Got {start!r} and {end!r} "
            f"on {contig!r}."
        )
    return contig, int(start), int(end)


def _join(intervals: list[tuple[int, int | None]]) -> list[tuple[int, int | None]]:
    joined: list[tuple[int, int | None]] = []
    for start, end in sorted(intervals, key=lambda interval: interval[0]):
        last_start, last_end = joined[-1] if joined else (0, -1)
        if last_end is None or start <= last_end:
            joined[-1] = (last_start, None if last_end is None or end is None else max(last_end, end))
        else:
            joined.append((start, end))
    return joined


def intervals_of(contig: str, length: int, regions: Regions | None) -> list[tuple[int, int]]:
    """Give what is to be scanned of a contig.

    Parameters
    ----------
    contig : str
        Its name.
    length : int
        Its bases.
    regions : dict or None
        What `check_regions` gives; None is everything.

    Returns
    -------
    list of (int, int)
        Intervals, sorted; none if no region lies on the contig.

    Raises
    ------
    ValueError
        If a region goes on past the contig's end.
    """
    if regions is None:
        return [(0, length)]
    intervals = [(start, length if end is None else end) for start, end in regions.get(contig, [])]
    for start, end in intervals:
        if end > length:
            raise ValueError(
                f"Region ({contig!r}, {start}, {end}) ends {end - length:,} bases past the end of the "
                f"contig, which has {length:,}."
            )
    return intervals
