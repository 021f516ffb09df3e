"""Windows of one size along a sequence."""

from collections.abc import Iterator

import numpy as np


def window_starts(length: int, window_size: int, step: int | None = None) -> np.ndarray:
    """Give the starts of all whole windows of a sequence.

    Parameters
    ----------
    length : int
        Bases in the sequence.
    window_size : int
        Bases in a window.
    step : int, optional
        Bases between the starts of adjacent windows; by default `window_size`, windows side by side.

    Returns
    -------
    ndarray of shape (n_windows,), int64
        Starts from 0. Bases behind the last whole window are in none; a sequence shorter than a window has
        none.

    Raises
    ------
    ValueError
        If `length` is negative, or `window_size` or `step` is less than 1.

    Examples
    --------
    >>> from skgenome.sequences import window_starts
    >>> window_starts(10, window_size=4, step=3)
    array([0, 3, 6])
    """
    step = window_size if step is None else step
    for name, value, least in [("length", length, 0), ("window_size", window_size, 1), ("step", step, 1)]:
        if value < least:
            raise ValueError(f"{name} must be at least {least}, in bases. Got {value} instead.")
    return np.arange(0, length - window_size + 1, step, dtype=np.int64)


def iter_windows(sequence: str, window_size: int, step: int | None = None) -> Iterator[str]:
    """Cut a sequence into whole windows, one at a time.

    Parameters
    ----------
    sequence : str
        The sequence.
    window_size : int
        Bases in a window.
    step : int, optional
        Bases between the starts of adjacent windows; by default `window_size`.

    Yields
    ------
    str
        The windows at `window_starts`, in that order.

    Raises
    ------
    ValueError
        If `window_size` or `step` is less than 1.

    Examples
    --------
    >>> from skgenome.sequences import iter_windows
    >>> list(iter_windows("GATTACA", window_size=3, step=2))
    ['GAT', 'TTA', 'ACA']
    """
    for start in window_starts(len(sequence), window_size, step):
        yield sequence[start : start + window_size]
