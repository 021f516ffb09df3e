import time

import numpy as np
import pytest

from skgenome.datasets import Match, find_matches, split_at_matches
from skgenome.sequences import decode, reverse_complement


def _random_dna(length, seed):
    return decode(np.random.default_rng(seed).integers(0, 4, length, dtype=np.uint8))


def _find_by_slicing(contigs, sequences):
    """Look at every place of every contig: the slow twin of find_matches."""
    matches = []
    for c, contig in enumerate(contigs):
        for q, sequence in enumerate(sequences):
            for start in range(len(contig) - len(sequence) + 1):
                piece = contig[start : start + len(sequence)]
                if piece == sequence:
                    matches.append(Match(q, c, start, start + len(sequence), "+"))
                elif piece == reverse_complement(sequence):
                    matches.append(Match(q, c, start, start + len(sequence), "-"))
    return sorted(matches, key=lambda m: (m.contig, m.start, m.end, m.query, m.strand))


@pytest.mark.parametrize("length", [2, 11, 12, 13, 40])
def test_find_matches_equals_slicing(length, seed):
    contigs = [_random_dna(600, seed), _random_dna(10, seed + 1), "", "ACAC" * 20]
    queries = [contigs[0][i : i + length] for i in (0, 77, 600 - length)]
    queries += [reverse_complement(contigs[0][300 : 300 + length]), ("ACAC" * 10)[:length]]
    found = find_matches(contigs, queries)
    assert found == _find_by_slicing(contigs, queries)
    assert {match.query for match in found} == set(range(5))


def test_find_matches_reads_case_and_u_alike():
    assert find_matches(["ttGAUUACAtt"], ["gattaca"]) == [Match(0, 0, 2, 9, "+")]


def test_find_matches_takes_n_as_a_letter():
    query = "NACGTACGTACGTAC"
    assert find_matches(["AAACGTACGTACGTACA", "T" + query], [query]) == [Match(0, 1, 1, 16, "+")]


def test_find_matches_gives_a_palindrome_once():
    assert find_matches(["TTGAATTCTT"], ["GAATTC"]) == [Match(0, 0, 2, 8, "+")]


@pytest.mark.parametrize(
    ("contigs", "sequences", "error", "message"),
    [
        ("ACGT", ["A"], TypeError, "contigs must be"),
        (["ACGT"], "A", TypeError, "sequences must be"),
        (["ACGT"], ["A", ""], ValueError, "at least one base. Got an empty one at 1"),
        (["ACGT", "AJ"], ["A"], ValueError, "Sequence 1 has 'J' at position 1"),
        (["ACGT"], ["A", "C", "GQ"], ValueError, "Sequence 2 has 'Q' at position 1"),
    ],
)
def test_find_matches_refuses_bad_input(contigs, sequences, error, message):
    with pytest.raises(error, match=message):
        find_matches(contigs, sequences)


def test_split_at_matches_pieces_and_cuts_add_up(seed):
    contig = _random_dna(2000, seed)
    cut = [contig[100:150], reverse_complement(contig[140:190]), contig[1950:]]
    assert split_at_matches([contig], cut) == [contig[:100], contig[190:1950]]


def test_split_at_matches_never_joins_two_sides(seed):
    contig = _random_dna(500, seed)
    pieces = split_at_matches([contig], [contig[200:260]])
    assert pieces == [contig[:200], contig[260:]]
    assert all(piece in contig for piece in pieces)


def test_split_at_matches_leaves_no_match(seed):
    contigs = [_random_dna(3000, seed + i) for i in range(3)]
    queries = [contigs[i % 3][100 * i : 100 * i + 150] for i in range(20)]
    pieces = split_at_matches(contigs, queries)
    assert find_matches(pieces, queries) == []


@pytest.mark.parametrize("flank", [0, 1, 30, 5000])
def test_split_at_matches_flank_widens_the_cut(flank, seed):
    contig = _random_dna(1000, seed)
    expected = [piece for piece in (contig[: max(400 - flank, 0)], contig[450 + flank :]) if piece]
    assert split_at_matches([contig], [contig[400:450]], flank=flank) == expected


def test_split_at_matches_drops_short_pieces(seed):
    contig = _random_dna(1000, seed)
    assert split_at_matches([contig, "ACG"], [contig[50:200]], min_length=51) == [contig[200:]]


def test_split_at_matches_without_match_gives_contigs_back():
    contigs = ["acgtnACGT", "TTTT"]
    assert split_at_matches(contigs, ["GGGGGG"]) == contigs
    assert split_at_matches(contigs, []) == contigs


def test_split_at_matches_keeps_the_input():
    contigs = ["AAAACCCCAAAA"]
    split_at_matches(contigs, ["CCCC"])
    assert contigs == ["AAAACCCCAAAA"]


@pytest.mark.parametrize(("name", "value"), [("flank", -1), ("min_length", 0)])
def test_split_at_matches_refuses_bad_lengths(name, value):
    with pytest.raises(ValueError, match=f"'{name}' parameter"):
        split_at_matches(["ACGT"], ["A"], **{name: value})


def test_find_matches_is_fast_on_a_genome(seed):
    genome = _random_dna(4_600_000, seed)
    queries = [genome[i * 6000 : i * 6000 + 150] for i in range(750)]
    begin = time.perf_counter()
    found = find_matches([genome], queries)
    # Measured .2 s; 1500 calls of str.find take several seconds.
    assert time.perf_counter() - begin < 3
    assert len(found) == 750
