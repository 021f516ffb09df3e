"""Whole files to begin with, made by our own writers; GFF and VCF, which nothing here writes, by hand."""

import bz2
import gzip
import lzma
from importlib import import_module
from pathlib import Path

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import StandardScaler

from fuzzing.folders import AS_IT_IS, MODEL_FILES, STORE_FILES, pack_folder
from skgenome.classification import SequenceClassifier
from skgenome.persistence import save
from skgenome.preprocessing import KmerCounter, KmerTokenizer
from skgenome.representation import ContrastivePredictiveCoding, LanguageModel
from skgenome.scanning import Peak, Track, TrackPiece, write_bed, write_bedgraph, write_narrow_peak
from skgenome.sequences import build_store, write_fasta, write_fastq

GFF = (
    b"##gff-version 3\nchr1\tRefSeq\tgene\t190\t255\t.\t+\t.\tID=g1;Name=thrL;Dbxref=a,b\n"
    b"chr%201\t.\tCDS\t1\t9\t0.5\t-\t0\tNote=a%3Bb\nchr1\t.\texon\t1\t9\t.\t?\t.\t.\n##FASTA\n>chr1\nACGT\n"
)
VCF = (
    b"##fileformat=VCFv4.3\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\nchr1\t10\trs7\tA\tC,AT\t.\t.\t.\n"
    b"chr1\t11\t.\tGA\t<DEL>,*,.\t.\t.\t.\r\nchr2\t1\t.\tN\tG]chr1:5]\t1\tPASS\tX=1\n"
)
DNA = ("GATTACAGATTACA", "ccgnRYswACGTT", "", "TTTTTTTTTTGGGGGGGGGG")


def _written(folder: Path, write, name: str = "seed", *arguments, **options) -> bytes:
    path = folder / name
    write(path, *arguments, **options)
    return path.read_bytes()


def sequence_files(folder: Path) -> list[bytes]:
    """Make FASTA and FASTQ files, plain and compressed.

    Parameters
    ----------
    folder : Path
        To write in.

    Returns
    -------
    list of bytes
        Their content.
    """
    names = ["chr1 a description", "chr2", "é", "chr1"]
    fasta = _written(folder, write_fasta, "a.fa", DNA, names=names, width=6)
    fastq = _written(folder, write_fastq, "a.fq", DNA, names=[name.replace("é", "e") for name in names])
    zst = _written(folder, write_fasta, "a.fa.zst", DNA)
    untidy = b"#comment\r\n\r\n>a\tb\r\nAC\r\n\r\n>b\rGT"
    packed = [pack(fasta) for pack in (lambda x: gzip.compress(x, mtime=0), bz2.compress, lzma.compress)]
    return [fasta, fastq, untidy, *packed, gzip.compress(fastq, mtime=0), zst]


def interval_files(folder: Path) -> list[bytes]:
    """Make BED, narrowPeak and bedGraph files.

    Parameters
    ----------
    folder : Path
        To write in.

    Returns
    -------
    list of bytes
        Their content.
    """
    peaks = [Peak("chr1", 10, 91, 50, "-", 0.875), Peak("chr2", 0, 81, 40, "+", 0.5)]
    piece = TrackPiece("chr1", 8, np.array([0, 2]), np.array([[0.25, 0.75]]), 0)
    track = Track({"chr1": piece}, window_size=4, step=2, strands=(".",))
    bed = _written(folder, write_bed, "a.bed", peaks)
    narrow = _written(folder, write_narrow_peak, "a.narrowPeak", peaks)
    graph = _written(folder, write_bedgraph, "a.bedgraph", track)
    tidy = b"track name=x\nbrowser y\n#c\n\nchr1\t1\t5\nchr1\t2\t2\t.\t.\t.\r\n"
    return [bed, narrow, graph, tidy, gzip.compress(bed, mtime=0)]


def feature_files(folder: Path) -> list[bytes]:
    """Make GFF files.

    Parameters
    ----------
    folder : Path
        Not needed.

    Returns
    -------
    list of bytes
        Their content.
    """
    return [GFF, gzip.compress(GFF, mtime=0), GFF.replace(b"\n", b"\r\n")]


def variant_files(folder: Path) -> list[bytes]:
    """Make VCF files.

    Parameters
    ----------
    folder : Path
        Not needed.

    Returns
    -------
    list of bytes
        Their content.
    """
    return [VCF, gzip.compress(VCF, mtime=0)]


def stores(folder: Path) -> list[bytes]:
    """Make sequence stores.

    Parameters
    ----------
    folder : Path
        To write in.

    Returns
    -------
    list of bytes
        Each as one input.
    """
    content = []
    for i, sequences in enumerate([["GATTACA", "CCGN"], ["A" * 40]]):
        write_fasta(folder / f"{i}.fa", sequences)
        build_store([folder / f"{i}.fa"] * (i + 1), folder / f"store{i}")
        content.append(pack_folder(folder / f"store{i}", STORE_FILES))
    return [*content, AS_IT_IS + content[0]]


def models() -> list:
    """Make fitted estimators of each kind that can be saved.

    Returns
    -------
    list of estimator
        Small ones.
    """
    rng = np.random.default_rng(0)
    sequences = ["".join(rng.choice(list("ACGT"), 32)) for _ in range(12)]
    labels = np.array(["no", "yes"] * 6)
    token_ids = KmerTokenizer(k=1).transform(sequences)
    counts = KmerCounter(k=1, sparse=False).transform(sequences)
    fit = {"max_steps": 1, "device": "cpu", "random_state": 0}
    sizes = {"hidden_size": 2, "batch_size": 4, "bptt": 8, "cache_size": 0}
    lms = [
        LanguageModel(embedding_size=2, n_layers=2, **sizes, **fit).fit(token_ids),
        LanguageModel(architecture="cnn-lstm", n_filters=2, n_layers=1, **sizes, **fit).fit(token_ids),
    ]
    contrastive = ContrastivePredictiveCoding(
        encoder="cnn-lstm",
        width=1,
        context_size=2,
        patch_length=8,
        patch_stride=4,
        n_patches=4,
        steps=(2,),
        **fit,
    ).fit(token_ids)
    options = {"max_epochs": 1, "batch_size": 8, "device": "cpu", "random_state": 0, "early_stopping": False}
    classifiers = [
        SequenceClassifier(FrozenEstimator(lms[0]), training="frozen", head=head, **options).fit(
            token_ids, labels
        )
        for head in ("linear", "mlp")
    ]
    lasso = import_module("skgenome.linear_model").LassoLogisticRegressionCV(cv=2).fit(counts, labels)
    steps = [
        ("counts", KmerCounter(k=1, sparse=False)),
        ("scale", StandardScaler()),
        ("lr", LogisticRegression()),
    ]
    union = FeatureUnion([("counts", KmerCounter(k=1)), ("none", "drop")])
    pipelines = [
        Pipeline(steps).fit(sequences, labels),
        Pipeline([("tokens", KmerTokenizer(k=1)), ("lm", FrozenEstimator(lms[0]))]),
    ]
    return [KmerTokenizer(k=3), *lms, contrastive, *classifiers, lasso, *pipelines, union]


def saved_models(folder: Path) -> list[bytes]:
    """Save `models`.

    Parameters
    ----------
    folder : Path
        To write in.

    Returns
    -------
    list of bytes
        Each as one input.
    """
    content = [
        pack_folder(save(model, folder / f"model{i}"), MODEL_FILES) for i, model in enumerate(models())
    ]
    return [*content, AS_IT_IS + content[0]]


def checkpoints(folder: Path) -> list[bytes]:
    """Make states of a training.

    Parameters
    ----------
    folder : Path
        Not needed.

    Returns
    -------
    list of bytes
        JSON, and behind it the tensors of a safetensors file.
    """
    import torch
    from safetensors.torch import load, save

    from fuzzing.mutation import SEPARATOR
    from skgenome.training import pack_state

    state = {
        "weights": {"a": torch.arange(6.0).reshape(2, 3), "b": torch.zeros(2, 3, 4).transpose(0, 1)},
        "optimizer": {0: {"betas": (0.9, 0.99), "step": 3}},
        "rounds": [{"loss": 1.5, "batches": []}, None],
        "generators": {"cpu": torch.zeros(5, dtype=torch.uint8)},
    }
    tensors = load(pack_state(state))
    rest = tensors.pop("rest").numpy().tobytes()
    return [rest + SEPARATOR + save(tensors)]
