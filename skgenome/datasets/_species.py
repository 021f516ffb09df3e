"""The statistics of an invented bacterial species: codon usage, composition, signals.

Numbers that belong to no species in particular (boxes, spacers, start codons) are those known of
*Escherichia coli*; what tells species apart (GC content, codon preferences, composition between genes)
is drawn from a seed.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq

# Codons as codes, in lexicographic order A C G T: row 0 is AAA, row 63 is TTT.
CODON_BASES = (
    np.stack(np.meshgrid(*[np.arange(4)] * 3, indexing="ij"), axis=-1).reshape(64, 3).astype(np.uint8)
)
# The genetic code (NCBI table 11) in that order; * is a stop.
GENETIC_CODE = "KNKNTTTTRSRSIIMIQHQHPPPPRRRRLLLLEDEDAAAAGGGGVVVV*Y*YSSSS*CWCLFLF"
_CODON_GC = ((CODON_BASES == 1) | (CODON_BASES == 2)).sum(axis=1)

# Percent of residues in E. coli proteins.
_AMINO_ACIDS = {
    "A": 9.5, "C": 1.2, "D": 5.2, "E": 5.8, "F": 3.9, "G": 7.4, "H": 2.3, "I": 6.0, "K": 4.4, "L": 10.6,
    "M": 2.8, "N": 4.0, "P": 4.4, "Q": 4.4, "R": 5.5, "S": 5.8, "T": 5.4, "V": 7.1, "W": 1.5, "Y": 2.9,
}  # fmt: skip
_HYDROPHOBIC = {"L": 1.7, "I": 1.7, "V": 1.6, "F": 1.8, "A": 1.2, "W": 1.6, "M": 1.3, "G": 1.1}
_CHARGED = dict.fromkeys("DEKRNQH", 0.45)


class GeneClass(NamedTuple):
    """One of the kinds of genes that a genome mixes, after Médigue et al. 1991.

    `bias` is the power to which the species' codon preferences are raised, `gc_shift` the distance of the
    kind's GC content from the genome's, `membrane` whether its proteins are hydrophobic.
    """

    share: float
    bias: float
    gc_shift: float
    membrane: bool


# Without the third kind, whose composition is that of the stretches between genes, GC content alone
# would tell coding from non-coding.
GENE_CLASSES = (
    GeneClass(share=0.63, bias=1.0, gc_shift=0.02, membrane=False),
    GeneClass(share=0.12, bias=2.0, gc_shift=0.02, membrane=False),
    GeneClass(share=0.12, bias=0.6, gc_shift=-0.06, membrane=False),
    GeneClass(share=0.13, bias=1.0, gc_shift=0.01, membrane=True),
)
INTERGENIC_GC_SHIFT = -0.02
# Standard deviation of the logarithm by which words between genes are rarer or commoner than in them.
FILLER_DEVIATION = 0.05

START_CODONS = ("ATG", "GTG", "TTG")
START_CODON_SHARES = (0.83, 0.14, 0.03)
STOP_CODONS = ("TAA", "TGA", "TAG")
STOP_CODON_SHARES = (0.63, 0.29, 0.08)


class Species(NamedTuple):
    """All that is needed to draw genomes of one species.

    `codon_tables` is (n gene classes, 64), each row a distribution without stops; `filler` is (16, 4): the
    next base between genes, given the two before.
    """

    gc: float
    codon_tables: np.ndarray
    filler: np.ndarray


def position_weights(consensus: str, percent: tuple[int, ...]) -> np.ndarray:
    """Build a position weight matrix that gives each consensus base its percentage.

    The rest is shared equally by the other three bases.

    Parameters
    ----------
    consensus : str
        The most frequent base at each position.
    percent : tuple of int
        Its share at each position.

    Returns
    -------
    weights : ndarray of shape (len(consensus), 4)
        Probabilities of A, C, G, T; each row sums to 1.
    """
    share = np.asarray(percent) / 100
    weights = np.repeat((1 - share)[:, None] / 3, 4, axis=1)
    weights[np.arange(len(consensus)), ["ACGT".index(base) for base in consensus]] = share
    return weights


# Base frequencies in mapped E. coli promoters (Lisser & Margalit 1993), and spacings with their peak at 17.
MINUS_35 = position_weights("TTGACA", (69, 79, 61, 56, 54, 54))
MINUS_10 = position_weights("TATAAT", (77, 76, 60, 61, 56, 82))
SPACERS = (15, 16, 17, 18, 19)
SPACER_SHARES = (0.06, 0.18, 0.46, 0.22, 0.08)
SHINE_DALGARNO = position_weights("AGGAGG", (70, 78, 85, 75, 80, 55))


def codon_number(codon: str) -> int:
    """Return the row of a codon in `CODON_BASES`.

    Parameters
    ----------
    codon : str
        Three of A, C, G, T.

    Returns
    -------
    number : int
        0 for AAA to 63 for TTT.
    """
    first, second, third = ("ACGT".index(base) for base in codon)
    return 16 * first + 4 * second + third


def _tilt_to_gc(weights: np.ndarray, gc: float) -> np.ndarray:
    """Scale codon weights by exp(tilt x number of G and C) so that the expected GC content is `gc`."""

    def tilted(tilt: float) -> np.ndarray:
        scaled = weights * np.exp(tilt * _CODON_GC)
        return scaled / scaled.sum()

    # The GC content grows with the tilt from nearly 0 to nearly 1, so there is one root.
    return tilted(brentq(lambda tilt: tilted(tilt) @ _CODON_GC / 3 - gc, -8, 8))


def _codon_table(preferences: np.ndarray, gene_class: GeneClass, gc: float) -> np.ndarray:
    """Return the codon distribution of one kind of genes."""
    residues = dict(_AMINO_ACIDS)
    if gene_class.membrane:
        residues = {aa: share * (_HYDROPHOBIC | _CHARGED).get(aa, 1.0) for aa, share in residues.items()}
    weights = preferences**gene_class.bias
    # Preferences choose among synonyms only; how often a residue comes is the protein's business. Stops
    # are synonyms of each other and of no residue, so they get the weight 0.
    for residue in set(GENETIC_CODE):
        synonyms = np.array([aa == residue for aa in GENETIC_CODE])
        weights[synonyms] *= residues.get(residue, 0.0) / weights[synonyms].sum()
    return _tilt_to_gc(weights, gc + gene_class.gc_shift)


def _coding_triplets(codons: np.ndarray) -> np.ndarray:
    """Return how often each triplet is read in genes, over all three frames, as (4, 4, 4)."""
    codons = codons.reshape(4, 4, 4)
    first, last = codons.sum(axis=(1, 2)), codons.sum(axis=(0, 1))
    # Neighbouring codons are drawn independently, so triplets across their border are products.
    frame_1 = codons.sum(axis=0)[:, :, None] * first
    frame_2 = last[:, None, None] * codons.sum(axis=2)
    return (codons + frame_1 + frame_2) / 3


def _gc_of_chain(table: np.ndarray) -> float:
    """Return the GC content of a second-order chain in its stationary distribution."""
    pairs = np.full((4, 4), 1 / 16)
    # It forgets its start by a factor of about ten per step, so 30 steps are exact to rounding.
    for _ in range(30):
        pairs = np.einsum("ab,abc->bc", pairs, table.reshape(4, 4, 4))
    return float(pairs[:, 1:3].sum())


def _filler_table(triplets: np.ndarray, gc: float, rng: np.random.Generator) -> np.ndarray:
    """Return the second-order chain of the stretches between genes, of a given GC content.

    It starts from the triplets of the genes: a genome has one signature of short words in and between
    genes (Karlin 1998), so that counts of short words tell little about which of the two a stretch is.
    """
    weights = triplets.reshape(16, 4) * np.exp(rng.normal(0, FILLER_DEVIATION, (16, 4)))
    strong = np.array([False, True, True, False])

    def tilted(tilt: float) -> np.ndarray:
        scaled = weights * np.exp(tilt * strong)
        return scaled / scaled.sum(axis=1, keepdims=True)

    return tilted(brentq(lambda tilt: _gc_of_chain(tilted(tilt)) - gc, -8, 8))


def draw_species(species_seed: int, index: int, gc: float | None) -> Species:
    """Draw the statistics of one species; the same arguments give the same species.

    Parameters
    ----------
    species_seed : int
        Seed of a family of species.
    index : int
        Which member of the family.
    gc : float or None
        GC content of its genomes. None draws it between .40 and .60.

    Returns
    -------
    species : Species
        Its codon usage and composition.
    """
    rng = np.random.default_rng([species_seed, index])
    # Drawn even if it is given, so that codon preferences do not depend on whether it is.
    drawn_gc = rng.uniform(0.40, 0.60)
    gc = drawn_gc if gc is None else gc
    # 1.3 leaves codons with about 1.7 to 1.85 bits per base; in E. coli it is 1.89, in species of extreme
    # composition less. Lower values hide the reading frame from a model that is trained for minutes.
    preferences = np.exp(rng.normal(0, 1.3, 64))
    tables = np.stack([_codon_table(preferences, gene_class, gc) for gene_class in GENE_CLASSES])
    triplets = _coding_triplets(np.average(tables, axis=0, weights=[kind.share for kind in GENE_CLASSES]))
    return Species(gc, tables, _filler_table(triplets, gc + INTERGENIC_GC_SHIFT, rng))
