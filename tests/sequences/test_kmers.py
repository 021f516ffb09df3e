from itertools import product

import numpy as np
import pytest

from skgenome.sequences import (
    N_SPECIAL,
    PAD_ID,
    UNKNOWN_ID,
    encode,
    has_ambiguous,
    id_dtype,
    kmer_ids,
    kmer_words,
    kmers_of_ids,
    reverse_complement,
    reverse_complement_ids,
    reverse_complement_words,
)
from skgenome.sequences import _kmers as kmers_module


@pytest.fixture
def rng(seed):
    return np.random.default_rng(seed)


ALL_K = range(1, 16)


def slow_ids(sequence, k, stride=1):
    """Slice every k-mer out and read it digit by digit."""
    ids = []
    for start in range(0, len(sequence) - k + 1, stride):
        kmer = sequence[start : start + k]
        is_known = set(kmer) <= set("ACGT")
        ids.append(sum("ACGT".index(b) * 4 ** (k - 1 - i) for i, b in enumerate(kmer)) + 2 if is_known else 1)
    return ids


@pytest.mark.parametrize("k", ALL_K)
def test_id_dtype_holds_the_largest_id_and_no_smaller_one_does(k):
    largest = 4**k + N_SPECIAL - 1
    dtype = id_dtype(k)
    assert np.iinfo(dtype).max >= largest
    assert dtype == np.uint8 or np.iinfo(f"u{dtype.itemsize // 2}").max < largest


@pytest.mark.parametrize("k", [1, 2, 3])
def test_kmer_ids_are_lexicographic_from_two(k):
    kmers = ["".join(letters) for letters in product("ACGT", repeat=k)]
    ids = [kmer_ids(encode(kmer), k).item() for kmer in kmers]
    assert ids == list(range(2, 4**k + 2))


@pytest.mark.parametrize("k", ALL_K)
@pytest.mark.parametrize("letters", ["ACGT", "ACGTN"], ids=["plain", "ambiguous"])
def test_kmer_ids_equal_brute_force(rng, k, letters):
    sequence = "".join(rng.choice(list(letters), size=90))
    ids = kmer_ids(encode(sequence), k)
    assert ids.dtype == id_dtype(k)
    assert ids.tolist() == slow_ids(sequence, k)


@pytest.mark.parametrize("stride", [2, 3, 7, 100])
@pytest.mark.parametrize("length", [0, 2, 3, 30, 61])
def test_kmer_ids_with_stride_equal_brute_force(rng, stride, length):
    sequence = "".join(rng.choice(list("ACGTN"), size=length))
    assert kmer_ids(encode(sequence), 3, stride).tolist() == slow_ids(sequence, 3, stride)


@pytest.mark.parametrize("stride", [1, 2, 5, 50])
@pytest.mark.parametrize("block", [1, 4, 10, 16])
def test_kmer_ids_do_not_depend_on_the_block(rng, monkeypatch, stride, block):
    monkeypatch.setattr(kmers_module, "_BLOCK", block)
    sequence = "".join(rng.choice(list("ACGTN"), p=[0.24, 0.24, 0.24, 0.24, 0.04], size=103))
    assert kmer_ids(encode(sequence), 4, stride).tolist() == slow_ids(sequence, 4, stride)


@pytest.mark.parametrize("k", ALL_K)
def test_kmer_ids_of_a_shorter_sequence_are_empty(k):
    codes = encode("A" * (k - 1))
    assert (
        kmer_ids(codes, k).tolist() == kmer_words(codes, k).tolist() == has_ambiguous(codes, k).tolist() == []
    )
    assert kmer_ids(codes, k).dtype == id_dtype(k)


@pytest.mark.parametrize("k", [3, 4, 7, 8, 15])
def test_kmer_ids_of_the_last_kmer_do_not_overflow(k):
    assert kmer_ids(encode("T" * k), k).tolist() == [4**k + 1]


@pytest.mark.parametrize("k", [1, 2, 5, 15])
def test_has_ambiguous_equals_brute_force(rng, k):
    sequence = "".join(rng.choice(list("ACGTN"), p=[0.23, 0.23, 0.23, 0.23, 0.08], size=80))
    expected = ["N" in sequence[i : i + k] for i in range(len(sequence) - k + 1)]
    assert has_ambiguous(encode(sequence), k).tolist() == expected


@pytest.mark.parametrize("k", ALL_K)
def test_kmers_of_ids_inverts_kmer_ids(rng, k):
    sequence = "".join(rng.choice(list("ACGT"), size=40))
    expected = [sequence[i : i + k] for i in range(len(sequence) - k + 1)]
    assert kmers_of_ids(kmer_ids(encode(sequence), k), k).tolist() == expected


def test_kmers_of_ids_spells_special_ids_and_keeps_the_shape():
    kmers = kmers_of_ids(np.array([[PAD_ID, UNKNOWN_ID], [2, 5]]), 1)
    assert kmers.tolist() == [["<pad>", "<unk>"], ["A", "T"]]
    assert kmers_of_ids(np.array([1, 1025], dtype=np.uint16), 7).tolist() == ["<unk>", "AATTTTT"]


def test_kmers_of_no_ids_are_none():
    assert kmers_of_ids(np.zeros(0, dtype=np.uint8), 3).tolist() == []


@pytest.mark.parametrize("function", [kmers_of_ids, reverse_complement_ids])
@pytest.mark.parametrize("bad", [66, -1])
def test_ids_must_be_those_of_k(function, bad):
    with pytest.raises(ValueError, match=r"Ids of k = 3 are from 0 to 65. Got ids from .* another k\?"):
        function(np.array([5, bad]), 3)


def test_ids_must_be_integers():
    with pytest.raises(TypeError, match=r"ids must be an integer array. Got dtype float64"):
        reverse_complement_ids(np.array([2.0]), 3)


@pytest.mark.parametrize("k", ALL_K)
def test_reverse_complement_ids_agree_with_letters(rng, k):
    sequence = "".join(rng.choice(list("ACGTN"), p=[0.24, 0.24, 0.24, 0.24, 0.04], size=100))
    ids = kmer_ids(encode(sequence), k)
    mapped = reverse_complement_ids(ids, k)
    assert mapped.dtype == ids.dtype
    np.testing.assert_array_equal(mapped[::-1], kmer_ids(encode(reverse_complement(sequence)), k))


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_reverse_complement_ids_are_an_involution_on_all_ids(k):
    ids = np.arange(4**k + N_SPECIAL)
    mapped = reverse_complement_ids(ids, k)
    np.testing.assert_array_equal(reverse_complement_ids(mapped, k), ids)
    assert mapped[:N_SPECIAL].tolist() == [PAD_ID, UNKNOWN_ID]


def test_reverse_complement_ids_keep_shape_and_input():
    ids = np.array([[2, 0], [65, 1]], dtype=np.uint8)
    assert reverse_complement_ids(ids, 3).tolist() == [[65, 0], [2, 1]]
    assert ids.tolist() == [[2, 0], [65, 1]]


def test_reverse_complement_words_are_ids_without_the_special_ones():
    words = np.arange(4**3)
    expected = reverse_complement_ids(words + N_SPECIAL, 3) - N_SPECIAL
    np.testing.assert_array_equal(reverse_complement_words(words, 3), expected)
