"""What is written is read back, whatever it is; and what has to be true of any DNA, through files too."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skgenome.persistence import load, save
from skgenome.preprocessing import KmerCounter, KmerTokenizer
from skgenome.scanning import Peak, Track, TrackPiece, write_bed, write_bedgraph, write_narrow_peak
from skgenome.sequences import (
    SequenceRecord,
    build_store,
    decode,
    encode,
    read_bed,
    read_gff,
    read_sequences,
    read_vcf,
    reverse_complement,
    write_fasta,
    write_fastq,
)
from skgenome.training import pack_state, unpack_state

IUPAC = "ACGTURYSWKMBDHVN"
DNA = st.text(IUPAC + IUPAC.lower(), max_size=50)
# Words as files have them: no blank, no control character, no line end of any system.
WORDS = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=12)
ASCII_WORDS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12)
SUFFIXES = st.sampled_from(["", ".gz", ".bz2", ".xz", ".zst"])
STRANDS = st.sampled_from("+-.")
PLACES = st.integers(0, 2**40)
SCORES = st.floats(allow_nan=False, allow_infinity=False, width=32)
BASES = st.text("ACGTN", min_size=1, max_size=8)


def unique(items, key):
    return st.lists(items, min_size=1, max_size=6, unique_by=key)


def records_of(words):
    """Records with names of their own and a token at least: of others there is a warning."""
    dna = st.text(IUPAC + IUPAC.lower(), min_size=2, max_size=50)
    records = st.builds(SequenceRecord, words, dna, st.just("") | words)
    return unique(records, lambda record: record.name)


# '#' and '>' open a comment and a record; as the first letter of a name they stand behind '>' and are none.
@given(records=records_of(WORDS), width=st.none() | st.integers(1, 60), suffix=SUFFIXES)
def test_fasta_is_read_back(records, width, suffix, tmp_path):
    path = tmp_path / f"a.fa{suffix}"
    write_fasta(path, records, width=width)
    assert read_sequences(path) == records


@given(records=records_of(ASCII_WORDS), suffix=SUFFIXES)
def test_fastq_is_read_back(records, suffix, tmp_path):
    path = tmp_path / f"a.fq{suffix}"
    write_fastq(path, records)
    assert read_sequences(path) == records


@given(
    name=st.text(max_size=5), sequence=st.text(max_size=5), write=st.sampled_from([write_fasta, write_fastq])
)
def test_what_is_written_can_be_read(name, sequence, write, tmp_path):
    """Any text: it is refused by the writer, or a reader has no trouble with it."""
    path = tmp_path / "a.txt"
    try:
        write(path, [sequence, "ACGT"], names=[name, "other name"])
    except ValueError as err:
        assert "sequence 0" in str(err).lower()  # noqa: PT017
        return
    found = [record.sequence for record in read_sequences(path)] if sequence else ["", "ACGT"]
    assert found == [sequence, "ACGT"]


@given(sequences=st.lists(DNA.filter(bool), min_size=1, max_size=5))
def test_reverse_complement_through_a_file_is_an_involution(sequences, tmp_path):
    path = tmp_path / "a.fa"
    write_fasta(path, [reverse_complement(sequence) for sequence in sequences], width=7)
    again = [reverse_complement(record.sequence) for record in read_sequences(path)]
    # U is T once it has been complemented.
    assert again == [sequence.replace("U", "T").replace("u", "t") for sequence in sequences]


@given(sequences=st.lists(DNA.filter(bool), min_size=1, max_size=4), data=st.data())
def test_reverse_complement_of_a_part_is_a_part_of_the_reverse_complement(sequences, data, tmp_path_factory):
    """The two coordinates of a place, on either strand, through a store."""
    folder = tmp_path_factory.mktemp("store")
    write_fasta(folder / "a.fa", sequences)
    write_fasta(folder / "b.fa", [reverse_complement(sequence) for sequence in sequences])
    forward, backward = (build_store(folder / f"{name}.fa", folder / name) for name in "ab")
    row = data.draw(st.integers(0, len(sequences) - 1))
    length = len(sequences[row])
    start, end = sorted(data.draw(st.tuples(st.integers(0, length), st.integers(0, length))))
    part = forward.fetch(row, start, end)
    assert part == decode(encode(sequences[row]))[start:end]
    assert reverse_complement(part) == backward.fetch(row, length - end, length - start)


@given(records=records_of(WORDS), suffix=SUFFIXES)
def test_store_is_read_back(records, suffix, tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    write_fasta(folder / f"a.fa{suffix}", records, width=9)
    store = build_store(folder / f"a.fa{suffix}", folder / "store")
    assert list(store.items()) == [(record.name, decode(encode(record.sequence))) for record in records]
    for made, record in zip(KmerTokenizer(k=2).transform(store), records, strict=True):
        assert np.array_equal(made, KmerTokenizer(k=2, padding=False).transform([record.sequence])[0])


PEAKS = st.builds(
    lambda contig, start, length, strand, score: Peak(
        contig, start, start + length, start + length // 2, strand, score
    ),
    WORDS.filter(lambda word: word not in ("track", "browser") and not word.startswith("#")),
    PLACES, st.integers(1, 10**6), STRANDS, SCORES,
)  # fmt: skip


@pytest.mark.parametrize("write", [write_bed, write_narrow_peak])
@given(peaks=st.lists(PEAKS, min_size=1, max_size=5), suffix=SUFFIXES)
def test_bed_is_read_back(write, peaks, suffix, tmp_path):
    path = tmp_path / f"a.bed{suffix}"
    write(path, peaks)
    read = read_bed(path)
    assert [interval[:3] for interval in read] == [peak[:3] for peak in peaks]
    assert [interval.strand for interval in read] == [peak.strand for peak in peaks]
    assert all(
        abs(interval.score / 1000 - min(max(peak.score, 0), 1)) < 6e-4
        for interval, peak in zip(read, peaks, strict=True)
    )


# Means come out of running sums, which keep about twelve digits: values are of one order of magnitude.
@given(
    values=st.lists(st.floats(-1000, 1000) | st.just(math.nan), min_size=1, max_size=8),
    window=st.integers(1, 5),
)
def test_bedgraph_is_read_back(values, window, tmp_path):
    """Windows side by side: each base has the value of its own."""
    starts = np.arange(len(values)) * window
    piece = TrackPiece("chr1", len(values) * window, starts, np.array([values]), 0)
    track = Track({"chr1": piece}, window_size=window, step=window, strands=("+",))
    write_bedgraph(tmp_path / "a.bedgraph", track)
    found = np.full(len(values) * window, np.nan)
    for line in (tmp_path / "a.bedgraph").read_text().splitlines():
        contig, start, end, value = line.split("\t")
        assert contig == "chr1"
        found[int(start) : int(end)] = float(value)
    np.testing.assert_allclose(found, np.repeat(values, window), rtol=1e-8, atol=1e-8)


@given(
    places=st.lists(st.tuples(WORDS, PLACES, BASES, BASES), min_size=1, max_size=5),
    line_end=st.sampled_from(["\n", "\r\n"]),
)
def test_vcf_counts_from_one_and_we_from_zero(places, line_end, tmp_path):
    places = [place for place in places if not place[0].startswith("#")] or [("chr1", 0, "A", "C")]
    lines = [f"{contig}\t{position + 1}\t.\t{ref}\t{alt}{line_end}" for contig, position, ref, alt in places]
    path = tmp_path / "a.vcf"
    path.write_bytes("".join(lines).encode())
    assert [variant[:4] for variant in read_vcf(path)] == places


@given(start=PLACES, length=st.integers(1, 1000), strand=STRANDS)
def test_gff_counts_from_one_and_we_from_zero(start, length, strand, tmp_path):
    path = tmp_path / "a.gff"
    path.write_text(f"c\t.\tgene\t{start + 1}\t{start + length}\t.\t{strand}\t.\tID=x\n")
    (feature,) = read_gff(path)
    assert (feature.start, feature.end, feature.strand) == (start, start + length, strand)
    bed = tmp_path / "a.bed"
    bed.write_text(f"c\t{start}\t{start + length}\tx\t.\t{strand}\n")
    assert read_bed(bed)[0][1:3] == feature[3:5]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text() | st.integers(), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(value=JSON)
def test_state_of_a_training_is_read_back(value):
    assert unpack_state(pack_state(value)) == value


@given(value=JSON.filter(lambda value: value is not None))
def test_parameters_of_a_saved_model_are_read_back(value, tmp_path):
    """`__init__` checks nothing, so that a parameter may be anything that JSON knows."""
    assert load(save(KmerCounter(k=value), tmp_path / "model")).k == value


def test_examples_write_over_each_other(tmp_path):
    """The examples of a property share a folder: what one has left is gone."""
    for sequence in ("A" * 100, "C"):
        write_fasta(Path(tmp_path) / "a.fa", [sequence])
        assert read_sequences(tmp_path / "a.fa")[0].sequence == sequence
