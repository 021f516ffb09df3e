"""Context networks: nothing ahead is seen, and torch's networks as reference."""

import pytest
import torch

from skgenome.nn import CONTEXTS, CausalConvContext, RecurrentContext, make_context

NAMES = pytest.mark.parametrize("name", CONTEXTS)


@pytest.fixture
def latents():
    return torch.randn(3, 40, 6, dtype=torch.float64)


@NAMES
@pytest.mark.parametrize("n_patches", [1, 2, 3, 40])
def test_context_gives_a_vector_for_each_patch(n_patches, name, latents):
    found = make_context(name, 6, 5).double()(latents[:, :n_patches])
    assert found.shape == (3, n_patches, 5)


@NAMES
@pytest.mark.parametrize("cut", [1, 2, 17, 39])
@pytest.mark.parametrize("value", [0.0, 1e6, float("nan")])
def test_context_does_not_see_what_lies_ahead(value, cut, name, latents):
    network = make_context(name, 6, 5).double()
    expected = network(latents)[:, :cut]
    changed = latents.clone()
    changed[:, cut:] = value
    torch.testing.assert_close(network(changed)[:, :cut], expected)


@NAMES
@pytest.mark.parametrize("position", [0, 5, 39])
def test_context_has_no_gradient_from_what_lies_ahead(position, name, latents):
    latents.requires_grad_()
    make_context(name, 6, 5).double()(latents)[:, position].square().sum().backward()
    seen = latents.grad.abs().sum((0, 2)) > 0
    assert not seen[position + 1 :].any()
    assert seen[position]


@NAMES
def test_context_of_a_row_does_not_depend_on_the_others(name, latents):
    network = make_context(name, 6, 5).double()
    alone = torch.cat([network(row[None]) for row in latents])
    torch.testing.assert_close(network(latents), alone)


@pytest.mark.parametrize("n_layers", [1, 3])
@pytest.mark.parametrize(("kind", "reference"), [("lstm", torch.nn.LSTM), ("gru", torch.nn.GRU)])
def test_recurrent_context_is_torchs(kind, reference, n_layers, latents):
    network = RecurrentContext(kind, 6, 5, n_layers).double()
    twin = reference(6, 5, n_layers, batch_first=True).double()
    twin.load_state_dict(network.rnn.state_dict())
    torch.testing.assert_close(network(latents), twin(latents)[0])


def test_recurrent_context_of_lstms_remembers_from_the_start():
    for name, bias in RecurrentContext("lstm", 6, 5, 2).rnn.named_parameters():
        if name.startswith("bias"):
            assert bias[5:10].tolist() == [float("_ih_" in name)] * 5


@pytest.mark.parametrize(("kernel_size", "n_layers"), [(1, 2), (2, 3), (3, 1), (3, 3), (3, 4)])
def test_causal_conv_context_sees_its_receptive_field(kernel_size, n_layers, latents):
    """The gradient reaches that far back, and no further."""
    network = CausalConvContext(6, 5, kernel_size, n_layers).double()
    latents.requires_grad_()
    network(latents)[:, -1].square().sum().backward()
    seen = latents.grad.abs().sum((0, 2)) > 0
    assert seen.sum() == network.receptive_field
    assert seen[-network.receptive_field :].all()


def test_causal_conv_context_of_one_layer_by_hand(latents):
    network = CausalConvContext(6, 5, kernel_size=3, n_layers=1).double()
    x = latents @ network.inputs.weight.T + network.inputs.bias
    normalized = (x - x.mean(2, keepdim=True)) / torch.sqrt(x.var(2, correction=0, keepdim=True) + 1e-5)
    conv = network.layers[0].conv
    expected = torch.empty_like(x)
    for t in range(x.shape[1]):
        taps = [normalized[:, t - 2 + i] if t - 2 + i >= 0 else torch.zeros(3, 5).double() for i in range(3)]
        y = sum(tap @ conv.weight[:, :, i].T for i, tap in enumerate(taps)) + conv.bias
        expected[:, t] = x[:, t] + y.clamp(min=0)
    torch.testing.assert_close(network(latents), expected)


@NAMES
def test_context_under_autocast_runs_both_ways(name, latents):
    network = make_context(name, 6, 5)
    with torch.autocast("cpu", torch.bfloat16):
        found = network(latents.float())
    found.float().sum().backward()
    torch.testing.assert_close(found.float(), network(latents.float()), rtol=0.1, atol=0.1)


def test_make_context_gives_what_it_is_asked_for():
    assert isinstance(make_context("causal-conv", 6, 5), CausalConvContext)
    assert isinstance(make_context("gru", 6).rnn, torch.nn.GRU)
    assert isinstance(make_context("lstm", 6).rnn, torch.nn.LSTM)


def test_make_context_refuses_an_unknown_name():
    with pytest.raises(ValueError, match=r"name must be one of \['causal-conv', 'gru', 'lstm'\]. Got 'rnn'"):
        make_context("rnn", 6, 5)


def test_recurrent_context_refuses_an_unknown_kind():
    with pytest.raises(ValueError, match=r"kind must be one of \['gru', 'lstm'\]. Got 'causal-conv' instead"):
        RecurrentContext("causal-conv", 6)
