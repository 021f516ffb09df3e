import gzip

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.special import logit

from skgenome.exceptions import DataIntegrityError, SkgenomeWarning
from skgenome.inspection import in_silico_mutagenesis, variant_effects
from skgenome.sequences import Variant, reverse_complement, write_fasta

#                 0         1         2
#                 0123456789012345678901234567
GENOME = {"chr1": "ACGTTGCAAGTCCATGGATACCGATTGA", "chr2": "TTTTGGGGAAAACCCC"}
SNV = ("chr1", 10, "T", "G")


class Recorder:
    """Keeps the sequences that it is asked about."""

    classes_ = np.array([0, 1])

    def __init__(self):
        self.seen = []

    def decision_function(self, sequences):
        self.seen += sequences
        return np.arange(len(sequences), dtype=float)


def windows_of(*variants, **params):
    """List the windows that a classifier is asked about, pairs of reference and alternative."""
    recorder = Recorder()
    variant_effects(recorder, variants, GENOME, **{"window_size": 8, "strand": "forward", **params})
    # The first is asked for to learn what the classifier answers.
    return [tuple(recorder.seen[i : i + 2]) for i in range(1, len(recorder.seen), 2)]


@pytest.mark.parametrize(
    ("variant", "reference", "alternative"),
    [
        (("chr1", 10, "T", "G"), "CAAGTCCA", "CAAGGCCA"),
        (("chr1", 10, "TC", "AG"), "CAAGTCCA", "CAAGAGCA"),
        (("chr1", 10, "T", "TAA"), "CAAGTCCA", "CAAGTAAC"),
        (("chr1", 10, "TCC", "T"), "CAAGTCCA", "CAAGTATG"),
        (("chr1", 10, "T", "TAAAAAAAAAA"), "CAAGTCCA", "CAAGTAAA"),
        (("chr1", 10, "TCCATGGATA", "T"), "CAAGTCCA", "CAAGTCCG"),
        (("chr1", 1, "C", "A"), "ACGTTGCA", "AAGTTGCA"),
        (("chr1", 27, "A", "C"), "CCGATTGA", "CCGATTGC"),
        (("chr1", 27, "A", "ACC"), "CCGATTGA", "CCGATTGA"),
        (("chr1", 22, "GAT", "G"), "TACCGATT", "TACCGTGA"),
        (("chr1", 25, "TGA", "T"), "TACCGATT", "TACCGATT"),
        (("chr2", 4, "g", "t"), "TTTTGGGG", "TTTTTGGG"),
    ],
    ids=[
        "snv", "mnv", "insertion", "deletion", "insertion-beyond", "deletion-beyond", "left-end", "right-end",
        "insertion-right-end", "deletion-near-right-end", "deletion-right-end", "lower-case",
    ],
)  # fmt: skip
def test_variant_effects_windows(variant, reference, alternative):
    assert windows_of(variant) == [(reference, alternative)]


@pytest.mark.parametrize("window_size", [1, 2, 7, 10, 15])
def test_variant_effects_windows_are_those_of_the_edited_genome(window_size, draw_dna):
    """Both windows, for any variant anywhere: cut from the whole contig with and without it, at one start."""
    contig = GENOME["chr1"]
    rng = np.random.default_rng(0)
    for _ in range(60):
        position, n_ref, n_alt = int(rng.integers(28)), int(rng.integers(1, 6)), int(rng.integers(1, 6))
        ref, (alt,) = contig[position : position + n_ref], draw_dna(int(rng.integers(999)), n_alt)
        (pair,) = windows_of(("chr1", position, ref, alt), window_size=window_size)
        edited = contig[:position] + alt + contig[position + len(ref) :]
        wanted = position - window_size // 2
        start = max(0, min(wanted, len(contig) - window_size, len(edited) - window_size))
        assert pair == tuple(text[start : start + window_size] for text in (contig, edited))


def test_variant_effects_averages_both_strands(kmer_classifier):
    result = variant_effects(kmer_classifier, [SNV], GENOME, window_size=8)
    pairs = [[s, reverse_complement(s)] for s in ("CAAGTCCA", "CAAGGCCA")]
    expected = [kmer_classifier.predict_proba(pair).astype(float).mean(axis=0) for pair in pairs]
    np.testing.assert_allclose([result.reference[0], result.alternative[0]], expected)
    np.testing.assert_allclose(result.difference[0], expected[1] - expected[0])
    np.testing.assert_allclose(result.log_odds_ratio[0], logit(expected[1]) - logit(expected[0]))


def test_variant_effects_agrees_with_mutagenesis(kmer_classifier):
    variants = [("chr1", 10, "T", alt) for alt in "ACG"]
    result = variant_effects(kmer_classifier, variants, GENOME, window_size=8, target=1, strand="forward")
    ism = in_silico_mutagenesis(kmer_classifier, ["CAAGTCCA"])
    np.testing.assert_allclose(result.difference[:, 0], ism.attributions[0, :3, 4])
    assert result.labels == [1]


def test_variant_effects_of_every_label(place_scorer):
    scorer = place_scorer(3, "labels")
    result = variant_effects(scorer, [SNV], GENOME, window_size=8, strand="forward")
    expected = scorer.predict_proba(["CAAGTCCA", "CAAGGCCA"])
    np.testing.assert_allclose(result.difference[0], expected[1] - expected[0])
    assert result.labels == [0, 1, 2]


def test_variant_effects_of_decision_values_has_no_odds(kmer_classifier):
    result = variant_effects(
        kmer_classifier, [SNV], GENOME, window_size=8, response_method="decision_function"
    )
    assert result.log_odds_ratio is None
    np.testing.assert_allclose(result.difference[:, 0], -result.difference[:, 1])


def test_variant_effects_log_odds_of_certainty_are_finite():
    class Certain:
        classes_ = np.array([0, 1])

        def predict_proba(self, sequences):
            has = np.array(["G" in s[4] for s in sequences], dtype=float)
            return np.stack([1 - has, has], axis=1)

    result = variant_effects(Certain(), [SNV], GENOME, window_size=8, strand="forward")
    np.testing.assert_array_equal(result.difference, [[-1, 1]])
    assert 70 < result.log_odds_ratio[0, 1] < 75


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_variant_effects_batches_and_order_change_nothing(batch_size, kmer_classifier):
    variants = [("chr1", i, GENOME["chr1"][i], "A") for i in range(28)]
    expected = variant_effects(kmer_classifier, variants, GENOME, window_size=9)
    found = variant_effects(kmer_classifier, variants[::-1], GENOME, window_size=9, batch_size=batch_size)
    np.testing.assert_allclose(found.difference[::-1], expected.difference, atol=1e-12)


ROWS = [("chr1", 10, "T", "G"), ("chr2", 4, "G", "GA")]


def as_vcf(tmp_path):
    path = tmp_path / "a.vcf.gz"
    lines = [f"{contig}\t{position + 1}\t.\t{ref}\t{alt}\n" for contig, position, ref, alt in ROWS]
    path.write_bytes(gzip.compress(("##fileformat=VCFv4.3\n" + "".join(lines)).encode()))
    return path


@pytest.mark.parametrize(
    "make",
    [
        as_vcf,
        lambda tmp_path: str(as_vcf(tmp_path)),
        lambda tmp_path: iter(ROWS),
        lambda tmp_path: [list(row) for row in ROWS],
        lambda tmp_path: [Variant(*row) for row in ROWS],
        lambda tmp_path: pd.DataFrame(ROWS, columns=["contig", "position", "ref", "alt"]),
        lambda tmp_path: pl.DataFrame(ROWS, schema=["contig", "position", "ref", "alt"], orient="row"),
    ],
    ids=["path", "str", "iterator", "lists", "variants", "pandas", "polars"],
)
def test_variant_effects_reads_variants_from_anywhere(make, tmp_path, kmer_classifier):
    result = variant_effects(kmer_classifier, make(tmp_path), GENOME, window_size=8)
    assert result.variants == [Variant(*row) for row in ROWS]
    expected = variant_effects(kmer_classifier, ROWS, GENOME, window_size=8)
    np.testing.assert_array_equal(result.difference, expected.difference)


@pytest.mark.parametrize("form", ["file", "stream"])
def test_variant_effects_reads_the_genome_from(form, tmp_path, kmer_classifier):
    write_fasta(tmp_path / "a.fa.gz", GENOME.values(), names=GENOME)
    genome = tmp_path / "a.fa.gz" if form == "file" else iter(GENOME.items())
    result = variant_effects(kmer_classifier, ROWS, genome, window_size=8)
    expected = variant_effects(kmer_classifier, ROWS, GENOME, window_size=8)
    np.testing.assert_array_equal(result.difference, expected.difference)


def test_variant_effects_says_which_alleles_it_left_out(tmp_path, kmer_classifier):
    (tmp_path / "a.vcf").write_text("chr1\t11\t.\tT\tG,<DEL>,*\n")
    with pytest.warns(SkgenomeWarning, match="2 alternative alleles of .* left out: 1 symbolic"):
        result = variant_effects(kmer_classifier, tmp_path / "a.vcf", GENOME, window_size=8)
    assert len(result.difference) == 1


@pytest.mark.parametrize(
    ("variant", "message"),
    [
        (("chr1", 10, "A", "G"), r"A > G on contig 'chr1', position 11 counted from 1 as in VCF, 10 from 0\)"
                                 ": ref is A, but the genome has T there. Another assembly"),
        (("chr1", 11, "T", "G"), "The base before fits: was the position counted from 1"),
        (("chr1", 28, "A", "G"), "position 29 counted .*reaches behind the end of the contig of 28 bases"),
        (("chr1", 26, "GAA", "G"), "reaches behind the end"),
        (("chr3", 5, "A", "G"), "the genome has no such contig. Among its 2: .*chr1"),
        (("NC_1", 5, "A", "G", "rs9"), "Variant 'rs9' .* Among its 2: chr1, chr2"),
        (("chr1", 0, "A" * 40, "G"), r"AAA\.\.\. > G .*"),
    ],
    ids=["ref", "one-based", "past-the-end", "long-ref", "contig", "contig-unlike", "long-allele"],
)  # fmt: skip
def test_variant_effects_names_the_variant_that_is_not_of_the_genome(variant, message, kmer_classifier):
    with pytest.raises(ValueError, match=message):
        variant_effects(kmer_classifier, [SNV, variant], GENOME, window_size=8)


@pytest.mark.parametrize(
    ("variant", "window_size", "message"),
    [
        (("chr2", 4, "G", "A"), 17, "window of 17 bases does not fit into the contig of 16 bases"),
        (("chr2", 4, "GGG", "G"), 15, "contig of 16 bases, 2 of which are deleted"),
    ],
    ids=["contig", "deletion"],
)
def test_variant_effects_refuses_a_window_longer_than_the_contig(variant, window_size, message):
    """Before the first prediction, even where the last variant is the one."""
    recorder = Recorder()
    with pytest.raises(ValueError, match=message):
        variant_effects(recorder, [SNV, variant], GENOME, window_size=window_size)
    assert recorder.seen == []


@pytest.mark.parametrize(
    ("variants", "error", "message"),
    [
        ([], ValueError, "at least one variant"),
        (SNV, TypeError, r"variants\[0\] must be a tuple of contig, .* Got 'chr1'"),
        ([SNV[:3]], TypeError, r"variants\[0\] must be a tuple"),
        ([SNV, ("chr1", "10", "T", "G")], TypeError, r"variants\[1\] must have an integer .* Got '10'"),
        ([("chr1", -1, "T", "G")], ValueError, "position -1. Positions start at 0"),
        ([("chr1", 10, "T", "<DEL>")], ValueError, "bases as alt. Got '<DEL>'"),
        ([("chr1", 10, "T", None)], TypeError, "bases as alt. Got None"),
        ([("chr1", 10, "", "G")], ValueError, "no base as ref. As in VCF, write the base before"),
        (
            pd.DataFrame({"contig": ["chr1"], "pos": [10]}),
            ValueError,
            "columns contig, .* 'position' is missing",
        ),
    ],
    ids=["none", "one-tuple", "short", "position", "negative", "symbolic", "missing", "empty", "columns"],
)
def test_variant_effects_refuses_variants(variants, error, message, kmer_classifier):
    with pytest.raises(error, match=message):
        variant_effects(kmer_classifier, variants, GENOME, window_size=8)


@pytest.mark.parametrize(
    ("genome", "error", "message"),
    [
        ({}, ValueError, "at least one contig"),
        (5, TypeError, "a path to FASTA .* Got int"),
        ([("chr1", "ACGT")] * 2, ValueError, "'chr1' is in the genome twice"),
        ("nowhere.fa", FileNotFoundError, "nowhere.fa"),
    ],
    ids=["empty", "number", "twice", "no-file"],
)
def test_variant_effects_refuses_a_genome(genome, error, message, kmer_classifier):
    with pytest.raises(error, match=message):
        variant_effects(kmer_classifier, [SNV], genome, window_size=8)


def test_variant_effects_refuses_an_empty_vcf(tmp_path, kmer_classifier):
    (tmp_path / "a.vcf").write_text("##fileformat=VCFv4.3\n")
    with pytest.raises(DataIntegrityError, match="has no variant"):
        variant_effects(kmer_classifier, tmp_path / "a.vcf", GENOME, window_size=8)


@pytest.mark.parametrize("params", [{"window_size": 0}, {"strand": "reverse"}], ids=str)
def test_variant_effects_refuses_parameters(params, kmer_classifier):
    with pytest.raises(ValueError, match=f"'{next(iter(params))}' parameter"):
        variant_effects(kmer_classifier, [SNV], GENOME, **{"window_size": 8, **params})


def test_variant_effects_take_rna_for_the_dna_that_it_is(kmer_classifier, draw_dna):
    (sequence,) = draw_dna(3, 60)
    place = sequence.index("T", 20)
    row = ("c", place, "T", "A")
    expected = variant_effects(kmer_classifier, [row], {"c": sequence}, window_size=20)
    for genome, ref in ((sequence.replace("T", "U"), "T"), (sequence, "U")):
        found = variant_effects(kmer_classifier, [("c", place, ref, "A")], {"c": genome}, window_size=20)
        np.testing.assert_allclose(found.difference, expected.difference)
