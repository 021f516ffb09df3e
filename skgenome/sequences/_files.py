"""Finding, opening and replacing files, compressed or not."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import IO, TypeVar
from uuid import uuid4

from xopen import xopen

from skgenome.exceptions import DataIntegrityError

Item = TypeVar("Item")

# Characters that are kept of another library's message, which may repeat a line of megabytes.
_SHOWN = 300

_FORMATS = (".fa", ".fas", ".fasta", ".fna", ".ffn", ".frn", ".fq", ".fastq")
#: How the names of compressed files end.
COMPRESSIONS = (".gz", ".bz2", ".xz", ".zst")
#: How the names of sequence files end; a folder is searched for these.
SEQUENCE_SUFFIXES = tuple(f + compression for f in _FORMATS for compression in ("", *COMPRESSIONS))


def expand_paths(paths: str | PathLike | Iterable[str | PathLike]) -> list[Path]:
    """Find the files that paths stand for.

    Parameters
    ----------
    paths : str, path or iterable of these
        Files, folders (their sequence files, by suffix, without sub-folders) and glob patterns.

    Returns
    -------
    list of Path
        Existing files: in the order of `paths`, those of a folder or pattern sorted by name.

    Raises
    ------
    FileNotFoundError
        If a path does not exist, a folder has no sequence file, or a pattern matches none.
    ValueError
        If there is no path.
    """
    if isinstance(paths, str | PathLike):
        return _expand(Path(paths).expanduser())
    files = [file for path in paths for file in _expand(Path(path).expanduser())]
    if not files:
        raise ValueError("paths must hold at least one file, folder or glob pattern. Got none.")
    return files


def _expand(path: Path) -> list[Path]:
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.name.lower().endswith(SEQUENCE_SUFFIXES))
        if not files:
            raise FileNotFoundError(
                f"Folder {path} has no sequence file. Names end in {', '.join(_FORMATS)}, "
                f"followed by {', '.join(COMPRESSIONS)} if compressed."
            )
        return files
    # A file may have a bracket in its name; it is a pattern only where no such file exists.
    if path.exists():
        return [path]
    if not set("*?[") & set(str(path)):
        raise FileNotFoundError(f"File {path} does not exist.")
    pattern = str(path.relative_to(path.anchor))
    files = sorted(file for file in Path(path.anchor).glob(pattern) if file.is_file())
    if not files:
        raise FileNotFoundError(f"No file matches the pattern {path}.")
    return files


def open_file(path: str | Path, mode: str, **kwargs: str) -> IO:
    """Open a file, compressed or not.

    Parameters
    ----------
    path : str or Path
        The suffix tells the compression; when reading, the content where the suffix does not.
    mode : {'rb', 'rt', 'wb'}
        How to open it.
    **kwargs : str
        For the opener: an encoding.

    Returns
    -------
    file object
        To be closed by the caller.

    Raises
    ------
    ImportError
        If the file is compressed by Zstandard and Python lacks a module for it.
    """
    opener: Callable[..., IO] = xopen  # its overloads are by mode, which only the caller knows
    try:
        # Without helper threads: a broken file then fails here, not in another process.
        return opener(path, mode, threads=0, **kwargs)
    except ImportError as err:
        raise ImportError(
            f"{path} is compressed by Zstandard, which Python before 3.14 needs a package for: "
            "pip install backports.zstd (or zstandard, where xopen is older than 2.1)."
        ) from err


def read_items(items: Iterable[Item], path: Path, unit: str) -> Iterator[Item]:
    """Pass on what a reader yields, and say where it stopped if it breaks.

    Parameters
    ----------
    items : iterable
        Records or lines of a file.
    path : Path
        The file, for the message.
    unit : str
        What an item is called.

    Yields
    ------
    item
        The items.

    Raises
    ------
    ImportError, PermissionError
        As the reader raises them.
    DataIntegrityError
        If the reader fails in any other way: the file is truncated, corrupt, of another format or encoding.
    """
    iterator = iter(items)
    n_read = 0
    while True:
        try:
            item = next(iterator)
        except StopIteration:
            return
        except (DataIntegrityError, ImportError, PermissionError):
            raise
        except UnicodeDecodeError as err:
            raise DataIntegrityError(
                f"{path} holds bytes that are not text in UTF-8, found after {n_read} {unit}s: "
                f"{str(err)[:_SHOWN]}. Is a name written in Latin-1? Convert the file (iconv -f latin1 -t "
                "utf-8); if it should have no such letters, it is damaged: copy or download it again."
            ) from err
        # Each decompressor has exceptions of its own, so there is no list of them to catch.
        except Exception as err:
            raise DataIntegrityError(
                f"{path} breaks off or is damaged after {n_read} {unit}s: {str(err)[:_SHOWN]} Copy or "
                "download it again."
            ) from err
        n_read += 1
        yield item


@contextmanager
def write_beside(path: str | PathLike) -> Iterator[IO[bytes]]:
    """Write a file under another name in the same folder, and rename it once it is whole.

    Parameters
    ----------
    path : str or path
        The file; its suffix chooses the compression.

    Yields
    ------
    binary file object
        What to write to. If the block raises, nothing stays and an older file of that name is untouched.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.
    """
    path = Path(path).expanduser()
    if not path.parent.is_dir():
        raise FileNotFoundError(f"Folder {path.parent} does not exist; {path.name} cannot be written there.")
    # The name keeps its end, by which the opener chooses the compression.
    part = path.with_name(f".{uuid4().hex}.{path.name}")
    try:
        with open_file(part, "wb") as file:
            yield file
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
