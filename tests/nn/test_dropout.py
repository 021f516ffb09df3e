"""AWD-LSTM's dropouts: what is dropped, how often, and that nothing else changes."""

import copy

import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional as F

from skgenome.nn import DropConnectLSTM, EmbeddingDropout, LockedDropout
from skgenome.nn._dropout import keep_mask

PROBABILITIES = [0.01, 0.25, 0.5, 0.9]


def twin_of(layer, mask):
    """Copy the layer's LSTM and drop its recurrent weights by hand."""
    twin = copy.deepcopy(layer.lstm)
    with torch.no_grad():
        twin.weight_hh_l0.mul_(mask)
    return twin


def recurrent_mask(layer, seed):
    """Draw the mask that the layer's next pass draws after the same seeding."""
    torch.manual_seed(seed)
    weight = layer.lstm.weight_hh_l0
    return keep_mask(weight.shape, layer.weight_p, weight)


@pytest.mark.parametrize("p", PROBABILITIES)
def test_keep_mask_drops_the_share_asked_for(p):
    mask = keep_mask((400, 500), p, torch.ones(1))
    n_kept = int((mask > 0).sum())
    n = mask.numel()
    assert abs(n_kept - n * (1 - p)) < 6 * (n * p * (1 - p)) ** 0.5


@pytest.mark.parametrize("p", PROBABILITIES)
def test_keep_mask_scales_what_it_keeps(p):
    values = keep_mask((50, 50), p, torch.ones(1)).unique()
    assert values.tolist() == pytest.approx([0, 1 / (1 - p)])


def test_keep_mask_keeps_all_at_zero():
    assert (keep_mask((1000,), 0.0, torch.ones(1)) == 1).all()


def test_keep_mask_drops_all_just_below_one():
    """Non-regression: the threshold wrapped around in 16 bits, so all was kept and scaled by 10**7."""
    assert (keep_mask((1000,), 0.9999999, torch.ones(1)) == 0).all()


@pytest.mark.parametrize("lag", [1, 2, 3, 4, 5])
def test_keep_mask_entries_are_independent(lag):
    """Four entries share one random number; none may tell of its neighbours."""
    kept = (keep_mask((200_000,), 0.3, torch.ones(1)) > 0).double()
    both = torch.corrcoef(torch.stack([kept[:-lag], kept[lag:]]))[0, 1]
    assert abs(both) < 6 / 200_000**0.5


@pytest.mark.parametrize("shape", [(3,), (5, 7), (1, 1), (2, 1, 9), (0, 4)], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_keep_mask_has_the_shape_and_dtype_asked_for(shape, dtype):
    mask = keep_mask(shape, 0.5, torch.ones(1, dtype=dtype))
    assert (mask.shape, mask.dtype) == (torch.Size(shape), dtype)


def test_locked_dropout_has_one_mask_for_all_time_steps():
    dropped = LockedDropout(0.5)(torch.ones(8, 20, 30))
    assert (dropped == dropped[:, :1]).all()


def test_locked_dropout_draws_for_each_sequence_and_feature():
    dropped = LockedDropout(0.5)(torch.ones(8, 2, 30))[:, 0]
    assert len(dropped.unique(dim=0)) == 8
    assert len(dropped.unique(dim=1).T) > 8


def test_locked_dropout_keeps_the_expectation():
    dropped = LockedDropout(0.3)(torch.ones(300, 1, 300))
    assert dropped.mean().item() == pytest.approx(1, abs=6 * (0.3 / 0.7 / 90_000) ** 0.5)


@pytest.mark.parametrize(
    "layer", [LockedDropout(0.5).eval(), LockedDropout(0.0)], ids=["in eval mode", "with p=0"]
)
def test_locked_dropout_is_the_identity(layer):
    x = torch.randn(2, 3, 4)
    assert layer(x) is x


def test_locked_dropout_passes_gradient_where_it_kept():
    x = torch.randn(4, 5, 6, requires_grad=True)
    dropped = LockedDropout(0.5)(x)
    dropped.sum().backward()
    assert torch.allclose(x.grad * x, dropped)


def test_embedding_dropout_drops_whole_tokens_everywhere():
    table = nn.Embedding(50, 6)
    ids = torch.arange(50).repeat(2, 3)
    ratio = EmbeddingDropout(table, 0.5)(ids) / table(ids)
    of_token = ratio[0, :50]
    assert (of_token == of_token[:, :1]).all()
    assert torch.equal(ratio, of_token.repeat(2, 3, 1))
    assert of_token.unique().tolist() == [0, 2]


def test_embedding_dropout_leaves_the_weight_untouched():
    table = nn.Embedding(50, 6)
    before = table.weight.detach().clone()
    layer = EmbeddingDropout(table, 0.5)
    layer(torch.arange(50)[None])
    layer.eval()(torch.arange(50)[None])
    assert torch.equal(table.weight, before)


@pytest.mark.parametrize("p", [0.0, 0.5])
def test_embedding_dropout_is_the_table_in_eval_mode(p):
    table, ids = nn.Embedding(50, 6), torch.randint(0, 50, (3, 7))
    layer = EmbeddingDropout(table, p)
    layer.train(p == 0)
    assert torch.equal(layer(ids), table(ids))


def test_embedding_dropout_sends_gradient_to_kept_tokens_alone():
    table = nn.Embedding(50, 6, padding_idx=0)
    output = EmbeddingDropout(table, 0.5)(torch.arange(50)[None])
    output.sum().backward()
    kept = output[0, :, 0].detach() != 0
    kept[0] = False
    assert torch.equal(table.weight.grad, (kept * 2.0)[:, None].expand(50, 6))


@pytest.mark.parametrize("with_state", [False, True], ids=["from zero", "from a state"])
@pytest.mark.parametrize(("p", "training"), [(0.0, True), (0.0, False), (0.5, False)])
def test_drop_connect_lstm_without_dropout_is_torchs_lstm(p, training, with_state):
    layer = DropConnectLSTM(4, 5, weight_p=p).train(training)
    x = torch.randn(3, 7, 4)
    state = (torch.randn(1, 3, 5), torch.randn(1, 3, 5)) if with_state else None
    output, (hidden, cell) = layer(x, state)
    expected, (expected_hidden, expected_cell) = layer.lstm(x, state)
    assert torch.equal(output, expected)
    assert torch.equal(hidden, expected_hidden)
    assert torch.equal(cell, expected_cell)


@pytest.mark.parametrize("with_state", [False, True], ids=["from zero", "from a state"])
@pytest.mark.parametrize("p", PROBABILITIES)
def test_drop_connect_lstm_is_torchs_lstm_with_masked_weights(p, with_state, seed):
    layer = DropConnectLSTM(4, 15, weight_p=p)
    x = torch.randn(3, 7, 4)
    state = (torch.randn(1, 3, 15), torch.randn(1, 3, 15)) if with_state else None
    expected, expected_state = twin_of(layer, recurrent_mask(layer, seed))(x, state)
    torch.manual_seed(seed)
    output, new_state = layer(x, state)
    torch.testing.assert_close((output, *new_state), (expected, *expected_state))


def test_drop_connect_lstm_gradient_is_that_of_the_masked_weights(seed):
    layer = DropConnectLSTM(4, 15, weight_p=0.5)
    x = torch.randn(3, 7, 4)
    mask = recurrent_mask(layer, seed)
    twin = twin_of(layer, mask)
    twin(x)[0].square().sum().backward()
    torch.manual_seed(seed)
    layer(x)[0].square().sum().backward()
    found = {name: weight.grad for name, weight in layer.lstm.named_parameters()}
    expected = {name: weight.grad for name, weight in twin.named_parameters()}
    expected["weight_hh_l0"] *= mask
    torch.testing.assert_close(found, expected)
    assert (found["weight_hh_l0"][mask == 0] == 0).all()


@pytest.mark.parametrize("name", ["weight_ih_l0", "weight_hh_l0", "bias_hh_l0"])
def test_drop_connect_lstm_passes_gradcheck(name, seed):
    layer = DropConnectLSTM(2, 3, weight_p=0.3).double()
    x = torch.randn(2, 4, 2, dtype=torch.float64, requires_grad=True)
    weight = getattr(layer.lstm, name).detach().clone().requires_grad_()

    def run(x, weight):
        torch.manual_seed(seed)
        return functional_call(layer, {f"lstm.{name}": weight}, (x,))[0]

    assert torch.autograd.gradcheck(run, (x, weight))


def test_drop_connect_lstm_draws_anew_for_each_pass():
    layer, x = DropConnectLSTM(4, 15, weight_p=0.5), torch.randn(3, 7, 4)
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    assert not torch.equal(layer(x)[0], layer(x)[0])
    torch.testing.assert_close(layer.state_dict(), before, rtol=0, atol=0)


@pytest.mark.parametrize("shape", [(1, 2, 5), (1, 3, 4), (2, 3, 5)], ids=str)
@pytest.mark.parametrize("training", [True, False], ids=["training", "eval"])
def test_drop_connect_lstm_refuses_a_state_of_other_sizes(training, shape):
    """Non-regression: ``torch.lstm`` read beyond the memory of a state of fewer sequences and crashed."""
    layer = DropConnectLSTM(4, 5, weight_p=0.5).train(training)
    with pytest.raises(RuntimeError, match=r"Expected hidden\[0\] size \(1, 3, 5\)"):
        layer(torch.zeros(3, 7, 4), (torch.zeros(shape), torch.zeros(shape)))


def test_drop_connect_lstm_refuses_an_input_of_another_width():
    with pytest.raises(RuntimeError, match="Expected 4, got 9"):
        DropConnectLSTM(4, 5, weight_p=0.5)(torch.zeros(3, 7, 9))


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (LockedDropout(0.25), "LockedDropout(p=0.25)"),
        (EmbeddingDropout(nn.Embedding(3, 2), 0.25), "p=0.25"),
        (DropConnectLSTM(2, 2, 0.25), "weight_p=0.25"),
    ],
    ids=["locked", "embedding", "recurrent"],
)
def test_dropout_names_its_probability_when_printed(layer, text):
    assert text in repr(layer)


def test_embedding_dropout_looks_up_what_torch_looks_up():
    table, ids = nn.Embedding(50, 6), torch.randint(0, 50, (3, 7))
    assert torch.equal(EmbeddingDropout(table).eval()(ids), F.embedding(ids, table.weight))
