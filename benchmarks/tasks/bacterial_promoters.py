"""The task ``bacterial-promoters``: mapped promoters of 81 bp, *E. coli* and *B. subtilis*."""

from functools import partial
from typing import NamedTuple

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import RepeatedStratifiedKFold
from sklearn.utils import Bunch

from benchmarks.corpora import Corpus, fetch_bacilli, fetch_enterobacteria, shorten
from benchmarks.evaluation import make_record, score_methods
from benchmarks.methods import MoreLabels
from benchmarks.pretraining import (
    CACHE_BYTES,
    NETWORK,
    PRETRAINING_STEPS,
    Pretrained,
    make_language_model,
    pretrain,
)
from benchmarks.records import Record, Score, Settings, fold, published_row
from benchmarks.stopwatch import Stopwatch
from benchmarks.transfer import (
    FINE_TUNING,
    FROM_SCRATCH,
    LM_LEARNING_RATE,
    QUICK_BASES,
    Reading,
    make_baselines,
    n_side_by_side,
    take,
)
from skgenome.classification import SequenceClassifier, ULMFiTClassifier
from skgenome.datasets import fetch_bacterial_promoters
from skgenome.representation import LanguageModel

NAME = "bacterial-promoters"
TITLE = "Promoters of bacteria, 81 bp"
#: Segments of 3 tokens: the sequences are aligned by the first base that is transcribed.
READING = Reading(strand="forward", pooling=27, largest_k=6, aligned=True)
METRICS = ("matthews_corrcoef", "accuracy", "roc_auc")

PROTOCOL = """Sequences of 81 bp, 60 before the start of transcription and 20 after it, against stretches of
coding sequences: {sizes}. {n_splits}-fold cross-validation, stratified, {n_repeats} times with other folds; a
value of the table is the mean of the folds of one time, of all methods on the same folds. The language model
of E. coli was pretrained on enterobacterial genomes, K-12 among them, that of B. subtilis on genomes of
Bacilli without B. subtilis. "Frozen" is L2 logistic regression on its states, averaged over {n_segments}
segments; "ULMFiT" trains the language model further on the training folds, without labels, then its network
on the labels; in rows that say so also on all labelled sequences of the other species. Folds are random, as
in the published figures, and promoters of one gene overlap in part."""

PUBLISHED_CNN = "Umarov and Solovyev 2017, PLoS ONE 12, e0171410 (CNNProm): one random split."
PUBLISHED_LM = "Genomic-ULMFiT (Heyer 2019): one random split, no seed."
REFERENCE = "Measured for this project, 5-fold cross-validation."

SPECIES = {"E. coli": "ecoli", "B. subtilis": "bsubtilis"}


class Plan(NamedTuple):
    """How much is measured, and for how many passes is trained."""

    n_splits: int = 5
    n_repeats: int = 3
    every: int = 1
    lm_epochs: int = 6
    max_epochs: int = 4
    scratch_epochs: int = 10
    cnn_epochs: int = 20


QUICK_PLAN = Plan(2, 1, 40, 1, 1, 1, 1)


def make_methods(
    lm: LanguageModel, untrained: LanguageModel, own: Bunch, others: Bunch, plan: Plan, device: str
) -> dict[str, ClassifierMixin]:
    """Give the methods for one species.

    Parameters
    ----------
    lm : LanguageModel
        Pretrained.
    untrained : LanguageModel
        The network, not fitted.
    own, others : Bunch
        Promoters of this species and of the other one.
    plan : Plan
        For how long is trained.
    device : str
        Where to train.

    Returns
    -------
    dict
        Name to classifier.
    """
    options = {**READING.options(), "device": device, "random_state": 0}
    tuning = {**FINE_TUNING, "max_epochs": plan.max_epochs}
    second = {"lm_max_epochs": plan.lm_epochs, "lm_learning_rate": LM_LEARNING_RATE}
    start = FrozenEstimator(lm)
    networks = {
        "network from scratch": SequenceClassifier(
            untrained, max_epochs=plan.scratch_epochs, **FROM_SCRATCH, **options
        ),
        "pretrained, frozen": SequenceClassifier(start, training="frozen", **options),
        "pretrained, fine-tuned": SequenceClassifier(start, **tuning, **options),
        "pretrained, ULMFiT": ULMFiTClassifier(start, **second, **tuning, **options),
    }
    methods = make_baselines(own.data, READING, plan.cnn_epochs, device)
    methods |= {name: READING.before(network) for name, network in networks.items()}
    for name in ("small CNN from scratch", "pretrained, ULMFiT"):
        methods[f"{name}, labels of the other species too"] = MoreLabels(
            methods[name], others.data, others.target
        )
    return methods


def measure(
    methods: dict[str, ClassifierMixin],
    promoters: Bunch,
    species: str,
    plan: Plan,
    random_state: int,
    device: str,
) -> list[Score]:
    """Cross-validate every method on one species.

    Parameters
    ----------
    methods : dict of str to classifier
        Not fitted; they take sequences.
    promoters : Bunch
        With data and target.
    species : str
        What the condition is called.
    plan : Plan
        How much is measured.
    random_state : int
        Of the folds.
    device : str
        Where networks are trained.

    Returns
    -------
    list of Score
        A value for each repeat: the mean of its folds.
    """
    folds = RepeatedStratifiedKFold(
        n_splits=plan.n_splits, n_repeats=plan.n_repeats, random_state=random_state
    )
    scores = score_methods(
        methods,
        promoters.data,
        promoters.target,
        conditions={species: 1.0},
        metrics=METRICS,
        random_state=random_state,
        cv=list(folds.split(promoters.data, promoters.target)),
        n_jobs=n_side_by_side(device),
    )
    return [
        score._replace(values=np.reshape(score.values, (plan.n_repeats, -1)).mean(axis=1).tolist())
        for score in scores
    ]


def _published() -> list[dict]:
    rows = {
        "published: CNNProm": ((0.84, 0.86), PUBLISHED_CNN),
        "published: Genomic-ULMFiT": ((0.871, 0.759), PUBLISHED_LM),
        "reference: k-mers up to 6 + L2 logistic regression": ((0.780, 0.750), REFERENCE),
        "reference: mean of two CNNs": ((0.823, 0.814), REFERENCE),
        "reference: rough pretrained LSTM, no Bacillus in its corpus": ((0.843, 0.732), REFERENCE),
    }
    return [
        published_row(method, "matthews_corrcoef", dict(zip(SPECIES, values, strict=True)), source)
        for method, (values, source) in rows.items()
    ]


def _read(settings: Settings, plan: Plan) -> tuple[dict[str, Bunch], dict[str, Corpus]]:
    """Read the labelled sets and the corpora, by species."""
    promoters = {
        name: fetch_bacterial_promoters(species=species, data_home=settings.data_home)
        for name, species in SPECIES.items()
    }
    corpora = [fetch_enterobacteria(settings.data_home), fetch_bacilli(settings.data_home)]
    if settings.quick:
        corpora = [shorten(corpus, QUICK_BASES) for corpus in corpora]
        some = slice(None, None, plan.every)
        promoters = {name: take(bunch, some) for name, bunch in promoters.items()}
    return promoters, dict(zip(SPECIES, corpora, strict=True))


def run(settings: Settings) -> Record:
    """Pretrain for each species and measure every method.

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
        promoters, corpora = _read(settings, plan)
    models: dict[str, Pretrained] = {}
    scores: list[Score] = []
    for species, bunch in promoters.items():
        with watch("pretraining, or finding it done"):
            models[species] = pretrain(make(), corpora[species], settings.work_dir)
        with watch("features, learning and testing"):
            untrained = make().set_params(cache_size=CACHE_BYTES, verbose=0)
            (other,) = (promoters[name] for name in promoters if name != species)
            methods = make_methods(models[species].model, untrained, bunch, other, plan, settings.device)
            scores += measure(methods, bunch, species, plan, settings.random_state, settings.device)
    filenames = [name for part in (*promoters.values(), *corpora.values()) for name in part.filenames]
    return make_record(
        settings,
        watch,
        methods,
        scores,
        sorted(set(filenames)),
        name=NAME,
        title=TITLE,
        protocol=_describe_protocol(promoters, plan),
        chance={"matthews_corrcoef": 0.0, "roc_auc": 0.5},
        published=_published(),
        pretraining=[facts for _, facts in models.values()],
    )


def _describe_protocol(promoters: dict[str, Bunch], plan: Plan) -> str:
    sizes = "; ".join(
        f"{species} {int(bunch.target.sum())} promoters and {int((bunch.target == 0).sum())} others"
        for species, bunch in promoters.items()
    )
    return fold(PROTOCOL).format(
        sizes=sizes, n_splits=plan.n_splits, n_repeats=plan.n_repeats, n_segments=READING.pooling
    )
