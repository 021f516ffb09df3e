"""Pretrain a language model once: what a benchmark has pretrained it finds again, and its wall time too."""

import hashlib
import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import pooch

from benchmarks.corpora import Corpus
from benchmarks.environment import package_versions
from benchmarks.records import Settings, write_text
from skgenome.persistence import load, save
from skgenome.preprocessing import KmerTokenizer
from skgenome.representation import LanguageModel
from skgenome.training import resolve_device, resolve_precision

logger = logging.getLogger(__name__)

#: Parameters that have no influence on the weights: a model is found again whatever layer is read.
WITHOUT_INFLUENCE = ("cache_size", "device", "layer", "pooling", "verbose")
#: All features of a task stay in memory, so that each sequence is embedded once and not once per draw.
CACHE_BYTES = 2**31
#: Sizes and steps of a smoke run.
TINY_SIZE = {"embedding_size": 8, "hidden_size": 16, "n_layers": 2}
TINY_STEPS = 20
#: Steps between two rows of the history.
STEPS_PER_ROUND = 500


class Pretrained(NamedTuple):
    """A fitted language model, and how it came to be."""

    model: LanguageModel
    facts: dict


def default_work_dir() -> Path:
    """Say where pretrained models are kept.

    Returns
    -------
    pathlib.Path
        A folder in the user's cache.
    """
    return Path(pooch.os_cache("skgenome")) / "benchmarks"


def _parameters(lm: LanguageModel) -> dict:
    """Give the parameters that decide on the result, in values that JSON knows."""
    device = resolve_device(lm.device)
    parameters = {name: value for name, value in lm.get_params().items() if name not in WITHOUT_INFLUENCE}
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
    if settings.quick:
        network, n_steps = {**network, **TINY_SIZE}, TINY_STEPS
    return LanguageModel(
        **network,
        max_steps=n_steps,
        steps_per_round=min(n_steps, STEPS_PER_ROUND),
        device=settings.device,
        random_state=settings.random_state,
        verbose=1,
    )


def fingerprint(lm: LanguageModel, corpus: Corpus, k: int) -> str:
    """Name the pretraining of a model on a corpus.

    Parameters
    ----------
    lm : LanguageModel
        Not fitted.
    corpus : Corpus
        What it is to be fitted on.
    k : int
        Bases in a token.

    Returns
    -------
    str
        16 hexadecimal digits; other parameters or another corpus give another name.
    """
    content = json.dumps([_parameters(lm), corpus.sha256(), k], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def _describe(lm: LanguageModel, corpus: Corpus, seconds: float) -> dict:
    last = lm.history_[-1]
    return {
        "corpus": corpus.name,
        "description": corpus.description,
        "sha256": corpus.sha256(),
        "n_contigs": len(corpus.contigs),
        "n_bases": sum(map(len, corpus.contigs)),
        "n_weights": sum(weight.numel() for weight in lm.module_.parameters()),
        "n_steps": last["step"],
        "n_tokens": sum(row["tokens"] for row in lm.history_),
        "seconds": round(seconds, 1),
        "train_bits_per_base": _finite(last["train_bits_per_base"]),
        "valid_bits_per_base": _finite(last["valid_bits_per_base"]),
        "parameters": _parameters(lm),
        "history": [{name: _finite(value) for name, value in row.items()} for row in lm.history_],
    }


def _finite(value: float) -> float | None:
    # NaN, which stands for "not validated", has no place in JSON.
    return value if value == value else None


def pretrain(
    lm: LanguageModel, corpus: Corpus, work_dir: str | os.PathLike | None = None, *, k: int = 3
) -> Pretrained:
    """Fit a language model on a corpus, or take it from an earlier run.

    Parameters
    ----------
    lm : LanguageModel
        Not fitted; it is fitted in place if it has to be.
    corpus : Corpus
        Contigs without labels.
    work_dir : path-like or None, default=None
        Where models are kept; made if needed. None takes a folder in the user's cache.
    k : int, default=3
        Bases in a token.

    Returns
    -------
    Pretrained
        The model, and its facts: sizes, wall time of the pretraining (whenever it was), history.
    """
    path = Path(work_dir or default_work_dir()) / f"lm-{fingerprint(lm, corpus, k)}"
    facts_path = path.with_suffix(".json")
    # The facts are written last: where they are, the model is whole.
    if facts_path.is_file():
        logger.info("taking the model pretrained on '%s' from %s", corpus.name, path)
        facts = json.loads(facts_path.read_text(encoding="utf-8"))
        model = load(path).set_params(**{name: getattr(lm, name) for name in WITHOUT_INFLUENCE})
        return Pretrained(model.set_params(cache_size=CACHE_BYTES), facts)
    n_bases = sum(map(len, corpus.contigs))
    logger.info("pretraining on '%s': %d contigs, %.1f Mbp", corpus.name, len(corpus.contigs), n_bases / 1e6)
    start = perf_counter()
    lm.fit(_tokenise(corpus.contigs, k))
    facts = _describe(lm, corpus, perf_counter() - start)
    logger.info("pretrained in %.1f minutes: %s bits per base", facts["seconds"] / 60, _last_bits(facts))
    path.parent.mkdir(parents=True, exist_ok=True)
    save(lm, path)
    write_text(facts_path, json.dumps(facts, indent=1))
    return Pretrained(lm.set_params(cache_size=CACHE_BYTES), facts)


def _last_bits(facts: dict) -> str:
    bits = facts["valid_bits_per_base"] or facts["train_bits_per_base"]
    return "unknown" if bits is None else f"{bits:.3f}"


def _tokenise(contigs: Sequence[str], k: int) -> list:
    tokens = KmerTokenizer(k=k, padding=False).transform(contigs)
    # A contig without a next token teaches nothing.
    return [row for row in tokens if len(row) > 1]


def draw_untrained(lm: LanguageModel, corpus: Corpus, *, k: int = 3) -> LanguageModel:
    """Give the same network with the weights that pretraining would start from.

    Parameters
    ----------
    lm : LanguageModel
        Not fitted, and left so.
    corpus : Corpus
        A piece of it is read, which has no influence.
    k : int, default=3
        Bases in a token.

    Returns
    -------
    LanguageModel
        Fitted with a single step at a learning rate that is lost in the rounding of the weights, so that
        it goes the way of the pretrained one in everything else.
    """
    untrained = {"max_steps": 1, "learning_rate": 1e-30, "weight_decay": 0.0, "schedule": "constant"}
    model = LanguageModel(**{**lm.get_params(), **untrained, "cache_size": CACHE_BYTES, "verbose": 0})
    return model.fit(_tokenise([contig[:100_000] for contig in corpus.contigs[:1]], k))
