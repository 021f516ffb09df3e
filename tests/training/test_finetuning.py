"""Fine-tuning: who moves and at which rate, which weights are kept, and how a training ends."""

import copy
import math

import numpy as np
import pytest
import torch

from skgenome.nn import (
    AWDLSTM,
    LinearHead,
    PatchEncoder,
    PooledEncoder,
    PooledPatches,
    SequenceClassifierModule,
    make_context,
    row_nats,
)
from skgenome.sequences import check_token_ids
from skgenome.training import (
    LabelledRows,
    RowBatches,
    Stage,
    _finetuning,
    finetune,
    gradual_stages,
    mean_loss,
)

K = 2
SETTINGS = {
    "strand": "forward",
    "batch_size": 8,
    "optimizer": "adamw",
    "schedule": "one-cycle",
    "weight_decay": 0.01,
    "gradient_clip": 1.0,
    "learning_rate_ratio": 2.0,
    "n_epochs": None,
    "patience": None,
    "device": torch.device("cpu"),
    "dtype": torch.float32,
    "validation_dtype": torch.float32,
    "seed": 0,
    "progress": False,
}
STAGES = gradual_stages(4, 1, 2, 0.02)
# Far too high a rate: every pass is worse than the start.
RUINOUS = [Stage(4, 6, 1e3)]


@pytest.fixture
def rows(rng):
    """Rows of which half hold one token far more often than the others; the labels say which."""
    ids, y = [], np.arange(40) % 2
    for label in y:
        row = rng.integers(2, 18, rng.integers(10, 25))
        row[rng.random(len(row)) < 0.4 * label] = 5
        ids.append(row)
    weights = rng.uniform(0.5, 1.5, 40)
    return LabelledRows.of_strand(check_token_ids(ids), y[:, None].astype(np.float32), weights, "concat", K)


@pytest.fixture
def train(rows):
    return rows.subset(np.arange(28))


@pytest.fixture
def validation(rows):
    return rows.subset(np.arange(28, 40))


@pytest.fixture
def make_module(seed):
    """Make the same tiny classifier again and again: embedding, two LSTM layers and head are its groups."""

    def make(strand="forward", layer=-1, n_layers=2, piece_length=256):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            encoder = AWDLSTM(18, embedding_size=4, hidden_size=6, n_layers=n_layers)
            pooled = PooledEncoder(encoder, "concat", [layer], strand, piece_length)
            return SequenceClassifierModule(pooled, LinearHead(pooled.n_features, 1, input_p=0.1))

    return make


@pytest.fixture
def run(seed):
    """Fine-tune with some settings changed; dropout comes from one seed."""

    def run(module, train, validation=None, stages=STAGES, **changes):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return finetune(module, train, validation, stages, **{**SETTINGS, **changes})

    return run


def weights_of(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def moved(before, module):
    """Name the layer groups of which a weight has changed."""
    after = module.state_dict()
    groups = {"embedding": "embedding", "layers.0": "first", "layers.1": "second", "head": "head"}
    changed = {name for name, value in before.items() if not torch.equal(after[name], value)}
    return {group for part, group in groups.items() if any(part in name for name in changed)}


class Recorder(torch.optim.SGD):
    """Gradient descent that notes the rate of every parameter at every step."""

    steps = ()

    def step(self, closure=None):
        rates = {id(p): group["lr"] for group in self.param_groups for p in group["params"]}
        Recorder.steps = (*Recorder.steps, rates)
        return super().step(closure)


@pytest.fixture
def record(monkeypatch):
    """Give an optimiser that records, and what reads a layer group's rate at every step."""
    monkeypatch.setattr(Recorder, "steps", ())

    def rates_of(group):
        ids = {id(p) for p in group.parameters()}
        each = [{rates[i] for i in ids} for rates in Recorder.steps]
        assert all(len(rates) == 1 for rates in each)
        return [rates.pop() for rates in each]

    return rates_of


@pytest.mark.parametrize(("n_groups", "expected"), [(2, [2]), (3, [2, 3]), (5, [2, 3, 4, 5])])
def test_gradual_stages_add_a_group_at_a_time(n_groups, expected):
    stages = gradual_stages(n_groups, 2, 7, 0.01)
    assert [stage.n_groups for stage in stages] == expected
    assert [stage.n_epochs for stage in stages] == [2] * (len(expected) - 1) + [7]
    assert {stage.learning_rate for stage in stages} == {0.01}


@pytest.mark.parametrize("ratio", [1.0, 2.0, 2.6])
@pytest.mark.parametrize("n_groups", [1, 2, 3, 4])
def test_finetune_gives_each_group_a_rate_of_its_own(n_groups, ratio, make_module, train, run, record):
    module = make_module()
    changes = {"optimizer": Recorder, "schedule": "constant", "learning_rate_ratio": ratio}
    run(module, train, stages=[Stage(n_groups, 1, 0.01)], **changes)
    for depth, group in enumerate(reversed(module.layer_groups())):
        expected = 0.01 / ratio**depth if depth < n_groups else 0
        assert record(group) == pytest.approx([expected] * 4, rel=1e-12)


def test_finetune_runs_a_cycle_in_every_stage(make_module, train, run, record):
    module = make_module()
    stages = [Stage(2, 3, 0.01), Stage(4, 5, 0.03)]
    run(module, train, stages=stages, optimizer=Recorder)
    steps = 0
    for stage in stages:
        n_steps = stage.n_epochs * 4
        for depth, group in enumerate(reversed(module.layer_groups())):
            rates = record(group)[steps : steps + n_steps]
            peak = stage.learning_rate / 2**depth if depth < stage.n_groups else 0
            assert rates[0] == pytest.approx(peak / 25)
            assert max(rates) == pytest.approx(peak, rel=0.05)
            assert rates[-1] == pytest.approx(peak / 25e4, abs=1e-9)
            if peak:
                assert np.argmax(rates) == pytest.approx(0.3 * n_steps, abs=1)
        steps += n_steps
    assert steps == len(Recorder.steps)


@pytest.mark.parametrize(("layer", "n_not_run"), [(-1, 0), (0, 1)])
def test_finetune_has_a_rate_for_every_parameter(layer, n_not_run, make_module, train, run, record):
    """Weights of layers that are not run stay as they are, whatever the optimiser decays."""
    module = make_module(layer=layer)
    before = weights_of(module)
    run(module, train, stages=[Stage(4 - n_not_run, 1, 0.01)], optimizer=Recorder, weight_decay=0.9)
    assert Recorder.steps[0].keys() == {id(p) for p in module.parameters()}
    assert ("second" in moved(before, module)) is (n_not_run == 0)


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "sgd"])
@pytest.mark.parametrize(
    ("n_groups", "expected"),
    [
        (1, {"head"}),
        (2, {"head", "second"}),
        (3, {"head", "second", "first"}),
        (4, {"head", "second", "first", "embedding"}),
    ],
)
def test_finetune_moves_the_upper_groups_alone(n_groups, expected, optimizer, make_module, train, run):
    module = make_module()
    before = weights_of(module)
    run(module, train, stages=[Stage(n_groups, 2, 0.01)], optimizer=optimizer, weight_decay=0.5)
    assert moved(before, module) == expected


def test_finetune_freezes_again_what_a_later_stage_leaves_out(make_module, train, run):
    module, other = make_module(), make_module()
    run(module, train, stages=[Stage(4, 1, 0.01)])
    before = weights_of(module)
    run(other, train, stages=[Stage(4, 1, 0.01), Stage(1, 2, 0.01)])
    assert moved(before, other) == {"head"}


def test_finetune_never_moves_what_the_head_standardises_by(make_module, train, run):
    module = make_module()
    before = weights_of(module)
    run(module, train)
    for name in ("head.standardize.mean", "head.standardize.scale"):
        assert torch.equal(module.state_dict()[name], before[name])


def test_finetune_keeps_the_weights_that_validate_best(make_module, train, run):
    """Validation is on the rows of the training, which surely get better before the last stage ruins all."""
    module = make_module()
    history, best_epoch = run(module, train, train, [Stage(4, 8, 0.05), *RUINOUS])
    losses = [row["valid_loss"] for row in history]
    assert best_epoch == np.argmin(losses)
    assert 0 < best_epoch <= 8
    found = mean_loss(module, train, batch_size=8, strand="forward", device=torch.device("cpu"))
    assert found == pytest.approx(min(losses), rel=1e-6)


def test_finetune_goes_back_to_the_start_where_all_is_worse(make_module, train, validation, run):
    module = make_module()
    before = weights_of(module)
    history, best_epoch = run(module, train, validation, RUINOUS)
    assert best_epoch == 0
    assert len(history) == 7
    torch.testing.assert_close(weights_of(module), before, rtol=0, atol=0)


def test_finetune_without_validation_keeps_the_last_weights(make_module, train, validation, run, monkeypatch):
    """Validation draws no random number, so the training with it is the same."""
    last = []
    monkeypatch.setattr(_finetuning, "BestWeights", noting(last))
    run(make_module(), train, validation)
    module = make_module()
    history, best_epoch = run(module, train)
    assert best_epoch == len(history) - 1 == 4
    torch.testing.assert_close(weights_of(module), last[-1], rtol=0, atol=0)


def noting(weights):
    """Make a callback that notes the weights after each pass."""

    class Noting(_finetuning.BestWeights):
        def on_epoch_end(self, net, **kwargs):
            weights.append(weights_of(net.module_))
            super().on_epoch_end(net, **kwargs)

    return Noting


@pytest.mark.parametrize("schedule", ["one-cycle", "cosine", "constant"])
@pytest.mark.parametrize("n_epochs", [1, 2, 3, 4, 9])
def test_finetune_of_fewer_passes_gives_the_weights_of_the_whole_at_that_pass(
    n_epochs, schedule, make_module, train, validation, run, monkeypatch
):
    """Cross-validation finds a number of passes, and the schedule must then be the one that it saw."""
    weights, module = [], make_module()
    monkeypatch.setattr(_finetuning, "BestWeights", noting(weights))
    whole, _ = run(make_module(), train, validation, schedule=schedule)
    history, best_epoch = run(module, train, schedule=schedule, n_epochs=n_epochs)
    assert best_epoch == len(history) - 1 == min(n_epochs, 4)
    torch.testing.assert_close(weights_of(module), weights[best_epoch - 1], rtol=0, atol=0)
    losses = [[row["train_loss"] for row in rows[1 : n_epochs + 1]] for rows in (whole, history)]
    assert losses[0] == losses[1]


def test_finetune_of_no_passes_leaves_the_start(make_module, train, validation, run):
    module = make_module()
    before = weights_of(module)
    for validation_rows in (None, validation):
        history, best_epoch = run(module, train, validation_rows, n_epochs=0)
        assert (len(history), best_epoch) == (1, 0)
    torch.testing.assert_close(weights_of(module), before, rtol=0, atol=0)


@pytest.mark.parametrize("patience", [1, 3, 6, 7])
def test_finetune_ends_when_patience_does(patience, make_module, train, validation, run):
    stages = [Stage(4, 2, 1e3), *RUINOUS]
    history, best_epoch = run(make_module(), train, validation, stages, patience=patience)
    assert best_epoch == 0
    assert len(history) == 1 + patience
    assert [row["stage"] for row in history] == ([0, 1, 1] + [2] * 6)[: 1 + patience]


def test_finetune_patience_begins_again_with_every_better_pass(make_module, train, run):
    stages = [Stage(4, 8, 0.05), *RUINOUS]
    history, best_epoch = run(make_module(), train, train, stages, patience=4)
    assert best_epoch > 0
    assert len(history) == 1 + best_epoch + 4


def test_finetune_history_has_a_row_for_the_start_and_each_pass(make_module, train, validation, run):
    module = make_module()
    start = mean_loss(module, validation, batch_size=8, strand="forward", device=torch.device("cpu"))
    history, _ = run(module, train, validation)
    assert [row["epoch"] for row in history] == [0, 1, 2, 3, 4]
    assert [row["stage"] for row in history] == [0, 1, 2, 3, 3]
    assert history[0]["valid_loss"] == start
    assert math.isnan(history[0]["train_loss"])
    columns = ("train_loss", "valid_loss", "seconds")
    assert all(type(row[name]) is float for row in history for name in columns)
    assert all(row["seconds"] > 0 and row["train_loss"] > 0 for row in history[1:])


def test_finetune_history_without_validation_has_no_such_loss(make_module, train, run):
    history, _ = run(make_module(), train)
    assert all(math.isnan(row["valid_loss"]) for row in history)
    assert [math.isnan(row["train_loss"]) for row in history] == [True] + [False] * 4


@pytest.mark.parametrize("strand", ["forward", "augment", "average", "concat"])
def test_finetune_learns_what_tells_the_rows_apart(strand, make_module, train, validation, run):
    module = make_module(strand)
    history, _ = run(module, train, validation, [Stage(4, 40, 0.05)], strand=strand)
    assert min(row["valid_loss"] for row in history) < 0.7 * history[0]["valid_loss"]


def test_finetune_learns_from_rows_in_pieces(make_module, train, validation, run):
    history, _ = run(make_module(piece_length=7), train, validation, [Stage(4, 40, 0.05)])
    assert min(row["valid_loss"] for row in history) < 0.7 * history[0]["valid_loss"]


def test_finetune_takes_rows_without_tokens(make_module, run):
    """Non-regression: rows of one length go together, and a batch of empty ones stopped the LSTM."""
    token_ids = check_token_ids([np.zeros(0, dtype=np.uint8)] * 6 + [np.array([3, 4, 5])] * 6)
    y = (np.arange(12) % 2).astype(np.float32)[:, None]
    rows = LabelledRows.of_strand(token_ids, y, np.ones(12), "concat", K)
    history, _ = run(make_module("concat"), rows, rows, strand="concat", batch_size=3)
    assert all(math.isfinite(row["train_loss"]) for row in history[1:])


def test_finetune_same_seed_gives_the_same_bits(make_module, train, run):
    modules = [make_module() for _ in range(3)]
    for module, seed in zip(modules, (0, 0, 1), strict=True):
        run(module, train, seed=seed)
    torch.testing.assert_close(weights_of(modules[0]), weights_of(modules[1]), rtol=0, atol=0)
    assert moved(weights_of(modules[0]), modules[2]) == {"embedding", "first", "second", "head"}


def test_finetune_reads_the_rows_in_another_order_in_every_stage(make_module, train, run, monkeypatch):
    seeds = []
    of_rows = RowBatches.__init__
    monkeypatch.setattr(
        RowBatches, "__init__", lambda self, *a, seed=None, **k: seeds.append(seed) or of_rows(self, *a, **k)
    )
    run(make_module(), train, seed=10)
    assert [seed for seed in seeds if seed is not None] == [11, 12, 13]


def test_finetune_in_bfloat16_is_close_to_float32(make_module, train, validation, run):
    results = []
    for dtype in (torch.float32, torch.bfloat16):
        module = make_module()
        history, _ = run(module, train, validation, dtype=dtype)
        assert {p.dtype for p in module.parameters()} == {torch.float32}
        results.append([row[name] for row in history for name in ("valid_loss", "train_loss")])
    assert results[0][0] == results[1][0], "the start is measured in the precision of predictions"
    assert results[1] == pytest.approx(results[0], rel=0.03, nan_ok=True)


def test_finetune_trains_on_every_device(device, make_module, train, validation, run):
    module = make_module("concat")
    history, _ = run(module, train, validation, [Stage(4, 20, 0.05)], strand="concat", device=device)
    assert min(row["train_loss"] for row in history[1:]) < 0.7 * history[1]["train_loss"]
    assert_given_back(module)


@pytest.mark.parametrize("progress", [True, False])
def test_finetune_shows_a_bar_for_every_stage_when_asked(
    progress, make_module, train, validation, run, capsys
):
    run(make_module(), train, validation, progress=progress)
    shown = capsys.readouterr().err
    for n_groups in (2, 3, 4):
        assert (f"fine-tuning {n_groups} layer groups: 100%" in shown) is progress
    assert ("loss=" in shown and "valid=" in shown) is progress


def assert_given_back(module):
    assert {p.device.type for p in module.parameters()} == {"cpu"}
    assert not any(part.training for part in module.modules())
    assert all(p.requires_grad for p in module.parameters())
    assert all(p.grad is None for p in module.parameters())


@pytest.mark.parametrize("with_validation", [True, False])
@pytest.mark.parametrize("stages", [STAGES, [Stage(1, 1, 0.01)]], ids=["all", "head alone"])
def test_finetune_gives_the_module_back_ready_to_predict(
    stages, with_validation, make_module, train, validation, run
):
    module = make_module()
    run(module, train, validation if with_validation else None, stages)
    assert_given_back(module)


def test_finetune_leaves_the_rows_as_they_were(make_module, rows, run):
    before = copy.deepcopy((rows.token_ids, rows.targets, rows.weights))
    run(make_module(), rows, rows)
    for old, new in zip(before[0], rows.token_ids, strict=True):
        assert (old == new).all()
    assert (before[1] == rows.targets).all()
    assert (before[2] == rows.weights).all()


@pytest.mark.parametrize("with_validation", [True, False])
@pytest.mark.parametrize("at_step", [0, 3, 13], ids=["first pass", "end of first pass", "last stage"])
def test_finetune_passes_an_interruption_on(
    at_step, with_validation, make_module, train, validation, run, monkeypatch, device
):
    """skorch takes it for the end of a training, and a half-trained classifier would look like one."""
    n_steps = 0
    deal = RowBatches.__iter__

    def interrupted(self):
        nonlocal n_steps
        for batch in deal(self):
            if self._rng is not None:
                if n_steps == at_step:
                    raise KeyboardInterrupt
                n_steps += 1
            yield batch

    monkeypatch.setattr(RowBatches, "__iter__", interrupted)
    module = make_module()
    with pytest.raises(KeyboardInterrupt):
        run(module, train, validation if with_validation else None, device=device)
    assert_given_back(module)


def test_finetune_stops_when_the_loss_runs_away(make_module, train, run, device):
    changes = {"optimizer": "sgd", "schedule": "constant", "gradient_clip": 1e38, "device": device}
    module = make_module()
    with pytest.raises(FloatingPointError, match=r"at training step \d+\. Lower .*now 1e\+38"):
        run(module, train, stages=[Stage(2, 30, 1e38)], **changes)
    assert_given_back(module)


def test_finetune_gives_the_module_back_when_the_network_breaks(make_module, train, validation, run):
    module = make_module()
    module.head.linear = torch.nn.Linear(3, 1)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        run(module, train, validation)
    assert_given_back(module)


@pytest.mark.parametrize("strand", ["forward", "augment", "average", "concat"])
@pytest.mark.parametrize("batch_size", [1, 7, 100])
def test_mean_loss_equals_that_of_each_row_by_hand(batch_size, strand, make_module, rows, device):
    module = make_module(strand).eval()
    total = 0.0
    for i in range(len(rows)):
        ids, reverse = (
            torch.from_numpy(part.row(i).astype(np.int64))[None] for part in (rows.token_ids, rows.reverse)
        )
        with torch.no_grad():
            logits = module(ids, reverse if strand in ("average", "concat") else None)
        total += rows.weights[i] * row_nats(logits, torch.from_numpy(rows.targets[[i]])).item()
    found = mean_loss(module, rows, batch_size=batch_size, strand=strand, device=device)
    assert found == pytest.approx(total / 40, rel=1e-5)


@pytest.mark.parametrize("training", [True, False], ids=["training", "eval"])
def test_mean_loss_leaves_the_module_as_it_found_it(training, make_module, rows, device):
    module = make_module().train(training)
    mean_loss(module, rows, batch_size=8, strand="forward", device=device)
    assert {part.training for part in module.modules()} == {training}
    assert next(module.parameters()).device.type == "cpu"


def test_mean_loss_in_bfloat16_is_close(make_module, rows):
    options = {"batch_size": 8, "strand": "forward", "device": torch.device("cpu")}
    exact, rough = (
        mean_loss(make_module(), rows, **options, dtype=d) for d in (torch.float32, torch.bfloat16)
    )
    assert rough != exact
    assert rough == pytest.approx(exact, rel=0.02)


def test_finetune_validates_in_the_precision_of_predictions(make_module, train, validation, run):
    """Non-regression test: a start measured in bfloat16 looked worse than what it predicts in float32."""
    module = make_module()
    options = {"batch_size": 8, "strand": "forward", "device": torch.device("cpu")}
    before = mean_loss(module, validation, **options)
    history, best_epoch = run(module, train, validation, dtype=torch.bfloat16)
    assert history[0]["valid_loss"] == pytest.approx(before, rel=1e-6)
    assert history[best_epoch]["valid_loss"] == pytest.approx(
        mean_loss(module, validation, **options), rel=1e-6
    )


class Counting(torch.nn.Module):
    """A layer group without a weight."""

    n_features = 1

    def forward(self, token_ids):
        return (token_ids == 5).float().mean(1, keepdim=True)


def test_layer_groups_without_weights_are_passed_over(rows):
    context = make_context("gru", 1, 3)
    pooled = PooledPatches(PatchEncoder(Counting(), context, 6, 3), "mean", [1])
    module = SequenceClassifierModule(pooled, LinearHead(pooled.n_features, 1))
    assert len(module.layer_groups()) == 3
    one_strand = LabelledRows(rows.token_ids, rows.targets, rows.weights)
    for schedule in ("one-cycle", "constant"):
        settings = {**SETTINGS, "schedule": schedule, "strand": "forward"}
        history, _ = finetune(module, one_strand, None, [Stage(3, 1, 0.01)], **settings)
        assert math.isfinite(history[-1]["train_loss"])
