"""The pictures of a perturbation map: width against position, and profiles along the position."""

import numpy as np

from skgenome._plotting import COLOURS, axes_to_draw_on
from skgenome.inspection._drawing import (
    check_index,
    check_kind,
    draw_heatmap,
    finish_positions,
    mean_and_sd,
    name_prediction,
    name_sequences,
)
from skgenome.inspection._perturbation import perturbation_importance


class PerturbationDisplay:
    """How a prediction changes where windows of a sequence are replaced.

    Read more in :ref:`inspection`.

    Parameters
    ----------
    result : Bunch
        What :func:`perturbation_importance` gives.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        Its figure.

    See Also
    --------
    MutagenesisDisplay : The same for single substitutions.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from skgenome.inspection import PerturbationDisplay
    >>> from skgenome.preprocessing import KmerCounter
    >>> classifier = make_pipeline(KmerCounter(k=2), LogisticRegression())
    >>> classifier = classifier.fit(["ACCCA", "AACCC", "ACATA", "TACAA"], [1, 1, 0, 0])
    >>> display = PerturbationDisplay.from_estimator(
    ...     classifier, ["AAAACCCAAAA"], widths=[1, 3, 5], sites={"start": 4}, random_state=0
    ... )
    >>> display.ax_.get_ylabel()
    'width of the window (bp)'
    """

    def __init__(self, result):
        self.result = result

    @classmethod
    def from_estimator(
        cls,
        estimator,
        sequences,
        *,
        ax=None,
        kind="heatmap",
        index=None,
        width=None,
        band="sd",
        sites=None,
        origin=0,
        **params,
    ):
        """Perturb sequences and draw the result.

        Parameters
        ----------
        estimator : classifier
            Fitted, of sequences.
        sequences : collection of str of length n_sequences
            What to perturb.
        ax : matplotlib Axes, optional
            Where to draw.
        kind : {'heatmap', 'profile'}, default='heatmap'
            As in :meth:`plot`.
        index : int, optional
            As in :meth:`plot`.
        width : int or list of int, optional
            As in :meth:`plot`.
        band : {'sd', 'se'} or None, default='sd'
            As in :meth:`plot`.
        sites : dict of str to float, optional
            As in :meth:`plot`.
        origin : int, default=0
            As in :meth:`plot`.
        **params : dict
            Of :func:`perturbation_importance`: `widths`, `replacement`, `target` and so on.

        Returns
        -------
        PerturbationDisplay
            Drawn.
        """
        display = cls(perturbation_importance(estimator, sequences, **params))
        return display.plot(ax, kind=kind, index=index, width=width, band=band, sites=sites, origin=origin)

    def plot(self, ax=None, *, kind="heatmap", index=None, width=None, band="sd", sites=None, origin=0):
        """Draw the map, or profiles of some widths.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; by default new axes.
        kind : {'heatmap', 'profile'}, default='heatmap'
            Width of the window against position, with the change as colour; or the change against position,
            one line for each width.
        index : int, optional
            Which sequence. By default the mean of all, position by position.
        width : int or list of int, optional
            Which widths a profile shows. By default the widest.
        band : {'sd', 'se'} or None, default='sd'
            Around a profile: standard deviation, or standard error of the mean, over the sequences; of one
            sequence, over the repeats.
        sites : dict of str to float, optional
            Known sites, as bases from the start of the sequence, by name.
        origin : int, default=0
            The base that the axis counts from, for instance the start of transcription.

        Returns
        -------
        self : PerturbationDisplay
            With ``ax_`` and ``figure_``.

        Raises
        ------
        ValueError
            If `kind`, `index`, `width`, `band` or a site is not among those that there are.
        """
        check_kind(kind, ("heatmap", "profile"))
        index = check_index(index, len(self.result.baseline))
        rows = self._find_rows(width)
        if band not in ("sd", "se", None):
            raise ValueError(f"band must be 'sd', 'se' or None. Got {band!r} instead.")
        ax = axes_to_draw_on(ax)
        label = f"change of the\n{name_prediction(self.result)}"
        if kind == "heatmap":
            draw_heatmap(
                ax,
                self._summarise(index)[0],
                self.result.positions,
                list(map(str, self.result.widths)),
                label=label,
                origin=origin,
            )
            ax.set_ylabel("width of the window (bp)")
        else:
            self._draw_profiles(ax, rows, index, band, origin)
            ax.set_ylabel(label)
        finish_positions(ax, self.result.positions, origin, sites)
        ax.set_title(name_sequences(index, len(self.result.baseline)), fontsize="medium", loc="left", pad=16)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _find_rows(self, width):
        """Give the rows of the widths of a profile."""
        widths = self.result.widths.tolist()
        wanted = [max(widths)] if width is None else np.atleast_1d(width).tolist()
        missing = [w for w in wanted if w not in widths]
        if missing:
            raise ValueError(f"width must be among those that were computed, {widths}. Got {missing[0]}.")
        return [widths.index(w) for w in wanted]

    def _summarise(self, index):
        """Give mean, standard deviation and number of what the mean is of; each (n_widths, n_positions)."""
        if index is None:
            return mean_and_sd(self.result.importances_mean)
        mean, std = self.result.importances_mean[index], self.result.importances_std[index]
        return mean, std, np.full(mean.shape, self.result.n_repeats)

    def _draw_profiles(self, ax, rows, index, band, origin):
        """Draw a line for each width, and what shuffled sequences give."""
        mean, sd, n = self._summarise(index)
        half = sd / np.sqrt(np.maximum(n, 1)) if band == "se" else sd
        x = self.result.positions - origin
        ax.axhline(0, color="0.6", linewidth=0.8)
        for i, row in enumerate(rows):
            colour = COLOURS[i % len(COLOURS)]
            ax.plot(x, mean[row], color=colour, label=f"windows of {self.result.widths[row]} bp")
            if band is not None:
                low, high = mean[row] - half[row], mean[row] + half[row]
                ax.fill_between(x, low, high, color=colour, alpha=0.18, linewidth=0)
            if "null_mean" in self.result:
                null = self.result.null_mean[:, row] if index is None else self.result.null_mean[index, row]
                ax.axhline(np.mean(null), color=colour, linestyle=":", label="… of shuffled sequences")
        ax.spines[["top", "right"]].set_visible(False)
        # Beside the axes: no corner of a profile is empty for sure.
        ax.legend(frameon=False, fontsize="small", loc="upper left", bbox_to_anchor=(1.0, 1.0))
