"""Cut a genome into windows that are labelled with the peaks on them: many labels at once."""

import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from numbers import Integral, Real
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from sklearn.utils import Bunch

from skgenome._sklearn import Interval, StrOptions, validate_params
from skgenome.exceptions import SkgenomeWarning
from skgenome.sequences import (
    AMBIGUOUS,
    BedInterval,
    SequenceRecord,
    encode,
    number_within,
    read_bed,
    read_sequences,
)

_Paths: TypeAlias = str | os.PathLike | Iterable[str | os.PathLike]
_Genome: TypeAlias = Mapping[str, str] | Iterable[SequenceRecord] | _Paths
_Peaks: TypeAlias = Iterable[BedInterval] | _Paths

_DESCR = """Windows labelled with peaks

{n_samples:,} windows of {window_size:,} bp around bins of {bin_size} bp, out of {n_contigs} contigs, with
{n_labels} labels. A bin has a label where the label's peaks cover {min_overlap:.0%} of it or more. Made by
skgenome.datasets.make_multilabel_windows. Neighbouring windows overlap: split by groups, the contigs.
"""


class _Tracks(NamedTuple):
    """Stretches with a label each, as arrays: numbers of contigs and labels, 0-based half-open."""

    contigs: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    labels: np.ndarray


class _Bins(NamedTuple):
    """The bins of all contigs, one behind the other: `offsets` is the number of each contig's first."""

    size: int
    offsets: np.ndarray

    def places(self, bins: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give the contig and the first base of bins."""
        contigs = np.searchsorted(self.offsets, bins, side="right") - 1
        return contigs, (bins - self.offsets[contigs]) * self.size


def _as_list(given: Any) -> tuple[list[Any], bool]:
    """Give one path, or a collection, as a list, and say whether it is one of paths."""
    items = [given] if isinstance(given, str | os.PathLike) else list(given)
    return items, bool(items) and all(isinstance(item, str | os.PathLike) for item in items)


def _check_genome(genome: _Genome) -> dict[str, str]:
    """Read or check a genome; give its sequences by name."""
    if isinstance(genome, Mapping):
        pairs = list(genome.items())
    else:
        given, are_paths = _as_list(genome)
        pairs = [(name, sequence) for name, sequence, *_ in (read_sequences(given) if are_paths else given)]
    sequences = dict(pairs)
    if not any(sequences.values()):
        raise ValueError(f"genome must have a sequence with bases. Got {len(pairs)} sequences, all empty.")
    if len(sequences) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(
            f"The sequences of genome must have names of their own. Got {twice!r} twice or more."
        )
    return sequences


def _read_peaks(peaks: _Peaks) -> list[BedInterval]:
    """Give peaks as a list, out of files where paths are given."""
    given, are_paths = _as_list(peaks)
    return [peak for path in given for peak in read_bed(path)] if are_paths else given


def _check_peaks(peaks: _Peaks | Mapping[str, _Peaks]) -> Iterator[BedInterval]:
    """Yield peaks with their labels as names."""
    if isinstance(peaks, Mapping):
        for label, of_label in peaks.items():
            yield from (peak._replace(name=label) for peak in _read_peaks(of_label))
        return
    for place, peak in enumerate(_read_peaks(peaks)):
        if not peak.name:
            raise ValueError(
                f"Each peak must have a name, which is its label. Peak {place}, {peak.contig}:{peak.start}-"
                f"{peak.end}, has none. For files of one label each, give peaks as {{label: path}}."
            )
        yield peak


def _check_place(peak: BedInterval, lengths: dict[str, int]) -> None:
    """Raise ValueError for a peak that does not lie on the genome."""
    if peak.contig not in lengths:
        raise ValueError(
            f"Each peak must lie on a sequence of genome. Got {peak.name!r} on {peak.contig!r}; the genome "
            f"begins with {', '.join(list(lengths)[:3])}. Leave out such peaks with unknown_contigs='ignore'."
        )
    length = lengths[peak.contig]
    if not 0 <= peak.start <= peak.end <= length:
        raise ValueError(
            f"Each peak must lie within its sequence. Got {peak.name!r} from {peak.start} to {peak.end} on "
            f"{peak.contig!r}, which has {length:,} bases. Are both of one assembly?"
        )


def _choose_labels(found: Iterable[str], labels: Sequence[str] | None) -> list[str]:
    """Give the labels in the order of the columns."""
    known = set(found)
    if labels is None:
        return sorted(known)
    chosen = [str(label) for label in labels]
    if not chosen or len(set(chosen)) < len(chosen):
        raise ValueError(f"labels must be different ones, and at least one. Got {chosen}.")
    absent = [label for label in chosen if label not in known]
    if absent:
        warnings.warn(
            f"{len(absent)} of {len(chosen)} labels have no peak on the genome: their columns are all 0. The "
            f"first is {absent[0]!r}.",
            SkgenomeWarning,
            stacklevel=4,
        )
    return chosen


def _to_tracks(peaks: list[BedInterval], contigs: Iterable[str], label_names: list[str]) -> _Tracks:
    """Turn peaks into arrays; those of other labels are left out."""
    contig_numbers = {name: number for number, name in enumerate(contigs)}
    label_numbers = {name: number for number, name in enumerate(label_names)}
    rows = [
        (contig_numbers[peak.contig], peak.start, peak.end, label_numbers[peak.name])
        for peak in peaks
        if peak.name in label_numbers
    ]
    return _Tracks(*np.array(rows, dtype=np.int64).reshape(-1, 4).T)


def _merge(tracks: _Tracks) -> _Tracks:
    """Unite what overlaps on one contig under one label, so that no base counts twice."""
    size = int(tracks.ends.max(initial=0)) + 1
    # All contigs under all labels on one line, none reaching into the next, so that the farthest end so far
    # is a running maximum.
    lines = np.unique(np.stack([tracks.labels, tracks.contigs]), axis=1, return_inverse=True)[1] * size
    order = np.argsort(tracks.starts + lines, kind="stable")
    starts, ends = (tracks.starts + lines)[order], (tracks.ends + lines)[order]
    reached = np.maximum.accumulate(ends)
    firsts = np.flatnonzero(np.append(True, starts[1:] > reached[:-1])[: len(order)])
    lasts = np.append(firsts[1:], len(order))[: len(firsts)] - 1
    kept = order[firsts]
    return _Tracks(
        tracks.contigs[kept], tracks.starts[kept], reached[lasts] - lines[kept], tracks.labels[kept]
    )


def _labelled_bins(
    tracks: _Tracks, bins: _Bins, min_overlap: float, n_labels: int
) -> tuple[np.ndarray, np.ndarray]:
    """Find the bins of which a label covers enough; give numbers of bins and of labels, sorted by bin."""
    merged = _merge(tracks)
    firsts = merged.starts // bins.size
    # Bins that a stretch touches; one of no length may count one, which it covers by 0 bases.
    n_touched = np.maximum(-(-merged.ends // bins.size) - firsts, 0)
    stretches = np.repeat(np.arange(len(firsts)), n_touched)
    numbers = firsts[stretches] + number_within(n_touched)
    n_covered = np.minimum(merged.ends[stretches], (numbers + 1) * bins.size)
    n_covered -= np.maximum(merged.starts[stretches], numbers * bins.size)
    bin_counts = np.diff(bins.offsets)[merged.contigs[stretches]]
    # The bases behind a contig's last whole bin belong to none.
    whole = numbers < bin_counts
    keys = (bins.offsets[merged.contigs[stretches]] + numbers) * n_labels + merged.labels[stretches]
    keys, inverse = np.unique(keys[whole], return_inverse=True)
    # Divided, not multiplied: 3 / 10 is the number .3, while .1 * 3 is not.
    enough = np.bincount(inverse, n_covered[whole], minlength=len(keys)) / bins.size >= min_overlap
    return keys[enough] // n_labels, keys[enough] % n_labels


def _ambiguous_shares(sequence: str, starts: np.ndarray, window_size: int) -> np.ndarray:
    """Give the share of ambiguous letters in windows of one sequence."""
    places = np.flatnonzero(encode(sequence) == AMBIGUOUS)
    return (np.searchsorted(places, starts + window_size) - np.searchsorted(places, starts)) / window_size


def _keep_clean(
    sequences: list[str], contigs: np.ndarray, starts: np.ndarray, window_size: int, max_ambiguous: float
) -> np.ndarray:
    """Say of each window whether it is in its contig and has few enough ambiguous letters."""
    lengths = np.array([len(sequence) for sequence in sequences])
    kept = (starts >= 0) & (starts + window_size <= lengths[contigs])
    for contig in np.unique(contigs[kept]):
        rows = np.flatnonzero(kept & (contigs == contig))
        kept[rows] = _ambiguous_shares(sequences[contig], starts[rows], window_size) <= max_ambiguous
    return kept


@validate_params(
    {
        "genome": "no_validation",
        "peaks": "no_validation",
        "bin_size": [Interval(Integral, 1, None, closed="left")],
        "window_size": [Interval(Integral, 1, None, closed="left")],
        "min_overlap": [Interval(Real, 0, 1, closed="right")],
        "labels": ["array-like", None],
        "keep_unlabelled": ["boolean"],
        "max_ambiguous": [Interval(Real, 0, 1, closed="both")],
        "unknown_contigs": [StrOptions({"error", "ignore"})],
        "return_X_y": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def make_multilabel_windows(
    genome: _Genome,
    peaks: _Peaks | Mapping[str, _Peaks],
    *,
    bin_size: int = 200,
    window_size: int = 1000,
    min_overlap: float = 0.5,
    labels: Sequence[str] | None = None,
    keep_unlabelled: bool = False,
    max_ambiguous: float = 0.01,
    unknown_contigs: str = "error",
    return_X_y: bool = False,
) -> Bunch | tuple[np.ndarray, np.ndarray]:
    """Cut a genome into windows, each labelled with the peaks in its middle.

    Bins lie side by side along every sequence from its first base. A bin has a label where the peaks of that
    label, taken together, cover at least `min_overlap` of it: a base under two peaks counts once. A window is
    the bin with as many bases on either side (one more behind it if the difference is odd). This is how the
    set of DeepSEA was made.

    What is left out: bases behind the last whole bin, bins whose window sticks out of the sequence, windows
    with too many ambiguous letters, and, unless `keep_unlabelled`, bins without any label.

    Windows of neighbouring bins overlap, so a random split leaks. Split by ``groups``.

    Parameters
    ----------
    genome : dict, list of SequenceRecord, path, or list of paths
        Sequences by name, records, or files, folders and patterns of FASTA as in
        `skgenome.sequences.read_sequences`.
    peaks : list of BedInterval, path, list of paths, or dict
        Stretches of the genome, or files of BED or narrowPeak; their names are the labels. Or a dict from
        each label to any of these: then names do not matter. Strands never do.
    bin_size : int, default=200
        In bases.
    window_size : int, default=1000
        In bases, at least `bin_size`.
    min_overlap : float, default=0.5
        Smallest share of a bin that a label covers, above 0 and up to 1.
    labels : list of str, default=None
        The labels to take, in the order of the columns. None takes all, sorted.
    keep_unlabelled : bool, default=False
        Whether to keep bins without a label. There are many.
    max_ambiguous : float, default=0.01
        Largest share of letters of a window that are not A, C, G, T or U.
    unknown_contigs : {'error', 'ignore'}, default='error'
        What to do about a peak on a sequence that the genome does not have.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    windows : Bunch
        Has these fields; samples are in the order of the genome.

        - data : ndarray of shape (n_samples,), object (str).
          Letters as they are in the genome, from its forward strand.
        - target : ndarray of shape (n_samples, n_labels), uint8.
          1 where the bin has the label.
        - label_names : list of str of length n_labels
        - contig_names : ndarray of shape (n_samples,), str
        - groups : ndarray of shape (n_samples,), str; the contig
        - starts : ndarray of shape (n_samples,), int64.
          First base of the bin, 0-based; the window begins ``(window_size - bin_size) // 2`` earlier.
        - n_bins, n_labelled : int.
          How many bins there are, and how many of them have a label.
        - n_skipped : int.
          Bins, out of those that would have been kept, whose window sticks out or is too ambiguous.
        - DESCR : str
    (data, target) : tuple
        Only these two, if `return_X_y`.

    Raises
    ------
    ValueError
        If the genome has no bases or a name twice, a peak has no label, lies on an unknown sequence or goes
        beyond the end of its own, there is no peak, no bin is left, or `window_size` is below `bin_size`.
    DataIntegrityError, FileNotFoundError
        As `read_sequences` and `skgenome.sequences.read_bed`.

    Warns
    -----
    SkgenomeWarning
        If one of `labels` has no peak.

    See Also
    --------
    fetch_human_chromatin : Pieces of a genome with peaks to try it on.
    load_deepsea : The files of DeepSEA themselves.

    References
    ----------
    Zhou & Troyanskaya (2015), Predicting effects of noncoding variants with deep learning-based sequence
    model, Nature Methods 12, 931.

    Examples
    --------
    >>> from skgenome.datasets import make_multilabel_windows
    >>> from skgenome.sequences import BedInterval
    >>> genome = {"chr1": "GATTACA" * 10}
    >>> peaks = [BedInterval("chr1", 22, 40, "CTCF"), BedInterval("chr1", 35, 40, "MAX")]
    >>> windows = make_multilabel_windows(genome, peaks, bin_size=10, window_size=20)
    >>> windows.label_names, windows.starts.tolist(), windows.target.tolist()
    (['CTCF', 'MAX'], [20, 30], [[1, 0], [1, 1]])
    """
    if window_size < bin_size:
        raise ValueError(f"window_size must be at least bin_size, {bin_size}. Got {window_size} instead.")
    contigs = _check_genome(genome)
    sequences = list(contigs.values())
    lengths = {name: len(sequence) for name, sequence in contigs.items()}
    named = [p for p in _check_peaks(peaks) if unknown_contigs == "error" or p.contig in lengths]
    for peak in named:
        _check_place(peak, lengths)
    if not named:
        raise ValueError("peaks must have at least one peak on the genome. Got none.")
    label_names = _choose_labels((peak.name for peak in named), labels)
    n_bins = np.array([length // bin_size for length in lengths.values()])
    bins = _Bins(bin_size, np.concatenate([[0], np.cumsum(n_bins)]))
    of_bin, of_label = _labelled_bins(
        _to_tracks(named, contigs, label_names), bins, min_overlap, len(label_names)
    )
    labelled = np.unique(of_bin)
    chosen = np.arange(bins.offsets[-1]) if keep_unlabelled else labelled
    numbers, starts = bins.places(chosen)
    first_bases = starts - (window_size - bin_size) // 2
    kept = _keep_clean(sequences, numbers, first_bases, window_size, max_ambiguous)
    if not kept.any():
        raise ValueError(
            f"No window is left: of {bins.offsets[-1]:,} bins of {bin_size} bases, {len(labelled):,} have a "
            f"label, and all that could be kept stick out of their sequence with {window_size} bases or have "
            f"more than {max_ambiguous:.0%} ambiguous letters. Change min_overlap, bin_size or window_size."
        )
    target = np.zeros((int(kept.sum()), len(label_names)), dtype=np.uint8)
    is_kept = np.isin(of_bin, chosen[kept])
    target[np.searchsorted(chosen[kept], of_bin[is_kept]), of_label[is_kept]] = 1
    data = np.array(
        [
            sequences[contig][first : first + window_size]
            for contig, first in zip(numbers[kept].tolist(), first_bases[kept].tolist(), strict=True)
        ],
        dtype=object,
    )
    if return_X_y:
        return data, target
    contig_names = np.array(list(contigs))[numbers[kept]]
    return Bunch(
        data=data,
        target=target,
        label_names=label_names,
        contig_names=contig_names,
        groups=contig_names.copy(),
        starts=starts[kept],
        n_bins=int(bins.offsets[-1]),
        n_labelled=len(labelled),
        n_skipped=int(len(chosen) - kept.sum()),
        DESCR=_DESCR.format(
            n_samples=len(data),
            window_size=window_size,
            bin_size=bin_size,
            n_contigs=len(set(contig_names)),
            n_labels=len(label_names),
            min_overlap=min_overlap,
        ),
    )
