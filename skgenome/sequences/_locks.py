"""Folders that one process works in at a time; the system takes the lock from a process that is killed."""

import logging
import os
import time
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import IO

# Windows has none: two processes that work in one folder are not told apart there.
fcntl = import_module("fcntl") if find_spec("fcntl") else None

logger = logging.getLogger(__name__)

#: The file that is locked; whoever removes the folder or renames it removes this as well.
LOCK_FILE = "lock"


def lock_folder(folder: Path, n_tries: int = 10) -> IO | None:
    """Lock a folder, and make it where it is missing.

    Parameters
    ----------
    folder : Path
        The folder. Where its file system has no locks, it counts as locked by everybody.
    n_tries : int, default=10
        How often to try, 50 ms apart: so long does another process that only looks have.

    Returns
    -------
    file object or None
        Close it to unlock the folder. None where another process keeps it locked.

    Raises
    ------
    OSError
        If the folder can't be made or written to.
    """
    for _ in range(n_tries):
        folder.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            lock = (folder / LOCK_FILE).open("a")
            # The folder may have been removed, by who had locked it, after the file was opened.
            if _try_lock(lock) and _is_there(lock, folder / LOCK_FILE):
                return lock
            lock.close()
        time.sleep(0.05)
    return None


def is_locked(folder: Path) -> bool:
    """Say whether a process works in a folder.

    Parameters
    ----------
    folder : Path
        The folder.

    Returns
    -------
    bool
        True also where that can't be found out.
    """
    try:
        with (folder / LOCK_FILE).open("a") as lock:
            return not _try_lock(lock)
    except OSError:
        return True


def _try_lock(file: IO) -> bool:
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        # A file system without locks.
        logger.info("%s cannot be locked", file.name)
    return True


def _is_there(file: IO, path: Path) -> bool:
    return path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat())
