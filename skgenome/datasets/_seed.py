"""From scikit-learn's random_state to the seed of a generator of NumPy."""

import numpy as np
from sklearn.utils import check_random_state


def draw_seed(random_state: int | np.random.RandomState | None) -> int:
    """Turn scikit-learn's random_state into one seed.

    Parameters
    ----------
    random_state : int, RandomState instance or None
        The same int gives the same seed.

    Returns
    -------
    seed : int
        Not negative.
    """
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))
