"""The index of a sequence store: what is written of it, and what has to be true before it is believed."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from skgenome.exceptions import DataIntegrityError
from skgenome.sequences._files import write_beside

FORMAT = "skgenome sequence store"
VERSION = 1
INDEX_FILE, BASES_FILE, LENGTHS_FILE, NAMES_FILE = "index.json", "bases.bin", "lengths.bin", "names.txt"

# Bytes that are read at once.
_BLOCK = 2**22


class Source(NamedTuple):
    """What a store has of one of the files that it was built of."""

    file: str
    """Name of the file, without its folder."""
    key: str
    """Known by where the file lay, its size and its time: the same file has the same key."""
    n_contigs: int
    n_bases: int
    n_name_bytes: int
    """Length of the names, each with a line end behind it."""
    sha256: str
    """Of the bases, one byte each."""


class Index(NamedTuple):
    """What the index of a store says."""

    sources: list[Source]
    lengths_sha256: str
    names_sha256: str


def read_source(text: str) -> Source:
    """Read what was written of a source; ValueError if it is none."""
    try:
        return _check_source(json.loads(text))
    except RecursionError as err:
        raise ValueError("it is nested too deeply") from err


def _check_source(fields: Any) -> Source:
    kinds = Source.__annotations__
    if not isinstance(fields, dict) or fields.keys() != kinds.keys():
        raise ValueError(f"a source has {', '.join(kinds)}")
    for name, kind in kinds.items():
        # True is an int to Python, and no number to us.
        if type(fields[name]) is not kind or (kind is int and fields[name] < 0):
            raise ValueError(f"{name} of a source is {str(fields[name])[:30]!r}")
    return Source(**fields)


def _seal(content: dict[str, Any]) -> str:
    return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def write_index(folder: Path, sources: list[Source]) -> None:
    """Write the index of the files that lie in a folder."""
    content: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "sources": [source._asdict() for source in sources],
        "lengths_sha256": file_sha256(folder / LENGTHS_FILE),
        "names_sha256": file_sha256(folder / NAMES_FILE),
    }
    with write_beside(folder / INDEX_FILE) as file:
        file.write(json.dumps({**content, "sha256": _seal(content)}, indent=1).encode())


def read_index(folder: Path) -> Index:
    """Read the index of a store and see that its files have the sizes that it says.

    Parameters
    ----------
    folder : Path
        The store.

    Returns
    -------
    Index
        The index. The content of the other files has not been looked at.

    Raises
    ------
    FileNotFoundError
        If there is no folder.
    DataIntegrityError
        If the folder is no store, one of a newer version, or damaged.
    """
    content = _read_json(folder)
    if content.get("format") != FORMAT:
        raise DataIntegrityError(f"{folder} is no sequence store: {INDEX_FILE} in it is of something else.")
    version = content.get("version")
    if type(version) is int and version > VERSION:
        raise DataIntegrityError(
            f"The sequence store {folder} has version {str(version)[:30]} of the format; this skgenome reads "
            f"up to {VERSION}. Update skgenome, or build the store anew."
        )
    try:
        seal = content.pop("sha256", None)
        if seal != _seal(content):
            raise ValueError("its checksum is wrong")
        sources = [_check_source(fields) for fields in content["sources"]]
        hashes = [content[name] for name in ("lengths_sha256", "names_sha256")]
        if version != VERSION or not sources or not all(isinstance(text, str) for text in hashes):
            raise ValueError("it lacks something")
    except (ValueError, KeyError, TypeError, RecursionError) as err:
        raise _damaged(folder, INDEX_FILE, err) from err
    index = Index(sources, *hashes)
    _check_sizes(folder, index)
    return index


def _read_json(folder: Path) -> dict[str, Any]:
    if not folder.exists():
        raise FileNotFoundError(
            f"There is no sequence store {folder}. skgenome.sequences.build_store makes one of FASTA files."
        )
    try:
        content = json.loads((folder / INDEX_FILE).read_bytes())
    except (FileNotFoundError, NotADirectoryError) as err:
        raise DataIntegrityError(
            f"{folder} is no sequence store: it has no {INDEX_FILE}. Stores are folders that "
            "skgenome.sequences.build_store makes of FASTA files."
        ) from err
    except (ValueError, RecursionError) as err:
        raise _damaged(folder, INDEX_FILE, err) from err
    if not isinstance(content, dict):
        raise _damaged(folder, INDEX_FILE, "it holds no fields")
    return content


def _damaged(folder: Path, name: str, why: Exception | str) -> DataIntegrityError:
    return DataIntegrityError(
        f"{name} of the sequence store {folder} is damaged or was altered: {why}. Copy the store again, or "
        "build it anew."
    )


def _check_sizes(folder: Path, index: Index) -> None:
    n_contigs, n_bases, n_name_bytes = (
        sum(getattr(source, name) for source in index.sources)
        for name in ("n_contigs", "n_bases", "n_name_bytes")
    )
    for name, n_bytes in {BASES_FILE: n_bases, LENGTHS_FILE: 8 * n_contigs, NAMES_FILE: n_name_bytes}.items():
        file = folder / name
        if not file.is_file():
            raise _damaged(folder, name, "it is missing")
        if file.stat().st_size != n_bytes:
            raise _damaged(
                folder, name, f"it has {file.stat().st_size:,} bytes where the index says {n_bytes:,}"
            )


def read_lengths(folder: Path, index: Index) -> np.ndarray:
    """Read the lengths of the contigs, int64; DataIntegrityError if they are not those of the index."""
    content = (folder / LENGTHS_FILE).read_bytes()
    lengths = np.frombuffer(content, "<i8").astype(np.int64)
    if sha256(content).hexdigest() != index.lengths_sha256:
        raise _damaged(folder, LENGTHS_FILE, "its checksum is wrong")
    # Whoever alters lengths may work out their checksum as well.
    if lengths.min(initial=0) < 0 or lengths.sum() != sum(source.n_bases for source in index.sources):
        raise _damaged(folder, LENGTHS_FILE, "the lengths do not add up to the bases of the index")
    return lengths


def read_names(folder: Path, index: Index) -> list[str]:
    """Read the names of the contigs; DataIntegrityError if they are not those of the index."""
    content = (folder / NAMES_FILE).read_bytes()
    if sha256(content).hexdigest() != index.names_sha256:
        raise _damaged(folder, NAMES_FILE, "its checksum is wrong")
    try:
        names = content.decode().split("\n")[:-1]
    except UnicodeDecodeError as err:
        raise _damaged(folder, NAMES_FILE, err) from err
    if len(names) != sum(source.n_contigs for source in index.sources):
        raise _damaged(folder, NAMES_FILE, "it has another number of names than there are contigs")
    return names


def file_sha256(path: Path, start: int = 0, n_bytes: int | None = None) -> str:
    """Work out the checksum of a file, or of a part of it, in pieces."""
    digest = sha256()
    n_left = path.stat().st_size - start if n_bytes is None else n_bytes
    with path.open("rb") as file:
        file.seek(start)
        while n_left > 0 and (block := file.read(min(n_left, _BLOCK))):
            digest.update(block)
            n_left -= len(block)
    return digest.hexdigest()
