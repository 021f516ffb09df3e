"""Patches against a loop by hand; every real patch has the state it has alone."""

import pytest
import torch
from torch import nn

from skgenome.nn import CONTEXTS, DanQ, PatchEncoder, ResNet1d, make_context

ENCODERS = {
    "resnet18": lambda: ResNet1d(18, width=2),
    "resnet34": lambda: ResNet1d(34, width=1),
    "resnet50": lambda: ResNet1d(50, width=1),
    "layer-norm": lambda: ResNet1d(18, width=2, norm="layer"),
    "cnn-lstm": lambda: DanQ(6, hidden_size=5),
}
ALL_ENCODERS = pytest.mark.parametrize("name", ENCODERS)
ALL_CONTEXTS = pytest.mark.parametrize("context", CONTEXTS)
GEOMETRIES = pytest.mark.parametrize(
    ("patch_length", "patch_stride"), [(1, 1), (5, 1), (5, 2), (5, 4), (5, 5), (8, 3), (40, 7)]
)
CLOSE = {"rtol": 1e-5, "atol": 1e-5}


class Spell(nn.Module):
    """Gives the ids of a patch as they are, and notes how many patches came at once."""

    def __init__(self, patch_length):
        super().__init__()
        self.n_features, self.calls = patch_length, []

    def forward(self, patches):
        self.calls.append(len(patches))
        return patches.float()


class Embed(nn.Module):
    """Sums a vector for each id: its gradient tells which ids were learnt from."""

    def __init__(self):
        super().__init__()
        self.n_features = 3
        self.table = nn.Embedding(60, 3, padding_idx=0)

    def forward(self, patches):
        return self.table(patches).sum(1)


def make_patches(encoder, patch_length=30, patch_stride=12, context="gru", context_size=4):
    """Put patches together, in eval mode."""
    context = make_context(context, encoder.n_features, context_size)
    return PatchEncoder(encoder, context, patch_length, patch_stride).eval()


def cut_by_hand(ids, patch_length, patch_stride):
    """Walk along a sequence until a patch reaches its end."""
    patches, start = [], 0
    while ids:
        patch = ids[start : start + patch_length]
        patches.append(patch + [0] * (patch_length - len(patch)))
        if start + patch_length >= len(ids):
            break
        start += patch_stride
    return patches


def draw_rows(lengths, n_columns=None):
    """Draw rows of given lengths, padded on the right."""
    ids = torch.randint(2, 6, (len(lengths), n_columns or max(lengths)))
    for row, length in enumerate(lengths):
        ids[row, length:] = 0
    return ids


@GEOMETRIES
def test_cut_and_count_equal_a_walk_along_the_sequence(patch_length, patch_stride):
    patches = make_patches(Spell(patch_length), patch_length, patch_stride)
    for length in range(1, 60):
        ids = torch.arange(2, 2 + length)[None]
        expected = cut_by_hand(ids[0].tolist(), patch_length, patch_stride)
        assert patches.cut(ids)[0].tolist() == expected
        assert patches.count_patches(torch.tensor(length)) == len(expected)


@GEOMETRIES
def test_cut_has_every_base_in_a_patch_and_a_base_in_every_patch(patch_length, patch_stride):
    patches = make_patches(Spell(patch_length), patch_length, patch_stride)
    for length in range(1, 60):
        ids = torch.arange(2, 2 + length)[None]
        found = patches.cut(ids)[0]
        assert set(found.flatten().tolist()) - {0} == set(ids[0].tolist())
        assert (found != 0).any(1).all()


@pytest.mark.parametrize("shape", [(3, 0), (1, 0)])
def test_cut_of_nothing_is_one_patch_of_padding(shape):
    patches = make_patches(Spell(5), 5, 2)
    assert patches.cut(torch.zeros(shape, dtype=torch.long)).tolist() == [[[0] * 5]] * shape[0]


@GEOMETRIES
def test_patch_encoder_masks_all_but_the_patches_of_each_row(patch_length, patch_stride):
    lengths = [40, 39, 17, 1, 0, 8]
    ids = draw_rows(lengths)
    states, mask = make_patches(Spell(patch_length), patch_length, patch_stride)(ids)
    for row, length in enumerate(lengths):
        expected = cut_by_hand(ids[row, :length].tolist(), patch_length, patch_stride)
        assert states[0][row][mask[row]].tolist() == expected
        assert mask[row].tolist() == sorted(mask[row].tolist(), reverse=True)


def test_patch_encoder_counts_unknown_bases_as_bases():
    ids = torch.tensor([[1] * 7 + [0] * 5, [2] * 12])
    assert make_patches(Spell(4), 4, 2)(ids).mask.sum(1).tolist() == [3, 5]


@ALL_ENCODERS
@ALL_CONTEXTS
def test_patch_encoder_states_are_those_of_the_row_alone(name, context):
    """Neither padding, of a row or of all, nor the other rows have an influence."""
    lengths = [90, 66, 31, 30, 7, 1]
    patches = make_patches(ENCODERS[name](), context=context)
    ids = draw_rows(lengths)
    with torch.no_grad():
        states, mask = patches(ids)
        padded, padded_mask = patches(nn.functional.pad(ids, (0, 50)))
        for row, length in enumerate(lengths):
            alone, _ = patches(ids[row : row + 1, :length])
            for layer in (0, 1):
                torch.testing.assert_close(states[layer][row][mask[row]], alone[layer][0], **CLOSE)
                torch.testing.assert_close(padded[layer][row][padded_mask[row]], alone[layer][0], **CLOSE)


@ALL_ENCODERS
def test_patch_encoder_latents_are_the_encoder_of_each_patch(name):
    patches, ids = make_patches(ENCODERS[name]()), draw_rows([77, 77])
    with torch.no_grad():
        latents = patches(ids).states[0]
        for row in (0, 1):
            for i, patch in enumerate(cut_by_hand(ids[row].tolist(), 30, 12)):
                alone = patches.encoder(torch.tensor([patch]))[0]
                torch.testing.assert_close(latents[row, i], alone, **CLOSE)


@ALL_CONTEXTS
def test_patch_encoder_contexts_do_not_look_ahead(context):
    patches, ids = make_patches(Embed(), context=context, context_size=16), draw_rows([102])
    changed = ids.clone()
    changed[0, 66:] = draw_rows([36])  # the first four patches end here
    with torch.no_grad():
        before, after = patches(ids).states[1][0], patches(changed).states[1][0]
    torch.testing.assert_close(after[:4], before[:4], **CLOSE)
    assert not torch.isclose(after[4:], before[4:], **CLOSE).all(1).any()


@pytest.mark.parametrize("at_once", [1, 2, 5, 100])
@ALL_ENCODERS
def test_patch_encoder_memory_is_bounded_and_changes_nothing(name, at_once, monkeypatch):
    patches, ids = make_patches(ENCODERS[name]()), draw_rows([90, 50, 3])
    with torch.no_grad():
        expected = patches(ids)
        monkeypatch.setattr("skgenome.nn._patches.PATCHES_AT_ONCE", at_once)
        found = patches(ids)
    torch.testing.assert_close(found.states[1][found.mask], expected.states[1][expected.mask], **CLOSE)


@pytest.mark.parametrize(("learns", "expected"), [(True, [10]), (False, [5, 5])])
def test_patch_encoder_splits_patches_where_no_gradient_is_kept(learns, expected, monkeypatch):
    """In training all go through at once: a norm over the batch must see the whole of it."""
    monkeypatch.setattr("skgenome.nn._patches.PATCHES_AT_ONCE", 5)
    spell = Spell(30)
    with torch.set_grad_enabled(learns):
        make_patches(spell)(draw_rows([90, 50, 3]))
    assert spell.calls == expected


@ALL_ENCODERS
@ALL_CONTEXTS
@pytest.mark.parametrize("n_layers", [None, 1, 2])
def test_patch_encoder_groups_hold_every_parameter_that_is_run_once(name, context, n_layers):
    patches = make_patches(ENCODERS[name](), context=context)
    patches(draw_rows([90, 42]), n_layers).states[-1].sum().backward()
    held = [id(p) for group in patches.layer_groups(n_layers) for p in group.parameters()]
    assert sorted(held) == sorted(id(p) for p in patches.parameters() if p.grad is not None)
    assert len(held) == len(set(held))


def test_patch_encoder_takes_an_encoder_without_groups():
    patches = make_patches(Embed())
    assert patches.layer_groups() == [patches.encoder, patches.context]
    assert patches.layer_groups(1) == [patches.encoder]
    patches.set_dropouts(input_p=0.5)


def test_patch_encoder_of_one_layer_does_not_run_the_context():
    patches = make_patches(Embed())
    patches.context.register_forward_hook(lambda *_: pytest.fail("the context was run"))
    assert len(patches(draw_rows([50]), n_layers=1).states) == 1


@ALL_CONTEXTS
def test_patch_encoder_in_training_learns_from_every_base(context):
    patches = make_patches(Embed(), context=context).train()
    ids = torch.arange(2, 58)[None]  # four patches; the last one reaches over the end
    states, mask = patches(ids)
    assert mask.sum() == 4
    states[1].square().sum().backward()
    learnt = patches.encoder.table.weight.grad.abs().sum(1) > 0
    assert learnt.nonzero().flatten().tolist() == ids[0].tolist()


def test_patch_encoder_sets_dropouts_of_an_encoder_that_has_them():
    class WithDropouts(Embed):
        def set_dropouts(self, **dropouts):
            self.dropouts = dropouts

    patches = make_patches(WithDropouts())
    patches.set_dropouts(input_p=0.25)
    assert patches.encoder.dropouts == {"input_p": 0.25}


def test_patch_encoder_rows_without_bases_spoil_no_gradient():
    patches = make_patches(ResNet1d(18, width=2)).train()
    states, mask = patches(draw_rows([0, 60, 0]))
    assert mask.any(1).tolist() == [False, True, False]
    states[1][mask].sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in patches.parameters())


@pytest.mark.parametrize("training", [True, False])
def test_patches_of_padding_are_not_encoded(training):
    """They would take time, and a part in the statistics of normalisations."""
    note = Spell(30)
    patches = make_patches(note).train(training)
    rows = torch.randint(2, 6, (3, 200))
    rows[1, 30:] = 0
    rows[2] = 0
    output = patches(rows)
    counts = patches.count_patches(torch.tensor([200, 30, 0])).tolist()
    assert note.calls == [sum(counts)]
    assert output.mask.sum(1).tolist() == counts == [16, 1, 0]
    latents = output.states[0]
    assert torch.equal(latents[output.mask], patches.cut(rows)[output.mask].float())
    assert not latents[~output.mask].any()


def test_gradients_go_through_the_patches_that_are_real():
    encoder = Embed()
    patches = make_patches(encoder).train()
    rows = torch.full((2, 60), 7)
    rows[1, 30:] = 0
    latents = patches(rows).states[0]
    latents.sum().backward()
    n_real = int(patches(rows).mask.sum())
    # The last patch of a row may be begun: its bases count, its padding does not.
    n_bases = int((patches.cut(rows)[patches(rows).mask] != 0).sum())
    assert n_real == 5
    assert encoder.table.weight.grad[7].tolist() == [n_bases] * 3
