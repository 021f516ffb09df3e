"""Sequence files in pieces of bounded size, so that no chromosome has to fit into memory."""

import io
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple, TextIO

from dnaio import FastqReader

from skgenome.exceptions import DataIntegrityError
from skgenome.sequences._files import open_file, read_items
from skgenome.sequences._records import parse_records, reader_of, split_header

#: Letters of a piece, more or less. Larger ones are not read any faster.
PIECE = 2**20

# A line that goes on for longer is no header.
_LONGEST_HEADER = 2**20


class Piece(NamedTuple):
    """A part of a record of a file."""

    record: int
    """Number of the record in its file."""
    name: str
    """Its header up to the first blank."""
    start: int
    """Where in the record the piece begins. 0 in the first piece of each record, and in no other."""
    letters: str
    """The sequence as it stands in the file; empty for a record without one."""


def iter_pieces(path: Path) -> Iterator[Piece]:
    """Read a FASTA or FASTQ file piece by piece.

    What is a record, a name and a sequence is the same as in `iter_sequences`.

    Parameters
    ----------
    path : Path
        The file.

    Yields
    ------
    Piece
        At least one for each record, in the order of the file.

    Raises
    ------
    DataIntegrityError
        If the file is empty, truncated, corrupt, or neither FASTA nor FASTQ.
    """
    piece = None
    for piece in read_items(_parse_pieces(path), path, "piece"):
        yield piece
    if piece is None:
        raise DataIntegrityError(f"{path} has no record. A FASTA or FASTQ file was expected.")


def _parse_pieces(path: Path) -> Iterator[Piece]:
    # A generator, so that what breaks where the format is looked for counts as reading too.
    yield from _of_fastq(path) if reader_of(path) is FastqReader else _of_fasta(path)


def _of_fastq(path: Path) -> Iterator[Piece]:
    for number, raw in enumerate(parse_records(path)):
        yield Piece(number, split_header(raw.header)[0], 0, raw.sequence)


def _of_fasta(path: Path) -> Iterator[Piece]:
    with open_file(path, "rb") as binary, io.TextIOWrapper(binary) as file:
        number, name, start, n_letters = -1, "", 0, 0
        letters: list[str] = []
        for is_header, text in _iter_lines(file):
            if is_header:
                if number >= 0:
                    yield Piece(number, name, start, "".join(letters))
                number, name, start, n_letters, letters = number + 1, split_header(text)[0], 0, 0, []
            elif number < 0:
                raise ValueError(f"Expected '>' at the beginning of a record, but got {text[:30]!r}.")
            else:
                letters.append(text)
                n_letters += len(text)
                if n_letters >= PIECE:
                    yield Piece(number, name, start, "".join(letters))
                    start, n_letters, letters = start + n_letters, 0, []
        if number >= 0 and (letters or not start):
            yield Piece(number, name, start, "".join(letters))


def _iter_lines(file: TextIO) -> Iterator[tuple[bool, str]]:
    """Give headers, without their mark, and lines of sequence, long ones in parts; leave comments out."""
    begins, in_comment = True, False
    # A chromosome may well stand in a single line.
    for part in iter(partial(file.readline, PIECE), ""):
        text = part.strip()
        if begins:
            in_comment = text.startswith("#")
        is_header = begins and text.startswith(">")
        if is_header and not part.endswith("\n"):
            part += file.readline(_LONGEST_HEADER)
            text = part.strip()
            if len(part) > _LONGEST_HEADER:
                raise ValueError(f"The header {text[:30]!r}... has more than {_LONGEST_HEADER:,} characters.")
        begins = part.endswith("\n")
        if text and not in_comment:
            yield is_header, text[1:] if is_header else text
