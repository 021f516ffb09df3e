"""Records: what they compute, and that they survive the disk."""

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.records import (
    EVERYTHING,
    Score,
    Settings,
    Timing,
    UnknownChoiceError,
    describe_files,
    fold,
    read_record,
    record_path,
    write_record,
    write_text,
)


@pytest.mark.parametrize(
    ("choice", "is_part"),
    [({}, False), ({"quick": True}, False), ({"methods": ("a",)}, True), ({"conditions": ("20",)}, True)],
    ids=["everything", "quick", "methods", "conditions"],
)
def test_settings_know_a_part(choice, is_part):
    assert Settings(**choice).is_part == is_part


@pytest.mark.parametrize(
    ("wanted", "kept"),
    [((), ["a", "b", "c"]), (("c", "a"), ["a", "c"]), (("b", "of another step"), ["b"]), (("d",), [])],
    ids=["all", "two", "one", "none"],
)
def test_settings_choose_in_the_order_of_the_task(wanted, kept):
    found = dict.fromkeys("abc", 1)
    assert list(EVERYTHING._replace(methods=wanted).choose(found, "methods")) == kept
    assert list(EVERYTHING._replace(conditions=wanted).choose(found, "conditions")) == kept
    assert list(EVERYTHING._replace(conditions=wanted).choose(found, "methods")) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("offered", "message"),
    [
        (["a, b", "c"], r"no methods 'x', 'y'\. Those it has: 'a, b', 'c'\."),
        ((), r"no methods 'c', 'x', 'y'\. It has none to choose from\."),
    ],
    ids=["some", "none"],
)
def test_settings_name_what_is_unknown(offered, message):
    settings = EVERYTHING._replace(methods=("c", "x", "y"))
    with pytest.raises(UnknownChoiceError, match=message):
        settings.check("methods", offered)
    settings.check("conditions", offered)


def test_settings_check_what_is_there():
    EVERYTHING._replace(methods=("b",)).check("methods", iter(["a", "b"]))


def test_score_summary_is_that_of_numpy(seed):
    values = np.random.RandomState(seed).rand(5)
    row = Score("m", "20", 20, "accuracy", values).as_row()
    assert row["mean"] == pytest.approx(values.mean())
    assert row["sd"] == pytest.approx(values.std(ddof=1))
    assert row["n"] == 5
    assert row["values"] == values.tolist()


def test_score_of_one_value_has_no_deviation():
    assert Score("m", "all", 9, "accuracy", [0.5]).as_row()["sd"] is None


def test_score_keeps_the_figures_of_labels_rounded():
    score = Score("m", "all", 9, "roc_auc", [0.5, 0.625], [[0.25, 0.75], np.array([0.5, 2 / 3])])
    assert score.as_row()["by_label"] == [[0.25, 0.75], [0.5, 0.6667]]
    assert score.as_row()["mean"] == 0.5625
    assert "by_label" not in score._replace(by_label=None).as_row()


@pytest.mark.parametrize(("values", "median"), [([3.0], 3.0), ([3.0, 1.0, 2.0], 2.0), ([4.0, 1.0], 1.0)])
def test_timing_median_is_a_measured_value(values, median):
    row = Timing("w", "p", "u", values, [2.0]).as_row()
    assert row["value"] == median
    assert row["ratio"] == median / 2


def test_timing_without_peer_has_no_ratio():
    row = Timing("w", "p", "u", [1.0], []).as_row()
    assert row["value"] == 1.0
    assert row["peer_value"] is None
    assert row["ratio"] is None


def test_record_round_trip(record, tmp_path):
    path = write_record(record, tmp_path / "new folder")
    assert path == tmp_path / "new folder" / "toy.json"
    assert read_record(path) == record


def test_record_of_many_labels_stays_small(record, tmp_path):
    """Thirteen methods, four conditions, three repeats and 63 labels: more than any task has."""
    rng = np.random.RandomState(0)
    record.scores = [
        Score(f"method {i}", f"condition {j}", 9, metric, rng.rand(3), rng.rand(3, 63)).as_row()
        for i in range(13)
        for j in range(4)
        for metric in ("roc_auc", "average_precision")
    ]
    path = write_record(record, tmp_path)
    assert path.stat().st_size < 300_000
    assert read_record(path) == record


@pytest.mark.parametrize(
    "value",
    [
        [1, 2.5, -3e-05],
        [[1], [2, 3]],
        ["[\n 1\n]", "[ 1 ]"],
        [],
        {"a": [1]},
        [True, 1],
        [1, None],
        [{"b": [0]}],
    ],
    ids=str,
)
def test_record_keeps_lists_of_any_kind(record, value, tmp_path):
    record.environment = {"value": value}
    assert read_record(write_record(record, tmp_path)).environment == {"value": value}


def test_record_writes_numbers_in_a_line(record, tmp_path):
    text = write_record(record, tmp_path).read_text()
    assert '"values": [0.6, 0.7, 0.8],' in text


def test_record_without_labels_is_read(record, tmp_path):
    """Results that were written before there were labels in them."""
    path = write_record(record, tmp_path)
    content = json.loads(path.read_text())
    del content["labels"]
    path.write_text(json.dumps(content))
    assert read_record(path) == record


def test_record_of_a_smoke_run_never_lies_over_the_result(record, tmp_path):
    real = write_record(record, tmp_path)
    content = real.read_bytes()
    quick = write_record(replace(record, quick=True), tmp_path)
    assert quick.name == "toy-quick.json"
    assert quick == record_path("toy", tmp_path, quick=True)
    assert real.read_bytes() == content


def test_record_with_nan_is_refused_and_leaves_the_old_file(record, tmp_path):
    path = write_record(record, tmp_path)
    content = path.read_bytes()
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_record(replace(record, chance={"accuracy": float("nan")}), tmp_path)
    assert path.read_bytes() == content


def test_write_text_that_fails_leaves_nothing_beside(tmp_path, monkeypatch):
    path = write_text(tmp_path / "result.json", "old")

    def refuse(*_):
        raise OSError("disk full")

    monkeypatch.setattr("pathlib.Path.replace", refuse)
    with pytest.raises(OSError, match="disk full"):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_read_record_names_what_is_there_instead(record, tmp_path):
    write_record(record, tmp_path)
    with pytest.raises(FileNotFoundError, match=r"Results there: toy. Run: python -m benchmarks speed"):
        read_record(tmp_path / "speed.json")


@pytest.mark.parametrize("content", ["{", "[1]", '{"name": "toy"}'])
def test_read_record_refuses_what_is_no_record(content, tmp_path):
    path = tmp_path / "toy.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"toy\.json is not the result of a benchmark"):
        read_record(path)


def test_read_record_refuses_another_format(record, tmp_path):
    path = write_record(record, tmp_path)
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))
    with pytest.raises(ValueError, match="has format 99, this version reads format 1"):
        read_record(path)


def test_describe_files_hashes_each_once_and_hides_the_folder(tmp_path):
    (tmp_path / "sub").mkdir()
    path = tmp_path / "sub" / "a.fa"
    path.write_bytes(b">a\nACGT\n")
    assert describe_files([path, str(path)], tmp_path) == [
        {"file": "sub/a.fa", "bytes": 8, "sha256": hashlib.sha256(b">a\nACGT\n").hexdigest()}
    ]


def test_fold_joins_lines():
    assert fold("one\n  two\nthree ") == "one two three"
