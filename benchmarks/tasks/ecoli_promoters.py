"""The task ``ecoli-promoters-few-labels``: 150-bp promoters of *E. coli*, from 20 labels to all 6791."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.pipeline import Pipeline
from sklearn.utils import Bunch

from benchmarks.corpora import Corpus, fetch_distant_enterobacteria, fetch_enterobacteria, for_run
from benchmarks.evaluation import make_record, score_methods
from benchmarks.methods import (
    N_COMPONENTS,
    Step,
    frozen,
    joined,
    kmers,
    lasso,
    majority,
    ridge,
    scaled,
    with_components,
)
from benchmarks.parts import Parts
from benchmarks.pretraining import (
    NETWORK,
    PRETRAINING_STEPS,
    Pretrained,
    draw_untrained,
    make_language_model,
    pretrain,
)
from benchmarks.records import Record, Score, Settings, fold, published_row
from benchmarks.stopwatch import Stopwatch
from benchmarks.transfer import take
from skgenome.datasets import fetch_ecoli_promoters
from skgenome.representation import LanguageModel

NAME = "ecoli-promoters-few-labels"
TITLE = "Promoters of E. coli with few labels"
LARGEST_K = 4

PROTOCOL = """Sequences of 150 bp, promoter or not: {n_train} to learn from, {n_test} to test on. From the
first, {n_repeats} draws of {n_labels} labels, stratified; a smaller draw is part of the larger one, and all
methods see the same draws; with all labels there is one draw. Language models are pretrained without labels
and then frozen; features, of k-mers as well, are scaled by the means and deviations of all training
sequences, without labels; a linear classifier is learnt on them, its penalty chosen by cross-validation on
the labels drawn. The lasso has the first {n_components} principal components of all training sequences,
again without labels, to choose from beside the features, of k-mers as well. Two corpora: everything, with
K-12 itself, so that the test sequences were read without labels; and one without Escherichia and Shigella,
which carry nearly the same promoters, and without any exact copy of a test sequence and its surroundings.
The difference between them is what it is worth to have
seen the genome itself."""

METRICS = ("accuracy", "roc_auc", "matthews_corrcoef")
PUBLISHED = (
    "Genomic-ULMFiT (Heyer 2019, bacterial pretraining, fine-tuned): one unseeded draw each, tested on "
    "another test set (830 sequences, the first in the order of the genome), so not quite the same protocol."
)
REFERENCE_KMERS = (
    "Measured for this project on this split, 5 draws: k-mers up to 4 + logistic regression of fixed penalty."
)
REFERENCE_LM = (
    "Measured for this project on this split, 5 draws: frozen features of a rough language model of 2.2 M "
    "weights (3-mers, stride 1; mean of each layer, last and max of the top one, both strands), pretrained "
    "with K-12 in the corpus, + L2 logistic regression."
)


class Plan(NamedTuple):
    """How much is measured."""

    n_labels: tuple[int, ...] = (20, 50, 100, 200, 1000)
    n_repeats: int = 5
    every: int = 1


#: Every tenth training sequence is enough to see that everything runs.
QUICK_PLAN = Plan((20, 100), 2, 10)


def measure(
    methods: dict[str, ClassifierMixin],
    train: Bunch,
    test: Bunch,
    plan: Plan,
    settings: Settings,
    parts: Parts | None = None,
) -> list[Score]:
    """Measure every method with few and with all labels.

    Parameters
    ----------
    methods : dict of str to classifier
        Not fitted; they take sequences.
    train, test : Bunch
        With data and target.
    plan : Plan
        How much is measured.
    settings : Settings
        Seed of the draws and, if parts alone are wanted, which.
    parts : Parts or None, default=None
        Where scores are kept.

    Returns
    -------
    list of Score
        A value for each draw; one with all labels.
    """
    conditions = {str(n): n for n in (*plan.n_labels, len(train.data))}
    settings.check("methods", methods)
    settings.check("conditions", conditions)
    return score_methods(
        methods,
        train.data,
        train.target,
        conditions=conditions,
        metrics=METRICS,
        random_state=settings.random_state,
        settings=settings,
        parts=parts,
        n_repeats=plan.n_repeats,
        X_test=test.data,
        y_test=test.target,
    )


def make_methods(
    models: Sequence[Pretrained], untrained: LanguageModel, unlabelled: Sequence[str], random_state: int
) -> dict[str, ClassifierMixin]:
    """Give the methods of the task.

    Parameters
    ----------
    models : sequence of Pretrained
        One for each corpus.
    untrained : LanguageModel
        The same network, untrained.
    unlabelled : sequence of str
        What the scale of the features is measured on.
    random_state : int
        Of the choice of penalties.

    Returns
    -------
    dict
        Name to classifier.
    """
    short = kmers(LARGEST_K, 1)
    spectrum = scaled(short, unlabelled)

    def on_components(read: list[Step]) -> Pipeline:
        return Pipeline(with_components(read, unlabelled) + lasso(random_state))

    methods = {
        "majority": majority(),
        f"k-mers up to {LARGEST_K} + L2 logistic regression": Pipeline(spectrum + ridge()),
        f"k-mers up to {LARGEST_K} + lasso": on_components(spectrum),
        "language model, untrained + lasso": on_components(scaled(frozen(untrained), unlabelled)),
    }
    for lm, facts in models:
        name = f"language model, {facts['corpus']}"
        read, both = scaled(frozen(lm), unlabelled), scaled(joined(short, lm), unlabelled)
        methods |= {
            f"{name} + lasso": on_components(read),
            f"{name} + L2 logistic regression": Pipeline(read + ridge()),
            f"{name}, and k-mers + lasso": on_components(both),
        }
    return methods


def read_promoters(data_home: str | None) -> tuple[Bunch, Bunch]:
    """Read what is learnt from and what is tested on.

    Parameters
    ----------
    data_home : str or None
        Folder of the data.

    Returns
    -------
    train, test : Bunch
        With data and target.
    """
    train, test = (fetch_ecoli_promoters(subset=part, data_home=data_home) for part in ("train", "test"))
    return train, test


def read(data_home: str | None) -> tuple[Bunch, Bunch, list[Corpus]]:
    """Read what is learnt from, what is tested on, and the corpora.

    Parameters
    ----------
    data_home : str or None
        Folder of the data.

    Returns
    -------
    train, test : Bunch
        With data and target.
    corpora : list of Corpus
        Everything; and without relatives of *E. coli* and without the test sequences.
    """
    train, test = read_promoters(data_home)
    corpora = [fetch_enterobacteria(data_home), fetch_distant_enterobacteria(test.data, data_home)]
    return train, test, corpora


def published(all_labels: str) -> list[dict]:
    """Give the published numbers, under the names of our conditions.

    Parameters
    ----------
    all_labels : str
        What all 6791 labels are called.

    Returns
    -------
    list of dict
        Accuracy and Matthews correlation.
    """
    conditions = ("20", "50", "100", "200", "500", "1000", all_labels)
    figures = {
        "accuracy": (0.833, 0.844, 0.904, 0.916, 0.924, 0.951, 0.973),
        "matthews_corrcoef": (0.669, 0.690, 0.809, 0.833, 0.848, 0.903, 0.947),
    }
    return [
        published_row(
            "published: Genomic-ULMFiT", metric, dict(zip(conditions, values, strict=True)), PUBLISHED
        )
        for metric, values in figures.items()
    ]


def _references() -> list[dict]:
    """Give the numbers that were measured for this project on this split."""
    conditions = ("20", "50", "100", "200", "1000", "6791")
    rows = [
        ("reference: k-mers", "accuracy", (0.67, 0.70, 0.70, 0.72, 0.78, 0.805), REFERENCE_KMERS),
        ("reference: 9 minutes", "accuracy", (0.81, 0.81, 0.83, 0.83, 0.87, 0.915), REFERENCE_LM),
        ("reference: 45 minutes", "accuracy", (0.835, 0.854, 0.865, 0.879, 0.915, 0.939), REFERENCE_LM),
    ]
    return [
        published_row(method, metric, dict(zip(conditions, values, strict=True)), source)
        for method, metric, values, source in rows
    ]


def _describe_protocol(train: Bunch, test: Bunch, plan: Plan) -> str:
    *few, last = [*plan.n_labels, f"all {len(train.data)}"]
    return fold(PROTOCOL).format(
        n_train=len(train.data),
        n_test=len(test.data),
        n_repeats=plan.n_repeats,
        n_components=N_COMPONENTS,
        n_labels=f"{', '.join(map(str, few))} and {last}",
    )


def run(settings: Settings) -> Record:
    """Pretrain on both corpora and measure every method.

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
    parts = Parts.of(NAME, settings, watch)
    plan = QUICK_PLAN if settings.quick else Plan()
    make = partial(make_language_model, NETWORK, PRETRAINING_STEPS, settings)
    with watch("reading data"):
        train, test, corpora = read(settings.data_home)
        train = take(train, slice(None, None, plan.every))
        if settings.quick:
            corpora = [for_run(corpus, settings) for corpus in corpora]
    with watch("pretraining, or finding it done"):
        models = [pretrain(make(), corpus, settings.work_dir) for corpus in corpora]
    untrained = draw_untrained(make(), corpora[0])
    methods = make_methods(models, untrained, train.data, settings.random_state)
    with watch("features, learning and testing"):
        scores = measure(methods, train, test, plan, settings, parts)
    chance = float(np.mean(test.target == round(float(train.target.mean()))))
    filenames = [*train.filenames, *test.filenames, *(name for c in corpora for name in c.filenames)]
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
        published=[*published("6791"), *_references()],
        pretraining=[facts for _, facts in models],
    )
