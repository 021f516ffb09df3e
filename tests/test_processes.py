"""Several processes that train one network: they end where one does that has the same batches.

Two processes make all trainings of `processes.py` in one run, since to start them takes longer than to train.
"""

import json
import multiprocessing
import os
import runpy
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest
import torch

from skgenome.training import is_main_process, launched_processes
from skgenome.training._processes import LaunchedProcesses

SCRIPT = Path(__file__).parent / "processes.py"
ALONE = runpy.run_path(str(SCRIPT))
#: Trainings that follow others, by the one that they end as.
FOLLOWING = {"after a failure": "language model", "memory": "language model"}
OTHERS = ["contrastive, memory", "gone on"]


class Process(NamedTuple):
    """What a process has left."""

    learnt: dict
    """Weights and history of each training."""
    seen: dict
    """Errors and the like."""
    stderr: str
    returncode: int


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def launch(folder, count=2):
    """Start the script in several processes, as torch's launcher does, and wait for all."""
    shared = {"WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    processes = []
    for i in range(count):
        own = {"RANK": str(i), "LOCAL_RANK": str(i), "OMP_NUM_THREADS": "1"}
        with (folder / f"stderr-{i}").open("w") as stderr:
            command = [sys.executable, str(SCRIPT), str(folder)]
            processes.append(subprocess.Popen(command, env={**os.environ, **shared, **own}, stderr=stderr))
    return [process.wait() for process in processes]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("processes")


@pytest.fixture(scope="module")
def two(folder):
    """The two processes, after their end."""
    return [read_process(folder, i, returncode) for i, returncode in enumerate(launch(folder))]


def read_process(folder, index, returncode):
    stderr, learnt = (folder / f"stderr-{index}").read_text(), {}
    assert (folder / f"seen-{index}.json").exists(), stderr
    for name in [*ALONE["SAME"], *ALONE["DRAWN"], *FOLLOWING, *OTHERS]:
        with np.load(folder / f"{name}-{index}.npz") as arrays:
            learnt[name] = dict(arrays)
    seen = json.loads((folder / f"seen-{index}.json").read_text())
    return Process(learnt, seen, stderr, returncode)


@pytest.fixture(scope="module")
def alone():
    """Give what one process has learnt in a training."""
    known = {}

    def train(name):
        if name not in known:
            known[name] = ALONE["learnt"](ALONE["SAME"][name]())
        return known[name]

    return train


def assert_same_bits(learnt, other):
    for part in ("weights", "history"):
        # Bytes, since nan differs from itself.
        assert learnt[part].tobytes() == other[part].tobytes(), part


def assert_close(learnt, other):
    for part in ("weights", "history"):
        np.testing.assert_allclose(learnt[part], other[part], rtol=1e-4, atol=1e-5, err_msg=part)


@pytest.mark.parametrize("name", [*ALONE["SAME"], *ALONE["DRAWN"], *FOLLOWING, *OTHERS])
def test_processes_end_with_the_same_bits(name, two):
    assert_same_bits(two[0].learnt[name], two[1].learnt[name])


@pytest.mark.parametrize("name", ALONE["SAME"])
def test_two_processes_train_as_one(name, two, alone):
    """Rows with few tokens that count, batches with a row for one process alone, negatives of the other."""
    assert_close(two[0].learnt[name], alone(name))


@pytest.mark.parametrize("name", FOLLOWING)
def test_processes_train_as_one_after_a_failure_and_in_parts(name, two, alone):
    assert_close(two[0].learnt[name], alone(FOLLOWING[name]))


def test_processes_tell_each_other_of_a_failure(two):
    assert two[1].seen["failed"] == "KeyError: 'broken'"
    assert two[0].seen["failed"] == (
        "RuntimeError: Process 0 of 2 stops, since process 1 has failed and all work on the same step: "
        "KeyError: 'broken'"
    )


def test_process_that_is_killed_ends_the_others(two):
    assert two[1].returncode == -9
    assert two[0].returncode == 0
    assert two[0].seen["lost"].startswith("RuntimeError: Process 0 of 2 has lost the others: one has ended")


def test_processes_read_smaller_parts_where_memory_runs_out(two):
    """Each on its own, but for a loss that compares the rows of all: those take the same parts."""
    n_warned = [len(process.seen["warned"]) for process in two]
    assert n_warned == [1, 2]
    assert all("patches are told from those of a part alone" in process.seen["warned"][-1] for process in two)


def test_processes_go_on_from_checkpoints_of_the_main_one(two, folder):
    """Each with its own hidden states and random numbers."""
    for process in two:
        assert process.seen["interrupted"] == "Interrupted: "
        assert_same_bits(process.learnt["gone on"], process.learnt["dropout"])
    assert list((folder / "checkpoints").iterdir()) == []
    assert not (folder / "elsewhere").exists()


def test_processes_draw_other_random_numbers(two):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        assert two[0].seen["random"] == torch.rand(1).item()
    assert two[1].seen["random"] != two[0].seen["random"]


def test_main_process_alone_shows_progress(two):
    assert "pretraining" in two[0].stderr
    assert "pretraining" not in two[1].stderr


@pytest.mark.parametrize("index", [0, 1])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "data",
            "ValueError: All processes must make the same call, but process 1 differs from process 0 in X",
        ),
        ("batch_size", "ValueError: batch_size=1 is smaller than the number of processes, 2."),
        ("thread", "RuntimeError: fit was called in a thread beside the main one"),
    ],
)
def test_processes_refuse(name, message, index, two):
    assert two[index].seen[name].startswith(message)


@pytest.fixture
def launched(monkeypatch):
    """The environment of a process that a launcher has started."""
    for name, value in {
        "RANK": "0",
        "LOCAL_RANK": "0",
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "localhost",
    }.items():
        monkeypatch.setenv(name, value)


def test_process_without_launcher_needs_no_accelerate(monkeypatch):
    monkeypatch.setitem(sys.modules, "accelerate", None)
    ALONE["language_model"](max_steps=1)
    assert launched_processes().count == 1
    assert is_main_process()


def test_single_launched_process_needs_no_accelerate(launched, monkeypatch):
    monkeypatch.setitem(sys.modules, "accelerate", None)
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert launched_processes().count == 1


def test_worker_of_a_launched_process_trains_alone(launched, monkeypatch):
    """It inherits the environment, and must not pass itself off as the process that has started it."""
    monkeypatch.setattr(multiprocessing, "parent_process", lambda: SimpleNamespace(pid=1))
    assert launched_processes().count == 1


def test_launched_process_without_accelerate_says_which_extra(launched, monkeypatch):
    monkeypatch.setitem(sys.modules, "accelerate", None)
    with pytest.raises(ImportError, match=r"has started 2 processes.*pip install 'skgenome\[accelerate\]'"):
        launched_processes()


def test_launched_process_that_accelerate_counts_as_one_says_what_to_make(launched, monkeypatch):
    state = SimpleNamespace(num_processes=1, process_index=0, device=torch.device("cpu"))
    monkeypatch.setitem(sys.modules, "accelerate", SimpleNamespace(PartialState=lambda cpu: state))
    with pytest.raises(RuntimeError, match=r"accelerate counts 1: .*Make an accelerate\.Accelerator\(\)"):
        LaunchedProcesses()
