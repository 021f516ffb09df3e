"""A genome in any form, as a stream of named contigs."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from os import PathLike
from pathlib import Path

from skgenome.sequences._records import iter_sequences

#: A path or several, a dict of contigs, or (name, sequence) pairs.
Genome = str | PathLike | Mapping[str, str] | Iterable
_EXPECTED = "a path to FASTA (or several), a dict {name: sequence}, or (name, sequence) pairs"
# More letters than a file name has; a str of so many bases is a sequence and no path.
_LONGEST_NAME = 255


def _open_genome(genome: Genome) -> Iterable:
    if isinstance(genome, Mapping):
        return genome.items()
    if isinstance(genome, str | PathLike):
        return iter_sequences(_check_path(genome))
    if not isinstance(genome, Iterable):
        raise TypeError(f"genome must be {_EXPECTED}. Got {type(genome).__name__} instead.")
    # A stream is looked at once, so its first item has to tell what it holds.
    items = iter(genome)
    first = list(zip(range(1), items, strict=False))
    rest = chain((item for _, item in first), items)
    if first and isinstance(first[0][1], str | PathLike):
        return iter_sequences([_check_path(path) for path in rest])
    return rest


def _check_path(path: str | PathLike) -> str | PathLike:
    if isinstance(path, str) and len(Path(path).name) > _LONGEST_NAME:
        raise TypeError(
            f"genome must be {_EXPECTED}. Got a str of {len(path):,} characters, too long for the name of a "
            "file. If it is a sequence, give it a name: {'contig': sequence}."
        )
    return path


def _checked(items: Iterable) -> Iterator[tuple[str, str]]:
    names = set()
    for place, item in enumerate(items):
        name, sequence = _name_and_sequence(item, place)
        if name in names:
            raise ValueError(
                f"Contig {name!r} is in the genome twice, the second time as record {place}. Contigs are "
                "told apart by name: rename one."
            )
        names.add(name)
        yield name, sequence
    if not names:
        raise ValueError(f"genome must hold at least one contig. Got none; expected {_EXPECTED}.")


def _name_and_sequence(item: object, place: int) -> tuple[str, str]:
    pair = item[:2] if isinstance(item, tuple | list) else ()
    if len(pair) != 2 or not all(isinstance(text, str) for text in pair):
        kinds = ", ".join(type(part).__name__ for part in pair) or type(item).__name__
        raise TypeError(f"Record {place} of genome must be a name and a sequence, two str. Got {kinds}.")
    return pair[0], pair[1]


def iter_contigs(genome: Genome) -> Iterator[tuple[str, str]]:
    """Go through the contigs of a genome that comes in any form.

    Parameters
    ----------
    genome : str, path, dict or iterable
        Path(s) that `iter_sequences` reads, a dict of sequences by name, or (name, sequence) pairs, records
        among them. A stream is read as it comes.

    Yields
    ------
    tuple of (str, str)
        Name and sequence. Letters are not looked at.

    Raises
    ------
    TypeError
        If `genome`, or an item of it, is something else.
    ValueError
        If there is no contig, or a name comes twice.
    FileNotFoundError, DataIntegrityError
        As `iter_sequences`.

    See Also
    --------
    iter_sequences : For files whose records may share a name, reads for example.

    Examples
    --------
    >>> from skgenome.sequences import iter_contigs
    >>> list(iter_contigs({"chr1": "GATTACA"}))
    [('chr1', 'GATTACA')]
    """
    return _checked(_open_genome(genome))
