"""The contrastive module against its parts run by hand; strands against strings read backwards."""

import numpy as np
import pytest
import torch

from skgenome.nn import (
    CONTEXTS,
    NEGATIVES,
    ContrastiveModule,
    DanQ,
    InfoNCE,
    PatchEncoder,
    ResNet1d,
    make_context,
    reverse_complement_patches,
)
from skgenome.preprocessing import KmerTokenizer
from skgenome.sequences import reverse_complement

TOKENIZER = KmerTokenizer(k=1, padding=False)
LENGTHS = [97, 150, 66, 51]
LENGTH, STRIDE = 30, 12
ENCODERS = {"resnet18": lambda: ResNet1d(18, width=2), "cnn-lstm": lambda: DanQ(6, hidden_size=5)}


@pytest.fixture
def sequences(seed):
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(list("ACGTN"), n, p=[0.24] * 4 + [0.04])) for n in LENGTHS]


def to_ids(sequences, n_columns=None):
    """Token ids of sequences, padded on the right."""
    rows = TOKENIZER.transform(sequences)
    ids = torch.zeros(len(rows), n_columns or max(map(len, rows)), dtype=torch.long)
    for row, values in zip(ids, rows, strict=True):
        row[: len(values)] = torch.from_numpy(values.astype(np.int64))
    return ids


def make_module(encoder="resnet18", context="gru", **options):
    """Make a module in eval mode, whose norms have seen data."""
    encoder = ENCODERS[encoder]()
    patches = PatchEncoder(encoder, make_context(context, encoder.n_features, 4), LENGTH, STRIDE)
    info_nce = InfoNCE(encoder.n_features, 4, **{"steps": (1, 3), "projection_size": 3, **options})
    module = ContrastiveModule(patches, info_nce)
    with torch.no_grad():
        module.train()(torch.randint(2, 6, (8, 120)))
    return module.eval()


def patches_of(sequence):
    """Cut a str."""
    n_patches = 1 + -(-max(len(sequence) - LENGTH, 0) // STRIDE)
    return [sequence[i * STRIDE : i * STRIDE + LENGTH] for i in range(n_patches)]


def encode_strings(module, patches):
    """Latents of patches of one sequence, each run alone."""
    return torch.cat([module.encoder.encoder(to_ids([patch])) for patch in patches])


def by_hand(module, sequences):
    """InfoNCE on latents and contexts of each sequence alone."""
    cut = [patches_of(sequence) for sequence in sequences]
    latents = [encode_strings(module, patches) for patches in cut]
    contexts = [module.encoder.context(rows[None])[0] for rows in latents]
    n_patches = torch.tensor([len(rows) for rows in latents])
    mask = torch.arange(n_patches.max()) < n_patches[:, None]
    reverse = None
    if module.info_nce.reverse_complement:
        others = [[reverse_complement(patch) for patch in patches] for patches in cut]
        reverse = torch.nn.utils.rnn.pad_sequence([encode_strings(module, x) for x in others], True)
    latents, contexts = (torch.nn.utils.rnn.pad_sequence(x, True) for x in (latents, contexts))
    return module.info_nce(latents, contexts, mask, reverse)


@pytest.mark.parametrize("n_bases", range(1, 12))
def test_reverse_complement_patches_equals_that_of_the_string(n_bases, seed):
    rng = np.random.default_rng(seed)
    sequences = ["".join(rng.choice(list("ACGTN"), n_bases)) for _ in range(20)]
    others = [reverse_complement(sequence) for sequence in sequences]
    found = reverse_complement_patches(to_ids(sequences, 12))
    assert torch.equal(found, to_ids(others, 12))


def test_reverse_complement_patches_of_any_shape_and_twice():
    ids = torch.randint(1, 6, (3, 4, 5, 9))
    ids[1, 2, :, 6:] = 0
    ids[2, 0, 1] = 0
    twice = reverse_complement_patches(reverse_complement_patches(ids))
    assert torch.equal(twice, ids)
    assert torch.equal(reverse_complement_patches(ids)[1, 2, 3], reverse_complement_patches(ids[1, 2, 3]))


def test_reverse_complement_patches_leaves_its_input():
    ids = torch.tensor([[2, 3, 0]])
    reverse_complement_patches(ids)
    assert ids.tolist() == [[2, 3, 0]]


@pytest.mark.parametrize("negatives", NEGATIVES)
@pytest.mark.parametrize("reverse", [False, True], ids=["same-strand", "other-strand"])
@pytest.mark.parametrize("encoder", ENCODERS)
@torch.no_grad()
def test_contrastive_module_equals_its_parts_on_each_patch_alone(encoder, reverse, negatives, sequences):
    """Patches are cut, and turned around, as strings; the last one of a row may be a part of one."""
    module = make_module(encoder, negatives=negatives, reverse_complement=reverse)
    found, expected = module(to_ids(sequences)), by_hand(module, sequences)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert found.n_predictions == sum(
        max(len(patches_of(sequence)) - step, 0) for sequence in sequences for step in (1, 3)
    )


@torch.no_grad()
def test_contrastive_module_recognises_the_other_strand_not_the_same(sequences):
    """With the flag, what the target holds is the patch as it reads on the other strand."""
    plain, reverse = (make_module(reverse_complement=flag) for flag in (False, True))
    reverse.load_state_dict(plain.state_dict())
    assert not torch.isclose(plain(to_ids(sequences)).loss, reverse(to_ids(sequences)).loss)


@pytest.mark.parametrize("context", CONTEXTS)
@torch.no_grad()
def test_contrastive_module_padding_has_no_influence(context, sequences):
    module, ids = make_module(context=context, negatives="both"), to_ids(sequences)
    padded = torch.nn.functional.pad(ids, (0, 60))
    torch.testing.assert_close(module(padded), module(ids), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("reverse", [False, True], ids=["same-strand", "other-strand"])
def test_contrastive_module_trains_every_parameter(reverse, sequences):
    module = make_module(reverse_complement=reverse, negatives="both").train()
    module(to_ids(sequences)).loss.backward()
    assert all(torch.isfinite(p.grad).all() for p in module.parameters())
    # The branches of a ResNet start at zero, and what lies before them in its first step has no gradient.
    learnt = [name for name, p in module.named_parameters() if p.grad.abs().sum() > 0]
    for part in ("encoder.encoder.stem", "encoder.encoder.stages.3", "encoder.context", "info_nce"):
        assert any(name.startswith(part) for name in learnt)


def test_contrastive_module_refuses_rows_that_are_too_short():
    with pytest.raises(ValueError, match=r"steps=\(1, 3\).* nothing can be predicted in 3 rows of 1 patches"):
        make_module()(torch.randint(2, 6, (3, LENGTH)))
