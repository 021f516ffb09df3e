"""Invented genomes and promoters, for examples and tests without a network."""

from collections.abc import Sequence
from numbers import Integral, Real

import numpy as np
from sklearn.utils import Bunch

from skgenome._sklearn import Interval, validate_params
from skgenome.datasets._assembly import Assembly, assemble
from skgenome.datasets._seed import draw_seed
from skgenome.datasets._species import Species, draw_species
from skgenome.sequences import GffFeature, decode, reverse_complement_codes

# First word of the seeds: genomes to pretrain on and genomes that promoters are cut from are drawn from
# different streams, so one random_state for both never gives the same DNA twice.
_GENOME_STREAM, _PROMOTER_STREAM = 1, 2
# Where in a window transcription starts: base 60 of 81, as in RegulonDB's and Umarov's promoters.
_TSS_SHARE = 60 / 81
# Of the negatives, the share that lies around the end of a gene instead of inside one.
_GENE_END_SHARE = 0.15
# Operons drawn beyond those needed, for windows that would stick out at the ends of the contig.
_SPARE_OPERONS = 4

_GENOMES_DESCR = """Invented bacterial genomes

{n_genomes} genomes of {n_species} species, {n_bases:,} bases, made by skgenome.datasets.make_genomes.
Each species has its own GC content, codon usage and composition between genes. Operons lie on both strands:
sigma-70 promoter, leader, ribosome binding sites, genes, terminator. No licence is needed.
"""
_PROMOTERS_DESCR = """Invented bacterial promoters

{n_samples} stretches of {length} bp from {n_genomes} genomes of {n_species} species, {n_positive} of them
around the transcription start of an operon, made by skgenome.datasets.make_promoters. The others lie inside
a gene or around its end. The genomes are drawn for this set alone; groups are genomes. No licence is needed.
"""

_SPECIES_CONSTRAINTS = {
    "n_genomes": [Interval(Integral, 1, None, closed="left")],
    "n_species": [Interval(Integral, 1, None, closed="left")],
    "gc": [None, Interval(Real, 0.25, 0.75, closed="both"), "array-like"],
    "species_seed": [Interval(Integral, 0, None, closed="left")],
    "random_state": ["random_state"],
}


def _resolve_gc(gc: float | Sequence[float] | None, n_species: int) -> list[float | None]:
    """Return one GC content, or None, per species."""
    if gc is None:
        return [None] * n_species
    if isinstance(gc, float | Real):  # float for the type checker, which does not count it as Real
        return [float(gc)] * n_species
    if len(gc) != n_species:
        raise ValueError(
            f"gc must be one number or one per species. Got {len(gc)} numbers for n_species={n_species}."
        )
    outside = [share for share in gc if not 0.25 <= share <= 0.75]
    if outside:
        raise ValueError(f"Every gc must be in the range [0.25, 0.75]. Got {outside[0]} instead.")
    return [float(share) for share in gc]


def _draw_all_species(species_seed: int, n_species: int, gc: float | Sequence[float] | None) -> list[Species]:
    """Draw the species of a family."""
    return [draw_species(species_seed, i, share) for i, share in enumerate(_resolve_gc(gc, n_species))]


def _cut_to_length(
    species: Species, length: int, seed: list[int], contig: str
) -> tuple[np.ndarray, list[GffFeature]]:
    """Draw a genome of exactly `length` bases; features that reach beyond its end are left out."""
    # Operons are 1.9 kb on average, so the first try nearly always reaches.
    n_operons = length // 1500 + _SPARE_OPERONS
    codes = np.empty(0, dtype=np.uint8)
    while len(codes) < length:
        codes, features = assemble(species, n_operons, np.random.default_rng(seed), contig=contig)
        n_operons *= 2
    return codes[:length], [feature for feature in features if feature.end <= length]


@validate_params(
    {**_SPECIES_CONSTRAINTS, "genome_length": [Interval(Integral, 10_000, None, closed="left")]},
    prefer_skip_nested_validation=True,
)
def make_genomes(
    *,
    n_genomes: int = 4,
    genome_length: int = 500_000,
    n_species: int = 2,
    gc: float | Sequence[float] | None = None,
    species_seed: int = 0,
    random_state: int | np.random.RandomState | None = None,
) -> Bunch:
    """Make bacterial genomes with genes and promoters, without a network.

    Every genome is one contig of operons on both strands. An operon has a sigma-70 promoter (a -35 box, a
    spacer of 15 to 19 bases, a -10 box, both boxes drawn from the base frequencies of *Escherichia coli*),
    a leader, genes that each follow a ribosome binding site, and a rho-independent terminator. Genes mix
    four kinds (typical, strongly expressed, acquired, membrane), because genes of one composition would be
    told from what lies between them by GC content alone.

    It is realistic enough for a language model to learn what carries over to `make_promoters`: reading
    frames, codon usage, starts and stops, ribosome binding sites, boxes. It has no paralogues, no RNA
    genes, no strand asymmetry of replication, and no overlapping genes. Two Mbp take about half a second.

    Parameters
    ----------
    n_genomes : int, default=4
        Number of genomes; genome i is of species ``i % n_species``.
    genome_length : int, default=500_000
        Bases in each genome, at least 10,000.
    n_species : int, default=2
        Number of species, each with its own statistics.
    gc : float or sequence of float of length n_species, default=None
        GC content, .25 to .75, of all species or of each. None draws it between .40 and .60 per species.
    species_seed : int, default=0
        Determines the species. With the same `species_seed`, `n_species` and `gc`, `make_promoters` draws
        from the same species.
    random_state : int, RandomState instance or None, default=None
        Determines the genomes. Genome i is the same whatever `n_genomes` is.

    Returns
    -------
    Bunch
        Has these fields.

        - data : list of str, one contig per genome
        - contig_names, genome_ids : ndarray of shape (n_genomes,), str
        - species : ndarray of shape (n_genomes,), str
        - gc : ndarray of shape (n_genomes,), float.
          The GC content that the species was made for.
        - features : list of `skgenome.sequences.GffFeature`.
          Of all contigs, 0-based half-open: ``CDS``, ``promoter`` (-35 box to the base before transcription
          starts), ``minus_35_signal``, ``minus_10_signal``, ``Shine_Dalgarno_sequence``, ``terminator``,
          ``operon`` (what is transcribed).
        - DESCR : str.
          What it is, its source and its licence.

    Raises
    ------
    ValueError
        If a parameter is out of its range, or `gc` has not one value per species.

    See Also
    --------
    make_promoters : Labelled stretches of other genomes of the same species.

    References
    ----------
    Lisser & Margalit (1993), Compilation of E. coli mRNA promoter sequences, Nucleic Acids Research 21:
    the frequencies of the boxes. Médigue et al. (1991), Evidence for horizontal gene transfer in
    Escherichia coli speciation, Journal of Molecular Biology 222: kinds of genes.

    Examples
    --------
    >>> from skgenome.datasets import make_genomes
    >>> genomes = make_genomes(n_genomes=2, genome_length=20_000, random_state=0)
    >>> [len(contig) for contig in genomes.data]
    [20000, 20000]
    >>> gene = next(feature for feature in genomes.features if feature.kind == "CDS")
    >>> (gene.end - gene.start) % 3
    0
    """
    species = _draw_all_species(species_seed, n_species, gc)
    seed = draw_seed(random_state)
    of_genome = np.arange(n_genomes) % n_species
    names = np.array([f"species{s}_genome{i}" for i, s in enumerate(of_genome)])
    drawn = [
        _cut_to_length(species[s], genome_length, [_GENOME_STREAM, seed, i], str(names[i]))
        for i, s in enumerate(of_genome)
    ]
    return Bunch(
        data=[decode(codes) for codes, _ in drawn],
        contig_names=names,
        genome_ids=names.copy(),
        species=np.array([f"species{s}" for s in of_genome]),
        gc=np.array([species[s].gc for s in of_genome]),
        features=[feature for _, features in drawn for feature in features],
        DESCR=_GENOMES_DESCR.format(
            n_genomes=n_genomes, n_species=n_species, n_bases=n_genomes * genome_length
        ),
    )


def _cut(assembly: Assembly, start: int, length: int, strand: str) -> str:
    """Return a window of a genome in the reading direction of its strand."""
    codes = assembly.codes[start : start + length]
    return decode(codes if strand == "+" else reverse_complement_codes(codes))


def _window_start(position: int, before: int, length: int, strand: str) -> int:
    """Place a window so that the boundary `position` has `before` bases upstream on its strand."""
    return position - before if strand == "+" else position - (length - before)


def _first_base(feature: GffFeature) -> int:
    """Return the boundary before a feature's first base in reading direction."""
    return feature.start if feature.strand == "+" else feature.end


Window = tuple[int, str]


def _promoter_windows(assembly: Assembly, length: int) -> list[Window]:
    """Return the windows around the first transcribed base of every operon."""
    before = round(_TSS_SHARE * length)
    return [
        (_window_start(_first_base(feature), before, length, feature.strand), feature.strand)
        for feature in assembly.features
        if feature.kind == "operon"
    ]


def _coding_windows(assembly: Assembly, length: int, rng: np.random.Generator) -> list[Window]:
    """Return one window per gene that is long enough, inside it, read as the gene is."""
    genes = [f for f in assembly.features if f.kind == "CDS" and f.end - f.start >= length]
    return [(int(rng.integers(gene.start, gene.end - length + 1)), gene.strand) for gene in genes]


def _gene_end_windows(assembly: Assembly, length: int, rng: np.random.Generator) -> list[Window]:
    """Return windows around the end of each operon's last gene that touch no promoter on either strand."""
    promoters = [f for f in assembly.features if f.kind == "promoter"]
    starts = np.sort([f.start for f in promoters])
    ends = np.sort([f.end for f in promoters])
    windows = []
    for terminator in (f for f in assembly.features if f.kind == "terminator"):
        before = int(rng.integers(length // 4, 3 * length // 4))
        start = _window_start(_first_base(terminator), before, length, terminator.strand)
        # As many promoters begin before the window's end as end before its start: none lies in it.
        if np.searchsorted(starts, start + length) == np.searchsorted(ends, start, side="right"):
            windows.append((start, terminator.strand))
    return windows


def _choose(
    windows: list[Window], n_windows: int, assembly: Assembly, length: int, rng: np.random.Generator
) -> list[str]:
    """Cut at most `n_windows` of the windows that lie within the contig, drawn without replacement."""
    inside = [window for window in windows if 0 <= window[0] <= len(assembly.codes) - length]
    chosen = rng.permutation(len(inside))[:n_windows]
    return [_cut(assembly, inside[i][0], length, inside[i][1]) for i in chosen]


def _promoters_of_genome(
    species: Species, n_positive: int, n_negative: int, length: int, rng: np.random.Generator
) -> tuple[list[str], list[str]]:
    """Draw a genome and cut positives and negatives out of it."""
    assembly = assemble(species, max(n_positive, n_negative) + _SPARE_OPERONS, rng)
    positives = _choose(_promoter_windows(assembly, length), n_positive, assembly, length, rng)
    # Ends of genes first: where too few are free of promoters, insides of genes make up for them.
    n_ends = round(_GENE_END_SHARE * n_negative)
    negatives = _choose(_gene_end_windows(assembly, length, rng), n_ends, assembly, length, rng)
    n_coding = n_negative - len(negatives)
    # There are nearly two genes per operon, so one window per gene is enough.
    coding = _choose(_coding_windows(assembly, length, rng), n_coding, assembly, length, rng)
    return positives, negatives + coding


def _share_out(total: int, n_parts: int) -> list[int]:
    """Split a number into parts that differ by one at most."""
    return np.diff(np.arange(n_parts + 1) * total // n_parts).tolist()


@validate_params(
    {
        **_SPECIES_CONSTRAINTS,
        "n_samples": [Interval(Integral, 2, None, closed="left")],
        "sequence_length": [Interval(Integral, 60, 300, closed="both")],
        "promoter_fraction": [Interval(Real, 0, 1, closed="neither")],
        "return_X_y": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def make_promoters(
    *,
    n_samples: int = 1000,
    sequence_length: int = 150,
    promoter_fraction: float = 0.5,
    n_genomes: int = 4,
    n_species: int = 2,
    gc: float | Sequence[float] | None = None,
    species_seed: int = 0,
    random_state: int | np.random.RandomState | None = None,
    return_X_y: bool = False,
) -> Bunch | tuple[np.ndarray, np.ndarray]:
    """Make a promoter data set out of invented genomes, without a network.

    Positives lie around the first transcribed base of an operon, with 74 % of the window before it (as base
    60 of 81 in the published sets). Negatives lie inside a gene (85 %) or around the end of the last gene of
    an operon, without a promoter on either strand. All are read in the direction of their operon. The
    genomes are of the species of `make_genomes` but other genomes, whatever the seeds.

    Composition tells some of the two classes apart, reading frames and boxes much more: k-mer counts up to 4
    with logistic regression reach an accuracy of about .70 with 100 labels and .78 with 1000.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of sequences.
    sequence_length : int, default=150
        Bases in each, 60 to 300.
    promoter_fraction : float, default=0.5
        Share of positives.
    n_genomes : int, default=4
        Number of genomes that the sequences are cut from in equal shares; they are the groups.
    n_species : int, default=2
        Number of species; genome i is of species ``i % n_species``.
    gc : float or sequence of float of length n_species, default=None
        As in `make_genomes`.
    species_seed : int, default=0
        As in `make_genomes`.
    random_state : int, RandomState instance or None, default=None
        Determines genomes, windows and the order of the samples.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    promoters : Bunch
        Has these fields.

        - data : ndarray of shape (n_samples,), object (str)
        - target : ndarray of shape (n_samples,), int64; 1 for a promoter
        - target_names : ["non-promoter", "promoter"]
        - groups : ndarray of shape (n_samples,), str; the genome of each
        - species, names : ndarray of shape (n_samples,), str
        - DESCR : str.
          What it is, its source and its licence.
    (data, target) : tuple
        Only these two, if `return_X_y`.

    Raises
    ------
    ValueError
        If a parameter is out of its range, or `gc` has not one value per species.

    See Also
    --------
    make_genomes : Unlabelled genomes of the same species.
    fetch_ecoli_promoters : Real ones.

    Examples
    --------
    >>> from skgenome.datasets import make_promoters
    >>> X, y = make_promoters(n_samples=20, random_state=0, return_X_y=True)
    >>> len(X[0]), int(y.sum())
    (150, 10)
    """
    species = _draw_all_species(species_seed, n_species, gc)
    seed = draw_seed(random_state)
    n_positive = round(promoter_fraction * n_samples)
    shares = zip(
        _share_out(n_positive, n_genomes), _share_out(n_samples - n_positive, n_genomes), strict=True
    )
    sequences, labels, genomes = [], [], []
    for i, counts in enumerate(shares):
        rng = np.random.default_rng([_PROMOTER_STREAM, seed, i])
        drawn = _promoters_of_genome(species[i % n_species], *counts, sequence_length, rng)
        for label, cut in zip((1, 0), drawn, strict=True):
            sequences += cut
            labels += [label] * len(cut)
            genomes += [i] * len(cut)
    # Shuffled, as scikit-learn's make_* do: the first n are then a random draw.
    order = np.random.default_rng([_PROMOTER_STREAM, seed]).permutation(n_samples)
    data = np.array(sequences, dtype=object)[order]
    target, groups = np.array(labels, dtype=np.int64)[order], np.array(genomes)[order]
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        target_names=["non-promoter", "promoter"],
        groups=np.array([f"species{g % n_species}_genome{g}" for g in groups]),
        species=np.array([f"species{g % n_species}" for g in groups]),
        names=np.array([f"promoters_{i}" for i in range(n_samples)]),
        DESCR=_PROMOTERS_DESCR.format(
            n_samples=n_samples,
            length=sequence_length,
            n_genomes=n_genomes,
            n_species=n_species,
            n_positive=n_positive,
        ),
    )
