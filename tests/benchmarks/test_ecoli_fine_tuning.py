"""The fine-tuned promoters: what they share with the task they continue, and a short run on real ones."""

import pytest

from benchmarks.records import Settings
from benchmarks.tables import show
from benchmarks.tasks import ecoli_promoters, run_task
from benchmarks.tasks.ecoli_fine_tuning import READING


def test_published_numbers_are_those_of_the_task_with_few_labels():
    few, tuned = ecoli_promoters.published("6791"), ecoli_promoters.published("all")
    for first, second in zip(few, tuned, strict=True):
        assert [*first["values"].values()] == [*second["values"].values()]
        assert [*second["values"]][-1] == "all"


def test_reading_has_segments_of_four_tokens():
    # 150 bp are 148 3-mers.
    assert 148 / READING.pooling == 4


@pytest.mark.slow
@pytest.mark.real_data
def test_quick_run_on_real_promoters(real_data_home, tmp_path):
    settings = Settings(str(real_data_home), "cpu", 0, tmp_path, quick=True)
    record = run_task("ecoli-promoters-fine-tuning", settings)
    assert {row["condition"] for row in record.scores} == {"20", "all"}
    accuracy = {
        (row["method"], row["condition"]): row["values"]
        for row in record.scores
        if row["metric"] == "accuracy"
    }
    # The start codon stands at one place: what sees places solves most of it with 170 labels.
    assert min(accuracy["3-mers at their positions + L2 logistic regression", "all"]) > 0.93
    # Two as they were pretrained, and the same two trained further.
    assert len(record.pretraining) == 4
    assert "published: Genomic-ULMFiT" in show(record)
