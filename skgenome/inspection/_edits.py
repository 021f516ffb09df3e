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
    origin: str
    """The sequence as it was."""
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
        Edits for which the estimator is called at once.

    Yields
    ------
    index : int
        Of the edit.
    place : int
        Of the edit.
    prediction : ndarray of shape (n_labels,), float64
        What the estimator says.
    """
    predict = _predict_beside_origins if predictor.knows_edits else _predict_alone
    # In the order in which they come: edits of one sequence stay together.
    edits = iter(edits)
    while batch := list(islice(edits, batch_size)):
        for edit, prediction in zip(batch, predict(predictor, batch), strict=True):
            yield edit.index, edit.place, prediction


def _predict_alone(predictor: Predictor, batch: list[Edit]) -> np.ndarray:
    return predictor.predict([edit.sequence for edit in batch])


def _predict_beside_origins(predictor: Predictor, batch: list[Edit]) -> np.ndarray:
    """Ask about a batch together with what its edits were made of, each sequence once."""
    rows: dict[str, int] = {}
    for edit in batch:
        rows.setdefault(edit.origin, len(rows))
        rows.setdefault(edit.sequence, len(rows))
    origins = np.arange(len(rows))
    for edit in batch:
        origins[rows[edit.sequence]] = rows[edit.origin]
    predictions = predictor.predict_edits(list(rows), origins)
    return predictions[[rows[edit.sequence] for edit in batch]]
