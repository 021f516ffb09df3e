"""What fit and partial_fit promise: seeds, generators, geometry, steps, and that something is learnt."""

import math

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError

from skgenome.exceptions import ModelMismatchError, SkgenomeWarning
from skgenome.preprocessing import KmerTokenizer
from skgenome.representation import _base as module_under_test
from skgenome.representation import _language_model
from skgenome.training import SegmentStream


def weights_of(lm):
    return lm.module_.state_dict()


def same_bits(first, second):
    return all(torch.equal(weights_of(first)[name], value) for name, value in weights_of(second).items())


def markov_chain(n, rng):
    """Draw from a chain of order two; give the sequence and its entropy rate in bits per base."""
    transitions = np.random.RandomState(0).dirichlet([0.3] * 4, size=16)
    pairs = np.zeros((16, 16))
    for context in range(16):
        pairs[context, context % 4 * 4 : context % 4 * 4 + 4] = transitions[context]
    stationary = np.linalg.matrix_power(pairs, 1000)[0]
    entropy = -(stationary[:, None] * transitions * np.log2(transitions)).sum()
    cumulative, context, bases = transitions.cumsum(axis=1), 0, []
    for x in rng.random(n):
        base = min(int(np.searchsorted(cumulative[context], x)), 3)
        bases.append("ACGT"[base])
        context = context % 4 * 4 + base
    return "".join(bases), entropy


@pytest.mark.parametrize("strand", ["forward", "concat"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_fit_same_seed_gives_the_same_bits(strand, precision, make_lm, corpus, token_ids):
    params = {"strand": strand, "precision": precision}
    first, again = (make_lm(**params).fit(corpus) for _ in range(2))
    other = make_lm(**params, random_state=1).fit(corpus)
    assert same_bits(first, again)
    assert not same_bits(first, other)
    assert (first.transform(token_ids) == again.transform(token_ids)).all()
    assert first.history_[-1]["valid_bits_per_base"] == again.history_[-1]["valid_bits_per_base"]


def test_fit_forgets_the_fit_before(make_lm, corpus):
    lm = make_lm().fit(corpus[:1])
    assert same_bits(lm.fit(corpus), make_lm().fit(corpus))
    assert len(lm.history_) == 1


def test_fit_goes_on_with_a_random_state_instance(make_lm, corpus):
    random_state = np.random.RandomState(0)
    first, second = (make_lm(random_state=random_state).fit(corpus) for _ in range(2))
    assert not same_bits(first, second)
    assert same_bits(first, make_lm(random_state=np.random.RandomState(0)).fit(corpus))


def test_language_model_leaves_the_global_generators_alone(make_lm, corpus, token_ids):
    before = torch.random.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    lm = make_lm().fit(corpus).partial_fit(corpus)
    lm.transform(token_ids)
    lm.score(token_ids)
    lm.sample(random_state=0)
    assert torch.equal(torch.random.get_rng_state(), before[0])
    assert (np.random.get_state()[1] == before[1]).all()  # noqa: NPY002


def test_fit_does_not_change_the_ids(make_lm, corpus):
    before = [row.copy() for row in corpus]
    make_lm(strand="augment").fit(corpus)
    assert all((row == old).all() for row, old in zip(corpus, before, strict=True))


def test_fit_matrix_and_list_give_the_same_bits(make_lm, make_dna):
    sequences = [*make_dna([200, 80]), "TTTTT"]
    fits = [make_lm().fit(KmerTokenizer(k=2, padding=p).transform(sequences)) for p in (True, False)]
    assert same_bits(*fits)


@pytest.mark.parametrize(("k", "stride"), [(1, 1), (3, 1), (5, 2), (4, 4), (3, 5)])
def test_fit_reads_the_geometry_off_the_ids(k, stride, make_lm, make_dna, tokenise):
    lm = make_lm(width=3).fit(tokenise([*make_dna([600, 200]), "T" * k], k, stride))
    assert (lm.k_, lm.stride_, lm.n_tokens_) == (k, min(k, stride), 4**k + 2)


@pytest.mark.parametrize(("k", "stride", "expected"), [(4, None, (4, 4)), (3, 5, (3, 3)), (3, 1, (3, 1))])
def test_fit_takes_the_geometry_that_is_given(k, stride, expected, make_lm, corpus):
    lm = make_lm(k=k, stride=stride).fit(corpus)
    assert (lm.k_, lm.stride_) == expected


def test_fit_refuses_a_smaller_k_than_the_ids_have(make_lm, corpus):
    with pytest.raises(ModelMismatchError, match="k=2 was given, but X holds token id 65, which only k >= 3"):
        make_lm(k=2).fit(corpus)


def test_fit_refuses_a_stride_that_the_ids_contradict(make_lm, corpus):
    """Non-regression: the wrong stride was taken, and transform then refused the very same ids."""
    with pytest.raises(ModelMismatchError, match=r"stride=2 was given, but .* do not overlap by 1 bases"):
        make_lm(stride=2).fit(corpus)


def test_fit_refuses_a_vocabulary_beyond_all_memory(make_lm, tokenise):
    with pytest.raises(ValueError, match=r"tokens of k = 10 bases.*1,048,578 is too large.*k <= 9"):
        make_lm().fit(tokenise(["T" * 30], k=10))


@pytest.mark.parametrize("X", [[np.array([5]), np.array([7])], np.array([[0, 0]])], ids=["one token", "none"])
def test_fit_refuses_what_has_no_next_token(X, make_lm):
    with pytest.raises(
        ValueError, match="none with two tokens or more, so there is no next token to predict"
    ):
        make_lm().fit(X)


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (["GATTACA"], TypeError, "X holds text.*KmerTokenizer"),
        ([[2.0, 2.5]], ValueError, "Got 2.5 in row 0, column 1"),
        ([[2, -1]], ValueError, "Got -1 in row 0, column 1"),
        ([[2.0, np.nan]], ValueError, r"Got nan \(NaN or infinity\) in row 0, column 1"),
    ],
)
@pytest.mark.parametrize("method", ["fit", "partial_fit", "transform", "score"])
def test_language_model_refuses_what_is_no_token_id(method, X, error, message, lm):
    with pytest.raises(error, match=message):
        getattr(lm, method)(X)


@pytest.mark.parametrize(
    "params",
    [{"embedding_size": 0}, {"output_p": 1.0}, {"bptt": 0}, {"optimizer": "adagrad"}, {"strand": "both"},
     {"validation_size": -0.1}, {"k": 10}, {"learning_rate": 0}, {"precision": "half"}, {"layer": 1.5}],
    ids=str,
)  # fmt: skip
def test_fit_refuses_parameters_out_of_range(params, make_lm, corpus):
    (name,) = params
    with pytest.raises(ValueError, match=f"The '{name}' parameter of LanguageModel must be"):
        make_lm(**params).fit(corpus)


@pytest.mark.parametrize("layer", [2, -3])
def test_fit_refuses_a_layer_before_it_trains(layer, make_lm, corpus, monkeypatch):
    """Non-regression: the whole training ran before a wrong layer was told."""
    monkeypatch.setattr(SegmentStream, "read_pass", lambda *_: pytest.fail("training has begun"))
    with pytest.raises(ValueError, match=f"layer={layer} was asked for, but the network has 2 layers"):
        make_lm(layer=layer).fit(corpus)


@pytest.mark.parametrize("method", ["transform", "score", "score_samples", "bits_per_base", "perplexity"])
def test_language_model_asks_to_be_fitted_first(method, make_lm, token_ids):
    with pytest.raises(NotFittedError, match="This LanguageModel instance is not fitted yet"):
        getattr(make_lm(), method)(token_ids)


def test_sample_asks_to_be_fitted_first(make_lm):
    with pytest.raises(NotFittedError, match="not fitted"):
        make_lm().sample()


@pytest.mark.parametrize(("max_steps", "steps_per_round", "steps"), [(7, None, [7]), (7, 3, [3, 6, 7])])
def test_fit_takes_exactly_max_steps(max_steps, steps_per_round, steps, make_lm, corpus):
    """Non-regression: rounds that ended within a batch handed it the state of validation, and crashed."""
    lm = make_lm(max_steps=max_steps, steps_per_round=steps_per_round).fit(corpus)
    assert [row["step"] for row in lm.history_] == steps
    assert [row["epoch"] for row in lm.history_] == list(range(1, len(steps) + 1))
    assert all(math.isfinite(row["valid_bits_per_base"]) for row in lm.history_)
    assert all(row["seconds"] > 0 for row in lm.history_)


def test_fit_epochs_read_every_token_so_often(make_lm, corpus):
    lm = make_lm(max_epochs=3, validation_size=0).fit(corpus)
    assert sum(row["tokens"] for row in lm.history_) == 3 * sum(len(row) - 1 for row in corpus)
    assert all(math.isnan(row["valid_bits_per_base"]) for row in lm.history_)


@pytest.mark.parametrize(
    ("size", "expected"), [("auto", 0.05), (0.3, 0.3), (100, 100), (0, 0), (0.0, 0)], ids=str
)
def test_fit_holds_out_as_many_tokens_as_asked_for(size, expected, make_lm, corpus):
    lm = make_lm(validation_size=size).fit(corpus)
    n_tokens = sum(len(row) - 1 for row in corpus)
    n_held_out = n_tokens - lm.history_[0]["tokens"]
    expected = expected * n_tokens if expected < 1 else expected
    longest = n_tokens // 4 + 1
    assert expected <= n_held_out <= (expected + longest if expected else 0)


def test_fit_auto_holds_out_no_more_than_it_takes(make_lm, corpus, monkeypatch):
    monkeypatch.setattr(module_under_test, "AUTO_VALIDATION_TOKENS", 1)
    lm = make_lm(stretch_length=10).fit(corpus)
    assert 1 <= sum(len(row) - 1 for row in corpus) - lm.history_[0]["tokens"] <= 10


def test_fit_validates_on_whole_contigs(make_lm, corpus):
    lm = make_lm(validation_size=1, validation_unit="contigs", stretch_length=10).fit(corpus)
    sizes = [len(row) - 1 for row in corpus]
    assert sum(sizes) - lm.history_[0]["tokens"] in sizes


@pytest.mark.parametrize("stretch_length", [None, 1, 5, 2100])
def test_fit_cuts_contigs_as_asked_for(stretch_length, make_lm, corpus, monkeypatch):
    lengths = []
    cut = _language_model.cut_into_stretches
    monkeypatch.setattr(
        _language_model, "cut_into_stretches", lambda ids, n: lengths.append(n) or cut(ids, n)
    )
    make_lm(stretch_length=stretch_length).fit(corpus)
    # 2100 is more than the share that each of four rows of a batch can have.
    n_tokens = sum(map(len, corpus))
    assert lengths == [n_tokens // 4 if stretch_length == 2100 else stretch_length]


@pytest.mark.parametrize("optimizer", ["adam", "sgd", torch.optim.RMSprop])
@pytest.mark.parametrize("schedule", ["one-cycle", "cosine", "constant"])
def test_fit_takes_every_optimizer_and_schedule(optimizer, schedule, make_lm, corpus):
    lm = make_lm(optimizer=optimizer, schedule=schedule, max_steps=5).fit(corpus)
    assert math.isfinite(lm.history_[-1]["train_bits_per_base"])


def test_fit_stops_when_the_loss_runs_away(make_lm, corpus):
    params = {"optimizer": "sgd", "learning_rate": 1e30, "gradient_clip": 1e30, "schedule": "constant"}
    with pytest.raises(FloatingPointError, match=r"training step \d+.*learning_rate \(now 1e\+30\)"):
        make_lm(**params, alpha=0, beta=0, precision="float32").fit(corpus)


def test_fit_shows_its_progress_when_verbose(make_lm, corpus, capsys):
    make_lm(verbose=1).fit(corpus)
    assert "bits/base" in capsys.readouterr().err


def test_fit_passes_an_interruption_on(make_lm, corpus, token_ids, monkeypatch):
    """Non-regression: skorch swallowed it, and the rows of the history then failed with a KeyError."""
    read_pass = SegmentStream.read_pass

    def interrupted(self, i_pass):
        for i, segment in enumerate(read_pass(self, i_pass)):
            if i == 3:
                raise KeyboardInterrupt
            yield segment

    lm = make_lm()
    monkeypatch.setattr(SegmentStream, "read_pass", interrupted)
    with (
        pytest.warns(SkgenomeWarning, match="after 3 step.s., in round 1 of 1"),
        pytest.raises(KeyboardInterrupt),
    ):
        lm.fit(corpus)
    assert lm.history_ == []
    assert np.isfinite(lm.transform(token_ids)).all()


def test_partial_fit_that_fails_leaves_the_model_as_it_was(make_lm, corpus):
    """Non-regression: the weights were trained in place, so a loss that ran away ruined a good model."""
    lm = make_lm().fit(corpus)
    before = {name: value.clone() for name, value in weights_of(lm).items()}
    lm.set_params(optimizer="sgd", learning_rate=1e30, gradient_clip=1e30, precision="float32")
    with pytest.raises(FloatingPointError):
        lm.partial_fit(corpus)
    assert all(torch.equal(before[name], value) for name, value in weights_of(lm).items())


def test_partial_fit_goes_on(make_lm, corpus, bias_of):
    lm = make_lm(max_epochs=2, learning_rate=0.02).fit(corpus)
    before = bias_of(lm).clone()
    bits, step = lm.bits_per_base(corpus), lm.history_[-1]["step"]
    assert lm.partial_fit(corpus) is lm
    assert not torch.equal(before, bias_of(lm))
    assert lm.bits_per_base(corpus) < bits
    assert [row["epoch"] for row in lm.history_] == [1, 2, 3, 4]
    assert lm.history_[2]["step"] > step
    assert [row["step"] for row in lm.history_] == sorted(row["step"] for row in lm.history_)


def test_partial_fit_of_an_unfitted_model_is_a_fit(make_lm, corpus):
    assert same_bits(make_lm().partial_fit(corpus), make_lm().fit(corpus))


def test_partial_fit_keeps_the_sizes_of_the_first_fit(make_lm, corpus, token_ids):
    lm = make_lm().fit(corpus).set_params(hidden_size=20, n_layers=3, embedding_size=9)
    n_features = lm.transform(token_ids).shape[1]
    assert lm.partial_fit(corpus).transform(token_ids).shape[1] == n_features


def test_partial_fit_takes_the_present_schedule(make_lm, corpus):
    lm = make_lm().fit(corpus)
    step = lm.history_[-1]["step"]
    lm.set_params(max_steps=5).partial_fit(corpus)
    assert lm.history_[-1]["step"] == step + 5


@pytest.mark.parametrize(("k", "stride"), [(4, 1), (3, 2)])
def test_partial_fit_refuses_another_tokenizer(k, stride, lm, make_dna, tokenise):
    with pytest.raises(ModelMismatchError, match=r"Use KmerTokenizer\(k=3, stride=1\)"):
        lm.partial_fit(tokenise([*make_dna([300]), "T" * k], k, stride))


@pytest.mark.parametrize(("k", "stride", "max_steps"), [(1, 1, 400), (3, 1, 500), (3, 3, 300)])
def test_fit_learns_a_markov_chain_to_its_entropy(k, stride, max_steps, make_lm, tokenise, rng):
    train, entropy = markov_chain(60_000, rng)
    test, _ = markov_chain(20_000, rng)
    lm = make_lm(
        width=16, hidden_size=32, n_layers=1, batch_size=32, bptt=35, max_steps=max_steps,
        learning_rate=0.02, strand="forward",
    ).fit(tokenise([train], k, stride))  # fmt: skip
    # Of a chain of order two, a base is known as well as it can be from the two before it.
    assert lm.bits_per_base(tokenise([test], k, stride)) == pytest.approx(entropy, abs=0.1)
    assert entropy < 1.5


@pytest.mark.parametrize(("k", "stride", "max_steps"), [(1, 1, 200), (2, 1, 400), (3, 3, 200)])
def test_fit_finds_nothing_in_bases_by_chance(k, stride, max_steps, make_lm, make_dna, tokenise):
    """Below 2 bits a model would see what it is to predict; far above it would have learnt chance."""
    train, test = make_dna([30_000, 20_000])
    lm = make_lm(
        width=16, hidden_size=32, n_layers=1, batch_size=32, bptt=35, max_steps=max_steps,
        learning_rate=0.02,
    ).fit(tokenise([train], k, stride))  # fmt: skip
    assert 1.99 < lm.bits_per_base(tokenise([test], k, stride)) < 2.06


def test_partial_fit_holds_out_what_fit_has_held_out(make_lm, corpus, monkeypatch):
    """Nothing is judged by that was trained on."""
    held_out, hold_out = [], module_under_test.hold_out

    def note(*arguments):
        train, validation = hold_out(*arguments)
        held_out.append((validation.starts.tolist(), train.starts.tolist()))
        return train, validation

    monkeypatch.setattr(module_under_test, "hold_out", note)
    lm = make_lm(stretch_length=20, validation_size=0.3).fit(corpus)
    lm.partial_fit(corpus)
    assert held_out[0] == held_out[1]
    assert len(held_out[0][0]) > 3
