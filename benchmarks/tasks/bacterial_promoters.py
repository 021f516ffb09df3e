"""The task ``bacterial-promoters``: mapped promoters of 81 bp, *E. coli* and *B. subtilis*."""

from functools import partial
from typing import NamedTuple

import numpy as np
from joblib import cpu_count
from sklearn.base import ClassifierMixin
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import RepeatedStratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.utils import Bunch

from benchmarks.cnn import SmallCNN
from benchmarks.corpora import Corpus, fetch_bacilli, fetch_enterobacteria, shorten
from benchmarks.evaluation import make_record, score_methods
from benchmarks.methods import kmers, majority, ridge, scaled
from benchmarks.pretraining import CACHE_BYTES, Pretrained, make_language_model, pretrain
from benchmarks.records import Record, Score, Settings, fold, published_row
from benchmarks.stopwatch import Stopwatch
from benchmarks.tasks.ecoli_fine_tuning import FINE_TUNING, FROM_SCRATCH, LM_EPOCHS, LM_LEARNING_RATE
from benchmarks.tasks.ecoli_promoters import NETWORK, PRETRAINING_STEPS
from skgenome.classification import SequenceClassifier, ULMFiTClassifier
from skgenome.datasets import fetch_bacterial_promoters
from skgenome.preprocessing import KmerTokenizer
from skgenome.representation import LanguageModel
from skgenome.training import resolve_device

NAME = "bacterial-promoters"
TITLE = "Promoters of bacteria, 81 bp"
LARGEST_K = 6
#: Segments of 3 tokens: the sequences are aligned by the first base that is transcribed.
SEGMENTS = 27
METRICS = ("matthews_corrcoef", "accuracy", "roc_auc")

PROTOCOL = """Sequences of 81 bp, 60 before the start of transcription and 20 after it, against stretches of
coding sequences: {sizes}. {n_splits}-fold cross-validation, stratified, {n_repeats} times with other folds; a
value of the table is the mean of the folds of one time, of all methods on the same folds. The language model
of E. coli was pretrained on enterobacterial genomes, K-12 among them, that of B. subtilis on genomes of
Bacilli without B. subtilis. "Frozen" is L2 logistic regression on its states, averaged over {n_segments}
segments; "ULMFiT" trains the language model further on the training folds, without labels, then its network
on the labels. Folds are random, as in the published figures, and promoters of one gene overlap in part."""

PUBLISHED_CNN = "Umarov and Solovyev 2017, PLoS ONE 12, e0171410 (CNNProm): one random split."
PUBLISHED_LM = "Genomic-ULMFiT (Heyer 2019): one random split, no seed."
REFERENCE = "Measured for this project, 5-fold cross-validation."

SPECIES = {"E. coli": "ecoli", "B. subtilis": "bsubtilis"}


class Plan(NamedTuple):
    """How much is measured."""

    n_splits: int = 5
    n_repeats: int = 3
    every: int = 1


QUICK_PLAN = Plan(2, 1, 20)


def make_methods(
    lm: LanguageModel, untrained: LanguageModel, unlabelled: np.ndarray, device: str
) -> dict[str, ClassifierMixin]:
    """Give the methods for one species.

    Parameters
    ----------
    lm : LanguageModel
        Pretrained.
    untrained : LanguageModel
        The network, not fitted.
    unlabelled : ndarray of str
        What the scale of k-mers is measured on.
    device : str
        Where to train.

    Returns
    -------
    dict
        Name to classifier.
    """
    tokens = ("tokens", KmerTokenizer(k=3))
    options = {"strand": "forward", "pooling": SEGMENTS, "device": device, "random_state": 0}
    positions = OneHotEncoder(handle_unknown="ignore", dtype=np.float32)
    positions.fit(tokens[1].transform(unlabelled))
    classifiers = {
        "network from scratch": SequenceClassifier(untrained, **FROM_SCRATCH, **options),
        "pretrained, frozen": SequenceClassifier(FrozenEstimator(lm), training="frozen", **options),
        "pretrained, fine-tuned": SequenceClassifier(FrozenEstimator(lm), **FINE_TUNING, **options),
        "pretrained, ULMFiT": ULMFiTClassifier(
            FrozenEstimator(lm),
            lm_max_epochs=LM_EPOCHS,
            lm_learning_rate=LM_LEARNING_RATE,
            **FINE_TUNING,
            **options,
        ),
    }
    return {
        "majority": majority(),
        f"k-mers up to {LARGEST_K} + L2 logistic regression": Pipeline(
            scaled(kmers(LARGEST_K, 1), unlabelled) + ridge()
        ),
        "3-mers at their positions + L2 logistic regression": Pipeline(
            [tokens, ("positions", FrozenEstimator(positions)), *ridge()]
        ),
        "small CNN from scratch": SmallCNN(device=device, random_state=0),
    } | {name: Pipeline([tokens, ("classifier", model)]) for name, model in classifiers.items()}


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
        # On a CPU, fits side by side on a thread each are faster than one after the other on all.
        n_jobs=cpu_count() if resolve_device(device).type == "cpu" else 1,
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
        corpora = [shorten(corpus, 300_000) for corpus in corpora]
        for bunch in promoters.values():
            bunch.data, bunch.target = bunch.data[:: plan.every], bunch.target[:: plan.every]
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
            methods = make_methods(models[species].model, untrained, bunch.data, settings.device)
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
        sizes=sizes, n_splits=plan.n_splits, n_repeats=plan.n_repeats, n_segments=SEGMENTS
    )
