"""The pictures of *E. coli*'s promoters: scans of a region, and what classifiers read of a promoter."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.utils import Bunch

from benchmarks.tasks.ecoli_genome import SITE_OFFSET, KnownGenome, Stretch
from benchmarks.tasks.ecoli_inspection import OTHERS, PROMOTERS, START
from skgenome.inspection import MutagenesisDisplay, PerturbationDisplay
from skgenome.scanning import ScanDisplay, Track

#: Inches.
WIDTH, TRACK_HEIGHT, PANEL_HEIGHT = 11.0, 2.7, 2.7
#: The middles of what sigma70 binds.
SITES = {"-35": -35, "-10": -10}
#: Bases behind the start.
AFTER = 20
COLOURS = ("#0072B2", "#D55E00")
_GREY = "0.55"
_ABOVE = {
    "xycoords": ("data", "axes fraction"),
    "textcoords": "offset points",
    "ha": "center",
    "fontsize": "small",
}


def draw_tracks(tracks: Mapping[str, Track], genome: KnownGenome, stretch: Stretch) -> Figure:
    """Draw tracks above each other, with the measured starts, and the inferred ones as ticks.

    Parameters
    ----------
    tracks : mapping of str to Track
        By method.
    genome : KnownGenome
        With what is known.
    stretch : (int, int)
        Which part.

    Returns
    -------
    matplotlib Figure
        A panel for each method.
    """
    figure = Figure(figsize=(WIDTH, TRACK_HEIGHT * len(tracks)), layout="constrained")
    panels = figure.subplots(len(tracks), 1, sharex=True, squeeze=False)[:, 0]
    inferred = sorted(set(genome.entries) - set(genome.sites))
    for ax, (name, track) in zip(panels, tracks.items(), strict=True):
        display = ScanDisplay(track)
        display.plot(ax, region=(genome.name, *stretch), sites=genome.sites, site_offset=SITE_OFFSET)
        for sign, strand in ((1, "+"), (-1, "-")):
            here = [p for _, p, s in inferred if s == strand and stretch[0] <= p < stretch[1]]
            edge = sign * max(map(abs, ax.get_ylim()))
            ax.vlines(here, 0.9 * edge, edge, color=_GREY, linewidth=1.2)
        # Panels have the same lines: one legend says it for all.
        ax.get_legend().remove()
        ax.set_title(name, loc="left", fontsize="medium")
    for ax in panels[:-1]:
        ax.set_xlabel("")
    handles, labels = panels[0].get_legend_handles_labels()
    labels = [label.replace("known sites", "measured starts") for label in labels]
    handles.append(panels[0].plot([], [], color=_GREY)[0])
    figure.legend(handles, [*labels, "inferred starts"], loc="outside upper center", ncols=4, frameon=False)
    return figure


def draw_inspection(found: Mapping[str, Sequence[dict]], widths: Sequence[int], width: int) -> Figure:
    """Draw what classifiers read of promoters: maps of all widths, profiles of one, and logos.

    Parameters
    ----------
    found : mapping of str to list of dict
        By method, what :func:`benchmarks.tasks.ecoli_inspection.inspect` gives for each fold.
    widths : sequence of int
        Of the windows of the maps.
    width : int
        Of the windows of the profiles.

    Returns
    -------
    matplotlib Figure
        A column for each method.
    """
    figure = Figure(figsize=(WIDTH, 3 * PANEL_HEIGHT), layout="constrained")
    panels = figure.subplots(3, len(found), squeeze=False)
    for column, (name, folds) in zip(panels.T, found.items(), strict=True):
        _draw_map(column[0], folds, widths)
        _draw_profile(column[1], folds, width)
        _draw_logo(column[2], folds)
        column[0].set_title(name, loc="left", fontsize="medium", pad=18)
        column[-1].set_xlabel("position from the start of transcription (bp)")
    return figure


def _as_result(folds: Sequence[dict], places: str, **fields: Any) -> Bunch:
    """Give what a Display takes, with a fold for a sequence."""
    return Bunch(
        baseline=np.zeros(len(folds)),
        positions=np.array(folds[0][places]) + START,
        target=["promoter"] * len(folds),
        response_method="decision_function",
        **fields,
    )


def _draw_map(ax: Axes, folds: Sequence[dict], widths: Sequence[int]) -> None:
    values = np.array([result["map"] for result in folds])
    result = _as_result(folds, "map_positions", importances_mean=values, widths=np.array(widths))
    PerturbationDisplay(result).plot(ax, sites=_inside(result.positions), origin=START)
    ax.set_xlim(-START, AFTER)
    ax.set_xlabel("")
    # The colour bar is the one that the panel brought along.
    ax.collections[0].colorbar.set_label("change of the log odds")


def _draw_profile(ax: Axes, folds: Sequence[dict], width: int) -> None:
    """Draw mean and standard deviation over the folds."""
    x = np.array(folds[0]["positions"])
    for colour, kind in zip(COLOURS, (PROMOTERS, OTHERS), strict=False):
        profiles = np.array([result[kind] for result in folds])
        mean, sd = profiles.mean(axis=0), profiles.std(axis=0, ddof=1)
        ax.plot(x, mean, color=colour, label=kind)
        ax.fill_between(x, mean - sd, mean + sd, color=colour, alpha=0.2, linewidth=0)
    ax.axhline(0, color="0.6", linewidth=0.8)
    for site, place in SITES.items():
        ax.axvline(place, color="0.25", linestyle="--", linewidth=1.2, zorder=0.9)
        ax.annotate(site, (place, 1), (0, 2), **_ABOVE)
    ax.set_xlim(-START, AFTER)
    ax.set_ylabel(f"change of the log odds\nby {width} random bases")
    ax.spines[["top", "right"]].set_visible(False)
    # On white, since a site's line passes behind it.
    ax.legend(fontsize="small", loc="lower left", framealpha=1, edgecolor="none", handlelength=1.2)


def _draw_logo(ax: Axes, folds: Sequence[dict]) -> None:
    values = np.array([result["mutagenesis"] for result in folds])
    result = _as_result(folds, "mutated", attributions=values)
    MutagenesisDisplay(result).plot(ax, kind="logo", sites=_inside(result.positions), origin=START)
    ax.set_title("", loc="left")
    ax.set_ylabel("preference\nin the log odds")


def _inside(positions: np.ndarray) -> dict[str, int]:
    """Give the boxes that lie on an axis."""
    return {name: START + at for name, at in SITES.items() if positions[0] <= START + at <= positions[-1]}
