"""The record of a benchmark: what was measured and all that it depends on, as one JSON file."""

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import fmean, median_low, stdev
from typing import Any, NamedTuple

from skgenome.sequences import write_beside

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
#: Raised when a field changes its meaning, so that an old file is refused and not misread.
FORMAT = 1
#: Decimals that are kept of a figure of a single label: a set of many labels has thousands of them.
LABEL_DECIMALS = 4
#: A list of numbers as JSON with an indent has it, a line each. No string holds a line break in JSON.
_LIST_OF_NUMBERS = re.compile(r'\[\n\s*(-?\d[^\[\]{}"]*?)\n\s*\]')


class UnknownChoiceError(ValueError):
    """A method or a condition was asked for that a task does not have."""


class Settings(NamedTuple):
    """What the caller of a benchmark chooses."""

    data_home: str | None = None
    device: str = "auto"
    random_state: int = 0
    work_dir: Path | None = None
    quick: bool = False
    methods: tuple[str, ...] = ()
    """Those to measure; none are all."""
    conditions: tuple[str, ...] = ()
    """Those to measure under; none are all."""

    @property
    def is_part(self) -> bool:
        """Whether something is left out."""
        return bool(self.methods or self.conditions)

    def choose(self, found: Mapping[str, Any], what: str) -> dict[str, Any]:
        """Keep the methods or conditions that the caller wants, of those that a step of a task has."""
        wanted = getattr(self, what)
        return {name: value for name, value in found.items() if not wanted or name in wanted}

    def check(self, what: str, offered: Iterable[str]) -> None:
        """Refuse names of methods or conditions that no step of a task has.

        Raises
        ------
        UnknownChoiceError
            If the caller wants one; it lists those that there are.
        """
        names = [repr(name) for name in dict.fromkeys(offered)]
        unknown = [repr(name) for name in getattr(self, what) if repr(name) not in names]
        if unknown:
            there = f"Those it has: {', '.join(names)}." if names else "It has none to choose from."
            raise UnknownChoiceError(f"This task has no {what} {', '.join(unknown)}. {there}")


#: What a task is asked for unless someone says otherwise.
EVERYTHING = Settings()


class Score(NamedTuple):
    """A figure of merit of one method under one condition, over the repeats of the protocol."""

    method: str
    condition: str
    n_labels: int
    metric: str
    values: Sequence[float]
    by_label: Sequence[Sequence[float]] | None = None
    """Where each value is a mean over labels: what it is the mean of, in the order of a record's labels."""

    def as_row(self) -> dict:
        """Give the fields, with mean, standard deviation (n - 1; None for a single value) and n.

        Figures label by label are rounded, and left out where there are none.
        """
        row = self._asdict()
        by_label = row.pop("by_label")
        values = [float(value) for value in self.values]
        sd = stdev(values) if len(values) > 1 else None
        row |= {"values": values, "mean": fmean(values), "sd": sd, "n": len(values)}
        if by_label is not None:
            row["by_label"] = [[round(float(value), LABEL_DECIMALS) for value in one] for one in by_label]
        return row


class Timing(NamedTuple):
    """A throughput, time or memory beside that of a named peer, measured in the same run."""

    what: str
    peer: str
    unit: str
    values: Sequence[float]
    peer_values: Sequence[float]
    target_value: float | None = None
    target_ratio: float | None = None
    note: str = ""
    lower_is_better: bool = False
    """Seconds and megabytes: a target is what must not be exceeded."""

    def as_row(self) -> dict:
        """Give the fields, with both medians and their ratio; None where the peer is not installed."""
        value, peer_value = (median_low(v) if v else None for v in (self.values, self.peer_values))
        ratio = value / peer_value if value and peer_value else None
        fields = {**self._asdict(), "values": list(self.values), "peer_values": list(self.peer_values)}
        return {**fields, "value": value, "peer_value": peer_value, "ratio": ratio}


@dataclass
class Record:
    """All that a run leaves behind. Every field is made of what JSON knows."""

    name: str
    title: str
    protocol: str
    random_state: int
    scores: list[dict] = field(default_factory=list)
    timings: list[dict] = field(default_factory=list)
    chance: dict[str, float] = field(default_factory=dict)
    published: list[dict] = field(default_factory=list)
    models: dict[str, str] = field(default_factory=dict)
    pretraining: list[dict] = field(default_factory=list)
    data: list[dict] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    environment: dict = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    labels: list[dict] = field(default_factory=list)
    """Where samples have many labels: the name and kind of each, and how common it is in the test set."""
    earlier: list[dict] = field(default_factory=list)
    """Where figures of other runs are among the scores: environment and seconds of each of these runs."""
    quick: bool = False
    format: int = FORMAT

    @property
    def runs(self) -> list[dict]:
        """Environment and seconds of every run that it has figures of, its own first."""
        return [{"environment": self.environment, "seconds": self.seconds}, *self.earlier]


def fold(text: str) -> str:
    """Make one line of a text.

    Parameters
    ----------
    text : str
        With line breaks where the source has them.

    Returns
    -------
    str
        With single blanks instead.
    """
    return " ".join(text.split())


def published_row(method: str, metric: str, values: dict[str, float], source: str) -> dict:
    """Describe numbers of others, to stand beside ours.

    Parameters
    ----------
    method, metric : str
        As in :class:`Score`.
    values : dict
        Condition to value.
    source : str
        Where the numbers stand.

    Returns
    -------
    dict
        Ready for JSON.
    """
    return {"method": method, "metric": metric, "values": values, "source": source}


def describe_files(paths: Iterable[str | os.PathLike], data_home: str | os.PathLike) -> list[dict]:
    """Give name, size and checksum of every data file, each once.

    Parameters
    ----------
    paths : iterable of path-like
        The files.
    data_home : path-like
        The folder that names are given relative to, so that a record is the same on another machine.

    Returns
    -------
    list of dict
        Sorted by name.
    """
    home = Path(data_home).absolute()
    rows = []
    for path in sorted({Path(p).absolute() for p in paths}):
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        name = path.relative_to(home) if path.is_relative_to(home) else Path(path.name)
        rows.append({"file": name.as_posix(), "bytes": path.stat().st_size, "sha256": digest})
    return rows


def write_text(path: str | os.PathLike, text: str) -> Path:
    """Write a file beside its place and rename it, so that it is never there by half.

    Parameters
    ----------
    path : path-like
        Where; the folder is made if needed.
    text : str
        What.

    Returns
    -------
    pathlib.Path
        The path.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_beside(path) as file:
        file.write(text.encode())
    return path


def record_path(name: str, folder: str | os.PathLike, *, quick: bool = False) -> Path:
    """Say where the record of a benchmark lies.

    Parameters
    ----------
    name : str
        Of the benchmark.
    folder : path-like
        Of the results.
    quick : bool, default=False
        Smoke runs have a name of their own, so that they never lie over a result.

    Returns
    -------
    pathlib.Path
        The file.
    """
    return Path(folder) / f"{name}{'-quick' if quick else ''}.json"


def write_record(record: Record, folder: str | os.PathLike) -> Path:
    """Write a record.

    Parameters
    ----------
    record : Record
        What to write.
    folder : path-like
        Where.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    ValueError
        If a number is NaN or infinite, which JSON does not know.
    """
    text = json.dumps(asdict(record), indent=1, ensure_ascii=False, allow_nan=False)
    text = _LIST_OF_NUMBERS.sub(_on_one_line, text)
    return write_text(record_path(record.name, folder, quick=record.quick), text + "\n")


def _on_one_line(match: re.Match) -> str:
    """Write a list of numbers without line breaks, which would take more room than the numbers."""
    return f"[{' '.join(match[1].split())}]"


def read_record(path: str | os.PathLike) -> Record:
    """Read a record.

    Parameters
    ----------
    path : path-like
        A file that :func:`write_record` wrote.

    Returns
    -------
    Record
        Equal to the one written.

    Raises
    ------
    FileNotFoundError
        If there is none.
    ValueError
        If the file is no record, or one of another format.
    """
    path = Path(path)
    if not path.is_file():
        found = ", ".join(sorted(p.stem for p in path.parent.glob("*.json"))) or "none"
        raise FileNotFoundError(
            f"Expected a result in {path}, found none. Results there: {found}. Run: "
            f"python -m benchmarks {path.stem.removesuffix('-quick')}"
        )
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        record = Record(**content)
    except (json.JSONDecodeError, TypeError) as err:
        raise ValueError(f"{path} is not the result of a benchmark: {err}. Run the benchmark again.") from err
    if record.format != FORMAT:
        raise ValueError(
            f"{path} has format {record.format!r}, this version reads format {FORMAT}. Run the benchmark "
            "again."
        )
    return record
