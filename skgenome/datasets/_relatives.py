"""Find out which genomes are alike, from a sample of their k-mers: copies, strains, distant relatives."""

import numpy as np

from skgenome.sequences import (
    AMBIGUOUS,
    N_SPECIAL,
    encode,
    has_ambiguous,
    kmer_words,
    kmers_of_ids,
    reverse_complement_words,
    similar_pairs,
)

# The longest k that words are made for: in a genome of 300,000 bases, 1 in 2,000 k-mers stands by chance.
_K = 15
# Mixes the bits of a word (Knuth's multiplicative hash with the golden ratio), so that those kept are a
# fair sample: unmixed, small words are the ones that begin with A.
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def sketch(sequence: str, one_in: int) -> str:
    """Keep a sample of a genome's k-mers, the same ones from whichever genome they come.

    Parameters
    ----------
    sequence : str
        DNA.
    one_in : int
        Of so many k-mers one is kept.

    Returns
    -------
    str
        The distinct k-mers kept, of 15 bases, with N between them: `similar_pairs` counts no others in it.
        A k-mer stands for its reverse complement too.
    """
    codes = encode(sequence)
    words = kmer_words(codes, _K)
    words = np.minimum(words, reverse_complement_words(words, _K))[~has_ambiguous(codes, _K)]
    kept = words.astype(np.uint64) * _GOLDEN <= np.uint64((2**64 - 1) // one_in)
    return "N".join(kmers_of_ids(np.unique(words[kept]).astype(np.int64) + N_SPECIAL, _K).tolist())


def related_pairs(sketches: list[str], threshold: float) -> np.ndarray:
    """Find pairs of genomes that share k-mers, estimated from samples of them.

    Parameters
    ----------
    sketches : list of str
        From `sketch`, all with the same `one_in`. Where it is 32, a genome of 6,700 bases has about 210
        k-mers in its sample, and a containment of .4 is estimated with a standard error of .03.
    threshold : float
        Smallest containment, as in `similar_pairs`. Two genomes that differ in a share d of their bases
        have one of about ``(1 - d) ** 15``: .4 is an identity of 94 %, .05 one of 82 %.

    Returns
    -------
    pairs : ndarray of shape (n_pairs, 2), int64
        Places in `sketches`, the smaller first.
    """
    return similar_pairs(sketches, k=_K, threshold=threshold)


def pick_few(clusters: np.ndarray, sequences: list[str], n_per_cluster: int) -> list[int]:
    """Choose some genomes of every cluster: the cleanest ones, and no copies.

    Parameters
    ----------
    clusters : ndarray of shape (n_genomes,), int64
        The cluster of each.
    sequences : list of str
        The genomes.
    n_per_cluster : int
        At most so many are chosen.

    Returns
    -------
    picked : list of int
        Places in `sequences`, sorted. Those with the fewest ambiguous letters come first, then the earlier
        ones; of equal sequences one counts.
    """
    n_ambiguous = [int(np.sum(encode(sequence) == AMBIGUOUS)) for sequence in sequences]
    n_picked = dict.fromkeys(clusters.tolist(), 0)
    seen: set[str] = set()
    picked = []
    # Python's sort keeps the order of equals.
    for place in sorted(range(len(sequences)), key=n_ambiguous.__getitem__):
        cluster = int(clusters[place])
        if n_picked[cluster] < n_per_cluster and sequences[place] not in seen:
            n_picked[cluster] += 1
            seen.add(sequences[place])
            picked.append(place)
    return sorted(picked)
