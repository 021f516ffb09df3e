"""Stores against the reader of whole files: the same records, whatever the file, piece or interruption."""

import bz2
import copy
import errno
import gzip
import json
import lzma
import os
import pickle
import subprocess
import sys
import tracemalloc
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from skgenome.exceptions import DataIntegrityError, SkgenomeWarning
from skgenome.preprocessing import KmerCounter
from skgenome.sequences import (
    SequenceStore,
    _store_building,
    _store_pieces,
    build_store,
    check_token_ids,
    decode,
    encode,
    encode_many,
    iter_contigs,
    lock_folder,
    read_sequences,
    write_fasta,
    write_fastq,
)

INDEX, BASES, LENGTHS, NAMES = "index.json", "bases.bin", "lengths.bin", "names.txt"


@pytest.fixture
def rng(seed):
    return np.random.default_rng(seed)


@pytest.fixture(params=[None, 7], ids=["large pieces", "tiny pieces"])
def piece(request, monkeypatch):
    """Sizes of a piece: one that takes whole files, one that ends within lines and names."""
    if request.param:
        monkeypatch.setattr(_store_pieces, "PIECE", request.param)
        monkeypatch.setattr(_store_building, "PIECE", request.param)
    return request.param


@pytest.fixture
def make_dna(rng):
    def make(*lengths, letters="ACGTacgtUN"):
        return ["".join(rng.choice(list(letters), n)) for n in lengths]

    return make


@pytest.fixture
def files(tmp_path, make_dna):
    """Three FASTA files of two contigs each, with names of their own."""
    paths = [tmp_path / f"{i}.fa" for i in range(3)]
    for i, path in enumerate(paths):
        write_fasta(path, make_dna(40, 25), names=[f"chr{i}", f"plasmid{i}"], width=17)
    return paths


@pytest.fixture
def store(files, tmp_path):
    return build_store(files, tmp_path / "store")


def as_stored(sequence):
    """What a store keeps of a sequence."""
    return decode(encode(sequence))


def records_of(paths):
    return [(record.name, as_stored(record.sequence)) for record in read_sequences(paths)]


def content_of(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


UNTIDY = {
    "one line": b">a x\nACGTNACGTACGTACGTACGT\n>b\tx\nCC\n",
    "CRLF": b">a\r\nACGT\r\nACGT\r\n>b\r\nCC\r\n",
    "old Macintosh": b">a\rACGT\rACGT\r>b\rCC\r",
    "no last line end": b">a\nACGT\n>b\nCC",
    "blanks and comments": b"#c\n\n  >a  \n ACGT \n#x\n\nAC\n; >b\n>b\nCC\n".replace(b"; >b\n", b""),
    "long comments": b">a\nAC\n# " + b"x>y" * 20 + b"\nGT\n>b\nC\n",
    "names beyond ASCII": ">ä/1\nACGT\n>β|x:1-2\nC\n".encode(),
    "no name": b"> a\nACGT\n>b\nCC\n",
    "IUPAC and RNA": b">a\nRYSWKMBDHVN\n>b\nacgu\n",
}


@pytest.mark.parametrize("content", UNTIDY.values(), ids=UNTIDY)
def test_build_store_reads_what_the_reader_reads(content, tmp_path, piece):
    (tmp_path / "a.fa").write_bytes(content)
    store = build_store(tmp_path / "a.fa", tmp_path / "store")
    assert list(store.items()) == records_of(tmp_path / "a.fa")
    store.verify()


COMPRESSIONS = {"": bytes, ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("write", [write_fasta, write_fastq], ids=["fasta", "fastq"])
def test_build_store_reads_formats_and_compressions(write, compression, tmp_path, make_dna, piece):
    path = tmp_path / f"a.txt{compression}"
    write(path, make_dna(100, 3, 55), names=["a", "b", "c"])
    store = build_store(path, tmp_path / "store")
    assert list(store.items()) == records_of(path)


def test_build_store_keeps_the_order_of_files(files, tmp_path):
    by_list = build_store([files[2], files[0]], tmp_path / "list")
    assert list(by_list.items()) == records_of([files[2], files[0]])
    by_folder = build_store(tmp_path / "*.fa", tmp_path / "pattern")
    assert list(by_folder.items()) == records_of(files)
    assert [source.file for source in by_folder.sources] == ["0.fa", "1.fa", "2.fa"]
    assert [source.n_contigs for source in by_folder.sources] == [2, 2, 2]


def test_build_store_does_not_hold_a_chromosome(tmp_path):
    """30 Mbp in a single line: reading the record takes 30 MB at least."""
    path = tmp_path / "a.fa"
    path.write_bytes(b">chr\n" + b"ACGTTGCATT" * 3_000_000 + b"\n")
    tracemalloc.start()
    store = build_store(path, tmp_path / "store")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 12e6
    assert store.lengths.tolist() == [30_000_000]
    assert store.fetch("chr", 29_999_990) == "ACGTTGCATT"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (">a\nACGT\n>b c\nACGTACGTACJT\n", r"a\.fa, record 2 \('b'\) has 'J' at position 10, .*protein\?"),
        (">a\nAC-T\n", r"record 1 \('a'\) has '-' at position 2, .*gaps of an alignment"),
        (">a\nACGT ACGT\n", r"record 1 \('a'\) has ' ' at position 4, .*white space"),
        (">a\nACGTACGTÄ\n", r"record 1 \('a'\) has 'Ä' at position 8"),
        ("", r"a\.fa is empty"),
        ("#c\n", r"a\.fa has no record"),
        ("MKLV\n", r"neither FASTA nor FASTQ"),
        ("#c\nACGT\n>a\nC\n", r"damaged after 0 pieces: Expected '>' at the beginning .* got 'ACGT'"),
    ],
    ids=["letter", "gap", "blank", "beyond ASCII", "empty", "comments alone", "no FASTA", "no header"],
)
def test_build_store_refuses_bad_files(text, message, tmp_path):
    (tmp_path / "a.fa").write_text(text)
    with pytest.raises(DataIntegrityError, match=message):
        build_store(tmp_path / "a.fa", tmp_path / "store")
    # Nothing stays of a build that has read no file to its end.
    assert [path.name for path in tmp_path.iterdir()] == ["a.fa"]


@pytest.mark.parametrize("position", [0, 6, 7, 8, 20, 39])
def test_build_store_counts_positions_through_pieces(position, tmp_path, monkeypatch):
    monkeypatch.setattr(_store_pieces, "PIECE", 7)
    sequence = "ACGT" * 10
    sequence = f"{sequence[:position]}J{sequence[position + 1 :]}"
    write_fasta(tmp_path / "a.fa", ["ACG", "", sequence], width=11)
    with pytest.raises(
        DataIntegrityError, match=rf"record 3 \('sequence_2'\) has 'J' at position {position},"
    ):
        build_store(tmp_path / "a.fa", tmp_path / "store")


def test_build_store_refuses_an_endless_header(tmp_path, monkeypatch):
    monkeypatch.setattr(_store_pieces, "PIECE", 7)
    monkeypatch.setattr(_store_pieces, "_LONGEST_HEADER", 50)
    (tmp_path / "a.fa").write_text(">" + "x" * 60 + "\nACGT\n")
    with pytest.raises(DataIntegrityError, match=r"The header '>x+'\.\.\. has more than 50 characters"):
        build_store(tmp_path / "a.fa", tmp_path / "store")


def test_build_store_refuses_a_truncated_file(tmp_path, make_dna):
    path = tmp_path / "a.fa.gz"
    path.write_bytes(gzip.compress(b">a\n" + make_dna(10_000)[0].encode())[:-100])
    with pytest.raises(DataIntegrityError, match=r"a\.fa\.gz breaks off or is damaged after"):
        build_store(path, tmp_path / "store")


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz", ".zst"])
def test_build_store_refuses_a_file_that_is_damaged_from_the_start(suffix, tmp_path):
    """Non-regression test: what breaks where the format is looked for was an error of the decompressor."""
    path = tmp_path / f"a.fa{suffix}"
    write_fasta(path, ["GATTACA" * 9])
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(DataIntegrityError, match=r"a\.fa\S+ breaks off or is damaged after 0 pieces"):
        build_store(path, tmp_path / "store")


def test_build_store_warns_of_records_without_a_sequence(tmp_path):
    (tmp_path / "a.fa").write_text(">a\nAC\n>b\n>c\n>d\nG\n")
    with pytest.warns(
        SkgenomeWarning, match=r"2 of 4 records of .*a\.fa have no seq.* first is record 2\."
    ) as seen:
        store = build_store(tmp_path / "a.fa", tmp_path / "store")
    assert list(store) == ["AC", "", "", "G"]
    assert seen[0].filename == __file__


def test_build_store_of_no_base_at_all(tmp_path):
    (tmp_path / "a.fa").write_text(">a\n>b\n")
    with pytest.warns(SkgenomeWarning, match="2 of 2 records"):
        store = build_store(tmp_path / "a.fa", tmp_path / "store")
    assert list(store.items()) == [("a", ""), ("b", "")]
    assert store.codes.shape == (0,)


def test_build_store_warns_of_duplicate_names_and_keeps_all(tmp_path):
    (tmp_path / "a.fa").write_text(">a x\nAC\n>b\nT\n>a y\nG\n")
    with pytest.warns(SkgenomeWarning, match=r"3 records of .*a\.fa share 2 names"):
        store = build_store(tmp_path / "a.fa", tmp_path / "store")
    assert store.names == ["a", "b", "a"]
    with pytest.raises(
        ValueError, match=r"2 contigs of the store are called 'a': numbers 0, 2\. Fetch by numb"
    ):
        store.fetch("a")
    assert store.fetch(2) == "G"


def test_build_store_allows_one_name_in_two_files(tmp_path):
    for name in "ab":
        write_fasta(tmp_path / f"{name}.fa", ["ACGT"], names=["chr1"])
    assert build_store(tmp_path / "*.fa", tmp_path / "store").names == ["chr1", "chr1"]


def test_store_holds_the_codes_of_all_contigs(store, files):
    codes, offsets = encode_many([record.sequence for record in read_sequences(files)])
    assert (store.codes == codes).all()
    assert (store.offsets == offsets).all()
    assert (store.lengths == np.diff(offsets)).all()
    for array in (store.codes, store.offsets, store.lengths, store.read(0, 10)):
        assert not array.flags.writeable


def test_fetch_equals_slicing(store, files, rng):
    records = records_of(files)
    for _ in range(100):
        row = int(rng.integers(len(records)))
        name, sequence = records[row]
        start, end = sorted(rng.integers(0, len(sequence) + 1, 2).tolist())
        expected = sequence[start:end]
        assert store.fetch(name, start, end) == expected
        assert store.fetch(row, start, end) == expected
        assert store.fetch(f"{name}:{start}-{end}") == expected
        assert store.fetch(name, start=start) == sequence[start:]
        assert store.fetch(name, end=end) == sequence[:end]
        assert store.fetch(name) == store[row] == store[row - len(records)] == sequence


def test_fetch_of_names_that_look_like_ranges(tmp_path):
    write_fasta(tmp_path / "a.fa", ["ACGTACGT", "GGCC"], names=["lcl|x:1-3", "lcl|x"])
    store = build_store(tmp_path / "a.fa", tmp_path / "store")
    # A contig of that very name goes before a part of another.
    assert store.fetch("lcl|x:1-3") == "ACGTACGT"
    assert store.fetch("lcl|x:1-3", 0, 2) == "AC"
    assert store.fetch("lcl|x:1-4") == "GCC"
    assert store.fetch("lcl|x:1-3:1-4") == "CGT"


@pytest.mark.parametrize("contig", ["chr9", "chr9:1-2", "chr0:1-", "chr0:-3", "chr0:1,000-2,000", "CHR0", ""])
def test_fetch_names_an_unknown_contig(contig, store):
    message = rf"no contig '{contig}'; it has 'chr0', 'plasmid0', 'chr1', 'plasmid1', 'chr2' and 1 more"
    with pytest.raises(KeyError, match=message):
        store.fetch(contig)


@pytest.mark.parametrize(("start", "end"), [(-1, 5), (0, 41), (7, 5), (41, None), (None, -1)])
def test_fetch_refuses_what_is_outside(start, end, store):
    message = r"Contig 'chr0' has 40 bases; expected 0 <= start <= end <= 40\. Got start="
    with pytest.raises(ValueError, match=message):
        store.fetch("chr0", start, end)


def test_fetch_refuses_a_region_outside(store):
    with pytest.raises(ValueError, match=r"'chr0:30-50' has 40 bases.* Got start=30, end=50"):
        store.fetch("chr0:30-50")


@pytest.mark.parametrize("number", [6, -7])
def test_store_names_the_numbers_that_there_are(number, store):
    with pytest.raises(IndexError, match=rf"The store has 6 contigs, numbers 0 to 5\. Got {number}\."):
        store[number]


def test_store_reads_as_a_list_does(store, files):
    sequences = [sequence for _, sequence in records_of(files)]
    assert len(store) == len(sequences)
    assert list(store) == sequences
    assert store[1:5:2] == sequences[1:5:2]
    assert list(iter_contigs(store.items())) == records_of(files)
    assert repr(store).startswith("<SequenceStore of 6 contigs, 195 bases, in ")


@pytest.mark.parametrize(
    "take", [np.asarray, check_token_ids, KmerCounter().transform], ids=["NumPy", "ids", "counter"]
)
def test_store_is_not_read_into_memory_unasked(take, store, monkeypatch):
    def read(*_):
        raise AssertionError("the store was read")

    monkeypatch.setattr(SequenceStore, "read", read)
    with pytest.raises(TypeError, match=r"list\(store\) reads all|Got SequenceStore instead"):
        take(store)


def test_opening_reads_neither_bases_nor_names(store, monkeypatch):
    opened = []
    original = Path.read_bytes

    def read_bytes(path):
        opened.append(path.name)
        return original(path)

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    monkeypatch.setattr(os, "pread", None)
    SequenceStore(store.path)
    assert opened == [INDEX, LENGTHS]


@pytest.mark.parametrize(
    "clone", [copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))], ids=["copy", "pickle"]
)
def test_store_can_be_copied(clone, store):
    assert list(clone(store).items()) == list(store.items())
    assert clone(store).fingerprint == store.fingerprint


def test_pickled_store_must_be_the_same_one(store, files, tmp_path):
    pickled = pickle.dumps(store)
    store.path.rename(tmp_path / "moved")
    with pytest.raises(FileNotFoundError, match="There is no sequence store"):
        pickle.loads(pickled)
    build_store(files[:1], tmp_path / "store")
    with pytest.raises(DataIntegrityError, match="is another one than when it was pickled"):
        pickle.loads(pickled)


def test_fingerprint_knows_the_sequences_alone(store, files, tmp_path):
    again = build_store(files, tmp_path / "again")
    other = build_store(files[::-1], tmp_path / "other")
    assert again.fingerprint == store.fingerprint != other.fingerprint


def test_store_reads_where_the_system_reads_in_parts(store, files, monkeypatch):
    original = os.pread
    monkeypatch.setattr(os, "pread", lambda file, n, start: original(file, min(n, 3), start))
    assert list(store.items()) == records_of(files)


def test_store_reads_where_the_system_has_no_pread(store, files, monkeypatch):
    monkeypatch.delattr(os, "pread")
    assert list(store.items()) == records_of(files)


def test_reading_tells_of_a_store_that_is_cut_off_meanwhile(store):
    os.truncate(store.path / BASES, 100)
    assert len(store[0]) == 40
    with pytest.raises(DataIntegrityError, match=r"is shorter than when it was opened, at bases 65 to 105"):
        store[2]


def test_reading_tells_of_what_is_no_code(store):
    change(store.path / BASES, 41, 200)
    assert len(store[0]) == 40
    with pytest.raises(DataIntegrityError, match=r"bases\.bin of .* is damaged, at bases 40 to 65"):
        store[1]


def change(path, place, byte):
    content = bytearray(path.read_bytes())
    content[place] = byte
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("name", "place", "message"),
    [
        (BASES, 70, r"bases 65 to 130 are not those that were read from 1\.fa"),
        (LENGTHS, 8, r"lengths\.bin of .* its checksum is wrong"),
        (NAMES, 3, r"names\.txt of .* its checksum is wrong"),
    ],
)
def test_verify_finds_a_changed_byte(name, place, message, store):
    store.verify()
    change(store.path / name, place, content_of(store.path)[name][place] ^ 1)
    with pytest.raises(DataIntegrityError, match=message):
        store.verify()


def seal(content):
    """Work out the checksum of an index, as somebody would who wants to be believed."""
    content = {name: value for name, value in content.items() if name != "sha256"}
    return {**content, "sha256": sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()}


def forge(store, **changes):
    content = json.loads((store.path / INDEX).read_text())
    (store.path / INDEX).write_text(json.dumps(seal({**content, **changes})))


def test_verify_shows_no_more_than_the_beginning_of_a_long_name(store):
    """The message once repeated the whole name of a source, which a damaged index may make megabytes long."""
    change_source(store, file="x" * 100_000)
    change(store.path / BASES, 10, 3)
    with pytest.raises(DataIntegrityError, match=r"read from x{60}\. Copy") as caught:
        SequenceStore(store.path).verify()
    assert len(str(caught.value)) < 1000


def change_source(store, **changes):
    sources = json.loads((store.path / INDEX).read_text())["sources"]
    forge(store, sources=[{**sources[0], **changes}, *sources[1:]])


BAD_INDEX = {
    "no JSON": (lambda s: (s.path / INDEX).write_text("{"), r"index\.json of .* is damaged or was altered"),
    "no text": (lambda s: (s.path / INDEX).write_bytes(b"\xff\xfe\x00"), r"index\.json of .* is damaged"),
    "nested": (lambda s: (s.path / INDEX).write_text("[" * 100_000), r"index\.json of .* is damaged"),
    "a list": (lambda s: (s.path / INDEX).write_text("[1]"), "it holds no fields"),
    "another format": (
        lambda s: forge(s, format="zip"),
        "is no sequence store: index.json in it is of someth",
    ),
    "newer": (
        lambda s: forge(s, version=2),
        r"has version 2 of the format; this skgenome reads up to 1\. Update",
    ),
    "no version": (lambda s: forge(s, version="1"), "it lacks something"),
    "altered": (
        lambda s: (s.path / INDEX).write_text((s.path / INDEX).read_text().replace("0.fa", "x.fa")),
        "its checksum is wrong",
    ),
    "no sources": (lambda s: forge(s, sources=[]), "it lacks something"),
    "no list": (lambda s: forge(s, sources=3), "not iterable"),
    "no source": (lambda s: forge(s, sources=["x"]), "a source has file, key, n_contigs"),
    "checksum of no text": (lambda s: forge(s, names_sha256=1), "it lacks something"),
    "more bases": (lambda s: change_source(s, n_bases=66), r"bases\.bin .* has 195 bytes where .* says 196"),
    "endless": (lambda s: change_source(s, n_bases=10**30), r"bases\.bin .* where the index says 1,000,000"),
    "fewer contigs": (
        lambda s: change_source(s, n_contigs=1),
        r"lengths\.bin .* has 48 bytes where .* says 40",
    ),
    "negative": (lambda s: change_source(s, n_bases=-1), "n_bases of a source is '-1'"),
    "a bool": (lambda s: change_source(s, n_contigs=True), "n_contigs of a source is 'True'"),
    "a float": (lambda s: change_source(s, n_bases=65.0), r"n_bases of a source is '65\.0'"),
    "cut off": (lambda s: os.truncate(s.path / BASES, 194), r"bases\.bin .* has 194 bytes where .* says 195"),
    "missing": (lambda s: (s.path / NAMES).unlink(), r"names\.txt of .* it is missing"),
    "lengths": (lambda s: change(s.path / LENGTHS, 0, 41), r"lengths\.bin of .* its checksum is wrong"),
    "no index": (lambda s: (s.path / INDEX).unlink(), r"is no sequence store: it has no index\.json"),
}


@pytest.mark.parametrize(("damage", "message"), BAD_INDEX.values(), ids=BAD_INDEX)
def test_opening_refuses_what_is_damaged_or_forged(damage, message, store):
    damage(store)
    with pytest.raises(DataIntegrityError, match=message):
        SequenceStore(store.path)


@pytest.mark.parametrize(
    "lengths", [[41, 25, 40, 25, 40, 25], [-25, 90, 40, 25, 40, 25]], ids=["sum", "negative"]
)
def test_opening_refuses_forged_lengths(lengths, store):
    content = np.array(lengths, "<i8").tobytes()
    (store.path / LENGTHS).write_bytes(content)
    forge(store, lengths_sha256=sha256(content).hexdigest())
    with pytest.raises(DataIntegrityError, match="the lengths do not add up to the bases of the index"):
        SequenceStore(store.path)


@pytest.mark.parametrize(
    ("names", "message"),
    [(b"\n" * 41, "another number of names"), (b"\xff" * 41, r"names\.txt of .* can't decode byte")],
    ids=["number", "no text"],
)
def test_names_are_not_believed(names, message, store):
    (store.path / NAMES).write_bytes(names.ljust(len(content_of(store.path)[NAMES]), b"x"))
    forge(store, names_sha256=sha256((store.path / NAMES).read_bytes()).hexdigest())
    forged = SequenceStore(store.path)
    with pytest.raises(DataIntegrityError, match=message):
        forged.names  # noqa: B018 (the access is the test)


def test_opening_tells_of_no_store(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"There is no sequence store .*x\. skgenome\.sequences\.build_st"
    ):
        SequenceStore(tmp_path / "x")
    (tmp_path / "file").write_text("")
    for path in (tmp_path, tmp_path / "file"):
        with pytest.raises(
            DataIntegrityError, match=r"is no sequence store: it has no index\.json\. Stores are"
        ):
            SequenceStore(path)


@pytest.mark.parametrize("what", ["folder", "file", "damaged store"])
def test_build_store_leaves_alone_what_is_there(what, files, tmp_path):
    path = tmp_path / "store"
    if what == "file":
        path.write_text("mine")
    else:
        path.mkdir()
        (path / ("note.txt" if what == "folder" else INDEX)).write_text("mine")
    with pytest.raises(FileExistsError, match="exists and is no store that could be opened"):
        build_store(files, path)
    assert "mine" in (path.read_text() if what == "file" else "".join(f.read_text() for f in path.iterdir()))


@pytest.mark.parametrize("how", ["fewer", "another order", "changed"])
def test_build_store_does_not_replace_a_store_of_other_files(how, store, files):
    if how == "changed":
        write_fasta(files[2], ["ACGT"])
    others = {"fewer": files[:2], "another order": files[::-1], "changed": files}[how]
    before = content_of(store.path)
    with pytest.raises(
        FileExistsError, match=r"is a store of other files, 3 beginning with 0\.fa, or of these bef"
    ):
        build_store(others, store.path)
    assert content_of(store.path) == before


def test_build_store_opens_what_it_has_made(store, files, monkeypatch):
    monkeypatch.setattr(_store_building, "iter_pieces", None)
    assert list(build_store(files, store.path)) == list(store)


def test_build_store_names_a_missing_folder_or_file(files, tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"Folder .*nowhere does not exist; store cannot be made there"
    ):
        build_store(files, tmp_path / "nowhere" / "store")
    with pytest.raises(FileNotFoundError, match=r"x\.fa does not exist"):
        build_store(tmp_path / "x.fa", tmp_path / "store")


class Killed(BaseException):
    """What nothing in the package catches."""


@pytest.fixture
def reading(monkeypatch):
    """Notes which files are read, and ends the build within one."""
    original = _store_building.iter_pieces

    class Reading:
        names: list = []
        fatal = None

    def iter_pieces(path):
        Reading.names.append(path.name)
        for piece in original(path):
            yield piece
            if path.name == Reading.fatal:
                raise Killed

    # Each record is a piece and a batch of its own, so that half a file is written.
    monkeypatch.setattr(_store_building, "PIECE", 1)
    monkeypatch.setattr(_store_building, "iter_pieces", iter_pieces)
    Reading.names = []
    return Reading


@pytest.fixture
def killed(reading, files, tmp_path):
    """A build that died in the last of three files; the function makes the same call again."""
    whole = content_of(build_store(files, tmp_path / "whole").path)
    reading.fatal = "2.fa"
    with pytest.raises(Killed):
        build_store(files, tmp_path / "store")
    assert not (tmp_path / "store").exists()
    reading.fatal, reading.names = None, []

    def go_on(paths=files):
        store = build_store(paths, tmp_path / "store")
        assert sorted(p.name for p in tmp_path.iterdir() if p.is_dir()) == ["store", "whole"]
        if paths is files:
            assert content_of(store.path) == whole
        return store

    return go_on


def test_build_store_goes_on_behind_the_files_it_has_read(killed, reading):
    killed()
    assert reading.names == ["2.fa"]


DAMAGES = ("torn journal", "nested journal", "no journal", "bases", "lengths", "names", "cut off")


@pytest.mark.parametrize("damage", DAMAGES)
def test_build_store_reads_again_what_is_not_right(damage, killed, reading, tmp_path):
    folder = tmp_path / ".store.building"
    journal = folder / "journal.jsonl"
    if damage == "torn journal":
        journal.write_bytes(journal.read_bytes()[:-20])
    elif damage == "nested journal":
        first, _ = journal.read_text().splitlines()
        journal.write_text(f"{first}\n{'[' * 100_000}\n")
    elif damage == "no journal":
        journal.unlink()
    elif damage == "cut off":
        os.truncate(folder / BASES, 100)
    else:
        # A byte of the second of the two files that were whole.
        places = {"bases": (BASES, 80, 9), "lengths": (LENGTHS, 16, 41), "names": (NAMES, 18, ord("x"))}
        name, place, byte = places[damage]
        change(folder / name, place, byte)
    killed()
    assert reading.names == (["0.fa", "1.fa", "2.fa"] if damage == "no journal" else ["1.fa", "2.fa"])


def test_build_store_reads_a_changed_file_again(killed, reading, files, tmp_path):
    write_fasta(files[1], ["ACGT"], names=["new"])
    store = killed(list(files))
    assert reading.names == ["1.fa", "2.fa"]
    assert list(store.items()) == records_of(files)


def test_build_store_takes_what_other_files_have_in_common(killed, reading, files):
    store = killed([files[0], files[2]])
    assert reading.names == ["2.fa"]
    assert list(store.items()) == records_of([files[0], files[2]])


def test_build_store_goes_on_after_an_interrupted_check(killed, reading, monkeypatch):
    """A second kill, while what the first has left is looked at, must not throw it away."""
    with monkeypatch.context() as patch:
        patch.setattr(_store_building, "file_sha256", lambda *_: (_ for _ in ()).throw(Killed()))
        with pytest.raises(Killed):
            killed()
    killed()
    assert reading.names == ["2.fa"]


SCRIPT = """
import os, signal, sys
from pathlib import Path
from skgenome.sequences import _store_building, build_store

original, n_left = _store_building._Growing._append, [int(sys.argv[1])]

def append(self, name, content):
    half = content[: len(content) // 2]
    original(self, name, half)
    n_left[0] -= 1
    if not n_left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    original(self, name, content[len(half) :])

_store_building._Growing._append = append
_store_building.PIECE = 1
build_store(sys.argv[2], sys.argv[3])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no SIGKILL")
def test_build_store_survives_real_kills(files, tmp_path, record_property):
    """Killed with half a piece, half a line of the journal or half a list of lengths written."""
    command = [sys.executable, "-c", SCRIPT]
    for n_appends in (2, 5, 6, 7):
        arguments = [str(n_appends), str(tmp_path / "*.fa"), str(tmp_path / "store")]
        assert subprocess.run([*command, *arguments], check=False).returncode == -9
    assert not (tmp_path / "store").exists()
    store = build_store(tmp_path / "*.fa", tmp_path / "store")
    store.verify()
    assert content_of(store.path) == content_of(build_store(files, tmp_path / "whole").path)
    record_property("kills of store", 4)


@pytest.fixture
def full_disk(monkeypatch):
    """A disk that is full once so many files have been opened to be written to at their end."""
    original = Path.open

    class Disk:
        n_left = None

    def opened(path, mode="r", *args, **kwargs):
        if mode == "ab" and Disk.n_left is not None:
            Disk.n_left -= 1
            if Disk.n_left < 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return original(path, mode, *args, **kwargs)

    monkeypatch.setattr(Path, "open", opened)
    yield Disk
    Disk.n_left = None


def test_build_store_says_what_to_do_on_a_full_disk(files, tmp_path, full_disk, reading):
    message = r"can't be written to .*\.store\.building: No space left on device\. "
    full_disk.n_left = 1
    with pytest.raises(OSError, match=rf"{message}Give a path in a folder .* room for the bases") as raised:
        build_store(files, tmp_path / "store")
    assert raised.value.errno == errno.ENOSPC
    assert not (tmp_path / ".store.building").exists()
    # Four to six openings a file: the second is whole by then.
    full_disk.n_left = 13
    with pytest.raises(
        OSError, match=rf"{message}What was read of 2 files stays there: make room and make the"
    ):
        build_store(files, tmp_path / "store")
    full_disk.n_left, reading.names = None, []
    assert list(build_store(files, tmp_path / "store").items()) == records_of(files)
    assert reading.names == ["2.fa"]


@pytest.mark.parametrize("step", ["truncate", "fsync"])
def test_build_store_says_what_cannot_be_written(step, files, tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(OSError, match=r"can't be written to .*: Read-only file system"):
        build_store(files, tmp_path / "store")


def test_build_store_says_what_folder_cannot_be_made(files, tmp_path):
    (tmp_path / ".store.building").write_text("a file in its place")
    with pytest.raises(
        FileExistsError, match=r"can't be written to .*\.store\.building: File exists\. Give a path"
    ):
        build_store(files, tmp_path / "store")


def test_build_store_tells_of_another_process(files, tmp_path):
    with (
        lock_folder(tmp_path / ".store.building"),
        pytest.raises(
            RuntimeError, match=r"Another process is building this store, in .*\.store\.building\. Wait"
        ),
    ):
        build_store(files, tmp_path / "store")


def test_build_store_opens_what_another_process_has_just_made(files, tmp_path, monkeypatch):
    def lock(folder):
        monkeypatch.undo()
        build_store(files, tmp_path / "store")
        return lock_folder(folder)

    monkeypatch.setattr(_store_building, "lock_folder", lock)
    assert list(build_store(files, tmp_path / "store").items()) == records_of(files)
    assert not (tmp_path / ".store.building").exists()


def test_message_on_a_wrong_letter_shows_the_beginning_of_a_long_name(tmp_path):
    (tmp_path / "a.fa").write_text(f">{'9' * 5000}\nACGT!\n")
    with pytest.raises(DataIntegrityError, match=r"record 1 \('9{60}'\) has '!' at position 4") as caught:
        build_store(tmp_path / "a.fa", tmp_path / "store")
    assert len(str(caught.value)) < 500
