"""Features of patches: what they are, and what has no influence on them."""

import numpy as np
import pandas as pd
import pytest
import torch

from skgenome.nn import POOLINGS
from skgenome.representation import ContrastivePredictiveCoding
from skgenome.sequences import pad_rows, reverse_complement

STRANDS = pytest.mark.parametrize("strand", ["forward", "augment", "average", "concat"])
ALL_POOLINGS = pytest.mark.parametrize("pooling", [*sorted(POOLINGS), 1, np.int64(4)])
CLOSE = {"rtol": 1e-5, "atol": 1e-5}


@pytest.fixture
def token_ids(sequences, tokenise):
    return tokenise(sequences, k=1)


def states_of(cpc, row):
    """Run the network over one row: latents and contexts of its patches."""
    with torch.no_grad():
        states = cpc.module_.encoder(torch.from_numpy(row.astype(np.int64))[None]).states
    return [state[0].numpy() for state in states]


def pool_by_hand(states, pooling):
    if pooling == "concat":
        return np.concatenate([states[-1], states.max(0), states.mean(0)])
    if isinstance(pooling, str):
        return {"mean": states.mean(0), "max": states.max(0), "last": states[-1]}[pooling]
    n = len(states)
    parts = [states[i * n // pooling : -(-(i + 1) * n // pooling)] for i in range(pooling)]
    return np.concatenate([part.mean(0) for part in parts])


@ALL_POOLINGS
@pytest.mark.parametrize(
    ("layer", "layers"), [(-1, [1]), (1, [1]), (0, [0]), (-2, [0]), ("all", [0, 1])], ids=str
)
def test_transform_equals_pooling_the_states_of_patches(pooling, layer, layers, cpc, token_ids):
    features = cpc.set_params(pooling=pooling, layer=layer).transform(token_ids)
    rows = [states_of(cpc, row) for row in token_ids]
    expected = [np.concatenate([pool_by_hand(states[i], pooling) for i in layers]) for states in rows]
    np.testing.assert_allclose(features, expected, **CLOSE)
    assert features.dtype == np.float32


@ALL_POOLINGS
@pytest.mark.parametrize(("layer", "size"), [(-1, 3), (0, 5), ("all", 8)])
@STRANDS
def test_transform_width_and_names_follow_the_parameters(pooling, layer, size, strand, cpc, token_ids):
    cpc.set_params(pooling=pooling, layer=layer, strand=strand)
    n_features = (2 if strand == "concat" else 1) * POOLINGS.get(pooling, pooling) * size
    assert cpc.transform(token_ids).shape == (len(token_ids), n_features)
    names = cpc.get_feature_names_out()
    assert names.tolist() == [f"contrastivepredictivecoding{i}" for i in range(n_features)]


def test_transform_to_pandas_and_polars(cpc, token_ids):
    expected = cpc.transform(token_ids)
    frame = cpc.set_output(transform="pandas").transform(token_ids)
    assert isinstance(frame, pd.DataFrame)
    assert frame.columns.tolist() == cpc.get_feature_names_out().tolist()
    assert (frame.to_numpy() == expected).all()
    assert (cpc.set_output(transform="polars").transform(token_ids).to_numpy() == expected).all()


def test_transform_tells_sequences_apart(cpc, token_ids):
    features = cpc.transform(token_ids)
    distances = np.linalg.norm(features[:, None] - features, axis=2)
    assert distances[~np.eye(len(features), dtype=bool)].min() > 1e-4


@pytest.mark.parametrize("layer", [2, -3])
def test_transform_refuses_a_layer_that_is_none(layer, cpc, make_cpc, token_ids, bases):
    message = rf"layer={layer} .* has 2 layers: use -2 to 1, or 'all'"
    with pytest.raises(ValueError, match=message):
        cpc.set_params(layer=layer).transform(token_ids)
    with pytest.raises(ValueError, match=message):
        make_cpc(layer=layer).fit(bases)


@STRANDS
def test_transform_ragged_list_equals_padded_matrix(strand, cpc, token_ids):
    cpc.set_params(strand=strand)
    expected, matrix = cpc.transform(token_ids), pad_rows(token_ids)
    wider = np.pad(matrix, ((0, 0), (0, 50)))
    for X in (matrix, wider, matrix.astype(float), pd.DataFrame(matrix)):
        np.testing.assert_allclose(cpc.transform(X), expected, **CLOSE)


@STRANDS
@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_transform_batches_and_order_change_nothing(batch_size, strand, cpc, token_ids, rng):
    expected = cpc.set_params(strand=strand).transform(token_ids)
    order = rng.permutation(len(token_ids))
    found = cpc.set_params(batch_size=batch_size).transform([token_ids[i] for i in order])
    np.testing.assert_allclose(found, expected[order], **CLOSE)


def test_transform_memory_of_patches_changes_nothing(cpc, token_ids, monkeypatch):
    expected = cpc.transform(token_ids)
    monkeypatch.setattr("skgenome.nn._patches.PATCHES_AT_ONCE", 2)
    np.testing.assert_allclose(cpc.transform(token_ids), expected, **CLOSE)


@STRANDS
def test_transform_empty_row_gives_zeros(strand, cpc, token_ids):
    empty = np.array([], dtype=np.uint8)
    features = cpc.set_params(strand=strand).transform([token_ids[0], empty, token_ids[1]])
    assert (features[1] == 0).all()
    assert (features[[0, 2]] != 0).any(axis=1).all()
    assert (cpc.transform([empty]) == 0).all()


def test_transform_unknown_bases_are_read_and_are_none(cpc, token_ids):
    row = token_ids[2]
    holed = np.where(np.arange(len(row)) % 3 == 0, 1, row)
    known, unknown, nothing = cpc.transform([row, holed, np.ones_like(row)])
    assert len({known.tobytes(), unknown.tobytes(), nothing.tobytes()}) == 3


@ALL_POOLINGS
def test_transform_average_is_the_same_for_both_strands(pooling, cpc, sequences, tokenise):
    """At every length: each strand is cut from its own beginning."""
    cpc.set_params(strand="average", pooling=pooling)
    forward = cpc.transform(tokenise(sequences, k=1))
    backward = cpc.transform(tokenise([reverse_complement(s) for s in sequences], k=1))
    np.testing.assert_allclose(backward, forward, rtol=1e-6, atol=1e-7)
    assert (forward != cpc.set_params(strand="forward").transform(tokenise(sequences, k=1))).any()


def test_transform_concat_is_forward_then_reverse(cpc, sequences, tokenise):
    forward, backward = (
        cpc.transform(tokenise(strand, k=1))
        for strand in (sequences, [reverse_complement(s) for s in sequences])
    )
    both = cpc.set_params(strand="concat").transform(tokenise(sequences, k=1))
    np.testing.assert_allclose(both, np.concatenate([forward, backward], axis=1), **CLOSE)


def test_transform_augment_reads_the_given_strand(cpc, token_ids):
    forward = cpc.transform(token_ids)
    assert (cpc.set_params(strand="augment").transform(token_ids) == forward).all()


def test_transform_leaves_the_module_as_it_was(cpc, token_ids):
    before = {name: value.clone() for name, value in cpc.module_.state_dict().items()}
    cpc.transform(token_ids)
    assert not cpc.module_.training
    torch.testing.assert_close(cpc.module_.state_dict(), before, rtol=0, atol=0)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_transform_in_either_precision_is_float32(precision, cpc, token_ids):
    exact = cpc.transform(token_ids)
    found = cpc.set_params(precision=precision).transform(token_ids)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, exact, atol=0.05)


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (["GATTACA"], TypeError, "X holds text.*KmerTokenizer"),
        ([[2.0, 2.5]], ValueError, "Got 2.5 in row 0, column 1"),
        ([[2, -1]], ValueError, "Got -1 in row 0, column 1"),
    ],
)
@pytest.mark.parametrize("method", ["fit", "partial_fit", "transform", "score"])
def test_contrastive_refuses_what_is_no_token_id(method, X, error, message, cpc):
    with pytest.raises(error, match=message):
        getattr(cpc, method)(X)


@pytest.fixture
def embedded(monkeypatch):
    """How many rows were run through the network."""
    rows, embed = [], ContrastivePredictiveCoding._embed

    def spy(self, token_ids):
        rows.extend(range(token_ids.n_rows))
        return embed(self, token_ids)

    monkeypatch.setattr(ContrastivePredictiveCoding, "_embed", spy)
    return rows


def test_cache_embeds_each_distinct_row_once(cpc, token_ids, embedded):
    cpc.set_params(cache_size=10**6)
    features = cpc.transform([*token_ids, *token_ids[:3]])
    assert len(embedded) == len(token_ids)
    assert (cpc.transform(token_ids[::-1])[::-1] == features[: len(token_ids)]).all()
    assert len(embedded) == len(token_ids)


@pytest.mark.parametrize(
    "params", [{"pooling": "max"}, {"layer": 0}, {"strand": "average"}, {"precision": "bfloat16"}], ids=str
)
def test_cache_does_not_mix_parameters(params, cpc, token_ids, embedded):
    cpc.set_params(cache_size=10**6).transform(token_ids)
    changed = cpc.set_params(**params).transform(token_ids)
    assert len(embedded) == 2 * len(token_ids)
    assert (changed == cpc.set_params(cache_size=0).transform(token_ids)).all()


def test_cache_forgets_features_of_weights_that_have_changed(cpc, bases, token_ids):
    cpc.set_params(cache_size=10**6)
    before = cpc.transform(token_ids)
    after = cpc.partial_fit(bases).transform(token_ids)
    assert (before != after).any()
    assert (after == cpc.set_params(cache_size=0).transform(token_ids)).all()


def test_features_are_remembered_of_the_same_patches_alone(sequences, tokenise):
    """Networks of one seed have equal weights, however patches are cut."""
    X = tokenise(sequences, k=1)

    def embed(patch_stride, cache_size):
        cpc = ContrastivePredictiveCoding(
            width=1, context_size=3, patch_length=20, patch_stride=patch_stride, n_patches=8, steps=(2,),
            cache_size=cache_size, device="cpu", random_state=0,
        )  # fmt: skip
        return cpc.initialize(X).transform(X)

    assert not np.array_equal(embed(20, 2**20), embed(10, 2**20))
    assert np.array_equal(embed(10, 2**20), embed(10, 0))


class Counts(torch.nn.Module):
    """A module of a user's, without weights: what it gives depends on an attribute."""

    n_features = 1

    def __init__(self, token_id):
        super().__init__()
        self.token_id = token_id

    def forward(self, token_ids):
        return (token_ids == self.token_id).float().mean(1, keepdim=True)


def test_features_of_a_module_of_the_users_are_not_remembered(sequences, tokenise):
    X = tokenise(sequences, k=1)

    def embed(token_id):
        cpc = ContrastivePredictiveCoding(
            encoder=Counts(token_id), context_size=3, patch_length=20, patch_stride=10, n_patches=8,
            steps=(2,), layer=0, pooling="mean", strand="forward", device="cpu", random_state=0,
        )  # fmt: skip
        return cpc.initialize(X).transform(X)

    assert not np.array_equal(embed(2), embed(3))
