"""Stretches and streams against brute force: every token once, in order, never across a contig's end."""

from itertools import islice

import numpy as np
import pytest
import torch

from skgenome.preprocessing import KmerTokenizer
from skgenome.sequences import TokenIds, check_token_ids, reverse_complement
from skgenome.training import SegmentStream, Stretches, cut_into_stretches, hold_out


def contigs_of(lengths):
    """Contigs in which every token is another number, so that each can be followed."""
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return TokenIds(np.arange(10, 10 + offsets[-1]), offsets)


def random_lengths(rng):
    """Lengths from nothing to long, those around one and two tokens among them."""
    return [*rng.integers(0, 200, 20), 0, 1, 2, 3]


def joined_batches(segments):
    """Join the segments of each batch along time, as an array for each batch."""
    batches = []
    for segment in segments:
        ids = segment.token_ids.numpy()
        if segment.starts:
            batches.append(ids)
        else:
            # The last token of a segment is a target only; the next one begins with it.
            assert (batches[-1][:, -1] == ids[:, 0]).all()
            batches[-1] = np.concatenate([batches[-1], ids[:, 1:]], axis=1)
    return batches


def real_rows(batches):
    """Give the rows of joined batches without padding, each checked to be padded on the right alone."""
    rows = [row for batch in batches for row in batch]
    for row in rows:
        assert (row[np.count_nonzero(row) :] == 0).all()
    return [row[row > 0].tolist() for row in rows]


def slices_of(stretches):
    return [row.tolist() for row in stretches.read(np.arange(len(stretches)))]


@pytest.mark.parametrize("length", [1, 2, 7, 50, 10_000, None])
def test_cut_into_stretches_predicts_every_token_but_the_first_once(length, rng):
    token_ids = contigs_of(random_lengths(rng))
    stretches, _ = cut_into_stretches(token_ids, length)
    targets = [token for row in slices_of(stretches) for token in row[1:]]
    expected = [token for i in range(token_ids.n_rows) for token in token_ids.row(i)[1:]]
    assert targets == expected
    assert stretches.n_predicted == len(expected)


@pytest.mark.parametrize("length", [1, 2, 7, 50, 10_000, None])
def test_cut_into_stretches_stays_inside_its_contig(length, rng):
    token_ids = contigs_of(random_lengths(rng))
    stretches, contigs = cut_into_stretches(token_ids, length)
    assert (stretches.starts >= token_ids.offsets[contigs]).all()
    assert (stretches.ends <= token_ids.offsets[contigs + 1]).all()
    assert len(stretches) == len(contigs)


@pytest.mark.parametrize("length", [1, 2, 7, 50])
def test_cut_into_stretches_lengths_are_even_and_not_above_the_limit(length, rng):
    stretches, contigs = cut_into_stretches(contigs_of(random_lengths(rng)), length)
    n_predicted = stretches.ends - stretches.starts - 1
    assert n_predicted.max() <= length
    for contig in np.unique(contigs):
        sizes = n_predicted[contigs == contig]
        assert sizes.max() - sizes.min() <= 1
        # As few as can be.
        assert len(sizes) == np.ceil(sizes.sum() / length)


def test_cut_into_stretches_leaves_contigs_whole_without_a_limit(rng):
    token_ids = contigs_of(random_lengths(rng))
    stretches, contigs = cut_into_stretches(token_ids, None)
    assert contigs.tolist() == np.flatnonzero(token_ids.lengths > 1).tolist()
    assert slices_of(stretches) == [token_ids.row(i).tolist() for i in contigs]


@pytest.mark.parametrize("unit", ["stretches", "contigs"])
@pytest.mark.parametrize("share", [0.001, 0.2, 0.9, 5.0])
def test_hold_out_is_a_partition(unit, share, rng, seed):
    stretches, contigs = cut_into_stretches(contigs_of(random_lengths(rng)), 20)
    n_tokens = share * stretches.n_predicted
    train, validation = hold_out(stretches, contigs, n_tokens, unit, np.random.RandomState(seed))
    assert sorted([*train.starts, *validation.starts]) == stretches.starts.tolist()
    assert sorted([*train.ends, *validation.ends]) == stretches.ends.tolist()
    assert len(train) > 0
    # No more units than it takes, unless that is nearly all there is.
    if share < 1:
        assert validation.n_predicted >= n_tokens
        largest = 20 if unit == "stretches" else 199
        assert validation.n_predicted <= n_tokens + largest


def test_hold_out_by_contig_splits_none(rng, seed):
    stretches, contigs = cut_into_stretches(contigs_of(random_lengths(rng)), 20)
    random_state = np.random.RandomState(seed)
    train, validation = hold_out(stretches, contigs, 300, "contigs", random_state)
    contig_of = dict(zip(stretches.starts, contigs, strict=True))
    assert {contig_of[s] for s in train.starts}.isdisjoint(contig_of[s] for s in validation.starts)


@pytest.mark.parametrize(
    ("lengths", "n_tokens", "unit"),
    [([50], 10, "contigs"), ([15], 10, "stretches"), ([50, 50], 0, "stretches")],
    ids=["one contig", "one stretch", "nothing asked for"],
)
def test_hold_out_may_set_nothing_aside(lengths, n_tokens, unit):
    stretches, contigs = cut_into_stretches(contigs_of(lengths), 20)
    train, validation = hold_out(stretches, contigs, n_tokens, unit, np.random.RandomState(0))
    assert train is stretches
    assert validation is None


def test_hold_out_draws_by_its_generator():
    stretches, contigs = cut_into_stretches(contigs_of([500]), 10)
    draws = [hold_out(stretches, contigs, 50, "stretches", np.random.RandomState(s))[1] for s in (0, 0, 1)]
    assert (draws[0].starts == draws[1].starts).all()
    assert set(draws[0].starts) != set(draws[2].starts)


@pytest.mark.parametrize("bptt", [1, 7, 50, 1000])
@pytest.mark.parametrize("batch_size", [1, 4, 100])
@pytest.mark.parametrize("order_seed", [None, 3])
def test_segment_stream_one_pass_reads_every_stretch_once(bptt, batch_size, order_seed, rng):
    stretches, _ = cut_into_stretches(contigs_of(random_lengths(rng)), 60)
    segments = list(SegmentStream(stretches, batch_size, bptt, order_seed))
    rows = real_rows(joined_batches(segments))
    assert sorted(rows) == slices_of(stretches)
    assert max(segment.token_ids.shape[1] for segment in segments) <= bptt + 1
    assert max(len(segment.token_ids) for segment in segments) <= batch_size
    # As many segments start a batch as it takes to hold all stretches.
    assert sum(segment.starts for segment in segments) == np.ceil(len(stretches) / batch_size)


def test_segment_stream_segments_of_a_batch_are_of_even_length():
    stretches, _ = cut_into_stretches(contigs_of([102]), None)
    widths = [segment.token_ids.shape[1] - 1 for segment in SegmentStream(stretches, 1, 50)]
    assert widths == [33, 34, 34]


def test_segment_stream_batches_hold_stretches_of_similar_length(rng):
    stretches, _ = cut_into_stretches(contigs_of(rng.integers(2, 200, 100)), None)
    batches = joined_batches(SegmentStream(stretches, 10, 1000, 0))
    n_cells = sum(batch.size for batch in batches)
    # Fewer padded cells than a tenth; in an order by chance they are more than a third.
    assert n_cells < 1.1 * (stretches.ends - stretches.starts).sum()


def test_segment_stream_gives_int64():
    corpus = check_token_ids(np.array([[2, 3, 4]], dtype=np.uint8))
    stretches = Stretches(corpus, np.array([0]), np.array([3]))
    (segment,) = SegmentStream(stretches, 4)
    assert segment.token_ids.dtype == torch.int64
    assert segment.token_ids.tolist() == [[2, 3, 4]]
    assert segment.starts


@pytest.mark.parametrize("n_passes", [1, 3])
def test_segment_stream_counts_what_it_gives(n_passes, rng):
    stretches, _ = cut_into_stretches(contigs_of(random_lengths(rng)), 60)
    stream = SegmentStream(stretches, 4, 7, 3)
    given = sum(len(list(stream.read_pass(i))) for i in range(n_passes))
    assert stream.n_steps(n_passes) == given


def equal(first, second):
    pairs = zip(first, second, strict=True)
    return all(a.starts == b.starts and torch.equal(a.token_ids, b.token_ids) for a, b in pairs)


@pytest.mark.parametrize("per_round", [1, 5, 64])
def test_segment_stream_rounds_go_on_where_the_last_one_ended(per_round, make_corpus):
    stretches, _ = cut_into_stretches(make_corpus([100, 80, 30]), 25)
    options = {"batch_size": 2, "bptt": 10, "seed": 4, "k": 2}
    stream = SegmentStream(stretches, **options, steps_per_round=per_round, max_steps=64)
    rounds = [list(stream) for _ in range(64 // per_round)]
    whole = SegmentStream(stretches, **options)
    passes = (segment for i in range(100) for segment in whole.read_pass(i))
    assert {len(segments) for segments in rounds} == {per_round}
    found = [segment for segments in rounds for segment in segments]
    assert equal(found, list(islice(passes, len(found))))


def test_segment_stream_ends_with_max_steps():
    stretches, _ = cut_into_stretches(contigs_of([50]), 10)
    stream = SegmentStream(stretches, 2, 5, 0, steps_per_round=4, max_steps=10)
    assert [len(list(stream)) for _ in range(4)] == [4, 4, 2, 0]


@pytest.mark.parametrize("per_round", [1, 5, 64])
@pytest.mark.parametrize("max_steps", [None, 62])
def test_segment_stream_begins_at_any_position(per_round, max_steps, make_corpus):
    stretches, _ = cut_into_stretches(make_corpus([100, 80, 30]), 25)
    options = {"batch_size": 2, "bptt": 10, "seed": 4, "k": 2}
    options |= {"steps_per_round": per_round, "max_steps": max_steps}
    n_rounds = -(-62 // per_round)
    whole = SegmentStream(stretches, **options)
    rounds = [list(whole) for _ in range(n_rounds)]
    for position in range(0, 63, 3):
        i_round, n_steps = divmod(position, per_round)
        # The end of a round may be told as its last step, or as no step of the one behind it.
        starts = [(i_round, n_steps)] if n_steps or not i_round else [(i_round, 0), (i_round - 1, per_round)]
        for start in starts:
            stream = SegmentStream(stretches, **options, position=start)
            for i in range(start[0], n_rounds):
                expected = rounds[i][start[1] :] if i == start[0] else rounds[i]
                assert equal(list(stream), expected)
    assert list(SegmentStream(stretches, **{**options, "max_steps": 62}, position=(n_rounds, 0))) == []


def test_segment_stream_without_rounds_gives_the_same_pass_each_time():
    stretches, _ = cut_into_stretches(contigs_of([50, 20]), 10)
    stream = SegmentStream(stretches, 2, 5)
    assert equal(list(stream), list(stream))


def test_segment_stream_same_seed_gives_the_same(make_corpus):
    stretches, _ = cut_into_stretches(make_corpus([300]), 10)
    first, again, other = (list(SegmentStream(stretches, 2, 5, s, k=2)) for s in (1, 1, 2))
    assert equal(first, again)
    assert not equal(first, other)


@pytest.mark.parametrize("k", [None, 2], ids=["forward", "both strands"])
def test_segment_stream_passes_differ(k, make_corpus):
    stretches, _ = cut_into_stretches(make_corpus([300]), 10)
    stream = SegmentStream(stretches, 2, 5, 0, k=k)
    assert not equal(list(stream.read_pass(0)), list(stream.read_pass(1)))


@pytest.mark.parametrize(("k", "stride"), [(1, 1), (3, 1), (4, 2), (3, 3)])
def test_segment_stream_other_strand_equals_tokenising_the_reverse_complement(k, stride, rng):
    # One contig for each stretch: what is read can be compared with the tokenizer's answer.
    contigs = ["".join(rng.choice(list("ACGTN"), k + stride * n)) for n in rng.integers(8, 60, 60)]
    tokenizer = KmerTokenizer(k=k, stride=stride, padding=False)
    forward = [row.tolist() for row in tokenizer.transform(contigs)]
    backward = [row.tolist() for row in tokenizer.transform([reverse_complement(s) for s in contigs])]
    stretches, _ = cut_into_stretches(check_token_ids(list(map(np.array, forward))), None)
    stream = SegmentStream(stretches, 7, 9, seed=0, k=k)
    n_reverse = 0
    for i in range(4):
        rows = real_rows(joined_batches(stream.read_pass(i)))
        n_reverse += sum(row not in forward for row in rows)
        for either in zip(forward, backward, strict=True):
            assert sum(row in either for row in rows) >= 1
        assert all(row in forward or row in backward for row in rows)
    # 240 fair coins: outside of this once in a million times.
    assert 80 < n_reverse < 160


def test_segment_stream_other_strand_of_unknown_tokens_is_unknown():
    stretches = Stretches(check_token_ids([[1, 5, 1, 1]]), np.array([0]), np.array([4]))
    rows = {tuple(next(SegmentStream(stretches, 1, 9, s, k=1).read_pass(0)).token_ids[0].tolist())
            for s in range(20)}  # fmt: skip
    assert rows == {(1, 5, 1, 1), (1, 1, 2, 1)}


def test_stretches_subset_takes_indices_and_masks():
    stretches, _ = cut_into_stretches(contigs_of([30]), 10)
    by_index = stretches.subset(np.array([0, 2]))
    by_mask = stretches.subset(np.array([True, False, True]))
    assert slices_of(by_index) == slices_of(by_mask)
    assert len(by_index) == 2


@pytest.mark.parametrize("length", [1, 7, 20, 500])
def test_cut_into_whole_stretches_leaves_a_shorter_last_one(length, rng):
    """Every predicted token is in one stretch, and all but the last of a contig have the full length."""
    token_ids = contigs_of(random_lengths(rng))
    stretches, contigs = cut_into_stretches(token_ids, length, even=False)
    n_predicted = stretches.ends - stretches.starts - 1
    for contig in range(token_ids.n_rows):
        of_contig = np.flatnonzero(contigs == contig)
        expected = max(int(token_ids.lengths[contig]) - 1, 0)
        assert n_predicted[of_contig].sum() == expected
        assert (n_predicted[of_contig[:-1]] == length).all()
        if expected:
            assert stretches.starts[of_contig[0]] == token_ids.offsets[contig]
            np.testing.assert_array_equal(stretches.starts[of_contig[1:]], stretches.ends[of_contig[:-1]] - 1)
