"""Running a network over rows: pieces, batches and padding change nothing, and it comes back as it was."""

import numpy as np
import pytest
import torch

from skgenome.nn import POOLINGS, AWDLSTMLanguageModel, PooledEncoder, pool, token_nats
from skgenome.sequences import TokenIds, check_token_ids
from skgenome.training import _inference, pool_rows, row_surprise

FLOAT32 = {"dtype": torch.float32}


@pytest.fixture
def model(seed):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = AWDLSTMLanguageModel(18, embedding_size=4, hidden_size=6, n_layers=2)
        # As drawn, the scores hardly differ; wider ones make mistakes show.
        torch.nn.init.normal_(model.encoder.embedding.weight)
    return model


@pytest.fixture
def token_ids(rng):
    """Rows of very different lengths, an empty one, one of a token, unknown tokens."""
    lengths = [5, 0, 1, 40, 2, 17, 90, 17, 3]
    rows = [rng.integers(2, 18, n) for n in lengths]
    rows[3][[0, 7, 39]] = 1
    return check_token_ids(rows)


def pool_by_hand(model, token_ids, pooling, layers):
    """Run every row alone and whole."""
    encoder = model.encoder.eval()
    features = []
    for i in range(token_ids.n_rows):
        row = torch.from_numpy(token_ids.row(i).astype(np.int64))[None]
        if row.shape[1] == 0:
            sizes = [encoder.layer_sizes[layer] for layer in layers]
            features.append(np.zeros(POOLINGS[pooling] * sum(sizes)))
            continue
        with torch.no_grad():
            raw = encoder(row).raw
        mask = torch.ones(row.shape, dtype=torch.bool)
        features.append(torch.cat([pool(raw[layer], mask, pooling) for layer in layers], dim=1)[0].numpy())
    return np.array(features)


def surprise_by_hand(model, token_ids):
    nats, n_predicted = [], []
    for i in range(token_ids.n_rows):
        row = torch.from_numpy(token_ids.row(i).astype(np.int64))[None]
        targets = row[:, 1:]
        with torch.no_grad():
            total = token_nats(model.eval()(row)[0][:, :-1], targets).sum() if targets.numel() else 0
        nats.append(float(total))
        n_predicted.append(int((targets > 1).sum()))
    return nats, n_predicted


@pytest.mark.parametrize("pooling", sorted(POOLINGS))
@pytest.mark.parametrize("layers", [[-1], [0], [0, 1], [1, 0]], ids=str)
def test_pool_rows_equals_pooling_each_row_whole(pooling, layers, model, token_ids, device):
    encoder = PooledEncoder(model.encoder, pooling, layers)
    features = pool_rows(encoder, token_ids, k=3, batch_size=4, device=device, **FLOAT32)
    assert features.dtype == np.float32
    np.testing.assert_allclose(features, pool_by_hand(model, token_ids, pooling, layers), atol=1e-5)


@pytest.mark.parametrize("batch_size", [1, 2, 100])
@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_pool_rows_batches_and_pieces_change_nothing(batch_size, chunk, model, token_ids):
    encoder = PooledEncoder(model.encoder, "concat", [-1], piece_length=chunk)
    options = {"k": 3, "batch_size": batch_size, "device": torch.device("cpu"), **FLOAT32}
    features = pool_rows(encoder, token_ids, **options)
    np.testing.assert_allclose(features, pool_by_hand(model, token_ids, "concat", [-1]), atol=1e-5)


@pytest.mark.parametrize("batch_size", [1, 2, 100])
@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_row_surprise_equals_scoring_each_row_whole(batch_size, chunk, model, token_ids, monkeypatch, device):
    monkeypatch.setattr(_inference, "CHUNK", chunk)
    nats, n_predicted = row_surprise(model, token_ids, batch_size=batch_size, device=device, **FLOAT32)
    expected, expected_n = surprise_by_hand(model, token_ids)
    np.testing.assert_allclose(nats, expected, rtol=1e-4)
    assert n_predicted.tolist() == expected_n
    assert (nats.dtype, n_predicted.dtype) == (np.float64, np.int64)


def test_inference_in_bfloat16_is_close_to_float32(model, token_ids):
    options = {"batch_size": 4, "device": torch.device("cpu")}
    exact, _ = row_surprise(model, token_ids, **options, dtype=torch.float32)
    rough, _ = row_surprise(model, token_ids, **options, dtype=torch.bfloat16)
    assert (exact != rough).any()
    np.testing.assert_allclose(rough, exact, rtol=0.05, atol=0.05)


def test_pool_rows_without_any_token_gives_zeros(model):
    token_ids = TokenIds(np.zeros(0, dtype=np.uint8), np.zeros(4, dtype=np.int64))
    encoder = PooledEncoder(model.encoder, "mean", [-1])
    options = {"k": 3, "batch_size": 2, "device": torch.device("cpu"), **FLOAT32}
    features = pool_rows(encoder, token_ids, **options)
    assert features.tolist() == [[0] * 4] * 3


class Breaks(torch.nn.Module):
    """Notes where and how it runs, then breaks."""

    layer_sizes = (4,)

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.seen = []

    def forward(self, *_):
        self.seen.append((self.training, self.weight.device.type, torch.is_grad_enabled()))
        raise ZeroDivisionError("broken")


@pytest.mark.parametrize("training", [True, False], ids=["training", "eval"])
def test_inference_gives_the_module_back_as_it_was_after_an_error(training, token_ids, device):
    module = Breaks().train(training)
    options = {"batch_size": 2, "device": device, **FLOAT32}
    with pytest.raises(ZeroDivisionError, match="broken"):
        pool_rows(PooledEncoder(module, "mean", [0]).train(training), token_ids, k=3, **options)
    with pytest.raises(ZeroDivisionError, match="broken"):
        row_surprise(module, token_ids, **options)
    assert module.seen == [(False, device.type, False)] * 2
    assert module.training is training
    assert module.weight.device.type == "cpu"


@pytest.mark.parametrize("training", [True, False], ids=["training", "eval"])
def test_inference_gives_the_module_back_as_it_was(training, model, token_ids, device):
    model.train(training)
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    row_surprise(model, token_ids, batch_size=2, device=device, **FLOAT32)
    assert {module.training for module in model.modules()} == {training}
    torch.testing.assert_close(model.state_dict(), weights, rtol=0, atol=0)
    assert next(model.parameters()).requires_grad


def test_no_row_is_padded_to_the_length_of_a_much_longer_one(rng):
    lengths = np.array([100, 20_000, 90, 600, 100, 300, 520])
    batches = list(_inference.batches_of_similar_length(lengths, 4, 0, 2.0))
    assert sorted(np.concatenate(batches).tolist()) == list(range(7))
    for rows in batches:
        assert lengths[rows].max() <= max(2 * lengths[rows].min(), _inference.CHUNK)
    assert [sorted(lengths[rows].tolist()) for rows in batches] == [
        [90, 100, 100],
        [300, 520, 600],
        [20_000],
    ]  # fmt: skip
    # Without a spread they are as few as can be.
    assert [len(rows) for rows in _inference.batches_of_similar_length(lengths, 4)] == [4, 3]


def test_pooled_rows_do_not_depend_on_how_they_are_dealt(model, rng, monkeypatch):
    token_ids = check_token_ids([rng.integers(2, 18, n) for n in (3, 900, 5, 280, 4)])
    pooled = PooledEncoder(model.encoder, "concat", [-1])
    apart = pool_rows(pooled, token_ids, k=2, batch_size=5, device=torch.device("cpu"), **FLOAT32)
    monkeypatch.setattr(_inference, "SPREAD", None)
    together = pool_rows(pooled, token_ids, k=2, batch_size=5, device=torch.device("cpu"), **FLOAT32)
    np.testing.assert_allclose(apart, together, rtol=1e-5, atol=1e-6)
