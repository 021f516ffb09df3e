"""Time and memory of a call in a process of its own, where nothing else has been kept or cached."""

import gc
import re
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

PROCESS = Path("/proc/self")


class Footprint(NamedTuple):
    """What a call costs."""

    seconds: float
    megabytes: float | None
    """By how much resident memory grew at most, beyond what was there before the call."""
    process_megabytes: float | None
    """The most that the whole process held: interpreter, libraries and inputs too."""


def footprint(
    work: Callable[..., object], prepare: Callable[..., tuple] | None = None, *arguments: object
) -> Footprint:
    """Call a function in a new process, and measure its time and the most memory it held.

    Parameters
    ----------
    work : callable
        What is measured. It and the arguments travel to the process by pickle.
    prepare : callable, optional
        Makes the arguments of `work` in that process, and is not measured; by default they are `arguments`.
    *arguments : object
        Of `prepare`.

    Returns
    -------
    Footprint
        Memory is None where the system has no ``/proc`` as Linux has.

    Examples
    --------
    >>> from benchmarks.footprint import footprint
    >>> footprint(sorted, None, [3, 1, 2]).seconds < 1
    True
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_measure, work, prepare, arguments).result()


def _measure(
    work: Callable[..., object], prepare: Callable[..., tuple] | None, arguments: tuple[object, ...]
) -> Footprint:
    inputs = arguments if prepare is None else prepare(*arguments)
    gc.collect()
    _forget_peak()
    before, start = _status("VmRSS"), perf_counter()
    # What is returned counts: nobody asks for features to throw them away.
    kept = work(*inputs)
    seconds, peak = perf_counter() - start, _status("VmHWM")
    del kept
    return Footprint(seconds, None if before is None else max(peak - before, 0.0), peak)


def _forget_peak() -> None:
    """Let the kernel's highest mark of resident memory begin anew from what is resident now."""
    try:
        (PROCESS / "clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return  # what the preparation held at most counts then, too


def _status(name: str) -> float | None:
    """Read a figure of the process in MB (10^6 bytes)."""
    try:
        text = (PROCESS / "status").read_text(encoding="ascii")
    except OSError:
        return None
    found = re.search(rf"^{name}:\s+(\d+) kB$", text, re.MULTILINE)
    return None if found is None else int(found[1]) * 1024 / 1e6
