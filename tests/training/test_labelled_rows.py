"""Labelled rows and their batches: every row with its own label, weight and strand, once in a pass."""

from itertools import chain

import numpy as np
import pytest
import torch

from skgenome.sequences import check_token_ids, reverse_complement_rows
from skgenome.training import LabelledRows, RowBatches

K = 2
STRANDS = pytest.mark.parametrize("strand", ["forward", "augment", "average", "concat"])


@pytest.fixture
def make_rows(rng):
    """Label rows of random lengths with their own number, so that a batch tells which ones it holds."""

    def make(n_rows=50, strand="concat", lengths=None):
        lengths = rng.integers(0, 30, n_rows) if lengths is None else lengths
        token_ids = check_token_ids([rng.integers(1, 18, n) for n in lengths])
        numbers = np.arange(token_ids.n_rows)
        return LabelledRows.of_strand(token_ids, numbers, 1.0 + numbers / 7, strand, K)

    return make


def unpad(ids):
    """List the real ids of every row of a batch."""
    return [row[row != 0].tolist() for row in ids.numpy()]


def rows_of(token_ids, rows):
    return [token_ids.row(i).tolist() for i in rows]


def order_of(batches):
    """List the rows of each batch of one pass."""
    return [targets.tolist() for _, (targets, _) in batches]


@STRANDS
def test_labelled_rows_of_strand_has_the_other_one_where_it_is_read(strand, make_rows):
    rows = make_rows(strand=strand)
    assert len(rows) == 50
    if strand == "forward":
        assert rows.reverse is None
    else:
        expected = reverse_complement_rows(rows.token_ids, K)
        assert rows_of(rows.reverse, range(50)) == rows_of(expected, range(50))


@pytest.mark.parametrize("strand", ["forward", "concat"])
@pytest.mark.parametrize("chosen", [[3, 1, 40], [7, 7], []], ids=str)
def test_labelled_rows_subset_keeps_everything_of_a_row(chosen, strand, make_rows):
    rows = make_rows(strand=strand)
    part = rows.subset(np.array(chosen, dtype=int))
    assert len(part) == len(chosen)
    assert rows_of(part.token_ids, range(len(chosen))) == rows_of(rows.token_ids, chosen)
    assert part.targets.tolist() == chosen
    assert part.weights.tolist() == rows.weights[chosen].tolist()
    assert part.weights.dtype == np.float32
    if strand == "concat":
        assert rows_of(part.reverse, range(len(chosen))) == rows_of(rows.reverse, chosen)
    else:
        assert part.reverse is None


@pytest.mark.parametrize("seed_", [None, 0], ids=["by length", "shuffled"])
@pytest.mark.parametrize("batch_size", [1, 3, 8, 50, 99])
def test_row_batches_hold_every_row_once_in_a_pass(batch_size, seed_, make_rows):
    batches = RowBatches(make_rows(), batch_size, "concat", seed_)
    for _ in range(3):
        order = order_of(batches)
        assert sorted(chain(*order)) == list(range(50))
        assert len(order) == len(batches) == -(-50 // batch_size)
        sizes = sorted(map(len, order))
        assert sizes[1:] == [batch_size] * (len(order) - 1)


@STRANDS
@pytest.mark.parametrize("seed_", [None, 0], ids=["by length", "shuffled"])
def test_row_batches_carry_ids_target_and_weight_of_each_row(seed_, strand, make_rows):
    rows = make_rows(strand=strand)
    for inputs, (targets, weights) in RowBatches(rows, 7, strand, seed_):
        numbers = targets.numpy()
        assert weights.tolist() == rows.weights[numbers].tolist()
        longest = max(1, rows.token_ids.lengths[numbers].max())
        assert all(ids.shape == (len(numbers), longest) for ids in inputs.values())
        assert all(ids.dtype == torch.int64 for ids in inputs.values())
        assert set(inputs) == ({"token_ids", "reverse"} if strand in ("average", "concat") else {"token_ids"})
        if strand != "augment" or seed_ is None:
            assert unpad(inputs["token_ids"]) == rows_of(rows.token_ids, numbers)
        if "reverse" in inputs:
            expected = reverse_complement_rows(rows.token_ids, K)
            assert unpad(inputs["reverse"]) == rows_of(expected, numbers)


def test_row_batches_augment_reads_each_row_from_a_strand_by_chance(make_rows):
    rows = make_rows(strand="augment", lengths=[20] * 50)
    n_flipped, flips_of_a_row, flips_of_a_batch = 0, set(), []
    batches = RowBatches(rows, 8, "augment", seed=0)
    for _ in range(20):
        for inputs, (targets, _) in batches:
            flips_of_a_batch.append(set())
            for ids, i in zip(unpad(inputs["token_ids"]), targets.tolist(), strict=True):
                forward, reverse = rows.token_ids.row(i).tolist(), rows.reverse.row(i).tolist()
                assert ids in (forward, reverse)
                n_flipped += ids == reverse
                flips_of_a_batch[-1].add(ids == reverse)
                if i == 0:
                    flips_of_a_row.add(ids == reverse)
    # A thousand coins: five standard deviations to either side.
    assert n_flipped == pytest.approx(500, abs=80)
    assert flips_of_a_row == {True, False}
    assert sum(flips == {True, False} for flips in flips_of_a_batch) > 100


def test_row_batches_have_a_new_order_in_every_pass(make_rows):
    batches = RowBatches(make_rows(), 5, "concat", seed=0)
    first, second = order_of(batches), order_of(batches)
    assert first != second
    assert set(map(frozenset, first)) != set(map(frozenset, second))


@STRANDS
def test_row_batches_same_seed_deals_the_same_batches(strand, make_rows):
    rows = make_rows(strand=strand)

    def read(seed):
        batches = RowBatches(rows, 5, strand, seed)
        return [(unpad(x["token_ids"]), y.tolist()) for _ in range(3) for x, (y, _) in batches]

    assert read(3) == read(3)
    assert read(3) != read(4)


@STRANDS
@pytest.mark.parametrize("position", [(0, 0), (0, 3), (0, 10), (2, 0), (1, 9)])
def test_row_batches_begin_at_any_position(position, strand, make_rows):
    rows = make_rows(strand=strand)

    def read(batches):
        return [(unpad(x["token_ids"]), y.tolist()) for x, (y, _) in batches]

    whole = RowBatches(rows, 5, strand, seed=3)
    passes = [read(whole) for _ in range(4)]
    n_passes, n_batches = position
    batches = RowBatches(rows, 5, strand, seed=3, position=position)
    assert read(batches) == passes[n_passes][n_batches:]
    assert read(batches) == passes[n_passes + 1]


def test_row_batches_without_a_seed_go_by_length_in_every_pass(make_rows):
    rows = make_rows()
    batches = RowBatches(rows, 5, "concat")
    lengths = rows.token_ids.lengths[list(chain(*order_of(batches)))]
    assert (np.diff(lengths) >= 0).all()
    assert order_of(batches) == order_of(batches)


def test_row_batches_hold_rows_of_similar_length(make_rows):
    rows = make_rows(400)
    n_padded = sum(int(x["token_ids"].numel()) for x, _ in RowBatches(rows, 10, "forward", seed=0))
    n_real = int(rows.token_ids.lengths.sum())
    assert n_padded < 1.15 * n_real
    # In batches by chance, the longest of ten rows is nearly twice the mean.
    assert rows.token_ids.lengths.max() * 400 > 1.8 * n_real


def test_row_batches_do_not_deal_the_lengths_in_order_when_training(make_rows):
    """Short rows first in every pass would be a curriculum that nobody asked for."""
    rows = make_rows(200)
    longest = [x["token_ids"].shape[1] for x, _ in RowBatches(rows, 10, "forward", seed=0)]
    assert abs(np.corrcoef(longest, range(len(longest)))[0, 1]) < 0.9


def test_row_batches_a_batch_of_empty_rows_is_a_column_of_padding(make_rows):
    """Non-regression: it had no column at all, and an LSTM refuses to run over nothing."""
    ((inputs, _),) = RowBatches(make_rows(lengths=[0, 0, 0]), 5, "concat")
    assert inputs["token_ids"].tolist() == inputs["reverse"].tolist() == [[0]] * 3


@pytest.mark.parametrize(("strand", "seed_"), [("augment", 0), ("average", None), ("concat", 0)])
def test_row_batches_refuse_a_dataset_without_the_strand_they_read(strand, seed_, make_rows):
    with pytest.raises(ValueError, match=f"strand='{strand}' reads the other strand, but the dataset was"):
        RowBatches(make_rows(strand="forward"), 5, strand, seed_)


def test_row_batches_leave_the_global_generators_alone(make_rows):
    before = torch.random.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    list(RowBatches(make_rows(strand="augment"), 5, "augment", seed=0))
    assert torch.equal(torch.random.get_rng_state(), before[0])
    assert (np.random.get_state()[1] == before[1]).all()  # noqa: NPY002
