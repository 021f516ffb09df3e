"""Fetch real bacterial genomes, and what the other fetchers of genomes share."""

import difflib
import os
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from sklearn.utils import Bunch

from skgenome._sklearn import StrOptions, validate_params
from skgenome.datasets._home import HOME_CONSTRAINTS, fetch_file
from skgenome.datasets._registry import RegistryEntry, registry_entries
from skgenome.sequences import SequenceRecord, iter_sequences

GRAM_STAINS = ("negative", "positive")

_GENOMES_DESCR = """Bacterial genomes

{n_genomes} genomes ({n_contigs:,} contigs, {n_bases:,} bases) out of 24 Gram-positive and 34 Gram-negative
ones, nearly one per genus. Sequence from NCBI RefSeq, as published in the repository KennthShang/CHERRY
(its code is under GPL-3.0; no licence is stated for the data). Cite: O'Leary et al. 2016, Nucleic Acids
Research 44, D733 (RefSeq); Shang & Sun 2022, Briefings in Bioinformatics 23, bbac182 (CHERRY).
"""


def _check_names(parameter: str, given: Iterable[str] | None, known: set[str]) -> set[str]:
    """Return the names as a set; raise for one that the collection does not have."""
    # `is None`, because an array has no truth value.
    names = set() if given is None else {str(name) for name in given}
    for name in sorted(names - known):
        close = difflib.get_close_matches(name, known, n=3)
        hint = f"Did you mean {', '.join(close)}?" if close else f"Known are {', '.join(sorted(known))}."
        raise ValueError(f"{parameter} must hold names of the collection. Got {name!r}. {hint}")
    return names


def _select_genomes(
    genera: Iterable[str] | None,
    exclude_genera: Iterable[str] | None,
    groups: Iterable[str] | None,
    gram: str | None,
) -> list[RegistryEntry]:
    """Return the registry's genomes that pass every filter."""
    entries = registry_entries("bacterial_genomes")
    known_genera = {entry.genus for entry in entries}
    kept = _check_names("genera", genera, known_genera)
    left_out = _check_names("exclude_genera", exclude_genera, known_genera)
    of_groups = _check_names("groups", groups, {entry.group for entry in entries})
    selected = [
        entry
        for entry in entries
        if (genera is None or entry.genus in kept)
        and entry.genus not in left_out
        and (groups is None or entry.group in of_groups)
        and gram in (None, entry.label)
    ]
    if not selected:
        raise ValueError(
            f"No genome passes all filters: genera={genera!r}, exclude_genera={exclude_genera!r}, "
            f"groups={groups!r}, gram={gram!r}. Loosen one of them."
        )
    return selected


class Contig(NamedTuple):
    """A contig and the genome that it belongs to."""

    record: SequenceRecord
    entry: RegistryEntry


def describe_contigs(contigs: list[Contig]) -> dict[str, np.ndarray]:
    """Return what is known of each contig, as arrays of equal length."""
    return {
        "contig_names": np.array([contig.record.name for contig in contigs]),
        "genome_ids": np.array([contig.entry.name for contig in contigs]),
        **{key: np.array([getattr(c.entry, key) for c in contigs]) for key in ("genus", "species", "group")},
        "gram": np.array([contig.entry.label for contig in contigs]),
    }


@validate_params(
    {
        "genera": ["array-like", set, None],
        "exclude_genera": ["array-like", set, None],
        "groups": ["array-like", set, None],
        "gram": [StrOptions(set(GRAM_STAINS)), None],
        **HOME_CONSTRAINTS,
    },
    prefer_skip_nested_validation=True,
)
def fetch_bacterial_genomes(
    *,
    genera: Iterable[str] | None = None,
    exclude_genera: Iterable[str] | None = None,
    groups: Iterable[str] | None = None,
    gram: str | None = None,
    data_home: str | os.PathLike | None = None,
    download_if_missing: bool = True,
) -> Bunch:
    """Fetch real bacterial genomes to pretrain on.

    ==============  =======================================================
    Genomes         58: 24 Gram-positive, 34 Gram-negative, of 57 genera
    Contigs         1,909, from 104 bases to 8.5 Mb
    Bases           204 million (as much memory once read)
    Size on disk    62 MB (compressed FASTA)
    Licence         none stated for the data; sequence from NCBI RefSeq
    ==============  =======================================================

    Contigs are given as they are in the files: not joined, not cut, ambiguous letters kept. Plasmids and
    prophages are in. Escherichia (CFT073) and Shigella carry nearly the same promoters as the test set of
    `fetch_ecoli_promoters`: use `exclude_genera` and `split_at_matches` to see what that is worth.

    Parameters
    ----------
    genera : list of str, default=None
        Genera to take. None takes all.
    exclude_genera : list of str, default=None
        Genera to leave out.
    groups : list of str, default=None
        Taxonomic groups to take, such as ``"Gammaproteobacteria"`` or ``"Firmicutes"``. None takes all.
    gram : {'negative', 'positive'}, default=None
        Gram stain to take. None takes both.
    data_home : str or path-like, default=None
        Folder of the files; see `get_data_home`.
    download_if_missing : bool, default=True
        Whether to download files that the folder lacks, instead of raising OSError.

    Returns
    -------
    Bunch
        Has these fields.

        - data : list of str of length n_contigs
        - contig_names, genome_ids, genus, species, group, gram : ndarray of shape (n_contigs,), str.
          `genome_ids` are the accessions of the assemblies.
        - filenames : list of str, one per genome
        - DESCR : str.
          What it is, its source and its licence.

    Raises
    ------
    ValueError
        If a genus or group is not in the collection, or no genome passes all filters.
    DataIntegrityError
        If a file has another checksum than expected.
    OSError
        If a file is missing and cannot or may not be downloaded.

    See Also
    --------
    fetch_gram_staining : Labelled windows of these genomes.
    fetch_genome : *Escherichia coli* K-12, which is not among these.

    References
    ----------
    O'Leary et al. (2016), Reference sequence (RefSeq) database at NCBI, Nucleic Acids Research 44, D733.

    Examples
    --------
    >>> from skgenome.datasets import fetch_bacterial_genomes
    >>> genomes = fetch_bacterial_genomes(genera=["Vibrio", "Salmonella"])  # doctest: +SKIP
    >>> len(genomes.data)  # doctest: +SKIP
    44
    """
    entries = _select_genomes(genera, exclude_genera, groups, gram)
    # All files before the first is read: a missing one is then reported within seconds.
    paths = [fetch_file(e, data_home=data_home, download_if_missing=download_if_missing) for e in entries]
    contigs = [
        Contig(record, entry)
        for entry, path in zip(entries, paths, strict=True)
        for record in iter_sequences(path)
    ]
    data = [contig.record.sequence for contig in contigs]
    return Bunch(
        data=data,
        **describe_contigs(contigs),
        filenames=[str(path) for path in paths],
        DESCR=_GENOMES_DESCR.format(
            n_genomes=len(entries), n_contigs=len(contigs), n_bases=sum(map(len, data))
        ),
    )
