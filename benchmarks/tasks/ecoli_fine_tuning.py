"""The task ``ecoli-promoters-fine-tuning``: ULMFiT's phases one by one, from 20 labels to all 6791."""

from functools import partial
from typing import NamedTuple

import numpy as np
from joblib import cpu_count
from sklearn.base import ClassifierMixin
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.utils import Bunch

from benchmarks.cnn import SmallCNN
from benchmarks.evaluation import make_record, score_methods, score_seeds
from benchmarks.methods import kmers, majority, ridge, scaled
from benchmarks.pretraining import CACHE_BYTES, Pretrained, finetune, make_language_model, pretrain
from benchmarks.records import Record, Score, Settings, fold
from benchmarks.stopwatch import Stopwatch
from benchmarks.tasks.ecoli_promoters import (
    LARGEST_K,
    METRICS,
    NETWORK,
    PRETRAINING_STEPS,
    published,
    read,
)
from skgenome.classification import SequenceClassifier, ULMFiTClassifier
from skgenome.preprocessing import KmerTokenizer
from skgenome.representation import LanguageModel
from skgenome.training import resolve_device

NAME = "ecoli-promoters-fine-tuning"
TITLE = "Promoters of E. coli, fine-tuned"

#: Second phase. Compared on rows of the training set with 2 and 15 passes: 6 are better than both.
LM_EPOCHS, LM_LEARNING_RATE = 6, 1e-3
#: Third phase, chosen on rows of the training set too.
FINE_TUNING = {"max_epochs": 4, "learning_rate": 1e-3}
#: The sequences are aligned, so states are averaged over 37 segments of 4 tokens: on rows of the training set
#: that is .96 instead of .92 with 1000 labels, frozen. The other strand adds nothing to that.
SEGMENTS = 37
#: From scratch there is nothing to keep: all layers at once, at a higher rate and for longer.
FROM_SCRATCH = {"training": "finetune", "max_epochs": 10, "learning_rate": 5e-3, "learning_rate_ratio": 1.0}

PROTOCOL = """Sequences of 150 bp, promoter or not: {n_train} to learn from, {n_test} to test on. From the
first, {n_repeats} draws of {n_labels} labels, stratified; a smaller draw is part of the larger one, and all
methods see the same draws; with all labels, {n_seeds} seeds of the training instead. The language models are
those of the task ecoli-promoters-few-labels, pretrained once. Rows of the table add ULMFiT's phases: the
pretrained model as it is, with L2 logistic regression on its features ("frozen"); the language model trained
further on the training sequences without their labels ("LM fine-tuned"); its network fine-tuned on the labels
drawn. States are averaged over {n_segments} equal segments of the sequence, since promoters are aligned by
the start of their gene; one row shows what pooling over the whole sequence gives. Sequences whose labels were
not drawn serve the language model and the scale of the features. How many passes are made is chosen on the
labels drawn. Beside them: k-mers, 3-mers at each position, a small convolutional network, and the same
network with random weights."""


class Plan(NamedTuple):
    """How much is measured."""

    n_labels: tuple[int, ...] = (20, 50, 100, 200, 500, 1000)
    n_repeats: int = 5
    n_seeds: int = 3
    every: int = 1


QUICK_PLAN = Plan((20, 50), 1, 2, 20)


def make_methods(
    models: list[tuple[Pretrained, Pretrained]], untrained: LanguageModel, unlabelled: np.ndarray, device: str
) -> tuple[dict[str, ClassifierMixin], set[str]]:
    """Give the methods of the task.

    Parameters
    ----------
    models : list of (Pretrained, Pretrained)
        For each corpus the pretrained model, and the same trained further on the task's sequences.
    untrained : LanguageModel
        The network, not fitted.
    unlabelled : ndarray of str
        What the scale of k-mers is measured on.
    device : str
        Where to train.

    Returns
    -------
    methods : dict
        Name to classifier.
    semi_supervised : set of str
        Those that get the rows without labels too.
    """
    short = kmers(LARGEST_K, 1)
    tokens = ("tokens", KmerTokenizer(k=3))
    options = {"device": device, "random_state": 0}
    by_segment = {"strand": "forward", "pooling": SEGMENTS, **options}
    positions = OneHotEncoder(handle_unknown="ignore", dtype=np.float32)
    positions.fit(tokens[1].transform(unlabelled))
    methods = {
        "majority": majority(),
        f"k-mers up to {LARGEST_K} + L2 logistic regression": Pipeline(scaled(short, unlabelled) + ridge()),
        "3-mers at their positions + L2 logistic regression": Pipeline(
            [tokens, ("positions", FrozenEstimator(positions)), *ridge()]
        ),
        "small CNN from scratch": SmallCNN(**options),
        "network from scratch": Pipeline(
            [tokens, ("classifier", SequenceClassifier(untrained, **FROM_SCRATCH, **by_segment))]
        ),
    }
    semi_supervised = set()

    def add(name: str, model: LanguageModel, **params: object) -> None:
        # The second phase is the same for all draws of labels, so it has been run already.
        classifier = ULMFiTClassifier(FrozenEstimator(model), lm_max_epochs=0, **params)
        methods[name] = Pipeline([tokens, ("classifier", classifier)])
        semi_supervised.add(name)

    (lm, facts), (tuned, _) = models[0]
    corpus = facts["corpus"]
    add(f"{corpus}, frozen, pooled over the whole", lm, training="frozen", **options)
    add(f"{corpus}, frozen", lm, training="frozen", **by_segment)
    add(f"{corpus}, LM fine-tuned, frozen", tuned, training="frozen", **by_segment)
    add(f"{corpus}, LM fine-tuned, fine-tuned", tuned, **FINE_TUNING, **by_segment)
    # Of the other corpora one row tells the difference: fine-tuning is what takes the time.
    for (_, facts), (tuned, _) in models[1:]:
        add(f"{facts['corpus']}, LM fine-tuned, frozen", tuned, training="frozen", **by_segment)
    return methods, semi_supervised


def measure(
    methods: dict[str, ClassifierMixin],
    semi_supervised: set[str],
    train: Bunch,
    test: Bunch,
    plan: Plan,
    random_state: int,
    device: str,
) -> list[Score]:
    """Measure every method with few labels and with all.

    Parameters
    ----------
    methods, semi_supervised
        As :func:`make_methods` gives them.
    train, test : Bunch
        With data and target.
    plan : Plan
        How much is measured.
    random_state : int
        Of the draws.
    device : str
        Where networks are trained.

    Returns
    -------
    list of Score
        A value for each draw, or seed.
    """
    # On a CPU, fits side by side on a thread each are faster than one after the other on all.
    shared = {
        "n_jobs": cpu_count() if resolve_device(device).type == "cpu" else 1,
        "metrics": METRICS,
        "semi_supervised": semi_supervised,
        "X_test": test.data,
        "y_test": test.target,
    }
    few = score_methods(
        methods,
        train.data,
        train.target,
        conditions={str(n): n for n in plan.n_labels},
        random_state=random_state,
        n_repeats=plan.n_repeats,
        **shared,
    )
    seeds = range(random_state, random_state + plan.n_seeds)
    everything = score_seeds(
        methods, train.data, train.target, condition=str(len(train.data)), seeds=seeds, **shared
    )
    return [*few, *everything]


def run(settings: Settings) -> Record:
    """Pretrain on both corpora, fine-tune, and measure every method.

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
    make = partial(make_language_model, NETWORK, PRETRAINING_STEPS, settings)
    with watch("reading data"):
        train, test, corpora = read(settings, plan.every)
    with watch("pretraining, or finding it done"):
        models = [pretrain(make(), corpus, settings.work_dir) for corpus in corpora]
    with watch("fine-tuning the language models, or finding it done"):
        how = (train.data, LM_EPOCHS, LM_LEARNING_RATE, settings.work_dir)
        both = [(model, finetune(model, *how)) for model in models]
    untrained = make().set_params(cache_size=CACHE_BYTES, verbose=0)
    methods, semi_supervised = make_methods(both, untrained, train.data, settings.device)
    with watch("features, learning and testing"):
        scores = measure(methods, semi_supervised, train, test, plan, settings.random_state, settings.device)
    filenames = [*train.filenames, *test.filenames, *(name for c in corpora for name in c.filenames)]
    chance = float(np.mean(test.target == round(float(train.target.mean()))))
    return make_record(
        settings,
        watch,
        methods,
        scores,
        filenames,
        name=NAME,
        title=TITLE,
        protocol=_describe_protocol(train, test, plan),
        chance={"accuracy": chance, "roc_auc": 0.5, "matthews_corrcoef": 0.0},
        published=published(),
        pretraining=[facts for pair in both for _, facts in pair],
    )


def _describe_protocol(train: Bunch, test: Bunch, plan: Plan) -> str:
    *few, last = map(str, plan.n_labels)
    return fold(PROTOCOL).format(
        n_train=len(train.data),
        n_test=len(test.data),
        n_repeats=plan.n_repeats,
        n_seeds=plan.n_seeds,
        n_segments=SEGMENTS,
        n_labels=f"{', '.join(few)} and {last}",
    )
