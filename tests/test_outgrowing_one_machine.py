"""The scripts of the page "Outgrowing one machine" run as they are written there, and do what it says."""

import re
import runpy
import shlex
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

PAGE = (Path(__file__).parents[1] / "docs" / "user_guide" / "outgrowing_one_machine.rst").read_text()


@pytest.fixture
def script(tmp_path, monkeypatch):
    """Write a script of the page into an empty folder, which becomes the working directory."""

    def write(name):
        block = re.search(rf"   :name: {re.escape(name)}\n\n(.*?)(?=^\S)", PAGE, re.DOTALL | re.MULTILINE)[1]
        path = tmp_path / name
        path.write_text(textwrap.dedent(block))
        monkeypatch.chdir(tmp_path)
        return path

    return write


def command(beginning):
    """Give the first command of the page that begins so, to be run by this interpreter."""
    line = re.search(rf"^    ({re.escape(beginning)} .*)$", PAGE, re.MULTILINE)[1]
    assert line.startswith("accelerate launch")
    return [sys.executable, "-m", "accelerate.commands.launch", *shlex.split(line)[2:]]


def test_accelerate_launches_the_script_of_the_page(script, capsys, monkeypatch):
    path = script("pretrain.py")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    line = command("accelerate launch --multi_gpu --num_processes 2")
    # Not the port that is everybody's default, which another test may use.
    line.insert(3, "--main_process_port=0")
    done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=1200)
    assert done.returncode == 0, done.stderr
    assert (path.parent / "lm").is_dir()
    runpy.run_path(str(path))
    assert done.stdout == capsys.readouterr().out
    assert done.stdout.endswith(" bits per base\n")


def test_dask_computes_the_script_of_the_page(script, monkeypatch):
    # Set by who runs the tests, it would hide how many threads a worker takes by itself.
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    names = runpy.run_path(str(script("search.py")), run_name="__main__")
    for scores, serial in zip(names["scores"], names["compute"](), strict=True):
        assert np.array_equal(scores, serial)
    assert list(names["threads"].values()) == [1, 1]
