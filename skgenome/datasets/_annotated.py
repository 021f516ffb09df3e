"""Fetch one genome with its annotation and its mapped promoters."""

import csv
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.utils import Bunch

from skgenome._sklearn import StrOptions, validate_params
from skgenome.datasets._genomes import Contig, describe_contigs
from skgenome.datasets._home import HOME_CONSTRAINTS, fetch_file
from skgenome.datasets._registry import registry_entries
from skgenome.sequences import iter_sequences, read_gff

# RegulonDB's sequences reach from 60 bases before the first transcribed base to 20 after it.
_BASES_BEFORE_TSS, _BASES_AFTER_TSS = 60, 20

_ECOLI_DESCR = """Escherichia coli K-12 MG1655

The genome NC_000913.3 ({n_bases:,} bases), its RefSeq annotation, and the promoters of RegulonDB 13 that have
a mapped start. Genome: BSD (repository sourmash-bio/sourmash), sequence from NCBI. Annotation: no licence
stated, NCBI. RegulonDB: free for academic and non-commercial use, not to be redistributed changed; cite
Salgado et al. 2024, Nucleic Acids Research 52, D255.
"""


class RegulonPromoter(NamedTuple):
    """A mapped promoter of RegulonDB, in 0-based half-open coordinates.

    Parameters
    ----------
    name, contig : str
        Promoter and the contig that it lies on.
    start, end : int
        The 81 bases of `sequence` on the contig.
    strand : {'+', '-'}
        Direction of transcription.
    tss : int
        First transcribed base.
    sigma_factor, first_gene : str
        As in RegulonDB; empty where unknown.
    confidence : {'C', 'S', 'W', ''}
        Confirmed, strong, weak, or unknown.
    sequence : str
        60 bases before the start, the start and 20 after it, in reading direction, upper case.
    """

    name: str
    contig: str
    start: int
    end: int
    strand: str
    tss: int
    sigma_factor: str
    first_gene: str
    confidence: str
    sequence: str


def _read_regulondb(path: os.PathLike, contig: str) -> Iterator[RegulonPromoter | None]:
    """Yield the promoters of a RegulonDB table; None for one whose start is not mapped.

    The table counts from 1; this function, like the other readers of formats, translates.
    """
    with Path(path).open(encoding="utf-8", newline="") as lines:
        rows = csv.reader((line for line in lines if not line.startswith("#")), delimiter="\t")
        next(rows)  # column titles
        for row in rows:
            _, name, direction, position, sigma_factor, sequence, first_gene, *_ = row
            if not position:
                yield None
                continue
            # On the reverse strand "before" lies at higher coordinates.
            tss = int(position) - 1
            before, after = _BASES_BEFORE_TSS, _BASES_AFTER_TSS
            if direction == "reverse":
                before, after = after, before
            yield RegulonPromoter(
                name=name,
                contig=contig,
                start=tss - before,
                end=tss + after + 1,
                strand="-" if direction == "reverse" else "+",
                tss=tss,
                sigma_factor=sigma_factor,
                first_gene=first_gene,
                confidence=row[10] if row[10] in ("C", "S", "W") else "",
                # The table marks the first transcribed base by its case; `tss` says it.
                sequence=sequence.upper(),
            )


@validate_params(
    {"name": [StrOptions({"ecoli_k12"})], **HOME_CONSTRAINTS}, prefer_skip_nested_validation=True
)
def fetch_genome(
    name: str = "ecoli_k12",
    *,
    data_home: str | os.PathLike | None = None,
    download_if_missing: bool = True,
) -> Bunch:
    """Fetch one genome with its annotation and mapped promoters.

    ==============  ================================================================
    Genome          *Escherichia coli* K-12 MG1655, NC_000913.3, 4,641,652 bases
    Annotation      RefSeq, 4,337 coding sequences among other features
    Promoters       RegulonDB 13, 3,960 with a mapped start (92 have none)
    Size on disk    5 MB
    Licence         sequence and annotation NCBI; RegulonDB for academic use
    ==============  ================================================================

    All coordinates are 0-based half-open, whatever the files count. RegulonDB's sequence stands at its
    place in the genome for all promoters but one.

    Parameters
    ----------
    name : {'ecoli_k12'}, default='ecoli_k12'
        Which genome.
    data_home : str or path-like, default=None
        Folder of the files; see `get_data_home`.
    download_if_missing : bool, default=True
        Whether to download files that the folder lacks, instead of raising OSError.

    Returns
    -------
    Bunch
        Has these fields.

        - data : list of str of length n_contigs
        - contig_names, genome_ids, genus, species, group, gram : ndarray of shape (n_contigs,), str
        - features : list of `skgenome.sequences.GffFeature`
        - promoters : list of `RegulonPromoter`
        - n_promoters_without_start : int; left out of `promoters`
        - filenames : list of str: genome, annotation, promoters
        - DESCR : str.
          What it is, its source and its licence.

    Raises
    ------
    DataIntegrityError
        If a file has another checksum than expected.
    OSError
        If a file is missing and cannot or may not be downloaded.

    References
    ----------
    Blattner et al. (1997), The complete genome sequence of Escherichia coli K-12, Science 277, 1453.
    Salgado et al. (2024), RegulonDB v12.0, Nucleic Acids Research 52, D255.

    Examples
    --------
    >>> from skgenome.datasets import fetch_genome
    >>> ecoli = fetch_genome("ecoli_k12")  # doctest: +SKIP
    >>> ecoli.promoters[0].sigma_factor  # doctest: +SKIP
    'sigma70'
    """
    entries = {entry.label: entry for entry in registry_entries(name)}
    paths = {
        label: fetch_file(entries[label], data_home=data_home, download_if_missing=download_if_missing)
        for label in ("genome", "annotation", "promoters")
    }
    # The registry's label of these files says what they are; the stain is that of the species.
    genome_entry = entries["genome"]._replace(label="negative")
    contigs = [Contig(record, genome_entry) for record in iter_sequences(paths["genome"])]
    promoters = list(_read_regulondb(paths["promoters"], contigs[0].record.name))
    placed = [promoter for promoter in promoters if promoter is not None]
    details = describe_contigs(contigs)
    return Bunch(
        data=[contig.record.sequence for contig in contigs],
        **{**details, "genome_ids": np.full(len(contigs), name)},
        features=list(read_gff(paths["annotation"])),
        promoters=placed,
        n_promoters_without_start=len(promoters) - len(placed),
        filenames=[str(path) for path in paths.values()],
        DESCR=_ECOLI_DESCR.format(n_bases=sum(len(contig.record.sequence) for contig in contigs)),
    )
