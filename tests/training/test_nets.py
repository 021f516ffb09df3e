"""Pretraining as a whole: the state that is carried, the schedule, the clipping and the record."""

import math
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from skorch.history import History

from skgenome.nn import AWDLSTMLanguageModel
from skgenome.sequences import TokenIds
from skgenome.training import (
    BitsPerBase,
    FiniteLoss,
    bits_per_base,
    cut_into_stretches,
    hold_out,
    language_model_net,
    row_surprise,
    schedule_callback,
)
from skgenome.training._nets import optimizer_options

SIZES = {"embedding_size": 4, "hidden_size": 6, "n_layers": 2}
SETTINGS = {
    "new_bases": 1,
    "k": None,
    "batch_size": 4,
    "bptt": 10,
    "max_epochs": 2,
    "max_steps": None,
    "steps_per_round": None,
    "optimizer": "adamw",
    "schedule": "one-cycle",
    "learning_rate": 5e-3,
    "weight_decay": 0.01,
    "gradient_clip": 1.0,
    "alpha": 0.4,
    "beta": 0.2,
    "device": torch.device("cpu"),
    "dtype": torch.float32,
    "seed": 0,
    "progress": False,
}


class Spy(AWDLSTMLanguageModel):
    """A language model that notes the states that come in and go out, in training and in eval mode."""

    def __init__(self, *args, **params):
        super().__init__(*args, **params)
        self.calls = []

    def forward(self, token_ids, state=None):
        logits, output = super().forward(token_ids, state)
        self.calls.append((self.training, state, output.state, len(token_ids)))
        return logits, output


class Recorder(torch.optim.SGD):
    """Gradient descent that notes the norm of the gradient of every step."""

    norms = None

    def step(self, closure):
        loss = super().step(closure)
        gradients = [p.grad.flatten() for group in self.param_groups for p in group["params"]]
        type(self).norms.append(torch.cat(gradients).norm().item())
        return loss


@pytest.fixture
def split(make_corpus):
    """Stretches to train on and three to validate on, which fill no whole batch."""
    stretches, contigs = cut_into_stretches(make_corpus([300, 120, 77]), 40)
    return hold_out(stretches, contigs, 100, "stretches", np.random.RandomState(0))


@pytest.fixture
def train_net(split, seed):
    """Train a tiny network with some settings changed."""

    def train(module_class=AWDLSTMLanguageModel, validate=True, **changes):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            module = module_class(18, **SIZES)
            validation = split[1] if validate else None
            net = language_model_net(module, split[0], validation, **{**SETTINGS, **changes})
            net.fit(split[0])
        return net

    return train


def column(net, name):
    """List a figure of all batches of training in their order."""
    return [batch[name] for row in net.history for batch in row["batches"] if name in batch]


@pytest.mark.parametrize("steps_per_round", [None, 1, 3])
@pytest.mark.parametrize("training", [True, False], ids=["training", "validation"])
def test_language_model_net_carries_the_state_along_a_batch(training, steps_per_round, train_net):
    """Non-regression: validation left its state to the training segment after it, and a crash as well."""
    net = train_net(Spy, steps_per_round=steps_per_round)
    calls = [call[1:] for call in net.module_.calls if call[0] is training]
    n_carried = 0
    for (_, previous, _), (state, _, n_rows) in pairwise(calls):
        if state is None:
            continue
        n_carried += 1
        assert len(previous[0][0][0]) == n_rows
        for before, after in zip(previous, state, strict=True):
            assert torch.equal(before[0], after[0])
            assert torch.equal(before[1], after[1])
    assert n_carried > 5


def test_language_model_net_starts_every_batch_from_zero(train_net, split):
    net = train_net(Spy, max_epochs=3)
    n_starts = sum(state is None for training, state, *_ in net.module_.calls if training)
    assert n_starts == 3 * math.ceil(len(split[0]) / 4)


def test_language_model_net_lets_no_gradient_cross_a_segment(train_net):
    net = train_net(Spy)
    states = [state for _, state, *_ in net.module_.calls if state is not None]
    assert not any(part.requires_grad for state in states for layer in state for part in layer)


@pytest.mark.parametrize("steps_per_round", [None, 3, 7, 100])
def test_language_model_net_takes_exactly_max_steps(steps_per_round, train_net):
    net = train_net(max_steps=7, steps_per_round=steps_per_round)
    counts = [row["train_batch_count"] for row in net.history]
    assert sum(counts) == 7
    assert counts == {3: [3, 3, 1]}.get(steps_per_round, [7])


def test_language_model_net_max_steps_go_beyond_a_pass(train_net):
    assert len(column(train_net(max_steps=60, max_epochs=1), "train_loss")) == 60


def test_language_model_net_epochs_read_every_token_so_often(train_net, split):
    net = train_net(max_epochs=3)
    assert len(net.history) == 3
    assert sum(column(net, "train_tokens")) == 3 * split[0].n_predicted


def test_language_model_net_unknown_tokens_do_not_count(seed):
    values = np.random.default_rng(seed).integers(2, 18, 60)
    values[10:30] = 1
    corpus = TokenIds(values, np.array([0, 60]))
    stretches, _ = cut_into_stretches(corpus, 10)
    net = language_model_net(AWDLSTMLanguageModel(18, **SIZES), stretches, None, **SETTINGS)
    net.fit(stretches)
    assert net.history[0]["train_tokens"] == 39
    assert all(math.isfinite(loss) for loss in column(net, "train_loss"))


def test_language_model_net_validation_equals_scoring_the_stretches(train_net, split):
    net = train_net(max_epochs=2)
    _, validation = split
    parts = validation.read(np.arange(len(validation)))
    held_out = TokenIds(np.concatenate(parts), np.concatenate([[0], np.cumsum([len(p) for p in parts])]))
    options = {"batch_size": 1, "device": torch.device("cpu"), "dtype": torch.float32}
    nats, n_predicted = row_surprise(net.module_, held_out, **options)
    expected = nats.sum() / n_predicted.sum() / math.log(2)
    assert net.history[-1]["valid_bits_per_base"] == pytest.approx(expected, rel=1e-5)
    assert net.history[-1]["valid_tokens"] == n_predicted.sum()


def test_language_model_net_without_validation_reports_training_alone(train_net):
    net = train_net(validate=False)
    assert "train_bits_per_base" in net.history[-1]
    assert "valid_bits_per_base" not in net.history[-1]


def test_language_model_net_reports_the_surprise_without_penalties(train_net):
    """A first step is taken from the same weights, so only the report could differ."""
    first, second = (train_net(max_steps=1, alpha=a, beta=a) for a in (0.0, 1e3))
    assert column(first, "train_loss") == column(second, "train_loss")
    tables = [net.module_.encoder.embedding.weight for net in (first, second)]
    assert not torch.equal(*tables)


def test_language_model_net_same_seed_gives_the_same_bits(train_net):
    first, again, other = (train_net(seed=s).module_.state_dict() for s in (0, 0, 1))
    torch.testing.assert_close(first, again, rtol=0, atol=0)
    assert not torch.equal(first["bias"], other["bias"])


def test_language_model_net_computes_in_the_precision_asked_for(train_net):
    exact, rough = (train_net(max_steps=3, dtype=d) for d in (torch.float32, torch.bfloat16))
    assert rough.module_.bias.dtype == torch.float32
    assert column(exact, "train_loss") != column(rough, "train_loss")
    assert column(rough, "train_loss") == pytest.approx(column(exact, "train_loss"), rel=0.01)


def test_language_model_net_trains_on_every_device(train_net, device):
    losses = column(train_net(device=device, max_steps=40, learning_rate=0.05), "train_loss")
    assert losses[-1] < losses[0]


def test_schedule_one_cycle_begins_low_and_ends_lower(train_net):
    rates = column(train_net(max_steps=50, learning_rate=0.01), "event_lr")
    assert rates[0] == pytest.approx(0.01 / 25)
    assert rates[-1] == pytest.approx(0.01 / 25 / 1e4)
    assert max(rates) == pytest.approx(0.01, rel=0.01)
    assert np.argmax(rates) == pytest.approx(0.3 * 50, abs=2)


@pytest.mark.parametrize("max_steps", [1, 2, 3])
def test_schedule_one_cycle_stands_a_training_of_few_steps(max_steps, train_net):
    assert len(column(train_net(max_steps=max_steps), "event_lr")) == max_steps


def test_schedule_one_cycle_moves_the_momentum_the_other_way(train_net):
    net = train_net(max_steps=20)
    assert net.optimizer_.param_groups[0]["betas"] == pytest.approx((0.8, 0.99), abs=0.01)


def test_schedule_cosine_is_a_cosine(train_net):
    rates = column(train_net(max_steps=20, schedule="cosine", learning_rate=0.01), "event_lr")
    assert rates == pytest.approx([0.01 * (1 + math.cos(math.pi * i / 20)) / 2 for i in range(20)])


def test_schedule_constant_changes_nothing(train_net):
    net = train_net(max_steps=5, schedule="constant", learning_rate=0.01)
    assert column(net, "event_lr") == []
    assert net.optimizer_.param_groups[0]["lr"] == 0.01
    assert schedule_callback("constant", 0.01, 5) is None


@pytest.mark.parametrize(
    ("name", "kind"),
    [("adamw", torch.optim.AdamW), ("adam", torch.optim.Adam), ("sgd", torch.optim.SGD),
     (torch.optim.RMSprop, torch.optim.RMSprop)],
)  # fmt: skip
def test_language_model_net_takes_optimizers_by_name_and_class(name, kind, train_net):
    net = train_net(optimizer=name, weight_decay=0.25, max_steps=3)
    assert type(net.optimizer_) is kind
    assert net.optimizer_.param_groups[0]["weight_decay"] == 0.25
    assert all(math.isfinite(loss) for loss in column(net, "train_loss"))


@pytest.mark.parametrize("limit", [0.01, 1e6])
def test_language_model_net_clips_the_gradient(limit, train_net):
    Recorder.norms = []
    train_net(optimizer=Recorder, gradient_clip=limit, max_steps=10)
    assert len(Recorder.norms) == 10
    if limit < 1:
        assert Recorder.norms == pytest.approx([limit] * 10, rel=1e-3)
    else:
        assert min(Recorder.norms) > 0.01


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_finite_loss_stops_a_training_that_has_run_away(value, train_net):
    class Explodes(AWDLSTMLanguageModel):
        n_steps = 0

        def forward(self, *args):
            logits, output = super().forward(*args)
            self.n_steps += self.training
            return logits + (value if self.n_steps == 5 and self.training else 0), output

    with pytest.raises(FloatingPointError, match=r"became nan at training step 5\. Lower .*now 0\.005"):
        train_net(Explodes, steps_per_round=3)


def test_finite_loss_looks_at_validation_too():
    """After the last step, nothing else would tell that the weights have run away."""
    net = SimpleNamespace(history=History(), lr=0.1)
    net.history.new_epoch()
    net.history.new_batch()
    net.history.record_batch("valid_loss", math.nan)
    with pytest.raises(FloatingPointError, match="The validation loss became nan at training step 0"):
        FiniteLoss().on_batch_end(net, training=False)


def test_bits_per_base_callback_is_the_mean_over_tokens_not_steps():
    net = SimpleNamespace(history=History())
    net.history.new_epoch()
    for prefix, loss, n_tokens in [("train", 1.0, 10), ("train", 4.0, 20), ("valid", 2.0, 5)]:
        net.history.new_batch()
        net.history.record_batch(f"{prefix}_loss", loss)
        net.history.record_batch(f"{prefix}_tokens", n_tokens)
    BitsPerBase(3).on_epoch_end(net)
    assert net.history[-1]["train_bits_per_base"] == pytest.approx(bits_per_base(3.0, 3))
    assert net.history[-1]["valid_bits_per_base"] == pytest.approx(bits_per_base(2.0, 3))
    assert (net.history[-1]["train_tokens"], net.history[-1]["valid_tokens"]) == (30, 5)


@pytest.mark.parametrize("validate", [True, False])
def test_training_progress_shows_bits_per_base(validate, train_net, capsys):
    train_net(progress=True, validate=validate, steps_per_round=4)
    shown = capsys.readouterr().err
    assert "pretraining: 100%" in shown
    assert "bits/base=" in shown
    assert ("valid=" in shown) is validate


def test_training_progress_is_silent_by_default(train_net, capsys):
    train_net()
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


@pytest.mark.parametrize(
    ("optimizer", "weight_decay"),
    [
        (torch.optim.Adagrad, 0.01),
        (torch.optim.Rprop, 0.0),
        (torch.optim.SGD, 0.01),
        (torch.optim.RMSprop, 0.1),
    ],
)
def test_one_cycle_goes_with_optimisers_without_momentum_too(optimizer, weight_decay):
    weights = [torch.nn.Parameter(torch.zeros(2))]
    options = optimizer_options(optimizer, weight_decay)
    assert options.pop("optimizer") is optimizer
    made = optimizer(weights, lr=0.1, **{name.removeprefix("optimizer__"): v for name, v in options.items()})
    callback = schedule_callback("one-cycle", 0.1, 20, optimizer)
    callback.policy(made, **callback.kwargs)
    assert made.param_groups[0]["lr"] == pytest.approx(0.1 / 25)


def test_weight_decay_of_an_optimiser_that_has_none_is_refused():
    with pytest.raises(
        ValueError, match=r"optimizer=Rprop knows no weight_decay. Got weight_decay=0.01: set it"
    ):
        optimizer_options(torch.optim.Rprop, 0.01)
