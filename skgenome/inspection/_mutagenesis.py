"""Every substitution at every position, and what it does to the prediction."""

from collections.abc import Iterator
from numbers import Integral

import numpy as np
from sklearn.utils import Bunch

from skgenome._response import RESPONSE_METHODS, make_predictor
from skgenome._sklearn import Interval, StrOptions, validate_params
from skgenome.inspection._edits import Edit, check_inspected, predict_edits
from skgenome.sequences import AMBIGUOUS, encode

_BASES = "ACGT"


def _check_positions(positions, longest):
    """Give the positions to mutate as an array, all of them for None."""
    if positions is None:
        return np.arange(longest)
    array = np.atleast_1d(np.asarray(positions))
    if array.ndim != 1 or not len(array) or array.dtype.kind not in "iu":
        raise ValueError(
            f"positions must be a list of integers from 0, in bases, or None for all. Got {positions!r:.80}."
        )
    wrong = array[(array < 0) | (array >= longest)]
    if len(wrong):
        raise ValueError(
            f"positions must be from 0 to {longest - 1}, the last base of the longest sequence. "
            f"Got {wrong[0]} instead."
        )
    return array


def _list_substitutions(sequences: list[str], positions: np.ndarray) -> Iterator[Edit]:
    """Make all substitutions; the place of each is its cell of (4, n_positions)."""
    for index, sequence in enumerate(sequences):
        codes = encode(sequence)
        for column, position in enumerate(positions.tolist()):
            if position >= len(sequence):
                continue
            head, tail = sequence[:position], sequence[position + 1 :]
            for code, base in enumerate(_BASES):
                if code != codes[position]:
                    place = code * len(positions) + column
                    yield Edit(index, place, sequence, f"{head}{base}{tail}")


def _read_reference(sequences, positions):
    """Give the codes at the positions, 4 also behind the end of a sequence, and where there is a base."""
    reference = np.full((len(sequences), len(positions)), AMBIGUOUS, dtype=np.uint8)
    exists = np.array([len(sequence) for sequence in sequences])[:, None] > positions
    for row, inside, sequence in zip(reference, exists, sequences, strict=True):
        row[inside] = encode(sequence)[positions[inside]]
    return reference, exists


@validate_params(
    {
        "sequences": "no_validation",
        "target": "no_validation",
        "response_method": [StrOptions({"auto", *RESPONSE_METHODS})],
        "positions": "no_validation",
        "batch_size": [Interval(Integral, 1, None, closed="left")],
    },
    prefer_skip_nested_validation=True,
)
def in_silico_mutagenesis(
    estimator, sequences, *, target=None, response_method="auto", positions=None, batch_size=1024
):
    """Substitute every base at every position and predict again.

    Takes three predictions for each base; a network that reads token by token does not read again what stands
    before a substitution. Reading several bases at a time, as
    :func:`perturbation_importance` does, finds what single substitutions leave intact.

    Read more in :ref:`inspection`.

    Parameters
    ----------
    estimator : classifier
        Fitted; anything with ``predict_proba`` or ``decision_function`` that takes a list of str.
    sequences : collection of str of length n_sequences
        DNA or RNA, of any lengths. Letters that are not substituted are passed on as they stand.
    target : class, number of a label or None, default=None
        Whose prediction to look at. None: the second of two classes; of more classes, the one predicted for
        the unchanged sequence. Labels of their own have no default.
    response_method : {'auto', 'predict_proba', 'decision_function'}, default='auto'
        What to ask for; 'auto' is the first that there is. Probabilities near 0 or 1 hardly move; decision
        values do.
    positions : list of int or None, default=None
        Which positions, from 0. None: all.
    batch_size : int, default=1024
        Sequences for which the estimator is called at once. Bounds the memory, changes nothing else.

    Returns
    -------
    result : Bunch
        With the entries:

        attributions : ndarray of shape (n_sequences, 4, n_positions), float64
            Prediction with that base (A, C, G, T) less the prediction of the unchanged sequence. Exactly 0
            for the base that is there; an ambiguous base has four substitutions. NaN behind the end of a
            sequence.
        baseline : ndarray of shape (n_sequences,), float64
            The prediction of the unchanged sequences.
        positions : ndarray of shape (n_positions,), int64
            The positions.
        reference : ndarray of shape (n_sequences, n_positions), uint8
            Codes of the bases that are there; 4 where ambiguous, and behind the end.
        target : list of length n_sequences
            The class or label that was looked at.
        response_method : str
            What was asked for.

    Raises
    ------
    TypeError
        If the estimator has neither method, or `sequences` is no collection of str.
    ValueError
        If a sequence is empty or no DNA, a position lies behind the longest one, or `target` is not known.
    sklearn.exceptions.NotFittedError
        If the estimator is not fitted.

    See Also
    --------
    MutagenesisDisplay : Draws the result.
    variant_effects : The same for variants of a genome.

    References
    ----------
    Zhou and Troyanskaya, "Predicting effects of noncoding variants with deep learning-based sequence model"
    (2015).

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from skgenome.inspection import in_silico_mutagenesis
    >>> from skgenome.preprocessing import KmerCounter
    >>> classifier = make_pipeline(KmerCounter(k=1), LogisticRegression())
    >>> classifier = classifier.fit(["AAAC", "AACA", "GGTG", "GTGG"], [0, 0, 1, 1])
    >>> result = in_silico_mutagenesis(classifier, ["AAAAA"])
    >>> result.attributions.shape
    (1, 4, 5)
    >>> "ACGT"[result.attributions[0, :, 2].argmax()]
    'G'
    """
    sequences = check_inspected(sequences)
    positions = _check_positions(positions, max(map(len, sequences)))
    predictor = make_predictor(estimator, response_method, sequences[0])
    predictions = predictor.predict_batches(sequences, batch_size)
    columns = predictor.choose_columns(target, predictions)
    baseline = predictions[np.arange(len(sequences)), columns]
    reference, exists = _read_reference(sequences, positions)
    attributions = np.where(exists[:, None], 0.0, np.full((1, 4, 1), np.nan))
    cells = attributions.reshape(len(sequences), -1)
    edits = _list_substitutions(sequences, positions)
    for index, place, prediction in predict_edits(predictor, edits, batch_size):
        cells[index, place] = prediction[columns[index]] - baseline[index]
    return Bunch(
        attributions=attributions,
        baseline=baseline,
        positions=positions,
        reference=reference,
        target=[predictor.labels[column] for column in columns],
        response_method=predictor.method,
    )
