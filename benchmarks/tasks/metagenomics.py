"""The task ``metagenomics``: the genus of simulated 16S reads, of genes that were not learnt from."""

from benchmarks.corpora import Corpus, fetch_all_bacteria
from benchmarks.pretraining import FIVE_BASES_BY_TWO, SMALL_NETWORK
from benchmarks.records import fold, published_row
from benchmarks.transfer import LabelledSet, Plan, Reading, TransferTask
from benchmarks.windows import LM_STEPS
from skgenome.datasets import fetch_16s_reads

#: Amplicons begin at one primer, so what counts has its place; shotgun reads begin anywhere, on either
#: strand.
READINGS = {
    "amplicon": Reading("forward", 40, largest_k=4, aligned=True, tokens=FIVE_BASES_BY_TWO),
    "shotgun": Reading("average", "concat", largest_k=4, aligned=False, tokens=FIVE_BASES_BY_TWO),
}
N_READS_PER_GENE = 10

PROTOCOL = f"""Reads of about 400 bases, simulated from 1000 real 16S genes of 100 genera with substitutions
and indels: those of one region between two primers, and those of anywhere in the gene on either strand.
{{n_train}} amplicon reads to learn from and {{n_test}} to test on, {N_READS_PER_GENE} of each gene. No gene
has reads on both sides, and equal genes count as one; the published split was a random one of reads, so that
every gene was learnt from. With all labels, {{n_seeds}} seeds of the training. The language model was
pretrained on 58 bacterial genomes, in tokens of five bases of which every other base begins one, then trained
further on the reads to learn from, without their labels."""
SOURCE = fold(
    """Genomic-ULMFiT (Heyer 2019); reads of one gene on both sides of a random split: another and easier
    task."""
)
SOURCE_CNN = "Fiannaca 2018, BMC Bioinformatics 19, 198, the better of two networks: split in the same way."


def read(data_home: str | None) -> tuple[list[LabelledSet], list[Corpus]]:
    """Simulate both kinds of reads, and read the corpus.

    Parameters
    ----------
    data_home : str or None
        Folder of the data.

    Returns
    -------
    sets : list of LabelledSet
        Amplicon and shotgun.
    corpora : list of Corpus
        One.
    """
    sets = []
    for kind, reading in READINGS.items():
        train, test = (
            fetch_16s_reads(kind=kind, subset=part, n_reads_per_source=N_READS_PER_GENE, data_home=data_home)
            for part in ("train", "test")
        )
        sets.append(LabelledSet(train, {kind: test}, reading))
    return sets, [fetch_all_bacteria(data_home)]


run = TransferTask(
    name="metagenomics",
    title="Genera of 16S reads",
    protocol=PROTOCOL,
    read=read,
    plan=Plan((), n_repeats=3, n_seeds=3, lm_epochs=2, max_epochs=3, scratch_epochs=6),
    metrics=("accuracy", "balanced_accuracy"),
    network=SMALL_NETWORK,
    n_steps=LM_STEPS,
    published=(
        published_row(
            "published: DBN or CNN", "accuracy", {"amplicon all": 0.9137, "shotgun all": 0.855}, SOURCE_CNN
        ),
        published_row(
            "published: Genomic-ULMFiT", "accuracy", {"amplicon all": 0.9239, "shotgun all": 0.8797}, SOURCE
        ),
    ),
).run
