"""KmerTokenizer: sequences to token ids and back, without a loop over sequences or k-mers."""

import warnings
from itertools import pairwise
from numbers import Integral

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.base import BaseEstimator, TransformerMixin

from skgenome._sklearn import Interval, StrOptions, fit_context
from skgenome.exceptions import SkgenomeWarning
from skgenome.preprocessing._checks import MAX_K, check_not_empty, warn_if_short
from skgenome.preprocessing._vocabulary import KmerVocabulary
from skgenome.sequences import (
    AMBIGUOUS,
    N_SPECIAL,
    PAD_ID,
    SequenceStore,
    StoredTokenIds,
    TokenIds,
    check_token_ids,
    decode,
    encode_many,
    kmer_ids,
)

# Bases of a store that are looked at at once.
_BLOCK = 2**22


def _pad(ids: np.ndarray, starts: np.ndarray, counts: np.ndarray, stride: int) -> np.ndarray:
    """Cut rows out of joined ids, into a matrix padded on the right.

    Every row is first cut as long as the longest, whatever stands behind its end, so that NumPy copies
    whole rows (1 ms for 15 million bases); what is too much is overwritten after.
    """
    width = int(counts.max())
    if width == 0:
        return np.zeros((len(starts), 0), dtype=ids.dtype)
    if len(starts) == 1:
        # One contig needs no copy.
        return ids[np.newaxis, starts[0] : starts[0] + width * stride : stride]
    span = (width - 1) * stride + 1
    # The last rows, if short, would reach over the end of all ids.
    n_missing = int(starts.max()) + span - len(ids)
    if n_missing > 0:
        ids = np.concatenate([ids, np.full(n_missing, PAD_ID, dtype=ids.dtype)])
    matrix = sliding_window_view(ids, span)[:, ::stride][starts]
    if counts.min() < width:
        # Padding is 0, so a product writes it: with SIMD, as the comparison in a small dtype (6 against 36 ms
        # for 100,000 reads when assigned through a mask).
        columns = np.arange(width, dtype=np.min_scalar_type(width))
        matrix *= columns < counts.astype(columns.dtype)[:, None]
    return matrix


def _split(ids: np.ndarray, starts: np.ndarray, counts: np.ndarray, stride: int) -> list[np.ndarray]:
    ends = starts + counts * stride
    rows = [ids[start:end:stride] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]
    # A strided view would hold on to stride times its memory.
    return rows if stride == 1 else [row.copy() for row in rows]


def _check_range(token_ids: TokenIds, k: int) -> None:
    too_large = token_ids.values >= 4**k + N_SPECIAL
    if too_large.any():
        place = int(np.argmax(too_large))
        row = int(np.searchsorted(token_ids.offsets, place, side="right")) - 1
        raise ValueError(
            f"Token ids of k = {k} are below {4**k + N_SPECIAL}. Got {token_ids.values[place]} in row {row}, "
            f"column {place - token_ids.offsets[row]}. Were they made with another k?"
        )


def _assemble(token_ids: TokenIds, k: int, stride: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lay tokens over each other.

    Returns the codes of all rows joined, the offsets of the rows in them, and the places where tokens
    contradict each other.
    """
    counts = token_ids.lengths
    offsets = np.concatenate([[0], np.cumsum(np.where(counts > 0, (counts - 1) * stride + k, 0))])
    shifts = offsets[:-1] - token_ids.offsets[:-1] * stride
    # Unknown tokens write nothing, which leaves their bases to their neighbours.
    is_known = token_ids.values >= N_SPECIAL
    places = (np.arange(len(token_ids.values)) * stride + np.repeat(shifts, counts))[is_known]
    words = token_ids.values[is_known].astype(np.int64) - N_SPECIAL
    codes = np.full(offsets[-1], AMBIGUOUS, dtype=np.uint8)
    clashes = []
    # From the first base of the tokens to the last, so that a base is what the earliest of its tokens says:
    # in generated ids, a base is new at the end of a token and merely repeated further in front.
    for i in range(k):
        bases = (words >> 2 * (k - 1 - i)) & 3
        earlier = codes[places + i]
        clashes.append(places[(earlier != AMBIGUOUS) & (earlier != bases)] + i)
        codes[places + i] = bases
    return codes, offsets, np.unique(np.concatenate(clashes))


def _refuse_ambiguous(store: SequenceStore) -> None:
    """Go through a store and raise at the first ambiguous base."""
    n_bases = int(store.offsets[-1])
    for start in range(0, n_bases, _BLOCK):
        codes = store.read(start, min(start + _BLOCK, n_bases))
        if codes.max() == AMBIGUOUS:
            place = start + int(np.argmax(codes == AMBIGUOUS))
            row = int(np.searchsorted(store.offsets, place, side="right")) - 1
            raise ValueError(
                f"Contig {row} of the store ({store.names[row]!r}) has an ambiguous base at position "
                f"{place - store.offsets[row]}; only A, C, G, T and U are allowed with ambiguous='error'. "
                "Remove the contig, or let ambiguous bases pass as unknown."
            )


class KmerTokenizer(TransformerMixin, BaseEstimator):
    """Turn sequences into ids of k-mers.

    The first step of every pipeline whose next step takes token ids. Id 0 is padding, 1 is unknown (any
    k-mer with an ambiguous base), and the k-mers follow in lexicographic order from 2. U reads as T, lower
    case as upper case. Nothing is learnt: `transform` needs no `fit`.

    Parameters
    ----------
    k : int, default=3
        Bases in a token, 1 to 15.
    stride : int, default=1
        Bases between the starts of adjacent tokens. With ``stride=k`` tokens lie side by side; with more,
        bases between them are not read.
    ambiguous : {'unk', 'error'}, default='unk'
        What to do with IUPAC letters other than A, C, G, T and U: give id 1 to each k-mer that has one, or
        raise. What is no IUPAC letter raises always.
    padding : bool, default=True
        Whether to return a matrix, each row padded on the right to the longest of the call. If False,
        return a list of arrays of their own lengths, as suits contigs.
    max_length : int, default=None
        The most tokens that a row may have. None sets no limit.
    truncation : {'error', 'right', 'left'}, default='error'
        What to do with a sequence of more than `max_length` tokens: raise, or cut tokens off its right
        (3') or left (5') end.

    Attributes
    ----------
    vocabulary_ : KmerVocabulary
        A mapping from token to id.
    n_tokens_ : int
        Size of the vocabulary, ``4**k + 2``.

    See Also
    --------
    KmerCounter : Counts of k-mers, whatever their order.

    Notes
    -----
    Bases behind the last whole token are in none. So `inverse_transform` gives back every sequence of
    A, C, G and T exactly if ``n_bases - k`` is a multiple of `stride`, and lacks the last bases otherwise.

    The rows of ``padding=False, stride=1`` are views of one array; copy a row if the others are to be
    freed. Memory is about 3 bytes per base for k = 3 and 9 for k = 15, result included, and more
    where padding is long. A :class:`~skgenome.sequences.SequenceStore` takes none: see
    :ref:`outgrowing_memory`.

    References
    ----------
    .. [1] Y. Ji, Z. Zhou, H. Liu, R. V. Davuluri, "DNABERT: pre-trained Bidirectional Encoder
       Representations from Transformers model for DNA-language in genome", Bioinformatics 37 (2021),
       2112-2120, section 2.2: overlapping k-mers as tokens.

    Examples
    --------
    >>> from skgenome.preprocessing import KmerTokenizer
    >>> tokenizer = KmerTokenizer(k=2)
    >>> token_ids = tokenizer.transform(["AACG", "NTT"])
    >>> token_ids
    array([[ 2,  3,  8],
           [ 1, 17,  0]], dtype=uint8)
    >>> tokenizer.inverse_transform(token_ids)
    ['AACG', 'NTT']
    """

    _parameter_constraints: dict = {
        "k": [Interval(Integral, 1, MAX_K, closed="both")],
        "stride": [Interval(Integral, 1, None, closed="left")],
        "ambiguous": [StrOptions({"unk", "error"})],
        "padding": ["boolean"],
        "max_length": [Interval(Integral, 1, None, closed="left"), None],
        "truncation": [StrOptions({"error", "right", "left"})],
    }

    def __init__(self, *, k=3, stride=1, ambiguous="unk", padding=True, max_length=None, truncation="error"):
        self.k = k
        self.stride = stride
        self.ambiguous = ambiguous
        self.padding = padding
        self.max_length = max_length
        self.truncation = truncation

    @property
    def vocabulary_(self):
        """Map from token to id, worked out from k."""
        return KmerVocabulary(self.k)

    @property
    def n_tokens_(self):
        """Size of the vocabulary, padding and unknown included."""
        return 4**self.k + N_SPECIAL

    def _truncate(self, starts, counts, lengths):
        """Give the starts and counts of the rows after truncation, or raise."""
        is_long = counts > self.max_length
        if self.truncation == "error" and is_long.any():
            first = int(np.argmax(is_long))
            raise ValueError(
                f"Sequence {first} has {lengths[first]} bases, which are {counts[first]} tokens, but "
                f"max_length={self.max_length}. {np.count_nonzero(is_long)} of {len(counts)} sequences are "
                "too long. Raise max_length, or choose the end to cut off: truncation='right' or 'left'."
            )
        # Whole tokens are cut off, so what is left has the frame that the sequence had.
        kept = np.minimum(counts, self.max_length)
        return (starts + (counts - kept) * self.stride if self.truncation == "left" else starts), kept

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
        self : KmerTokenizer
            The tokenizer itself.
        """
        return self

    def set_output(self, *, transform=None):
        """Accept what ``Pipeline.set_output`` asks of every step; token ids stay arrays.

        Only the next step reads them, and their number of columns differs from call to call.

        Parameters
        ----------
        transform : {'default', 'pandas', 'polars'}, default=None
            Without effect.

        Returns
        -------
        self : KmerTokenizer
            The same.
        """
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def transform(self, X):
        """Turn sequences into token ids.

        Parameters
        ----------
        X : collection of str, or SequenceStore
            DNA or RNA: list, tuple, 1-D array, Series or one-column frame; or a store on disk.

        Returns
        -------
        token_ids : ndarray of shape (n_samples, n_tokens), or list of ndarray of shape (n_tokens_i,)
            In the smallest unsigned dtype that holds the vocabulary: a matrix padded on the right with 0,
            or a list where `padding` is False. Of a store, whatever `padding` is,
            :class:`~skgenome.sequences.StoredTokenIds`: rows that are made when they are read.

        Raises
        ------
        TypeError
            If X is no collection of str.
        ValueError
            If X is empty, has a character that is no IUPAC nucleotide code, or an ambiguous one or a
            sequence of more than `max_length` tokens where these are errors.

        Warns
        -----
        SkgenomeWarning
            If a sequence is shorter than k: it has no token.
        """
        if isinstance(X, SequenceStore):
            codes, offsets = None, X.offsets
            if self.ambiguous == "error":
                _refuse_ambiguous(X)
        else:
            sequences = check_not_empty(X)
            codes, offsets = encode_many(
                sequences, ambiguous="error" if self.ambiguous == "error" else "mask"
            )
        starts, lengths = offsets[:-1], np.diff(offsets)
        warn_if_short(lengths, self.k, "have no token")
        counts = np.maximum((lengths - self.k) // self.stride + 1, 0)
        if self.max_length is not None:
            starts, counts = self._truncate(starts, counts, lengths)
        if codes is None:
            # What a store holds is neither padded nor read before somebody asks for it.
            return StoredTokenIds(X, self.k, self.stride, starts, counts)
        # Of all sequences joined: k-mers that reach over an end are made too, but never cut out.
        ids = kmer_ids(codes, self.k)
        return (_pad if self.padding else _split)(ids, starts, counts, self.stride)

    @fit_context(prefer_skip_nested_validation=True)
    def inverse_transform(self, X):
        """Turn token ids back into sequences.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_tokens), or list of 1-D arrays
            Token ids.

        Returns
        -------
        sequences : list of str
            DNA in upper case. A base that no known token covers is N: ambiguous ones, and those between
            tokens if ``stride > k``.

        Raises
        ------
        TypeError, ValueError
            If X are no token ids, or ids are beyond those of k.

        Warns
        -----
        SkgenomeWarning
            If overlapping tokens contradict each other, as those of another k or stride do. The earlier
            token counts.
        """
        token_ids = check_token_ids(X)
        _check_range(token_ids, self.k)
        codes, offsets, clashes = _assemble(token_ids, self.k, self.stride)
        if len(clashes):
            row = int(np.searchsorted(offsets, clashes[0], side="right")) - 1
            warnings.warn(
                f"Overlapping tokens contradict each other at {len(clashes)} bases, first at base "
                f"{clashes[0] - offsets[row]} of row {row}; the earlier token was believed. Were the "
                f"ids made with k={self.k} and stride={self.stride}?",
                SkgenomeWarning,
                stacklevel=2,
            )
        joined = decode(codes)
        return [joined[start:end] for start, end in pairwise(offsets.tolist())]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags
