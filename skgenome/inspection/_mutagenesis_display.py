"""The pictures of in-silico mutagenesis: all substitutions, or a logo of what the model reads."""

from importlib import import_module

import numpy as np

from skgenome._plotting import COLOURS, axes_to_draw_on
from skgenome.inspection._drawing import (
    check_index,
    check_kind,
    draw_heatmap,
    finish_positions,
    import_logomaker,
    mean_and_sd,
    name_prediction,
    name_sequences,
)
from skgenome.inspection._mutagenesis import in_silico_mutagenesis
from skgenome.sequences import AMBIGUOUS

_BASES = "ACGT"
# Green, blue, orange and red, as in most logos.
_BASE_COLOURS = dict(zip(_BASES, (COLOURS[2], COLOURS[0], COLOURS[4], COLOURS[1]), strict=True))


def _fill_gaps(changes, positions, every):
    """Spread columns over all positions: what was not asked for is NaN."""
    filled = np.full((len(changes), len(every)), np.nan)
    filled[:, positions - every[0]] = changes
    return filled


def _loss_of_reference(attributions, reference):
    """Give (n_positions, 4): at the base that is there, the mean loss by its three substitutions."""
    is_reference = np.arange(4)[:, None] == reference
    # The change of the base that is there is 0, so that the sum is that of the other three.
    loss = -attributions.sum(axis=0) / 3
    return np.where(is_reference, loss, 0).T


def _preference(mean):
    """Give (n_positions, 4): what each base does, compared with the mean of the four."""
    return (mean - mean.mean(axis=0)).T


class MutagenesisDisplay:
    """How a prediction changes with every substitution.

    Read more in :ref:`inspection`.

    Parameters
    ----------
    result : Bunch
        What :func:`in_silico_mutagenesis` gives.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        Its figure.

    See Also
    --------
    PerturbationDisplay : The same for windows.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from skgenome.inspection import MutagenesisDisplay
    >>> from skgenome.preprocessing import KmerCounter
    >>> classifier = make_pipeline(KmerCounter(k=2), LogisticRegression())
    >>> classifier = classifier.fit(["ACCCA", "AACCC", "ACATA", "TACAA"], [1, 1, 0, 0])
    >>> display = MutagenesisDisplay.from_estimator(classifier, ["AAAACCCAAAA"])
    >>> [text.get_text() for text in display.ax_.get_yticklabels()]
    ['A', 'C', 'G', 'T']
    """

    def __init__(self, result):
        self.result = result

    @classmethod
    def from_estimator(
        cls, estimator, sequences, *, ax=None, kind="heatmap", index=None, sites=None, origin=0, **params
    ):
        """Mutate sequences and draw the result.

        Parameters
        ----------
        estimator : classifier
            Fitted, of sequences.
        sequences : collection of str of length n_sequences
            What to mutate.
        ax : matplotlib Axes, optional
            Where to draw.
        kind : {'heatmap', 'logo'}, default='heatmap'
            As in :meth:`plot`.
        index : int, optional
            As in :meth:`plot`.
        sites : dict of str to float, optional
            As in :meth:`plot`.
        origin : int, default=0
            As in :meth:`plot`.
        **params : dict
            Of :func:`in_silico_mutagenesis`: `target`, `positions` and so on.

        Returns
        -------
        MutagenesisDisplay
            Drawn.
        """
        display = cls(in_silico_mutagenesis(estimator, sequences, **params))
        return display.plot(ax, kind=kind, index=index, sites=sites, origin=origin)

    def plot(self, ax=None, *, kind="heatmap", index=None, sites=None, origin=0):
        """Draw all substitutions, or a logo.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; by default new axes.
        kind : {'heatmap', 'logo'}, default='heatmap'
            Base against position, with the change as colour; or letters. In the logo of one sequence each
            base is as high as the prediction falls, on average, when it is substituted. In the logo of
            several, each of the four bases is as high as its mean change, less that of all four: bases above
            0 are those that the model prefers there. Needs logomaker.
        index : int, optional
            Which sequence. By default the mean of all, position by position: sensible where the sequences are
            aligned.
        sites : dict of str to float, optional
            Known sites, as bases from the start of the sequence, by name.
        origin : int, default=0
            The base that the axis counts from, for instance the start of transcription.

        Returns
        -------
        self : MutagenesisDisplay
            With ``ax_`` and ``figure_``.

        Raises
        ------
        ImportError
            If the logo is asked for and logomaker is not installed.
        ValueError
            If `kind`, `index` or a site is not among those that there are.
        """
        check_kind(kind, ("heatmap", "logo"))
        result = self.result
        index = check_index(index, len(result.baseline))
        changes = mean_and_sd(result.attributions)[0] if index is None else result.attributions[index]
        drawer = None if kind == "heatmap" else import_logomaker()
        ax = axes_to_draw_on(ax)
        prediction = name_prediction(result)
        every = np.arange(result.positions.min(), result.positions.max() + 1)
        if drawer is None:
            label = f"change of the\n{prediction}"
            filled = _fill_gaps(changes, result.positions, every)
            draw_heatmap(ax, filled, every, list(_BASES), label=label, origin=origin)
            self._mark_reference(ax, index, origin)
            ax.set_ylabel("substituted by")
        else:
            heights = _preference(changes) if index is None else self._loss(index)
            self._draw_logo(drawer, ax, heights, origin)
            ax.set_ylabel(f"{'preference in' if index is None else 'loss of'} the\n{prediction}")
        finish_positions(ax, every, origin, sites)
        ax.set_title(name_sequences(index, len(result.baseline)), fontsize="medium", loc="left", pad=16)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _loss(self, index):
        return _loss_of_reference(self.result.attributions[index], self.result.reference[index])

    def _mark_reference(self, ax, index, origin):
        """Put a dot on the bases of one sequence, that white cells are not taken for no effect."""
        if index is None:
            return
        reference = self.result.reference[index]
        known = reference != AMBIGUOUS
        x = self.result.positions[known] - origin
        ax.scatter(x, reference[known], s=4, color="0.3", linewidths=0)

    def _draw_logo(self, logomaker, ax, heights, origin):
        """Draw letters at their positions; where there is nothing known, none."""
        frame = import_module("pandas").DataFrame(
            np.nan_to_num(heights), index=self.result.positions - origin, columns=list(_BASES)
        )
        # Letters on their heads, the default below 0, are hard to read.
        logomaker.Logo(frame, ax=ax, color_scheme=_BASE_COLOURS, flip_below=False, zorder=2)
        ax.spines[["top", "right"]].set_visible(False)
