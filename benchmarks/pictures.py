"""How pictures are written; and those of windows as representations see them, next to each other."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.methods import Representation, frozen
from benchmarks.windows import Windows
from skgenome.manifold import TSNE, EmbeddingDisplay
from skgenome.sequences import write_beside

#: Inches of a panel, and of the legend beside the last.
PANEL, LEGEND = 5.0, 1.8
#: Dots per inch of all pictures.
DPI = 140


def draw_embeddings(
    models: Mapping[str, Representation],
    labelled: Windows,
    path: Path,
    n_most: int = 10_000,
    random_state: int = 0,
) -> Path:
    """Draw t-SNE of the features of every representation, side by side, coloured by class.

    Parameters
    ----------
    models : mapping of str to LanguageModel or ContrastivePredictiveCoding
        Fitted, by title.
    labelled : Windows
        With classes. As many of each class are drawn by chance as the rarest has.
    path : pathlib.Path
        The picture, a PNG whatever its suffix.
    n_most : int, default=10000
        Most windows in a panel.
    random_state : int, default=0
        Of the choice of windows and of t-SNE.

    Returns
    -------
    pathlib.Path
        The picture.

    Raises
    ------
    ValueError
        If windows have labels of their own and not a class each, or there is no representation.
    FileNotFoundError
        If the folder of `path` does not exist.
    """
    if labelled.has_own_labels:
        raise ValueError(
            f"A colour stands for one class of a window. Got an indicator matrix of shape "
            f"{labelled.target.shape} instead: pass one of its columns as the target."
        )
    if not models:
        raise ValueError("models is empty: pass at least one representation.")
    rows = choose_evenly(labelled.target, n_most, random_state)
    data, target = labelled.data[rows], labelled.target[rows]
    names = np.asarray(labelled.class_names)[target] if len(labelled.class_names) else target
    # Opened first: a wrong folder is found out at once, and not after the features.
    with write_beside(path) as file:
        figure = Figure(figsize=(PANEL * len(models) + LEGEND, PANEL), layout="constrained")
        panels = figure.subplots(1, len(models), squeeze=False)[0]
        for ax, (title, model) in zip(panels, models.items(), strict=True):
            features = StandardScaler().fit_transform(Pipeline(frozen(model)).transform(data))
            EmbeddingDisplay.from_estimator(TSNE(random_state=random_state), features, names, ax=ax)
            ax.set_title(title)
        # One legend says it for all: colours follow the order of the names.
        for ax in panels[:-1]:
            ax.get_legend().remove()
        figure.savefig(file, format="png", dpi=DPI)
    return Path(path)


def save(figure: Figure, path: Path) -> Path:
    """Write a picture.

    Parameters
    ----------
    figure : matplotlib Figure
        What.
    path : pathlib.Path
        Where; a PNG whatever its suffix.

    Returns
    -------
    pathlib.Path
        The path.
    """
    with write_beside(path) as file:
        figure.savefig(file, format="png", dpi=DPI)
    return Path(path)


def choose_evenly(target: np.ndarray, n_most: int, random_state: int) -> np.ndarray:
    """Choose as many rows of each class.

    Parameters
    ----------
    target : ndarray of shape (n_windows,)
        Classes.
    n_most : int
        Most rows of all classes together.
    random_state : int
        Of the choice.

    Returns
    -------
    ndarray of int, shape (n_chosen,)
        Rows, in order.
    """
    rng = np.random.RandomState(random_state)
    classes, counts = np.unique(target, return_counts=True)
    n_each = min(counts.min(), n_most // len(classes))
    chosen = [rng.choice(np.flatnonzero(target == label), n_each, replace=False) for label in classes]
    return np.sort(np.concatenate(chosen))
