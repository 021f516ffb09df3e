"""Classifiers of sequences whose answers are known by heart."""

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skgenome.preprocessing import KmerCounter
from skgenome.sequences import encode


class WordScorer:
    """Log odds from the best match of a word: as many as bases agree, less all but one of them."""

    classes_ = np.array(["no", "yes"])

    def __init__(self, word):
        self.word = word
        self.n_calls = []

    def score(self, sequence):
        if len(sequence) < len(self.word):
            return 1.0 - len(self.word)
        windows = np.lib.stride_tricks.sliding_window_view(encode(sequence), len(self.word))
        return (windows == encode(self.word)).sum(axis=1).max() - len(self.word) + 1.0

    def decision_function(self, sequences):
        self.n_calls.append(len(sequences))
        return np.array([self.score(sequence) for sequence in sequences])

    def predict_proba(self, sequences):
        p = expit(self.decision_function(sequences))
        return np.stack([1 - p, p], axis=1)


class PlaceScorer:
    """Scores that add up over the bases of a sequence, each with its own weight at its own place."""

    def __init__(self, n_outputs, kind="classes", length=40):
        # The fifth row is that of ambiguous bases.
        self.weights = np.random.default_rng(0).normal(size=(n_outputs, length, 5))
        self.kind = kind
        if kind == "classes":
            self.classes_ = np.array(list("abcdefgh")[:n_outputs])

    def scores(self, sequences):
        rows = [self.weights[:, np.arange(len(s)), encode(s)].sum(axis=1) for s in sequences]
        return np.array(rows)

    def decision_function(self, sequences):
        return self.scores(sequences)

    def predict_proba(self, sequences):
        scores = self.scores(sequences)
        return expit(scores) if self.kind == "labels" else softmax(scores, axis=1)

    def predict(self, sequences):
        scores = self.scores(sequences)
        return (scores > 0).astype(int) if self.kind == "labels" else self.classes_[scores.argmax(axis=1)]


@pytest.fixture
def word_scorer():
    return WordScorer


@pytest.fixture
def place_scorer():
    return PlaceScorer


@pytest.fixture
def draw_dna():
    """Give a function that draws sequences of some lengths."""

    def draw(seed, *lengths):
        rng = np.random.default_rng(seed)
        return ["".join(rng.choice(list("ACGT"), size=length)) for length in lengths]

    return draw


@pytest.fixture(scope="session")
def kmer_classifier():
    """A pipeline of dinucleotides that tells AT-rich from GC-rich sequences; not to be changed."""
    rng = np.random.default_rng(0)
    shares = {0: [0.35, 0.15, 0.15, 0.35], 1: [0.15, 0.35, 0.35, 0.15]}
    y = np.arange(60) % 2
    X = ["".join(rng.choice(list("ACGT"), p=shares[label], size=30)) for label in y]
    return make_pipeline(KmerCounter(k=2), LogisticRegression()).fit(X, y)
