"""Wall time, of the parts of a run and of two rivals in turn."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter


class Stopwatch:
    """Add up the wall time of named parts.

    Examples
    --------
    >>> from benchmarks.stopwatch import Stopwatch
    >>> watch = Stopwatch()
    >>> with watch("reading"):
    ...     total = sum(range(10))
    >>> list(watch.seconds)
    ['reading']
    """

    def __init__(self):
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, part: str) -> Iterator[None]:
        """Time a with block.

        Parameters
        ----------
        part : str
            Its name; times of one name add up.
        """
        start = perf_counter()
        try:
            yield
        finally:
            self.add(part, perf_counter() - start)

    def add(self, part: str, seconds: float) -> None:
        """Add time that was measured elsewhere.

        Parameters
        ----------
        part : str
            Its name.
        seconds : float
            How long; nothing is noted for 0.
        """
        if seconds:
            self.seconds[part] = round(self.seconds.get(part, 0.0) + seconds, 3)


def seconds_of(function: Callable[[], object]) -> float:
    """Time one call.

    Parameters
    ----------
    function : callable
        Without arguments.

    Returns
    -------
    float
        Wall time in seconds.
    """
    start = perf_counter()
    function()
    return perf_counter() - start


def in_turn(
    ours: Callable[[], object], peer: Callable[[], object], n_rounds: int
) -> tuple[list[float], list[float]]:
    """Time two functions A B A B, so that a slow spell of the machine falls on both.

    Parameters
    ----------
    ours, peer : callable
        Without arguments. Each is called once beforehand, to warm up.
    n_rounds : int
        How often each is timed.

    Returns
    -------
    ours, peer : list of float
        Seconds of every call.
    """
    ours()
    peer()
    pairs = [(seconds_of(ours), seconds_of(peer)) for _ in range(n_rounds)]
    return [first for first, _ in pairs], [second for _, second in pairs]
