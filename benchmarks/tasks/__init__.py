"""The tasks: each is data and a protocol, in a module of its own with one function ``run``."""

from importlib import import_module

from benchmarks.records import Record, Settings

#: Name to module and to one line for the list. Modules load when they are run: torch takes two seconds.
TASKS = {
    "bacterial-promoters": (
        "bacterial_promoters",
        "mapped promoters of E. coli and B. subtilis, 81 bp: Matthews correlation in cross-validation",
    ),
    "ecoli-promoters-few-labels": (
        "ecoli_promoters",
        "promoters of E. coli, 150 bp: accuracy with 20 to 6791 labels",
    ),
    "ecoli-promoters-fine-tuning": (
        "ecoli_fine_tuning",
        "the same promoters: ULMFiT's phases one by one, next to networks from scratch",
    ),
    "ecoli-promoters-ablation": (
        "ecoli_ablation",
        "the same promoters: what each phase and each trick of ULMFiT brings",
    ),
    "ecoli-promoters-tokens": (
        "ecoli_tokens",
        "the same promoters: tokens of three and five bases, at every base or every other",
    ),
    "gram-staining": ("gram_staining", "windows of 6700 bp, split by genus: AUROC with few labelled genomes"),
    "human-enhancers": ("human_enhancers", "enhancers or not, 500 bp: area under the ROC curve"),
    "human-promoters": ("human_promoters", "promoters with and without a TATA box: Matthews correlation"),
    "metagenomics": ("metagenomics", "the genus of amplicon and shotgun reads of 16S genes: accuracy"),
    "speed": ("speed", "tokenizer, training step and features, each beside a named peer"),
    "transcripts": ("transcripts", "messenger or long non-coding RNA, man to man and man to mouse: accuracy"),
}


def run_task(name: str, settings: Settings) -> Record:
    """Run a task.

    Parameters
    ----------
    name : str
        One of ``TASKS``.
    settings : Settings
        What the caller chose.

    Returns
    -------
    Record
        What was measured, not yet written.
    """
    module, _ = TASKS[name]
    return import_module(f"benchmarks.tasks.{module}").run(settings)
