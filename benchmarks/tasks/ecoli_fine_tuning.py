"""The task ``ecoli-promoters-fine-tuning``: ULMFiT's phases one by one, from 20 labels to all 6791."""

from benchmarks.corpora import Corpus
from benchmarks.pretraining import LONG_STEPS
from benchmarks.tasks import ecoli_promoters
from benchmarks.transfer import LabelledSet, Plan, Reading, TransferTask

#: The sequences are aligned, so states are averaged over 37 segments of 4 tokens: on rows of the training set
#: that is .96 instead of .92 with 1000 labels, frozen. With the other strand beside it .968 instead of .961,
#: and with 20 labels .889 instead of .863, after the longer pretraining.
READING = Reading(strand="concat", pooling=37, largest_k=4, aligned=True)
#: What is compared part by part has one strand, which takes half the time.
ONE_STRAND = READING._replace(strand="forward")

PROTOCOL = """Sequences of 150 bp, promoter or not: {n_train} to learn from, {n_test} to test on. From the
first, {n_repeats} draws of {n_labels} labels, stratified; a smaller draw is part of the larger one, and all
methods see the same draws; with all labels, {n_seeds} seeds of the training instead. The language models are
pretrained once, on the corpora of the task ecoli-promoters-few-labels, three times as long as there: the one
that has read everything is that of the task bacterial-promoters. Rows of the table add ULMFiT's phases: the
pretrained model as it is; trained further on the training sequences without their labels ("LM fine-tuned");
either with L2 logistic regression on its features ("frozen") or with the network trained on the labels drawn
("fine-tuned"). States are averaged over {pooling} equal segments of the sequence, since promoters are aligned
by the start of their gene; both strands are read, side by side. Sequences whose labels were not drawn serve
the language model and the scale of the features. How many passes are made is chosen on the labels drawn.
Beside them: k-mers, 3-mers at each position, a small convolutional network, and the same network with random
weights."""


def read(data_home: str | None) -> tuple[list[LabelledSet], list[Corpus]]:
    """Read the promoters, and the corpora with and without what is near to them.

    Parameters
    ----------
    data_home : str or None
        Folder of the data.

    Returns
    -------
    sets : list of LabelledSet
        One.
    corpora : list of Corpus
        Two.
    """
    train, test, corpora = ecoli_promoters.read(data_home)
    return [LabelledSet(train, {"": test}, READING)], corpora


run = TransferTask(
    name="ecoli-promoters-fine-tuning",
    title="Promoters of E. coli, fine-tuned",
    protocol=PROTOCOL,
    read=read,
    plan=Plan((20, 50, 100, 200, 500, 1000), n_repeats=5, n_seeds=3),
    n_steps=LONG_STEPS,
    published=tuple(ecoli_promoters.published("all")),
).run
