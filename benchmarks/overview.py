"""The published results row by row: where ours stand, and what the data at hand do not carry."""

from collections.abc import Iterable
from typing import NamedTuple

from benchmarks.records import Record
from benchmarks.tables import NOTHING, Table, mean_and_sd

ULMFIT = "LM fine-tuned, fine-tuned"


class PublishedRow(NamedTuple):
    """A published result, and the measurement that is nearest to it."""

    what: str
    metric: str
    published: float
    remark: str
    """How the two compare, or why there is none of ours."""
    task: str | None = None
    condition: str | None = None
    method: str | None = None
    """Ours: a pretrained one."""


GENOMIC_ULMFIT = (
    PublishedRow(
        "E. coli promoters, 150 bp",
        "accuracy",
        0.973,
        "The same sequences to learn from, another test set.",
        "ecoli-promoters-fine-tuning",
        "all",
        f"everything: {ULMFIT}",
    ),
    *(
        PublishedRow(
            f"the same with {n} labels",
            "accuracy",
            value,
            "Published: one draw.",
            "ecoli-promoters-fine-tuning",
            str(n),
            f"everything: {ULMFIT}",
        )
        for n, value in {20: 0.833, 50: 0.844, 100: 0.904, 200: 0.916, 500: 0.924, 1000: 0.951}.items()
    ),
    PublishedRow(
        "the same, the network as large as published",
        "accuracy",
        0.973,
        "Takes a GPU.",
        "ecoli-promoters-published-size",
        "all",
        f"all genomes: {ULMFIT}",
    ),
    PublishedRow(
        "E. coli promoters, 81 bp",
        "matthews_corrcoef",
        0.871,
        "The same set; published: one random split, here 5 folds three times.",
        "bacterial-promoters",
        "E. coli",
        "pretrained, ULMFiT",
    ),
    PublishedRow(
        "B. subtilis promoters, 81 bp",
        "matthews_corrcoef",
        0.759,
        "The same set; published: one random split, here 5 folds three times.",
        "bacterial-promoters",
        "B. subtilis",
        "pretrained, ULMFiT",
    ),
    PublishedRow(
        "human promoters, -200/+50",
        "matthews_corrcoef",
        0.955,
        "Another set: the published one leaks, as its author says. Nearest at hand: 9034 sequences without a "
        "TATA box, split by similarity. With 4.7 Mbp of human sequence to pretrain on, pretraining brings "
        "nothing here.",
        "human-promoters",
        "non-TATA all",
        f"human: {ULMFIT}",
    ),
    PublishedRow(
        "human promoters, -200/+50",
        "matthews_corrcoef",
        0.955,
        "Another set: 300 bp with a TATA box. It stands at the same place in all of them, which a small CNN "
        "reads best; pretraining brings nothing.",
        "human-promoters",
        "TATA all",
        f"human: {ULMFIT}",
    ),
    PublishedRow(
        "human promoters, ±500 bp",
        "matthews_corrcoef",
        0.778,
        "Not measured: this set is not at hand. Nearest are the two rows above.",
    ),
    PublishedRow(
        "16S amplicons",
        "accuracy",
        0.924,
        "Another split: the published one has reads of every gene on both sides, here no gene is.",
        "metagenomics",
        "amplicon all",
        f"all bacteria: {ULMFIT}",
    ),
    PublishedRow(
        "16S shotgun reads",
        "accuracy",
        0.880,
        "Another split, as above.",
        "metagenomics",
        "shotgun all",
        f"all bacteria: {ULMFIT}",
    ),
    PublishedRow(
        "human enhancers",
        "roc_auc",
        0.819,
        "A part of the same study's set, split by similarity. Counts of k-mers are ahead: 4.7 Mbp of human "
        "sequence are too few to pretrain on.",
        "human-enhancers",
        "all",
        f"human: {ULMFIT}",
    ),
    *(
        PublishedRow(
            f"enhancers of {animal}",
            "roc_auc",
            value,
            "Not measured: this set is not at hand. Nearest are the human ones.",
        )
        for animal, value in {"mouse": 0.875, "dog": 0.788, "opossum": 0.798}.items()
    ),
    PublishedRow(
        "mRNA or lncRNA, standard test",
        "accuracy",
        0.963,
        "Another set: the published one (Hill 2018) is not at hand. Nearest are CPAT's human transcripts.",
        "transcripts",
        "standard all",
        f"human: {ULMFIT}",
    ),
    PublishedRow(
        "mRNA or lncRNA, challenge test",
        "accuracy",
        0.90,
        "Another set, as above: transcripts of mouse, learnt from man.",
        "transcripts",
        "challenge all",
        f"human: {ULMFIT}",
    ),
)


#: What the names of methods with a part in pretraining hold; the name of a corpus ends in a colon.
PRETRAINED = (":", "pretrained")


def _is_pretrained(method: str) -> bool:
    return any(mark in method for mark in PRETRAINED)


def _cells(row: PublishedRow, record: Record | None) -> list[str]:
    """Give ours, and the best methods with pretraining and without, with their names."""
    scores = [] if record is None else record.scores
    found = {s["method"]: s for s in scores if (s["metric"], s["condition"]) == (row.metric, row.condition)}
    if row.method not in found:
        return [NOTHING] * 5
    cells = [mean_and_sd(found[row.method])]
    for is_pretrained in (True, False):
        rivals = [score for method, score in found.items() if _is_pretrained(method) == is_pretrained]
        best = max(rivals, key=lambda score: score["mean"])
        cells += [mean_and_sd(best), best["method"]]
    return cells


def overview_table(records: Iterable[Record]) -> Table:
    """Set every published result of Genomic-ULMFiT beside ours.

    Parameters
    ----------
    records : iterable of Record
        Results at hand.

    Returns
    -------
    Table
        A row for each published result, also for those that could not be measured.
    """
    by_name = {record.name: record for record in records}
    rows = [
        [row.what, row.metric, f"{row.published:.3f}", *_cells(row, by_name.get(row.task)), row.remark]
        for row in GENOMIC_ULMFIT
    ]
    best = ["best pretrained", "which", "best without pretraining", "which"]
    header = ["set", "metric", "published", "ULMFiT here", *best, "remark"]
    return Table("Genomic-ULMFiT, row by row", header, rows)
