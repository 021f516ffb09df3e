"""Fetch windows of bacteria, phages and viruses of eukaryotes, labelled with which of them they are from."""

import os
import re
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from numbers import Integral, Real
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.utils import Bunch

from skgenome._sklearn import Interval, StrOptions, validate_params
from skgenome.datasets._home import HOME_CONSTRAINTS, fetch_file
from skgenome.datasets._links import equal_links
from skgenome.datasets._registry import RegistryEntry, registry_entries
from skgenome.datasets._relatives import pick_few, related_pairs, sketch
from skgenome.datasets._seed import draw_seed
from skgenome.datasets._window_draws import WindowCollector, WindowRule
from skgenome.exceptions import SkgenomeWarning
from skgenome.sequences import SequenceRecord, iter_sequences, linked_groups, reverse_complement

TARGET_NAMES = ("bacteria", "phage", "virus")
# The collections that have a genome per record; that of bacteria has a genome per file.
_RECORD_DATASETS = ("phages", "eukaryotic_viruses")

# Containments of k-mers: of strains of one species (94 % identity), and of what is known to be related.
_SAME_SPECIES, _RELATED = 0.4, 0.05
_SKETCH_ONE_IN = 32

_FAMILY = re.compile(r"\b[A-Z][a-z]+viridae\b")
# Genomes of files of mixed families whose headers name none; what is in no header is told by its k-mers.
_FAMILY_OF_WORD = {
    "coronavirus": "Coronaviridae",
    "Hepatitis A": "Picornaviridae",
    "Measles": "Paramyxoviridae",
    "rhinovirus": "Picornaviridae",
}

_DOMAINS_DESCR = """Bacteria, phages and viruses of eukaryotes

{n_windows:,} windows of up to {window_size:,} bp, out of {n_genomes[0]} genomes of bacteria,
{n_genomes[1]} of phages and {n_genomes[2]} of viruses of eukaryotes. {n_left_out:,} genomes of phages and
viruses were left out as too short or too much alike. Bacterial genomes contain prophages: some windows
labelled bacteria are phage DNA. Split by groups: a random split leaks. Sequence from NCBI GenBank and RefSeq
and from assemblies, as published in the repositories KennthShang/CHERRY (bacteria);
mdmparis/coli_phage_interactions_2023, gbouras13/pharokka and four more (phages); giffordlabcvr/*-GLUE,
nextstrain/nextclade_data and three more (viruses). See the docstring for licences and citations.
"""


class _Genome(NamedTuple):
    """A genome of the collection, without its sequence."""

    target: int
    name: str
    source: str
    family: str


class _Candidate(NamedTuple):
    """A phage or virus that has not been left out yet."""

    genome: _Genome
    record: SequenceRecord
    stream: tuple[int, int]


class _Source(NamedTuple):
    """A genome to draw windows from."""

    genome: _Genome
    group: str
    cluster: str
    records: list[SequenceRecord]
    stream: tuple[int, int]


def _family_of(entry: RegistryEntry, record: SequenceRecord) -> str:
    """Tell the family of a phage or virus from its file or its header; empty where neither does."""
    if entry.group:
        return entry.group
    if named := _FAMILY.search(record.description):
        return named[0]
    return next((family for word, family in _FAMILY_OF_WORD.items() if word in record.description), "")


def _read_records(path: Path) -> Iterator[SequenceRecord]:
    """Read genomes; the columns that an alignment adds are taken out."""
    with warnings.catch_warnings():
        # One of the files has a record without sequence, which is left out as too short.
        warnings.simplefilter("ignore", SkgenomeWarning)
        for record in iter_sequences(path):
            yield record._replace(sequence=record.sequence.replace("-", ""))


def _read_candidates(paths: dict[RegistryEntry, Path]) -> list[_Candidate]:
    """Read phages and viruses, each with the number of its stream of random numbers."""
    return [
        _Candidate(
            _Genome(TARGET_NAMES.index(entry.label), record.name, entry.name, _family_of(entry, record)),
            record,
            (file + 1, number),
        )
        for file, (entry, path) in enumerate(paths.items())
        for number, record in enumerate(_read_records(path))
    ]


def _name_groups(genomes: list[_Genome], links: np.ndarray) -> list[str]:
    """Name the group of each phage or virus: its family, or the first genome where none is known."""
    numbers = linked_groups(len(genomes), links).tolist()
    members: dict[int, list[_Genome]] = {}
    for number, genome in zip(numbers, genomes, strict=True):
        members.setdefault(number, []).append(genome)
    names = {
        number: "+".join(sorted({genome.family for genome in found if genome.family})) or found[0].name
        for number, found in members.items()
    }
    return [names[number] for number in numbers]


def _select(candidates: list[_Candidate], n_per_species: int) -> list[_Source]:
    """Keep few genomes of each species, and put those kept into groups."""
    sketches = [sketch(candidate.record.sequence, _SKETCH_ONE_IN) for candidate in candidates]
    species = linked_groups(len(candidates), related_pairs(sketches, _SAME_SPECIES))
    picked = pick_few(species, [candidate.record.sequence for candidate in candidates], n_per_species)
    genomes = [candidates[place].genome for place in picked]
    related = related_pairs([sketches[place] for place in picked], _RELATED)
    # Where no family is known, the place stands for one that nothing else has.
    of_family = equal_links(genome.family or place for place, genome in enumerate(genomes))
    groups = _name_groups(genomes, np.concatenate([related, of_family]))
    clusters = [genomes[first].name for first in _first_of_group(linked_groups(len(genomes), related))]
    return [
        _Source(genome, group, cluster, [candidates[place].record], candidates[place].stream)
        for genome, group, cluster, place in zip(genomes, groups, clusters, picked, strict=True)
    ]


def _first_of_group(groups: np.ndarray) -> list[int]:
    """Give, for every item, the place of the first one of its group."""
    _, firsts, inverse = np.unique(groups, return_index=True, return_inverse=True)
    return firsts[inverse].tolist()


def _bacteria(paths: dict[RegistryEntry, Path]) -> Iterator[_Source]:
    """Yield the bacteria, read one by one: all of them are 200 MB."""
    for number, (entry, path) in enumerate(paths.items()):
        genome = _Genome(0, entry.name, entry.name, "")
        yield _Source(genome, entry.genus, entry.genus, list(iter_sequences(path)), (0, number))


def _flip(collected: WindowCollector, first: int, rng: np.random.Generator) -> list[str]:
    """Turn about half of the windows from `first` on to the other strand; return the strands."""
    # One number per window, so that a smaller draw has the same strands.
    strands = np.where(rng.random(len(collected.data) - first) < 0.5, "-", "+").tolist()
    for place, strand in enumerate(strands, start=first):
        if strand == "-":
            collected.data[place] = reverse_complement(collected.data[place])
    return strands


def _collect(
    sources: Iterable[_Source], rule: WindowRule, random_strands: bool, seed: int
) -> tuple[WindowCollector, list[str]]:
    """Draw the windows of all genomes; also return the strand of each."""
    collected = WindowCollector(rule)
    strands: list[str] = []
    for source in sources:
        # The owner without its sequences, so that they need not stay in memory.
        owner = source._replace(records=[])
        n_drawn = collected.add(owner, source.records, np.random.default_rng([seed, *source.stream]))
        if random_strands:
            # A stream of their own, so that the places do not depend on them.
            strands += _flip(collected, len(strands), np.random.default_rng([seed, *source.stream, 1]))
        else:
            strands += ["+"] * n_drawn
    return collected, strands


def _describe(collected: WindowCollector) -> dict[str, np.ndarray]:
    """Return what is known of each window, as arrays of equal length."""
    owners = collected.owners
    return {
        "target": np.array([owner.genome.target for owner in owners], dtype=np.int64),
        "groups": np.array([owner.group for owner in owners]),
        "clusters": np.array([owner.cluster for owner in owners]),
        "genome_ids": np.array([owner.genome.name for owner in owners]),
        "contig_names": np.array(collected.contig_names),
        "sources": np.array([owner.genome.source for owner in owners]),
        "starts": np.array(collected.starts, dtype=np.int64),
    }


@validate_params(
    {
        "window_size": [Interval(Integral, 1, None, closed="left")],
        "n_windows_per_genome": [Interval(Integral, 1, None, closed="left")],
        "n_genomes_per_species": [Interval(Integral, 1, None, closed="left")],
        "min_length": [Interval(Integral, 1, None, closed="left"), None],
        "max_ambiguous": [Interval(Real, 0, 1, closed="both")],
        "strands": [StrOptions({"random", "forward"})],
        "random_state": ["random_state"],
        "return_X_y": ["boolean"],
        **HOME_CONSTRAINTS,
    },
    prefer_skip_nested_validation=True,
)
def fetch_bacteria_phages_viruses(
    *,
    window_size: int = 6700,
    n_windows_per_genome: int = 16,
    n_genomes_per_species: int = 1,
    min_length: int | None = None,
    max_ambiguous: float = 0.01,
    strands: str = "random",
    random_state: int | np.random.RandomState | None = 0,
    return_X_y: bool = False,
    data_home: str | os.PathLike | None = None,
    download_if_missing: bool = True,
) -> Bunch | tuple[np.ndarray, np.ndarray]:
    """Fetch windows of bacteria, phages and viruses of eukaryotes: three classes.

    ==============  ==================================================================
    Samples         2,395 of 6,700 bp with the defaults
    Classes         bacteria (928 windows of 58 genomes), phage (743 of 93),
                    virus (724 of 412)
    Groups          57 genera of bacteria, 80 of phages, 15 families of viruses
    Size on disk    62 MB of bacteria, 10 MB of phages, 6 MB of viruses
    Licence         none stated for most files; MIT or GPL-3.0 for five
    ==============  ==================================================================

    Bacteria are the genomes of `fetch_bacterial_genomes`. Phages are those of *E. coli*, *S. aureus* and
    *Caulobacter*, of a gut virome, and some from RefSeq; viruses are DNA and RNA viruses, most of
    animals, the latter with T for U. Most files are **derived** from public ones and cannot be downloaded:
    the folders ``phages`` and ``viruses_eukaryotic`` have to be in the data home.

    **Capped.** Many of the 1,590 genomes of phages and viruses are nearly the same: 100 are of Zika virus. Of
    991 that have a window, those that share 40 % of their 15-mers, directly or through others, count as one
    species (about 94 % identity), and `n_genomes_per_species` of each are kept: 507. Identity is estimated
    from 1 in 32 of the 15-mers. The cleanest genomes come first; copies count once.

    **Split by groups.** There is no split: make one with ``groups``, which hold the genus of bacteria, the
    family of viruses where a header or the file tells it, and what shares 5 % of its 15-mers (about 82 %
    identity). ``clusters`` are finer: of phages and viruses, what shares 15-mers alone. Three families give
    79 % of the windows of viruses, so that figures vary much with the split: make several.

    **Traps.** Bacterial genomes contain prophages: some windows labelled bacteria are phage DNA, and no
    method should get all of them "right". Composition alone tells much of the classes apart: a k-mer
    baseline stands beside every result. Databases give RNA viruses by the strand that is translated, or its
    complement, while a contig of an assembly may be of either: so each window is turned to a random strand,
    unless `strands` is ``"forward"``.

    Windows are drawn as by `fetch_gram_staining`: side by side from a random offset, without overlap, nested
    in `n_windows_per_genome`; too ambiguous ones are passed over.

    Parameters
    ----------
    window_size : int, default=6700
        In bases.
    n_windows_per_genome : int, default=16
        At most so many are drawn from each genome.
    n_genomes_per_species : int, default=1
        At most so many genomes of phages and viruses are taken of those that are nearly the same.
    min_length : int, default=None
        Contigs shorter than this are left out. One of this length or more that is shorter than a window is a
        window as a whole. None takes `window_size`, so that all windows have the same length: else the length
        alone tells many phages and viruses from bacteria. 5,000 adds Microviridae and Parvoviridae.
    max_ambiguous : float, default=0.01
        Largest share of ambiguous letters in a window.
    strands : {'random', 'forward'}, default='random'
        Whether about half of the windows are given from the reverse strand.
    random_state : int, RandomState instance or None, default=0
        Determines places and strands. Each genome has its own stream of random numbers.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch.
    data_home : str or path-like, default=None
        Folder of the files; see `get_data_home`.
    download_if_missing : bool, default=True
        Whether to download files that the folder lacks and that an address serves, instead of raising
        OSError.

    Returns
    -------
    windows : Bunch
        Has these fields.

        - data : ndarray of shape (n_samples,), object (str).
          Genome by genome, so shuffle before taking the first n.
        - target : ndarray of shape (n_samples,), int64
        - target_names : ["bacteria", "phage", "virus"]
        - groups, clusters : ndarray of shape (n_samples,), str.
          Genera, families, or the first genome of what is alike.
        - genome_ids, contig_names : ndarray of shape (n_samples,), str.
          Accession of the assembly and name of the contig; of phages and viruses, both are the name of the
          record.
        - sources : ndarray of shape (n_samples,), str.
          The file: one per genome of bacteria, 5 of phages and 20 of viruses.
        - starts : ndarray of shape (n_samples,), int64.
          First base on the contig, 0-based, whatever the strand. Gaps of aligned genomes are not counted.
        - strands : ndarray of shape (n_samples,), str; + or -
        - n_skipped_contigs, n_skipped_windows : int.
          Contigs of bacteria that are too short, windows that are too ambiguous.
        - n_short_genomes, n_similar_genomes : int.
          Phages and viruses that are too short, and those too much alike.
        - filenames : list of str
        - DESCR : str.
          What it is, its source and its licence.
    (data, target) : tuple
        Only these two, if `return_X_y`.

    Raises
    ------
    DataIntegrityError
        If a file has another checksum than expected.
    OSError
        If a file is missing and cannot or may not be downloaded.

    See Also
    --------
    fetch_gram_staining : Two classes of bacteria.

    References
    ----------
    Gaborieau et al. (2024), Prediction of strain level phage-host interactions across the Escherichia genus
    using only genomic information, Nature Microbiology 9, 2847.
    Cook et al. (2024), The long and short of it: benchmarking viromics using Illumina, Nanopore and PacBio
    sequencing technologies, Microbial Genomics 10, 001198.
    Singer et al. (2018), GLUE: a flexible software system for virus sequence data, BMC Bioinformatics 19,
    532.
    Aksamentov et al. (2021), Nextclade: clade assignment, mutation calling and quality control for viral
    genomes, Journal of Open Source Software 6, 3773.
    O'Leary et al. (2016), Reference sequence (RefSeq) database at NCBI, Nucleic Acids Research 44, D733.

    Examples
    --------
    >>> from skgenome.datasets import fetch_bacteria_phages_viruses
    >>> X, y = fetch_bacteria_phages_viruses(return_X_y=True)  # doctest: +SKIP
    >>> np.bincount(y)  # doctest: +SKIP
    array([928, 743, 724])
    """
    seed = draw_seed(random_state)
    shortest = window_size if min_length is None else min(min_length, window_size)
    # All files before the first is read: a missing one is then reported within seconds.
    bacteria, others = (
        {
            entry: fetch_file(entry, data_home=data_home, download_if_missing=download_if_missing)
            for dataset in datasets
            for entry in registry_entries(dataset)
        }
        for datasets in (["bacterial_genomes"], _RECORD_DATASETS)
    )
    candidates = _read_candidates(others)
    long_enough = [c for c in candidates if len(c.record.sequence) >= shortest]
    kept = _select(long_enough, n_genomes_per_species)
    rule = WindowRule(window_size, n_windows_per_genome, max_ambiguous, shortest)
    collected, on_strands = _collect(chain(_bacteria(bacteria), kept), rule, strands == "random", seed)
    data = np.array(collected.data, dtype=object)
    details = _describe(collected)
    if return_X_y:
        return data, details["target"]
    n_genomes = Counter(owner.genome.target for owner in {id(o): o for o in collected.owners}.values())
    return Bunch(
        data=data,
        **details,
        target_names=list(TARGET_NAMES),
        strands=np.array(on_strands),
        n_skipped_contigs=collected.n_skipped_contigs,
        n_skipped_windows=collected.n_skipped_windows,
        n_short_genomes=len(candidates) - len(long_enough),
        n_similar_genomes=len(long_enough) - len(kept),
        filenames=[str(path) for path in chain(bacteria.values(), others.values())],
        DESCR=_DOMAINS_DESCR.format(
            n_windows=len(data),
            window_size=window_size,
            n_genomes=[n_genomes[target] for target in range(3)],
            n_left_out=len(candidates) - len(kept),
        ),
    )
