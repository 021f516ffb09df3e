"""Put an invented genome together: operons of boxes, leaders, genes and terminators, on both strands.

Every operon is first laid out in its own reading direction as a list of parts (kind, codes), then turned
to its strand. Whatever is drawn per base is drawn for the whole genome at once.
"""

from typing import NamedTuple

import numpy as np

from skgenome.datasets._species import (
    CODON_BASES,
    GENE_CLASSES,
    MINUS_10,
    MINUS_35,
    SHINE_DALGARNO,
    SPACER_SHARES,
    SPACERS,
    START_CODON_SHARES,
    START_CODONS,
    STOP_CODON_SHARES,
    STOP_CODONS,
    Species,
    codon_number,
)
from skgenome.sequences import GffFeature, reverse_complement_codes

MEDIAN_CODONS = 280
LEADER_LENGTHS = (5, 50)
UPSTREAM_LENGTHS = (40, 160)
DOWNSTREAM_LENGTHS = (10, 60)
# One chain of the filler per row: rows advance together, one base per step.
_FILLER_SHAPE = (512, 512)

Part = tuple[str | None, np.ndarray]


class Gene(NamedTuple):
    """A gene in its reading direction, start and stop codon included."""

    codes: np.ndarray
    gene_class: int


class Assembly(NamedTuple):
    """A genome as codes, and what lies where on it."""

    codes: np.ndarray
    features: list[GffFeature]


class Filler:
    """An endless stretch of non-coding DNA of one species, handed out piece by piece.

    Parameters
    ----------
    species : Species
        Its chain is run.
    rng : numpy.random.Generator
        Source of randomness.
    """

    def __init__(self, species: Species, rng: np.random.Generator) -> None:
        self._cumulative = np.cumsum(species.filler, axis=1)
        self._rng = rng
        self._pool = np.empty(0, dtype=np.uint8)

    def _refill(self) -> None:
        """Advance all chains side by side: the only loop is over the steps."""
        n_chains, n_steps = _FILLER_SHAPE
        bases = self._rng.integers(0, 4, (n_steps + 2, n_chains))
        for step in range(2, n_steps + 2):
            thresholds = self._cumulative[4 * bases[step - 2] + bases[step - 1], :3]
            bases[step] = (self._rng.random(n_chains)[:, None] > thresholds).sum(axis=1)
        self._pool = np.concatenate([self._pool, bases[2:].T.astype(np.uint8).ravel()])

    def take(self, length: int | np.integer) -> np.ndarray:
        """Return the next `length` bases.

        Parameters
        ----------
        length : int
            Number of bases.

        Returns
        -------
        piece : ndarray of shape (length,), uint8
            Codes.
        """
        while len(self._pool) < length:
            self._refill()
        piece, self._pool = self._pool[:length], self._pool[length:]
        return piece


def draw_motif(weights: np.ndarray, n_samples: int, rng: np.random.Generator) -> np.ndarray:
    """Draw sites from a position weight matrix.

    Parameters
    ----------
    weights : ndarray of shape (n_positions, 4)
        Probabilities of A, C, G, T; rows sum to 1.
    n_samples : int
        Number of sites.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    sites : ndarray of shape (n_samples, n_positions), uint8
        Codes.
    """
    # Inverse transform: a base's code is the number of cumulative shares that the draw exceeds.
    draws = rng.random((n_samples, len(weights), 1))
    return (draws > np.cumsum(weights, axis=1)[:, :3]).sum(axis=2).astype(np.uint8)


def draw_genes(species: Species, n_genes: int, rng: np.random.Generator) -> list[Gene]:
    """Draw genes: a start codon, codons by the usage of the gene's kind, a stop codon.

    Parameters
    ----------
    species : Species
        Its codon tables are used.
    n_genes : int
        Number of genes.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    genes : list of Gene
        Without a stop codon in frame before the end.
    """
    n_codons = np.clip(rng.lognormal(np.log(MEDIAN_CODONS), 0.5, n_genes).astype(int), 40, 1000)
    classes = rng.choice(len(GENE_CLASSES), n_genes, p=[kind.share for kind in GENE_CLASSES])
    ends = np.cumsum(n_codons)
    starts = ends - n_codons
    # All genes in one array, so that there is one call per kind instead of one per gene.
    class_of_codon = np.repeat(classes, n_codons)
    codons = np.empty(ends[-1], dtype=np.int64)
    for number, table in enumerate(species.codon_tables):
        chosen = class_of_codon == number
        codons[chosen] = rng.choice(64, chosen.sum(), p=table)
    codons[starts] = rng.choice([codon_number(c) for c in START_CODONS], n_genes, p=START_CODON_SHARES)
    codons[ends - 1] = rng.choice([codon_number(c) for c in STOP_CODONS], n_genes, p=STOP_CODON_SHARES)
    bases = CODON_BASES[codons].reshape(-1)
    return [
        Gene(bases[3 * start : 3 * end], int(kind))
        for start, end, kind in zip(starts, ends, classes, strict=True)
    ]


def _terminators(n_operons: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Draw rho-independent terminators: a GC-rich stem of 7, a loop of 4, the stem again, seven T."""
    stems = draw_motif(np.tile([0.15, 0.35, 0.35, 0.15], (7, 1)), n_operons, rng)
    loops = rng.integers(0, 4, (n_operons, 4), dtype=np.uint8)
    tails = np.full((n_operons, 7), 3, dtype=np.uint8)
    return list(np.concatenate([stems, loops, 3 - stems[:, ::-1], tails], axis=1))


def _promoter_parts(filler: Filler, n_operons: int, rng: np.random.Generator) -> list[list[Part]]:
    """Draw sigma-70 promoters up to the base before transcription starts."""
    minus_35, minus_10 = draw_motif(MINUS_35, n_operons, rng), draw_motif(MINUS_10, n_operons, rng)
    spacers = rng.choice(SPACERS, n_operons, p=SPACER_SHARES)
    discriminators = rng.integers(5, 9, n_operons)
    return [
        [
            ("minus_35_signal", minus_35[i]),
            (None, filler.take(spacers[i])),
            ("minus_10_signal", minus_10[i]),
            (None, filler.take(discriminators[i])),
        ]
        for i in range(n_operons)
    ]


def _gene_parts(gene: Gene, site: np.ndarray, before: np.ndarray, spacing: np.ndarray) -> list[Part]:
    """Lay out a gene behind its ribosome binding site."""
    return [(None, before), ("Shine_Dalgarno_sequence", site), (None, spacing), ("CDS", gene.codes)]


def _draw_operons(species: Species, n_operons: int, rng: np.random.Generator) -> list[list[Part]]:
    """Lay out operons in their reading direction."""
    filler = Filler(species, rng)
    n_genes = np.minimum(rng.geometric(0.55, n_operons), 8)
    genes = iter(draw_genes(species, int(n_genes.sum()), rng))
    sites = iter(draw_motif(SHINE_DALGARNO, int(n_genes.sum()), rng))
    terminators = _terminators(n_operons, rng)
    promoters = _promoter_parts(filler, n_operons, rng)
    operons = []
    for i in range(n_operons):
        parts: list[Part] = [(None, filler.take(rng.integers(*UPSTREAM_LENGTHS))), *promoters[i]]
        for number in range(n_genes[i]):
            # Genes of one operon follow each other closely; the first comes after the leader.
            gap = rng.integers(*LEADER_LENGTHS) if number == 0 else rng.integers(1, 30)
            spacing = filler.take(rng.integers(5, 10))
            parts += _gene_parts(next(genes), next(sites), filler.take(gap), spacing)
        # The terminator stands off the last stop codon; what follows it is not transcribed.
        parts.append((None, filler.take(rng.integers(5, 25))))
        parts.append(("terminator", terminators[i]))
        parts.append((None, filler.take(rng.integers(*DOWNSTREAM_LENGTHS))))
        operons.append(parts)
    return operons


def _spans(parts: list[Part]) -> list[tuple[str, int, int]]:
    """Return kind, start and end of the parts that are annotated, and of the units that they make up.

    A promoter reaches from its -35 box to the base before the first one transcribed, an operon from
    there to the end of its terminator.
    """
    ends = np.cumsum([len(codes) for _, codes in parts]).tolist()
    starts = [0, *ends[:-1]]
    simple = [(kind, a, b) for (kind, _), a, b in zip(parts, starts, ends, strict=True) if kind]
    # Part 0 lies upstream; parts 1 to 4 are the promoter; the last part lies downstream.
    return [("promoter", starts[1], ends[4]), ("operon", ends[4], ends[-2]), *simple]


def _place(spans: list[tuple[str, int, int]], offset: int, length: int, strand: str) -> list[GffFeature]:
    """Move an operon's spans from its reading direction to the genome; names are given later."""
    placed = []
    for kind, start, end in spans:
        # The operon is turned as a whole, so its first base becomes its last.
        if strand == "-":
            start, end = length - end, length - start
        placed.append(GffFeature("", "skgenome", kind, offset + start, offset + end, strand, {}))
    return placed


def assemble(
    species: Species, n_operons: int, rng: np.random.Generator, *, contig: str = "contig"
) -> Assembly:
    """Draw a genome of a species.

    Parameters
    ----------
    species : Species
        Its statistics.
    n_operons : int
        Number of operons, which lie one after the other, each on a random strand.
    rng : numpy.random.Generator
        Source of randomness.
    contig : str, default="contig"
        Name that the features carry.

    Returns
    -------
    assembly : Assembly
        Codes, and features in the order of the genome, operon by operon.
    """
    strands = rng.choice(["+", "-"], n_operons)
    pieces, features, offset = [], [], 0
    for number, (parts, strand) in enumerate(
        zip(_draw_operons(species, n_operons, rng), strands.tolist(), strict=True)
    ):
        codes = np.concatenate([codes for _, codes in parts])
        placed = _place(_spans(parts), offset, len(codes), strand)
        features += [f._replace(contig=contig, attributes={"operon": str(number)}) for f in placed]
        pieces.append(codes if strand == "+" else reverse_complement_codes(codes))
        offset += len(codes)
    return Assembly(np.concatenate(pieces), features)
