"""Run a trained network over edits of a few sequences: what they have in common is read once."""

from collections.abc import Iterator

import numpy as np
import torch

from skgenome.nn import BOTH_STRANDS, BasePooled, PooledEncoder, join_strands
from skgenome.sequences import TokenIds, reverse_complement_rows
from skgenome.training._inference import borrowed, gather_rows, pool_rows


def pool_edits(
    encoder: BasePooled,
    token_ids: TokenIds,
    origins: np.ndarray,
    *,
    k: int,
    batch_size: int,
    device: torch.device,
    dtype: torch.dtype,
) -> np.ndarray:
    """Encode and pool rows as :func:`pool_rows` does, without reading again what an origin begins with.

    Up to the first token in which a row differs from its origin, the states are those of the origin. They
    are computed once and passed on, so that a substitution costs no more than the tokens from there to the
    end: half of them on average, on both strands. The memory is that of a batch.

    Parameters
    ----------
    encoder : BasePooled
        One that does not read token by token has no states to pass on: every row is then read as a whole.
    token_ids : TokenIds
        The rows.
    origins : ndarray of int, shape (n_rows,)
        The row that each is an edit of; its own number where it is none. Tokens are compared, so that a wrong
        one costs time alone.
    k : int
        Bases in a token.
    batch_size : int
        Rows in a batch, on each strand. Rows whose edits are near each other go together.
    device : torch.device
        Where to run.
    dtype : torch.dtype
        In which precision.

    Returns
    -------
    ndarray of float32, shape (n_rows, n_features)
        One vector for each row; zeros for a row without tokens.

    Raises
    ------
    ValueError
        If `origins` does not have the number of a row for each row.
    """
    origins = _check_origins(origins, token_ids.n_rows)
    if not isinstance(encoder, PooledEncoder):
        return pool_rows(encoder, token_ids, k=k, batch_size=batch_size, device=device, dtype=dtype)
    if encoder.strand not in BOTH_STRANDS:
        with borrowed(encoder, device, dtype):
            return _pool_strand(encoder, token_ids, origins, batch_size, device)
    # What stands before an edit on one strand stands behind it on the other: each shares its own beginning.
    # As rows like any others, both are in one batch, for which a network is the faster.
    both = _join(token_ids, reverse_complement_rows(token_ids, k))
    origins = np.concatenate([origins, origins + token_ids.n_rows])
    with borrowed(encoder, device, dtype):
        features = torch.from_numpy(_pool_strand(encoder, both, origins, 2 * batch_size, device))
        forward, reverse = features.chunk(2)
        return join_strands(forward, reverse, encoder.strand).numpy()


def _check_origins(origins: np.ndarray, n_rows: int) -> np.ndarray:
    origins = np.asarray(origins)
    if origins.shape != (n_rows,) or origins.dtype.kind not in "iu":
        raise ValueError(
            f"origins must be a row number for each of {n_rows} rows. Got shape {origins.shape} of "
            f"{origins.dtype} instead."
        )
    wrong = np.flatnonzero((origins < 0) | (origins >= n_rows))
    if len(wrong):
        raise ValueError(
            f"origins must be row numbers from 0 to {n_rows - 1}. Got {origins[wrong[0]]} for row {wrong[0]}."
        )
    return origins.astype(np.int64)


def _join(first: TokenIds, second: TokenIds) -> TokenIds:
    offsets = np.concatenate([first.offsets, second.offsets[1:] + first.offsets[-1]])
    return TokenIds(np.concatenate([first.values, second.values]), offsets)


def _count_shared(token_ids: TokenIds, origins: np.ndarray) -> np.ndarray:
    """Count the tokens with which each row begins as its origin does."""
    counts = np.empty(token_ids.n_rows, dtype=np.int64)
    for i, origin in enumerate(origins.tolist()):
        row, other = token_ids.row(i), token_ids.row(origin)
        n = min(len(row), len(other))
        differs = row[:n] != other[:n]
        counts[i] = differs.argmax() if differs.any() else n
    return counts


def _deal_families(
    lengths: np.ndarray, origins: np.ndarray, batch_size: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Deal rows into sets of families: edits of one row that are of the same length.

    Of the same length, since what stands in which segment depends on it. A set has families of similar
    lengths, as few as fill a batch, so that no more than a batch of origins is read side by side.

    Yields
    ------
    rows : ndarray of int
        Those of a set; rows without tokens are in none.
    families : ndarray of int
        The family of each of them, from 0.
    """
    order = np.lexsort((origins, lengths))
    order = order[lengths[order] > 0]
    is_first = (np.diff(origins[order], prepend=-1) != 0) | (np.diff(lengths[order], prepend=-1) != 0)
    families = np.cumsum(is_first)
    start = 0
    while start < len(order):
        # To the end of the family with which the batch is full.
        last = families[min(start + batch_size, len(order)) - 1]
        end = int(np.searchsorted(families, last, side="right"))
        yield order[start:end], families[start:end] - families[start]
        start = end


def _pool_strand(
    encoder: PooledEncoder, token_ids: TokenIds, origins: np.ndarray, batch_size: int, device: torch.device
) -> np.ndarray:
    """Pool rows of one strand, or of both that are rows of their own."""
    features = np.zeros((token_ids.n_rows, encoder.n_features_of_strand), dtype=np.float32)
    lengths = token_ids.lengths
    # One token at least is left to read, also where a row is its origin itself.
    starts = np.minimum(_count_shared(token_ids, origins), lengths - 1)
    for rows, families in _deal_families(lengths, origins, batch_size):
        firsts = rows[np.unique(families, return_index=True)[1]]
        trunk_ids = gather_rows(token_ids, origins[firsts]).to(device)
        trunk, position = encoder.begin(torch.from_numpy(lengths[firsts]).to(device)), 0
        order = np.argsort(starts[rows], kind="stable")
        for batch in np.array_split(order, -(-len(rows) // batch_size)):
            # All of a batch branch off where the first of them does: the others read a few tokens twice.
            start = int(starts[rows[batch[0]]])
            trunk.read(trunk_ids[:, position:start])
            position = start
            branches = trunk.take(torch.from_numpy(families[batch]).to(device))
            branches.read(gather_rows(token_ids, rows[batch]).to(device)[:, start:])
            features[rows[batch]] = branches.result().cpu().numpy()
    return features
