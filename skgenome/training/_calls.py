"""Which call of ``fit`` a checkpoint belongs to: its fingerprint, its folder, and who works in it.

A call is known by all that its result depends on: the method, the parameters, the data, the kind of device
and the versions. Every call has a sub-folder of its own in the user's folder, so that searches, whose clones
share one, can't mix their trainings. A lock keeps two processes that make the same call apart; the system
takes it from a process that is killed.
"""

import json
import logging
import shutil
import warnings
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from hashlib import blake2b
from importlib.metadata import version
from itertools import count
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state

from skgenome.exceptions import SkgenomeWarning
from skgenome.sequences import StoredTokenIds, TokenIds, is_locked, lock_folder, write_beside
from skgenome.training._checkpoint import SUFFIX, Clock, Place
from skgenome.training._device import resolve_device, resolve_precision
from skgenome.training._processes import check_same, launched_processes

logger = logging.getLogger(__name__)

CALL_FILE = "call.json"

#: Parameters that change nothing in what is learnt. Of the device the kind is looked at, see `describe_call`.
NO_INFLUENCE = frozenset(
    {"cache_size", "checkpoint_dir", "checkpoint_minutes", "device", "n_jobs", "verbose"}
)

# Ids that are turned into bytes at once.
_IDS = 1 << 20


def fingerprint(value: Any) -> str:
    """Give a short text that is the same for equal values, in every process.

    Parameters
    ----------
    value : object
        Numbers, text, arrays, tensors, modules, estimators, classes, and containers of them.

    Returns
    -------
    str
        32 hexadecimal digits.

    Examples
    --------
    >>> import numpy as np
    >>> from skgenome.training import fingerprint
    >>> fingerprint({"a": 1, "b": np.arange(3)}) == fingerprint({"b": np.arange(3), "a": 1})
    True
    """
    digest = blake2b(digest_size=16)
    for part in _parts(value):
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()


def _parts(value: Any) -> Iterator[bytes]:
    """Take a value apart into bytes. Not pickle, whose bytes know which objects are the same one."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().contiguous()
        yield f"{value.dtype}{tuple(value.shape)}".encode()
        yield value.reshape(-1).view(torch.uint8).numpy().tobytes()
    elif isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        yield f"{value.dtype.str}{value.shape}".encode()
        yield np.ascontiguousarray(value).tobytes()
    elif isinstance(value, TokenIds):
        yield from _parts(value.offsets)
        # The same ids are the same data, whatever the width they come in.
        width = np.min_scalar_type(int(value.values.max(initial=0))).newbyteorder("<")
        for start in range(0, len(value.values), _IDS):
            yield value.values[start : start + _IDS].astype(width).tobytes()
    elif isinstance(value, StoredTokenIds):
        # Its checksums stand for the bases, which are not read.
        yield b"stored token ids"
        yield from _parts(value.described())
    elif isinstance(value, dict):
        yield f"dict {len(value)}".encode()
        for key in sorted(value, key=lambda key: (type(key).__name__, repr(key))):
            yield from _parts(key)
            yield from _parts(value[key])
    else:
        yield from _parts_of_objects(value)


def _parts_of_objects(value: Any) -> Iterator[bytes]:
    if isinstance(value, list | tuple | np.ndarray):
        yield f"list {len(value)}".encode()
        for item in value:
            yield from _parts(item)
    elif isinstance(value, BaseEstimator):
        yield type(value).__qualname__.encode()
        yield from _parts(_params(value))
        yield from _parts(_learnt(value))
    elif isinstance(value, torch.nn.Module):
        yield repr(value).encode()
        yield from _parts(value.state_dict())
    elif isinstance(value, np.random.RandomState):
        yield from _parts(value.get_state(legacy=True))
    elif isinstance(value, type):
        yield f"{value.__module__}.{value.__qualname__}".encode()
    else:
        yield repr(value).encode()


def _params(estimator: BaseEstimator) -> dict[str, Any]:
    params = estimator.get_params(deep=False)
    return {name: param for name, param in params.items() if name not in NO_INFLUENCE}


def _learnt(estimator: BaseEstimator) -> dict[str, Any]:
    """Give what fit has set. An estimator of ours leaves times out of it."""
    params = estimator.get_params(deep=False)
    return {name: value for name, value in estimator.__getstate__().items() if name not in params}


def _text(value: Any) -> str:
    """Say what a value is: itself where it can be read, else a fingerprint."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return repr(value)
    if isinstance(value, type):
        return f"{value.__module__}.{value.__qualname__}"
    if isinstance(value, list | tuple) and len(value) <= 20:
        return f"[{', '.join(map(_text, value))}]"
    return f"{type(value).__name__} {fingerprint(value)}"


def describe_call(
    estimator: BaseEstimator, method: str, data: dict[str, Any], without: Collection[str] = ()
) -> dict[str, str]:
    """Say what the result of a training depends on.

    Parameters
    ----------
    estimator : estimator
        With the parameters ``device`` and ``precision``.
    method : {'fit', 'partial_fit'}
        What was called. The second starts from what has been learnt, which then counts as well.
    data : dict of str to object
        What it was given.
    without : collection of str, default=()
        Parameters that have no influence on this training, beside those that never have one.

    Returns
    -------
    dict of str to str
        Each part by its name.
    """
    params = {name: param for name, param in _params(estimator).items() if name not in without}
    device = resolve_device(estimator.device)
    call = {
        "method": f"{type(estimator).__name__}.{method}",
        **{name: _text(param) for name, param in params.items()},
        **{name: "None" if part is None else fingerprint(part) for name, part in data.items()},
        "kind of device": device.type,
        "precision on it": str(resolve_precision(estimator.precision, device)),
        **{f"version of {package}": version(package) for package in ("skgenome", "torch", "numpy")},
    }
    return call if method == "fit" else call | {"what was learnt before": fingerprint(_learnt(estimator))}


class Checkpoints:
    """The checkpoints of one call: a place for each of its trainings, or none at all.

    Parameters
    ----------
    folder : Path or None, default=None
        The folder of the call. None: nothing is written.
    call : dict of str to str or None, default=None
        As :func:`describe_call` gives it.
    minutes : float, default=10.0
        At least so long between two checkpoints.
    is_nested : bool, default=False
        Whether the call is a part of another one, in whose folder it works and which removes it.
    """

    def __init__(
        self,
        folder: Path | None = None,
        call: dict[str, str] | None = None,
        minutes: float = 10.0,
        *,
        is_nested: bool = False,
    ):
        self.folder, self.call, self.is_nested = folder, call, is_nested
        self.clock = Clock(minutes)
        self.seed: int | None = None

    def _of_call(self) -> Path:
        if self.folder is None:
            raise RuntimeError("Checkpoints without a folder have nothing to read or write.")
        return self.folder

    def prepare(self) -> None:
        """Read the note of which call the folder belongs to, or write it where there is none.

        Raises
        ------
        OSError
            If that cannot be done.
        """
        folder = self._of_call()
        file = folder / CALL_FILE
        known = _read_call(file)
        if known is not None:
            self.seed = known["seed"]
            return
        folder.mkdir(parents=True, exist_ok=True)
        if self.seed is None:
            self._forget(folder)
            # A seed of its own for a call that was given none: what goes on must be able to draw the same.
            self.seed = _draw_seed()
        with write_beside(file) as stream:
            stream.write(json.dumps({"call": self.call, "seed": self.seed}, indent=1).encode())

    @staticmethod
    def _forget(folder: Path) -> None:
        """Remove trainings of which it is not known any more what they were seeded with."""
        for training in [file for file in folder.iterdir() if file.is_dir()]:
            warnings.warn(
                f"{folder / CALL_FILE} is missing or damaged, so the checkpoints in {training.name} are "
                "of no use. They are removed, and the training starts anew.",
                SkgenomeWarning,
                stacklevel=2,
            )
            shutil.rmtree(training)

    def renew(self) -> None:
        """See that the folder is still there, and make it anew where it is not.

        Raises
        ------
        OSError
            If that cannot be done.

        Warns
        -----
        SkgenomeWarning
            If it was gone.
        """
        if (self._of_call() / CALL_FILE).is_file():
            return
        self.prepare()
        warnings.warn(
            f"The folder of checkpoints {self.folder} had vanished and was made anew. Is something clearing "
            "up there? Take a checkpoint_dir that nothing else touches.",
            SkgenomeWarning,
            stacklevel=2,
        )

    def random_state(self, given: int | np.random.RandomState | None):
        """Give the `random_state` to work with: the same one in each try of a call, and in each process.

        Parameters
        ----------
        given : int, RandomState instance or None
            The user's.

        Returns
        -------
        int, RandomState instance or None
            The same, or the seed of the call where none was given.
        """
        if given is None and self.folder is not None:
            return self.seed
        return shared_random_state(given)

    def place(self, name: str) -> Place | None:
        """Give the place of a training.

        Parameters
        ----------
        name : str
            Which of the trainings of the call.

        Returns
        -------
        Place or None
            None where nothing is to be written.
        """
        return None if self.folder is None else Place(self.folder / name, self.clock, self.renew)


@contextmanager
def checkpoints_of(
    estimator: BaseEstimator, method: str, data: dict[str, Any], without: Collection[str] = ()
) -> Iterator[Checkpoints]:
    """Open the checkpoints of a call for the time of a with block.

    They are removed when the block ends well: a fit that has ended is forgotten by the next one. After an
    error, an interruption or a kill they stay for the next try.

    Parameters
    ----------
    estimator : estimator
        With the parameters ``checkpoint_dir``, ``checkpoint_minutes``, ``random_state``, ``device`` and
        ``precision``. A `checkpoint_dir` that is the folder of a call is left to that call to remove.
    method : {'fit', 'partial_fit'}
        What was called. The second starts from what has been learnt, which then is a part of the call.
    data : dict of str to object
        What it was given.
    without : collection of str, default=()
        Parameters that have no influence on this training, beside those that never have one.

    Yields
    ------
    Checkpoints
        Without a folder where ``checkpoint_dir`` is None.

    Raises
    ------
    OSError
        If the folder cannot be made or written to.
    ValueError
        As in :func:`agree_on_call`.

    Warns
    -----
    SkgenomeWarning
        If there is no checkpoint of this call but an unfinished one of another call of the method.
    """
    call = agree_on_call(estimator, method, data, without)
    with ExitStack() as opened:
        # Of processes that train together the main one has the folder, and the others know of it.
        open_folder = partial(opened.enter_context, _open_folder(estimator, method, data, without, call))
        yield launched_processes().of_main(open_folder)


def agree_on_call(
    estimator: BaseEstimator, method: str, data: dict[str, Any], without: Collection[str] = ()
) -> dict[str, str]:
    """See that all processes make the same call, where several train together.

    Parameters
    ----------
    estimator : estimator
        With the parameters ``batch_size``, ``device`` and ``precision``.
    method : {'fit', 'partial_fit'}
        What was called.
    data : dict of str to object
        What it was given.
    without : collection of str, default=()
        Parameters that have no influence on this training.

    Returns
    -------
    dict of str to str
        The call; empty where a process trains alone.

    Raises
    ------
    ValueError
        If a process makes another call, or a batch has fewer rows than there are processes.
    """
    processes = launched_processes()
    if processes.count == 1:
        return {}
    call = describe_call(estimator, method, data, without) | {"processes": str(processes.count)}
    check_same(processes, call)
    if estimator.batch_size < processes.count:
        raise ValueError(
            f"batch_size={estimator.batch_size} is smaller than the number of processes, {processes.count}. "
            "It counts the rows of a batch in all processes together, of which each takes its share: set a "
            "larger batch_size, or start fewer processes."
        )
    return call


def shared_random_state(given: int | np.random.RandomState | None):
    """Give the `random_state` that all processes work with.

    Parameters
    ----------
    given : int, RandomState instance or None
        The user's.

    Returns
    -------
    int, RandomState instance or None
        The same; a seed in place of None where several processes train together.
    """
    processes = launched_processes()
    if processes.count == 1 or given is not None:
        return given
    return processes.of_main(_draw_seed)


def _draw_seed() -> int:
    return int(check_random_state(None).randint(np.iinfo(np.int32).max))


@contextmanager
def _open_folder(
    estimator: BaseEstimator,
    method: str,
    data: dict[str, Any],
    without: Collection[str],
    call: dict[str, str],
) -> Iterator[Checkpoints]:
    if estimator.checkpoint_dir is None:
        yield Checkpoints()
        return
    root = Path(estimator.checkpoint_dir).expanduser()
    call = call or describe_call(estimator, method, data, without)
    is_nested = (root / CALL_FILE).is_file()
    with _named(root):
        folder, lock = _claim(root, f"{type(estimator).__name__}-{fingerprint(call)}")
    checkpoints = Checkpoints(folder, call, estimator.checkpoint_minutes, is_nested=is_nested)
    with lock:
        try:
            if not is_nested:
                _warn_of_others(root, folder, call)
            with _named(root):
                checkpoints.prepare()
            yield checkpoints
        except BaseException:
            # Of a fit that fails at once there is nothing to keep.
            if not any(folder.rglob(f"*{SUFFIX}")):
                shutil.rmtree(folder, ignore_errors=True)
            raise
        if not is_nested:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _named(root: Path) -> Iterator[None]:
    """Say in an error of the system which parameter it is about; it keeps its class, by its number."""
    try:
        yield
    except OSError as err:
        raise OSError(
            err.errno,
            f"checkpoint_dir={str(root)!r} cannot be written to: {err.strerror or err}. Give a folder that "
            "this process may write to and that has room, or checkpoint_dir=None",
        ) from err


def _claim(root: Path, name: str) -> tuple[Path, IO]:
    """Lock the folder of a call; the next one where another process makes the same call right now."""
    for number in count(1):
        folder = root / (name if number == 1 else f"{name}-{number}")
        lock = lock_folder(folder)
        if lock is not None:
            return folder, lock
        logger.info("%s is in use by another process", folder)
    raise AssertionError("there is always a next number")


def _read_call(file: Path) -> dict | None:
    """Read the note of a folder; None where there is none that can be read."""
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
        good = isinstance(known["call"], dict) and isinstance(known["seed"], int)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return known if good else None


def _warn_of_others(root: Path, folder: Path, call: dict[str, str]) -> None:
    """Say so where a training starts anew beside an unfinished one of another call."""
    if (folder / CALL_FILE).is_file():
        return
    others = {}
    for file in root.glob(f"*/{CALL_FILE}"):
        known = _read_call(file)
        if known is not None and known["call"].get("method") == call["method"] and not is_locked(file.parent):
            names = sorted(call.keys() | known["call"].keys())
            others[file.parent] = [
                f"{name} ({known['call'].get(name)}, now {call.get(name)})"
                for name in names
                if known["call"].get(name) != call.get(name)
            ]
    if others:
        nearest = min(others, key=lambda other: len(others[other]))
        warnings.warn(
            f"checkpoint_dir={str(root)!r} has no checkpoint of this call, which starts anew, but "
            f"{len(others)} unfinished training(s) of other calls. {nearest.name} differs in "
            f"{', '.join(others[nearest])}. To go on with it, make the same call; otherwise remove it.",
            SkgenomeWarning,
            # From here over the opening of the folder and of the block, fit and scikit-learn's wrapper of it.
            stacklevel=10,
        )
