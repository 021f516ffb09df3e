"""The picture of a label-fraction curve."""

import numpy as np

from skgenome._plotting import COLOURS, axes_to_draw_on
from skgenome.model_selection._curve import label_fraction_curve

#: Neighbouring ticks this share of the axis apart, at least, are both labelled.
ROOM_FOR_LABEL = 0.06


def _labels_with_room(x):
    """Write the numbers of labels; one too near to the last written on a log axis stays blank."""
    places = np.log(x) / max(np.log(x[-1] / x[0]), 1e-9)
    labels, last = [], -np.inf
    for place, n in zip(places, x, strict=True):
        has_room = place - last >= ROOM_FOR_LABEL
        labels.append(f"{n:,.0f}" if has_room else "")
        last = place if has_room else last
    return labels


class LabelFractionCurveDisplay:
    """Scores against the number of labels, one line for each estimator.

    Parameters
    ----------
    curve : LabelFractionCurve
        What :func:`label_fraction_curve` gives.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        Its figure.
    lines_ : list of matplotlib containers
        One for each estimator.

    References
    ----------
    Howard and Ruder, "Universal Language Model Fine-tuning for Text Classification" (2018), figure 3.

    Examples
    --------
    >>> import numpy as np
    >>> from skgenome.model_selection import LabelFractionCurve, LabelFractionCurveDisplay
    >>> scores = {"k-mers": {"accuracy": np.array([[0.6, 0.7], [0.8, 0.8]])}}
    >>> curve = LabelFractionCurve([20, 200], np.array([20, 200]), scores, {"accuracy": 0.5})
    >>> LabelFractionCurveDisplay(curve).plot().ax_.get_ylabel()
    'accuracy'
    """

    def __init__(self, curve):
        self.curve = curve

    @classmethod
    def from_estimators(cls, estimators, X, y, *, fractions, ax=None, metric=None, **params):
        """Compute the curve and draw it.

        Parameters
        ----------
        estimators : classifier or dict of str to classifier
            What is compared.
        X : indexable of length n_samples
            What labels may be drawn from.
        y : array-like of shape (n_samples,)
            Labels.
        fractions : list of float or int
            Shares or numbers of labels.
        ax : matplotlib Axes, optional
            Where to draw.
        metric : str, optional
            Which metric to draw; by default the first.
        **params : dict
            Of :func:`label_fraction_curve`.

        Returns
        -------
        LabelFractionCurveDisplay
            With the curve.
        """
        curve = label_fraction_curve(estimators, X, y, fractions=fractions, **params)
        return cls(curve).plot(ax=ax, metric=metric)

    def plot(self, ax=None, *, metric=None):
        """Draw mean and standard deviation over the repeats.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; by default new axes.
        metric : str, optional
            Which metric; by default the first.

        Returns
        -------
        self : LabelFractionCurveDisplay
            With ``ax_``, ``figure_`` and ``lines_``.
        """
        ax = axes_to_draw_on(ax)
        metric = metric or self.curve.metrics[0]
        # Fractions may come in any order, a line goes from left to right.
        order = np.argsort(self.curve.n_labels, kind="stable")
        x = self.curve.n_labels[order]
        self.lines_ = []
        for i, name in enumerate(self.curve.scores):
            mean = self.curve.mean(name, metric)[order]
            std = np.nan_to_num(self.curve.std(name, metric))[order]
            colour = COLOURS[i % len(COLOURS)]
            self.lines_ += ax.plot(x, mean, marker="o", color=colour, label=name)
            ax.fill_between(x, mean - std, mean + std, color=colour, alpha=0.18, linewidth=0)
        if metric in self.curve.chance:
            ax.axhline(self.curve.chance[metric], color="0.45", linestyle=":", label="chance")
        ax.set_xscale("log")
        ax.set_xticks(x, _labels_with_room(x))
        ax.minorticks_off()
        ax.set_xlabel("labelled sequences (log scale)")
        ax.set_ylabel(metric.replace("_", " "))
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(axis="y", color="0.9")
        ax.set_axisbelow(True)
        ax.legend(frameon=False)
        self.ax_, self.figure_ = ax, ax.figure
        return self
