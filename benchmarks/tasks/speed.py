"""The task ``speed``: throughput as a ratio to a named peer, both measured in turn in one run."""

import logging

import torch

from benchmarks.environment import describe
from benchmarks.records import Record, Settings, Timing, describe_files, fold
from benchmarks.stopwatch import Stopwatch
from benchmarks.tasks.speed_classifier import measure_classifier_training, measure_prediction
from benchmarks.tasks.speed_contrastive import (
    PatchSize,
    cut_windows,
    measure_contrastive_embedding,
    measure_contrastive_training,
    measure_resnet_classifier_training,
)
from benchmarks.tasks.speed_inspection import measure_mutagenesis
from benchmarks.tasks.speed_network import Size, measure_embedding, measure_training
from benchmarks.tasks.speed_tokens import make_workloads, measure_tokenizer
from skgenome.datasets import fetch_genome, get_data_home, make_genomes
from skgenome.preprocessing import KmerTokenizer
from skgenome.training import resolve_device

logger = logging.getLogger(__name__)

NAME = "speed"
TITLE = "Speed"
PROTOCOL = """Everything is timed beside a peer in the same run, in turn (A B A B), after one call of each
to warm up; figures are medians, every single one is in the file. The tokenizer and its peers run on one
core; they are given the same DNA, of which slow peers get a part. Training and features run on all cores,
or on the GPU: in training, the net that `LanguageModel.fit` drives is compared with the same layers out of
torch alone, without dropout, penalties, clipping or reading of data, in the same precision; so are the
classifier's training and its predictions. The contrastive network's training, the training of a classifier on
its ResNet and its features are compared with a ResNet of torch's one-dimensional layers in the same way.
Mutagenesis with a network that computes the states of an unchanged prefix once is compared with the same on
whole sequences."""

#: The project's own default, and the published model's size.
SMALL, LARGE = Size(128, 256, 3), Size(400, 1150, 3)
TINY = Size(8, 16, 2)
#: The contrastive network of the tasks on windows of genomes; 10 Mbp of them are embedded.
PATCHES, N_EMBEDDED = PatchSize(32, 256, 500, 250, 26, 16), 1482
TINY_PATCHES = PatchSize(4, 8, 60, 30, 8, 4)
TOKENS_IN_A_ROW = 148  # a promoter of 150 bp in 3-mers
#: What is mutated, of promoters' size, and the network that reads it.
N_MUTATED, MUTATED_LENGTH, READER = 20, 150, Size(64, 128, 2)


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
            timings.append(measure_training(token_ids, size, dtype, device, n_steps, n_rounds))
    size, n_rows, n_rounds = (TINY, 64, 2) if settings.quick else (SMALL, 2048, 7)
    rows = token_ids[: n_rows * TOKENS_IN_A_ROW].reshape(n_rows, TOKENS_IN_A_ROW)
    logger.info("features %s", size)
    timings.append(measure_embedding(rows, size, device, n_rounds, settings.random_state))
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


def run(settings: Settings) -> Record:
    """Measure all throughputs.

    Parameters
    ----------
    settings : Settings
        What the caller chose.

    Returns
    -------
    Record
        With timings.
    """
    settings.check("methods", ())
    settings.check("conditions", ())
    watch = Stopwatch()
    contig, origin, filenames = load_contig(settings.data_home, settings.random_state)
    contig = contig[:200_000] if settings.quick else contig
    n_reads, n_rounds = (1000, 2) if settings.quick else (100_000, 9)
    with watch("tokenizer"):
        logger.info("tokenizer on %s", origin)
        timings = measure_tokenizer(make_workloads(contig, n_reads, settings.random_state), n_rounds)
    with watch("network"):
        timings += _measure_network(contig, settings)
    with watch("contrastive network"):
        timings += _measure_contrastive(contig, settings)
    with watch("inspection"):
        timings += _measure_inspection(contig, settings)
    rows = [timing.as_row() for timing in timings]
    notes = [f"{row['what'].split(':')[0]}, {row['peer']}: {row['note']}" for row in rows if row["note"]]
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
