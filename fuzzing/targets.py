"""The readers that are fed with damaged files, and what has to be true of what they give."""

import math
import warnings
from hashlib import blake2b
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from sklearn.base import BaseEstimator

from fuzzing import seeds
from fuzzing.contract import Target, require
from fuzzing.folders import write_model, write_store
from fuzzing.mutation import SEPARATOR
from skgenome.exceptions import DataIntegrityError, SkgenomeWarning
from skgenome.persistence import load
from skgenome.preprocessing import KmerTokenizer
from skgenome.sequences import (
    SequenceRecord,
    SequenceStore,
    build_store,
    decode,
    encode,
    iter_gff,
    iter_vcf,
    read_bed,
    read_gff,
    read_sequences,
    read_vcf,
)
from skgenome.sequences._store_pieces import iter_pieces
from skgenome.training import Place, pack_state
from skgenome.training._checkpoint import Clock

_IN_LINES = r"line \d+|after \d+ lines|has no "
_IN_RECORDS = r"record \d+|after \d+ (records|pieces)|has no record|is empty|neither FASTA nor FASTQ"


def _by_pieces(path: Path) -> list[SequenceRecord]:
    """Read sequences the other way that there is, which a store is built by."""
    records: list[SequenceRecord] = []
    for piece in iter_pieces(path):
        if piece.start == 0:
            records.append(SequenceRecord(piece.name, ""))
        name, letters, _ = records[-1]
        records[-1] = SequenceRecord(name, letters + piece.letters)
    return records


def read_sequence_file(content: bytes, folder: Path) -> None:
    """Read FASTA or FASTQ, whole and in pieces, which have to agree.

    Parameters
    ----------
    content : bytes
        The file.
    folder : Path
        Where it is written.
    """
    path = folder / "sequences"
    path.write_bytes(content)
    try:
        records = read_sequences(path)
    except DataIntegrityError:
        _must_be_refused_in_pieces(path)
        raise
    expected = [record._replace(description="") for record in records]
    require(_by_pieces(path) == expected, "in pieces, the file has other records than as a whole")


def _must_be_refused_in_pieces(path: Path) -> None:
    try:
        _by_pieces(path)
    except DataIntegrityError:
        return
    require(False, "in pieces, a file is read that is refused as a whole")


def build_and_read_store(content: bytes, folder: Path) -> None:
    """Build a store of FASTA or FASTQ: it holds what the reader reads.

    Parameters
    ----------
    content : bytes
        The file.
    folder : Path
        Where file and store are written.
    """
    path, place = folder / "sequences", folder / "built"
    path.write_bytes(content)
    if place.exists():
        for file in place.iterdir():
            file.unlink()
        place.rmdir()
    store = build_store(path, place)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SkgenomeWarning)
        records = read_sequences(path)
    require(store.names == [record.name for record in records], "the store has other names")
    require(list(store) == [decode(encode(record.sequence)) for record in records], "it has other bases")
    store.verify()


def read_intervals(content: bytes, folder: Path) -> None:
    """Read BED.

    Parameters
    ----------
    content : bytes
        The file.
    folder : Path
        Where it is written.
    """
    path = folder / "intervals.bed"
    path.write_bytes(content)
    for contig, start, end, _, score, strand in read_bed(path):
        require(bool(contig) and 0 <= start <= end, "an interval is none")
        require(strand in ("+", "-", ".") and (score is None or math.isfinite(score)), "a column is none")


def read_features(content: bytes, folder: Path) -> None:
    """Read GFF, as a list and as a stream.

    Parameters
    ----------
    content : bytes
        The file.
    folder : Path
        Where it is written.
    """
    path = folder / "features.gff"
    path.write_bytes(content)
    features = read_gff(path)
    require(features == list(iter_gff(path)), "the stream gives other features than the list")
    require(all(0 <= feature.start < feature.end for feature in features), "a feature has no base")
    require(all(feature.strand in ("+", "-", ".") for feature in features), "a strand is none")


def read_variants(content: bytes, folder: Path) -> None:
    """Read VCF, as a list and as a stream.

    Parameters
    ----------
    content : bytes
        The file.
    folder : Path
        Where it is written.
    """
    path = folder / "variants.vcf"
    path.write_bytes(content)
    variants = read_vcf(path)
    require(variants == list(iter_vcf(path)), "the stream gives other variants than the list")
    for variant in variants:
        require(variant.position >= 0, "a position is before the first base")
        require(bool(variant.ref and variant.alt), "an allele is empty")
        require(set(variant.ref + variant.alt) <= set("ACGTN"), "an allele is no sequence")


def open_store(content: bytes, folder: Path) -> None:
    """Open a sequence store and read all of it, bases, names and tokens.

    Parameters
    ----------
    content : bytes
        Its files.
    folder : Path
        Where they are written.
    """
    write_store(content, folder / "store")
    store = SequenceStore(folder / "store")
    names, sequences = store.names, list(store)
    require(len(names) == len(sequences) == len(store), "numbers of names and contigs differ")
    require([len(sequence) for sequence in sequences] == store.lengths.tolist(), "a length is wrong")
    ids = KmerTokenizer(k=2).transform(store)
    expected = KmerTokenizer(k=2, padding=False).transform(sequences) if sequences else []
    require(all(map(np.array_equal, ids, expected)), "the tokens are not those of the sequences")
    store.verify()


def open_model(content: bytes, folder: Path) -> None:
    """Load a saved model.

    Parameters
    ----------
    content : bytes
        Its files.
    folder : Path
        Where they are written.
    """
    write_model(content, folder / "model")
    model = load(folder / "model")
    require(isinstance(model, BaseEstimator), "what was loaded is no estimator")


def open_checkpoint(content: bytes, folder: Path) -> None:
    """Look for a checkpoint in a folder with a damaged one: there is none, or a state, never an error.

    Parameters
    ----------
    content : bytes
        JSON and the tensors that it speaks of.
    folder : Path
        Where the checkpoint is written.
    """
    rest, _, tensors = content.partition(SEPARATOR)
    try:
        # The JSON lies in a tensor of its own; as bytes of a file nobody would find it.
        content = pack_checkpoint(rest, tensors)
    except (SafetensorError, ValueError, TypeError, LookupError):
        content = tensors
    for file in folder.glob("*.safetensors"):
        file.unlink()
    digest = blake2b(content, digest_size=8).hexdigest()
    (folder / f"00000001-{digest}.safetensors").write_bytes(content)
    state = Place(folder, Clock(0), lambda: None).resumed
    if state is not None:
        pack_state(state)


def pack_checkpoint(rest: bytes, tensors: bytes) -> bytes:
    """Put JSON among the tensors of a safetensors file.

    Parameters
    ----------
    rest : bytes
        The JSON.
    tensors : bytes
        The file.

    Returns
    -------
    bytes
        The file, with one tensor more.
    """
    import torch
    from safetensors.torch import save

    return save({**load_tensors(tensors), "rest": torch.frombuffer(bytearray(rest), dtype=torch.uint8)})


TARGETS = {
    target.name: target
    for target in (
        Target("bed", read_intervals, seeds.interval_files, _IN_LINES, 20),
        Target("gff", read_features, seeds.feature_files, _IN_LINES, 20),
        Target("vcf", read_variants, seeds.variant_files, _IN_LINES, 20),
        Target("sequences", read_sequence_file, seeds.sequence_files, _IN_RECORDS, 20),
        Target("store", open_store, seeds.stores, r"index\.json|\w+\.(bin|txt)|version \d+", 7, is_json=True),
        Target("model", open_model, seeds.saved_models, r"model\.json|\.safetensors|Step '", 4, is_json=True),
        Target("checkpoint", open_checkpoint, seeds.checkpoints, "$never", 4, is_json=True),
        Target("store-building", build_and_read_store, seeds.sequence_files, _IN_RECORDS, 5),
    )
}
