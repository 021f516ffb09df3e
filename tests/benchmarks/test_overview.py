"""The published results row by row."""

import pytest

from benchmarks.overview import GENOMIC_ULMFIT, overview_table
from benchmarks.records import Record, Score
from benchmarks.tables import NOTHING, render_markdown
from benchmarks.tasks import TASKS
from benchmarks.tasks.bacterial_promoters import MEAN, SPECIES

ULMFIT = "everything: LM fine-tuned, fine-tuned"


def make_record(name, scores):
    """A record with (method, condition, metric, values)."""
    rows = [Score(method, condition, 20, metric, values) for method, condition, metric, values in scores]
    return Record(name, "t", "p", 0, scores=[row.as_row() for row in rows])


@pytest.fixture
def fine_tuning():
    """Ours, two baselines, and two methods that are pretrained too and better."""
    return make_record(
        "ecoli-promoters-fine-tuning",
        [
            ("majority", "all", "accuracy", [0.5]),
            ("k-mers", "all", "accuracy", [0.8]),
            ("small CNN from scratch", "all", "accuracy", [0.85, 0.95]),
            ("small CNN from scratch", "all", "roc_auc", [0.99]),
            ("small CNN from scratch", "20", "accuracy", [0.99]),
            ("everything: LM fine-tuned, frozen", "all", "accuracy", [0.98]),
            ("without relatives: LM fine-tuned, fine-tuned", "all", "accuracy", [0.99]),
            (ULMFIT, "all", "accuracy", [0.96, 0.97, 0.98]),
            (ULMFIT, "all", "roc_auc", [0.1]),
        ],
    )


def test_overview_has_a_row_for_each_published_result():
    table = overview_table([])
    assert [row[:3] for row in table.rows] == [
        [row.what, row.metric, f"{row.published:.3f}"] for row in GENOMIC_ULMFIT
    ]
    assert all(len(row) == len(table.header) for row in table.rows)
    assert all(row[3:8] == [NOTHING] * 5 and row[8] for row in table.rows)


def test_overview_sets_ours_beside_the_best_without_pretraining(fine_tuning):
    rows = overview_table([fine_tuning]).rows
    assert rows[0] == [
        "E. coli promoters, 150 bp",
        "accuracy",
        "0.973",
        "0.970 ± 0.010",
        "0.990",
        "without relatives: LM fine-tuned, fine-tuned",
        "0.900 ± 0.071",
        "small CNN from scratch",
        GENOMIC_ULMFIT[0].remark,
    ]
    # With 20 labels there is a baseline, but none of ours to set beside it.
    assert all(row[3:8] == [NOTHING] * 5 for row in rows[1:])


def test_overview_takes_no_pretrained_method_for_a_baseline():
    record = make_record(
        "bacterial-promoters",
        [
            ("majority", "E. coli", "matthews_corrcoef", [0.0]),
            ("pretrained, frozen", "E. coli", "matthews_corrcoef", [0.9]),
            ("pretrained, fine-tuned", "E. coli", "matthews_corrcoef", [0.8]),
            ("pretrained, ULMFiT", "E. coli", "matthews_corrcoef", [0.7]),
            (MEAN, "E. coli", "matthews_corrcoef", [0.95]),
        ],
    )
    cells = [row[3:8] for row in overview_table([record]).rows if "E. coli promoters, 81 bp" in row]
    assert cells == [["0.700", "0.950", MEAN, "0.000", "majority"]]


def test_overview_reads_the_record_of_the_named_task_alone(fine_tuning):
    fine_tuning.name = "ecoli-promoters-few-labels"
    assert all(row[3] == NOTHING for row in overview_table([fine_tuning]).rows)


def test_overview_is_a_markdown_table(fine_tuning):
    lines = render_markdown(overview_table([fine_tuning])).splitlines()
    assert len(lines) == len(GENOMIC_ULMFIT) + 4
    assert len({line.count(" | ") for line in lines[2:]}) == 1


@pytest.mark.parametrize("row", GENOMIC_ULMFIT, ids=[f"{r.what} {r.published}" for r in GENOMIC_ULMFIT])
def test_published_row_names_a_task_or_says_why_not(row):
    assert row.remark.endswith(".")
    assert 0 < row.published < 1
    assert row.metric in {"accuracy", "matthews_corrcoef", "roc_auc"}
    if row.task is None:
        assert row.condition is None
        assert row.method is None
        assert row.remark.startswith("Not measured")
    else:
        assert row.task in TASKS
        assert row.condition
        assert row.method


def test_bacterial_rows_name_its_species():
    rows = [row for row in GENOMIC_ULMFIT if row.task == "bacterial-promoters"]
    assert [row.condition for row in rows] == list(SPECIES)
    assert {row.method for row in rows} == {"pretrained, ULMFiT"}
