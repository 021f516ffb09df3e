"""Where a network runs, in which precision, and from which seed: one place for each."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import numpy as np
import torch

from skgenome.training._processes import launched_processes

#: What a user may ask for.
PRECISIONS = ("auto", "float32", "bfloat16")


def resolve_device(device: str | torch.device = "auto") -> torch.device:
    """Turn what the user asked for into a device that exists.

    Parameters
    ----------
    device : str or torch.device, default="auto"
        ``"auto"`` is CUDA where there is one, else the CPU; of processes that a launcher has started, each
        has a device of its own.

    Returns
    -------
    torch.device
        The device.

    Raises
    ------
    ValueError
        If the name is unknown, or CUDA is asked for and there is none.

    Examples
    --------
    >>> from skgenome.training import resolve_device
    >>> resolve_device("cpu")
    device(type='cpu')
    """
    if device == "auto":
        return launched_processes().device
    try:
        resolved = torch.device(device)
    except RuntimeError as err:
        raise ValueError(
            f"device must be 'auto' or a torch device such as 'cpu' or 'cuda:0'. Got {device!r} instead."
        ) from err
    if resolved.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(
            f"device={device!r} was asked for, but torch sees no CUDA device. Use device='auto'."
        )
    return resolved


def resolve_precision(precision: str, device: torch.device) -> torch.dtype:
    """Turn what the user asked for into the dtype that training computes in.

    Parameters
    ----------
    precision : {'auto', 'float32', 'bfloat16'}
        ``'auto'`` is bfloat16 where the hardware multiplies in it: CUDA from Ampere on, CPUs with
        avx512_bf16 or AMX (there 1.5 to 2 times faster than float32). Weights stay in float32.
    device : torch.device
        Where the network runs.

    Returns
    -------
    torch.dtype
        ``torch.float32`` or ``torch.bfloat16``.

    Raises
    ------
    ValueError
        If the name is unknown.

    Examples
    --------
    >>> import torch
    >>> from skgenome.training import resolve_precision
    >>> resolve_precision("float32", torch.device("cpu"))
    torch.float32
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision must be one of {PRECISIONS}. Got {precision!r} instead.")
    if precision == "auto":
        precision = "bfloat16" if _multiplies_bfloat16(device) else "float32"
    return getattr(torch, precision)


def _multiplies_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    # Private until torch.cpu.get_capabilities is in every release that we support.
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return device.type == "cpu" and any(getattr(torch.cpu, check, bool)() for check in checks)


def autocast(dtype: torch.dtype, device: torch.device) -> AbstractContextManager:
    """Compute matrix products in ``dtype`` for the time of a with block.

    Parameters
    ----------
    dtype : torch.dtype
        ``torch.float32`` changes nothing.
    device : torch.device
        Where the network runs.

    Returns
    -------
    context manager
        Torch's autocast.

    Examples
    --------
    >>> import torch
    >>> from skgenome.training import autocast
    >>> with autocast(torch.bfloat16, torch.device("cpu")):
    ...     (torch.ones(2, 2) @ torch.ones(2, 2)).dtype
    torch.bfloat16
    """
    return torch.autocast(device.type, dtype, enabled=dtype != torch.float32)


def draw_seed(random_state: np.random.RandomState) -> int:
    """Draw the seed of a training, or of the weights of a network.

    Parameters
    ----------
    random_state : numpy.random.RandomState
        Where it is drawn from; it goes on by one draw.

    Returns
    -------
    int
        The seed.

    Examples
    --------
    >>> import numpy as np
    >>> from skgenome.training import draw_seed
    >>> draw_seed(np.random.RandomState(0)) == draw_seed(np.random.RandomState(0))
    True
    """
    return int(random_state.randint(np.iinfo(np.int32).max))


@contextmanager
def seeded(random_state: np.random.RandomState, device: torch.device) -> Iterator[int]:
    """Seed torch for the time of a with block and leave the user's generators as they were.

    Parameters
    ----------
    random_state : numpy.random.RandomState
        Where the seed is drawn from.
    device : torch.device
        Its generator is seeded beside the CPU's.

    Yields
    ------
    int
        The seed.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from skgenome.training import seeded
    >>> draws = []
    >>> for _ in range(2):
    ...     with seeded(np.random.RandomState(0), torch.device("cpu")):
    ...         draws.append(torch.rand(1).item())
    >>> draws[0] == draws[1]
    True
    """
    seed = draw_seed(random_state)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        # Not torch.manual_seed, which also seeds all the devices whose state is not kept here.
        torch.default_generator.manual_seed(seed)
        if device.type == "cuda":
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield seed
