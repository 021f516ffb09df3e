"""What the tokenizer and the counter ask of their input alike."""

import warnings

import numpy as np

from skgenome.exceptions import SkgenomeWarning
from skgenome.sequences import check_sequences

#: The largest k whose ids fit 32 bits together with the special ones.
MAX_K = 15


def check_not_empty(X) -> list[str]:
    """Check a collection of sequences that must hold one at least.

    Parameters
    ----------
    X : collection of str
        Sequences.

    Returns
    -------
    list of str
        The sequences.

    Raises
    ------
    TypeError, ValueError
        As `check_sequences`; ValueError too if there is no sequence.
    """
    sequences = check_sequences(X)
    if not sequences:
        raise ValueError("X must hold at least one sequence. Got an empty collection: 0 sample(s).")
    return sequences


def warn_if_short(lengths: np.ndarray, k: int, what: str) -> None:
    """Warn, once, of sequences that are shorter than a k-mer.

    Parameters
    ----------
    lengths : ndarray of shape (n_sequences,), int64
        Bases in each sequence.
    k : int
        Bases in a k-mer.
    what : str
        What such a sequence becomes.

    Warns
    -----
    SkgenomeWarning
        With the count, and the first such sequence.
    """
    is_short = lengths < k
    if not is_short.any():
        return
    first = int(np.argmax(is_short))
    # Level 3: the caller of transform, past this helper.
    warnings.warn(
        f"{np.count_nonzero(is_short)} of {len(lengths)} sequences are shorter than k = {k} and {what}. "
        f"The first is sequence {first}, of {lengths[first]} bases.",
        SkgenomeWarning,
        stacklevel=3,
    )
