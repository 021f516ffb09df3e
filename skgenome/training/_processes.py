"""The processes that train one network together, where a launcher has started several of them.

Every process runs the same script and reads the same batches, so that each knows all that a loss is divided
by. Of a batch it computes some rows; what these contribute to loss and gradients is added up over the
processes. A step is thus one of the whole batch, as where the memory runs out and rows are read in parts.

A process that fails tells the others when they meet next, and they fail too: nobody waits for it.
"""

import multiprocessing
import os
import threading
from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple, TypeVar

import torch
from torch import nn

from skgenome.training._memory import is_out_of_memory

Result = TypeVar("Result")

# What torch's own launcher sets, which is the one behind `accelerate launch`.
_OF_LAUNCHER = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR")
# Seeds of the generators of the processes are so far apart.
_SEED_STEP = 1_000_003
# Statistics that batch normalisation has of the rows of its process alone.
_RUNNING = ("running_mean", "running_var")


class Failure(NamedTuple):
    """What a process tells the others in place of a result."""

    text: str
    """Its error, in one line."""
    is_memory: bool
    """Whether its memory was too small."""


class OneProcess:
    """A process that trains alone: each method does what is left of it without others.

    Attributes
    ----------
    index, count : int
        Which of the processes this is, and how many there are.
    """

    index, count = 0, 1

    @property
    def is_main(self) -> bool:
        """Whether this is the process that writes files and shows progress."""
        return self.index == 0

    @property
    def device(self) -> torch.device:
        """Where a network runs if nobody says otherwise."""
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")

    def share(self, n_rows: int) -> slice:
        """Give the rows of a batch that are this process's to compute.

        Parameters
        ----------
        n_rows : int
            Rows of the batch.

        Returns
        -------
        slice
            Without any row where there are fewer rows than processes before it.
        """
        return slice(n_rows * self.index // self.count, n_rows * (self.index + 1) // self.count)

    def together(self, compute: Callable[[], Result]) -> list[Result]:
        """Compute something in every process.

        Parameters
        ----------
        compute : callable
            Gives what this process has.

        Returns
        -------
        list
            What each process has, in their order; tensors of others are on the CPU.

        Raises
        ------
        MemoryError
            If the memory of another process was too small.
        RuntimeError
            If another process has failed, or has ended. One that fails itself raises its own error.
        """
        return [compute()]

    def of_main(self, compute: Callable[[], Result]) -> Result:
        """Compute something in the main process, for all of them.

        Parameters
        ----------
        compute : callable
            Is called in the main process alone.

        Returns
        -------
        object
            What it gives.

        Raises
        ------
        RuntimeError
            If it fails; in the main process its own error.
        """
        return compute()

    def join_rows(self, compute: Callable[[], tuple], device: torch.device) -> tuple:
        """Put the rows that the processes have computed together, for a loss that compares them.

        Gradients reach the rows of this process, as if there were all those of the others as well: who makes
        a loss of the whole divides it by the number of processes.

        Parameters
        ----------
        compute : callable
            Gives some tensors, or None in their places, whose first dimension are the rows of this process;
            none at all where it has no rows.
        device : torch.device
            Where the tensors are to be.

        Returns
        -------
        tuple of Tensor or None
            The same with all rows.
        """
        return compute()

    def add_gradients(self, module: nn.Module) -> None:
        """Add up the gradients of all processes, in place.

        Parameters
        ----------
        module : torch.nn.Module
            Its parameters get the same gradients in every process, and batch normalisation the same
            statistics, the mean of those of the processes.
        """

    def align(self, module: nn.Module) -> None:
        """Give a module the weights and buffers that it has in the main process, in place.

        Parameters
        ----------
        module : torch.nn.Module
            The module.
        """

    def seed_own(self, seed: int, device: torch.device) -> None:
        """Let every process draw other random numbers, as rows of one batch do.

        Parameters
        ----------
        seed : int
            The generators of the main process stay as they are; those of others are seeded with this and
            their index.
        device : torch.device
            Its generator is seeded beside the CPU's.
        """


class LaunchedProcesses(OneProcess):
    """Processes that a launcher has started, as accelerate knows them.

    Raises
    ------
    ImportError
        If accelerate is not installed.
    RuntimeError
        If accelerate has been told before, by the script, that there is one process.
    """

    def __init__(self):
        try:
            from accelerate import PartialState
        except ImportError as err:
            raise ImportError(
                f"A launcher has started {os.environ['WORLD_SIZE']} processes, but accelerate, which "
                "connects them, is missing. pip install 'skgenome[accelerate]', or use no launcher."
            ) from err
        for_cpu = os.environ.get("ACCELERATE_USE_CPU", "").lower() in ("1", "true", "yes")
        state = PartialState(cpu=for_cpu or not torch.cuda.is_available())
        if state.num_processes != int(os.environ["WORLD_SIZE"]):
            raise RuntimeError(
                f"A launcher has started {os.environ['WORLD_SIZE']} processes, but accelerate counts "
                f"{state.num_processes}: the script has made a PartialState of another kind before. Make an "
                "accelerate.Accelerator() in its place, or none: skgenome connects the processes itself."
            )
        self.index, self.count, self._device = state.process_index, state.num_processes, state.device
        # The id of an error, not the error, whose traceback would hold on to the tensors of a step.
        self._told: int | None = None

    @property
    def device(self) -> torch.device:
        """The device of this process: every one on a machine has a GPU of its own, where there are any."""
        return self._device

    @property
    def _name(self) -> str:
        return f"Process {self.index} of {self.count}"

    def together(self, compute: Callable[[], Result]) -> list[Result]:
        """Compute something in every process."""
        from accelerate.utils import gather_object

        self._told = None
        try:
            own = _on_cpu(compute())
        except BaseException as err:
            # An error that all know of already, from a meeting within this one, is not told again.
            if self._told != id(err):
                self._told = id(err)
                self._meet(gather_object, [_failure_of(err)])
            raise
        results = self._meet(gather_object, [own])
        self._see_failures(results)
        return results

    def of_main(self, compute: Callable[[], Result]) -> Result:
        """Compute something in the main process, for all of them."""
        from accelerate.utils import broadcast_object_list

        own: Any = None
        if self.is_main:
            try:
                own = compute()
            except BaseException as err:
                self._meet(broadcast_object_list, [_failure_of(err)])
                raise
        result = self._meet(broadcast_object_list, [_on_cpu(own)])
        self._see_failures(result)
        return own if self.is_main else result[0]

    def _meet(self, exchange: Callable[[Any], Result], values: Any) -> Result:
        try:
            return exchange(values)
        except RuntimeError as err:
            raise RuntimeError(
                f"{self._name} has lost the others: one has ended or does not answer "
                f"({str(err).splitlines()[0]}). Its own message says why. Start all of them again; with "
                "checkpoint_dir the training goes on where it was."
            ) from err

    def _see_failures(self, results: list) -> None:
        for index, result in enumerate(results):
            if isinstance(result, Failure):
                kind = MemoryError if result.is_memory else RuntimeError
                error = kind(
                    f"{self._name} stops, since process {index} has failed and all work on the same step: "
                    f"{result.text}"
                )
                self._told = id(error)
                raise error

    def join_rows(self, compute: Callable[[], tuple], device: torch.device) -> tuple:
        """Put the rows that the processes have computed together, for a loss that compares them."""
        own: list[tuple] = []

        def give() -> tuple:
            own.append(compute())
            return tuple(None if x is None else x.detach() for x in own[0])

        parts = self.together(give)
        parts[self.index] = own[0]
        columns = zip(*(part for part in parts if part), strict=True)
        return tuple(self._join_column(column, device) for column in columns)

    def _join_column(self, column: tuple, device: torch.device) -> torch.Tensor | None:
        if column[0] is None:
            return None
        joined = torch.cat([part.to(device) for part in column])
        if joined.requires_grad:
            # Every process computes the same loss and has a part of it, but the rows of one are known to
            # the gradient of that one alone.
            joined.register_hook(lambda gradient: gradient * self.count)
        return joined

    def add_gradients(self, module: nn.Module) -> None:
        """Add up the gradients of all processes, in place."""
        from accelerate.utils import reduce

        weights = [weight for weight in module.parameters() if weight.requires_grad]
        has_one = [weight.grad is not None for weight in weights]
        gradients = [torch.zeros_like(w) if w.grad is None else w.grad for w in weights]
        running = [x for name, x in module.named_buffers() if name.rpartition(".")[2] in _RUNNING]
        summed = [*gradients, *(x / self.count for x in running)]
        flags = torch.tensor(has_one, dtype=torch.float32, device=weights[0].device)
        # One meeting for all of them: a meeting costs more than the numbers that are exchanged.
        flat = torch.cat([flags, *(x.detach().reshape(-1) for x in summed)])
        flat = self._meet(partial(reduce, reduction="sum"), flat.to(self._device)).to(flat.device)
        has_one, *parts = flat.split([len(flags), *(x.numel() for x in summed)])
        for target, part in zip([*gradients, *running], parts, strict=True):
            target.copy_(part.view(target.shape))
        for weight, gradient, known in zip(weights, gradients, has_one.tolist(), strict=True):
            # What no row of any process has reached is not to be decayed either.
            weight.grad = gradient if known else None

    def align(self, module: nn.Module) -> None:
        """Give a module the weights and buffers that it has in the main process, in place."""
        state = self.of_main(module.state_dict)
        if not self.is_main:
            module.load_state_dict(state)

    def seed_own(self, seed: int, device: torch.device) -> None:
        """Let every process draw other random numbers, as rows of one batch do."""
        if self.is_main:
            return
        seed += _SEED_STEP * self.index
        torch.default_generator.manual_seed(seed)
        if device.type == "cuda":
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)


def _on_cpu(value: Any) -> Any:
    """Give a copy of what tensors are in, with all of them on the CPU: what is sent has no device."""
    if isinstance(value, torch.Tensor):
        return value.detach().cpu()
    if isinstance(value, dict):
        return {name: _on_cpu(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        items = map(_on_cpu, value)
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    return value


def _failure_of(error: BaseException) -> Failure:
    text = f"{type(error).__name__}: {error}".partition("\n")[0]
    return Failure(text, isinstance(error, Exception) and is_out_of_memory(error))


def _is_launched() -> bool:
    """Say whether a launcher has started this process as one of several."""
    started = all(name in os.environ for name in _OF_LAUNCHER) and os.environ["WORLD_SIZE"] != "1"
    # Workers of joblib or Dask inherit what the launcher has told the process that has started them.
    return started and multiprocessing.parent_process() is None


@cache
def _connect() -> LaunchedProcesses:
    return LaunchedProcesses()


_ALONE = OneProcess()


def launched_processes() -> OneProcess:
    """Give the processes that train together, and connect them where that was not done yet.

    Returns
    -------
    OneProcess
        With :attr:`~OneProcess.count` 1 where the script was started without a launcher, and in processes
        that it has started itself, as joblib does. Then accelerate is not imported.

    Raises
    ------
    ImportError
        If a launcher has started several and accelerate is not installed.
    RuntimeError
        If the script has told accelerate that there is one.
    """
    return _connect() if _is_launched() else _ALONE


def is_main_process() -> bool:
    """Say whether this is the process that writes what the script writes.

    Returns
    -------
    bool
        True in one of the processes that a launcher has started, and wherever there was no launcher.

    Examples
    --------
    >>> from skgenome.training import is_main_process
    >>> is_main_process()
    True
    """
    return launched_processes().is_main


def check_same(processes: OneProcess, call: dict[str, str]) -> None:
    """See that all processes are about to do the same.

    Parameters
    ----------
    processes : OneProcess
        Of the call.
    call : dict of str to str
        What this process is about to do, part by part.

    Raises
    ------
    RuntimeError
        If it is not in the main thread, where the meetings of two trainings would mix.
    ValueError
        If the call differs between processes. All of them raise it.
    """

    def describe() -> dict[str, str]:
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError(
                "fit was called in a thread beside the main one, as joblib's backend 'threading' does. "
                "Processes that train together make one training after the other: set n_jobs=None."
            )
        return call

    calls = processes.together(describe)
    for index, other in enumerate(calls):
        different = [name for name in calls[0] | other if other.get(name) != calls[0].get(name)]
        if different:
            parts = [f"{name} ({other.get(name)}, not {calls[0].get(name)})" for name in different]
            raise ValueError(
                f"All processes must make the same call, but process {index} differs from process 0 in "
                f"{', '.join(parts)}. "
                "Each runs the whole script: what it draws at random needs a seed. To train a model of its "
                "own in every process, start them without a launcher."
            )
