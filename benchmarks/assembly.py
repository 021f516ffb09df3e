"""One result out of parts that were measured at different times: a table of hours need not be one run."""

import copy
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace

from benchmarks.records import Record

#: What has to be the same for figures to stand in one table.
SHARED = ("protocol", "random_state", "data", "chance", "labels", "published", "quick", "format")


class DifferentRunError(ValueError):
    """A part does not belong to the result that is there."""


def put_together(result: Record, part: Record) -> Record:
    """Put what was measured now into a result that is there.

    Parameters
    ----------
    result : Record
        What there is.
    part : Record
        Some methods or conditions of the same task. Its figures take the place of those of the same method,
        condition and metric; its timings that of all of the same section.

    Returns
    -------
    Record
        A new one. Its figures say when they were made, and all runs that it has figures of are described:
        those of the same code, versions and machine as one, which took as long as all of them.

    Raises
    ------
    DifferentRunError
        If data, protocol or seed differ, or a method is another one than the figures left of it are of.
    """
    differing = [name for name in SHARED if getattr(result, name) != getattr(part, name)]
    if differing:
        raise DifferentRunError(
            f"The result of '{result.name}' that is there has another {' and '.join(differing)} than this "
            "run: their figures can't stand in one table. Run the whole task again."
        )
    result, part = _as_one_run(result, part)
    measured = {_place(row) for row in part.scores}
    kept = [row for row in _dated(result.scores, result) if _place(row) not in measured]
    kept_timings = [row for row in _dated(result.timings, result) if _section(row) not in _sections(part)]
    _check_methods(kept, result, part)
    sections = [*_sections(result), *_sections(part)]
    timings = [*kept_timings, *_dated(part.timings, part)]
    dates = {row["made"] for row in (*kept, *kept_timings)}
    runs = [*result.earlier, result.runs[0]]
    return replace(
        part,
        scores=_in_order([*kept, *_dated(part.scores, part)], part),
        timings=sorted(timings, key=lambda row: sections.index(_section(row))),
        pretraining=_merge_pretraining(result.pretraining, part.pretraining),
        earlier=[run for run in runs if run["environment"]["date"] in dates],
    )


def _as_one_run(result: Record, part: Record) -> tuple[Record, Record]:
    """Count runs of a result to that of the part where they differ in nothing but their date."""
    result, part = copy.deepcopy(result), copy.deepcopy(part)
    now = part.environment["date"]
    for run in result.runs:
        environment = run["environment"]
        if {**environment, "date": now} != part.environment:
            continue
        for row in (*result.scores, *result.timings):
            if row.get("made", result.environment["date"]) == environment["date"]:
                row["made"] = now
        for section, seconds in run["seconds"].items():
            part.seconds[section] = round(part.seconds.get(section, 0) + seconds, 3)
    return result, part


def _place(row: dict) -> tuple[str, str, str]:
    return row["method"], row["condition"], row["metric"]


def _section(row: dict) -> str | None:
    """Name the section of a task that a timing is of; some tasks have none."""
    return row.get("section")


def _sections(record: Record) -> list[str | None]:
    return list(dict.fromkeys(map(_section, record.timings)))


def _dated(rows: Iterable[dict], record: Record) -> list[dict]:
    """Give figures of a record, each with the date of its run."""
    date = record.environment["date"]
    return [{**row, "made": row.get("made", date)} for row in rows]


def _check_methods(kept: Sequence[dict], result: Record, part: Record) -> None:
    """Refuse to leave figures of what is now called by the same name and is something else."""
    changed = [
        name
        for name in dict.fromkeys(row["method"] for row in kept)
        if result.models.get(name) != part.models.get(name)
    ]
    if changed:
        raise DifferentRunError(
            f"Methods of '{result.name}' are no longer what the result has figures of: "
            f"{', '.join(map(repr, changed))}. Measure them under all conditions (--method), or the whole."
        )


def _in_order(rows: Iterable[dict], part: Record) -> list[dict]:
    """Sort figures by metric, then method, as the task has them; conditions stay as they come."""
    rows = list(rows)
    metrics = list(dict.fromkeys(row["metric"] for row in rows))
    methods = list(dict.fromkeys([*part.models, *(row["method"] for row in rows)]))
    return sorted(rows, key=lambda row: (metrics.index(row["metric"]), methods.index(row["method"])))


def _merge_pretraining(earlier: Sequence[dict], now: Sequence[dict]) -> list[dict]:
    """Keep each model once: as this run describes it where both have it."""
    by_name = {
        json.dumps([row.get(name) for name in ("corpus", "sha256", "parameters")]): row
        for row in (*earlier, *now)
    }
    return list(by_name.values())
