"""Find given stretches in genomes and cut them out, so that what is tested on was not pretrained on."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from numbers import Integral
from typing import NamedTuple

import numpy as np

from skgenome._sklearn import Interval, validate_params
from skgenome.sequences import AMBIGUOUS, check_sequences, encode, encode_many, kmer_ids, reverse_complement

# A seed of 12 is met by chance once in 17 million places, and a table of all of them fits in 16 MB.
_SEED_LENGTH = 12


class Match(NamedTuple):
    """A place where a query stands in a contig.

    Parameters
    ----------
    query : int
        Which query.
    contig : int
        Which contig.
    start, end : int
        Where in it, 0-based half-open.
    strand : {'+', '-'}
        '-' where the contig holds the query's reverse complement.
    """

    query: int
    contig: int
    start: int
    end: int
    strand: str


class _Query(NamedTuple):
    """A text to look for: a query, or its reverse complement."""

    number: int
    text: str
    strand: str


def _as_plain_dna(sequence: str) -> str:
    """Write a sequence in capitals with T for U, so that equal DNA is equal text."""
    return sequence.upper().replace("U", "T")


def _both_strands(queries: Sequence[str]) -> Iterator[_Query]:
    """Yield every query as it is and, unless it is its own, as its reverse complement."""
    for number, query in enumerate(queries):
        forward = _as_plain_dna(query)
        backward = reverse_complement(forward)
        yield _Query(number, forward, "+")
        if backward != forward:
            yield _Query(number, backward, "-")


def _index_seeds(queries: Sequence[str]) -> tuple[dict[int, list[_Query]], list[_Query]]:
    """Sort queries by the id of their first k-mer; those without one (short or ambiguous) come second."""
    by_seed: dict[int, list[_Query]] = defaultdict(list)
    without_seed = []
    # Strands are two texts: a contig is then read once, in one direction.
    for query in _both_strands(queries):
        head = encode(query.text[:_SEED_LENGTH])
        if len(head) < _SEED_LENGTH or AMBIGUOUS in head:
            without_seed.append(query)
        else:
            by_seed[int(kmer_ids(head, _SEED_LENGTH)[0])].append(query)
    return by_seed, without_seed


def _find_text(contig: str, text: str) -> Iterator[int]:
    """Yield every place of a text, overlapping ones too."""
    start = contig.find(text)
    while start >= 0:
        yield start
        # One further, not behind the match: places of a repeat overlap.
        start = contig.find(text, start + 1)


def _find_in_contig(
    contig: str,
    codes: np.ndarray,
    by_seed: dict[int, list[_Query]],
    without_seed: list[_Query],
    wanted: np.ndarray,
) -> Iterator[tuple[_Query, int]]:
    """Yield each query found in a contig and its start; `wanted` says of every id whether it is a seed."""
    contig = _as_plain_dna(contig)
    ids = kmer_ids(codes, _SEED_LENGTH)
    # Looking all ids up in a table costs 20 ms per genome; the few hits are then compared as text.
    for start in np.flatnonzero(wanted[ids]).tolist():
        for query in by_seed[int(ids[start])]:
            if contig.startswith(query.text, start):
                yield query, start
    for query in without_seed:
        for start in _find_text(contig, query.text):
            yield query, start


def find_matches(contigs: Sequence[str], sequences: Sequence[str]) -> list[Match]:
    """Find all places where sequences stand in contigs, on both strands.

    Matches are exact, letter by letter, with lower case read as upper case and U as T; an N matches an N
    alone. Some 1500 stretches of 150 bp are found in a bacterial genome in about a tenth of a second.

    Parameters
    ----------
    contigs : collection of str
        Where to look.
    sequences : collection of str
        What to look for.

    Returns
    -------
    list of Match
        Sorted by contig, start, end, query and strand. A query that is nowhere has none; a query that is
        its own reverse complement is given for strand '+' alone.

    Raises
    ------
    TypeError
        If one of the collections is a single str, or has an element that is no str.
    ValueError
        If a sequence is empty, or has a letter that is no IUPAC nucleotide code.

    See Also
    --------
    split_at_matches : Cut the places out.

    Examples
    --------
    >>> from skgenome.datasets import find_matches
    >>> find_matches(["ccAACGcc"], ["CGTT"])
    [Match(query=0, contig=0, start=2, end=6, strand='-')]
    """
    contigs = check_sequences(contigs, name="contigs")
    sequences = check_sequences(sequences, name="sequences")
    if "" in sequences:
        raise ValueError(
            f"Each of sequences must have at least one base. Got an empty one at {sequences.index('')}."
        )
    encode_many(sequences)  # raises, with the right number, where a sequence is no DNA
    by_seed, without_seed = _index_seeds(sequences)
    codes, offsets = encode_many(contigs)
    wanted = np.zeros(4**_SEED_LENGTH + 2, dtype=bool)
    wanted[list(by_seed)] = True
    matches = [
        Match(query.number, number, start, start + len(query.text), query.strand)
        for number, contig in enumerate(contigs)
        for query, start in _find_in_contig(
            contig, codes[offsets[number] : offsets[number + 1]], by_seed, without_seed, wanted
        )
    ]
    return sorted(matches, key=lambda match: (*match[1:4], match.query, match.strand))


def _pieces_between(length: int, cuts: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield the spans of a contig that no cut covers; cuts are sorted by start and may overlap."""
    begin = 0
    for start, end in cuts:
        if start > begin:
            yield begin, start
        # A cut may lie within an earlier, longer one.
        begin = max(begin, end)
    if begin < length:
        yield begin, length


@validate_params(
    {
        "contigs": "no_validation",
        "sequences": "no_validation",
        "flank": [Interval(Integral, 0, None, closed="left")],
        "min_length": [Interval(Integral, 1, None, closed="left")],
    },
    prefer_skip_nested_validation=True,
)
def split_at_matches(
    contigs: Sequence[str], sequences: Sequence[str], *, flank: int = 0, min_length: int = 1
) -> list[str]:
    """Cut sequences out of contigs and return the pieces in between.

    Use it to take the test set of a task out of the genomes that a model is pretrained on. The two sides of
    a cut are returned as two pieces and never joined: a junction would be DNA that does not exist.

    Parameters
    ----------
    contigs : collection of str
        Contigs to cut.
    sequences : collection of str
        What to cut out, wherever it stands exactly, on either strand (see `find_matches`). Relatives that
        differ by one base stay.
    flank : int, default=0
        Bases cut off on each side of a match too.
    min_length : int, default=1
        Shorter pieces are left out.

    Returns
    -------
    list of str
        In the order of the contigs, letters as given. A contig without a match is one piece.

    Raises
    ------
    TypeError
        If one of the collections is a single str, or has an element that is no str.
    ValueError
        If a sequence is empty or no DNA, or `flank` or `min_length` is out of range.

    See Also
    --------
    find_matches : The places alone.

    Examples
    --------
    >>> from skgenome.datasets import split_at_matches
    >>> split_at_matches(["TTTTGATTACATTTT"], ["TGTAATC"], flank=1)
    ['TTT', 'TTT']
    """
    contigs = check_sequences(contigs, name="contigs")
    cuts: list[list[tuple[int, int]]] = [[] for _ in contigs]
    for match in find_matches(contigs, sequences):
        cuts[match.contig].append((match.start - flank, match.end + flank))
    return [
        contig[start:end]
        for contig, spans in zip(contigs, cuts, strict=True)
        for start, end in _pieces_between(len(contig), spans)
        if end - start >= min_length
    ]
