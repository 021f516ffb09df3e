"""The distinct k-mers of sequences, all of them or a sample that every sequence takes alike.

The sample is a FracMinHash: of every sequence those k-mers are kept whose hash is small, so that two
sequences keep or drop a k-mer together. The hash is fixed; nothing is drawn.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from skgenome.sequences._alphabet import encode_many
from skgenome.sequences._kmers import has_ambiguous, kmer_words, reverse_complement_words

#: Bits that the longest k-mer, of 15 bases, takes.
WORD_BITS = 30
# Bases read at a time: about 40 MB of intermediate results.
_SPAN = 2**20


class KmerSets(NamedTuple):
    """The distinct k-mers of sequences: entry i says that `words[i]` is in sequence `owners[i]`.

    Sorted by sequence and word; `sizes` counts the entries of every sequence.
    """

    owners: np.ndarray
    words: np.ndarray
    sizes: np.ndarray


def kmer_sets(sequences: Sequence[str], k: int, canonical: bool) -> KmerSets:
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
    keys = np.sort((owners[: len(words)][whole] << WORD_BITS) | words[whole])
    keys = keys[np.append(True, np.diff(keys) != 0)[: len(keys)]]
    owners = keys >> WORD_BITS
    return KmerSets(owners, keys & (2**WORD_BITS - 1), np.bincount(owners, minlength=len(offsets) - 1))


def spans(costs: np.ndarray, budget: int) -> Iterator[tuple[int, int]]:
    """Yield spans of items that cost about the budget each, or more where one alone does."""
    if not len(costs):
        return
    edges = np.flatnonzero(np.diff(np.cumsum(costs) // budget)) + 1
    yield from pairwise([0, *edges.tolist(), len(costs)])


def spanwise_sets(
    sequences: Sequence[str], places: np.ndarray, k: int, canonical: bool
) -> Iterator[tuple[np.ndarray, KmerSets]]:
    """Collect the k-mers of the sequences at some places, few at a time.

    Parameters
    ----------
    sequences : list of str
        All of them.
    places : ndarray of shape (n_wanted,), int64
        Which of them.
    k : int
        Bases in a k-mer.
    canonical : bool
        Whether strands are the same.

    Yields
    ------
    places : ndarray of shape (n_some,), int64
        The next few of the places.
    sets : KmerSets
        Of these, whose owners are numbered as they come here.
    """
    lengths = np.array([len(sequences[place]) for place in places], dtype=np.int64)
    for first, last in spans(lengths, _SPAN):
        some = places[first:last]
        yield some, kmer_sets([sequences[place] for place in some], k, canonical)


def sampling_levels(sizes: np.ndarray, n_hashes: int | None) -> np.ndarray:
    """Choose for every sequence by how many halvings its k-mers are thinned.

    Parameters
    ----------
    sizes : ndarray of shape (n_sequences,), int64
        Number of distinct k-mers.
    n_hashes : int or None
        From so many to twice as many are to be left. None leaves all.

    Returns
    -------
    ndarray of shape (n_sequences,), int64
        Of level L, one k-mer in 2**L is kept; a sequence of few k-mers has level 0.
    """
    if n_hashes is None:
        return np.zeros(len(sizes), dtype=np.int64)
    # The exponent of frexp is the number of binary digits, exactly; log2 is off by one for some.
    return np.maximum(np.frexp(sizes // n_hashes)[1].astype(np.int64) - 1, 0)


def in_sample(words: np.ndarray, levels: np.ndarray | int) -> np.ndarray:
    """Say of every word whether the sample of a level has it; that of a higher level is part of it."""
    # The last mixing step of MurmurHash3. Without the first line the word of AAA..., which real genomes have
    # everywhere, would have hash 0 and be in every sample.
    mixed = words.astype(np.uint32) ^ np.uint32(0x9E3779B9)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        mixed ^= mixed >> np.uint32(shift)
        mixed *= np.uint32(factor)
    mixed ^= mixed >> np.uint32(16)
    return mixed < np.int64(2**32) >> levels
