"""Fixtures that all tests share."""

import os
from pathlib import Path

import pytest

# Where the real files lie when the repository is checked out beside them.
_SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def real_data_home():
    """Folder of the real files; the test is skipped where there is none."""
    folder = Path(os.environ.get("SKGENOME_DATA") or _SHARED_DATA).expanduser()
    if not (folder / "ecoli_k12").is_dir():
        pytest.skip(f"no real data in {folder}; set SKGENOME_DATA to a folder that has it")
    return folder


@pytest.fixture
def seed():
    """Seed of everything random in a test; CI tries others through SKGENOME_TEST_SEED."""
    return int(os.environ.get("SKGENOME_TEST_SEED", "0"))
