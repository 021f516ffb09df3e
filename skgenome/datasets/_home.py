"""Find the file of a registry entry on disk, or bring it there, and vouch for its bytes.

The folder is resolved when a fetcher is called, never at import, so that a change of the environment
takes effect. A file that is there is read and checked but never replaced: it may be the user's only copy.
"""

import os
import tempfile
from pathlib import Path

import pooch

from skgenome.datasets._registry import RegistryEntry
from skgenome.exceptions import DataIntegrityError

DATA_HOME_VARIABLE = "SKGENOME_DATA"
N_RETRIES = 3
TIMEOUT_S = 30
# What every fetcher checks of the two parameters that it hands on to `fetch_file`.
HOME_CONSTRAINTS = {"data_home": [str, os.PathLike, None], "download_if_missing": ["boolean"]}

# Files whose checksum was found right in this process, as (path, size, mtime, sha256): hashing all
# genomes takes about .3 s, which is felt when a fetcher is called in a loop.
_VERIFIED: set[tuple[str, int, int, str]] = set()


def get_data_home(data_home: str | os.PathLike | None = None) -> Path:
    """Return the folder where data sets are looked for and downloaded to.

    Parameters
    ----------
    data_home : str or path-like, default=None
        The folder. None takes the environment variable ``SKGENOME_DATA`` or, where that is unset or
        empty, the cache folder that the operating system gives its user.

    Returns
    -------
    pathlib.Path
        Absolute path with ``~`` expanded. The folder is not created.

    Examples
    --------
    >>> from skgenome.datasets import get_data_home
    >>> get_data_home("~/genomes").name
    'genomes'
    """
    chosen = data_home or os.environ.get(DATA_HOME_VARIABLE) or pooch.os_cache("skgenome")
    return Path(chosen).expanduser().absolute()


def fetch_file(
    entry: RegistryEntry, *, data_home: str | os.PathLike | None = None, download_if_missing: bool = True
) -> Path:
    """Return the path of an entry's file, verified; download it first if it is missing.

    Parameters
    ----------
    entry : RegistryEntry
        The file wanted.
    data_home : str or path-like, default=None
        As in `get_data_home`.
    download_if_missing : bool, default=True
        Whether a missing file is downloaded.

    Returns
    -------
    path : pathlib.Path
        A file whose sha256 is the entry's.

    Raises
    ------
    DataIntegrityError
        If the file on disk, or what the server sent, has another checksum.
    OSError
        If the file is missing and cannot or may not be downloaded, or no address serves it.
    """
    home = get_data_home(data_home)
    path = home / entry.path
    if not path.exists():
        _require_download(entry, path, download_if_missing)
        _download(entry, home)
    _verify(path, entry)
    return path


def _require_download(entry: RegistryEntry, path: Path, download_if_missing: bool) -> None:
    """Raise OSError, saying what to do, unless a missing file can and may be downloaded."""
    if not entry.url:
        raise OSError(
            f"Expected the file {path} ({entry.bytes:,} bytes), found none, and it is not downloadable: "
            "no address serves it, as it was derived from public files. Put it there by hand (sha256 "
            f"{entry.sha256}), or set data_home or {DATA_HOME_VARIABLE} to a folder that has {entry.path}."
        )
    if not download_if_missing:
        raise OSError(
            f"Expected the file {path} ({entry.bytes:,} bytes), found none, and download_if_missing is "
            f"False. Let it be downloaded, or set data_home or {DATA_HOME_VARIABLE} to a folder that "
            f"has {entry.path}."
        )


def _verify(path: Path, entry: RegistryEntry) -> None:
    """Raise DataIntegrityError unless the file has the entry's size and checksum."""
    status = path.stat()
    key = (str(path), status.st_size, status.st_mtime_ns, entry.sha256)
    if key in _VERIFIED:
        return
    found = pooch.file_hash(str(path), alg="sha256")
    if found != entry.sha256:
        raise DataIntegrityError(
            f"The file {path} is not the one that this data set was made from: expected sha256 "
            f"{entry.sha256} ({entry.bytes:,} bytes), found {found} ({status.st_size:,} bytes). It was "
            "left as it is. Move it away and fetch again, or set data_home to another folder."
        )
    _VERIFIED.add(key)


def _require_writable(folder: Path, entry: RegistryEntry) -> None:
    """Raise PermissionError, saying what to do, unless a file can be made in the folder."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Asking the file system is the only sure test: root passes every permission bit, and a volume
        # mounted read-only has bits that say otherwise.
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as err:
        raise PermissionError(
            f"The file {entry.path} is missing and cannot be downloaded, because {folder} cannot be written "
            f"({err}). Set data_home or {DATA_HOME_VARIABLE} to a folder that you may write."
        ) from err


def _download(entry: RegistryEntry, home: Path) -> None:
    """Download an entry into the data home: to a temporary file, checked, then renamed; with retries."""
    _require_writable((home / entry.path).parent, entry)
    store = pooch.create(
        path=home,
        base_url="",
        registry={entry.path: f"sha256:{entry.sha256}"},
        urls={entry.path: entry.url},
        retry_if_failed=N_RETRIES,
    )
    try:
        store.fetch(entry.path, downloader=pooch.HTTPDownloader(timeout=TIMEOUT_S))
    except ValueError as err:
        raise DataIntegrityError(
            f"What {entry.url} sent {N_RETRIES + 1} times is not the expected file with sha256 "
            f"{entry.sha256}. Nothing was kept. A proxy that answers with a page of its own does this; "
            f"otherwise put the file at {home / entry.path} by hand."
        ) from err
    except OSError as err:
        raise OSError(
            f"Could not download {entry.url} to {home / entry.path} in {N_RETRIES + 1} attempts: {err}. "
            "Check the connection, put the file there by hand, or set data_home or "
            f"{DATA_HOME_VARIABLE} to a folder that has it."
        ) from err
