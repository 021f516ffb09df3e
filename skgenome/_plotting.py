"""What the Displays share: matplotlib, imported when drawing, and colours that all can tell apart."""

from importlib import import_module
from types import ModuleType
from typing import Any

#: Okabe and Ito's palette, without the yellow that is lost on white. Told apart with any colour vision.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")


def import_pyplot() -> ModuleType:
    """Import matplotlib's pyplot, or say how to get it.

    Returns
    -------
    module
        ``matplotlib.pyplot``.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    try:
        return import_module("matplotlib.pyplot")
    except ImportError as err:
        raise ImportError("Plots need matplotlib. Install it with: pip install 'skgenome[plots]'") from err


def axes_to_draw_on(ax: Any) -> Any:
    """Give the axes that were passed, or new ones.

    Parameters
    ----------
    ax : matplotlib Axes or None
        What the user passed.

    Returns
    -------
    matplotlib Axes
        Where to draw.
    """
    if ax is not None:
        return ax
    return import_pyplot().subplots(layout="constrained")[1]
