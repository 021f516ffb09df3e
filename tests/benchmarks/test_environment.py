"""Facts about the machine and the code."""

import platform
import subprocess
import sys

import numpy as np
import pytest

from benchmarks.environment import commit, cpu_name, describe, n_cores, package_versions


def git(*arguments, folder):
    names = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *names, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path):
    git("init", folder=tmp_path)
    (tmp_path / "code.py").write_text("1\n")
    git("add", ".", folder=tmp_path)
    git("commit", "-m", "first", folder=tmp_path)
    return tmp_path


def test_commit_of_a_clean_tree(repository):
    facts = commit(repository)
    assert len(facts["commit"]) == 40
    assert facts["dirty"] is False


def test_commit_results_are_no_change_of_code(repository):
    (repository / "benchmarks" / "results").mkdir(parents=True)
    (repository / "benchmarks" / "results" / "speed.json").write_text("{}")
    assert commit(repository)["dirty"] is False
    (repository / "code.py").write_text("2\n")
    assert commit(repository)["dirty"] is True


def test_commit_outside_of_a_repository(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert commit(tmp_path) == {"commit": None, "dirty": None}


def test_package_versions_are_those_imported():
    versions = package_versions()
    assert versions["python"] == platform.python_version() == sys.version.split()[0]
    assert versions["numpy"] == np.__version__


def test_describe_names_the_machine():
    facts = describe("cpu")
    assert facts["device"] == "cpu"
    assert facts["device_name"] == facts["cpu"] == cpu_name() != ""
    assert facts["n_cores"] == n_cores() >= 1
