import numpy as np
import pytest

from skgenome.scanning import scan
from skgenome.sequences import write_fasta


@pytest.fixture
def genome(make_dna):
    return {"chr1": make_dna(300), "chr2": make_dna(170, "ACGTN"), "chr3": make_dna(60, "acgt")}


def as_fasta(genome, folder):
    path = folder / "genome.fa.gz"
    write_fasta(path, genome.values(), names=[f"{name} of E. coli" for name in genome])
    return path


@pytest.mark.parametrize("give", [as_fasta, lambda genome, _: iter(genome.items())], ids=["file", "stream"])
def test_scan_reads_a_genome_in_any_form(make_hash_classifier, genome, give, tmp_path):
    parameters = {"window_size": 30, "step": 7, "max_ambiguous": 0.2}
    expected = scan(make_hash_classifier(), genome, **parameters)
    track = scan(make_hash_classifier(), give(genome, tmp_path), **parameters)
    assert track.lengths == expected.lengths
    assert list(track.pieces) == list(expected.pieces)
    for contig in genome:
        np.testing.assert_array_equal(track.starts(contig), expected.starts(contig))
        np.testing.assert_array_equal(track.pieces[contig].values, expected.pieces[contig].values)


@pytest.mark.parametrize(
    ("regions", "covered"),
    [
        ([("chr1", 20, 90)], {"chr1": [(20, 90)]}),
        ([("chr1", 200, 300), ("chr1", 20, 90)], {"chr1": [(20, 90), (200, 300)]}),
        ([("chr1", 50, 90), ("chr1", 20, 60), ("chr1", 90, 120)], {"chr1": [(20, 120)]}),
        (["chr3", ("chr1", 0, 50)], {"chr1": [(0, 50)], "chr3": [(0, 60)]}),
        (["chr1", ("chr1", 10, 50)], {"chr1": [(0, 300)]}),
        ([("chr1", 10, 50, "promoter", 0.0, "+"), "chr1"], {"chr1": [(0, 300)]}),
    ],
    ids=["one", "unsorted", "overlapping", "whole contig", "contig first", "contig last"],
)
def test_scan_regions_give_the_values_of_the_whole(make_hash_classifier, genome, regions, covered):
    whole = scan(make_hash_classifier(), genome, window_size=30, step=1)
    part = scan(make_hash_classifier(), genome, window_size=30, step=1, regions=regions)
    assert list(part.pieces) == list(covered)
    for contig, intervals in covered.items():
        starts = [start for first, end in intervals for start in range(first, end - 29)]
        np.testing.assert_array_equal(part.starts(contig), starts)
        np.testing.assert_array_equal(part.pieces[contig].values, whole.pieces[contig].values[:, starts])
        assert part.lengths[contig] == len(genome[contig])


def test_scan_region_has_windows_from_its_start_to_its_end(make_hash_classifier, genome):
    track = scan(make_hash_classifier(), genome, window_size=30, step=20, regions=[("chr1", 15, 100)])
    assert track.starts("chr1").tolist() == [15, 35, 55, 70]


@pytest.mark.parametrize(
    ("regions", "error", "message"),
    [
        ([], ValueError, "at least one region"),
        (
            ("chr1", 0, 50),
            TypeError,
            r"regions\[1\] must be the name .* Got 0. A single region has to be in a list",
        ),
        ("chr1", TypeError, "regions must be a list of contigs"),
        (7, TypeError, "regions must be a list of contigs"),
        ([("chr1", 0)], TypeError, r"regions\[0\] must be the name of a contig"),
        ([("chr1", -5, 50)], ValueError, r"0 <= start < end, in bases. Got -5 and 50 on 'chr1'"),
        ([("chr1", 50, 50)], ValueError, "Got 50 and 50"),
        ([("chr1", 0.0, 50.0)], ValueError, "whole numbers"),
        ([("chr1", 250, 301)], ValueError, "ends 1 bases past the end of the contig, which has 300"),
        (["chr9", ("chr1", 0, 50)], ValueError, r"lacks \['chr9'\]"),
        ([("chr1", 0, 29)], ValueError, "no contig or region is as long: chr1"),
    ],
)
def test_scan_refuses_wrong_regions(make_hash_classifier, genome, regions, error, message):
    with pytest.raises(error, match=message):
        scan(make_hash_classifier(), genome, window_size=30, step=1, regions=regions)


@pytest.mark.parametrize(
    ("genome", "error", "message"),
    [
        ({}, ValueError, "at least one contig. Got none"),
        ([("chr1", "ACGTACGTAC")] * 2, ValueError, "'chr1' is in the genome twice"),
        ({"chr1": "ACGTACGTACJA"}, ValueError, "Contig 'chr1' has 'J' at position 10"),
    ],
)
def test_scan_refuses_what_is_no_genome(make_hash_classifier, genome, error, message):
    with pytest.raises(error, match=message):
        scan(make_hash_classifier(), genome, window_size=10, step=1, strand="forward")


def test_scan_counts_positions_of_wrong_letters_from_the_start_of_the_contig(make_hash_classifier):
    contig = "ACGT" * 100 + "-" + "ACGT" * 100
    with pytest.raises(ValueError, match="Contig 'c' has '-' at position 400"):
        scan(make_hash_classifier(), {"c": contig}, window_size=10, step=1, batch_size=20)
