"""A language model as small as can be and sequences with a planted motif, made once and never changed."""

from typing import NamedTuple

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from skgenome.classification import SequenceClassifier, ULMFiTClassifier
from skgenome.preprocessing import KmerTokenizer
from skgenome.representation import LanguageModel
from skgenome.representation._cache import CACHE

TINY = {
    "embedding_size": 4,
    "hidden_size": 6,
    "n_layers": 2,
    "batch_size": 16,
    "bptt": 20,
    "max_epochs": 1,
    "strand": "forward",
    "cache_size": 0,
    "device": "cpu",
    # Where the hardware has bfloat16, "auto" takes it, and numbers differ from machine to machine.
    "precision": "float32",
    "random_state": 0,
}
QUICK = {
    "max_epochs": 2,
    "batch_size": 16,
    "cv": 2,
    "device": "cpu",
    "precision": "float32",
    "random_state": 0,
}


class Data(NamedTuple):
    """Sequences as text and as token ids, with labels 0 and 1."""

    sequences: list
    X: np.ndarray
    y: np.ndarray


def tokenise(sequences, k=3, stride=1):
    return KmerTokenizer(k=k, stride=stride).transform(sequences)


def draw_dna(rng, lengths):
    return ["".join(rng.choice(list("ACGT"), n)) for n in lengths]


def plant(sequence, motif, position):
    return sequence[:position] + motif + sequence[position + len(motif) :]


def make_data(n_samples, seed=0, motif="GACTTC", decoy="CTAGCT", longest=40):
    """Random sequences, in every second one a motif thrice, in the others one of the same bases."""
    rng = np.random.default_rng(seed)
    y = np.arange(n_samples) % 2
    sequences = draw_dna(rng, rng.integers(30, longest + 1, n_samples))
    for i, label in enumerate(y):
        for start in (2, 12, 22):
            sequences[i] = plant(sequences[i], motif if label else decoy, start + int(rng.integers(3)))
    # So that k can be told from the ids of any part.
    sequences[0] = "TTTT" + sequences[0][4:]
    return Data(sequences, tokenise(sequences), y)


@pytest.fixture(autouse=True)
def _empty_cache():
    CACHE.clear()
    yield
    CACHE.clear()


@pytest.fixture(autouse=True)
def _short_training_of_heads(monkeypatch):
    """What holds after 100 steps of a head's training holds after all 600."""
    monkeypatch.setattr("skgenome.classification._heads._HEAD_STEPS", 100)


@pytest.fixture(scope="session")
def data():
    """60 sequences, 30 of each class."""
    return make_data(60)


@pytest.fixture(scope="session")
def draw():
    """Draw other data of the same kind."""
    return make_data


@pytest.fixture(scope="session")
def small(data):
    """The first 20 of them."""
    return Data(data.sequences[:20], data.X[:20], data.y[:20])


@pytest.fixture(scope="session")
def fitted_lm():
    """Never changed by a test: some see to that."""
    rng = np.random.default_rng(1)
    contigs = KmerTokenizer(k=3, padding=False).transform([*draw_dna(rng, [400, 300]), "TTTTT"])
    # A high learning rate takes the weights far from where they start, so that features differ.
    return LanguageModel(**TINY, learning_rate=0.05).fit(contigs)


@pytest.fixture(scope="session")
def make_lm():
    """Make an unfitted tiny model."""

    def make(**params):
        return LanguageModel(**{**TINY, **params})

    return make


@pytest.fixture
def make(fitted_lm):
    """Make a quick classifier on the shared language model."""

    def build(encoder=None, **params):
        encoder = FrozenEstimator(fitted_lm) if encoder is None else encoder
        return SequenceClassifier(encoder, **{**QUICK, **params})

    return build


@pytest.fixture
def make_ulmfit(fitted_lm):
    """Make a quick ULMFiTClassifier on the shared language model."""

    def build(encoder=None, **params):
        encoder = FrozenEstimator(fitted_lm) if encoder is None else encoder
        return ULMFiTClassifier(encoder, **{**QUICK, "lm_max_epochs": 1, **params})

    return build


@pytest.fixture(scope="session")
def weights_of():
    """Copy the weights of a language model, by name."""

    def copy(lm):
        return {name: value.clone().numpy() for name, value in lm.module_.state_dict().items()}

    return copy


@pytest.fixture
def unchanged(fitted_lm, weights_of):
    """Assert at the end of the test that the shared language model is what it was."""
    weights, params = weights_of(fitted_lm), fitted_lm.get_params()
    history, attributes = [dict(row) for row in fitted_lm.history_], set(vars(fitted_lm))
    yield
    after = weights_of(fitted_lm)
    assert weights.keys() == after.keys()
    assert all((weights[name] == after[name]).all() for name in weights)
    assert fitted_lm.get_params() == params
    assert fitted_lm.history_ == history
    assert set(vars(fitted_lm)) == attributes
    assert all(p.requires_grad for p in fitted_lm.module_.parameters())
    assert not fitted_lm.module_.training
    assert clone(fitted_lm).get_params() == params
