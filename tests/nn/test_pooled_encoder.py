"""The pooled encoder against every row run alone and whole; in pieces, the gradient of one of them."""

import pytest
import torch

from skgenome.nn import AWDLSTM, BOTH_STRANDS, CNNLSTM, POOLINGS, PooledEncoder, join_strands, n_pooled, pool

NO_DROPOUT = {"input_p": 0.0, "hidden_p": 0.0, "embedding_p": 0.0, "weight_p": 0.0}
# A number is one of segments.
ALL_POOLINGS = pytest.mark.parametrize("pooling", [*sorted(POOLINGS), 1, 4])
LAYERS = pytest.mark.parametrize("layers", [[-1], [0], [1], [0, 2], [1, 0], [0, 1, 2]], ids=str)
# Every position has a token of its own, so that the embedding's gradient tells which ones were learnt from.
UNIQUE = torch.arange(2, 17)[None]


@pytest.fixture
def awd_lstm():
    """Three layers in float32 without dropout; tokens differ enough for mistakes to show."""
    encoder = AWDLSTM(18, embedding_size=4, hidden_size=6, n_layers=3, **NO_DROPOUT)
    torch.nn.init.normal_(encoder.embedding.weight)
    with torch.no_grad():
        encoder.embedding.weight[0] = 0
    return encoder


@pytest.fixture(params=["awd-lstm", "cnn-lstm"])
def encoder(request, awd_lstm):
    """Every encoder that reads token by token, of the same sizes."""
    if request.param == "awd-lstm":
        return awd_lstm
    return CNNLSTM(18, n_filters=5, kernel_size=3, hidden_size=6, n_layers=3, **NO_DROPOUT)


@pytest.fixture
def token_ids():
    """Rows of 13, 7, 1 and no tokens, and one with an unknown token inside."""
    ids = torch.randint(2, 18, (5, 13))
    for row, length in enumerate([13, 7, 1, 0, 12]):
        ids[row, length:] = 0
    ids[4, 3] = 1
    return ids


def by_hand(encoder, token_ids, pooling, layers):
    """Run every row alone, whole and through all layers."""
    vectors = []
    for row in token_ids:
        real = row[None, : int((row != 0).sum())]
        if real.shape[1] == 0:
            sizes = [encoder.layer_sizes[layer] for layer in layers]
            vectors.append(torch.zeros(1, n_pooled(pooling) * sum(sizes)))
            continue
        raw = encoder(real).raw
        vectors.append(torch.cat([pool_whole(raw[layer], pooling) for layer in layers], dim=1))
    return torch.cat(vectors)


def pool_whole(states, pooling):
    """Pool a row without padding, with torch's own function for segments."""
    if isinstance(pooling, str):
        return pool(states, torch.ones(states.shape[:2], dtype=torch.bool), pooling)
    return torch.nn.functional.adaptive_avg_pool1d(states.transpose(1, 2), pooling).transpose(1, 2).flatten(1)


@LAYERS
@ALL_POOLINGS
@pytest.mark.parametrize("strand", ["forward", "augment", "average", "concat"])
def test_pooled_encoder_equals_pooling_by_hand(strand, pooling, layers, encoder, token_ids):
    module = PooledEncoder(encoder.eval(), pooling, layers, strand)
    other = token_ids.flip(0)
    forward, backward = (by_hand(encoder, ids, pooling, layers) for ids in (token_ids, other))
    found = module(token_ids, other) if strand in BOTH_STRANDS else module(token_ids)
    torch.testing.assert_close(found, join_strands(forward, backward, strand))
    assert found.shape == (5, module.n_features)
    assert found.dtype == torch.float32


@pytest.mark.parametrize("piece_length", [1, 4, 12, 13, 1000])
@ALL_POOLINGS
def test_pooled_encoder_pieces_change_nothing_in_eval_mode(pooling, piece_length, encoder, token_ids):
    module = PooledEncoder(encoder.eval(), pooling, [0, -1], piece_length=piece_length)
    torch.testing.assert_close(module(token_ids), by_hand(encoder, token_ids, pooling, [0, -1]))


@pytest.mark.parametrize("layers", [[0], [0, 1], [-3], [-2, 0]], ids=str)
def test_pooled_encoder_does_not_run_the_layers_above(layers, encoder, token_ids):
    expected = by_hand(encoder, token_ids, "concat", layers)
    module = PooledEncoder(encoder, "concat", layers)
    assert module.n_layers == max(layer % 3 for layer in layers) + 1
    for layer in encoder.layers[module.n_layers :]:
        layer.register_forward_hook(lambda *_: pytest.fail("a layer above was run"))
    torch.testing.assert_close(module(token_ids), expected)


@LAYERS
def test_pooled_encoder_groups_hold_every_parameter_that_is_run_once(layers, encoder, token_ids):
    module = PooledEncoder(encoder, "mean", layers)
    module(token_ids).sum().backward()
    held = [id(p) for group in module.layer_groups() for p in group.parameters()]
    assert sorted(held) == sorted(id(p) for p in module.parameters() if p.grad is not None)


@pytest.mark.parametrize("training", [True, False], ids=["training", "eval"])
def test_pooled_encoder_leaves_the_mode_of_what_it_wraps(training, encoder):
    module = PooledEncoder(encoder.train(training), "mean", [-1])
    assert {part.training for part in module.modules()} == {training}


@ALL_POOLINGS
def test_pooled_encoder_in_training_gives_the_value_of_all_pieces(pooling, encoder, token_ids):
    module = PooledEncoder(encoder.train(), pooling, [-1], piece_length=4)
    torch.testing.assert_close(module(token_ids), by_hand(encoder, token_ids, pooling, [-1]))


def learnt_from(module, ids):
    """Name the positions whose embeddings get a gradient."""
    module.zero_grad()
    module(ids).sum().backward()
    has_gradient = module.encoder.embedding.weight.grad.abs().sum(1) > 0
    return tuple(has_gradient[ids[0]].nonzero().flatten().tolist())


def test_pooled_encoder_in_training_learns_from_one_piece_drawn_by_chance(awd_lstm):
    module = PooledEncoder(awd_lstm.train(), "mean", [-1], piece_length=6)
    pieces = {tuple(range(6)), tuple(range(6, 12)), tuple(range(12, 15))}
    assert {learnt_from(module, UNIQUE) for _ in range(40)} == pieces


@pytest.mark.parametrize("piece_length", [15, 16])
def test_pooled_encoder_in_training_learns_from_all_of_a_row_of_one_piece(piece_length, awd_lstm):
    module = PooledEncoder(awd_lstm.train(), "mean", [-1], piece_length=piece_length)
    assert learnt_from(module, UNIQUE) == tuple(range(15))


def test_pooled_encoder_gradient_of_a_piece_is_that_with_the_rest_held_fixed(encoder, monkeypatch):
    module = PooledEncoder(encoder.train(), "mean", [-1], piece_length=10)
    # The second piece is drawn.
    monkeypatch.setattr(torch, "randint", lambda *_: torch.tensor(1))
    module(UNIQUE).sum().backward()
    found = [p.grad.clone() for p in encoder.parameters()]
    encoder.zero_grad()
    with torch.no_grad():
        before = encoder(UNIQUE[:, :10])
    after = encoder(UNIQUE[:, 10:], before.state)
    ((before.raw[-1].sum(1) + after.raw[-1].sum(1)) / 15).sum().backward()
    torch.testing.assert_close(found, [p.grad for p in encoder.parameters()])


@pytest.mark.parametrize(("piece_length", "learns"), [(4, False), (100, True)])
def test_pooled_encoder_draws_nothing_where_there_is_nothing_to_draw(
    piece_length, learns, encoder, token_ids
):
    """Validation must leave the training the random numbers that it has without it."""
    module = PooledEncoder(encoder.train(), "mean", [-1], piece_length=piece_length)
    before = torch.random.get_rng_state()
    with torch.set_grad_enabled(learns):
        module(token_ids)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("piece_length", [4, 100])
@ALL_POOLINGS
def test_pooled_encoder_rows_without_tokens_spoil_no_gradient(pooling, piece_length, encoder):
    module = PooledEncoder(encoder.train(), pooling, [-1], piece_length=piece_length)
    pooled = module(torch.zeros(2, 9, dtype=torch.long))
    assert (pooled == 0).all()
    pooled.sum().backward()
    assert all((p.grad == 0).all() for p in module.parameters() if p.grad is not None)


@pytest.mark.parametrize(
    ("strand", "message"),
    [
        ("average", "strand='average' reads both strands, but no reverse was given"),
        ("concat", "strand='concat' reads both strands, but no reverse was given"),
        ("forward", "strand='forward' reads one strand, but a reverse was given"),
        ("augment", "strand='augment' reads one strand, but a reverse was given"),
    ],
)
def test_pooled_encoder_refuses_strands_that_do_not_fit(strand, message, encoder, token_ids):
    """An average of one strand alone would look like a result."""
    module = PooledEncoder(encoder, "mean", [-1], strand)
    with pytest.raises(ValueError, match=message):
        module(token_ids, None if strand in BOTH_STRANDS else token_ids)


@pytest.mark.parametrize("pooling", ["concat", 4])
def test_pooled_encoder_under_autocast_pools_in_float32(pooling, encoder, token_ids):
    module = PooledEncoder(encoder.eval(), pooling, [-1])
    with torch.autocast("cpu", torch.bfloat16):
        rough = module(token_ids)
    assert rough.dtype == torch.float32
    torch.testing.assert_close(rough, module(token_ids), rtol=0.05, atol=0.05)
