"""A small convolutional network on one-hot bases: the usual network for promoters, from scratch."""

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from skorch import NeuralNetClassifier
from torch import nn

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
            Ids.

        Returns
        -------
        Tensor of shape (batch, 4, length)
            Channels A, C, G, T.
        """
        return nn.functional.one_hot(token_ids, N_IDS)[..., 2:].float().transpose(1, 2)


class SmallCNN(ClassifierMixin, BaseEstimator):
    """Two convolutions and a hidden layer, for sequences of one length.

    Parameters
    ----------
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
        max_epochs=20,
        min_steps=400,
        batch_size=64,
        learning_rate=1e-3,
        device="auto",
        random_state=None,
    ):
        self.max_epochs = max_epochs
        self.min_steps = min_steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.device = device
        self.random_state = random_state

    def _tokenise(self, X):
        return KmerTokenizer(k=1).transform(X).astype(np.int64)

    def fit(self, X, y):
        """Train from scratch.

        Parameters
        ----------
        X : sequence of str
            Sequences of one length.
        y : ndarray of shape (n_samples,)
            Classes.

        Returns
        -------
        self : SmallCNN
            The trained network.
        """
        token_ids = self._tokenise(X)
        self.classes_, codes = np.unique(y, return_inverse=True)
        device = resolve_device(self.device)
        n_batches = -(-len(codes) // self.batch_size)
        with seeded(check_random_state(self.random_state), device):
            self.net_ = NeuralNetClassifier(
                _layers(token_ids.shape[1], len(self.classes_)),
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
            Sequences of the same length.

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
            Sequences of the same length.

        Returns
        -------
        ndarray of shape (n_samples,)
            Classes.
        """
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def _layers(length: int, n_classes: int) -> nn.Sequential:
    width = ((length // 2) // 2) * 64
    return nn.Sequential(
        OneHot(),
        nn.Conv1d(4, 100, 7, padding="same"),
        nn.ReLU(),
        nn.MaxPool1d(2),
        nn.Dropout(0.2),
        nn.Conv1d(100, 64, 7, padding="same"),
        nn.ReLU(),
        nn.MaxPool1d(2),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(width, 128),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(128, n_classes),
    )
