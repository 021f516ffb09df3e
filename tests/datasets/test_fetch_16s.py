from collections import Counter

import numpy as np
import pytest

from skgenome.datasets import fetch_16s_reads
from skgenome.sequences import iter_sequences, reverse_complement

PERFECT = {"substitution_rate": 0, "insertion_rate": 0, "deletion_rate": 0}


@pytest.fixture
def genes(toy_data_home):
    return {record.name: record.sequence for record in iter_sequences(toy_data_home / "16s" / "genes.fasta")}


@pytest.mark.parametrize("kind", ["shotgun", "amplicon"])
def test_fetch_16s_reads_stand_where_it_says(toy_data_home, genes, kind, seed):
    reads = fetch_16s_reads(
        kind=kind, subset="all", read_length=100, random_state=seed, data_home=toy_data_home, **PERFECT
    )
    for read, name, a, b, strand in zip(
        reads.data, reads.names, reads.starts, reads.ends, reads.strands, strict=True
    ):
        fragment = genes[name][a:b]
        assert read == (fragment if strand == "+" else reverse_complement(fragment))
    assert [reads.target_names[label] for label in reads.target] == [
        name.split("_")[0] for name in reads.names
    ]
    assert reads.target_names == ["Afipia", "Bosea", "Xanthobacter"]


def test_fetch_16s_reads_shotgun_covers_genes_on_both_strands(toy_data_home, genes):
    settings = {"subset": "all", "read_length": 100, "n_reads_per_source": 100, "data_home": toy_data_home}
    reads = fetch_16s_reads(**settings)
    assert Counter(reads.names) == dict.fromkeys(genes, 100)
    assert set(reads.strands) == {"+", "-"}
    assert reads.sources_without_primer == []
    assert set(fetch_16s_reads(both_strands=False, **settings).strands) == {"+"}


def test_fetch_16s_reads_amplicons_begin_behind_the_primer(toy_data_home, genes):
    reads = fetch_16s_reads(
        kind="amplicon",
        subset="all",
        read_length=1000,
        n_reads_per_source=1,
        data_home=toy_data_home,
        **PERFECT,
    )
    without = [name for name in genes if name.endswith("_4")]
    assert reads.sources_without_primer == without
    assert set(reads.names) == set(genes) - set(without)
    assert {len(read) for read in reads.data} == {300}
    # Part of a gene: its first 50 bases are missing.
    assert set(reads.starts) == {217, 167}
    assert set(reads.strands) == {"+"}


def test_fetch_16s_reads_other_primers(toy_data_home, genes):
    gene = genes["Bosea_1"]
    reads = fetch_16s_reads(
        kind="amplicon",
        subset="all",
        primers=[gene[100:120], reverse_complement(gene[180:200])],
        read_length=60,
        read_length_std=0,
        data_home=toy_data_home,
        **PERFECT,
    )
    assert set(reads.data) == {gene[120:180]}
    assert len(reads.sources_without_primer) == 14


@pytest.mark.parametrize("kind", ["shotgun", "amplicon"])
@pytest.mark.parametrize("test_size", [0.1, 0.3, 0.9])
def test_fetch_16s_reads_split_by_gene(toy_data_home, kind, test_size, seed):
    settings = {"kind": kind, "test_size": test_size, "random_state": seed, "data_home": toy_data_home}
    train, test, whole = (fetch_16s_reads(subset=subset, **settings) for subset in ("train", "test", "all"))
    assert set(train.groups).isdisjoint(test.groups)
    assert set(train.names).isdisjoint(test.names)
    assert Counter([*train.data, *test.data]) == Counter(whole.data)
    np.testing.assert_array_equal(whole.data[whole.subsets == "test"], test.data)
    assert set(train.subsets) == {"train"}


def test_fetch_16s_reads_every_genus_is_in_both_parts(toy_data_home, seed):
    for subset in ("train", "test"):
        _, y = fetch_16s_reads(subset=subset, return_X_y=True, random_state=seed, data_home=toy_data_home)
        assert set(y) == {0, 1, 2}


def test_fetch_16s_reads_part_of_a_gene_counts_as_the_gene(toy_data_home):
    reads = fetch_16s_reads(subset="all", data_home=toy_data_home)
    group_of = dict(zip(reads.names, reads.groups, strict=True))
    for genus in reads.target_names:
        assert group_of[f"{genus}_0"] == group_of[f"{genus}_3"]
    assert len(set(reads.groups)) == 12


def test_fetch_16s_reads_split_is_the_same_for_both_kinds(toy_data_home, seed):
    settings = {"random_state": seed, "data_home": toy_data_home}
    shotgun = set(fetch_16s_reads(**settings).names)
    assert set(fetch_16s_reads(kind="amplicon", n_reads_per_source=3, **settings).names) < shotgun


def test_fetch_16s_reads_seeds(toy_data_home, seed):
    X, y = fetch_16s_reads(return_X_y=True, random_state=seed, data_home=toy_data_home)
    bunch = fetch_16s_reads(random_state=seed, data_home=toy_data_home)
    np.testing.assert_array_equal(X, bunch.data)
    np.testing.assert_array_equal(y, bunch.target)
    other, _ = fetch_16s_reads(return_X_y=True, random_state=seed + 1, data_home=toy_data_home)
    assert set(other) != set(X)
    assert f"{len(X):,} shotgun reads of" in bunch.DESCR


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"primers": ("ACGT",)}, ValueError, r"primers must be two.* Got \('ACGT',\)"),
        ({"primers": ("ACGT", "")}, ValueError, "with bases"),
        ({"primers": ("ACGT", "ACJT")}, ValueError, "Sequence 1 has 'J' at position 2"),
        ({"primers": ("ACGT", None)}, ValueError, r"primers\[1\] .* missing"),
        ({"primers": ("A" * 40, "C" * 40), "kind": "amplicon"}, ValueError, "bind to none"),
        ({"kind": "nanopore"}, ValueError, "'kind' parameter"),
        ({"test_size": 1.0}, ValueError, "'test_size' parameter"),
    ],
)
def test_fetch_16s_reads_refuses_bad_parameters(toy_data_home, settings, error, message):
    with pytest.raises(error, match=message):
        fetch_16s_reads(data_home=toy_data_home, **settings)


def test_fetch_16s_reads_raises_for_a_missing_file(toy_data_home, tmp_path):
    with pytest.raises(OSError, match="download_if_missing is False"):
        fetch_16s_reads(data_home=tmp_path, download_if_missing=False)


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("kind", "counts", "n_without_primer"),
    [("shotgun", {"train": 21_700, "test": 6_300}, 0), ("amplicon", {"train": 21_364, "test": 6_188}, 16)],
)
def test_fetch_16s_reads_real_facts_of_the_docstring(real_data_home, kind, counts, n_without_primer):
    reads = fetch_16s_reads(kind=kind, subset="all", data_home=real_data_home, download_if_missing=False)
    assert Counter(reads.subsets.tolist()) == counts
    assert len(reads.sources_without_primer) == n_without_primer
    assert len(reads.target_names) == len(set(reads.target)) == 100
    assert set(reads.groups[reads.subsets == "train"]).isdisjoint(reads.groups[reads.subsets == "test"])
    lengths = np.array([len(read) for read in reads.data])
    assert np.median(lengths) == pytest.approx(400, abs=5)


@pytest.mark.real_data
def test_fetch_16s_reads_real_genes_repeat(real_data_home):
    genes = [r.sequence for r in iter_sequences(real_data_home / "metagenomics_16s" / "1000seq.fasta")]
    assert len(genes) - len(set(genes)) == 51


@pytest.mark.real_data
def test_fetch_16s_reads_real_amplicons_are_v3_v4(real_data_home):
    """The region between the primers has about 400 to 430 bases in nearly all bacteria."""
    reads = fetch_16s_reads(
        kind="amplicon",
        subset="all",
        read_length=2000,
        n_reads_per_source=1,
        data_home=real_data_home,
        download_if_missing=False,
    )
    sizes = reads.ends - reads.starts
    assert sizes.min() >= 390
    assert sizes.max() <= 440
