"""DNA as small integers: the one place where letters become codes, and codes letters.

A, C, G and T are 0, 1, 2 and 3, so that a k-mer is a number in base 4 and the complement of a base is
3 minus its code. Every other IUPAC letter is `AMBIGUOUS`. U reads as T, lower case as upper case.
"""

from collections.abc import Sequence

import numpy as np

from skgenome.sequences._collection import check_sequences

#: Code of every IUPAC letter that stands for more than one base.
AMBIGUOUS = 4
#: Letters that stand for one base, in the order of their codes.
BASES = "ACGT"
#: The other IUPAC letters.
AMBIGUOUS_BASES = "RYSWKMBDHVN"

_INVALID = 255
# Letters read at a time: the copies on the way then stay in the processor's cache (9 against 17 ms for 15
# million bases).
_BLOCK = 2**17
_COMPLEMENTS = dict(zip("ACGTURYSWKMBDHVN", "TGCAAYRSWMKVHDBN", strict=True))


def _code_table() -> bytes:
    table = bytearray([_INVALID] * 256)
    for letters, codes in [(BASES, range(4)), ("U", [3]), (AMBIGUOUS_BASES, [AMBIGUOUS] * 11)]:
        for letter, code in zip(letters, codes, strict=True):
            table[ord(letter)] = table[ord(letter.lower())] = code
    return bytes(table)


def _complement_table() -> bytes:
    # 0 marks what has no complement: no sequence holds a NUL that would not be an error anyway.
    table = bytearray(256)
    for base, complement in _COMPLEMENTS.items():
        table[ord(base)], table[ord(base.lower())] = ord(complement), ord(complement.lower())
    return bytes(table)


_CODE_OF_BYTE = _code_table()
_COMPLEMENT_OF_BYTE = _complement_table()
_BYTE_OF_CODE = bytes.maketrans(bytes(range(5)), b"ACGTN")
_COMPLEMENT_OF_CODE = np.array([3, 2, 1, 0, AMBIGUOUS], dtype=np.uint8)


def encode(sequence: str, *, ambiguous: str = "mask") -> np.ndarray:
    """Read one sequence to codes.

    Parameters
    ----------
    sequence : str
        DNA or RNA, in upper or lower case.
    ambiguous : {'mask', 'error'}, default='mask'
        What to do with R, Y, S, W, K, M, B, D, H, V and N: give them the code `AMBIGUOUS`, or raise.

    Returns
    -------
    ndarray of shape (n_bases,), uint8
        0 to 3 for A, C, G and T; 4 for any other IUPAC letter.

    Raises
    ------
    TypeError
        If `sequence` is not a str.
    ValueError
        If a character is no IUPAC nucleotide code, or ambiguous where that is an error.

    See Also
    --------
    encode_many : The same for a collection, much faster than one by one.
    decode : Codes to letters.

    Examples
    --------
    >>> from skgenome.sequences import encode
    >>> encode("ACGUn")
    array([0, 1, 2, 3, 4], dtype=uint8)
    """
    if not isinstance(sequence, str):
        raise TypeError(f"sequence must be a str of DNA or RNA. Got {type(sequence).__name__} instead.")
    return encode_many([sequence], ambiguous=ambiguous)[0]


def encode_many(sequences: Sequence[str], *, ambiguous: str = "mask") -> tuple[np.ndarray, np.ndarray]:
    """Read many sequences to codes, joined.

    Parameters
    ----------
    sequences : collection of str
        DNA or RNA; anything that `check_sequences` takes.
    ambiguous : {'mask', 'error'}, default='mask'
        What to do with IUPAC letters other than A, C, G, T and U: give them the code `AMBIGUOUS`, or raise.

    Returns
    -------
    codes : ndarray of shape (n_bases,), uint8
        The codes of all sequences, one after the other.
    offsets : ndarray of shape (n_sequences + 1,), int64
        Sequence i is ``codes[offsets[i]:offsets[i + 1]]``.

    Raises
    ------
    TypeError
        If `sequences` is no collection, or has an element that is no str.
    ValueError
        If a character is no IUPAC nucleotide code, or ambiguous where that is an error. The message names
        the sequence (its place, from 0), the position (from 0) and the character.

    Examples
    --------
    >>> from skgenome.sequences import encode_many
    >>> codes, offsets = encode_many(["ACG", "TT"])
    >>> codes
    array([0, 1, 2, 3, 3], dtype=uint8)
    >>> offsets
    array([0, 3, 5])
    """
    if ambiguous not in ("mask", "error"):
        raise ValueError(f"ambiguous must be 'mask' or 'error'. Got {ambiguous!r} instead.")
    sequences = check_sequences(sequences, name="sequences")
    # One join and one table for all: a loop over 100,000 reads would cost a hundred times as much.
    offsets = np.zeros(len(sequences) + 1, dtype=np.int64)
    np.cumsum(np.fromiter(map(len, sequences), np.int64, len(sequences)), out=offsets[1:])
    codes = read_letters("".join(sequences))
    highest = AMBIGUOUS if ambiguous == "mask" else AMBIGUOUS - 1
    if len(codes) and codes.max() > highest:
        _raise_bad_base(sequences, offsets, int(np.argmax(codes > highest)))
    return codes, offsets


def read_letters(letters: str) -> np.ndarray:
    """Give the codes of letters; those of no IUPAC letter are larger than `AMBIGUOUS`."""
    codes = np.empty(len(letters), dtype=np.uint8)
    for first in range(0, len(letters), _BLOCK):
        # "replace" turns any character beyond ASCII into one '?', so that positions stay true.
        block = letters[first : first + _BLOCK].encode("ascii", "replace").translate(_CODE_OF_BYTE)
        codes[first : first + len(block)] = np.frombuffer(block, dtype=np.uint8)
    return codes


def _raise_bad_base(sequences: Sequence[str], offsets: np.ndarray, place: int) -> None:
    record = int(np.searchsorted(offsets, place, side="right")) - 1
    position = place - int(offsets[record])
    character = sequences[record][position]
    message = f"Sequence {record} has {character!r} at position {position}, which is "
    if character.upper() in AMBIGUOUS_BASES:
        raise ValueError(
            f"{message}an ambiguous base; only A, C, G, T and U are allowed with ambiguous='error'. "
            "Remove the sequence, or let ambiguous bases pass as unknown."
        )
    raise ValueError(f"{message}not an IUPAC nucleotide code. {advise_on(character)}")


def advise_on(character: str) -> str:
    """Say what to do about a character that is no IUPAC letter."""
    if character.isspace():
        return "Remove white space and line ends from the sequences."
    if character in "-.~":
        return "Remove the gaps of an alignment first."
    if character in ">@":
        return "Is this a whole FASTA or FASTQ file? Use skgenome.sequences.read_sequences on its path."
    return "Is this a protein? skgenome reads DNA or RNA."


def decode(codes: np.ndarray) -> str:
    """Write codes as letters.

    Parameters
    ----------
    codes : ndarray of shape (n_bases,), integer
        0 to 3 for A, C, G and T; 4 for an ambiguous base.

    Returns
    -------
    str
        The sequence in upper case, N where the base is ambiguous.

    Raises
    ------
    ValueError
        If a code is not in 0 to 4, or `codes` is not one-dimensional.

    Examples
    --------
    >>> from skgenome.sequences import decode
    >>> decode([2, 0, 3, 4])
    'GATN'
    """
    return _check_codes(codes).tobytes().translate(_BYTE_OF_CODE).decode("ascii")


def _check_codes(codes: np.ndarray) -> np.ndarray:
    codes = np.asarray(codes)
    if codes.ndim != 1:
        raise ValueError(f"codes must be a 1-D array of integers. Got shape {codes.shape} instead.")
    if len(codes) and not 0 <= codes.min() <= codes.max() <= AMBIGUOUS:
        place = int(np.argmax((codes < 0) | (codes > AMBIGUOUS)))
        raise ValueError(
            f"codes must be from 0 to {AMBIGUOUS}. Got {codes[place]} at position {place}. "
            "Token ids are not codes; KmerTokenizer.inverse_transform reads those."
        )
    return codes.astype(np.uint8, copy=False)


def reverse_complement(sequence: str) -> str:
    """Read a sequence from the other strand.

    Parameters
    ----------
    sequence : str
        DNA or RNA, in IUPAC letters.

    Returns
    -------
    str
        The reverse complement, each letter in the case of its partner. The complement of U is A, the
        complement of A is T.

    Raises
    ------
    TypeError
        If `sequence` is not a str.
    ValueError
        If a character is no IUPAC nucleotide code.

    Examples
    --------
    >>> from skgenome.sequences import reverse_complement
    >>> reverse_complement("GATtacaN")
    'NtgtaATC'
    """
    if not isinstance(sequence, str):
        raise TypeError(f"sequence must be a str of DNA or RNA. Got {type(sequence).__name__} instead.")
    paired = sequence.encode("ascii", "replace").translate(_COMPLEMENT_OF_BYTE)
    if b"\0" in paired:
        _raise_bad_base([sequence], np.array([0, len(sequence)]), paired.index(b"\0"))
    return paired[::-1].decode("ascii")


def reverse_complement_codes(codes: np.ndarray) -> np.ndarray:
    """Read codes from the other strand.

    Parameters
    ----------
    codes : ndarray of shape (n_bases,), integer
        0 to 3 for A, C, G and T; 4 for an ambiguous base.

    Returns
    -------
    ndarray of shape (n_bases,), uint8
        The codes of the reverse complement; an ambiguous base stays one.

    Raises
    ------
    ValueError
        If a code is not in 0 to 4, or `codes` is not one-dimensional.

    Examples
    --------
    >>> from skgenome.sequences import encode, reverse_complement_codes
    >>> reverse_complement_codes(encode("AAC"))
    array([2, 3, 3], dtype=uint8)
    """
    return _COMPLEMENT_OF_CODE[_check_codes(codes)[::-1]]
