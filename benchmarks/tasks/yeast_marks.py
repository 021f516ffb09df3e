"""The task ``yeast-marks``: histone marks of yeast, many labels at once of which most are missing."""

import numpy as np
from sklearn.model_selection import GroupShuffleSplit

from benchmarks.corpora import Corpus
from benchmarks.windows import CONTRASTIVE_NETWORK, Plan, Windows, WindowTask, windows
from skgenome.datasets import fetch_yeast_histone_marks

WINDOW_SIZE, TEST_SHARE = 500, 0.1
QUICK_EVERY = 40
#: About ten minutes on one core; sequences overlap, so that these steps are more passes over the genome.
LM_STEPS = 3000

PROTOCOL = f"""{{n_rows}} sequences of yeast, {WINDOW_SIZE} bp, each with one to seven of ten labels known and
the others missing: eight histone marks and the histones H3 and H4 themselves. There are neither names nor
coordinates in the files and so no chromosomes to hold out. Held out are instead a tenth of the groups of
sequences that share a fifth of their 15-mers, directly or through others: nothing overlaps from one side to
the other by much more than a hundred bases, but the next window of the same gene may lie there. Labelled are
300, 1000 or 5000 sequences, of which 18 % of the entries are known: 54, 180 or 900 of a label on average.
{{n_repeats}} draws, the fewer among the more. Each label is learnt and tested where it is known; networks
have one loss for all, without the missing entries. Figures are means over labels; a label with fewer than
five positives or negatives in a draw is given its share. Language model and contrastive network were
pretrained on all sequences, those of the test set among them, without labels. Both strands are read and
averaged. Not the split of GUE, which has test sequences of one mark among the others of another."""


def read(data_home: str | None, n_repeats: int, random_state: int, quick: bool) -> tuple[Windows, Corpus]:
    """Read the sequences and hold groups of overlapping ones out.

    Parameters
    ----------
    data_home : str or None
        Folder of the data.
    n_repeats : int
        Not used: there is one split.
    random_state : int
        Of the split.
    quick : bool
        Whether to take few sequences.

    Returns
    -------
    labelled : Windows
        With one split.
    corpus : Corpus
        The same sequences.
    """
    found = fetch_yeast_histone_marks(data_home=data_home)
    # No genome of yeast is at hand; the sequences overlap and have nearly all of it.
    corpus = Corpus(
        "yeast",
        list(found.data),
        f"{len(found.data)} overlapping sequences of Saccharomyces cerevisiae: "
        f"{sum(map(len, found.data)) / 1e6:.1f} Mbp",
        found.filenames,
    )
    some = slice(None, None, QUICK_EVERY if quick else 1)
    data, target, groups = found.data[some], found.target[some].astype(np.int64), found.groups[some]
    splitter = GroupShuffleSplit(1, test_size=TEST_SHARE, random_state=random_state)
    labelled = Windows(
        data,
        target,
        list(splitter.split(data, groups=groups)),
        found.filenames,
        label_names=found.label_names,
        label_groups=[kind_of(name) for name in found.label_names],
    )
    return labelled, corpus


def kind_of(label: str) -> str:
    """Say what kind of mark a label is.

    Parameters
    ----------
    label : str
        As H3K4me3: histone, residue and modification.

    Returns
    -------
    str
        One of acetylation, methylation and the histone itself.
    """
    if label.endswith("ac"):
        return "acetylation"
    return "methylation" if "me" in label else "histone itself"


run = WindowTask(
    name="yeast-marks",
    title=f"Histone marks of yeast on sequences of {WINDOW_SIZE} bp, most of them unknown",
    protocol=PROTOCOL,
    read=read,
    # Estimated at fifty minutes on one core, a quarter each for pretraining, features, lassos and networks.
    plan=Plan(3, (windows(300), windows(1000, trains_networks=True), windows(5000))),
    quick_plan=Plan(1, (windows(150), windows(400, trains_networks=True))),
    lm_steps=LM_STEPS,
    # As many patches of a hundred bases as a sequence has, each overlapping half of the next.
    contrastive_network={
        **CONTRASTIVE_NETWORK,
        "patch_length": 100,
        "patch_stride": 50,
        "n_patches": 9,
    },
    metrics=("roc_auc", "average_precision"),
    chance={"roc_auc": 0.5},
).run
