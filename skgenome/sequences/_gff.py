"""GFF3 annotation, read as a stream. Coordinates become 0-based half-open here and nowhere else."""

from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from skgenome.exceptions import DataIntegrityError
from skgenome.sequences._files import open_file, read_items

_N_COLUMNS = 9


class GffFeature(NamedTuple):
    """A feature of an annotated genome.

    Attributes
    ----------
    contig : str
        Name of the sequence that it lies on.
    source : str
        What annotated it.
    kind : str
        The type of feature, ``gene`` for example.
    start : int
        First base, from 0.
    end : int
        The base behind the last.
    strand : {'+', '-', '.'}
        ``.`` where there is none or nobody knows.
    attributes : dict of str to str
        Values by name, as in the last column; several values of one name stay joined by commas.
    """

    contig: str
    source: str
    kind: str
    start: int
    end: int
    strand: str
    attributes: dict[str, str]


def iter_gff(path: str | PathLike) -> Iterator[GffFeature]:
    r"""Read the features of a GFF3 file, one at a time.

    Score and phase are not kept, nor what follows ``##FASTA``.

    Parameters
    ----------
    path : str or path
        The file, plain or compressed (gz, bz2, xz, zst).

    Yields
    ------
    GffFeature
        The features in the order of the file, 0-based and half-open.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    DataIntegrityError
        If the file is truncated or corrupt, or a line is no GFF3. The message names file and line.

    See Also
    --------
    read_gff : The same as a list.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from skgenome.sequences import iter_gff
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "a.gff"
    ...     _ = path.write_text("chr1\tRefSeq\tgene\t190\t255\t.\t+\t.\tID=g1;Name=thrL\n")
    ...     feature = next(iter_gff(path))
    >>> feature.start, feature.end, feature.attributes["Name"]
    (189, 255, 'thrL')
    """
    path = Path(path).expanduser()
    with open_file(path, "rt", encoding="utf-8") as file:
        for number, line in enumerate(read_items(file, path, "line"), start=1):
            # A sequence may follow the features; its '>' is allowed to stand without the directive.
            if line.startswith(("##FASTA", ">")):
                return
            if line.strip() and not line.startswith("#"):
                try:
                    yield _parse_line(line)
                except ValueError as err:
                    raise DataIntegrityError(f"{path}, line {number}: {err}") from err


def _parse_line(line: str) -> GffFeature:
    columns = line.rstrip("\r\n").split("\t")
    if len(columns) != _N_COLUMNS:
        raise ValueError(f"expected {_N_COLUMNS} columns between tabs, got {len(columns)}. Is this GFF3?")
    contig, source, kind, start, end, _, strand, _, attributes = columns
    if not (start.isdecimal() and end.isdecimal() and 1 <= int(start) <= int(end)):
        raise ValueError(f"expected 1 <= start <= end, got start {start[:30]!r} and end {end[:30]!r}.")
    if strand not in ("+", "-", ".", "?"):
        raise ValueError(f"expected one of + - . ? as strand, got {strand[:30]!r}.")
    strand = "." if strand == "?" else strand
    names = unquote(contig), unquote(source), unquote(kind)
    return GffFeature(*names, int(start) - 1, int(end), strand, _parse_attributes(attributes))


def _parse_attributes(text: str) -> dict[str, str]:
    attributes: dict[str, str] = {}
    for part in filter(None, map(str.strip, text.split(";"))):
        name, equals, value = part.partition("=")
        if equals:
            # Escapes are resolved last: an escaped ';' or '=' must not split.
            name, value = unquote(name), unquote(value)
            attributes[name] = f"{attributes[name]},{value}" if name in attributes else value
        elif part != ".":
            raise ValueError(f"expected attributes as name=value;..., got {part[:40]!r}. Is this GTF?")
    return attributes


def read_gff(path: str | PathLike) -> list[GffFeature]:
    r"""Read the features of a GFF3 file into memory.

    Parameters
    ----------
    path : str or path
        The file, plain or compressed (gz, bz2, xz, zst).

    Returns
    -------
    list of GffFeature
        The features in the order of the file, 0-based and half-open.

    Raises
    ------
    FileNotFoundError, DataIntegrityError
        As `iter_gff`; `DataIntegrityError` too if the file has no feature.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from skgenome.sequences import read_gff
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "a.gff"
    ...     _ = path.write_text("chr1\t.\tCDS\t1\t9\t.\t-\t0\t.\n")
    ...     [(feature.kind, feature.start, feature.end, feature.strand) for feature in read_gff(path)]
    [('CDS', 0, 9, '-')]
    """
    features = list(iter_gff(path))
    if not features:
        raise DataIntegrityError(f"{path} has no feature. A GFF3 file was expected.")
    return features
