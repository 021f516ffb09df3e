"""Likelihood, bits and perplexity by hand and in closed form; sequences that are drawn."""

import math

import numpy as np
import pytest
import torch

from skgenome.nn import token_nats
from skgenome.preprocessing import KmerTokenizer
from skgenome.representation import LanguageModel


def surprise_by_hand(lm, row):
    """Sum -log p over the tokens after the first, and count them."""
    ids = torch.from_numpy(row.astype(np.int64))[None]
    with torch.no_grad():
        nats = token_nats(lm.module_(ids[:, :-1])[0], ids[:, 1:]).sum() if len(row) > 1 else 0
    return float(nats), int((row[1:] > 1).sum())


@pytest.fixture
def rows(token_ids):
    """Rows with unknown tokens, one without any token, one of unknown ones alone."""
    token_ids[0][[0, 5, 27]] = 1
    return [*token_ids, np.array([], dtype=np.uint8), np.array([1, 1], dtype=np.uint8)]


def test_score_samples_equals_the_networks_softmax(lm, rows):
    expected = [-surprise_by_hand(lm, row)[0] for row in rows]
    found = lm.score_samples(rows)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert found.dtype == np.float64
    assert (found[-2:] == 0).all()


@pytest.mark.parametrize("strand", ["forward", "concat"])
def test_scores_agree_with_each_other(strand, lm, rows):
    lm.set_params(strand=strand)
    nats, n_predicted = map(sum, zip(*(surprise_by_hand(lm, row) for row in rows), strict=True))
    mean = nats / n_predicted
    assert lm.score(rows) == pytest.approx(-mean, rel=1e-5)
    assert lm.bits_per_base(rows) == pytest.approx(mean / math.log(2), rel=1e-5)
    assert lm.perplexity(rows) == pytest.approx(math.exp(mean), rel=1e-5)
    assert lm.score_samples(rows).sum() == pytest.approx(-nats, rel=1e-5)


@pytest.mark.parametrize(
    ("k", "stride", "new_bases"), [(1, 1, 1), (3, 1, 1), (5, 2, 2), (4, 4, 4), (3, 5, 3)]
)
def test_scores_of_equal_logits_are_the_closed_form(k, stride, new_bases, make_lm, make_dna, tokenise):
    """Of a vocabulary of ``4**k + 2`` equal tokens, each costs its logarithm and adds `new_bases`."""
    X = tokenise([*make_dna([400, 200]), "T" * k], k, stride)
    lm = make_lm(max_steps=1).fit(X)
    with torch.no_grad():
        for weight in lm.module_.parameters():
            weight.zero_()
    n_tokens = 4**k + 2
    assert lm.bits_per_base(X) == pytest.approx(math.log2(n_tokens) / new_bases)
    assert lm.score(X) == pytest.approx(-math.log(n_tokens) / new_bases)
    assert lm.perplexity(X) == pytest.approx(n_tokens, rel=1e-5)
    lengths = np.array([len(row) - 1 for row in X])
    np.testing.assert_allclose(lm.score_samples(X), -lengths * math.log(n_tokens), rtol=1e-5)


def test_bits_per_base_of_the_history_are_those_of_the_method(make_lm, corpus):
    """All of the corpus but a stretch is held out, so both figures are over nearly the same tokens."""
    lm = make_lm(validation_unit="contigs", validation_size=10**6, precision="float32", stretch_length=None)
    lm.fit(corpus)
    n_trained = lm.history_[0]["tokens"]
    held_out = [row for row in corpus if len(row) - 1 != n_trained]
    assert lm.history_[-1]["valid_bits_per_base"] == pytest.approx(lm.bits_per_base(held_out), rel=1e-5)


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_scores_do_not_depend_on_the_batch(batch_size, lm, rows):
    expected = lm.score_samples(rows)
    np.testing.assert_allclose(lm.set_params(batch_size=batch_size).score_samples(rows), expected, rtol=1e-5)


@pytest.mark.parametrize("method", ["score", "bits_per_base", "perplexity"])
@pytest.mark.parametrize("X", [[[5]], [[1, 1, 1]], [[5, 1, 0]]], ids=["one token", "unknown", "no known one"])
def test_scores_refuse_what_has_nothing_to_predict(method, X, lm):
    with pytest.raises(ValueError, match=r"X holds 1 sequence\(s\), none with a known token behind another"):
        getattr(lm, method)(X)


@pytest.mark.parametrize(("k", "stride"), [(1, 1), (3, 1), (5, 2), (4, 4)])
def test_sample_tokens_overlap_as_those_of_a_sequence(k, stride, make_lm, make_dna, tokenise):
    lm = make_lm(max_steps=1).fit(tokenise([*make_dna([400]), "T" * k], k, stride))
    drawn = lm.sample(20, n_tokens=30, random_state=0)
    assert drawn.shape == (20, 30)
    assert drawn.dtype == KmerTokenizer(k=k).transform(["T" * k]).dtype
    assert drawn.min() >= 2
    # Contradictions would be a warning, which is an error here, and a change on the way back.
    tokenizer = KmerTokenizer(k=k, stride=stride)
    sequences = tokenizer.inverse_transform(drawn)
    assert {len(s) for s in sequences} == {29 * stride + k}
    assert (tokenizer.transform(sequences) == drawn).all()


def test_sample_depends_on_its_seed_alone(lm):
    first, again, other = (lm.sample(3, n_tokens=20, random_state=s) for s in (0, 0, 1))
    assert (first == again).all()
    assert (first != other).any()


def test_sample_goes_on_with_a_random_state_instance(lm):
    random_state = np.random.RandomState(0)
    first, second = (lm.sample(3, n_tokens=20, random_state=random_state) for _ in range(2))
    assert (first != second).any()


def test_sample_temperature_makes_the_likely_likelier(lm):
    cold, hot = (lm.sample(30, n_tokens=60, temperature=t, random_state=0) for t in (0.2, 5.0))
    assert lm.score(cold) > lm.score(hot) + 0.1


def test_sample_follows_the_model_distribution(lm):
    """Counts of the token behind AAA against the softmax over the four that can follow."""
    drawn = lm.sample(20_000, n_tokens=2, random_state=0)
    after_aaa = drawn[drawn[:, 0] == 2, 1]
    with torch.no_grad():
        logits = lm.module_(torch.tensor([[2]]))[0][0, 0]
    expected = torch.softmax(logits[2:6], dim=0).numpy()
    found = np.bincount(after_aaa, minlength=6)[2:6] / len(after_aaa)
    np.testing.assert_allclose(found, expected, atol=5 * 0.5 / len(after_aaa) ** 0.5)
    # The first token is drawn evenly from 64: 312 of each.
    assert np.bincount(drawn[:, 0], minlength=66)[2:].min() > 200


def test_sample_of_one_token_is_possible(lm):
    assert lm.sample(5, n_tokens=1, random_state=0).shape == (5, 1)


@pytest.mark.parametrize(
    ("params", "name"),
    [({"n_samples": 0}, "n_samples"), ({"n_tokens": -1}, "n_tokens"), ({"temperature": 0.0}, "temperature"),
     ({"temperature": math.nan}, "temperature")],
)  # fmt: skip
def test_sample_refuses_what_is_not_positive(params, name, lm):
    with pytest.raises(ValueError, match=f"{name} must be positive. Got {params[name]!r} instead"):
        lm.sample(**params)


def test_sample_leaves_the_model_as_it_was(lm, token_ids):
    before = lm.transform(token_ids)
    lm.sample(2, random_state=0)
    assert (lm.transform(token_ids) == before).all()


def test_score_may_be_called_with_labels(lm, token_ids):
    """A Pipeline hands labels on to whatever step is the last."""
    assert isinstance(lm, LanguageModel)
    assert lm.score(token_ids, np.zeros(len(token_ids))) == lm.score(token_ids)
