"""Groups of similar sequences, for the splitters of scikit-learn that take groups."""

import re
import warnings
from numbers import Integral, Real

import numpy as np

from skgenome._sklearn import Interval, StrOptions, validate_params
from skgenome.exceptions import SkgenomeWarning
from skgenome.sequences import check_sequences, linked_groups, reverse_complement, similar_groups

#: What k, threshold, canonical and n_hashes may be, wherever sequences are compared.
SIMILARITY_CONSTRAINTS = {
    "k": [Interval(Integral, 1, 15, closed="both")],
    "threshold": [Interval(Real, 0, 1, closed="right")],
    "canonical": ["boolean"],
    "n_hashes": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"}), None],
}


def spelling(sequence, canonical):
    """Spell a sequence so that equal ones are spelt alike: upper case DNA, of the strand that sorts first.

    Parameters
    ----------
    sequence : str
        DNA or RNA.
    canonical : bool
        Whether strands are the same.

    Returns
    -------
    str
        The spelling.
    """
    sequence = sequence.upper().replace("U", "T")
    return min(sequence, reverse_complement(sequence)) if canonical else sequence


def places_without_kmer(sequences, k):
    """Find the sequences that have no k bases in a row which are known.

    Parameters
    ----------
    sequences : list of str
        DNA or RNA.
    k : int
        Bases in a k-mer.

    Returns
    -------
    list of int
        Their places.
    """
    has_kmer = re.compile(f"[ACGTU]{{{k}}}", re.IGNORECASE).search
    return [place for place, sequence in enumerate(sequences) if not has_kmer(sequence)]


@validate_params({"X": "no_validation", **SIMILARITY_CONSTRAINTS}, prefer_skip_nested_validation=True)
def similarity_groups(X, *, k=11, threshold=0.3, canonical=True, n_hashes="auto"):
    """Group sequences that are alike, so that none of them straddles a split.

    Two sequences are linked if, of the distinct k-mers of whichever has fewer, the other one has a share of
    at least `threshold` (the containment); what is linked directly or through others is one group. Hand the
    groups to `GroupKFold`, `StratifiedGroupKFold` or any other splitter that takes them, or let
    :class:`HomologyGroupKFold` do both.

    Look at the sizes of the groups: with a threshold that is too low, or a k that is too small for long
    sequences, chance and common repeats link nearly everything. Relatives that differ in more than one of
    ten letters share few 11-mers, and are not found.

    Read more in the :ref:`User Guide <similar_sequences>`.

    Parameters
    ----------
    X : collection of str
        DNA or RNA.
    k : int, default=11
        Bases in a k-mer, 1 to 15. K-mers with an ambiguous base are not counted.
    threshold : float, default=0.3
        Smallest containment of a pair, above 0 and up to 1. Two windows of 150 bases that overlap are linked
        from 52 common bases on, with the defaults.
    canonical : bool, default=True
        Whether a k-mer and its reverse complement are the same, so that sequences are alike whichever
        strands they are given from.
    n_hashes : int, 'auto' or None, default='auto'
        Candidates are found by a MinHash: of a sequence with many k-mers, from `n_hashes` to twice as many
        are looked at, those of the smallest hashes. ``'auto'`` is ``20 / threshold``, rounded up. None looks
        at all k-mers, which takes longer and overlooks nothing.

    Returns
    -------
    groups : ndarray of shape (n_samples,), int64
        The group of each sequence, numbered from 0 as they first appear.

    Raises
    ------
    TypeError
        If X is no collection, or has an element that is no str.
    ValueError
        If a character is no IUPAC nucleotide code, or a parameter is out of its range; also if `n_hashes`
        is too small to find pairs at the threshold.

    Warns
    -----
    SkgenomeWarning
        If sequences have no k-mer to compare, because they are shorter than k or full of ambiguous bases:
        each is grouped with those that are equal to it, and no others.

    See Also
    --------
    HomologyGroupKFold : A splitter that finds these groups itself.
    leakage_report : What is alike across a split that was made elsewhere.
    skgenome.sequences.similar_pairs : The pairs behind the groups.
    skgenome.sequences.linked_groups : Groups out of any pairs.

    Notes
    -----
    The k-mers that are looked at are a FracMinHash [1]_: unlike the signatures of a fixed number of minima
    [2]_, which estimate the Jaccard index, it finds a short sequence in a long one. A pair with a Jaccard
    index J has a containment of J or more, for two sets of equal size 2 J / (1 + J): the default of 0.3 is a
    Jaccard index of 0.18. Every candidate is then compared in full, so no pair is linked by chance; a pair at
    the threshold is overlooked with a probability of 0.01 %, a more similar one more rarely, and none of
    sequences of less than ``2 * n_hashes`` k-mers. No random number is drawn, and the order of the sequences
    changes nothing but the numbers of the groups.

    100,000 sequences of 1,000 bases in families of ten took 42 s on one core and 0.8 GB. Time goes with the
    square of a family whose members are mostly too distant to be linked: 10,000 took 10 s.

    References
    ----------
    .. [1] L. Irber et al., "Lightweight compositional analysis of metagenomes with FracMinHash and minimum
       metagenome covers", bioRxiv 2022.01.11.475838.
    .. [2] B. D. Ondov et al., "Mash: fast genome and metagenome distance estimation using MinHash", Genome
       Biology 17, 132 (2016).

    Examples
    --------
    >>> from sklearn.model_selection import GroupKFold
    >>> from skgenome.model_selection import similarity_groups
    >>> X = ["GATTACAGATTACA", "CCCCCCCCCCCCCC", "TGTAATCTGTAATC", "ACGTTGCAAGGCTT"]
    >>> groups = similarity_groups(X, k=5)
    >>> groups
    array([0, 1, 0, 2])
    >>> splits = GroupKFold(n_splits=3).split(X, groups=groups)
    >>> all(set(groups[train]).isdisjoint(groups[test]) for train, test in splits)
    True
    """
    X = check_sequences(X)
    groups = similar_groups(X, k=k, threshold=threshold, canonical=canonical, n_hashes=n_hashes)
    bare = places_without_kmer(X, k)
    if not bare:
        return groups
    warnings.warn(
        f"{len(bare)} of {len(X)} sequences have no {k}-mer to compare, for they are shorter than k={k} or "
        "full of ambiguous bases: each is grouped with sequences equal to it alone. Choose a smaller k.",
        SkgenomeWarning,
        # The check of parameters stands between this function and its caller.
        stacklevel=3,
    )
    first = {}
    equal = [(first.setdefault(spelling(X[place], canonical), place), place) for place in bare]
    return linked_groups(len(X), np.array([*enumerate(_first_of_group(groups)), *equal]))


def _first_of_group(groups):
    """Give for every item the place of the first of its group."""
    return np.unique(groups, return_index=True)[1][groups]
