import numpy as np
import pytest
from scipy import signal

from skgenome.scanning import Peak, find_peaks, scan


def local_maxima(values, starts, step):
    """Middles of the plateaus that are higher than what is on both sides, by walking from each window."""
    found = []
    for i, value in enumerate(values):
        if np.isnan(value):
            continue
        low = high = i
        while low > 0 and starts[low] - starts[low - 1] <= step and values[low - 1] == value:
            low -= 1
        while (
            high + 1 < len(values) and starts[high + 1] - starts[high] <= step and values[high + 1] == value
        ):
            high += 1
        before = low > 0 and starts[low] - starts[low - 1] <= step and values[low - 1] > value
        behind = (
            high + 1 < len(values) and starts[high + 1] - starts[high] <= step and values[high + 1] > value
        )
        if i == (low + high) // 2 and not before and not behind:
            found.append(i)
    return found


def thinned(candidates, values, starts, min_distance):
    """The highest of what is left, again and again."""
    left, kept = list(candidates), []
    while left:
        best = max(left, key=lambda i: (values[i], -starts[i]))
        kept.append(best)
        left = [i for i in left if abs(starts[i] - starts[best]) >= min_distance]
    return sorted(kept)


@pytest.mark.parametrize("levels", [3, 1000])
@pytest.mark.parametrize("min_distance", [1, 4, 15])
def test_find_peaks_agrees_with_brute_force(make_track, seed, levels, min_distance):
    """Few levels make plateaus; starts that jump make gaps; some values are missing."""
    random_state = np.random.RandomState(seed)
    for _ in range(20):
        values = random_state.randint(levels, size=60) / levels
        values[random_state.rand(60) < 0.1] = np.nan
        starts = np.cumsum(np.where(random_state.rand(60) < 0.1, 9, 2))
        track = make_track(values, starts=starts, step=2, window_size=6)
        candidates = [i for i in local_maxima(values, starts, 2) if values[i] >= 0.3]
        expected = thinned(candidates, values, starts, min_distance)
        peaks = find_peaks(track, threshold=0.3, min_distance=min_distance)
        assert [peak.start for peak in peaks] == starts[expected].tolist()
        assert [peak.score for peak in peaks] == values[expected].tolist()


def test_find_peaks_agrees_with_scipy_away_from_the_ends(make_track, seed):
    values = np.random.RandomState(seed).rand(500)
    values[[0, -1]] = -1
    places, _ = signal.find_peaks(values, height=0.4, distance=7)
    peaks = find_peaks(make_track(values), threshold=0.4, min_distance=7)
    assert [peak.start for peak in peaks] == places.tolist()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([5], [0]),
        ([1, 1, 1], [1]),
        ([3, 2, 1], [0]),
        ([1, 2, 3], [2]),
        ([1, np.nan, 1], [0, 2]),
        ([np.nan, np.nan], []),
        ([1, 2, 2, 1], [1]),
        ([1, 2, 2, 3], [3]),
        ([2, 1, 2], [0, 2]),
    ],
)
def test_find_peaks_at_ends_and_plateaus(make_track, values, expected):
    peaks = find_peaks(make_track(values), threshold=-np.inf, min_distance=1)
    assert [peak.start for peak in peaks] == expected


def test_find_peaks_gives_the_word_on_its_strand(make_word_classifier):
    track = scan(
        make_word_classifier("TATGCA"), {"c": "CCTATGCACCTGCATACC", "d": "C" * 20}, window_size=6, step=1
    )
    assert find_peaks(track, threshold=0.5, min_distance=5, site_offset=0) == [
        Peak("c", 2, 8, 2, "+", 1.0),
        Peak("c", 10, 16, 15, "-", 1.0),
    ]
    assert [peak.strand for peak in find_peaks(track.aggregate(), threshold=0.5, min_distance=5)] == [
        ".",
        ".",
    ]


def test_find_peaks_has_none_on_a_contig_without_windows(make_track):
    track = make_track(np.empty((1, 0)), starts=np.empty(0, dtype=int), length=3)
    assert find_peaks(track, threshold=0, min_distance=1) == []


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"min_distance": 0}, r"'min_distance' parameter .* \[1, inf\). Got 0"),
        ({"threshold": "high"}, "'threshold' parameter of find_peaks must be a float"),
        ({"threshold": np.nan}, "'threshold' parameter of find_peaks"),
        ({"site_offset": 5}, "site_offset must be in the window"),
        ({"track": [0.1, 0.5]}, "'track' parameter of find_peaks must be an instance of .*Track"),
    ],
)
def test_find_peaks_refuses_wrong_parameters(make_track, parameters, message):
    parameters = {"track": make_track([1, 2]), "threshold": 0, "min_distance": 1} | parameters
    with pytest.raises(ValueError, match=message):
        find_peaks(**parameters)
