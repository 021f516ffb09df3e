"""What happens when the memory runs out: fewer rows of a batch at once, and what they give added up."""

import logging
import warnings
from collections.abc import Callable
from itertools import pairwise
from typing import TypeVar

import torch

from skgenome.exceptions import SkgenomeWarning

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

# What torch says without a class of its own: on a CPU, in cuDNN and cuBLAS, on Apple's GPUs.
_SIGNS = (
    "out of memory",
    "not enough memory",
    "can't allocate memory",
    "failed to allocate memory",
    "CUDNN_STATUS_ALLOC_FAILED",
    "CUBLAS_STATUS_ALLOC_FAILED",
)


def is_out_of_memory(error: Exception) -> bool:
    """Tell whether an error says that the memory, of host or device, was too small.

    Parameters
    ----------
    error : Exception
        Any.

    Returns
    -------
    bool
        Whether it does.

    Examples
    --------
    >>> from skgenome.training._memory import is_out_of_memory
    >>> is_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried ..."))
    True
    >>> is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    False
    """
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in _SIGNS)


class BatchMemory:
    """How many rows of a batch go through a network at once.

    All of them, until the memory runs out: then half as many, again and again, and it stays so. Who computes
    something for a batch gives it to :meth:`run` as a function of the parts that it is to be made in.

    Parameters
    ----------
    advice : str
        What to do where a part cannot be made smaller.
    least_rows : int, default=1
        Fewest rows of a part.
    effect : str, default=""
        What a training in parts changes, for the warning.
    quiet : bool, default=False
        Whether it is logged alone: where parts change nothing in the result.

    Attributes
    ----------
    limits : dict of str to int
        Most rows at once, for each kind of work in which the memory has run out.
    """

    def __init__(self, advice: str, *, least_rows: int = 1, effect: str = "", quiet: bool = False):
        self.advice, self.least_rows, self.effect = advice, least_rows, effect
        self.limits: dict[str, int] = {}
        self._is_silent = quiet

    def parts(self, kind: str, n_rows: int) -> list[slice]:
        """Deal the rows of a batch into parts of nearly the same size.

        Parameters
        ----------
        kind : str
            The kind of work.
        n_rows : int
            Rows of the batch.

        Returns
        -------
        list of slice
            A single one as long as the memory has been large enough.
        """
        limit = self.limits.get(kind, n_rows)
        n_parts = max(min(-(-n_rows // limit), n_rows // self.least_rows), 1) if n_rows else 1
        return [slice(*ends) for ends in pairwise(n_rows * i // n_parts for i in range(n_parts + 1))]

    def run(
        self,
        kind: str,
        n_rows: int,
        compute: Callable[[list[slice]], Result],
        restart: Callable[[], object] = lambda: None,
    ) -> Result:
        """Compute something for a batch, in as few parts as the memory allows.

        Parameters
        ----------
        kind : str
            The kind of work; training takes more memory than prediction, so each has a limit of its own.
        n_rows : int
            Rows of the batch.
        compute : callable
            Takes the parts.
        restart : callable
            Called before `compute` is called again: undoes what it had done when the memory ran out.

        Returns
        -------
        object
            What `compute` gives.

        Raises
        ------
        MemoryError
            If the smallest part is too large as well.

        Warns
        -----
        SkgenomeWarning
            The first time that a batch was made in parts.
        """
        n_tries = 0
        while True:
            n_tries += 1
            try:
                result = compute(self.parts(kind, n_rows))
                break
            except (RuntimeError, MemoryError) as err:
                if not is_out_of_memory(err):
                    raise
                self._halve(kind, n_rows, err)
            # Not before: as long as the error is handled, its traceback holds on to the tensors.
            restart()
            if torch.cuda.is_initialized():
                torch.cuda.empty_cache()
        if n_tries > 1:
            self._tell(kind, n_rows)
        return result

    def _largest(self, kind: str, n_rows: int) -> int:
        return max(part.stop - part.start for part in self.parts(kind, n_rows))

    def _halve(self, kind: str, n_rows: int, error: Exception) -> None:
        largest = self._largest(kind, n_rows)
        self.limits[kind] = -(-largest // 2)
        if self._largest(kind, n_rows) >= largest:
            reason = str(error).partition("\n")[0]
            raise MemoryError(
                f"The memory ran out with {largest} row(s) at once, of a batch of {n_rows}, and the network "
                f"needs at least {largest} to compute anything ({reason}). {self.advice}"
            ) from error

    def _tell(self, kind: str, n_rows: int) -> None:
        limit = self.limits[kind]
        logger.info("memory ran out in %s: %d rows at once from now on", kind, limit)
        if self._is_silent:
            return
        self._is_silent = True
        warnings.warn(
            f"The memory ran out in a batch of {n_rows} rows ({kind}). From here on at most {limit} rows go "
            "through the network at once. The gradients of the parts are added up, so that a step is still "
            f"one of the whole batch.{self.effect} The training takes longer; later halvings are logged.",
            SkgenomeWarning,
            stacklevel=2,
        )
