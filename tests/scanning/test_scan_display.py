import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.collections import PathCollection

from skgenome.scanning import ScanDisplay, scan

mpl.use("Agg")
import matplotlib.pyplot as plt


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def heights(display, strand):
    return display.lines_[strand].get_ydata()


def legend(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


def triangles(display):
    """Places of the sites drawn, those above and those below the middle line."""
    collections = [c for c in display.ax_.collections if isinstance(c, PathCollection)]
    points = np.concatenate([np.asarray(c.get_offsets()).reshape(-1, 2) for c in collections])
    return sorted(points[points[:, 1] > 0, 0]), sorted(points[points[:, 1] < 0, 0])


def test_scan_display_mirrors_the_reverse_strand(make_track, seed):
    values = np.random.RandomState(seed).rand(2, 50)
    display = ScanDisplay(make_track(values, window_size=6)).plot()
    np.testing.assert_array_equal(display.lines_["+"].get_xdata(), np.arange(50) + 3)
    np.testing.assert_array_equal(display.lines_["-"].get_xdata(), np.arange(50) + 2)
    np.testing.assert_array_equal(heights(display, "+"), values[0])
    np.testing.assert_array_equal(heights(display, "-"), -values[1])
    assert legend(display) == ["forward strand", "reverse strand"]
    assert display.figure_ is display.ax_.figure


@pytest.mark.parametrize("row", [0, 1])
def test_scan_display_of_one_strand_has_one_side(make_track, row):
    strand = "+-"[row]
    display = ScanDisplay(make_track([[0.2, 0.8, 0.4]], strands=(strand,))).plot(sites=[("chr1", 3, ".")])
    low, high = display.ax_.get_ylim()
    assert (low == 0, high == 0) == (row == 0, row == 1)
    assert [len(side) for side in triangles(display)] == [1 - row, row]


def test_scan_display_of_strands_together(make_track):
    track = make_track([[0.2, 0.8, 0.4], [0.5, 0.1, 0.6]]).aggregate()
    display = ScanDisplay(track).plot(sites=[("chr1", 2, "+"), ("chr1", 4, "-")])
    np.testing.assert_array_equal(heights(display, "."), [0.5, 0.8, 0.6])
    assert triangles(display) == ([2, 4], [])
    assert legend(display) == ["strands together", "known sites (2)"]


def test_scan_display_draws_the_sites_of_the_region_on_their_side(make_track):
    track = make_track(np.ones((2, 100)))
    sites = [("chr1", 20, "+"), ("chr1", 30, "-"), ("chr1", 35, "."), ("chr1", 80, "+")]
    display = ScanDisplay(track).plot(region=("chr1", 10, 50), sites=sites)
    assert triangles(display) == ([20, 35], [30])
    assert legend(display)[-1] == "known sites (3)"
    assert display.ax_.get_xlim() == (10, 50)
    assert display.lines_["+"].get_xdata()[[0, -1]].tolist() == [10, 49]


@pytest.mark.parametrize(
    ("length", "unit", "at", "label"),
    [(2_000, "bp", 1500, "1,500"), (400_000, "kb", 1500, "1.5"), (40_000_000, "Mb", 2_500_000, "2.5")],
)
def test_scan_display_has_a_unit_that_fits(make_track, length, unit, at, label):
    display = ScanDisplay(make_track([0.5, 0.7], starts=[0, 10], length=length)).plot()
    assert display.ax_.get_xlabel() == f"position on chr1 ({unit})"
    assert display.ax_.get_ylabel() == "probability of site"
    assert display.ax_.xaxis.get_major_formatter()(at, 0) == label


def test_scan_display_values_on_the_axis_are_those_of_the_track(make_track):
    """Below the middle line, and for decision values, which start at the lowest."""
    display = ScanDisplay(make_track([[-2.0, 3.0], [1.0, 0.0]])).plot()
    value = display.ax_.yaxis.get_major_formatter()
    assert [value(y, 0) for y in heights(display, "+")] == ["-2", "3"]
    assert [value(y, 0) for y in heights(display, "-")] == ["1", "0"]
    assert value(0, 0) == "-2"
    assert value(5.5, 0) == ""


@pytest.mark.parametrize(
    ("lowest", "highest", "base"), [(-12.1, 18, "-15"), (-0.3, 0.4, "-0.3"), (-7, -6, "-7")]
)
def test_scan_display_middle_line_is_a_round_number_below_all(make_track, lowest, highest, base):
    display = ScanDisplay(make_track([[lowest, highest]])).plot()
    assert display.ax_.yaxis.get_major_formatter()(0, 0) == base


def test_scan_display_keeps_the_highest_of_many_windows(make_track, seed):
    values = np.random.RandomState(seed).rand(10_001) / 2
    values[7777], values[5] = 1.0, np.nan
    display = ScanDisplay(make_track(values)).plot()
    drawn = heights(display, "+")
    assert len(drawn) == 10_001 // 3 + 1
    np.testing.assert_array_equal(drawn[:-1], [np.nanmax(values[i : i + 3]) for i in range(0, 9999, 3)])
    assert abs(display.lines_["+"].get_xdata()[np.argmax(drawn)] - 7779) <= 1
    assert display.ax_.get_ylabel().endswith("(highest of 3 windows)")


def test_scan_display_breaks_the_line_where_windows_are_missing(make_track):
    display = ScanDisplay(make_track([0.1, 0.2, 0.3, 0.4], starts=[0, 1, 50, 51])).plot()
    np.testing.assert_array_equal(heights(display, "+"), [0.1, 0.2, np.nan, 0.3, 0.4])


@pytest.mark.parametrize("region", ["b", ("b", 20, 90), None])
def test_scan_display_from_estimator_scans_and_draws(make_hash_classifier, make_dna, region):
    genome = {"b": make_dna(120), "a": make_dna(50)}
    _, ax = plt.subplots()
    display = ScanDisplay.from_estimator(
        make_hash_classifier(),
        genome,
        window_size=10,
        step=1,
        region=region,
        ax=ax,
        sites=[("b", 40, "-")],
        site_offset=0,
    )
    regions = None if region is None else [region]
    expected = scan(make_hash_classifier(), genome, window_size=10, step=1, regions=regions)
    assert display.ax_ is ax
    assert ax.get_xlabel() == "position on b (bp)"
    first = expected.starts("b")[0]
    assert display.lines_["+"].get_xdata()[0] == first
    inside = len(heights(display, "-"))
    np.testing.assert_array_equal(heights(display, "-"), -expected.values("b", "-")[:inside])


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"region": "chr9"}, KeyError, "no contig 'chr9'"),
        ({"region": ("chr9", 0, 10)}, KeyError, "no contig 'chr9'"),
        ({"region": ("chr1", 50, 60)}, ValueError, r"no value in the region \('chr1', 50, 60\)"),
        ({"sites": [("chr2", 5, "+")]}, ValueError, r"sites\[0\] must lie on a contig"),
        ({"site_offset": 9}, ValueError, "site_offset must be in the window"),
    ],
)
def test_scan_display_refuses_what_it_cannot_draw(make_track, parameters, error, message):
    display = ScanDisplay(make_track([[0.1, 0.2], [0.1, 0.2]], length=100))
    with pytest.raises(error, match=message):
        display.plot(**parameters)
    assert plt.get_fignums() == []
