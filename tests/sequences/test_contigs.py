import gzip
from pathlib import Path

import pytest

from skgenome.sequences import SequenceRecord, iter_contigs, write_fasta

GENOME = {"chr1": "ACGTNACGTA", "chr2": "acgtacgt", "plasmid": "GATTACA"}


def as_fasta(folder):
    path = folder / "genome.fa"
    write_fasta(path, GENOME.values(), names=[f"{name} of E. coli" for name in GENOME])
    return path


def as_gzip(folder):
    path = as_fasta(folder)
    path.with_suffix(".fa.gz").write_bytes(gzip.compress(path.read_bytes()))
    return str(path.with_suffix(".fa.gz"))


def as_several_files(folder):
    paths = [folder / f"{name}.fa" for name in GENOME]
    for path, (name, sequence) in zip(paths, GENOME.items(), strict=True):
        write_fasta(path, [sequence], names=[name])
    return paths


def as_folder(folder):
    as_several_files(folder)
    return folder


@pytest.mark.parametrize(
    "give",
    [
        as_fasta,
        as_gzip,
        as_several_files,
        lambda folder: iter(map(str, as_several_files(folder))),
        as_folder,
        lambda _: GENOME,
        lambda _: list(GENOME.items()),
        lambda _: iter(GENOME.items()),
        lambda _: (SequenceRecord(name, sequence) for name, sequence in GENOME.items()),
        lambda _: [[name, sequence] for name, sequence in GENOME.items()],
    ],
    ids=["fasta", "gz", "files", "iterator", "folder", "dict", "pairs", "stream", "records", "lists"],
)
def test_iter_contigs_takes_a_genome_in_any_form(give, tmp_path):
    assert list(iter_contigs(give(tmp_path))) == list(GENOME.items())


def test_iter_contigs_reads_no_further_than_it_is_asked():
    """Genomes come as streams that do not fit into memory."""

    def stream():
        yield "chr1", "ACGT"
        yield "chr2", "ACGT"
        raise AssertionError("the third contig was read before it was asked for")

    contigs = iter_contigs(stream())
    assert [next(contigs) for _ in range(2)] == [("chr1", "ACGT"), ("chr2", "ACGT")]


@pytest.mark.parametrize(
    ("genome", "error", "message"),
    [
        ({}, ValueError, "at least one contig. Got none; expected a path to FASTA"),
        ([], ValueError, "at least one contig. Got none"),
        (None, TypeError, "Got NoneType instead"),
        (42, TypeError, "Got int instead"),
        ("ACGT" * 100, TypeError, "a str of 400 characters, .* give it a name"),
        (["ACGT" * 100], TypeError, "a str of 400 characters, .* give it a name"),
        ({"chr1": b"ACGTACGTAC"}, TypeError, "Record 0 of genome must be .* Got str, bytes"),
        ({1: "ACGT"}, TypeError, "Record 0 of genome must be .* Got int, str"),
        ([("chr1", "ACGTACGTAC"), "chr2"], TypeError, "Record 1 of genome must be .* Got str"),
        ([("chr1", "ACGTACGTAC"), ("chr2",)], TypeError, "Record 1 of genome .* Got str"),
        ([("chr1", "ACGT")] * 2, ValueError, "'chr1' is in the genome twice, the second time as record 1"),
    ],
    ids=[
        "empty-dict", "empty-list", "none", "number", "sequence", "sequences", "bytes", "name", "no-pair",
        "no-sequence", "twice",
    ],
)  # fmt: skip
def test_iter_contigs_refuses_what_is_no_genome(genome, error, message):
    with pytest.raises(error, match=message):
        list(iter_contigs(genome))


@pytest.mark.parametrize("path", ["no.fa", Path("no.fa"), ["no.fa"]], ids=["str", "path", "list"])
def test_iter_contigs_misses_a_file_at_once(path):
    """Not with the first contig: whoever scans has waited for the classifier by then."""
    with pytest.raises(FileNotFoundError, match=r"no\.fa does not exist"):
        iter_contigs(path)
