"""Windows of genomes, few of them labelled: the methods, the protocol and the run that such tasks share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from sklearn.base import ClassifierMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.pipeline import Pipeline

from benchmarks.corpora import Corpus, shorten
from benchmarks.evaluation import make_record, score_methods
from benchmarks.methods import Representation, frozen, joined, kmers, lasso, majority, ridge, scaled
from benchmarks.parts import EARLIER, Parts
from benchmarks.pretraining import (
    CACHE_BYTES,
    draw_untrained,
    make_contrastive,
    make_language_model,
    pretrain,
)
from benchmarks.records import Record, Score, Settings, fold
from benchmarks.stopwatch import Stopwatch
from benchmarks.transfer import QUICK_BASES, n_side_by_side
from skgenome.classification import SequenceClassifier
from skgenome.preprocessing import KmerTokenizer

#: The language model. Both strands count alike, since a window has no direction. Means of all layers, since
#: what tells classes of windows apart is composition: with last and max of the middle layer, AUROC of Gram
#: staining is .74 with all genomes.
LM_NETWORK = {
    "embedding_size": 128,
    "hidden_size": 256,
    "n_layers": 3,
    "strand": "average",
    "pooling": "mean",
    "layer": "all",
}
#: Eight minutes on two cores. To be changed here and nowhere else.
LM_STEPS = 5000
#: Half as wide as published, and patches that overlap by half: a step takes a fifth of the time.
CONTRASTIVE_NETWORK = {
    "encoder": "resnet18",
    "width": 32,
    "patch_length": 500,
    "patch_stride": 250,
    "n_patches": 26,
    "steps": (2, 3, 4),
    "strand": "average",
}
#: A quarter of an hour on two cores.
CONTRASTIVE_STEPS = 1500
#: On labels, chosen as for promoters.
FINE_TUNING = {"learning_rate": 1e-3, "max_epochs": 2}
FROM_SCRATCH = {"training": "finetune", "learning_rate": 2e-3, "learning_rate_ratio": 1.0, "max_epochs": 8}


class Windows(NamedTuple):
    """Labelled windows, and what is held out."""

    data: np.ndarray
    """Sequences."""
    target: np.ndarray
    """Classes."""
    genomes: np.ndarray
    """What labels are drawn by: the genome of each window."""
    splits: list[tuple[np.ndarray, np.ndarray]]
    """Rows to learn from and to test on, for each repeat."""
    filenames: Sequence[str]


class Plan(NamedTuple):
    """How much is measured."""

    n_repeats: int
    genomes_per_class: tuple[int, ...]
    n_windows: tuple[int, ...]


def split_by_group(
    groups: np.ndarray, y: np.ndarray, test_size: float, n_repeats: int, random_state: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Draw groups for the test sets, stratified by class.

    Parameters
    ----------
    groups : ndarray of shape (n_windows,)
        Of every window, a genus for instance; one class in a group.
    y : ndarray of shape (n_windows,)
        Class of every window.
    test_size : int or float
        Number or share of the groups in a test set.
    n_repeats : int
        Number of splits.
    random_state : int
        Of the draws.

    Returns
    -------
    list of (train, test)
        Rows, in order.
    """
    names, first, group_of_row = np.unique(groups, return_index=True, return_inverse=True)
    splitter = StratifiedShuffleSplit(n_repeats, test_size=test_size, random_state=random_state)
    splits = []
    for _, chosen in splitter.split(names, y[first]):
        is_test = np.isin(group_of_row, chosen)
        splits.append((np.flatnonzero(~is_test), np.flatnonzero(is_test)))
    return splits


def make_methods(
    lm: Representation,
    contrastive: Representation,
    unlabelled: Sequence[str],
    k: int,
    settings: Settings,
) -> dict[str, ClassifierMixin]:
    """Give the methods: k-mers, both representations frozen and fine-tuned, their networks from scratch.

    Parameters
    ----------
    lm : LanguageModel
        Pretrained.
    contrastive : ContrastivePredictiveCoding
        Pretrained.
    unlabelled : sequence of str
        What the scale of the features is measured on.
    k : int
        Bases in a k-mer.
    settings : Settings
        Device and seed.

    Returns
    -------
    dict
        Name to classifier.
    """
    seed = settings.random_state
    counts = kmers(k, canonical=True)
    # Random weights do not depend on what is read.
    untrained = draw_untrained(contrastive, Corpus("any", ["ACGT" * 1000], ""))
    features = {
        f"{k}-mers": counts,
        "language model": frozen(lm),
        "contrastive": frozen(contrastive),
        "contrastive network, untrained": frozen(untrained),
        f"{k}-mers, language model and contrastive": joined(counts, lm, contrastive),
    }
    read = {name: scaled(steps, unlabelled) for name, steps in features.items()}
    methods = {"majority": majority()}
    methods |= {f"{name} + lasso": Pipeline(steps + lasso(seed)) for name, steps in read.items()}
    methods[f"{k}-mers + L2 logistic regression"] = Pipeline(read[f"{k}-mers"] + ridge())
    for name, model in {"language model": lm, "contrastive": contrastive}.items():
        start = FrozenEstimator(model)
        methods |= {
            f"{name} + linear head": _on_tokens(model, start, settings, training="frozen"),
            f"{name}, fine-tuned": _on_tokens(model, start, settings, **FINE_TUNING),
            f"{name}'s network from scratch": _on_tokens(model, clone(model), settings, **FROM_SCRATCH),
        }
    return methods


def _on_tokens(model: Representation, encoder: object, settings: Settings, **params: object) -> Pipeline:
    classifier = SequenceClassifier(
        encoder, device=settings.device, random_state=settings.random_state, **params
    )
    return Pipeline([("tokens", KmerTokenizer(k=model.k_)), ("classifier", classifier)])


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def measure(
    methods: dict[str, ClassifierMixin],
    windows: Windows,
    plan: Plan,
    metrics: Sequence[str],
    settings: Settings,
    parts: Parts | None = None,
) -> list[Score]:
    """Measure every method with few labelled genomes, then with few labelled windows of all genomes.

    Parameters
    ----------
    methods : dict of str to classifier
        Not fitted; they take sequences.
    windows : Windows
        What to learn from.
    plan : Plan
        How much is measured.
    metrics : sequence of str
        Names of scikit-learn's scorers.
    settings : Settings
        Device and seed.
    parts : Parts or None, default=None
        Where scores are kept.

    Returns
    -------
    list of Score
        A value for each repeat.
    """
    of_genomes = {f"{_count(n, 'genome')} per class": n for n in plan.genomes_per_class}
    of_windows = {_count(n, "window"): n for n in plan.n_windows}
    shared = {"metrics": metrics, "cv": windows.splits, "random_state": settings.random_state, "parts": parts}
    shared["n_jobs"] = n_side_by_side(settings.device)
    X, y, of_genomes = windows.data, windows.target, {**of_genomes, "all genomes": 1.0}
    scores = score_methods(methods, X, y, conditions=of_genomes, groups=windows.genomes, **shared)
    if of_windows:
        scores += score_methods(methods, X, y, conditions=of_windows, **shared)
    return scores


@dataclass(frozen=True)
class WindowTask:
    """Data, and what is said of them.

    Attributes
    ----------
    name, title, protocol : str
        As in :class:`benchmarks.records.Record`; the protocol may name ``n_rows`` and ``n_repeats``.
    read : callable
        From the folder of the data, the number of repeats, the seed and whether the run is a quick one to the
        windows and the corpus.
    plan, quick_plan : Plan
        How much is measured.
    k : int
        Bases in a k-mer of the baseline.
    metrics : tuple of str
        Names of scikit-learn's scorers.
    chance : dict
        Of the metrics that have one.
    published : tuple of dict
        Numbers of others.
    """

    name: str
    title: str
    protocol: str
    read: Callable[[str | None, int, int, bool], tuple[Windows, Corpus]]
    plan: Plan
    quick_plan: Plan
    k: int = 6
    metrics: tuple[str, ...] = ("roc_auc", "balanced_accuracy")
    chance: Mapping[str, float] = field(default_factory=dict)
    published: tuple[dict, ...] = ()

    def run(self, settings: Settings) -> Record:
        """Pretrain both representations and measure every method.

        Parameters
        ----------
        settings : Settings
            What the caller chose.

        Returns
        -------
        Record
            With scores.
        """
        watch, parts = Stopwatch(), Parts.of(self.name, settings)
        plan = self.quick_plan if settings.quick else self.plan
        with watch("reading data"):
            windows, corpus = self.read(
                settings.data_home, plan.n_repeats, settings.random_state, settings.quick
            )
            if settings.quick:
                corpus = shorten(corpus, QUICK_BASES)
        with watch("pretraining, or finding it done"):
            models = [
                pretrain(model, corpus, settings.work_dir)
                for model in (
                    make_language_model(LM_NETWORK, LM_STEPS, settings),
                    make_contrastive(CONTRASTIVE_NETWORK, CONTRASTIVE_STEPS, settings),
                )
            ]
        with watch("features, learning and testing"):
            fitted = [model.set_params(cache_size=CACHE_BYTES, verbose=0) for model, _ in models]
            methods = make_methods(*fitted, windows.data, self.k, settings)
            scores = measure(methods, windows, plan, self.metrics, settings, parts)
        watch.add(EARLIER, parts.seconds_before)
        return make_record(
            settings,
            watch,
            methods,
            scores,
            [*windows.filenames, *corpus.filenames],
            name=self.name,
            title=self.title,
            protocol=fold(self.protocol).format(n_rows=len(windows.data), n_repeats=plan.n_repeats),
            chance=dict(self.chance),
            published=list(self.published),
            pretraining=[facts for _, facts in models],
        )
