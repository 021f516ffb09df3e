"""Windows of genomes, few of them labelled: the methods, the protocol and the run that such tasks share."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import ClassifierMixin, clone
from sklearn.dummy import DummyClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.pipeline import Pipeline

from benchmarks.answers import Answers
from benchmarks.corpora import Corpus, fetch_all_genomes, for_run
from benchmarks.evaluation import make_record, with_seeds
from benchmarks.labels import (
    KnownLabels,
    describe_labels,
    each_label,
    name_unscored,
    scored_labels,
)
from benchmarks.methods import (
    Representation,
    Step,
    describe_method,
    frozen,
    joined,
    kmers,
    lasso,
    majority,
    ridge,
    rotated,
    scaled,
    shared_out,
    z_scores,
)
from benchmarks.parts import Parts
from benchmarks.pretraining import (
    BASES,
    CACHE_BYTES,
    FIVE_BASES_BY_TWO,
    Pretrained,
    Tokens,
    draw_untrained,
    make_contrastive,
    make_language_model,
    pretrain,
)
from benchmarks.records import Record, Score, Settings, fold
from benchmarks.stopwatch import Stopwatch
from benchmarks.transfer import n_side_by_side
from skgenome.classification import SequenceClassifier
from skgenome.model_selection import nested_label_subset, split_prefix
from skgenome.preprocessing import KmerTokenizer

logger = logging.getLogger(__name__)

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
#: The language model as published: one next base, 500 bp. For a GPU, as is the contrastive network below it.
PUBLISHED_LM_NETWORK = {
    **LM_NETWORK,
    "architecture": "cnn-lstm",
    "n_filters": 320,
    "kernel_size": 26,
    "hidden_size": 320,
    "n_layers": 1,
    "stretch_length": 500,
    "bptt": 500,
    "batch_size": 512,
}
#: Patches, width and context as published, and batches that give thousands of patches to tell apart.
PUBLISHED_CONTRASTIVE_NETWORK = {
    **CONTRASTIVE_NETWORK,
    "width": 64,
    "context": "lstm",
    "patch_stride": 200,
    "n_patches": 32,
    "steps": (3, 4, 5),
    "batch_size": 64,
}
#: Steps of both.
PUBLISHED_STEPS = 1200
#: On labels, chosen as for promoters.
FINE_TUNING = {"learning_rate": 1e-3, "max_epochs": 2}
FROM_SCRATCH = {"training": "finetune", "learning_rate": 2e-3, "learning_rate_ratio": 1.0, "max_epochs": 6}
#: What a metric is called where a sample is a genome and not a window.
OF_GENOMES = "{} of genomes"
#: What prevalence is the chance level of.
AVERAGE_PRECISION = "average_precision"


class Windows(NamedTuple):
    """Labelled windows, and what is held out."""

    data: np.ndarray
    """Sequences."""
    target: np.ndarray
    """Classes, or an indicator matrix of labels, in which -1 says that an entry is not known."""
    splits: list[tuple[np.ndarray, np.ndarray]]
    """Rows to learn from and to test on: for each repeat, or one for all."""
    filenames: Sequence[str]
    genomes: np.ndarray | None = None
    """The genome of each window, to draw labels by."""
    class_names: Sequence[str] = ()
    """What the classes 0, 1 and so on are called in a picture."""
    label_names: Sequence[str] = ()
    """What the columns of an indicator matrix are called."""
    label_groups: Sequence[str] = ()
    """Of what kind each of these labels is: a table sums them up by it."""

    @property
    def has_own_labels(self) -> bool:
        """Whether each window has any number of labels, and not one class."""
        return np.ndim(self.target) == 2

    @property
    def tests(self) -> list[np.ndarray]:
        """Rows of each test set."""
        return [test for _, test in self.splits]

    def scored_labels(self) -> np.ndarray:
        """Give the columns that are measured: :func:`benchmarks.labels.scored_labels`."""
        return scored_labels(self.target, self.tests)

    def describe_labels(self) -> list[dict]:
        """Describe them: :func:`benchmarks.labels.describe_labels`; nothing where windows have classes."""
        if not self.has_own_labels:
            return []
        return describe_labels(self.target, self.tests, self._names(), self.label_groups)

    def name_unscored(self) -> list[str]:
        """Name the others: :func:`benchmarks.labels.name_unscored`."""
        return name_unscored(self.target, self.tests, self._names()) if self.has_own_labels else []

    def _names(self) -> list[str]:
        return list(self.label_names) or [f"label {j}" for j in range(self.target.shape[1])]

    def prevalence(self) -> float:
        """Compute what average precision is by chance.

        Returns
        -------
        float
            The share of positives in the test sets: of the second of two classes, else the mean over classes
            or measured labels.
        """
        if self.has_own_labels:
            return fmean(row["prevalence"] for row in self.describe_labels())
        classes = np.unique(self.target)
        if len(classes) > 2:
            return 1 / len(classes)
        return fmean(float((self.target[test] == classes[-1]).mean()) for test in self.tests)


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
    counts, scores = kmers(k, canonical=True), z_scores(k)
    by_kmers, by_z_scores = f"{k}-mers", f"{k}-mer z-scores"
    # Random weights do not depend on what is read.
    untrained = draw_untrained(contrastive, Corpus("any", ["ACGT" * 1000], ""))
    features = {
        by_kmers: counts,
        by_z_scores: scores,
        "language model": frozen(lm),
        "contrastive": frozen(contrastive),
        "contrastive network, untrained": frozen(untrained),
        f"{by_kmers}, language model and contrastive": joined(counts, lm, contrastive),
    }
    read = {name: scaled(steps, labelled.data) for name, steps in features.items()}
    blocks = {"z-scores": scores, "lm": frozen(lm), "contrastive": frozen(contrastive)}
    all_three = f"{by_z_scores}, language model and contrastive"
    read[all_three] = shared_out(blocks, labelled.data)
    several = _for_labels(labelled)
    ((_, majority_class),) = several([("majority", _majority(labelled))])
    on_features = {"majority": majority_class}
    on_features |= {f"{name} + lasso": Pipeline(steps + several(lasso(seed))) for name, steps in read.items()}
    on_features |= {
        f"{name} + L2 logistic regression": Pipeline(rotated(read[name], labelled.data) + several(ridge()))
        for name in (by_kmers, by_z_scores, all_three)
    }
    networks = {}
    for name, model in {"language model": lm, "contrastive": contrastive}.items():
        start = FrozenEstimator(model)
        make = partial(_on_tokens, model, labelled, settings)
        on_features[f"{name} + linear head"] = make(start, training="frozen")
        networks[f"{name}, fine-tuned"] = make(start, **FINE_TUNING)
        networks[f"{name}'s network from scratch"] = make(clone(model), **FROM_SCRATCH)
    return Methods(on_features, networks)


def _majority(labelled: Windows) -> DummyClassifier:
    # Of labels that are each rarer than not, the commonest class says less than their shares.
    return DummyClassifier(strategy="prior") if labelled.has_own_labels else majority()


def _for_labels(labelled: Windows) -> Callable[[list[Step]], list[Step]]:
    """Say how the last step of a Pipeline, which knows classes, learns what these windows have."""
    return each_label if labelled.has_own_labels else lambda last: last


def _on_tokens(
    model: Representation, labelled: Windows, settings: Settings, encoder: object, **params: object
) -> Pipeline:
    last = SequenceClassifier(encoder, device=settings.device, random_state=settings.random_state, **params)
    if labelled.has_own_labels:
        last = KnownLabels(last)
    return Pipeline([("tokens", KmerTokenizer(k=model.k_, stride=model.stride_)), ("classifier", last)])


class Trial(NamedTuple):
    """One fit: what learns from which rows and is tested on which."""

    method: ClassifierMixin
    train: np.ndarray
    test: np.ndarray


@dataclass(frozen=True)
class _Protocol:
    """What every method is put through alike; the attributes are those of :func:`measure`."""

    labelled: Windows
    plan: Plan
    metrics: Sequence[str]
    genome_metrics: Sequence[str]
    settings: Settings

    def trials(self, method: ClassifierMixin, condition: Condition) -> list[Trial]:
        """Draw the labels of every repeat, or give the method a seed for each."""
        labelled, seed, n = self.labelled, self.settings.random_state, self.plan.n_repeats
        splits = labelled.splits
        if len(splits) == 1:
            if condition.is_all:
                return [Trial(one, *splits[0]) for one in with_seeds(method, range(seed, seed + n))]
            splits = splits * n
        # As skgenome's label_fraction_curve draws them, which gives scorers no rows to average over.
        draws = np.random.RandomState(seed).randint(np.iinfo(np.int32).max, size=len(splits))
        groups = labelled.genomes if condition.by_genome else None
        return [
            Trial(method, train[self._draw(train, groups, condition.amount, draw)], test)
            for (train, test), draw in zip(splits, draws, strict=True)
        ]

    def _draw(
        self, train: np.ndarray, groups: np.ndarray | None, amount: float, random_state: int
    ) -> np.ndarray:
        groups = None if groups is None else groups[train]
        return nested_label_subset(
            self.labelled.target[train], amount, groups=groups, random_state=random_state
        )

    def score(
        self, name: str, method: ClassifierMixin, condition: Condition, read: Callable[[], np.ndarray]
    ) -> list[Score]:
        """Measure a method under a condition, on what the steps that learn nothing have `read`."""
        trials, X, y = self.trials(method, condition), read(), self.labelled.target
        calls = [
            delayed(_fit_and_ask)(split_prefix(one)[1], X[train], y[train], X[test])
            for one, train, test in trials
        ]
        answers = Parallel(n_jobs=n_side_by_side(self.settings.device))(calls)
        found = [self.judge(one, trial.test) for one, trial in zip(answers, trials, strict=True)]
        place = name, condition.name, round(fmean(len(trial.train) for trial in trials))
        by_metric = {metric: [one[metric] for one in found] for metric in found[0]}
        if self.labelled.has_own_labels:
            return [Score(*place, metric, [*map(fmean, rows)], rows) for metric, rows in by_metric.items()]
        return [Score(*place, metric, values) for metric, values in by_metric.items()]

    def judge(self, answers: Answers, test: np.ndarray) -> dict[str, float] | dict[str, list[float]]:
        """Compute all figures of one trial."""
        y = self.labelled.target[test]
        if self.labelled.has_own_labels:
            columns = self.labelled.scored_labels()
            scored = Answers(answers.probabilities[:, columns], answers.classes)
            return scored.score_labels(self.metrics, y[:, columns])
        figures = answers.score_by(self.metrics, y)
        if self.genome_metrics:
            whole, classes = answers.of_genomes(y, self.labelled.genomes[test])
            found = whole.score_by(self.genome_metrics, classes)
            figures |= {OF_GENOMES.format(metric): value for metric, value in found.items()}
        return figures


def _fit_and_ask(method: ClassifierMixin, X: np.ndarray, y: np.ndarray, X_test: np.ndarray) -> Answers:
    fitted = clone(method).fit(X, y)
    return Answers(fitted.predict_proba(X_test), fitted.classes_)


def _read_windows(method: ClassifierMixin, data: np.ndarray) -> np.ndarray:
    """Run the steps of a method that learn nothing."""
    prefix, _ = split_prefix(method)
    return data if prefix is None else prefix.transform(data)


def measure(
    methods: Methods,
    labelled: Windows,
    plan: Plan,
    metrics: Sequence[str],
    settings: Settings,
    parts: Parts | None = None,
    genome_metrics: Sequence[str] = (),
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
        Where the scores of each method under each condition are kept.
    genome_metrics : sequence of str, default=()
        Names of the scorers that also judge genomes, each by the mean probabilities of its windows.

    Returns
    -------
    list of Score
        Metric by metric, then method by method. A value for each split. Where there is one split, for each
        draw of labels; with all labels, for each seed of what has one. Windows with labels of their own have
        a value for each measured label too, of which the former is the mean.
    """
    keep = parts or Parts()
    protocol = _Protocol(labelled, plan, metrics, genome_metrics, settings)
    found: list[Score] = []
    for compared in methods:
        wanted = [c for c in plan.conditions if c.trains_networks or compared is not methods.networks]
        conditions = settings.choose({c.name: c for c in wanted}, "conditions")
        for name, method in settings.choose(compared, "methods").items() if conditions else ():
            # Once for all conditions, and not at all if their parts are there.
            read = cache(partial(_read_windows, method, labelled.data))
            rows: list[Score] = []
            for condition in conditions.values():
                compute = partial(protocol.score, name, method, condition, read)
                key = {"method": name, "is": describe_method(method), "condition": list(condition[:2])}
                rows += [Score(*row) for row in keep(compute, **key)]
            logger.info("%s: %s", name, _summary([row for row in rows if row.metric == metrics[0]]))
            found += rows
    by_metric = dict.fromkeys(row.metric for row in found)
    return [row for metric in by_metric for row in found if row.metric == metric]


def _summary(rows: Sequence[Score]) -> str:
    return ", ".join(f"{row.condition} {fmean(row.values):.3f}" for row in rows)


#: From the folder of the data, the number of repeats, the seed and whether the run is a quick one.
Read = Callable[[str | None, int, int, bool], tuple[Windows, Corpus]]


def with_all_genomes(read: Read) -> Read:
    """Read the same windows, and all genomes as the corpus: one pretraining serves several tasks.

    Parameters
    ----------
    read : callable
        Of a task.

    Returns
    -------
    callable
        The same with another corpus.
    """

    def read_all(data_home: str | None, *others: Any) -> tuple[Windows, Corpus]:
        labelled, _ = read(data_home, *others)
        return labelled, fetch_all_genomes(data_home)

    return read_all


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
    lm_network, lm_steps, lm_tokens, contrastive_network, contrastive_steps
        Of the representations.
    metrics : tuple of str
        Names of scikit-learn's scorers.
    genome_metrics : tuple of str
        Those that judge genomes too, as in :func:`measure`.
    chance : dict
        Of the metrics that have one whatever the data; that of average precision is the prevalence.
    published : tuple of dict
        Numbers of others.
    """

    name: str
    title: str
    protocol: str
    read: Read
    plan: Plan
    quick_plan: Plan
    k: int = 6
    lm_network: Mapping[str, object] = field(default_factory=lambda: LM_NETWORK)
    lm_steps: int = LM_STEPS
    lm_tokens: Tokens = FIVE_BASES_BY_TWO
    contrastive_network: Mapping[str, object] = field(default_factory=lambda: CONTRASTIVE_NETWORK)
    contrastive_steps: int = CONTRASTIVE_STEPS
    metrics: tuple[str, ...] = ("roc_auc", "balanced_accuracy")
    genome_metrics: tuple[str, ...] = ()
    chance: Mapping[str, float] = field(default_factory=dict)
    published: tuple[dict, ...] = ()

    def at_published_size(self, **others: Any) -> "WindowTask":
        """Give the same task with networks as large as the published ones: for a GPU.

        Parameters
        ----------
        **others
            Attributes that change too.

        Returns
        -------
        WindowTask
            Its name ends in ``-published-size``.
        """
        changes: dict[str, Any] = {
            "name": f"{self.name}-published-size",
            "title": f"{self.title}, networks of the published size",
            "lm_network": PUBLISHED_LM_NETWORK,
            "lm_steps": PUBLISHED_STEPS,
            "lm_tokens": BASES,
            "contrastive_network": PUBLISHED_CONTRASTIVE_NETWORK,
            "contrastive_steps": PUBLISHED_STEPS,
        }
        return replace(self, **{**changes, **others})

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
            scores = measure(methods, labelled, plan, self.metrics, settings, parts, self.genome_metrics)
        return make_record(
            settings,
            watch,
            methods.on_features | methods.networks,
            scores,
            [*labelled.filenames, *corpus.filenames],
            name=self.name,
            title=self.title,
            protocol=fold(self.protocol).format(n_rows=len(labelled.data), n_repeats=plan.n_repeats),
            chance=self._chance(labelled),
            published=list(self.published),
            pretraining=[facts for _, facts in models],
            notes=labelled.name_unscored(),
            labels=labelled.describe_labels(),
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

    def _chance(self, labelled: Windows) -> dict[str, float]:
        of_windows = dict(self.chance)
        if AVERAGE_PRECISION in self.metrics:
            of_windows[AVERAGE_PRECISION] = labelled.prevalence()
        return of_windows | {
            OF_GENOMES.format(metric): of_windows[metric]
            for metric in self.genome_metrics
            if metric in self.chance
        }

    def _plan(self, settings: Settings) -> Plan:
        return self.quick_plan if settings.quick else self.plan

    def _read(self, settings: Settings) -> tuple[Windows, Corpus]:
        n_repeats = self._plan(settings).n_repeats
        labelled, corpus = self.read(settings.data_home, n_repeats, settings.random_state, settings.quick)
        return labelled, for_run(corpus, settings)

    def _pretrain(self, corpus: Corpus, settings: Settings) -> list[Pretrained]:
        """Give the language model and the contrastive network, ready to be read."""
        wanted = (
            (make_language_model(self.lm_network, self.lm_steps, settings), self.lm_tokens),
            (make_contrastive(self.contrastive_network, self.contrastive_steps, settings), BASES),
        )
        found = [pretrain(model, corpus, settings.work_dir, tokens) for model, tokens in wanted]
        for model, _ in found:
            model.set_params(cache_size=CACHE_BYTES, verbose=0)
        return found
