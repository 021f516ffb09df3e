"""Tables and the page that are made of records."""

from dataclasses import replace

import pytest

from benchmarks.page import write_page
from benchmarks.records import Score, published_row, write_record
from benchmarks.tables import (
    Table,
    all_tables,
    label_group_table,
    label_table,
    machine,
    mean_and_sd,
    pretraining_table,
    render_markdown,
    render_text,
    score_table,
    show,
    sources,
    timing_tables,
)


def test_score_table_sets_methods_against_conditions(record):
    table = score_table(record, "accuracy")
    assert table.title == "accuracy: mean ± sd of 1 to 3, chance 0.500"
    assert table.header == ["method", "20", "50"]
    assert table.rows == [
        ["k-mers", "0.700 ± 0.100", "0.750"],
        ["language model", "0.850 ± 0.000", "-"],
        ["others [1]", "-", "0.900"],
    ]


def test_score_table_leaves_out_what_is_of_another_metric(record):
    table = score_table(record, "roc_auc")
    assert table.title == "roc_auc: mean ± sd of 2"
    assert table.rows == [["k-mers", "0.600 ± 0.141"]]


@pytest.mark.parametrize(
    ("values", "text"), [([0.6, 0.7, 0.8], "0.700 ± 0.100"), ([0.75], "0.750"), ([1.0, 1.0], "1.000 ± 0.000")]
)
def test_mean_and_sd_has_a_deviation_where_there_is_one(values, text):
    assert mean_and_sd(Score("m", "c", 20, "accuracy", values).as_row()) == text


def test_sources_are_numbered_once_each(record):
    for method, source in (("more", "A paper"), ("rough", "A notebook")):
        record.published.append(published_row(method, "accuracy", {"20": 0.8}, source))
    names = [row[0] for row in score_table(record, "accuracy").rows[2:]]
    assert names == ["others [1]", "more [1]", "rough [2]"]
    assert sources(record) == ["[1] A paper", "[2] A notebook"]


def test_timing_table_judges_targets(record):
    throughputs, costs = timing_tables(record)
    rows = throughputs.rows
    assert [row[-1] for row in rows] == ["≥ 350 Mbp/s: met", "≥ 0.8 of the peer: missed", "-"]
    assert rows[0][2:6] == ["400", "NumPy", "800", "0.50"]
    assert rows[2][4:6] == ["not installed", "-"]
    assert "lower is better" in costs.title
    assert [row[-1] for row in costs.rows] == ["≤ 1.3 of the peer: met", "≤ 90 MB: missed"]


def test_timing_tables_of_a_record_from_before_there_were_costs(record):
    rows = [{name: row[name] for name in row if name != "lower_is_better"} for row in record.timings[:3]]
    (throughputs,) = timing_tables(replace(record, timings=rows))
    assert "higher is better" in throughputs.title
    assert timing_tables(replace(record, timings=[])) == []


def test_pretraining_table_shows_size_time_and_bits(record):
    table = pretraining_table(record)
    assert table.rows == [["everything", "3", "2.0", "1.50", "40", "0.2", "1.5", "1.920"]]
    assert table.header[-1] == "bits per base (train)"


def test_pretraining_table_shows_what_is_known_of_any_model(record):
    figures = {"train_bits_per_base": None, "valid_accuracy": 0.25, "valid_chance": 0.004}
    record.pretraining.append({**record.pretraining[0], **figures})
    table = pretraining_table(record)
    titles = ["bits per base (train)", "patches recognised (held out)", "by chance"]
    assert table.header[-3:] == titles
    assert [row[-3:] for row in table.rows] == [["1.920", "-", "-"], ["-", "0.250", "0.004"]]


@pytest.fixture
def of_labels(record):
    """Three labels of two kinds; of four methods two are shown."""
    labels = (("b1", "b", 10, 5), ("a1", "a", 20, 1), ("b2", "b", 10, 1))
    record.labels = [
        {"label": name, "group": kind, "n_known": known, "n_positives": n, "prevalence": n / known}
        for name, kind, known, n in labels
    ]
    scores = [
        Score("majority", "all", 100, "roc_auc", [0.5], [[0.5, 0.5, 0.5]]),
        Score("6-mers + lasso", "all", 100, "roc_auc", [0.6], [[0.6, 0.6, 0.6]]),
        Score(
            "6-mer z-scores + ridge", "all", 100, "roc_auc", [0.6, 0.8], [[0.5, 0.7, 0.6], [0.7, 0.9, 0.8]]
        ),
        Score("network", "all", 100, "roc_auc", [0.75], [[0.9, 0.6, 0.75]]),
        Score("network", "few", 10, "roc_auc", [0.95], [[0.9, 1.0, 0.95]]),
        Score("6-mers, network + lasso", "all", 100, "roc_auc", [0.65], [[0.6, 0.7, 0.65]]),
        Score("network", "all", 100, "average_precision", [0.3], [[0.6, 0.1, 0.2]]),
        Score("6-mer z-scores + ridge", "all", 100, "average_precision", [0.2], [[0.4, 0.1, 0.1]]),
    ]
    return replace(record, scores=[score.as_row() for score in scores])


def test_label_group_table_sums_up_the_best_and_the_best_on_kmers(of_labels):
    table = label_group_table(of_labels)
    assert table.title.endswith("; all, A = network, B = 6-mer z-scores + ridge")
    figures = ["A: roc_auc", "B: roc_auc", "A: average_precision", "B: average_precision"]
    assert table.header == ["kind", "labels", "prevalence", *figures]
    assert table.rows == [
        ["a", "1", "0.050", "0.600", "0.800", "0.100", "0.100"],
        [
            "b",
            "2",
            "0.300 (0.10 to 0.50)",
            "0.825 (0.75 to 0.90)",
            "0.650 (0.60 to 0.70)",
            "0.400 (0.20 to 0.60)",
            "0.250 (0.10 to 0.40)",
        ],
        [
            "all",
            "3",
            "0.217 (0.05 to 0.50)",
            "0.750 (0.60 to 0.90)",
            "0.700 (0.60 to 0.80)",
            "0.300 (0.10 to 0.60)",
            "0.200 (0.10 to 0.40)",
        ],
    ]


def test_label_table_has_a_row_for_each(of_labels):
    table = label_table(of_labels)
    assert table.header[:4] == ["label", "known", "positives", "prevalence"]
    assert table.rows == [
        ["a1", "20", "1", "0.050", "0.600", "0.800", "0.100", "0.100"],
        ["b1", "10", "5", "0.500", "0.900", "0.600", "0.600", "0.400"],
        ["b2", "10", "1", "0.100", "0.750", "0.700", "0.200", "0.100"],
    ]


def test_label_tables_of_one_method_show_it(of_labels):
    of_labels.scores = [row for row in of_labels.scores if row["method"] == "majority"]
    table = label_table(of_labels)
    assert table.header[4:] == ["A: roc_auc"]
    assert table.title.endswith("; all, A = majority")


def test_page_folds_single_labels_away(of_labels, record, tmp_path):
    write_record(of_labels, tmp_path)
    text = write_page(tmp_path, tmp_path / "page.md").read_text()
    assert text.index("**Labels by kind:") < text.index(
        "<details>\n<summary>Every label by itself</summary>\n\n"
    )
    assert "| a1 | 20 | 1 | 0.050 |" in text
    assert text.index("| b2 |") < text.index("\n\n</details>\n\n")


def test_page_without_labels_folds_nothing(record, tmp_path):
    write_record(record, tmp_path)
    page = write_page(tmp_path, tmp_path / "page.md").read_text()
    assert "Every label by itself" not in page
    # What is folded away in every section is what a reader of the tables can do without.
    assert page.count("<details>") == page.count("Methods in full") == 1


def test_show_has_labels_by_kind_alone(of_labels):
    text = show(of_labels)
    assert "Labels by kind: " in text
    assert "Label by label" not in text


def test_render_text_aligns_columns():
    text = render_text(Table("title", ["a", "b"], [["long name", "1"], ["x", "1000"]]))
    assert text.splitlines() == [
        "title",
        "---------------",
        "a             b",
        "---------------",
        "long name     1",
        "x          1000",
    ]


def test_render_markdown_escapes_bars():
    text = render_markdown(Table("title", ["a|b", "c"], [["x", "1"]]))
    assert text.splitlines() == ["**title**", "", "| a\\|b | c |", "| :-- | --: |", "| x | 1 |"]


def test_render_markdown_sets_text_left_and_figures_right():
    rows = [["x", "0.7 ± 0.1", "-"], ["y", "-", "Another set, split by similarity."]]
    assert render_markdown(Table("title", ["a", "b", "c"], rows)).splitlines()[3] == "| :-- | --: | :-- |"


def test_all_tables_are_those_that_have_content(record):
    assert len(all_tables(record)) == 5
    assert all_tables(replace(record, scores=[], timings=[], pretraining=[])) == []


def test_show_has_source_note_and_machine(record):
    text = show(record)
    for part in ("A toy", "[1] A paper", "A note.", "A processor (cpu), 2 threads on 4 cores"):
        assert part in text
    assert "commit 0123456789ab with local changes; random_state 3; 2.0 minutes" in text


def test_machine_without_git(record):
    record.environment.update(commit=None, dirty=None)
    assert "commit unknown;" in machine(record)
    assert "tokenizers" not in machine(record)


def test_write_page_is_made_of_the_results_alone(record, tmp_path):
    results = tmp_path / "results"
    write_record(record, results)
    write_record(replace(record, name="other", title="Another"), results)
    write_record(replace(record, title="A smoke run", quick=True), results)
    text = write_page(results, tmp_path / "docs" / "benchmarks.md").read_text()
    # What has been published comes first, row by row.
    overview = text.index("**Genomic-ULMFiT, row by row**")
    assert overview < text.index("## Another") < text.index("## A toy")
    assert "smoke run" not in text
    assert "| k-mers | 0.700 ± 0.100 | 0.750 |" in text
    assert "Again: `python -m benchmarks toy --data-home DIR --random-state 3`" in text
    # Methods in full are long: folded away, between blank lines, so that they are read as markdown.
    folded = text[text.index("## A toy") :].partition(
        "<summary>Methods in full, minutes and machine</summary>\n\n"
    )[2]
    assert "Made on A processor (cpu)" in folded
    assert folded.rstrip().endswith("\n\n</details>")


def test_write_page_without_results_says_so(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"found none\. Run a benchmark first"):
        write_page(tmp_path, tmp_path / "benchmarks.md")
    assert list(tmp_path.iterdir()) == []
