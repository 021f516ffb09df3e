import numpy as np
import pytest

from skgenome.sequences import (
    AMBIGUOUS,
    decode,
    encode,
    encode_many,
    reverse_complement,
    reverse_complement_codes,
)
from skgenome.sequences import _alphabet as alphabet_module


@pytest.fixture
def rng(seed):
    return np.random.default_rng(seed)


IUPAC_COMPLEMENTS = {
    **{"A": "T", "C": "G", "G": "C", "T": "A", "U": "A", "R": "Y", "Y": "R", "S": "S", "W": "W"},
    **{"K": "M", "M": "K", "B": "V", "V": "B", "D": "H", "H": "D", "N": "N"},
}


@pytest.mark.parametrize("letter", "ACGT")
def test_encode_base_is_its_place_in_the_alphabet(letter):
    expected = ["ACGT".index(letter)]
    assert encode(letter).tolist() == encode(letter.lower()).tolist() == expected


def test_encode_reads_rna_as_dna():
    assert encode("UuAC").tolist() == encode("TTAC").tolist()


@pytest.mark.parametrize("letter", "RYSWKMBDHVN")
def test_encode_masks_other_iupac_letters(letter):
    assert encode(f"A{letter}{letter.lower()}").tolist() == [0, AMBIGUOUS, AMBIGUOUS]


@pytest.mark.parametrize(
    "character", sorted(set(map(chr, range(128))) - set("ACGTURYSWKMBDHVNacgturyswkmbdhvn"))
)
def test_encode_refuses_all_other_ascii(character):
    with pytest.raises(ValueError, match=r"Sequence 0 has .* at position 3, which is not an IUPAC"):
        encode(f"ACG{character}")


def test_encode_returns_uint8_and_is_empty_for_nothing():
    assert encode("").dtype == encode("ACG").dtype == np.uint8
    assert encode("").shape == (0,)


@pytest.mark.parametrize(
    ("sequences", "message"),
    [
        (["ACGT"] * 17 + ["A" * 203 + "JA"], r"Sequence 17 has 'J' at position 203, .* Is this a protein\?"),
        (["AC", "", "", "é"], r"Sequence 3 has 'é' at position 0, .* DNA or RNA"),
        (["AC GT"], r"has ' ' at position 2, .* white space"),
        (["ACGT\n"], r"has '\\n' at position 4, .* line ends"),
        (["AC--GT"], r"has '-' at position 2, .* gaps of an alignment"),
        ([">chr1"], r"has '>' at position 0, .*read_sequences"),
    ],
    ids=["protein", "beyond-ascii", "blank", "line-end", "gap", "fasta"],
)
def test_encode_many_names_record_position_character_and_advice(sequences, message):
    with pytest.raises(ValueError, match=message):
        encode_many(sequences)


def test_encode_many_joins_what_encode_gives(rng):
    lengths = rng.integers(0, 30, size=40)
    sequences = ["".join(rng.choice(list("ACGTNuacg"), size=length)) for length in lengths]
    codes, offsets = encode_many(sequences)
    assert offsets.dtype == np.int64
    assert offsets.tolist() == [0, *np.cumsum(lengths)]
    for i, sequence in enumerate(sequences):
        np.testing.assert_array_equal(codes[offsets[i] : offsets[i + 1]], encode(sequence))


@pytest.mark.parametrize("block", [1, 5, 20])
def test_encode_many_does_not_depend_on_the_block(monkeypatch, block):
    sequences = ["GATTACAN", "", "acgu", "TTT"]
    codes, _ = encode_many(sequences)
    monkeypatch.setattr(alphabet_module, "_BLOCK", block)
    np.testing.assert_array_equal(encode_many(sequences)[0], codes)
    with pytest.raises(ValueError, match=r"Sequence 1 has 'é' at position 7"):
        encode_many(["ACGT", "ACGTACGé"])


def test_encode_many_of_nothing_has_one_offset():
    codes, offsets = encode_many([])
    assert codes.shape == (0,)
    assert offsets.tolist() == [0]


@pytest.mark.parametrize("letter", ["N", "y"])
def test_encode_ambiguous_error_names_the_base(letter):
    with pytest.raises(
        ValueError, match=rf"Sequence 1 has '{letter}' at position 2, which is an ambiguous base"
    ):
        encode_many(["ACGT", f"AC{letter}"], ambiguous="error")


def test_encode_ambiguous_error_still_says_what_is_no_nucleotide():
    with pytest.raises(ValueError, match=r"'E' at position 1, which is not an IUPAC"):
        encode("AE", ambiguous="error")


def test_encode_ambiguous_rejects_other_values():
    with pytest.raises(ValueError, match=r"ambiguous must be 'mask' or 'error'. Got 'unk'"):
        encode("A", ambiguous="unk")


@pytest.mark.parametrize("function", [encode, reverse_complement])
def test_one_sequence_must_be_str(function):
    with pytest.raises(TypeError, match=r"must be a str of DNA or RNA. Got bytes"):
        function(b"ACGT")


def test_decode_inverts_encode(rng):
    sequence = "".join(rng.choice(list("ACGTN"), size=200))
    assert decode(encode(sequence)) == sequence
    assert decode(encode("acgury")) == "ACGTNN"


def test_decode_takes_any_integers():
    assert decode(np.array([3, 4], dtype=np.int64)) == decode([3, 4]) == "TN"
    assert decode(np.zeros(0, dtype=np.uint8)) == ""


@pytest.mark.parametrize("function", [decode, reverse_complement_codes])
@pytest.mark.parametrize("bad", [5, -1])
def test_codes_must_be_in_range(function, bad):
    with pytest.raises(ValueError, match=rf"codes must be from 0 to 4. Got {bad} at position 2"):
        function(np.array([0, 1, bad]))


def test_codes_must_be_one_dimensional():
    with pytest.raises(ValueError, match=r"codes must be a 1-D array of integers. Got shape \(1, 2\)"):
        decode([[0, 1]])


@pytest.mark.parametrize(("base", "complement"), IUPAC_COMPLEMENTS.items())
def test_reverse_complement_of_every_iupac_letter(base, complement):
    assert reverse_complement(base) == complement
    assert reverse_complement(base.lower()) == complement.lower()


def test_reverse_complement_turns_the_order_and_keeps_case():
    assert reverse_complement("AAcgN") == "NcgTT"
    assert reverse_complement("") == ""


def test_reverse_complement_twice_is_identity(rng):
    sequence = "".join(rng.choice(list("ACGTRYSWKMBDHVNacgtryswkmbdhvn"), size=300))
    assert reverse_complement(reverse_complement(sequence)) == sequence


def test_reverse_complement_names_what_has_none():
    with pytest.raises(ValueError, match=r"Sequence 0 has 'L' at position 2, which is not an IUPAC"):
        reverse_complement("ACL")


def test_reverse_complement_codes_agrees_with_letters(rng):
    sequence = "".join(rng.choice(list("ACGTN"), size=100))
    expected = encode(reverse_complement(sequence))
    np.testing.assert_array_equal(reverse_complement_codes(encode(sequence)), expected)
    assert reverse_complement_codes(encode("")).shape == (0,)
