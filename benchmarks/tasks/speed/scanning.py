"""What scanning costs beside predicting the same windows, and whether memory grows with the contig."""

from collections.abc import Iterable
from functools import partial

import numpy as np
import torch
from sklearn.base import ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline

from benchmarks.footprint import footprint
from benchmarks.records import Timing
from benchmarks.stopwatch import in_turn
from benchmarks.tasks.speed.network import Size, synchronised
from skgenome.classification import SequenceClassifier
from skgenome.preprocessing import KmerCounter, KmerTokenizer
from skgenome.representation import LanguageModel
from skgenome.scanning import iter_scan, scan
from skgenome.sequences import reverse_complement

WINDOW, STEP = 150, 50
TARGET_RATIO = 1.3
NOTE = (
    f"Windows of {WINDOW} bases every {STEP}, both strands. The peer is given the windows and their reverse "
    "complements as a list of strings: to cut them costs it nothing."
)
MEMORY_NOTE = (
    "The most that iter_scan held beyond the contig and the classifier, which counts 4-mers; the peer is the "
    "same on the first part of the contig."
)


def fit_classifiers(contig: str, size: Size, device: torch.device, random_state: int) -> dict[str, Pipeline]:
    """Fit a classifier of k-mers, and one on a language model that remembers nothing.

    Parameters
    ----------
    contig : str
        Whose first windows are learnt from, with labels in turn: what is predicted does not matter.
    size : Size
        Of the language model.
    device : torch.device
        Where it runs.
    random_state : int
        Of its weights.

    Returns
    -------
    dict of str to Pipeline
        By what it reads.
    """
    windows = cut_both_strands(contig[: 20 * WINDOW])
    lm = LanguageModel(**size._asdict(), strand="forward", cache_size=0, random_state=random_state)
    network = SequenceClassifier(lm, training="frozen", device=device, random_state=random_state)
    pipelines = {
        "4-mers": make_pipeline(KmerCounter(k=4), LogisticRegression()),
        f"language model {size}": make_pipeline(KmerTokenizer(k=3), network),
    }
    return {name: one.fit(windows, np.arange(len(windows)) % 2) for name, one in pipelines.items()}


def cut_both_strands(contig: str) -> list[str]:
    """Cut the windows that a scan reads, and their reverse complements.

    Parameters
    ----------
    contig : str
        Whose length is a window and whole steps more.

    Returns
    -------
    list of str
        All windows, then those of the other strand.
    """
    windows = [contig[start : start + WINDOW] for start in range(0, len(contig) - WINDOW + 1, STEP)]
    return windows + [reverse_complement(window) for window in windows]


def measure_scanning(
    classifiers: dict[str, Pipeline], contig: str, device: torch.device, n_rounds: int
) -> list[Timing]:
    """Time a scan beside predictions of the same windows, in turn.

    Parameters
    ----------
    classifiers : dict of str to Pipeline
        Fitted.
    contig : str
        What is scanned.
    device : torch.device
        Where networks run.
    n_rounds : int
        How often each is timed.

    Returns
    -------
    list of Timing
        In seconds, one for each classifier.
    """
    contig = contig[: WINDOW + (len(contig) - WINDOW) // STEP * STEP]
    windows = cut_both_strands(contig)
    timings = []
    for name, classifier in classifiers.items():
        seconds = in_turn(
            synchronised(partial(scan, classifier, {"": contig}, window_size=WINDOW, step=STEP), device),
            synchronised(partial(classifier.predict_proba, windows), device),
            n_rounds,
        )
        timings.append(
            Timing(
                f"scanning {len(contig) / 1e6:.2g} Mbp, {name}",
                "predict_proba of the windows",
                "s",
                *seconds,
                target_ratio=TARGET_RATIO,
                note=NOTE,
                lower_is_better=True,
            )
        )
    return timings


def repeat(contig: str, length: int) -> str:
    """Repeat a contig up to a length.

    Parameters
    ----------
    contig : str
        What is repeated.
    length : int
        Bases.

    Returns
    -------
    str
        Of that length.
    """
    return (contig * (length // len(contig) + 1))[:length]


def _exhaust(classifier: ClassifierMixin, contig: str) -> None:
    _drop_all(iter_scan(classifier, {"": contig}, window_size=WINDOW, step=WINDOW))


def _drop_all(pieces: Iterable) -> None:
    for _ in pieces:
        pass


def measure_scanning_memory(
    classifier: Pipeline, contig: str, lengths: tuple[int, int], n_rounds: int
) -> Timing:
    """Measure the memory of scanning a long contig beside that of a short one.

    Parameters
    ----------
    classifier : Pipeline
        Fitted; it travels by pickle.
    contig : str
        Repeated as needed.
    lengths : tuple of int
        Bases of the short and the long one.
    n_rounds : int
        How often each is measured.

    Returns
    -------
    Timing
        In megabytes, without values where the system does not tell.
    """
    held: dict[int, list[float]] = {length: [] for length in lengths}
    for _ in range(n_rounds):
        for length, values in held.items():
            megabytes = footprint(_exhaust, None, classifier, repeat(contig, length)).megabytes
            values += [] if megabytes is None else [megabytes]
    short, long = lengths
    return Timing(
        f"memory of scanning {long / 1e6:g} Mbp",
        f"the same, {short / 1e6:g} Mbp",
        "MB",
        held[long],
        held[short],
        target_ratio=TARGET_RATIO,
        note=MEMORY_NOTE,
        lower_is_better=True,
    )
