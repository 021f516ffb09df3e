"""Which sequences are alike: pairs that share k-mers, and the groups that pairs make up."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from skgenome.sequences._alphabet import encode_many
from skgenome.sequences._kmers import has_ambiguous, kmer_words, reverse_complement_words

# Meetings of two sequences in a k-mer that are counted at a time; each of a few arrays then takes 32 MB.
_BUDGET = 2**22
# Bits that the longest k-mer, of 15 bases, takes.
_WORD_BITS = 30


class _KmerSets(NamedTuple):
    """The distinct k-mers of sequences: entry i says that `words[i]` is in `sequences[i]`.

    Sorted by sequence and word; `sizes` counts the entries of every sequence.
    """

    sequences: np.ndarray
    words: np.ndarray
    sizes: np.ndarray


class _WordIndex(NamedTuple):
    """The same entries sorted by word: whose they are, the place of each, and where its word ends."""

    sequences: np.ndarray
    places: np.ndarray
    ends: np.ndarray


def _kmer_sets(sequences: Sequence[str], k: int, canonical: bool) -> _KmerSets:
    """Collect the distinct k-mers of every sequence; those with an ambiguous base are left out."""
    codes, offsets = encode_many(sequences)
    words = kmer_words(codes, k)
    owners = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    # A k-mer that begins in one sequence and ends in the next is none.
    whole = owners[: len(words)] == owners[len(codes) - len(words) :]
    whole &= ~has_ambiguous(codes, k)
    if canonical:
        words = np.minimum(words, reverse_complement_words(words, k))
    # The sequence's number above the bits of the k-mer: one sort finds what is distinct, by sequence. It
    # takes a fifth of the time of np.unique, which hashes.
    keys = np.sort((owners[: len(words)][whole] << _WORD_BITS) | words[whole])
    keys = keys[np.append(True, np.diff(keys) != 0)[: len(keys)]]
    owners = keys >> _WORD_BITS
    return _KmerSets(owners, keys & (2**_WORD_BITS - 1), np.bincount(owners, minlength=len(offsets) - 1))


def _index_words(sets: _KmerSets) -> _WordIndex:
    """Sort entries by word, and within a word by sequence."""
    order = np.argsort(sets.words, kind="stable")
    in_order = sets.words[order]
    places = np.empty_like(order)
    places[order] = np.arange(len(order))
    last = np.flatnonzero(np.append(np.diff(in_order) != 0, True)[: len(order)])
    ends = np.repeat(last + 1, np.diff(last, prepend=-1))[places]
    return _WordIndex(sets.sequences[order], places, ends)


def _blocks(costs: np.ndarray) -> Iterator[tuple[int, int]]:
    """Yield spans of sequences that cost about the budget each, or more where one alone does."""
    edges = np.flatnonzero(np.diff(np.cumsum(costs) // _BUDGET)) + 1
    bounds = [0, *edges.tolist(), len(costs)]
    yield from pairwise(bounds)


def _shared_counts(sets: _KmerSets) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield, block by block, pairs of sequences that share k-mers (first < second) and how many."""
    index = _index_words(sets)
    n_sequences = len(sets.sizes)
    # Entries of one word come by sequence, so the partners of an entry are those behind it.
    n_partners = index.ends - index.places - 1
    offsets = np.concatenate([[0], np.cumsum(sets.sizes)])
    meetings = np.concatenate([[0], np.cumsum(n_partners)])[offsets]
    # A block's table of counts has a row per sequence of the block: its cells cost too.
    for first, last in _blocks(np.diff(meetings) + n_sequences):
        entries = slice(offsets[first], offsets[last])
        n_each = n_partners[entries]
        within = np.arange(n_each.sum()) - np.repeat(np.cumsum(n_each) - n_each, n_each)
        partners = index.sequences[np.repeat(index.places[entries] + 1, n_each) + within]
        rows = np.repeat(sets.sequences[entries] - first, n_each)
        table = np.bincount(rows * n_sequences + partners, minlength=(last - first) * n_sequences)
        cells = np.flatnonzero(table)
        yield cells // n_sequences + first, cells % n_sequences, table[cells]


def similar_pairs(
    sequences: Sequence[str], *, k: int = 11, threshold: float = 0.3, canonical: bool = True
) -> np.ndarray:
    """Find all pairs of sequences that share many of their k-mers.

    The measure is the containment: of the distinct k-mers of whichever sequence has fewer, the share that
    the other has too. It is 1 for a sequence and a stretch of it, and does not depend on order.

    Parameters
    ----------
    sequences : collection of str
        DNA or RNA; anything that `check_sequences` takes.
    k : int, default=11
        Bases in a k-mer, 1 to 15. K-mers with an ambiguous base are not counted.
    threshold : float, default=0.3
        Smallest containment of a pair, above 0 and up to 1.
    canonical : bool, default=True
        Whether a k-mer and its reverse complement are the same, so that sequences are alike whichever
        strands they are given from.

    Returns
    -------
    ndarray of shape (n_pairs, 2), int64
        Places in `sequences`, the smaller first, sorted. A sequence without a k-mer is in no pair.

    Raises
    ------
    TypeError
        If `sequences` is no collection, or has an element that is no str.
    ValueError
        If a character is no IUPAC nucleotide code, or `k` or `threshold` is out of range.

    See Also
    --------
    linked_groups : The groups that pairs make up.

    Notes
    -----
    All pairs are counted, none is guessed. Time grows with the number of times that two sequences meet in a
    k-mer, memory does not.

    Examples
    --------
    >>> from skgenome.sequences import similar_pairs
    >>> similar_pairs(["GATTACAG", "CCCCCCCC", "GATTACAT"], k=4)
    array([[0, 2]])
    """
    if not 1 <= k <= 15:
        raise ValueError(f"k must be from 1 to 15, in bases. Got {k} instead.")
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold must be above 0 and at most 1. Got {threshold} instead.")
    sets = _kmer_sets(sequences, k, canonical)
    found = [np.empty((0, 2), dtype=np.int64)]
    for first, second, n_shared in _shared_counts(sets):
        # Divided, not multiplied: 3 / 10 is the number .3, while .1 * 3 is not.
        alike = n_shared / np.minimum(sets.sizes[first], sets.sizes[second]) >= threshold
        found.append(np.stack([first[alike], second[alike]], axis=1))
    return np.concatenate(found)


def linked_groups(n_items: int, pairs: np.ndarray) -> np.ndarray:
    """Find the groups that pairs make up: items linked directly or through others are in one.

    Parameters
    ----------
    n_items : int
        Number of items.
    pairs : ndarray of shape (n_pairs, 2), integer
        Pairs of places, from 0. Order and repeats do not matter.

    Returns
    -------
    ndarray of shape (n_items,), int64
        The group of each item; groups are numbered from 0 as they first appear.

    Raises
    ------
    ValueError
        If `pairs` has another shape, or a place that no item has.

    See Also
    --------
    similar_pairs : Pairs of sequences that are alike.

    Examples
    --------
    >>> import numpy as np
    >>> from skgenome.sequences import linked_groups
    >>> linked_groups(5, np.array([[4, 1], [4, 3]]))
    array([0, 1, 2, 1, 1])
    """
    pairs = np.asarray(pairs)
    if pairs.ndim != 2 or pairs.shape[1] != 2:
        raise ValueError(f"pairs must have shape (n_pairs, 2). Got shape {pairs.shape} instead.")
    if pairs.size and not 0 <= pairs.min() <= pairs.max() < n_items:
        raise ValueError(
            f"pairs must hold places from 0 to {n_items - 1}. Got {pairs.min()} to {pairs.max()} instead."
        )
    first, second = pairs.T
    # Each item points to one of its group that is not behind it; in the end, to the first of the group.
    pointers = np.arange(n_items)
    while np.any(pointers[first] != pointers[second]):
        a, b = pointers[first], pointers[second]
        np.minimum.at(pointers, np.maximum(a, b), np.minimum(a, b))
        while np.any(pointers != pointers[pointers]):
            pointers = pointers[pointers]
    return np.unique(pointers, return_inverse=True)[1]
