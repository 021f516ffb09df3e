"""A small convolutional network on one-hot bases: the usual network for promoters, from scratch."""

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from skorch import NeuralNetClassifier
from torch import nn

from benchmarks.methods import to_width
from skgenome.preprocessing import KmerTokenizer
from skgenome.training import resolve_device, seeded

#: Ids of single bases, padding and unknown among them.
N_IDS = 6


class OneHot(nn.Module):
    """Turn ids of single bases into four channels; padding and unknown bases are zeros."""

    def forward(self, token_ids: torch.Tensor) -> torch.Tensor:
        """Encode.

        Parameters
        ----------
        token_ids : LongTensor of shape (batch, length)
            Ids, of any integer type.

        Returns
        -------
        Tensor of shape (batch, 4, length)
            Channels A, C, G, T.
        """
        return nn.functional.one_hot(token_ids.long(), N_IDS)[..., 2:].float().transpose(1, 2)


class SmallCNN(ClassifierMixin, BaseEstimator):
    """Two convolutions and a hidden layer.

    Parameters
    ----------
    aligned : bool, default=True
        Whether a place in the sequence means the same in all of them. Else the network is told whether a
        motif is there and not where.
    max_length : int or None, default=None
        Bases that are read of longer sequences, from the first on; None reads as many as the longest sequence
        to learn from has.
    max_epochs : int, default=20
        Passes over the labelled rows; with few rows more, up to `min_steps`.
    min_steps : int, default=400
        Least training steps.
    batch_size : int, default=64
        Rows in a step.
    learning_rate : float, default=1e-3
        Of AdamW.
    device : str, default="auto"
        Where to train.
    random_state : int or None, default=None
        Of weights, dropout and order.

    References
    ----------
    Umarov and Solovyev (2017), PLoS ONE 12, e0171410: filters of width 7, pooling, one hidden layer.
    """

    def __init__(
        self,
        *,
        aligned=True,
        max_length=None,
        max_epochs=20,
        min_steps=400,
        batch_size=64,
        learning_rate=1e-3,
        device="auto",
        random_state=None,
    ):
        self.aligned = aligned
        self.max_length = max_length
        self.max_epochs = max_epochs
        self.min_steps = min_steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.device = device
        self.random_state = random_state

    def _tokenise(self, X):
        # All predictions are made at one width, so that none depends on what else is in the batch.
        ids = KmerTokenizer(k=1, max_length=self.length_, truncation="right").transform(X)
        return to_width(ids, self.length_)

    def fit(self, X, y):
        """Train from scratch.

        Parameters
        ----------
        X : sequence of str
            Sequences.
        y : ndarray of shape (n_samples,)
            Classes.

        Returns
        -------
        self : SmallCNN
            The trained network.
        """
        self.length_ = min(max(map(len, X)), self.max_length or np.inf)
        token_ids = self._tokenise(X)
        self.classes_, codes = np.unique(y, return_inverse=True)
        device = resolve_device(self.device)
        n_batches = -(-len(codes) // self.batch_size)
        with seeded(check_random_state(self.random_state), device):
            self.net_ = NeuralNetClassifier(
                _layers(self.length_, len(self.classes_), self.aligned),
                criterion=nn.CrossEntropyLoss,
                optimizer=torch.optim.AdamW,
                optimizer__weight_decay=0.01,
                lr=self.learning_rate,
                max_epochs=max(self.max_epochs, -(-self.min_steps // n_batches)),
                batch_size=self.batch_size,
                iterator_train__shuffle=True,
                train_split=None,
                verbose=0,
                device=device,
            ).fit(token_ids, codes.astype(np.int64))
        return self

    def predict_proba(self, X):
        """Predict the probability of every class.

        Parameters
        ----------
        X : sequence of str
            Sequences.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Probabilities.
        """
        return self.net_.predict_proba(self._tokenise(X))

    def predict(self, X):
        """Predict the most probable class.

        Parameters
        ----------
        X : sequence of str
            Sequences.

        Returns
        -------
        ndarray of shape (n_samples,)
            Classes.
        """
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def _layers(length: int, n_classes: int, aligned: bool) -> nn.Sequential:
    width = (length // 2) // 2 if aligned else 1
    return nn.Sequential(
        OneHot(),
        nn.Conv1d(4, 100, 7, padding="same"),
        nn.ReLU(),
        nn.MaxPool1d(2),
        nn.Dropout(0.2),
        nn.Conv1d(100, 64, 7, padding="same"),
        nn.ReLU(),
        nn.MaxPool1d(2) if aligned else nn.AdaptiveMaxPool1d(1),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(64 * width, 128),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(128, n_classes),
    )
