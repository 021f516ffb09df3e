"""Markov models of DNA, beside counting by hand."""

from itertools import product

import numpy as np
import pytest

from benchmarks.markov import LOWER_ORDER_COUNTS, bits_per_base, count_words, next_base_tables
from skgenome.sequences import reverse_complement


def words_of(length):
    return ["".join(bases) for bases in product("ACGT", repeat=length)]


def random_dna(n_bases, seed):
    return "".join(np.random.default_rng(seed).choice(list("ACGT"), n_bases, p=(0.4, 0.1, 0.2, 0.3)))


def test_count_words_counts_both_strands():
    contigs = ["GATTACANGGTNA", "AC", "cattag", *(random_dna(30, seed) for seed in range(5))]
    by_hand = dict.fromkeys(words_of(3), 0)
    for contig in contigs:
        for strand in (contig.upper(), reverse_complement(contig.upper())):
            for i in range(len(strand) - 2):
                if strand[i : i + 3] in by_hand:
                    by_hand[strand[i : i + 3]] += 1
    assert count_words(contigs, 3).tolist() == list(by_hand.values())


def test_next_base_tables_are_mixtures_with_the_order_below():
    dna = random_dna(2000, 0)
    tables = next_base_tables(count_words([dna], 3))
    assert [table.shape for table in tables] == [(1, 4), (4, 4), (16, 4)]
    both = [dna, reverse_complement(dna)]
    words = [strand[i : i + 3] for strand in both for i in range(len(strand) - 2)]

    def probability(context, base):
        """Give it by its definition: what was seen, and the shorter context as often as said."""
        below = 0.25 if not context else probability(context[1:], base)
        seen = sum(word.endswith(context + base) for word in words)
        times = sum(seen_before.endswith(context) for seen_before in (word[:-1] for word in words))
        return (seen + LOWER_ORDER_COUNTS * below) / (times + LOWER_ORDER_COUNTS)

    for table, length in zip(tables, range(3), strict=True):
        for row, context in zip(table, words_of(length), strict=True):
            expected = [probability(context, base) for base in "ACGT"]
            np.testing.assert_allclose(row, expected, rtol=1e-12)


def test_bits_per_base_of_nothing_seen_is_two():
    tables = next_base_tables(np.zeros(4**4, dtype=np.int64))
    assert bits_per_base(tables, ["GATTACA"]) == pytest.approx([2.0] * 4)


def test_bits_per_base_falls_to_nothing_where_the_order_says_all():
    period = "AACCGGTT" * 500
    bits = bits_per_base(next_base_tables(count_words([period], 4)), [period])
    assert bits[0] == pytest.approx(2.0, abs=0.01)
    assert bits[1] == pytest.approx(1.0, abs=0.01)  # every base is followed by itself or by one other
    assert bits[2] < 0.02


def test_bits_per_base_is_the_mean_over_bases_with_a_whole_context():
    tables = next_base_tables(count_words([random_dna(500, 1)], 3))
    dna = random_dna(40, 2)
    at = "ACGT".index
    by_hand = [-np.log2(tables[1][at(dna[i - 1]), at(dna[i])]) for i in range(2, len(dna))]
    assert bits_per_base(tables, [dna])[1] == pytest.approx(np.mean(by_hand))
