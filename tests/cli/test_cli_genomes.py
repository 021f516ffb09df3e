"""The commands ``scan`` and ``variants``."""

import csv
import importlib.util

import numpy as np
import pyBigWig
import pytest

from skgenome.inspection import variant_effects
from skgenome.persistence import load
from skgenome.scanning import find_peaks, scan, write_bed, write_bedgraph, write_narrow_peak
from skgenome.sequences import read_bed

WINDOW = ["--window-size", 60, "--target", "promoter", "-q", "--device", "cpu"]


@pytest.fixture(scope="module")
def track(files, classifier):
    """The track that the public API gives."""
    return scan(load(classifier), files.genome, window_size=60, step=6, target="promoter")


@pytest.mark.parametrize("combine", ["max", "mean"])
def test_scan_bedgraph_is_the_track(run, files, classifier, track, tmp_path, combine):
    run("scan", files.genome, "-m", classifier, *WINDOW, "--combine", combine, "-o", tmp_path / "a.bedgraph")
    write_bedgraph(tmp_path / "b.bedgraph", track.aggregate(combine))
    found, expected = (np.genfromtxt(tmp_path / f"{name}.bedgraph", usecols=(1, 2, 3)) for name in "ab")
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_scan_writes_several_files_at_once(run, files, classifier, track, tmp_path):
    paths = [tmp_path / name for name in ("a.bw", "a.bed", "a.narrowPeak")]
    options = [word for path in paths for word in ("-o", path)]
    said = run("scan", files.genome, "-m", classifier, *WINDOW, "--threshold", 0.2, *options).stdout
    assert said.splitlines() == [f"Wrote {path}" for path in paths]
    with pyBigWig.open(str(paths[0])) as bigwig:
        values = bigwig.values("chr1", 0, 2000)
    np.testing.assert_allclose(values, track.aggregate("max").per_base("chr1"), rtol=1e-5)
    peaks = find_peaks(track, threshold=0.2, min_distance=60)
    assert peaks
    write_bed(tmp_path / "b.bed", peaks)
    write_narrow_peak(tmp_path / "b.narrowPeak", peaks)
    for path, other in zip(paths[1:], ("b.bed", "b.narrowPeak"), strict=True):
        assert [p[:3] for p in read_bed(path)] == [p[:3] for p in read_bed(tmp_path / other)]


def test_scan_one_strand_of_regions(run, files, classifier, tmp_path):
    (tmp_path / "regions.bed").write_text("chr1\t100\t400\n")
    run(
        "scan", files.genome, "-m", classifier, *WINDOW, "--strand", "reverse", "--step", 20,
        "--regions", tmp_path / "regions.bed", "-o", tmp_path / "a.bg",
    )  # fmt: skip
    expected = scan(
        load(classifier), files.genome, window_size=60, step=20, target="promoter", strand="reverse",
        regions=[("chr1", 100, 400)],
    )  # fmt: skip
    found = np.genfromtxt(tmp_path / "a.bg", usecols=(1, 2, 3))
    np.testing.assert_allclose(found.T, expected.runs("chr1"), rtol=1e-5)
    assert len(found) > 2


def test_scan_errors(error_of, files, classifier, tmp_path):
    start = ["scan", files.genome, "-m", classifier, "-q", "-o", tmp_path / "a.bed", "--window-size"]
    assert "one of other, promoter. Got 'enhancer'" in error_of(*start, 60, "--target", "enhancer")
    assert "no contig or region is as long" in error_of(*start, 5000)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("target", [None, "promoter"])
def test_variants_is_variant_effects(run, files, classifier, tmp_path, target):
    path = tmp_path / "a.tsv"
    options = [] if target is None else ["--target", target]
    run(
        "variants", files.vcf, files.genome, "-m", classifier, "--window-size", 60, "-o", path, "-q",
        "--device", "cpu", *options,
    )  # fmt: skip
    with path.open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    effects = variant_effects(load(classifier), files.vcf, files.genome, window_size=60, target=target)
    assert [row["pos"] for row in rows] == ["501", "501", "900"]
    assert [row["id"] for row in rows] == ["rs1", "rs1", "."]
    assert [(row["chrom"], row["ref"], row["alt"]) for row in rows] == [
        (v.contig, v.ref, v.alt) for v in effects.variants
    ]
    for j, label in enumerate(effects.labels):
        for name in ("reference", "alternative", "difference", "log_odds_ratio"):
            found = [float(row[f"{name}_{label}"]) for row in rows]
            np.testing.assert_allclose(found, effects[name][:, j], rtol=1e-4, atol=1e-6)


def test_variants_of_another_genome_are_an_error(error_of, files, classifier, tmp_path):
    vcf = tmp_path / "other.vcf"
    wrong = "A" if files.sequence[9] != "A" else "C"
    vcf.write_text(f"chr1\t10\t.\t{wrong}\tG\n")
    said = error_of(
        "variants", vcf, files.genome, "-m", classifier, "--window-size", 60, "-q", "-o", tmp_path / "a.tsv"
    )
    assert "chr1" in said
    assert not (tmp_path / "a.tsv").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--min-distance", "-5"], "--min-distance"),
        (["--min-distance", "0"], "--min-distance"),
        (["--threshold", "nan"], "expected a number"),
    ],
)
def test_scan_refuses_options_before_the_work(options, said, error_of, files, classifier, tmp_path):
    start = [
        "scan",
        files.genome,
        "-m",
        classifier,
        "-q",
        "-o",
        tmp_path / "a.bedgraph",
        "-o",
        tmp_path / "a.bed",
    ]
    assert said in error_of(*start, *WINDOW, *options, code=2)
    assert list(tmp_path.iterdir()) == []


def test_scan_without_pybigtools_says_so_before_the_work(error_of, files, classifier, tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    start = ["scan", files.genome, "-m", classifier, "-q", "-o", tmp_path / "a.bed", "-o", tmp_path / "a.bw"]
    assert "skgenome[tracks]" in error_of(*start, *WINDOW)
    assert list(tmp_path.iterdir()) == []


def test_scan_compresses_no_bigwig(error_of, files, classifier, tmp_path):
    start = ["scan", files.genome, "-m", classifier, "-q", "-o", tmp_path / "a.bw.gz"]
    assert "can't be compressed" in error_of(*start, *WINDOW, code=2)
