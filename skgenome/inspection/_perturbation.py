"""Windows slid along a sequence, their content replaced: how much of a prediction rests on them."""

import hashlib
from collections.abc import Iterator
from itertools import groupby
from numbers import Integral
from operator import itemgetter
from typing import NamedTuple

import numpy as np
from sklearn.utils import Bunch, check_random_state

from skgenome._response import RESPONSE_METHODS, Predictor, make_predictor
from skgenome._sklearn import Interval, StrOptions, validate_params
from skgenome.inspection._edits import Edit, check_inspected, predict_edits
from skgenome.inspection._replacements import Replacement, make_replacement
from skgenome.sequences import dinucleotide_shuffle

#: Widths of the published perturbation maps.
WIDTHS = (1, 3, 5, 7, 9, 11, 13, 15)


class _Plan(NamedTuple):
    """Which windows are replaced, by what, and how often."""

    widths: list[int]
    positions: np.ndarray
    replacement: Replacement
    n_repeats: int
    seed: int

    @property
    def shape(self):
        return len(self.widths), len(self.positions), self.n_repeats

    def find_starts(self, width, length):
        """Give the starts of the windows of one width, and which of them lie in a sequence."""
        starts = self.positions - width // 2
        return starts, (starts >= 0) & (starts + width <= length)


def _check_widths(widths, sequences):
    """Give the widths as a list; every sequence must be as long as the widest."""
    array = np.atleast_1d(np.asarray(widths))
    good = array.ndim == 1 and len(array) and array.dtype.kind in "iu" and array.min() >= 1
    if not good or len(set(array.tolist())) != len(array):
        raise ValueError(
            f"widths must be different integers of at least 1, in bases. Got {widths!r:.80} instead."
        )
    shortest = min(range(len(sequences)), key=lambda i: len(sequences[i]))
    if array.max() > len(sequences[shortest]):
        raise ValueError(
            f"Sequence {shortest} has {len(sequences[shortest])} bases, fewer than the window of "
            f"{array.max()}. Leave it out, or pass narrower widths."
        )
    return array.tolist()


def _check_plan(plan, sequences, step):
    """Raise if a sequence has no window of some width; such a row would hold nothing."""
    for index, sequence in enumerate(sequences):
        for width in plan.widths:
            if not plan.find_starts(width, len(sequence))[1].any():
                raise ValueError(
                    f"Sequence {index} of {len(sequence)} bases has no window of {width} bases whose centre "
                    f"is a multiple of step={step}. Pass a smaller step."
                )


def _generator(sequence: str, *numbers: int) -> np.random.Generator:
    """Give a generator that depends on the sequence and some numbers, not on what is inspected beside it."""
    digest = hashlib.blake2b(sequence.upper().encode(), digest_size=16).digest()
    return np.random.default_rng([*numbers, int.from_bytes(digest)])


def _list_windows(sequences: list[str], plan: _Plan) -> Iterator[Edit]:
    """Replace the content of all windows; the place of each edit is its cell of `plan.shape`."""
    for index, sequence in enumerate(sequences):
        for row, width in enumerate(plan.widths):
            starts, fits = plan.find_starts(width, len(sequence))
            columns = np.flatnonzero(fits).tolist() * plan.n_repeats
            contents = [sequence[starts[column] : starts[column] + width] for column in columns]
            # A generator for each width: asking for another one beside it leaves these draws as they are.
            rng = _generator(sequence, plan.seed, width)
            for n, new in enumerate(plan.replacement.replace(contents, rng)):
                # What a draw left as it was needs no prediction: its change is 0.
                if new == contents[n].upper().replace("U", "T"):
                    continue
                start = int(starts[columns[n]])
                repeat = n // (len(columns) // plan.n_repeats)
                place = np.ravel_multi_index((row, columns[n], repeat), plan.shape)
                edited = f"{sequence[:start]}{new}{sequence[start + width :]}"
                yield Edit(index, int(place), sequence, edited)


def _perturb(predictor: Predictor, sequences: list[str], columns, baseline, plan, batch_size):
    """Give mean and standard deviation of the change, both of shape (n_sequences, n_widths, n_positions)."""
    mean, std = np.zeros((2, len(sequences), *plan.shape[:2]))
    for index, sequence in enumerate(sequences):
        fits = np.array([plan.find_starts(width, len(sequence))[1] for width in plan.widths])
        mean[index, ~fits] = std[index, ~fits] = np.nan
    changes = predict_edits(predictor, _list_windows(sequences, plan), batch_size)
    # The repeats of one sequence alone are kept until its mean is taken.
    for index, cells in groupby(changes, key=itemgetter(0)):
        change = np.zeros(plan.shape)
        for _, place, prediction in cells:
            change.flat[place] = prediction[columns[index]] - baseline[index]
        mean[index] += change.mean(axis=-1)
        std[index] += change.std(axis=-1)
    return mean, std


def _perturb_shuffled(predictor: Predictor, sequences, columns, plan, n_null, batch_size):
    """Give mean and standard deviation of the change over all windows of shuffled copies, by width."""
    means, variances = np.empty((2, n_null, len(sequences), len(plan.widths)))
    rows = np.arange(len(sequences))
    for copy in range(n_null):
        # 0 is no width, so that these draws are never those of the windows.
        shuffled = [dinucleotide_shuffle(s, _generator(s, plan.seed, 0, copy)) for s in sequences]
        baseline = predictor.predict_batches(shuffled, batch_size)[rows, columns]
        mean, _ = _perturb(predictor, shuffled, columns, baseline, plan, batch_size)
        means[copy], variances[copy] = np.nanmean(mean, axis=-1), np.nanvar(mean, axis=-1)
    # All copies have as many windows, so that the total variance is that within and that between.
    return means.mean(axis=0), np.sqrt(variances.mean(axis=0) + means.var(axis=0))


@validate_params(
    {
        "sequences": "no_validation",
        "widths": "no_validation",
        "step": [Interval(Integral, 1, None, closed="left")],
        "replacement": [str],
        "n_repeats": [Interval(Integral, 1, None, closed="left")],
        "target": "no_validation",
        "response_method": [StrOptions({"auto", *RESPONSE_METHODS})],
        "n_null": [Interval(Integral, 0, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def perturbation_importance(
    estimator,
    sequences,
    *,
    widths=WIDTHS,
    step=1,
    replacement="random",
    n_repeats=5,
    target=None,
    response_method="auto",
    n_null=0,
    batch_size=1024,
    random_state=None,
):
    """Replace the content of windows slid along sequences, and measure how the prediction changes.

    Where much is lost, the prediction rests on these bases. A wide window takes a whole motif out and sees
    redundant parts of it; a narrow one says where it is.

    Read more in :ref:`inspection`.

    Parameters
    ----------
    estimator : classifier
        Fitted; anything with ``predict_proba`` or ``decision_function`` that takes a list of str.
    sequences : collection of str of length n_sequences
        DNA or RNA, of any lengths, none shorter than a window. Letters outside of the window are passed on as
        they stand.
    widths : int or list of int, default=(1, 3, 5, 7, 9, 11, 13, 15)
        Of the windows, in bases.
    step : int, default=1
        Bases between the centres of adjacent windows.
    replacement : {'random', 'shuffle', 'N'} or str of bases, default='random'
        What comes in place of the content. 'random': bases drawn uniformly, which may by chance be those that
        were there. 'shuffle': the content itself in another order that keeps its dinucleotides and its ends,
        so that windows of up to three bases never change and narrow ones rarely do. 'N': the ambiguous base.
        Anything else: these very bases, as many as the window has.
    n_repeats : int, default=5
        How often each window is replaced. 'N' and an insert are the same each time and tried once.
    target : class, number of a label or None, default=None
        Whose prediction to look at. None: the second of two classes; of more classes, the one predicted for
        the unchanged sequence. Labels of their own have no default.
    response_method : {'auto', 'predict_proba', 'decision_function'}, default='auto'
        What to ask for; 'auto' is the first that there is. Probabilities near 0 or 1 hardly move; decision
        values do.
    n_null : int, default=0
        How many shuffled copies of each sequence are perturbed in the same way. The copies keep the
        dinucleotides (:func:`skgenome.sequences.dinucleotide_shuffle`) and lose the motifs. Each costs as
        much as the sequence itself.
    batch_size : int, default=1024
        Sequences for which the estimator is called at once. Bounds the memory, changes nothing else.
    random_state : int, RandomState instance or None, default=None
        Draws of the replacements and the shuffled copies. With an int, those of a sequence depend on this
        number and the sequence alone, not on what is inspected beside it.

    Returns
    -------
    result : Bunch
        With the entries:

        importances_mean : ndarray of shape (n_sequences, n_widths, n_positions), float64
            Mean over the repeats of: prediction with the window replaced, less that of the unchanged
            sequence. Below 0 where the target loses. NaN where the window does not fit into the sequence.
        importances_std : ndarray of shape (n_sequences, n_widths, n_positions), float64
            Standard deviation over the repeats.
        baseline : ndarray of shape (n_sequences,), float64
            The prediction of the unchanged sequences.
        widths : ndarray of shape (n_widths,), int64
            The widths.
        positions : ndarray of shape (n_positions,), int64
            The base at the centre of the window, from 0: the window starts at ``position - width // 2``. The
            centre of an even width is the first base of its second half.
        n_repeats : int
            Replacements that were made of each window.
        target : list of length n_sequences
            The class or label that was looked at.
        response_method : str
            What was asked for.
        null_mean, null_std : ndarray of shape (n_sequences, n_widths), float64
            With ``n_null`` copies alone: mean and standard deviation of `importances_mean` over all windows
            of all shuffled copies.

    Raises
    ------
    TypeError
        If the estimator has neither method, or `sequences` is no collection of str.
    ValueError
        If a sequence is empty, no DNA or shorter than a window, an insert has not the length of the window,
        or `target` is not known.
    sklearn.exceptions.NotFittedError
        If the estimator is not fitted.

    See Also
    --------
    PerturbationDisplay : Draws the result.
    in_silico_mutagenesis : Every base, by every other one.

    References
    ----------
    Ribeiro, Singh and Guestrin, "'Why should I trust you?': explaining the predictions of any classifier"
    (2016), for explanations by perturbing the input.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from skgenome.inspection import perturbation_importance
    >>> from skgenome.preprocessing import KmerCounter
    >>> classifier = make_pipeline(KmerCounter(k=1), LogisticRegression())
    >>> classifier = classifier.fit(["ACCCA", "AACCC", "AAAAA", "TACAA"], [1, 1, 0, 0])
    >>> result = perturbation_importance(classifier, ["AAAAACCCAAAA"], widths=3, replacement="N")
    >>> int(result.positions[result.importances_mean[0, 0].argsort()[0]])
    6
    """
    sequences = check_inspected(sequences)
    widths = _check_widths(widths, sequences)
    method = make_replacement(replacement, widths)
    predictor = make_predictor(estimator, response_method, sequences[0])
    predictions = predictor.predict_batches(sequences, batch_size)
    columns = predictor.choose_columns(target, predictions)
    baseline = predictions[np.arange(len(sequences)), columns]
    plan = _Plan(
        widths,
        np.arange(0, max(map(len, sequences)), step),
        method,
        n_repeats if method.is_random else 1,
        int(check_random_state(random_state).randint(np.iinfo(np.int32).max)),
    )
    _check_plan(plan, sequences, step)
    mean, std = _perturb(predictor, sequences, columns, baseline, plan, batch_size)
    result = Bunch(
        importances_mean=mean,
        importances_std=std,
        baseline=baseline,
        widths=np.array(widths),
        positions=plan.positions,
        n_repeats=plan.n_repeats,
        target=[predictor.labels[column] for column in columns],
        response_method=predictor.method,
    )
    if n_null:
        null = _perturb_shuffled(predictor, sequences, columns, plan, n_null, batch_size)
        result.null_mean, result.null_std = null
    return result
