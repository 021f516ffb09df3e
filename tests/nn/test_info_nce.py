"""InfoNCE, against three loops by hand and closed forms."""

import math

import numpy as np
import pytest
import torch

from skgenome.nn import NEGATIVES, InfoNCE, _info_nce

KINDS = pytest.mark.parametrize("negatives", NEGATIVES)
#: The same, and a radius around the context for those that have any use for it.
EXCLUDING = pytest.mark.parametrize(
    ("negatives", "exclude"),
    [("batch", None), ("sequence", None), ("sequence", 0), ("sequence", 3), ("both", None), ("both", 3)],
)
MASKS = pytest.mark.parametrize("masked", [False, True], ids=["all-real", "masked"])


@pytest.fixture
def latents():
    return torch.randn(4, 9, 6, dtype=torch.float64)


@pytest.fixture
def contexts():
    return torch.randn(4, 9, 5, dtype=torch.float64)


@pytest.fixture
def mask():
    """Rows of all nine patches, of six, of one, and of none."""
    return torch.arange(9) < torch.tensor([9, 6, 1, 0])[:, None]


def module(steps=(1, 3, 4), **params):
    return InfoNCE(6, 5, **{"steps": steps, "projection_size": 3, **params}).double()


def brute_force(info_nce, targets, contexts, mask):
    """Loop over rows, patches and steps, and over candidates one by one."""
    weight = info_nce.projection.weight.detach().numpy()
    targets, contexts = targets.detach().numpy(), contexts.detach().numpy()
    n_rows, n_patches = mask.shape
    losses, right, chances = [], [], []

    def scaled(x):
        return x / np.linalg.norm(x) if info_nce.normalize else x

    def is_negative(row, position, b, t, step):
        if not mask[row, position] or (row, position) == (b, t + step):
            return False
        if row != b:
            return info_nce.negatives != "sequence"
        near = info_nce.exclude is not None and abs(position - t) <= info_nce.exclude
        return info_nce.negatives != "batch" and not near

    for predictor, step in zip(info_nce.predictors, info_nce.steps, strict=True):
        for b in range(n_rows):
            for t in range(n_patches - step):
                negatives = [
                    (row, position)
                    for row in range(n_rows)
                    for position in range(n_patches)
                    if is_negative(row, position, b, t, step)
                ]
                if not (mask[b, t] and mask[b, t + step] and negatives):
                    continue
                predicted = scaled(predictor.weight.detach().numpy() @ contexts[b, t])
                scores = [
                    predicted @ scaled(weight @ targets[place]) / info_nce.temperature
                    for place in [(b, t + step), *negatives]
                ]
                losses.append(math.log(sum(math.exp(score) for score in scores)) - scores[0])
                right.append(scores[0] > max(scores[1:]))
                chances.append(1 / len(scores))
    return np.mean(losses), np.mean(right), np.mean(chances), len(losses)


def assert_output(found, expected):
    assert found.loss.item() == pytest.approx(expected[0], rel=1e-9)
    assert found.accuracy.item() == pytest.approx(expected[1], rel=1e-9)
    assert found.chance.item() == pytest.approx(expected[2], rel=1e-9)
    assert found.n_predictions == expected[3]


@MASKS
@EXCLUDING
@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("temperature", [0.1, 2.0])
def test_info_nce_is_three_loops(temperature, normalize, negatives, exclude, masked, latents, contexts, mask):
    info_nce = module(temperature=temperature, normalize=normalize, negatives=negatives, exclude=exclude)
    real = mask if masked else torch.ones_like(mask)
    found = info_nce(latents, contexts, mask if masked else None)
    assert_output(found, brute_force(info_nce, latents, contexts, real.numpy()))


@MASKS
@KINDS
def test_info_nce_of_reverse_complements_is_three_loops_over_them(negatives, masked, latents, contexts, mask):
    info_nce = module(negatives=negatives, reverse_complement=True)
    reverse, real = torch.randn_like(latents), mask if masked else torch.ones_like(mask)
    found = info_nce(latents, contexts, mask if masked else None, reverse)
    assert_output(found, brute_force(info_nce, reverse, contexts, real.numpy()))


@EXCLUDING
@pytest.mark.parametrize("max_scores", [1, 40, 200])
def test_info_nce_in_parts_is_the_same(max_scores, negatives, exclude, latents, contexts, mask, monkeypatch):
    """Values and gradients do not depend on how many scores are held at once."""
    info_nce = module(negatives=negatives, exclude=exclude)
    results = []
    for limit in (2**24, max_scores):
        monkeypatch.setattr(_info_nce, "MAX_SCORES", limit)
        inputs = [x.clone().requires_grad_() for x in (latents, contexts)]
        output = info_nce(*inputs, mask)
        tensors = [*inputs, *info_nce.parameters()]
        results.append([*output[:3], *torch.autograd.grad(output.loss, tensors, allow_unused=True)])
    torch.testing.assert_close(results[0], results[1])


@KINDS
@MASKS
def test_info_nce_passes_gradcheck(negatives, masked, latents, contexts, mask):
    info_nce = module(negatives=negatives, temperature=0.5)
    mask = mask[:2, :5] if masked else None
    inputs = latents[:2, :5].requires_grad_(), contexts[:2, :5].requires_grad_()
    assert torch.autograd.gradcheck(lambda *x: info_nce(*x, mask).loss, inputs)


@pytest.mark.parametrize(("negatives", "n_candidates"), [("batch", 28), ("sequence", 9), ("both", 36)])
def test_info_nce_of_equal_latents_is_the_logarithm_of_the_number_of_candidates(
    negatives, n_candidates, latents, contexts
):
    """A collapsed encoder is at chance: in a tie each candidate has its share."""
    found = module(negatives=negatives)(torch.zeros_like(latents), contexts)
    assert found.loss.item() == pytest.approx(math.log(n_candidates))
    assert found.accuracy.item() == pytest.approx(1 / n_candidates)
    assert found.chance.item() == pytest.approx(1 / n_candidates)
    assert found.n_predictions == 4 * (8 + 6 + 5)


def test_info_nce_a_tie_of_some_candidates_is_shared():
    """Two of the three patches ahead look alike: the context cannot tell which it is."""
    info_nce = InfoNCE(2, 1, steps=(1,), projection_size=2, negatives="sequence").double()
    with torch.no_grad():
        info_nce.projection.weight.copy_(torch.eye(2))
        info_nce.predictors[0].weight.copy_(torch.tensor([[1.0], [0.0]]))
    latents = torch.tensor([[[0.0, 1.0], [1.0, 0.0], [1.0, 0.0]]]).double()
    assert info_nce(latents, torch.ones(1, 3, 1).double()).accuracy.item() == 0.5


@KINDS
def test_info_nce_of_perfect_predictions_is_zero(negatives):
    """Every patch has a direction of its own, and the context is the one of the next."""
    latents = torch.eye(12).view(3, 4, 12)
    info_nce = InfoNCE(12, 12, steps=(1,), projection_size=12, temperature=0.01, negatives=negatives)
    with torch.no_grad():
        info_nce.projection.weight.copy_(torch.eye(12))
        info_nce.predictors[0].weight.copy_(torch.eye(12))
    found = info_nce(latents, latents.roll(-1, dims=1))
    assert found.loss.item() < 1e-6
    assert found.accuracy.item() == 1


@KINDS
@MASKS
def test_info_nce_does_not_depend_on_the_order_of_rows(negatives, masked, latents, contexts, mask):
    info_nce, order = module(negatives=negatives), torch.tensor([2, 0, 3, 1])
    found = info_nce(latents[order], contexts[order], mask[order] if masked else None)
    torch.testing.assert_close(found, info_nce(latents, contexts, mask if masked else None))


@KINDS
@pytest.mark.parametrize("value", [1e300, float("inf"), float("nan")])
def test_info_nce_masked_patches_have_no_influence(value, negatives, latents, contexts, mask):
    """Neither on values nor, as numbers that are none, on gradients."""
    info_nce = module(negatives=negatives)
    expected = info_nce(latents, contexts, mask)
    spoilt = [torch.where(mask[..., None], x, value).requires_grad_() for x in (latents, contexts)]
    found = info_nce(*spoilt, mask)
    torch.testing.assert_close(found, expected)
    found.loss.backward()
    assert all((x.grad[~mask] == 0).all() for x in spoilt)
    assert all(torch.isfinite(x.grad).all() for x in info_nce.parameters())


@KINDS
def test_info_nce_padded_rows_are_the_same(negatives, latents, contexts, mask):
    info_nce = module(negatives=negatives)
    longer = [torch.nn.functional.pad(x, (0, 0, 0, 4), value=7.0) for x in (latents, contexts)]
    found = info_nce(*longer, torch.nn.functional.pad(mask, (0, 4)))
    torch.testing.assert_close(found, info_nce(latents, contexts, mask))


@KINDS
@pytest.mark.parametrize("far", [9, 10, 50])
def test_info_nce_leaves_out_steps_that_reach_beyond_the_rows(far, negatives, latents, contexts):
    info_nce = module(steps=(2, far), negatives=negatives)
    near = module(steps=(2,), negatives=negatives)
    near.load_state_dict({name: x for name, x in info_nce.state_dict().items() if "1" not in name})
    torch.testing.assert_close(info_nce(latents, contexts), near(latents, contexts))


def test_info_nce_predictions_without_a_negative_do_not_count(latents, contexts):
    """In a row of two patches there is nothing else; the other row has one more."""
    info_nce = module(steps=(1,), negatives="sequence", exclude=0)
    mask = torch.tensor([[True, True, False], [True, True, True]])
    found = info_nce(latents[:2, :3], contexts[:2, :3], mask)
    # From patch 0 of the second row: 1 or 2. From patch 1: 2 or 0.
    assert (found.n_predictions, found.chance.item()) == (2, 0.5)


@pytest.mark.parametrize(
    ("n_rows", "n_patches", "n_real", "params"),
    [
        (2, 3, 6, {"steps": (3, 4)}),
        (1, 9, 9, {"negatives": "batch"}),
        (2, 2, 4, {"steps": (1,), "negatives": "sequence", "exclude": 0}),
        (2, 9, 0, {"negatives": "both"}),
    ],
    ids=["rows-too-short", "one-row", "no-negative", "nothing-real"],
)
def test_info_nce_refuses_a_batch_without_predictions(n_rows, n_patches, n_real, params, latents, contexts):
    mask = torch.full((n_rows, n_patches), n_real > 0)
    message = f"nothing can be predicted in {n_rows} rows of {n_patches} patches, {n_real} of them real"
    with pytest.raises(ValueError, match=message):
        module(**params)(latents[:n_rows, :n_patches], contexts[:n_rows, :n_patches], mask)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"steps": ()}, r"steps must be different whole numbers from 1. Got \(\) instead"),
        ({"steps": (0, 1)}, r"steps must be .* Got \(0, 1\) instead"),
        ({"steps": (2, 2)}, r"steps must be .* Got \(2, 2\) instead"),
        ({"temperature": 0.0}, "temperature must be above 0. Got 0.0 instead"),
        (
            {"negatives": "all"},
            r"negatives must be one of \['batch', 'both', 'sequence'\]. Got 'all'",
        ),
    ],
)
def test_info_nce_refuses_what_it_cannot_build(params, message):
    with pytest.raises(ValueError, match=message):
        InfoNCE(6, 5, **params)


@pytest.mark.parametrize("asked", [True, False])
def test_info_nce_wants_reverse_latents_when_asked_for_and_only_then(asked, latents, contexts):
    info_nce = module(reverse_complement=asked)
    message = f"reverse_complement={asked} and {'no' if asked else 'some'} reverse_latents"
    with pytest.raises(ValueError, match=message):
        info_nce(latents, contexts, None, None if asked else latents)


def test_info_nce_refuses_shapes_that_do_not_fit(latents, contexts):
    with pytest.raises(ValueError, match=r"same rows and patches. Got \(4, 9\), \(4, 8\)"):
        module()(latents, contexts[:, :8])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_info_nce_under_autocast_is_computed_in_single_precision(dtype, latents, contexts):
    info_nce = module().float()
    latents, contexts = latents.to(dtype), contexts.to(dtype)
    expected = info_nce(latents.float(), contexts.float())
    with torch.autocast("cpu", torch.bfloat16):
        found = info_nce(latents, contexts)
    assert found.loss.dtype == torch.float32
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


def test_info_nce_only_the_loss_has_a_gradient(latents, contexts):
    found = module()(latents, contexts)
    assert (found.loss.requires_grad, found.accuracy.requires_grad, found.chance.requires_grad) == (
        True,
        False,
        False,
    )


@KINDS
@pytest.mark.parametrize("reverse_complement", [False, True])
def test_info_nce_learns_to_recognise_what_follows(reverse_complement, negatives):
    """Latents whose next one is a rotation of them are told apart after some steps."""
    rotation = torch.linalg.qr(torch.randn(6, 6))[0]
    latents = [torch.randn(6, 6)]
    for _ in range(7):
        latents.append(latents[-1] @ rotation)
    latents = torch.stack(latents, dim=1)  # (B, P, F)
    reverse = {"reverse_latents": latents.flip(2)} if reverse_complement else {}
    info_nce = InfoNCE(
        6, 6, steps=(1, 2), projection_size=6, negatives=negatives, reverse_complement=reverse_complement
    )
    optimizer = torch.optim.Adam(info_nce.parameters(), 0.03)
    for _ in range(60):
        output = info_nce(latents, latents, **reverse)
        optimizer.zero_grad()
        output.loss.backward()
        optimizer.step()
    assert output.accuracy > 0.9 > 5 * output.chance
