"""Token ids of a store against those of the same sequences in memory: every id, however it is asked for."""

import pickle
import re

import numpy as np
import pytest

from skgenome.exceptions import SkgenomeWarning
from skgenome.preprocessing import KmerTokenizer
from skgenome.sequences import (
    StoredTokenIds,
    TokenIds,
    TokenRows,
    _stored_token_ids,
    build_store,
    check_token_ids,
    check_token_rows,
    infer_geometry,
    overlaps_by,
    write_fasta,
)

GEOMETRIES = [(1, 1), (3, 1), (4, 2), (5, 2), (3, 3), (2, 5)]
LENGTHS = [120, 5, 77, 300, 6, 61]


@pytest.fixture
def rng(seed):
    return np.random.default_rng(seed)


@pytest.fixture
def sequences(rng):
    return ["".join(rng.choice(list("ACGTN"), n, p=[0.24] * 4 + [0.04])) for n in LENGTHS]


@pytest.fixture
def make_store(tmp_path):
    def make(sequences):
        write_fasta(tmp_path / "a.fa", sequences)
        return build_store(tmp_path / "a.fa", tmp_path / "store")

    return make


@pytest.fixture(params=GEOMETRIES, ids=lambda pair: "k={}, stride={}".format(*pair))
def pair(request, sequences, make_store):
    """The same ids on disk and in memory."""
    k, stride = request.param
    tokenizer = KmerTokenizer(k=k, stride=stride, padding=False)
    return tokenizer.transform(make_store(sequences)), check_token_ids(tokenizer.transform(sequences))


def assert_same(found, expected):
    assert isinstance(found, TokenIds)
    assert (found.offsets == expected.offsets).all()
    assert (found.values == expected.values).all()
    assert found.values.dtype == expected.values.dtype


def test_rows_are_those_in_memory(pair):
    stored, token_ids = pair
    assert len(stored) == stored.n_rows == token_ids.n_rows
    assert (stored.offsets == token_ids.offsets).all()
    assert (stored.lengths == token_ids.lengths).all()
    for i, row in enumerate(stored):
        assert row.dtype == stored.dtype == token_ids.values.dtype
        assert (row == token_ids.row(i)).all()
        assert (stored[i] == row).all()
        assert (stored[i - len(stored)] == row).all()
    assert stored.largest >= token_ids.largest


def test_ranges_are_those_in_memory(pair, rng):
    stored, token_ids = pair
    edges = rng.integers(0, len(token_ids.values) + 5, (60, 2)).tolist()
    # Around the ends of rows, too.
    edges += [(int(offset) - 1, int(offset) + 1) for offset in token_ids.offsets[1:]]
    edges += [(0, 0), (0, 10**9), (len(token_ids.values), 10**9)]
    for start, end in map(sorted, edges):
        found = stored.read(start, end)
        assert (found == token_ids.read(start, end)).all()
        assert len(found) == max(min(end, len(token_ids.values)) - start, 0)


def test_pieces_are_those_in_memory(pair, rng):
    stored, token_ids = pair
    rows = rng.integers(0, token_ids.n_rows, 50)
    starts, ends = (
        np.sort(rng.integers(0, token_ids.lengths[rows] + 1, (2, 50)), axis=0) + token_ids.offsets[rows]
    )
    for found, expected in zip(stored.pieces(starts, ends), token_ids.pieces(starts, ends), strict=True):
        assert (found == expected).all()
        assert len(found) == len(expected)


def test_taken_rows_are_those_in_memory(pair, rng):
    stored, token_ids = pair
    for rows in ([3, 0, 3], [], [5], rng.permutation(6)):
        assert_same(stored.take(rows), token_ids.take(rows))


@pytest.mark.parametrize("size", [1, 150, 700, 10**9])
def test_parts_are_all_rows_in_order(size, pair, monkeypatch):
    monkeypatch.setattr(_stored_token_ids, "_PART", size)
    stored, token_ids = pair
    parts = list(stored.parts())
    assert [row.tolist() for part in parts for row in map(part.row, range(part.n_rows))] == [
        token_ids.row(i).tolist() for i in range(token_ids.n_rows)
    ]
    for part in parts:
        assert part.n_rows == 1 or part.n_rows * part.lengths.max() <= size
    assert len(parts) == {1: 6, 10**9: 1}.get(size, len(parts))
    assert list(token_ids.parts()) == [token_ids]


def test_selected_rows_stay_on_disk(pair):
    stored, token_ids = pair
    for which in (slice(1, 5, 2), np.array([4, 0]), [4, 0], token_ids.lengths > 50):
        selected = stored[which]
        assert isinstance(selected, StoredTokenIds)
        assert_same(check_token_ids(selected), token_ids.take(np.arange(6)[which]))


def test_geometry_is_told_from_stored_ids(pair):
    stored, token_ids = pair
    geometry = infer_geometry(token_ids)
    assert infer_geometry(stored) == geometry
    for stride in range(1, geometry.k):
        assert overlaps_by(stored, geometry.k, stride) == overlaps_by(token_ids, geometry.k, stride)
    assert overlaps_by(stored, 3, 1, max_tokens=50) == overlaps_by(token_ids, 3, 1, max_tokens=50)


def test_stored_ids_may_be_read_into_memory(pair):
    stored, token_ids = pair
    assert isinstance(stored, TokenRows)
    assert isinstance(token_ids, TokenRows)
    assert check_token_rows(stored) is stored
    assert check_token_rows(token_ids) is token_ids
    assert_same(check_token_ids(stored), token_ids)


def test_inverse_transform_gives_the_sequences_back(sequences, make_store):
    tokenizer = KmerTokenizer(k=3)
    assert tokenizer.inverse_transform(
        tokenizer.transform(make_store(sequences))
    ) == tokenizer.inverse_transform(tokenizer.transform(sequences))


@pytest.mark.parametrize("truncation", ["left", "right"])
@pytest.mark.parametrize(("k", "stride"), [(3, 1), (5, 2), (2, 5)])
def test_truncated_rows_are_those_in_memory(k, stride, truncation, sequences, make_store):
    tokenizer = KmerTokenizer(k=k, stride=stride, padding=False, max_length=20, truncation=truncation)
    assert_same(
        check_token_ids(tokenizer.transform(make_store(sequences))),
        check_token_ids(tokenizer.transform(sequences)),
    )


def test_too_long_rows_are_an_error(sequences, make_store):
    with pytest.raises(
        ValueError, match=r"Sequence 0 has 120 bases, which are 118 tokens, but max_length=20"
    ):
        KmerTokenizer(max_length=20).transform(make_store(sequences))


@pytest.mark.filterwarnings("ignore:1 of 4 records")
def test_short_contigs_have_no_token(make_store):
    store = make_store(["ACGTACGT", "AC", "", "ACG"])
    with pytest.warns(SkgenomeWarning, match="2 of 4 sequences are shorter than k = 3 and have no token"):
        stored = KmerTokenizer().transform(store)
    assert [row.tolist() for row in stored] == [[8, 29, 46, 51, 8, 29], [], [], [8]]
    assert stored.read(0, 100).tolist() == [8, 29, 46, 51, 8, 29, 8]
    assert check_token_ids(stored).lengths.tolist() == [6, 0, 0, 1]


@pytest.mark.parametrize("block", [3, 2**22])
def test_ambiguous_bases_may_be_an_error(block, make_store, monkeypatch):
    monkeypatch.setattr("skgenome.preprocessing._kmer_tokenizer._BLOCK", block)
    tokenizer = KmerTokenizer(k=2, ambiguous="error")
    store = make_store(["ACGT", "ACGTACGTRA"])
    message = (
        r"Contig 1 of the store \('sequence_1'\) has an ambiguous base at position 8; only A, C, G, T and U"
    )
    with pytest.raises(ValueError, match=message):
        tokenizer.transform(store)


def test_sequences_without_ambiguous_bases_pass(make_store):
    assert len(KmerTokenizer(k=2, ambiguous="error").transform(make_store(["ACGT", "AC"]))) == 2


def test_stored_ids_are_not_read_into_memory_unasked(sequences, make_store):
    stored = KmerTokenizer().transform(make_store(sequences))
    with pytest.raises(TypeError, match=r"list\(token_ids\) reads all rows"):
        np.asarray(stored)


def test_stored_ids_can_be_pickled(pair):
    stored, token_ids = pair
    assert_same(check_token_ids(pickle.loads(pickle.dumps(stored))), token_ids)


def test_stored_ids_are_described_by_all_that_they_are(sequences, make_store):
    store = make_store(sequences)
    descriptions = [
        repr(KmerTokenizer(**params).transform(store)[rows].described())
        for params in ({"k": 3}, {"k": 4}, {"k": 3, "stride": 2})
        for rows in (slice(None), slice(1, None), slice(None, -1))
    ]
    assert len(set(descriptions)) == 9
    assert repr(KmerTokenizer(k=3).transform(store).described()) == descriptions[0]


def test_stored_ids_say_what_they_are(sequences, make_store):
    store = make_store(sequences)
    stored = KmerTokenizer(k=4, stride=2).transform(store)
    assert re.match(r"<StoredTokenIds of 6 rows, 2\d\d ids, k=4, stride=2, of <SequenceStore", repr(stored))
    with pytest.raises(IndexError):
        stored[6]
