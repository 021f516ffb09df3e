"""Simulate sequencing reads: fragments of sequences, from either strand, with errors."""

from collections.abc import Sequence
from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
from sklearn.utils import Bunch

from skgenome._sklearn import Interval, StrOptions, validate_params
from skgenome.datasets._seed import draw_seed
from skgenome.sequences import AMBIGUOUS, check_sequences, decode, encode_many, reverse_complement_codes

# Reads that are made at a time, so that memory does not grow with their number.
_BLOCK = 2**13

# What every function that simulates reads checks of the parameters that describe them.
READ_CONSTRAINTS = {
    "read_length": [Interval(Integral, 1, None, closed="left")],
    "read_length_std": [Interval(Real, 0, None, closed="left")],
    "substitution_rate": [Interval(Real, 0, 1, closed="left")],
    "insertion_rate": [Interval(Real, 0, 1, closed="left")],
    "deletion_rate": [Interval(Real, 0, 1, closed="left")],
}


class _Fragments(NamedTuple):
    """Stretches of sequences before they are read: which sequence, where in it, from which strand."""

    sources: np.ndarray
    starts: np.ndarray
    sizes: np.ndarray
    reverse: np.ndarray


class _ErrorRates(NamedTuple):
    """Probabilities per base."""

    substitution: float
    insertion: float
    deletion: float


def _draw_fragments(
    lengths: np.ndarray,
    n_reads: int,
    size: tuple[int, float],
    options: tuple[bool, bool],
    rng: np.random.Generator,
) -> _Fragments:
    """Draw fragments of every sequence; options: whether from its start, and whether from both strands."""
    from_start, both_strands = options
    sources = np.repeat(np.arange(len(lengths)), n_reads)
    lengths = lengths[sources]
    sizes = np.clip(np.rint(rng.normal(*size, len(sources))).astype(np.int64), 1, lengths)
    reverse = rng.random(len(sources)) < 0.5 * both_strands
    # A read of the reverse strand begins at the other end.
    last = lengths - sizes
    starts = np.where(reverse, last, 0) if from_start else rng.integers(0, last + 1)
    return _Fragments(sources, starts, sizes, reverse)


def _gather(codes: np.ndarray, begins: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Join the stretches of an array that begin at some places and have some sizes."""
    shifts = begins - np.cumsum(sizes) + sizes
    return codes[np.arange(sizes.sum()) + np.repeat(shifts, sizes)]


def _add_errors(
    codes: np.ndarray, sizes: np.ndarray, rates: _ErrorRates, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Substitute, insert and delete bases of joined reads; return them and their new sizes.

    An inserted base comes before the base that it was drawn for. What is ambiguous is not substituted.
    """
    wrong = np.flatnonzero(
        (rng.random(len(codes), dtype=np.float32) < rates.substitution) & (codes != AMBIGUOUS)
    )
    # One to three further in the circle of four bases: any other base, never the same.
    codes[wrong] = (codes[wrong] + rng.integers(1, 4, len(wrong), dtype=np.uint8)) % 4
    inserted = rng.random(len(codes), dtype=np.float32) < rates.insertion
    deleted = rng.random(len(codes), dtype=np.float32) < rates.deletion
    n_copies = 1 + inserted.astype(np.int64) - deleted
    read = np.repeat(codes, n_copies)
    places = (np.cumsum(n_copies) - n_copies)[inserted]
    read[places] = rng.integers(0, 4, len(places), dtype=np.uint8)
    return read, np.add.reduceat(n_copies, np.cumsum(sizes) - sizes)


def _read_fragments(
    codes: np.ndarray,
    offsets: np.ndarray,
    fragments: _Fragments,
    rates: _ErrorRates,
    rng: np.random.Generator,
) -> list[str]:
    """Read fragments of joined sequences, errors included, to text."""
    sources, starts, sizes, reverse = fragments
    # Both strands in one array: base i of the first is base -1 - i of the second.
    strands = np.concatenate([codes, reverse_complement_codes(codes)])
    forward = offsets[sources] + starts
    begins = np.where(reverse, len(strands) - forward - sizes, forward)
    reads: list[str] = []
    for first in range(0, len(sources), _BLOCK):
        block = slice(first, first + _BLOCK)
        read, n_bases = _add_errors(_gather(strands, begins[block], sizes[block]), sizes[block], rates, rng)
        text = decode(read)
        ends = np.cumsum(n_bases).tolist()
        reads += [text[a:b] for a, b in zip([0, *ends[:-1]], ends, strict=True)]
    return reads


@validate_params(
    {
        "sequences": "no_validation",
        "n_reads_per_sequence": [Interval(Integral, 1, None, closed="left")],
        **READ_CONSTRAINTS,
        "start": [StrOptions({"random", "first"})],
        "both_strands": ["boolean"],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def simulate_reads(
    sequences: Sequence[str],
    *,
    n_reads_per_sequence: int = 10,
    read_length: int = 400,
    read_length_std: float = 50.0,
    start: str = "random",
    both_strands: bool = True,
    substitution_rate: float = 0.004,
    insertion_rate: float = 0.0005,
    deletion_rate: float = 0.0005,
    random_state: int | np.random.RandomState | None = None,
) -> Bunch:
    """Simulate sequencing reads of given sequences.

    Every read is a fragment whose length is drawn from a normal distribution, read with errors that fall on
    each base alone. There is no bias by composition or place, no rise of errors along the read, no chimera,
    and there are no qualities. A hundred thousand reads take one or two seconds.

    Parameters
    ----------
    sequences : collection of str
        What is sequenced. Letters other than A, C, G, T and U come out as N.
    n_reads_per_sequence : int, default=10
        Reads of each.
    read_length : int, default=400
        Mean length of the fragments, in bases, before errors. What is drawn beyond a sequence's length is
        cut to it; what is drawn below one base becomes one.
    read_length_std : float, default=50.0
        Standard deviation of that length.
    start : {'random', 'first'}, default='random'
        Where fragments lie: anywhere, as in shotgun sequencing, or beginning with the first base of their
        strand, as the reads of an amplicon do.
    both_strands : bool, default=True
        Whether half of the reads, by chance, are of the reverse strand.
    substitution_rate, insertion_rate, deletion_rate : float, default=0.004, 0.0005, 0.0005
        Probability per base that another base is read, that a random base is read before it, and that it is
        not read. The defaults add up to one error in 200 bases.
    random_state : int, RandomState instance or None, default=None
        Determines the reads.

    Returns
    -------
    Bunch
        Has these fields, with n_reads_per_sequence reads of the first sequence, then those of the second, ...

        - data : ndarray of shape (n_reads,), object (str)
        - sources : ndarray of shape (n_reads,), int64; the place of the sequence read
        - starts, ends : ndarray of shape (n_reads,), int64.
          The fragment in that sequence, 0-based half-open.
        - strands : ndarray of shape (n_reads,), str.
          '-' where the read is the fragment's reverse complement.

    Raises
    ------
    TypeError
        If `sequences` is no collection, or has an element that is no str.
    ValueError
        If a sequence is empty or no DNA, or a parameter is out of its range.

    See Also
    --------
    fetch_16s_reads : Reads of real genes, labelled with their genus.

    Examples
    --------
    >>> from skgenome.datasets import simulate_reads
    >>> reads = simulate_reads(["GATTACAGATTACA"], n_reads_per_sequence=3, read_length=9, random_state=0)
    >>> reads.data.shape, reads.sources.tolist()
    ((3,), [0, 0, 0])
    """
    sequences = check_sequences(sequences, name="sequences")
    if not all(sequences):
        raise ValueError(
            f"Each of sequences must have at least one base. Got an empty one at {sequences.index('')}."
        )
    codes, offsets = encode_many(sequences)
    rng = np.random.default_rng(draw_seed(random_state))
    fragments = _draw_fragments(
        np.diff(offsets),
        n_reads_per_sequence,
        (read_length, read_length_std),
        (start == "first", both_strands),
        rng,
    )
    rates = _ErrorRates(substitution_rate, insertion_rate, deletion_rate)
    return Bunch(
        data=np.array(_read_fragments(codes, offsets, fragments, rates, rng), dtype=object),
        sources=fragments.sources,
        starts=fragments.starts,
        ends=fragments.starts + fragments.sizes,
        strands=np.where(fragments.reverse, "-", "+"),
    )
