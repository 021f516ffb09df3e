"""How long an import takes, beside that of scikit-learn, each in a new interpreter."""

import subprocess
import sys
from collections.abc import Callable

from benchmarks.records import Timing
from benchmarks.stopwatch import in_turn

TARGET_SECONDS = 0.3
NOTE = "A new interpreter from its start to its end; estimators and torch are loaded when they are asked for."


def importing(package: str) -> Callable[[], object]:
    """Give a function that starts an interpreter and imports a package.

    Parameters
    ----------
    package : str
        Its name.

    Returns
    -------
    callable
        Without arguments.
    """
    return lambda: subprocess.run([sys.executable, "-c", f"import {package}"], check=True)


def measure_start(n_rounds: int) -> Timing:
    """Time ``import skgenome`` beside ``import sklearn``.

    Parameters
    ----------
    n_rounds : int
        How often each is timed.

    Returns
    -------
    Timing
        In seconds.
    """
    seconds = in_turn(importing("skgenome"), importing("sklearn"), n_rounds)
    return Timing(
        "import skgenome",
        "import sklearn",
        "s",
        *seconds,
        target_value=TARGET_SECONDS,
        note=NOTE,
        lower_is_better=True,
    )
