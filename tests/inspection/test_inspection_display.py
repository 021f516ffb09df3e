"""The pictures: what they show is what was computed, where it belongs."""

import sys

import numpy as np
import pytest

from skgenome.inspection import (
    MutagenesisDisplay,
    PerturbationDisplay,
    in_silico_mutagenesis,
    perturbation_importance,
)

SEQUENCES = ["ACGTTGCAAGTC", "CCATGGATA"]


@pytest.fixture(autouse=True)
def pyplot():
    """Draw to memory, and leave no figure open."""
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("Agg")
    yield pyplot
    pyplot.close("all")


@pytest.fixture(scope="module")
def perturbed(kmer_classifier):
    return perturbation_importance(
        kmer_classifier, SEQUENCES, widths=[1, 3, 5], n_repeats=4, n_null=2, random_state=0
    )


@pytest.fixture(scope="module")
def mutated(kmer_classifier):
    return in_silico_mutagenesis(kmer_classifier, SEQUENCES)


def mesh_of(display):
    return display.ax_.collections[0]


def test_perturbation_display_heatmap_is_the_mean_over_sequences(perturbed):
    display = PerturbationDisplay(perturbed).plot()
    shown = np.ma.filled(mesh_of(display).get_array(), np.nan)
    expected = perturbed.importances_mean.copy()
    # The second sequence is shorter: behind its end, the mean is that of the first.
    only = np.isnan(expected[1])
    expected[1][only] = expected[0][only]
    np.testing.assert_allclose(shown, expected.mean(axis=0))
    assert display.figure_ is display.ax_.figure


def test_perturbation_display_colours_are_centred_on_zero(perturbed):
    low, high = mesh_of(PerturbationDisplay(perturbed).plot(index=0)).get_clim()
    assert low == -high
    assert high == np.nanmax(np.abs(perturbed.importances_mean[0]))


def test_perturbation_display_names_what_it_shows(perturbed):
    display = PerturbationDisplay(perturbed).plot()
    assert [tick.get_text() for tick in display.ax_.get_yticklabels()] == ["1", "3", "5"]
    assert display.ax_.get_xlabel() == "position (bp from the start)"
    assert display.ax_.get_title(loc="left") == "mean of 2 sequences"
    assert display.figure_.axes[1].get_ylabel() == "change of the\nprobability of class 1"


def test_perturbation_display_origin_and_sites_shift_together(perturbed):
    display = PerturbationDisplay(perturbed).plot(origin=7, sites={"TSS": 7, "-5": 2})
    assert display.ax_.get_xlabel() == "position relative to base 7 (bp)"
    assert display.ax_.get_xlim() == (-7.5, 4.5)
    assert [line.get_xdata()[0] for line in display.ax_.lines] == [0, -5]
    assert [text.get_text() for text in display.ax_.texts] == ["TSS", "-5"]


@pytest.mark.parametrize(("band", "divisor"), [("sd", 1), ("se", np.sqrt(2))], ids=["sd", "se"])
def test_perturbation_display_profile_is_mean_with_a_band(band, divisor, perturbed):
    display = PerturbationDisplay(perturbed).plot(kind="profile", width=3, band=band)
    line = display.ax_.lines[1]
    values = perturbed.importances_mean[:, 1, 4]
    assert line.get_ydata()[4] == pytest.approx(values.mean())
    corners = display.ax_.collections[0].get_paths()[0].vertices
    at_four = corners[corners[:, 0] == 4, 1]
    half = values.std(ddof=1) / divisor
    assert [at_four.min(), at_four.max()] == pytest.approx([values.mean() - half, values.mean() + half])


def test_perturbation_display_profile_of_one_sequence_has_the_band_of_repeats(perturbed):
    display = PerturbationDisplay(perturbed).plot(kind="profile", index=1, width=[1, 5], band="se")
    assert len(display.ax_.collections) == 2
    corners = display.ax_.collections[0].get_paths()[0].vertices
    mean, std = perturbed.importances_mean[1, 0, 4], perturbed.importances_std[1, 0, 4]
    assert corners[corners[:, 0] == 4, 1].max() == pytest.approx(mean + std / 2)
    assert display.ax_.get_title(loc="left") == "sequence 1"


def test_perturbation_display_profile_shows_the_widest_and_its_null(perturbed):
    display = PerturbationDisplay(perturbed).plot(kind="profile", band=None)
    assert not display.ax_.collections
    _, line, null = display.ax_.lines
    assert line.get_label() == "windows of 5 bp"
    assert null.get_ydata()[0] == pytest.approx(perturbed.null_mean[:, 2].mean())
    assert null.get_label() == "… of shuffled sequences"


def test_perturbation_display_null_of_one_sequence(perturbed):
    display = PerturbationDisplay(perturbed).plot(kind="profile", index=1)
    assert display.ax_.lines[2].get_ydata()[0] == pytest.approx(perturbed.null_mean[1, 2])


def test_perturbation_display_without_null_has_no_line_of_it(kmer_classifier):
    display = PerturbationDisplay.from_estimator(
        kmer_classifier, SEQUENCES[:1], kind="profile", widths=3, replacement="N"
    )
    assert len(display.ax_.lines) == 2
    assert display.ax_.get_title(loc="left") == "one sequence"


def test_perturbation_display_of_no_change_is_white(word_scorer):
    """A model that sees nothing is drawn, too."""
    display = PerturbationDisplay.from_estimator(
        word_scorer("TATAAT"), ["ACACACACAC"], widths=3, replacement="shuffle", step=2
    )
    assert mesh_of(display).get_clim() == (-1, 1)


def test_display_draws_on_axes_that_are_given(pyplot, perturbed, mutated):
    _, axes = pyplot.subplots(2)
    assert PerturbationDisplay(perturbed).plot(ax=axes[0]).ax_ is axes[0]
    assert MutagenesisDisplay(mutated).plot(axes[1]).ax_ is axes[1]


def test_display_names_the_predicted_class(place_scorer, draw_dna):
    sequences = draw_dna(1, *[15] * 8)
    display = MutagenesisDisplay.from_estimator(
        place_scorer(3), sequences, response_method="decision_function"
    )
    assert len(set(display.result.target)) > 1
    assert display.figure_.axes[1].get_ylabel() == "change of the\ndecision value of the predicted class"


def test_mutagenesis_display_heatmap_of_one_sequence_marks_its_bases(mutated):
    display = MutagenesisDisplay(mutated).plot(index=1, origin=2)
    shown = np.ma.filled(mesh_of(display).get_array(), np.nan)
    np.testing.assert_array_equal(shown, mutated.attributions[1])
    dots = display.ax_.collections[1].get_offsets()
    np.testing.assert_array_equal(dots[:, 0], np.arange(9) - 2)
    assert "".join("ACGT"[int(y)] for y in dots[:, 1]) == SEQUENCES[1]
    assert [tick.get_text() for tick in display.ax_.get_yticklabels()] == list("ACGT")


def test_mutagenesis_display_heatmap_of_many_has_no_marks(mutated):
    display = MutagenesisDisplay(mutated).plot(sites={"start": 3})
    assert len(display.ax_.collections) == 1
    shown = np.ma.filled(mesh_of(display).get_array(), np.nan)
    np.testing.assert_allclose(shown[:, 3], mutated.attributions[:, :, 3].mean(axis=0))


def letters_of(monkeypatch, result, **params):
    """Give the heights that logomaker is asked to draw."""
    logomaker = pytest.importorskip("logomaker")
    frames = []
    monkeypatch.setattr(logomaker, "Logo", lambda frame, **_: frames.append(frame))
    display = MutagenesisDisplay(result).plot(kind="logo", **params)
    return frames[0], display


def test_mutagenesis_display_logo_of_one_is_the_mean_loss(monkeypatch, mutated):
    frame, display = letters_of(monkeypatch, mutated, index=1, origin=4)
    assert frame.index.tolist() == list(range(-4, 8))
    losses = -mutated.attributions[1, [0, 1, 3], 4] / 3
    assert frame.loc[0, "G"] == pytest.approx(losses.sum())
    assert (frame.loc[0, list("ACT")] == 0).all()
    # Behind the end of the shorter sequence there is no letter.
    assert (frame.loc[5:] == 0).all(axis=None)
    assert display.ax_.get_ylabel() == "loss of the\nprobability of class 1"


def test_mutagenesis_display_logo_of_many_is_the_preference(monkeypatch, mutated):
    frame, display = letters_of(monkeypatch, mutated)
    mean = mutated.attributions[:, :, 2].mean(axis=0)
    np.testing.assert_allclose(frame.loc[2], mean - mean.mean())
    assert display.ax_.get_ylabel() == "preference in the\nprobability of class 1"


def test_mutagenesis_display_draws_a_logo(kmer_classifier):
    pytest.importorskip("logomaker")
    display = MutagenesisDisplay.from_estimator(
        kmer_classifier, ["ACGTT"], kind="logo", positions=[1, 2, 3], sites={"here": 2}
    )
    assert len(display.ax_.patches) >= 3
    assert display.ax_.get_xlim() == (0.5, 3.5)


def test_mutagenesis_display_says_how_to_get_logomaker(monkeypatch, mutated):
    monkeypatch.setitem(sys.modules, "logomaker", None)
    with pytest.raises(ImportError, match=r"Logos need logomaker. .* pip install 'skgenome\[plots\]'"):
        MutagenesisDisplay(mutated).plot(kind="logo")


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"kind": "bars"}, "kind must be 'heatmap' or "),
        ({"index": 2}, "a sequence from 0 to 1, or None. Got 2"),
        ({"index": -1}, "Got -1"),
        ({"sites": {"TSS": 60}}, "between the positions 0 and 11.* Got 'TSS' at 60"),
    ],
    ids=["kind", "index", "negative", "site"],
)
@pytest.mark.parametrize("name", ["perturbed", "mutated"])
def test_display_refuses(name, params, message, request):
    cls = PerturbationDisplay if name == "perturbed" else MutagenesisDisplay
    with pytest.raises(ValueError, match=message):
        cls(request.getfixturevalue(name)).plot(**params)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"width": 7}, r"among those that were computed, \[1, 3, 5\]. Got 7"),
        ({"band": "ci"}, "band must be 'sd', 'se' or None. Got 'ci'"),
    ],
    ids=["width", "band"],
)
def test_perturbation_display_refuses(params, message, perturbed):
    with pytest.raises(ValueError, match=message):
        PerturbationDisplay(perturbed).plot(kind="profile", **params)


@pytest.mark.parametrize("positions", [[2, 9, 10], [10, 2, 9]])
def test_mutagenesis_display_draws_every_base_at_its_place(positions, word_scorer):
    """Between bases that were not asked for, the map is empty."""
    sequence = "GATTACATATAA"
    result = in_silico_mutagenesis(word_scorer("TATA"), [sequence], positions=positions)
    display = MutagenesisDisplay(result).plot(index=0, sites={"start": 5})
    mesh = mesh_of(display)
    np.testing.assert_array_equal(mesh.get_coordinates()[0, :, 0], np.arange(10) + 1.5)
    shown = np.ma.filled(mesh.get_array(), np.nan)
    columns = {int(p): result.attributions[0][:, i] for i, p in enumerate(result.positions)}
    for i, column in enumerate(shown.T):
        np.testing.assert_array_equal(column, columns.get(i + 2, np.full(4, np.nan)))
    dots = display.ax_.collections[1].get_offsets()
    assert {int(x): "ACGT"[int(y)] for x, y in dots} == {p: sequence[p] for p in positions}
    assert display.ax_.get_xlim() == (1.5, 10.5)
