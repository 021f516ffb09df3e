"""Token ids between estimators: one check, one packed form, and what the ids tell about their tokens.

A matrix padded on the right with 0 and a list of 1-D arrays carry the same thing. Inside, both become
`TokenIds`: the real ids of all rows joined, and where each row starts. What need not be in memory is read
through the methods that `TokenRows` lists, which token ids of a store on disk have as well.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from skgenome.sequences._kmers import N_SPECIAL, PAD_ID, UNKNOWN_ID, id_dtype, reverse_complement_ids

#: The largest k that ids are asked to reveal: the tokenizer's largest.
MAX_K = 15


@runtime_checkable
class TokenRows(Protocol):
    """Rows of token ids, in memory (`TokenIds`) or on disk (`StoredTokenIds`): what can be asked of both.

    Places are counted through all rows, as in ``offsets``.
    """

    # Without it Python gives a protocol one of any arguments, which would have to be documented.
    def __init__(self) -> None: ...

    @property
    def offsets(self) -> np.ndarray:
        """Where each row starts, int64 of shape (n_rows + 1,); the last is the number of ids."""

    @property
    def n_rows(self) -> int:
        """Number of rows."""

    @property
    def lengths(self) -> np.ndarray:
        """Real tokens in each row, int64 of shape (n_rows,)."""

    @property
    def largest(self) -> int:
        """The largest id that there is, or may be."""

    def row(self, i: int) -> np.ndarray:
        """Give the ids of one row.

        Parameters
        ----------
        i : int
            Which row.

        Returns
        -------
        ndarray of shape (length,)
            Without padding.
        """

    def read(self, start: int, end: int) -> np.ndarray:
        """Give the ids of a range, which may reach over several rows.

        Parameters
        ----------
        start, end : int
            From which place, and up to which; the end of all ids ends the range.

        Returns
        -------
        ndarray of shape (end - start,)
            The ids.
        """

    def pieces(self, starts: np.ndarray, ends: np.ndarray) -> list[np.ndarray]:
        """Give the ids of several ranges, each within a row.

        Parameters
        ----------
        starts, ends : ndarray of int, shape (n_ranges,)
            From which places, and up to which.

        Returns
        -------
        list of ndarray of shape (end - start,)
            The ids of each.
        """

    def take(self, rows: Sequence[int] | np.ndarray) -> "TokenIds":
        """Read some of the rows into memory.

        Parameters
        ----------
        rows : sequence of int
            Which, in the order wanted.

        Returns
        -------
        TokenIds
            A copy of them.
        """

    def parts(self) -> Iterator["TokenIds"]:
        """Give all rows, as many at a time as memory is to hold.

        Yields
        ------
        TokenIds
            Rows that follow each other.
        """


class TokenIds(NamedTuple):
    """Rows of token ids of any lengths, joined."""

    values: np.ndarray
    """Real ids of all rows, unsigned integers of shape (n_ids,)."""
    offsets: np.ndarray
    """Where each row starts, int64 of shape (n_rows + 1,); the last is n_ids."""

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.offsets) - 1

    @property
    def lengths(self) -> np.ndarray:
        """Real tokens in each row, int64 of shape (n_rows,)."""
        return np.diff(self.offsets)

    def row(self, i: int) -> np.ndarray:
        """Give the ids of one row.

        Parameters
        ----------
        i : int
            Which row.

        Returns
        -------
        ndarray of shape (length,)
            A view, without padding.
        """
        return self.values[self.offsets[i] : self.offsets[i + 1]]

    @property
    def largest(self) -> int:
        """The largest id; 0 where there is none."""
        return int(self.values.max(initial=0))

    def read(self, start: int, end: int) -> np.ndarray:
        """Give the ids of a range, which may reach over several rows.

        Parameters
        ----------
        start, end : int
            From which place, and up to which; the end of all ids ends the range.

        Returns
        -------
        ndarray of shape (end - start,)
            A view.
        """
        return self.values[start:end]

    def pieces(self, starts: np.ndarray, ends: np.ndarray) -> list[np.ndarray]:
        """Give the ids of several ranges, each within a row.

        Parameters
        ----------
        starts, ends : ndarray of int, shape (n_ranges,)
            From which places, and up to which.

        Returns
        -------
        list of ndarray of shape (end - start,)
            Views.
        """
        return [self.values[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]

    def parts(self) -> Iterator["TokenIds"]:
        """Give all rows at once: they are in memory.

        Yields
        ------
        TokenIds
            The same.
        """
        yield self

    def take(self, rows: Sequence[int] | np.ndarray) -> "TokenIds":
        """Keep some of the rows.

        Parameters
        ----------
        rows : sequence of int
            Which, in the order wanted.

        Returns
        -------
        TokenIds
            A copy of them.
        """
        parts = [self.row(i) for i in rows]
        offsets = np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int64)
        return TokenIds(np.concatenate([self.values[:0], *parts]), offsets)


class TokenGeometry(NamedTuple):
    """How many bases a token has and how far it is from the next."""

    k: int
    """Bases in a token."""
    stride: int
    """Bases between the starts of adjacent tokens; any stride of k or more reads as k."""

    @property
    def n_tokens(self) -> int:
        """Size of the vocabulary, padding and unknown included."""
        return 4**self.k + N_SPECIAL


def check_token_ids(X, *, name: str = "X") -> TokenIds:
    """Check token ids and pack them.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_tokens), list of 1-D arrays, TokenIds or StoredTokenIds
        Ids of non-negative whole value, padded on the right with 0. A 0 that has a real token behind it
        can't be padding and is read as unknown (1).
    name : str, default="X"
        What to call it in an error.

    Returns
    -------
    TokenIds
        The real ids, in memory; `check_token_rows` leaves those of a store where they are.

    Raises
    ------
    TypeError
        If X holds text, or rows that are no arrays.
    ValueError
        If X is empty, not of whole non-negative numbers, or not two-dimensional.

    Examples
    --------
    >>> from skgenome.sequences import check_token_ids
    >>> check_token_ids([[5, 6, 0], [7, 0, 0]]).lengths
    array([2, 1])
    """
    if isinstance(X, TokenRows):
        return X if isinstance(X, TokenIds) else X.take(range(X.n_rows))
    rows = _ragged_rows(X)
    if rows is None:
        return _pack_matrix(_check_matrix(X, name))
    rows = [_check_row(row, i, name) for i, row in enumerate(rows)]
    lengths = [len(row) for row in rows]
    values = np.concatenate(rows)
    return TokenIds(_unpad_inside(values), np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))


def check_token_rows(X, *, name: str = "X") -> TokenRows:
    """Check token ids that are read piece by piece.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_tokens), list of 1-D arrays, TokenIds or StoredTokenIds
        As in `check_token_ids`.
    name : str, default="X"
        What to call it in an error.

    Returns
    -------
    TokenIds or StoredTokenIds
        The real ids; those of a store on disk stay there.

    Raises
    ------
    TypeError, ValueError
        As `check_token_ids`.

    Examples
    --------
    >>> from skgenome.sequences import check_token_rows
    >>> check_token_rows([[5, 6, 0], [7, 0, 0]]).read(0, 3)
    array([5, 6, 7], dtype=uint8)
    """
    return X if isinstance(X, TokenRows) else check_token_ids(X, name=name)


def _ragged_rows(X) -> Sequence | None:
    """Give the rows of a list of 1-D arrays, or None where X is to be read as a matrix."""
    if isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 1:
        X = list(X)
    if not isinstance(X, list | tuple) or not X or not isinstance(X[0], np.ndarray):
        return None
    return X if all(isinstance(row, np.ndarray) and row.ndim == 1 for row in X) else None


def _check_matrix(X, name: str) -> np.ndarray:
    if hasattr(X, "toarray"):
        raise TypeError(
            f"{name} is a sparse matrix; token ids must be dense. Sparse data was passed where "
            f"KmerTokenizer's output is expected; use X.toarray() if it really holds token ids."
        )
    try:
        X = X.to_numpy() if hasattr(X, "to_numpy") else np.asarray(X)
    except ValueError as err:
        raise ValueError(
            f"{name} is neither a matrix of token ids nor a list of 1-D arrays of them. Use "
            f"KmerTokenizer(padding=False) for rows of different lengths. ({err})"
        ) from err
    if X.dtype.kind in "USOT":
        X = _numbers_of_objects(X, name)
    if X.ndim != 2:
        raise ValueError(
            f"Expected 2D array of token ids, got {X.ndim}D array instead: {name} has shape {X.shape}. "
            "Reshape your data using X.reshape(1, -1) if it is a single sequence."
        )
    if X.shape[0] == 0:
        raise ValueError(f"{name} has 0 sample(s) (shape={X.shape}) while a minimum of 1 is required.")
    if X.shape[1] == 0:
        raise ValueError(
            f"{name} has 0 feature(s) (shape={X.shape}) while a minimum of 1 is required: no sequence "
            "has a token. Are all sequences shorter than k?"
        )
    return _to_unsigned(X, name)


def _numbers_of_objects(X: np.ndarray, name: str) -> np.ndarray:
    first = next(iter(X.flat), None)
    if isinstance(first, str):
        raise TypeError(
            f"{name} holds text ({first[:30]!r}), but token ids are expected. Put a KmerTokenizer before "
            "this step."
        )
    try:
        return X.astype(np.float64)
    except (TypeError, ValueError) as err:
        raise TypeError(
            f"{name} holds something that is no number, but token ids are expected: {err}."
        ) from err


def _check_row(row: np.ndarray, i: int, name: str) -> np.ndarray:
    row = _to_unsigned(row, f"{name}[{i}]")
    real = np.flatnonzero(row)
    return row[: real[-1] + 1] if len(real) else row[:0]


def _to_unsigned(X: np.ndarray, name: str) -> np.ndarray:
    """Turn whole non-negative numbers of any dtype into unsigned integers of a small one."""
    if X.dtype.kind in "ub":
        return X.astype(np.uint8) if X.dtype.kind == "b" else X
    if X.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: {name} has dtype {X.dtype}, token ids are expected.")
    if X.dtype.kind not in "if":
        raise TypeError(f"{name} must hold token ids (unsigned integers). Got dtype {X.dtype} instead.")
    if X.size == 0:
        return X.astype(np.uint8)
    _check_whole(X, name)
    return X.astype(np.min_scalar_type(int(X.max())))


def _check_whole(X: np.ndarray, name: str) -> None:
    with np.errstate(invalid="ignore"):
        good = (X >= 0) & (X < 2**32) & (np.floor(X) == X)
    if not good.all():
        place = np.unravel_index(np.argmin(good), X.shape)
        where = ", ".join(f"{axis} {i}" for axis, i in zip(["row", "column"][-X.ndim :], place, strict=True))
        hint = " (NaN or infinity)" if not np.isfinite(X[place]) else ""
        # The first words are those of scikit-learn's own check.
        what = "Negative values in data: " if X[place] < 0 else ""
        raise ValueError(
            f"{what}{name} must hold token ids, whole numbers from 0. Got {X[place]}{hint} in {where}. "
            "Token ids come from KmerTokenizer."
        )


def _pack_matrix(X: np.ndarray) -> TokenIds:
    is_real = X != PAD_ID
    n_columns = X.shape[1]
    lengths = np.where(is_real.any(axis=1), n_columns - np.argmax(is_real[:, ::-1], axis=1), 0)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    if (lengths == n_columns).all():
        values = np.ascontiguousarray(X).reshape(-1)
    else:
        values = X[np.arange(n_columns) < lengths[:, None]]
    return TokenIds(_unpad_inside(values), offsets)


def _unpad_inside(values: np.ndarray) -> np.ndarray:
    inside = values == PAD_ID
    return np.where(inside, values.dtype.type(UNKNOWN_ID), values) if inside.any() else values


def infer_geometry(token_ids: TokenRows) -> TokenGeometry:
    """Read k and stride off the ids themselves.

    Ids follow in lexicographic order from 2, so one k-mer that starts with C, G or T reveals k: its id
    would not exist with a smaller k. The stride is the smallest shift at which every token's end is the
    next token's start; tokens that do not overlap read as ``stride = k``.

    Parameters
    ----------
    token_ids : TokenIds or StoredTokenIds
        The ids, of some hundred tokens at least if the answer is to be sure.

    Returns
    -------
    TokenGeometry
        k and stride.

    Raises
    ------
    ValueError
        If an id is larger than any of k = 15.

    Examples
    --------
    >>> from skgenome.preprocessing import KmerTokenizer
    >>> from skgenome.sequences import check_token_ids, infer_geometry
    >>> infer_geometry(check_token_ids(KmerTokenizer(k=5, stride=2).transform(["GATTACAGATTACAT"])))
    TokenGeometry(k=5, stride=2)
    """
    largest = token_ids.largest
    k = next((k for k in range(1, MAX_K + 1) if largest < 4**k + N_SPECIAL), None)
    if k is None:
        raise ValueError(
            f"Token id {largest} is larger than any id of k = {MAX_K}. Ids come from KmerTokenizer."
        )
    stride = next((s for s in range(1, k) if overlaps_by(token_ids, k, s)), k)
    return TokenGeometry(k, stride)


def overlaps_by(token_ids: TokenRows, k: int, stride: int, *, max_tokens: int = 1_000_000) -> bool:
    """Say whether adjacent tokens share ``k - stride`` bases, wherever both are known.

    Parameters
    ----------
    token_ids : TokenIds or StoredTokenIds
        The ids.
    k, stride : int
        The geometry to test.
    max_tokens : int, default=1_000_000
        How many tokens to look at, from the start.

    Returns
    -------
    bool
        False as soon as one pair of known adjacent tokens differs where they should be the same.

    Examples
    --------
    >>> from skgenome.preprocessing import KmerTokenizer
    >>> from skgenome.sequences import check_token_ids, overlaps_by
    >>> overlaps_by(check_token_ids(KmerTokenizer(k=3).transform(["GATTACA"])), 3, 1)
    True
    """
    values = token_ids.read(0, max_tokens).astype(np.int64)
    known = values >= N_SPECIAL
    pair = known[:-1] & known[1:]
    starts = token_ids.offsets[1:-1]
    pair[starts[(starts > 0) & (starts < len(values))] - 1] = False
    left, right = values[:-1][pair] - N_SPECIAL, values[1:][pair] - N_SPECIAL
    return bool((left % 4 ** (k - stride) == right // 4**stride).all())


def reverse_complement_rows(token_ids: TokenIds, k: int) -> TokenIds:
    """Read every row from the other strand: each token's reverse complement, in reverse order.

    This equals tokenising the reverse complement wherever ``n_bases - k`` is a multiple of the stride
    (always at stride 1). Elsewhere the tokens of the other strand would start in another frame, by the
    bases that the last token does not reach.

    Parameters
    ----------
    token_ids : TokenIds
        The ids.
    k : int
        Bases in a token.

    Returns
    -------
    TokenIds
        The same rows on the other strand.

    Examples
    --------
    >>> from skgenome.preprocessing import KmerTokenizer
    >>> from skgenome.sequences import check_token_ids, reverse_complement_rows
    >>> forward, reverse = KmerTokenizer(k=3).transform(["GATTACA", "TGTAATC"])
    >>> (reverse_complement_rows(check_token_ids([forward]), 3).row(0) == reverse).all()
    np.True_
    """
    # Reversing everything also reverses the order of the rows; the offsets put each back in its place.
    flipped = reverse_complement_ids(token_ids.values, k)[::-1]
    starts = len(flipped) - token_ids.offsets[1:]
    order = np.repeat(starts - token_ids.offsets[:-1], token_ids.lengths) + np.arange(len(flipped))
    return TokenIds(flipped[order], token_ids.offsets)


def pad_rows(rows: Sequence[np.ndarray], dtype: np.dtype | None = None) -> np.ndarray:
    """Put rows of ids into a matrix, padded on the right with 0.

    Parameters
    ----------
    rows : sequence of 1-D arrays
        The rows.
    dtype : dtype, optional
        Of the matrix; by default that of the first row.

    Returns
    -------
    ndarray of shape (n_rows, longest)
        The matrix.

    Examples
    --------
    >>> import numpy as np
    >>> from skgenome.sequences import pad_rows
    >>> pad_rows([np.array([5, 6]), np.array([7])])
    array([[5, 6],
           [7, 0]])
    """
    matrix = np.full((len(rows), max(map(len, rows))), PAD_ID, dtype=dtype or rows[0].dtype)
    for i, row in enumerate(rows):
        matrix[i, : len(row)] = row
    return matrix


__all__ = [
    "TokenGeometry",
    "TokenIds",
    "TokenRows",
    "check_token_ids",
    "check_token_rows",
    "id_dtype",
    "infer_geometry",
    "overlaps_by",
    "pad_rows",
    "reverse_complement_rows",
]
