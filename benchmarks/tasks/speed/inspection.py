"""Speed of mutagenesis with a network that goes on from shared states, beside that with whole sequences."""

from types import SimpleNamespace

import numpy as np
import torch
from sklearn.pipeline import make_pipeline

from benchmarks.records import Timing
from benchmarks.stopwatch import in_turn
from benchmarks.tasks.speed.network import Size, synchronised
from skgenome.classification import SequenceClassifier
from skgenome.inspection import in_silico_mutagenesis
from skgenome.preprocessing import KmerTokenizer
from skgenome.representation import LanguageModel

PEER = "whole sequences"
MUTAGENESIS_NOTE = (
    "in_silico_mutagenesis of a pipeline that reads the forward strand, against that of its predict_proba "
    "alone, which predicts every substituted sequence as a whole."
)


def as_plain(pipeline):
    """Give a classifier that has the pipeline's `predict_proba` alone, and shares nothing between sequences.

    Parameters
    ----------
    pipeline : Pipeline
        Fitted.

    Returns
    -------
    SimpleNamespace
        What inspection takes for any other classifier.
    """
    return SimpleNamespace(predict_proba=pipeline.predict_proba, classes_=pipeline.classes_)


def measure_mutagenesis(
    sequences: list[str], size: Size, device: torch.device, n_rounds: int, random_state: int
) -> Timing:
    """Time every substitution of some sequences, with shared prefixes and without in turn.

    Parameters
    ----------
    sequences : list of str
        Of one length.
    size : Size
        Of the network.
    device : torch.device
        Where to run.
    n_rounds : int
        How often each is timed.
    random_state : int
        Of the weights.

    Returns
    -------
    Timing
        In substitutions/s.
    """
    # Without the cache, which would know all answers after the first call.
    lm = LanguageModel(**size._asdict(), strand="forward", cache_size=0, random_state=random_state)
    classifier = SequenceClassifier(lm, training="frozen", device=device, random_state=random_state)
    pipeline = make_pipeline(KmerTokenizer(k=3), classifier).fit(sequences, np.arange(len(sequences)) % 2)
    whole = as_plain(pipeline)
    n_substitutions = 3 * sum(map(len, sequences))
    seconds = in_turn(
        synchronised(lambda: in_silico_mutagenesis(pipeline, sequences), device),
        synchronised(lambda: in_silico_mutagenesis(whole, sequences), device),
        n_rounds,
    )
    return Timing(
        f"mutagenesis {size}, {len(sequences)} sequences of {len(sequences[0])} bases, float32",
        PEER,
        "substitutions/s",
        *([n_substitutions / each for each in of_one] for of_one in seconds),
        note=MUTAGENESIS_NOTE,
    )
