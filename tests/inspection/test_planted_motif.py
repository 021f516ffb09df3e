"""Sequences with a known motif at a known place: inspection has to find the place and the bases."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skgenome.inspection import in_silico_mutagenesis, perturbation_importance
from skgenome.preprocessing import KmerCounter, KmerTokenizer

WORD = "TGACATAT"
LENGTH = 60
SHARE = 0.95


def plant(seed, n_sequences):
    """Draw sequences with the word somewhere, and where it begins."""
    rng = np.random.default_rng(seed)
    sequences, starts = [], rng.integers(LENGTH - len(WORD), size=n_sequences)
    for start in starts:
        background = "".join(rng.choice(list("ACGT"), size=LENGTH))
        sequences.append(background[:start] + WORD + background[start + len(WORD) :])
    return sequences, starts


@pytest.fixture(scope="module")
def planted():
    return plant(1, 60)


@pytest.fixture(scope="module")
def kmer_model():
    positive, _ = plant(2, 400)
    rng = np.random.default_rng(3)
    negative = ["".join(rng.choice(list("ACGT"), size=LENGTH)) for _ in positive]
    model = make_pipeline(KmerCounter(k=5), LogisticRegression(C=0.1))
    return model.fit(positive + negative, [1] * len(positive) + [0] * len(negative))


@pytest.fixture(params=["word", "k-mers"])
def model(request, word_scorer, kmer_model):
    return word_scorer(WORD) if request.param == "word" else kmer_model


@pytest.mark.parametrize("replacement", ["random", "N"])
def test_perturbation_importance_finds_a_planted_motif(replacement, model, planted):
    sequences, starts = planted
    result = perturbation_importance(
        model, sequences, widths=[3, 7], replacement=replacement, random_state=0,
        response_method="decision_function",
    )  # fmt: skip
    for importances in result.importances_mean.transpose(1, 0, 2):
        # Once a second place in the background fits better, it does not matter how much more is replaced:
        # the place is the middle of all that are as low.
        lowest = importances <= np.nanmin(importances, axis=1, keepdims=True) + 1e-9
        place = np.array([np.median(result.positions[row]) for row in lowest])
        assert np.mean((starts <= place) & (place < starts + len(WORD))) > SHARE


def test_in_silico_mutagenesis_finds_the_place_of_a_planted_motif(model, planted):
    sequences, starts = planted
    result = in_silico_mutagenesis(model, sequences, response_method="decision_function")
    loss = -result.attributions.mean(axis=1)
    strongest = loss.argmax(axis=1)
    assert np.mean((starts <= strongest) & (strongest < starts + len(WORD))) > SHARE
    # The window of its length in which most is lost is the motif itself.
    sums = np.array([np.convolve(row, np.ones(len(WORD)), "valid") for row in loss])
    assert np.mean(np.abs(sums.argmax(axis=1) - starts) <= 1) > SHARE


def test_in_silico_mutagenesis_finds_the_bases_of_a_planted_motif(model, planted):
    """Any other base at a place of the motif lowers the prediction, and the mean logo reads the motif."""
    sequences, starts = planted
    result = in_silico_mutagenesis(model, sequences, response_method="decision_function")
    inside = np.stack(
        [row[:, start : start + len(WORD)] for row, start in zip(result.attributions, starts, strict=True)]
    )
    read = np.array(list("ACGT"))[inside.argmax(axis=1)]
    assert np.mean(read == np.array(list(WORD))) > SHARE
    assert "".join(np.array(list("ACGT"))[inside.mean(axis=0).argmax(axis=0)]) == WORD


def test_inspection_of_a_network_in_a_pipeline():
    """Public methods alone, so that a network is read like any other: against predictions one by one."""
    from skgenome.classification import SequenceClassifier
    from skgenome.representation import LanguageModel

    sequences, _ = plant(4, 12)
    lm = LanguageModel(
        embedding_size=4, hidden_size=6, n_layers=1, max_epochs=1, random_state=0, device="cpu"
    )
    network = SequenceClassifier(lm, max_epochs=1, early_stopping=False, random_state=0, device="cpu")
    model = make_pipeline(KmerTokenizer(k=3), network).fit(sequences, [0, 1] * 6)
    sequence = sequences[0][:20]
    result = in_silico_mutagenesis(model, [sequence, sequences[1][:11]], batch_size=50)
    edited = [f"{sequence[:7]}{base}{sequence[8:]}" for base in "ACGT"]
    expected = model.predict_proba(edited)[:, 1] - model.predict_proba([sequence])[0, 1]
    np.testing.assert_allclose(result.attributions[0, :, 7], expected, atol=1e-6)
    assert result.attributions[0, "ACGT".index(sequence[7]), 7] == 0
