"""The task ``ecoli-scan``: promoters along the genome of *E. coli*, found by what has not seen the place."""

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from sklearn.base import ClassifierMixin
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from benchmarks.corpora import Corpus, fetch_enterobacteria, for_run
from benchmarks.evaluation import make_record
from benchmarks.methods import joined, kmers, positions, ridge, scaled
from benchmarks.parts import Parts
from benchmarks.pretraining import (
    LONG_STEPS,
    NETWORK,
    Pretrained,
    make_language_model,
    pretrain,
)
from benchmarks.records import Record, Score, Settings, fold
from benchmarks.stopwatch import Stopwatch
from benchmarks.tasks.bacterial_promoters import READING as MAPPED
from benchmarks.tasks.ecoli_genome import (
    FLANK,
    MARGIN,
    METRICS,
    PREVALENCE,
    SITE_OFFSET,
    TOLERANCE,
    WINDOW_SIZE,
    KnownGenome,
    cut_into_segments,
    densest_stretch,
    draw_examples,
    fold_of,
    judge,
    make_track,
    read_genome,
    scan_together,
)
from benchmarks.transfer import BY_POSITIONS, FINE_TUNING, POSITIONS_K
from skgenome.classification import SequenceClassifier
from skgenome.representation import LanguageModel
from skgenome.scanning import TrackPiece

logger = logging.getLogger(__name__)

NAME = "ecoli-scan"
TITLE = "Promoters along the genome of E. coli"
#: As the task of mapped promoters reads them, but one strand of a window: both would take twice the time.
READING = MAPPED._replace(strand="forward")

#: Bytes of states that are kept: those of the windows to learn from, and of a few batches of a scan.
CACHE_SIZE = 2**28

KMERS, POSITIONS, FROZEN = READING.by_kmers, BY_POSITIONS, "language model, frozen"
JOINED = f"{FROZEN}, joined with {KMERS}"
TUNED = "language model, fine-tuned"
ALL = (KMERS, POSITIONS, FROZEN, JOINED, TUNED)
#: Scanned together, since they share the states; and whether they take the time.
FAMILIES = {(KMERS, POSITIONS): False, (FROZEN, JOINED): False, (TUNED,): True}

GENOME, INFERRED = "whole genome", "inferred starts too"
PART = "part of the genome"

PROTOCOL = """Windows of {window_size} bp along both strands of {n_bases:,} bp of E. coli K-12, one every
{step} bp. To be found are {n_sites} measured starts of sigma70 in RegulonDB (evidence confirmed or strong).
Weak entries are no sites: most were inferred by a program from the sequence, and to find them again would
prove little; with them there are {n_entries} ("{inferred}"). Learnt are the windows of the measured starts,
{before} bp before and {after} bp after, moved by up to {shift} bp, since the nearest window of the scan is
off by as much, and for each one {n_per_promoter} from anywhere that have no known start of any kind within
{margin} bp on their strand. The genome is cut into {n_folds} parts; each is scanned by a classifier that has
learnt from the others, so that no base is scanned by what has seen it or the {flank} bp beside it.
{n_repeats} repeats have other bounds and other windows. Repeated genes stand on both sides of a bound. The
language model has read the whole genome, without labels, among {n_genomes} enterobacterial ones. Peaks are
windows higher than their neighbours, {tolerance} bp apart; from the highest down each finds the nearest start
of its strand within {tolerance} bp, no start twice. Shuffled are the same starts, put anywhere {n_shuffles}
times. What is called wrong may be a promoter that nobody has measured, of another sigma factor, or an
inferred one. "{part}" is its first {n_tuned} of {n_segments} segments, where a network is fine-tuned as well:
that takes the time."""


class Plan(NamedTuple):
    """How much is measured."""

    step: int = 15
    """Bases between windows: a network reads 49 million tokens, in twelve minutes on a core."""
    n_folds: int = 2
    n_repeats: int = 3
    n_per_promoter: int = 6
    """Windows without a promoter for each with one, to learn from."""
    n_shuffles: int = 50
    n_tuned: int = 1
    """Segments (of which there are folds times repeats) that fine-tuned networks scan too; may be none."""
    max_epochs: int = 4
    """Of fine-tuning."""
    n_scanned: int | None = None
    """Bases of each segment that are scanned; all, or fewer for a smoke run."""

    @property
    def n_segments(self) -> int:
        """Into how many segments the genome is cut."""
        return self.n_folds * self.n_repeats

    @property
    def shift(self) -> int:
        """By how much windows to learn from are moved."""
        return self.step // 2


QUICK_PLAN = Plan(20, 2, 1, 1, n_shuffles=5, max_epochs=1, n_scanned=10_000)

#: What the picture shows.
DRAWN_BASES, DRAWN_STEP = 40_000, 10

#: From the windows to learn from, and the names of methods, to methods by name.
Maker = Callable[[Sequence[str], Sequence[str]], Mapping[str, ClassifierMixin]]


def make_methods(
    lm: LanguageModel, plan: Plan, settings: Settings, windows: Sequence[str], names: Sequence[str]
) -> dict[str, ClassifierMixin]:
    """Give some of the methods.

    Parameters
    ----------
    lm : LanguageModel
        Pretrained; it is read as it is set.
    plan : Plan
        For how long is trained.
    settings : Settings
        Device and seed.
    windows : sequence of str
        What is learnt from, without labels: the scale of the features.
    names : sequence of str
        Which methods.

    Returns
    -------
    dict
        Name to classifier, not fitted.
    """
    options = {**READING.options(), "device": settings.device, "random_state": settings.random_state}
    start = FrozenEstimator(lm)
    counts = kmers(READING.largest_k, 1)
    tuning = {**FINE_TUNING, "max_epochs": plan.max_epochs}
    makers = {
        KMERS: lambda: Pipeline(scaled(counts, windows) + ridge()),
        POSITIONS: lambda: Pipeline(positions(POSITIONS_K, windows) + ridge()),
        FROZEN: lambda: READING.before(SequenceClassifier(start, training="frozen", **options)),
        JOINED: lambda: Pipeline(scaled(joined(counts, lm), windows) + ridge()),
        TUNED: lambda: READING.before(SequenceClassifier(start, **tuning, **options)),
    }
    # Made when asked for: the scale of the language model's states takes a pass over all windows.
    return {name: makers[name]() for name in names}


def scan_segments(
    genome: KnownGenome, make: Maker, names: Sequence[str], n_segments: int, plan: Plan, random_state: int
) -> dict[tuple[str, int], list[TrackPiece]]:
    """Scan segments of the genome, each by what has learnt from other parts.

    Parameters
    ----------
    genome : KnownGenome
        What is learnt from, and scanned.
    make : callable
        As :func:`make_methods`, of windows and names alone.
    names : sequence of str
        Which methods.
    n_segments : int
        How many segments, from the first on.
    plan : Plan
        How segments lie, and what is drawn.
    random_state : int
        Of the draws; each repeat has the next one.

    Returns
    -------
    dict of (str, int) to list of TrackPiece
        By method and repeat, segment by segment.
    """
    layout = plan.n_folds, plan.n_repeats
    segments = cut_into_segments(len(genome.sequence), *layout)
    fitted: dict[tuple[int, int], dict[str, ClassifierMixin]] = {}
    pieces: dict[tuple[str, int], list[TrackPiece]] = {}
    for number, (start, end) in enumerate(segments[:n_segments]):
        classifiers = {}
        for repeat in range(plan.n_repeats):
            held_fold = fold_of(number, repeat, *layout)
            if (repeat, held_fold) not in fitted:
                held_out = [s for i, s in enumerate(segments) if fold_of(i, repeat, *layout) == held_fold]
                X, y, _ = draw_examples(
                    genome, held_out, plan.n_per_promoter, plan.shift, random_state + repeat
                )
                fitted[repeat, held_fold] = {name: m.fit(X, y) for name, m in make(X, names).items()}
            classifiers |= {(name, repeat): m for name, m in fitted[repeat, held_fold].items()}
        stretch = start, min(end, start + (plan.n_scanned or end))
        for key, piece in scan_together(classifiers, genome, stretch, plan.step).items():
            pieces.setdefault(key, []).append(piece)
        logger.info("scanned: segment %d of %d by %s", number + 1, n_segments, ", ".join(names))
    return pieces


def score_tracks(
    pieces: Mapping[tuple[str, int], Sequence[TrackPiece]],
    genome: KnownGenome,
    plan: Plan,
    settings: Settings,
) -> list[Score]:
    """Judge what was scanned under every condition.

    Parameters
    ----------
    pieces : mapping of (str, int) to list of TrackPiece
        What :func:`scan_segments` gives; conditions that ask for more of the genome are left out.
    genome : KnownGenome
        With what is to be found.
    plan : Plan
        How it was scanned.
    settings : Settings
        The seed of the shuffles, and which conditions are wanted.

    Returns
    -------
    list of Score
        A value for each repeat.
    """
    conditions = {
        GENOME: (plan.n_segments, genome.sites),
        INFERRED: (plan.n_segments, genome.entries),
        PART: (plan.n_tuned, genome.sites),
    }
    n_promoters = len(genome.sites) * (plan.n_folds - 1) // plan.n_folds
    n_learnt = n_promoters * (1 + plan.n_per_promoter)
    # By repeat: the chance level is that of all methods.
    values: dict[tuple[str, str, str], dict[int, float]] = {}
    for (name, repeat), parts in pieces.items():
        for condition, (n_segments, sites) in settings.choose(conditions, "conditions").items():
            if not 0 < n_segments <= len(parts):
                continue
            track = make_track(parts[:n_segments], plan.step)
            figures = judge(track, sites, plan.n_shuffles, settings.random_state + repeat)
            for (metric, of), value in figures.items():
                row = of if of == PREVALENCE else f"{name}, {of}".removesuffix(", ")
                values.setdefault((row, condition, metric), {})[repeat] = value
    return [
        Score(row, condition, n_learnt, metric, list(found.values()))
        for (row, condition, metric), found in values.items()
    ]


def measure(
    genome: KnownGenome, make: Maker, plan: Plan, settings: Settings, parts: Parts | None = None
) -> list[Score]:
    """Scan with all methods and judge them.

    Parameters
    ----------
    genome : KnownGenome
        What is scanned.
    make : callable
        As in :func:`scan_segments`.
    plan : Plan
        How much is measured.
    settings : Settings
        The seed; and, if parts alone are wanted, which.
    parts : Parts or None, default=None
        Where scores are kept.

    Returns
    -------
    list of Score
        A value for each repeat, metric by metric.
    """
    keep = parts or Parts()
    scores: list[Score] = []
    for family, is_tuned in FAMILIES.items():
        names = list(settings.choose(dict.fromkeys(family), "methods"))
        n_segments = plan.n_tuned if is_tuned else plan.n_segments
        if not names or not n_segments:
            continue

        def compute(names: Sequence[str] = names, n_segments: int = n_segments) -> list[Score]:
            pieces = scan_segments(genome, make, names, n_segments, plan, settings.random_state)
            return score_tracks(pieces, genome, plan, settings)

        found = keep(compute, methods=names, conditions=list(settings.conditions), plan=list(plan))
        scores += [Score(*row) for row in found]
    distinct = {(score.method, score.condition, score.metric): score for score in scores}
    return sorted(distinct.values(), key=lambda score: METRICS.index(score.metric))


def _read(settings: Settings) -> tuple[KnownGenome, Corpus]:
    corpus = fetch_enterobacteria(settings.data_home)
    return read_genome(settings.data_home), for_run(corpus, settings)


def _pretrain(corpus: Corpus, settings: Settings) -> Pretrained:
    """Find or train the language model of the task of mapped promoters, to be read as it is here."""
    lm = make_language_model(NETWORK, LONG_STEPS, settings)
    model, facts = pretrain(lm, corpus, settings.work_dir)
    return Pretrained(model.set_params(**READING.options(), cache_size=CACHE_SIZE, verbose=0), facts)


def run(settings: Settings) -> Record:
    """Learn, scan and judge.

    Parameters
    ----------
    settings : Settings
        What the caller chose.

    Returns
    -------
    Record
        With scores.
    """
    settings.check("methods", ALL)
    settings.check("conditions", (GENOME, INFERRED, PART))
    watch = Stopwatch()
    parts = Parts.of(NAME, settings, watch)
    plan = QUICK_PLAN if settings.quick else Plan()
    with watch("reading data"):
        genome, corpus = _read(settings)
    with watch("pretraining, or finding it done"):
        lm, facts = _pretrain(corpus, settings)
    make = partial(make_methods, lm, plan, settings)
    with watch("learning, scanning and judging"):
        scores = measure(genome, make, plan, settings, parts)
        # Once more, for what they are called.
        windows = draw_examples(genome, [], 1, 0, settings.random_state).data
        methods = make(windows, list(settings.choose(dict.fromkeys(ALL), "methods")))
    return make_record(
        settings,
        watch,
        methods,
        scores,
        sorted({*genome.filenames, *corpus.filenames}),
        name=NAME,
        title=TITLE,
        protocol=_describe_protocol(genome, corpus, plan),
        pretraining=[facts],
    )


def _describe_protocol(genome: KnownGenome, corpus: Corpus, plan: Plan) -> str:
    return fold(PROTOCOL).format(
        **plan._asdict(),
        n_segments=plan.n_segments,
        shift=plan.shift,
        window_size=WINDOW_SIZE,
        before=SITE_OFFSET,
        after=WINDOW_SIZE - SITE_OFFSET - 1,
        n_bases=len(genome.sequence),
        n_sites=len(genome.sites),
        n_entries=len(genome.entries),
        n_genomes=len(corpus.filenames),
        margin=MARGIN,
        flank=FLANK,
        tolerance=TOLERANCE,
        inferred=INFERRED,
        part=PART,
    )


def draw(settings: Settings, path: Path) -> Path:
    """Learn without the 40 kb that have most measured starts, scan them, and draw them.

    Parameters
    ----------
    settings : Settings
        What the caller chose.
    path : pathlib.Path
        The picture, a PNG.

    Returns
    -------
    pathlib.Path
        The picture.
    """
    # Only here, since a run has no need of matplotlib.
    from benchmarks.pictures import save
    from benchmarks.tasks.ecoli_pictures import draw_tracks

    genome, corpus = _read(settings)
    stretch = densest_stretch(genome, DRAWN_BASES)
    plan = (QUICK_PLAN if settings.quick else Plan())._replace(step=DRAWN_STEP)
    X, y, _ = draw_examples(genome, [stretch], plan.n_per_promoter, plan.shift, settings.random_state)
    methods = make_methods(_pretrain(corpus, settings).model, plan, settings, X, (KMERS, JOINED))
    fitted = {name: method.fit(X, y) for name, method in methods.items()}
    pieces = scan_together(fitted, genome, stretch, plan.step)
    tracks = {name: make_track([piece], plan.step) for name, piece in pieces.items()}
    return save(draw_tracks(tracks, genome, stretch), path)
