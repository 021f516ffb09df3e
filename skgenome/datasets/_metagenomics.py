"""Reads of real 16S rRNA genes, simulated, labelled with the genus."""

import os
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import Bunch

from skgenome._sklearn import Interval, StrOptions, validate_params
from skgenome.datasets._exclusion import find_matches
from skgenome.datasets._home import HOME_CONSTRAINTS, fetch_file
from skgenome.datasets._primers import Span, find_amplicon
from skgenome.datasets._reads import READ_CONSTRAINTS, simulate_reads
from skgenome.datasets._registry import registry_entries
from skgenome.datasets._seed import draw_seed
from skgenome.sequences import SequenceRecord, check_sequences, encode_many, iter_sequences, linked_groups

_DESCR = """16S reads, simulated

{n_samples:,} {kind} reads of {n_sources:,} 16S rRNA genes of {n_genera} genera. The genes are those of
Fiannaca et al. 2018, from the repository IcarPA-TBlab/MetagenomicDC (no licence stated), sequence from RDP.
The reads are simulated by skgenome.datasets.simulate_reads and are not the published ones.
"""


class _Source(NamedTuple):
    """A gene, the genus of its organism, and the stretch of it that is read, if there is one."""

    record: SequenceRecord
    genus: str
    span: Span | None


def _check_primers(primers: Sequence[str]) -> tuple[str, str]:
    """Return the primers if they are two pieces of DNA, or raise."""
    primers = tuple(check_sequences(list(primers), name="primers"))
    if len(primers) != 2 or "" in primers:
        raise ValueError(f"primers must be two, forward and reverse, with bases. Got {primers!r} instead.")
    encode_many(primers)  # raises for what is no DNA, and says where
    return primers


def _group_sources(sources: list[_Source]) -> np.ndarray:
    """Group genes that are equal, or of which one is whole in another."""
    sequences = [source.record.sequence for source in sources]
    pairs = [(match.query, match.contig) for match in find_matches(sequences, sequences)]
    return linked_groups(len(sequences), np.array(pairs))


def _draw_test_groups(
    genera: np.ndarray, groups: np.ndarray, test_size: float, rng: np.random.Generator
) -> set[int]:
    """Draw a share of the groups of every genus, but never all of them."""
    chosen: set[int] = set()
    for genus in np.unique(genera):
        # A group that holds two genera is drawn once, for the first of them.
        own = np.setdiff1d(groups[genera == genus], groups[genera < genus])
        n_test = min(max(round(test_size * len(own)), 1), len(own) - 1)
        chosen.update(rng.permutation(own)[: max(n_test, 0)].tolist())
    return chosen


def _load_sources(path: os.PathLike, primers: tuple[str, str] | None, max_mismatches: int) -> list[_Source]:
    """Read the genes and find what is read of each: all of it without primers."""
    sources = []
    for record in iter_sequences(path):
        span: Span | None = Span(0, len(record.sequence))
        if primers:
            span = find_amplicon(record.sequence, *primers, max_mismatches=max_mismatches)
        # The headers name class, order, family and genus.
        sources.append(_Source(record, record.description.split()[-1], span))
    return sources


def _read_sources(sources: list[_Source], **settings: Any) -> Bunch:
    """Simulate reads of all genes that have a stretch to be read, with their places on the whole genes."""
    # Numbers of genes, not genes: a gene without a stretch leaves a gap.
    kept = np.array([number for number, source in enumerate(sources) if source.span])
    spans = [source.span for source in sources if source.span]
    sequences = [sources[n].record.sequence[slice(*span)] for n, span in zip(kept, spans, strict=True)]
    reads = simulate_reads(sequences, **settings)
    shifts = np.array([span.start for span in spans])[reads.sources]
    moved = {"starts": reads.starts + shifts, "ends": reads.ends + shifts, "sources": kept[reads.sources]}
    return Bunch(data=reads.data, strands=reads.strands, **moved)


@validate_params(
    {
        "kind": [StrOptions({"shotgun", "amplicon"})],
        "subset": [StrOptions({"train", "test", "all"})],
        "n_reads_per_source": [Interval(Integral, 1, None, closed="left")],
        **READ_CONSTRAINTS,
        "both_strands": ["boolean"],
        "primers": [tuple, list],
        "max_mismatches": [Interval(Integral, 0, None, closed="left")],
        "test_size": [Interval(Real, 0, 1, closed="neither")],
        "random_state": ["random_state"],
        "return_X_y": ["boolean"],
        **HOME_CONSTRAINTS,
    },
    prefer_skip_nested_validation=True,
)
def fetch_16s_reads(
    *,
    kind: str = "shotgun",
    subset: str = "train",
    n_reads_per_source: int = 28,
    read_length: int = 400,
    read_length_std: float = 50.0,
    substitution_rate: float = 0.004,
    insertion_rate: float = 0.0005,
    deletion_rate: float = 0.0005,
    both_strands: bool = True,
    primers: tuple[str, str] = ("CCTACGGGNGGCWGCAG", "GACTACHVGGGTATCTAATCC"),
    max_mismatches: int = 2,
    test_size: float = 0.2,
    random_state: int | np.random.RandomState | None = 0,
    return_X_y: bool = False,
    data_home: str | os.PathLike | None = None,
    download_if_missing: bool = True,
) -> Bunch | tuple[np.ndarray, np.ndarray]:
    """Fetch real 16S rRNA genes and simulate reads of them, labelled with the genus.

    ==============  ==================================================================
    Samples         shotgun: train 21,700, test 6,300; amplicon: train 21,364, test 6,188
    Classes         100 genera, 10 genes of each
    Length          about 400 bases
    Size on disk    1.5 MB (the genes; reads are made when asked for)
    Licence         none stated; sequence from the Ribosomal Database Project
    ==============  ==================================================================

    Shotgun reads lie anywhere in a gene. Amplicon reads begin behind the forward primer and end before the
    reverse one, or earlier where `read_length` says so; genes in which a primer finds no place (16 of the
    1,000) are left out and named in the Bunch. For the errors see `simulate_reads`.

    **How the split is made.** By gene: a share `test_size` of the genes of every genus is for testing, and
    all reads of a gene are on one side. Genes that are equal (51 of the 1,000 repeat another one), or of
    which one is whole in another, count as one gene. With the same int as `random_state`, 'train' and 'test'
    are the two parts of 'all', and genes are split alike whatever the other parameters but `test_size`.

    **Leakage.** The published reads of these genes were split at random, so that one gene had reads on both
    sides; results on them are not to be compared with results on these. Genes of one genus are
    still nearly equal in many places: that is the task.

    Parameters
    ----------
    kind : {'shotgun', 'amplicon'}, default='shotgun'
        What is sequenced: fragments of the whole gene, or one region between two primers.
    subset : {'train', 'test', 'all'}, default='train'
        Which part. 'all' keeps the order of the genes; the Bunch says which is which.
    n_reads_per_source : int, default=28
        Reads of each gene; 28 gives about as many as were published.
    read_length : int, default=400
        Mean length in bases, before errors; shorter where gene or region are.
    read_length_std : float, default=50.0
        Standard deviation of the length.
    substitution_rate, insertion_rate, deletion_rate : float, default=0.004, 0.0005, 0.0005
        Probabilities per base.
    both_strands : bool, default=True
        Whether half of the shotgun reads, by chance, are of the reverse strand. Amplicon reads are always of
        the forward strand.
    primers : tuple of two str, default=("CCTACGGGNGGCWGCAG", "GACTACHVGGGTATCTAATCC")
        Forward and reverse primer of the amplicon, IUPAC letters included. These are 341F and 805R, around
        the regions V3 and V4.
    max_mismatches : int, default=2
        Bases per primer that may be others than it asks for.
    test_size : float, default=0.2
        Share of genes in the test part, rounded in every genus, and at least one.
    random_state : int, RandomState instance or None, default=0
        Determines the split, and the reads.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch.
    data_home : str or path-like, default=None
        Folder of the files; see `get_data_home`.
    download_if_missing : bool, default=True
        Whether to download files that the folder lacks, instead of raising OSError.

    Returns
    -------
    reads : Bunch
        Has these fields.

        - data : ndarray of shape (n_samples,), object (str).
          Gene by gene, so shuffle before taking the first n.
        - target : ndarray of shape (n_samples,), int64; the genus
        - target_names : list of str, sorted; all genera, whatever the part
        - groups : ndarray of shape (n_samples,), int64.
          Reads of one gene, or of genes that count as one, have the same.
        - names : ndarray of shape (n_samples,), str; the gene that each was read from
        - starts, ends : ndarray of shape (n_samples,), int64; where in the gene, 0-based half-open
        - strands, subsets : ndarray of shape (n_samples,), str
        - sources_without_primer : list of str.
          Names of the genes, of both parts, that an amplicon could not be found in.
        - filenames : list of str
        - DESCR : str.
          What it is, its source and its licence.
    (data, target) : tuple
        Only these two, if `return_X_y`.

    Raises
    ------
    ValueError
        If `primers` are not two, or no DNA, or bind to no gene.
    DataIntegrityError
        If the file has another checksum than expected.
    OSError
        If the file is missing and cannot or may not be downloaded.

    See Also
    --------
    simulate_reads : Reads of any sequences.

    References
    ----------
    Fiannaca et al. (2018), Deep learning models for bacteria taxonomic classification of metagenomic data,
    BMC Bioinformatics 19, 198.
    Klindworth et al. (2013), Evaluation of general 16S ribosomal RNA gene PCR primers for classical and
    next-generation sequencing-based diversity studies, Nucleic Acids Research 41, e1: the primers.

    Examples
    --------
    >>> from skgenome.datasets import fetch_16s_reads
    >>> X, y = fetch_16s_reads(kind="amplicon", subset="test", return_X_y=True)  # doctest: +SKIP
    >>> len(set(y))  # doctest: +SKIP
    100
    """
    entry = registry_entries("16s_sources")[0]
    primers = _check_primers(primers)
    path = fetch_file(entry, data_home=data_home, download_if_missing=download_if_missing)
    is_amplicon = kind == "amplicon"
    sources = _load_sources(path, primers if is_amplicon else None, max_mismatches)
    if not any(source.span for source in sources):
        raise ValueError(
            f"primers must bind to at least one gene with at most {max_mismatches} mismatches each. Got "
            f"{primers}, which bind to none. Write both in their own reading direction."
        )
    seed = draw_seed(random_state)
    # All genes are read, and one part is kept: so its reads do not depend on which part is asked for.
    reads = _read_sources(
        sources,
        n_reads_per_sequence=n_reads_per_source,
        read_length=read_length,
        read_length_std=read_length_std,
        start="first" if is_amplicon else "random",
        both_strands=both_strands and not is_amplicon,
        substitution_rate=substitution_rate,
        insertion_rate=insertion_rate,
        deletion_rate=deletion_rate,
        random_state=seed,
    )
    genera, groups = np.array([source.genus for source in sources]), _group_sources(sources)
    # A generator of its own: the split is the same for shotgun and amplicon reads.
    test_groups = _draw_test_groups(genera, groups, test_size, np.random.default_rng(seed))
    subsets = np.where(np.isin(groups, list(test_groups)), "test", "train")[reads.sources]
    chosen = np.flatnonzero((subsets == subset) | (subset == "all"))
    target_names, target = np.unique(genera, return_inverse=True)
    of_read = reads.sources[chosen]
    if return_X_y:
        return reads.data[chosen], target[of_read]
    return Bunch(
        data=reads.data[chosen],
        target=target[of_read],
        target_names=target_names.tolist(),
        groups=groups[of_read],
        names=np.array([source.record.name for source in sources])[of_read],
        starts=reads.starts[chosen],
        ends=reads.ends[chosen],
        strands=reads.strands[chosen],
        subsets=subsets[chosen],
        sources_without_primer=[source.record.name for source in sources if source.span is None],
        filenames=[str(path)],
        DESCR=_DESCR.format(
            n_samples=len(chosen), kind=kind, n_sources=len(set(of_read)), n_genera=len(target_names)
        ),
    )
