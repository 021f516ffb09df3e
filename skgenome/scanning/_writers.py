"""Tracks and peaks as files that genome browsers read.

BED, bedGraph and bigWig count as this package does, 0-based half-open: nothing is translated.
"""

import shutil
from collections.abc import Iterable, Iterator
from importlib import import_module
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

import numpy as np

from skgenome.scanning._peaks import Peak
from skgenome.scanning._track import Track
from skgenome.sequences import COMPRESSIONS, write_beside

# As many digits as tell any two floats of single precision apart: bedGraph says what bigWig says.
_FLOAT = "{:.9g}"


def _iter_runs(track: Track, contig: str, strand: str | None) -> Iterator[tuple[str, int, int, float]]:
    columns = (column.tolist() for column in track.runs(contig, strand))
    for start, end, value in zip(*columns, strict=True):
        yield contig, start, end, value


def write_bedgraph(path: str | PathLike, track: Track, *, strand: str | None = None) -> None:
    r"""Write a track as bedGraph.

    Each line is a stretch of bases with one value, the mean over the windows that cover it, as
    :meth:`Track.runs` gives them. What is in no window, or in skipped ones alone, has no line.

    Parameters
    ----------
    path : str or path
        The file; ``.gz``, ``.bz2``, ``.xz`` or ``.zst`` at its end compresses it. An older file is replaced
        once the new one is whole.
    track : Track
        What `scan` gives.
    strand : {'+', '-', '.'}, optional
        A file holds one strand. May be left out where the track has one alone.

    Raises
    ------
    ValueError
        If the track has not that strand, or has two and none is given.
    FileNotFoundError
        If the folder does not exist.

    See Also
    --------
    write_bigwig : The same, smaller and indexed.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from skgenome.scanning import Track, TrackPiece, write_bedgraph
    >>> piece = TrackPiece("chr1", 8, np.array([0, 2]), np.array([[0.25, 0.75]]), 0)
    >>> track = Track({"chr1": piece}, window_size=4, step=2, strands=("+",))
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "a.bedgraph"
    ...     write_bedgraph(path, track)
    ...     path.read_text()
    'chr1\t0\t2\t0.25\nchr1\t2\t4\t0.5\nchr1\t4\t6\t0.75\n'
    """
    strand = track.check_strand(strand)
    with write_beside(path) as file:
        for contig in track.pieces:
            for name, start, end, value in _iter_runs(track, contig, strand):
                file.write(f"{name}\t{start}\t{end}\t{_FLOAT.format(value)}\n".encode())


def _import_pybigtools() -> ModuleType:
    try:
        return import_module("pybigtools")
    except ImportError as err:
        raise ImportError("bigWig needs pybigtools. Install it with: pip install 'skgenome[tracks]'") from err


def write_bigwig(path: str | PathLike, track: Track, *, strand: str | None = None) -> None:
    """Write a track as bigWig.

    The stretches are those of `write_bedgraph`; their values have single precision, as the format asks.
    Contigs are sorted by name, and those without a value left out.

    Parameters
    ----------
    path : str or path
        The file. An older one is replaced once the new one is whole.
    track : Track
        What `scan` gives.
    strand : {'+', '-', '.'}, optional
        A file holds one strand. May be left out where the track has one alone.

    Raises
    ------
    ImportError
        If pybigtools is not installed, which the extra ``tracks`` brings.
    ValueError
        If the track has not that strand, or has two and none is given, or no value at all; or if `path` ends
        in the suffix of a compression.
    OSError
        If the file could not be written.

    See Also
    --------
    write_bedgraph : The same as text.
    """
    pybigtools = _import_pybigtools()
    if Path(path).suffix.lower() in COMPRESSIONS:
        raise ValueError(f"A bigWig file is not compressed. Name it *.bw. Got {str(path)!r} instead.")
    strand = track.check_strand(strand)
    # UCSC's own tools want contigs sorted, and pybigtools leaves those without a value out of the header.
    contigs = [c for c in sorted(track.pieces) if not np.isnan(track.values(c, strand)).all()]
    if not contigs:
        raise ValueError(f"The track has no value on strand {strand!r}, and a bigWig file cannot be empty.")
    lengths = {contig: track.lengths[contig] for contig in contigs}
    # pybigtools writes to paths alone, and looks at their suffix.
    with write_beside(path) as file, TemporaryDirectory() as folder:
        part = Path(folder) / "track.bw"
        runs = (run for contig in contigs for run in _iter_runs(track, contig, strand))
        pybigtools.open(str(part), "w").write(lengths, runs)
        _check_bigwig(pybigtools, part, lengths)
        with part.open("rb") as whole:
            shutil.copyfileobj(whole, file)


def _check_bigwig(pybigtools: ModuleType, path: Path, lengths: dict[str, int]) -> None:
    # What goes wrong on the way, a full disk for example, pybigtools logs but does not raise.
    try:
        with pybigtools.open(str(path)) as reader:
            written = reader.chroms()
    except Exception as err:
        raise OSError("pybigtools did not write a whole bigWig file; is the disk full?") from err
    if written != lengths:
        raise OSError(f"pybigtools wrote {len(written)} of {len(lengths)} contigs; is the disk full?")


def write_bed(path: str | PathLike, peaks: Iterable[Peak]) -> None:
    r"""Write peaks as BED with six columns.

    Parameters
    ----------
    path : str or path
        The file; ``.gz``, ``.bz2``, ``.xz`` or ``.zst`` at its end compresses it. An older file is replaced
        once the new one is whole.
    peaks : iterable of Peak
        What `find_peaks` gives. A line holds the window, not the position; ``peak_1``, ``peak_2``, ... as a
        name; and a thousand times the score, cut to 0 to 1000 and rounded, since BED has whole numbers there.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.

    See Also
    --------
    write_narrow_peak : With positions and scores as they are.
    skgenome.sequences.read_bed : Reads both.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from skgenome.scanning import Peak, write_bed
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "a.bed"
    ...     write_bed(path, [Peak("chr1", 10, 91, 50, "-", 0.875)])
    ...     path.read_text()
    'chr1\t10\t91\tpeak_1\t875\t-\n'
    """
    _write_peaks(path, peaks, lambda peak: "")


def write_narrow_peak(path: str | PathLike, peaks: Iterable[Peak]) -> None:
    r"""Write peaks as narrowPeak: BED, and behind it the score as it is and the position.

    Parameters
    ----------
    path : str or path
        The file; ``.gz``, ``.bz2``, ``.xz`` or ``.zst`` at its end compresses it. An older file is replaced
        once the new one is whole.
    peaks : iterable of Peak
        What `find_peaks` gives. ``signalValue`` is the score, ``pValue`` and ``qValue`` are -1 (none), and
        ``peak`` counts from the start of the window.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.

    See Also
    --------
    write_bed : The first six columns.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from skgenome.scanning import Peak, write_narrow_peak
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "a.narrowPeak"
    ...     write_narrow_peak(path, [Peak("chr1", 10, 91, 50, "-", 0.875)])
    ...     path.read_text()
    'chr1\t10\t91\tpeak_1\t875\t-\t0.875\t-1\t-1\t40\n'
    """
    _write_peaks(
        path, peaks, lambda peak: f"\t{_FLOAT.format(peak.score)}\t-1\t-1\t{peak.position - peak.start}"
    )


def _write_peaks(path, peaks, more_columns) -> None:
    with write_beside(path) as file:
        for number, peak in enumerate(peaks, start=1):
            score = round(1000 * min(max(peak.score, 0), 1))
            columns = peak.contig, peak.start, peak.end, f"peak_{number}", score, peak.strand
            file.write(("\t".join(map(str, columns)) + more_columns(peak) + "\n").encode())
