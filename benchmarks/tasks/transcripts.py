"""The task ``transcripts``: messenger or long non-coding RNA, within a species and across."""

from benchmarks.corpora import Corpus, fetch_human
from benchmarks.pretraining import FIVE_BASES_BY_TWO, HUMAN_STEPS, SMALL_NETWORK
from benchmarks.records import published_row
from benchmarks.transfer import LabelledSet, Plan, Reading, TransferTask, hold_out
from skgenome.datasets import fetch_mrna_lncrna

#: Networks read the first bases alone: some transcripts have a hundred thousand.
READING = Reading("forward", "concat", largest_k=6, aligned=False, max_length=1500, tokens=FIVE_BASES_BY_TWO)

PROTOCOL = """Transcripts that code for a protein, and long ones that do not. Standard: 8000 human ones
(CPAT), {n_train} to learn from and {n_test} to test on, with no gene on both sides. Challenge: 13,000 of
mouse (PreLnc), learnt from man alone. {n_repeats} draws of {n_labels} labels; with all labels, {n_seeds}
seeds of the training. Networks read the first {max_length} bases, k-mers all. The language model was
pretrained on 4.7 Mbp of human sequence, in tokens of five bases of which every other base begins one, then
trained further on the training transcripts without their labels."""
SOURCE = (
    "Genomic-ULMFiT (Heyer 2019): other and larger sets, human and as the challenge another species' own."
)
SOURCE_GRU = "An ensemble of GRU networks, as quoted by Genomic-ULMFiT: other and larger sets."


def read(data_home: str | None) -> tuple[list[LabelledSet], list[Corpus]]:
    """Read the transcripts and the corpus.

    Parameters
    ----------
    data_home : str or None
        Folder of the data.

    Returns
    -------
    sets : list of LabelledSet
        One, with two test sets.
    corpora : list of Corpus
        One.
    """
    train, test = hold_out(fetch_mrna_lncrna(data_home=data_home))
    mouse = fetch_mrna_lncrna(subset="mouse", data_home=data_home)
    return [LabelledSet(train, {"standard": test, "challenge": mouse}, READING)], [fetch_human(data_home)]


run = TransferTask(
    name="transcripts",
    title="Messenger and long non-coding RNA",
    protocol=PROTOCOL,
    read=read,
    plan=Plan((100, 1000), n_repeats=3, n_seeds=3, lm_epochs=1, max_epochs=1, scratch_epochs=3),
    network=SMALL_NETWORK,
    n_steps=HUMAN_STEPS,
    published=(
        published_row(
            "published: GRU ensemble", "accuracy", {"standard all": 0.96, "challenge all": 0.875}, SOURCE_GRU
        ),
        published_row(
            "published: Genomic-ULMFiT", "accuracy", {"standard all": 0.963, "challenge all": 0.90}, SOURCE
        ),
    ),
).run
