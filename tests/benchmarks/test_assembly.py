"""Results that are put together out of parts."""

from dataclasses import replace

import pytest

from benchmarks.assembly import DifferentRunError, put_together
from benchmarks.records import Score, Timing, read_record, write_record
from benchmarks.tables import machine, score_table

FIRST, SECOND, THIRD = (f"2026-01-0{day}T00:00:00+00:00" for day in (1, 2, 3))


def make_part(record, scores, date, **changes):
    rows = [score.as_row() for score in scores]
    models = {"k-mers": "KmerCounter()", "language model": "LanguageModel()"}
    environment = {**record.environment, "date": date, "commit": date[:10]}
    changes = {"models": models, "scores": rows, "seconds": {"learning": 60.0}} | changes
    return replace(record, environment=environment, **changes)


@pytest.fixture
def result(record):
    return replace(record, models={"k-mers": "KmerCounter()", "language model": "LanguageModel()"})


def test_part_adds_its_figures_and_replaces_those_measured_again(result):
    scores = [
        Score("language model", "50", 50, "accuracy", [0.9, 0.8]),
        Score("k-mers", "50", 50, "accuracy", [0.7]),
    ]
    together = put_together(result, make_part(result, scores, SECOND))
    found = {(s["metric"], s["method"], s["condition"]): (s["mean"], s["made"]) for s in together.scores}
    assert found == {
        ("accuracy", "k-mers", "20"): (pytest.approx(0.7), FIRST),
        ("accuracy", "k-mers", "50"): (0.7, SECOND),
        ("accuracy", "language model", "20"): (0.85, FIRST),
        ("accuracy", "language model", "50"): (pytest.approx(0.85), SECOND),
        ("roc_auc", "k-mers", "20"): (0.6, FIRST),
    }
    assert list(found) == sorted(found)
    assert score_table(together, "accuracy").rows[0][1:] == ["0.700 ± 0.100", "0.700"]


def test_whole_is_the_same_whatever_the_order_of_its_parts(result):
    scores = [Score(s["method"], s["condition"], 1, s["metric"], [i]) for i, s in enumerate(result.scores)]
    parts = [make_part(result, [score], SECOND) for score in scores]
    forward = backward = replace(result, scores=[])
    for part, other in zip(parts, reversed(parts), strict=True):
        forward, backward = put_together(forward, part), put_together(backward, other)
    by_place = [sorted(str(row) for row in one.scores) for one in (forward, backward)]
    assert by_place[0] == by_place[1]


def test_runs_are_described_as_long_as_something_is_left_of_them(result, tmp_path):
    second = make_part(result, [Score("language model", "50", 50, "accuracy", [0.9])], SECOND)
    third = make_part(result, [Score("language model", "50", 50, "accuracy", [0.8])], THIRD)
    together = put_together(put_together(result, second), third)
    assert [run["environment"]["date"] for run in together.earlier] == [FIRST]
    write_record(together, tmp_path)
    assert read_record(tmp_path / "toy.json") == together
    first, _, then = machine(together).partition(" In part on ")
    assert THIRD in first
    assert FIRST in then
    assert "2.0 minutes" in then


def test_runs_of_the_same_code_and_machine_are_described_as_one(result):
    """A table of many small runs would else name the same machine once for each."""
    same = {**result.environment, "commit": SECOND[:10]}
    second = make_part(result, [Score("language model", "50", 50, "accuracy", [0.9])], SECOND)
    third = make_part(result, [Score("k-mers", "50", 50, "accuracy", [0.8])], THIRD)
    third.environment = {**same, "date": THIRD}
    third.seconds = {"learning": 30.0, "reading": 1.0}
    together = put_together(put_together(result, second), third)
    assert [run["environment"]["date"] for run in together.earlier] == [FIRST]
    assert together.seconds == {"learning": 90.0, "reading": 1.0}
    made = {(row["method"], row["condition"]): row["made"] for row in together.scores}
    assert made["language model", "50"] == made["k-mers", "50"] == THIRD
    assert made["k-mers", "20"] == FIRST
    fourth = make_part(result, [Score("k-mers", "20", 20, "roc_auc", [0.8])], FIRST[:-6] + "Z")
    fourth.environment = {**result.environment, "date": fourth.environment["date"]}
    again = put_together(together, fourth)
    assert [run["environment"]["date"] for run in again.earlier] == [THIRD]


def test_models_pretrained_once_are_listed_once(result):
    (first,) = result.pretraining
    named = {"sha256": "0", "parameters": {"k": 3}}
    result.pretraining = [{**first, **named}]
    again = [{**first, **named, "seconds": 7.0}, {**first, **named, "corpus": "other"}]
    together = put_together(result, make_part(result, [], SECOND, pretraining=again))
    assert together.pretraining == again


@pytest.mark.parametrize(
    "change",
    [{"protocol": "Another."}, {"random_state": 4}, {"data": []}, {"chance": {"accuracy": 0.4}}],
    ids=["protocol", "seed", "data", "chance"],
)
def test_part_of_another_run_is_refused(result, change):
    (name,) = change
    with pytest.raises(DifferentRunError, match=f"has another {name} than this run"):
        put_together(result, make_part(result, [], SECOND, **change))


def test_figures_of_a_method_that_has_changed_are_not_left_beside(result):
    changed = {"models": {"k-mers": "KmerCounter(k=5)", "language model": "LanguageModel()"}}
    some = [Score("k-mers", "20", 20, "accuracy", [0.7])]
    with pytest.raises(DifferentRunError, match=r"figures of: 'k-mers'\. Measure them under all"):
        put_together(result, make_part(result, some, SECOND, **changed))
    every = [
        Score("k-mers", condition, 1, metric, [0.7])
        for condition, metric in (("20", "accuracy"), ("50", "accuracy"), ("20", "roc_auc"))
    ]
    together = put_together(result, make_part(result, every, SECOND, **changed))
    assert {s["made"] for s in together.scores if s["method"] == "k-mers"} == {SECOND}


def test_timings_of_a_section_take_the_place_of_all_that_it_had(result):
    """Sections stay in order, rows that one has no more go, and every row says when it was made."""

    def make_rows(section, *names):
        return [{**Timing(name, "peer", "s", [1.0], [2.0]).as_row(), "section": section} for name in names]

    first = replace(result, scores=[], timings=[*make_rows("a", "old", "older"), *make_rows("b", "kept")])
    second = make_part(result, [], SECOND, timings=[*make_rows("c", "last"), *make_rows("a", "new")])
    together = put_together(first, second)
    assert [(row["section"], row["what"], row["made"]) for row in together.timings] == [
        ("a", "new", SECOND),
        ("b", "kept", FIRST),
        ("c", "last", SECOND),
    ]
    assert [run["environment"]["date"] for run in together.earlier] == [FIRST]
    third = put_together(together, make_part(result, [], THIRD, timings=make_rows("b", "again")))
    assert third.earlier == [{"environment": together.environment, "seconds": together.seconds}]


def test_timings_of_tasks_without_sections_are_measured_as_a_whole(result):
    part = make_part(result, [], SECOND, timings=[Timing("new", "peer", "s", [1.0], [2.0]).as_row()])
    together = put_together(replace(result, scores=[]), part)
    assert [row["what"] for row in together.timings] == ["new"]
