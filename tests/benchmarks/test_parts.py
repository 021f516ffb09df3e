"""Parts are computed once by the same code, and anew by another."""

import pytest

from benchmarks import parts as module_under_test
from benchmarks.parts import EARLIER, Parts
from benchmarks.records import Settings
from benchmarks.stopwatch import Stopwatch


@pytest.fixture
def counted():
    """A function that says how often it was called."""
    calls = []

    def compute():
        calls.append(None)
        return [len(calls), 0.1]

    return compute


def test_parts_compute_each_once(tmp_path, counted):
    parts = Parts(tmp_path, commit="a")
    assert parts(counted, method="x") == [1, 0.1]
    assert parts(counted, method="y") == [2, 0.1]
    again = Parts(tmp_path, commit="a")
    assert again(counted, method="x") == [1, 0.1]
    assert Parts(tmp_path, commit="b")(counted, method="x") == [3, 0.1]


def test_parts_that_are_found_add_the_time_they_had_taken(tmp_path, monkeypatch):
    ticks = iter([10.0, 12.5, 20.0, 21.0])
    monkeypatch.setattr(module_under_test, "perf_counter", lambda: next(ticks))
    first, second = Stopwatch(), Stopwatch()
    for watch in (first, second):
        parts = Parts(tmp_path, watch)
        for method in "xy":
            parts(int, method=method)
    assert (first.seconds, second.seconds) == ({}, {EARLIER: 3.5})


def test_parts_without_a_folder_keep_nothing(counted):
    parts = Parts()
    assert [parts(counted, method="x")[0] for _ in range(2)] == [1, 2]


def test_parts_of_an_interrupted_one_are_computed_again(tmp_path, counted):
    parts = Parts(tmp_path)

    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        parts(interrupted, method="x")
    assert list(tmp_path.iterdir()) == []
    assert parts(counted, method="x") == [1, 0.1]


@pytest.mark.parametrize(
    ("code", "keeps"),
    [
        ({"commit": "a", "dirty": False}, True),
        ({"commit": "a", "dirty": True}, False),
        ({"commit": None, "dirty": None}, False),
    ],
)
def test_parts_of_changed_code_are_not_kept(tmp_path, monkeypatch, code, keeps):
    monkeypatch.setattr(module_under_test, "commit", lambda: code)
    parts = Parts.of("task", Settings(work_dir=tmp_path), Stopwatch())
    assert (parts.folder is not None) == keeps
    if keeps:
        other = Parts.of("task", Settings(work_dir=tmp_path, random_state=1), Stopwatch())
        assert other.folder == parts.folder
        assert other.context != parts.context
