"""The command ``few-labels``."""

import csv
import gzip
import importlib.util
import re

import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from skgenome.linear_model import LassoLogisticRegressionCV
from skgenome.model_selection import label_fraction_curve
from skgenome.persistence import load
from skgenome.preprocessing import KmerCounter

QUICK = ["--repeats", 2, "--labels", "20,30,5000", "--device", "cpu"]


def test_few_labels_is_the_curve_of_the_api(run, files, model, tmp_path):
    table, figure = tmp_path / "curve.tsv", tmp_path / "curve.png"
    result = run("few-labels", files.table, "-m", model, "-o", table, "--figure", figure, *QUICK)
    y = np.where(np.asarray(files.y) == 1, "promoter", "other")
    X, X_test, y, y_test = train_test_split(files.X, y, test_size=0.33, stratify=y, random_state=0)
    tokenizer, lm = load(model)
    curve = label_fraction_curve(
        {
            "k-mers + lasso": make_pipeline(KmerCounter(k=4, k_min=1), LassoLogisticRegressionCV()),
            f"{model} + lasso": make_pipeline(tokenizer, FrozenEstimator(lm), LassoLogisticRegressionCV()),
        },
        X, y, X_test=X_test, y_test=y_test, fractions=[20, 30], n_repeats=2, random_state=0,
    )  # fmt: skip
    with table.open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    for row, expected in zip(rows, curve.to_rows(), strict=True):
        assert row["estimator"] == expected["estimator"]
        assert float(row["mean"]) == pytest.approx(expected["mean"])
        assert float(row["n_labels"]) == expected["n_labels"]
    assert str(curve) in result.stdout
    assert "Left out, with 40 labels to draw from: 5000" in result.stderr
    assert figure.read_bytes().startswith(b"\x89PNG")


def test_few_labels_tests_on_a_table_of_its_own(run, files, model, tmp_path):
    labelled = [files.promoter, files.other]
    run("few-labels", *labelled, "--test", files.table, "-m", model, "-o", tmp_path / "a.csv", *QUICK)
    with (tmp_path / "a.csv").open() as file:
        n_labels = {float(row["n_labels"]) for row in csv.DictReader(file)}
    assert n_labels == {20, 30}


def test_few_labels_errors(error_of, files, model, tmp_path, monkeypatch):
    start = ["few-labels", files.table, "-m", model, "-o", tmp_path / "a.tsv"]
    assert "must have a number up to 40" in error_of(*start, "--labels", 1000)
    assert "scoring" in error_of(*start, "--labels", "20", "--scoring", "beauty")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "skgenome[plots]" in error_of(*start, "--figure", tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


def write_labelled(path, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["sequence", "label"], *rows])
    return path


def test_numbers_of_labels_with_one_of_a_class_are_left_out(run, error_of, files, model, tmp_path):
    """Of one in seven, 8 labels hold one; a penalty cannot be chosen then."""
    rows = [[s, "rare" if i % 7 == 0 else "common"] for i, s in enumerate(files.X)]
    table = write_labelled(tmp_path / "rare.csv", rows)
    start = ["few-labels", table, "-m", model, "--repeats", 1, "--device", "cpu", "-o", tmp_path / "a.tsv"]
    result = run(*start, "--labels", "2,8,40")
    assert "Left out, with 40 labels to draw from: 2, 8" in result.stderr
    with (tmp_path / "a.tsv").open() as file:
        assert {float(row["n_labels"]) for row in csv.DictReader(file, delimiter="\t")} == {40}
    assert "with two of each class at least" in error_of(*start, "--labels", "2,8", "--force")


def test_classes_to_test_on_must_be_known(error_of, files, model, tmp_path):
    """Their sequences would all be wrong, and the score a low one without a word."""
    test = write_labelled(tmp_path / "test.csv", [["ACGTACGT", "Promoter"], ["ACGTTTGT", "other"]])
    said = error_of("few-labels", files.table, "--test", test, "-m", model, "-o", tmp_path / "a.tsv", *QUICK)
    assert f"{test} must have the classes that are learnt, other, promoter. Got Promoter too." in said


def test_sequences_in_a_table_may_be_long(run, model, files, tmp_path):
    """Python's reader of tables has a limit of 131,072 letters to a field."""
    rows = [[s, "ab"[i % 2]] for i, s in enumerate([*files.X[:39], "ACGT" * 40_000])]
    table = write_labelled(tmp_path / "long.csv", rows)
    start = ["--repeats", 1, "--labels", "20", "--device", "cpu", "-o", tmp_path / "a.tsv"]
    run("few-labels", table, "-m", model, *start)


def damage(content, how):
    if how == "cut off":
        return gzip.compress(content * 50, mtime=0)[:-40]
    return gzip.compress(content.replace(b"promoter", b"promot\xe9r"))


@pytest.mark.parametrize(
    ("how", "said"), [("cut off", "is damaged or no table"), ("Latin-1", "is not UTF-8 .* in that encoding")]
)
def test_tables_that_cannot_be_read_are_named(error_of, files, model, tmp_path, how, said):
    path = tmp_path / "bad.csv.gz"
    path.write_bytes(damage(files.table.read_bytes(), how))
    message = error_of("few-labels", path, "-m", model, "-o", tmp_path / "a.tsv", *QUICK)
    assert message.startswith(f"Error: {path} ")
    assert re.search(said, message)
