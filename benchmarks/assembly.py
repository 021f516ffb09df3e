"""One result out of parts that were measured at different times: a table of hours need not be one run."""

import copy
import json
from collections.abc import Iterable, Sequence

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
        condition and metric.

    Returns
    -------
    Record
        A new one. Its figures say when they were made, and all runs that it has figures of are described.

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
    measured = {_place(row) for row in part.scores}
    kept = [row for row in _dated(result) if _place(row) not in measured]
    _check_methods(kept, result, part)
    together = copy.deepcopy(part)
    together.scores = _in_order([*kept, *_dated(part)], part)
    together.timings = part.timings or result.timings
    together.models = part.models
    together.pretraining = _merge_pretraining(result.pretraining, part.pretraining)
    runs = [*result.earlier, {"environment": result.environment, "seconds": result.seconds}]
    dates = {row["made"] for row in kept}
    together.earlier = [run for run in runs if run["environment"]["date"] in dates]
    return together


def _place(row: dict) -> tuple[str, str, str]:
    return row["method"], row["condition"], row["metric"]


def _dated(record: Record) -> list[dict]:
    """Give the figures of a record, each with the date of its run."""
    date = record.environment["date"]
    return [{**row, "made": row.get("made", date)} for row in record.scores]


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
