"""How often two sequences meet in a k-mer: an index from k-mers to sequences, and counts over all that meet.

Every sequence has a label, and two of one label are not asked about. With labels of their own, all pairs
are counted; with the labels of groups found so far, only what could join two groups; with one label for
each of two sets, only pairs across.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from skgenome.sequences._kmer_sets import spans
from skgenome.sequences._within import number_within

# Meetings counted at a time; each of a few arrays then takes 8 MB, and is sorted in the processor's cache.
_BUDGET = 2**20
# Entries whose partners are looked up at a time; ten arrays of 16 MB.
_ENTRIES = 2**21
# A table of 4 MB, exact up to k = 11, says at once of most words that nobody has them.
_TABLE_BITS = 22


class WordIndex(NamedTuple):
    """Which sequences have a word: `keys` are words with the rank of a sequence in the lowest bits, sorted.

    Ranks go by label; `sequences` and `labels` are in this order. `shift` is the number of bits of a rank.
    `known` says of the lowest bits of words whether there is one with these.
    """

    keys: np.ndarray
    sequences: np.ndarray
    labels: np.ndarray
    shift: int
    known: np.ndarray


class Meetings(NamedTuple):
    """Pairs of sequences and in how many words they meet."""

    first: np.ndarray
    second: np.ndarray
    n_shared: np.ndarray


def index_words(owners: np.ndarray, words: np.ndarray, labels: np.ndarray) -> WordIndex:
    """Build the index of entries (`words[i]` is in sequence `owners[i]`); a label for every sequence."""
    members = np.flatnonzero(np.bincount(owners, minlength=len(labels)))
    members = members[np.argsort(labels[members], kind="stable")]
    ranks = np.empty_like(labels)
    ranks[members] = np.arange(len(members))
    shift = len(members).bit_length()
    known = np.zeros(2**_TABLE_BITS, dtype=bool)
    known[words & (2**_TABLE_BITS - 1)] = True
    return WordIndex(np.sort((words << shift) | ranks[owners]), members, labels[members], shift, known)


def _partners(
    index: WordIndex, owners: np.ndarray, words: np.ndarray, labels: np.ndarray, both_sides: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find where the partners of every entry stand in the index: whose, from where, how many.

    These are all that have the word but for those of its own label; without `both_sides` only those behind.
    """
    low, high = (np.searchsorted(index.labels, labels, side)[owners] for side in ("left", "right"))
    heads = words << index.shift
    # Looked up in the order of words, neighbours are found in the cache: a fifth of the time.
    order = np.argsort(heads)

    def find(keys: np.ndarray) -> np.ndarray:
        places = np.empty_like(keys)
        places[order] = np.searchsorted(index.keys, keys[order])
        return places

    begins, ends = find(heads + high), find(heads + (1 << index.shift))
    if both_sides:
        owners = np.repeat(owners, 2)
        begins = np.stack([find(heads), begins], axis=1).ravel()
        ends = np.stack([find(heads + low), ends], axis=1).ravel()
    n_partners = ends - begins
    met = n_partners > 0
    return owners[met], begins[met], n_partners[met]


def _count_equal(cells: np.ndarray, n_cells: int) -> tuple[np.ndarray, np.ndarray]:
    """Find the distinct cells, sorted, and how often each is there."""
    if n_cells < 4 * len(cells):
        counts = np.bincount(cells, minlength=n_cells)
        distinct = np.flatnonzero(counts)
        return distinct, counts[distinct]
    cells = np.sort(cells)
    starts = np.flatnonzero(np.append(True, np.diff(cells) != 0)[: len(cells)])
    return cells[starts], np.diff(starts, append=len(cells))


def count_meetings(
    index: WordIndex,
    owners: np.ndarray,
    words: np.ndarray,
    labels: np.ndarray,
    *,
    both_sides: bool = False,
    limit: int | None = None,
) -> Iterator[Meetings]:
    """Count in how many words sequences meet those of an index.

    Parameters
    ----------
    index : WordIndex
        Of the sequences that are met.
    owners, words : ndarray of shape (n_entries,), int64
        The words of the sequences that meet them, sorted by sequence.
    labels : ndarray of shape (n_sequences,), int64
        A label for every sequence there is. Two of one label do not meet.
    both_sides : bool, default=False
        Whether partners of a smaller label are met too. They are not where a set meets itself, for every pair
        would be counted twice.
    limit : int or None, default=None
        Meet only so many in each word, those of the labels next to one's own; counts are then too low.

    Yields
    ------
    Meetings
        Block by block; all meetings of one of the `owners` are in one block.
    """
    starts = np.flatnonzero(np.append(True, np.diff(owners) != 0)[: len(owners)])
    bounds = np.append(starts, len(owners))
    for first, last in spans(np.diff(bounds), _ENTRIES):
        entries = slice(bounds[first], bounds[last])
        some = index.known[words[entries] & (2**_TABLE_BITS - 1)]
        partners = _partners(index, owners[entries][some], words[entries][some], labels, both_sides)
        yield from _count(index, *partners, limit)


def _count(
    index: WordIndex, owners: np.ndarray, begins: np.ndarray, n_partners: np.ndarray, limit: int | None
) -> Iterator[Meetings]:
    """Count the meetings of entries with their partners."""
    if limit is not None:
        n_partners = np.minimum(n_partners, limit)
    starts = np.flatnonzero(np.append(True, np.diff(owners) != 0)[: len(owners)])
    bounds = np.append(starts, len(owners))
    n_members = len(index.sequences)
    n_meetings = np.diff(np.append(0, np.cumsum(n_partners))[bounds])
    for first, last in spans(n_meetings, _BUDGET):
        entries = slice(bounds[first], bounds[last])
        n_each = n_partners[entries]
        ranks = index.keys[np.repeat(begins[entries], n_each) + number_within(n_each)] & (
            (1 << index.shift) - 1
        )
        rows = np.repeat(np.arange(last - first), n_meetings[first:last])
        cells, n_shared = _count_equal(rows * n_members + ranks, (last - first) * n_members)
        met_by = owners[starts[first:last]][cells // n_members]
        yield Meetings(met_by, index.sequences[cells % n_members], n_shared)
