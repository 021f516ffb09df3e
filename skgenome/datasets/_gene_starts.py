"""Cut windows around the starts of genes, and inside genes, out of annotated genomes."""

from collections.abc import Iterator, Sequence
from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
from sklearn.utils import Bunch

from skgenome._sklearn import Interval, validate_params
from skgenome.datasets._links import overlap_links
from skgenome.datasets._seed import draw_seed
from skgenome.sequences import (
    GffFeature,
    check_sequences,
    encode_many,
    linked_groups,
    reverse_complement,
    similar_pairs,
)

_TARGET_NAMES = ("gene interior", "gene start")
_DESCR = """Windows around the starts of genes

{n_samples:,} windows of {length} bp out of {n_contigs} contigs, {n_positive:,} of them from {before} bases
before a gene to {after} inside it, the others inside a gene, at least {min_distance} bases behind its start.
Made by skgenome.datasets.make_gene_start_windows. Groups overlap on the genome or share k-mers.
"""


class _Gene(NamedTuple):
    """A gene on a contig; its pieces are in reading direction, and more than one where it is interrupted."""

    name: str
    contig: int
    strand: str
    pieces: list[tuple[int, int]]


class _Window(NamedTuple):
    """A place for a window, and whether it is one around a gene's start. Sorts in genome order."""

    contig: int
    start: int
    end: int
    strand: str
    is_start: bool
    name: str


def _name_of(feature: GffFeature) -> str:
    """Give the first of a feature's names that it has."""
    return next(
        (feature.attributes[key] for key in ("gene", "locus_tag", "Name", "ID") if key in feature.attributes),
        "",
    )


def _check_feature(feature: GffFeature, numbers: dict[str, int], lengths: list[int]) -> None:
    """Raise ValueError for a feature that does not belong to the contigs."""
    if feature.contig not in numbers:
        raise ValueError(
            f"Each feature must lie on one of the contigs. Got {_name_of(feature)!r} on {feature.contig!r}; "
            f"contig_names begins with {', '.join(list(numbers)[:3])}. Are both of one assembly?"
        )
    length = lengths[numbers[feature.contig]]
    if feature.end > length:
        raise ValueError(
            f"Each feature must lie within its contig. Got {_name_of(feature)!r} at {feature.start} to "
            f"{feature.end} on {feature.contig!r}, which has {length} bases. Are they of one assembly?"
        )


def _collect_genes(
    features: Sequence[GffFeature], kind: str, numbers: dict[str, int], lengths: list[int]
) -> list[_Gene]:
    """Put the features of one kind together to genes: in GFF, lines with one ID are parts of one thing."""
    parts: dict[tuple[str, str, str | int], list[GffFeature]] = {}
    for place, feature in enumerate(features):
        if feature.kind == kind:
            _check_feature(feature, numbers, lengths)
            key = feature.attributes.get("ID", place)
            parts.setdefault((feature.contig, feature.strand, key), []).append(feature)
    genes = []
    for (contig, strand, _), of_gene in parts.items():
        pieces = sorted(((f.start, f.end) for f in of_gene), reverse=strand == "-")
        genes.append(_Gene(_name_of(of_gene[0]), numbers[contig], strand, pieces))
    return genes


def _start_window(gene: _Gene, before: int, after: int) -> _Window:
    """Place a window around a gene's start; it may stick out of the contig."""
    if gene.strand == "+":
        start = gene.pieces[0][0]
        span = start - before, start + after
    else:
        # On the reverse strand a gene begins at its end, and "before" lies at higher coordinates.
        start = gene.pieces[0][1]
        span = start - after, start + before
    return _Window(gene.contig, *span, gene.strand, True, gene.name)


def _interior_places(gene: _Gene, length: int, min_distance: int) -> list[range]:
    """Give the starts of all windows inside a gene's pieces that are far enough from its own start."""
    (first, last), *others = gene.pieces
    first, last = (first + min_distance, last) if gene.strand == "+" else (first, last - min_distance)
    return [range(a, b - length + 1) for a, b in [(first, last), *others]]


def _interior_windows(
    genes: list[_Gene], length: int, min_distance: int, rng: np.random.Generator
) -> Iterator[_Window]:
    """Draw one window inside every gene that is long enough."""
    # Drawn for short genes too, so that min_distance does not shift the draws of all others.
    for gene, share in zip(genes, rng.random(len(genes)).tolist(), strict=True):
        places = [place for piece in _interior_places(gene, length, min_distance) for place in piece]
        if places:
            start = places[int(share * len(places))]
            yield _Window(gene.contig, start, start + length, gene.strand, False, gene.name)


def _cut(contigs: list[str], window: _Window) -> str:
    """Read a window in the direction of its strand."""
    sequence = contigs[window.contig][window.start : window.end]
    return sequence if window.strand == "+" else reverse_complement(sequence)


@validate_params(
    {
        "contigs": "no_validation",
        "features": ["array-like"],
        "contig_names": "no_validation",
        "before": [Interval(Integral, 0, None, closed="left")],
        "after": [Interval(Integral, 1, None, closed="left")],
        "min_distance": [Interval(Integral, 0, None, closed="left")],
        "kind": [str],
        "k": [Interval(Integral, 1, 15, closed="both")],
        "threshold": [Interval(Real, 0, 1, closed="right")],
        "random_state": ["random_state"],
        "return_X_y": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def make_gene_start_windows(
    contigs: Sequence[str],
    features: Sequence[GffFeature],
    *,
    contig_names: Sequence[str],
    before: int = 100,
    after: int = 50,
    min_distance: int = 50,
    kind: str = "CDS",
    k: int = 11,
    threshold: float = 0.3,
    random_state: int | np.random.RandomState | None = None,
    return_X_y: bool = False,
) -> Bunch | tuple[np.ndarray, np.ndarray]:
    """Make a promoter-like data set out of an annotated genome: starts of genes against their interior.

    The rule is that of the *Escherichia coli* set of Genomic-ULMFiT. A positive reaches from `before` bases
    before a gene to `after` inside it, a negative of the same length lies inside a gene, one per gene, and
    all are read in the direction of the gene. Of the 3,942 positives that were published
    (`fetch_ecoli_promoters`), 3,839 (97.4 %) are among the 4,313 that this function cuts out of
    `fetch_genome`; the others do not lie at a start of that annotation. Not every positive is a promoter:
    genes inside operons have none.

    The published split let overlapping and homologous sequences straddle. Here ``groups`` keeps together what
    overlaps on the genome, whatever the strand, or shares k-mers, directly or through others: split by it.

    Parameters
    ----------
    contigs : collection of str
        The genome, or several.
    features : list of `skgenome.sequences.GffFeature`
        Its annotation. Lines with the same ID are pieces of one gene.
    contig_names : collection of str
        What the features call each of the contigs.
    before : int, default=100
        Bases of a positive before the gene.
    after : int, default=50
        Bases of a positive inside the gene.
    min_distance : int, default=50
        Bases from a gene's start to the nearest base of its negative. Another gene may start within it, where
        genes overlap; then the two windows are in one group.
    kind : str, default="CDS"
        Features to take as genes.
    k : int, default=11
        Bases in a k-mer of the comparison.
    threshold : float, default=0.3
        Share of k-mers that two windows must have in common to be grouped; see
        `skgenome.sequences.similar_pairs`.
    random_state : int, RandomState instance or None, default=None
        Determines where in their genes the negatives lie.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    windows : Bunch
        Has these fields.

        - data : ndarray of shape (n_samples,), object (str).
          In the order of the genome, classes mixed.
        - target : ndarray of shape (n_samples,), int64; 1 is a gene's start
        - target_names : ["gene interior", "gene start"]
        - names : ndarray of shape (n_samples,), str; the gene, empty where it has no name
        - contig_names, strands : ndarray of shape (n_samples,), str
        - starts, ends : ndarray of shape (n_samples,), int64; on the contig, 0-based half-open
        - groups : ndarray of shape (n_samples,), int64
        - n_genes_at_edge : int.
          Genes without a positive, because it would stick out of the contig.
        - n_genes_with_same_start : int.
          Genes without a positive, because another gene has the same.
        - n_short_genes : int.
          Genes without a negative, because they are shorter than `min_distance` and a window.
        - n_genes_without_strand : int.
          Features left out, because nobody knows in which direction they are read.
        - DESCR : str.
          What it is.
    (data, target) : tuple
        Only these two, if `return_X_y`.

    Raises
    ------
    TypeError
        If `contigs` or `contig_names` is no collection of str.
    ValueError
        If a feature lies on no contig or beyond its end, names are not one per contig or not unique, there is
        no feature of the kind, a contig is no DNA, or a parameter is out of its range.

    See Also
    --------
    fetch_ecoli_promoters : The published set.
    fetch_genome : A genome to cut windows out of.
    make_promoters : Windows around starts of transcription, out of invented genomes.

    References
    ----------
    Heyer (2019), Genomic-ULMFiT, https://github.com/kheyer/Genomic-ULMFiT.

    Examples
    --------
    >>> from skgenome.datasets import make_gene_start_windows, make_genomes
    >>> genomes = make_genomes(n_genomes=1, genome_length=20_000, random_state=0)
    >>> windows = make_gene_start_windows(
    ...     genomes.data, genomes.features, contig_names=genomes.contig_names, random_state=0
    ... )
    >>> {len(window) for window in windows.data}
    {150}
    """
    contigs = check_sequences(contigs, name="contigs")
    names = check_sequences(contig_names, name="contig_names")
    numbers = {name: number for number, name in enumerate(names)}
    if not len(numbers) == len(names) == len(contigs):
        raise ValueError(
            f"contig_names must hold one name per contig, each only once. Got {len(numbers)} different ones "
            f"of {len(names)}, for {len(contigs)} contigs."
        )
    encode_many(contigs)  # raises for what is no DNA, before a window of it is looked at
    lengths = [len(contig) for contig in contigs]
    found = _collect_genes(features, kind, numbers, lengths)
    genes = [gene for gene in found if gene.strand != "."]
    if not genes:
        raise ValueError(
            f"features must have some of kind={kind!r} with a strand. Got none among {len(features)}."
        )
    around = [_start_window(gene, before, after) for gene in genes]
    whole = [w for w in around if w.start >= 0 and w.end <= lengths[w.contig]]
    positives = {window[:4]: window for window in reversed(whole)}
    rng = np.random.default_rng(draw_seed(random_state))
    negatives = list(_interior_windows(genes, before + after, min_distance, rng))
    windows = sorted([*positives.values(), *negatives])
    data = np.array([_cut(contigs, window) for window in windows], dtype=object)
    target = np.array([window.is_start for window in windows], dtype=np.int64)
    if return_X_y:
        return data, target
    starts, ends = (np.array([getattr(w, key) for w in windows], dtype=np.int64) for key in ("start", "end"))
    of_contig = np.array([names[window.contig] for window in windows])
    links = [overlap_links(of_contig, starts, ends), similar_pairs(data, k=k, threshold=threshold)]
    return Bunch(
        data=data,
        target=target,
        target_names=list(_TARGET_NAMES),
        names=np.array([window.name for window in windows]),
        contig_names=of_contig,
        starts=starts,
        ends=ends,
        strands=np.array([window.strand for window in windows]),
        groups=linked_groups(len(windows), np.concatenate(links)),
        n_genes_at_edge=len(around) - len(whole),
        n_genes_with_same_start=len(whole) - len(positives),
        n_short_genes=len(genes) - len(negatives),
        n_genes_without_strand=len(found) - len(genes),
        DESCR=_DESCR.format(
            n_samples=len(windows),
            length=before + after,
            n_contigs=len(contigs),
            n_positive=len(positives),
            before=before,
            after=after,
            min_distance=min_distance,
        ),
    )
