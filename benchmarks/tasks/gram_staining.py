"""The task ``gram-staining``: windows of genomes, split by genus, with few labelled genomes or windows."""

from benchmarks.corpora import Corpus, fetch_all_bacteria
from benchmarks.records import published_row
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
from skgenome.datasets import fetch_gram_staining

WINDOW_SIZE, N_WINDOWS_PER_GENOME, N_TEST_GENERA = 6700, 20, 16
#: Six short windows of a genome leave one of each class in each of five folds.
QUICK_WINDOW_SIZE, QUICK_WINDOWS_PER_GENOME = 1500, 6

PROTOCOL = f"""{{n_rows}} windows of {WINDOW_SIZE} bp, {N_WINDOWS_PER_GENOME} from each of 58 genomes of 57
genera. In each of {{n_repeats}} repeats, {N_TEST_GENERA} genera drawn by chance, stratified by class, are the
test set; no window of theirs is labelled. Labelled are all windows of 1, 3, 8 or all remaining genomes of
each class, or 20, 100, 500 windows drawn from all remaining genomes, stratified by class; the fewer are among
the more. All methods see the same draws. Language model and contrastive network were pretrained once, without
labels, on all genomes. Those of the test genera are among them, so their features are transductive: they have
read the test genomes, and the k-mers have not; the scale of all features is that of all windows, without
labels. Penalties are chosen by cross-validation on the labelled windows alone; the folds split the windows of
a genome, for all methods alike. Figures "of genomes" judge the {N_TEST_GENERA} or 17 genomes of a test set
instead of their windows, each by the mean of its windows' probabilities, of the same fits: with so few, areas
move in steps of .016."""

REFERENCE = (
    "Measured for this project with rough models: 6-mer frequencies + L2 logistic regression, and mean and "
    "max of all layers of a language model of 2.2 M weights after ten minutes on all genomes; 6 to 8 draws, "
    "other windows and other draws than here, the labelled windows spread over all genomes."
)


def read(data_home: str | None, n_repeats: int, random_state: int, quick: bool) -> tuple[Windows, Corpus]:
    """Read the windows, draw the test genera, and read the corpus.

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
        All bacteria.
    """
    size, n_windows = (
        (QUICK_WINDOW_SIZE, QUICK_WINDOWS_PER_GENOME) if quick else (WINDOW_SIZE, N_WINDOWS_PER_GENOME)
    )
    found = fetch_gram_staining(
        window_size=size, n_windows_per_genome=n_windows, random_state=random_state, data_home=data_home
    )
    splits = split_by_group(found.genus, found.target, N_TEST_GENERA, n_repeats, random_state)
    labelled = Windows(
        found.data, found.target, splits, found.filenames, found.genome_ids, found.target_names
    )
    return labelled, fetch_all_bacteria(data_home)


def _published() -> list[dict]:
    """Give the reference numbers, under the names of our conditions."""
    conditions = [f"{n} per class" for n in ("1 genome", "3 genomes", "8 genomes")]
    conditions += ["20 windows", "100 windows", "500 windows"]
    figures = {
        "reference: 6-mers + L2 logistic regression": (0.52, 0.68, 0.94, 0.69, 0.97, 1.00),
        "reference: language model + L2 logistic regression": (0.52, 0.72, 0.86, 0.66, 0.88, 0.95),
    }
    return [
        published_row(name, "roc_auc", dict(zip(conditions, values, strict=True)), REFERENCE)
        for name, values in figures.items()
    ]


_TASK = WindowTask(
    name="gram-staining",
    title=f"Gram staining from windows of {WINDOW_SIZE} bp",
    protocol=PROTOCOL,
    read=read,
    plan=Plan(
        5,
        (
            genomes(1),
            genomes(3, trains_networks=True),
            genomes(8),
            ALL_GENOMES,
            *map(windows, (20, 100, 500)),
        ),
    ),
    quick_plan=Plan(1, (genomes(1), ALL_GENOMES)),
    metrics=("roc_auc", "balanced_accuracy", "f1_macro", "average_precision"),
    genome_metrics=("roc_auc", "balanced_accuracy"),
    chance={"roc_auc": 0.5, "balanced_accuracy": 0.5},
    published=tuple(_published()),
)
run, draw = _TASK.run, _TASK.draw
published_size = _TASK.at_published_size(read=with_all_genomes(read))
