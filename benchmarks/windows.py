"""Windows of genomes, few of them labelled: the methods, the protocol and the run that such tasks share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.base import ClassifierMixin, clone
from sklearn.dummy import DummyClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.pipeline import Pipeline
from sklearn.utils import Bunch

from benchmarks.corpora import Corpus, for_run
from benchmarks.evaluation import make_record, score_methods, score_seeds
from benchmarks.methods import (
    KnownLabels,
    Representation,
    each_label,
    frozen,
    joined,
    kmers,
    lasso,
    majority,
    ridge,
    scaled,
)
from benchmarks.parts import Parts
from benchmarks.pretraining import (
    BASES,
    CACHE_BYTES,
    FIVE_BASES_BY_TWO,
    Pretrained,
    draw_untrained,
    make_contrastive,
    make_language_model,
    pretrain,
)
from benchmarks.records import Record, Score, Settings, fold
from benchmarks.stopwatch import Stopwatch
from benchmarks.transfer import n_side_by_side
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
FROM_SCRATCH = {"training": "finetune", "learning_rate": 2e-3, "learning_rate_ratio": 1.0, "max_epochs": 6}


class Windows(NamedTuple):
    """Labelled windows, and what is held out."""

    data: np.ndarray
    """Sequences."""
    target: np.ndarray
    """Classes, or an indicator matrix of labels."""
    splits: list[tuple[np.ndarray, np.ndarray]]
    """Rows to learn from and to test on: for each repeat, or one for all."""
    filenames: Sequence[str]
    genomes: np.ndarray | None = None
    """The genome of each window, to draw labels by."""
    class_names: Sequence[str] = ()
    """What the classes 0, 1 and so on are called in a picture."""

    @property
    def has_own_labels(self) -> bool:
        """Whether each window has any number of labels, and not one class."""
        return np.ndim(self.target) == 2


class Condition(NamedTuple):
    """How many labels there are to learn from."""

    name: str
    amount: int | float
    """Number or share of the windows or genomes."""
    by_genome: bool = False
    """Whether all windows of a genome are labelled or none."""
    trains_networks: bool = True
    """Whether networks are trained under it too: that takes the time."""

    @property
    def is_all(self) -> bool:
        """Whether all that is not held out is labelled."""
        # The whole number 1 is one window, or one genome.
        return isinstance(self.amount, float) and self.amount == 1.0


class Plan(NamedTuple):
    """How much is measured."""

    n_repeats: int
    """Splits, or draws of labels where there is one split."""
    conditions: tuple[Condition, ...]


def genomes(n: int, *, trains_networks: bool = False) -> Condition:
    """Label all windows of some genomes of each class."""
    return Condition(f"{_count(n, 'genome')} per class", n, True, trains_networks)


def windows(n: int, *, trains_networks: bool = False) -> Condition:
    """Label some windows, whatever their genomes."""
    return Condition(_count(n, "window"), n, trains_networks=trains_networks)


#: Label all that is not held out.
ALL_GENOMES = Condition("all genomes", 1.0, by_genome=True)
ALL_WINDOWS = Condition("all windows", 1.0)


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


class Methods(NamedTuple):
    """What is compared."""

    on_features: dict[str, ClassifierMixin]
    """Name to classifier that trains no network."""
    networks: dict[str, ClassifierMixin]
    """Name to classifier that does."""


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
    labelled: Windows,
    k: int,
    settings: Settings,
) -> Methods:
    """Give the methods: k-mers, both representations frozen and fine-tuned, their networks from scratch.

    Parameters
    ----------
    lm : LanguageModel
        Pretrained.
    contrastive : ContrastivePredictiveCoding
        Pretrained.
    labelled : Windows
        All of them tell the scale of the features.
    k : int
        Bases in a k-mer.
    settings : Settings
        Device and seed.

    Returns
    -------
    found : Methods
        By name.
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
    read = {name: scaled(steps, labelled.data) for name, steps in features.items()}
    several = each_label if labelled.has_own_labels else lambda last: last
    on_features = {"majority": DummyClassifier(strategy="prior") if labelled.has_own_labels else majority()}
    on_features |= {f"{name} + lasso": Pipeline(steps + several(lasso(seed))) for name, steps in read.items()}
    on_features[f"{k}-mers + L2 logistic regression"] = Pipeline(read[f"{k}-mers"] + several(ridge()))
    networks = {}
    for name, model in {"language model": lm, "contrastive": contrastive}.items():
        start = FrozenEstimator(model)
        make = partial(_on_tokens, model, settings, has_own_labels=labelled.has_own_labels)
        on_features[f"{name} + linear head"] = make(start, training="frozen")
        networks[f"{name}, fine-tuned"] = make(start, **FINE_TUNING)
        networks[f"{name}'s network from scratch"] = make(clone(model), **FROM_SCRATCH)
    return Methods(on_features, networks)


def _on_tokens(
    model: Representation, settings: Settings, encoder: object, *, has_own_labels: bool, **params: object
) -> Pipeline:
    classifier = SequenceClassifier(
        encoder, device=settings.device, random_state=settings.random_state, **params
    )
    last = KnownLabels(classifier) if has_own_labels else classifier
    return Pipeline([("tokens", KmerTokenizer(k=model.k_, stride=model.stride_)), ("classifier", last)])


def measure(
    methods: Methods,
    labelled: Windows,
    plan: Plan,
    metrics: Sequence[str],
    settings: Settings,
    parts: Parts | None = None,
) -> list[Score]:
    """Measure every method under every condition of the plan.

    Parameters
    ----------
    methods : Methods
        Not fitted; they take sequences.
    labelled : Windows
        What to learn from.
    plan : Plan
        How much is measured.
    metrics : sequence of str
        Names of scikit-learn's scorers.
    settings : Settings
        Device, seed and, if a part is wanted, which.
    parts : Parts or None, default=None
        Where scores are kept.

    Returns
    -------
    list of Score
        A value for each split. Where there is one split, for each draw of labels; with all labels, for each
        seed of what has one.
    """
    X, y, seed = labelled.data, labelled.target, settings.random_state
    shared = {"metrics": metrics, "parts": parts, "settings": settings}
    shared["n_jobs"] = n_side_by_side(settings.device)
    is_fixed = len(labelled.splits) == 1
    splits = labelled.splits * (plan.n_repeats if is_fixed else 1)
    scores = []
    for compared in methods:
        for by_genome in (True, False):
            wanted = [c for c in plan.conditions if c.by_genome == by_genome]
            if compared is methods.networks:
                wanted = [c for c in wanted if c.trains_networks]
            draws = {c.name: c.amount for c in wanted if not (is_fixed and c.is_all)}
            if draws:
                groups = labelled.genomes if by_genome else None
                scores += score_methods(
                    compared, X, y, conditions=draws, groups=groups, cv=splits, random_state=seed, **shared
                )
            whole = [c.name for c in wanted if c.name not in draws]
            if whole:
                ((train, test),) = labelled.splits
                named = {name: Bunch(data=X[test], target=y[test]) for name in whole}
                seeds = range(seed, seed + plan.n_repeats)
                scores += score_seeds(compared, X[train], y[train], named, seeds=seeds, **shared)
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
    lm_network, lm_steps, contrastive_network
        Of the representations.
    metrics : tuple of str
        Names of scikit-learn's scorers.
    chance : dict
        Of the metrics that have one whatever the data.
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
    lm_network: Mapping[str, object] = field(default_factory=lambda: LM_NETWORK)
    lm_steps: int = LM_STEPS
    contrastive_network: Mapping[str, object] = field(default_factory=lambda: CONTRASTIVE_NETWORK)
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
        watch = Stopwatch()
        parts = Parts.of(self.name, settings, watch)
        plan = self._plan(settings)
        settings.check("conditions", [condition.name for condition in plan.conditions])
        with watch("reading data"):
            labelled, corpus = self._read(settings)
        with watch("pretraining, or finding it done"):
            models = self._pretrain(corpus, settings)
        with watch("features, learning and testing"):
            methods = make_methods(*(model for model, _ in models), labelled, self.k, settings)
            settings.check("methods", methods.on_features | methods.networks)
            scores = measure(methods, labelled, plan, self.metrics, settings, parts)
        return make_record(
            settings,
            watch,
            methods.on_features | methods.networks,
            scores,
            [*labelled.filenames, *corpus.filenames],
            name=self.name,
            title=self.title,
            protocol=fold(self.protocol).format(n_rows=len(labelled.data), n_repeats=plan.n_repeats),
            chance=dict(self.chance),
            published=list(self.published),
            pretraining=[facts for _, facts in models],
        )

    def draw(self, settings: Settings, path: Path) -> Path:
        """Draw what the pretrained representations make of the windows, coloured by class.

        Parameters
        ----------
        settings : Settings
            What the caller chose.
        path : pathlib.Path
            The picture, a PNG.

        Returns
        -------
        pathlib.Path
            The picture.
        """
        # Only here, since a run has no need of matplotlib.
        from benchmarks.pictures import draw_embeddings

        labelled, corpus = self._read(settings)
        (lm, _), (contrastive, _) = self._pretrain(corpus, settings)
        models = {"language model": lm, "contrastive": contrastive}
        return draw_embeddings(models, labelled, path, random_state=settings.random_state)

    def _plan(self, settings: Settings) -> Plan:
        return self.quick_plan if settings.quick else self.plan

    def _read(self, settings: Settings) -> tuple[Windows, Corpus]:
        n_repeats = self._plan(settings).n_repeats
        labelled, corpus = self.read(settings.data_home, n_repeats, settings.random_state, settings.quick)
        return labelled, for_run(corpus, settings)

    def _pretrain(self, corpus: Corpus, settings: Settings) -> list[Pretrained]:
        """Give the language model and the contrastive network, ready to be read."""
        wanted = (
            (make_language_model(self.lm_network, self.lm_steps, settings), FIVE_BASES_BY_TWO),
            (make_contrastive(self.contrastive_network, CONTRASTIVE_STEPS, settings), BASES),
        )
        found = [pretrain(model, corpus, settings.work_dir, tokens) for model, tokens in wanted]
        for model, _ in found:
            model.set_params(cache_size=CACHE_BYTES, verbose=0)
        return found
