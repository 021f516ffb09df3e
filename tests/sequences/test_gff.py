import gzip

import pytest

from skgenome.exceptions import DataIntegrityError
from skgenome.sequences import GffFeature, iter_gff, read_gff

HEAD = "##gff-version 3\n#!processor by hand\n\n"
GENE = "chr1\tRefSeq\tgene\t190\t255\t.\t+\t.\tID=gene-1;Name=thrL\n"
CDS = "chr1\tRefSeq\tCDS\t300\t300\t0.5\t-\t0\t.\n"


def write(tmp_path, text):
    path = tmp_path / "a.gff"
    path.write_text(text, encoding="utf-8", newline="")
    return path


@pytest.mark.parametrize("line_end", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_read_gff_is_zero_based_half_open(tmp_path, line_end):
    features = read_gff(write(tmp_path, (HEAD + GENE + CDS).replace("\n", line_end)))
    assert features == [
        GffFeature("chr1", "RefSeq", "gene", 189, 255, "+", {"ID": "gene-1", "Name": "thrL"}),
        GffFeature("chr1", "RefSeq", "CDS", 299, 300, "-", {}),
    ]


def test_read_gff_reads_gz(tmp_path):
    path = tmp_path / "a.gff.gz"
    path.write_bytes(gzip.compress((HEAD + GENE).encode()))
    assert [feature.kind for feature in read_gff(str(path))] == ["gene"]


def test_read_gff_refuses_a_truncated_gz(tmp_path):
    path = tmp_path / "a.gff.gz"
    path.write_bytes(gzip.compress((HEAD + GENE).encode())[:-9])
    with pytest.raises(DataIntegrityError, match=r"a.gff.gz breaks off or is damaged after \d+ lines"):
        read_gff(path)


@pytest.mark.parametrize("end", ["##FASTA\n>chr1\nACGT\n", ">chr1\nACGT\n"], ids=["directive", "bare"])
def test_iter_gff_stops_before_sequences(tmp_path, end):
    assert len(list(iter_gff(write(tmp_path, HEAD + GENE + end)))) == 1


@pytest.mark.parametrize(("strand", "expected"), [("+", "+"), ("-", "-"), (".", "."), ("?", ".")])
def test_read_gff_strands(tmp_path, strand, expected):
    (feature,) = read_gff(write(tmp_path, GENE.replace("\t+\t", f"\t{strand}\t")))
    assert feature.strand == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (".", {}),
        ("", {}),
        ("ID=a;", {"ID": "a"}),
        ("ID=a; Note=b c ;", {"ID": "a", "Note": "b c"}),
        ("Note=50%25%3B half%3Dhalf", {"Note": "50%; half=half"}),
        ("Dbxref=x,y", {"Dbxref": "x,y"}),
        ("Dbxref=x;Dbxref=y", {"Dbxref": "x,y"}),
        ("Formula=a=b", {"Formula": "a=b"}),
        ("Flag=", {"Flag": ""}),
    ],
    ids=["none", "empty", "one", "blanks", "escaped", "list", "repeated", "equals", "no-value"],
)
def test_read_gff_attributes(tmp_path, text, expected):
    (feature,) = read_gff(write(tmp_path, GENE.replace("ID=gene-1;Name=thrL", text)))
    assert feature.attributes == expected


def test_read_gff_resolves_escapes_of_names(tmp_path):
    (feature,) = read_gff(write(tmp_path, GENE.replace("chr1", "chr%201")))
    assert feature.contig == "chr 1"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("chr1\tRefSeq\tgene\t1\t2\n", "expected 9 columns between tabs, got 5"),
        ("chr1 RefSeq gene 1 2 . + . ID=a\n", "expected 9 columns between tabs, got 1"),
        (GENE.replace("190", "0"), "expected 1 <= start <= end, got start '0' and end '255'"),
        (GENE.replace("190", "256"), "expected 1 .*got start '256' and end '255'"),
        (GENE.replace("190", "x"), "expected 1 .*got start 'x'"),
        (GENE.replace("\t+\t", "\tx\t"), r"expected one of \+ - . \? as strand, got 'x'"),
        (
            GENE.replace("ID=gene-1", 'gene_id "g"'),
            r"expected attributes as name=value.*got 'gene_id \"g\"'. Is this GTF",
        ),
    ],
    ids=["columns", "blanks", "zero", "order", "number", "strand", "gtf"],
)
def test_read_gff_names_file_and_line_of_what_is_no_gff(tmp_path, line, message):
    with pytest.raises(DataIntegrityError, match=rf"a.gff, line 5: {message}"):
        read_gff(write(tmp_path, HEAD + GENE + line))


@pytest.mark.parametrize("text", ["", HEAD], ids=["empty", "comments"])
def test_read_gff_refuses_a_file_without_features(tmp_path, text):
    with pytest.raises(DataIntegrityError, match=r"a.gff has no feature"):
        read_gff(write(tmp_path, text))


def test_read_gff_names_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none.gff"):
        read_gff(tmp_path / "none.gff")


@pytest.mark.real_data
def test_read_gff_agrees_with_the_sequence_of_a_real_gene(real_data_home):
    from skgenome.sequences import read_sequences, reverse_complement

    (path,) = (real_data_home / "ecoli_k12").glob("*.gff")
    (genome,) = read_sequences(real_data_home / "ecoli_k12" / "*.fna.gz")
    genes = [f for f in read_gff(path) if f.kind == "CDS" and f.strand == "-" and f.contig == genome.name]
    starts = [reverse_complement(genome.sequence[f.start : f.end])[:3] for f in genes]
    # Nine genes in ten begin with ATG, whichever strand they lie on.
    assert starts.count("ATG") > 0.85 * len(starts)


def test_read_gff_repeats_no_number_without_end(tmp_path):
    """Non-regression test: the message had all of it; Python reads no number of so many digits."""
    (tmp_path / "a.gff").write_text("c\t.\tgene\t1\t9" + "9" * 10**4 + "\t.\t+\t.\tID=x")
    with pytest.raises(DataIntegrityError, match=r"a\.gff, line 1: ") as raised:
        read_gff(tmp_path / "a.gff")
    assert len(str(raised.value)) < 1000
