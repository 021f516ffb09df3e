"""What k-mers would be expected, were it for shorter ones alone: a Markov chain as the background."""

from typing import NamedTuple

import numpy as np

from skgenome.sequences import reverse_complement_words


class Background(NamedTuple):
    """Counts of the k-mers of `order` bases, and of one base more, in every sequence."""

    order: int
    shorter: np.ndarray
    """Of shape (n_sequences, 4**order); the number of bases where the order is 0."""
    longer: np.ndarray
    """Of shape (n_sequences, 4**(order + 1))."""

    def of_rows(self, rows: slice) -> "Background":
        """Keep some sequences."""
        return Background(self.order, self.shorter[rows], self.longer[rows])

    def on_both_strands(self) -> "Background":
        """Add the counts of the other strand, where each k-mer is its reverse complement."""
        # The one word without bases stands on the other strand as often.
        shorter = 2 * self.shorter if self.order == 0 else _add_strand(self.shorter, self.order)
        return Background(self.order, shorter, _add_strand(self.longer, self.order + 1))

    def expect(self, words: np.ndarray, k: int) -> np.ndarray:
        """Give how often k-mers are expected, as a Markov chain with these counts has them.

        Parameters
        ----------
        words : ndarray of shape (n_words,), unsigned integer
            The k-mers, as :func:`skgenome.sequences.kmer_words` writes them.
        k : int
            Bases in a k-mer, more than `order`.

        Returns
        -------
        ndarray of shape (n_sequences, n_words), float64
            Expected counts. Zero where a sequence lacks a part of the k-mer, and so the k-mer.
        """
        expected = np.ones((len(self.longer), len(words)))
        for start in range(k - self.order):
            expected *= self.longer[:, _cut(words, k, start, self.order + 1)]
        for start in range(1, k - self.order):
            # A part that is missing has made the product zero already.
            expected /= np.maximum(self.shorter[:, _cut(words, k, start, self.order)], 1)
        return expected


def _add_strand(counts: np.ndarray, k: int) -> np.ndarray:
    return counts + counts[:, reverse_complement_words(np.arange(4**k, dtype=np.uint32), k)]


def _cut(words: np.ndarray, k: int, start: int, length: int) -> np.ndarray:
    """Give the part of every k-mer that has `length` bases from the one at `start` on."""
    return words >> 2 * (k - start - length) & 4**length - 1


def z_scores(counts: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Give how many standard deviations more, or less, there are than expected.

    Parameters
    ----------
    counts, expected : ndarray of the same shape
        Of k-mers.

    Returns
    -------
    ndarray of the same shape, float32
        ``(counts - expected) / sqrt(expected)``, as of a Poisson variable; 0 where nothing is expected.
    """
    deviation = np.sqrt(expected)
    scores = np.zeros(counts.shape, dtype=np.float32)
    return np.divide(counts - expected, deviation, out=scores, where=deviation > 0, casting="same_kind")
