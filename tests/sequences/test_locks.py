"""Locks of folders: one holder at a time, also where the folder comes and goes."""

import shutil

import pytest

from skgenome.sequences import _locks, is_locked, lock_folder


def test_lock_folder_has_one_holder(tmp_path):
    folder = tmp_path / "made" / "for it"
    with lock_folder(folder):
        assert is_locked(folder)
        assert lock_folder(folder, n_tries=1) is None
    assert not is_locked(folder)
    with lock_folder(folder, n_tries=1):
        assert is_locked(folder)


def test_is_locked_where_nobody_can_know(tmp_path):
    assert is_locked(tmp_path / "nowhere")


@pytest.mark.parametrize("when", ["before", "after"], ids=lambda when: f"{when} the file is opened")
def test_lock_folder_outlives_the_removal_of_the_folder(when, tmp_path, monkeypatch):
    """Who had locked it has ended, and removed it, while this one was about to lock it."""
    folder, original = tmp_path / "x", _locks._try_lock if when == "after" else _locks.Path.mkdir

    def vanish(*args, **kwargs):
        monkeypatch.undo()
        result = original(*args, **kwargs)
        shutil.rmtree(folder)
        return result

    if when == "after":
        monkeypatch.setattr(_locks, "_try_lock", vanish)
    else:
        monkeypatch.setattr(_locks.Path, "mkdir", vanish)
    with lock_folder(folder):
        assert is_locked(folder)


@pytest.mark.usefixtures("without_locks")
def test_file_system_without_locks_will_do(tmp_path):
    with lock_folder(tmp_path), lock_folder(tmp_path):
        assert not is_locked(tmp_path)
