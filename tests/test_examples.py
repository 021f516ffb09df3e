"""The scripts of the gallery run, draw one picture, and find what is there to be found."""

import ast
import re
import runpy
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from matplotlib import pyplot

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted((ROOT / "examples").glob("plot_*.py"))


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


def check_tokens(names):
    """6-mers are all there; of 10-mers many are not, and their shuffles seem to be known as well."""
    counts, bits_shuffled = names["counts"], names["bits"]
    assert counts[6].min() > 50
    assert (counts[10] == 0).mean() > 0.2
    assert bits_shuffled[6] > 1.98
    assert bits_shuffled[9] < 1.7


def check_pretraining(names):
    """The network passes the best of the Markov models, on held-out stretches and on other genomes."""
    lm, markov = names["lm"], names["markov"]
    reached = (
        lm.history_[-1]["valid_bits_per_base"],
        lm.bits_per_base(names["tokenizer"].transform(names["others"])),
    )
    assert max(reached) < min(markov) - 0.02
    assert markov[9] > 2


def check_composition(names):
    """GC content is best, 4-mers are worst, and all gain with the length of a window."""
    scores = {name: np.array(values) for name, values in names["scores"].items()}
    assert (scores["GC content"] > scores["language model"]).all()
    assert (scores["language model"] > scores["4-mers"]).all()
    assert all((np.diff(values) > 0.03).all() for values in scores.values())


def check_few_labels(names):
    """The language model with 200 labels is better than k-mers with 1000."""
    curve = names["curve"]
    assert curve.mean("language model + lasso")[2] > curve.mean("k-mers + lasso")[3]


def check_multilabel(names):
    """Every label is found more often than by chance, genes best and promoters worst."""
    rows = {row["label"]: row for row in names["rows"]}
    assert all(
        row["average_precision"] > 2 * row["prevalence"] for label, row in rows.items() if "gene" not in label
    )
    found = {label: row["average_precision"] for label, row in rows.items()}
    for strand in "+-":
        assert found[f"gene {strand}"] > 0.9 > found[f"terminator {strand}"] > found[f"promoter {strand}"]


def check_calibration(names):
    """Only folds that divide no relatives make the probabilities better."""
    losses = {
        name: names["log_loss"](names["y_new"], estimator.predict_proba(names["X_new"])[:, 1])
        for name, estimator in names["fitted"].items()
    }
    assert (
        losses["calibrated, no relatives divided"] < losses["as it is"] < losses["calibrated, random folds"]
    )


def check_tsne(names):
    """Neighbours among the features are of one species; among the points of the picture too."""
    neighbours = names["KNeighborsClassifier"](10)
    in_picture = names["cross_val_score"](neighbours, names["embedding"], names["origin"], cv=5).mean()
    assert min(names["right"], in_picture) > 0.8


CHECKS = {
    "plot_calibration": check_calibration,
    "plot_composition": check_composition,
    "plot_few_labels": check_few_labels,
    "plot_multilabel": check_multilabel,
    "plot_perturbation": check_perturbation,
    "plot_pretraining": check_pretraining,
    "plot_scan": check_scan,
    "plot_tokens": check_tokens,
    "plot_tsne": check_tsne,
    "plot_variants": check_variants,
}


@pytest.fixture
def no_screen(monkeypatch):
    pyplot.switch_backend("Agg")
    # Agg warns that it shows nothing.
    monkeypatch.setattr(pyplot, "show", lambda: None)
    yield
    pyplot.close("all")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_example_finds_what_is_there_and_draws_one_picture(script, tmp_path, no_screen):
    names = runpy.run_path(str(script), run_name="__main__")
    assert len(pyplot.get_fignums()) == 1
    names["figure"].savefig(tmp_path / "picture.png")  # what cannot be laid out is warned of here
    panels = [ax for ax in names["figure"].axes if ax.get_label() != "<colorbar>"]
    assert panels
    assert all(ax.get_xlabel() and ax.get_ylabel() for ax in panels)
    CHECKS[script.stem](names)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_example_asks_a_question_and_tells_what_the_picture_shows(script):
    text = script.read_text()
    title, rule = ast.get_docstring(ast.parse(text)).splitlines()[:2]
    assert title.endswith("?")
    assert rule == "=" * len(title)
    # A cell of prose stands behind the picture.
    assert re.search(r"^plt\.show\(\)\n\n# %%\n# \w", text, re.MULTILINE)


def test_gallery_orders_every_example(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    assert sorted(import_module("gallery_order").ORDER) == [script.name for script in SCRIPTS]
