"""Markov models of DNA: how well the next base is told by counting what followed the k bases before it."""

from collections.abc import Iterable, Sequence

import numpy as np

from skgenome.sequences import N_SPECIAL, encode, kmer_ids, reverse_complement_words

#: Weight of the next lower order, in counts: where a context was seen less often, that one has the say.
LOWER_ORDER_COUNTS = 4.0


def _words(contig: str, length: int) -> np.ndarray:
    ids = kmer_ids(encode(contig), length)
    return ids[ids >= N_SPECIAL].astype(np.int64) - N_SPECIAL


def count_words(contigs: Iterable[str], length: int) -> np.ndarray:
    """Count words on both strands.

    Parameters
    ----------
    contigs : iterable of str
        DNA; words with an ambiguous base are left out.
    length : int
        Bases in a word, at most 15.

    Returns
    -------
    ndarray of int64, shape (4**length,)
        In lexicographic order.
    """
    counts = np.zeros(4**length, dtype=np.int64)
    waiting: list[np.ndarray] = []
    for contig in contigs:
        waiting.append(_words(contig, length))
        # A pass over all counts for every short contig would take longer than the counting.
        if sum(map(len, waiting)) > len(counts):
            counts += np.bincount(np.concatenate(waiting), minlength=len(counts))
            waiting.clear()
    if waiting:
        counts += np.bincount(np.concatenate(waiting), minlength=len(counts))
    words = np.arange(len(counts), dtype=np.uint32)
    return counts + counts[reverse_complement_words(words, length)]


def next_base_tables(counts: np.ndarray) -> list[np.ndarray]:
    """Turn counts of words into probabilities of the next base, for every order.

    Parameters
    ----------
    counts : ndarray of shape (4**(k + 1),)
        As :func:`count_words` gives them.

    Returns
    -------
    list of ndarray of float64, shape (4**order, 4)
        For the orders 0 to k. Each is mixed with the one below, as if that had been seen `LOWER_ORDER_COUNTS`
        times, so that no probability is 0.
    """
    by_order = [counts.reshape(-1, 4)]
    while len(by_order[0]) > 1:
        # Without its first base, a word is one of the next lower order.
        by_order.insert(0, by_order[0].reshape(4, -1, 4).sum(0))
    tables, below = [], np.full((1, 4), 0.25)
    for seen in by_order:
        prior = np.tile(below, (len(seen) // len(below), 1))
        below = (seen + LOWER_ORDER_COUNTS * prior) / (seen.sum(1, keepdims=True) + LOWER_ORDER_COUNTS)
        tables.append(below)
    return tables


def bits_per_base(tables: Sequence[np.ndarray], contigs: Iterable[str]) -> list[float]:
    """Measure every order on the same bases: those with as many known ones before them as the highest needs.

    Parameters
    ----------
    tables : sequence of ndarray
        As :func:`next_base_tables` gives them.
    contigs : iterable of str
        DNA that was not counted.

    Returns
    -------
    list of float
        Mean bits for the orders 0 to k.
    """
    length = len(tables)
    bits, n_bases = np.zeros(length), 0
    for contig in contigs:
        words = _words(contig, length)
        n_bases += len(words)
        # The last bases of a word are the word of a lower order.
        bits -= [np.log2(table.ravel()[words % table.size]).sum() for table in tables]
    return (bits / max(n_bases, 1)).tolist()
