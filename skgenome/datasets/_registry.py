"""The list of files that the fetchers know: where each comes from and what its bytes must be.

The list itself is data (``_registry.tsv``, one row per file); nothing about a file is written in code.
"""

import csv
from functools import cache
from importlib import resources
from typing import Any, NamedTuple
from urllib.parse import quote

RAW_HOST = "https://raw.githubusercontent.com"


class RegistryEntry(NamedTuple):
    """One file, pinned to a checksum and, where it is public, to a commit.

    The fields are the columns of the registry; `path` is the place below the data home. Counts are None
    and texts empty where the registry has no value. A file that was derived from public ones, and that no
    address serves, has no `repo`, `commit` and `path_in_repo`.
    """

    dataset: str
    path: str
    repo: str
    commit: str
    path_in_repo: str
    bytes: int
    sha256: str
    n_sequences: int | None = None
    n_bases: int | None = None
    label: str = ""
    subset: str = ""
    genus: str = ""
    species: str = ""
    group: str = ""
    licence: str = ""

    @property
    def url(self) -> str:
        """Address of the file at its commit; empty where none serves it."""
        if not self.repo:
            return ""
        return f"{RAW_HOST}/{self.repo}/{self.commit}/{quote(self.path_in_repo)}"

    @property
    def name(self) -> str:
        """File name without folder and suffixes: the assembly's accession for a genome."""
        return self.path.rsplit("/", 1)[-1].split(".", 1)[0]


def _read_row(row: dict[str, str]) -> RegistryEntry:
    """Turn one row of texts into an entry with typed counts."""
    values: dict[str, Any] = {
        **row,
        **{name: int(row[name]) if row[name] else None for name in ("n_sequences", "n_bases")},
        "bytes": int(row["bytes"]),
    }
    return RegistryEntry(**values)


@cache
def registry() -> tuple[RegistryEntry, ...]:
    """Read the whole registry, once per process."""
    # Through importlib: a package may be imported from an archive, where there are no paths.
    text = resources.files("skgenome.datasets").joinpath("_registry.tsv").read_text(encoding="utf-8")
    return tuple(_read_row(row) for row in csv.DictReader(text.splitlines(), delimiter="\t"))


def registry_entries(dataset: str, **wanted: str) -> list[RegistryEntry]:
    """Return the entries of one data set, in registry order.

    Parameters
    ----------
    dataset : str
        Value of the column of that name.
    **wanted : str
        Columns and the values that they must have.

    Returns
    -------
    entries : list of RegistryEntry
        May be empty.
    """
    return [
        entry
        for entry in registry()
        if entry.dataset == dataset and all(getattr(entry, key) == value for key, value in wanted.items())
    ]
