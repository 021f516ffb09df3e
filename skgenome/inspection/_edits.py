"""The one way in which edited sequences reach an estimator.

Perturbation, mutagenesis and variants each make a stream of edits; what batches them and asks stands here.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from skgenome._response import Predictor
from skgenome.sequences import check_sequences, encode_many


class Edit(NamedTuple):
    """A sequence that was changed, and where its prediction goes."""

    index: int
    """Which of the sequences was changed."""
    place: int
    """Cell of its result that the prediction is for."""
    start: int
    """The first base that may differ: up to here the sequence is the unchanged one."""
    sequence: str
    """The whole of it, as changed."""


def check_inspected(sequences: Any) -> list[str]:
    """Check the sequences to inspect: at least one, none empty, all of DNA or RNA."""
    sequences = check_sequences(sequences, name="sequences")
    if not sequences:
        raise ValueError("sequences must hold at least one sequence. Got none.")
    empty = [i for i, sequence in enumerate(sequences) if not sequence]
    if empty:
        raise ValueError(f"Sequence {empty[0]} is empty. There is nothing to inspect; leave it out.")
    # Letters are read for their errors alone: an estimator's own may come hours later, and name an edit.
    encode_many(sequences)
    return sequences


def predict_edits(
    predictor: Predictor, edits: Iterable[Edit], batch_size: int
) -> Iterator[tuple[int, int, np.ndarray]]:
    """Predict a stream of edited sequences, a batch at a time.

    Parameters
    ----------
    predictor : Predictor
        What is asked.
    edits : iterable of Edit
        Read batch by batch, so that no more than one is in memory.
    batch_size : int
        Sequences for which the estimator is called at once.

    Yields
    ------
    index : int
        Of the edit.
    place : int
        Of the edit.
    prediction : ndarray of shape (n_labels,), float64
        What the estimator says.
    """
    # In the order in which they come: edits of one sequence stay together, and share what is before them.
    edits = iter(edits)
    while batch := list(islice(edits, batch_size)):
        predictions = predictor.predict([edit.sequence for edit in batch])
        for edit, prediction in zip(batch, predictions, strict=True):
            yield edit.index, edit.place, prediction
