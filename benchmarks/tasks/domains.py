"""The task ``bacteria-phages-viruses``: windows of three kinds of genomes, split by genus and family."""

from benchmarks.corpora import Corpus, fetch_domains
from benchmarks.records import fold, published_row
from benchmarks.windows import (
    ALL_GENOMES,
    Plan,
    Windows,
    WindowTask,
    genomes,
    split_by_group,
    windows,
    with_all_genomes,
)
from skgenome.datasets import fetch_bacteria_phages_viruses

WINDOW_SIZE, N_WINDOWS_PER_GENOME, TEST_SHARE = 6700, 16, 0.3
QUICK_WINDOW_SIZE, QUICK_WINDOWS_PER_GENOME, QUICK_EVERY = 1500, 1, 2

PROTOCOL = f"""{{n_rows}} windows of {WINDOW_SIZE} bp of bacteria, phages and viruses of eukaryotes, at most
{N_WINDOWS_PER_GENOME} from each genome, of genomes that are nearly the same one, each turned to a strand
drawn by chance. In each of {{n_repeats}} repeats, 30 % of the groups drawn by chance, stratified by class,
are the test set: genera of bacteria, families of viruses, and what shares 5 % of its 15-mers. Labelled are
all windows of 3, 10 or all remaining genomes of each class (of most viruses that is one window each, of
bacteria {N_WINDOWS_PER_GENOME}), or 30, 100, 300 windows drawn from all remaining genomes, stratified by
class; the fewer are among the more. All methods see the same draws. Language model and contrastive network
were pretrained once, without labels, on the bacterial genomes and on the phages and viruses of the set; those
of the test groups are among them, so their features are transductive, and the scale of all features is that
of all windows, without labels. Three families hold 79 % of the windows of viruses, so that figures vary much
with the split. Bacterial genomes contain prophages: no method can be right everywhere."""

SOURCE = fold(
    """The self-supervised R system, read off its plots: other data, 0.1 to 100 % of the files, split by file.
    Its best: the contrastive network from scratch, all labels."""
)
REFERENCE = fold(
    """Measured for this project: 6-mer frequencies + L2 logistic regression, 2800 windows, files of other
    sources held out."""
)


def read(data_home: str | None, n_repeats: int, random_state: int, quick: bool) -> tuple[Windows, Corpus]:
    """Read the windows, draw the test groups, and read the corpus.

    Parameters
    ----------
    data_home : str or None
        Folder of the data.
    n_repeats : int
        Number of splits.
    random_state : int
        Of windows and splits.
    quick : bool
        Whether to take few and short windows.

    Returns
    -------
    labelled : Windows
        With their splits.
    corpus : Corpus
        Of all three kinds.
    """
    size, n_windows = (
        (QUICK_WINDOW_SIZE, QUICK_WINDOWS_PER_GENOME) if quick else (WINDOW_SIZE, N_WINDOWS_PER_GENOME)
    )
    found = fetch_bacteria_phages_viruses(
        window_size=size, n_windows_per_genome=n_windows, random_state=random_state, data_home=data_home
    )
    some = slice(None, None, QUICK_EVERY if quick else 1)
    data, target, groups, genome_ids = (
        values[some] for values in (found.data, found.target, found.groups, found.genome_ids)
    )
    splits = split_by_group(groups, target, TEST_SHARE, n_repeats, random_state)
    labelled = Windows(data, target, splits, found.filenames, genome_ids, found.target_names)
    return labelled, fetch_domains(data_home)


_TASK = WindowTask(
    name="bacteria-phages-viruses",
    title=f"Bacteria, phages and other viruses from windows of {WINDOW_SIZE} bp",
    protocol=PROTOCOL,
    read=read,
    # One genome is too few: a single window of a class can't be both learnt from and tested on.
    plan=Plan(
        5,
        (genomes(3), genomes(10), ALL_GENOMES, windows(30), windows(100, trains_networks=True), windows(300)),
    ),
    quick_plan=Plan(1, (genomes(5), ALL_GENOMES)),
    metrics=("balanced_accuracy", "f1_macro", "roc_auc_ovr", "average_precision"),
    chance={"balanced_accuracy": 1 / 3, "roc_auc_ovr": 0.5},
    published=(
        published_row("published: contrastive", "balanced_accuracy", {"all genomes": 0.555}, SOURCE),
        published_row(
            "reference: 6-mers + L2 logistic regression",
            "balanced_accuracy",
            {"30 windows": 0.62, "100 windows": 0.74, "300 windows": 0.80, "all genomes": 0.87},
            REFERENCE,
        ),
    ),
)
run, draw = _TASK.run, _TASK.draw
published_size = _TASK.at_published_size(read=with_all_genomes(read))
