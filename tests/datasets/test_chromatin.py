import gzip
import hashlib
from collections import Counter, defaultdict
from itertools import pairwise

import numpy as np
import pytest

from skgenome.datasets import _registry, fetch_human_chromatin
from skgenome.datasets._chromatin import Piece, parse_piece, place_on_pieces
from skgenome.datasets._registry import RegistryEntry
from skgenome.exceptions import DataIntegrityError
from skgenome.sequences import BedInterval, SequenceRecord

# The first two meet, as two of the real pieces do.
PIECES = [
    Piece("c1:100-150", "c1", 100, 150),
    Piece("c1:150-180", "c1", 150, 180),
    Piece("c2:0-40", "c2", 0, 40),
]


@pytest.fixture
def toy_chromatin(tmp_path, monkeypatch):
    """A data home with three pieces and four peaks, and the registry that belongs to it."""
    fasta = "".join(f">{piece.name}\n{'acGTN' * ((piece.end - piece.start) // 5)}\n" for piece in PIECES)
    bed = "c2\t30\t45\tB.Y\nc1\t110\t120\tA.X\nc1\t140\t160\tB.Y\nc1\t90\t105\tA.Y\n"
    entries = []
    for label, name, text in [("pieces", "pieces.fa.gz", fasta), ("peaks", "peaks.bed.gz", bed)]:
        content = gzip.compress(text.encode())
        (tmp_path / name).write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        entries.append(RegistryEntry("human_chromatin", name, "", "", "", len(content), digest, label=label))
    monkeypatch.setattr(_registry, "registry", lambda: tuple(entries))
    return tmp_path


def random_pieces(rng):
    """Cut three chromosomes at random and leave some of the pieces out; neighbours meet."""
    for chromosome in "abc":
        cuts = np.sort(rng.choice(np.arange(1, 400), 8, replace=False)).tolist()
        for start, end in pairwise(cuts):
            if rng.random() < 0.7:
                yield Piece(f"{chromosome}:{start}-{end}", chromosome, start, end)


@pytest.mark.parametrize("longest", [5, 200], ids=["short", "across-pieces"])
def test_place_on_pieces_equals_brute_force(seed, longest):
    """Base by base: the bases of a peak that lie in a piece, and no others, in the piece's own numbers."""
    rng = np.random.default_rng(seed)
    pieces = list(random_pieces(rng))
    peaks = [
        BedInterval(str(rng.choice(list("abcd"))), start, start + int(rng.integers(1, longest)), f"{number}")
        for number, start in enumerate(rng.integers(0, 420, 150).tolist())
    ]
    placed = place_on_pieces(peaks, pieces)
    expected = []
    for peak in peaks:
        for piece in pieces:
            inside = [
                base - piece.start
                for base in range(peak.start, peak.end)
                if piece.chromosome == peak.contig and piece.start <= base < piece.end
            ]
            if inside:
                expected.append(peak._replace(contig=piece.name, start=inside[0], end=inside[-1] + 1))
    assert placed == expected
    assert 0 < len({peak.name for peak in placed}) < len(peaks)
    if longest == 200:
        assert max(Counter(peak.name for peak in placed).values()) > 2


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (110, 120, [("c1:100-150", 10, 20)]),
        (90, 101, [("c1:100-150", 0, 1)]),
        (140, 160, [("c1:100-150", 40, 50), ("c1:150-180", 0, 10)]),
        (90, 200, [("c1:100-150", 0, 50), ("c1:150-180", 0, 30)]),
        (150, 151, [("c1:150-180", 0, 1)]),
        (90, 100, []),
        (180, 190, []),
    ],
    ids=["inside", "clipped", "on-two", "over-all", "at-the-seam", "before", "behind"],
)
def test_place_on_pieces_clips_and_divides(start, end, expected):
    peak = BedInterval("c1", start, end, "A.X", 5.0, "-")
    placed = place_on_pieces([peak], PIECES)
    assert placed == [BedInterval(*place, "A.X", 5.0, "-") for place in expected]


def test_parse_piece_reads_the_place():
    record = SequenceRecord("HLA:1:7-10", "ACG", "")
    assert parse_piece(record) == Piece("HLA:1:7-10", "HLA:1", 7, 10)


@pytest.mark.parametrize("name", ["chr1", "chr1:5", ":7-10", "chr1:7-11", "chr1:7-10x", "chr1:10-7"])
def test_parse_piece_refuses_a_name_that_is_not_the_place(name):
    with pytest.raises(DataIntegrityError, match=rf"as chr2:197568-780500.*Got '{name}' for 3 bases"):
        parse_piece(SequenceRecord(name, "ACG", ""))


def test_fetch_human_chromatin_bunch(toy_chromatin):
    bunch = fetch_human_chromatin(data_home=toy_chromatin)
    assert bunch.data == ["acGTN" * 10, "acGTN" * 6, "acGTN" * 8]
    assert bunch.contig_names.tolist() == [piece.name for piece in PIECES]
    assert bunch.chromosomes.tolist() == ["c1", "c1", "c2"]
    assert (bunch.starts.tolist(), bunch.ends.tolist()) == ([100, 150, 0], [150, 180, 40])
    assert bunch.starts.dtype == bunch.ends.dtype == np.int64
    assert bunch.label_names == ["A.X", "A.Y", "B.Y"]
    assert [peak[:4] for peak in bunch.genome_peaks] == [
        ("c2", 30, 45, "B.Y"),
        ("c1", 110, 120, "A.X"),
        ("c1", 140, 160, "B.Y"),
        ("c1", 90, 105, "A.Y"),
    ]
    assert [peak[:4] for peak in bunch.peaks] == [
        ("c2:0-40", 30, 40, "B.Y"),
        ("c1:100-150", 10, 20, "A.X"),
        ("c1:100-150", 40, 50, "B.Y"),
        ("c1:150-180", 0, 10, "B.Y"),
        ("c1:100-150", 0, 5, "A.Y"),
    ]
    assert bunch.filenames == [str(toy_chromatin / name) for name in ("pieces.fa.gz", "peaks.bed.gz")]
    assert "3 pieces of hg19 (120 bases, 24 of them N) and the 4 " in bunch.DESCR
    assert "in 3 tracks" in bunch.DESCR


@pytest.mark.parametrize("missing", ["pieces.fa.gz", "peaks.bed.gz"])
@pytest.mark.parametrize("download_if_missing", [True, False])
def test_fetch_human_chromatin_says_where_a_missing_file_belongs(toy_chromatin, missing, download_if_missing):
    (toy_chromatin / missing).unlink()
    with pytest.raises(OSError, match=rf"{missing} .*not downloadable.*by hand.*SKGENOME_DATA"):
        fetch_human_chromatin(data_home=toy_chromatin, download_if_missing=download_if_missing)


def test_fetch_human_chromatin_refuses_another_file(toy_chromatin):
    (toy_chromatin / "peaks.bed.gz").write_bytes(gzip.compress(b"c1\t1\t2\tA.X\n"))
    with pytest.raises(DataIntegrityError, match=r"peaks\.bed\.gz is not the one"):
        fetch_human_chromatin(data_home=toy_chromatin)


@pytest.fixture(scope="module")
def real_chromatin(real_data_home):
    return fetch_human_chromatin(data_home=real_data_home, download_if_missing=False)


@pytest.mark.real_data
def test_fetch_human_chromatin_real_facts_of_the_docstring(real_chromatin):
    lengths = np.array([len(sequence) for sequence in real_chromatin.data])
    assert (len(lengths), lengths.sum()) == (8, 4_713_652)
    np.testing.assert_array_equal(real_chromatin.ends - real_chromatin.starts, lengths)
    letters = Counter("".join(real_chromatin.data).upper())
    assert letters["N"] == 100_000
    assert set(letters) == set("ACGTN")
    assert set(real_chromatin.chromosomes) == {"chr2", "chr17", "chr20"}
    peaks, names = real_chromatin.genome_peaks, real_chromatin.label_names
    assert (len(peaks), len(names)) == (9260, 109)
    cells, factors = zip(*(name.split(".") for name in names), strict=True)
    assert (len(set(cells)), len(set(factors))) == (10, 31)
    per_track = Counter(peak.name for peak in peaks).values()
    assert (min(per_track), max(per_track)) == (14, 235)
    assert np.median([peak.end - peak.start for peak in peaks]) == 290
    assert len(peaks) - len(set(peaks)) == 58


@pytest.mark.real_data
def test_fetch_human_chromatin_real_peaks_are_one_each_and_16_clipped(real_chromatin):
    pairs = list(zip(real_chromatin.genome_peaks, real_chromatin.peaks, strict=True))
    assert all(old.name == new.name for old, new in pairs)
    assert sum(old.end - old.start != new.end - new.start for old, new in pairs) == 16


def covered_bases(peaks, places):
    """Give the numbers of the bases that each track covers, once each.

    `places` puts every contig on one line on which all chromosomes lie: its name to the number of base 0.
    """
    stretches = defaultdict(list)
    for peak in peaks:
        stretches[peak.name].append(np.arange(peak.start, peak.end) + places[peak.contig])
    return {name: np.unique(np.concatenate(parts)) for name, parts in stretches.items()}


@pytest.mark.real_data
def test_fetch_human_chromatin_real_bases_per_label_are_those_on_the_genome(real_chromatin):
    """The bases that a track covers, counted on hg19 inside the pieces, and on the pieces."""
    chromosomes = {name: number * 10**9 for number, name in enumerate(set(real_chromatin.chromosomes))}
    shifts = np.array([chromosomes[name] for name in real_chromatin.chromosomes])
    starts, ends = real_chromatin.starts + shifts, real_chromatin.ends + shifts
    pieces = dict(zip(real_chromatin.contig_names, starts, strict=True))
    on_pieces = covered_bases(real_chromatin.peaks, pieces)
    on_genome = covered_bases(real_chromatin.genome_peaks, chromosomes)
    assert sorted(on_pieces) == sorted(on_genome) == real_chromatin.label_names
    for name, bases in on_genome.items():
        is_inside = ((bases >= starts[:, None]) & (bases < ends[:, None])).any(axis=0)
        np.testing.assert_array_equal(on_pieces[name], bases[is_inside])
    assert 0 < sum(map(len, on_genome.values())) - sum(map(len, on_pieces.values())) < 16 * 771
