"""A small data home that looks like the real one, so that fetchers are tested without it."""

import gzip
import hashlib

import numpy as np
import pytest

from skgenome.datasets import _registry
from skgenome.datasets._registry import RegistryEntry
from skgenome.sequences import decode, reverse_complement

GENERA = [
    ("Vibrio", "Gammaproteobacteria", "negative"),
    ("Caulobacter", "Alphaproteobacteria", "negative"),
    ("Bacillus", "Firmicutes", "positive"),
    ("Streptomyces", "Actinobacteria", "positive"),
]
_RANDOM = np.random.default_rng(0)


def _dna(length):
    return decode(_RANDOM.integers(0, 4, length, dtype=np.uint8))


def _fasta(records):
    return "".join(f">{name}\n{sequence}\n" for name, sequence in records).encode()


def _genome_files():
    """Yield path, content and columns of a genome per genus: a long, a middling and a short contig."""
    for number, (genus, group, gram) in enumerate(GENERA):
        # 2,000 N in the middle of 10,000 bases: some windows have too many.
        contig = _dna(4000) + "N" * 2000 + _dna(4000)
        records = [("long some bacterium", contig), ("middle", _dna(1000)), ("short", _dna(99))]
        columns = {
            "dataset": "bacterial_genomes",
            "label": gram,
            "genus": genus,
            "species": f"{genus} toyi",
            "group": group,
        }
        yield f"genomes/{gram}/GCF_{number}.fa.gz", gzip.compress(_fasta(records)), columns


def _promoter_files():
    """Yield path, content and columns of both promoter data sets."""
    for label in ("non-promoter", "promoter"):
        for subset, n_samples in (("train", 7), ("test", 3)):
            records = [(f"{label}_{subset}_{i}", _dna(150)) for i in range(n_samples)]
            columns = {"dataset": "ecoli_promoters", "label": label, "subset": subset}
            yield f"ecoli/{label}_{subset}.fa", _fasta(records), columns
        for species in ("Escherichia coli", "Bacillus subtilis"):
            records = [(f" {i}" if label == "non-promoter" else "gene", _dna(81)) for i in range(4)]
            columns = {"dataset": "bacterial_promoters", "label": label, "species": species}
            yield f"umarov/{species}_{label}.fa".replace(" ", "_"), _fasta(records), columns


def _annotated_files():
    """Yield path, content and columns of a genome with annotation and promoters."""
    genome = _dna(300)
    gff = "##gff-version 3\nchr1\ttoy\tCDS\t101\t190\t.\t-\t0\tID=cds-1;gene=toyA\n"
    titles = "\t".join(f"{number})title" for number in range(1, 13)) + "\n"
    forward, backward = genome[40:121].lower(), reverse_complement(genome[130:211].lower())
    table = (
        f"# License\n{titles}"
        f"P1\tforwardp\tforward\t101\tsigma70\t{forward}\ttoyA\t-1\te\ta\tC\t1\n"
        f"P2\treversep\treverse\t151\t\t{backward}\ttoyB\t-1\te\ta\tNone\t1\n"
        "P3\tlostp\tforward\t\tsigma38\tNone\t\t\te\ta\tW\t1\n"
    )
    columns = {"dataset": "ecoli_k12", "genus": "Escherichia", "species": "Escherichia coli", "group": "g"}
    yield "k12/genome.fna.gz", gzip.compress(_fasta([("chr1", genome)])), {**columns, "label": "genome"}
    yield "k12/genome.gff", gff.encode(), {**columns, "label": "annotation"}
    yield "k12/promoters.tsv", table.encode(), {**columns, "label": "promoters"}


@pytest.fixture(scope="session")
def toy_files(tmp_path_factory):
    """The small data home's folder and its registry."""
    folder = tmp_path_factory.mktemp("data_home")
    entries = []
    for files in (_genome_files(), _promoter_files(), _annotated_files()):
        for path, content, columns in files:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
            digest = hashlib.sha256(content).hexdigest()
            source = {"path": path, "repo": "toy/toy", "commit": "c", "path_in_repo": path}
            entries.append(RegistryEntry(**source, bytes=len(content), sha256=digest, **columns))
    return folder, tuple(entries)


@pytest.fixture
def toy_data_home(toy_files, monkeypatch):
    """Folder of the small data home, with the registry that belongs to it in place."""
    folder, entries = toy_files
    monkeypatch.setattr(_registry, "registry", lambda: entries)
    monkeypatch.delenv("SKGENOME_DATA", raising=False)
    return folder
