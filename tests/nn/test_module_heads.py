"""Heads against numpy and against their layers by hand."""

import numpy as np
import pytest
import torch

from skgenome.nn import AWDLSTM, LinearHead, MLPHead, PooledEncoder, SequenceClassifierModule, Standardize

HEADS = pytest.mark.parametrize("make", [LinearHead, MLPHead])


@pytest.fixture
def features():
    """Features of which each has a place and a size of its own, none of them a small one."""
    return torch.randn(30, 5, dtype=torch.float64) * torch.tensor([1, 2, 0.9, 3, 2]) + torch.arange(5) * 10


def test_standardize_changes_nothing_until_it_has_measured(features):
    assert torch.equal(Standardize(5)(features), features)


def test_standardize_gives_mean_zero_and_deviation_one(features):
    x = features.numpy()
    found = Standardize(5).double().measure(features)(features)
    np.testing.assert_allclose(found, (x - x.mean(axis=0)) / x.std(axis=0), rtol=1e-6)


def test_standardize_raises_small_deviations_to_the_floor(features):
    x = (features * torch.tensor([1, 1, 1e-6, 0.01, 1])).numpy()
    deviation = x.std(axis=0)
    scale = np.maximum(deviation, 0.2 * np.sqrt((deviation**2).mean()))
    assert (scale > deviation).sum() == 2
    found = Standardize(5).double().measure(torch.from_numpy(x))(torch.from_numpy(x))
    np.testing.assert_allclose(found, (x - x.mean(axis=0)) / scale, rtol=1e-6)


def test_standardize_makes_a_constant_feature_zero(features):
    features[:, 3] = 7
    found = Standardize(5).measure(features)(features)
    assert (found[:, 3].abs() < 1e-5).all()
    assert found[:, :3].abs().max() > 1


@pytest.mark.parametrize("n_rows", [1, 4])
def test_standardize_of_equal_rows_subtracts_alone(n_rows):
    x = torch.tensor([[3.0, -5.0]]).repeat(n_rows, 1)
    module = Standardize(2).measure(x)
    assert module.scale.tolist() == [1, 1]
    assert module(x + 2).tolist() == [[2, 2]] * n_rows


def test_standardize_measures_far_from_zero_without_losing_digits():
    x = torch.randn(200, 3) + 1000
    deviation = x.numpy().astype(np.float64).std(axis=0)
    np.testing.assert_allclose(Standardize(3).measure(x).scale, deviation, rtol=1e-5)


def test_standardize_is_saved_but_not_trained(features):
    module = Standardize(5).measure(features)
    assert list(module.parameters()) == []
    other = Standardize(5)
    other.load_state_dict(module.state_dict())
    assert torch.equal(other(features), module(features))


@HEADS
@pytest.mark.parametrize("n_outputs", [1, 3])
def test_head_gives_a_score_for_each_output(make, n_outputs, features):
    assert make(5, n_outputs)(features.float()).shape == (30, n_outputs)


def test_linear_head_is_a_linear_model_on_standardised_features(features):
    head = LinearHead(5, 3, input_p=0.5).double().eval()
    head.standardize.measure(features)
    x = head.standardize(features).numpy()
    expected = x @ head.linear.weight.detach().numpy().T + head.linear.bias.detach().numpy()
    np.testing.assert_allclose(head(features).detach(), expected, rtol=1e-9)


def test_mlp_head_is_its_layers_by_hand(features):
    head = MLPHead(5, 3, hidden_size=7).double().eval()
    head.standardize.measure(features)
    first, second = (layer for layer in head.layers if isinstance(layer, torch.nn.Linear))
    hidden = (head.standardize(features) @ first.weight.T + first.bias).clamp(min=0).detach().numpy()
    variance = hidden.var(axis=1, keepdims=True)
    normed = (hidden - hidden.mean(axis=1, keepdims=True)) / np.sqrt(variance + 1e-5)
    expected = normed @ second.weight.detach().numpy().T + second.bias.detach().numpy()
    np.testing.assert_allclose(head(features).detach(), expected, rtol=1e-7, atol=1e-9)


@HEADS
def test_head_passes_gradcheck(make, features):
    head = make(5, 2).double().eval()
    head.standardize.measure(features)
    names = [name for name, _ in head.named_parameters()]

    def score(x, *weights):
        return torch.func.functional_call(head, dict(zip(names, weights, strict=True)), x)

    inputs = (
        features[:4].clone().requires_grad_(),
        *(p.detach().requires_grad_() for p in head.parameters()),
    )
    assert torch.autograd.gradcheck(score, inputs)


@pytest.mark.parametrize(
    ("make", "dropouts"),
    [
        (LinearHead, {"input_p": 0.5}),
        (MLPHead, {"input_p": 0.5, "hidden_p": 0}),
        (MLPHead, {"input_p": 0, "hidden_p": 0.5}),
    ],
)
def test_head_each_dropout_has_an_effect_in_training_alone(make, dropouts, features):
    head, x = make(5, 2, **dropouts), features.float()
    assert not torch.equal(head.train()(x), head(x))
    assert torch.equal(head.eval()(x), head(x))


@pytest.mark.parametrize(("make", "dropouts"), [(LinearHead, {}), (MLPHead, {"input_p": 0, "hidden_p": 0})])
def test_head_in_training_does_not_mix_rows(make, dropouts, features):
    """Batch normalisation would: then 20 labels train another function than the one that predicts."""
    head, x = make(5, 2, **dropouts).train(), features.float()
    alone = torch.cat([head(row[None]) for row in x])
    torch.testing.assert_close(head(x), alone)


@pytest.mark.parametrize(("layer", "n_groups"), [(-1, 5), (1, 4), (0, 3)])
def test_sequence_classifier_module_groups_go_from_the_embedding_to_the_head(layer, n_groups):
    encoder = AWDLSTM(18, embedding_size=4, hidden_size=6)
    pooled = PooledEncoder(encoder, "mean", [layer])
    module = SequenceClassifierModule(pooled, LinearHead(pooled.n_features, 2))
    groups = module.layer_groups()
    assert len(groups) == n_groups
    assert groups[0] is encoder.embedding_dropout
    assert groups[1] is encoder.layers[0]
    assert groups[-1] is module.head
    held = [id(p) for group in groups for p in group.parameters()]
    not_run = [id(p) for n_layer in encoder.layers[n_groups - 2 :] for p in n_layer.parameters()]
    assert sorted(held + not_run) == sorted(id(p) for p in module.parameters())


def test_sequence_classifier_module_is_head_after_encoder():
    pooled = PooledEncoder(AWDLSTM(18, embedding_size=4, hidden_size=6), "concat", [-1], "concat")
    module = SequenceClassifierModule(pooled, MLPHead(pooled.n_features, 3)).eval()
    ids, reverse = torch.randint(2, 18, (2, 4, 9))
    assert torch.equal(module(ids, reverse), module.head(pooled(ids, reverse)))
