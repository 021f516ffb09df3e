"""A small data home that looks like the real one, so that fetchers are tested without it."""

import gzip
import hashlib
from itertools import chain

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
# The primers that fetch_16s_reads looks for, with their ambiguous letters written out.
FORWARD, REVERSE = "CCTACGGGAGGCAGCAG", "GACTACAAGGGTATCTAATCC"
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


def _table(separator, title, rows):
    return "".join(f"{a}{separator}{b}\n" for a, b in [(title, "label"), *rows]).encode()


def _human_files():
    """Yield path, content and columns of tables of promoters and enhancers; all have one sequence twice."""
    for dataset, subset, path, separator, title in [
        ("human_promoters_nontata", "test", "nontata.tsv", "\t", "seq"),
        ("human_promoters_tata", "train", "tata/train.csv", ",", "sequence"),
        ("human_promoters_tata", "dev", "tata/dev.csv", ",", "sequence"),
        ("human_promoters_tata", "test", "tata/test.csv", ",", "sequence"),
        ("human_enhancers", "test", "enhancers.tsv", "\t", "seq"),
    ]:
        twice = _dna(60)
        rows = [(twice, 0), (_dna(60), 0), (_dna(60), 1), (reverse_complement(twice), 1)]
        yield f"human/{path}", _table(separator, title, rows), {"dataset": dataset, "subset": subset}


def _transcript_files():
    """Yield path, content and columns of transcripts, the first two of every file on one stretch."""
    ucsc = "range=chr1:{}-{} 5'pad=0 3'pad=0 strand={} repeatMasking=none"
    human = [ucsc.format(1001, 2000, "+"), ucsc.format(2000, 3000, "-"), ucsc.format(9001, 9010, "+")]
    ensembl = "cdna chromosome:GRCm38:X:{}:{}:{} gene:ENSMUSG{}.1 gene_biotype:toy"
    mouse = [ensembl.format(1, 9, 1, 7), ensembl.format(501, 600, -1, 7), ensembl.format(10, 20, 1, 8)]
    for subset, labels, headers in [
        ("human", ("lncRNA", "mRNA"), human),
        ("mouse", ("lncRNA", "mRNA"), mouse),
        ("mouse-lncrna", ("lncRNA",), mouse),
    ]:
        for label in labels:
            # The two classes have chromosomes or genes of their own.
            own = [
                header.replace("chr1:", f"{label}:")
                .replace("X:", f"{label}:")
                .replace("MUSG", f"MUSG{label}")
                for header in headers
            ]
            records = [(f"{subset}_{label}_{i} {text}", _dna(40 + i)) for i, text in enumerate(own)]
            columns = {"dataset": "mrna_lncrna", "label": label, "subset": subset}
            yield f"rna/{subset}_{label}.fa.gz", gzip.compress(_fasta(records)), columns


def _source_files():
    """Yield path, content and columns of 16S genes: 5 of each genus, one twice, one without primers."""
    records = []
    for genus in ("Xanthobacter", "Afipia", "Bosea"):
        genes = [_dna(200) + FORWARD + _dna(300) + reverse_complement(REVERSE) + _dna(200) for _ in range(3)]
        # A part of another gene counts as that gene.
        genes += [genes[0][50:], _dna(400)]
        records += [(f"{genus}_{i} Class Order Family {genus}", gene) for i, gene in enumerate(genes)]
    yield "16s/genes.fasta", _fasta(records).replace(b"\n", b"\r\n"), {"dataset": "16s_sources"}


def _mutate(sequence, share):
    """Change about a share of the bases."""
    bases = np.array(list(sequence))
    places = _RANDOM.random(len(bases)) < share
    bases[places] = [{"A": "C", "C": "G", "G": "T", "T": "A"}[base] for base in bases[places]]
    return "".join(bases)


def _virus_files():
    """Yield path, content and columns of phages and viruses: copies, strains, relatives, short ones."""
    strain, relative, other, third = _dna(3000), _dna(3000), _dna(3000), _dna(3000)
    phages = [
        ("strain", strain),
        ("strain2", _mutate(strain, 0.01)),
        ("copy", strain),
        ("relative", _mutate(strain, 0.1)),
        ("short", _dna(800)),
        ("empty", ""),
    ]
    flavi = [("flavi", relative), ("flavi_far", _dna(3000)), ("aligned", _dna(500) + "-" * 60 + _dna(500))]
    # A genome of the second file without a family in its header is a relative of one of the first.
    mixed = [
        ("unknown", _mutate(relative, 0.1)),
        ("named x | y | Viruses; Toyviridae; Toyvirus", other),
        ("alone", third),
        ("measles Measles virus, complete", _dna(3000)),
        ("unclean", "N" * 1500 + _dna(1500)),
    ]
    columns = {"dataset": "phages", "label": "phage"}
    yield "phages/toy_phages.fa.gz", gzip.compress(_fasta(phages)), columns
    columns = {"dataset": "eukaryotic_viruses", "label": "virus"}
    yield "viruses/flavi_toy.fa", _fasta(flavi), {**columns, "group": "Flaviviridae"}
    yield "viruses/mixed.fa", _fasta(mixed), columns


def _mark_files():
    """Yield path, content and columns of two marks of yeast, which share a sequence and an overlap."""
    genome = _dna(400)
    first, second, both = genome[:100], genome[50:150], genome[200:300]
    for mark, part, rows in [
        ("H3", "dev", [(first, 0), (both, 1)]),
        ("H3", "test", [(genome[300:], 1)]),
        ("H4", "dev", [(second, 1)]),
        ("H4", "test", [(both, 0)]),
    ]:
        columns = {"dataset": "yeast_histone_marks", "label": mark, "subset": part}
        yield f"marks/{mark}/{part}.csv", _table(",", "sequence", rows), columns


@pytest.fixture(scope="session")
def toy_files(tmp_path_factory):
    """The small data home's folder and its registry."""
    folder = tmp_path_factory.mktemp("data_home")
    entries = []
    kinds = (
        _genome_files,
        _promoter_files,
        _annotated_files,
        _human_files,
        _transcript_files,
        _source_files,
        _virus_files,
        _mark_files,
    )
    for path, content, columns in chain.from_iterable(files() for files in kinds):
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
