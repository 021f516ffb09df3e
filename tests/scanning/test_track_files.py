import gzip
import os
import sys

import numpy as np
import pytest

from skgenome.scanning import (
    Peak,
    Track,
    TrackPiece,
    scan,
    write_bed,
    write_bedgraph,
    write_bigwig,
    write_narrow_peak,
)
from skgenome.sequences import read_bed


@pytest.fixture
def track(make_hash_classifier, make_dna):
    """Names whose order in the genome is not that of the alphabet, and a gap."""
    genome = {"chr2": make_dna(120), "chr10": make_dna(50) + "N" * 60 + make_dna(50), "chr1": make_dna(40)}
    return scan(make_hash_classifier(), genome, window_size=20, step=6)


@pytest.fixture
def peaks():
    return [
        Peak("chr2", 10, 91, 50, "-", 0.8754),
        Peak("chr1", 0, 81, 40, "+", 12.5),
        Peak("c", 0, 5, 2, ".", -1.0),
    ]


def by_base(track, lines):
    """Values of the bases, as an independent reader of the lines has them."""
    values = {contig: np.full(length, np.nan) for contig, length in track.lengths.items()}
    for contig, start, end, value in lines:
        assert 0 <= int(start) < int(end) <= track.lengths[contig]
        assert np.isnan(values[contig][int(start) : int(end)]).all(), "stretches overlap"
        values[contig][int(start) : int(end)] = float(value)
    return values


@pytest.mark.parametrize("strand", ["+", "-"])
def test_write_bedgraph_holds_the_values_of_bases(track, strand, tmp_path):
    write_bedgraph(tmp_path / "a.bedgraph", track, strand=strand)
    lines = [line.split("\t") for line in (tmp_path / "a.bedgraph").read_text().splitlines()]
    for contig, values in by_base(track, lines).items():
        np.testing.assert_allclose(values, track.per_base(contig, strand), rtol=1e-8)
    assert list(dict.fromkeys(line[0] for line in lines)) == ["chr2", "chr10", "chr1"]


def test_write_bedgraph_can_compress(track, tmp_path):
    together = track.aggregate()
    write_bedgraph(tmp_path / "a.bedgraph", together)
    write_bedgraph(tmp_path / "a.bedgraph.gz", together)
    text = gzip.decompress((tmp_path / "a.bedgraph.gz").read_bytes())
    assert text == (tmp_path / "a.bedgraph").read_bytes()


@pytest.mark.parametrize("strand", ["+", "-"])
def test_write_bigwig_holds_the_values_of_bases(track, strand, tmp_path):
    pytest.importorskip("pybigtools", reason="the extra `tracks` is not installed")
    reader = pytest.importorskip("pyBigWig", reason="the independent reader is not installed")
    write_bigwig(tmp_path / "a.bw", track, strand=strand)
    with reader.open(str(tmp_path / "a.bw")) as file:
        assert file.chroms() == track.lengths
        lines = [(contig, *run) for contig in track.lengths for run in file.intervals(contig)]
        mean = file.stats("chr2", type="mean", exact=True)[0]
    for contig, values in by_base(track, lines).items():
        np.testing.assert_allclose(values, track.per_base(contig, strand), rtol=1e-6)
    assert mean == pytest.approx(np.nanmean(track.per_base("chr2", strand)), rel=1e-5)


def test_write_bigwig_and_bedgraph_hold_the_same(track, tmp_path):
    pybigtools = pytest.importorskip("pybigtools", reason="the extra `tracks` is not installed")
    write_bigwig(tmp_path / "a.bw", track, strand="+")
    write_bedgraph(tmp_path / "a.bedgraph", track, strand="+")
    lines = [line.split("\t") for line in (tmp_path / "a.bedgraph").read_text().splitlines()]
    with pybigtools.open(str(tmp_path / "a.bw")) as file:
        records = [(contig, *record) for contig in track.lengths for record in file.records(contig)]
    assert [record[:3] for record in records] == [(c, int(s), int(e)) for c, s, e, _ in lines]
    np.testing.assert_allclose(
        [record[3] for record in records], [float(line[3]) for line in lines], rtol=1e-6
    )


def test_write_bigwig_leaves_out_contigs_without_value(make_track, tmp_path):
    pybigtools = pytest.importorskip("pybigtools", reason="the extra `tracks` is not installed")
    pieces = make_track([1.0, 2.0]).pieces | {
        "short": TrackPiece("short", 3, np.empty(0, int), np.empty((1, 0)), 0)
    }
    write_bigwig(tmp_path / "a.bw", Track(pieces, 5, 1, ("+",)))
    with pybigtools.open(str(tmp_path / "a.bw")) as file:
        assert file.chroms() == {"chr1": 6}


def test_write_bed_is_read_back(peaks, tmp_path):
    write_bed(tmp_path / "a.bed", peaks)
    rows = read_bed(tmp_path / "a.bed")
    assert [(row.contig, row.start, row.end, row.strand) for row in rows] == [
        (p.contig, p.start, p.end, p.strand) for p in peaks
    ]
    assert [(row.name, row.score) for row in rows] == [("peak_1", 875), ("peak_2", 1000), ("peak_3", 0)]


def test_write_narrow_peak_holds_score_and_position(peaks, tmp_path):
    write_narrow_peak(tmp_path / "a.narrowPeak", peaks)
    rows = [line.split("\t") for line in (tmp_path / "a.narrowPeak").read_text().splitlines()]
    assert [float(row[6]) for row in rows] == [peak.score for peak in peaks]
    assert [int(row[1]) + int(row[9]) for row in rows] == [peak.position for peak in peaks]
    assert len(read_bed(tmp_path / "a.narrowPeak")) == 3


def test_write_bed_of_no_peak_is_an_empty_file(tmp_path):
    write_bed(tmp_path / "a.bed", [])
    assert (tmp_path / "a.bed").read_bytes() == b""


@pytest.mark.parametrize("write", [write_bedgraph, write_bigwig])
def test_write_track_needs_a_strand(track, write, tmp_path):
    with pytest.raises(ValueError, match=r"strand must be one of .* Got None"):
        write(tmp_path / "a.bw", track)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("write", [write_bedgraph, write_bigwig])
def test_write_track_needs_a_folder(track, write, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"does not exist; a\.bw cannot be written"):
        write(tmp_path / "none" / "a.bw", track, strand="+")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
@pytest.mark.parametrize("write", [write_bedgraph, write_bigwig])
def test_write_track_leaves_a_file_in_a_closed_folder(track, write, tmp_path):
    path = tmp_path / "a.bw"
    path.write_text("old")
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(PermissionError, match="Permission denied"):
            write(path, track, strand="+")
    finally:
        tmp_path.chmod(0o700)
    assert path.read_text() == "old"


def test_write_bedgraph_that_fails_leaves_the_old_file(track, tmp_path, monkeypatch):
    path = tmp_path / "a.bedgraph"
    path.write_text("old")

    def broken(self, contig, strand):
        raise OSError("disk full")

    monkeypatch.setattr(Track, "runs", broken)
    with pytest.raises(OSError, match="disk full"):
        write_bedgraph(path, track, strand="+")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_write_bigwig_of_a_track_without_values(make_track, tmp_path):
    with pytest.raises(ValueError, match=r"no value on strand '\+'"):
        write_bigwig(tmp_path / "a.bw", make_track([np.nan, np.nan]))


class _Broken:
    """A pybigtools that writes nothing, or not all, and raises nothing, as its real one does on errors."""

    def __init__(self, chroms):
        self.written = chroms

    def open(self, path, mode="r"):
        if mode == "r" and self.written is None:
            raise ValueError("bad magic")
        return self

    def write(self, lengths, runs):
        pass

    def chroms(self):
        return self.written

    def __enter__(self):
        return self

    def __exit__(self, *args):
        pass


@pytest.mark.parametrize(
    ("chroms", "message"), [(None, "did not write a whole bigWig"), ({"chr1": 40}, "wrote 1 of 3 contigs")]
)
def test_write_bigwig_looks_at_what_was_written(track, chroms, message, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pybigtools", _Broken(chroms))
    path = tmp_path / "a.bw"
    path.write_text("old")
    with pytest.raises(OSError, match=message):
        write_bigwig(path, track, strand="+")
    assert path.read_text() == "old"


def test_write_bigwig_says_what_to_install(track, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pybigtools", None)
    with pytest.raises(ImportError, match=r"pip install 'skgenome\[tracks\]'"):
        write_bigwig(tmp_path / "a.bw", track, strand="+")


def test_write_bigwig_is_not_compressed(track, tmp_path):
    """Genome browsers look into it where they need it."""
    with pytest.raises(ValueError, match=r"not compressed\. Name it \*\.bw\. Got .*a\.bw\.gz"):
        write_bigwig(tmp_path / "a.bw.gz", track, strand=track.strands[0])
    assert list(tmp_path.iterdir()) == []
