"""The task ``human-chromatin``: which factors bind a window, many labels at once, whole pieces held out."""

import numpy as np

from benchmarks.corpora import Corpus, fetch_human
from benchmarks.pretraining import HUMAN_STEPS
from benchmarks.records import fold, published_row
from benchmarks.windows import (
    ALL_WINDOWS,
    CONTRASTIVE_NETWORK,
    LM_NETWORK,
    PUBLISHED_CONTRASTIVE_NETWORK,
    Plan,
    Windows,
    WindowTask,
    windows,
)
from skgenome.datasets import fetch_human_chromatin, make_multilabel_windows

WINDOW_SIZE, BIN_SIZE = 1000, 200
#: Pieces of the genome to test on.
TEST_PIECES = ("chr2:", "chr17:4")
#: Least number of positives of a label: to learn from and to test on.
MIN_TRAIN, MIN_TEST = 50, 20
QUICK_EVERY, QUICK_LABELS = 16, 4
#: A thousand bases have few patches of 500.
PATCHES = {"patch_length": 200, "patch_stride": 100, "steps": (2, 3)}
#: The human sequence at hand is a fiftieth of the genomes of bacteria.
PUBLISHED_HUMAN_STEPS = 1000

PROTOCOL = f"""{{n_rows}} windows of {WINDOW_SIZE} bp, each labelled with the peaks that cover half of the
{BIN_SIZE} bp in its middle, of tracks with at least {MIN_TRAIN} positives to learn from and {MIN_TEST} to
test on; windows without any peak are left out. Chromosome 20 and the first piece of chromosome 17 are learnt
from, chromosome 2 and the other piece of 17 are the test set. Labelled are 100, 300 or 1000 windows,
{{n_repeats}} draws, the fewer among the more; with all, {{n_repeats}} seeds of the training. Figures are
means over labels; a label with fewer than five positives in a draw is given its share. All labels are
transcription factors in a cell line, none a histone mark or open chromatin; tables by kind put the cell lines
of a factor together. Average precision by chance is the prevalence, which differs much. Language model and
contrastive network were pretrained on the eight pieces, 4.7 Mbp, the test pieces among them, without labels.
Both strands are read and averaged. Not DeepSEA's set: 9,260 peaks of 109 tracks on 4.7 Mbp."""

SOURCE = fold(
    """The self-supervised R system on DeepSEA's 919 labels, read off its plots, mean AUROC: another and far
    larger set, not to be compared."""
)
REFERENCE = "Measured for this project with 63 labels of the same windows, whole pieces held out."


def read(data_home: str | None, n_repeats: int, random_state: int, quick: bool) -> tuple[Windows, Corpus]:
    """Cut the windows, hold the test pieces out, and read the corpus.

    Parameters
    ----------
    data_home : str or None
        Folder of the data.
    n_repeats, random_state
        Not used: there is one split.
    quick : bool
        Whether to take few windows and labels.

    Returns
    -------
    labelled : Windows
        With one split.
    corpus : Corpus
        Human.
    """
    chromatin = fetch_human_chromatin(data_home=data_home)
    pieces = dict(zip(chromatin.contig_names.tolist(), chromatin.data, strict=True))
    found = make_multilabel_windows(pieces, chromatin.peaks, bin_size=BIN_SIZE, window_size=WINDOW_SIZE)
    is_test = np.array([name.startswith(TEST_PIECES) for name in found.groups])
    counts = [found.target[part].sum(axis=0) for part in (~is_test, is_test)]
    kept = (counts[0] >= MIN_TRAIN) & (counts[1] >= MIN_TEST)
    rows = np.arange(len(found.data))[:: QUICK_EVERY if quick else 1]
    split = np.flatnonzero(~is_test[rows]), np.flatnonzero(is_test[rows])
    target, columns = found.target[rows].astype(np.int64), np.flatnonzero(kept)
    if quick:
        # Few windows are left, and of some labels none on one side: the commonest stay.
        order = np.argsort(-target[:, columns].sum(axis=0), kind="stable")
        columns = np.sort(columns[order[:QUICK_LABELS]])
    names = [found.label_names[j] for j in columns]
    labelled = Windows(
        found.data[rows],
        target[:, columns],
        [split],
        chromatin.filenames,
        label_names=names,
        # Tracks are called by cell line and factor, as K562.CTCF.
        label_groups=[name.partition(".")[2] for name in names],
    )
    return labelled, fetch_human(data_home)


_TASK = WindowTask(
    name="human-chromatin",
    title=f"Transcription factors on windows of {WINDOW_SIZE} bp of human sequence",
    protocol=PROTOCOL,
    read=read,
    plan=Plan(3, (windows(100), windows(300), windows(1000), ALL_WINDOWS)),
    quick_plan=Plan(1, (windows(50), ALL_WINDOWS)),
    k=5,
    lm_network={**LM_NETWORK, "pooling": "concat"},
    lm_steps=HUMAN_STEPS,
    contrastive_network={**CONTRASTIVE_NETWORK, **PATCHES},
    metrics=("roc_auc", "average_precision"),
    chance={"roc_auc": 0.5},
    published=(
        published_row("published: language model's network", "roc_auc", {"all windows": 0.715}, SOURCE),
        published_row("reference: GC content", "roc_auc", {"all windows": 0.688}, REFERENCE),
        published_row(
            "reference: 5-mers + logistic regression", "roc_auc", {"all windows": 0.714}, REFERENCE
        ),
    ),
)
run = _TASK.run
published_size = _TASK.at_published_size(
    lm_steps=PUBLISHED_HUMAN_STEPS,
    contrastive_steps=PUBLISHED_HUMAN_STEPS,
    contrastive_network={**PUBLISHED_CONTRASTIVE_NETWORK, **PATCHES},
)
