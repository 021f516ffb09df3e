"""Shuffling that keeps every dinucleotide: a null for whatever reads DNA.

A sequence is a path that uses each of its dinucleotides once, as an edge from one base to the next. A shuffle
is another such path, drawn uniformly from all of them.
"""

import numpy as np

from skgenome.sequences._alphabet import decode, encode

# A sequence of three bases is fixed by its ends and its two dinucleotides.
_SHORTEST = 4


def _draw_exits(following: dict[int, np.ndarray], last: int, rng: np.random.Generator) -> dict[int, int]:
    """Draw the edge by which the path leaves each base for the last time; followed, they lead to `last`.

    Wilson's algorithm: random walks without their loops draw such a tree uniformly.
    """
    exits: dict[int, int] = {}
    settled = {last}
    for base in following:
        walker = base
        while walker not in settled:
            # A base that is met again forgets its earlier edge, which is what cuts the loop out.
            exits[walker] = int(rng.integers(len(following[walker])))
            walker = int(following[walker][exits[walker]])
        walker = base
        while walker not in settled:
            settled.add(walker)
            walker = int(following[walker][exits[walker]])
    return exits


def _order_edges(bases: np.ndarray, exit_edge: int | None, rng: np.random.Generator) -> list[int]:
    """Put the edges of one base into the order in which they are used, the exit last."""
    if exit_edge is None:
        return rng.permutation(bases).tolist()
    others = rng.permutation(np.delete(bases, exit_edge))
    return [*others.tolist(), int(bases[exit_edge])]


def dinucleotide_shuffle_codes(
    codes: np.ndarray, random_state: int | np.random.Generator | None = None
) -> np.ndarray:
    """Shuffle codes such that every dinucleotide stays as frequent as it was.

    Parameters
    ----------
    codes : ndarray of shape (n_bases,), integer
        0 to 3 for A, C, G and T; 4 for an ambiguous base.
    random_state : int, numpy.random.Generator or None, default=None
        The same int gives the same shuffle; a generator goes on from where it is.

    Returns
    -------
    ndarray of shape (n_bases,), dtype of `codes`
        The shuffled codes, drawn uniformly from all that have the same dinucleotides and the same first base.
        The last base is then the same too.

    Raises
    ------
    ValueError
        If `codes` is not one-dimensional.

    See Also
    --------
    dinucleotide_shuffle : The same for letters, with references.

    Examples
    --------
    >>> from skgenome.sequences import dinucleotide_shuffle_codes, encode
    >>> dinucleotide_shuffle_codes(encode("ACGT"), random_state=0)
    array([0, 1, 2, 3], dtype=uint8)
    """
    rng = np.random.default_rng(random_state)
    codes = np.asarray(codes)
    if codes.ndim != 1:
        raise ValueError(f"codes must be a 1-D array of integers. Got shape {codes.shape} instead.")
    if len(codes) < _SHORTEST:
        return codes.copy()
    following = {int(base): codes[1:][codes[:-1] == base] for base in np.unique(codes[:-1])}
    exits = _draw_exits(following, int(codes[-1]), rng)
    edges = {base: iter(_order_edges(to, exits.get(base), rng)) for base, to in following.items()}
    path = [int(codes[0])]
    for _ in range(len(codes) - 1):
        path.append(next(edges[path[-1]]))
    return np.array(path, dtype=codes.dtype)


def dinucleotide_shuffle(sequence: str, random_state: int | np.random.Generator | None = None) -> str:
    """Shuffle a sequence such that every dinucleotide stays as frequent as it was.

    What a model finds in DNA but not in its shuffles is more than composition. A sequence of up to three
    bases has no other order, and a short or repetitive one few.

    Parameters
    ----------
    sequence : str
        DNA or RNA, in IUPAC letters.
    random_state : int, numpy.random.Generator or None, default=None
        The same int gives the same shuffle; a generator goes on from where it is.

    Returns
    -------
    str
        In upper case, with T for U and N for any ambiguous base. Drawn uniformly from all sequences with the
        same dinucleotides and the same first base; the last base is then the same too.

    Raises
    ------
    TypeError
        If `sequence` is not a str.
    ValueError
        If a character is no IUPAC nucleotide code.

    References
    ----------
    Altschul and Erickson, "Significance of nucleotide sequence alignments: a method for random sequence
    permutation that preserves dinucleotide and codon usage" (1985); Kandel, Matias, Unger and Winkler,
    "Shuffling biological sequences" (1996), for the draw of the last edges by random walks.

    Examples
    --------
    >>> from skgenome.sequences import dinucleotide_shuffle
    >>> sorted({dinucleotide_shuffle("GAGGA", seed) for seed in range(50)})
    ['GAGGA', 'GGAGA']
    """
    return decode(dinucleotide_shuffle_codes(encode(sequence), random_state))
