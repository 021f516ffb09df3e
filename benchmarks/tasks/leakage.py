"""The task ``leakage``: how near the test sets of the other tasks are to what is learnt from."""

import logging
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import NamedTuple

import numpy as np
from sklearn.model_selection import train_test_split

from benchmarks.evaluation import make_record
from benchmarks.records import Record, Score, Settings, fold
from benchmarks.stopwatch import Stopwatch
from benchmarks.tasks import bacterial_promoters
from skgenome.model_selection import LeakageReport, leakage_report

logger = logging.getLogger(__name__)

NAME = "leakage"
TITLE = "Splits and leakage"
METRIC = "share of the test sequences"

#: Two sequences share this part of the k-mers of whichever has fewer.
NEAR, VERY_NEAR = 0.3, 0.9
#: Long sequences share short k-mers by chance.
LONG, SHORT_K, LONG_K = 1000, 11, 15

PROTOCOL = """`skgenome.model_selection.leakage_report` on the split of every task that has one: the share of
the test sequences that are equal to one to learn from, or whose containment in one of these is {very_near} or
more, {near} or more (11-mers, from {long} bases on 15-mers; both strands). Where a task has several splits or
folds, mean ± sd. Beside each split, one of the same sizes at random: what would leak without care.
Sets that were published as folds (bacterial-promoters) are split at random already. Reads of 16S genes are of
one family of genes: none is learnt from that is in the test set, but all are related."""

#: Modules of the tasks whose ``read`` gives labelled sets, and of those whose ``read`` gives windows.
OF_SETS = {
    "ecoli-promoters": "ecoli_fine_tuning",
    "human-promoters": "human_promoters",
    "human-enhancers": "human_enhancers",
    "transcripts": "transcripts",
    "metagenomics": "metagenomics",
}
OF_WINDOWS = {
    "gram-staining": "gram_staining",
    "bacteria-phages-viruses": "domains",
    "human-chromatin": "human_chromatin",
    "yeast-marks": "yeast_marks",
}
N_REPEATS = 3


class Split(NamedTuple):
    """Sequences to learn from and to test on, once or several times."""

    name: str
    parts: list[tuple[Sequence[str], Sequence[str]]]
    filenames: Sequence[str]
    is_random: bool = False


def iter_splits(settings: Settings) -> Iterator[Split]:
    """Read the splits of all tasks that the caller wants, one after the other.

    Parameters
    ----------
    settings : Settings
        What the caller chose; its methods are names of tasks.

    Yields
    ------
    Split
        As the task has it.
    """
    for task in settings.choose({name: name for name in list_tasks()}, "methods"):
        if task in OF_SETS:
            yield from _split_sets(task, settings)
        elif task in OF_WINDOWS:
            yield _split_windows(task, settings)
        else:
            yield from _split_bacterial_promoters(task, settings)


def list_tasks() -> list[str]:
    """List the tasks whose splits are looked at.

    Returns
    -------
    list of str
        Their names.
    """
    return [*OF_SETS, "bacterial-promoters", *OF_WINDOWS]


def _split_sets(task: str, settings: Settings) -> Iterator[Split]:
    sets, _ = import_module(f"benchmarks.tasks.{OF_SETS[task]}").read(settings.data_home)
    for labelled in (one.thin() for one in sets) if settings.quick else sets:
        for name, test in labelled.tests.items():
            files = {*labelled.train.filenames, *test.filenames}
            yield Split(f"{task} {name}".strip(), [(labelled.train.data, test.data)], sorted(files))


def _split_windows(task: str, settings: Settings) -> Split:
    read = import_module(f"benchmarks.tasks.{OF_WINDOWS[task]}").read
    found, _ = read(settings.data_home, N_REPEATS, settings.random_state, settings.quick)
    data = np.asarray(found.data, dtype=object)
    return Split(task, [(data[train], data[test]) for train, test in found.splits], found.filenames)


def _split_bacterial_promoters(task: str, settings: Settings) -> Iterator[Split]:
    plan = bacterial_promoters.QUICK_PLAN if settings.quick else bacterial_promoters.Plan()
    promoters, _ = bacterial_promoters.read(settings, plan)
    for species, bunch in promoters.items():
        data = np.asarray(bunch.data, dtype=object)
        folds = bacterial_promoters.make_folds(plan, settings.random_state, 0).split(data, bunch.target)
        parts = [(data[train], data[test]) for train, test in folds]
        yield Split(f"{task} {species}", parts, bunch.filenames, is_random=True)


def at_random(split: Split, random_state: int) -> Split:
    """Put the sequences of a split together and split them at random, into parts of the same sizes.

    Parameters
    ----------
    split : Split
        As a task has it.
    random_state : int
        Of the splits.

    Returns
    -------
    Split
        As many times.
    """
    parts = [
        train_test_split([*train, *test], test_size=len(test), random_state=random_state + repeat)
        for repeat, (train, test) in enumerate(split.parts)
    ]
    return split._replace(name=f"{split.name}, at random", parts=parts, is_random=True)


def measure(split: Split) -> list[Score]:
    """Say how much of the test sequences is near to what is learnt from.

    Parameters
    ----------
    split : Split
        Of any task.

    Returns
    -------
    list of Score
        Three shares, a value for each time that the data are split.
    """
    logger.info("%s: %d times", split.name, len(split.parts))
    reports = [_report(train, test) for train, test in split.parts]
    n_train = reports[0].n_train
    shares = {
        "equal": [report.n_duplicates / report.n_test for report in reports],
        f"containment of {VERY_NEAR:g}": [float(np.mean(r.similarity >= VERY_NEAR)) for r in reports],
        f"containment of {NEAR:g}": [report.share_related for report in reports],
    }
    return [Score(split.name, condition, n_train, METRIC, values) for condition, values in shares.items()]


def _report(train: Sequence[str], test: Sequence[str]) -> LeakageReport:
    is_long = max(map(len, test)) >= LONG
    # Reads of one family share k-mers all with all: to count these costs less than to compare every pair.
    how = {"k": LONG_K} if is_long else {"k": SHORT_K, "n_hashes": None}
    return leakage_report(list(train), list(test), threshold=NEAR, **how)


def run(settings: Settings) -> Record:
    """Look at every split, and at one at random beside it.

    Parameters
    ----------
    settings : Settings
        What the caller chose; its methods are names of tasks.

    Returns
    -------
    Record
        With scores.
    """
    watch = Stopwatch()
    settings.check("methods", list_tasks())
    settings.check("conditions", ())
    scores: list[Score] = []
    filenames: set[str] = set()
    with watch("reading and comparing"):
        for split in iter_splits(settings):
            filenames |= set(split.filenames)
            both = [split] if split.is_random else [split, at_random(split, settings.random_state)]
            scores += [score for one in both for score in measure(one)]
    return make_record(
        settings,
        watch,
        {},
        scores,
        sorted(filenames),
        name=NAME,
        title=TITLE,
        protocol=fold(PROTOCOL).format(near=NEAR, very_near=VERY_NEAR, long=LONG),
    )
