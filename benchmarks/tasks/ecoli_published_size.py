"""The task ``ecoli-promoters-published-size``: ULMFiT with the network as large as published, for a GPU."""

from benchmarks.corpora import Corpus, fetch_all_genomes
from benchmarks.pretraining import PUBLISHED_NETWORK
from benchmarks.tasks import ecoli_promoters
from benchmarks.tasks.ecoli_fine_tuning import READING as OF_SMALL_NETWORK
from benchmarks.transfer import LabelledSet, Plan, TransferTask

#: 251 million tokens: one pass over all genomes.
N_STEPS = 7000
#: Half as many segments as the smaller network is read in, since each has four times as many features.
READING = OF_SMALL_NETWORK._replace(pooling=18)

PROTOCOL = """The set, the draws and the rows of ecoli-promoters-fine-tuning, with the network as large as
published: an embedding of 400, three LSTM layers of 1150, 1150 and 400. {n_train} sequences to learn from,
{n_test} to test on; {n_repeats} draws of {n_labels} labels, with all labels {n_seeds} seeds of the training.
The language model was pretrained once, on all genomes of the collection, those of the test sequences among
them, as published. States are averaged over {pooling} equal segments, both strands are read, side by side."""


def read(data_home: str | None) -> tuple[list[LabelledSet], list[Corpus]]:
    """Read the promoters, and all genomes.

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
    train, test = ecoli_promoters.read_promoters(data_home)
    return [LabelledSet(train, {"": test}, READING)], [fetch_all_genomes(data_home)]


run = TransferTask(
    name="ecoli-promoters-published-size",
    title="Promoters of E. coli, a network of the published size",
    protocol=PROTOCOL,
    read=read,
    plan=Plan((20, 50, 100, 200, 500, 1000), n_repeats=5, n_seeds=3, lm_epochs=20),
    network=PUBLISHED_NETWORK,
    n_steps=N_STEPS,
    published=tuple(ecoli_promoters.published("all")),
).run
