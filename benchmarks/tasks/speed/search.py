"""What a search over label fractions costs, beside embedding the data once and beside embedding always."""

from tempfile import TemporaryDirectory

import numpy as np
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import Pipeline

from benchmarks.footprint import Footprint, footprint
from benchmarks.records import Timing
from benchmarks.tasks.speed.network import Size
from skgenome.linear_model import LassoLogisticRegressionCV
from skgenome.model_selection import LabelFractionClassifier
from skgenome.preprocessing import KmerTokenizer
from skgenome.representation import LanguageModel

FRACTIONS, N_FOLDS = (0.05, 0.1, 0.3, 1.0), 5
TARGET_RATIO = 1.3
ROW_LENGTH = 150
NOTE = (
    f"GridSearchCV over {len(FRACTIONS)} fractions x {N_FOLDS} folds of a Pipeline with memory: tokens, "
    "frozen language model, lasso. The first peer embeds the data once and makes the same fits on the "
    "features; the second is the same search with nothing remembered. Each run is in a process of its own."
)

Inputs = tuple[list[str], np.ndarray, LanguageModel]


def prepare(contig: str, n_rows: int, size: Size, random_state: int) -> Inputs:
    """Cut rows, label them, and draw a language model.

    Parameters
    ----------
    contig : str
        What is cut, from its beginning.
    n_rows : int
        How many rows.
    size : Size
        Of the language model.
    random_state : int
        Of its weights.

    Returns
    -------
    X : list of str
        The rows.
    y : ndarray of bool
        Whether G and C are more common than in the median row.
    lm : LanguageModel
        Trained for one step: what it knows does not change what it costs.
    """
    X = [contig[start : start + ROW_LENGTH] for start in range(0, n_rows * ROW_LENGTH, ROW_LENGTH)]
    gc = np.array([row.count("G") + row.count("C") for row in X])
    lm = LanguageModel(**size._asdict(), max_steps=1, random_state=random_state)
    return X, gc > np.median(gc), lm.fit(KmerTokenizer(k=3, padding=False).transform(X))


def make_pipeline(lm: LanguageModel, memory: str | None) -> Pipeline:
    """Make the pipeline that is searched.

    Parameters
    ----------
    lm : LanguageModel
        Fitted.
    memory : str or None
        Folder of the pipeline's cache.

    Returns
    -------
    Pipeline
        Not fitted, but for the language model.
    """
    last = LabelFractionClassifier(LassoLogisticRegressionCV(random_state=0), random_state=0)
    steps = [("tokens", KmerTokenizer(k=3)), ("lm", FrozenEstimator(lm)), ("lasso", last)]
    return Pipeline(steps, memory=memory)


def search(X: list[str], y: np.ndarray, lm: LanguageModel) -> np.ndarray:
    """Search as a user would.

    Parameters
    ----------
    X, y, lm
        Of :func:`prepare`.

    Returns
    -------
    ndarray of shape (n_fractions,)
        Mean score of each.
    """
    with TemporaryDirectory() as memory:
        return _search(make_pipeline(lm, memory), X, y)


def search_anew(X: list[str], y: np.ndarray, lm: LanguageModel) -> np.ndarray:
    """Search with nothing remembered: neither by the pipeline nor by the language model.

    Parameters
    ----------
    X, y, lm
        Of :func:`prepare`.

    Returns
    -------
    ndarray of shape (n_fractions,)
        Mean score of each.
    """
    return _search(make_pipeline(lm.set_params(cache_size=0), None), X, y)


def _search(pipeline: Pipeline, X: list[str], y: np.ndarray) -> np.ndarray:
    grid = {"lasso__fraction": list(FRACTIONS)}
    found = GridSearchCV(pipeline, grid, scoring="roc_auc", cv=N_FOLDS).fit(X, y)
    return found.cv_results_["mean_test_score"]


def embed_once(X: list[str], y: np.ndarray, lm: LanguageModel) -> np.ndarray:
    """Embed the data once and make the fits of the search on the features.

    Parameters
    ----------
    X, y, lm
        Of :func:`prepare`.

    Returns
    -------
    ndarray of shape (n_fractions,)
        Mean score of each.
    """
    pipeline = make_pipeline(lm, None)
    features = pipeline[:-1].transform(X)
    scores = np.empty((len(FRACTIONS), N_FOLDS))
    for i, fraction in enumerate(FRACTIONS):
        for j, (train, test) in enumerate(StratifiedKFold(N_FOLDS).split(features, y)):
            lasso = clone(pipeline[-1]).set_params(fraction=fraction).fit(features[train], y[train])
            scores[i, j] = roc_auc_score(y[test], lasso.decision_function(features[test]))
    best = FRACTIONS[scores.mean(axis=1).argmax()]
    clone(pipeline[-1]).set_params(fraction=best).fit(features, y)
    return scores.mean(axis=1)


def measure_search(
    contig: str, n_rows: int, size: Size, n_rounds: int, n_rounds_anew: int, random_state: int
) -> list[Timing]:
    """Time the search beside both peers.

    Parameters
    ----------
    contig : str
        Rows are cut from it.
    n_rows : int
        How many.
    size : Size
        Of the language model.
    n_rounds, n_rounds_anew : int
        How often the search and its first peer are timed, and how often the second, which takes long.
    random_state : int
        Of the weights.

    Returns
    -------
    list of Timing
        In seconds.
    """
    inputs = (contig[: n_rows * ROW_LENGTH], n_rows, size, random_state)

    def run(work) -> Footprint:
        return footprint(work, prepare, *inputs)

    pairs = [(run(search).seconds, run(embed_once).seconds) for _ in range(n_rounds)]
    ours, once = (list(one) for one in zip(*pairs, strict=True))
    anew = [run(search_anew).seconds for _ in range(n_rounds_anew)]
    row = Timing(
        f"label-fraction search: {n_rows:,} rows of {ROW_LENGTH} bp, language model {size}",
        "one embedding and the same fits",
        "s",
        ours,
        once,
        target_ratio=TARGET_RATIO,
        note=NOTE,
        lower_is_better=True,
    )
    return [row, row._replace(peer="the search with nothing remembered", peer_values=anew, target_ratio=None)]
