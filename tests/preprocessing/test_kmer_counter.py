import pickle
from collections import Counter
from functools import cache, partial
from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils import get_tags

from skgenome.exceptions import SkgenomeWarning
from skgenome.preprocessing import KmerCounter
from skgenome.preprocessing import _kmer_counter as counter_module
from skgenome.sequences import reverse_complement


@pytest.fixture
def rng(seed):
    return np.random.default_rng(seed)


def draw(rng, lengths, letters="ACGT"):
    return ["".join(rng.choice(list(letters), size=length)) for length in lengths]


def slow_counts(sequence, ks, canonical):
    """Count by slicing, k-mer after k-mer."""
    counts = Counter()
    for k in ks:
        for kmer in (sequence[i : i + k] for i in range(len(sequence) - k + 1)):
            if set(kmer) <= set("ACGT"):
                counts[min(kmer, reverse_complement(kmer)) if canonical else kmer] += 1
    return counts


def slow_names(ks, canonical):
    kmers = ["".join(letters) for k in ks for letters in product("ACGT", repeat=k)]
    return [kmer for kmer in kmers if not canonical or kmer <= reverse_complement(kmer)]


@pytest.fixture(params=["short", "long", "mixed"])
def sequences(request, rng):
    lengths = {"short": [40] * 7, "long": [900], "mixed": [30, 700, 12, 0, 45, 0]}[request.param]
    return draw(rng, lengths, "ACGTACGTACGTACGTN")


@pytest.mark.filterwarnings("ignore::skgenome.exceptions.SkgenomeWarning")
@pytest.mark.parametrize("ks", [(1,), (3,), (4,), (7,), (1, 2, 3), (5, 2)], ids=str)
@pytest.mark.parametrize("canonical", [False, True])
@pytest.mark.parametrize("block", [1, 50, 2**15])
def test_transform_equals_brute_force(sequences, monkeypatch, ks, canonical, block):
    monkeypatch.setattr(counter_module, "_BLOCK", block)
    counter = KmerCounter(k=ks, canonical=canonical)
    counts = counter.transform(sequences)
    names = slow_names(ks, canonical)
    assert counter.get_feature_names_out().tolist() == names
    expected = [slow_counts(sequence, ks, canonical) for sequence in sequences]
    np.testing.assert_array_equal(counts.toarray(), [[row[name] for name in names] for row in expected])
    assert counts.dtype == np.float32
    assert counts.has_canonical_format


@pytest.mark.parametrize("k", [8, 12])
def test_transform_of_a_large_k_equals_brute_force(rng, k):
    sequences = draw(rng, [60, 60], "ACGTN")
    counts = KmerCounter(k=k).transform(sequences)
    assert counts.shape == (2, 4**k)
    for row, sequence in zip(counts, sequences, strict=True):
        expected = slow_counts(sequence, [k], False)
        columns = {int(kmer.translate(str.maketrans("ACGT", "0123")), 4): n for kmer, n in expected.items()}
        assert dict(zip(row.indices.tolist(), row.data.tolist(), strict=True)) == columns


def test_transform_agrees_with_count_vectorizer(rng):
    sequences = draw(rng, [200, 150, 300])
    reference = CountVectorizer(analyzer="char", ngram_range=(2, 2), lowercase=False).fit(sequences)
    assert len(reference.vocabulary_) == 16
    counts = KmerCounter(k=2, sparse=False).transform(sequences)
    np.testing.assert_array_equal(counts, reference.transform(sequences).toarray())


@pytest.mark.parametrize(
    ("k_min", "k", "ks"), [(None, 3, (3,)), (1, 3, (1, 2, 3)), (3, 3, (3,)), (2, 4, (2, 3, 4))]
)
def test_k_min_counts_all_lengths_up_to_k(k_min, k, ks):
    X = ["GATTACAGATTACA"]
    spectrum = KmerCounter(k=k, k_min=k_min)
    reference = KmerCounter(k=ks)
    np.testing.assert_array_equal(spectrum.transform(X).toarray(), reference.transform(X).toarray())
    assert spectrum.get_feature_names_out().tolist() == reference.get_feature_names_out().tolist()


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5])
def test_canonical_counts_are_those_of_either_strand(rng, k):
    (sequence,) = draw(rng, [200], "ACGTN")
    forward, reverse = KmerCounter(k=k, canonical=True, sparse=False).transform(
        [sequence, reverse_complement(sequence)]
    )
    np.testing.assert_array_equal(forward, reverse)


@pytest.mark.parametrize(("k", "n_columns"), [(1, 2), (2, 10), (3, 32), (4, 136), (6, 2080)])
def test_canonical_columns_are_half_and_the_palindromes(k, n_columns):
    assert len(KmerCounter(k=k, canonical=True).get_feature_names_out()) == n_columns


@pytest.mark.parametrize("canonical", [False, True])
@pytest.mark.parametrize("block", [64, 2**15])
def test_frequencies_of_each_length_sum_to_one(rng, monkeypatch, canonical, block):
    monkeypatch.setattr(counter_module, "_BLOCK", block)
    sequences = draw(rng, [50, 300, 41], "ACGTACGTN")
    counter = KmerCounter(k=(2, 4, 1), canonical=canonical, normalize="frequency", sparse=False)
    frequencies = counter.transform(sequences)
    assert frequencies.dtype == np.float32
    lengths = np.array([len(name) for name in counter.get_feature_names_out()])
    for k in (1, 2, 4):
        np.testing.assert_allclose(frequencies[:, lengths == k].sum(axis=1), 1, rtol=1e-6)
    counts = clone(counter).set_params(normalize="count").transform(sequences)
    np.testing.assert_allclose(
        frequencies[:, lengths == 2],
        counts[:, lengths == 2] / counts[:, lengths == 2].sum(axis=1, keepdims=True),
        rtol=1e-6,
    )


def test_rows_without_kmers_stay_zero():
    counter = KmerCounter(k=2, k_min=1, normalize="frequency", sparse=False)
    with pytest.warns(SkgenomeWarning, match="1 of 3 sequences are shorter than k = 1"):
        frequencies = counter.transform(["NNNN", "", "ANA"])
    assert frequencies.sum(axis=1).tolist() == [0, 0, 1]


@pytest.mark.parametrize("X", [["", ""], ["A"], ["NN"]], ids=["empty", "short", "unknown"])
def test_transform_may_count_nothing(X):
    with pytest.warns(
        SkgenomeWarning, match=rf"{len(X)} of {len(X)} sequences are shorter than k = 3 and have a row of"
    ):
        counts = KmerCounter(k=3).transform(X)
    assert counts.shape == (len(X), 64)
    assert counts.nnz == 0


@cache
def counts_of(sequence, k):
    return slow_counts(sequence, [k], False)


def count_on_strands(strands, word):
    return sum(counts_of(strand, len(word))[word] for strand in strands)


def slow_z_score(sequence, kmer, order, canonical):
    """Compute a z-score from counts by slicing, on both strands as if they were two sequences."""
    strands = (sequence, reverse_complement(sequence)) if canonical else (sequence,)
    count = partial(count_on_strands, strands)
    n_bases = sum(map(count, "ACGT"))
    parts = [kmer[i : i + order + 1] for i in range(len(kmer) - order)]
    expected = float(np.prod([count(part) for part in parts]))
    for part in parts[1:]:
        shared = count(part[:order]) if order else n_bases
        expected = expected / shared if expected else 0.0
    found = count(kmer)
    if canonical and kmer == reverse_complement(kmer):
        found, expected = found / 2, expected / 2
    return (found - expected) / expected**0.5 if expected else 0.0


@pytest.mark.filterwarnings("ignore::skgenome.exceptions.SkgenomeWarning")
@pytest.mark.parametrize(("ks", "order"), [((1,), 0), ((3,), 0), ((3,), 1), ((2, 4), 1), ((4,), 2)], ids=str)
@pytest.mark.parametrize("canonical", [False, True])
def test_z_scores_equal_brute_force(sequences, monkeypatch, ks, order, canonical):
    monkeypatch.setattr(counter_module, "_CELLS", 300)
    counter = KmerCounter(k=ks, canonical=canonical, normalize="zscore", markov_order=order, sparse=False)
    scores = counter.transform(sequences)
    names = counter.get_feature_names_out()
    expected = [[slow_z_score(sequence, name, order, canonical) for name in names] for sequence in sequences]
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("order", [0, 1, 2])
def test_z_scores_of_a_markov_chain_are_standard_normal(rng, order):
    """A chain of this order has no k-mer too many or too few, however uneven it is."""
    after = rng.dirichlet(np.full(4, 3.0), size=4**order)
    codes = list(rng.integers(4, size=order))
    for draw_one in rng.random(40_000):
        state = sum(code * 4**i for i, code in enumerate(codes[len(codes) - order :]))
        codes.append(min(int(np.searchsorted(np.cumsum(after[state]), draw_one)), 3))
    sequence = "".join(np.array(list("ACGT"))[codes])
    counter = KmerCounter(k=5, normalize="zscore", sparse=False)
    scores = counter.set_params(markov_order=order).transform([sequence])
    assert abs(scores.mean()) < 0.1
    # Some of the freedom went into the estimate, so that the deviation is below 1.
    assert 0.8 < scores.std() < 1.1
    if order:
        assert counter.set_params(markov_order=order - 1).transform([sequence]).std() > 1.3


def test_z_scores_show_a_motif_that_counts_hide(rng):
    """GC-rich k-mers are common in a GC-rich sequence; a planted one is more than that."""
    sequence = "".join(rng.choice(list("ACGT"), size=3000, p=[0.15, 0.35, 0.35, 0.15]))
    sequence = "".join(sequence[i : i + 100] + "TATAAT" for i in range(0, 3000, 100))
    counter = KmerCounter(k=6, sparse=False)
    names = counter.get_feature_names_out()
    scores = counter.set_params(normalize="zscore").transform([sequence])
    assert names[scores.argmax()] == "TATAAT"


@pytest.mark.parametrize("order", [0, 1])
def test_z_scores_of_what_has_no_kmers_are_zero(order):
    counter = KmerCounter(k=3, normalize="zscore", markov_order=order, sparse=False)
    with pytest.warns(SkgenomeWarning, match="3 of 4 sequences are shorter than k = 3"):
        scores = counter.transform(["", "NN", "AC", "ANNNNC"])
    assert not scores.any()


@pytest.mark.parametrize("normalize", ["count", "frequency"])
def test_sparse_and_dense_agree(rng, normalize):
    X = draw(rng, [40, 60])
    sparse = KmerCounter(k=3, normalize=normalize).transform(X)
    dense = KmerCounter(k=3, normalize=normalize, sparse=False).transform(X)
    assert issparse(sparse)
    assert sparse.format == "csr"
    assert isinstance(dense, np.ndarray)
    np.testing.assert_array_equal(sparse.toarray(), dense)


@pytest.mark.parametrize("container", [tuple, np.array, pd.Series, lambda x: pd.DataFrame({"sequence": x})])
def test_transform_takes_any_collection_case_and_rna(container):
    counts = KmerCounter(k=2).transform(container(["GATTACA", "gauuaca"])).toarray()
    np.testing.assert_array_equal(counts[0], counts[1])
    assert counts.sum() == 12


@pytest.mark.parametrize("index", [None, ["x", "y"]], ids=["list", "Series"])
def test_set_output_gives_a_frame_of_named_columns(index):
    X = ["ACGT", "GGG"] if index is None else pd.Series(["ACGT", "GGG"], index=index)
    frame = KmerCounter(k=2, sparse=False).set_output(transform="pandas").transform(X)
    assert frame.index.tolist() == (index or [0, 1])
    assert frame["GG"].tolist() == [0, 2]
    assert frame.columns.tolist() == slow_names([2], False)


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        ([], ValueError, "X must hold at least one sequence"),
        ("ACGT", TypeError, "single str"),
        (["ACGT", "AC!"], ValueError, "Sequence 1 has '!' at position 2"),
    ],
    ids=["empty", "str", "letter"],
)
def test_transform_refuses_what_is_no_dna(X, error, message):
    with pytest.raises(error, match=message):
        KmerCounter().transform(X)


@pytest.mark.parametrize(
    "parameters",
    [
        {"k": 0},
        {"k": 13},
        {"k": [1, 2]},
        {"k_min": 0},
        {"canonical": "yes"},
        {"normalize": "l1"},
        {"markov_order": -1},
        {"sparse": None},
    ],
    ids=str,
)
@pytest.mark.parametrize("method", ["fit", "transform", "get_feature_names_out"])
def test_parameters_are_validated_by_every_method(parameters, method):
    (name,) = parameters
    with pytest.raises(ValueError, match=rf"The '{name}' parameter of KmerCounter must be"):
        getattr(KmerCounter(**parameters), method)(["ACGT"])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"k": ()}, r"tuple of different ints, from 1 to 12. Got \(\)"),
        ({"k": (1, 13)}, r"from 1 to 12. Got \(1, 13\)"),
        ({"k": (2, 2)}, r"different ints.* Got \(2, 2\)"),
        ({"k": (2, "3")}, r"Got \(2, '3'\)"),
        ({"k": (2, 3), "k_min": 1}, r"k_min needs k to be one int. Got k_min=1 with k=\(2, 3\)"),
        ({"k": 2, "k_min": 3}, "k_min must not be larger than k. Got k_min=3, k=2"),
        (
            {"k": 3, "normalize": "zscore", "markov_order": 3, "sparse": False},
            "markov_order=3 with k=3: lower",
        ),
        ({"k": 3, "k_min": 1, "normalize": "zscore", "sparse": False}, "markov_order=1 with k=1"),
        ({"k": 3, "normalize": "zscore"}, "Set sparse=False; got True"),
    ],
    ids=["empty", "large", "twice", "str", "both", "order", "markov", "markov-k-min", "sparse"],
)
@pytest.mark.parametrize("method", ["fit", "transform", "get_feature_names_out"])
def test_parameters_that_contradict_each_other_are_refused(parameters, message, method):
    with pytest.raises(ValueError, match=message):
        getattr(KmerCounter(**parameters), method)(["ACGT"])


def test_fit_returns_self_and_learns_nothing():
    counter = KmerCounter(k=2)
    before = vars(counter).copy()
    assert counter.fit(["ACGT"]) is counter
    assert counter.fit() is counter
    assert vars(counter) == before


def test_clone_and_pickle_keep_the_parameters():
    chosen = {
        "k": 5,
        "k_min": 2,
        "canonical": True,
        "normalize": "frequency",
        "sparse": False,
        "markov_order": 0,
    }
    counter = KmerCounter(**chosen)
    parameters = counter.get_params()
    assert clone(counter).get_params() == pickle.loads(pickle.dumps(counter)).get_params() == parameters
    assert parameters == chosen


def test_tags_say_text_and_no_fit():
    tags = get_tags(KmerCounter())
    assert (tags.requires_fit, tags.input_tags.string, tags.input_tags.two_d_array) == (False, True, False)


def test_pipeline_learns_a_planted_difference(rng):
    """Half of the sequences have twice as many G and C; single bases are enough to tell."""
    rich = ["".join(rng.choice(list("ACGT"), p=[0.17, 0.33, 0.33, 0.17], size=200)) for _ in range(40)]
    X, y = rich + draw(rng, [200] * 40), [1] * 40 + [0] * 40
    pipeline = make_pipeline(KmerCounter(k=2, k_min=1, normalize="frequency"), LogisticRegression(C=100))
    assert pipeline.fit(X[::2], y[::2]).score(X[1::2], y[1::2]) > 0.9
