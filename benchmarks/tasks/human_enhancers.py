"""The task ``human-enhancers``: stretches of 500 bp, enhancer or not."""

from benchmarks.corpora import Corpus, fetch_human
from benchmarks.pretraining import FIVE_BASES_BY_TWO, HUMAN_STEPS, SMALL_NETWORK
from benchmarks.records import published_row
from benchmarks.transfer import LabelledSet, Plan, Reading, TransferTask, hold_out
from skgenome.datasets import fetch_human_enhancers

#: An enhancer has no direction, and nothing in it a fixed place.
READING = Reading("average", "concat", largest_k=6, aligned=False, tokens=FIVE_BASES_BY_TWO)

PROTOCOL = """Human stretches of 500 bp, enhancers of Cohn 2018 and others, the 6948 of the test part of
Genomic Benchmarks' set: {n_train} to learn from, {n_test} to test on, split by similarity. {n_repeats} draws
of {n_labels} labels; with all labels, {n_seeds} seeds of the training. The language model was pretrained on
4.7 Mbp of human sequence, in tokens of five bases of which every other base begins one, then trained further
on the training sequences without their labels. Both strands are read and their features averaged; last,
maximum and mean of the states are joined."""
SOURCE_CNN = "Cohn 2018, bioRxiv 264200, a convolutional network: its own, larger sets and split."
SOURCE = "Genomic-ULMFiT (Heyer 2019), 3-mers, pretrained on mammals: Cohn's larger sets on a random split."


def read(data_home: str | None) -> tuple[list[LabelledSet], list[Corpus]]:
    """Read the enhancers and the corpus.

    Parameters
    ----------
    data_home : str or None
        Folder of the data.

    Returns
    -------
    sets : list of LabelledSet
        One.
    corpora : list of Corpus
        One.
    """
    train, test = hold_out(fetch_human_enhancers(data_home=data_home))
    return [LabelledSet(train, {"": test}, READING)], [fetch_human(data_home)]


run = TransferTask(
    name="human-enhancers",
    title="Enhancers of man",
    protocol=PROTOCOL,
    read=read,
    plan=Plan((100, 1000), n_repeats=3, n_seeds=3, lm_epochs=2, max_epochs=2, scratch_epochs=4),
    network=SMALL_NETWORK,
    n_steps=HUMAN_STEPS,
    published=(
        published_row("published: CNN", "roc_auc", {"all": 0.80}, SOURCE_CNN),
        published_row("published: Genomic-ULMFiT", "roc_auc", {"all": 0.819}, SOURCE),
    ),
).run
