"""Pretrain a representation once: what a benchmark has pretrained it finds again, and its wall time too."""

import copy
import hashlib
import json
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import pooch
from sklearn.base import clone

from benchmarks.corpora import Corpus
from benchmarks.environment import device_name, package_versions
from benchmarks.methods import Representation
from benchmarks.records import ROOT, Settings, write_text
from skgenome.persistence import load, save
from skgenome.preprocessing import KmerTokenizer
from skgenome.representation import ContrastivePredictiveCoding, LanguageModel
from skgenome.training import NO_INFLUENCE, resolve_device, resolve_precision

logger = logging.getLogger(__name__)

#: The language model of all tasks. The layer in the middle was chosen on rows of E. coli's training set, 1000
#: to learn from and 1000 to compare on: with 20 to 200 labels it is up to .02 better than all layers joined,
#: with 1000 the same. The last layer knows the next token and less else.
NETWORK = {
    "embedding_size": 128,
    "hidden_size": 256,
    "n_layers": 3,
    "strand": "concat",
    "pooling": "concat",
    "layer": 1,
}
#: Half as wide, a quarter of the work: for long sequences, which two cores would take days for.
SMALL_NETWORK = {**NETWORK, "embedding_size": 64, "hidden_size": 128}
#: As large as published, thirty times the work of the first, with batches for a GPU.
PUBLISHED_NETWORK = {
    **NETWORK,
    "embedding_size": 400,
    "hidden_size": 1150,
    "batch_size": 512,
    "learning_rate": 4e-3,
}
#: Steps of pretraining: at most 15 minutes on two cores. To be changed here and nowhere else.
PRETRAINING_STEPS = 8000
#: Thrice as many, 45 minutes on two cores, where it pays. Of mapped promoters the states tell .846 instead
#: of .829 by a linear SVM (Matthews, first folds of E. coli), beside k-mers .873 instead of .855; a base has
#: 1.826 bits instead of 1.843.
LONG_STEPS = 3 * PRETRAINING_STEPS
#: The human sequence at hand is short: seven passes, both strands.
HUMAN_STEPS = 4000
#: Parameters that have no influence on the weights: a model is found again whatever layer is read.
WITHOUT_INFLUENCE = NO_INFLUENCE | {"layer", "pooling"}
#: Parameters of the other architecture of a language model.
OF_CNN_LSTM = ("architecture", "n_filters", "kernel_size")
#: All features of a task stay in memory, so that each sequence is embedded once and not once per draw.
CACHE_BYTES = 2**31
#: Models that took long, kept with the results: any machine finds them, and nobody trains them again.
KEPT = ROOT / "benchmarks" / "models"
#: Sizes and steps of a smoke run.
TINY_SIZE = {"embedding_size": 8, "hidden_size": 16, "n_layers": 2}
TINY_STEPS = 20
TINY_CONTRASTIVE = {"width": 4, "context_size": 8, "n_patches": 8, "batch_size": 4}
#: Steps between two rows of the history; a step of a contrastive network is the longer one.
STEPS_PER_ROUND, CONTRASTIVE_STEPS_PER_ROUND = 500, 100
#: What a pretraining is judged by, as far as a representation has it.
FIGURES = ("train_bits_per_base", "valid_bits_per_base", "valid_accuracy", "valid_chance")


class Tokens(NamedTuple):
    """How sequences are cut into tokens."""

    k: int = 3
    """Bases in a token."""
    stride: int = 1
    """Bases from one token to the next."""

    def tokenizer(self, **params: object) -> KmerTokenizer:
        """Make the tokenizer."""
        return KmerTokenizer(k=self.k, stride=self.stride, **params)

    def count(self, n_bases: int) -> int:
        """Say how many tokens there are in so many bases."""
        return (n_bases - self.k) // self.stride + 1


#: A language model is about the next of these; every base begins one.
THREE_BASES = Tokens()
#: Every other base begins one: half as many to read, each with two new bases.
FIVE_BASES_BY_TWO = Tokens(5, 2)
#: A contrastive network reads bases.
BASES = Tokens(1)


class Pretrained(NamedTuple):
    """A fitted representation, and how it came to be."""

    model: Representation
    facts: dict


def default_work_dir() -> Path:
    """Say where pretrained models are kept.

    Returns
    -------
    pathlib.Path
        A folder in the user's cache.
    """
    return Path(pooch.os_cache("skgenome")) / "benchmarks"


def _parameters(lm: Representation) -> dict:
    """Give the parameters that decide on the result, in values that JSON knows."""
    device = resolve_device(lm.device)
    other = OF_CNN_LSTM if getattr(lm, "architecture", None) == "awd-lstm" else ()
    left_out = {*WITHOUT_INFLUENCE, *other}
    parameters = {name: value for name, value in lm.get_params().items() if name not in left_out}
    precision = str(resolve_precision(lm.precision, device)).removeprefix("torch.")
    # The kind of device and the version of torch change the last bits of every weight.
    resolved = {"device": device.type, "precision": precision, "torch": package_versions()["torch"]}
    return {name: value if _is_plain(value) else str(value) for name, value in parameters.items()} | resolved


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, bool | int | float | str)


def make_language_model(network: dict, n_steps: int, settings: Settings) -> LanguageModel:
    """Make the language model of a task.

    Parameters
    ----------
    network : dict
        Parameters of its sizes and of how it is read.
    n_steps : int
        Steps of pretraining.
    settings : Settings
        What the caller chose; a quick run has a tiny network and few steps.

    Returns
    -------
    LanguageModel
        Not fitted.
    """
    return _make(LanguageModel, TINY_SIZE, STEPS_PER_ROUND, network, n_steps, settings)


def make_contrastive(network: dict, n_steps: int, settings: Settings) -> ContrastivePredictiveCoding:
    """Make the contrastive network of a task: :func:`make_language_model` of the other kind.

    Parameters
    ----------
    network, n_steps, settings
        As there.

    Returns
    -------
    ContrastivePredictiveCoding
        Not fitted.
    """
    rounds = CONTRASTIVE_STEPS_PER_ROUND
    return _make(ContrastivePredictiveCoding, TINY_CONTRASTIVE, rounds, network, n_steps, settings)


def _make(
    kind: type[Representation], tiny: dict, per_round: int, network: dict, n_steps: int, settings: Settings
) -> Representation:
    if settings.quick:
        network, n_steps = {**network, **tiny}, TINY_STEPS
    return kind(
        **network,
        max_steps=n_steps,
        steps_per_round=min(n_steps, per_round),
        device=settings.device,
        random_state=settings.random_state,
        verbose=1,
    )


def fingerprint(lm: Representation, corpus: Corpus, tokens: Tokens | None = None) -> str:
    """Name the pretraining of a model on a corpus.

    Parameters
    ----------
    lm : LanguageModel or ContrastivePredictiveCoding
        Not fitted.
    corpus : Corpus
        What it is to be fitted on.
    tokens : Tokens or None, default=None
        As in :func:`pretrain`.

    Returns
    -------
    str
        16 hexadecimal digits; other parameters or another corpus give another name.
    """
    k, stride = tokens or default_tokens(lm)
    # Where every base begins a token, the size alone says it all.
    cut = k if stride == 1 else [k, stride]
    content = json.dumps([_parameters(lm), corpus.sha256(), cut], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def _describe(lm: Representation, corpus: Corpus, seconds: float) -> dict:
    last = lm.history_[-1]
    return {
        "corpus": corpus.name,
        "description": corpus.description,
        "sha256": corpus.sha256(),
        "n_contigs": len(corpus.contigs),
        "n_bases": sum(map(len, corpus.contigs)),
        "n_weights": sum(weight.numel() for weight in lm.module_.parameters()),
        "k": lm.k_,
        "stride": lm.stride_,
        "n_steps": last["step"],
        "n_tokens": sum(row["tokens"] for row in lm.history_),
        "seconds": round(seconds, 1),
        # Who finds the model done may sit at another machine.
        "device_name": device_name(resolve_device(lm.device)),
        **{name: _finite(last.get(name, float("nan"))) for name in FIGURES},
        "parameters": _parameters(lm),
        "history": [{name: _finite(value) for name, value in row.items()} for row in lm.history_],
    }


def _finite(value: float) -> float | None:
    # NaN, which stands for "not validated", has no place in JSON.
    return value if value == value else None


def default_tokens(lm: Representation) -> Tokens:
    """Say what a representation reads if nothing else is said.

    Parameters
    ----------
    lm : LanguageModel or ContrastivePredictiveCoding
        Any.

    Returns
    -------
    Tokens
        Of three bases for a language model, else of one.
    """
    return THREE_BASES if isinstance(lm, LanguageModel) else BASES


def pretrain(
    lm: Representation,
    corpus: Corpus,
    work_dir: str | os.PathLike | None = None,
    tokens: Tokens | None = None,
) -> Pretrained:
    """Fit a representation on a corpus, or take it from an earlier run.

    Parameters
    ----------
    lm : LanguageModel or ContrastivePredictiveCoding
        Not fitted; it is fitted in place if it has to be.
    corpus : Corpus
        Contigs without labels.
    work_dir : path-like or None, default=None
        Where models are kept; made if needed. None takes a folder in the user's cache.
    tokens : Tokens or None, default=None
        How the contigs are cut; None takes :func:`default_tokens`.

    Returns
    -------
    Pretrained
        The model, and its facts: sizes, wall time of the pretraining (whenever it was), history.
    """
    tokens = tokens or default_tokens(lm)

    def train() -> Representation:
        return lm.fit(_tokenise(corpus.contigs, tokens))

    return _find_or_train(fingerprint(lm, corpus, tokens), lm, corpus, train, work_dir)


def _find_or_train(
    name: str,
    lm: Representation,
    corpus: Corpus,
    train: Callable[[], Representation],
    work_dir: str | os.PathLike | None,
) -> Pretrained:
    """Take a model from an earlier run, read as `lm` is, or train and keep it."""
    path = Path(work_dir or default_work_dir()) / f"lm-{name}"
    facts_path = path.with_suffix(".json")
    for found in (facts_path, KEPT / facts_path.name):
        # The facts are written last: where they are, the model is whole.
        if found.is_file():
            logger.info("taking the model trained on '%s' from %s", corpus.name, found.parent)
            facts = json.loads(found.read_text(encoding="utf-8"))
            asked = {name: value for name, value in lm.get_params().items() if name in WITHOUT_INFLUENCE}
            model = load(found.with_suffix("")).set_params(**asked)
            return Pretrained(model.set_params(cache_size=CACHE_BYTES), facts)
    n_bases = sum(map(len, corpus.contigs))
    logger.info("training on '%s': %d contigs, %.1f Mbp", corpus.name, len(corpus.contigs), n_bases / 1e6)
    start = perf_counter()
    model = train()
    facts = _describe(model, corpus, perf_counter() - start)
    figures = {name: facts[name] for name in FIGURES if facts[name] is not None}
    logger.info("trained in %.1f minutes: %s", facts["seconds"] / 60, figures)
    path.parent.mkdir(parents=True, exist_ok=True)
    save(model, path)
    write_text(facts_path, json.dumps(facts, indent=1))
    return Pretrained(model.set_params(cache_size=CACHE_BYTES), facts)


def finetune(
    pretrained: Pretrained,
    sequences: Sequence[str],
    n_epochs: int,
    learning_rate: float,
    work_dir: str | os.PathLike | None = None,
) -> Pretrained:
    """Go on training a language model on the sequences of a task, or take it from an earlier run.

    Parameters
    ----------
    pretrained : Pretrained
        The model to start from; it is left as it is.
    sequences : sequence of str
        What labels may be drawn from, without their labels.
    n_epochs : int
        Passes.
    learning_rate : float
        Its peak.
    work_dir : path-like or None, default=None
        As in :func:`pretrain`.

    Returns
    -------
    Pretrained
        The model, and its facts.
    """
    lm, facts = pretrained
    corpus = Corpus(
        f"{facts['corpus']}, then the task's sequences",
        list(sequences),
        f"{facts['description']}; then {n_epochs} passes over {len(sequences)} sequences of the task",
    )
    tokens = Tokens(lm.k_, lm.stride_)
    content = [_parameters(lm), facts["sha256"], tokens, corpus.sha256(), n_epochs, learning_rate]
    name = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]

    def train() -> LanguageModel:
        longer = {"max_epochs": n_epochs, "max_steps": None, "steps_per_round": None}
        model = copy.deepcopy(lm).set_params(**longer, learning_rate=learning_rate)
        return model.partial_fit(_tokenise(corpus.contigs, tokens))

    return _find_or_train(name, lm, corpus, train, work_dir)


def _tokenise(contigs: Sequence[str], tokens: Tokens) -> list:
    rows = tokens.tokenizer(padding=False).transform(contigs)
    # A contig without a next token teaches nothing.
    return [row for row in rows if len(row) > 1]


def draw_untrained(lm: Representation, corpus: Corpus) -> Representation:
    """Give the same network with the weights that pretraining would start from.

    Parameters
    ----------
    lm : LanguageModel or ContrastivePredictiveCoding
        Not fitted, and left so.
    corpus : Corpus
        A piece of it is read, which has no influence.

    Returns
    -------
    LanguageModel or ContrastivePredictiveCoding
        With random weights.
    """
    model = clone(lm).set_params(cache_size=CACHE_BYTES)
    return model.initialize(
        _tokenise([contig[:100_000] for contig in corpus.contigs[:1]], default_tokens(lm))
    )
