"""The scripts of the gallery run, write their picture, and are shown with it."""

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib import pyplot

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted((ROOT / "examples").glob("plot_*.py"))
GALLERY = (ROOT / "docs" / "user_guide" / "gallery.rst").read_text()


def check_scan(names):
    row = names["found"].rows[0]
    assert row["recall"] > 3 * row["shuffled_recall_mean"]


def check_perturbation(names):
    """The profile of windows of 7 bases is lowest at the first of the boxes, and second at the other."""
    profile = names["perturbed"].importances_mean[:, 1].mean(axis=0)
    inside = ~np.isnan(profile)
    places = (names["perturbed"].positions - 60)[inside][profile[inside].argsort()]
    assert -12 <= places[0] <= -8
    assert -37 <= next(place for place in places if place < -25) <= -32


def check_variants(names):
    """The worst of the substitutions are in a box."""
    places = [names["substituted"].variants[i].position - names["start"] for i in names["order"][:3]]
    assert all(-14 <= place <= -6 or -38 <= place <= -29 for place in places)


CHECKS = {"plot_scan": check_scan, "plot_perturbation": check_perturbation, "plot_variants": check_variants}


@pytest.fixture
def no_screen():
    pyplot.switch_backend("Agg")
    yield
    pyplot.close("all")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_example_finds_what_is_there_and_writes_a_picture(script, tmp_path, monkeypatch, no_screen, capsys):
    path = tmp_path / "picture.png"
    monkeypatch.setattr(sys, "argv", [str(script), str(path)])
    names = runpy.run_path(str(script), run_name="__main__")
    assert path.read_bytes().startswith(b"\x89PNG")
    panels = [ax for ax in names["figure"].axes if ax.get_label() != "<colorbar>"]
    assert panels
    assert all(ax.get_xlabel() and ax.get_ylabel() for ax in panels)
    CHECKS[script.stem](names)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_gallery_shows_every_example_with_its_picture(script):
    assert f"literalinclude:: ../../examples/{script.name}" in GALLERY
    assert f"image:: ../images/{script.stem}.png" in GALLERY
    assert (ROOT / "docs" / "images" / f"{script.stem}.png").is_file()
