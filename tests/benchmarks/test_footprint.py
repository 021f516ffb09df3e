"""Time and memory of a call in a process of its own."""

import sys
from time import sleep

import numpy as np
import pytest

from benchmarks import footprint as module
from benchmarks.footprint import footprint

linux = pytest.mark.skipif(sys.platform != "linux", reason="resident memory is read where Linux tells it")


def hold(n_megabytes):
    return np.ones(n_megabytes * 10**6, dtype=np.uint8)


def hold_for_a_moment(n_megabytes):
    return hold(n_megabytes).sum()


def prepare(n_megabytes):
    return (hold(n_megabytes),)


@linux
@pytest.mark.parametrize("work", [hold, hold_for_a_moment])
def test_memory_is_the_most_that_was_held(work):
    found = footprint(work, None, 200)
    assert found.megabytes == pytest.approx(200, abs=10)
    assert found.process_megabytes > 200


@linux
def test_what_is_prepared_is_not_counted():
    found = footprint(np.sum, prepare, 200)
    assert found.megabytes < 20
    assert found.process_megabytes > 200


def test_seconds_are_those_of_the_call():
    assert 0.2 <= footprint(sleep, None, 0.2).seconds < 2


def test_what_the_call_raises_is_raised():
    with pytest.raises(ZeroDivisionError):
        footprint(divmod, None, 1, 0)


def test_without_proc_there_is_no_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "PROCESS", tmp_path / "missing")
    found = module._measure(len, None, ("abc",))
    assert found[1:] == (None, None)
    assert found.seconds >= 0
