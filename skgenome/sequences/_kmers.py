"""k-mers as numbers: ids in lexicographic order behind the special ones, and arithmetic on them.

The word of a k-mer is its codes read as a number in base 4; its id is the word + `N_SPECIAL`.
"""

from collections.abc import Iterator

import numpy as np

from skgenome.sequences._alphabet import AMBIGUOUS, BASES

#: Id that fills a row on the right.
PAD_ID = 0
#: Id of every k-mer with an ambiguous base.
UNKNOWN_ID = 1
#: How many ids come before the first k-mer.
N_SPECIAL = 2
#: The spelling of the special ids, in their order.
SPECIAL_TOKENS = ("<pad>", "<unk>")

# Bases worked on at a time: intermediate results then stay in the processor's cache, and need no fresh
# memory (6 against 17 ms for 15 million bases).
_BLOCK = 2**17
_LETTERS = np.array(list(BASES))


def id_dtype(k: int) -> np.dtype:
    """Give the smallest unsigned dtype that holds all ids of a k.

    Parameters
    ----------
    k : int
        Bases in a k-mer.

    Returns
    -------
    dtype
        uint8 up to k = 3, uint16 up to 7, uint32 up to 15.

    Examples
    --------
    >>> from skgenome.sequences import id_dtype
    >>> id_dtype(3), id_dtype(4)
    (dtype('uint8'), dtype('uint16'))
    """
    return np.min_scalar_type(4**k + N_SPECIAL - 1)


def _doublings(k: int) -> Iterator[tuple[int, int]]:
    """Give the steps (length so far, length added) in which runs of k are put together from shorter ones.

    Two neighbouring runs of n give one of 2n, so k is built from its binary digits in about 2 log2(k)
    passes: 15 by way of 1, 2, 3, 6, 7 and 14.
    """
    length = 1
    for digit in f"{k:b}"[1:]:
        yield length, length
        length *= 2
        if digit == "1":
            yield length, 1
            length += 1


def kmer_words(codes: np.ndarray, k: int) -> np.ndarray:
    """Read every k adjacent codes as one number in base 4.

    Parameters
    ----------
    codes : ndarray of shape (n_bases,), uint8
        Codes from `encode`.
    k : int
        Bases in a k-mer, 1 to 15.

    Returns
    -------
    ndarray of shape (max(n_bases - k + 1, 0),), unsigned integer
        Words in the smallest dtype that holds 4**k - 1. Where a k-mer has an ambiguous base, the number
        means nothing; `has_ambiguous` tells where.

    Examples
    --------
    >>> from skgenome.sequences import encode, kmer_words
    >>> kmer_words(encode("AACT"), 2)
    array([0, 1, 7], dtype=uint8)
    """
    words = codes
    if len(codes) < k:
        return np.zeros(0, dtype=np.min_scalar_type(4**k - 1))
    for length, added in _doublings(k):
        right = codes if added == 1 else words
        dtype = np.min_scalar_type(4 ** (length + added) - 1)
        # Times 4**added, not a shift: NumPy multiplies uint8 with SIMD but shifts them one by one (0.3
        # against 1.3 ms for a bacterial genome).
        grown = np.multiply(words[: len(words) - added], 4**added, dtype=dtype)
        grown += right[length:]
        words = grown
    return words


def has_ambiguous(codes: np.ndarray, k: int) -> np.ndarray:
    """Say of every k adjacent codes whether one of them is ambiguous.

    Parameters
    ----------
    codes : ndarray of shape (n_bases,), uint8
        Codes from `encode`.
    k : int
        Bases in a k-mer.

    Returns
    -------
    ndarray of shape (max(n_bases - k + 1, 0),), bool
        True where a k-mer has an ambiguous base.

    Examples
    --------
    >>> from skgenome.sequences import encode, has_ambiguous
    >>> has_ambiguous(encode("ACGN"), 2)
    array([False, False,  True])
    """
    single = mask = codes == AMBIGUOUS
    if len(codes) < k:
        return mask[:0]
    for length, added in _doublings(k):
        right = single if added == 1 else mask
        mask = mask[: len(mask) - added] | right[length:]
    return mask


def kmer_ids(codes: np.ndarray, k: int, stride: int = 1) -> np.ndarray:
    """Turn codes into ids of k-mers.

    Parameters
    ----------
    codes : ndarray of shape (n_bases,), uint8
        Codes of one sequence, from `encode`.
    k : int
        Bases in a k-mer, 1 to 15.
    stride : int, default=1
        Bases between the starts of adjacent k-mers.

    Returns
    -------
    ndarray of shape (n_kmers,), unsigned integer
        Ids of the k-mers at 0, stride, 2 * stride, ...; `UNKNOWN_ID` where a base is ambiguous. The dtype
        is ``id_dtype(k)``. Bases behind the last whole k-mer are in none.

    Examples
    --------
    >>> from skgenome.sequences import encode, kmer_ids
    >>> kmer_ids(encode("AACTN"), 2)
    array([2, 3, 9, 1], dtype=uint8)
    """
    ids = np.empty(max((len(codes) - k) // stride + 1, 0), dtype=id_dtype(k))
    n_per_block = max(_BLOCK // stride, 1)
    for first in range(0, len(ids), n_per_block):
        block = ids[first : first + n_per_block]
        bases = codes[first * stride : (first + len(block) - 1) * stride + k]
        np.add(kmer_words(bases, k)[::stride], N_SPECIAL, out=block, dtype=ids.dtype)
        # To look for an ambiguous base costs a tenth of finding out which k-mers have one.
        if bases.max() == AMBIGUOUS:
            block[has_ambiguous(bases, k)[::stride]] = UNKNOWN_ID
    return ids


def _check_ids(ids: np.ndarray, k: int) -> np.ndarray:
    ids = np.asarray(ids)
    if ids.dtype.kind not in "iu":
        raise TypeError(f"ids must be an integer array. Got dtype {ids.dtype} instead.")
    if ids.size and not 0 <= ids.min() <= ids.max() < 4**k + N_SPECIAL:
        raise ValueError(
            f"Ids of k = {k} are from 0 to {4**k + N_SPECIAL - 1}. Got ids from {ids.min()} to {ids.max()}. "
            "Were they made with another k?"
        )
    return ids


def kmers_of_ids(ids: np.ndarray, k: int) -> np.ndarray:
    """Spell ids out.

    Parameters
    ----------
    ids : ndarray of any shape, integer
        Ids of k-mers.
    k : int
        Bases in a k-mer.

    Returns
    -------
    ndarray of the same shape, str
        The k-mers, ``'<pad>'`` and ``'<unk>'``.

    Raises
    ------
    TypeError
        If `ids` are no integers.
    ValueError
        If an id is beyond those of k.

    Examples
    --------
    >>> from skgenome.sequences import kmers_of_ids
    >>> kmers_of_ids([2, 65, 1], 3)
    array(['AAA', 'TTT', '<unk>'], dtype='<U5')
    """
    ids = _check_ids(ids, k)
    # Signed: the words of special ids are negative, spelled like any other and replaced below.
    words = ids.astype(np.int64).reshape(-1, 1) - N_SPECIAL
    powers = 4 ** np.arange(k - 1, -1, -1, dtype=np.int64)
    kmers = _LETTERS[words // powers % 4].view(f"<U{k}")[:, 0].reshape(ids.shape)
    if not ids.size or ids.min() >= N_SPECIAL:
        return kmers
    width = max(k, *map(len, SPECIAL_TOKENS))
    return np.where(ids < N_SPECIAL, np.take(SPECIAL_TOKENS, ids, mode="clip"), kmers).astype(f"<U{width}")


def reverse_complement_ids(ids: np.ndarray, k: int) -> np.ndarray:
    """Map every id to that of the reverse complement of its k-mer.

    The order of the ids stays; reverse it too in order to read a whole sequence from the other strand.

    Parameters
    ----------
    ids : ndarray of any shape, integer
        Ids of k-mers.
    k : int
        Bases in a k-mer, 1 to 15.

    Returns
    -------
    ndarray of the same shape and dtype
        The mapped ids; padding and unknown stay what they are.

    Raises
    ------
    TypeError
        If `ids` are no integers.
    ValueError
        If an id is beyond those of k.

    Examples
    --------
    >>> from skgenome.sequences import kmers_of_ids, reverse_complement_ids
    >>> kmers_of_ids(reverse_complement_ids([3, 65], 3), 3)
    array(['GTT', 'AAA'], dtype='<U3')
    """
    ids = _check_ids(ids, k)
    # Special ids wrap around to some word; the last line puts them back.
    mapped = reverse_complement_words(ids.astype(np.uint32) - np.uint32(N_SPECIAL), k) + np.uint32(N_SPECIAL)
    return np.where(ids < N_SPECIAL, ids, mapped.astype(ids.dtype))


def reverse_complement_words(words: np.ndarray, k: int) -> np.ndarray:
    """Map every word to that of the reverse complement of its k-mer.

    Parameters
    ----------
    words : ndarray of any shape, unsigned integer
        Words from `kmer_words`.
    k : int
        Bases in a k-mer, 1 to 15.

    Returns
    -------
    ndarray of the same shape, uint32
        The mapped words.

    Examples
    --------
    >>> import numpy as np
    >>> from skgenome.sequences import reverse_complement_words
    >>> reverse_complement_words(np.array([0, 1], dtype=np.uint8), 2)
    array([15, 11], dtype=uint32)
    """
    # A base and its complement add up to 3, so inverting all bits complements; then the order of the
    # 2-bit letters is turned by swapping neighbours, pairs, and bytes.
    turned: np.ndarray = ~np.asarray(words, dtype=np.uint32)
    turned = (turned >> 2) & np.uint32(0x33333333) | (turned & np.uint32(0x33333333)) << 2
    turned = (turned >> 4) & np.uint32(0x0F0F0F0F) | (turned & np.uint32(0x0F0F0F0F)) << 4
    return turned.byteswap() >> np.uint32(32 - 2 * k)
