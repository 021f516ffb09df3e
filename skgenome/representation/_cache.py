"""Remember the features of rows, so that a grid search embeds a sequence once and not once per fold."""

from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b
from threading import Lock

import numpy as np

from skgenome.sequences import TokenIds


class FeatureCache:
    """Keep the features of the rows that were used last, up to a number of bytes.

    There is one for each process: what is kept must outlive the copies of an estimator that scikit-learn
    makes. A row is known by its content and by a fingerprint of all that its features depend on.
    """

    def __init__(self):
        self._rows: OrderedDict[bytes, np.ndarray] = OrderedDict()
        self._n_bytes = 0
        self._lock = Lock()

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._rows.clear()
            self._n_bytes = 0

    def get(self, key: bytes) -> np.ndarray | None:
        """Give the features of a row, if they are known.

        Parameters
        ----------
        key : bytes
            Of the row.

        Returns
        -------
        ndarray of shape (n_features,) or None
            The features.
        """
        with self._lock:
            if key in self._rows:
                self._rows.move_to_end(key)
            return self._rows.get(key)

    def put(self, key: bytes, features: np.ndarray, max_bytes: int) -> None:
        """Remember the features of a row and forget old ones beyond the limit.

        Parameters
        ----------
        key : bytes
            Of the row.
        features : ndarray of shape (n_features,)
            Its features; a copy is kept.
        max_bytes : int
            The limit.
        """
        with self._lock:
            if key not in self._rows:
                self._rows[key] = features.copy()
                self._n_bytes += features.nbytes
            while self._n_bytes > max_bytes:
                self._n_bytes -= self._rows.popitem(last=False)[1].nbytes


CACHE = FeatureCache()


def compute_missing(
    token_ids: TokenIds,
    n_features: int,
    fingerprint: bytes,
    compute: Callable[[TokenIds], np.ndarray],
    max_bytes: int,
) -> np.ndarray:
    """Look rows up and compute those that are not known, each distinct one once.

    Parameters
    ----------
    token_ids : TokenIds
        The rows.
    n_features : int
        Length of a feature vector.
    fingerprint : bytes
        Of all else that the features depend on.
    compute : callable
        Maps TokenIds to an array of shape (n_rows, n_features).
    max_bytes : int
        How much the cache may hold; 0 computes every row.

    Returns
    -------
    ndarray of float32, shape (n_rows, n_features)
        The features.
    """
    if max_bytes == 0:
        return compute(token_ids)
    keys = [_key(token_ids.row(i), fingerprint) for i in range(token_ids.n_rows)]
    features = np.empty((token_ids.n_rows, n_features), dtype=np.float32)
    missing: dict[bytes, list[int]] = {}
    for i, key in enumerate(keys):
        known = CACHE.get(key)
        if known is None:
            missing.setdefault(key, []).append(i)
        else:
            features[i] = known
    if missing:
        computed = compute(token_ids.take([places[0] for places in missing.values()]))
        for (key, places), row in zip(missing.items(), computed, strict=True):
            features[places] = row
            CACHE.put(key, row, max_bytes)
    return features


def _key(row: np.ndarray, fingerprint: bytes) -> bytes:
    # The same ids are the same row whether they came as uint8 or as int64.
    content = row.astype("<u4").tobytes()
    return blake2b(content, digest_size=16, key=fingerprint).digest()
