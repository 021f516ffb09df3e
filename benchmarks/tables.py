"""Tables out of a record, as text for a terminal or as markdown."""

import operator
import re
from collections.abc import Callable, Iterable, Sequence
from statistics import fmean
from typing import NamedTuple

from benchmarks.records import Record

NOTHING = "-"
#: What a pretraining is judged by, and what it is called.
PRETRAINING_FIGURES = {
    "train_bits_per_base": "bits per base (train)",
    "valid_bits_per_base": "bits per base (held out)",
    "valid_accuracy": "patches recognised (held out)",
    "valid_chance": "by chance",
}
#: Methods that read k-mers and nothing else: "6-mers + lasso" and "6-mer z-scores + lasso", but not "6-mers,
#: language model and contrastive + lasso".
_ON_KMERS = re.compile(r"\d+-mer(s| z-scores) \+ ")


class Table(NamedTuple):
    """A table of finished cells; the first column is text, the others are figures."""

    title: str
    header: list[str]
    rows: list[list[str]]


def render_text(table: Table) -> str:
    """Lay a table out in columns.

    Parameters
    ----------
    table : Table
        What to show.

    Returns
    -------
    str
        Lines, the first column left, the others right.
    """
    lines = [table.header, *table.rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(table.header))]
    texts = [
        "  ".join(
            [line[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(line[1:], widths[1:], strict=True))]
        )
        for line in lines
    ]
    rule = "-" * len(texts[0])
    return "\n".join([table.title, rule, texts[0].rstrip(), rule, *(text.rstrip() for text in texts[1:])])


def _is_text(cell: str) -> bool:
    """Say whether a cell holds words rather than a figure; short ones may stand among figures."""
    return len(cell.split()) > 3 and not cell[:1].isdigit()


def render_markdown(table: Table) -> str:
    """Write a table in markdown.

    Parameters
    ----------
    table : Table
        What to show.

    Returns
    -------
    str
        The title in bold, an empty line and the table. Columns of text stand left, those of figures right.
    """
    cells = [[cell.replace("|", "\\|") for cell in line] for line in [table.header, *table.rows]]
    columns = list(zip(*cells[1:], strict=True)) or [()] * len(table.header)
    rule = [":--"] + [":--" if any(map(_is_text, column)) else "--:" for column in columns[1:]]
    lines = [f"| {' | '.join(line)} |" for line in [cells[0], rule, *cells[1:]]]
    return "\n".join([f"**{table.title}**", "", *lines])


def _distinct(values: Iterable[str]) -> list[str]:
    """Keep the first of each, in the order in which they come."""
    return list(dict.fromkeys(values))


def mean_and_sd(row: dict) -> str:
    """Write the mean of a score with its standard deviation, where it has one.

    Parameters
    ----------
    row : dict
        What :meth:`benchmarks.records.Score.as_row` gives.

    Returns
    -------
    str
        With three decimals.
    """
    if row["sd"] is None:
        return f"{row['mean']:.3f}"
    return f"{row['mean']:.3f} ± {row['sd']:.3f}"


def _published_value(row: dict, condition: str) -> str:
    value = row["values"].get(condition)
    return NOTHING if value is None else f"{value:.3f}"


def score_table(record: Record, metric: str) -> Table:
    """Set methods against conditions for one metric, with published numbers below.

    Parameters
    ----------
    record : Record
        With scores.
    metric : str
        Which of its metrics.

    Returns
    -------
    Table
        Cells are mean ± standard deviation over the repeats.
    """
    scores = {(row["method"], row["condition"]): row for row in record.scores if row["metric"] == metric}
    methods = _distinct(method for method, _ in scores)
    conditions = _distinct(condition for _, condition in scores)
    rows = []
    for method in methods:
        found = [scores.get((method, condition)) for condition in conditions]
        rows.append([method, *(NOTHING if row is None else mean_and_sd(row) for row in found)])
    numbers = {source: i for i, source in enumerate(_sources(record), start=1)}
    for row in record.published:
        if row["metric"] == metric:
            cells = [_published_value(row, condition) for condition in conditions]
            rows.append([f"{row['method']} [{numbers[row['source']]}]", *cells])
    counts = {row["n"] for row in scores.values()}
    repeats = f"{min(counts)}" if len(counts) == 1 else f"{min(counts)} to {max(counts)}"
    chance = f", chance {record.chance[metric]:.3f}" if metric in record.chance else ""
    return Table(f"{metric}: mean ± sd of {repeats}{chance}", ["method", *conditions], rows)


class _ByLabel(NamedTuple):
    """What is shown of single labels: two methods, under the condition with most labels to learn from."""

    where: str
    """The condition, and the letters of the methods: their names are too long for headings."""
    figures: dict[str, list[float]]
    """Metric and letter to a value for each label of the record: the mean over the repeats."""

    @classmethod
    def of(cls, record: Record) -> "_ByLabel":
        """Choose the condition with most labels, and there the best method on k-mers and the best other."""
        scores = [row for row in record.scores if "by_label" in row]
        metrics = _distinct(row["metric"] for row in scores)
        condition = max(scores, key=lambda row: row["n_labels"])["condition"]
        scores = [row for row in scores if row["condition"] == condition]
        ranked = sorted(scores, key=lambda row: -row["mean"])
        ranked = [row["method"] for row in ranked if row["metric"] == metrics[0]]
        methods = []
        for on_kmers in (False, True):
            methods += [name for name in ranked if bool(_ON_KMERS.match(name)) == on_kmers][:1]
        lettered = dict(zip("AB", methods, strict=False))
        means = {
            (row["metric"], row["method"]): [fmean(values) for values in zip(*row["by_label"], strict=True)]
            for row in scores
        }
        figures = {
            f"{letter}: {metric}": means[metric, name]
            for metric in metrics
            for letter, name in lettered.items()
        }
        where = ", ".join([condition, *(f"{letter} = {name}" for letter, name in lettered.items())])
        return cls(where, figures)


def _mean_and_range(values: Sequence[float]) -> str:
    if len(values) == 1:
        return f"{values[0]:.3f}"
    return f"{fmean(values):.3f} ({min(values):.2f} to {max(values):.2f})"


def label_group_table(record: Record) -> Table:
    """Sum up the figures of single labels by their kinds, for the best method and the best on k-mers alone.

    Parameters
    ----------
    record : Record
        With labels.

    Returns
    -------
    Table
        A row for each kind and one for all labels: how many they are, and mean and range over them of
        prevalence and every metric. Of the condition with most labels to learn from.
    """
    found = _ByLabel.of(record)
    kinds: dict[str, list[int]] = {}
    for i, row in enumerate(record.labels):
        kinds.setdefault(row["group"], []).append(i)
    prevalence = [row["prevalence"] for row in record.labels]
    rows = [
        [
            kind,
            str(len(places)),
            *(
                _mean_and_range([values[i] for i in places])
                for values in [prevalence, *found.figures.values()]
            ),
        ]
        for kind, places in [*sorted(kinds.items()), ("all", range(len(prevalence)))]
    ]
    title = f"Labels by kind: mean (range) over labels, each the mean of its repeats; {found.where}"
    return Table(title, ["kind", "labels", "prevalence", *found.figures], rows)


def label_table(record: Record) -> Table:
    """Show the figures of every single label, for the methods of :func:`label_group_table`.

    Parameters
    ----------
    record : Record
        With labels.

    Returns
    -------
    Table
        A row for each label, with how many test windows it is known of and how many of these have it.
    """
    found = _ByLabel.of(record)
    order = sorted(enumerate(record.labels), key=lambda item: (item[1]["group"], item[1]["label"]))
    rows = [
        [
            row["label"],
            f"{row['n_known']:,}",
            f"{row['n_positives']:,}",
            f"{row['prevalence']:.3f}",
            *(f"{values[i]:.3f}" for values in found.figures.values()),
        ]
        for i, row in order
    ]
    title = f"Label by label: mean of the repeats; {found.where}"
    return Table(title, ["label", "known", "positives", "prevalence", *found.figures], rows)


def _figure(value: float | None) -> str:
    return "not installed" if value is None else f"{value:,.4g}" if value < 1000 else f"{value:,.0f}"


def _target(row: dict) -> str:
    """Say what is asked for, and whether it is reached."""
    sign, is_met = ("≤", operator.le) if _is_cost(row) else ("≥", operator.ge)
    for field, unit in (("target_value", f" {row['unit']}"), ("target_ratio", " of the peer")):
        if row[field] is not None:
            reached = row[field.removeprefix("target_")]
            verdict = (
                "not measured" if reached is None else "met" if is_met(reached, row[field]) else "missed"
            )
            return f"{sign} {row[field]:g}{unit}: {verdict}"
    return NOTHING


def _is_cost(row: dict) -> bool:
    # Records of before there were costs do not say.
    return row.get("lower_is_better", False)


def timing_tables(record: Record) -> list[Table]:
    """Show throughputs, and what is better the less of it there is, beside those of their peers.

    Parameters
    ----------
    record : Record
        With timings.

    Returns
    -------
    list of Table
        A row for each pair; a table for each of both kinds that there are rows of.
    """
    kinds = {
        "Throughput, medians of interleaved runs: higher is better": [],
        "Seconds and megabytes, medians: lower is better": [],
    }
    throughputs, costs = kinds.values()
    for row in record.timings:
        (costs if _is_cost(row) else throughputs).append(row)
    return [_timing_table(title, rows) for title, rows in kinds.items() if rows]


def _timing_table(title: str, timings: Sequence[dict]) -> Table:
    rows = [
        [
            row["what"],
            row["unit"],
            _figure(row["value"]),
            row["peer"],
            _figure(row["peer_value"]),
            NOTHING if row["ratio"] is None else f"{row['ratio']:.2f}",
            _target(row),
        ]
        for row in timings
    ]
    return Table(title, ["what", "unit", "skgenome", "peer", "of the peer", "ratio", "target"], rows)


def pretraining_table(record: Record) -> Table:
    """Show what every language model was pretrained on, and where it came to.

    Parameters
    ----------
    record : Record
        With pretraining.

    Returns
    -------
    Table
        A row for each model.
    """
    figures = {name: title for name, title in PRETRAINING_FIGURES.items() if _has(record, name)}
    rows = [
        [
            row["corpus"],
            f"{row['n_contigs']:,}",
            f"{row['n_bases'] / 1e6:.1f}",
            f"{row['n_weights'] / 1e6:.2f}",
            f"{row['n_steps']:,}",
            f"{row['n_tokens'] / 1e6:.1f}",
            f"{row['seconds'] / 60:.1f}",
            *(_figure_or_nothing(row.get(name)) for name in figures),
        ]
        for row in record.pretraining
    ]
    header = ["corpus", "contigs", "Mbp", "M weights", "steps", "M tokens", "minutes"]
    return Table("Pretraining", [*header, *figures.values()], rows)


def _has(record: Record, name: str) -> bool:
    return any(row.get(name) is not None for row in record.pretraining)


def _figure_or_nothing(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.3f}"


def has_labels(record: Record) -> bool:
    """Say whether a record has figures of single labels.

    Parameters
    ----------
    record : Record
        Of any task.

    Returns
    -------
    bool
        Whether there is something for :func:`label_table`.
    """
    return any("by_label" in row for row in record.scores)


def all_tables(record: Record) -> list[Table]:
    """Give every table that a record has something for.

    Parameters
    ----------
    record : Record
        Of any task.

    Returns
    -------
    list of Table
        Scores metric by metric, labels by kind, timings, pretraining.
    """
    tables = [score_table(record, metric) for metric in _distinct(row["metric"] for row in record.scores)]
    if has_labels(record):
        tables.append(label_group_table(record))
    tables += timing_tables(record)
    if record.pretraining:
        tables.append(pretraining_table(record))
    return tables


def sources(record: Record) -> list[str]:
    """Say where the published numbers of the tables stand.

    Parameters
    ----------
    record : Record
        Of any task.

    Returns
    -------
    list of str
        One numbered line for each source.
    """
    return [f"[{number}] {source}" for number, source in enumerate(_sources(record), start=1)]


def _sources(record: Record) -> list[str]:
    return _distinct(row["source"] for row in record.published)


def machine(record: Record) -> str:
    """Say what a record was made with, run by run.

    Parameters
    ----------
    record : Record
        Of any task.

    Returns
    -------
    str
        Device, threads, versions, commit, seed and wall time; of all runs that it has figures of.
    """
    return " In part on ".join(_describe_run(run, record.random_state) for run in record.runs)


def _describe_run(run: dict, random_state: int) -> str:
    facts = run["environment"]
    versions = ", ".join(f"{name} {number}" for name, number in facts["versions"].items() if number)
    code = "unknown" if facts["commit"] is None else facts["commit"][:12]
    changed = " with local changes" if facts["dirty"] else ""
    minutes = sum(run["seconds"].values()) / 60
    return (
        f"{facts['device_name']} ({facts['device']}), {facts['n_threads']} threads on {facts['n_cores']} "
        f"cores; {versions}; commit {code}{changed}; random_state {random_state}; "
        f"{minutes:.1f} minutes; {facts['date']}."
    )


def show(record: Record) -> str:
    """Put all tables of a record on one page of text.

    Parameters
    ----------
    record : Record
        Of any task.

    Returns
    -------
    str
        Title, tables, sources, notes and machine.
    """
    parts = [record.title, *_rendered(record, render_text), "\n".join(sources(record)), *record.notes]
    return "\n\n".join(part for part in [*parts, machine(record)] if part)


def _rendered(record: Record, render: Callable[[Table], str]) -> list[str]:
    return [render(table) for table in all_tables(record)]
