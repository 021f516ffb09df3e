import gzip

import pytest

from skgenome.exceptions import DataIntegrityError, SkgenomeWarning
from skgenome.sequences import Variant, iter_vcf, read_vcf

HEAD = "##fileformat=VCFv4.3\n##contig=<ID=chr1>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n\n"
SNV = "chr1\t10\trs7\tA\tC\t.\tPASS\tDP=3\n"
INDELS = "chr1\t12\t.\tG\tGTT,g,T\t.\t.\t.\tGT\t0|1\n"


def write(tmp_path, text):
    path = tmp_path / "a.vcf"
    path.write_text(text, encoding="utf-8", newline="")
    return path


@pytest.mark.parametrize("line_end", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_read_vcf_is_zero_based_with_a_variant_for_each_allele(tmp_path, line_end):
    assert read_vcf(write(tmp_path, (HEAD + SNV + INDELS).replace("\n", line_end))) == [
        Variant("chr1", 9, "A", "C", "rs7"),
        Variant("chr1", 11, "G", "GTT", ""),
        Variant("chr1", 11, "G", "G", ""),
        Variant("chr1", 11, "G", "T", ""),
    ]


def test_read_vcf_reads_blocked_gz(tmp_path):
    """As bgzip writes it: members one after the other."""
    path = tmp_path / "a.vcf.gz"
    path.write_bytes(gzip.compress((HEAD + SNV).encode()) + gzip.compress(INDELS.encode()))
    assert len(read_vcf(str(path))) == 4


def test_read_vcf_refuses_a_truncated_gz(tmp_path):
    path = tmp_path / "a.vcf.gz"
    path.write_bytes(gzip.compress((HEAD + SNV).encode())[:-9])
    with pytest.raises(DataIntegrityError, match=r"a.vcf.gz breaks off or is damaged after \d+ lines"):
        read_vcf(path)


def test_iter_vcf_streams(tmp_path):
    """The first variant comes before the last line is looked at."""
    variants = iter_vcf(write(tmp_path, HEAD + SNV + "nonsense\n"))
    assert next(variants).position == 9
    with pytest.raises(DataIntegrityError, match="line 6"):
        next(variants)


@pytest.mark.parametrize(
    ("allele", "reason"),
    [
        ("<DEL>", r"1 symbolic \('<DEL>'\)"),
        ("*", r"1 deleted by another variant \('\*'\)"),
        (".", r"1 missing \('\.'\)"),
        ("G]chr2:321]", "1 a breakend"),
        ("G.", "1 a breakend"),
    ],
)
def test_iter_vcf_warns_of_alleles_without_sequence(tmp_path, allele, reason):
    path = write(tmp_path, HEAD + f"chr1\t10\t.\tA\t{allele},C\t.\t.\t.\n")
    with pytest.warns(SkgenomeWarning, match=f"1 alternative alleles of .*a.vcf .*left out: {reason}"):
        variants = read_vcf(path)
    assert [variant.alt for variant in variants] == ["C"]


def test_iter_vcf_counts_what_it_leaves_out(tmp_path):
    path = write(tmp_path, HEAD + SNV + "chr1\t20\t.\tA\t*,<INS>\n" + "chr1\t30\t.\tA\t*\n")
    with pytest.warns(SkgenomeWarning, match=r"3 alternative alleles .*: 2 deleted .*, 1 symbolic"):
        assert len(read_vcf(path)) == 1


@pytest.mark.parametrize("text", ["", HEAD], ids=["empty", "header-only"])
def test_read_vcf_refuses_a_file_without_variants(tmp_path, text):
    with pytest.raises(DataIntegrityError, match=r"a\.vcf has no variant with an alternative sequence"):
        read_vcf(write(tmp_path, text))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("chr1\t10\t.\tA", "line 5: expected at least 5 columns between tabs, got 4"),
        ("chr1 10 . A C", "got 1. Is this VCF"),
        ("chr1\tten\t.\tA\tC", "expected a position from 1 on, got 'ten'"),
        ("chr1\t0\t.\tA\tC", "expected a position from 1 on, got '0'"),
        ("chr1\t10\t.\t.\tC", r"expected REF in the letters A, C, G, T and N, got '\.'"),
        ("chr1\t10\t.\t\tC", "expected REF in the letters A, C, G, T and N, got ''"),
        ("chr1\t10\t.\tA\tC,X", "expected ALT in the letters A, C, G, T and N, got 'X'"),
    ],
)
def test_iter_vcf_names_file_and_line_of_a_malformed_one(tmp_path, line, message):
    with pytest.raises(DataIntegrityError, match=message):
        read_vcf(write(tmp_path, f"{HEAD}{line}\n"))


def test_read_vcf_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"b\.vcf"):
        read_vcf(tmp_path / "b.vcf")
