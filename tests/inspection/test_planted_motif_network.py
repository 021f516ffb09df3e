"""A known motif at a known place, and a network that has learnt it: inspection finds place and bases."""

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from skgenome.classification import SequenceClassifier
from skgenome.inspection import in_silico_mutagenesis, perturbation_importance
from skgenome.preprocessing import KmerTokenizer
from skgenome.representation import LanguageModel

WORD = "TGACATAT"
LENGTH = 40
SHARE = 0.95


def plant(seed, n_sequences, n_errors=0):
    """Draw sequences with the word somewhere, some of its bases replaced, and where it begins."""
    rng = np.random.default_rng(seed)
    letters, word = np.array(list("ACGT")), np.array(["ACGT".index(base) for base in WORD])
    starts = rng.integers(LENGTH - len(WORD), size=n_sequences)
    codes = rng.integers(4, size=(n_sequences, LENGTH))
    for row, start in zip(codes, starts, strict=True):
        row[start : start + len(WORD)] = word
        wrong = start + rng.choice(len(WORD), size=n_errors, replace=False)
        row[wrong] = (row[wrong] + rng.integers(1, 4, size=n_errors)) % 4
    return ["".join(letters[row]) for row in codes], starts


@pytest.fixture(scope="module")
def planted():
    return plant(1, 60)


@pytest.fixture(scope="module")
def network():
    """Trained to tell the word from the word with one wrong base: it needs every base."""
    lm = LanguageModel(
        embedding_size=24, n_layers=1, strand="forward", pooling="max", random_state=0, device="cpu"
    )
    classifier = SequenceClassifier(
        lm, training="finetune", learning_rate=0.01, learning_rate_ratio=1, dropout_scale=0, max_epochs=20,
        early_stopping=False, random_state=0, device="cpu",
    )  # fmt: skip
    positive, negative = plant(2, 400)[0], plant(3, 400, n_errors=1)[0]
    return make_pipeline(KmerTokenizer(k=3), classifier).fit(positive + negative, [1] * 400 + [0] * 400)


def test_network_has_learnt_the_planted_motif(network):
    sequences = plant(4, 100)[0] + plant(5, 100, n_errors=1)[0]
    assert network.score(sequences, [1] * 100 + [0] * 100) > SHARE


@pytest.mark.parametrize("replacement", ["random", "N"])
def test_perturbation_importance_of_a_network_finds_a_planted_motif(replacement, network, planted):
    sequences, starts = planted
    result = perturbation_importance(
        network, sequences, widths=[3, 7], replacement=replacement, random_state=0,
        response_method="decision_function",
    )  # fmt: skip
    for importances in result.importances_mean.transpose(1, 0, 2):
        # A word with a few wrong bases is none: windows that reach into it lose about as much as those
        # inside. The place is the middle of all that lose half of what the worst does.
        is_low = importances <= np.nanmin(importances, axis=1, keepdims=True) / 2
        place = np.array([np.median(result.positions[row]) for row in is_low])
        assert np.mean((starts <= place) & (place < starts + len(WORD))) > SHARE


def test_in_silico_mutagenesis_of_a_network_finds_a_planted_motif(network, planted):
    """The place of it, and at each of its places the base: any other lowers the prediction."""
    sequences, starts = planted
    result = in_silico_mutagenesis(network, sequences, response_method="decision_function")
    loss = -result.attributions.mean(axis=1)
    strongest = loss.argmax(axis=1)
    assert np.mean((starts <= strongest) & (strongest < starts + len(WORD))) > SHARE
    inside = np.stack(
        [row[:, start : start + len(WORD)] for row, start in zip(result.attributions, starts, strict=True)]
    )
    read = np.array(list("ACGT"))[inside.argmax(axis=1)]
    assert np.mean(read == np.array(list(WORD))) > SHARE
