"""Which sequences are alike: pairs that share k-mers, groups they make up, the nearest of another set."""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from skgenome.sequences._alphabet import encode_many
from skgenome.sequences._collection import check_sequences
from skgenome.sequences._kmer_sets import (
    WORD_BITS,
    in_sample,
    kmer_sets,
    sampling_levels,
    spans,
    spanwise_sets,
)
from skgenome.sequences._meetings import Meetings, WordIndex, count_meetings, index_words
from skgenome.sequences._within import number_within

# Distinct k-mers of pairs that are compared in full at a time.
_BUDGET = 2**21
# Pairs that are kept before those that could still join two groups are compared; about 25 MB.
_WAITING = 2**20
# Of a pair that shares as few k-mers as the threshold asks for, this many are expected in the sample ...
_EXPECTED_SHARED = 20
# ... and so many of them are asked for, that such a pair is overlooked with this probability at most.
_MISSED = 1e-4
# Fewer than this many expected, and one pair in a hundred at the threshold would share none.
_FEWEST_EXPECTED = 5


class NearestSimilar(NamedTuple):
    """The most similar target of every query."""

    targets: np.ndarray
    """Shape (n_queries,), int64: places in the targets, -1 where none is similar."""
    similarities: np.ndarray
    """Shape (n_queries,), float64: containments, 0 where none is similar."""


class _Survey(NamedTuple):
    """What is known of sequences before they are compared.

    Entry i of `owners` and `words` says that a word is in the sample of a sequence; `sizes` are those of the
    whole sets, `n_sampled` of the samples, `levels` say how far each is thinned. Pairs that have less than
    `least` words of a thinned sample in common are not looked at.
    """

    sequences: list[str]
    k: int
    canonical: bool
    threshold: float
    least: int
    sizes: np.ndarray
    levels: np.ndarray
    owners: np.ndarray
    words: np.ndarray
    n_sampled: np.ndarray


class _Candidates(NamedTuple):
    """Pairs, shape (n_pairs, 2), of two labels, and how many of the k-mers looked at are in both.

    If `whole`, these were all k-mers, and the pairs are known to be similar. Otherwise they may be.
    `n_sampled` are the k-mers of the smaller one that were looked at.
    """

    pairs: np.ndarray
    n_shared: np.ndarray
    n_sampled: np.ndarray
    whole: bool


def _check_parameters(k: int, threshold: float, n_hashes: int | str | None) -> int | None:
    """Check what all functions here take, and give the number of hashes that "auto" stands for."""
    if not 1 <= k <= 15:
        raise ValueError(f"k must be from 1 to 15, in bases. Got {k} instead.")
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold must be above 0 and at most 1. Got {threshold} instead.")
    if n_hashes is None:
        return None
    if isinstance(n_hashes, str):
        if n_hashes != "auto":
            raise ValueError(f"n_hashes must be 'auto', None or a whole number. Got {n_hashes!r} instead.")
        return math.ceil(_EXPECTED_SHARED / threshold)
    fewest = math.ceil(_FEWEST_EXPECTED / threshold)
    if n_hashes < fewest:
        raise ValueError(
            f"n_hashes must be at least {fewest} for threshold={threshold}, or pairs are overlooked. "
            f"Got {n_hashes} instead; 'auto' takes {math.ceil(_EXPECTED_SHARED / threshold)}."
        )
    return n_hashes


def _least_shared(n_expected: float) -> int:
    """Give the largest count, from 1 on, that a Poisson variable falls short of with probability `_MISSED`.

    The number of shared k-mers in a sample is binomial, whose lower tail is the lighter one.
    """
    # Beyond 500, exp would be 0 sooner or later; a smaller count is on the safe side.
    n_expected = min(n_expected, 500.0)
    least, term = 0, math.exp(-n_expected)
    tail = term
    while tail <= _MISSED:
        least += 1
        term *= n_expected / least
        tail += term
    return max(least, 1)


def _survey(
    sequences: list[str], k: int, threshold: float, canonical: bool, n_hashes: int | str | None
) -> _Survey:
    n_hashes = _check_parameters(k, threshold, n_hashes)
    sizes = np.zeros(len(sequences), dtype=np.int64)
    owners, words = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    for places, sets in spanwise_sets(sequences, np.arange(len(sequences)), k, canonical):
        sizes[places] = sets.sizes
        kept: slice | np.ndarray = slice(None)
        if n_hashes is not None:
            kept = in_sample(sets.words, sampling_levels(sets.sizes, n_hashes)[sets.owners])
        owners.append(places[sets.owners[kept]])
        words.append(sets.words[kept])
    levels = sampling_levels(sizes, n_hashes)
    least = 1 if n_hashes is None else _least_shared(threshold * n_hashes)
    parts = np.concatenate(owners), np.concatenate(words)
    n_sampled = np.bincount(parts[0], minlength=len(sequences))
    return _Survey(sequences, k, canonical, threshold, least, sizes, levels, *parts, n_sampled)


def _survey_named(named: dict[str, list[str]], *settings) -> _Survey:
    """Survey several collections as one; a wrong letter is reported by its place in its collection."""
    try:
        return _survey([sequence for sequences in named.values() for sequence in sequences], *settings)
    except ValueError:
        for name, sequences in named.items():
            try:
                encode_many(sequences)
            except ValueError as error:
                raise ValueError(f"In {name}: {error}") from None
        raise


def _select(survey: _Survey, level: int, met: Meetings) -> _Candidates:
    """Keep the meetings of pairs that are, or may be, similar. The smaller of each pair has the level."""
    first_is_smaller = survey.sizes[met.first] <= survey.sizes[met.second]
    n_sampled = survey.n_sampled[np.where(first_is_smaller, met.first, met.second)]
    # Divided, not multiplied: 3 / 10 is the number .3, while .1 * 3 is not.
    share = met.n_shared / n_sampled
    kept = share >= survey.threshold if level == 0 else met.n_shared >= survey.least
    pairs = np.stack([met.first[kept], met.second[kept]], axis=1)
    return _Candidates(pairs, met.n_shared[kept], n_sampled[kept], level == 0)


def _candidates(survey: _Survey, labels: np.ndarray, limit: int | None = None) -> Iterator[_Candidates]:
    """Yield the pairs of sequences, of different labels, that are or may be similar.

    A pair is compared in the sample of the smaller one's level. So first all of a level are compared with
    each other, then larger ones, whose samples of lower levels are made anew, with those of lower levels.
    """
    level_of_entry = survey.levels[survey.owners]
    indexes: dict[int, WordIndex] = {}
    for level in np.unique(level_of_entry).tolist():
        own = level_of_entry == level
        # Of sequences of one length, which is common, no copy is needed.
        own = slice(None) if own.all() else own
        owners, words = survey.owners[own], survey.words[own]
        indexes[level] = index_words(owners, words, labels)
        for met in count_meetings(indexes[level], owners, words, labels, limit=limit):
            yield _select(survey, level, met)
    larger = np.flatnonzero(survey.levels > min(indexes, default=0))
    for places, sets in spanwise_sets(survey.sequences, larger, survey.k, survey.canonical):
        for level, index in indexes.items():
            some = (survey.levels[places] > level)[sets.owners] & in_sample(sets.words, level)
            entries = places[sets.owners[some]], sets.words[some]
            for met in count_meetings(index, *entries, labels, both_sides=True, limit=limit):
                yield _select(survey, level, met)


def _batches(survey: _Survey, pairs: np.ndarray) -> Iterator[np.ndarray]:
    for first, last in spans(survey.sizes[pairs].sum(axis=1), _BUDGET):
        yield pairs[first:last]


def _containments(survey: _Survey, pairs: np.ndarray) -> np.ndarray:
    """Compare pairs in full."""
    members, numbers = np.unique(pairs, return_inverse=True)
    sets = kmer_sets([survey.sequences[member] for member in members], survey.k, survey.canonical)
    offsets = np.cumsum(sets.sizes) - sets.sizes
    keys = []
    for column in numbers.reshape(-1, 2).T:
        n_each = sets.sizes[column]
        words = sets.words[np.repeat(offsets[column], n_each) + number_within(n_each)]
        keys.append((np.repeat(np.arange(len(pairs)), n_each) << WORD_BITS) | words)
    # A k-mer of both sequences stands twice.
    both = np.sort(np.concatenate(keys))
    shared = both[1:][both[1:] == both[:-1]] >> WORD_BITS
    return np.bincount(shared, minlength=len(pairs)) / survey.sizes[pairs].min(axis=1)


def _settle(survey: _Survey, found: _Candidates) -> tuple[np.ndarray, np.ndarray]:
    """Give those of the candidates that are similar, and their containments."""
    if found.whole:
        return found.pairs, found.n_shared / survey.sizes[found.pairs].min(axis=1)
    parts = [_containments(survey, pairs) for pairs in _batches(survey, found.pairs)]
    containments = np.concatenate([np.zeros(0), *parts])
    alike = containments >= survey.threshold
    return found.pairs[alike], containments[alike]


def _could_reach(found: _Candidates, containments: np.ndarray) -> np.ndarray:
    """Say which candidates may be at least so similar; of those that are, `_MISSED` are denied at most.

    That a sample shows a smaller share than the whole has is bounded by Chernoff (Hoeffding 1963, theorem 1,
    which holds for samples without replacement too).
    """
    share = found.n_shared / found.n_sampled
    # Where the whole has all, the sample has, and where it has none, the second term is 0.
    with np.errstate(divide="ignore", invalid="ignore"):
        divergence = share * np.log(share / containments)
        divergence += np.where(share < 1, (1 - share) * np.log((1 - share) / (1 - containments)), 0.0)
    return (share >= containments) | (found.n_sampled * divergence <= -math.log(_MISSED))


def _merge(labels: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    return linked_groups(len(labels), labels[pairs])[labels] if len(pairs) else labels


def _join(survey: _Survey, labels: np.ndarray, pairs: np.ndarray, n_shared: np.ndarray) -> np.ndarray:
    """Compare candidates, and give one label to the sequences of similar pairs and all labelled like them."""
    # The likeliest first: once they have joined two labels, no other pair across the two need be compared.
    pairs = pairs[np.argsort(-n_shared, kind="stable")]
    while len(pairs := pairs[labels[pairs[:, 0]] != labels[pairs[:, 1]]]):
        batch = next(_batches(survey, pairs))
        pairs = pairs[len(batch) :]
        alike = _containments(survey, batch) >= survey.threshold
        labels = _merge(labels, batch[alike])
    return labels


def _join_all(survey: _Survey, labels: np.ndarray, limit: int | None) -> np.ndarray:
    """Find candidates and join the labels of those that are similar."""
    waiting, counts = [np.empty((0, 2), dtype=np.int64)], [np.empty(0, dtype=np.int64)]
    joined = labels
    for found in _candidates(survey, labels, limit):
        if found.whole:
            joined = _merge(joined, found.pairs)
            continue
        apart = joined[found.pairs[:, 0]] != joined[found.pairs[:, 1]]
        waiting.append(found.pairs[apart])
        counts.append(found.n_shared[apart])
        if sum(map(len, waiting)) > _WAITING:
            joined = _join(survey, joined, np.concatenate(waiting), np.concatenate(counts))
            waiting, counts = waiting[:1], counts[:1]
    return _join(survey, joined, np.concatenate(waiting), np.concatenate(counts))


def similar_pairs(
    sequences: Sequence[str] | np.ndarray,
    *,
    k: int = 11,
    threshold: float = 0.3,
    canonical: bool = True,
    n_hashes: int | str | None = None,
) -> np.ndarray:
    """Find all pairs of sequences that share many of their k-mers.

    The measure is the containment: of the distinct k-mers of whichever sequence has fewer, the share that
    the other has too. It is 1 for a sequence and a stretch of it, and does not depend on order.

    Parameters
    ----------
    sequences : collection of str
        DNA or RNA; anything that `check_sequences` takes.
    k : int, default=11
        Bases in a k-mer, 1 to 15. K-mers with an ambiguous base are not counted.
    threshold : float, default=0.3
        Smallest containment of a pair, above 0 and up to 1.
    canonical : bool, default=True
        Whether a k-mer and its reverse complement are the same, so that sequences are alike whichever
        strands they are given from.
    n_hashes : int, 'auto' or None, default=None
        Of a sequence with many k-mers, from this number to twice as many, those of the smallest hashes, are
        looked at to find the pairs worth comparing. None looks at all. ``'auto'`` is ``20 / threshold``,
        rounded up.

    Returns
    -------
    ndarray of shape (n_pairs, 2), int64
        Places in `sequences`, the smaller first, sorted. A sequence without a k-mer is in no pair.

    Raises
    ------
    TypeError
        If `sequences` is no collection, or has an element that is no str.
    ValueError
        If a character is no IUPAC nucleotide code, or a parameter is out of range.

    See Also
    --------
    similar_groups : The groups that these pairs make up, without a list of pairs.
    linked_groups : The groups that any pairs make up.

    Notes
    -----
    With ``n_hashes=None`` all pairs are counted, none is guessed. Otherwise each pair that is found has been
    compared in full, and a pair at the threshold is overlooked with a probability of 0.01 % (0.7 % where
    `n_hashes` is as small as it may be), a more similar one more rarely; sequences of less than
    ``2 * n_hashes`` distinct k-mers are compared as with None. Time grows with the number of times that two
    sequences meet in a k-mer, memory does not.

    Examples
    --------
    >>> from skgenome.sequences import similar_pairs
    >>> similar_pairs(["GATTACAG", "CCCCCCCC", "GATTACAT"], k=4)
    array([[0, 2]])
    """
    sequences = check_sequences(sequences, name="sequences")
    survey = _survey_named({"sequences": sequences}, k, threshold, canonical, n_hashes)
    found = [np.empty((0, 2), dtype=np.int64)]
    labels = np.arange(len(sequences))
    found += [_settle(survey, candidates)[0] for candidates in _candidates(survey, labels)]
    pairs = np.sort(np.concatenate(found), axis=1)
    return pairs[np.lexsort(pairs.T[::-1])]


def similar_groups(
    sequences: Sequence[str],
    *,
    k: int = 11,
    threshold: float = 0.3,
    canonical: bool = True,
    n_hashes: int | str | None = "auto",
) -> np.ndarray:
    """Find the groups that the pairs of similar sequences make up, without listing the pairs.

    Parameters
    ----------
    sequences : collection of str
        DNA or RNA; anything that `check_sequences` takes.
    k : int, default=11
        Bases in a k-mer, 1 to 15. K-mers with an ambiguous base are not counted.
    threshold : float, default=0.3
        Smallest containment of a pair, above 0 and up to 1.
    canonical : bool, default=True
        Whether a k-mer and its reverse complement are the same.
    n_hashes : int, 'auto' or None, default='auto'
        As in `similar_pairs`.

    Returns
    -------
    ndarray of shape (n_sequences,), int64
        The group of each sequence, numbered from 0 as they first appear. A sequence without a k-mer is a
        group of its own.

    Raises
    ------
    TypeError
        If `sequences` is no collection, or has an element that is no str.
    ValueError
        If a character is no IUPAC nucleotide code, or a parameter is out of range.

    See Also
    --------
    similar_pairs : The pairs, and what similar means.

    Notes
    -----
    The groups are those of ``linked_groups(len(sequences), similar_pairs(sequences))`` with the same
    parameters. Sequences are first joined to those next to them in the list of a k-mer; then only pairs that
    could join two groups are looked for. So a family of thousands costs its size, not its square.

    Examples
    --------
    >>> from skgenome.sequences import similar_groups
    >>> similar_groups(["GATTACAG", "CCCCCCCC", "GATTACAT"], k=4)
    array([0, 1, 0])
    """
    sequences = check_sequences(sequences, name="sequences")
    survey = _survey_named({"sequences": sequences}, k, threshold, canonical, n_hashes)
    labels = np.arange(len(sequences))
    for limit in (1, None):
        labels = _join_all(survey, labels, limit)
    # Merged labels are numbered from 0 as they first appear.
    return labels


def _likeliest_first(found: _Candidates, best: NearestSimilar, n_targets: int) -> Iterator[_Candidates]:
    """Yield of every query the candidate that looks nearest, then the next few, then more.

    What can hardly be nearer than what is the `best` by then is left out. So of a family in which all are
    related, a query is compared with few.
    """
    of_queries = found.pairs.max(axis=1) - n_targets
    order = np.lexsort((-found.n_shared / found.n_sampled, of_queries))
    n_each = np.bincount(of_queries, minlength=len(best.targets))
    found, rank = _take(found, order), number_within(n_each)
    last = 1
    while len(rank):
        now = rank < last
        yield _take(found, now)
        left = ~now
        left &= _could_reach(found, best.similarities[found.pairs.max(axis=1) - n_targets])
        found, rank, last = _take(found, left), rank[left], 4 * last


def _take(found: _Candidates, some: np.ndarray) -> _Candidates:
    return _Candidates(found.pairs[some], found.n_shared[some], found.n_sampled[some], found.whole)


def _improve(best: NearestSimilar, pairs: np.ndarray, containments: np.ndarray, n_targets: int) -> None:
    """Put the nearest targets of some pairs where they are nearer than the best so far."""
    of_targets, of_queries = pairs.min(axis=1), pairs.max(axis=1) - n_targets
    # Several pairs may be of one query: assigned in this order, the best comes last and stays.
    order = np.lexsort((-of_targets, containments))
    of_targets, of_queries, containments = (a[order] for a in (of_targets, of_queries, containments))
    better = containments > best.similarities[of_queries]
    equal = containments == best.similarities[of_queries]
    better |= equal & (of_targets < best.targets[of_queries])
    best.targets[of_queries[better]] = of_targets[better]
    best.similarities[of_queries[better]] = containments[better]


def nearest_similar(
    queries: Sequence[str],
    targets: Sequence[str],
    *,
    k: int = 11,
    threshold: float = 0.3,
    canonical: bool = True,
    n_hashes: int | str | None = "auto",
) -> NearestSimilar:
    """Find for every sequence of one set the most similar one of another.

    Parameters
    ----------
    queries : collection of str
        DNA or RNA; anything that `check_sequences` takes.
    targets : collection of str
        The same, among which is searched.
    k : int, default=11
        Bases in a k-mer, 1 to 15. K-mers with an ambiguous base are not counted.
    threshold : float, default=0.3
        Smallest containment of a pair, above 0 and up to 1. What is less similar is not found.
    canonical : bool, default=True
        Whether a k-mer and its reverse complement are the same.
    n_hashes : int, 'auto' or None, default='auto'
        As in `similar_pairs`. Containments are exact in any case; unless it is None, a target is overlooked
        that is nearer than the one found, with a probability of 0.01 % at most.

    Returns
    -------
    NearestSimilar
        The place of the most similar target of each query, the first of equals, and the containment.

    Raises
    ------
    TypeError
        If a set is no collection, or has an element that is no str.
    ValueError
        If a character is no IUPAC nucleotide code, or a parameter is out of range.

    See Also
    --------
    similar_pairs : Similar sequences of one set, and what similar means.

    Examples
    --------
    >>> from skgenome.sequences import nearest_similar
    >>> nearest_similar(["GATTACAG", "CCCCCCCC"], ["TTTTTTTT", "GATTACAT"], k=4).targets
    array([ 1, -1])
    """
    queries = check_sequences(queries, name="queries")
    targets = check_sequences(targets, name="targets")
    survey = _survey_named({"targets": targets, "queries": queries}, k, threshold, canonical, n_hashes)
    best = NearestSimilar(np.full(len(queries), -1, dtype=np.int64), np.zeros(len(queries)))
    labels = np.repeat(np.arange(2), [len(targets), len(queries)])
    for candidates in _candidates(survey, labels):
        for some in [candidates] if candidates.whole else _likeliest_first(candidates, best, len(targets)):
            _improve(best, *_settle(survey, some), len(targets))
    return best


def linked_groups(n_items: int, pairs: np.ndarray) -> np.ndarray:
    """Find the groups that pairs make up: items linked directly or through others are in one.

    Parameters
    ----------
    n_items : int
        Number of items.
    pairs : ndarray of shape (n_pairs, 2), integer
        Pairs of places, from 0. Order and repeats do not matter.

    Returns
    -------
    ndarray of shape (n_items,), int64
        The group of each item; groups are numbered from 0 as they first appear.

    Raises
    ------
    ValueError
        If `pairs` has another shape, or a place that no item has.

    See Also
    --------
    similar_pairs : Pairs of sequences that are alike.

    Examples
    --------
    >>> import numpy as np
    >>> from skgenome.sequences import linked_groups
    >>> linked_groups(5, np.array([[4, 1], [4, 3]]))
    array([0, 1, 2, 1, 1])
    """
    pairs = np.asarray(pairs)
    if pairs.ndim != 2 or pairs.shape[1] != 2:
        raise ValueError(f"pairs must have shape (n_pairs, 2). Got shape {pairs.shape} instead.")
    if pairs.size and not 0 <= pairs.min() <= pairs.max() < n_items:
        raise ValueError(
            f"pairs must hold places from 0 to {n_items - 1}. Got {pairs.min()} to {pairs.max()} instead."
        )
    first, second = pairs.T
    # Each item points to one of its group that is not behind it; in the end, to the first of the group.
    pointers = np.arange(n_items)
    while np.any(pointers[first] != pointers[second]):
        a, b = pointers[first], pointers[second]
        np.minimum.at(pointers, np.maximum(a, b), np.minimum(a, b))
        while np.any(pointers != pointers[pointers]):
            pointers = pointers[pointers]
    return np.unique(pointers, return_inverse=True)[1]
