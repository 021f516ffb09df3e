"""The genome of *E. coli* with its mapped promoters: windows to learn from, and stretches that are held out.

What the task ``ecoli-scan`` and its picture share. Positions count from 0.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import ClassifierMixin

from skgenome.datasets import fetch_genome
from skgenome.scanning import Track, TrackPiece, evaluate_track, find_peaks, iter_scan
from skgenome.sequences import reverse_complement

#: As in the published set of 81 bp: 60 bases before the start of transcription, and 20 after it.
WINDOW_SIZE, SITE_OFFSET = 81, 60
#: Bases between a window that is learnt from and what is held out: promoters of one gene share bases.
FLANK = 500
#: Bases between a window without a promoter and any known start on its strand.
MARGIN = 100
#: How far a peak may be from the start that it finds.
TOLERANCE = 50
#: Windows that all classifiers get at a time. Thousands of features of more would not stay in the processor's
#: cache: with 2048, the scan of one more classifier on the same states takes .6 instead of .1 seconds.
BATCH_SIZE = 256
#: Evidence of measurements. All but a few of the weak entries were inferred by a program, from the sequence.
MEASURED = ("C", "S")

#: What a track is judged by.
WINDOWS = "average precision of windows"
PEAKS = f"average precision of peaks within {TOLERANCE} bp"
RECALL = f"recall within {TOLERANCE} bp by as many peaks as starts"
ENRICHMENT = "enrichment: that recall over the one of shuffled starts"
DEVIATIONS = "that recall above the one of shuffled starts, in standard deviations of these"
RECALL_AT_HALF = f"recall within {TOLERANCE} bp by peaks of probability 0.5"
PEAKS_AT_HALF = "peaks of probability 0.5 for each start"
METRICS = (WINDOWS, PEAKS, RECALL, ENRICHMENT, DEVIATIONS, RECALL_AT_HALF, PEAKS_AT_HALF)
#: What else these figures are of.
SHUFFLED, PREVALENCE = "shuffled starts", "chance: share of windows with a start"

#: Contig, position and strand.
Site = tuple[str, int, str]
#: Start and end.
Stretch = tuple[int, int]


class KnownGenome(NamedTuple):
    """One contig and the starts of transcription on it."""

    name: str
    sequence: str
    sites: list[Site]
    """Measured starts of the sigma factor that is asked for: what is learnt, and to be found."""
    entries: list[Site]
    """All starts of this sigma factor, inferred ones among them."""
    starts: Mapping[str, np.ndarray]
    """All known starts of any sigma factor, sorted, by strand."""
    filenames: Sequence[str] = ()

    @property
    def contigs(self) -> dict[str, str]:
        """What is scanned."""
        return {self.name: self.sequence}


class TrainingWindows(NamedTuple):
    """Windows to learn from."""

    data: np.ndarray
    target: np.ndarray
    """1 for those with a start behind their 60 first bases."""
    spans: np.ndarray
    """First base, and the one behind the last."""


def read_genome(data_home: str | None = None, sigma_factor: str = "sigma70") -> KnownGenome:
    """Read the genome and RegulonDB's promoters.

    Parameters
    ----------
    data_home : str or None, default=None
        Folder of the data.
    sigma_factor : str, default='sigma70'
        Whose promoters are wanted.

    Returns
    -------
    KnownGenome
        Of *E. coli* K-12.
    """
    genome = fetch_genome("ecoli_k12", data_home=data_home)
    wanted = [promoter for promoter in genome.promoters if promoter.sigma_factor == sigma_factor]
    measured = [promoter for promoter in wanted if promoter.confidence in MEASURED]
    starts = {
        strand: np.unique([promoter.tss for promoter in genome.promoters if promoter.strand == strand])
        for strand in "+-"
    }
    name = str(genome.contig_names[0])
    return KnownGenome(name, genome.data[0], _list(measured), _list(wanted), starts, genome.filenames)


def _list(promoters: Iterable) -> list[Site]:
    """Give places, each once: two genes may have a promoter entered at one start."""
    return sorted({(promoter.contig, promoter.tss, promoter.strand) for promoter in promoters})


def window_span(position: int, strand: str) -> Stretch:
    """Say which bases the window of a start takes.

    Parameters
    ----------
    position : int
        The start.
    strand : {'+', '-'}
        Its strand.

    Returns
    -------
    start, end : int
        On the forward strand. The start of transcription is base `SITE_OFFSET` of the window as its strand
        reads.
    """
    first = position - (SITE_OFFSET if strand == "+" else WINDOW_SIZE - 1 - SITE_OFFSET)
    return first, first + WINDOW_SIZE


def cut(sequence: str, span: Stretch, strand: str) -> str:
    """Cut a window as its strand reads.

    Parameters
    ----------
    sequence : str
        Of the contig.
    span : (int, int)
        First base, and the one behind the last.
    strand : {'+', '-'}
        Which strand.

    Returns
    -------
    str
        The window.
    """
    window = sequence[span[0] : span[1]]
    return window if strand == "+" else reverse_complement(window)


def is_apart(spans: np.ndarray, held_out: Sequence[Stretch], flank: int = FLANK) -> np.ndarray:
    """Say which spans keep away from what is held out.

    Parameters
    ----------
    spans : ndarray of shape (n_spans, 2)
        First bases, and those behind the last.
    held_out : sequence of (int, int)
        Stretches.
    flank : int, default=500
        Bases that have to be between.

    Returns
    -------
    ndarray of shape (n_spans,), bool
        Which do.
    """
    first, end = spans.T
    apart = np.ones(len(spans), dtype=bool)
    for held_start, held_end in held_out:
        apart &= (end <= held_start - flank) | (first >= held_end + flank)
    return apart


def _inside(genome: KnownGenome, spans: np.ndarray, held_out: Sequence[Stretch]) -> np.ndarray:
    whole = (spans[:, 0] >= 0) & (spans[:, 1] <= len(genome.sequence))
    return whole & is_apart(spans, held_out)


def draw_examples(
    genome: KnownGenome, held_out: Sequence[Stretch], n_per_promoter: int, shift: int, random_state: int
) -> TrainingWindows:
    """Cut the windows of promoters, and draw others, from what is not held out.

    Parameters
    ----------
    genome : KnownGenome
        Where from.
    held_out : sequence of (int, int)
        Stretches that no window comes near.
    n_per_promoter : int
        How many windows without a promoter are drawn for each with one: anywhere on either strand, but on
        its strand not near any known start, whatever its sigma factor or evidence.
    shift : int
        By how many bases at most the windows of promoters are moved, either way. In a scan the nearest window
        is off by up to half a step.
    random_state : int
        Of both draws.

    Returns
    -------
    TrainingWindows
        Promoters first.
    """
    rng = np.random.default_rng(random_state)
    shifts = rng.integers(-shift, shift + 1, len(genome.sites)).tolist()
    places = [(position + by, strand) for (_, position, strand), by in zip(genome.sites, shifts, strict=True)]
    places = _keep(genome, places, held_out)
    n_promoters = len(places)
    n_wanted = n_promoters * (1 + n_per_promoter)
    while len(places) < n_wanted:
        positions = rng.integers(len(genome.sequence), size=n_wanted).tolist()
        strands = rng.choice(["+", "-"], n_wanted).tolist()
        drawn = [place for place in zip(positions, strands, strict=True) if _is_free(genome, *place)]
        places += _keep(genome, drawn, held_out)
    places = places[:n_wanted]
    spans = [window_span(*place) for place in places]
    data = [cut(genome.sequence, span, strand) for span, (_, strand) in zip(spans, places, strict=True)]
    target = (np.arange(len(places)) < n_promoters).astype(int)
    return TrainingWindows(np.array(data, dtype=object), target, np.array(spans))


def _keep(genome: KnownGenome, places: list[tuple[int, str]], held_out: Sequence[Stretch]) -> list:
    spans = np.array([window_span(*place) for place in places]).reshape(-1, 2)
    return [place for place, is_good in zip(places, _inside(genome, spans, held_out), strict=True) if is_good]


def _is_free(genome: KnownGenome, position: int, strand: str) -> bool:
    """Say whether no known start of the strand is near."""
    starts = genome.starts[strand]
    low, high = np.searchsorted(starts, [position - MARGIN, position + MARGIN + 1])
    return bool(low == high)


def cut_into_segments(length: int, n_folds: int, n_repeats: int) -> list[Stretch]:
    """Cut a contig into as many parts as any repeat puts a bound between.

    Parameters
    ----------
    length : int
        Of the contig.
    n_folds : int
        Parts that are held out in turn, in each repeat.
    n_repeats : int
        Repeats; each has its bounds elsewhere.

    Returns
    -------
    list of (int, int)
        Stretches that lie side by side.
    """
    bounds = np.linspace(0, length, n_folds * n_repeats + 1).astype(int).tolist()
    return list(pairwise(bounds))


def fold_of(segment: int, repeat: int, n_folds: int, n_repeats: int) -> int:
    """Say in which fold a segment is.

    Parameters
    ----------
    segment : int
        Its number.
    repeat : int
        In each one, the folds begin a segment further on.
    n_folds, n_repeats : int
        As in :func:`cut_into_segments`.

    Returns
    -------
    int
        The fold: `n_repeats` segments side by side, on a circle.
    """
    return (segment - repeat) // n_repeats % n_folds


def scan_together(
    classifiers: Mapping[Any, ClassifierMixin], genome: KnownGenome, stretch: Stretch, step: int
) -> dict[Any, TrackPiece]:
    """Scan a stretch with several classifiers, batch by batch.

    What several of them need of a window, the states of a language model, is computed once: it is still in
    the model's memory when the next one asks.

    Parameters
    ----------
    classifiers : mapping to classifier
        Fitted, by any key.
    genome : KnownGenome
        What is scanned, on both strands.
    stretch : (int, int)
        Which part.
    step : int
        Bases from one window to the next.

    Returns
    -------
    dict to TrackPiece
        By the same keys.
    """
    options = {"window_size": WINDOW_SIZE, "step": step, "target": 1, "batch_size": BATCH_SIZE}
    scans = [
        iter_scan(classifier, genome.contigs, regions=[(genome.name, *stretch)], **options)
        for classifier in classifiers.values()
    ]
    pieces = zip(*zip(*scans, strict=True), strict=True)
    return {key: join(list(parts)) for key, parts in zip(classifiers, pieces, strict=True)}


def join(pieces: Sequence[TrackPiece]) -> TrackPiece:
    """Join pieces of a contig, in its order.

    Parameters
    ----------
    pieces : sequence of TrackPiece
        Without a window in two of them.

    Returns
    -------
    TrackPiece
        One.
    """
    return pieces[0]._replace(
        starts=np.concatenate([piece.starts for piece in pieces]),
        values=np.concatenate([piece.values for piece in pieces], axis=1),
        n_skipped=sum(piece.n_skipped for piece in pieces),
    )


def make_track(pieces: Sequence[TrackPiece], step: int) -> Track:
    """Make a track of the parts of a contig.

    Parameters
    ----------
    pieces : sequence of TrackPiece
        What :func:`scan_together` gives, in the order of the contig.
    step : int
        As there.

    Returns
    -------
    Track
        Of both strands.
    """
    piece = join(pieces)
    return Track({piece.contig: piece}, WINDOW_SIZE, step, ("+", "-"), "probability of a promoter")


def judge(
    track: Track, sites: Sequence[Site], n_shuffles: int, random_state: int
) -> dict[tuple[str, str], float]:
    """Compare a track with known starts, and with as many put anywhere.

    Parameters
    ----------
    track : Track
        Of probabilities.
    sites : sequence of (str, int, str)
        Contig, position and strand of what is to be found.
    n_shuffles : int
        How often the starts are put anywhere.
    random_state : int
        Where they are put.

    Returns
    -------
    dict of (str, str) to float
        By figure, and by what it is of: ``""`` is the track, :data:`SHUFFLED` the same track against starts
        put anywhere, :data:`PREVALENCE` the chance level. Figures that are not defined are left out.
    """
    peaks = find_peaks(track, threshold=-np.inf, min_distance=TOLERANCE, site_offset=SITE_OFFSET)
    highest = np.sort([peak.score for peak in peaks])[::-1]
    found = evaluate_track(
        track,
        sites,
        TOLERANCE,
        peaks=peaks,
        thresholds=[highest[min(count_inside(track, sites), len(highest)) - 1], 0.5],
        site_offset=SITE_OFFSET,
        n_shuffles=n_shuffles,
        random_state=random_state,
    )
    by_number, at_half = found.rows
    spread = by_number["shuffled_recall_std"]
    above = by_number["recall"] - by_number["shuffled_recall_mean"]
    figures = {
        (WINDOWS, ""): found.window_average_precision,
        (WINDOWS, PREVALENCE): found.window_prevalence,
        (PEAKS, ""): found.average_precision,
        (PEAKS, SHUFFLED): float(found.shuffled_average_precision.mean()),
        (RECALL, ""): by_number["recall"],
        (RECALL, SHUFFLED): by_number["shuffled_recall_mean"],
        (ENRICHMENT, ""): by_number["enrichment"],
        (DEVIATIONS, ""): above / spread if spread else float("nan"),
        (RECALL_AT_HALF, ""): at_half["recall"],
        (RECALL_AT_HALF, SHUFFLED): at_half["shuffled_recall_mean"],
        (PEAKS_AT_HALF, ""): at_half["n_peaks"] / found.n_sites,
    }
    return {key: float(value) for key, value in figures.items() if np.isfinite(value)}


def count_inside(track: Track, sites: Sequence[Site]) -> int:
    """Count the sites that some window of a track covers.

    Parameters
    ----------
    track : Track
        Of one contig.
    sites : sequence of (str, int, str)
        Contig, position and strand.

    Returns
    -------
    int
        How many.
    """
    ((contig, piece),) = track.pieces.items()
    positions = np.array([site[1] for site in sites if site[0] == contig])
    # A window over a position starts at most its size before it, and not behind it.
    low, high = (np.searchsorted(piece.starts, positions - far, side="right") for far in (WINDOW_SIZE, 0))
    return int(np.sum(high > low))


def densest_stretch(genome: KnownGenome, length: int, grid: int = 10_000) -> Stretch:
    """Find the stretch with most measured starts: the one to look at.

    Parameters
    ----------
    genome : KnownGenome
        Where.
    length : int
        Of the stretch.
    grid : int, default=10_000
        It starts at a multiple of this.

    Returns
    -------
    start, end : int
        The first such stretch.
    """
    positions = np.sort([position for _, position, _ in genome.sites])
    starts = np.arange(0, max(len(genome.sequence) - length, 0) + 1, grid)
    counts = np.searchsorted(positions, starts + length) - np.searchsorted(positions, starts)
    start = int(starts[counts.argmax()])
    return start, start + length
