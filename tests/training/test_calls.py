"""Which call a checkpoint belongs to: told apart by all that matters and nothing else, in every process."""

import errno
import json
import os
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator

from skgenome.exceptions import SkgenomeWarning
from skgenome.sequences import check_token_ids
from skgenome.training import _calls, checkpoints_of, fingerprint


class Learner(BaseEstimator):
    """Parameters alone: what a fit is known by."""

    def __init__(
        self,
        *,
        rate=0.1,
        part=None,
        random_state=0,
        device="cpu",
        precision="auto",
        verbose=0,
        checkpoint_dir=None,
        checkpoint_minutes=0,
    ):
        self.rate = rate
        self.part = part
        self.random_state = random_state
        self.device = device
        self.precision = precision
        self.verbose = verbose
        self.checkpoint_dir = checkpoint_dir
        self.checkpoint_minutes = checkpoint_minutes


class Died(Exception):
    """Within a fit."""


@contextmanager
def playing(learner, data=1, method="fit", dies=True):
    """Play a fit, which dies when the block ends."""
    with suppress(Died), checkpoints_of(learner, method, {"X": data}) as checkpoints:
        yield checkpoints
        if dies:
            raise Died


def run(learner, data=1, method="fit", state=None, dies=True):
    """Play a fit that writes a checkpoint and dies; give what it went on from."""
    with playing(learner, data, method, dies) as checkpoints:
        place = checkpoints.place("training")
        resumed = place.resumed
        place.save({"state": state})
    return None if resumed is None else resumed["state"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 2),
        (1, "1"),
        (1, 1.5),
        (None, 0),
        ("ab", ["a", "b"]),
        ([1, 2], [2, 1]),
        ([[1], 2], [1, [2]]),
        ({"a": 1}, {"a": 2}),
        ({"a": 1}, {"b": 1}),
        (np.arange(4), np.arange(4)[::-1]),
        (np.arange(4), np.arange(4).reshape(2, 2)),
        (np.zeros(2, np.float32), np.zeros(2, np.int32)),
        (np.array(["a", "b"]), np.array(["ab", ""])),
        (np.array(["a", -1], dtype=object), np.array(["a", "-1"], dtype=object)),
        (torch.zeros(2), torch.zeros(3)),
        (torch.zeros(2), torch.zeros(2, dtype=torch.bfloat16)),
        (torch.nn.Linear(2, 3), torch.nn.Linear(2, 3)),
        (torch.optim.SGD, torch.optim.Adam),
        (Learner(rate=1), Learner(rate=2)),
        (Learner(part=Learner(rate=1)), Learner(part=Learner(rate=2))),
        (np.random.RandomState(0), np.random.RandomState(1)),
        (check_token_ids([[2, 3], [4, 0]]), check_token_ids([[2, 0], [3, 4]])),
    ],
)
def test_fingerprint_tells_values_apart(one, other):
    assert fingerprint(one) != fingerprint(other)
    assert fingerprint(one) == fingerprint(one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (0.1, np.float64(0.1)),
        (3, np.int64(3)),
        ([1, 2], (1, 2)),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (np.arange(6).reshape(2, 3).T, np.ascontiguousarray(np.arange(6).reshape(2, 3).T)),
        (np.random.RandomState(3), np.random.RandomState(3)),
        (Learner(verbose=1, checkpoint_dir="a", device="cpu"), Learner(checkpoint_minutes=3, device="auto")),
        (
            check_token_ids(np.array([[2, 3], [4, 0]], np.uint8)),
            check_token_ids([np.array([2, 3], np.int64), np.array([4], np.int64)]),
        ),
    ],
)
def test_fingerprint_is_the_same_for_equal_values(one, other):
    assert fingerprint(one) == fingerprint(other)


def test_fingerprint_knows_what_was_learnt():
    one, other = Learner(), Learner()
    one.weights_, other.weights_ = np.zeros(2), np.ones(2)
    assert fingerprint(one) != fingerprint(other)
    other.weights_ = np.zeros(2)
    assert fingerprint(one) == fingerprint(other)


def test_fingerprint_is_the_same_in_every_process():
    """Not hash(), of which every process has another one."""
    program = (
        "import numpy as np, torch; from skgenome.training import fingerprint;"
        "print(fingerprint({'b': {1: 'x', 'y': 2.5}, 'a': [torch.ones(2), np.array(['q', None], object)]}))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1


def test_calls_go_on_where_they_died(tmp_path):
    learner = Learner(checkpoint_dir=tmp_path)
    assert run(learner, state="first") is None
    assert run(learner, state="second") == "first"
    assert run(learner, dies=False) == "second"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "change",
    [{"rate": 0.2}, {"part": Learner()}, {"random_state": 1}, {"precision": "bfloat16"}],
    ids=lambda change: next(iter(change)),
)
def test_calls_with_other_parameters_are_others(change, tmp_path):
    learner = Learner(checkpoint_dir=tmp_path)
    run(learner, state="first")
    (name,) = change
    with pytest.warns(SkgenomeWarning, match=rf"starts anew, but 1 unfinished.* differs in {name} \("):
        assert run(Learner(checkpoint_dir=tmp_path, **change), state="other") is None
    assert run(learner) == "first"


def test_calls_with_other_data_or_another_start_are_others(tmp_path):
    learner = Learner(checkpoint_dir=tmp_path)
    run(learner, data=1, state="one")
    with pytest.warns(SkgenomeWarning, match=r"differs in X \("):
        assert run(learner, data=2, state="two") is None
    # Another method is another training, of which nothing was left behind.
    assert run(learner, data=1, method="partial_fit", state="three") is None
    learner.weights_ = np.ones(2)
    with pytest.warns(SkgenomeWarning, match="differs in what was learnt before"):
        assert run(learner, data=1, method="partial_fit") is None


@pytest.mark.parametrize("change", [{"verbose": 1}, {"checkpoint_minutes": 5}, {"device": "auto"}])
def test_calls_are_not_told_apart_by_what_has_no_influence(change, tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    run(Learner(checkpoint_dir=tmp_path), state="first")
    assert run(Learner(checkpoint_dir=str(tmp_path), **change)) == "first"


def test_calls_on_another_kind_of_device_are_others(tmp_path, monkeypatch):
    run(Learner(checkpoint_dir=tmp_path, precision="float32"), state="first")
    monkeypatch.setattr(_calls, "resolve_device", lambda _: torch.device("cuda"))
    with pytest.warns(SkgenomeWarning, match=r"kind of device \(cpu, now cuda\)"):
        assert run(Learner(checkpoint_dir=tmp_path, precision="float32")) is None


def test_calls_of_another_version_are_others(tmp_path, monkeypatch):
    run(Learner(checkpoint_dir=tmp_path), state="first")
    monkeypatch.setattr(_calls, "version", lambda package: f"99-{package}")
    with pytest.warns(SkgenomeWarning, match=r"version of torch \(.*, now 99-torch\)"):
        assert run(Learner(checkpoint_dir=tmp_path)) is None


def test_calls_with_a_generator_begin_where_it_stands(tmp_path):
    generator = np.random.RandomState(0)
    learner = Learner(checkpoint_dir=tmp_path, random_state=generator)
    run(learner, state="first")
    assert run(learner, state="second") == "first"
    generator.rand()
    with pytest.warns(SkgenomeWarning, match="differs in random_state"):
        assert run(learner) is None


def test_random_state_is_given_back_but_for_none(tmp_path):
    generator = np.random.RandomState(0)
    with checkpoints_of(Learner(checkpoint_dir=tmp_path), "fit", {}) as checkpoints:
        assert checkpoints.random_state(5) == 5
        assert checkpoints.random_state(generator) is generator
        seed = checkpoints.random_state(None)
        assert isinstance(seed, int)
        assert checkpoints.random_state(None) == seed
    with checkpoints_of(Learner(), "fit", {}) as checkpoints:
        assert checkpoints.random_state(None) is None
        assert checkpoints.place("training") is None


def test_same_call_at_the_same_time_works_elsewhere(tmp_path):
    """Two workers of a search whose grid is about a later step fit the same network on the same rows."""
    learner = Learner(checkpoint_dir=tmp_path)
    with checkpoints_of(learner, "fit", {}) as first, checkpoints_of(learner, "fit", {}) as second:
        assert first.folder != second.folder
        assert second.folder.name == f"{first.folder.name}-2"
    assert list(tmp_path.iterdir()) == []
    for _ in range(2):
        with playing(learner, {}) as first:
            first.place("training").save({"of": "first"})
            with playing(learner, {}, dies=False) as second:
                assert second.folder != first.folder
                assert second.place("training").resumed is None


def test_a_call_that_is_going_on_is_not_warned_of(tmp_path):
    with checkpoints_of(Learner(checkpoint_dir=tmp_path), "fit", {}) as going_on:
        going_on.place("training").save({})
        run(Learner(checkpoint_dir=tmp_path, rate=3), dies=False)


def test_nested_call_is_kept_until_the_outer_one_has_ended(tmp_path):
    outer = Learner(checkpoint_dir=tmp_path)
    for tries in range(2):
        with playing(outer) as checkpoints:
            inner = Learner(rate=7, checkpoint_dir=checkpoints.folder)
            assert run(inner, state="done", dies=False) == (None if tries == 0 else "done")
    run(outer, dies=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"call": 3, "seed": 1}', '{"call": {}, "seed": "x"}'])
def test_damaged_note_starts_anew(content, tmp_path):
    """The seed stands in it: without it the rest of a training would be that of another one."""
    learner = Learner(checkpoint_dir=tmp_path, random_state=None)
    run(learner, state="first")
    (note,) = tmp_path.glob("*/call.json")
    note.write_text(content)
    with pytest.warns(SkgenomeWarning, match=r"call\.json is missing or damaged"):
        assert run(learner, state="second") is None
    assert run(learner) == "second"


def test_vanished_folder_is_made_anew(tmp_path):
    learner = Learner(checkpoint_dir=tmp_path / "runs", random_state=None)
    with playing(learner) as checkpoints:
        place, seed = checkpoints.place("training"), checkpoints.random_state(None)
        place.save({"step": 1})
        (tmp_path / "runs").rename(tmp_path / "elsewhere")
        with pytest.warns(SkgenomeWarning, match="had vanished and was made anew"):
            place.save({"step": 2})
        place.save({"step": 3})
    with playing(learner, dies=False) as checkpoints:
        assert checkpoints.place("training").resumed == {"step": 3}
        assert checkpoints.random_state(None) == seed


def test_vanished_folder_that_cannot_be_made_warns(tmp_path):
    learner = Learner(checkpoint_dir=tmp_path / "runs")
    with checkpoints_of(learner, "fit", {}) as checkpoints:
        place = checkpoints.place("training")
        (tmp_path / "runs").rename(tmp_path / "elsewhere")
        (tmp_path / "runs").write_text("a file in its place")
        with pytest.warns(SkgenomeWarning, match="No checkpoint could be written"):
            place.save({"step": 2})


def test_folder_below_a_file_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(
            NotADirectoryError, match=r"checkpoint_dir='.*file/runs' cannot be written to: Not a dir"
        ),
        checkpoints_of(Learner(checkpoint_dir=tmp_path / "file" / "runs"), "fit", {}),
    ):
        pass


@pytest.mark.parametrize(
    ("code", "error"),
    [(errno.EACCES, PermissionError), (errno.ENOSPC, OSError), (errno.EROFS, OSError)],
    ids=["read-only folder", "full disk", "read-only disk"],
)
def test_folder_that_cannot_be_written_to_is_an_error(code, error, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(_calls, "write_beside", fail)
    message = rf"cannot be written to: {os.strerror(code)}\. Give a folder .* or checkpoint_dir=None"
    with pytest.raises(error, match=message), checkpoints_of(Learner(checkpoint_dir=tmp_path), "fit", {}):
        pass
    monkeypatch.undo()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is read-only to root")
def test_read_only_folder_is_an_error(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with (
            pytest.raises(PermissionError, match="Give a folder that this process may write to"),
            checkpoints_of(Learner(checkpoint_dir=tmp_path), "fit", {}),
        ):
            pass
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.usefixtures("without_locks")
def test_file_system_without_locks_will_do(tmp_path):
    learner = Learner(checkpoint_dir=tmp_path)
    run(learner, state="first")
    assert run(learner, dies=False) == "first"


def test_note_says_what_the_call_was(tmp_path):
    run(Learner(checkpoint_dir=tmp_path, rate=0.25), data=np.arange(3))
    (note,) = tmp_path.glob("*/call.json")
    call = json.loads(Path(note).read_text())["call"]
    assert call["method"] == "Learner.fit"
    assert call["rate"] == "0.25"
    assert call["X"] == fingerprint(np.arange(3))
    assert call["version of torch"] == torch.__version__
