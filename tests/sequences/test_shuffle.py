from collections import Counter
from itertools import pairwise, permutations

import numpy as np
import pytest

from skgenome.sequences import decode, dinucleotide_shuffle, dinucleotide_shuffle_codes, encode

# Rich in loops, in dead ends that are left once, in repeats, and with ambiguous bases.
SEQUENCES = ["AACACAGAT", "ACACACACG", "AAAAAAAC", "GATTACAGATTACA", "TTTTT", "ANNACNA", "ACGTTGCATGCCGATA"]


def dinucleotides(sequence):
    return Counter(map("".join, pairwise(sequence)))


def random_dna(seed, length):
    return decode(np.random.default_rng(seed).integers(4, size=length))


def all_shuffles(sequence):
    """List, by trying every order of the letters, what has the same dinucleotides and first base."""
    inner = {"".join(order) for order in permutations(sequence[1:])}
    wanted = dinucleotides(sequence)
    return sorted(s for s in (sequence[0] + rest for rest in inner) if dinucleotides(s) == wanted)


@pytest.mark.parametrize("sequence", [*SEQUENCES, random_dna(1, 50), random_dna(2, 3000)])
def test_dinucleotide_shuffle_keeps_dinucleotides_and_ends(sequence, seed):
    shuffled = dinucleotide_shuffle(sequence, seed)
    assert dinucleotides(shuffled) == dinucleotides(sequence)
    assert shuffled[0] == sequence[0]
    assert shuffled[-1] == sequence[-1]


def test_dinucleotide_shuffle_moves_the_bases_of_a_long_sequence(seed):
    sequence = random_dna(3, 1000)
    same = np.mean(encode(dinucleotide_shuffle(sequence, seed)) == encode(sequence))
    # A quarter agree by chance; the standard error is 0.014.
    assert 0.15 < same < 0.35


@pytest.mark.parametrize("sequence", ["AACACAGA", "ACAGATAC", "ACACACAGC", "AACAACCA", "ATNATGTTA"])
def test_dinucleotide_shuffle_is_uniform(sequence, seed):
    """Against all arrangements by brute force; a tree drawn without its weights fails this clearly."""
    possible = all_shuffles(sequence)
    assert len(possible) > 2
    rng = np.random.default_rng(seed)
    n_draws = 300 * len(possible)
    drawn = Counter(dinucleotide_shuffle(sequence, rng) for _ in range(n_draws))
    assert set(drawn) == set(possible)
    chi_square = sum((n - 300) ** 2 / 300 for n in drawn.values())
    degrees = len(possible) - 1
    # Five standard deviations above the mean of the distribution.
    assert chi_square < degrees + 5 * np.sqrt(2 * degrees)


@pytest.mark.parametrize("sequence", ["", "A", "AC", "ACA", "ACGT"])
def test_dinucleotide_shuffle_leaves_what_has_one_order(sequence, seed):
    assert dinucleotide_shuffle(sequence, seed) == sequence


def test_dinucleotide_shuffle_reads_letters_as_everywhere():
    assert dinucleotide_shuffle("acuR", 0) == "ACTN"


def test_dinucleotide_shuffle_same_int_same_shuffle(seed):
    sequence = random_dna(4, 200)
    assert dinucleotide_shuffle(sequence, seed) == dinucleotide_shuffle(sequence, seed)
    assert dinucleotide_shuffle(sequence, seed) != dinucleotide_shuffle(sequence, seed + 1)


def test_dinucleotide_shuffle_generator_goes_on(seed):
    rng, sequence = np.random.default_rng(seed), random_dna(5, 200)
    assert dinucleotide_shuffle(sequence, rng) != dinucleotide_shuffle(sequence, rng)


def test_dinucleotide_shuffle_codes_is_the_same_and_leaves_its_input(seed):
    codes = encode(random_dna(6, 100))
    before = codes.copy()
    shuffled = dinucleotide_shuffle_codes(codes, seed)
    assert shuffled.dtype == np.uint8
    assert decode(shuffled) == dinucleotide_shuffle(decode(codes), seed)
    np.testing.assert_array_equal(codes, before)


def test_dinucleotide_shuffle_codes_of_a_short_sequence_is_a_copy():
    codes = encode("ACA")
    dinucleotide_shuffle_codes(codes)[:] = 3
    assert decode(codes) == "ACA"


@pytest.mark.parametrize(
    ("function", "argument", "error", "message"),
    [
        (dinucleotide_shuffle, 7, TypeError, "must be a str of DNA or RNA. Got int"),
        (dinucleotide_shuffle, "ACGJ", ValueError, "'J' at position 3"),
        (dinucleotide_shuffle_codes, np.zeros((2, 5), dtype=np.uint8), ValueError, r"Got shape \(2, 5\)"),
    ],
    ids=["no-str", "no-dna", "matrix"],
)
def test_dinucleotide_shuffle_refuses(function, argument, error, message):
    with pytest.raises(error, match=message):
        function(argument)
