"""The task ``human-promoters``: 251 bp around starts of transcription without a TATA box, 300 bp with one."""

from sklearn.utils import Bunch

from benchmarks.corpora import Corpus, fetch_human
from benchmarks.pretraining import FIVE_BASES_BY_TWO, HUMAN_STEPS
from benchmarks.records import fold, published_row
from benchmarks.transfer import LabelledSet, Plan, Reading, TransferTask, hold_out
from skgenome.datasets import fetch_human_promoters

PROTOCOL = """Human sequences, promoter or not, aligned by the start of transcription. "non-TATA" are the 9034
of the test part of Genomic Benchmarks' set, of 251 bp: {n_train} to learn from, {n_test} to test on, split by
similarity since many overlap. "TATA" are those of the GUE benchmark, of 300 bp, trained on its train part and
tested on its test part. {n_repeats} draws of {n_labels} labels; with all labels, {n_seeds} seeds of the
training. The language model was pretrained on 4.7 Mbp of human sequence, no more than the data at hand hold,
in tokens of five bases of which every other base begins one, then trained further on the training sequences
without their labels."""
SOURCE = fold(
    """Genomic-ULMFiT (Heyer 2019), promoters of both kinds, -200/+50, another and larger set on a random
    split; of it its author says that motifs of 50 to 150 bp occur in the negatives alone."""
)
SOURCE_CNN = "Umarov and Solovyev 2017, PLoS ONE 12, e0171410 (CNNProm), non-TATA: one random split."


def read(data_home: str | None) -> tuple[list[LabelledSet], list[Corpus]]:
    """Read both sets and the corpus.

    Parameters
    ----------
    data_home : str or None
        Folder of the data.

    Returns
    -------
    sets : list of LabelledSet
        Without and with a TATA box.
    corpora : list of Corpus
        One.
    """
    nontata = fetch_human_promoters(kind="nontata", data_home=data_home)
    train, test = (
        fetch_human_promoters(kind="tata", subset=subset, data_home=data_home) for subset in ("train", "test")
    )
    sets = [
        _labelled("non-TATA", *hold_out(nontata), n_segments=31),
        _labelled("TATA", train, test, n_segments=37),
    ]
    return sets, [fetch_human(data_home)]


def _labelled(name: str, train: Bunch, test: Bunch, n_segments: int) -> LabelledSet:
    # Segments of 4 tokens, as for E. coli.
    reading = Reading("forward", n_segments, largest_k=5, aligned=True, tokens=FIVE_BASES_BY_TWO)
    return LabelledSet(train, {name: test}, reading)


run = TransferTask(
    name="human-promoters",
    title="Promoters of man",
    protocol=PROTOCOL,
    read=read,
    plan=Plan((100, 1000), n_repeats=3, n_seeds=3, lm_epochs=3, max_epochs=2, scratch_epochs=6),
    n_steps=HUMAN_STEPS,
    published=(
        published_row("published: CNNProm", "matthews_corrcoef", {"non-TATA all": 0.89}, SOURCE_CNN),
        *(
            published_row(
                f"published: Genomic-ULMFiT, {name}", "matthews_corrcoef", {"non-TATA all": value}, SOURCE
            )
            for name, value in (
                ("from scratch", 0.59),
                ("pretrained", 0.844),
                ("pretrained, LM fine-tuned", 0.955),
            )
        ),
    ),
).run
