"""Real kills: processes that fit are sent SIGKILL, and the last one ends with the bits of one left alone."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no SIGKILL")

# What a user's script is: it makes data and an estimator, fits it, and keeps what it has learnt.
SCRIPT = """
import sys
import numpy as np
import torch
from skgenome.classification import SequenceClassifier
from skgenome.preprocessing import KmerTokenizer
from skgenome.representation import ContrastivePredictiveCoding, LanguageModel

torch.set_num_threads(1)
RANDOM = np.random.default_rng(0)
GENOME = ["".join(RANDOM.choice(list("ACGT"), n)) for n in (700, 400, 300)]
ROWS = [genome[i : i + 40] for genome in GENOME for i in range(0, 240, 20)]
FOLDER = {"checkpoint_minutes": 0, "device": "cpu", "random_state": 0}


def language_model(**params):
    sizes = {"embedding_size": 4, "hidden_size": 6, "n_layers": 2, "batch_size": 4, "bptt": 10}
    lm = LanguageModel(**sizes, dropout_scale=0.2, max_epochs=4, **{**FOLDER, **params})
    return lm.fit(KmerTokenizer(k=3, padding=False).transform(GENOME))


def contrastive(**params):
    sizes = {"encoder": "resnet18", "width": 1, "context_size": 3, "patch_length": 20, "patch_stride": 10}
    options = {"n_patches": 6, "steps": (2, 3), "projection_size": 3, "batch_size": 4, "max_epochs": 12}
    cpc = ContrastivePredictiveCoding(**sizes, **options, **{**FOLDER, **params})
    return cpc.fit(KmerTokenizer(k=1, padding=False).transform(GENOME))


def classifier(**params):
    lm = language_model(checkpoint_dir=None, max_steps=5)
    options = {"early_stopping": "cv", "cv": 3, "batch_size": 4, "max_epochs": 1}
    model = SequenceClassifier(lm, **options, **{**FOLDER, **params})
    return model.fit(KmerTokenizer(k=3).transform(ROWS), np.arange(len(ROWS)) % 2)


def learnt(model):
    modules = [model.encoder_.module_, model.head_] if hasattr(model, "head_") else [model.module_]
    weights = [value.numpy() for module in modules for value in module.state_dict().values()]
    history = [[value for name, value in row.items() if name != "seconds"] for row in model.history_]
    return {**{f"weight {i}": weight for i, weight in enumerate(weights)}, "history": np.array(history)}


def run(name, folder, result):
    np.savez(result, **learnt(globals()[name](checkpoint_dir=folder)))
"""
KINDS = ("language_model", "contrastive", "classifier")


def load(file):
    with np.load(file) as arrays:
        return {name: arrays[name] for name in arrays.files}


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert found[name].dtype == array.dtype
        # Bytes, since nan differs from itself.
        assert found[name].tobytes() == array.tobytes(), name


def number_of_checkpoints(folder):
    """Count the checkpoints that were ever written: their names are numbers."""
    last = {}
    # A fit that ends removes what is being listed.
    with suppress(FileNotFoundError):
        for file in folder.rglob("[0-9]*.safetensors"):
            last[file.parent] = max(last.get(file.parent, 0), int(file.name[:8]))
    return sum(last.values())


def kill_later(process_id, is_running, folder, rng, most):
    """Wait for some checkpoints more, then a moment, which may lie within the writing of the next one."""
    before, n_more = number_of_checkpoints(folder), int(rng.integers(0, most))
    while is_running() and number_of_checkpoints(folder) < before + n_more:
        time.sleep(0.001)
    time.sleep(rng.uniform(0, 0.03))
    if is_running():
        os.kill(process_id, signal.SIGKILL)


def in_process(call):
    """Run python; hash seeds and all else are drawn anew."""
    return subprocess.Popen([sys.executable, "-c", f"{SCRIPT}\n{call}"])


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_kill_of_python_thrice(kind, tmp_path, seed, record_property):
    """A script that is started again after each kill, as a user would."""
    folder, rng, n_kills = tmp_path / "checkpoints", np.random.default_rng(seed), 0
    whole = in_process(f"run({kind!r}, None, {str(tmp_path / 'whole.npz')!r})")
    call = f"run({kind!r}, {str(folder)!r}, {str(tmp_path / 'killed.npz')!r})"
    for _ in range(3):
        process = in_process(call)
        kill_later(process.pid, lambda process=process: process.poll() is None, folder, rng, most=10)
        n_kills += process.wait() == -signal.SIGKILL
    assert n_kills > 0
    assert in_process(call).wait() == 0
    assert whole.wait() == 0
    assert_same(load(tmp_path / "killed.npz"), load(tmp_path / "whole.npz"))
    assert list(folder.iterdir()) == []
    record_property(f"kills of {kind}", n_kills)


# Forks a process for each try, so that torch is loaded once; the parent has done nothing with it yet.
FORKS = '''
import os, signal, time
from pathlib import Path
from tests_of_kills import kill_later


def fork(name, folder, result):
    child = os.fork()
    if child == 0:
        run(name, folder, result)
        os._exit(0)
    return child


def n_kills_of(name, folder, result, n_kills, seed):
    """Kill so many tries; one that ends before is made again, and the last one is left alone."""
    rng, n_killed = np.random.default_rng(seed), 0
    for _ in range(3 * n_kills):
        if n_killed == n_kills:
            break
        child, status = fork(name, folder, result), [None]

        def is_running():
            if status[0] is None and (found := os.waitpid(child, os.WNOHANG))[0]:
                status[0] = found[1]
            return status[0] is None

        kill_later(child, is_running, Path(folder), rng, 12)
        while is_running():
            time.sleep(0.001)
        n_killed += os.WIFSIGNALED(status[0])
    assert os.waitpid(fork(name, folder, result), 0)[1] == 0
    return n_killed
'''


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_kill_twenty_times(kind, tmp_path, seed, record_property):
    """The user guide quotes the kills that were survived, so that they are noted (`python -m fuzzing`)."""
    (tmp_path / "tests_of_kills.py").write_text(Path(__file__).read_text())
    folder, files = tmp_path / "checkpoints", [str(tmp_path / f"{name}.npz") for name in ("whole", "killed")]
    program = (
        f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\n{SCRIPT}\n{FORKS}\n"
        f"assert os.waitpid(fork({kind!r}, None, {files[0]!r}), 0)[1] == 0\n"
        f"print(n_kills_of({kind!r}, {str(folder)!r}, {files[1]!r}, 20, {seed}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) == 20
    assert_same(load(files[1]), load(files[0]))
    assert list(folder.iterdir()) == []
    record_property(f"kills of {kind}", 20)
