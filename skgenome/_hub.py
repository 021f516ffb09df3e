"""Saved models on the Hugging Face Hub: three files each way, by its own client.

It knows names and sizes of files alone; what is in them, :mod:`skgenome.persistence` reads and writes.
"""

import re
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

#: What an address on the hub begins with.
SCHEME = "hf://"
#: The files of a saved model, and the most bytes of those that are text. No other file is ever fetched.
README = "README.md"
LARGEST_TEXT = 2**26
_ADDRESS = re.compile(r"hf://(?P<repo_id>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?")
_LIBRARY = {"library_name": "skgenome", "library_version": version("skgenome")}


def parse_address(address: str) -> tuple[str, str | None]:
    """Take an address apart.

    Parameters
    ----------
    address : str
        ``hf://user/name``, with ``@revision`` behind it or without.

    Returns
    -------
    repo_id : str
        ``user/name``.
    revision : str or None
        Commit, tag or branch; None where there is none.

    Raises
    ------
    ValueError
        If it is something else.
    """
    match = _ADDRESS.fullmatch(address)
    if match is None:
        raise ValueError(
            "A model on the hub must be given as hf://user/name or hf://user/name@revision, where a revision "
            f"is a commit, a tag or a branch. Got {address!r}."
        )
    return match["repo_id"], match["revision"]


def fetch(address: str, names: tuple[str, ...], max_bytes: int) -> Path:
    """Fetch a saved model, unless that very revision is in the hub's cache.

    Parameters
    ----------
    address : str
        As in :func:`parse_address`.
    names : tuple of str
        The files that a model has; the first is text, as is README.md, which is fetched too.
    max_bytes : int
        Most bytes of all files together.

    Returns
    -------
    pathlib.Path
        A folder in the cache, not to be written to.

    Raises
    ------
    ImportError
        If huggingface_hub is not installed.
    FileNotFoundError
        If there is no such model, or the hub can't be reached and nothing is in the cache.
    ValueError
        If the address is none, or the files are larger than allowed.
    """
    repo_id, revision = parse_address(address)
    hub = _client()
    wanted = {"repo_id": repo_id, "allow_patterns": [*names, README], **_LIBRARY}
    try:
        planned = hub.snapshot_download(revision=revision, dry_run=True, **wanted)
    except hub.errors.DryRunError as err:
        return _find_in_cache(hub, address, revision, wanted, err)
    except hub.errors.HfHubHTTPError as err:
        raise FileNotFoundError(f"{address} could not be fetched: {_first_line(err)}.") from err
    sizes = {file.filename: file.file_size for file in planned}
    _check_sizes(address, sizes, names, max_bytes)
    # By the commit that the sizes are of: a branch may have moved on since.
    (commit,) = {file.commit_hash for file in planned}
    return Path(hub.snapshot_download(revision=commit, **wanted))


def _client():
    try:
        import huggingface_hub
        import huggingface_hub.errors
    except ImportError as err:
        raise ImportError(
            "Models on the Hugging Face Hub need its client. Install it with: pip install 'skgenome[hub]'."
        ) from err
    return huggingface_hub


def _find_in_cache(hub, address: str, revision: str | None, wanted: dict, reason: Exception) -> Path:
    """Give what an earlier call has fetched, where the hub does not answer."""
    try:
        return Path(hub.snapshot_download(revision=revision, local_files_only=True, **wanted))
    except hub.errors.LocalEntryNotFoundError as err:
        raise FileNotFoundError(
            f"{address} is not on the hub, or the hub can't be reached, and it is not in the cache "
            f"({_first_line(reason.__cause__ or reason)}). Is the name right, are you online, and, if it is "
            "private, is a token set (hf auth login)?"
        ) from err


def _first_line(err: BaseException) -> str:
    return str(err).strip().split("\n")[0].rstrip(".")


def _check_sizes(address: str, sizes: Mapping[str, int], names: tuple[str, ...], max_bytes: int) -> None:
    missing = [name for name in names if name not in sizes]
    if missing:
        raise FileNotFoundError(
            f"{address} has no {' and no '.join(missing)}: it is no model that skgenome.save has written."
        )
    total = sum(sizes.values())
    if total > max_bytes:
        raise ValueError(
            f"{address} has {total:,} bytes, more than max_bytes={max_bytes:,}, so nothing was fetched. If "
            "you trust it, allow as many."
        )
    for name in (names[0], README):
        if sizes.get(name, 0) > LARGEST_TEXT:
            raise ValueError(
                f"{name} of {address} has {sizes[name]:,} bytes; a model's has at most {LARGEST_TEXT:,}. "
                "Nothing was fetched."
            )


def push(
    folder: Path,
    repo_id: str,
    names: tuple[str, ...],
    *,
    readme: str,
    private: bool | None,
    revision: str | None,
    commit_message: str,
) -> str:
    """Put a saved model on the hub.

    Parameters
    ----------
    folder : pathlib.Path
        With the files.
    repo_id : str
        ``user/name``; made if it does not exist.
    names : tuple of str
        The files to put there, and no others.
    readme : str
        The page of a repository that has none yet; one that is there is left as it is.
    private : bool or None
        Whether a new repository is private. None leaves that to the hub.
    revision : str or None
        Branch to put it on. None: the main one.
    commit_message : str
        Of the commit.

    Returns
    -------
    str
        The address with the commit.

    Raises
    ------
    ImportError
        If huggingface_hub is not installed.
    ValueError
        If `repo_id` is no name.
    OSError
        If the hub refuses it, or can't be reached.
    """
    address = f"{SCHEME}{repo_id}"
    parse_address(address)
    api = _client().HfApi(**_LIBRARY)
    api.create_repo(repo_id, private=private, exist_ok=True)
    if not api.file_exists(repo_id, README, revision=revision):
        (folder / README).write_text(readme, encoding="utf-8")
    commit = api.upload_folder(
        repo_id=repo_id,
        folder_path=folder,
        allow_patterns=[*names, README],
        revision=revision,
        commit_message=commit_message,
    )
    return f"{address}@{commit.oid}"
