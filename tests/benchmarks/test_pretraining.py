"""Pretrained models are kept, and found again only where they are the same."""

import json

import numpy as np
import pytest

from benchmarks import pretraining
from benchmarks.corpora import Corpus
from benchmarks.pretraining import (
    Tokens,
    default_work_dir,
    draw_untrained,
    finetune,
    fingerprint,
    pretrain,
)
from skgenome.datasets import make_genomes
from skgenome.preprocessing import KmerTokenizer
from skgenome.representation import LanguageModel

TINY = {
    "embedding_size": 8,
    "hidden_size": 8,
    "n_layers": 2,
    "max_steps": 2,
    "device": "cpu",
    "random_state": 0,
}


@pytest.fixture(scope="module")
def corpus():
    return Corpus("toy", make_genomes(n_genomes=1, genome_length=20_000, random_state=0).data, "invented")


@pytest.fixture
def no_training(monkeypatch):
    """Make every fit an error."""

    def fit(*_):
        raise AssertionError("trained again")

    monkeypatch.setattr(LanguageModel, "fit", fit)


def test_pretrain_records_what_it_did(corpus, tmp_path):
    model, facts = pretrain(LanguageModel(**TINY), corpus, tmp_path)
    assert facts["n_contigs"] == 1
    assert facts["n_bases"] == 20_000
    assert facts["n_steps"] == 2
    assert facts["n_weights"] == sum(p.numel() for p in model.module_.parameters())
    assert facts["history"][-1]["train_bits_per_base"] == facts["train_bits_per_base"]
    assert facts["parameters"]["precision"] in ("float32", "bfloat16")
    json.dumps(facts, allow_nan=False)


def test_pretrain_finds_its_model_again(corpus, tmp_path, request):
    first, facts = pretrain(LanguageModel(**TINY), corpus, tmp_path)
    request.getfixturevalue("no_training")
    second, same_facts = pretrain(LanguageModel(**TINY, verbose=1), corpus, tmp_path)
    assert same_facts == facts
    assert second.verbose == 1
    rows = KmerTokenizer(k=3).transform(["GATTACA"])
    assert np.array_equal(first.transform(rows), second.transform(rows))


def test_pretrain_finds_a_model_that_is_kept_with_the_results(corpus, tmp_path, monkeypatch, request):
    first, facts = pretrain(LanguageModel(**TINY), corpus, tmp_path / "kept")
    monkeypatch.setattr(pretraining, "KEPT", tmp_path / "kept")
    request.getfixturevalue("no_training")
    second, same_facts = pretrain(LanguageModel(**TINY), corpus, tmp_path / "empty")
    assert same_facts == facts
    rows = KmerTokenizer(k=3).transform(["GATTACA"])
    assert np.array_equal(first.transform(rows), second.transform(rows))


def test_pretrain_does_not_trust_a_model_without_facts(corpus, tmp_path, request):
    """The facts are written last, so an interrupted run leaves a model alone."""
    pretrain(LanguageModel(**TINY), corpus, tmp_path)
    for path in tmp_path.glob("*.json"):
        path.unlink()
    request.getfixturevalue("no_training")
    with pytest.raises(AssertionError, match="trained again"):
        pretrain(LanguageModel(**TINY), corpus, tmp_path)


@pytest.mark.parametrize("change", [{"max_steps": 3}, {"random_state": 1}, {"precision": "bfloat16"}])
def test_fingerprint_tells_parameters_apart(change, corpus):
    plain = LanguageModel(**TINY | {"precision": "float32"})
    changed = LanguageModel(**TINY | {"precision": "float32"} | change)
    assert fingerprint(plain, corpus) != fingerprint(changed, corpus)


@pytest.mark.parametrize("change", [{"verbose": 1}, {"cache_size": 0}])
def test_fingerprint_leaves_out_what_has_no_influence(change, corpus):
    changed = LanguageModel(**TINY | change)
    assert fingerprint(LanguageModel(**TINY), corpus) == fingerprint(changed, corpus)


def test_fingerprint_tells_corpora_and_tokens_apart(corpus):
    lm = LanguageModel(**TINY)
    cut = corpus._replace(contigs=[corpus.contigs[0][:100], corpus.contigs[0][100:]])
    assert fingerprint(lm, corpus) != fingerprint(lm, cut)
    names = {fingerprint(lm, corpus, tokens) for tokens in (None, Tokens(3, 1), Tokens(3, 2), Tokens(5, 1))}
    assert len(names) == 3


@pytest.mark.parametrize("tokens", [Tokens(3, 1), Tokens(5, 2), Tokens(4, 3)])
def test_tokens_are_counted_as_the_tokenizer_cuts_them(tokens):
    for length in (tokens.k, 20, 33):
        assert tokens.count(length) == len(tokens.tokenizer(padding=False).transform(["A" * length])[0])


def test_pretrain_reads_the_tokens_it_is_told(corpus, tmp_path):
    start = pretrain(LanguageModel(**TINY), corpus, tmp_path, Tokens(5, 2))
    tuned = finetune(start, corpus.contigs, 1, 1e-3, tmp_path)
    for model, facts in (start, tuned):
        assert (model.k_, model.stride_) == (facts["k"], facts["stride"]) == (5, 2)


def test_draw_untrained_has_the_weights_that_training_starts_from(corpus):
    """Two runs that differ in all but seed and sizes draw the same weights, and the step leaves them."""
    lm = LanguageModel(**TINY, weight_decay=0.3)
    first, second = draw_untrained(lm, corpus), draw_untrained(lm.set_params(learning_rate=0.1), corpus)
    for a, b in zip(first.module_.parameters(), second.module_.parameters(), strict=True):
        assert np.array_equal(a.detach().numpy(), b.detach().numpy())
    weights = first.module_.encoder.embedding.weight.detach().numpy()
    # As drawn: evenly between -0.1 and 0.1.
    assert np.abs(weights).max() <= 0.1
    assert weights.std() == pytest.approx(0.1 / np.sqrt(3), rel=0.1)


def test_default_work_dir_is_in_the_users_cache(monkeypatch):
    monkeypatch.setattr(pretraining.pooch, "os_cache", lambda name: f"/cache/{name}")
    assert default_work_dir().parts == ("/", "cache", "skgenome", "benchmarks")


def test_finetune_goes_on_from_a_copy_and_is_found_again(corpus, tmp_path, monkeypatch):
    start = pretrain(LanguageModel(**TINY), corpus, tmp_path)
    before = {name: value.clone() for name, value in start.model.module_.state_dict().items()}
    sequences = [corpus.contigs[0][i : i + 100] for i in range(0, 2000, 100)]
    tuned, facts = finetune(start, sequences, 2, 1e-2, tmp_path)
    after = start.model.module_.state_dict()
    assert all((after[name] == value).all() for name, value in before.items())
    assert any((tuned.module_.state_dict()[name] != value).any() for name, value in before.items())
    steps = [row["step"] for row in tuned.history_]
    assert steps[: len(start.model.history_)] == [row["step"] for row in start.model.history_]
    assert steps == sorted(set(steps))
    assert facts["corpus"] == "toy, then the task's sequences"
    assert facts["n_contigs"] == 20

    def partial_fit(*_):
        raise AssertionError("trained again")

    monkeypatch.setattr(LanguageModel, "partial_fit", partial_fit)
    again, same_facts = finetune(start, sequences, 2, 1e-2, tmp_path)
    assert same_facts == facts
    rows = KmerTokenizer(k=3).transform(["GATTACA"])
    assert np.array_equal(tuned.transform(rows), again.transform(rows))
    with pytest.raises(AssertionError, match="trained again"):
        finetune(start, sequences, 3, 1e-2, tmp_path)
