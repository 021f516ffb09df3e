"""Networks made again of their weights, without believing the sizes that stand beside these."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn


def _shape(value: Any) -> tuple:
    # A single number, such as a count of batches, is kept as an array of one; torch takes either.
    return tuple(getattr(value, "shape", ("no array",))) or (1,)


def rebuild(make: Callable[[], nn.Module], weights: Mapping[str, Any]) -> nn.Module:
    """Make a module and give it weights that were kept as arrays.

    Parameters
    ----------
    make : callable
        Makes the module. Called twice: first without memory behind it, to compare its sizes with those of
        the weights. A few bytes of a description may ask for a network of terabytes.
    weights : mapping of str to ndarray
        Its state dict. The arrays are copied.

    Returns
    -------
    torch.nn.Module
        The module, in eval mode. The generator of random numbers is left as it was.

    Raises
    ------
    ValueError
        If the weights are not those of such a module.

    Examples
    --------
    >>> import numpy as np
    >>> from torch import nn
    >>> from skgenome.nn import rebuild
    >>> weights = {"weight": np.ones((1, 2), dtype=np.float32), "bias": np.zeros(1, dtype=np.float32)}
    >>> rebuild(lambda: nn.Linear(2, 1), weights)
    Linear(in_features=2, out_features=1, bias=True)
    """
    # Drawing weights that are replaced at once must not move the user's generator.
    with torch.random.fork_rng(devices=[]):
        with torch.device("meta"):
            expected = {name: _shape(value) for name, value in make().state_dict().items()}
        given = {name: _shape(value) for name, value in weights.items()}
        for name in [*expected, *given]:
            if expected.get(name) != given.get(name):
                raise ValueError(
                    f"the weight {name[:60]!r} has the shape {expected.get(name, 'of none')} in the network "
                    f"that is described, and {given.get(name, 'of none')} in the file of weights"
                )
        module = make()
    # A copy, since arrays that joblib maps from disk are read-only.
    module.load_state_dict({name: torch.tensor(value) for name, value in weights.items()})
    return module.eval()
