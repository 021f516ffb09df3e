"""Classifiers whose values are known without them, and tracks made by hand."""

from zlib import crc32

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin

from skgenome.scanning import Track, TrackPiece


class WordClassifier(ClassifierMixin, BaseEstimator):
    """Says whether a window holds a word. Pure Python, so that nothing can be wrong with it."""

    def __init__(self, word="TATAAT"):
        self.word = word

    def fit(self, X, y=None):
        self.classes_ = np.array(["other", "word"])
        return self

    def predict_proba(self, X):
        assert len(X) > 0
        assert all(type(window) is str for window in X)
        found = np.array([self.word in window for window in X], dtype=float)
        return np.column_stack([1 - found, found])


class HashClassifier(ClassifierMixin, BaseEstimator):
    """Gives each sequence a number of its own, the same each time."""

    def __init__(self, n_classes=2):
        self.n_classes = n_classes
        self.batches = []

    def fit(self, X, y=None):
        self.classes_ = np.arange(self.n_classes)
        return self

    def predict_proba(self, X):
        self.batches.append(len(X))
        columns = [[crc32(f"{c}{window}".encode()) / 2**32 for window in X] for c in self.classes_]
        return np.array(columns).T

    def decision_function(self, X):
        scores = 10 * self.predict_proba(X) - 5
        return scores[:, 1] if self.n_classes == 2 else scores


@pytest.fixture
def make_word_classifier():
    return lambda word="TATAAT": WordClassifier(word).fit([])


@pytest.fixture
def make_hash_classifier():
    return lambda n_classes=2: HashClassifier(n_classes).fit([])


@pytest.fixture
def make_dna(seed):
    """Make random sequences, the same ones in each test."""
    random_state = np.random.RandomState(seed)
    return lambda length, letters="ACGT": "".join(random_state.choice(list(letters), length))


@pytest.fixture
def make_track():
    """Make a track of one contig: rows of values, for '+', '-', or both."""

    def make(values, *, starts=None, step=1, window_size=5, length=None, strands=None):
        values = np.atleast_2d(np.asarray(values, dtype=float))
        starts = step * np.arange(values.shape[1]) if starts is None else np.asarray(starts)
        length = int(starts[-1]) + window_size if length is None else length
        strands = strands or ("+", "-")[: len(values)]
        piece = TrackPiece("chr1", length, starts, values, int(np.isnan(values[0]).sum()))
        return Track({"chr1": piece}, window_size, step, strands, "probability of site")

    return make
