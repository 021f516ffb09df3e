"""Wall time."""

import pytest

from benchmarks import stopwatch
from benchmarks.stopwatch import Stopwatch, in_turn


@pytest.fixture
def clock(monkeypatch):
    """A clock that goes on by one second with every look at it."""
    ticks = iter(range(1000))
    monkeypatch.setattr(stopwatch, "perf_counter", lambda: float(next(ticks)))


def test_stopwatch_adds_up_parts_of_one_name(clock):
    watch = Stopwatch()
    for part in ("a", "b", "a"):
        with watch(part):
            pass
    assert watch.seconds == {"a": 2.0, "b": 1.0}


def test_stopwatch_counts_a_part_that_fails(clock):
    watch = Stopwatch()
    with pytest.raises(RuntimeError, match="inside"), watch("a"):
        raise RuntimeError("inside")
    assert watch.seconds == {"a": 1.0}


def test_in_turn_alternates_after_a_warm_up(clock):
    calls = []
    ours, theirs = in_turn(lambda: calls.append("A"), lambda: calls.append("B"), 2)
    assert "".join(calls) == "ABABAB"
    assert ours == theirs == [1.0, 1.0]
