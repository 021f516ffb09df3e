"""The encoder and the language model: torch's LSTM as reference, and what the state promises."""

import pytest
import torch

from skgenome.nn import AWDLSTM, AWDLSTMLanguageModel

NO_DROPOUT = {"input_p": 0.0, "hidden_p": 0.0, "embedding_p": 0.0, "weight_p": 0.0}
TINY = {"embedding_size": 4, "hidden_size": 6}


@pytest.fixture
def model():
    """A small language model in float64, where rounding is out of the way."""
    return AWDLSTMLanguageModel(18, **TINY, n_layers=3).double().eval()


@pytest.fixture
def token_ids():
    return torch.randint(2, 18, (3, 20))


@pytest.mark.parametrize(("n_layers", "sizes"), [(1, [4]), (2, [6, 4]), (4, [6, 6, 6, 4])])
def test_awd_lstm_layers_have_the_sizes_promised(n_layers, sizes, token_ids):
    encoder = AWDLSTM(18, **TINY, n_layers=n_layers)
    output = encoder(token_ids)
    assert encoder.layer_sizes == sizes
    assert [tuple(x.shape) for x in output.raw] == [(3, 20, size) for size in sizes]
    assert [tuple(x.shape) for x in output.dropped] == [(3, 20, size) for size in sizes]
    assert [tuple(hidden.shape) for hidden, _ in output.state] == [(1, 3, size) for size in sizes]


def test_awd_lstm_in_eval_mode_is_a_chain_of_torchs_lstms(model, token_ids):
    encoder = model.encoder
    output = encoder(token_ids)
    x = encoder.embedding.weight[token_ids]
    for layer, raw, dropped, state in zip(encoder.layers, *output, strict=True):
        x, expected_state = layer.lstm(x)
        torch.testing.assert_close((raw, dropped), (x, x))
        torch.testing.assert_close(state, expected_state)


def test_awd_lstm_without_dropout_is_the_same_in_training(token_ids):
    model = AWDLSTMLanguageModel(18, **TINY, output_p=0.0, **NO_DROPOUT)
    assert torch.equal(model.train()(token_ids)[0], model.eval()(token_ids)[0])


@pytest.mark.parametrize("dropout", [*NO_DROPOUT, "output_p"])
def test_awd_lstm_each_dropout_has_an_effect(dropout, token_ids):
    model = AWDLSTMLanguageModel(18, **TINY, **{"output_p": 0.0, **NO_DROPOUT, dropout: 0.5})
    assert not torch.equal(model.train()(token_ids)[0], model.eval()(token_ids)[0])


@pytest.mark.parametrize("cut", [1, 7, 19])
def test_awd_lstm_goes_on_from_a_state(cut, model, token_ids):
    whole, whole_output = model(token_ids)
    first, output = model(token_ids[:, :cut])
    second, output = model(token_ids[:, cut:], output.state)
    torch.testing.assert_close(torch.cat([first, second], dim=1), whole)
    torch.testing.assert_close(output.state, whole_output.state)


def test_awd_lstm_keeps_no_state_itself(model, token_ids):
    assert torch.equal(model(token_ids)[0], model(token_ids)[0])


def test_awd_lstm_padding_on_the_right_changes_nothing_before_it(model, token_ids):
    padded = torch.cat([token_ids, torch.zeros(3, 9, dtype=torch.long)], dim=1)
    torch.testing.assert_close(model(padded)[0][:, :20], model(token_ids)[0])


def test_awd_lstm_sequences_of_a_batch_do_not_mix(model, token_ids):
    alone = torch.cat([model(row[None])[0] for row in token_ids])
    torch.testing.assert_close(model(token_ids)[0], alone)


def test_awd_lstm_prediction_does_not_look_ahead(model, token_ids):
    changed = token_ids.clone()
    changed[:, 10:] = 2
    torch.testing.assert_close(model(changed)[0][:, :10], model(token_ids)[0][:, :10])


def test_awd_lstm_language_model_has_tied_weights(model, token_ids):
    logits, output = model(token_ids)
    with torch.no_grad():
        model.bias.copy_(torch.randn(18))
    table = model.encoder.embedding.weight
    torch.testing.assert_close(model(token_ids)[0], output.raw[-1] @ table.T + model.bias)
    torch.testing.assert_close(logits, output.raw[-1] @ table.T)
    # One matrix for both ends: a second one of this size would be a decoder of its own.
    assert [p.shape for p in model.parameters()].count(table.shape) == 1


def test_awd_lstm_language_model_says_what_the_softmax_has_read():
    model = AWDLSTMLanguageModel(18, **TINY, output_p=0.5, **NO_DROPOUT)
    logits, output = model(torch.randint(2, 18, (3, 20)))
    kept = output.dropped[-1] != 0
    torch.testing.assert_close(output.dropped[-1], output.raw[-1] * kept * 2)
    torch.testing.assert_close(logits, output.dropped[-1] @ model.encoder.embedding.weight.T)


def test_awd_lstm_gradient_reaches_every_weight(token_ids):
    model = AWDLSTMLanguageModel(18, **TINY)
    model(token_ids)[0].square().sum().backward()
    assert [name for name, p in model.named_parameters() if not p.grad.abs().sum() > 0] == []


def test_awd_lstm_starts_with_small_embeddings_and_no_bias():
    model = AWDLSTMLanguageModel(4098, embedding_size=50)
    weight = model.encoder.embedding.weight
    assert weight.abs().max() <= 0.1
    assert weight.std().item() == pytest.approx(0.2 / 12**0.5, rel=0.02)
    assert (model.bias == 0).all()


@pytest.mark.parametrize("n_layers", [1, 2, 3])
def test_awd_lstm_layers_above_are_not_run(n_layers, model, token_ids):
    encoder = model.encoder
    whole = encoder(token_ids)
    for i, layer in enumerate(encoder.layers):
        if i >= n_layers:
            layer.register_forward_hook(lambda *_: pytest.fail("a layer above was run"))
    part = encoder(token_ids, None, n_layers)
    for found, expected in zip(part, whole, strict=True):
        assert len(found) == n_layers
        torch.testing.assert_close(found, expected[:n_layers], rtol=0, atol=0)


def test_awd_lstm_goes_on_from_the_state_of_some_layers(model, token_ids):
    whole = model.encoder(token_ids, None, 2).raw[1]
    first = model.encoder(token_ids[:, :7], None, 2)
    second = model.encoder(token_ids[:, 7:], first.state, 2)
    torch.testing.assert_close(torch.cat([first.raw[1], second.raw[1]], dim=1), whole)


@pytest.mark.parametrize("n_layers", [1, 2, 4])
def test_awd_lstm_layer_groups_hold_every_parameter_once(n_layers):
    encoder = AWDLSTM(18, **TINY, n_layers=n_layers)
    groups = encoder.layer_groups()
    assert len(groups) == n_layers + 1
    held = [id(parameter) for group in groups for parameter in group.parameters()]
    assert sorted(held) == sorted(map(id, encoder.parameters()))
    assert next(groups[0].parameters()) is encoder.embedding.weight


@pytest.mark.parametrize("n_layers", [1, 3])
def test_awd_lstm_set_dropouts_equals_construction_with_them(n_layers, token_ids):
    others = {"input_p": 0.5, "hidden_p": 0.4, "embedding_p": 0.3, "weight_p": 0.6}
    made = AWDLSTM(18, **TINY, n_layers=n_layers, **others)
    changed = AWDLSTM(18, **TINY, n_layers=n_layers, **NO_DROPOUT)
    changed.load_state_dict(made.state_dict())
    changed.set_dropouts(**others)
    # The printed form shows every p.
    assert str(changed) == str(made)
    outputs = []
    for encoder in (made, changed):
        torch.manual_seed(0)
        outputs.append(encoder(token_ids).raw[-1])
    assert torch.equal(*outputs)
    changed.set_dropouts(**NO_DROPOUT)
    assert torch.equal(changed.train()(token_ids).raw[-1], changed.eval()(token_ids).raw[-1])
