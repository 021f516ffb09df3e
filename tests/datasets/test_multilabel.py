import gzip
from pathlib import Path

import numpy as np
import pytest

from skgenome.datasets import fetch_human_chromatin, make_multilabel_windows
from skgenome.exceptions import DataIntegrityError, SkgenomeWarning
from skgenome.sequences import BedInterval, SequenceRecord, write_fasta


def random_genome(rng):
    """Make contigs of all sorts: long, one bin, shorter than a bin, empty, some with N."""
    lengths = [*rng.integers(200, 900, 3).tolist(), 10, 3, 0]
    letters = [
        rng.choice(list("ACGTacgtNRU"), length, p=[0.115] * 8 + [0.02, 0.02, 0.04]) for length in lengths
    ]
    return {f"c{number}": "".join(contig) for number, contig in enumerate(letters)}


def random_peaks(rng, genome, n_peaks=60):
    """Make peaks of any length, none included, many of which overlap, repeat or touch."""
    peaks = []
    for _ in range(n_peaks):
        contig = str(rng.choice(list(genome)))
        start, end = sorted(rng.integers(0, len(genome[contig]) + 1, 2).tolist())
        end = min(end, start + int(rng.choice([3, 12, 200])))
        peaks.append(BedInterval(contig, start, end, f"L{rng.integers(4)}"))
    return [*peaks, *peaks[:5]]


def brute_force(genome, peaks, bin_size, window_size, min_overlap, keep_unlabelled, max_ambiguous):
    """Say the same base by base."""
    labels = sorted({peak.name for peak in peaks})
    rows = []
    for contig, sequence in genome.items():
        covered = {label: [False] * len(sequence) for label in labels}
        for peak in peaks:
            for base in range(peak.start, peak.end):
                if peak.contig == contig:
                    covered[peak.name][base] = True
        for start in range(0, len(sequence) - bin_size + 1, bin_size):
            row = [
                sum(covered[label][start : start + bin_size]) / bin_size >= min_overlap for label in labels
            ]
            first = start - (window_size - bin_size) // 2
            window = sequence[max(first, 0) : first + window_size]
            n_clean = sum(letter in "ACGTU" for letter in window.upper())
            if (
                first >= 0
                and len(window) == window_size
                and (window_size - n_clean) / window_size <= max_ambiguous
                and (keep_unlabelled or any(row))
            ):
                rows.append((contig, start, window, row))
    return labels, rows


@pytest.mark.parametrize("keep_unlabelled", [False, True], ids=["labelled", "all"])
@pytest.mark.parametrize(
    ("bin_size", "window_size", "min_overlap", "max_ambiguous"),
    [(10, 10, 0.5, 1.0), (10, 25, 0.3, 0.1), (7, 30, 1.0, 0.05), (1, 1, 0.01, 0.0), (40, 60, 0.1, 0.04)],
)
def test_make_multilabel_windows_equals_brute_force(
    seed, bin_size, window_size, min_overlap, max_ambiguous, keep_unlabelled
):
    rng = np.random.default_rng(seed)
    for _ in range(5):
        genome = random_genome(rng)
        peaks = random_peaks(rng, genome)
        settings = {
            "bin_size": bin_size,
            "window_size": window_size,
            "min_overlap": min_overlap,
            "keep_unlabelled": keep_unlabelled,
            "max_ambiguous": max_ambiguous,
        }
        labels, rows = brute_force(genome, peaks, **settings)
        windows = make_multilabel_windows(genome, peaks, **settings)
        assert windows.label_names == labels
        contigs, starts, data, target = zip(*rows, strict=True)
        assert windows.contig_names.tolist() == windows.groups.tolist() == list(contigs)
        assert windows.starts.tolist() == list(starts)
        assert windows.data.tolist() == list(data)
        np.testing.assert_array_equal(windows.target, np.array(target, dtype=np.uint8))


def peak(start, end, name="A", contig="c"):
    return BedInterval(contig, start, end, name)


@pytest.mark.parametrize(
    ("peaks", "has_label"),
    [
        ([(20, 25)], True),
        ([(20, 24)], False),
        ([(20, 23), (21, 24)], False),
        ([(20, 23), (27, 29)], True),
        ([(20, 23), (20, 23)], False),
        ([(15, 25)], True),
        ([(20, 22), (22, 25)], True),
        ([(25, 25), (20, 24)], False),
        ([(0, 90), (21, 22)], True),
    ],
    ids=["half", "less", "overlapping", "apart", "twice", "reaches-in", "touching", "no-length", "inside"],
)
def test_make_multilabel_windows_unites_peaks_of_a_label(peaks, has_label):
    windows = make_multilabel_windows(
        {"c": "ACGT" * 25},
        [peak(*place) for place in peaks],
        bin_size=10,
        window_size=10,
        keep_unlabelled=True,
    )
    assert windows.target[2, 0] == has_label


def test_make_multilabel_windows_does_not_unite_labels_or_contigs():
    peaks = [peak(0, 4), peak(4, 8, "B"), peak(4, 8, contig="d")]
    windows = make_multilabel_windows(
        {"c": "ACGT" * 5, "d": "ACGT" * 5},
        [*peaks, peak(10, 20)],
        bin_size=10,
        window_size=10,
        keep_unlabelled=True,
    )
    assert windows.target.tolist() == [[0, 0], [1, 0], [0, 0], [0, 0]]


def test_make_multilabel_windows_bunch():
    genome = {"c": "ACGT" * 25, "n": "N" * 50}
    windows = make_multilabel_windows(
        genome, [peak(0, 50), peak(10, 20, contig="n")], bin_size=10, window_size=20
    )
    assert (windows.n_bins, windows.n_labelled, windows.n_skipped) == (15, 6, 2)
    assert (windows.data.dtype, windows.target.dtype, windows.starts.dtype) == (object, np.uint8, np.int64)
    assert windows.starts.tolist() == [10, 20, 30, 40]
    # Five bases on either side.
    assert windows.data[0] == genome["c"][5:25]
    assert "4 windows of 20 bp around bins of 10 bp, out of 1 contigs, with\n1 labels" in windows.DESCR
    assert "cover 50% of it" in windows.DESCR


def test_make_multilabel_windows_return_x_y_equals_the_bunch(seed):
    rng = np.random.default_rng(seed)
    genome = random_genome(rng)
    peaks = random_peaks(rng, genome)
    settings = {"bin_size": 10, "window_size": 20, "max_ambiguous": 1}
    X, y = make_multilabel_windows(genome, peaks, return_X_y=True, **settings)
    windows = make_multilabel_windows(genome, peaks, **settings)
    np.testing.assert_array_equal(X, windows.data)
    np.testing.assert_array_equal(y, windows.target)


@pytest.fixture
def files(tmp_path):
    """A genome in two files and two files of peaks, one of them narrowPeak."""
    for name in "cd":
        write_fasta(tmp_path / f"{name}.fa.gz", ["ACGT" * 25], names=[name])
    (tmp_path / "a.bed").write_text("c\t10\t20\tA\nd\t10\t20\tB\n")
    narrow = "c\t20\t30\tpeak1\t9\t.\t5.0\t3.0\t2.0\t5\n"
    (tmp_path / "b.narrowPeak.gz").write_bytes(gzip.compress(narrow.encode()))
    return tmp_path


def as_records(folder):
    return [SequenceRecord("c", "ACGT" * 25), SequenceRecord("d", "ACGT" * 25)]


@pytest.mark.parametrize(
    "give",
    [
        lambda folder: {"c": "ACGT" * 25, "d": "ACGT" * 25},
        as_records,
        lambda folder: iter(as_records(folder)),
        lambda folder: [("c", "ACGT" * 25), ("d", "ACGT" * 25)],
        lambda folder: [folder / "c.fa.gz", str(folder / "d.fa.gz")],
        lambda folder: str(folder / "*.fa.gz"),
    ],
    ids=["dict", "records", "iterator", "pairs", "paths", "glob"],
)
def test_make_multilabel_windows_takes_genomes(files, give):
    windows = make_multilabel_windows(give(files), files / "a.bed", bin_size=10, window_size=10)
    assert windows.label_names == ["A", "B"]
    assert list(zip(windows.contig_names, windows.starts, strict=True)) == [("c", 10), ("d", 10)]
    assert windows.target.tolist() == [[1, 0], [0, 1]]


@pytest.mark.parametrize(
    ("give", "label_names"),
    [
        (lambda folder: [folder / "a.bed", folder / "b.narrowPeak.gz"], ["A", "B", "peak1"]),
        (lambda folder: {"x": folder / "a.bed", "y": [str(folder / "b.narrowPeak.gz")]}, ["x", "y"]),
        (lambda folder: {"x": [peak(10, 20, "")], "y": (peak(20, 30),)}, ["x", "y"]),
        (lambda folder: (peak(10, 20, name) for name in "BA"), ["A", "B"]),
    ],
    ids=["paths", "dict-of-paths", "dict-of-peaks", "iterator"],
)
def test_make_multilabel_windows_takes_peaks(files, give, label_names):
    windows = make_multilabel_windows(str(files / "*.fa.gz"), give(files), bin_size=10, window_size=10)
    assert windows.label_names == label_names
    assert windows.target.sum() >= 2


def test_make_multilabel_windows_labels_choose_and_order_columns():
    genome, peaks = {"c": "ACGT" * 25}, [peak(10, 20, "A"), peak(10, 30, "B"), peak(50, 60, "C")]
    settings = {"bin_size": 10, "window_size": 10}
    windows = make_multilabel_windows(genome, peaks, labels=["B", "A"], **settings)
    assert windows.label_names == ["B", "A"]
    assert windows.target.tolist() == [[1, 1], [1, 0]]
    with pytest.warns(SkgenomeWarning, match="1 of 2 labels have no peak.*first is 'D'"):
        windows = make_multilabel_windows(genome, peaks, labels=np.array(["D", "C"]), **settings)
    assert windows.target.tolist() == [[0, 1]]


def test_make_multilabel_windows_labels_without_any_peak():
    with pytest.warns(SkgenomeWarning, match="1 of 1 labels have no peak"):
        windows = make_multilabel_windows(
            {"c": "ACGT" * 5}, [peak(0, 9)], labels=["D"], bin_size=10, window_size=10, keep_unlabelled=True
        )
    assert windows.target.tolist() == [[0], [0]]


def test_make_multilabel_windows_ignores_unknown_contigs_if_told():
    peaks = [peak(10, 20), peak(10, 20, "B", contig="chrX")]
    windows = make_multilabel_windows(
        {"c": "ACGT" * 25}, peaks, bin_size=10, window_size=10, unknown_contigs="ignore"
    )
    assert windows.label_names == ["A"]


GENOME = {"c": "ACGT" * 25}


@pytest.mark.parametrize(
    ("genome", "peaks", "message"),
    [
        (
            GENOME,
            [peak(0, 9, contig="chr1")],
            r"Got 'A' on 'chr1'; the genome begins with c.*unknown_contigs",
        ),
        (GENOME, [peak(90, 101)], r"Got 'A' from 90 to 101 on 'c', which has 100 bases. Are both of one"),
        (GENOME, [peak(9, 3)], r"Got 'A' from 9 to 3 on 'c'"),
        (GENOME, [peak(0, 9), peak(5, 9, "")], r"Peak 1, c:5-9, has none.*\{label: path\}"),
        (GENOME, [], "at least one peak on the genome. Got none"),
        (GENOME, {}, "at least one peak on the genome. Got none"),
        ({}, [peak(0, 9)], "Got 0 sequences, all empty"),
        ([("c", ""), ("d", "")], [peak(0, 0)], "Got 2 sequences, all empty"),
        ([("c", "ACGT"), ("c", "ACGT")], [peak(0, 4)], "names of their own. Got 'c' twice or more"),
        (GENOME, [peak(0, 10)], r"No window is left: of 10 bins of 10 bases, 1 have a label"),
        (GENOME, [peak(40, 42)], r"No window is left: of 10 bins of 10 bases, 0 have a label"),
    ],
    ids=[
        "contig",
        "end",
        "backward",
        "name",
        "no-peak",
        "no-label",
        "no-genome",
        "no-base",
        "twice",
        "edge",
        "too-short",
    ],
)
def test_make_multilabel_windows_says_what_is_wrong(genome, peaks, message):
    with pytest.raises(ValueError, match=message):
        make_multilabel_windows(genome, peaks, bin_size=10, window_size=20)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"window_size": 199}, "window_size must be at least bin_size, 200. Got 199"),
        ({"bin_size": 0}, "'bin_size' parameter"),
        ({"min_overlap": 0}, "'min_overlap' parameter"),
        ({"min_overlap": 1.1}, "'min_overlap' parameter"),
        ({"max_ambiguous": -1}, "'max_ambiguous' parameter"),
        ({"unknown_contigs": "warn"}, "'unknown_contigs' parameter"),
        ({"labels": "A"}, "'labels' parameter"),
        ({"labels": []}, "labels must be different ones, and at least one"),
        ({"labels": ["A", "A"]}, "labels must be different ones"),
    ],
)
def test_make_multilabel_windows_refuses_bad_parameters(settings, message):
    with pytest.raises(ValueError, match=message):
        make_multilabel_windows({"c": "ACGT" * 500}, [peak(0, 900)], **settings)


def test_make_multilabel_windows_hands_on_errors_of_files(tmp_path):
    (tmp_path / "bad.bed").write_text("c\t9\t3\n")
    with pytest.raises(DataIntegrityError, match=r"bad\.bed, line 1"):
        make_multilabel_windows(GENOME, tmp_path / "bad.bed")
    with pytest.raises(FileNotFoundError, match=r"none\.bed"):
        make_multilabel_windows(GENOME, {"A": Path(tmp_path / "none.bed")})


@pytest.mark.real_data
def test_make_multilabel_windows_real_chromatin(real_data_home):
    """As many bins and labels as the notes on these data say: about 3000, and 4.4 each."""
    chromatin = fetch_human_chromatin(data_home=real_data_home, download_if_missing=False)
    genome = dict(zip(chromatin.contig_names.tolist(), chromatin.data, strict=True))
    windows = make_multilabel_windows(genome, chromatin.peaks, labels=chromatin.label_names)
    assert windows.target.shape == (3109, 109)
    assert windows.target.sum(axis=1).mean() == pytest.approx(4.39, abs=0.005)
    assert (windows.n_bins, windows.n_labelled, windows.n_skipped) == (23_566, 3115, 6)
    assert set(windows.groups) == set(genome)
    assert {len(window) for window in windows.data} == {1000}
