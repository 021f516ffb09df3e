"""What the Displays of this sub-package share: means over sequences, positions, sites, colours."""

from importlib import import_module
from types import ModuleType

import numpy as np

from skgenome._plotting import import_pyplot

#: Lowered predictions are blue, raised ones red, 0 is white. Told apart with any colour vision.
CHANGE_COLOURS = "RdBu_r"
_ABSENT_COLOUR = "0.85"
_SITE_COLOUR = "0.25"
_SITE_ORDER = 0.9


def mean_and_sd(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give mean, standard deviation and number over the first axis, without what is NaN.

    Parameters
    ----------
    values : ndarray of shape (n, ...)
        Numbers and NaN.

    Returns
    -------
    mean, sd, n : ndarray of shape (...)
        NaN where there is no number; the standard deviation is that of a sample, 0 of a single number.
    """
    exists = ~np.isnan(values)
    n = exists.sum(axis=0)
    n_or_nan = np.where(n > 0, n, np.nan)
    mean = np.where(exists, values, 0).sum(axis=0) / n_or_nan
    squares = np.where(exists, (values - mean) ** 2, 0).sum(axis=0)
    return mean, np.sqrt(squares / np.maximum(n_or_nan - 1, 1)), n


def check_index(index, n_sequences):
    """Check that a sequence to draw exists.

    Parameters
    ----------
    index : int or None
        Which; None is the mean of all.
    n_sequences : int
        How many there are.

    Returns
    -------
    int or None
        The same; the only one, where there is one.

    Raises
    ------
    ValueError
        If there is no such sequence.
    """
    if index is not None and not 0 <= index < n_sequences:
        raise ValueError(
            f"index must be a sequence from 0 to {n_sequences - 1}, or None. Got {index!r} instead."
        )
    return 0 if n_sequences == 1 else index


def check_kind(kind, kinds):
    """Check the name of a kind of picture.

    Parameters
    ----------
    kind : str
        What was asked for.
    kinds : tuple of str
        What there is.

    Raises
    ------
    ValueError
        If there is no such kind.
    """
    if kind not in kinds:
        raise ValueError(f"kind must be {' or '.join(map(repr, kinds))}. Got {kind!r} instead.")


def name_prediction(result):
    """Say what a result holds changes of.

    Parameters
    ----------
    result : Bunch
        Of `perturbation_importance` or `in_silico_mutagenesis`.

    Returns
    -------
    str
        For a label.
    """
    what = "probability" if result.response_method == "predict_proba" else "decision value"
    targets = set(result.target)
    return f"{what} of " + (f"class {targets.pop()!r}" if len(targets) == 1 else "the predicted class")


def name_sequences(index, n_sequences):
    """Say which sequences are drawn.

    Parameters
    ----------
    index : int or None
        Which; None is the mean of all.
    n_sequences : int
        How many there are.

    Returns
    -------
    str
        For a title.
    """
    if index is None:
        return f"mean of {n_sequences:,} sequences"
    return "one sequence" if n_sequences == 1 else f"sequence {index}"


def finish_positions(ax, positions, origin, sites):
    """Label the axis of positions and draw known sites.

    Parameters
    ----------
    ax : matplotlib Axes
        Where.
    positions : ndarray of shape (n_positions,)
        In bases from the start of the sequence, equally far from each other.
    origin : int
        The base that counts as 0.
    sites : dict of str to float, or None
        Bases from the start of the sequence, by name.

    Raises
    ------
    ValueError
        If a site is not on the axis.
    """
    step = positions[1] - positions[0] if len(positions) > 1 else 1
    first, last = positions[0] - step / 2, positions[-1] + step / 2
    for name, site in (sites or {}).items():
        if not first <= site <= last:
            raise ValueError(
                f"sites must lie between the positions {positions[0]} and {positions[-1]}, counted from the "
                f"start of the sequence. Got {name!r} at {site!r}."
            )
        # Over a heat map, but under letters and lines.
        ax.axvline(site - origin, color=_SITE_COLOUR, linestyle="--", linewidth=1.2, zorder=_SITE_ORDER)
        ax.annotate(
            name,
            (site - origin, 1),
            (0, 2),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize="small",
            color=_SITE_COLOUR,
        )
    ax.set_xlim(first - origin, last - origin)
    # Counting from 0 is said only where it is not what the origin does anyway.
    ax.set_xlabel(f"position relative to base {origin} (bp)" if origin else "position (bp from the start)")


def draw_heatmap(ax, values, positions, rows, *, label, origin):
    """Draw changes as colours, positions from left to right.

    Parameters
    ----------
    ax : matplotlib Axes
        Where.
    values : ndarray of shape (n_rows, n_positions)
        Changes; NaN is grey.
    positions : ndarray of shape (n_positions,)
        In bases from the start of the sequence, equally far from each other.
    rows : list of str
        What the rows are, from the bottom.
    label : str
        Of the colour bar.
    origin : int
        The base that counts as 0.
    """
    largest = np.nanmax(np.abs(values), initial=0)
    step = positions[1] - positions[0] if len(positions) > 1 else 1
    edges = np.append(positions - step / 2, positions[-1] + step / 2) - origin
    mesh = ax.pcolormesh(
        edges,
        np.arange(len(rows) + 1) - 0.5,
        np.ma.masked_invalid(values),
        cmap=CHANGE_COLOURS,
        # A white map where nothing changes; limits of 0 would be an error.
        vmin=-(largest or 1),
        vmax=largest or 1,
        rasterized=True,
        zorder=_SITE_ORDER - 0.1,
    )
    ax.set_facecolor(_ABSENT_COLOUR)
    ax.set_yticks(range(len(rows)), rows)
    ax.tick_params(axis="y", length=0)
    ax.figure.colorbar(mesh, ax=ax, label=label)


def import_logomaker() -> ModuleType:
    """Import logomaker, or say how to get it.

    Returns
    -------
    module
        ``logomaker``.

    Raises
    ------
    ImportError
        If logomaker or matplotlib is not installed.
    """
    import_pyplot()
    try:
        return import_module("logomaker")
    except ImportError as err:
        raise ImportError("Logos need logomaker. Install it with: pip install 'skgenome[plots]'") from err
