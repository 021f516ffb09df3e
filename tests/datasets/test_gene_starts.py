from collections import Counter
from itertools import combinations

import numpy as np
import pytest

from skgenome.datasets import fetch_ecoli_promoters, fetch_genome, make_gene_start_windows, make_genomes
from skgenome.sequences import GffFeature, decode, reverse_complement

COUNTS = ("n_genes_at_edge", "n_genes_with_same_start", "n_short_genes", "n_genes_without_strand")


def _feature(start, end, strand, contig="c", kind="CDS", **attributes):
    return GffFeature(contig, "toy", kind, start, end, strand, attributes)


@pytest.fixture(scope="module")
def genomes():
    return make_genomes(n_genomes=2, genome_length=60_000, random_state=0)


@pytest.fixture(scope="module")
def windows(genomes):
    return make_gene_start_windows(
        genomes.data, genomes.features, contig_names=genomes.contig_names, random_state=0
    )


@pytest.fixture
def contig(seed):
    return decode(np.random.default_rng(seed).integers(0, 4, 2000, dtype=np.uint8))


def test_make_gene_start_windows_positives_are_read_from_the_gene(genomes, windows):
    """Read every gene, with what is before it, in its own direction: a twin without windows."""
    expected = []
    for feature in genomes.features:
        contig = genomes.data[genomes.contig_names.tolist().index(feature.contig)]
        start, end = feature.start, feature.end
        if feature.strand == "-":
            contig, start, end = reverse_complement(contig), len(contig) - end, len(contig) - start
        if feature.kind == "CDS" and start >= 100:
            expected.append(contig[start - 100 : start + 50])
    positives = windows.data[windows.target == 1].tolist()
    assert Counter(positives) == Counter(expected)
    assert {positive[100:103] for positive in positives} <= {"ATG", "GTG", "TTG"}
    assert windows.n_genes_at_edge == 0


def test_make_gene_start_windows_stand_where_it_says(genomes, windows):
    contigs = dict(zip(genomes.contig_names, genomes.data, strict=True))
    places = zip(
        windows.contig_names, windows.starts, windows.ends, windows.strands, windows.data, strict=True
    )
    for name, start, end, strand, data in places:
        stretch = contigs[name][start:end]
        assert data == (stretch if strand == "+" else reverse_complement(stretch))


@pytest.mark.parametrize(("min_distance", "before", "after"), [(0, 0, 30), (50, 100, 50), (200, 10, 11)])
def test_make_gene_start_windows_negatives_lie_inside_one_gene(genomes, min_distance, before, after, seed):
    windows = make_gene_start_windows(
        genomes.data,
        genomes.features,
        contig_names=genomes.contig_names,
        min_distance=min_distance,
        before=before,
        after=after,
        random_state=seed,
    )
    genes = [f for f in genomes.features if f.kind == "CDS"]
    negative = windows.target == 0
    for name, start, end, strand in zip(
        windows.contig_names[negative],
        windows.starts[negative],
        windows.ends[negative],
        windows.strands[negative],
        strict=True,
    ):
        (gene,) = (g for g in genes if g.contig == name and g.start <= start and end <= g.end)
        assert gene.strand == strand
        assert (start - gene.start if strand == "+" else gene.end - end) >= min_distance
        assert end - start == before + after
    assert negative.sum() + windows.n_short_genes == len(genes)


def test_make_gene_start_windows_come_in_genome_order(genomes, windows):
    numbers = [genomes.contig_names.tolist().index(name) for name in windows.contig_names]
    places = list(zip(numbers, windows.starts.tolist(), strict=True))
    assert places == sorted(places)


def test_make_gene_start_windows_groups_keep_overlaps_together(windows):
    for i, j in combinations(range(len(windows.data)), 2):
        if windows.contig_names[i] == windows.contig_names[j] and windows.starts[j] < windows.ends[i]:
            assert windows.groups[i] == windows.groups[j]


def test_make_gene_start_windows_groups_keep_copies_together(contig):
    """A gene and its copy elsewhere, on the other strand."""
    gene = contig[:900]
    contigs = [contig, "A" * 300 + reverse_complement(gene) + "C" * 300]
    features = [_feature(200, 600, "+"), _feature(300 + 300, 300 + 700, "-", contig="copy")]
    windows = make_gene_start_windows(contigs, features, contig_names=["c", "copy"], random_state=0)
    starts = windows.groups[windows.target == 1]
    assert len(starts) == 2
    assert len(set(starts)) == 1
    alone = make_gene_start_windows(
        contigs, features, contig_names=["c", "copy"], random_state=0, threshold=1.0, k=15
    )
    # Positives are equal, so even the strictest threshold keeps them together.
    assert len(set(alone.groups[alone.target == 1])) == 1


@pytest.mark.parametrize(
    ("features", "counts", "n_positive"),
    [
        ([_feature(99, 600, "+"), _feature(100, 600, "+")], (1, 0, 0, 0), 1),
        ([_feature(1500, 1901, "-"), _feature(1500, 1900, "-")], (1, 0, 0, 0), 1),
        ([_feature(500, 900, "+"), _feature(500, 1200, "+")], (0, 1, 0, 0), 1),
        ([_feature(500, 900, "+"), _feature(300, 500, "-")], (0, 0, 0, 0), 2),
        ([_feature(500, 699, "+"), _feature(800, 1000, "+")], (0, 0, 1, 0), 2),
        ([_feature(500, 900, "."), _feature(800, 1000, "+")], (0, 0, 0, 1), 1),
        ([_feature(500, 900, "+", kind="tRNA"), _feature(800, 1000, "+")], (0, 0, 0, 0), 1),
    ],
    ids=["left edge", "right edge", "same start", "back to back", "short", "no strand", "other kind"],
)
def test_make_gene_start_windows_counts_what_is_left_out(contig, features, counts, n_positive):
    windows = make_gene_start_windows([contig], features, contig_names=["c"])
    assert tuple(windows[name] for name in COUNTS) == counts
    assert windows.target.sum() == n_positive


def test_make_gene_start_windows_joins_lines_of_one_id(contig, seed):
    """An interrupted gene has one start, and its negative lies in one of its pieces."""
    pieces = [
        _feature(500, 560, "-", ID="g"),
        _feature(900, 1200, "-", ID="g"),
        _feature(300, 620, "+", ID="h"),
    ]
    windows = make_gene_start_windows([contig], pieces, contig_names=["c"], random_state=seed)
    assert windows.target.sum() == 2
    of_gene = windows.names == "g"
    starts = {label: windows.starts[of_gene & (windows.target == label)].tolist() for label in (0, 1)}
    assert starts[1] == [1150]
    assert 900 <= starts[0][0] <= 1150 - 150


def test_make_gene_start_windows_negatives_reach_every_allowed_place(contig):
    features = [_feature(500, 500 + 50 + 153, "+")]
    drawn = {
        int(make_gene_start_windows([contig], features, contig_names=["c"], random_state=i).starts[1])
        for i in range(60)
    }
    assert drawn == {550, 551, 552, 553}


def test_make_gene_start_windows_return_x_y_and_seed(genomes, windows, seed):
    settings = {"contig_names": genomes.contig_names, "return_X_y": True}
    X, y = make_gene_start_windows(genomes.data, genomes.features, random_state=0, **settings)
    np.testing.assert_array_equal(X, windows.data)
    np.testing.assert_array_equal(y, windows.target)
    other, _ = make_gene_start_windows(genomes.data, genomes.features, random_state=1, **settings)
    assert set(other) != set(X)
    assert windows.DESCR.count("150 bp") == 1


@pytest.mark.parametrize(
    ("contig_names", "features", "settings", "message"),
    [
        (["c", "d"], [_feature(500, 900, "+")], {}, "Got 2 different ones of 2, for 1 contigs"),
        (["d"], [_feature(500, 900, "+", gene="abcA")], {}, "Got 'abcA' on 'c'; contig_names begins with d"),
        (["c"], [_feature(500, 2001, "+")], {}, "at 500 to 2001 on 'c', which has 2000 bases"),
        (["c"], [_feature(500, 900, ".")], {}, "kind='CDS' with a strand. Got none among 1"),
        (["c"], [_feature(500, 900, "+")], {"kind": "gene"}, "kind='gene'"),
        (["c"], [_feature(500, 900, "+")], {"after": 0}, "'after' parameter"),
    ],
)
def test_make_gene_start_windows_refuses_what_does_not_fit(contig, contig_names, features, settings, message):
    with pytest.raises(ValueError, match=message):
        make_gene_start_windows([contig], features, contig_names=contig_names, **settings)


@pytest.mark.real_data
def test_make_gene_start_windows_real_reproduces_the_published_set(real_data_home):
    settings = {"data_home": real_data_home, "download_if_missing": False}
    genome = fetch_genome(**settings)
    windows = make_gene_start_windows(
        genome.data, genome.features, contig_names=genome.contig_names, random_state=0
    )
    X, y = fetch_ecoli_promoters(subset="all", return_X_y=True, **settings)
    made = set(windows.data[windows.target == 1])
    assert windows.target.sum() == 4313
    assert sum(sequence in made for sequence in X[y == 1]) == 3839
    # No group is so large that a split by group would fail.
    assert np.bincount(windows.groups).max() < 20
