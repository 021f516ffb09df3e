"""The task ``gram-staining``: windows of genomes, split by genus, with few labelled genomes or windows."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.utils import Bunch

from benchmarks.corpora import Corpus, fetch_all_bacteria, shorten
from benchmarks.environment import describe
from benchmarks.evaluation import Draw, evaluate
from benchmarks.methods import (
    describe_method,
    embed,
    joined_features,
    kmer_features,
    language_model_features,
    majority,
    with_lasso,
    with_ridge,
)
from benchmarks.pretraining import Pretrained, pretrain
from benchmarks.records import Record, Settings, describe_files, fold, published_row
from benchmarks.stopwatch import Stopwatch
from skgenome.datasets import fetch_gram_staining, get_data_home
from skgenome.representation import LanguageModel

NAME = "gram-staining"
TITLE = "Gram staining from windows of 6700 bp"
WINDOW_SIZE = 6700
K = 6

#: Steps of pretraining: 10 to 12 minutes on two cores. To be changed here and nowhere else.
PRETRAINING_STEPS = 5000
#: Both strands count alike, since a window has no direction.
NETWORK = {
    "embedding_size": 128,
    "hidden_size": 256,
    "n_layers": 3,
    "strand": "average",
    "pooling": "concat",
    "layer": "all",
}
TINY_NETWORK = {**NETWORK, "embedding_size": 8, "hidden_size": 16, "n_layers": 2}

PROTOCOL = f"""Windows of {WINDOW_SIZE} bp, {{n_windows}} from each of 58 genomes of 57 genera. In each of
{{n_repeats}} repeats, {{n_test}} genera drawn by chance, stratified by class, are the test set; no window
of theirs is labelled. Labelled are all windows of 1, 3, 8 or all remaining genomes of each class (the fewer
are among the more), or 20, 100, 500 windows spread over all remaining genomes, half of them of each class.
All methods see the same draws. The language model was pretrained once, without labels, on all genomes:
those of the test genera are among them, so its features are transductive, while the k-mers need no
pretraining. Penalties are chosen by cross-validation on the labelled windows alone. With few genomes, those
folds split windows of one genome, for all methods alike."""

METRICS = ("roc_auc", "balanced_accuracy")
SOURCE = (
    "Measured for this project with rough models: 6-mer frequencies + L2 logistic regression, and mean and "
    "max of all layers of a language model of 2.2 M weights after ten minutes on all genomes; 6 to 8 draws, "
    "other windows and other draws than here."
)


class Plan(NamedTuple):
    """How much is measured."""

    n_repeats: int = 5
    n_test_genera: int = 16
    n_windows_per_genome: int = 20
    genomes_per_class: tuple[int | None, ...] = (1, 3, 8, None)
    windows: tuple[int, ...] = (20, 100, 500)


#: Four windows of a genome are the fewest that leave some of each class in five folds.
QUICK_PLAN = Plan(1, 16, 6, (1, None), (20,))


def split_by_genus(
    genus: np.ndarray, y: np.ndarray, n_test: int, rng: np.random.RandomState
) -> tuple[np.ndarray, np.ndarray]:
    """Draw genera for the test set, stratified by class.

    Parameters
    ----------
    genus : ndarray of shape (n_windows,)
        Of every window.
    y : ndarray of shape (n_windows,)
        Class of every window; one class in a genus.
    n_test : int
        Number of genera.
    rng : numpy.random.RandomState
        Draws them.

    Returns
    -------
    train, test : ndarray of int
        Rows, in order.
    """
    names, first = np.unique(genus, return_index=True)
    splitter = StratifiedShuffleSplit(n_splits=1, test_size=n_test, random_state=rng)
    _, chosen = next(splitter.split(names, y[first]))
    is_test = np.isin(genus, names[chosen])
    return np.flatnonzero(~is_test), np.flatnonzero(is_test)


def draw_labels(
    y: np.ndarray, genome_ids: np.ndarray, train: np.ndarray, plan: Plan, rng: np.random.RandomState
) -> Iterator[tuple[str, np.ndarray]]:
    """Draw labelled windows for every condition; smaller draws are part of larger ones.

    Parameters
    ----------
    y, genome_ids : ndarray of shape (n_windows,)
        Class and genome of every window.
    train : ndarray of int
        Rows that may be labelled.
    plan : Plan
        The conditions.
    rng : numpy.random.RandomState
        Draws them.

    Yields
    ------
    condition : str
        Its name.
    rows : ndarray of int
        Rows to learn from, in order.
    """
    genomes, windows = {}, {}
    for label in np.unique(y[train]):
        rows = rng.permutation(train[y[train] == label])
        names, first, genome = np.unique(genome_ids[rows], return_index=True, return_inverse=True)
        # Genomes in the order in which a shuffled row first names them, which is a random one.
        genomes[label] = names[np.argsort(first)]
        # Every genome gives a window before any gives its second.
        turn = np.zeros(len(rows), dtype=int)
        for number in range(len(names)):
            turn[genome == number] = np.arange(np.count_nonzero(genome == number))
        windows[label] = rows[np.argsort(turn, kind="stable")]
    for n in plan.genomes_per_class:
        chosen = np.concatenate([names[:n] for names in genomes.values()])
        condition = "all genomes" if n is None else f"{n} genome{'s' if n > 1 else ''} per class"
        yield condition, train[np.isin(genome_ids[train], chosen)]
    for n in plan.windows:
        share = n // len(windows)
        yield f"{n} windows", np.sort(np.concatenate([rows[:share] for rows in windows.values()]))


def make_draws(windows: Bunch, plan: Plan, random_state: int) -> Iterator[Draw]:
    """Draw test genera and labels for every repeat and condition.

    Parameters
    ----------
    windows : Bunch
        With target, genus and genome_ids.
    plan : Plan
        How much is measured.
    random_state : int
        Of splits and draws.

    Yields
    ------
    Draw
        No genus is in both its train and its test.
    """
    for repeat in range(plan.n_repeats):
        rng = np.random.RandomState([random_state, repeat])
        train, test = split_by_genus(windows.genus, windows.target, plan.n_test_genera, rng)
        for condition, rows in draw_labels(windows.target, windows.genome_ids, train, plan, rng):
            yield Draw(condition, rows, test)


def make_methods(lm: LanguageModel, random_state: int) -> dict[str, ClassifierMixin]:
    """Give the methods of the task.

    Parameters
    ----------
    lm : LanguageModel
        Pretrained.
    random_state : int
        Of the choice of penalties.

    Returns
    -------
    dict
        Name to classifier.
    """
    return {
        "majority": majority(),
        f"{K}-mers + lasso": with_lasso(kmer_features(K), random_state),
        f"{K}-mers + L2 logistic regression": with_ridge(kmer_features(K), random_state),
        "language model + lasso": with_lasso(language_model_features(lm), random_state),
        "language model + L2 logistic regression": with_ridge(language_model_features(lm), random_state),
        f"{K}-mers and language model + lasso": with_lasso(joined_features(lm, K), random_state),
    }


def _pretrain(settings: Settings, corpus: Corpus) -> Pretrained:
    network, n_steps = (TINY_NETWORK, 20) if settings.quick else (NETWORK, PRETRAINING_STEPS)
    lm = LanguageModel(
        **network,
        max_steps=n_steps,
        steps_per_round=min(n_steps, 500),
        device=settings.device,
        random_state=settings.random_state,
        verbose=1,
    )
    return pretrain(lm, corpus, settings.work_dir)


def _published() -> list[dict]:
    """Give the reference numbers at the conditions that both have."""
    kmers = {"1 genome per class": 0.52, "3 genomes per class": 0.68, "8 genomes per class": 0.94}
    language_model = {"1 genome per class": 0.52, "3 genomes per class": 0.72, "8 genomes per class": 0.86}
    return [
        published_row(
            "reference: 6-mers + L2 logistic regression",
            "roc_auc",
            kmers | {"20 windows": 0.69, "100 windows": 0.97, "500 windows": 1.00},
            SOURCE,
        ),
        published_row(
            "reference: language model",
            "roc_auc",
            language_model | {"20 windows": 0.66, "100 windows": 0.88, "500 windows": 0.95},
            SOURCE,
        ),
    ]


def run(settings: Settings) -> Record:
    """Pretrain on all genomes and measure every method.

    Parameters
    ----------
    settings : Settings
        What the caller chose.

    Returns
    -------
    Record
        With scores.
    """
    watch = Stopwatch()
    plan = QUICK_PLAN if settings.quick else Plan()
    # A smoke run measures nothing, so short windows will do.
    window_size = 500 if settings.quick else WINDOW_SIZE
    with watch("reading data"):
        corpus = fetch_all_bacteria(settings.data_home)
        windows = fetch_gram_staining(
            window_size=window_size,
            n_windows_per_genome=plan.n_windows_per_genome,
            random_state=settings.random_state,
            data_home=settings.data_home,
        )
    if settings.quick:
        corpus = shorten(corpus, 300_000)
    with watch("pretraining, or finding it done"):
        pretrained = _pretrain(settings, corpus)
    methods = make_methods(pretrained.model, settings.random_state)
    with watch("features"):
        embed(pretrained.model, windows.data)
    with watch("learning and testing"):
        draws = make_draws(windows, plan, settings.random_state)
        scores = evaluate(methods, windows.data, windows.target, draws, METRICS)
    return Record(
        name=NAME,
        title=TITLE,
        protocol=fold(PROTOCOL).format(
            n_windows=plan.n_windows_per_genome, n_repeats=plan.n_repeats, n_test=plan.n_test_genera
        ),
        random_state=settings.random_state,
        scores=[score.as_row() for score in scores],
        chance=dict.fromkeys(METRICS, 0.5),
        published=_published(),
        models={name: describe_method(method) for name, method in methods.items()},
        pretraining=[pretrained.facts],
        data=describe_files(windows.filenames, get_data_home(settings.data_home)),
        seconds=watch.seconds,
        environment=describe(settings.device),
        quick=settings.quick,
    )
