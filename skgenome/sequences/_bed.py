"""Intervals of BED files. BED counts as this package does, 0-based half-open: nothing is translated."""

import math
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import NamedTuple

from skgenome.exceptions import DataIntegrityError
from skgenome.sequences._files import open_file, read_items

_N_REQUIRED, _N_READ = 3, 6
# How BED writes that there is no value.
_NO_VALUE = "."
# First words of lines that are for a genome browser.
_BROWSER_LINES = ("track", "browser")


class BedInterval(NamedTuple):
    """A stretch of a contig, as BED has it.

    Attributes
    ----------
    contig : str
        Name of the sequence that it lies on.
    start : int
        First base, from 0.
    end : int
        The base behind the last.
    name : str
        Empty where the file has none.
    score : float or None
        None where the file has none.
    strand : {'+', '-', '.'}
        ``.`` where there is none or nobody knows.
    """

    contig: str
    start: int
    end: int
    name: str = ""
    score: float | None = None
    strand: str = "."


def read_bed(path: str | PathLike) -> list[BedInterval]:
    r"""Read the intervals of a BED file into memory.

    BED3 to BED12, and what begins with the same six columns: narrowPeak, broadPeak. The seventh column and
    those behind it are not kept. Empty lines, comments (``#``), and lines whose first word is ``track`` or
    ``browser`` are skipped.

    Parameters
    ----------
    path : str or path
        The file, plain or compressed (gz, bz2, xz, zst).

    Returns
    -------
    list of BedInterval
        The intervals in the order of the file. One of no length (start = end) stays; so do repeated ones.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    DataIntegrityError
        If the file is truncated or corrupt, has no interval, or has a line that is no BED: fewer than three
        columns between tabs, a coordinate that is no whole number from 0, a start behind its end, a score
        that is no number, an unknown strand. The message names file and line.

    See Also
    --------
    read_gff : Features of an annotation.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from skgenome.sequences import read_bed
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "peaks.bed"
    ...     _ = path.write_text("track name=toy\nchr1\t100\t250\tCTCF\t900\t+\nchr2\t0\t50\n")
    ...     intervals = read_bed(path)
    >>> intervals[0]
    BedInterval(contig='chr1', start=100, end=250, name='CTCF', score=900.0, strand='+')
    >>> intervals[1].name, intervals[1].score, intervals[1].strand
    ('', None, '.')
    """
    intervals = list(_iter_bed(Path(path).expanduser()))
    if not intervals:
        raise DataIntegrityError(f"{path} has no interval. A BED file was expected.")
    return intervals


def _iter_bed(path: Path) -> Iterator[BedInterval]:
    with open_file(path, "rt", encoding="utf-8") as file:
        for number, line in enumerate(read_items(file, path, "line"), start=1):
            words = line.split(maxsplit=1)
            if not words or words[0].startswith("#") or words[0] in _BROWSER_LINES:
                continue
            try:
                yield _parse_line(line)
            except ValueError as err:
                raise DataIntegrityError(f"{path}, line {number}: {err}") from err


def _parse_line(line: str) -> BedInterval:
    columns = line.rstrip("\r\n").split("\t")
    if len(columns) < _N_REQUIRED:
        hint = "Put tabs for the blanks." if len(line.split()) >= _N_REQUIRED else "Is this BED?"
        raise ValueError(
            f"expected at least {_N_REQUIRED} columns between tabs (contig, start, end), got {len(columns)}. "
            f"{hint}"
        )
    contig, start, end = columns[:_N_REQUIRED]
    if not contig:
        raise ValueError("expected the name of a contig in column 1, got nothing.")
    if not (start.isdecimal() and end.isdecimal() and int(start) <= int(end)):
        raise ValueError(
            f"expected whole numbers 0 <= start <= end, got start {start[:30]!r} and end {end[:30]!r}."
        )
    # A column that a short line lacks says as little as one without a value.
    absent = [_NO_VALUE] * (_N_READ - len(columns))
    name, score, strand = (columns + absent)[_N_REQUIRED:_N_READ]
    if strand not in ("+", "-", _NO_VALUE):
        raise ValueError(f"expected one of + - . as strand in column 6, got {strand[:30]!r}.")
    return BedInterval(
        contig, int(start), int(end), "" if name == _NO_VALUE else name, _parse_score(score), strand
    )


def _parse_score(text: str) -> float | None:
    if text == _NO_VALUE:
        return None
    try:
        score = float(text)
    except ValueError:
        score = math.nan
    # BED says 0 to 1000; peak callers write what they like, so that only what is no number is refused.
    if not math.isfinite(score):
        raise ValueError(f"expected a number or . as score in column 5, got {text[:30]!r}.")
    return score
