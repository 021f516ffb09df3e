"""Link samples that belong together, for `linked_groups`: by place on a genome, or equal in something."""

from collections.abc import Hashable, Iterable

import numpy as np


def overlap_links(contigs: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Link stretches that overlap on a contig, whatever their strands.

    Parameters
    ----------
    contigs : ndarray of shape (n_samples,), str
        The contig of each.
    starts, ends : ndarray of shape (n_samples,), int64
        Where on it, 0-based half-open.

    Returns
    -------
    pairs : ndarray of shape (n_pairs, 2), int64
        Not all overlaps, but enough of them to connect what overlaps directly or through others.
    """
    numbers = np.unique(contigs, return_inverse=True)[1]
    # All contigs one behind the other on one line, so that the farthest end so far is a running maximum.
    shifts = numbers * (ends.max(initial=0) + 1)
    order = np.argsort(starts + shifts, kind="stable")
    reached = np.maximum.accumulate((ends + shifts)[order])
    joined = (starts + shifts)[order][1:] < reached[:-1]
    return np.stack([order[:-1][joined], order[1:][joined]], axis=1)


def equal_links(keys: Iterable[Hashable]) -> np.ndarray:
    """Link every sample with the first one that has the same key.

    Parameters
    ----------
    keys : iterable of hashable
        One key per sample.

    Returns
    -------
    pairs : ndarray of shape (n_pairs, 2), int64
        The earlier sample first.
    """
    first: dict[Hashable, int] = {}
    pairs = [(first.setdefault(key, number), number) for number, key in enumerate(keys)]
    return np.array([pair for pair in pairs if pair[0] != pair[1]], dtype=np.int64).reshape(-1, 2)
