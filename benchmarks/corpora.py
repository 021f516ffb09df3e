"""Which genomes a language model is pretrained on."""

import hashlib
import os
from collections.abc import Sequence
from typing import NamedTuple

from sklearn.utils import Bunch

from benchmarks.records import Settings
from skgenome.datasets import (
    fetch_bacteria_phages_viruses,
    fetch_bacterial_genomes,
    fetch_genome,
    fetch_human_chromatin,
    find_matches,
    split_at_matches,
)

#: Of a corpus in a quick run.
QUICK_BASES = 300_000
#: Genera of the order Enterobacterales in the collection.
ENTEROBACTERIA = (
    "Citrobacter",
    "Cronobacter",
    "Edwardsiella",
    "Enterobacter",
    "Erwinia",
    "Escherichia",
    "Klebsiella",
    "Proteus",
    "Salmonella",
    "Shigella",
)
#: Genera of the class Bacilli in the collection: relatives of *B. subtilis*, which is not in it.
BACILLI = (
    "Alkalihalobacillus",
    "Bacillus",
    "Enterococcus",
    "Geobacillus",
    "Lacticaseibacillus",
    "Lactobacillus",
    "Lactococcus",
    "Leuconostoc",
    "Limosilactobacillus",
    "Listeria",
    "Paenibacillus",
    "Staphylococcus",
    "Streptococcus",
)
#: Genera that carry nearly the same promoters as *E. coli* K-12.
NEAR_RELATIVES = ("Escherichia", "Shigella")
#: Bases cut off on each side of a test sequence: as many as the sequence itself has.
FLANK = 150
#: Shorter pieces between two cuts say little about a genome.
MIN_LENGTH = 500


class Corpus(NamedTuple):
    """Contigs without labels."""

    name: str
    contigs: Sequence[str]
    description: str
    filenames: Sequence[str] = ()

    def sha256(self) -> str:
        """Give a checksum of the contigs, their bounds included."""
        digest = hashlib.sha256()
        for contig in self.contigs:
            digest.update(contig.encode())
            digest.update(b"\n")
        return digest.hexdigest()


def _corpus(name: str, description: str, contigs: Sequence[str], filenames: Sequence[str]) -> Corpus:
    """Put a corpus together, under a description that ends with its size."""
    size = f"{sum(map(len, contigs)) / 1e6:.1f} Mbp"
    return Corpus(name, contigs, f"{description}: {size}", filenames)


def fetch_enterobacteria(data_home: str | os.PathLike | None = None) -> Corpus:
    """Fetch all enterobacterial genomes, *E. coli* K-12 among them.

    Parameters
    ----------
    data_home : path-like, default=None
        As in :func:`skgenome.datasets.get_data_home`.

    Returns
    -------
    Corpus
        Named ``"everything"``.
    """
    genomes = fetch_bacterial_genomes(genera=ENTEROBACTERIA, data_home=data_home)
    k12 = fetch_genome("ecoli_k12", data_home=data_home)
    n = len(genomes.filenames) + 1
    description = f"{n} enterobacterial genomes with E. coli K-12, from which train and test are"
    return _corpus(
        "everything", description, [*k12.data, *genomes.data], [k12.filenames[0], *genomes.filenames]
    )


def fetch_distant_enterobacteria(
    excluded: Sequence[str], data_home: str | os.PathLike | None = None
) -> Corpus:
    """Fetch the enterobacterial genomes without *Escherichia*, *Shigella* and given sequences.

    Parameters
    ----------
    excluded : collection of str
        What is cut out of the other genomes wherever it stands exactly, on either strand, with its
        surroundings: the test set.
    data_home : path-like, default=None
        As in :func:`skgenome.datasets.get_data_home`.

    Returns
    -------
    Corpus
        Named ``"without relatives"``.
    """
    genera = [genus for genus in ENTEROBACTERIA if genus not in NEAR_RELATIVES]
    genomes = fetch_bacterial_genomes(genera=genera, data_home=data_home)
    n_found = len(find_matches(genomes.data, excluded))
    contigs = split_at_matches(genomes.data, excluded, flank=FLANK, min_length=MIN_LENGTH)
    description = (
        f"{len(genomes.filenames)} enterobacterial genomes without Escherichia (K-12 included) and Shigella; "
        f"{n_found} places that equal a test sequence are cut out with {FLANK} bp on each side"
    )
    return _corpus("without relatives", description, contigs, genomes.filenames)


def fetch_bacilli(data_home: str | os.PathLike | None = None) -> Corpus:
    """Fetch the genomes of the class Bacilli; *B. subtilis* is not among them.

    Parameters
    ----------
    data_home : path-like, default=None
        As in :func:`skgenome.datasets.get_data_home`.

    Returns
    -------
    Corpus
        Named ``"Bacilli"``.
    """
    genomes = fetch_bacterial_genomes(genera=BACILLI, data_home=data_home)
    description = f"{len(genomes.filenames)} genomes of Bacilli, without B. subtilis itself"
    return _corpus("Bacilli", description, genomes.data, genomes.filenames)


def fetch_all_bacteria(data_home: str | os.PathLike | None = None) -> Corpus:
    """Fetch all bacterial genomes of the collection.

    Parameters
    ----------
    data_home : path-like, default=None
        As in :func:`skgenome.datasets.get_data_home`.

    Returns
    -------
    Corpus
        Named ``"all bacteria"``.
    """
    genomes = fetch_bacterial_genomes(data_home=data_home)
    description = f"{len(genomes.filenames)} bacterial genomes, Gram-positive and Gram-negative"
    return _corpus("all bacteria", description, genomes.data, genomes.filenames)


def fetch_all_genomes(data_home: str | os.PathLike | None = None) -> Corpus:
    """Fetch all genomes of the collection: bacteria, phages and viruses of eukaryotes.

    Parameters
    ----------
    data_home : path-like, default=None
        As in :func:`skgenome.datasets.get_data_home`.

    Returns
    -------
    Corpus
        Named ``"all genomes"``. Bacteria are whole; the others in stretches of 6700 bases, and one alone of
        those that are nearly the same.
    """
    bacteria, others = fetch_all_bacteria(data_home), _fetch_stretches(data_home)
    is_bacterial = others.target == list(others.target_names).index("bacteria")
    contigs = [*bacteria.contigs, *others.data[~is_bacterial]]
    n_genomes = len(set(others.genome_ids[~is_bacterial]))
    description = f"{bacteria.description}, and {n_genomes} genomes of phages and viruses of eukaryotes"
    filenames = dict.fromkeys([*bacteria.filenames, *others.filenames])
    return _corpus("all genomes", description, contigs, list(filenames))


def fetch_domains(data_home: str | os.PathLike | None = None) -> Corpus:
    """Fetch stretches of bacteria, phages and viruses of eukaryotes, of 6700 bases each.

    Parameters
    ----------
    data_home : path-like, default=None
        As in :func:`skgenome.datasets.get_data_home`.

    Returns
    -------
    Corpus
        Named ``"bacteria, phages and viruses"``. At most 64 stretches of a genome, since bacteria have twenty
        times as many bases as the others together.
    """
    found = _fetch_stretches(data_home)
    description = f"{len(found.data)} stretches of {len(set(found.genome_ids))} genomes, 64 of each at most"
    return _corpus("bacteria, phages and viruses", description, list(found.data), found.filenames)


def _fetch_stretches(data_home: str | os.PathLike | None) -> Bunch:
    return fetch_bacteria_phages_viruses(n_windows_per_genome=64, data_home=data_home)


def fetch_human(data_home: str | os.PathLike | None = None) -> Corpus:
    """Fetch human sequence: eight stretches of three chromosomes.

    Parameters
    ----------
    data_home : path-like, default=None
        As in :func:`skgenome.datasets.get_data_home`.

    Returns
    -------
    Corpus
        Named ``"human"``.
    """
    pieces = fetch_human_chromatin(data_home=data_home)
    description = f"{len(pieces.data)} stretches of the human chromosomes 2, 17 and 20"
    return _corpus("human", description, pieces.data, pieces.filenames[:1])


def for_run(corpus: Corpus, settings: Settings) -> Corpus:
    """Give the corpus of a run: the whole, or for a quick one its first bases.

    Parameters
    ----------
    corpus : Corpus
        The whole.
    settings : Settings
        What the caller chose.

    Returns
    -------
    Corpus
        As :func:`shorten` gives it.
    """
    return shorten(corpus, QUICK_BASES) if settings.quick else corpus


def shorten(corpus: Corpus, n_bases: int) -> Corpus:
    """Keep the first contigs, up to a number of bases: for smoke runs.

    Parameters
    ----------
    corpus : Corpus
        The whole.
    n_bases : int
        How many to keep at most.

    Returns
    -------
    Corpus
        Under the same name; its description says what was done. One that is not longer stays as it is.
    """
    if sum(map(len, corpus.contigs)) <= n_bases:
        return corpus
    kept, left = [], n_bases
    for contig in corpus.contigs:
        kept.append(contig[:left])
        left -= len(kept[-1])
        if left == 0:
            break
    return corpus._replace(contigs=kept, description=f"the first {n_bases:,} bases of: {corpus.description}")
