"""The causal CNN-LSTM: torch's convolution and LSTM as reference, and what may have an influence on what."""

import math

import pytest
import torch
from torch.nn import functional as F

from skgenome.nn import CNNLSTM, CNNLSTMLanguageModel, OneHotBases, token_nats

NO_DROPOUT = {"input_p": 0.0, "hidden_p": 0.0, "embedding_p": 0.0, "weight_p": 0.0}
TINY = {"n_filters": 5, "kernel_size": 4, "hidden_size": 6}


@pytest.fixture
def model():
    """A small language model of dinucleotides in float64, where rounding is out of the way."""
    return CNNLSTMLanguageModel(18, **TINY, n_layers=3).double().eval()


@pytest.fixture
def token_ids():
    """With unknown tokens."""
    ids = torch.randint(2, 18, (3, 20))
    ids[0, [0, 7]] = ids[1, 19] = 1
    return ids


def channels_of(token_ids, k):
    """One-hot bases of k-mers by arithmetic on one id after the other, (batch, 4 * k, length)."""
    x = torch.zeros(*token_ids.shape, 4 * k, dtype=torch.float64)
    for place in (token_ids >= 2).nonzero().tolist():
        kmer = int(token_ids[tuple(place)]) - 2
        for i in range(k):
            x[(*place, 4 * i + kmer // 4 ** (k - 1 - i) % 4)] = 1
    return x.transpose(1, 2)


@pytest.mark.parametrize("n_layers", [1, 3])
def test_cnn_lstm_layers_have_the_sizes_promised(n_layers, token_ids):
    encoder = CNNLSTM(18, **TINY, n_layers=n_layers)
    output = encoder(token_ids)
    assert encoder.layer_sizes == [6] * n_layers
    assert [tuple(x.shape) for x in output.raw] == [(3, 20, 6)] * n_layers
    assert [tuple(x.shape) for x in output.dropped] == [(3, 20, 6)] * n_layers
    assert [tuple(x.shape) for part in output.state for x in part] == [(3, 3), *[(1, 3, 6)] * 2 * n_layers]


@pytest.mark.parametrize("kernel_size", [1, 2, 7, 30])
@pytest.mark.parametrize(("k", "n_tokens"), [(1, 6), (2, 18), (3, 66)])
def test_cnn_lstm_in_eval_mode_is_a_convolution_and_torchs_lstms(k, n_tokens, kernel_size):
    """A sequence shorter than a filter is no exception."""
    encoder = CNNLSTM(n_tokens, n_filters=5, kernel_size=kernel_size, hidden_size=6, n_layers=2)
    encoder.double().eval()
    ids = torch.randint(1, n_tokens, (3, 20))
    filters = encoder.motifs.filters
    kernel = filters.weight.unflatten(1, (kernel_size, 4 * k)).transpose(1, 2)  # (F, 4k, kernel_size)
    padded = F.pad(channels_of(ids, k), (kernel_size - 1, 0))
    x = F.conv1d(padded, kernel, filters.bias).relu().transpose(1, 2)
    output = encoder(ids)
    for layer, raw, dropped, state in zip(
        encoder.layers, output.raw, output.dropped, output.state[1:], strict=True
    ):
        x, expected_state = layer.lstm(x)
        torch.testing.assert_close((raw, dropped, state), (x, x, expected_state))


@pytest.mark.parametrize("n_tokens", [2, 5, 7, 64, 4098 + 1])
def test_cnn_lstm_refuses_a_vocabulary_that_is_none(n_tokens):
    with pytest.raises(ValueError, match=rf"n_tokens must be 4\*\*k \+ 2.* Got {n_tokens} instead"):
        CNNLSTM(n_tokens)


@pytest.mark.parametrize("place", [0, 1, 10, 19])
def test_cnn_lstm_does_not_look_ahead(place, model, token_ids):
    """A changed token changes nothing before it, to the bit, and something from there on."""
    changed = token_ids.clone()
    changed[:, place] = (changed[:, place] - 2 + 5) % 16 + 2
    before, after = model(token_ids)[0], model(changed)[0]
    assert torch.equal(before[:, :place], after[:, :place])
    assert (before[:, place:] != after[:, place:]).any(-1).all(1).any()


@pytest.mark.parametrize("place", [0, 5, 19])
def test_cnn_lstm_gradient_comes_from_the_tokens_so_far(place, token_ids):
    # So many filters that some are active everywhere.
    model = CNNLSTMLanguageModel(18, **{**TINY, "n_filters": 64}).double().eval()
    leaves = []
    model.encoder.motifs.one_hot.register_forward_hook(
        lambda _, __, x: leaves.append(x.detach().requires_grad_()) or leaves[-1]
    )
    model(token_ids)[0][:, place].square().sum().backward()
    # The channels begin with those of what lies before the sequence.
    reached = leaves[0].grad.abs().sum(1)[:, 3:] > 0
    assert reached[:, : place + 1].all()
    assert not reached[:, place + 1 :].any()


@pytest.mark.parametrize("cuts", [[1], [2, 3], [7], [19], [5, 6, 7, 8], list(range(1, 20))], ids=str)
def test_cnn_lstm_pieces_with_the_state_give_what_the_whole_gives(cuts, model, token_ids):
    """Also where a piece is shorter than a filter."""
    whole, whole_output = model(token_ids)
    pieces, state = [], None
    for piece in token_ids.tensor_split(cuts, dim=1):
        logits, output = model(piece, state)
        state = output.state
        pieces.append(logits)
    torch.testing.assert_close(torch.cat(pieces, dim=1), whole, rtol=0, atol=1e-12)
    torch.testing.assert_close(state, whole_output.state, rtol=0, atol=1e-12)


def test_cnn_lstm_predicts_at_every_position_what_it_predicts_of_the_window_that_ends_there(model, token_ids):
    """The published objective, one next token for a window, at all positions at once."""
    windows = [model(token_ids[:, : end + 1])[0][:, -1] for end in range(20)]
    torch.testing.assert_close(model(token_ids)[0], torch.stack(windows, dim=1), rtol=0, atol=1e-12)


def test_cnn_lstm_forgets_the_left_context_without_a_state(model, token_ids):
    """What ends a contig is not seen by the next one: that is what a fresh start is for."""
    second = token_ids[:, 10:]
    _, output = model(token_ids[:, :10])
    afresh, carried = model(second)[0], model(second, output.state)[0]
    assert (afresh != carried).any()
    # The states of the LSTMs alone are not all that the past is.
    without_ids = [(torch.zeros_like(output.state[0][0]),), *output.state[1:]]
    assert (model(second, without_ids)[0][:, 0] != carried[:, 0]).any()


def test_cnn_lstm_keeps_no_state_itself(model, token_ids):
    assert torch.equal(model(token_ids)[0], model(token_ids)[0])


def test_cnn_lstm_padding_on_the_right_changes_nothing_before_it(model, token_ids):
    padded = torch.cat([token_ids, torch.zeros(3, 9, dtype=torch.long)], dim=1)
    torch.testing.assert_close(model(padded)[0][:, :20], model(token_ids)[0], rtol=0, atol=1e-12)


def test_cnn_lstm_sequences_of_a_batch_do_not_mix(model, token_ids):
    alone = torch.cat([model(row[None])[0] for row in token_ids])
    torch.testing.assert_close(model(token_ids)[0], alone, rtol=0, atol=1e-12)


def test_cnn_lstm_language_model_scores_by_its_decoder(model, token_ids):
    logits, output = model(token_ids)
    decoder = model.decoder
    torch.testing.assert_close(logits, output.raw[-1] @ decoder.weight.T + decoder.bias)


def test_cnn_lstm_language_model_loss_is_the_cross_entropy_by_hand(model, token_ids):
    logits = model(token_ids[:, :-1])[0].detach()
    probabilities, nats = logits.softmax(-1), token_nats(logits, token_ids[:, 1:])
    for row, ids in enumerate(token_ids.tolist()):
        for i, target in enumerate(ids[1:]):
            expected = 0.0 if target < 2 else -math.log(probabilities[row, i, target])
            assert float(nats[row, i]) == pytest.approx(expected, rel=1e-5)


def test_cnn_lstm_language_model_says_what_the_softmax_has_read(token_ids):
    model = CNNLSTMLanguageModel(18, **TINY, output_p=0.5, **NO_DROPOUT)
    logits, output = model(token_ids)
    kept = output.dropped[-1] != 0
    torch.testing.assert_close(output.dropped[-1], output.raw[-1] * kept * 2)
    torch.testing.assert_close(logits, model.decode(output.dropped[-1]))


def test_cnn_lstm_gradient_reaches_every_weight(token_ids):
    model = CNNLSTMLanguageModel(18, **TINY, n_layers=2)
    model(token_ids)[0].square().sum().backward()
    assert [name for name, p in model.named_parameters() if not p.grad.abs().sum() > 0] == []


def test_cnn_lstm_without_dropout_is_the_same_in_training(token_ids):
    model = CNNLSTMLanguageModel(18, **TINY, n_layers=2, output_p=0.0, **NO_DROPOUT)
    assert torch.equal(model.train()(token_ids)[0], model.eval()(token_ids)[0])


@pytest.mark.parametrize("dropout", [*NO_DROPOUT, "output_p"])
def test_cnn_lstm_each_dropout_has_an_effect(dropout, token_ids):
    options = {"output_p": 0.0, **NO_DROPOUT, dropout: 0.5}
    model = CNNLSTMLanguageModel(18, **TINY, n_layers=2, **options)
    assert not torch.equal(model.train()(token_ids)[0], model.eval()(token_ids)[0])


def test_cnn_lstm_drops_a_token_everywhere_in_the_batch():
    """A dropped token is nothing; the others are scaled so that the expectation stays."""
    encoder = CNNLSTM(18, n_filters=4, kernel_size=1, **{**NO_DROPOUT, "embedding_p": 0.5})
    ids = torch.arange(2, 18).repeat(3, 2)
    channels = encoder.train().motifs._look_up(ids)
    expected = OneHotBases(k=2)(ids).transpose(1, 2)
    factors = channels.sum(2) / expected.sum(2)
    assert torch.equal(channels, expected * factors[..., None])
    assert set(factors.unique().tolist()) == {0, 2}
    # The same 16 tokens twice in each of three rows.
    assert torch.equal(factors, factors[:1, :16].repeat(3, 2))


@pytest.mark.parametrize("n_layers", [1, 3])
def test_cnn_lstm_set_dropouts_equals_construction_with_them(n_layers, token_ids):
    others = {"input_p": 0.5, "hidden_p": 0.4, "embedding_p": 0.3, "weight_p": 0.6}
    made = CNNLSTM(18, **TINY, n_layers=n_layers, **others)
    changed = CNNLSTM(18, **TINY, n_layers=n_layers, **NO_DROPOUT)
    changed.load_state_dict(made.state_dict())
    changed.set_dropouts(**others)
    # The printed form shows every p.
    assert str(changed) == str(made)
    outputs = []
    for encoder in (made, changed):
        torch.manual_seed(0)
        outputs.append(encoder(token_ids).raw[-1])
    assert torch.equal(*outputs)


def test_cnn_lstm_language_model_set_dropouts_sets_all_five():
    others = {"output_p": 0.7, "input_p": 0.5, "hidden_p": 0.4, "embedding_p": 0.3, "weight_p": 0.6}
    changed = CNNLSTMLanguageModel(18, **TINY, n_layers=2, output_p=0.0, **NO_DROPOUT)
    changed.set_dropouts(**others)
    assert str(changed) == str(CNNLSTMLanguageModel(18, **TINY, n_layers=2, **others))


@pytest.mark.parametrize("n_layers", [1, 2, 3])
def test_cnn_lstm_layers_above_are_not_run(n_layers, model, token_ids):
    encoder = model.encoder
    whole = encoder(token_ids)
    for layer in encoder.layers[n_layers:]:
        layer.register_forward_hook(lambda *_: pytest.fail("a layer above was run"))
    part = encoder(token_ids, None, n_layers)
    assert [len(x) for x in part] == [n_layers, n_layers, n_layers + 1]
    for found, expected in zip(part, whole, strict=True):
        torch.testing.assert_close(found, expected[: len(found)], rtol=0, atol=0)


def test_cnn_lstm_goes_on_from_the_state_of_some_layers(model, token_ids):
    whole = model.encoder(token_ids, None, 2).raw[1]
    first = model.encoder(token_ids[:, :7], None, 2)
    second = model.encoder(token_ids[:, 7:], first.state, 2)
    torch.testing.assert_close(torch.cat([first.raw[1], second.raw[1]], dim=1), whole)


@pytest.mark.parametrize("n_layers", [1, 2, 4])
def test_cnn_lstm_layer_groups_hold_every_parameter_once(n_layers):
    encoder = CNNLSTM(18, **TINY, n_layers=n_layers)
    groups = encoder.layer_groups()
    assert groups == [encoder.motifs, *encoder.layers]
    held = [id(parameter) for group in groups for parameter in group.parameters()]
    assert sorted(held) == sorted(map(id, encoder.parameters()))


@pytest.mark.parametrize("kernel_size", [3, 8, 16, 26])
@pytest.mark.parametrize("n_tokens", [6, 18, 66])
def test_cnn_lstm_in_bfloat16_is_close(n_tokens, kernel_size):
    """Non-regression: torch's own convolution of 8 or 12 channels and 8 taps is wrong on CPUs with AMX."""
    encoder = CNNLSTM(n_tokens, n_filters=16, kernel_size=kernel_size, hidden_size=6).eval()
    ids = torch.randint(2, n_tokens, (3, 70))
    exact = encoder.motifs(ids, None)[0]
    with torch.autocast("cpu", torch.bfloat16):
        rough, output = encoder.motifs(ids, None)[0], encoder(ids)
    assert rough.dtype == output.raw[-1].dtype == torch.bfloat16
    torch.testing.assert_close(rough.float(), exact, rtol=0.02, atol=0.05)
    torch.testing.assert_close(output.raw[-1].float(), encoder(ids).raw[-1], rtol=0.02, atol=0.05)
