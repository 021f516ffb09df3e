"""How a sequence store is made: file after file, beside its place, so that a build that dies goes on."""

import json
import logging
import os
import shutil
import warnings
from array import array
from collections.abc import Iterable, Iterator
from hashlib import sha256
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import numpy as np

from skgenome.exceptions import DataIntegrityError, SkgenomeWarning
from skgenome.sequences._alphabet import AMBIGUOUS, advise_on, read_letters
from skgenome.sequences._files import expand_paths, write_beside
from skgenome.sequences._locks import LOCK_FILE, lock_folder
from skgenome.sequences._store import SequenceStore
from skgenome.sequences._store_index import (
    BASES_FILE,
    LENGTHS_FILE,
    NAMES_FILE,
    Source,
    file_sha256,
    read_source,
    write_index,
)
from skgenome.sequences._store_pieces import PIECE, Piece, iter_pieces

logger = logging.getLogger(__name__)

# One line for each file that has been read whole, while the others are not.
_JOURNAL = "journal.jsonl"


class _Input(NamedTuple):
    """A file that is to be read."""

    path: Path
    key: str


def build_store(paths: str | PathLike | Iterable[str | PathLike], path: str | PathLike) -> SequenceStore:
    """Make a sequence store of FASTA and FASTQ files.

    The files are read one after the other, piece by piece, into a folder beside `path`
    (``.name.building``), which gets its name when it is whole. A build that was interrupted or killed goes on
    when the same call is made again: files that it had read to the end are not read again. Where the store is
    there already, and made of the same files, it is opened.

    Parameters
    ----------
    paths : str, path or iterable of these
        Files, folders and glob patterns, as in :func:`iter_sequences`.
    path : str or path
        The folder to make. It takes one byte for each base, and the names.

    Returns
    -------
    SequenceStore
        The store, with a contig for each record, in the order of the files.

    Raises
    ------
    FileNotFoundError
        If a path of `paths` does not exist or stands for no file, or the folder above `path` does not exist.
    FileExistsError
        If `path` exists and is anything but a store made of the same files.
    DataIntegrityError
        If a file is empty, truncated, corrupt, neither FASTA nor FASTQ, or has what is no IUPAC code.
    OSError
        If the store can't be written, for lack of room for example.
    RuntimeError
        If another process is building the same store.

    Warns
    -----
    SkgenomeWarning
        As :func:`read_sequences`: if records have no sequence, or several in one file have the same name.

    See Also
    --------
    SequenceStore : What can be done with it.

    Notes
    -----
    In memory are a few MB for the piece that is read, and 16 bytes for each record of its file. A file
    counts as the same if its path, its size and the time of its last change are. Descriptions, the case
    of letters, and which IUPAC code an ambiguous base had are not kept.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from skgenome.sequences import build_store, write_fasta
    >>> with TemporaryDirectory() as folder:
    ...     for i, sequence in enumerate(["GATTACA", "CCG"]):
    ...         write_fasta(Path(folder) / f"{i}.fa.gz", [sequence], names=[f"chr{i}"])
    ...     store = build_store(Path(folder) / "*.fa.gz", Path(folder) / "store")
    ...     list(store.items())
    [('chr0', 'GATTACA'), ('chr1', 'CCG')]
    """
    inputs = [_Input(file, _key(file)) for file in expand_paths(paths)]
    path = Path(path).expanduser().absolute()
    if not path.exists():
        if not path.parent.is_dir():
            raise FileNotFoundError(f"Folder {path.parent} does not exist; {path.name} cannot be made there.")
        _build(inputs, path)
    try:
        store = SequenceStore(path)
    except DataIntegrityError as err:
        raise FileExistsError(
            f"{path} exists and is no store that could be opened: {err} Choose another path, or remove it."
        ) from err
    if [source.key for source in store.sources] != [file.key for file in inputs]:
        raise FileExistsError(
            f"{path} is a store of other files, {len(store.sources)} beginning with {store.sources[0].file}, "
            "or of these before they were changed. Open it with SequenceStore, or choose another path."
        )
    return store


def _key(file: Path) -> str:
    status = file.stat()
    return sha256(f"{file.resolve()}\0{status.st_size}\0{status.st_mtime_ns}".encode()).hexdigest()


def _build(inputs: list[_Input], path: Path) -> None:
    folder = path.with_name(f".{path.name}.building")
    with _Growing(folder) as growing:
        # Another process may have made it while this one waited for the lock.
        if not path.exists():
            for file in inputs[growing.take_up(inputs) :]:
                growing.add(file)
            growing.finish(path)


class _Growing:
    """The folder that a store grows in.

    Files are opened anew for each piece: nothing is left in a buffer that could fail later, and what has been
    written survives a kill.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.sources: list[Source] = []

    def __enter__(self) -> "_Growing":
        try:
            lock = lock_folder(self.folder)
        except OSError as err:
            raise self._unwritable(err) from err
        if lock is None:
            raise RuntimeError(
                f"Another process is building this store, in {self.folder}. Wait for it, or choose another "
                "path."
            )
        self._lock = lock
        return self

    def __exit__(self, *_: object) -> None:
        # What holds no whole file is of no use to the next call.
        journal = self.folder / _JOURNAL
        if not (journal.is_file() and journal.stat().st_size):
            shutil.rmtree(self.folder, ignore_errors=True)
        self._lock.close()

    def take_up(self, inputs: list[_Input]) -> int:
        """Keep what a former call has read of the first of these files, nothing else; count the files."""
        self.sources = self._trusted(self._noted(inputs))
        totals = self._totals(self.sources)
        try:
            for name, n_bytes in totals.items():
                (self.folder / name).touch()
                os.truncate(self.folder / name, n_bytes)
            with write_beside(self.folder / _JOURNAL) as file:
                file.writelines(map(_line, self.sources))
        except OSError as err:
            raise self._unwritable(err) from err
        if self.sources:
            logger.info("going on behind the first %d of %d files", len(self.sources), len(inputs))
        return len(self.sources)

    def _noted(self, inputs: list[_Input]) -> Iterator[Source]:
        """Read the journal as far as it is about these files, in this order."""
        journal = self.folder / _JOURNAL
        lines = journal.read_bytes().splitlines() if journal.is_file() else []
        for line, file in zip(lines, inputs, strict=False):
            try:
                source = read_source(line.decode())
            except ValueError:
                # The last line of a process that was killed.
                return
            if source.key != file.key:
                return
            yield source

    def _trusted(self, sources: Iterable[Source]) -> list[Source]:
        """Keep sources as far as what was written of them is on disk: power may have failed."""
        kept: list[Source] = []
        for source in sources:
            before, after = self._totals(kept), self._totals([*kept, source])
            if not all(
                (self.folder / name).is_file() and (self.folder / name).stat().st_size >= n_bytes
                for name, n_bytes in after.items()
            ):
                break
            lengths = np.frombuffer(self._read(LENGTHS_FILE, before, after), "<i8")
            names = self._read(NAMES_FILE, before, after)
            if lengths.sum() != source.n_bases or names.count(b"\n") != source.n_contigs:
                break
            if file_sha256(self.folder / BASES_FILE, before[BASES_FILE], source.n_bases) != source.sha256:
                break
            kept.append(source)
        return kept

    def _read(self, name: str, before: dict[str, int], after: dict[str, int]) -> bytes:
        with (self.folder / name).open("rb") as file:
            file.seek(before[name])
            return file.read(after[name] - before[name])

    @staticmethod
    def _totals(sources: Iterable[Source]) -> dict[str, int]:
        sources = list(sources)
        return {
            BASES_FILE: sum(source.n_bases for source in sources),
            LENGTHS_FILE: 8 * sum(source.n_contigs for source in sources),
            NAMES_FILE: sum(source.n_name_bytes for source in sources),
        }

    def add(self, file: _Input) -> None:
        """Read a file to its end and note it."""
        lengths, hashes = array("q"), array("q")
        digest, n_name_bytes = sha256(), 0
        for pieces in _in_batches(iter_pieces(file.path)):
            codes = _encode(pieces, file.path)
            digest.update(codes)
            self._append(BASES_FILE, codes)
            begun = [piece.name for piece in pieces if piece.start == 0]
            names = "".join(f"{name}\n" for name in begun).encode()
            n_name_bytes += len(names)
            self._append(NAMES_FILE, names)
            hashes.extend(map(hash, begun))
            for piece in pieces:
                if piece.start == 0:
                    lengths.append(0)
                lengths[-1] += len(piece.letters)
        in_order = np.frombuffer(lengths, np.int64)
        self._append(LENGTHS_FILE, in_order.astype("<i8").tobytes())
        source = Source(
            file.path.name, file.key, len(lengths), int(in_order.sum()), n_name_bytes, digest.hexdigest()
        )
        self._append(_JOURNAL, _line(source))
        self.sources.append(source)
        logger.info("read %s: %d contigs, %d bases", file.path, source.n_contigs, source.n_bases)
        self._warn(file.path, in_order, np.frombuffer(hashes, np.int64))

    def _warn(self, path: Path, lengths: np.ndarray, hashes: np.ndarray) -> None:
        """Say what the readers of whole files say as well; names are told apart by their hashes."""
        n_empty, n_names = int(np.count_nonzero(lengths == 0)), len(np.unique(hashes))
        remarks = []
        if n_empty:
            first = int(np.argmax(lengths == 0)) + 1
            remarks.append(
                f"{n_empty} of {len(lengths)} records of {path} have no sequence. The first is record "
                f"{first}."
            )
        if n_names < len(hashes):
            remarks.append(
                f"{len(hashes)} records of {path} share {n_names} names. All are kept; fetch them by number."
            )
        for remark in remarks:
            # From here over the adding and the building to who called build_store.
            warnings.warn(remark, SkgenomeWarning, stacklevel=5)

    def finish(self, path: Path) -> None:
        """Write the index and give the folder its name."""
        try:
            for name in (BASES_FILE, LENGTHS_FILE, NAMES_FILE):
                with (self.folder / name).open("rb+") as file:
                    os.fsync(file.fileno())
            write_index(self.folder, self.sources)
            self.folder.rename(path)
        except OSError as err:
            raise self._unwritable(err) from err
        # A kill between the lines leaves these two in the store, where nobody looks at them.
        for name in (_JOURNAL, LOCK_FILE):
            (path / name).unlink(missing_ok=True)

    def _append(self, name: str, content: bytes) -> None:
        try:
            with (self.folder / name).open("ab") as file:
                file.write(content)
        except OSError as err:
            raise self._unwritable(err) from err

    def _unwritable(self, err: OSError) -> OSError:
        """Say in an error of the system what it is about; it keeps its class, by its number."""
        advice = (
            f"What was read of {len(self.sources)} files stays there: make room and make the same call "
            "again to go on, or remove that folder"
            if self.sources
            else "Give a path in a folder that this process may write to and that has room for the bases"
        )
        return OSError(
            err.errno,
            f"The sequence store can't be written to {self.folder}: {err.strerror or err}. {advice}",
        )


def _line(source: Source) -> bytes:
    return f"{json.dumps(source._asdict())}\n".encode()


def _in_batches(pieces: Iterable[Piece]) -> Iterator[list[Piece]]:
    """Put short pieces together, since each batch costs three openings of files."""
    batch: list[Piece] = []
    n_letters = 0
    for piece in pieces:
        batch.append(piece)
        # A record costs as much as its name and a number even where it is empty.
        n_letters += len(piece.letters) + 64
        if n_letters >= PIECE:
            yield batch
            batch, n_letters = [], 0
    if batch:
        yield batch


def _encode(pieces: list[Piece], path: Path) -> bytes:
    codes = read_letters("".join(piece.letters for piece in pieces))
    if codes.max(initial=0) > AMBIGUOUS:
        place = int(np.argmax(codes > AMBIGUOUS))
        ends = np.cumsum([len(piece.letters) for piece in pieces])
        i = int(np.searchsorted(ends, place, side="right"))
        position = place - int(ends[i]) + len(pieces[i].letters)
        character = pieces[i].letters[position]
        raise DataIntegrityError(
            f"{path}, record {pieces[i].record + 1} ({pieces[i].name[:60]!r}) has {character!r} at position "
            f"{pieces[i].start + position}, which is not an IUPAC nucleotide code. {advise_on(character)}"
        )
    return codes.tobytes()
