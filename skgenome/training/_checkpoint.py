"""The state of a training on disk: written beside and renamed, checked when it is read, without code in it.

A checkpoint is one safetensors file. Its tensors are those of the state; the rest of it is JSON, which lies
beside them as a tensor of bytes. The name of the file holds a digest of its content.
"""

import json
import os
import time
import warnings
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from skorch import NeuralNet
from skorch.callbacks import Callback
from skorch.utils import to_device

from skgenome.exceptions import DataIntegrityError, SkgenomeWarning
from skgenome.sequences import write_beside
from skgenome.training._callbacks import n_steps_of
from skgenome.training._processes import OneProcess, launched_processes

SUFFIX = ".safetensors"
#: The last one, and the one before it for the case that the last one is damaged.
KEPT = 2
# Where the JSON lies; the other tensors have numbers for names.
_REST = "rest"


def pack_state(state: Any) -> bytes:
    """Turn a state into the content of a safetensors file.

    Parameters
    ----------
    state : object
        Tensors, numbers, text, None, and dicts, lists and tuples of them.

    Returns
    -------
    bytes
        The content.

    Raises
    ------
    TypeError
        If the state holds anything else.

    Examples
    --------
    >>> import torch
    >>> from skgenome.training import pack_state, unpack_state
    >>> unpack_state(pack_state({"step": 3, "betas": (0.8, 0.99), "weights": torch.zeros(2)}))
    {'step': 3, 'betas': (0.8, 0.99), 'weights': tensor([0., 0.])}
    """
    tensors: dict[str, torch.Tensor] = {}
    rest = json.dumps(_pack(state, tensors)).encode()
    return save_tensors({**tensors, _REST: torch.frombuffer(bytearray(rest), dtype=torch.uint8)})


def _pack(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    if isinstance(value, torch.Tensor):
        name, value = str(len(tensors)), value.detach().cpu()
        # A copy of its own: safetensors refuses tensors that share their memory, as tied weights do.
        tensors[name] = value.contiguous().clone()
        # How it lies in memory, channels last for instance: a fused optimiser walks through a weight and its
        # state side by side, and takes for granted that both lie alike.
        return {"tensor": [name, list(torch.empty_like(value).stride())]}
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list):
        return [_pack(item, tensors) for item in value]
    if isinstance(value, tuple):
        return {"tuple": [_pack(item, tensors) for item in value]}
    if isinstance(value, dict):
        # Keys of an optimiser's state are numbers, of which a JSON object would make text.
        if all(isinstance(key, str) for key in value):
            return {"dict": {key: _pack(item, tensors) for key, item in value.items()}}
        return {"pairs": [[_pack(key, tensors), _pack(item, tensors)] for key, item in value.items()]}
    raise TypeError(
        f"The state of the training holds a {type(value).__name__}, {str(value)[:60]!r}, which cannot be "
        "written without code. Tensors, numbers and text can: use an optimizer whose state is made of these."
    )


def unpack_state(content: bytes) -> Any:
    """Turn the content of a file back into a state. Nothing in it is executed.

    Parameters
    ----------
    content : bytes
        As :func:`pack_state` makes it.

    Returns
    -------
    object
        The state, its tensors on the CPU.

    Raises
    ------
    DataIntegrityError
        If it is no such content.
    """
    try:
        tensors = load_tensors(content)
        return _unpack(json.loads(tensors[_REST].numpy().tobytes()), tensors)
    except (SafetensorError, LookupError, ValueError, TypeError, AttributeError, RuntimeError) as err:
        raise DataIntegrityError(f"no state of a training can be read: {err!r}.") from err


def _unpack(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    if isinstance(value, list):
        return [_unpack(item, tensors) for item in value]
    if not isinstance(value, dict):
        return value
    ((kind, inside),) = value.items()
    if kind == "tensor":
        name, stride = inside
        # A copy, since what lies in a buffer of safetensors is aligned otherwise than torch's own memory.
        return _lay_out(tensors[name], stride)
    if kind == "tuple":
        return tuple(_unpack(item, tensors) for item in inside)
    if kind == "pairs":
        return {_unpack(key, tensors): _unpack(item, tensors) for key, item in inside}
    return {key: _unpack(item, tensors) for key, item in inside.items()}


def _lay_out(values: torch.Tensor, stride: list[int]) -> torch.Tensor:
    """Copy a tensor to where its strides say; they may not reach further than it is long."""
    reach = sum((size - 1) * step for size, step in zip(values.shape, stride, strict=True))
    if values.numel() and reach != values.numel() - 1:
        raise ValueError(f"strides {str(stride)[:60]} are none of a tensor of shape {tuple(values.shape)}")
    return torch.empty_strided(values.shape, stride, dtype=values.dtype).copy_(values)


class Clock:
    """Say when the next checkpoint is due.

    Parameters
    ----------
    minutes : float
        At least so long between two.
    """

    def __init__(self, minutes: float):
        self.seconds = 60 * minutes
        self.restart()

    def restart(self) -> None:
        """Begin to count."""
        self._last = time.monotonic()

    @property
    def is_due(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() - self._last >= self.seconds


class Place:
    """The checkpoints of one training: a folder that holds the last ones.

    What a killed process has left of a checkpoint that it had not finished is removed. Of processes that
    train together the main one alone reads and writes, for all of them, and says when.

    Parameters
    ----------
    folder : Path
        The folder. It is made when there is something to write.
    clock : Clock
        When to write; all places of a call share one.
    renew : callable
        Sees before each checkpoint that the folder of the call is there.

    Attributes
    ----------
    resumed : dict or None
        The last state that was written here, for who goes on with it to take and to replace by None.
    """

    def __init__(self, folder: Path, clock: Clock, renew: Callable[[], None]):
        self.folder, self.clock, self.renew = folder, clock, renew
        self.processes = launched_processes()
        self.resumed = _of_process(self.processes.of_main(self._open), self.processes)

    @property
    def is_due(self) -> bool:
        """Whether it is time for a checkpoint."""
        return self.processes.of_main(lambda: self.clock.is_due)

    def _open(self) -> dict | None:
        for part in self.folder.glob(f".*{SUFFIX}"):
            part.unlink(missing_ok=True)
        return self._load()

    def _files(self) -> list[Path]:
        """List the checkpoints, the last one first."""
        return sorted(self.folder.glob(f"[0-9]*{SUFFIX}"), reverse=True)

    def _load(self) -> dict | None:
        """Read the last checkpoint that is whole."""
        for path in self._files():
            try:
                return _read(path)
            except (OSError, DataIntegrityError) as err:
                warnings.warn(
                    f"The checkpoint {path} is left out, since {err} The one before it is taken; without "
                    "any, the training starts anew.",
                    SkgenomeWarning,
                    stacklevel=2,
                )
        return None

    def save(self, state: dict) -> None:
        """Write a checkpoint, and remove those that are too old.

        Parameters
        ----------
        state : dict
            As :func:`pack_state` takes it.

        Warns
        -----
        SkgenomeWarning
            If it cannot be written: the training is worth more, and goes on.
        """
        # Also of one that fails: to try again after every step would take longer than the steps.
        self.clock.restart()
        state = _of_all(state, self.processes)
        if self.processes.is_main:
            self._write(state)

    def _write(self, state: dict) -> None:
        try:
            self.renew()
            self.folder.mkdir(exist_ok=True)
            files = self._files()
            number = int(files[0].name.partition("-")[0]) + 1 if files else 1
            content = pack_state(state)
            with write_beside(self.folder / f"{number:08d}-{_digest(content)}{SUFFIX}") as file:
                file.write(content)
                file.flush()
                # Also what follows a power cut finds it whole, and not the name alone.
                os.fsync(file.fileno())
            for path in files[KEPT - 1 :]:
                path.unlink(missing_ok=True)
        except (OSError, TypeError) as err:
            warnings.warn(
                f"No checkpoint could be written to {self.folder}: {err} The training goes on, and would "
                "be taken up again from the last one that was written. The next try comes after "
                "checkpoint_minutes.",
                SkgenomeWarning,
                stacklevel=3,
            )


def _of_all(state: dict, processes: OneProcess) -> dict:
    """Put what each process has of its own into a state: generators, carried states, sizes of parts."""
    if processes.count == 1:
        return state
    own = {name: state[name] for name in ("generators", "limits") if name in state}
    if "net" in state:
        own["carried"] = state["net"]["carried"]
    return {**state, "processes": processes.together(lambda: own)}


def _of_process(state: dict | None, processes: OneProcess) -> dict | None:
    """Take what this process has of its own out of the state of all."""
    if state is None or "processes" not in state:
        return state
    own = dict(state["processes"][processes.index])
    net = {"net": {**state["net"], "carried": own.pop("carried")}} if "net" in state else {}
    return {**state, **own, **net}


def _digest(content: bytes) -> str:
    return blake2b(content, digest_size=8).hexdigest()


def _read(path: Path) -> dict:
    content = path.read_bytes()
    found, expected = _digest(content), path.stem.partition("-")[2]
    if found != expected:
        raise DataIntegrityError(
            f"its {len(content):,} bytes are damaged: their digest is {found}, and {expected} in its name."
        )
    state = unpack_state(content)
    if not isinstance(state, dict):
        raise DataIntegrityError(f"it holds {type(state).__name__} {str(state)[:40]!r}, and no state.")
    return state


def module_state(module: torch.nn.Module, device: torch.device) -> dict:
    """Give the weights of a module and the generators that its dropouts draw from.

    Parameters
    ----------
    module : torch.nn.Module
        The module.
    device : torch.device
        Where it is trained.

    Returns
    -------
    dict
        For :func:`restore_module`.
    """
    generators = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        generators["cuda"] = torch.cuda.get_rng_state(device)
    return {"weights": module.state_dict(), "generators": generators}


def restore_module(module: torch.nn.Module, state: dict, device: torch.device) -> None:
    """Set what :func:`module_state` has given.

    Parameters
    ----------
    module : torch.nn.Module
        The module, which is changed.
    state : dict
        Weights and generators.
    device : torch.device
        Where it is trained.
    """
    module.load_state_dict(state["weights"])
    torch.set_rng_state(state["generators"]["cpu"])
    if device.type == "cuda":
        torch.cuda.set_rng_state(state["generators"]["cuda"], device)


def net_state(net: NeuralNet) -> dict:
    """Give all that the rest of a training depends on, after a step or a round.

    Parameters
    ----------
    net : skorch.NeuralNet
        The net, in training.

    Returns
    -------
    dict
        For :class:`Checkpoint` to set. Of rounds that have ended it has the figures alone, not the steps.
    """
    callbacks = dict(net.callbacks_)
    rounds = [row if "dur" not in row else {**row, "batches": []} for row in net.history]
    is_within = bool(rounds) and "dur" not in rounds[-1]
    started = callbacks["epoch_timer"].epoch_start_time_
    return {
        **module_state(net.module_, torch.device(net.device)),
        "net": {
            "optimizer": net.optimizer_.state_dict(),
            "schedule": callbacks["schedule"].lr_scheduler_.state_dict() if "schedule" in callbacks else None,
            "rounds": rounds,
            "seconds": time.time() - started if is_within else 0.0,
            # The hidden state of a language model runs on from one segment to the next.
            "carried": getattr(net, "state_", {}),
        },
    }


class Checkpoint(Callback):
    """Write checkpoints, and go on from the one that a former try has left.

    It comes after the callbacks that change anything in the training.

    Parameters
    ----------
    place : Place
        Where.
    more : callable, default=dict
        Gives what else belongs to a checkpoint: a dict.
    """

    def __init__(self, place: Place, more: Callable[[], dict] = dict):
        self.place, self.more = place, more

    def on_train_begin(self, net: NeuralNet, **kwargs) -> None:
        """Set the state that was written, and let the rounds and the data begin behind it.

        Parameters
        ----------
        net : skorch.NeuralNet
            The net.
        **kwargs : dict
            Not used.
        """
        state, self.place.resumed = self.place.resumed, None
        self.n_ended_, self.seconds_, self.is_within_ = 0, 0.0, False
        if state is None:
            return
        device, state_of_net = torch.device(net.device), state["net"]
        restore_module(net.module_, state, device)
        net.optimizer_.load_state_dict(state_of_net["optimizer"])
        if state_of_net["schedule"] is not None:
            dict(net.callbacks_)["schedule"].lr_scheduler_.load_state_dict(state_of_net["schedule"])
        net.state_ = to_device(state_of_net["carried"], device)
        net.history.extend(state_of_net["rounds"])
        self.n_ended_ = sum("dur" in row for row in net.history)
        self.seconds_, self.is_within_ = state_of_net["seconds"], self.n_ended_ < len(net.history)
        n_steps = n_steps_of(net.history[-1]) if self.is_within_ else 0
        # Not set_params, which looks for something to make anew once the net is initialised.
        net.iterator_train__position = (self.n_ended_, n_steps)
        # skorch makes so many rounds more.
        net.max_epochs -= self.n_ended_

    def on_train_end(self, net: NeuralNet, **kwargs) -> None:
        """Give the number of rounds back.

        Parameters
        ----------
        net : skorch.NeuralNet
            The net.
        **kwargs : dict
            Not used.
        """
        net.max_epochs += self.n_ended_

    def on_epoch_begin(self, net: NeuralNet, **kwargs) -> None:
        """Go on with the round that had begun, in place of the one that skorch begins.

        Parameters
        ----------
        net : skorch.NeuralNet
            The net.
        **kwargs : dict
            Not used.
        """
        if self.is_within_:
            net.history.pop()
            dict(net.callbacks_)["epoch_timer"].epoch_start_time_ -= self.seconds_

    def on_batch_end(self, net: NeuralNet, training: bool = False, **kwargs) -> None:
        """Write a checkpoint where one is due.

        Parameters
        ----------
        net : skorch.NeuralNet
            The net.
        training : bool
            Whether it was a training step.
        **kwargs : dict
            Not used.
        """
        if training and self.place.is_due:
            self.place.save({**net_state(net), **self.more()})

    def on_epoch_end(self, net: NeuralNet, **kwargs) -> None:
        """Write a checkpoint where one is due.

        Parameters
        ----------
        net : skorch.NeuralNet
            The net.
        **kwargs : dict
            Not used.
        """
        if self.is_within_:
            # skorch has counted the steps since the start of this process.
            row = net.history[-1]
            del row["train_batch_count"]
            net.history.record("train_batch_count", n_steps_of(row))
            self.is_within_ = False
        if self.place.is_due:
            self.place.save({**net_state(net), **self.more()})
