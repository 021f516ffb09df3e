"""Find where a pair of primers binds, IUPAC letter by letter, and what lies between them."""

from typing import NamedTuple

import numpy as np

from skgenome.sequences import reverse_complement

# Each letter as four bits, one per base that it stands for: letters agree where they share a bit.
_BASES_OF_LETTER = {
    "A": "A", "C": "C", "G": "G", "T": "T", "U": "T",
    "R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT", "M": "AC",
    "B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG", "N": "ACGT",
}  # fmt: skip


class Span(NamedTuple):
    """A stretch of a sequence, 0-based half-open."""

    start: int
    end: int


def _bit_table() -> bytes:
    table = bytearray(256)
    for letter, bases in _BASES_OF_LETTER.items():
        table[ord(letter)] = table[ord(letter.lower())] = sum(1 << "ACGT".index(base) for base in bases)
    return bytes(table)


_BITS_OF_BYTE = _bit_table()


def _as_bits(sequence: str) -> np.ndarray:
    """Write a sequence as the sets of bases that its letters stand for."""
    return np.frombuffer(sequence.encode("ascii", "replace").translate(_BITS_OF_BYTE), dtype=np.uint8)


def find_primer(sequence: str, primer: str, *, max_mismatches: int = 2) -> Span | None:
    """Find the best place for a primer on the strand given.

    Parameters
    ----------
    sequence : str
        Where to look.
    primer : str
        What to look for, in reading direction. Two letters agree if some base is meant by both.
    max_mismatches : int, default=2
        Letters that may disagree.

    Returns
    -------
    span : Span or None
        The place with the fewest mismatches, the first of several; None if all have more than allowed.
    """
    bits, wanted = _as_bits(sequence), _as_bits(primer)
    if len(bits) < len(wanted):
        return None
    windows = np.lib.stride_tricks.sliding_window_view(bits, len(wanted))
    n_mismatches = ((windows & wanted) == 0).sum(axis=1)
    best = int(n_mismatches.argmin())
    return Span(best, best + len(wanted)) if n_mismatches[best] <= max_mismatches else None


def find_amplicon(
    sequence: str, forward_primer: str, reverse_primer: str, *, max_mismatches: int = 2
) -> Span | None:
    """Find what a pair of primers amplifies, the primers themselves left out.

    Parameters
    ----------
    sequence : str
        The strand that the forward primer is equal to.
    forward_primer, reverse_primer : str
        As they are ordered, each in its own reading direction.
    max_mismatches : int, default=2
        Letters that may disagree, per primer.

    Returns
    -------
    span : Span or None
        None if one of the primers does not bind, or nothing lies between them.
    """
    forward = find_primer(sequence, forward_primer, max_mismatches=max_mismatches)
    if forward is None:
        return None
    # Only behind the forward primer, so that a better place before it does not hide the right one.
    rest = sequence[forward.end :]
    reverse = find_primer(rest, reverse_complement(reverse_primer), max_mismatches=max_mismatches)
    if reverse is None or reverse.start == 0:
        return None
    return Span(forward.end, forward.end + reverse.start)
