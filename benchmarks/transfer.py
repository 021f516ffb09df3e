"""Transfer to a labelled set: the methods, the protocol and the run that many tasks share.

A task says what is read and how; what is compared is the same everywhere, from the simplest method to what
each phase of pretraining brings.
"""

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np
from joblib import cpu_count
from sklearn.base import ClassifierMixin
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import Pipeline
from sklearn.utils import Bunch

from benchmarks.cnn import SmallCNN
from benchmarks.corpora import Corpus, for_run
from benchmarks.evaluation import make_record, score_methods, score_seeds
from benchmarks.methods import frozen, kmers, majority, positions, ridge, rotated, scaled, shared_out
from benchmarks.parts import Parts
from benchmarks.pretraining import (
    CACHE_BYTES,
    NETWORK,
    PRETRAINING_STEPS,
    THREE_BASES,
    Pretrained,
    Tokens,
    finetune,
    make_language_model,
    pretrain,
)
from benchmarks.records import Record, Score, Settings, fold
from benchmarks.stopwatch import Stopwatch
from skgenome.classification import SequenceClassifier, ULMFiTClassifier
from skgenome.representation import LanguageModel
from skgenome.training import resolve_device

#: Third phase, chosen on rows of E. coli's training set.
FINE_TUNING = {"learning_rate": 1e-3}
#: From scratch there is nothing to keep: all layers at once, at a higher rate. On rows of E. coli's training
#: set, 1e-3 and 3e-3 give .973 and .975 after six passes.
FROM_SCRATCH = {"training": "finetune", "learning_rate": 3e-3, "learning_rate_ratio": 1.0}
#: Second phase. Compared on rows of E. coli's training set: 2 and 15 passes are worse than 6.
LM_LEARNING_RATE = 1e-3
#: Bases in a token of the baseline that knows positions.
POSITIONS_K = 3
BY_POSITIONS = f"{POSITIONS_K}-mers at their positions + L2 logistic regression"
#: Of how many sequences one is kept in a quick run.
QUICK_EVERY = 40


class Plan(NamedTuple):
    """How much is measured, and for how many passes is trained."""

    n_labels: tuple[int, ...]
    n_repeats: int
    n_seeds: int
    """Trainings with all labels; may be none."""
    lm_epochs: int = 6
    max_epochs: int = 4
    """Of the whole network in the third phase, after one for each layer that is unfrozen."""
    scratch_epochs: int = 10
    cnn_epochs: int = 20

    def quick(self) -> "Plan":
        """Give a plan of minutes that runs everything once."""
        once = dict.fromkeys(("n_repeats", "lm_epochs", "max_epochs", "scratch_epochs", "cnn_epochs"), 1)
        return self._replace(n_labels=(20,) if self.n_labels else (), n_seeds=min(self.n_seeds, 1), **once)


class Reading(NamedTuple):
    """How the sequences of a set are read."""

    strand: str
    pooling: str | int
    largest_k: int
    aligned: bool
    """Whether what counts stands at the same place in every sequence."""
    max_length: int | None = None
    """Bases that networks read of a longer sequence, from the first on."""
    tokens: Tokens = THREE_BASES
    """What a language model reads."""

    @property
    def by_kmers(self) -> str:
        """What learning from k-mer frequencies is called."""
        return f"k-mers up to {self.largest_k} + L2 logistic regression"

    def options(self) -> dict[str, object]:
        """Give the parameters of a classifier."""
        return {"strand": self.strand, "pooling": self.pooling}

    def cut(self) -> dict[str, object]:
        """Give the parameters of a tokenizer: what networks read of a sequence."""
        n_tokens = self.max_length and self.tokens.count(self.max_length)
        return {"max_length": n_tokens, "truncation": "right", "padding": False}

    def before(self, network: ClassifierMixin) -> Pipeline:
        """Put the tokenizer before a network."""
        return Pipeline([("tokens", self.tokens.tokenizer(**self.cut())), ("classifier", network)])

    def beside_kmers(self, lm: LanguageModel, unlabelled: Sequence[str]) -> Pipeline:
        """Learn from the states of a language model and k-mer frequencies side by side.

        Parameters
        ----------
        lm : LanguageModel
            Fitted.
        unlabelled : sequence of str
            What the scale is measured on.

        Returns
        -------
        Pipeline
            Not fitted but for the steps that need no labels.
        """
        read = copy.deepcopy(lm).set_params(**self.options())
        blocks = {"kmers": kmers(self.largest_k, 1), "states": frozen(read, **self.cut())}
        return Pipeline(rotated(shared_out(blocks, unlabelled), unlabelled) + ridge())


class LabelledSet(NamedTuple):
    """A set to learn from, what is tested on by name, and how it is read."""

    train: Bunch
    tests: Mapping[str, Bunch]
    reading: Reading

    def thin(self) -> "LabelledSet":
        """Keep few sequences; of many classes few, with all their sequences."""
        classes = np.unique(self.train.target)
        some = slice(None, None, QUICK_EVERY)

        def keep(bunch: Bunch) -> Bunch:
            many = len(classes) > 2 * QUICK_EVERY
            return take(bunch, np.isin(bunch.target, classes[some]) if many else some)

        tests = {name: keep(test) for name, test in self.tests.items()}
        return self._replace(train=keep(self.train), tests=tests)


class Candidates(NamedTuple):
    """What is compared."""

    classifiers: dict[str, ClassifierMixin]
    """Name to classifier of sequences, not fitted."""
    semi_supervised: set[str]
    """Names of those that get the rows without labels too."""


class Phases(NamedTuple):
    """A language model as it was pretrained, and trained further on the sequences of the set."""

    pretrained: Pretrained
    tuned: Pretrained


def take(bunch: Bunch, rows: slice | np.ndarray) -> Bunch:
    """Take rows of a set.

    Parameters
    ----------
    bunch : Bunch
        With data, target and filenames.
    rows : slice or ndarray of int
        Which.

    Returns
    -------
    Bunch
        With the same three.
    """
    return Bunch(data=bunch.data[rows], target=bunch.target[rows], filenames=bunch.filenames)


def hold_out(bunch: Bunch) -> tuple[Bunch, Bunch]:
    """Split a set that comes without a split: a fifth is for testing, and no group is on both sides.

    Parameters
    ----------
    bunch : Bunch
        With data, target, groups and filenames.

    Returns
    -------
    train, test : Bunch
        With data, target and filenames.
    """
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=0)
    train, test = next(folds.split(bunch.data, bunch.target, bunch.groups))
    return take(bunch, train), take(bunch, test)


def make_baselines(
    unlabelled: Sequence[str], reading: Reading, n_epochs: int, device: str
) -> dict[str, ClassifierMixin]:
    """Give what needs no language model.

    Parameters
    ----------
    unlabelled : sequence of str
        What the scale of k-mers is measured on.
    reading : Reading
        How they are read.
    n_epochs : int
        Passes of the convolutional network.
    device : str
        Where to train.

    Returns
    -------
    dict
        Name to classifier.
    """
    short = scaled(kmers(reading.largest_k, 1), unlabelled)
    baselines = {
        "majority": majority(),
        reading.by_kmers: Pipeline(short + ridge()),
    }
    if reading.aligned:
        baselines[BY_POSITIONS] = Pipeline(positions(POSITIONS_K, unlabelled) + ridge())
    cnn = SmallCNN(
        aligned=reading.aligned,
        max_length=reading.max_length,
        max_epochs=n_epochs,
        # With few labels a pass has few steps.
        min_steps=20 * n_epochs,
        device=device,
        random_state=0,
    )
    return baselines | {"small CNN from scratch": cnn}


def make_phases(
    start: str, lm: LanguageModel, reading: Reading, plan: Plan, device: str
) -> dict[str, ClassifierMixin]:
    """Give a language model as it is, and with its network trained on the labels.

    Parameters
    ----------
    start : str
        What the names begin with.
    lm : LanguageModel
        Trained: its second phase is the same for all draws of labels, so it has been run already.
    reading : Reading
        How sequences are read.
    plan : Plan
        For how long is trained.
    device : str
        Where to train.

    Returns
    -------
    dict
        Name to classifier.
    """
    options = {**reading.options(), "device": device, "random_state": 0}
    make = partial(ULMFiTClassifier, FrozenEstimator(lm), lm_max_epochs=0, **options)
    frozen, tuned = make(training="frozen"), make(max_epochs=plan.max_epochs, **FINE_TUNING)
    return {f"{start}, frozen": reading.before(frozen), f"{start}, fine-tuned": reading.before(tuned)}


def make_methods(
    models: Sequence[Phases],
    untrained: LanguageModel,
    unlabelled: Sequence[str],
    reading: Reading,
    plan: Plan,
    device: str,
) -> Candidates:
    """Give the baselines, the network from scratch, and what each phase of each model brings.

    Parameters
    ----------
    models : sequence of Phases
        For each corpus.
    untrained : LanguageModel
        The network, not fitted.
    unlabelled : sequence of str
        The sequences to learn from.
    reading : Reading
        How they are read.
    plan : Plan
        For how long is trained.
    device : str
        Where to train.

    Returns
    -------
    Candidates
        What is compared.
    """
    options = {**reading.options(), "device": device, "random_state": 0}
    scratch = SequenceClassifier(untrained, max_epochs=plan.scratch_epochs, **FROM_SCRATCH, **options)
    classifiers = make_baselines(unlabelled, reading, plan.cnn_epochs, device)
    classifiers["network from scratch"] = reading.before(scratch)
    phases = {}
    for number, (pretrained, tuned) in enumerate(models):
        starts = {"pretrained": pretrained.model, "LM fine-tuned": tuned.model}
        if number:
            # What another corpus changes, the rows of the last phase tell: fine-tuning takes the time.
            del starts["pretrained"]
        for name, lm in starts.items():
            phases |= make_phases(f"{pretrained.facts['corpus']}: {name}", lm, reading, plan, device)
    # k-mers are beside the states that fitted best to the sequences.
    start, best = models[0].pretrained.facts["corpus"], models[0].tuned.model
    joint = f"{start}: LM fine-tuned, frozen, joined with {reading.by_kmers}"
    classifiers |= phases | {joint: reading.beside_kmers(best, unlabelled)}
    return Candidates(classifiers, set(phases))


def measure(
    methods: Candidates,
    labelled: LabelledSet,
    plan: Plan,
    metrics: Sequence[str],
    settings: Settings,
    parts: Parts | None = None,
) -> list[Score]:
    """Measure every method with few labels and with all.

    Parameters
    ----------
    methods : Candidates
        What is compared.
    labelled : LabelledSet
        Few labels are tested on its first test set.
    plan : Plan
        How much is measured.
    metrics : sequence of str
        Names of scikit-learn's scorers.
    settings : Settings
        Device and seed; and, if parts alone are wanted, which.
    parts : Parts or None, default=None
        Where what is measured is kept.

    Returns
    -------
    list of Score
        A value for each draw; with all labels for each seed.
    """
    X, y = labelled.train.data, labelled.train.target
    shared = {"metrics": metrics, "n_jobs": n_side_by_side(settings.device), "parts": parts}
    shared["settings"], random_state = settings, settings.random_state
    test = next(iter(labelled.tests.values()))
    draws, tests = name_conditions(labelled, plan)
    few = []
    if draws:
        few = score_methods(
            methods.classifiers,
            X,
            y,
            conditions=draws,
            random_state=random_state,
            n_repeats=plan.n_repeats,
            semi_supervised=methods.semi_supervised,
            X_test=test.data,
            y_test=test.target,
            **shared,
        )
    if not tests:
        return few
    seeds = range(random_state, random_state + plan.n_seeds)
    return [*few, *score_seeds(methods.classifiers, X, y, tests, seeds=seeds, **shared)]


def name_conditions(labelled: LabelledSet, plan: Plan) -> tuple[dict[str, int], dict[str, Bunch]]:
    """Name what a set is measured under.

    Parameters
    ----------
    labelled : LabelledSet
        Its tests have names.
    plan : Plan
        How much is measured.

    Returns
    -------
    draws : dict of str to int
        Number of labels.
    tests : dict of str to Bunch
        What is tested on with all labels.
    """
    name = next(iter(labelled.tests))
    draws = {f"{name} {n}".strip(): n for n in plan.n_labels}
    with_all = labelled.tests if plan.n_seeds else {}
    return draws, {f"{name} all".strip(): test for name, test in with_all.items()}


def n_side_by_side(device: str) -> int:
    """Say how many fits run at once.

    Parameters
    ----------
    device : str
        Where networks are trained.

    Returns
    -------
    int
        On a CPU, fits side by side on a thread each are faster than one after the other on all.
    """
    return cpu_count() if resolve_device(device).type == "cpu" else 1


@dataclass(frozen=True)
class TransferTask:
    """Data, how they are read, and what is said of them.

    Attributes
    ----------
    name, title, protocol : str
        As in :class:`benchmarks.records.Record`; the protocol may name ``n_train``, ``n_test``, ``n_labels``,
        ``n_repeats``, ``n_seeds``, and ``pooling`` and ``max_length`` of the first set.
    read : callable
        From the folder of the data to the sets and the corpora.
    plan : Plan
        How much is measured.
    metrics : tuple of str
        Names of scikit-learn's scorers.
    published : tuple of dict
        Numbers of others.
    network, n_steps
        Of the language model, and its steps of pretraining.
    make_methods : callable
        As :func:`make_methods`.
    """

    name: str
    title: str
    protocol: str
    read: Callable[[str | None], tuple[list[LabelledSet], list[Corpus]]]
    plan: Plan
    metrics: tuple[str, ...] = ("accuracy", "roc_auc", "matthews_corrcoef")
    published: tuple[dict, ...] = ()
    network: dict[str, object] = field(default_factory=lambda: NETWORK)
    n_steps: int = PRETRAINING_STEPS
    make_methods: Callable[..., Candidates] = make_methods

    def run(self, settings: Settings) -> Record:
        """Pretrain on every corpus, fine-tune on every set, and measure every method.

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
        plan = self.plan.quick() if settings.quick else self.plan
        make = partial(make_language_model, self.network, self.n_steps, settings)
        with watch("reading data"):
            sets, corpora = self.read(settings.data_home)
            if settings.quick:
                sets = [labelled.thin() for labelled in sets]
                corpora = [for_run(corpus, settings) for corpus in corpora]
        settings.check(
            "conditions", [name for one in sets for part in name_conditions(one, plan) for name in part]
        )
        untrained = make().set_params(cache_size=CACHE_BYTES, verbose=0)
        scores: list[Score] = []
        facts: dict[str, dict] = {}
        compared: list[str] = []
        for labelled in sets:
            unlabelled, reading = labelled.train.data, labelled.reading
            with watch("pretraining, or finding it done"):
                work = settings.work_dir
                models = [pretrain(make(), corpus, work, reading.tokens) for corpus in corpora]
            with watch("fine-tuning the language models, or finding it done"):
                how = (
                    [sequence[: reading.max_length] for sequence in unlabelled],
                    plan.lm_epochs,
                    LM_LEARNING_RATE,
                    work,
                )
                phases = [Phases(model, finetune(model, *how)) for model in models]
            methods = self.make_methods(phases, untrained, unlabelled, reading, plan, settings.device)
            with watch("features, learning and testing"):
                scores += measure(methods, labelled, plan, self.metrics, settings, parts)
            compared += methods.classifiers
            # The sets may share a pretraining, and nothing else.
            facts |= {json.dumps(one.facts): one.facts for phase in phases for one in phase}
        # Not before: aligned sets have methods that others have not.
        settings.check("methods", compared)
        bunches = [bunch for labelled in sets for bunch in (labelled.train, *labelled.tests.values())]
        return make_record(
            settings,
            watch,
            methods.classifiers,
            scores,
            [name for part in (*bunches, *corpora) for name in part.filenames],
            name=self.name,
            title=self.title,
            protocol=self._describe_protocol(sets[0], plan),
            chance=_chance(sets, self.metrics),
            published=list(self.published),
            pretraining=list(facts.values()),
        )

    def _describe_protocol(self, labelled: LabelledSet, plan: Plan) -> str:
        few = ", ".join(map(str, plan.n_labels))
        return fold(self.protocol).format(
            n_train=len(labelled.train.data),
            n_test=len(next(iter(labelled.tests.values())).data),
            n_repeats=plan.n_repeats,
            n_seeds=plan.n_seeds,
            pooling=labelled.reading.pooling,
            max_length=labelled.reading.max_length,
            n_labels=" and ".join(few.rsplit(", ", 1)),
        )


def _chance(sets: Sequence[LabelledSet], metrics: Sequence[str]) -> dict[str, float]:
    """Give the chance level of the metrics; accuracy has one only where there is one set to test on."""
    chance = {"roc_auc": 0.5, "matthews_corrcoef": 0.0}
    tests = [(labelled.train, test) for labelled in sets for test in labelled.tests.values()]
    if len(tests) == 1:
        ((train, test),) = tests
        chance["accuracy"] = float(np.mean(test.target == np.bincount(train.target).argmax()))
    return {metric: chance[metric] for metric in metrics if metric in chance}
