import warnings
from itertools import pairwise

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.metrics import average_precision_score

from skgenome.scanning import Peak, Track, TrackPiece, evaluate_track, find_peaks, label_windows, match_peaks

SITES = [("chr1", 12, "+"), ("chr1", 30, "-"), ("chr1", 44, ".")]


def peak(position, score, strand="+", contig="chr1"):
    return Peak(contig, position - 2, position + 3, position, strand, score)


def matched(peaks, sites, tolerance):
    """The same, as it is told: peak after peak, each looks at all sites that are left."""
    chosen, left = [-1] * len(peaks), dict(enumerate(sites))
    for i in sorted(range(len(peaks)), key=lambda i: -peaks[i].score):
        near = [
            (abs(position - peaks[i].position), j)
            for j, (contig, position, strand) in left.items()
            if contig == peaks[i].contig
            and (strand == peaks[i].strand or "." in (strand, peaks[i].strand))
            and abs(position - peaks[i].position) <= tolerance
        ]
        if near:
            chosen[i] = min(near)[1]
            del left[chosen[i]]
    return chosen


@pytest.fixture
def random_case(seed):
    """Peaks and sites so dense that many compete, on three contigs and all kinds of strands."""
    random_state = np.random.RandomState(seed)

    def draw(n):
        return zip(
            random_state.choice(["chr1", "chr2", "chr3"], n).tolist(),
            random_state.randint(100, size=n).tolist(),
            random_state.choice(["+", "-", "."], n, p=[0.4, 0.4, 0.2]).tolist(),
            strict=True,
        )

    def make(n_peaks, n_sites, levels):
        scores = random_state.randint(levels, size=n_peaks) / levels
        peaks = [peak(p, s, strand, c) for (c, p, strand), s in zip(draw(n_peaks), scores, strict=True)]
        return peaks, list(draw(n_sites))

    return make


@pytest.mark.parametrize("levels", [4, 10_000])
@pytest.mark.parametrize("tolerance", [0, 3, 12])
def test_match_peaks_agrees_with_brute_force(random_case, levels, tolerance):
    for _ in range(10):
        peaks, sites = random_case(60, 40, levels)
        assert match_peaks(peaks, sites, tolerance).tolist() == matched(peaks, sites, tolerance)


@pytest.mark.parametrize(
    ("peaks", "sites", "tolerance", "expected"),
    [
        ([peak(10, 0.9)], [("chr1", 20, "+")], 10, [0]),
        ([peak(10, 0.9)], [("chr1", 21, "+")], 10, [-1]),
        ([peak(10, 0.9)], [("chr1", 10, "-")], 10, [-1]),
        ([peak(10, 0.9)], [("chr1", 10, ".")], 10, [0]),
        ([peak(10, 0.9, ".")], [("chr1", 10, "-")], 10, [0]),
        ([peak(10, 0.9)], [("chr2", 10, "+")], 10, [-1]),
        ([peak(10, 0.7), peak(14, 0.9)], [("chr1", 11, "+")], 5, [-1, 0]),
        ([peak(10, 0.7), peak(14, 0.9)], [("chr1", 11, "+"), ("chr1", 13, "+")], 5, [0, 1]),
        ([], [("chr1", 11, "+")], 5, []),
        ([peak(10, 0.9)], [], 5, [-1]),
    ],
    ids=[
        "edge",
        "past",
        "strand",
        "any site",
        "any peak",
        "contig",
        "higher",
        "nearest",
        "no peak",
        "no site",
    ],
)
def test_match_peaks_by_hand(peaks, sites, tolerance, expected):
    assert match_peaks(peaks, sites, tolerance).tolist() == expected


@pytest.mark.parametrize("step", [1, 4, 7])
@pytest.mark.parametrize("tolerance", [None, 0, 5])
@pytest.mark.parametrize("site_offset", [None, 0, 9])
def test_label_windows_agrees_with_brute_force(make_track, step, tolerance, site_offset):
    track = make_track(np.zeros((2, 30)), step=step, window_size=10, length=250)
    labels = label_windows(track, SITES, site_offset=site_offset, tolerance=tolerance)["chr1"]
    reach = step // 2 if tolerance is None else tolerance
    offset = 5 if site_offset is None else site_offset
    for row, strand in enumerate("+-"):
        for i, start in enumerate(step * np.arange(30)):
            base = start + offset if strand == "+" else start + 9 - offset
            expected = any(abs(base - site) <= reach and s in (strand, ".") for _, site, s in SITES)
            assert labels[row, i] == expected


@pytest.mark.parametrize("step", [1, 2, 5, 8])
def test_label_windows_loses_no_site_between_windows(make_track, step):
    track = make_track(np.zeros((1, 50)), step=step, window_size=6, length=500)
    for site in range(3, 3 + 49 * step):
        assert label_windows(track, [("chr1", site, "+")])["chr1"].any()


def as_structured(sites):
    return np.array(sites, dtype=[("contig", "U10"), ("position", "i8"), ("strand", "U1")])


@pytest.mark.parametrize(
    "give",
    [
        list,
        iter,
        as_structured,
        lambda sites: pd.DataFrame(sites, columns=["contig", "position", "strand"]),
        lambda sites: pl.DataFrame(sites, schema=["contig", "position", "strand"], orient="row"),
        lambda sites: [peak(position, 1.0, strand) for _, position, strand in sites],
        lambda sites: [[contig, np.int32(position), strand] for contig, position, strand in sites],
    ],
    ids=["list", "stream", "structured", "pandas", "polars", "peaks", "lists"],
)
def test_sites_are_read_in_any_form(make_track, seed, give):
    track = make_track(np.random.RandomState(seed).rand(2, 60))
    expected = evaluate_track(track, SITES, 3, n_shuffles=2, random_state=0)
    found = evaluate_track(track, give(SITES), 3, n_shuffles=2, random_state=0)
    np.testing.assert_array_equal(found.peak_sites, expected.peak_sites)
    assert found.rows == expected.rows
    assert found.window_average_precision == expected.window_average_precision


@pytest.mark.parametrize("levels", [5, 1000])
def test_evaluate_track_agrees_with_counting(make_track, seed, levels):
    random_state = np.random.RandomState(seed)
    track = make_track(random_state.randint(levels, size=(2, 400)) / levels)
    sites = [("chr1", int(p), s) for p, s in zip(random_state.randint(400, size=30), "+-." * 10, strict=True)]
    found = evaluate_track(track, sites, 4, thresholds=[0.9, 0.5], n_shuffles=3, random_state=0)
    peaks = find_peaks(track, threshold=-np.inf, min_distance=4)
    chosen = np.array(matched(peaks, sites, 4))
    scores = np.array([peak.score for peak in peaks])
    np.testing.assert_array_equal(found.peak_sites, chosen)
    np.testing.assert_array_equal(found.scores, np.unique(scores)[::-1])
    for score, precision, recall in zip(found.scores, found.precision, found.recall, strict=True):
        assert precision == pytest.approx(np.mean(chosen[scores >= score] >= 0))
        assert recall == pytest.approx(np.sum(chosen[scores >= score] >= 0) / 30)
    points = [(0, 1), *zip(found.recall, found.precision, strict=True)]
    assert found.average_precision == pytest.approx(
        sum((r2 - r1) * p2 for (r1, _), (r2, p2) in pairwise(points))
    )
    for row in found.rows:
        is_high = scores >= row["threshold"]
        assert (row["n_peaks"], row["n_found"]) == (is_high.sum(), np.sum(chosen[is_high] >= 0))
        assert row["recall"] == row["n_found"] / 30
        mean = row["shuffled_recall_mean"]
        assert row["enrichment"] == pytest.approx(row["recall"] / mean if mean else np.nan, nan_ok=True)


def test_evaluate_track_average_precision_is_that_of_scikit_learn(make_track):
    """Where every site is near a peak, peaks are samples and found ones are positive."""
    track = make_track(np.tile([0.0, 1.0], 100) * np.arange(200))
    sites = [("chr1", position, "+") for position in (9, 55, 99, 151, 199)]
    found = evaluate_track(track, sites, 1, n_shuffles=1)
    expected = average_precision_score(found.peak_sites >= 0, [peak.score for peak in found.peaks])
    assert found.recall[-1] == 1
    assert found.average_precision == pytest.approx(expected)


def test_evaluate_track_of_windows_is_that_of_scikit_learn(make_track, seed):
    values = np.random.RandomState(seed).rand(2, 60)
    values[:, 20:25] = np.nan
    track = make_track(values)
    labels = label_windows(track, SITES)["chr1"]
    found = evaluate_track(track, SITES, 3, n_shuffles=1)
    known = ~np.isnan(values)
    assert found.window_average_precision == pytest.approx(
        average_precision_score(labels[known], values[known])
    )
    assert found.window_prevalence == labels[known].mean()


def test_evaluate_track_default_threshold_takes_as_many_peaks_as_sites(make_track):
    track = make_track(np.tile([0.0, 1.0], 50) * np.arange(100))
    found = evaluate_track(track, [("chr1", 51, "+"), ("chr1", 11, "+"), ("chr1", 12, "+")], 1, n_shuffles=5)
    assert [(row["n_peaks"], row["threshold"]) for row in found.rows] == [(3, 95.0)]


def test_evaluate_track_shuffled_recall_is_the_share_within_reach(make_track):
    """One peak with a tolerance of 10 reaches 21 of 1,005 bases."""
    values = np.zeros(1001)
    values[500] = 1
    found = evaluate_track(
        make_track(values), [("chr1", 502, "+")], 10, peaks=[peak(502, 1.0)], n_shuffles=4000, random_state=0
    )
    row = found.rows[0]
    assert row["shuffled_recall_mean"] == pytest.approx(21 / 1005, abs=0.007)
    assert row["enrichment"] == pytest.approx(1005 / 21, rel=0.35)
    assert row["p_value"] == found.p_value == pytest.approx(21 / 1005, abs=0.007)


def test_evaluate_track_perfect_track_has_the_smallest_p_value(make_track):
    values = np.zeros(2000)
    places = np.arange(50, 2000, 200)
    values[places] = 1
    sites = [("chr1", int(place) + 2, "+") for place in places]
    found = evaluate_track(make_track(values), sites, 5, thresholds=[0.5, 2.0], n_shuffles=19, random_state=1)
    assert found.average_precision == 1
    assert found.p_value == found.rows[0]["p_value"] == 1 / 20
    assert found.rows[0]["enrichment"] > 3
    assert found.rows[1]["n_peaks"] == 0
    assert np.isnan(found.rows[1]["precision"])
    assert np.isnan(found.rows[1]["enrichment"])
    assert found.rows[1]["p_value"] == 1


def test_evaluate_track_shuffles_within_what_was_scanned(seed):
    """Peaks lie on every base of two regions; a site that moved there is found, one outside would not be."""
    starts = np.concatenate([np.arange(100, 120), np.arange(300, 320)])
    pieces = {name: TrackPiece(name, 1000, starts, np.full((1, 40), 0.5), 0) for name in ("chr1", "chr2")}
    track = Track(pieces, 5, 1, ("+",))
    everywhere = [*range(100, 124), *range(300, 324)]
    peaks = [peak(position, 1.0, "+", contig) for contig in pieces for position in everywhere]
    sites = [("chr1", 110, "+"), ("chr1", 99, "+"), ("chr1", 124, "+"), ("chr2", 323, "+"), ("chr2", 5, "+")]
    found = evaluate_track(track, sites, 0, peaks=peaks, n_shuffles=50, random_state=seed)
    assert (found.n_sites, found.n_outside) == (2, 3)
    assert found.recall[-1] == 1
    np.testing.assert_array_equal(found.shuffled_average_precision > 0, True)
    assert found.rows[0]["shuffled_recall_std"] == 0
    assert sorted(found.peak_sites[found.peak_sites >= 0]) == [0, 3]


def test_evaluate_track_same_seed_same_result(make_track, seed):
    track = make_track(np.random.RandomState(seed).rand(2, 60))
    one, two, other = (evaluate_track(track, SITES, 3, n_shuffles=20, random_state=i) for i in (5, 5, 6))
    np.testing.assert_array_equal(one.shuffled_average_precision, two.shuffled_average_precision)
    assert not np.array_equal(one.shuffled_average_precision, other.shuffled_average_precision)


def test_evaluate_track_without_any_peak(make_track):
    with warnings.catch_warnings(action="error"):
        found = evaluate_track(make_track([0.1, 0.2, 0.1]), [("chr1", 3, "+")], 1, peaks=[], n_shuffles=2)
    assert (found.average_precision, found.p_value, found.rows) == (0.0, 1.0, [])


def test_evaluate_track_without_a_window_that_holds_a_site(make_track):
    """The site is covered, but in the middle of no window."""
    found = evaluate_track(make_track([0.1, 0.2, 0.1]), [("chr1", 0, "+")], 5, n_shuffles=1)
    assert np.isnan(found.window_average_precision)
    assert found.window_prevalence == 0
    assert np.isnan(found.rows[0]["shuffled_recall_std"])


@pytest.mark.parametrize(
    ("sites", "error", "message"),
    [
        ([], ValueError, "at least one site"),
        ("chr1", TypeError, "sites must be a table or a list of .* Got str"),
        (5, TypeError, "Got int"),
        ([("chr9", 5, "+")], ValueError, r"sites\[0\] must lie on a contig of the track.*'chr9'"),
        (
            [("chr1", 5, "+"), ("chr1", 64, "+")],
            ValueError,
            r"sites\[1\] must lie on its contig, which has 64 bases",
        ),
        ([("chr1", -1, "+")], ValueError, "whole number from 0 as position. Got -1"),
        ([("chr1", 5.0, "+")], ValueError, "Got 5.0"),
        ([("chr1", 5, "forward")], ValueError, "as strand. Got 'forward'"),
        ([("chr1", 5)], TypeError, r"sites\[0\] must be \(contig, position, strand\)"),
        ([(1, 5, "+")], TypeError, "the contig a str. Got"),
        (pd.DataFrame({"contig": ["chr1"], "start": [5]}), ValueError, r"lacks \['position', 'strand'\]"),
    ],
)
def test_evaluate_track_refuses_wrong_sites(make_track, sites, error, message):
    with pytest.raises(error, match=message):
        evaluate_track(make_track(np.zeros((2, 60))), sites, 3)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"tolerance": -1}, r"'tolerance' parameter of evaluate_track .* Got -1"),
        ({"tolerance": 2.5}, "'tolerance' parameter of evaluate_track"),
        ({"n_shuffles": 0}, "'n_shuffles' parameter of evaluate_track"),
        ({"thresholds": 0.5}, "'thresholds' parameter of evaluate_track"),
        ({"thresholds": [np.nan]}, "thresholds must be a list of numbers. Got"),
        ({"site_offset": 5}, "site_offset must be in the window"),
        ({"peaks": [peak(5, 1.0, contig="chr9")]}, r"peaks\[0\] must lie on a contig of the track"),
        ({"track": [0.5]}, "'track' parameter of evaluate_track"),
    ],
)
def test_evaluate_track_refuses_wrong_parameters(make_track, parameters, message):
    parameters = {"track": make_track(np.zeros((2, 60))), "sites": SITES, "tolerance": 3} | parameters
    with pytest.raises(ValueError, match=message):
        evaluate_track(**parameters)


def test_evaluate_track_needs_a_site_in_what_was_scanned(make_track):
    track = make_track([0.5, np.nan], starts=[0, 50], step=50, length=100)
    with pytest.raises(ValueError, match="None of the 1 is in a window with a value"):
        evaluate_track(track, [("chr1", 52, "+")], 3)
