import bz2
import gzip
import lzma
import sys

import numpy as np
import pytest
import xopen

from skgenome.exceptions import DataIntegrityError, SkgenomeWarning
from skgenome.sequences import (
    SequenceRecord,
    build_store,
    iter_sequences,
    read_sequences,
    write_beside,
    write_fasta,
    write_fastq,
)
from skgenome.sequences import _files as files_module


@pytest.fixture
def rng(seed):
    return np.random.default_rng(seed)


RECORDS = [SequenceRecord("chr1", "GATTacaN", "circular, 1 of 2"), SequenceRecord("chr2", "CC")]
FASTA = ">chr1 circular, 1 of 2\nGATTa\ncaN\n>chr2\nCC\n"
FASTQ = "@chr1 circular, 1 of 2\nGATTacaN\n+\nIIIIIIII\n@chr2\nCC\n+\nII\n"
COMPRESSIONS = ["", ".gz", ".bz2", ".xz", ".zst"]


def compress_zstd(raw, tmp_path):
    path = tmp_path / "compressed.zst"
    with xopen.xopen(path, "wb", threads=0) as file:
        file.write(raw)
    compressed = path.read_bytes()
    path.unlink()
    return compressed


def write_compressed(path, raw):
    compress = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}
    if path.suffix == ".zst":
        path.write_bytes(compress_zstd(raw, path.parent))
    else:
        path.write_bytes(compress.get(path.suffix, bytes)(raw))
    return path


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("text", [FASTA, FASTQ], ids=["fasta", "fastq"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_read_sequences_reads_format_compression_and_line_end(tmp_path, compression, text, line_end):
    path = write_compressed(tmp_path / f"a.txt{compression}", text.replace("\n", line_end).encode())
    assert read_sequences(path) == RECORDS


@pytest.mark.parametrize("compression", [".gz", ".bz2", ".xz", ".zst"])
def test_read_sequences_tells_compression_by_content_where_the_name_is_silent(tmp_path, compression):
    path = write_compressed(tmp_path / f"a{compression}", FASTA.encode())
    assert read_sequences(path.rename(tmp_path / "a.fa")) == RECORDS


@pytest.mark.parametrize(
    "text",
    [
        "# made by hand\n" + FASTA,
        "\n\n" + FASTA,
        FASTA.rstrip(),
        FASTA.replace("\n", "\n\n"),
        FASTA.replace("\n", "\r"),
    ],
    ids=["comment", "blank-start", "no-line-end", "blank-lines", "old-mac"],
)
def test_read_sequences_takes_untidy_fasta(tmp_path, text):
    path = tmp_path / "a.fa"
    path.write_bytes(text.encode())
    assert read_sequences(path) == RECORDS


def test_names_end_at_the_first_blank_and_may_be_beyond_ascii(tmp_path):
    path = tmp_path / "a.fa"
    path.write_text(">é1\tdes scription \nAC\n>\nGT\n", encoding="utf-8")
    assert read_sequences(path) == [("é1", "AC", "des scription"), ("", "GT", "")]


def test_iter_sequences_is_a_stream(tmp_path):
    path = tmp_path / "a.fa"
    path.write_text(FASTA)
    iterator = iter_sequences(path)
    assert next(iterator) == RECORDS[0]
    assert list(iterator) == RECORDS[1:]


@pytest.fixture
def folder(tmp_path):
    """A folder of b.fa.gz, a.FNA, c.fastq and two files that are no sequences."""
    write_compressed(tmp_path / "b.fa.gz", b">b\nA\n")
    (tmp_path / "a.FNA").write_text(">a\nC\n")
    (tmp_path / "c.fastq").write_text("@c\nG\n+\nI\n")
    (tmp_path / "readme.md").write_text("text")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "d.fa").write_text(">d\nT\n")
    return tmp_path


def names(records):
    return [record.name for record in records]


def test_read_sequences_of_a_folder_is_sorted_and_flat(folder):
    assert names(read_sequences(folder)) == names(read_sequences(str(folder))) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [("*.fa*", ["b", "c"]), ("[ac].*", ["a", "c"]), ("?.FNA", ["a"]), ("**/*.fa", ["d"]), ("*/d.fa", ["d"])],
)
def test_read_sequences_of_a_pattern_is_sorted(folder, pattern, expected):
    assert names(read_sequences(folder / pattern)) == expected


def test_read_sequences_of_a_relative_pattern(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert names(read_sequences("*.FNA")) == ["a"]


def test_read_sequences_of_several_paths_keeps_their_order(folder):
    paths = [folder / "c.fastq", str(folder / "sub"), folder / "?.fa.gz"]
    assert names(read_sequences(paths)) == names(read_sequences(iter(paths))) == ["c", "d", "b"]


def test_read_sequences_finds_a_name_that_looks_like_a_pattern(tmp_path):
    (tmp_path / "a[1].fa").write_text(">a\nC\n")
    assert names(read_sequences(tmp_path / "a[1].fa")) == ["a"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("missing.fa", r"File .*missing.fa does not exist"),
        ("*.none", r"No file matches the pattern .*\*.none"),
        ("empty", r"Folder .*empty has no sequence file. Names end in .fa, .*.gz"),
    ],
)
def test_iter_sequences_names_a_missing_path_at_once(tmp_path, path, message):
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=message):
        iter_sequences(tmp_path / path)


def test_read_sequences_needs_a_path():
    with pytest.raises(ValueError, match="at least one file, folder or glob pattern"):
        read_sequences([])


@pytest.mark.parametrize("content", ["", " \n\n"], ids=["nothing", "blanks"])
def test_read_sequences_refuses_an_empty_file(tmp_path, content):
    (tmp_path / "a.fa").write_text(content)
    with pytest.raises(DataIntegrityError, match=r"a.fa is empty"):
        read_sequences(tmp_path)


def test_read_sequences_refuses_a_file_of_comments(tmp_path):
    (tmp_path / "a.fa").write_text("# nothing\n")
    with pytest.raises(DataIntegrityError, match=r"a.fa has no record"):
        read_sequences(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<html>\n<body>", r"neither FASTA nor FASTQ: it begins with b'<html>"),
        (b"\x00\x01\x02", r"neither FASTA nor FASTQ: it begins with b'\\x00"),
        (b"##gff-version 3\nchr1\t.\n", r"damaged after 0 records: .*Expected '>'"),
        (b"@HD\tVN:1.6\n@SQ\tSN:chr1\n", r"damaged after 0 records"),
        (b"@a\nACGT\n+\nIII\n", r"damaged after 0 records"),
        (b"@a\nACGT\n+\nIIII\n@b\nAC", r"damaged after 1 records"),
        (b">a\nAC\n>b\nA\xff\xfe\n", r"not text in UTF-8, found after 0 records: .*decode.* it is damaged"),
    ],
    ids=["html", "binary", "gff", "sam", "short-quality", "cut-fastq", "latin-1"],
)
def test_read_sequences_refuses_other_formats(tmp_path, content, message):
    (tmp_path / "a.fa").write_bytes(content)
    with pytest.raises(DataIntegrityError, match=rf"a.fa .*{message}"):
        read_sequences(tmp_path)


@pytest.mark.parametrize("compression", [".gz", ".bz2", ".xz", ".zst"])
def test_read_sequences_refuses_a_truncated_file(tmp_path, rng, compression):
    # Random letters, so that the file is longer compressed than the part that is looked at first.
    bases = ("".join(rng.choice(list("ACGT"), size=60)) for _ in range(4000))
    raw = "".join(f">c{i}\n{line}\n" for i, line in enumerate(bases)).encode()
    path = write_compressed(tmp_path / f"a.fa{compression}", raw)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataIntegrityError, match=r"a.fa.* breaks off or is damaged after \d+ records"):
        read_sequences(path)


def test_read_sequences_says_which_encoding_names_have_to_have(tmp_path):
    path = tmp_path / "a.fa"
    path.write_bytes(">one\nACGT\n>Müller\nACGT\n".encode("latin1"))
    message = r"a\.fa holds bytes that are not text in UTF-8, .* 0xfc .*iconv -f latin1 -t utf-8"
    with pytest.raises(DataIntegrityError, match=message):
        read_sequences(path)


def test_read_sequences_refuses_plain_text_named_gz(tmp_path):
    (tmp_path / "a.fa.gz").write_text(FASTA)
    with pytest.raises(DataIntegrityError, match=r"a.fa.gz breaks off or is damaged after 0 records"):
        read_sequences(tmp_path)


def test_read_sequences_passes_on_a_refused_permission(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError("not yours")

    (tmp_path / "a.fa").write_text(FASTA)
    monkeypatch.setattr(files_module, "xopen", refuse)
    with pytest.raises(PermissionError, match="not yours"):
        read_sequences(tmp_path)


def test_read_sequences_names_the_package_that_zstandard_needs(tmp_path, monkeypatch):
    path = write_compressed(tmp_path / "a.fa.zst", FASTA.encode())
    monkeypatch.setattr(sys.modules["xopen"], "zstd", None)
    with pytest.raises(ImportError, match=r"a.fa.zst is compressed by Zstandard.* pip install"):
        read_sequences(path)


@pytest.mark.parametrize(
    "text", [">a\n>b\nAC\n>c\n\n", "@a\n\n+\n\n@b\nAC\n+\nII\n@c\n\n+\n\n"], ids=["fasta", "fastq"]
)
def test_iter_sequences_warns_of_records_without_a_sequence(tmp_path, text):
    (tmp_path / "a.fa").write_text(text)
    with pytest.warns(
        SkgenomeWarning, match=r"2 of 3 records of .*a.fa have no sequence. The first is 'a', record 1"
    ):
        records = list(iter_sequences(tmp_path))
    assert [record.sequence for record in records] == ["", "AC", ""]


def test_read_sequences_warns_of_duplicate_names_and_keeps_all(tmp_path):
    (tmp_path / "a.fa").write_text(">a\nA\n>b\nC\n>a 2\nG\n")
    with pytest.warns(SkgenomeWarning, match=r"3 records of .*a.fa share 2 names; 'a' stands 2 times"):
        records = read_sequences(tmp_path)
    assert records == [("a", "A", ""), ("b", "C", ""), ("a", "G", "2")]


def test_read_sequences_allows_one_name_in_two_files(tmp_path):
    for file in ["x.fa", "y.fa"]:
        (tmp_path / file).write_text(">contig_1\nA\n")
    assert names(read_sequences(tmp_path)) == ["contig_1", "contig_1"]


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("write", [write_fasta, write_fastq])
def test_writers_and_reader_are_inverse(tmp_path, write, compression):
    path = tmp_path / f"a{compression}"
    write(path, RECORDS)
    assert read_sequences(path) == RECORDS
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("width", "lines"), [(80, ["GATTACA"]), (3, ["GAT", "TAC", "A"]), (7, ["GATTACA"]), (None, ["GATTACA"])]
)
def test_write_fasta_wraps_lines(tmp_path, width, lines):
    write_fasta(tmp_path / "a.fa", ["GATTACA"], ["x"], width=width)
    assert (tmp_path / "a.fa").read_bytes() == "\n".join([">x", *lines, ""]).encode()


@pytest.mark.parametrize("write", [write_fasta, write_fastq])
def test_writers_take_names_and_make_them_up(tmp_path, write):
    write(tmp_path / "a", ["A", "C"])
    assert names(read_sequences(tmp_path / "a")) == ["sequence_0", "sequence_1"]
    write(tmp_path / "a", iter(RECORDS), names=iter(["x y", "z"]))
    assert read_sequences(tmp_path / "a") == [("x", "GATTacaN", "y"), ("z", "CC", "")]


def test_write_fastq_keeps_qualities(tmp_path):
    write_fastq(tmp_path / "a.fq", ["AC", "G"], qualities=["!~", "5"])
    assert (tmp_path / "a.fq").read_text() == "@sequence_0\nAC\n+\n!~\n@sequence_1\nG\n+\n5\n"


@pytest.mark.parametrize("write", [write_fasta, write_fastq])
@pytest.mark.parametrize(
    ("sequences", "names", "error", "message"),
    [
        ("ACGT", None, TypeError, "Got a single str; wrap it"),
        (["AC", 5], None, TypeError, "Sequence 1 must be a str. Got int"),
        (["AC", "A>C"], None, ValueError, "Sequence 1 has '>' at position 1. Only letters"),
        (["AC", "A\nC"], None, ValueError, r"Sequence 1 has '\\n' at position 1"),
        (["ACé"], None, ValueError, "Sequence 0 has 'é' at position 2"),
        (["AC"], ["a", "b"], ValueError, "needs a name. Got 2 for 1 sequences"),
        (["AC"], ["a\nb"], ValueError, r"name of sequence 0 must be one line. Got 'a\\nb'"),
    ],
    ids=["str", "int", "greater", "line-end", "beyond-ascii", "count", "name"],
)
def test_writers_refuse_what_would_break_the_file(tmp_path, write, sequences, names, error, message):
    path = tmp_path / "a.fa"
    path.write_text("older")
    with pytest.raises(error, match=message):
        write(path, sequences, names=names)
    assert path.read_text() == "older"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("qualities", "message"),
    [
        (["II"], "needs its qualities. Got 1 for 2 sequences"),
        (["II", "II"], "Sequence 1 has 1 bases, but 2 qualities"),
        (["II", " "], "qualities of sequence 1 must be characters from '!' to '~'"),
    ],
)
def test_write_fastq_refuses_qualities_that_do_not_fit(tmp_path, qualities, message):
    with pytest.raises(ValueError, match=message):
        write_fastq(tmp_path / "a.fq", ["AC", "G"], qualities)
    assert list(tmp_path.iterdir()) == []


def test_write_fastq_refuses_names_that_fastq_has_not(tmp_path):
    """Non-regression test: a name beyond ASCII was written, and could not be read back."""
    with pytest.raises(ValueError, match=r"The name of sequence 1 must be ASCII\. Got 'é'"):
        write_fastq(tmp_path / "a.fq", ["A", "C"], names=["e", "é"])
    assert list(tmp_path.iterdir()) == []


def test_read_sequences_repeats_no_line_of_megabytes(tmp_path):
    """Non-regression test: the message of another library had the whole line."""
    (tmp_path / "a.fq").write_text("@" + "a" * 10**6 + "\nA\nB" + "b" * 10**6 + "\nI\n")
    with pytest.raises(DataIntegrityError, match=r"a\.fq breaks off") as raised:
        read_sequences(tmp_path / "a.fq")
    assert len(str(raised.value)) < 1000


@pytest.mark.parametrize("width", [0, -5])
def test_write_fasta_refuses_a_width_without_letters(tmp_path, width):
    with pytest.raises(ValueError, match=rf"width must be at least 1 letter.* Got {width}"):
        write_fasta(tmp_path / "a.fa", ["AC"], width=width)


def test_writers_name_a_missing_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"Folder .*none does not exist; a.fa cannot"):
        write_fasta(tmp_path / "none" / "a.fa", ["AC"])


def test_write_beside_leaves_nothing_of_a_broken_write(tmp_path):
    path = tmp_path / "a.bin"

    def write_half():
        with write_beside(path) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert list(tmp_path.iterdir()) == []


def test_write_beside_replaces_only_what_is_whole(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"older")
    with write_beside(path) as file:
        file.write(b"newer")
        assert path.read_bytes() == b"older"
    assert path.read_bytes() == b"newer"


@pytest.mark.real_data
def test_read_sequences_reads_a_real_genome(real_data_home):
    (record,) = read_sequences(real_data_home / "ecoli_k12" / "*.fna.gz")
    assert record.name == "NC_000913.3"
    assert len(record.sequence) == 4_641_652


@pytest.mark.parametrize(
    ("header", "name", "description"),
    [("> 6400", "6400", ""), (">\t6400 of lac", "6400", "of lac"), (">", "", ""), (">  ", "", "")],
)
def test_blanks_before_a_name_are_none_of_it(tmp_path, header, name, description):
    (tmp_path / "a.fa").write_text(f"{header}\nACGT\n")
    assert read_sequences(tmp_path / "a.fa") == [SequenceRecord(name, "ACGT", description)]
    assert list(build_store(tmp_path / "a.fa", tmp_path / "store").names) == [name]
