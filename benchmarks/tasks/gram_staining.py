"""The task ``gram-staining``: windows of genomes, split by genus, with few labelled genomes or windows."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.pipeline import Pipeline
from sklearn.utils import Bunch

from benchmarks.corpora import fetch_all_bacteria, shorten
from benchmarks.evaluation import make_record, score_methods
from benchmarks.methods import frozen, joined, kmers, lasso, majority, ridge, scaled
from benchmarks.pretraining import make_language_model, pretrain
from benchmarks.records import Record, Score, Settings, fold, published_row
from benchmarks.stopwatch import Stopwatch
from skgenome.datasets import fetch_gram_staining
from skgenome.representation import LanguageModel

NAME = "gram-staining"
WINDOW_SIZE = 6700
K = 6

#: Steps of pretraining: eight minutes on two cores. To be changed here and nowhere else.
PRETRAINING_STEPS = 5000
#: Both strands count alike, since a window has no direction. Means of all layers, since what tells the
#: classes apart is composition: with last and max of the middle layer AUROC is .74 with all genomes.
NETWORK = {
    "embedding_size": 128,
    "hidden_size": 256,
    "n_layers": 3,
    "strand": "average",
    "pooling": "mean",
    "layer": "all",
}

PROTOCOL = """Windows of {window_size} bp, {n_windows} from each of 58 genomes of 57 genera. In each of
{n_repeats} repeats, {n_test} genera drawn by chance, stratified by class, are the test set; no window of
theirs is labelled. Labelled are all windows of 1, 3, 8 or all remaining genomes of each class, or 20, 100,
500 windows drawn from all remaining genomes, stratified by class; the fewer are among the more. All methods
see the same draws. The language model was pretrained once, without labels, on all genomes. Those of the
test genera are among them, so its features are transductive: it has read the test genomes, and the k-mers
have not; the scale of all features is that of all windows, without labels. Penalties are
chosen by cross-validation on the labelled windows alone; the folds split the
windows of a genome, for all methods alike."""

METRICS = ("roc_auc", "balanced_accuracy")
REFERENCE = (
    "Measured for this project with rough models: 6-mer frequencies + L2 logistic regression, and mean and "
    "max of all layers of a language model of 2.2 M weights after ten minutes on all genomes; 6 to 8 draws, "
    "other windows and other draws than here, the labelled windows spread over all genomes."
)


class Plan(NamedTuple):
    """How much is measured."""

    window_size: int = WINDOW_SIZE
    n_windows_per_genome: int = 20
    n_repeats: int = 5
    n_test_genera: int = 16
    genomes_per_class: tuple[int, ...] = (1, 3, 8)
    n_windows: tuple[int, ...] = (20, 100, 500)


#: Six windows of a genome leave one of each class in each of five folds.
QUICK_PLAN = Plan(500, 6, 2, 16, (1,), (20,))


def split_by_genus(
    genus: np.ndarray, y: np.ndarray, n_test: int, n_repeats: int, random_state: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Draw genera for the test sets, stratified by class.

    Parameters
    ----------
    genus : ndarray of shape (n_windows,)
        Of every window.
    y : ndarray of shape (n_windows,)
        Class of every window; one class in a genus.
    n_test : int
        Number of genera in a test set.
    n_repeats : int
        Number of splits.
    random_state : int
        Of the draws.

    Returns
    -------
    list of (train, test)
        Rows, in order.
    """
    names, first, genus_of_row = np.unique(genus, return_index=True, return_inverse=True)
    splitter = StratifiedShuffleSplit(n_repeats, test_size=n_test, random_state=random_state)
    splits = []
    for _, chosen in splitter.split(names, y[first]):
        is_test = np.isin(genus_of_row, chosen)
        splits.append((np.flatnonzero(~is_test), np.flatnonzero(is_test)))
    return splits


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def measure(
    methods: dict[str, ClassifierMixin], windows: Bunch, plan: Plan, random_state: int
) -> list[Score]:
    """Measure every method with few labelled genomes, then with few labelled windows.

    Parameters
    ----------
    methods : dict of str to classifier
        Not fitted; they take sequences.
    windows : Bunch
        With data, target, genus and genome_ids.
    plan : Plan
        How much is measured.
    random_state : int
        Of splits and draws.

    Returns
    -------
    list of Score
        A value for each repeat.
    """
    genus, y = windows.genus, windows.target
    splits = split_by_genus(genus, y, plan.n_test_genera, plan.n_repeats, random_state)
    shared = {"metrics": METRICS, "cv": splits, "random_state": random_state}
    of_genomes = {f"{_count(n, 'genome')} per class": n for n in plan.genomes_per_class} | {
        "all genomes": 1.0
    }
    of_windows = {_count(n, "window"): n for n in plan.n_windows}
    return [
        *score_methods(methods, windows.data, y, conditions=of_genomes, groups=windows.genome_ids, **shared),
        *score_methods(methods, windows.data, y, conditions=of_windows, **shared),
    ]


def make_methods(
    lm: LanguageModel, unlabelled: Sequence[str], random_state: int
) -> dict[str, ClassifierMixin]:
    """Give the methods of the task.

    Parameters
    ----------
    lm : LanguageModel
        Pretrained.
    unlabelled : sequence of str
        What the scale of the features is measured on.
    random_state : int
        Of the choice of penalties.

    Returns
    -------
    dict
        Name to classifier.
    """
    counts = kmers(K, canonical=True)
    spectrum, read, both = (
        scaled(features, unlabelled) for features in (counts, frozen(lm), joined(counts, lm))
    )
    return {
        "majority": majority(),
        f"{K}-mers + lasso": Pipeline(spectrum + lasso(random_state)),
        f"{K}-mers + L2 logistic regression": Pipeline(spectrum + ridge()),
        "language model + lasso": Pipeline(read + lasso(random_state)),
        "language model + L2 logistic regression": Pipeline(read + ridge()),
        f"{K}-mers and language model + lasso": Pipeline(both + lasso(random_state)),
    }


def _published() -> list[dict]:
    """Give the reference numbers, under the names of our conditions."""
    conditions = [f"{n} per class" for n in ("1 genome", "3 genomes", "8 genomes")]
    conditions += ["20 windows", "100 windows", "500 windows"]
    figures = {
        "reference: 6-mers + L2 logistic regression": (0.52, 0.68, 0.94, 0.69, 0.97, 1.00),
        "reference: language model + L2 logistic regression": (0.52, 0.72, 0.86, 0.66, 0.88, 0.95),
    }
    return [
        published_row(name, "roc_auc", dict(zip(conditions, values, strict=True)), REFERENCE)
        for name, values in figures.items()
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
    with watch("reading data"):
        corpus = fetch_all_bacteria(settings.data_home)
        windows = fetch_gram_staining(
            window_size=plan.window_size,
            n_windows_per_genome=plan.n_windows_per_genome,
            random_state=settings.random_state,
            data_home=settings.data_home,
        )
    if settings.quick:
        corpus = shorten(corpus, 300_000)
    with watch("pretraining, or finding it done"):
        lm = make_language_model(NETWORK, PRETRAINING_STEPS, settings)
        pretrained = pretrain(lm, corpus, settings.work_dir)
    methods = make_methods(pretrained.model, windows.data, settings.random_state)
    with watch("features, learning and testing"):
        scores = measure(methods, windows, plan, settings.random_state)
    return make_record(
        settings,
        watch,
        methods,
        scores,
        windows.filenames,
        name=NAME,
        title=f"Gram staining from windows of {plan.window_size} bp",
        protocol=fold(PROTOCOL).format(
            window_size=plan.window_size,
            n_windows=plan.n_windows_per_genome,
            n_repeats=plan.n_repeats,
            n_test=plan.n_test_genera,
        ),
        chance=dict.fromkeys(METRICS, 0.5),
        published=_published(),
        pretraining=[pretrained.facts],
    )
