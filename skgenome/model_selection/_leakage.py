"""What a test set has in common with the training set."""

import textwrap
import warnings
from dataclasses import dataclass

import numpy as np

from skgenome._sklearn import validate_params
from skgenome.exceptions import SkgenomeWarning
from skgenome.model_selection._similarity import SIMILARITY_CONSTRAINTS, places_without_kmer, spelling
from skgenome.sequences import check_sequences, encode_many, nearest_similar

# Rows of the printed table of nearest pairs.
_N_PRINTED = 5


@dataclass(frozen=True, eq=False)
class LeakageReport:
    """Which sequences of a test set have a near relative among those for training.

    Attributes
    ----------
    n_train : int
        Number of sequences for training.
    k : int
        Bases in a k-mer.
    threshold : float
        Containment from which on two sequences are near relatives.
    nearest : ndarray of shape (n_test,), int64
        Place of the most similar training sequence, -1 where none reaches the threshold.
    similarity : ndarray of shape (n_test,), float64
        Its containment: of the distinct k-mers of whichever has fewer, the share that the other has. 0 where
        none reaches the threshold, 1 for equal sequences.
    duplicate : ndarray of shape (n_test,), bool
        Whether a training sequence is equal, or, if strands are the same, the reverse complement.
    """

    n_train: int
    k: int
    threshold: float
    nearest: np.ndarray
    similarity: np.ndarray
    duplicate: np.ndarray

    @property
    def n_test(self):
        """Number of test sequences."""
        return len(self.nearest)

    @property
    def related(self):
        """Mask of shape (n_test,): which test sequences have a near relative."""
        return self.nearest >= 0

    @property
    def n_related(self):
        """Number of test sequences with a near relative, duplicates included."""
        return int(self.related.sum())

    @property
    def n_duplicates(self):
        """Number of test sequences that are equal to one for training."""
        return int(self.duplicate.sum())

    @property
    def share_related(self):
        """Share of the test sequences with a near relative."""
        return self.n_related / self.n_test if self.n_test else 0.0

    def worst_pairs(self, n=10):
        """List test sequences with their nearest training sequence, the most similar first.

        Parameters
        ----------
        n : int, default=10
            How many at most.

        Returns
        -------
        list of dict
            With ``test`` and ``train``, places in the two sets, ``similarity`` and ``duplicate``: what
            ``pandas.DataFrame`` takes.
        """
        order = np.lexsort((-self.similarity, ~self.duplicate))
        return [
            {
                "test": int(place),
                "train": int(self.nearest[place]),
                "similarity": float(self.similarity[place]),
                "duplicate": bool(self.duplicate[place]),
            }
            for place in order[: min(n, self.n_related)]
        ]

    def __str__(self):
        counts = {
            "equal to one for training": self.n_duplicates,
            "containment of 0.90 or more": int((self.similarity >= max(0.9, self.threshold)).sum()),
            f"containment of {self.threshold:.2f} or more": self.n_related,
        }
        lines = [f"{self.n_test:,} test sequences against {self.n_train:,} for training, by {self.k}-mers"]
        shares = (count / max(self.n_test, 1) for count in counts.values())
        lines += [
            f"  {name:<30}{count:>9,}{share:>8.1%}"
            for (name, count), share in zip(counts.items(), shares, strict=True)
        ]
        pairs = self.worst_pairs(_N_PRINTED)
        if pairs:
            lines.append(f"  {'test':>10}{'training':>12}{'containment':>14}")
        for pair in pairs:
            equal = "  equal" if pair["duplicate"] else ""
            lines.append(f"  {pair['test']:>10}{pair['train']:>12}{pair['similarity']:>14.2f}{equal}")
        return "\n".join([*lines, *textwrap.wrap(self._advise(), 88)])

    def _advise(self):
        if not self.n_related:
            return (
                "No test sequence has a near relative. Distant ones may be left: at one changed base in ten, "
                "a lower threshold or a smaller k is needed to see them."
            )
        return (
            f"A score on these {self.n_related:,} says what is remembered, not what is learnt. Split again "
            "with HomologyGroupKFold or similarity_groups; or, where the split is given, show the score on "
            "the other test sequences (~report.related) beside it."
        )


def _raise_bad_letters(**sets):
    """Raise for a letter that is no nucleotide, by the name of its set."""
    for name, sequences in sets.items():
        try:
            encode_many(sequences)
        except ValueError as error:
            raise ValueError(f"In {name}: {error}") from None


def _find_equal(train, test, canonical):
    """Find for every test sequence the first training sequence that is equal, or -1."""
    spelt = [spelling(sequence, canonical) for sequence in test]
    # Only what the test set has is kept, which is the smaller set as a rule.
    first = dict.fromkeys(spelt, -1)
    for place, sequence in enumerate(train):
        key = spelling(sequence, canonical)
        if first.get(key) == -1:
            first[key] = place
    return np.array([first[key] for key in spelt], dtype=np.int64)


@validate_params(
    {"train": "no_validation", "test": "no_validation", **SIMILARITY_CONSTRAINTS},
    prefer_skip_nested_validation=True,
)
def leakage_report(train, test, *, k=11, threshold=0.3, canonical=True, n_hashes="auto"):
    """Look for test sequences that a model may have seen, or nearly, while it was trained.

    Run it on every split that you did not make yourself, published ones included, before a score on it is
    believed. ``print`` shows the numbers, the worst pairs and what to do.

    Read more in the :ref:`User Guide <similar_sequences>`.

    Parameters
    ----------
    train : collection of str
        DNA or RNA: all that was trained on, the corpus of a language model too.
    test : collection of str
        DNA or RNA.
    k : int, default=11
        Bases in a k-mer, 1 to 15. K-mers with an ambiguous base are not counted. Where sequences are long,
        as contigs are, choose 15, or they share k-mers by chance.
    threshold : float, default=0.3
        Two sequences are near relatives from this containment on: of the distinct k-mers of whichever has
        fewer, the share that the other has too.
    canonical : bool, default=True
        Whether a k-mer and its reverse complement are the same.
    n_hashes : int, 'auto' or None, default='auto'
        How many k-mers of a sequence are looked at, as in :func:`similarity_groups`. None overlooks nothing.

    Returns
    -------
    LeakageReport
        For each test sequence its nearest relative, and the numbers.

    Raises
    ------
    TypeError
        If a set is no collection, or has an element that is no str.
    ValueError
        If a character is no IUPAC nucleotide code, or a parameter is out of its range.

    Warns
    -----
    SkgenomeWarning
        If test sequences have no k-mer to compare: only whether they are equal to another is known.

    See Also
    --------
    HomologyGroupKFold : Folds without leakage of this kind.
    similarity_groups : Groups of similar sequences in one set.

    Examples
    --------
    >>> from skgenome.datasets import make_promoters
    >>> from skgenome.model_selection import leakage_report
    >>> from skgenome.sequences import reverse_complement
    >>> train = make_promoters(n_samples=40, random_state=0).data.tolist()
    >>> test = make_promoters(n_samples=8, random_state=1).data.tolist()
    >>> report = leakage_report(train, [*test, reverse_complement(train[7]), train[3][:80]])
    >>> report.n_related, report.n_duplicates
    (2, 1)
    >>> report.nearest[-2:]
    array([7, 3])
    >>> print(report)
    10 test sequences against 40 for training, by 11-mers
      equal to one for training             1   10.0%
      containment of 0.90 or more           2   20.0%
      containment of 0.30 or more           2   20.0%
            test    training   containment
               8           7          1.00  equal
               9           3          1.00
    A score on these 2 says what is remembered, not what is learnt. Split again
    with HomologyGroupKFold or similarity_groups; or, where the split is given, show the score on
    the other test sequences (~report.related) beside it.
    """
    train, test = check_sequences(train, name="train"), check_sequences(test, name="test")
    try:
        found = nearest_similar(test, train, k=k, threshold=threshold, canonical=canonical, n_hashes=n_hashes)
    except ValueError:
        _raise_bad_letters(train=train, test=test)
        raise
    bare = places_without_kmer(test, k)
    if bare:
        warnings.warn(
            f"{len(bare)} of {len(test)} test sequences have no {k}-mer to compare, for they are shorter "
            f"than k={k} or full of ambiguous bases: only equal ones are found for them. Choose a smaller k.",
            SkgenomeWarning,
            # The check of parameters stands between this function and its caller.
            stacklevel=3,
        )
    equal = _find_equal(train, test, canonical)
    duplicate = equal >= 0
    return LeakageReport(
        n_train=len(train),
        k=k,
        threshold=threshold,
        nearest=np.where(duplicate, equal, found.targets),
        similarity=np.where(duplicate, 1.0, found.similarities),
        duplicate=duplicate,
    )
