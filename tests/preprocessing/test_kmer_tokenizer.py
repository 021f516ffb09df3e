import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MaxAbsScaler
from sklearn.utils import get_tags

from skgenome.exceptions import SkgenomeWarning
from skgenome.preprocessing import KmerTokenizer
from skgenome.sequences import id_dtype, kmers_of_ids


@pytest.fixture
def rng(seed):
    return np.random.default_rng(seed)


BASES = list("ACGT")


def draw(rng, lengths, letters="ACGT"):
    return ["".join(rng.choice(list(letters), size=length)) for length in lengths]


def slow_tokens(sequence, k, stride):
    """Slice every k-mer out and look it up, letter by letter."""
    kmers = [sequence[i : i + k] for i in range(0, len(sequence) - k + 1, stride)]
    return [
        int("".join(str("ACGT".index(b)) for b in x), 4) + 2 if set(x) <= set(BASES) else 1 for x in kmers
    ]


def slow_inverse(ids, k, stride):
    """Write token after token, from the last to the first, so that the first that covers a base stays."""
    bases = ["N"] * ((len(ids) - 1) * stride + k if len(ids) else 0)
    for i in reversed(range(len(ids))):
        if ids[i] >= 2:
            bases[i * stride : i * stride + k] = list(kmers_of_ids(np.array([ids[i]]), k)[0])
    return "".join(bases)


@pytest.fixture(params=["equal", "unequal", "one"])
def sequences(request, rng):
    lengths = {"equal": [60] * 9, "unequal": rng.integers(20, 90, size=9), "one": [333]}[request.param]
    return draw(rng, lengths, "ACGTACGTACGTACGTACGTN")


@pytest.mark.parametrize("k", [1, 2, 3, 4, 6, 11, 15])
@pytest.mark.parametrize("stride", [1, 2, 3, 20])
def test_transform_equals_brute_force(sequences, k, stride):
    expected = [slow_tokens(sequence, k, stride) for sequence in sequences]
    token_ids = KmerTokenizer(k=k, stride=stride).transform(sequences)
    assert token_ids.dtype == id_dtype(k)
    assert token_ids.shape == (len(sequences), max(map(len, expected)))
    for row, ids in zip(token_ids.tolist(), expected, strict=True):
        assert row == ids + [0] * (len(row) - len(ids))


@pytest.mark.parametrize("stride", [1, 4])
def test_transform_without_padding_gives_the_same_rows(sequences, stride):
    matrix = KmerTokenizer(stride=stride).transform(sequences)
    rows = KmerTokenizer(stride=stride, padding=False).transform(sequences)
    assert isinstance(rows, list)
    for row, padded in zip(rows, matrix, strict=True):
        assert row.dtype == matrix.dtype
        assert row.flags.c_contiguous
        np.testing.assert_array_equal(row, padded[padded > 0])


@pytest.mark.parametrize("container", [tuple, np.array, pd.Series, lambda x: pd.DataFrame({"sequence": x})])
def test_transform_takes_any_collection(container):
    sequences = ["ACGT", "GGC", "TTAGA"]
    tokenizer = KmerTokenizer()
    np.testing.assert_array_equal(tokenizer.transform(container(sequences)), tokenizer.transform(sequences))


def test_transform_reads_rna_and_lower_case_as_dna():
    rows = KmerTokenizer(k=2).transform(["GATTN", "gattn", "GAUUN", "gauun"])
    assert (rows == rows[0]).all()


def test_transform_does_not_depend_on_the_other_sequences(rng):
    sequences = draw(rng, [30, 12, 3, 45])
    together = KmerTokenizer(padding=False).transform(sequences)
    for sequence, row in zip(sequences, together, strict=True):
        np.testing.assert_array_equal(KmerTokenizer().transform([sequence])[0], row)


def test_transform_of_the_other_strand_is_the_reverse(rng):
    """At stride 1, every k-mer of one strand has its partner on the other."""
    from skgenome.sequences import reverse_complement, reverse_complement_ids

    (sequence,) = draw(rng, [80], "ACGTN")
    forward, reverse = KmerTokenizer(k=5).transform([sequence, reverse_complement(sequence)])
    np.testing.assert_array_equal(reverse_complement_ids(forward, 5)[::-1], reverse)


@pytest.mark.parametrize("padding", [True, False])
def test_transform_warns_once_of_short_sequences(padding):
    message = (
        r"3 of 5 sequences are shorter than k = 3 and have no token. The first is sequence 1, of 2 bases"
    )
    with pytest.warns(SkgenomeWarning, match=message) as record:
        rows = KmerTokenizer(padding=padding).transform(["ACGT", "AC", "", "ACG", "A"])
    assert len(record) == 1
    assert [np.count_nonzero(row) for row in rows] == [2, 0, 0, 1, 0]


@pytest.mark.parametrize("lengths", [[2, 1], [0], [0, 2, 0]])
def test_transform_of_short_sequences_alone_has_no_column(lengths):
    with pytest.warns(SkgenomeWarning, match="shorter than k = 3"):
        assert KmerTokenizer().transform(["A" * n for n in lengths]).shape == (len(lengths), 0)
    with pytest.warns(SkgenomeWarning, match="shorter than k = 3"):
        rows = KmerTokenizer(padding=False, stride=2).transform(["A" * n for n in lengths])
    assert [row.shape for row in rows] == [(0,)] * len(lengths)


@pytest.mark.parametrize("X", [[], (), np.array([], dtype=object)], ids=["list", "tuple", "array"])
def test_transform_refuses_an_empty_collection(X):
    with pytest.raises(ValueError, match="X must hold at least one sequence"):
        KmerTokenizer().transform(X)


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        ("ACGT", TypeError, "X must be a list.* single str"),
        (["ACGT", None], ValueError, r"X\[1\] .* missing"),
        (["ACGT", 3], TypeError, r"X\[1\] .* Got int"),
        (np.zeros((3, 2)), ValueError, r"Got shape \(3, 2\)"),
        (["ACGT", "MKVLEE"], ValueError, r"Sequence 1 has 'L' at position 3, .* Is this a protein\?"),
    ],
    ids=["str", "None", "int", "matrix", "protein"],
)
def test_transform_refuses_what_is_no_dna(X, error, message):
    with pytest.raises(error, match=message):
        KmerTokenizer().transform(X)


def test_transform_ambiguous_error_names_record_and_position():
    tokenizer = KmerTokenizer(ambiguous="error")
    assert tokenizer.transform(["acgu"]).shape == (1, 2)
    with pytest.raises(ValueError, match=r"Sequence 2 has 'n' at position 4, which is an ambiguous base"):
        tokenizer.transform(["ACGT", "ACG", "ACGTn"])


@pytest.mark.parametrize("stride", [1, 3])
@pytest.mark.parametrize("padding", [True, False])
def test_transform_truncates_the_named_end(rng, stride, padding):
    sequences = draw(rng, [40, 10, 23])
    expected = [slow_tokens(sequence, 2, stride) for sequence in sequences]
    right = KmerTokenizer(k=2, stride=stride, padding=padding, max_length=5, truncation="right")
    left = clone(right).set_params(truncation="left")
    for i, ids in enumerate(expected):
        assert [x for x in right.transform(sequences)[i].tolist() if x] == ids[:5]
        assert [x for x in left.transform(sequences)[i].tolist() if x] == ids[-5:]


def test_transform_truncation_error_names_sequence_and_lengths():
    tokenizer = KmerTokenizer(k=3, max_length=4)
    assert tokenizer.transform(["ACGTAC", "ACG"]).shape == (2, 4)
    message = (
        r"Sequence 1 has 7 bases, which are 5 tokens, but max_length=4. 2 of 3 sequences are too long. "
        r"Raise max_length, or .* truncation='right' or 'left'"
    )
    with pytest.raises(ValueError, match=message):
        tokenizer.transform(["ACGTAC", "ACGTACG", "ACGTACGT"])


@pytest.mark.parametrize("k", [1, 3, 4, 15])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_inverse_transform_is_exact_where_tokens_end_with_the_sequence(rng, k, stride):
    stride = min(stride, k)
    sequences = draw(rng, k + stride * rng.integers(0, 40, size=12))
    tokenizer = KmerTokenizer(k=k, stride=stride)
    assert tokenizer.inverse_transform(tokenizer.transform(sequences)) == sequences
    tokenizer.set_params(padding=False)
    assert tokenizer.inverse_transform(tokenizer.transform(sequences)) == sequences


def test_inverse_transform_lacks_the_bases_behind_the_last_token():
    tokenizer = KmerTokenizer(k=3, stride=2)
    assert tokenizer.inverse_transform(tokenizer.transform(["GATTAC"])) == ["GATTA"]


@pytest.mark.parametrize("k", [1, 2, 4])
@pytest.mark.parametrize("stride", [1, 2, 4, 7])
def test_inverse_transform_equals_brute_force_with_unknown_tokens(rng, k, stride):
    sequences = draw(rng, rng.integers(k, 80, size=10), "ACGTACGTACGTN")
    tokenizer = KmerTokenizer(k=k, stride=stride, padding=False)
    rows = tokenizer.transform(sequences)
    assert tokenizer.inverse_transform(rows) == [slow_inverse(row, k, stride) for row in rows]


def test_inverse_transform_recovers_bases_from_neighbours():
    tokenizer = KmerTokenizer(k=3)
    token_ids = tokenizer.transform(["GATTACA"])
    token_ids[0, 1:3] = 1
    assert tokenizer.inverse_transform(token_ids) == ["GATTACA"]
    assert tokenizer.inverse_transform(tokenizer.transform(["GATTACANNGATTACA"])) == ["GATTACANNGATTACA"]


def test_inverse_transform_fills_gaps_between_tokens():
    tokenizer = KmerTokenizer(k=2, stride=4)
    assert tokenizer.inverse_transform(tokenizer.transform(["ACGTGG"])) == ["ACNNGG"]


def test_inverse_transform_of_rows_without_tokens_is_empty():
    tokenizer = KmerTokenizer(k=2)
    assert tokenizer.inverse_transform(np.array([[2, 0], [0, 0]], dtype=np.uint8)) == ["AA", ""]
    assert tokenizer.inverse_transform([np.zeros(0, dtype=np.uint8)]) == [""]


def test_inverse_transform_warns_of_contradictions_and_believes_the_earlier_token():
    tokenizer = KmerTokenizer(k=2)
    ids = [[tokenizer.vocabulary_[kmer] for kmer in kmers] for kmers in (["AA", "AC"], ["AC", "GT"])]
    message = r"contradict each other at 1 bases, first at base 1 of row 1.*k=2 and stride=1"
    with pytest.warns(SkgenomeWarning, match=message):
        assert tokenizer.inverse_transform(np.array(ids)) == ["AAC", "ACT"]


def test_inverse_transform_refuses_ids_of_a_larger_k():
    with pytest.raises(
        ValueError, match=r"ids of k = 2 are below 18. Got 18 in row 1, column 2. .* another k\?"
    ):
        KmerTokenizer(k=2).inverse_transform(np.array([[3, 4, 5], [2, 17, 18]]))


@pytest.mark.parametrize(
    "parameters",
    [
        {"k": 0},
        {"k": 16},
        {"k": 3.0},
        {"stride": 0},
        {"ambiguous": "mask"},
        {"padding": "longest"},
        {"max_length": 0},
        {"truncation": "both"},
    ],
    ids=str,
)
@pytest.mark.parametrize("method", ["fit", "transform", "inverse_transform"])
def test_parameters_are_validated_by_every_method(parameters, method):
    (name,) = parameters
    tokenizer = KmerTokenizer(**parameters)
    with pytest.raises(ValueError, match=rf"The '{name}' parameter of KmerTokenizer must be"):
        getattr(tokenizer, method)(["ACGT"])


def test_fit_returns_self_and_learns_nothing():
    tokenizer = KmerTokenizer(k=4)
    before = vars(tokenizer).copy()
    assert tokenizer.fit(["ACGT"]) is tokenizer
    assert tokenizer.fit() is tokenizer
    assert vars(tokenizer) == before


def test_fit_transform_equals_transform():
    np.testing.assert_array_equal(
        KmerTokenizer().fit_transform(["ACGT", "GG"[:1] * 3]), KmerTokenizer().transform(["ACGT", "GGG"])
    )


def test_clone_and_pickle_keep_the_parameters():
    tokenizer = KmerTokenizer(
        k=5, stride=2, ambiguous="error", padding=False, max_length=7, truncation="left"
    )
    parameters = tokenizer.get_params()
    assert parameters == {
        **{"k": 5, "stride": 2, "ambiguous": "error"},
        **{"padding": False, "max_length": 7, "truncation": "left"},
    }
    assert clone(tokenizer).get_params() == pickle.loads(pickle.dumps(tokenizer)).get_params() == parameters


def test_tags_say_text_and_no_fit():
    tags = get_tags(KmerTokenizer())
    assert (tags.requires_fit, tags.input_tags.string, tags.input_tags.two_d_array) == (False, True, False)


def test_pipeline_with_and_without_fit():
    pipeline = make_pipeline(KmerTokenizer(k=2), FunctionTransformer(lambda ids: ids * 2))
    expected = 2 * KmerTokenizer(k=2).transform(["ACGT"])
    np.testing.assert_array_equal(pipeline.fit(["ACGT"]).transform(["ACGT"]), expected)
    np.testing.assert_array_equal(clone(pipeline).fit_transform(["ACGT"]), expected)


def test_input_is_not_modified(rng):
    sequences = draw(rng, [30, 20], "acgtN")
    copy = list(sequences)
    KmerTokenizer().transform(sequences)
    assert sequences == copy


@pytest.mark.parametrize("k", [3, 4])
def test_transform_pads_rows_wider_than_a_byte(rng, k):
    """Columns are compared in the smallest dtype that holds the width; 255 and 256 are its edges."""
    for width in (255, 256, 257, 300):
        sequences = draw(rng, [width + k - 1, k, width - 1 + k - 1])
        counts = np.count_nonzero(KmerTokenizer(k=k).transform(sequences), axis=1)
        assert counts.tolist() == [width, 1, width - 1]


def test_kmer_tokenizer_lets_a_pipeline_set_the_output_of_the_step_behind_it():
    pipeline = make_pipeline(KmerTokenizer(k=1), MaxAbsScaler()).set_output(transform="pandas")
    assert type(pipeline.fit_transform(["ACGT", "TTTT"])).__name__ == "DataFrame"
