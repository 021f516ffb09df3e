"""Parts of a benchmark, kept on disk: a run that was interrupted goes on where it was."""

import hashlib
import json
import logging
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.environment import commit, package_versions
from benchmarks.pretraining import default_work_dir
from benchmarks.records import Settings, write_text
from benchmarks.stopwatch import Stopwatch

#: What the time of parts that were found is called in a record.
EARLIER = "in earlier runs"

logger = logging.getLogger(__name__)


class Parts:
    """Compute parts of a benchmark, each once.

    A part is found again by the same code: at the same commit, with the same versions, without changes that
    are not committed. With such changes nothing is kept.

    Parameters
    ----------
    folder : pathlib.Path or None, default=None
        Where parts are kept. None keeps nothing.
    watch : Stopwatch or None, default=None
        Of the run: it gets the time that parts which are found had taken.
    **context
        What all parts of the run have in common, in values that JSON knows.

    Examples
    --------
    >>> from benchmarks.parts import Parts
    >>> Parts()(lambda: 1 + 1, what="a sum")
    2
    """

    def __init__(self, folder: Path | None = None, watch: Stopwatch | None = None, **context: Any):
        self.folder, self.context = folder, context
        self.watch = watch or Stopwatch()

    @classmethod
    def of(cls, name: str, settings: Settings, watch: Stopwatch) -> "Parts":
        """Give the parts of a task.

        Parameters
        ----------
        name : str
            Of the task.
        settings : Settings
            What the caller chose.
        watch : Stopwatch
            Of the run.

        Returns
        -------
        Parts
            Those of this code and these settings.
        """
        code = commit()
        if code["commit"] is None or code["dirty"]:
            return cls()
        folder = Path(settings.work_dir or default_work_dir()) / "parts" / name
        chosen = {
            "device": settings.device,
            "random_state": settings.random_state,
            "quick": settings.quick,
        }
        return cls(folder, watch, commit=code["commit"], versions=package_versions(), **chosen)

    def __call__(self, compute: Callable[[], Any], **key: Any) -> Any:
        """Find a part, or compute and keep it.

        Parameters
        ----------
        compute : callable
            Without arguments; gives what JSON knows.
        **key
            What tells this part from the others, in values that JSON knows.

        Returns
        -------
        object
            What `compute` gives.
        """
        if self.folder is None:
            return compute()
        text = json.dumps({**self.context, **key}, sort_keys=True)
        path = self.folder / f"{hashlib.sha256(text.encode()).hexdigest()[:24]}.json"
        if path.is_file():
            logger.info("found: %s", key)
            part = json.loads(path.read_text(encoding="utf-8"))
            self.watch.add(EARLIER, part["seconds"])
            return part["value"]
        start = perf_counter()
        value = compute()
        part = {"key": key, "seconds": round(perf_counter() - start, 3), "value": value}
        write_text(path, json.dumps(part))
        return value
