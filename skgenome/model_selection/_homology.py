"""Folds that keep similar sequences together."""

import warnings
from numbers import Integral

import numpy as np
from sklearn.model_selection import BaseCrossValidator, StratifiedGroupKFold
from sklearn.utils import indexable
from sklearn.utils.multiclass import type_of_target

from skgenome._sklearn import Interval, validate_params
from skgenome.exceptions import SkgenomeWarning
from skgenome.model_selection._similarity import SIMILARITY_CONSTRAINTS, similarity_groups
from skgenome.sequences import check_sequences, linked_groups


def _link_groups(groups, others):
    """Join groups that have an item of the same other group."""
    _, others = np.unique(np.asarray(others), return_inverse=True)
    # The groups and the other groups are all items; each sample links one with one.
    n_groups = groups.max(initial=-1) + 1
    linked = linked_groups(
        n_groups + others.max(initial=-1) + 1, np.stack([groups, others + n_groups], axis=1)
    )
    return linked[groups]


class HomologyGroupKFold(BaseCrossValidator):
    """K-fold over sequences whose folds never divide those that are alike.

    Groups of similar sequences are found as by :func:`similarity_groups`, and dealt to folds as by
    :class:`sklearn.model_selection.StratifiedGroupKFold`: of about equal size and, where `y` has classes,
    with about the same shares of them. A score on such folds says how well a model does on sequences of which
    it has seen no relative; on random folds, memory of the relatives counts too.

    Read more in the :ref:`User Guide <similar_sequences>`.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, 2 or more.
    k : int, default=11
        Bases in a k-mer, 1 to 15.
    threshold : float, default=0.3
        Sequences are alike from this containment on: of the distinct k-mers of whichever of two has fewer,
        the share that the other has too.
    canonical : bool, default=True
        Whether sequences are alike whichever strands they are given from.
    n_hashes : int, 'auto' or None, default='auto'
        How many k-mers of a sequence are looked at, as in :func:`similarity_groups`. None overlooks nothing.
    shuffle : bool, default=False
        Whether to shuffle the groups before they are dealt to folds; groups of equal composition then come to
        other folds. The samples of a fold are not shuffled.
    random_state : int, RandomState instance or None, default=None
        Order of the groups if `shuffle` is True. Pass an int for the same folds in every call.

    See Also
    --------
    similarity_groups : The groups alone. Find them once where several splits are made of the same sequences.
    leakage_report : What is alike across a split that was made elsewhere.

    Notes
    -----
    The sequences must be the X that is split. Where a search gets features in their place, make the groups
    from the sequences first and hand them to `StratifiedGroupKFold`.

    Like other splitters that take groups, it requests `groups` by itself if metadata routing is enabled.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import cross_val_score
    >>> from sklearn.pipeline import make_pipeline
    >>> from skgenome.datasets import make_promoters
    >>> from skgenome.model_selection import HomologyGroupKFold
    >>> from skgenome.preprocessing import KmerCounter
    >>> X, y = make_promoters(n_samples=60, random_state=0, return_X_y=True)
    >>> folds = HomologyGroupKFold(n_splits=3)
    >>> folds
    HomologyGroupKFold(canonical=True, k=11, n_hashes='auto', n_splits=3,
              random_state=None, shuffle=False, threshold=0.3)
    >>> classifier = make_pipeline(KmerCounter(k=2), LogisticRegression())
    >>> cross_val_score(classifier, X, y, cv=folds).shape
    (3,)
    """

    # As scikit-learn's own splitters by group do.
    __metadata_request__split = {"groups": True}

    @validate_params(
        {
            "n_splits": [Interval(Integral, 2, None, closed="left")],
            **SIMILARITY_CONSTRAINTS,
            "shuffle": ["boolean"],
            "random_state": ["random_state"],
        },
        prefer_skip_nested_validation=True,
    )
    def __init__(
        self,
        n_splits=5,
        *,
        k=11,
        threshold=0.3,
        canonical=True,
        n_hashes="auto",
        shuffle=False,
        random_state=None,
    ):
        self.n_splits = n_splits
        self.k = k
        self.threshold = threshold
        self.canonical = canonical
        self.n_hashes = n_hashes
        self.shuffle = shuffle
        self.random_state = random_state

    def _check_sizes(self, groups):
        """See whether the groups make up so many folds, and folds of about equal size."""
        sizes = np.bincount(groups)
        largest = sizes.max(initial=0)
        advice = (
            "A higher threshold, or a larger k for long sequences, makes smaller groups; "
            "skgenome.model_selection.similarity_groups shows them."
        )
        if len(sizes) < self.n_splits:
            raise ValueError(
                f"n_splits={self.n_splits} folds need as many groups of similar sequences, but the "
                f"{len(groups)} sequences make up {len(sizes)}, the largest of {largest}. {advice}"
            )
        if largest > -(-len(groups) // self.n_splits):
            warnings.warn(
                f"{largest} of {len(groups)} sequences are one group of similar ones, more than a fold of "
                f"n_splits={self.n_splits} should have, so folds are of very different sizes. {advice}",
                SkgenomeWarning,
                stacklevel=3,
            )

    def get_n_splits(self, X=None, y=None, groups=None):
        """Give the number of folds.

        Parameters
        ----------
        X : object
            Not used.
        y : object
            Not used.
        groups : object
            Not used.

        Returns
        -------
        int
            `n_splits`.
        """
        return self.n_splits

    def split(self, X, y=None, groups=None):
        """Generate the indices of training and test sets.

        Parameters
        ----------
        X : collection of str of shape (n_samples,)
            DNA or RNA.
        y : array-like of shape (n_samples,), default=None
            Classes, whose shares are kept about equal among folds. If None, numbers to predict, or several
            labels each, folds are balanced in size alone.
        groups : array-like of shape (n_samples,), default=None
            What else may not be divided, such as the contig or the genome of each sequence.

        Yields
        ------
        train : ndarray of int
            Places of the training set.
        test : ndarray of int
            Places of the test set; every sequence is in one.

        Raises
        ------
        TypeError
            If X is no collection of str.
        ValueError
            If lengths differ, a character is no IUPAC nucleotide code, there are fewer groups than folds, or
            no class has as many members as there are folds.

        Warns
        -----
        SkgenomeWarning
            If one group is larger than a fold should be, or sequences have no k-mer to compare.
        """
        X = check_sequences(X)
        X, y, groups = indexable(X, y, groups)
        together = similarity_groups(
            X, k=self.k, threshold=self.threshold, canonical=self.canonical, n_hashes=self.n_hashes
        )
        if groups is not None:
            together = _link_groups(together, groups)
        self._check_sizes(together)
        if y is None or type_of_target(y, input_name="y") not in ("binary", "multiclass"):
            # One class for all: what is left to balance is the size.
            y = np.zeros(len(X), dtype=np.int64)
        random_state = self.random_state if self.shuffle else None
        folds = StratifiedGroupKFold(self.n_splits, shuffle=self.shuffle, random_state=random_state)
        yield from folds.split(np.zeros(len(X)), y, together)
