"""The picture of a track."""

import numpy as np

from skgenome._plotting import COLOURS, axes_to_draw_on
from skgenome.scanning._scan import scan
from skgenome.scanning._sites import read_sites

#: More points than this are drawn as the highest of each of so many stretches.
MOST_POINTS = 4000
#: Up to how many bases an axis has which unit, and its bases.
UNITS = ((20_000, "bp", 1), (20_000_000, "kb", 1000), (np.inf, "Mb", 1_000_000))
_STRAND_NAMES = {"+": "forward strand", "-": "reverse strand", ".": "strands together"}
_STRAND_COLOURS = {"+": COLOURS[0], "-": COLOURS[1], ".": COLOURS[0]}
_SITE_COLOUR = "0.15"


def _thin_out(positions, values, step):
    """Take the highest of each of so many stretches of windows, and break the line where windows are missing.

    Gives positions, values, and the windows in a stretch.
    """
    size = max(1, -(-len(values) // MOST_POINTS))
    firsts = np.arange(0, len(values), size)
    heights = np.fmax.reduceat(values, firsts) if len(values) else values
    places = positions[np.minimum(firsts + size // 2, len(values) - 1)]
    gaps = np.flatnonzero(np.diff(places) > 1.5 * size * step) + 1
    return np.insert(places, gaps, places[gaps]), np.insert(heights, gaps, np.nan), size


class ScanDisplay:
    """A track along a contig: the forward strand upwards, the reverse strand downwards.

    Read more in the :ref:`user guide <scanning>`.

    Parameters
    ----------
    track : Track
        What `scan` gives.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        Its figure.
    lines_ : dict of str to matplotlib Line2D
        The line of each strand.

    See Also
    --------
    scan : Makes the track.

    Examples
    --------
    >>> import numpy as np
    >>> from skgenome.scanning import ScanDisplay, Track, TrackPiece
    >>> piece = TrackPiece("chr1", 9, np.arange(5), np.array([[0.1, 0.9, 0.2, 0.1, 0.3]]), 0)
    >>> track = Track({"chr1": piece}, 5, 1, ("+",), label="probability of promoter")
    >>> ScanDisplay(track).plot(sites=[("chr1", 3, "+")]).ax_.get_xlabel()
    'position on chr1 (bp)'
    """

    def __init__(self, track):
        self.track = track

    @classmethod
    def from_estimator(
        cls, estimator, genome, *, region=None, ax=None, sites=None, site_offset=None, **params
    ):
        """Scan and draw.

        Parameters
        ----------
        estimator : classifier
            Fitted.
        genome : str, path, dict or iterable
            What `scan` takes.
        region : str or tuple of (str, int, int), optional
            What to scan and to draw: a contig, or a stretch of it. By default the whole genome is scanned,
            and its first contig drawn.
        ax : matplotlib Axes, optional
            Where to draw.
        sites : frame, structured array, or iterable of (contig, position, strand), optional
            Known sites.
        site_offset : int, optional
            Which base of a window its value is drawn at.
        **params : dict
            Of `scan`: `window_size` and `step` at least.

        Returns
        -------
        ScanDisplay
            Drawn, with its `track`.
        """
        regions = None if region is None else [region]
        track = scan(estimator, genome, regions=regions, **params)
        return cls(track).plot(ax, region=region, sites=sites, site_offset=site_offset)

    def plot(self, ax=None, *, region=None, sites=None, site_offset=None):
        """Draw a contig or a stretch of it.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; by default new axes.
        region : str or tuple of (str, int, int), optional
            A contig, or a stretch of it (from 0, half-open). By default the first contig.
        sites : frame, structured array, or iterable of (contig, position, strand), optional
            Known sites: triangles at the edge of their strand, with a dotted line to the middle.
        site_offset : int, optional
            Which base of a window its value is drawn at, counted from 0 as the strand reads. By default the
            middle.

        Returns
        -------
        self : ScanDisplay
            With ``ax_``, ``figure_`` and ``lines_``.

        Raises
        ------
        KeyError
            If the track has no such contig.
        ValueError
            If a site is not on the track's contigs, the region holds no value, or `site_offset` is outside
            the window.

        Notes
        -----
        Of more than 4,000 windows in the region, the highest of each of 4,000 stretches is drawn, so that no
        peak is lost; means would look lower than they are.
        """
        contig, start, end = self._check_region(region)
        # All that can fail comes before the first thing drawn, or a broken figure would be left.
        places = None if sites is None else read_sites(sites, self.track.lengths)
        lines = {strand: self._line(contig, strand, start, end, site_offset) for strand in self.track.strands}
        known = np.concatenate([values[~np.isnan(values)] for _, values, _ in lines.values()])
        if not len(known):
            raise ValueError(f"The track has no value in the region ({contig!r}, {start}, {end}).")
        ax = axes_to_draw_on(ax)
        base = _middle_line(float(known.min()), float(known.max()))
        top = max(float(known.max()) - base, 1e-9)
        self.lines_ = {
            strand: _draw_strand(ax, strand, positions, values, base)
            for strand, (positions, values, _) in lines.items()
        }
        if places is not None:
            number = list(self.track.pieces).index(contig)
            inside = (places.contigs == number) & (places.positions >= start) & (places.positions < end)
            _draw_sites(ax, places.take(inside), _signs_by_side(self.track.strands), top)
        size = max(size for *_, size in lines.values())
        label = self.track.label + (f"\n(highest of {size:,} windows)" if size > 1 else "")
        _dress(ax, f"position on {contig}", (start, end), label, base, top)
        ax.set_ylim([1.22 * side * top for side in _y_range(self.track.strands)])
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _check_region(self, region):
        contig = next(iter(self.track.pieces)) if region is None else region
        if isinstance(contig, str):
            # Asked for its windows, an unknown contig raises with the names of the known ones.
            self.track.starts(contig)
            return contig, 0, self.track.lengths[contig]
        contig, start, end = region
        self.track.starts(contig)
        return contig, max(0, start), min(end, self.track.lengths[contig])

    def _line(self, contig, strand, start, end, site_offset):
        positions = self.track.positions(contig, strand, site_offset)
        inside = slice(*np.searchsorted(positions, [start, end]))
        return _thin_out(positions[inside], self.track.values(contig, strand)[inside], self.track.step)


def _signs_by_side(strands):
    """Say which sites stand above (1) and below (-1) the middle line."""
    # Sites whose strand nobody knows stand above, where both sides are to choose from.
    if strands == ("+", "-"):
        return {1: (1, 0), -1: (-1,)}
    return {"+": {1: (1, 0)}, "-": {-1: (-1, 0)}, ".": {1: (1, 0, -1)}}[strands[0]]


def _y_range(strands):
    sides = _signs_by_side(strands)
    return min(0, *sides), max(0, *sides)


def _middle_line(lowest, highest):
    """Give the value that heights of both strands count from, so that outwards is always more."""
    if lowest >= 0:
        return 0.0
    # Decision values may be negative. Rounded, so that the ticks at whole heights are round values as well.
    unit = 10.0 ** np.floor(np.log10(max(highest - lowest, -lowest))) / 2
    return float(np.floor(lowest / unit) * unit)


def _draw_strand(ax, strand, positions, values, base):
    sign = -1 if strand == "-" else 1
    heights = sign * (values - base)
    colour = _STRAND_COLOURS[strand]
    ax.fill_between(positions, 0, heights, color=colour, alpha=0.25, linewidth=0)
    (line,) = ax.plot(positions, heights, color=colour, linewidth=0.9, label=_STRAND_NAMES[strand])
    return line


def _draw_sites(ax, places, signs_by_side, top):
    """Draw triangles that point from the edge to the middle, those of each strand on its side."""
    n_drawn = 0
    for side, signs in signs_by_side.items():
        x = places.positions[np.isin(places.signs, signs)]
        marker = "v" if side > 0 else "^"
        ax.vlines(x, 0, side * 1.08 * top, color=_SITE_COLOUR, linewidth=0.8, linestyle=":", zorder=1)
        ax.scatter(
            x, np.full(len(x), side * 1.12 * top), s=34, marker=marker, color=_SITE_COLOUR, linewidths=0
        )
        n_drawn += len(x)
    # An entry of its own in the legend, since the sites of the strands have a marker each.
    ax.scatter([], [], s=34, marker="v", color=_SITE_COLOUR, linewidths=0, label=f"known sites ({n_drawn:,})")


def _dress(ax, x_label, limits, y_label, base, top):
    _, unit, bases = next(row for row in UNITS if limits[1] - limits[0] <= row[0])
    ax.set_xlim(*limits)
    ax.xaxis.set_major_formatter(lambda x, _: f"{x / bases:,.10g}")
    ax.set_xlabel(f"{x_label} ({unit})")
    # Above the highest value there is room for sites, which has no values.
    ax.yaxis.set_major_formatter(lambda y, _: f"{abs(y) + base:.3g}" if abs(y) < 1.05 * top else "")
    ax.set_ylabel(y_label)
    ax.axhline(0, color="0.3", linewidth=0.8)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=3, borderaxespad=0.2)
