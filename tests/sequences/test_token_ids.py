"""Token ids in all their forms: packing against slicing, geometry against the tokenizer that made them."""

from itertools import pairwise, product

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse

from skgenome.preprocessing import KmerTokenizer
from skgenome.sequences import (
    N_SPECIAL,
    TokenGeometry,
    TokenIds,
    check_token_ids,
    infer_geometry,
    kmers_of_ids,
    overlaps_by,
    pad_rows,
    reverse_complement,
    reverse_complement_rows,
)

GEOMETRIES = [(1, 1), (2, 1), (3, 1), (3, 2), (3, 3), (3, 5), (4, 4), (5, 2), (6, 3), (9, 1)]


@pytest.fixture
def rng(seed):
    return np.random.default_rng(seed)


def dna(rng, length, letters="ACGT"):
    return "".join(rng.choice(list(letters), length))


def tokenise(sequences, k, stride):
    return check_token_ids(KmerTokenizer(k=k, stride=stride, padding=False).transform(sequences))


def rows_of(token_ids):
    return [token_ids.row(i).tolist() for i in range(token_ids.n_rows)]


def random_rows(rng):
    """Rows of many lengths: empty ones, and ones with padding inside or a long tail of it."""
    rows = [rng.integers(2, 66, rng.integers(0, 12)) for _ in range(40)]
    for row in rows[::3]:
        row[rng.random(len(row)) < 0.3] = 0
    return rows


def strip_row(row):
    """Drop the padding on the right; what stands further left is unknown."""
    row = list(row)
    while row and row[-1] == 0:
        row.pop()
    return [int(x) or 1 for x in row]


def test_check_token_ids_rows_are_those_of_a_loop(rng):
    rows = random_rows(rng)
    matrix = pad_rows([*rows, np.arange(2, 20)])[:-1]
    expected = [strip_row(row) for row in rows]
    assert rows_of(check_token_ids(rows)) == expected
    assert rows_of(check_token_ids(matrix)) == expected


@pytest.mark.parametrize(
    "convert",
    [
        lambda X: X.astype(np.uint16),
        lambda X: X.astype(np.float32),
        lambda X: X.astype(object),
        lambda X: X.tolist(),
        lambda X: tuple(map(tuple, X.tolist())),
        lambda X: list(X),
        lambda X: tuple(X.astype(float)),
        lambda X: np.array([*X, None], dtype=object)[:-1],
        lambda X: np.asfortranarray(X),
        lambda X: pd.DataFrame(X),
        lambda X: pl.DataFrame(X),
    ],
    ids=[
        "uint16", "float", "object", "list of lists", "tuple of tuples", "list of arrays", "tuple of arrays",
        "array of arrays", "Fortran order", "pandas", "polars",
    ],
)  # fmt: skip
def test_check_token_ids_container_does_not_matter(convert, rng):
    X = rng.integers(2, 66, (5, 7))
    X[2, 4:] = 0
    X[3] = 0
    found = check_token_ids(convert(X))
    assert rows_of(found) == [strip_row(row) for row in X]
    assert found.values.dtype.kind == "u"
    assert found.offsets.dtype == np.int64
    assert (found.n_rows, found.lengths.tolist()) == (5, [7, 7, 4, 0, 7])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.uint64])
def test_check_token_ids_keeps_unsigned_dtypes(dtype):
    X = np.array([[2, 3]], dtype=dtype)
    assert check_token_ids(X).values.dtype == dtype
    assert check_token_ids(list(X)).values.dtype == dtype


@pytest.mark.parametrize(("largest", "dtype"), [(255, np.uint8), (256, np.uint16), (70_000, np.uint32)])
def test_check_token_ids_takes_the_smallest_dtype_for_others(largest, dtype):
    assert check_token_ids(np.array([[2, largest]])).values.dtype == dtype


def test_check_token_ids_reads_booleans_as_numbers():
    assert rows_of(check_token_ids(np.array([[True, True, False], [False, True, False]]))) == [[1, 1], [1, 1]]


def test_check_token_ids_rows_may_all_be_empty():
    found = check_token_ids([np.array([]), np.zeros(3, dtype=int)])
    assert (rows_of(found), len(found.values)) == ([[], []], 0)


def test_check_token_ids_does_not_copy_a_full_unsigned_matrix():
    X = np.full((3, 4), 5, dtype=np.uint8)
    assert np.shares_memory(check_token_ids(X).values, X)


@pytest.mark.parametrize("X", [np.array([[2, 0, 3, 0]]), [np.array([2, 0, 3, 0])]], ids=["matrix", "list"])
def test_check_token_ids_does_not_change_its_input(X):
    check_token_ids(X)
    assert list(X[0]) == [2, 0, 3, 0]


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (["GATTACA"], TypeError, r"X holds text \('GATTACA'\).* Put a KmerTokenizer before"),
        ([["A" * 99]], TypeError, r"X holds text \('A{30}'\)"),
        (np.array(["GATTACA"], dtype=object), TypeError, "X holds text"),
        ([np.array(["GATTACA"])], TypeError, r"X\[0\] must hold token ids .*dtype <U7"),
        ([[2, None]], ValueError, r"Got nan \(NaN or infinity\) in row 0, column 1"),
        ([[2, {}]], TypeError, "X holds something that is no number.*dict"),
        (np.array([[2, "A"]], dtype=object), TypeError, "X holds something that is no number.*'A'"),
        (np.array([[b"ACGT"]]), TypeError, "X holds something that is no number.*ACGT"),
        (np.zeros((1, 2), dtype="datetime64[s]"), TypeError, r"Got dtype datetime64\[s\]"),
        (np.ones((1, 2), dtype=complex), ValueError, "Complex data not supported: X has dtype complex128"),
        (sparse.eye_array(3), TypeError, "X is a sparse matrix.*X.toarray"),
        ([[2.0, 3.5]], ValueError, r"Got 3.5 in row 0, column 1.*KmerTokenizer"),
        ([[2, 3], [-4, 5]], ValueError, "Got -4 in row 1, column 0"),
        ([[2.0, 3.0], [2.0, np.nan]], ValueError, r"Got nan \(NaN or infinity\) in row 1, column 1"),
        ([[np.inf]], ValueError, r"Got inf \(NaN or infinity\) in row 0, column 0"),
        ([[2**32]], ValueError, "Got 4294967296 in row 0, column 0"),
        ([np.array([2]), np.array([2, -3])], ValueError, r"X\[1\] must hold .*Got -3 in column 1"),
        ([2, 3], ValueError, r"Expected 2D array .* got 1D array instead: X has shape \(2,\).*reshape"),
        (np.ones((2, 2, 2), int), ValueError, "got 3D array instead"),
        ([[2, 3], [4]], ValueError, "X is neither a matrix .* nor a list of 1-D arrays.*padding=False"),
        ([np.array([2, 3]), [4]], ValueError, "neither a matrix"),
        (np.zeros((0, 3), int), ValueError, r"X has 0 sample\(s\) \(shape=\(0, 3\)\)"),
        (np.zeros((3, 0), int), ValueError, r"X has 0 feature\(s\).*shorter than k"),
        ([], ValueError, "Expected 2D array"),
    ],
)
def test_check_token_ids_error_says_what_and_where(X, error, message):
    with pytest.raises(error, match=message):
        check_token_ids(X)


def test_check_token_ids_error_uses_the_name_given():
    with pytest.raises(ValueError, match="corpus must hold token ids"):
        check_token_ids([[-1]], name="corpus")


@pytest.mark.parametrize(("k", "stride"), GEOMETRIES)
def test_infer_geometry_reads_what_the_tokenizer_was_told(k, stride, rng):
    # A last sequence of T makes sure that the largest id, the one that reveals k, is there.
    token_ids = tokenise([dna(rng, n) for n in (400, 37, 1000)] + ["T" * k], k, stride)
    assert infer_geometry(token_ids) == TokenGeometry(k, min(stride, k))


@pytest.mark.parametrize(("k", "n_tokens"), [(1, 6), (3, 66), (15, 4**15 + 2)])
def test_token_geometry_knows_the_size_of_the_vocabulary(k, n_tokens):
    assert TokenGeometry(k, 1).n_tokens == n_tokens


@pytest.mark.parametrize("k", range(1, 16))
def test_infer_geometry_largest_id_decides_k(k):
    def infer(largest):
        return infer_geometry(check_token_ids(np.array([[largest, 2]], dtype=np.uint64))).k

    assert infer(4**k + 1) == k
    if k < 15:
        assert infer(4**k + 2) == k + 1


def test_infer_geometry_refuses_ids_beyond_every_k():
    with pytest.raises(ValueError, match="Token id 1073741826 is larger than any id of k = 15"):
        infer_geometry(check_token_ids(np.array([[4**15 + 2]], dtype=np.uint64)))


def test_infer_geometry_of_no_token_is_the_smallest():
    assert infer_geometry(check_token_ids([np.array([])])) == TokenGeometry(1, 1)


@pytest.mark.parametrize(("k", "stride"), GEOMETRIES)
def test_overlaps_by_equals_comparing_letters(k, stride, rng):
    sequences = [dna(rng, 80, "ACGTN"), dna(rng, 17), dna(rng, 300)]
    token_ids = tokenise(sequences, k, stride)
    pairs = [
        kmers_of_ids(np.array(pair), k)
        for row in rows_of(token_ids)
        for pair in pairwise(row)
        if min(pair) >= N_SPECIAL
    ]
    for shift in range(1, k + 1):
        expected = all(left[shift:] == right[: k - shift] for left, right in pairs)
        assert overlaps_by(token_ids, k, shift) == expected


def test_overlaps_by_looks_at_no_pair_of_two_rows():
    row_of = {"AAA": 2, "TTT": 65}
    assert overlaps_by(check_token_ids([np.array([row_of["AAA"]] * 3), np.array([row_of["TTT"]] * 3)]), 3, 1)
    assert not overlaps_by(check_token_ids([np.array([2, 65])]), 3, 1)


@pytest.mark.parametrize("empty_at", [0, 1, 2])
def test_overlaps_by_stands_empty_rows(empty_at):
    rows = [np.array([2, 2]), np.array([65, 65])]
    rows.insert(empty_at, np.array([], dtype=int))
    assert overlaps_by(check_token_ids(rows), 3, 1)


@pytest.mark.parametrize(("max_tokens", "expected"), [(3, True), (4, False)])
def test_overlaps_by_looks_as_far_as_told(max_tokens, expected):
    token_ids = check_token_ids([np.array([2, 2, 2, 65]), np.array([2])])
    assert overlaps_by(token_ids, 3, 1, max_tokens=max_tokens) is expected


@pytest.mark.parametrize(("k", "stride"), GEOMETRIES)
def test_reverse_complement_rows_equals_tokenising_the_other_strand(k, stride, rng):
    lengths = [k + stride * n for n in (0, 1, 5, 40)]
    sequences = [dna(rng, n, "ACGTN") for n in lengths]
    found = reverse_complement_rows(tokenise(sequences, k, stride), k)
    expected = tokenise([reverse_complement(s) for s in sequences], k, stride)
    assert rows_of(found) == rows_of(expected)


@pytest.mark.parametrize("order", list(product([0, 1], repeat=3)), ids=str)
def test_reverse_complement_rows_twice_is_the_identity(order):
    rows = [np.array([2, 5, 1, 17]) if full else np.array([], dtype=int) for full in order]
    token_ids = check_token_ids(rows)
    twice = reverse_complement_rows(reverse_complement_rows(token_ids, 2), 2)
    assert rows_of(twice) == rows_of(token_ids)
    assert twice.values.dtype == token_ids.values.dtype


def test_pad_rows_fills_the_right_with_zeros():
    rows = [
        np.array([5, 6, 7], dtype=np.uint16),
        np.array([], dtype=np.uint16),
        np.array([8], dtype=np.uint16),
    ]
    matrix = pad_rows(rows)
    assert matrix.tolist() == [[5, 6, 7], [0, 0, 0], [8, 0, 0]]
    assert matrix.dtype == np.uint16
    assert pad_rows(rows, np.dtype(np.int64)).dtype == np.int64


def test_pad_rows_is_undone_by_check_token_ids(rng):
    rows = [rng.integers(2, 66, n) for n in (3, 0, 9)]
    assert rows_of(check_token_ids(pad_rows(rows))) == [row.tolist() for row in rows]


def test_token_ids_row_is_a_view():
    token_ids = TokenIds(np.array([2, 3, 4]), np.array([0, 1, 3]))
    assert np.shares_memory(token_ids.row(1), token_ids.values)
    assert token_ids.row(1).tolist() == [3, 4]


@pytest.mark.parametrize("form", [list, np.array], ids=["list", "array"])
def test_token_ids_take_keeps_rows_in_the_order_given(form, rng):
    token_ids = check_token_ids(random_rows(rng))
    chosen = [7, 0, 39, 7, 12]
    taken = token_ids.take(form(chosen))
    assert rows_of(taken) == [rows_of(token_ids)[i] for i in chosen]
    assert taken.values.dtype == token_ids.values.dtype
    assert taken.offsets.dtype == np.int64
    assert taken.lengths.tolist() == token_ids.lengths[chosen].tolist()


def test_token_ids_take_of_no_row_is_empty(rng):
    taken = check_token_ids(random_rows(rng)).take([])
    assert (taken.n_rows, len(taken.values)) == (0, 0)


def test_token_ids_take_is_a_copy():
    token_ids = TokenIds(np.array([2, 3, 4]), np.array([0, 1, 3]))
    token_ids.take([0, 1]).values[:] = 9
    assert token_ids.values.tolist() == [2, 3, 4]


def test_check_token_ids_passes_packed_ids_through(rng):
    token_ids = check_token_ids(random_rows(rng))
    assert check_token_ids(token_ids) is token_ids
