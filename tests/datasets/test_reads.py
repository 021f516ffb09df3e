import numpy as np
import pytest

from skgenome.datasets import _reads, simulate_reads
from skgenome.datasets._primers import find_amplicon, find_primer
from skgenome.sequences import decode, reverse_complement

PERFECT = {"substitution_rate": 0, "insertion_rate": 0, "deletion_rate": 0}


@pytest.fixture
def sources(seed):
    rng = np.random.default_rng(seed)
    return [decode(rng.integers(0, 4, length, dtype=np.uint8)) for length in (1000, 300, 30, 1)]


@pytest.mark.parametrize("start", ["random", "first"])
@pytest.mark.parametrize("both_strands", [True, False])
def test_simulate_reads_without_errors_stand_where_it_says(sources, start, both_strands, seed):
    reads = simulate_reads(
        sources,
        n_reads_per_sequence=20,
        read_length=100,
        start=start,
        both_strands=both_strands,
        random_state=seed,
        **PERFECT,
    )
    assert reads.sources.tolist() == np.repeat(np.arange(4), 20).tolist()
    assert set(reads.strands[:20]) == ({"+", "-"} if both_strands else {"+"})
    for read, source, a, b, strand in zip(
        reads.data, reads.sources, reads.starts, reads.ends, reads.strands, strict=True
    ):
        fragment = sources[source][a:b]
        assert read == (fragment if strand == "+" else reverse_complement(fragment))
        if start == "first":
            assert a == 0 if strand == "+" else b == len(sources[source])


def test_simulate_reads_lengths_follow_the_distribution(sources, seed):
    reads = simulate_reads(
        sources[:1],
        n_reads_per_sequence=5000,
        read_length=200,
        read_length_std=20,
        random_state=seed,
        **PERFECT,
    )
    sizes = reads.ends - reads.starts
    assert sizes.mean() == pytest.approx(200, abs=5 * 20 / np.sqrt(5000))
    assert sizes.std() == pytest.approx(20, rel=0.1)
    # Anywhere: the middles are spread evenly over what is possible.
    assert np.corrcoef(np.sort(reads.starts), np.arange(5000))[0, 1] > 0.99


def test_simulate_reads_of_fixed_length_are_cut_to_the_sequence(sources):
    reads = simulate_reads(sources, n_reads_per_sequence=1, read_length=300, read_length_std=0, **PERFECT)
    assert [len(read) for read in reads.data] == [300, 300, 30, 1]
    assert reads.data[3] in (sources[3], reverse_complement(sources[3]))


@pytest.mark.parametrize("base", "ACGT")
def test_simulate_reads_substitutes_other_bases_equally(base, seed):
    reads = simulate_reads(
        [base * 1000],
        n_reads_per_sequence=100,
        read_length=1000,
        read_length_std=0,
        both_strands=False,
        random_state=seed,
        **{**PERFECT, "substitution_rate": 0.3},
    )
    letters = "".join(reads.data)
    assert len(letters) == 100_000
    for other in set("ACGT") - {base}:
        assert letters.count(other) / len(letters) == pytest.approx(0.1, abs=0.005)


@pytest.mark.parametrize(("name", "change"), [("insertion_rate", 0.05), ("deletion_rate", -0.05)])
def test_simulate_reads_inserts_and_deletes_at_the_rate(name, change, seed):
    reads = simulate_reads(
        ["ACGT" * 250],
        n_reads_per_sequence=100,
        read_length=1000,
        read_length_std=0,
        both_strands=False,
        random_state=seed,
        **{**PERFECT, name: 0.05},
    )
    assert sum(map(len, reads.data)) / 100_000 == pytest.approx(1 + change, abs=0.005)
    assert set("".join(reads.data)) == set("ACGT")


def test_simulate_reads_insertions_leave_the_rest_in_order(seed):
    """Between inserted bases the source stands letter by letter: it is a subsequence of the read."""
    source = "ACGGT" * 40
    settings = {"read_length": 200, "read_length_std": 0, "both_strands": False, "random_state": seed}
    inserted = simulate_reads([source], **settings, **{**PERFECT, "insertion_rate": 0.1}).data
    deleted = simulate_reads([source], **settings, **{**PERFECT, "deletion_rate": 0.1}).data
    for shorter, longer in [(source, read) for read in inserted] + [(read, source) for read in deleted]:
        letters = iter(longer)
        assert all(letter in letters for letter in shorter)
        assert len(shorter) < len(longer)


def test_simulate_reads_keeps_ambiguous_letters_as_n():
    reads = simulate_reads(
        ["nRYn" * 25], read_length=100, substitution_rate=0.9, insertion_rate=0, deletion_rate=0
    )
    assert set("".join(reads.data)) == {"N"}


def test_simulate_reads_same_seed_same_reads(sources, seed):
    first, again, other = (
        simulate_reads(sources, random_state=state).data for state in (seed, seed, seed + 1)
    )
    np.testing.assert_array_equal(first, again)
    assert set(first) != set(other)
    drawn = [simulate_reads(sources, random_state=np.random.RandomState(seed)).data for _ in range(2)]
    np.testing.assert_array_equal(*drawn)


def test_simulate_reads_blocks_leave_no_seam(sources, monkeypatch):
    settings = {"n_reads_per_sequence": 7, "random_state": 0, **PERFECT}
    whole = simulate_reads(sources, **settings).data
    monkeypatch.setattr(_reads, "_BLOCK", 5)
    np.testing.assert_array_equal(simulate_reads(sources, **settings).data, whole)


@pytest.mark.parametrize(
    ("sequences", "settings", "error", "message"),
    [
        (["ACGT", ""], {}, ValueError, "at least one base. Got an empty one at 1"),
        ("ACGT", {}, TypeError, "Wrap it in a list"),
        (["ACJ"], {}, ValueError, "position 2"),
        (["ACGT"], {"read_length": 0}, ValueError, "'read_length' parameter"),
        (["ACGT"], {"deletion_rate": 1}, ValueError, "'deletion_rate' parameter"),
        (["ACGT"], {"start": "last"}, ValueError, "'start' parameter"),
    ],
)
def test_simulate_reads_refuses_bad_input(sequences, settings, error, message):
    with pytest.raises(error, match=message):
        simulate_reads(sequences, **settings)


@pytest.mark.parametrize(
    ("sequence", "primer", "max_mismatches", "span"),
    [
        ("TTACGTTT", "ACG", 0, (2, 5)),
        ("TTACGTTT", "RCS", 0, (2, 5)),
        ("ttacgttt", "acg", 0, (2, 5)),
        ("UUACGUUU", "ACGT", 0, (2, 6)),
        ("TTAKGTTT", "ACG", 0, None),
        ("TTAYGTTT", "ACG", 0, (2, 5)),
        ("TTACCTTTACG", "ACG", 1, (8, 11)),
        ("TTACCTTT", "ACG", 1, (2, 5)),
        ("TTACCTTT", "ACG", 0, None),
        ("AC", "ACG", 3, None),
    ],
)
def test_find_primer(sequence, primer, max_mismatches, span):
    assert find_primer(sequence, primer, max_mismatches=max_mismatches) == span


def test_find_primer_agrees_with_letter_by_letter_comparison(seed):
    """Every IUPAC letter against every base, by the complement of its complement's meaning."""
    bases = {
        "R": "AG",
        "Y": "CT",
        "S": "CG",
        "W": "AT",
        "K": "GT",
        "M": "AC",
        "B": "CGT",
        "D": "AGT",
        "H": "ACT",
    }
    bases |= {"V": "ACG", "N": "ACGT", **{base: base for base in "ACGT"}}
    for letter, meant in bases.items():
        for base in "ACGT":
            found = find_primer(base, letter, max_mismatches=0)
            assert (found is not None) == (base in meant)
            # The complement of a letter stands for the complements of its bases.
            assert (base in meant) == (reverse_complement(base) in bases[reverse_complement(letter)])


def test_find_amplicon_lies_between_the_primers():
    sequence = "TTTT" + "GATTACA" + "CCCCC" + reverse_complement("GGAGGTC") + "TTT"
    assert find_amplicon(sequence, "GATTACA", "GGAGGTC", max_mismatches=0) == (11, 16)
    assert find_amplicon(sequence, "GATTWCA", "GGNGGTC", max_mismatches=0) == (11, 16)


@pytest.mark.parametrize(
    "sequence",
    [
        "TTTTCCCCCGACCTCC",
        "GATTACACCCCCTTTTTTT",
        "GACCTCCGATTACATTTTT",
        "GATTACAGACCTCC",
    ],
    ids=["no forward", "no reverse", "reverse before forward", "nothing between"],
)
def test_find_amplicon_is_none_where_there_is_none(sequence):
    assert find_amplicon(sequence, "GATTACA", "GGAGGTC", max_mismatches=1) is None
