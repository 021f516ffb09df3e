"""KmerCounter: how often each k-mer stands in a sequence, the baseline for any representation."""

from collections.abc import Iterator
from itertools import pairwise
from numbers import Integral
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import gen_batches

from skgenome._sklearn import Interval, StrOptions, fit_context
from skgenome.preprocessing._checks import check_not_empty, warn_if_short
from skgenome.preprocessing._markov import Background, z_scores
from skgenome.sequences import (
    AMBIGUOUS,
    N_SPECIAL,
    encode_many,
    has_ambiguous,
    kmer_words,
    kmers_of_ids,
    reverse_complement_words,
)

# The map of words to columns has 4**k entries: 64 MB for k = 12, and four times as much with every base more.
_MAX_K = 12
# Bases counted at a time: their keys are sorted in the processor's cache, at 3 ns each.
_BLOCK = 2**15
# Expected counts that are in memory at a time: 32 MB.
_CELLS = 2**22


class _Block(NamedTuple):
    """k-mers of one k and their columns."""

    k: int
    words: np.ndarray
    """The words that have a column, in lexicographic order."""
    first_column: int
    """Where the columns of this k start among those of all."""


def _list_blocks(ks: tuple[int, ...], canonical: bool) -> list[_Block]:
    blocks = []
    n_columns = 0
    for k in ks:
        words = np.arange(4**k, dtype=np.uint32)
        if canonical:
            words = words[words <= reverse_complement_words(words, k)]
        blocks.append(_Block(k, words, n_columns))
        n_columns += len(words)
    return blocks


def _map_to_columns(block: _Block) -> np.ndarray:
    """Give the column of every word; a word that has none shares that of its reverse complement."""
    if len(block.words) == 4**block.k:
        return block.words + np.uint32(block.first_column)
    columns = np.empty(4**block.k, dtype=np.uint32)
    columns[reverse_complement_words(block.words, block.k)] = np.arange(len(block.words))
    columns[block.words] = np.arange(len(block.words))
    return columns + np.uint32(block.first_column)


def _split_bases(offsets: np.ndarray) -> np.ndarray:
    """Give the bounds of stretches of bases: between sequences where they are short, inside where long."""
    # A sequence that lies in one stretch is counted once and for all; only parts have to be added up.
    targets = np.arange(_BLOCK, offsets[-1], _BLOCK)
    snapped = offsets[np.searchsorted(offsets, targets, side="right") - 1]
    inner = np.where(snapped > targets - _BLOCK, snapped, targets)
    return np.concatenate([offsets[:1], inner, offsets[-1:]])


def _iter_keys(
    codes: np.ndarray, rows: np.ndarray, n_starts: int, columns: dict[int, np.ndarray], n_columns: int
) -> Iterator[np.ndarray]:
    """Yield, k by k, ``row * n_columns + column`` of the k-mers that start at the first `n_starts` bases.

    `codes` and `rows` (the row of each base) go on behind those, as far as the longest k-mer reaches.
    """
    # 32 bits nearly always; sorting 64 takes twice as long.
    dtype = np.min_scalar_type((int(rows[-1]) + 1) * n_columns)
    has_unknown = codes.max() == AMBIGUOUS
    for k, column_of_word in columns.items():
        words = kmer_words(codes, k)[:n_starts]
        first_rows = rows[: len(words)]
        is_counted = first_rows == rows[k - 1 :][: len(words)]
        if has_unknown:
            is_counted &= ~has_ambiguous(codes, k)[:n_starts]
        keys = first_rows[is_counted].astype(dtype) * dtype.type(n_columns)
        keys += column_of_word[words[is_counted]]
        yield keys


def _tally(keys: np.ndarray, n_cells: int) -> tuple[np.ndarray, np.ndarray]:
    """Give the distinct keys in order, and how often each stands."""
    # A table of all cells pays where most are filled, as in a genome; elsewhere sorting is faster (0.8
    # against 36 ms for 2**18 keys of 6-mers in reads).
    if n_cells <= len(keys):
        table = np.bincount(keys, minlength=n_cells)
        cells = np.flatnonzero(table)
        return cells, table[cells]
    keys = np.sort(keys)
    is_first = np.ones(len(keys), dtype=bool)
    np.not_equal(keys[1:], keys[:-1], out=is_first[1:])
    cells = keys[is_first]
    bounds = np.append(np.flatnonzero(is_first), len(keys))
    return cells, np.diff(bounds)


def _count(
    codes: np.ndarray, offsets: np.ndarray, columns: dict[int, np.ndarray], n_columns: int
) -> csr_matrix:
    """Count the k-mers of joined sequences."""
    n_rows = len(offsets) - 1
    n_entries = np.zeros(n_rows + 1, dtype=np.int64)
    indices, data = [np.zeros(0, dtype=np.int32)], [np.zeros(0, dtype=np.float32)]
    # A stretch owns the k-mers that start in it, so each is counted once although the bases overlap.
    for start, stop in pairwise(_split_bases(offsets).tolist()):
        if start == stop:
            continue
        reach = min(stop + max(columns) - 1, int(offsets[-1]))
        first, last = np.searchsorted(offsets, [start, reach - 1], side="right") - 1
        n_bases = np.diff(np.clip(offsets[first : last + 2], start, reach))
        rows = np.repeat(np.arange(last - first + 1, dtype=np.uint32), n_bases)
        keys = np.concatenate([*_iter_keys(codes[start:reach], rows, stop - start, columns, n_columns)])
        cells, counts = _tally(keys, (int(rows[-1]) + 1) * n_columns)
        cell_rows = cells // n_columns
        n_entries[first + 1 : last + 2] += np.bincount(cell_rows, minlength=last - first + 1)
        indices.append((cells - cell_rows * n_columns).astype(np.int32))
        data.append(counts.astype(np.float32))
    indptr = np.cumsum(n_entries)
    matrix = csr_matrix((np.concatenate(data), np.concatenate(indices), indptr), shape=(n_rows, n_columns))
    # A sequence longer than a stretch was counted in parts.
    matrix.sum_duplicates()
    return matrix


def _count_blocks(codes: np.ndarray, offsets: np.ndarray, blocks: list[_Block]) -> csr_matrix:
    columns = {block.k: _map_to_columns(block) for block in blocks}
    return _count(codes, offsets, columns, sum(len(block.words) for block in blocks))


def _normalize(matrix: csr_matrix, blocks: list[_Block]) -> csr_matrix:
    """Divide the counts of each k by their sum, row by row."""
    block_of_column = np.repeat(
        np.arange(len(blocks), dtype=np.uint8), [len(block.words) for block in blocks]
    )
    is_in_block = block_of_column[:, None] == np.arange(len(blocks))
    totals = matrix @ is_in_block.astype(np.float64)
    rows = np.repeat(np.arange(matrix.shape[0], dtype=np.int32), np.diff(matrix.indptr))
    # An entry has a count, so its total is never zero; rows without entries stay zero.
    data = matrix.data / totals[rows, block_of_column[matrix.indices]]
    return csr_matrix((data.astype(np.float32), matrix.indices, matrix.indptr), shape=matrix.shape)


def _count_background(codes: np.ndarray, offsets: np.ndarray, order: int) -> Background:
    """Count what a Markov chain of this order is made of."""
    # A k-mer without bases is no k-mer: order 0 has counts of single bases, and their number.
    blocks = _list_blocks((order, order + 1) if order else (1,), canonical=False)
    counts = _count_blocks(codes, offsets, blocks).toarray().astype(np.float64)
    shorter, longer = np.split(counts, [blocks[-1].first_column], axis=1)
    return Background(order, shorter if order else longer.sum(axis=1, keepdims=True), longer)


def _standardize(
    matrix: csr_matrix, blocks: list[_Block], background: Background, canonical: bool
) -> np.ndarray:
    """Set the counts of each k against those that the background lets expect."""
    if canonical:
        background = background.on_both_strands()
    scores = np.empty(matrix.shape, dtype=np.float32)
    # Expected counts have twice the digits, so they are made for some rows at a time.
    for rows in gen_batches(len(scores), max(1, _CELLS // scores.shape[1])):
        counts = matrix[rows].toarray()
        for k, words, first in blocks:
            columns = slice(first, first + len(words))
            expected = background.of_rows(rows).expect(words, k)
            if canonical:
                # A palindrome is its own other strand, and stands once in a canonical count.
                expected[:, words == reverse_complement_words(words, k)] /= 2
            # A sequence without a k-mer may have shorter ones, and nothing to be said of it.
            expected[~counts[:, columns].any(axis=1)] = 0
            scores[rows, columns] = z_scores(counts[:, columns], expected)
    return scores


class KmerCounter(TransformerMixin, BaseEstimator):
    """Count the k-mers of sequences.

    The k-mer spectrum forgets where a k-mer stands; with a linear model behind it, it is the baseline for
    whatever else is learnt from sequences. Nothing is learnt here: `transform` needs no `fit`.

    Parameters
    ----------
    k : int or tuple of int, default=4
        Bases in a k-mer, 1 to 12. A tuple counts k-mers of several lengths, in that order of columns.
    k_min : int, default=None
        Count all lengths from this to `k`. None counts `k` alone.
    canonical : bool, default=False
        Whether to count a k-mer and its reverse complement as one, under the lexicographically smaller: a
        sequence then has the same counts as its other strand.
    normalize : {'count', 'frequency', 'zscore'}, default='count'
        Whether to return counts, to divide those of each length by their sum in the sequence, or to say by
        how many standard deviations they differ from what the sequence's own shorter k-mers let expect.
    markov_order : int, default=1
        For ``normalize='zscore'``: order of the Markov chain that is expected. With 0, k-mers are set
        against the composition of bases; with 1, against that of dinucleotides; with ``k - 2``, the highest,
        against all that is shorter. It must be less than every k.
    sparse : bool, default=True
        Whether to return a sparse matrix or a dense array. z-scores are hardly ever zero, so they need False.

    See Also
    --------
    KmerTokenizer : The k-mers in their order, as ids.
    sklearn.feature_extraction.text.CountVectorizer : Counts of words, or of letter n-grams that it has seen.

    Notes
    -----
    U reads as T, lower case as upper case. k-mers with an ambiguous base are not counted; frequencies are of
    those that are. A sequence with none has a row of zeros.

    With ``normalize='zscore'`` the figure of a k-mer w is ``(N(w) - E(w)) / sqrt(E(w))``. Its expected count
    is the maximum-likelihood estimate under a Markov chain of order m [2]_: the product of the counts of the
    (m + 1)-mers that w consists of, divided by that of the counts of the m-mers that two of these share. So a
    sequence rich in G and C has no high figures of GC-rich k-mers for that alone. Figures of this kind assign
    fragments to genomes where GC content does not [3]_; there they are divided by another, smaller deviation.
    With ``canonical=True`` both strands are counted, and expected from both.

    There are ``4**k`` columns, canonical ``4**k / 2`` (and a little more if k is even). A dense row takes
    4 bytes for each: 1 kB for k = 4, 67 MB for k = 12. A sparse row takes 8 bytes for each k-mer that the
    sequence has. Counts are float32, exact up to 16,777,216.

    References
    ----------
    .. [1] C. Leslie, E. Eskin, W. S. Noble, "The spectrum kernel: a string kernel for SVM protein
       classification", Pacific Symposium on Biocomputing 7 (2002), 564-575, section 2.
    .. [2] G. Reinert, S. Schbath, M. S. Waterman, "Probabilistic and statistical properties of words: an
       overview", Journal of Computational Biology 7 (2000), 1-46.
    .. [3] H. Teeling et al., "Application of tetranucleotide frequencies for the assignment of genomic
       fragments", Environmental Microbiology 6 (2004), 938-947.

    Examples
    --------
    >>> from skgenome.preprocessing import KmerCounter
    >>> counter = KmerCounter(k=2, canonical=True, sparse=False).set_output(transform="pandas")
    >>> counter.transform(["GATTACA", "TGTAATC"])[["AA", "AC", "GA", "TA"]]
        AA   AC   GA   TA
    0  1.0  1.0  1.0  1.0
    1  1.0  1.0  1.0  1.0
    """

    _parameter_constraints: dict = {
        "k": [Interval(Integral, 1, _MAX_K, closed="both"), tuple],
        "k_min": [Interval(Integral, 1, _MAX_K, closed="both"), None],
        "canonical": ["boolean"],
        "normalize": [StrOptions({"count", "frequency", "zscore"})],
        "markov_order": [Interval(Integral, 0, _MAX_K - 1, closed="both")],
        "sparse": ["boolean"],
    }

    def __init__(self, *, k=4, k_min=None, canonical=False, normalize="count", markov_order=1, sparse=True):
        self.k = k
        self.k_min = k_min
        self.canonical = canonical
        self.normalize = normalize
        self.markov_order = markov_order
        self.sparse = sparse

    def _resolve_ks(self):
        """Give the lengths to count, as a tuple."""
        if isinstance(self.k, tuple):
            good = all(isinstance(k, Integral) and 1 <= k <= _MAX_K for k in self.k)
            if not good or len(set(self.k)) != len(self.k) or not self.k:
                raise ValueError(
                    f"k must be an int, or a tuple of different ints, from 1 to {_MAX_K}. Got {self.k!r}."
                )
            if self.k_min is not None:
                raise ValueError(f"k_min needs k to be one int. Got k_min={self.k_min!r} with k={self.k!r}.")
            return self.k
        if self.k_min is None:
            return (self.k,)
        if self.k_min > self.k:
            raise ValueError(f"k_min must not be larger than k. Got k_min={self.k_min}, k={self.k}.")
        return tuple(range(self.k_min, self.k + 1))

    def _list_blocks(self):
        """Give the k-mers of every length, or refuse parameters that do not go together."""
        ks = self._resolve_ks()
        if self.normalize == "zscore":
            if self.markov_order >= min(ks):
                raise ValueError(
                    "A k-mer must have more bases than the order of the Markov chain that it is set against. "
                    f"Got markov_order={self.markov_order} with k={min(ks)}: lower markov_order."
                )
            if self.sparse:
                raise ValueError("normalize='zscore' gives hardly any zeros. Set sparse=False; got True.")
        return _list_blocks(ks, self.canonical)

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X=None, y=None):
        """Validate the parameters; nothing is learnt.

        Parameters
        ----------
        X : collection of str, default=None
            Not read.
        y : None
            Ignored.

        Returns
        -------
        self : KmerCounter
            The counter itself.

        Raises
        ------
        ValueError
            If a parameter is out of its range, or parameters contradict each other.
        """
        self._list_blocks()
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def transform(self, X):
        """Count k-mers.

        Parameters
        ----------
        X : collection of str
            DNA or RNA: list, tuple, 1-D array, Series or one-column frame.

        Returns
        -------
        counts : csr_matrix or ndarray of shape (n_samples, n_kmers), float32
            Counts, frequencies or z-scores, columns as `get_feature_names_out` names them.

        Raises
        ------
        TypeError
            If X is no collection of str.
        ValueError
            If X is empty, or has a character that is no IUPAC nucleotide code.

        Warns
        -----
        SkgenomeWarning
            If a sequence is shorter than all k-mers: its row is all zeros.
        """
        blocks = self._list_blocks()
        codes, offsets = encode_many(check_not_empty(X))
        warn_if_short(np.diff(offsets), min(block.k for block in blocks), "have a row of zeros")
        matrix = _count_blocks(codes, offsets, blocks)
        if self.normalize == "zscore":
            background = _count_background(codes, offsets, self.markov_order)
            return _standardize(matrix, blocks, background, self.canonical)
        if self.normalize == "frequency":
            matrix = _normalize(matrix, blocks)
        return matrix if self.sparse else matrix.toarray()

    @fit_context(prefer_skip_nested_validation=True)
    def get_feature_names_out(self, input_features=None):
        """Name the columns.

        Parameters
        ----------
        input_features : None
            Ignored; there as in every transformer.

        Returns
        -------
        names : ndarray of shape (n_kmers,), object
            The k-mers as str: length by length, each in lexicographic order.
        """
        blocks = self._list_blocks()
        names = [kmers_of_ids(block.words.astype(np.int64) + N_SPECIAL, block.k) for block in blocks]
        return np.concatenate([name.astype(object) for name in names])

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags
