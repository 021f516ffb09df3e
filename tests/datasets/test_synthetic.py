from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skgenome.datasets import make_genomes, make_promoters
from skgenome.datasets._species import (
    CODON_BASES,
    GENE_CLASSES,
    GENETIC_CODE,
    MINUS_10,
    MINUS_35,
    SHINE_DALGARNO,
    SPACER_SHARES,
    SPACERS,
    codon_number,
    draw_species,
)
from skgenome.sequences import decode, encode, reverse_complement


@pytest.fixture(scope="module")
def genomes():
    return make_genomes(random_state=0)


def _read(genomes, feature):
    contig = genomes.data[list(genomes.contig_names).index(feature.contig)]
    sequence = contig[feature.start : feature.end]
    return sequence if feature.strand == "+" else reverse_complement(sequence)


def _features(genomes, kind):
    return [feature for feature in genomes.features if feature.kind == kind]


def _gc(sequences):
    joined = "".join(sequences)
    return (joined.count("G") + joined.count("C")) / len(joined)


def test_genetic_code_is_that_of_bacteria():
    """Checked against facts that fix it: stops, one-codon residues, and the six-fold ones."""
    by_residue = {}
    for codon, residue in zip(map(decode, CODON_BASES), GENETIC_CODE, strict=True):
        by_residue.setdefault(residue, set()).add(codon)
    assert by_residue["*"] == {"TAA", "TAG", "TGA"}
    assert by_residue["M"] == {"ATG"}
    assert by_residue["W"] == {"TGG"}
    assert by_residue["R"] == {"CGT", "CGC", "CGA", "CGG", "AGA", "AGG"}
    assert by_residue["L"] == {"CTT", "CTC", "CTA", "CTG", "TTA", "TTG"}
    assert by_residue["S"] == {"TCT", "TCC", "TCA", "TCG", "AGT", "AGC"}
    assert {len(codons) for codons in by_residue.values()} == {1, 2, 3, 4, 6}


def test_codon_number_is_the_row_of_the_table():
    assert [codon_number(decode(bases)) for bases in CODON_BASES] == list(range(64))


@pytest.mark.parametrize("gc", [0.25, 0.5, 0.75])
def test_species_tables_are_distributions_with_the_wanted_gc(gc, seed):
    species = draw_species(seed, 0, gc)
    shares = (CODON_BASES % 3 != 0).mean(axis=1)
    np.testing.assert_allclose(species.codon_tables.sum(axis=1), 1)
    np.testing.assert_allclose(
        species.codon_tables @ shares, [gc + gene_class.gc_shift for gene_class in GENE_CLASSES], atol=1e-8
    )
    assert not species.codon_tables[:, [GENETIC_CODE[i] == "*" for i in range(64)]].any()
    np.testing.assert_allclose(species.filler.sum(axis=1), 1)


def test_species_of_one_seed_are_the_same_and_of_one_family_differ(seed):
    first, again, other = (
        draw_species(seed, 0, None),
        draw_species(seed, 0, None),
        draw_species(seed, 1, None),
    )
    np.testing.assert_array_equal(first.codon_tables, again.codon_tables)
    assert np.abs(first.codon_tables - other.codon_tables).sum(axis=1).min() > 0.2


def test_make_genomes_shapes(genomes):
    assert [len(contig) for contig in genomes.data] == [500_000] * 4
    assert genomes.species.tolist() == ["species0", "species1", "species0", "species1"]
    assert len(set(genomes.genome_ids)) == 4
    assert set("".join(genomes.data)) == set("ACGT")
    assert "2,000,000 bases" in genomes.DESCR


def test_make_genomes_genes_translate_without_inner_stop(genomes):
    genes = [_read(genomes, feature) for feature in _features(genomes, "CDS")]
    assert len(genes) > 1000
    for gene in genes:
        protein = "".join(GENETIC_CODE[codon_number(gene[i : i + 3])] for i in range(0, len(gene), 3))
        assert len(gene) % 3 == 0
        assert gene[:3] in ("ATG", "GTG", "TTG")
        assert protein.endswith("*")
        assert "*" not in protein[:-1]


def test_make_genomes_lie_on_both_strands(genomes):
    strands = Counter(feature.strand for feature in _features(genomes, "CDS"))
    assert 0.4 < strands["+"] / strands.total() < 0.6


def test_make_genomes_are_mostly_coding(genomes):
    assert 0.8 < sum(gene.end - gene.start for gene in _features(genomes, "CDS")) / 2_000_000 < 0.9


@pytest.mark.parametrize("gc", [0.3, 0.5, 0.7])
def test_make_genomes_have_the_wanted_gc(gc, seed):
    genomes = make_genomes(n_genomes=2, genome_length=200_000, gc=gc, random_state=seed)
    for contig in genomes.data:
        assert _gc([contig]) == pytest.approx(gc, abs=0.02)


def test_make_genomes_gc_of_each_species(seed):
    genomes = make_genomes(n_genomes=2, genome_length=100_000, gc=[0.35, 0.65], random_state=seed)
    assert genomes.gc.tolist() == [0.35, 0.65]
    assert _gc(genomes.data[:1]) < 0.4
    assert _gc(genomes.data[1:]) > 0.6


@pytest.mark.parametrize(
    ("kind", "weights"),
    [
        ("minus_10_signal", MINUS_10),
        ("minus_35_signal", MINUS_35),
        ("Shine_Dalgarno_sequence", SHINE_DALGARNO),
    ],
)
def test_make_genomes_signals_follow_their_weights(genomes, kind, weights):
    sites = np.stack([encode(_read(genomes, feature)) for feature in _features(genomes, kind)])
    found = np.stack([(sites == base).mean(axis=0) for base in range(4)], axis=1)
    # About 1000 sites: five standard errors of a share.
    np.testing.assert_allclose(found, weights, atol=5 * 0.5 / np.sqrt(len(sites)))


def test_make_genomes_spacers_have_their_lengths(genomes):
    boxes = zip(_features(genomes, "minus_35_signal"), _features(genomes, "minus_10_signal"), strict=True)
    gaps = Counter(max(a.start, b.start) - min(a.end, b.end) for a, b in boxes)
    for spacer, share in zip(SPACERS, SPACER_SHARES, strict=True):
        assert gaps[spacer] / gaps.total() == pytest.approx(share, abs=0.08)
    assert set(gaps) == set(SPACERS)


def test_make_genomes_promoters_hold_their_boxes_and_precede_their_operon(genomes):
    by_operon = {}
    for feature in genomes.features:
        key = (feature.contig, feature.attributes["operon"])
        by_operon.setdefault(key, {}).setdefault(feature.kind, []).append(feature)
    whole = [parts for parts in by_operon.values() if "operon" in parts and "promoter" in parts]
    assert len(whole) > 900
    for parts in whole:
        promoter, operon = parts["promoter"][0], parts["operon"][0]
        for kind in ("minus_35_signal", "minus_10_signal"):
            assert promoter.start <= parts[kind][0].start < parts[kind][0].end <= promoter.end
        assert operon.start == promoter.end if promoter.strand == "+" else operon.end == promoter.start
        for gene in parts["CDS"]:
            assert operon.start < gene.start < gene.end < operon.end


def test_make_genomes_genes_do_not_overlap(genomes):
    genes = sorted((f.contig, f.start, f.end) for f in _features(genomes, "CDS"))
    assert all(a[0] != b[0] or a[2] <= b[1] for a, b in pairwise(genes))


def test_make_genomes_same_seed_same_genomes(seed):
    settings = {"genome_length": 20_000, "random_state": seed}
    first, again = make_genomes(n_genomes=2, **settings), make_genomes(n_genomes=3, **settings)
    assert again.data[:2] == first.data
    assert make_genomes(n_genomes=2, genome_length=20_000, random_state=seed + 1).data != first.data
    assert make_genomes(n_genomes=2, species_seed=1, **settings).data != first.data


def test_make_genomes_takes_a_random_state_object(seed):
    draws = [
        make_genomes(genome_length=10_000, random_state=np.random.RandomState(seed)).data for _ in range(2)
    ]
    assert draws[0] == draws[1]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"genome_length": 9_999}, "'genome_length' parameter"),
        ({"gc": 0.9}, "'gc' parameter"),
        ({"gc": [0.5, 0.9]}, r"Every gc must be in the range \[0.25, 0.75\]. Got 0.9"),
        ({"gc": [0.5]}, "Got 1 numbers for n_species=2"),
        ({"n_species": 0}, "'n_species' parameter"),
    ],
)
def test_make_genomes_refuses_bad_parameters(settings, message):
    with pytest.raises(ValueError, match=message):
        make_genomes(**settings)


@pytest.mark.parametrize("length", [60, 81, 150, 300])
@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.8])
def test_make_promoters_counts(length, fraction, seed):
    bunch = make_promoters(
        n_samples=101, sequence_length=length, promoter_fraction=fraction, n_genomes=3, random_state=seed
    )
    assert bunch.data.shape == bunch.target.shape == bunch.groups.shape == bunch.species.shape == (101,)
    assert {len(sequence) for sequence in bunch.data} == {length}
    assert bunch.target.sum() == round(101 * fraction)
    assert len(set(bunch.groups)) == 3
    assert len(set(bunch.data)) == 101


def test_make_promoters_return_x_y_equals_the_bunch(seed):
    settings = {"n_samples": 30, "random_state": seed}
    X, y = make_promoters(return_X_y=True, **settings)
    bunch = make_promoters(**settings)
    np.testing.assert_array_equal(X, bunch.data)
    np.testing.assert_array_equal(y, bunch.target)
    assert bunch.target_names == ["non-promoter", "promoter"]


def test_make_promoters_are_shuffled(seed):
    _, y = make_promoters(n_samples=200, random_state=seed, return_X_y=True)
    assert 30 < y[:100].sum() < 70


def test_make_promoters_positives_hold_boxes_upstream_of_base_60():
    """The best -10 box of a positive lies where transcription starts 5 to 8 bases behind it."""
    X, y = make_promoters(n_samples=1000, sequence_length=81, random_state=0, return_X_y=True)
    scores = np.log(MINUS_10 / 0.25)
    codes = np.stack([encode(sequence) for sequence in X])
    by_start = np.stack([scores[np.arange(6), codes[:, i : i + 6]].sum(axis=1) for i in range(76)])
    near = by_start[60 - 14 : 60 - 10].max(axis=0)
    assert near[y == 1].mean() > near[y == 0].mean() + 2
    places = Counter(by_start[:, y == 1].argmax(axis=0).tolist())
    assert sum(places[start] for start in range(46, 50)) > 0.35 * (y == 1).sum()


@pytest.mark.parametrize("random_state", [0, 1])
def test_make_promoters_share_no_stretch_with_genomes_of_the_same_seed(random_state):
    genomes = make_genomes(genome_length=200_000, random_state=random_state)
    X, _ = make_promoters(n_samples=200, random_state=random_state, return_X_y=True)
    known = {contig[i : i + 24] for contig in genomes.data for i in range(len(contig) - 23)}
    assert not any(
        s[i : i + 24] in known for x in X for s in (x, reverse_complement(x)) for i in range(0, 127, 3)
    )


def test_make_promoters_are_of_the_species_of_make_genomes(seed):
    genomes = make_genomes(n_genomes=2, genome_length=100_000, gc=[0.3, 0.7], random_state=seed)
    bunch = make_promoters(n_samples=200, gc=[0.3, 0.7], random_state=seed + 1)
    for species, contig in zip(genomes.species, genomes.data, strict=True):
        inside = bunch.data[(bunch.species == species) & (bunch.target == 0)]
        assert _gc(inside) == pytest.approx(_gc([contig]), abs=0.04)


def test_make_promoters_kmer_baseline_is_fair_but_not_perfect():
    """k-mers up to 4 leave room above them, and are above chance: the band that the docstring promises."""
    bunch = make_promoters(n_samples=3000, random_state=0)
    counts = CountVectorizer(analyzer="char", ngram_range=(1, 4), lowercase=False)
    X = counts.fit_transform(bunch.data).toarray()
    test = slice(2000, None)
    accuracy = {}
    for n_labels in (100, 1000):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.003))
        accuracy[n_labels] = model.fit(X[:n_labels], bunch.target[:n_labels]).score(
            X[test], bunch.target[test]
        )
    assert 0.6 < accuracy[100] < accuracy[1000] < 0.83


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sequence_length": 59}, "'sequence_length' parameter"),
        ({"sequence_length": 301}, "'sequence_length' parameter"),
        ({"promoter_fraction": 1.0}, "'promoter_fraction' parameter"),
        ({"n_samples": 1}, "'n_samples' parameter"),
    ],
)
def test_make_promoters_refuses_bad_parameters(settings, message):
    with pytest.raises(ValueError, match=message):
        make_promoters(**settings)
