"""FASTA and FASTQ: reading as a stream, and writing."""

import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from os import PathLike
from pathlib import Path
from typing import NamedTuple

from dnaio import FastaReader, FastqReader

from skgenome.exceptions import DataIntegrityError, SkgenomeWarning
from skgenome.sequences._files import expand_paths, open_file, read_items, write_beside

# Phred 40 in the offset-33 alphabet: for bases whose quality nobody gave.
_DEFAULT_QUALITY = "I"


class SequenceRecord(NamedTuple):
    """A named sequence.

    Attributes
    ----------
    name : str
        The header up to the first blank.
    sequence : str
        The letters as they stand in the file, upper or lower case.
    description : str
        The rest of the header.
    """

    name: str
    sequence: str
    description: str = ""


class _RawRecord(NamedTuple):
    """What dnaio's readers fill; its own class would refuse names beyond ASCII."""

    header: str
    sequence: str
    qualities: str | None


def reader_of(path: Path) -> type[FastaReader] | type[FastqReader]:
    """Tell by its first letters how a file is to be read."""
    with open_file(path, "rb") as file:
        head = file.read(4096).lstrip()
    if not head:
        raise DataIntegrityError(f"{path} is empty. A FASTA or FASTQ file was expected.")
    # A '#' opens a comment, which some FASTA files begin with.
    if head[:1] not in (b">", b"#", b"@"):
        raise DataIntegrityError(
            f"{path} is neither FASTA nor FASTQ: it begins with {head[:10]!r}, where '>' or '@' was expected."
        )
    return FastqReader if head[:1] == b"@" else FastaReader


def parse_records(path: Path) -> Iterator[_RawRecord]:
    """Read the records of a file as they stand there."""
    # The reader opens the file itself: it wraps a file it is given in another, and would leave that open.
    with reader_of(path)(str(path), opener=open_file, sequence_class=_RawRecord) as reader:
        yield from reader


def split_header(header: str) -> tuple[str, str]:
    """Give the name of a record, which ends at the first blank, and its description.

    A blank between the sign and the name, as some files have, is none of either.
    """
    name, _, description = header.replace("\t", " ").lstrip().partition(" ")
    return name, description.strip()


def _iter_file(path: Path) -> Iterator[SequenceRecord]:
    n_records = 0
    empty = []
    for n_records, raw in enumerate(read_items(parse_records(path), path, "record"), start=1):
        name, description = split_header(raw.header)
        # Trimmed reads may be empty, so this is no error; one warning stands for all.
        if not raw.sequence:
            empty.append(f"{name!r}, record {n_records}")
        yield SequenceRecord(name, raw.sequence, description)
    if not n_records:
        raise DataIntegrityError(f"{path} has no record. A FASTA or FASTQ file was expected.")
    if empty:
        warnings.warn(
            f"{len(empty)} of {n_records} records of {path} have no sequence. The first is {empty[0]}.",
            SkgenomeWarning,
            stacklevel=2,
        )


def iter_sequences(paths: str | PathLike | Iterable[str | PathLike]) -> Iterator[SequenceRecord]:
    r"""Read FASTA and FASTQ files, one record at a time.

    The content tells the format; the suffix, or else the content, the compression (gz, bz2, xz, zst). Line
    ends may be those of any system. Qualities are not kept.

    Parameters
    ----------
    paths : str, path or iterable of these
        Files, folders (their ``.fa``, ``.fas``, ``.fasta``, ``.fna``, ``.ffn``, ``.frn``, ``.fq`` and
        ``.fastq`` files, compressed or not, without sub-folders) and glob patterns. Files of a folder or
        pattern come sorted by name.

    Yields
    ------
    SequenceRecord
        Name, sequence and description. Case is kept; letters are not looked at.

    Raises
    ------
    FileNotFoundError
        If a path does not exist, or stands for no file. Raised at once, not with the first record.
    DataIntegrityError
        If a file is empty, truncated, corrupt, or neither FASTA nor FASTQ. The message names the file and
        how many records were read. A FASTA file that was cut off uncompressed looks whole.

    Warns
    -----
    SkgenomeWarning
        At the end of a file that has records without a sequence; these are yielded like all others.

    See Also
    --------
    read_sequences : The same as a list, which also looks for duplicate names.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from skgenome.sequences import iter_sequences
    >>> with TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "a.fa").write_text(">chr1 circular\nGATT\nacaN\n")
    ...     list(iter_sequences(folder))
    [SequenceRecord(name='chr1', sequence='GATTacaN', description='circular')]
    """
    return chain.from_iterable(map(_iter_file, expand_paths(paths)))


def read_sequences(paths: str | PathLike | Iterable[str | PathLike]) -> list[SequenceRecord]:
    r"""Read FASTA and FASTQ files into memory.

    Parameters
    ----------
    paths : str, path or iterable of these
        Files, folders and glob patterns, as in `iter_sequences`.

    Returns
    -------
    list of SequenceRecord
        The records in the order of the files.

    Raises
    ------
    FileNotFoundError, DataIntegrityError
        As `iter_sequences`.

    Warns
    -----
    SkgenomeWarning
        If records have no sequence, or several in one file have the same name. All are kept. The same name
        in two files is usual among assemblies, and no reason to warn.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from skgenome.sequences import read_sequences
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "reads.fq"
    ...     _ = path.write_text("@r1\nGATT\n+\nIIII\n")
    ...     [record.sequence for record in read_sequences(path)]
    ['GATT']
    """
    # Names are looked at here and not in the stream, which must not hold those of a whole run of reads.
    records = []
    for path in expand_paths(paths):
        of_file = list(_iter_file(path))
        name, count = Counter(record.name for record in of_file).most_common(1)[0]
        if count > 1:
            n_names = len({record.name for record in of_file})
            warnings.warn(
                f"{len(of_file)} records of {path} share {n_names} names; {name!r} stands {count} times. All "
                "are kept; tell them apart by their place.",
                SkgenomeWarning,
                stacklevel=2,
            )
        records += of_file
    return records


def _iter_named(
    sequences: Iterable[str | SequenceRecord], names: Iterable[str] | None
) -> Iterator[SequenceRecord]:
    """Yield records that can be written without breaking the file."""
    if isinstance(sequences, str):
        raise TypeError("sequences must be a collection of str. Got a single str; wrap it in a list.")
    if names is not None:
        sequences, names = list(sequences), list(names)
        if len(names) != len(sequences):
            raise ValueError(f"Each sequence needs a name. Got {len(names)} for {len(sequences)} sequences.")
    for i, item in enumerate(sequences):
        record = item if isinstance(item, SequenceRecord) else SequenceRecord(f"sequence_{i}", item)
        if names is not None:
            record = SequenceRecord(names[i], record.sequence)
        _check_writable(record, i)
        yield record


def _check_writable(record: SequenceRecord, place: int) -> None:
    if not isinstance(record.sequence, str):
        raise TypeError(f"Sequence {place} must be a str. Got {type(record.sequence).__name__} instead.")
    letters = record.sequence
    if letters and not (letters.isascii() and letters.isalpha()):
        bad = next(i for i, letter in enumerate(letters) if not (letter.isascii() and letter.isalpha()))
        raise ValueError(
            f"Sequence {place} has {letters[bad]!r} at position {bad}. Only letters are written."
        )
    if len(_header(record).splitlines()) > 1:
        raise ValueError(f"The name of sequence {place} must be one line. Got {_header(record)[:60]!r}.")


def _header(record: SequenceRecord) -> str:
    return f"{record.name} {record.description}".rstrip()


def write_fasta(
    path: str | PathLike,
    sequences: Iterable[str | SequenceRecord],
    names: Iterable[str] | None = None,
    width: int | None = 80,
) -> None:
    r"""Write a FASTA file.

    Parameters
    ----------
    path : str or path
        The file; ``.gz``, ``.bz2``, ``.xz`` or ``.zst`` at its end compresses it. An older file is replaced
        once the new one is whole.
    sequences : iterable of str or of SequenceRecord
        The sequences.
    names : iterable of str, optional
        The header of each. By default those of the records, and ``sequence_0``, ``sequence_1``, ... where
        there is none.
    width : int, default=80
        Letters in a line. None writes each sequence in one line.

    Raises
    ------
    TypeError
        If a sequence is no str.
    ValueError
        If a sequence has anything but letters, a name is longer than a line, their numbers differ, or
        `width` is less than 1. The message names the sequence.
    FileNotFoundError
        If the folder does not exist.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from skgenome.sequences import write_fasta
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "a.fa"
    ...     write_fasta(path, ["GATTACA"], names=["chr1"], width=5)
    ...     path.read_text()
    '>chr1\nGATTA\nCA\n'
    """
    if width is not None and width < 1:
        raise ValueError(f"width must be at least 1 letter, or None for one line. Got {width} instead.")
    with write_beside(path) as file:
        for record in _iter_named(sequences, names):
            file.write(f">{_header(record)}\n{_wrap(record.sequence, width)}\n".encode())


def _wrap(sequence: str, width: int | None) -> str:
    if width is None:
        return sequence
    return "\n".join(sequence[i : i + width] for i in range(0, len(sequence), width))


def write_fastq(
    path: str | PathLike,
    sequences: Iterable[str | SequenceRecord],
    qualities: Iterable[str] | None = None,
    names: Iterable[str] | None = None,
) -> None:
    r"""Write a FASTQ file.

    Parameters
    ----------
    path : str or path
        The file; ``.gz``, ``.bz2``, ``.xz`` or ``.zst`` at its end compresses it. An older file is replaced
        once the new one is whole.
    sequences : iterable of str or of SequenceRecord
        The sequences.
    qualities : iterable of str, optional
        A character per base, Phred + 33. By default every base gets ``I``, Phred 40.
    names : iterable of str, optional
        The header of each, as in `write_fasta`.

    Raises
    ------
    TypeError
        If a sequence is no str.
    ValueError
        If a sequence has anything but letters, a name is longer than a line or not ASCII, a quality has
        another length than its sequence, or the numbers differ. The message names the sequence.
    FileNotFoundError
        If the folder does not exist.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from skgenome.sequences import write_fastq
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "a.fq"
    ...     write_fastq(path, ["GATT"], qualities=["IIH#"])
    ...     path.read_text()
    '@sequence_0\nGATT\n+\nIIH#\n'
    """
    if qualities is not None:
        sequences, qualities = list(sequences), list(qualities)
        if len(qualities) != len(sequences):
            raise ValueError(
                f"Each sequence needs its qualities. Got {len(qualities)} for {len(sequences)} sequences."
            )
    with write_beside(path) as file:
        for i, record in enumerate(_iter_named(sequences, names)):
            # FASTQ has no other letters, and its readers refuse them; FASTA takes what is UTF-8.
            if not _header(record).isascii():
                raise ValueError(f"The name of sequence {i} must be ASCII. Got {_header(record)[:60]!r}.")
            quality = _DEFAULT_QUALITY * len(record.sequence) if qualities is None else qualities[i]
            _check_quality(quality, record, i)
            file.write(f"@{_header(record)}\n{record.sequence}\n+\n{quality}\n".encode())


def _check_quality(quality: str, record: SequenceRecord, place: int) -> None:
    if len(quality) != len(record.sequence):
        raise ValueError(
            f"Sequence {place} has {len(record.sequence)} bases, but {len(quality)} qualities. Give one "
            "character per base."
        )
    if not all("!" <= character <= "~" for character in set(quality)):
        raise ValueError(
            f"The qualities of sequence {place} must be characters from '!' to '~' (Phred + 33)."
        )
