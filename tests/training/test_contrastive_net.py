"""Contrastive pretraining as a whole: the record, the steps, the batches and what ends it."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from skorch.history import History
from torch import nn

from skgenome.nn import ContrastiveModule, InfoNCE, PatchEncoder, make_context
from skgenome.sequences import N_SPECIAL
from skgenome.training import (
    PatchAccuracy,
    SegmentStream,
    contrastive_net,
    cut_into_stretches,
    hold_out,
    recognise_patches,
)

WINDOW = 40  # 9 patches of 8 bases, one every 4
SETTINGS = {
    "k": None,
    "batch_size": 4,
    "bptt": WINDOW,
    "max_epochs": 2,
    "max_steps": None,
    "steps_per_round": None,
    "optimizer": "adamw",
    "schedule": "one-cycle",
    "learning_rate": 5e-3,
    "weight_decay": 0.01,
    "gradient_clip": 1.0,
    "device": torch.device("cpu"),
    "dtype": torch.float32,
    "seed": 0,
    "progress": False,
}
FIGURES = ("loss", "accuracy", "chance")


class Bases(nn.Module):
    """Encodes a patch by a vector for each base at each place; the same in training and prediction."""

    n_features = 5

    def __init__(self):
        super().__init__()
        self.table = nn.Parameter(torch.randn(6, 8, 5))

    def forward(self, patches):
        return self.table[patches, torch.arange(8, device=patches.device)].sum(1)


class Spy(ContrastiveModule):
    """Notes what it is given, and whether to train on it."""

    def __init__(self, *args):
        super().__init__(*args)
        self.seen = []

    def forward(self, token_ids):
        self.seen.append((self.training, token_ids.clone()))
        return super().forward(token_ids)


def make_module(kind=ContrastiveModule, negatives="both"):
    patches = PatchEncoder(Bases(), make_context("gru", 5, 6), 8, 4)
    return kind(patches, InfoNCE(5, 6, steps=(2, 3), projection_size=4, negatives=negatives))


@pytest.fixture
def split(make_corpus):
    """Windows to train on and three to validate on, which fill no whole batch."""
    stretches, contigs = cut_into_stretches(make_corpus([400, 150, 77], k=1), WINDOW - 1)
    return hold_out(stretches, contigs, 100, "stretches", np.random.RandomState(0))


@pytest.fixture
def train_net(split, seed):
    """Train a tiny network with some settings changed."""

    def train(kind=ContrastiveModule, validate=True, negatives="both", **changes):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            module = make_module(kind, negatives)
            validation = split[1] if validate else None
            net = contrastive_net(module, split[0], validation, **{**SETTINGS, **changes})
            net.fit(split[0])
        return net

    return train


def column(net, name):
    """List a figure of all batches in their order."""
    return [batch[name] for row in net.history for batch in row["batches"] if name in batch]


def mean_by_hand(module, batches):
    """Average the figures of batches over their predictions, one by one."""
    totals, n_predictions = dict.fromkeys(FIGURES, 0.0), 0
    with torch.no_grad():
        for segment in batches:
            output = module(segment.token_ids)
            for _ in range(output.n_predictions):
                for figure in FIGURES:
                    totals[figure] += float(getattr(output, figure))
            n_predictions += output.n_predictions
    return {figure: total / n_predictions for figure, total in totals.items()}


def test_contrastive_net_history_is_the_mean_over_predictions(train_net, split):
    """At a rate of next to nothing the network that is trained is the one that is measured."""
    net = train_net(learning_rate=1e-30, weight_decay=0.0, schedule="constant")
    stream = SegmentStream(split[0], 4, WINDOW, seed=0)
    sizes = {len(segment.token_ids) for segment in stream.read_pass(0)}
    assert len(sizes) > 1, "weights would not matter"
    for i, row in enumerate(net.history):
        expected = mean_by_hand(net.module_, stream.read_pass(i))
        for figure in FIGURES:
            assert row[f"train_{figure}"] == pytest.approx(expected[figure], rel=1e-5)


def test_contrastive_net_validation_equals_that_by_hand(train_net, split):
    net = train_net()
    batches = list(SegmentStream(split[1], 4, WINDOW))
    expected = mean_by_hand(net.module_.eval(), batches)
    options = {"device": torch.device("cpu"), "dtype": torch.float32}
    measured = recognise_patches(net.module_, batches, **options)
    for figure, value in zip(FIGURES, measured, strict=True):
        assert value == pytest.approx(expected[figure], rel=1e-5)
        assert net.history[-1][f"valid_{figure}"] == pytest.approx(expected[figure], rel=1e-5)


def test_recognise_patches_averages_over_predictions_and_gives_the_module_back(split):
    module = make_module().train()
    batches = list(SegmentStream(split[0], 3, WINDOW))
    assert len({len(batch.token_ids) for batch in batches}) > 1
    found = recognise_patches(module, batches, device=torch.device("cpu"), dtype=torch.float32)
    assert module.training
    assert found == pytest.approx(tuple(mean_by_hand(module, batches).values()), rel=1e-5)
    assert [type(figure) for figure in found] == [float] * 3


def test_contrastive_net_counts_the_bases_of_a_round(train_net, split):
    net = train_net(max_epochs=3)
    n_bases = int((split[0].ends - split[0].starts).sum())
    assert [row["train_tokens"] for row in net.history] == [n_bases] * 3
    assert net.history[0]["valid_tokens"] == (split[1].ends - split[1].starts).sum()


def test_contrastive_net_does_not_count_unknown_bases(train_net, split):
    values = split[0].corpus.values
    values[split[0].starts[0]] = 1
    known = sum((values[a:b] >= N_SPECIAL).sum() for a, b in zip(split[0].starts, split[0].ends, strict=True))
    assert train_net(max_epochs=1).history[0]["train_tokens"] == known


@pytest.mark.parametrize("steps_per_round", [None, 3, 7, 100])
def test_contrastive_net_takes_exactly_max_steps(steps_per_round, train_net):
    net = train_net(max_steps=7, steps_per_round=steps_per_round)
    counts = [row["train_batch_count"] for row in net.history]
    assert counts == {3: [3, 3, 1]}.get(steps_per_round, [7])
    assert all("valid_accuracy" in row for row in net.history)


def test_contrastive_net_reads_every_window_once_in_a_pass_and_whole(train_net, split):
    net = train_net(Spy, validate=False, max_epochs=1)
    found = sorted(tuple(row[row > 0].tolist()) for _, ids in net.module_.seen for row in ids)
    bounds = zip(split[0].starts, split[0].ends, strict=True)
    assert found == sorted(tuple(split[0].corpus.values[a:b].tolist()) for a, b in bounds)


def test_contrastive_net_reads_either_strand_by_chance(train_net, split):
    """Ids of A and T, as of C and G, add up to 7."""
    net = train_net(Spy, k=1, max_epochs=8)
    given = {tuple(split[0].corpus.values[a:b]) for a, b in zip(split[0].starts, split[0].ends, strict=True)}
    other = {tuple(7 - base for base in window[::-1]) for window in given}
    rows = [tuple(row[row > 0].tolist()) for trains, ids in net.module_.seen if trains for row in ids]
    assert set(rows) <= given | other
    assert 0.3 < np.mean([row in given for row in rows]) < 0.7
    held_out = {tuple(row[row > 0].tolist()) for trains, ids in net.module_.seen if not trains for row in ids}
    bounds = zip(split[1].starts, split[1].ends, strict=True)
    assert held_out == {tuple(split[1].corpus.values[a:b]) for a, b in bounds}


@pytest.mark.parametrize("least_rows", [1, 2, 3])
def test_contrastive_net_leaves_batches_of_too_few_rows_out(least_rows, train_net, split):
    batch_size = len(split[0]) - 1
    net = train_net(Spy, batch_size=batch_size, least_rows=least_rows, max_epochs=2, validate=False)
    sizes = [len(ids) for _, ids in net.module_.seen]
    expected = [batch_size, 1] if least_rows == 1 else [batch_size]
    assert sorted(sizes) == sorted(expected * 2)
    assert [row["train_batch_count"] for row in net.history] == [len(expected)] * 2


def test_contrastive_net_negatives_of_the_batch_stand_a_single_window_left_over(train_net, split):
    batch_size = len(split[0]) - 1
    with pytest.raises(ValueError, match="nothing can be predicted in 1 rows"):
        train_net(negatives="batch", batch_size=batch_size)
    net = train_net(negatives="batch", batch_size=batch_size, least_rows=2)
    assert all(math.isfinite(row["train_loss"]) for row in net.history)


@pytest.mark.parametrize("least_rows", [1, 2, 4])
def test_segment_stream_least_rows_counts_what_it_gives(least_rows, split):
    stream = SegmentStream(split[0], 4, WINDOW, seed=1, least_rows=least_rows)
    given = [len(segment.token_ids) for i in range(2) for segment in stream.read_pass(i)]
    assert len(given) == stream.n_steps(2)
    assert min(given) >= least_rows


def test_contrastive_net_same_seed_gives_the_same_bits(train_net):
    first, again, other = (train_net(seed=s) for s in (0, 0, 1))
    torch.testing.assert_close(first.module_.state_dict(), again.module_.state_dict(), rtol=0, atol=0)
    assert not torch.equal(first.module_.encoder.encoder.table, other.module_.encoder.encoder.table)
    assert [row["valid_loss"] for row in first.history] == [row["valid_loss"] for row in again.history]


def test_contrastive_net_validation_leaves_the_training_as_it_is(train_net):
    with_it, without = (train_net(validate=validate) for validate in (True, False))
    torch.testing.assert_close(with_it.module_.state_dict(), without.module_.state_dict(), rtol=0, atol=0)
    assert "valid_loss" not in without.history[-1]


def test_contrastive_net_computes_in_the_precision_asked_for(train_net):
    exact, rough = (train_net(max_steps=3, dtype=d) for d in (torch.float32, torch.bfloat16))
    assert rough.module_.encoder.encoder.table.dtype == torch.float32
    assert column(exact, "train_loss") != column(rough, "train_loss")
    assert column(rough, "train_loss") == pytest.approx(column(exact, "train_loss"), rel=0.02)


def test_contrastive_net_trains_on_every_device(train_net, device):
    net = train_net(device=device, max_steps=60, steps_per_round=20, learning_rate=0.03)
    assert net.history[-1]["train_loss"] < net.history[0]["train_loss"]
    assert net.history[-1]["train_accuracy"] > 2 * net.history[-1]["train_chance"]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_contrastive_net_stops_a_training_that_has_run_away(value, train_net):
    class Explodes(ContrastiveModule):
        n_steps = 0

        def forward(self, token_ids):
            output = super().forward(token_ids)
            self.n_steps += self.training
            return output._replace(loss=output.loss * value) if self.n_steps == 5 else output

    with pytest.raises(FloatingPointError, match=rf"became {value} at training step 5\. Lower .*now 0\.005"):
        train_net(Explodes, steps_per_round=3, validate=False)


def test_patch_accuracy_weighs_batches_by_their_predictions():
    net = SimpleNamespace(history=History())
    net.history.new_epoch()
    records = [("train", 1.0, 0.5, 10), ("train", 4.0, 0.2, 30), ("valid", 2.0, 0.1, 5)]
    for part, loss, accuracy, n_predictions in records:
        net.history.new_batch()
        figures = {"loss": loss, "accuracy": accuracy, "chance": 0.01, "predictions": n_predictions}
        for name, value in {**figures, "tokens": 100}.items():
            net.history.record_batch(f"{part}_{name}", value)
    PatchAccuracy().on_epoch_end(net)
    row = net.history[-1]
    assert (row["train_loss"], row["train_accuracy"]) == pytest.approx((3.25, 0.275))
    assert (row["valid_loss"], row["valid_accuracy"]) == pytest.approx((2.0, 0.1))
    assert row["train_chance"] == pytest.approx(0.01)
    assert (row["train_tokens"], row["valid_tokens"]) == (200, 100)


@pytest.mark.parametrize("validate", [True, False])
def test_training_progress_shows_accuracy_and_chance(validate, train_net, capsys):
    train_net(progress=True, validate=validate, steps_per_round=4)
    shown = capsys.readouterr().err
    assert "pretraining: 100%" in shown
    for name in FIGURES:
        assert f"{name}=" in shown
    assert ("valid=" in shown) is validate


def test_contrastive_net_is_silent_by_default(train_net, capsys):
    train_net()
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")
