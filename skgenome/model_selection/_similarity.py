"""Groups of similar sequences, for the splitters of scikit-learn that take groups."""

import warnings
from numbers import Integral, Real

from skgenome._sklearn import Interval, validate_params
from skgenome.exceptions import SkgenomeWarning
from skgenome.sequences import check_sequences, linked_groups, similar_pairs


@validate_params(
    {
        "X": "no_validation",
        "k": [Interval(Integral, 1, 15, closed="both")],
        "threshold": [Interval(Real, 0, 1, closed="right")],
        "canonical": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def group_similar(X, *, k=11, threshold=0.3, canonical=True):
    """Group sequences that are alike, so that none of them straddles a split.

    Two sequences are linked if, of the distinct k-mers of whichever has fewer, the other one has a share of
    at least `threshold`; what is linked directly or through others is one group. Hand the groups to
    `GroupKFold`, `StratifiedGroupKFold` or any other splitter that takes them. All pairs are compared; the
    9,034 human sequences of `fetch_human_promoters` take about a second.

    Look at the sizes of the groups: with a threshold that is too low, or a k that is too small for long
    sequences, chance and common repeats link nearly everything. Relatives that differ in more than one of
    ten letters share few 11-mers, and are not found.

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

    Returns
    -------
    groups : ndarray of shape (n_samples,), int64
        The group of each sequence, numbered from 0 as they first appear.

    Raises
    ------
    TypeError
        If X is no collection, or has an element that is no str.
    ValueError
        If a character is no IUPAC nucleotide code, or a parameter is out of its range.

    Warns
    -----
    SkgenomeWarning
        If sequences are shorter than k: each becomes a group of its own, even if it is equal to another.

    See Also
    --------
    skgenome.sequences.similar_pairs : The pairs behind the groups.
    skgenome.sequences.linked_groups : Groups out of any pairs.

    Examples
    --------
    >>> from sklearn.model_selection import GroupKFold
    >>> from skgenome.model_selection import group_similar
    >>> X = ["GATTACAGATTACA", "CCCCCCCCCCCCCC", "TGTAATCTGTAATC", "ACGTTGCAAGGCTT"]
    >>> groups = group_similar(X, k=5)
    >>> groups
    array([0, 1, 0, 2])
    >>> splits = GroupKFold(n_splits=3).split(X, groups=groups)
    >>> all(set(groups[train]).isdisjoint(groups[test]) for train, test in splits)
    True
    """
    X = check_sequences(X)
    n_short = sum(len(sequence) < k for sequence in X)
    if n_short:
        warnings.warn(
            f"{n_short} of {len(X)} sequences are shorter than k={k}: they have no k-mer to compare, and "
            "each is a group of its own. Choose a smaller k.",
            SkgenomeWarning,
            stacklevel=2,
        )
    return linked_groups(len(X), similar_pairs(X, k=k, threshold=threshold, canonical=canonical))
