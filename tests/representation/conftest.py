"""Models as small as can be, fitted once and never changed by the tests that share them."""

import numpy as np
import pytest
from sklearn.base import clone

from skgenome.preprocessing import KmerTokenizer
from skgenome.representation import ContrastivePredictiveCoding, LanguageModel
from skgenome.representation._cache import CACHE

# What every architecture promises is tested on each.
ARCHITECTURES = {
    "awd-lstm": {"embedding_size": 4},
    "cnn-lstm": {"architecture": "cnn-lstm", "n_filters": 5, "kernel_size": 4},
}
TINY = {
    "hidden_size": 6,
    "n_layers": 2,
    "batch_size": 4,
    "bptt": 10,
    # The default is no dropout; with some, its random numbers are tested as well.
    "dropout_scale": 0.2,
    "max_epochs": 1,
    "device": "cpu",
    "random_state": 0,
}
TINY_CPC = {
    "encoder": "cnn-lstm",
    "width": 1,
    "context_size": 3,
    "patch_length": 20,
    "patch_stride": 10,
    "n_patches": 8,
    "steps": (2, 3),
    "projection_size": 3,
    "batch_size": 4,
    "max_epochs": 1,
    "device": "cpu",
    "random_state": 0,
}
# Lengths of the sequences that are embedded: all different, in no order, one of a single token.
LENGTHS = [30, 3, 77, 12, 50, 4, 31]


@pytest.fixture(autouse=True)
def _empty_cache():
    """Every test starts without remembered features and leaves none."""
    CACHE.clear()
    yield
    CACHE.clear()


@pytest.fixture
def rng(seed):
    return np.random.default_rng(seed)


@pytest.fixture
def make_dna(rng):
    """Draw random sequences of given lengths."""

    def make(lengths):
        return ["".join(rng.choice(list("ACGT"), n)) for n in lengths]

    return make


@pytest.fixture
def tokenise():
    """Turn sequences into a list of id arrays."""

    def run(sequences, k=3, stride=1):
        return KmerTokenizer(k=k, stride=stride, padding=False).transform(sequences)

    return run


@pytest.fixture
def corpus(make_dna, tokenise):
    """Contigs to train on; the last one makes sure that k can be told from the ids."""
    return tokenise([*make_dna([400, 150, 90]), "TTTTT"])


@pytest.fixture
def sequences(make_dna):
    """Sequences to embed."""
    return make_dna(LENGTHS)


@pytest.fixture
def token_ids(sequences, tokenise):
    return tokenise(sequences)


@pytest.fixture(scope="module", params=sorted(ARCHITECTURES))
def architecture(request):
    """The architecture of `lm` and of what `make_lm` makes."""
    return request.param


@pytest.fixture(scope="module")
def fitted(architecture):
    """The shared model, of k = 3 and stride = 1. Take `lm`, which is a copy."""
    rng = np.random.default_rng(0)
    contigs = ["".join(rng.choice(list("ACGT"), n)) for n in (400, 150)] + ["TTTTT"]
    X = KmerTokenizer(k=3, padding=False).transform(contigs)
    # A high learning rate takes the weights far from where they start, so that features differ.
    params = {**TINY, **ARCHITECTURES[architecture]}
    return LanguageModel(**params, strand="forward", learning_rate=0.1).fit(X)


@pytest.fixture
def lm(fitted):
    """A fitted model whose parameters may be changed; the network is the shared one."""
    copy = clone(fitted)
    copy.__setstate__(fitted.__getstate__())
    return copy.set_params(cache_size=0)


@pytest.fixture
def make_lm(architecture):
    """Make an unfitted tiny model with some parameters changed; `width` is that of what reads the tokens."""

    def make(*, width=None, **params):
        if width is not None:
            params["n_filters" if architecture == "cnn-lstm" else "embedding_size"] = width
        return LanguageModel(**{**TINY, **ARCHITECTURES[architecture], **params})

    return make


@pytest.fixture
def bias_of(architecture):
    """Look up the bias of the softmax layer: the one weight that every training moves."""

    def get(lm):
        return (lm.module_.decoder if architecture == "cnn-lstm" else lm.module_).bias

    return get


@pytest.fixture
def bases(make_dna, tokenise):
    """Contigs to train on base by base."""
    return tokenise(make_dna([400, 333, 90, 200]), k=1)


@pytest.fixture(scope="module")
def fitted_cpc():
    """The shared model. Take `cpc`, which is a copy."""
    rng = np.random.default_rng(0)
    X = KmerTokenizer(k=1, padding=False).transform(["".join(rng.choice(list("ACGT"), 700))])
    # A high learning rate takes the weights far from where they start, so that features differ.
    cpc = ContrastivePredictiveCoding(**TINY_CPC, strand="forward", schedule="constant")
    return cpc.set_params(learning_rate=0.03, max_steps=15).fit(X)


@pytest.fixture
def cpc(fitted_cpc):
    """A fitted model whose parameters may be changed; the network is the shared one."""
    copy = clone(fitted_cpc)
    copy.__setstate__(fitted_cpc.__getstate__())
    return copy.set_params(cache_size=0)


@pytest.fixture
def make_cpc():
    """Make an unfitted tiny model with some parameters changed."""

    def make(**params):
        return ContrastivePredictiveCoding(**{**TINY_CPC, **params})

    return make
