from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from skgenome.scanning import scan


def mean_over_windows(starts, values, window_size, length):
    """The mean of the windows with a value over each base, one base at a time."""
    bases = np.full(length, np.nan)
    for base in range(length):
        covering = [
            v for s, v in zip(starts, values, strict=True) if s <= base < s + window_size and not np.isnan(v)
        ]
        if covering:
            bases[base] = np.mean(covering)
    return bases


@pytest.mark.parametrize(("window_size", "step"), [(10, 1), (10, 3), (7, 7), (4, 9), (60, 5)])
def test_track_per_base_is_the_mean_over_windows(make_track, seed, window_size, step):
    random_state = np.random.RandomState(seed)
    starts = np.arange(0, 200, step)
    values = random_state.rand(2, len(starts))
    values[:, random_state.rand(len(starts)) < 0.2] = np.nan
    track = make_track(values, starts=starts, step=step, window_size=window_size, length=290)
    for row, strand in enumerate("+-"):
        expected = mean_over_windows(starts, values[row], window_size, 290)
        np.testing.assert_allclose(track.per_base("chr1", strand), expected, rtol=1e-12)


def test_track_per_base_keeps_its_digits_over_a_long_contig(make_track, seed):
    """One running sum over a million windows would lose them."""
    values = 1e6 + np.random.RandomState(seed).rand(300_000)
    bases = make_track(values, window_size=3).per_base("chr1")
    expected = (values[:-2] + values[1:-1] + values[2:]) / 3
    np.testing.assert_allclose(bases[2:-2], expected, rtol=1e-11)


def test_track_of_a_scan_covers_every_base(make_hash_classifier, make_dna):
    track = scan(make_hash_classifier(), {"c": make_dna(103)}, window_size=20, step=17)
    assert np.isfinite(track.per_base("c", "-")).all()


def test_track_runs_are_apart_and_differ(make_track):
    track = make_track([0, 0, 0, 1, 1, np.nan, np.nan, 0, 0], step=2, window_size=2)
    starts, ends, means = track.runs("chr1")
    assert list(zip(starts.tolist(), ends.tolist(), means.tolist(), strict=True)) == [
        (0, 6, 0),
        (6, 10, 1),
        (14, 18, 0),
    ]


@pytest.mark.parametrize(("how", "expected"), [("max", [0.5, 0.9, np.nan]), ("mean", [0.3, 0.8, np.nan])])
def test_track_aggregate_puts_strands_together(make_track, how, expected):
    track = make_track([[0.1, 0.9, np.nan], [0.5, 0.7, np.nan]])
    together = track.aggregate(how)
    assert together.strands == (".",)
    np.testing.assert_allclose(together.values("chr1"), expected)
    assert track.strands == ("+", "-")


@pytest.mark.parametrize(
    ("site_offset", "forward", "reverse"), [(None, 3, 2), (0, 0, 5), (5, 5, 0), (1, 1, 4)]
)
def test_track_positions_read_from_each_strand(make_track, site_offset, forward, reverse):
    track = make_track(np.zeros((2, 3)), step=10, window_size=6)
    assert track.positions("chr1", "+", site_offset).tolist() == [forward, 10 + forward, 20 + forward]
    assert track.positions("chr1", "-", site_offset).tolist() == [reverse, 10 + reverse, 20 + reverse]


def test_track_positions_are_bases_of_the_windows(make_word_classifier):
    """The first base of a word on each strand, from windows that hold the word alone."""
    track = scan(make_word_classifier("TATGCA"), {"c": "CCTATGCACCTGCATACC"}, window_size=6, step=1)
    first = {s: track.positions("c", s, 0)[track.values("c", s) == 1].tolist() for s in "+-"}
    assert first == {"+": [2], "-": [15]}


def test_track_cannot_be_changed(make_hash_classifier, make_dna):
    track = scan(make_hash_classifier(), {"c": make_dna(30)}, window_size=20, step=1)
    with pytest.raises(FrozenInstanceError, match="cannot assign"):
        track.step = 2
    for array in (track.starts("c"), track.values("c", "-"), track.aggregate().values("c")):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_track_repr_says_what_it_holds(make_track):
    text = repr(make_track([[0, 1, np.nan], [0, 1, np.nan]], length=10))
    assert (
        "probability of site: 1 contigs with 10 bases, 3 windows of 5 bases on strands + -, 1 skipped" in text
    )


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda track: track.values("chr9", "+"), KeyError, r"no contig 'chr9'; it has \['chr1'\]"),
        (lambda track: track.per_base("chr1"), ValueError, r"\['\+', '-'\]. Got None .* aggregate\(\)"),
        (lambda track: track.values("chr1", "."), ValueError, "Got '.' instead"),
        (lambda track: track.aggregate("min"), ValueError, r"\['max', 'mean'\]. Got 'min'"),
        (lambda track: track.positions("chr1", "+", 5), ValueError, "from 0 to 4. Got 5"),
        (lambda track: track.positions("chr1", "+", -1), ValueError, "from 0 to 4. Got -1"),
        (
            lambda track: track.aggregate().positions("chr1", site_offset=1),
            ValueError,
            "no meaning on a track without",
        ),
    ],
)
def test_track_refuses_what_it_has_not(make_track, call, error, message):
    with pytest.raises(error, match=message):
        call(make_track(np.zeros((2, 3))))
