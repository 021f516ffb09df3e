"""The task ``speed``: throughput as a ratio to a named peer, both measured in turn in one run."""

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from benchmarks.corpora import fetch_all_bacteria
from benchmarks.environment import describe
from benchmarks.records import Record, Settings, Timing, describe_files, fold
from benchmarks.stopwatch import Stopwatch
from benchmarks.tasks.speed.classifier import measure_classifier_training, measure_prediction
from benchmarks.tasks.speed.contrastive import (
    PatchSize,
    cut_windows,
    measure_contrastive_embedding,
    measure_contrastive_training,
    measure_resnet_classifier_training,
)
from benchmarks.tasks.speed.growth import measure_growth, measure_store
from benchmarks.tasks.speed.inspection import measure_mutagenesis
from benchmarks.tasks.speed.memory import measure_memory
from benchmarks.tasks.speed.network import (
    Size,
    measure_embedding,
    measure_training,
    measure_training_beside_fastai,
)
from benchmarks.tasks.speed.reading import measure_counting, measure_reading, write_files
from benchmarks.tasks.speed.scanning import fit_classifiers, measure_scanning, measure_scanning_memory
from benchmarks.tasks.speed.search import measure_search
from benchmarks.tasks.speed.start import measure_start
from benchmarks.tasks.speed.tokens import Workload, make_workloads, measure_tokenizer
from skgenome.datasets import fetch_genome, get_data_home, make_genomes
from skgenome.preprocessing import KmerTokenizer
from skgenome.training import resolve_device

logger = logging.getLogger(__name__)

NAME = "speed"
TITLE = "Speed"
PROTOCOL = """Everything is timed beside a peer in the same run, in turn (A B A B), after one call of each
to warm up; figures are medians, every single one is in the file. The tokenizer, the counter and their peers
run on one core; they are given the same DNA, of which slow peers get a part. Training and features run on all
cores, or on the GPU: in training, the net that `LanguageModel.fit` drives is compared with the same layers
out of torch alone, without dropout, penalties, clipping or reading of data, in the same precision, and with
fastai's AWD-LSTM where that is installed; so are the classifier's training and its predictions with torch's
layers. The contrastive network's training, the training of a classifier on its ResNet and its features are
compared with a ResNet of torch's one-dimensional layers in the same way. Mutagenesis with a network that
computes the states of an unchanged prefix once is compared with the same on whole sequences; a scan with
predictions of the same windows; a search over label fractions with one embedding of the data and the same
fits, and with a search that remembers nothing. Memory, growth and the search are measured in processes of
their own."""

#: The project's own default, and the published model's size.
SMALL, LARGE = Size(128, 256, 3), Size(400, 1150, 3)
TINY = Size(8, 16, 2)
#: The contrastive network of the tasks on windows of genomes; 10 Mbp of them are embedded.
PATCHES, N_EMBEDDED = PatchSize(32, 256, 500, 250, 26, 16), 1482
TINY_PATCHES = PatchSize(4, 8, 60, 30, 8, 4)
TOKENS_IN_A_ROW = 148  # a promoter of 150 bp in 3-mers
#: What is mutated, of promoters' size, and the network that reads it.
N_MUTATED, MUTATED_LENGTH, READER = 20, 150, Size(64, 128, 2)
#: Bases: inputs that grow, contigs that are scanned, and the corpus that is pretrained on from the disk.
SIZES, SCANNED, SCANNED_LONG, CORPUS = (1_000_000, 10_000_000, 100_000_000), 100_000, 20_000_000, 500_000_000
WINDOW = 1000


def load_contig(data_home: str | None, random_state: int) -> tuple[str, str, list[str]]:
    """Take *E. coli* from the data home, or an invented genome of the same length.

    Parameters
    ----------
    data_home : str or None
        Nothing is downloaded to it.
    random_state : int
        Of the invented genome.

    Returns
    -------
    contig : str
        Letters A, C, G, T.
    origin : str
        What it is.
    filenames : list of str
        Files that were read.
    """
    try:
        genome = fetch_genome("ecoli_k12", data_home=data_home, download_if_missing=False)
    except OSError:
        genome = make_genomes(n_genomes=1, genome_length=4_641_652, n_species=1, random_state=random_state)
        return genome.data[0], "an invented genome (E. coli is not in the data home)", []
    return genome.data[0], "E. coli K-12 MG1655", genome.filenames[:1]


def _network_plan(quick: bool) -> list[tuple[Size, int, int]]:
    """List sizes with the steps of a round and the number of rounds: a round takes a second or two."""
    return [(TINY, 1, 2)] if quick else [(SMALL, 8, 9), (LARGE, 2, 7)]


def _measure_network(contig: str, settings: Settings) -> list[Timing]:
    device = resolve_device(settings.device)
    token_ids = KmerTokenizer(k=3, padding=False).transform([contig])[0]
    timings = []
    for size, n_steps, n_rounds in _network_plan(settings.quick):
        for dtype in (torch.float32, torch.bfloat16):
            logger.info("training step %s, %s", size, dtype)
            how = (token_ids, size, dtype, device, n_steps, n_rounds)
            timings += [measure_training(*how), measure_training_beside_fastai(*how)]
    size, n_rows, n_rounds = (TINY, 64, 2) if settings.quick else (SMALL, 2048, 7)
    rows = token_ids[: n_rows * TOKENS_IN_A_ROW].reshape(n_rows, TOKENS_IN_A_ROW)
    logger.info("features %s", size)
    timings += measure_embedding(rows, size, device, n_rounds, settings.random_state)
    for dtype in (torch.float32, torch.bfloat16):
        logger.info("classifier training %s, %s", size, dtype)
        timings.append(measure_classifier_training(rows[:512], size, dtype, device, n_rounds))
    logger.info("classifier prediction %s", size)
    return [*timings, measure_prediction(rows, size, device, n_rounds, settings.random_state)]


def _measure_contrastive(contig: str, settings: Settings) -> list[Timing]:
    device = resolve_device(settings.device)
    base_ids = KmerTokenizer(k=1, padding=False).transform([contig])[0]
    size, n_steps, n_rounds = (TINY_PATCHES, 1, 2) if settings.quick else (PATCHES, 2, 7)
    timings = []
    for dtype in (torch.float32, torch.bfloat16):
        logger.info("contrastive training step, %s", dtype)
        timings.append(measure_contrastive_training(base_ids, size, dtype, device, n_steps, n_rounds))
    windows = cut_windows(base_ids, size, 64)
    for dtype in (torch.float32, torch.bfloat16):
        logger.info("training a classifier on a ResNet, %s", dtype)
        timings.append(measure_resnet_classifier_training(windows, size, dtype, device, n_rounds))
    # Half a minute each time, at both sides.
    windows = cut_windows(base_ids, size, 64 if settings.quick else N_EMBEDDED)
    logger.info("features of a ResNet")
    return [*timings, measure_contrastive_embedding(windows, size, device, 2, settings.random_state)]


def _measure_inspection(contig: str, settings: Settings) -> list[Timing]:
    n, length, size, n_rounds = (2, 40, TINY, 2) if settings.quick else (N_MUTATED, MUTATED_LENGTH, READER, 5)
    # One base between them, so that they differ in a genome that repeats itself, too.
    sequences = [contig[start : start + length] for start in range(0, n * (length + 1), length + 1)]
    logger.info("mutagenesis %s", size)
    device = resolve_device(settings.device)
    return [measure_mutagenesis(sequences, size, device, n_rounds, settings.random_state)]


def _cut(contig: str, n_windows: int) -> list[str]:
    return [contig[i : i + WINDOW] for i in range(0, n_windows * WINDOW, WINDOW)]


def _measure_reading(workloads: list[Workload], contig: str, settings: Settings) -> list[Timing]:
    n_windows, n_rounds = (3, 2) if settings.quick else (300, 7)
    logger.info("reading and counting")
    with TemporaryDirectory() as folder:
        timings = measure_reading(write_files(workloads, Path(folder)), n_rounds)
    return [*timings, measure_counting(_cut(contig, n_windows), n_rounds)]


def _measure_scanning(contig: str, settings: Settings) -> list[Timing]:
    size, length, lengths, n_rounds = (
        (TINY, 2000, (10_000, 30_000), 1)
        if settings.quick
        else (READER, SCANNED, (SIZES[0], SCANNED_LONG), 5)
    )
    device = resolve_device(settings.device)
    classifiers = fit_classifiers(contig, size, device, settings.random_state)
    logger.info("scanning")
    timings = measure_scanning(classifiers, contig[:length], device, n_rounds)
    first = next(iter(classifiers.values()))
    return [*timings, measure_scanning_memory(first, contig, lengths, min(n_rounds, 3))]


def _measure_search(contig: str, settings: Settings) -> list[Timing]:
    n_rows, size, n_rounds = (200, TINY, 1) if settings.quick else (2000, SMALL, 3)
    logger.info("search over label fractions")
    return measure_search(contig, n_rows, size, n_rounds, 1, settings.random_state)


def _measure_memory(workloads: list[Workload], contig: str, settings: Settings) -> list[Timing]:
    contig, n_windows, n_rows, size, n_rounds = (
        (contig[:150_000], 3, 8, TINY, 1) if settings.quick else (contig, 1000, 2048, SMALL, 3)
    )
    ids = KmerTokenizer(k=3, padding=False).transform([contig])[0]
    rows = ids[: n_rows * TOKENS_IN_A_ROW].reshape(n_rows, TOKENS_IN_A_ROW)
    logger.info("memory")
    with TemporaryDirectory() as folder:
        file = write_files(workloads[:1], Path(folder))[0]
        return measure_memory(contig, _cut(contig, n_windows), file, rows, size, n_rounds)


def _measure_growth(contig: str, settings: Settings) -> list[Timing]:
    logger.info("growth")
    if settings.quick:
        small = contig[:150_000]
        return measure_growth(small, (2000, 4000)) + measure_store([small], 150_000, TINY, 2, 1)
    timings = measure_growth(contig, SIZES)
    logger.info("pretraining on a store")
    try:
        contigs = fetch_all_bacteria(settings.data_home).contigs
    except OSError:
        contigs = [contig]
    return timings + measure_store(contigs, CORPUS, SMALL, 200, 3)


def run(settings: Settings) -> Record:
    """Measure everything.

    Parameters
    ----------
    settings : Settings
        What the caller chose; its methods are the parts of the task.

    Returns
    -------
    Record
        With timings.
    """
    watch = Stopwatch()
    contig, origin, filenames = load_contig(settings.data_home, settings.random_state)
    contig = contig[:200_000] if settings.quick else contig
    n_reads, n_rounds = (1000, 2) if settings.quick else (100_000, 9)
    workloads = make_workloads(contig, n_reads, settings.random_state)
    sections: dict[str, Callable[[], list[Timing]]] = {
        "start": lambda: [measure_start(n_rounds)],
        "tokenizer": partial(measure_tokenizer, workloads, n_rounds),
        "reading and counting": partial(_measure_reading, workloads, contig, settings),
        "network": partial(_measure_network, contig, settings),
        "contrastive network": partial(_measure_contrastive, contig, settings),
        "inspection": partial(_measure_inspection, contig, settings),
        "scanning": partial(_measure_scanning, contig, settings),
        "search": partial(_measure_search, contig, settings),
        "memory": partial(_measure_memory, workloads, contig, settings),
        "growth": partial(_measure_growth, contig, settings),
    }
    settings.check("methods", sections)
    settings.check("conditions", ())
    rows: list[dict] = []
    for name, measure in settings.choose(sections, "methods").items():
        with watch(name):
            rows += [{**timing.as_row(), "section": name} for timing in measure()]
    notes = [f"{row['section']}, {row['peer']}: {row['note']}" for row in rows if row["note"]]
    return Record(
        name=NAME,
        title=TITLE,
        protocol=fold(PROTOCOL),
        random_state=settings.random_state,
        timings=rows,
        data=describe_files(filenames, get_data_home(settings.data_home)),
        seconds=watch.seconds,
        environment=describe(settings.device),
        notes=[f"The DNA is {origin}.", *dict.fromkeys(notes)],
        quick=settings.quick,
    )
