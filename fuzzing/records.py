"""What a search and the fault tests have shown, as JSON, and as tables of the user guide."""

import json
import re
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path

from benchmarks.records import ROOT, write_text

RESULT = ROOT / "fuzzing" / "reliability.json"
PAGE = ROOT / "docs" / "user_guide" / "reliability.rst"
#: What the readers are made of, beside the packages that every benchmark names.
PACKAGES = ("atheris", "dnaio", "xopen", "safetensors")
FORMAT = 1


@dataclass
class Record:
    """All that is kept. Every field is made of what JSON knows."""

    random_state: int
    fuzzing: list[dict] = field(default_factory=list)
    """For each target: inputs, how many were read and refused, crashes, seconds."""
    faults: list[dict] = field(default_factory=list)
    """For each kind of fault: the tests, how many passed and failed, kills by what was killed, seconds."""
    environment: dict = field(default_factory=dict)
    format: int = FORMAT

    @property
    def n_inputs(self) -> int:
        """Inputs of all targets."""
        return sum(row["inputs"] for row in self.fuzzing)

    @property
    def n_failures(self) -> int:
        """Crashes of all targets, and tests that failed."""
        return sum(row["crashes"] for row in self.fuzzing) + sum(row["failed"] for row in self.faults)


def describe_environment() -> dict:
    """Collect versions, commit and machine.

    Returns
    -------
    dict
        Ready for JSON.
    """
    # Loads torch, which nobody needs who writes the page.
    from benchmarks.environment import describe

    environment = describe("cpu")
    environment["versions"] |= {package: version(package) for package in PACKAGES}
    return environment


def read_record(path: Path = RESULT) -> Record:
    """Read a record.

    Parameters
    ----------
    path : Path
        Where it lies.

    Returns
    -------
    Record
        As it was written.
    """
    return Record(**json.loads(path.read_text(encoding="utf-8")))


def write_record(record: Record, path: Path) -> None:
    """Write a record.

    Parameters
    ----------
    record : Record
        What to write.
    path : Path
        Where.
    """
    write_text(path, json.dumps(asdict(record), indent=1, allow_nan=False) + "\n")


def _table(widths: str, header: list[str], rows: list[list[str]]) -> str:
    if not rows:
        # A table of headings alone is an error to Sphinx.
        return "Not run yet."
    lines = [".. list-table::", "   :header-rows: 1", f"   :widths: {widths}", ""]
    for row in [header, *rows]:
        lines += [
            f"   {'-' if i else '* -'} {cell}" if not i else f"     - {cell}" for i, cell in enumerate(row)
        ]
    return "\n".join(lines)


def render(record: Record) -> dict[str, str]:
    """Write what the user guide quotes.

    Parameters
    ----------
    record : Record
        The numbers.

    Returns
    -------
    dict of str to str
        By name, each as reStructuredText.
    """
    environment = record.environment
    versions = environment["versions"]
    inputs = [
        [row["target"], *(f"{row[name]:,}" for name in ("inputs", "read", "refused", "crashes"))]
        for row in record.fuzzing
        if row["inputs"]
    ]
    faults = [
        [row["fault"], f"{row['passed']:,}", f"{row['failed']:,}", _kills(row["kills"])]
        for row in record.faults
    ]
    made = (
        f"Made on {environment['date'][:10]} at commit ``{str(environment['commit'])[:12]}`` with "
        + ", ".join(f"{name} {versions[name]}" for name in ("python", "numpy", "torch", *PACKAGES))
        + f", in {sum(row['seconds'] for row in [*record.fuzzing, *record.faults]) / 60:.0f} minutes on "
        f"{environment['cpu']}."
    )
    return {
        "total": f"**{record.n_inputs:,} damaged inputs, "
        f"{sum(row['crashes'] for row in record.fuzzing):,} crashes.**",
        "inputs": _table("40 15 15 15 15", ["What is read", "Inputs", "Read", "Refused", "Crashes"], inputs),
        "faults": _table("40 15 15 30", ["Fault", "Tests passed", "Failed", "Kills survived"], faults),
        "made": made,
    }


def _kills(kills: dict[str, int]) -> str:
    return ", ".join(f"{what}: {n}" for what, n in sorted(kills.items())) or "none sent"


def fill_page(page: str, record: Record) -> str:
    """Put the tables of a record where a page has their names.

    Parameters
    ----------
    page : str
        With ``.. quoted: NAME`` before what stands there by now, and ``.. end of NAME`` behind it.
    record : Record
        The numbers.

    Returns
    -------
    str
        The page.

    Raises
    ------
    ValueError
        If a place is missing.
    """
    for name, text in render(record).items():
        begin, end = f".. quoted: {name}\n", f".. end of {name}\n"
        if page.count(begin) != 1 or page.count(end) != 1:
            raise ValueError(f"The page must have one place for {name!r}, between {begin!r} and {end!r}.")
        pattern = re.escape(begin) + ".*?" + re.escape(end)
        page = re.sub(
            pattern, lambda _, text=text, b=begin, e=end: f"{b}\n{text}\n\n{e}", page, flags=re.DOTALL
        )
    return page
