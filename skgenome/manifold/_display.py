"""The picture of an embedding."""

import numpy as np

from skgenome._plotting import COLOURS, axes_to_draw_on


class EmbeddingDisplay:
    """Samples in the plane, coloured by class.

    Parameters
    ----------
    embedding : array-like of shape (n_samples, 2)
        Where the samples are.
    labels : array-like of shape (n_samples,), optional
        Their classes.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        Its figure.

    References
    ----------
    van der Maaten and Hinton, "Visualizing Data using t-SNE" (2008).

    Examples
    --------
    >>> from skgenome.manifold import EmbeddingDisplay
    >>> display = EmbeddingDisplay([[0, 0], [1, 1]], ["phage", "virus"]).plot()
    >>> [text.get_text() for text in display.ax_.get_legend().get_texts()]
    ['phage (1)', 'virus (1)']
    """

    def __init__(self, embedding, labels=None):
        self.embedding = embedding
        self.labels = labels

    @classmethod
    def from_estimator(cls, estimator, X, labels=None, *, ax=None):
        """Embed samples and draw them.

        Parameters
        ----------
        estimator : transformer
            Not fitted, for instance ``TSNE()``.
        X : array-like of shape (n_samples, n_features)
            The samples.
        labels : array-like of shape (n_samples,), optional
            Their classes.
        ax : matplotlib Axes, optional
            Where to draw.

        Returns
        -------
        EmbeddingDisplay
            Drawn.
        """
        return cls(estimator.fit_transform(X), labels).plot(ax=ax)

    def plot(self, ax=None):
        """Draw the samples.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; by default new axes.

        Returns
        -------
        self : EmbeddingDisplay
            With ``ax_`` and ``figure_``.

        Raises
        ------
        ValueError
            If the embedding has not two columns, or labels of another length.
        """
        points = np.asarray(self.embedding)
        if points.ndim != 2 or points.shape[1] != 2:
            raise ValueError(f"embedding must be of shape (n_samples, 2). Got shape {points.shape} instead.")
        labels = np.zeros(len(points), dtype=int) if self.labels is None else np.asarray(self.labels)
        if len(labels) != len(points):
            raise ValueError(f"There are {len(points)} points, but {len(labels)} labels.")
        ax = axes_to_draw_on(ax)
        size = float(np.clip(6000 / len(points), 3, 40))
        # In a drawn order: class after class, the last would cover the others.
        order = np.random.RandomState(0).permutation(len(points))
        names, classes = np.unique(labels, return_inverse=True)
        colours = np.array([COLOURS[i % len(COLOURS)] for i in classes])
        ax.scatter(*points[order].T, s=size, c=colours[order], alpha=0.65, linewidths=0)
        if self.labels is not None:
            for i, name in enumerate(names):
                text = f"{name} ({np.sum(classes == i):,})"
                ax.scatter([], [], s=40, color=COLOURS[i % len(COLOURS)], label=text)
            ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
        ax.set_aspect("equal", adjustable="datalim")
        ax.set_xticks([])
        ax.set_yticks([])
        ax.set_xlabel("t-SNE 1")
        ax.set_ylabel("t-SNE 2")
        self.ax_, self.figure_ = ax, ax.figure
        return self
