"""Sequences on disk, to be read in any order without being in memory."""

import os
import re
import weakref
from collections.abc import Iterator
from functools import cached_property
from hashlib import sha256
from os import PathLike
from pathlib import Path

import numpy as np

from skgenome.exceptions import DataIntegrityError
from skgenome.sequences._alphabet import AMBIGUOUS, decode
from skgenome.sequences._store_index import (
    BASES_FILE,
    file_sha256,
    read_index,
    read_lengths,
    read_names,
)

# Names that a message shows.
_SHOWN = 5


class SequenceStore:
    """Sequences in a folder on disk, which need not fit into memory.

    :func:`build_store` makes one of FASTA files. :class:`~skgenome.preprocessing.KmerTokenizer` takes it in
    place of a list of sequences and gives token ids that are made when they are read; estimators that
    learn from unlabelled sequences take those.

    A store holds one byte for each base, as :func:`encode` gives it: letters that stand for more than one
    base come back as N, lower case as upper case, U as T.

    Read more in :ref:`outgrowing_memory`.

    Parameters
    ----------
    path : str or path
        The folder. Neither bases nor names are read when it is opened; sizes and the checksums of the
        index are looked at.

    Attributes
    ----------
    path : Path
        The folder.
    lengths : ndarray of shape (n_contigs,), int64
        Bases in each contig.
    offsets : ndarray of shape (n_contigs + 1,), int64
        Where each contig starts among all bases; the last is their number.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    DataIntegrityError
        If the folder is no store, one of a newer version, cut off or altered.

    See Also
    --------
    build_store : Make a store of FASTA files.
    read_sequences : Read FASTA files into memory.

    Notes
    -----
    In memory are 16 bytes for each contig, and the names once they are asked for. A store can be pickled:
    the folder is opened anew, and has to hold the same bases.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from skgenome.sequences import build_store, write_fasta
    >>> with TemporaryDirectory() as folder:
    ...     write_fasta(Path(folder) / "a.fa", ["GATTACA", "CCGn"], names=["chr1", "chr2"])
    ...     store = build_store(Path(folder) / "a.fa", Path(folder) / "store")
    ...     store.names, store[1], store.fetch("chr1", 1, 4), store.fetch("chr1:4-7")
    (['chr1', 'chr2'], 'CCGN', 'ATT', 'ACA')
    """

    def __init__(self, path: str | PathLike):
        self.path = Path(path).expanduser().absolute()
        self._index = read_index(self.path)
        self.lengths = read_lengths(self.path, self._index)
        self.offsets = np.concatenate([[0], np.cumsum(self.lengths)]).astype(np.int64)
        for array in (self.lengths, self.offsets):
            array.flags.writeable = False
        file = (self.path / BASES_FILE).open("rb", buffering=0)
        self._descriptor = file.fileno()
        # Stores are not closed by hand: the file is closed when nothing reads from it any more.
        weakref.finalize(self, file.close)

    def __len__(self) -> int:
        return len(self.lengths)

    def __repr__(self) -> str:
        return f"<SequenceStore of {len(self):,} contigs, {self.offsets[-1]:,} bases, in {self.path}>"

    def __reduce__(self) -> tuple:
        return _open_again, (self.path, self.fingerprint)

    def __array__(self, dtype: np.dtype | None = None, copy: bool | None = None) -> np.ndarray:
        raise TypeError(
            "A SequenceStore is not read into memory unasked. Give it to KmerTokenizer, and the token ids to "
            "the estimator; list(store) reads all sequences where they do fit."
        )

    def __getitem__(self, contig: int | slice) -> str | list[str]:
        if isinstance(contig, slice):
            return [self.fetch(i) for i in range(len(self))[contig]]
        return self.fetch(contig)

    def __iter__(self) -> Iterator[str]:
        return map(self.fetch, range(len(self)))

    @cached_property
    def names(self) -> list[str]:
        """Names of the contigs, read when first asked for.

        Returns
        -------
        list of str
            In the order of the contigs. A name may stand there twice.

        Raises
        ------
        DataIntegrityError
            If they are not what the index says.
        """
        return read_names(self.path, self._index)

    @cached_property
    def codes(self) -> np.ndarray:
        """All bases, as codes on disk.

        Returns
        -------
        ndarray of shape (n_bases,), uint8
            A read-only memory map: 0 to 3 for A, C, G and T, 4 for any other letter. Contig i is
            ``codes[offsets[i]:offsets[i + 1]]``. Pages that were looked at count as memory of the process
            until the system wants them back; `read` leaves none behind.
        """
        if self.offsets[-1] == 0:
            return np.zeros(0, dtype=np.uint8)
        return np.memmap(self.path / BASES_FILE, dtype=np.uint8, mode="r")

    @property
    def fingerprint(self) -> str:
        """What tells stores of different sequences apart, worked out from the checksums of the index.

        Returns
        -------
        str
            The same for a copy of the store, or one built of the same files anew.
        """
        hashes = [self._index.lengths_sha256, *(source.sha256 for source in self._index.sources)]
        return sha256(" ".join(hashes).encode()).hexdigest()

    @property
    def sources(self) -> tuple:
        """The files that the store was built of.

        Returns
        -------
        tuple of NamedTuple
            In their order, each with its name ``file``, ``n_contigs``, ``n_bases`` and the ``sha256`` of the
            bases.
        """
        return tuple(self._index.sources)

    def items(self) -> Iterator[tuple[str, str]]:
        """Go through the contigs by name, as a dict does.

        Yields
        ------
        tuple of (str, str)
            Name and sequence. One contig is in memory at a time, so that what takes a genome, such as
            :func:`skgenome.scanning.scan`, takes ``store.items()``.
        """
        return zip(self.names, self, strict=True)

    def read(self, start: int, end: int) -> np.ndarray:
        """Read a stretch of all bases, counted through all contigs, as codes.

        Parameters
        ----------
        start, end : int
            From which base, as in `offsets`, and up to which, without it.

        Returns
        -------
        ndarray of shape (end - start,), uint8
            A read-only copy: 0 to 3 for A, C, G and T, 4 for any other letter.

        Raises
        ------
        DataIntegrityError
            If the file has been cut off since it was opened, or holds what is no code.
        """
        content = self._read_bytes(start, end - start)
        codes = np.frombuffer(content, dtype=np.uint8)
        if len(codes) < end - start or codes.max(initial=0) > AMBIGUOUS:
            what = "is shorter than when it was opened" if len(codes) < end - start else "is damaged"
            raise DataIntegrityError(
                f"{BASES_FILE} of the sequence store {self.path} {what}, at bases {start:,} to {end:,}. Copy "
                "the store again, or build it anew."
            )
        return codes

    def _read_bytes(self, start: int, n_bytes: int) -> bytes:
        # Read, not mapped: mapped pages stay resident, and after an epoch the whole store would be.
        if not hasattr(os, "pread"):
            return self.codes[start : start + n_bytes].tobytes()
        content = os.pread(self._descriptor, n_bytes, start)
        # A single call gives 2 GB at most.
        while len(content) < n_bytes:
            part = os.pread(self._descriptor, n_bytes - len(content), start + len(content))
            if not part:
                break
            content += part
        return content

    def fetch(self, contig: str | int, start: int | None = None, end: int | None = None) -> str:
        """Read a contig, or a part of it.

        Parameters
        ----------
        contig : str or int
            Its name; or ``"name:start-end"``, which stands for a part; or its number, from 0.
        start, end : int, optional
            First base, from 0, and the base behind the last: 0-based half-open, in the text as well. By
            default from the start, up to the end.

        Returns
        -------
        str
            The sequence in upper case.

        Raises
        ------
        KeyError
            If no contig has that name.
        ValueError
            If several have it, or the range is not within the contig.
        IndexError
            If there is no contig of that number.
        """
        if isinstance(contig, str):
            row, region = self._find(contig, is_whole=start is not None or end is not None)
            start, end = region or (start, end)
        else:
            row = self._check_number(contig)
        length = int(self.lengths[row])
        start, end = start or 0, length if end is None else end
        if not 0 <= start <= end <= length:
            raise ValueError(
                f"Contig {contig!r} has {length:,} bases; expected 0 <= start <= end <= {length}. Got "
                f"start={start}, end={end}. Positions count from 0, and end is not part of the range."
            )
        first = int(self.offsets[row])
        return decode(self.read(first + start, first + end))

    def _check_number(self, contig: int) -> int:
        try:
            return range(len(self))[contig]
        except IndexError as err:
            raise IndexError(
                f"The store has {len(self):,} contigs, numbers 0 to {len(self) - 1}. Got {contig}."
            ) from err

    def _find(self, text: str, *, is_whole: bool) -> tuple[int, tuple[int, int] | None]:
        """Give the number of a contig, and the range where the text has one."""
        rows, region = self._rows.get(text), None
        # A name may look like a range itself: such a one goes first.
        matched = None if rows or is_whole else re.fullmatch(r"(.*):(\d{1,18})-(\d{1,18})", text, re.DOTALL)
        if matched:
            rows, region = self._rows.get(matched[1]), (int(matched[2]), int(matched[3]))
        if not rows:
            raise KeyError(f"The store has no contig {text[:60]!r}; it has {_some(self.names)}.")
        if len(rows) > 1:
            raise ValueError(
                f"{len(rows)} contigs of the store are called {self.names[rows[0]]!r}: numbers "
                f"{_some(rows)}. Fetch by number."
            )
        return rows[0], region

    @cached_property
    def _rows(self) -> dict[str, list[int]]:
        rows: dict[str, list[int]] = {}
        for i, name in enumerate(self.names):
            rows.setdefault(name, []).append(i)
        return rows

    def verify(self) -> None:
        """Read everything and compare it with the checksums that were made when the store was built.

        Raises
        ------
        DataIntegrityError
            If something has changed. The message names the file, and the part of it.
        """
        read_lengths(self.path, self._index)
        read_names(self.path, self._index)
        start = 0
        for source in self._index.sources:
            if file_sha256(self.path / BASES_FILE, start, source.n_bases) != source.sha256:
                raise DataIntegrityError(
                    f"{BASES_FILE} of the sequence store {self.path} is damaged: bases {start:,} to "
                    f"{start + source.n_bases:,} are not those that were read from {source.file[:60]}. Copy "
                    "the store again, or build it anew."
                )
            start += source.n_bases


def _some(items: list) -> str:
    more = f" and {len(items) - _SHOWN:,} more" if len(items) > _SHOWN else ""
    return ", ".join(map(repr, items[:_SHOWN])) + more


def _open_again(path: Path, fingerprint: str) -> SequenceStore:
    store = SequenceStore(path)
    if store.fingerprint != fingerprint:
        raise DataIntegrityError(
            f"The sequence store {path} is another one than when it was pickled. Open the right one, or "
            "compute anew what was made of it."
        )
    return store
