"""The protocol of the scan: what is learnt from, what is held out, and how a track is judged."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin

from benchmarks.parts import Parts
from benchmarks.pictures import save
from benchmarks.records import Settings
from benchmarks.tables import show
from benchmarks.tasks.ecoli_genome import (
    DEVIATIONS,
    ENRICHMENT,
    FLANK,
    MARGIN,
    PEAKS,
    PREVALENCE,
    RECALL,
    RECALL_AT_HALF,
    SHUFFLED,
    SITE_OFFSET,
    WINDOW_SIZE,
    WINDOWS,
    KnownGenome,
    count_inside,
    cut,
    cut_into_segments,
    densest_stretch,
    draw_examples,
    fold_of,
    is_apart,
    judge,
    make_track,
    read_genome,
    scan_together,
    window_span,
)
from benchmarks.tasks.ecoli_pictures import draw_tracks
from benchmarks.tasks.ecoli_scan import (
    ALL,
    GENOME,
    INFERRED,
    JOINED,
    KMERS,
    PART,
    POSITIONS,
    TUNED,
    Plan,
    make_methods,
    measure,
    run,
    scan_segments,
    score_tracks,
)
from skgenome.scanning import TrackPiece, scan
from skgenome.sequences import reverse_complement

MOTIF = "TTGACATTTATGCTTCCGGCTCGTATAATGT"
LENGTH = 48_000


def plant(sequence, position, strand):
    """Put the motif before a start of transcription."""
    first, end = window_span(position, strand)
    window = cut(sequence, (first, end), strand)
    window = window[: SITE_OFFSET - len(MOTIF)] + MOTIF + window[SITE_OFFSET:]
    return sequence[:first] + (window if strand == "+" else reverse_complement(window)) + sequence[end:]


@pytest.fixture(scope="module")
def genome():
    """Random sequence with a motif before each of 60 starts, and starts without it that are only inferred."""
    rng = np.random.default_rng(0)
    sequence = "".join(rng.choice(list("ACGT"), LENGTH))
    sites = [("c", 400 + 800 * i, "+-"[i % 2]) for i in range(59)]
    for _, position, strand in sites:
        sequence = plant(sequence, position, strand)
    inferred = [("c", 800 + 2000 * i, "+") for i in range(20)]
    entries = sorted([*sites, *inferred])
    starts = {strand: np.array([p for _, p, s in entries if s == strand]) for strand in "+-"}
    return KnownGenome("c", sequence, sites, entries, starts)


class Recall(ClassifierMixin, BaseEstimator):
    """Be sure of each window of which it has seen any 20 bases, on either strand."""

    def fit(self, X, y):
        both = [*X, *map(reverse_complement, X)]
        self.seen_ = {window[i : i + 20] for window in both for i in range(len(window) - 19)}
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        seen = [any(w[i : i + 20] in self.seen_ for i in range(len(w) - 19)) for w in X]
        return np.column_stack([np.logical_not(seen), seen]).astype(float)


class HasMotif(ClassifierMixin, BaseEstimator):
    """See the share of the motif's letters that stand where they should."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        first = SITE_OFFSET - len(MOTIF)
        share = np.array([sum(map(str.__eq__, w[first:SITE_OFFSET], MOTIF)) for w in X]) / len(MOTIF)
        return np.column_stack([1 - share, share])


@pytest.mark.parametrize("strand", ["+", "-"])
def test_window_has_the_start_behind_sixty_bases(genome, strand):
    position = next(p for _, p, s in genome.sites if s == strand)
    window = cut(genome.sequence, window_span(position, strand), strand)
    assert len(window) == WINDOW_SIZE
    base = genome.sequence[position]
    assert window[SITE_OFFSET] == (base if strand == "+" else reverse_complement(base))
    assert window[SITE_OFFSET - len(MOTIF) : SITE_OFFSET] == MOTIF


def test_is_apart_is_that_of_single_bases():
    held_out = [(100, 130), (200, 220)]
    spans = np.array([(first, first + 9) for first in range(300)])
    forbidden = {base for start, end in held_out for base in range(start - 7, end + 7)}
    by_hand = [forbidden.isdisjoint(range(first, end)) for first, end in spans.tolist()]
    np.testing.assert_array_equal(is_apart(spans, held_out, flank=7), by_hand)


@pytest.mark.parametrize("seed", range(3))
def test_draw_examples_keep_away_from_what_is_held_out(genome, seed):
    held_out = [(6000, 16_000), (40_000, 45_000)]
    X, y, spans = draw_examples(genome, held_out, 3, 4, seed)
    forbidden = np.zeros(LENGTH, dtype=bool)
    for start, end in held_out:
        forbidden[start - FLANK : end + FLANK] = True
    assert not any(forbidden[first:end].any() for first, end in spans)
    assert len(X) == len(y) == len(spans) == 4 * y.sum()
    # None that could have been kept is missing.
    n_free = sum(not forbidden[p - 85 : p + 86].any() for _, p, _ in genome.sites)
    assert n_free <= y.sum() < len(genome.sites)


def test_draw_examples_take_promoters_moved_by_half_a_step_at_most(genome):
    X, y, spans = draw_examples(genome, [], 1, 3, 0)
    shifts = []
    for window, (first, _) in zip(X[y == 1], spans[y == 1], strict=True):
        shifts += [
            first - f for f in (window_span(p, s)[0] for _, p, s in genome.sites) if abs(first - f) < 50
        ]
        assert MOTIF in window
    assert y.sum() == len(genome.sites) == len(shifts)
    assert set(shifts) == set(range(-3, 4))
    _, y, exact = draw_examples(genome, [], 1, 0, 0)
    assert exact[y == 1].tolist() == [list(window_span(p, s)) for _, p, s in genome.sites]


def test_draw_examples_without_a_promoter_are_near_no_known_start(genome):
    X, y, spans = draw_examples(genome, [], 5, 0, 1)
    strands = set()
    for window, span in zip(X[y == 0], spans[y == 0].tolist(), strict=True):
        strand = "+" if window == cut(genome.sequence, span, "+") else "-"
        assert window == cut(genome.sequence, span, strand)
        position = span[0] + (SITE_OFFSET if strand == "+" else WINDOW_SIZE - 1 - SITE_OFFSET)
        # Inferred ones count as well.
        assert np.abs(genome.starts[strand] - position).min() > MARGIN
        strands.add(strand)
    assert strands == {"+", "-"}


def test_draw_examples_differ_by_seed_alone(genome):
    first, again, other = (draw_examples(genome, [], 2, 3, seed).data.tolist() for seed in (0, 0, 1))
    assert first == again != other


@pytest.mark.parametrize(("n_folds", "n_repeats"), [(2, 3), (4, 2), (3, 1)])
def test_folds_cover_the_genome_in_each_repeat(n_folds, n_repeats):
    segments = cut_into_segments(1003, n_folds, n_repeats)
    assert [base for segment in segments for base in range(*segment)] == list(range(1003))
    n_segments = len(segments)
    bounds = []
    for repeat in range(n_repeats):
        folds = [fold_of(i, repeat, n_folds, n_repeats) for i in range(n_segments)]
        assert sorted(folds) == sorted(list(range(n_folds)) * n_repeats)
        # Side by side on a circle: as many changes as there are folds.
        changes = {i for i in range(n_segments) if folds[i] != folds[i - 1]}
        assert len(changes) == n_folds
        bounds.append(changes)
    assert set.union(*bounds) == set(range(n_segments))


def test_scan_segments_never_shows_a_classifier_what_it_has_seen(genome):
    plan = Plan(step=7, n_folds=2, n_repeats=2, n_per_promoter=4)
    # The motif is what all promoters share.
    bare = genome._replace(sequence="".join(np.random.default_rng(1).choice(list("ACGT"), LENGTH)))
    pieces = scan_segments(bare, lambda windows, names: {n: Recall() for n in names}, ["a"], 4, plan, 0)
    for repeat in range(2):
        track = make_track(pieces["a", repeat], plan.step)
        assert max(track.values("c", strand).max() for strand in "+-") == 0
        assert track.per_base("c", "+").shape == (LENGTH,)
        # Every base is in a window.
        assert not np.isnan(track.per_base("c", "-")).any()
    X, y, _ = draw_examples(bare, [], 4, 0, 0)
    seen = scan_together({"a": Recall().fit(X, y)}, bare, (0, LENGTH), 7)["a"]
    assert seen.values.max() == 1


def test_scan_together_is_a_scan_of_each(genome):
    X, y, _ = draw_examples(genome, [(20_000, 24_000)], 2, 0, 0)
    classifiers = {"a": HasMotif().fit(X, y), 2: Recall().fit(X, y)}
    pieces = scan_together(classifiers, genome, (20_000, 24_000), 5)
    for key, classifier in classifiers.items():
        options = {"window_size": WINDOW_SIZE, "step": 5, "regions": [("c", 20_000, 24_000)]}
        expected = scan(classifier, genome.contigs, **options).pieces["c"]
        np.testing.assert_array_equal(pieces[key].starts, expected.starts)
        np.testing.assert_allclose(pieces[key].values, expected.values)


def test_judge_of_a_perfect_track(genome):
    X, y, _ = draw_examples(genome, [], 1, 0, 0)
    piece = scan_together({"a": HasMotif().fit(X, y)}, genome, (0, LENGTH), 1)["a"]
    track = make_track([piece], 1)
    found = judge(track, genome.sites, 20, 0)
    n_windows = piece.values.size
    assert found[WINDOWS, ""] == pytest.approx(1)
    assert found[WINDOWS, PREVALENCE] == pytest.approx(len(genome.sites) / n_windows)
    assert found[PEAKS, ""] == found[RECALL, ""] == found[RECALL_AT_HALF, ""] == 1
    assert found[RECALL, SHUFFLED] < 0.3
    assert found[ENRICHMENT, ""] == pytest.approx(1 / found[RECALL, SHUFFLED])
    assert found[DEVIATIONS, ""] > 5
    # Inferred starts have no motif here: what finds all measured ones finds few of them.
    assert judge(track, genome.entries, 20, 0)[RECALL, ""] < 0.9


def test_judge_of_a_blind_track_is_chance(genome):
    rng = np.random.default_rng(0)
    starts = np.arange(0, LENGTH - WINDOW_SIZE + 1, 10)
    piece = TrackPiece("c", LENGTH, starts, rng.random((2, len(starts))), 0)
    found = judge(make_track([piece], 10), genome.sites, 100, 0)
    assert found[WINDOWS, ""] == pytest.approx(found[WINDOWS, PREVALENCE], rel=0.5)
    assert abs(found[DEVIATIONS, ""]) < 3


def test_count_inside_counts_single_bases(genome):
    pieces = [
        TrackPiece("c", LENGTH, np.arange(start, start + 900, 30), np.zeros((2, 30)), 0)
        for start in (350, 8000)
    ]
    covered = {base for piece in pieces for s in piece.starts.tolist() for base in range(s, s + WINDOW_SIZE)}
    by_hand = sum(position in covered for _, position, _ in genome.entries)
    assert count_inside(make_track(pieces, 30), genome.entries) == by_hand > 0


def test_densest_stretch_is_where_most_measured_starts_are(genome):
    sites = [("c", position, "+") for position in (500, 21_000, 21_500, 29_999, 30_000)]
    assert densest_stretch(genome._replace(sites=sites), 10_000) == (20_000, 30_000)


def test_score_tracks_leave_out_what_was_not_scanned(genome):
    plan = Plan(step=20, n_folds=2, n_repeats=2, n_per_promoter=1, n_shuffles=3)
    settings = Settings(random_state=0)
    make = lambda windows, names: {name: HasMotif() for name in names}  # noqa: E731
    part = scan_segments(genome, make, ["a"], 1, plan, 0)
    assert {score.condition for score in score_tracks(part, genome, plan, settings)} == {PART}
    scores = score_tracks(scan_segments(genome, make, ["a"], 4, plan, 0), genome, plan, settings)
    assert {score.condition for score in scores} == {GENOME, INFERRED, PART}
    assert all(len(score.values) == 2 for score in scores if score.metric == RECALL)
    rows = {score.method for score in scores if score.metric == WINDOWS}
    assert rows == {"a", PREVALENCE}
    wanted = settings._replace(conditions=(INFERRED,))
    assert {score.condition for score in score_tracks(part, genome, plan, wanted)} == set()


def test_measure_has_each_method_and_one_chance_level(genome):
    plan = Plan(step=40, n_folds=2, n_repeats=2, n_per_promoter=1, n_shuffles=2)
    asked = []

    def make(windows, names):
        asked.append(tuple(names))
        return {name: HasMotif() for name in names}

    scores = measure(genome, make, plan, Settings(methods=(KMERS, TUNED)), Parts())
    # Two folds in each of two repeats; the first segment alone lies in one of each.
    assert asked == [(KMERS,)] * 4 + [(TUNED,)] * 2
    keys = [(score.method, score.condition, score.metric) for score in scores]
    assert len(keys) == len(set(keys))
    found = {(s.method, s.condition) for s in scores if s.metric == WINDOWS}
    assert found == {(m, c) for m in (KMERS, PREVALENCE) for c in (GENOME, INFERRED, PART)} | {(TUNED, PART)}
    assert measure(genome, make, plan._replace(n_tuned=0), Settings(methods=(TUNED,))) == []


def test_make_methods_learn_the_motif(genome):
    X, y, _ = draw_examples(genome, [(0, 10_000)], 4, 0, 0)
    methods = make_methods(None, Plan(), Settings(), X, (KMERS, POSITIONS))
    for method in methods.values():
        (piece,) = scan_together({"a": method.fit(X, y)}, genome, (0, 10_000), 5).values()
        found = judge(make_track([piece], 5), genome.sites, 20, 0)
        assert found[PEAKS, ""] > 5 * found[PEAKS, SHUFFLED]


def test_draw_tracks_has_a_panel_for_each_method(genome, tmp_path):
    X, y, _ = draw_examples(genome, [], 1, 0, 0)
    piece = scan_together({"a": HasMotif().fit(X, y)}, genome, (0, 10_000), 20)["a"]
    track = make_track([piece], 20)
    figure = draw_tracks({"one": track, "other": track}, genome, (0, 10_000))
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["one", "other"]
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    n_sites = sum(position < 10_000 for _, position, _ in genome.sites)
    assert labels[2:] == [f"measured starts ({n_sites})", "inferred starts"]
    assert save(figure, tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.real_data
def test_read_genome_knows_measured_starts(real_data_home):
    genome = read_genome(str(real_data_home))
    assert len(genome.sequence) == 4_641_652
    assert (len(genome.sites), len(genome.entries)) == (838, 1997)
    assert set(genome.sites) < set(genome.entries)
    # The start of the lac promoter, 366,343 counted from 1.
    assert (genome.name, 366_342, "-") in genome.sites


@pytest.mark.slow
@pytest.mark.real_data
def test_quick_run_scans_the_real_genome(real_data_home, tmp_path):
    record = run(Settings(str(real_data_home), "cpu", 0, tmp_path, quick=True))
    assert set(record.models) == set(ALL)
    assert {row["condition"] for row in record.scores} == {GENOME, INFERRED, PART}
    assert JOINED in show(record)
