"""Read the files of labelled sets: FASTA with a label per file, tables with a label per row."""

import csv
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import Bunch

from skgenome.datasets._home import fetch_file
from skgenome.datasets._registry import RegistryEntry
from skgenome.sequences import SequenceRecord, iter_sequences

_SEPARATORS = {".csv": ",", ".tsv": "\t"}
# What the tables call their first column.
_SEQUENCE_COLUMNS = ("seq", "sequence")


class Labelled(NamedTuple):
    """Sequences, what is known of each, and the files that they come from."""

    data: np.ndarray
    target: np.ndarray
    names: np.ndarray
    descriptions: list[str]
    subsets: np.ndarray
    filenames: list[str]


def _read_fasta(path: Path, entry: RegistryEntry) -> Iterator[tuple[SequenceRecord, str]]:
    """Yield the records of a FASTA file, each with the label of the file."""
    for record in iter_sequences(path):
        yield record, entry.label


def read_table(path: Path, entry: RegistryEntry) -> Iterator[tuple[SequenceRecord, str]]:
    """Yield the rows of a table, named by their part and their number from 0, each with its label.

    Parameters
    ----------
    path : pathlib.Path
        A .csv or .tsv with columns for sequence and label.
    entry : RegistryEntry
        Says which part it is.

    Yields
    ------
    record : SequenceRecord
        Name and sequence.
    label : str
        As it is written.
    """
    separator = _SEPARATORS[path.suffix]
    with path.open(encoding="utf-8", newline="") as lines:
        for number, row in enumerate(csv.DictReader(lines, delimiter=separator)):
            sequence = next(row[column] for column in _SEQUENCE_COLUMNS if column in row)
            yield SequenceRecord(f"{entry.subset}_{number}", sequence), row["label"]


def load_labelled(
    entries: list[RegistryEntry],
    labels: Sequence[str],
    *,
    data_home: str | os.PathLike | None,
    download_if_missing: bool,
) -> Labelled:
    """Read the files of a labelled set in the order of the entries.

    Parameters
    ----------
    entries : list of RegistryEntry
        FASTA files, of which the registry has the label, or tables with a label in every row.
    labels : sequence of str
        The labels as they are written, in the order of the classes 0, 1, ...
    data_home : str, path-like or None
        As in `fetch_file`.
    download_if_missing : bool
        As in `fetch_file`.

    Returns
    -------
    labelled : Labelled
        Arrays and lists of one length, and the names of the files.
    """
    paths = [fetch_file(e, data_home=data_home, download_if_missing=download_if_missing) for e in entries]
    rows = [
        (record, labels.index(label), entry.subset)
        for entry, path in zip(entries, paths, strict=True)
        for record, label in (_read_fasta if entry.label else read_table)(path, entry)
    ]
    return Labelled(
        # Object, not a fixed-width string type: that takes four bytes per letter.
        data=np.array([record.sequence for record, _, _ in rows], dtype=object),
        target=np.array([target for _, target, _ in rows], dtype=np.int64),
        # Some headers of the 81-bp sets begin with a blank: there the name is what follows it.
        names=np.array([record.name or record.description for record, _, _ in rows]),
        descriptions=[record.description for record, _, _ in rows],
        subsets=np.array([subset for _, _, subset in rows]),
        filenames=[str(path) for path in paths],
    )


def bunch_of(loaded: Labelled, target_names: Sequence[str], descr: str, **fields: Any) -> Bunch:
    """Put what fetchers of labelled sets have in common into a Bunch.

    Parameters
    ----------
    loaded : Labelled
        What was read.
    target_names : sequence of str
        What the classes are called.
    descr : str
        Text of DESCR, in which ``{n_samples}`` is filled in.
    **fields : object
        What this set has beyond the others.

    Returns
    -------
    Bunch
        With data, target, target_names, names, the fields, filenames and DESCR.
    """
    return Bunch(
        data=loaded.data,
        target=loaded.target,
        target_names=list(target_names),
        names=loaded.names,
        **fields,
        filenames=loaded.filenames,
        DESCR=descr.format(n_samples=len(loaded.data)),
    )
