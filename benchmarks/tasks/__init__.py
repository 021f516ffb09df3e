"""The tasks: each is data and a protocol, in a module of its own with one function ``run``."""

from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.records import Record, Settings, UnknownChoiceError

#: Name to module, or object in a module, and to one line for the list. Modules load when they are run: torch
#: takes two seconds.
TASKS = {
    "bacteria-small": (
        "box",
        "the language model that comes with the package: bits per base of genera left out, three tasks",
    ),
    "bacteria-phages-viruses": (
        "domains",
        "windows of 6700 bp, three classes, split by genus and family: balanced accuracy",
    ),
    "bacteria-phages-viruses-published-size": (
        "domains:published_size",
        "the same windows: networks as large as published, for a GPU",
    ),
    "bacterial-promoters": (
        "bacterial_promoters",
        "mapped promoters of E. coli and B. subtilis, 81 bp: Matthews correlation in cross-validation",
    ),
    "ecoli-perturbation": (
        "ecoli_inspection",
        "which bases of a promoter classifiers read: where replacing them costs most",
    ),
    "ecoli-promoters-few-labels": (
        "ecoli_promoters",
        "promoters of E. coli, 150 bp: accuracy with 20 to 6791 labels",
    ),
    "ecoli-promoters-fine-tuning": (
        "ecoli_fine_tuning",
        "the same promoters: ULMFiT's phases one by one, next to networks from scratch",
    ),
    "ecoli-promoters-published-size": (
        "ecoli_published_size",
        "the same promoters: the network as large as published, pretrained on all genomes, for a GPU",
    ),
    "ecoli-promoters-ablation": (
        "ecoli_ablation",
        "the same promoters: what each phase and each trick of ULMFiT brings",
    ),
    "ecoli-promoters-tokens": (
        "ecoli_tokens",
        "the same promoters: tokens of three and five bases, at every base or every other",
    ),
    "ecoli-scan": (
        "ecoli_scan",
        "promoters along the whole genome of E. coli: average precision and recall of peaks",
    ),
    "gram-staining": ("gram_staining", "windows of 6700 bp, split by genus: AUROC with few labelled genomes"),
    "gram-staining-published-size": (
        "gram_staining:published_size",
        "the same windows: networks as large as published, for a GPU",
    ),
    "human-chromatin": ("human_chromatin", "which factors bind 1000 bp, many labels: mean AUROC"),
    "human-chromatin-published-size": (
        "human_chromatin:published_size",
        "the same windows: networks as large as published, for a GPU",
    ),
    "human-enhancers": ("human_enhancers", "enhancers or not, 500 bp: area under the ROC curve"),
    "human-promoters": ("human_promoters", "promoters with and without a TATA box: Matthews correlation"),
    "leakage": ("leakage", "how much of every test set is near to what is learnt from, and at random"),
    "metagenomics": ("metagenomics", "the genus of amplicon and shotgun reads of 16S genes: accuracy"),
    "speed": ("speed", "time and memory of everything, each beside a named peer, and how they grow"),
    "transcripts": ("transcripts", "messenger or long non-coding RNA, man to man and man to mouse: accuracy"),
    "yeast-marks": ("yeast_marks", "ten histone marks of yeast on 500 bp, most of them unknown: mean AUROC"),
}


class NoPictureError(ValueError):
    """A picture was asked for of a task that has none."""


class NoModelError(ValueError):
    """A model for the package was asked for of a task that makes none."""


def find_task(name: str) -> Any:
    """Load a task.

    Parameters
    ----------
    name : str
        One of ``TASKS``.

    Returns
    -------
    object
        Its ``run`` measures; its ``draw`` and ``install``, where it has them, draw and train a model.
    """
    module, _, attribute = TASKS[name][0].partition(":")
    found = import_module(f"benchmarks.tasks.{module}")
    return getattr(found, attribute) if attribute else found


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

    Raises
    ------
    UnknownChoiceError
        If a part was asked for, and nothing was measured.
    """
    record = find_task(name).run(settings)
    if settings.is_part and not (record.scores or record.timings):
        raise UnknownChoiceError(
            f"'{name}' measures no method of {list(settings.methods) or 'its own'} under a condition of "
            f"{list(settings.conditions) or 'its own'}: networks are trained under some conditions alone. "
            "Ask for the method alone to see which."
        )
    return record


def draw_task(name: str, settings: Settings, path: Path) -> Path:
    """Draw the picture of a task: a t-SNE of windows, a scan, a profile.

    Parameters
    ----------
    name : str
        One of ``TASKS``.
    settings : Settings
        What the caller chose.
    path : pathlib.Path
        The picture, a PNG.

    Returns
    -------
    pathlib.Path
        The picture.

    Raises
    ------
    NoPictureError
        If the task has none.
    """
    draw = getattr(find_task(name), "draw", None)
    if draw is None:
        raise NoPictureError(f"'{name}' has no picture.")
    return draw(settings, path)


def install_model(name: str, settings: Settings, box: Path) -> Path:
    """Train the model of a task, or find it trained, and put it with its card into a folder of models.

    Parameters
    ----------
    name : str
        One of ``TASKS``.
    settings : Settings
        What the caller chose.
    box : pathlib.Path
        The folder of models.

    Returns
    -------
    pathlib.Path
        The model's own folder.

    Raises
    ------
    NoModelError
        If the task makes none.
    """
    install = getattr(find_task(name), "install", None)
    if install is None:
        raise NoModelError(f"'{name}' makes no model for the package.")
    return install(settings, box)
