"""The page of the documentation that shows all results, written from their files alone."""

from pathlib import Path

from benchmarks.overview import overview_table
from benchmarks.records import RESULTS, ROOT, Record, read_record, write_text
from benchmarks.tables import all_tables, has_labels, label_table, machine, render_markdown, sources

PAGE = ROOT / "docs" / "benchmarks.md"
PREFACE = """# Benchmarks

A method is shown beside an honest baseline, on the same draws of labels; figures are the mean ± standard
deviation over the repeats, and a dash says that nothing has been measured yet. What follows from them for
your own work: [Which tokens, which model, how many labels](user_guide/choosing.rst).

Written by `python -m benchmarks --write-docs` from `benchmarks/results/*.json`; change it there. Those files
hold every single value, the checksums of the data, the parameters and the versions.
"""


def _folded(summary: str, text: str) -> str:
    """Fold away what is long and seldom looked at; it opens where it is clicked on."""
    # Between blank lines, so that what is within is read as markdown.
    return f"<details>\n<summary>{summary}</summary>\n\n{text}\n\n</details>" if text else ""


def _label_by_label(record: Record) -> str:
    """Give the table of single labels: it is as long as there are labels."""
    text = render_markdown(label_table(record)) if has_labels(record) else ""
    return _folded("Every label by itself", text)


def _how_it_was_made(record: Record) -> str:
    """Give the methods in full, the minutes and the machine."""
    models = "\n".join(f"- {name}: `{what}`" for name, what in record.models.items())
    seconds = ", ".join(f"{part} {value / 60:.1f}" for part, value in record.seconds.items())
    parts = [models, f"Minutes by part: {seconds}." if seconds else "", f"Made on {machine(record)}"]
    return _folded("Methods in full, minutes and machine", "\n\n".join(part for part in parts if part))


def _section(record: Record) -> str:
    options = f"--data-home DIR --random-state {record.random_state}"
    parts = [
        f"## {record.title}",
        record.protocol,
        *(render_markdown(table) for table in all_tables(record)),
        _label_by_label(record),
        "\n\n".join(sources(record)),
        *record.notes,
        f"Again: `python -m benchmarks {record.name} {options}`",
        _how_it_was_made(record),
    ]
    return "\n\n".join(part for part in parts if part)


def write_page(results: Path = RESULTS, page: Path = PAGE) -> Path:
    """Write the page of all results.

    Parameters
    ----------
    results : pathlib.Path
        Folder with the records; smoke runs are left out.
    page : pathlib.Path
        Where to write.

    Returns
    -------
    pathlib.Path
        The page.

    Raises
    ------
    FileNotFoundError
        If there is no result.
    """
    records = [read_record(path) for path in sorted(results.glob("*.json"))]
    records = [record for record in records if not record.quick]
    if not records:
        raise FileNotFoundError(f"Expected results (*.json) in {results}, found none. Run a benchmark first.")
    overview = render_markdown(overview_table(records))
    return write_text(page, "\n\n".join([PREFACE.rstrip(), overview, *map(_section, records)]) + "\n")
