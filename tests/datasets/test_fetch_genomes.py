from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from skgenome.datasets import fetch_bacterial_genomes, fetch_genome, fetch_gram_staining
from skgenome.exceptions import DataIntegrityError
from skgenome.sequences import GffFeature, reverse_complement

PER_CONTIG = ("contig_names", "genome_ids", "genus", "species", "group", "gram")


@pytest.mark.parametrize(
    ("filters", "genera"),
    [
        ({}, {"Vibrio", "Caulobacter", "Bacillus", "Streptomyces"}),
        ({"genera": ["Vibrio", "Bacillus"]}, {"Vibrio", "Bacillus"}),
        ({"genera": np.array(["Vibrio"])}, {"Vibrio"}),
        ({"exclude_genera": ["Vibrio"]}, {"Caulobacter", "Bacillus", "Streptomyces"}),
        ({"exclude_genera": []}, {"Vibrio", "Caulobacter", "Bacillus", "Streptomyces"}),
        ({"groups": ("Firmicutes",)}, {"Bacillus"}),
        ({"gram": "positive"}, {"Bacillus", "Streptomyces"}),
        ({"gram": "negative", "exclude_genera": {"Vibrio"}}, {"Caulobacter"}),
    ],
)
def test_fetch_bacterial_genomes_filters(toy_data_home, filters, genera):
    genomes = fetch_bacterial_genomes(data_home=toy_data_home, **filters)
    assert set(genomes.genus) == genera
    assert len(genomes.data) == 3 * len(genera)
    assert len(genomes.filenames) == len(genera)


def test_fetch_bacterial_genomes_describes_every_contig(toy_data_home):
    genomes = fetch_bacterial_genomes(genera=["Bacillus"], data_home=toy_data_home)
    assert [len(contig) for contig in genomes.data] == [10_000, 1000, 99]
    assert genomes.contig_names.tolist() == ["long", "middle", "short"]
    assert genomes.genome_ids.tolist() == ["GCF_2"] * 3
    assert (genomes.species[0], genomes.group[0], genomes.gram[0]) == (
        "Bacillus toyi",
        "Firmicutes",
        "positive",
    )
    assert all(len(genomes[key]) == 3 for key in PER_CONTIG)
    assert "1 genomes (3 contigs, 11,099 bases)" in genomes.DESCR


def test_fetch_bacterial_genomes_reads_the_environment_at_call_time(toy_data_home, monkeypatch):
    monkeypatch.setenv("SKGENOME_DATA", str(toy_data_home))
    assert len(fetch_bacterial_genomes(download_if_missing=False).data) == 12


@pytest.mark.parametrize(
    ("filters", "error", "message"),
    [
        ({"genera": ["Vibrion"]}, ValueError, r"genera must .* Got 'Vibrion'. Did you mean Vibrio\?"),
        ({"exclude_genera": ["Homo"]}, ValueError, r"exclude_genera .* Known are Bacillus, Caulobacter"),
        ({"groups": ["Archaea"]}, ValueError, "groups must hold names of the collection"),
        ({"genera": "Vibrio"}, ValueError, "'genera' parameter"),
        ({"gram": "+"}, ValueError, "'gram' parameter"),
        ({"genera": ["Vibrio"], "gram": "positive"}, ValueError, "No genome passes all filters"),
    ],
)
def test_fetch_bacterial_genomes_refuses_bad_filters(toy_data_home, filters, error, message):
    with pytest.raises(error, match=message):
        fetch_bacterial_genomes(data_home=toy_data_home, **filters)


@pytest.mark.parametrize("fetch", [fetch_bacterial_genomes, fetch_gram_staining, fetch_genome])
def test_fetchers_raise_for_a_missing_file(toy_data_home, tmp_path, fetch):
    with pytest.raises(OSError, match="download_if_missing is False"):
        fetch(data_home=tmp_path, download_if_missing=False)


def test_fetch_bacterial_genomes_raises_for_a_corrupt_file(toy_data_home, tmp_path):
    path = tmp_path / "genomes" / "positive" / "GCF_2.fa.gz"
    path.parent.mkdir(parents=True)
    path.write_bytes((toy_data_home / "genomes" / "positive" / "GCF_2.fa.gz").read_bytes()[:-20])
    with pytest.raises(DataIntegrityError, match=r"GCF_2\.fa\.gz is not the one"):
        fetch_bacterial_genomes(genera=["Bacillus"], data_home=tmp_path)


def test_fetch_gram_staining_windows_stand_where_it_says(toy_data_home):
    windows = fetch_gram_staining(window_size=500, data_home=toy_data_home)
    genomes = fetch_bacterial_genomes(data_home=toy_data_home)
    contigs = dict(zip(zip(genomes.genome_ids, genomes.contig_names, strict=True), genomes.data, strict=True))
    places = zip(windows.genome_ids, windows.contig_names, windows.starts, windows.data, strict=True)
    for genome, contig, start, window in places:
        assert contigs[genome, contig][start : start + 500] == window


def test_fetch_gram_staining_windows_do_not_overlap(toy_data_home, seed):
    windows = fetch_gram_staining(window_size=300, random_state=seed, data_home=toy_data_home)
    places = sorted(zip(windows.genome_ids, windows.contig_names, windows.starts, strict=True))
    for a, b in pairwise(places):
        assert a[:2] != b[:2] or b[2] - a[2] >= 300


@pytest.mark.parametrize("max_ambiguous", [0.0, 0.01, 0.5, 1.0])
def test_fetch_gram_staining_passes_over_ambiguous_windows(toy_data_home, max_ambiguous):
    windows = fetch_gram_staining(window_size=500, max_ambiguous=max_ambiguous, data_home=toy_data_home)
    assert max(window.count("N") for window in windows.data) <= 500 * max_ambiguous
    # Every window of the grid is either taken or counted.
    assert 4 * 21 <= len(windows.data) + windows.n_skipped_windows <= 4 * 22
    assert (windows.n_skipped_windows == 0) == (max_ambiguous == 1)


def test_fetch_gram_staining_counts_short_contigs(toy_data_home):
    assert fetch_gram_staining(window_size=500, data_home=toy_data_home).n_skipped_contigs == 4
    assert fetch_gram_staining(window_size=1001, data_home=toy_data_home).n_skipped_contigs == 8


def test_fetch_gram_staining_labels_and_groups(toy_data_home):
    windows = fetch_gram_staining(window_size=500, n_windows_per_genome=3, data_home=toy_data_home)
    assert Counter(windows.groups) == dict.fromkeys(["Vibrio", "Caulobacter", "Bacillus", "Streptomyces"], 3)
    assert windows.target_names == ["negative", "positive"]
    assert [windows.target_names[label] for label in windows.target] == windows.gram.tolist()
    assert windows.data.dtype == object
    assert "12 windows of 500 bp out of 4" in windows.DESCR


def test_fetch_gram_staining_draws_are_nested(toy_data_home, seed):
    settings = {"window_size": 400, "random_state": seed, "data_home": toy_data_home}
    few = fetch_gram_staining(n_windows_per_genome=3, **settings)
    many = fetch_gram_staining(n_windows_per_genome=8, **settings)
    assert set(few.data) < set(many.data)


def test_fetch_gram_staining_same_seed_same_windows(toy_data_home, seed):
    settings = {"window_size": 400, "n_windows_per_genome": 5, "return_X_y": True, "data_home": toy_data_home}
    (X, y), (X_again, y_again) = (fetch_gram_staining(random_state=seed, **settings) for _ in range(2))
    other, _ = fetch_gram_staining(random_state=seed + 1, **settings)
    np.testing.assert_array_equal(X, X_again)
    np.testing.assert_array_equal(y, y_again)
    assert set(other) != set(X)


@pytest.mark.parametrize(
    ("name", "value"), [("window_size", 0), ("n_windows_per_genome", 0), ("max_ambiguous", 2)]
)
def test_fetch_gram_staining_refuses_bad_parameters(name, value):
    with pytest.raises(ValueError, match=f"'{name}' parameter"):
        fetch_gram_staining(**{name: value})


def test_fetch_genome_translates_to_0_based_half_open(toy_data_home):
    genome = fetch_genome(data_home=toy_data_home)
    contig = genome.data[0]
    assert genome.features == [
        GffFeature("chr1", "toy", "CDS", 100, 190, "-", {"ID": "cds-1", "gene": "toyA"})
    ]
    forward, reverse = genome.promoters
    assert (forward.contig, forward.start, forward.end, forward.strand, forward.tss) == (
        "chr1",
        40,
        121,
        "+",
        100,
    )
    assert contig[forward.start : forward.end] == forward.sequence
    assert (reverse.start, reverse.end, reverse.strand, reverse.tss) == (130, 211, "-", 150)
    assert reverse_complement(contig[reverse.start : reverse.end]) == reverse.sequence


def test_fetch_genome_keeps_what_is_unknown_empty(toy_data_home):
    genome = fetch_genome(data_home=toy_data_home)
    assert [promoter.sigma_factor for promoter in genome.promoters] == ["sigma70", ""]
    assert [promoter.confidence for promoter in genome.promoters] == ["C", ""]
    assert genome.n_promoters_without_start == 1


def test_fetch_genome_describes_contigs_as_fetch_bacterial_genomes_does(toy_data_home):
    genome = fetch_genome("ecoli_k12", data_home=toy_data_home)
    assert {key: genome[key].tolist() for key in PER_CONTIG} == {
        "contig_names": ["chr1"],
        "genome_ids": ["ecoli_k12"],
        "genus": ["Escherichia"],
        "species": ["Escherichia coli"],
        "group": ["g"],
        "gram": ["negative"],
    }
    assert len(genome.filenames) == 3


def test_fetch_genome_refuses_an_unknown_name():
    with pytest.raises(ValueError, match="'name' parameter"):
        fetch_genome("yeast")


@pytest.mark.real_data
def test_fetch_bacterial_genomes_real_counts(real_data_home):
    genomes = fetch_bacterial_genomes(data_home=real_data_home, download_if_missing=False)
    stain = dict(zip(genomes.genome_ids, genomes.gram, strict=True))
    assert Counter(stain.values()) == {"positive": 24, "negative": 34}
    assert len(genomes.data) == 1909
    assert sum(map(len, genomes.data)) == 204_183_462
    assert len(set(genomes.genus)) == 57
    assert min(map(len, genomes.data)) == 104


@pytest.mark.real_data
def test_fetch_gram_staining_real_windows(real_data_home):
    windows = fetch_gram_staining(
        n_windows_per_genome=20, data_home=real_data_home, download_if_missing=False
    )
    assert windows.data.shape == (58 * 20,)
    assert windows.target.sum() == 24 * 20
    assert {len(window) for window in windows.data} == {6700}
    assert max(Counter(window.upper())["N"] for window in windows.data) <= 67
    labels_of_genus = set(zip(windows.groups, windows.target, strict=True))
    assert len(labels_of_genus) == 57


@pytest.mark.real_data
def test_fetch_genome_real_promoters_stand_in_the_genome(real_data_home):
    genome = fetch_genome(data_home=real_data_home, download_if_missing=False)
    contig = genome.data[0]
    assert len(contig) == 4_641_652
    assert genome.contig_names.tolist() == ["NC_000913.3"]
    assert (len(genome.promoters), genome.n_promoters_without_start) == (3960, 92)
    n_other = 0
    for promoter in genome.promoters:
        piece = contig[promoter.start : promoter.end]
        n_other += promoter.sequence != (piece if promoter.strand == "+" else reverse_complement(piece))
        first = contig[promoter.tss] if promoter.strand == "+" else reverse_complement(contig[promoter.tss])
        assert n_other or first == promoter.sequence[60]
    assert n_other <= 1


@pytest.mark.real_data
def test_fetch_genome_real_coding_sequences_begin_and_end_with_the_right_codons(real_data_home):
    genome = fetch_genome(data_home=real_data_home, download_if_missing=False)
    contig = genome.data[0]
    coding = [feature for feature in genome.features if feature.kind == "CDS"]
    pieces = [contig[feature.start : feature.end] for feature in coding]
    genes = [
        piece if feature.strand == "+" else reverse_complement(piece)
        for feature, piece in zip(coding, pieces, strict=True)
    ]
    assert len(genes) == 4337
    assert np.mean([gene[:3] in ("ATG", "GTG", "TTG") for gene in genes]) > 0.97
    assert np.mean([gene[-3:] in ("TAA", "TGA", "TAG") for gene in genes]) > 0.97
