"""Numbers of items within their groups."""

import numpy as np


def number_within(sizes: np.ndarray) -> np.ndarray:
    """Count the items of groups that stand one after the other, each group from 0 on.

    Parameters
    ----------
    sizes : ndarray of integers, shape (n_groups,)
        Items in each group; 0 is allowed.

    Returns
    -------
    ndarray of int64, shape (n_items,)
        For all items.

    Examples
    --------
    >>> import numpy as np
    >>> from skgenome.sequences import number_within
    >>> number_within(np.array([3, 0, 2]))
    array([0, 1, 2, 0, 1])
    """
    return np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
