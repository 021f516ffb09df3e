"""Scanning: a classifier on every window of a genome, in constant memory."""

import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from numbers import Integral, Real
from os import PathLike
from typing import Any

import numpy as np

from skgenome._response import RESPONSE_METHODS, Predictor, make_predictor
from skgenome._sklearn import Interval, StrOptions, validate_params
from skgenome.exceptions import SkgenomeWarning
from skgenome.scanning._regions import check_regions
from skgenome.scanning._track import Track, TrackPiece, join_pieces
from skgenome.scanning._windows import ScanGeometry, WindowChunk, iter_chunks, pack
from skgenome.sequences import iter_contigs

#: A path or several, a dict of contigs, or (name, sequence) pairs.
Genome = str | PathLike | Mapping[str, str] | Iterable
#: From a list of sequences to one value each.
Response = Callable[[list[str]], np.ndarray]
_STRANDS = {"both": ("+", "-"), "forward": ("+",), "reverse": ("-",)}
_WORDS = {"predict_proba": "probability", "decision_function": "decision function"}
_AT_LEAST_ONE = [Interval(Integral, 1, None, closed="left")]
_CONSTRAINTS = {
    "window_size": _AT_LEAST_ONE,
    "step": _AT_LEAST_ONE,
    "strand": [StrOptions(set(_STRANDS))],
    "response_method": [StrOptions({"auto", *RESPONSE_METHODS})],
    "ends": [StrOptions({"shift", "drop"})],
    "max_ambiguous": [Interval(Real, 0, 1, closed="both")],
    "batch_size": _AT_LEAST_ONE,
}


def _value_pieces(
    batches: Iterable[list[WindowChunk]], response: Response, n_strands: int
) -> Iterator[TrackPiece]:
    """Ask the classifier once per batch, and give every chunk the values of its windows."""
    for batch in batches:
        windows = list(chain.from_iterable(chunk.windows for chunk in batch))
        # Classifiers refuse to predict nothing.
        answers = response(windows) if windows else np.empty(0)
        first = 0
        for chunk in batch:
            # Windows of a chunk come strand after strand, which are the rows.
            values = np.full((n_strands, len(chunk.starts)), np.nan)
            values[:, chunk.kept] = answers[first : first + len(chunk.windows)].reshape(n_strands, -1)
            first += len(chunk.windows)
            n_skipped = int(np.sum(~chunk.kept))
            yield TrackPiece(chunk.contig, chunk.length, chunk.starts, values, n_skipped)


class _Tally:
    """Counts the windows that go by, for what the user should hear of at the end.

    One warning stands for all contigs: an assembly has thousands that are shorter than a window.
    """

    def __init__(self, window_size: int) -> None:
        self.window_size = window_size
        self.n_windows: Counter[str] = Counter()
        self.n_skipped: Counter[str] = Counter()

    def watch(self, pieces: Iterable[TrackPiece]) -> Iterator[TrackPiece]:
        for piece in pieces:
            self.n_windows[piece.contig] += len(piece.starts)
            self.n_skipped[piece.contig] += piece.n_skipped
            yield piece

    def report(self, stacklevel: int) -> None:
        """Raise if nothing was scanned; warn if a whole contig was not."""
        short = [contig for contig, n_windows in self.n_windows.items() if not n_windows]
        if len(short) == len(self.n_windows):
            raise ValueError(
                f"window_size must be at most the length of what is scanned. Got {self.window_size} bases, "
                f"and no contig or region is as long: {_some(short)}."
            )
        unread = [c for c, n_windows in self.n_windows.items() if 0 < n_windows == self.n_skipped[c]]
        for contigs, reason in [
            (short, f"shorter than a window of {self.window_size} bases"),
            (unread, "skipped as a whole, since too many bases are ambiguous (max_ambiguous)"),
        ]:
            if contigs:
                message = f"{len(contigs)} of {len(self.n_windows)} contigs have no value: {reason}. They are"
                warnings.warn(f"{message} {_some(contigs)}.", SkgenomeWarning, stacklevel=stacklevel)


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _report_at_end(pieces: Iterable[TrackPiece], tally: _Tally) -> Iterator[TrackPiece]:
    yield from tally.watch(pieces)
    tally.report(stacklevel=3)


@validate_params(_CONSTRAINTS, prefer_skip_nested_validation=True)
def iter_scan(
    estimator: Any,
    genome: Genome,
    *,
    window_size: int,
    step: int,
    strand: str = "both",
    target: Any = None,
    response_method: str = "auto",
    ends: str = "shift",
    max_ambiguous: float = 0.1,
    regions: Iterable | None = None,
    batch_size: int = 4096,
) -> Iterator[TrackPiece]:
    """Predict every window of a genome, a piece at a time, in constant memory.

    For genomes whose values are not to be in memory all at once. Beside the contig that is being read, memory
    holds one batch of windows.

    Parameters
    ----------
    estimator : classifier
        Fitted, as in `scan`, as all that follow.
    genome : str, path, dict or iterable
        What is scanned. A stream of (name, sequence) pairs never has to be in memory as a whole.
    window_size : int
        Bases in a window.
    step : int
        Bases between the starts of adjacent windows.
    strand : {'both', 'forward', 'reverse'}, default='both'
        Which strands to read.
    target : label, optional
        The class or label that values are of.
    response_method : {'auto', 'predict_proba', 'decision_function'}, default='auto'
        What values are.
    ends : {'shift', 'drop'}, default='shift'
        What happens behind the last whole step.
    max_ambiguous : float, default=0.1
        Share of ambiguous bases above which a window is skipped.
    regions : iterable of str or of (contig, start, end), optional
        What to scan alone.
    batch_size : int, default=4096
        Most windows that the classifier gets at a time, both strands counted (but one of each at least).

    Yields
    ------
    TrackPiece
        Values of successive windows. A long contig comes in several pieces; one without a window in one
        empty piece.

    Raises
    ------
    NotFittedError, TypeError, ValueError, FileNotFoundError, DataIntegrityError
        As `scan`; what concerns the classifier and the parameters at once, the rest on the way.

    Warns
    -----
    SkgenomeWarning
        As `scan`, behind the last piece.

    See Also
    --------
    scan : All pieces as a track.

    Examples
    --------
    >>> from skgenome.datasets import make_promoters
    >>> from skgenome.preprocessing import KmerCounter
    >>> from skgenome.scanning import iter_scan
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> X, y = make_promoters(n_samples=200, random_state=0, return_X_y=True)
    >>> classifier = make_pipeline(KmerCounter(k=3), LogisticRegression()).fit(X, y)
    >>> pieces = iter_scan(
    ...     classifier, {"chr1": "".join(X)}, window_size=len(X[0]), step=10, batch_size=1000
    ... )
    >>> len(next(pieces).starts)
    500
    """
    response, _, geometry = _prepare(
        estimator, window_size, step, strand, target, response_method, ends, max_ambiguous
    )
    pieces = _iter_pieces(response, genome, geometry, regions, batch_size)
    return _report_at_end(pieces, _Tally(window_size))


@validate_params(_CONSTRAINTS, prefer_skip_nested_validation=True)
def scan(
    estimator: Any,
    genome: Genome,
    *,
    window_size: int,
    step: int,
    strand: str = "both",
    target: Any = None,
    response_method: str = "auto",
    ends: str = "shift",
    max_ambiguous: float = 0.1,
    regions: Iterable | None = None,
    batch_size: int = 4096,
) -> Track:
    """Predict every window of a genome, on both strands.

    Any fitted classifier can be scanned that takes a collection of `str`: mostly a Pipeline that begins with
    a tokenizer. For calibrated probabilities, pass scikit-learn's ``CalibratedClassifierCV`` around it.

    Read more in the :ref:`user guide <scanning>`.

    Parameters
    ----------
    estimator : classifier
        Fitted, with `predict_proba` or `decision_function`.
    genome : str, path, dict or iterable
        What `skgenome.sequences.iter_contigs` reads: FASTA, compressed or not, in one file or several; a dict
        of sequences by name; or (name, sequence) pairs. Each contig is on its own: no window reaches over its
        end, not even where the molecule is a circle.
    window_size : int
        Bases in a window. Best that of the sequences that the classifier has learnt from.
    step : int
        Bases between the starts of adjacent windows.
    strand : {'both', 'forward', 'reverse'}, default='both'
        Which strands to read.
    target : label, optional
        The class whose probability (or decision value) is wanted; for labels of their own, the number of the
        label. By default the second of two classes; where there are more, or labels of their own, it must be
        given.
    response_method : {'auto', 'predict_proba', 'decision_function'}, default='auto'
        'auto' is the first of the two that the classifier has.
    ends : {'shift', 'drop'}, default='shift'
        What happens to the bases behind the last whole step of a contig or region: 'shift' adds a window that
        ends at the end, nearer to its neighbour than a step, so that every base is in a window; 'drop' leaves
        them out.
    max_ambiguous : float, default=0.1
        Share of bases other than A, C, G, T and U above which a window is skipped: its value is NaN.
    regions : iterable of str or of (contig, start, end), optional
        What to scan alone: whole contigs by name, or stretches of them, from 0 and half-open. Windows lie in
        a region as a whole, and start at its start. Regions that overlap or touch are one.
    batch_size : int, default=4096
        Most windows that the classifier gets at a time, both strands counted (but one of each at least). It
        changes memory and speed, not values.

    Returns
    -------
    Track
        The values. A window and its strands take 24 bytes.

    Raises
    ------
    NotFittedError
        If the classifier is not fitted.
    TypeError
        If it has neither method, or `genome` or `regions` are something else.
    ValueError
        If there is no contig, a name comes twice, a contig is not DNA, a region is not on the genome, no
        contig or region is as long as a window, or `target` is no class or label.
    FileNotFoundError, DataIntegrityError
        If a file is not there, or damaged.

    Warns
    -----
    SkgenomeWarning
        If contigs have no value, because they are shorter than a window or mostly ambiguous.

    See Also
    --------
    iter_scan : The same for genomes whose values do not fit into memory.
    find_peaks : Where a track is highest.
    evaluate_track : How well that finds known sites.

    Examples
    --------
    >>> from skgenome.datasets import make_promoters
    >>> from skgenome.preprocessing import KmerCounter
    >>> from skgenome.scanning import scan
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> X, y = make_promoters(n_samples=200, random_state=0, return_X_y=True)
    >>> classifier = make_pipeline(KmerCounter(k=3), LogisticRegression()).fit(X, y)
    >>> track = scan(classifier, {"chr1": X[0] + X[1]}, window_size=len(X[0]), step=len(X[0]))
    >>> bool(abs(track.values("chr1", "+") - classifier.predict_proba(X[:2])[:, 1]).max() < 1e-9)
    True
    """
    response, label, geometry = _prepare(
        estimator, window_size, step, strand, target, response_method, ends, max_ambiguous
    )
    # Joined as they come: pieces of one contig alone are in memory twice.
    tally = _Tally(window_size)
    pieces = tally.watch(_iter_pieces(response, genome, geometry, regions, batch_size))
    joined = {piece.contig: piece for piece in join_pieces(pieces)}
    # Past this function and that of validate_params, to the line that called.
    tally.report(stacklevel=4)
    return Track(joined, int(window_size), int(step), geometry.strands, label)


def _prepare(
    estimator: Any,
    window_size: int,
    step: int,
    strand: str,
    target: Any,
    response_method: str,
    ends: str,
    max_ambiguous: float,
) -> tuple[Response, str, ScanGeometry]:
    # Any window will do to learn what the classifier answers, so that it is known before the genome is read.
    predictor = make_predictor(estimator, response_method, ("ACGT" * (window_size // 4 + 1))[:window_size])
    column = predictor.find_column(target)

    def response(windows: list[str]) -> np.ndarray:
        return predictor.predict(windows)[:, column]

    label = _describe(predictor, column)
    return response, label, ScanGeometry(int(window_size), int(step), _STRANDS[strand], ends, max_ambiguous)


def _describe(predictor: Predictor, column: int) -> str:
    """Say in words what the values of a column are."""
    label = predictor.labels[column]
    kind = "label " if predictor.kind == "multilabel" else "" if isinstance(label, str) else "class "
    return f"{_WORDS[predictor.method]} of {kind}{label}"


def _iter_pieces(
    response: Response, genome: Genome, geometry: ScanGeometry, regions: Iterable | None, batch_size: int
) -> Iterator[TrackPiece]:
    # Not a generator itself, so that wrong regions and paths are told of before the first piece.
    chunks = iter_chunks(iter_contigs(genome), check_regions(regions), geometry, int(batch_size))
    n_strands = len(geometry.strands)
    return _value_pieces(pack(chunks, n_strands, int(batch_size)), response, n_strands)
