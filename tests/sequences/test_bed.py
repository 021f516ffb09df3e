import bz2
import gzip
import lzma

import pytest

from skgenome.exceptions import DataIntegrityError
from skgenome.sequences import BedInterval, read_bed

HEAD = "browser position chr7:1-9\ntrack name=toy description='a b'\n# by hand\n\n"
LINE = "chr1\t100\t250\tpeak_1\t900\t+\n"


def write(tmp_path, text, name="a.bed"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8", newline="")
    return path


@pytest.mark.parametrize(
    ("n_columns", "expected"),
    [
        (3, BedInterval("chr1", 9, 20)),
        (4, BedInterval("chr1", 9, 20, "n")),
        (5, BedInterval("chr1", 9, 20, "n", 7.0)),
        (6, BedInterval("chr1", 9, 20, "n", 7.0, "-")),
        (9, BedInterval("chr1", 9, 20, "n", 7.0, "-")),
        (12, BedInterval("chr1", 9, 20, "n", 7.0, "-")),
    ],
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n", ""], ids=["LF", "CRLF", "none"])
def test_read_bed_takes_three_to_twelve_columns(tmp_path, n_columns, expected, line_end):
    columns = ["chr1", "9", "20", "n", "7", "-", "9", "20", "255,0,0", "2", "3,4,", "0,7,"]
    text = HEAD.replace("\n", line_end or "\n") + "\t".join(columns[:n_columns]) + line_end
    assert read_bed(write(tmp_path, text)) == [expected]


def test_read_bed_takes_narrow_peak(tmp_path):
    text = "chr2\t5\t9\t.\t1000\t.\t18.5\t-1\t4.1\t2\n"
    assert read_bed(write(tmp_path, text, "a.narrowPeak")) == [BedInterval("chr2", 5, 9, "", 1000.0, ".")]


def test_read_bed_keeps_order_repeats_and_intervals_of_no_length(tmp_path):
    text = "b\t5\t6\na\t3\t3\nb\t5\t6\n"
    found = [(interval.contig, interval.start, interval.end) for interval in read_bed(write(tmp_path, text))]
    assert found == [("b", 5, 6), ("a", 3, 3), ("b", 5, 6)]


def test_read_bed_skips_lines_by_their_first_word_alone(tmp_path):
    text = "tracks\t0\t1\nbrowser\nchr1 track\t1\t2\ntrack\ttype=bed\n  # indented\n"
    assert [interval.contig for interval in read_bed(write(tmp_path, text))] == ["tracks", "chr1 track"]


@pytest.mark.parametrize(
    ("suffix", "compress"),
    [("", bytes), (".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)],
)
def test_read_bed_reads_compressed_files(tmp_path, suffix, compress):
    path = tmp_path / f"a.bed{suffix}"
    path.write_bytes(compress((HEAD + LINE).encode()))
    assert read_bed(str(path)) == [BedInterval("chr1", 100, 250, "peak_1", 900.0, "+")]


@pytest.mark.parametrize(("text", "expected"), [(".", None), ("0", 0.0), ("-1", -1.0), ("12.5", 12.5)])
def test_read_bed_scores(tmp_path, text, expected):
    (interval,) = read_bed(write(tmp_path, LINE.replace("900", text)))
    assert interval.score == expected


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("chr1\t1\n", r"expected at least 3 columns between tabs .*, got 2\. Is this BED"),
        ("chr1 1 2\n", r"expected at least 3 columns between tabs .*, got 1\. Put tabs for the blanks"),
        ("\t1\t2\n", r"expected the name of a contig in column 1, got nothing"),
        ("chr1\tx\t2\n", r"expected whole numbers 0 <= start <= end, got start 'x' and end '2'"),
        ("chr1\t1\t2.0\n", r"expected whole numbers .*end '2\.0'"),
        ("chr1\t1\t\n", r"expected whole numbers .*end ''"),
        ("chr1\t-1\t2\n", r"expected whole numbers 0 <= start.*got start '-1'"),
        ("chr1\t3\t2\n", r"expected whole .* start <= end, got start '3' and end '2'"),
        ("chr1\t1\t2\tn\thigh\n", r"expected a number or \. as score in column 5, got 'high'"),
        ("chr1\t1\t2\tn\tnan\n", r"expected a number .*got 'nan'"),
        ("chr1\t1\t2\tn\t\n", r"expected a number .*got ''"),
        ("chr1\t1\t2\tn\t0\t?\n", r"expected one of \+ - \. as strand in column 6, got '\?'"),
    ],
    ids=[
        "columns",
        "blanks",
        "contig",
        "start",
        "decimal",
        "no-end",
        "negative",
        "order",
        "score",
        "nan",
        "no-score",
        "strand",
    ],
)
def test_read_bed_names_file_and_line_of_what_is_no_bed(tmp_path, line, message):
    with pytest.raises(DataIntegrityError, match=rf"a\.bed, line 6: {message}"):
        read_bed(write(tmp_path, HEAD + LINE + line + LINE))


@pytest.mark.parametrize("text", ["", HEAD], ids=["empty", "comments"])
def test_read_bed_refuses_a_file_without_intervals(tmp_path, text):
    with pytest.raises(DataIntegrityError, match=r"a\.bed has no interval"):
        read_bed(write(tmp_path, text))


def test_read_bed_refuses_a_truncated_gz(tmp_path):
    path = tmp_path / "a.bed.gz"
    path.write_bytes(gzip.compress(LINE.encode())[:-9])
    with pytest.raises(DataIntegrityError, match=r"a\.bed\.gz breaks off or is damaged after \d+ lines"):
        read_bed(path)


def test_read_bed_names_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.bed"):
        read_bed(tmp_path / "none.bed")


def test_read_bed_repeats_no_number_without_end(tmp_path):
    """Non-regression test: the message had all of it; Python reads no number of so many digits."""
    (tmp_path / "a.bed").write_text("chr1\t1\t9" + "9" * 10**4)
    with pytest.raises(DataIntegrityError, match=r"a\.bed, line 1: ") as raised:
        read_bed(tmp_path / "a.bed")
    assert len(str(raised.value)) < 1000
