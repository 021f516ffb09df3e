"""Inputs that are a folder: their parts as files, with checksums that fit, as a forger would have them."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

from fuzzing.mutation import SEPARATOR
from skgenome.persistence import CONFIG_FILE, WEIGHTS_FILE
from skgenome.sequences._store_index import BASES_FILE, INDEX_FILE, LENGTHS_FILE, NAMES_FILE, _seal

STORE_FILES = (INDEX_FILE, BASES_FILE, LENGTHS_FILE, NAMES_FILE)
MODEL_FILES = (CONFIG_FILE, WEIGHTS_FILE)
#: An input that begins with this keeps its checksums as they are.
AS_IT_IS = b"!"


def pack_folder(folder: Path, names: tuple[str, ...]) -> bytes:
    """Make one input of the files of a folder.

    Parameters
    ----------
    folder : Path
        Where they lie.
    names : tuple of str
        Which, in this order.

    Returns
    -------
    bytes
        Their content.
    """
    return SEPARATOR.join((folder / name).read_bytes() for name in names)


def _parse(text: bytes) -> dict[str, Any] | None:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _write(folder: Path, names: tuple[str, ...], parts: list[bytes]) -> None:
    folder.mkdir(exist_ok=True)
    for name, part in zip(names, parts, strict=True):
        (folder / name).write_bytes(part)


def _split(content: bytes, n_parts: int) -> list[bytes]:
    parts = content.split(SEPARATOR, n_parts - 1)
    return parts + [b""] * (n_parts - len(parts))


def write_model(content: bytes, folder: Path) -> None:
    """Write an input as a saved model.

    Parameters
    ----------
    content : bytes
        Description and weights, with `SEPARATOR` between them.
    folder : Path
        Of the model.
    """
    text, weights = _split(content.removeprefix(AS_IT_IS), 2)
    document = None if content.startswith(AS_IT_IS) else _parse(text)
    if document is not None and "weights_sha256" in document:
        document["weights_sha256"] = sha256(weights).hexdigest()
        text = json.dumps(document).encode()
    _write(folder, MODEL_FILES, [text, weights])


def write_store(content: bytes, folder: Path) -> None:
    """Write an input as a sequence store.

    Parameters
    ----------
    content : bytes
        Index, bases, lengths and names, with `SEPARATOR` between them.
    folder : Path
        Of the store.
    """
    text, bases, lengths, names = _split(content.removeprefix(AS_IT_IS), 4)
    document = None if content.startswith(AS_IT_IS) else _parse(text)
    if document is not None:
        checksums = {"lengths_sha256": sha256(lengths), "names_sha256": sha256(names)}
        document.update({name: digest.hexdigest() for name, digest in checksums.items() if name in document})
        if document.pop("sha256", None) is not None:
            document["sha256"] = _seal(document)
        text = json.dumps(document).encode()
    _write(folder, STORE_FILES, [text, bases, lengths, names])
