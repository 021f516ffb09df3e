"""What a classifier answers about a test set, judged window by window, label by label, genome by genome."""

from collections.abc import Sequence

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import get_scorer

from skgenome.metrics import classification_metrics_by_class


class Answers(ClassifierMixin, BaseEstimator):
    """Probabilities that are there already, for scikit-learn's scorers: each test set is read once.

    Parameters
    ----------
    probabilities : ndarray of shape (n_samples, n_classes) or (n_samples, n_labels)
        Of the samples of the test set.
    classes : ndarray of shape (n_classes,)
        What the columns stand for.
    """

    def __init__(self, probabilities, classes):
        self.probabilities = probabilities
        self.classes = classes

    @property
    def classes_(self):
        """The classes."""
        return self.classes

    def predict_proba(self, X=None):
        """Give the probabilities.

        Parameters
        ----------
        X : object
            Not used.

        Returns
        -------
        ndarray
            All of them.
        """
        return self.probabilities

    def predict(self, X=None):
        """Give the most probable classes.

        Parameters
        ----------
        X : object
            Not used.

        Returns
        -------
        ndarray of shape (n_samples,)
            Classes.
        """
        return self.classes[self.probabilities.argmax(axis=1)]

    def score_by(self, metrics: Sequence[str], y: np.ndarray) -> dict[str, float]:
        """Compute figures of merit.

        Parameters
        ----------
        metrics : sequence of str
            Names of scikit-learn's scorers.
        y : ndarray of shape (n_samples,)
            The truth.

        Returns
        -------
        dict of str to float
            By name.
        """
        return {name: float(get_scorer(name)(self, None, y)) for name in metrics}

    def score_labels(self, metrics: Sequence[str], y: np.ndarray) -> dict[str, list[float]]:
        """Compute figures of merit label by label.

        Parameters
        ----------
        metrics : sequence of str
            Names as :func:`skgenome.metrics.classification_metrics_by_class` has them, which are
            scikit-learn's.
        y : ndarray of shape (n_samples, n_labels)
            The truth; -1 is left out.

        Returns
        -------
        dict of str to list of float
            For each metric a value for each label.
        """
        predicted = (self.probabilities > 0.5).astype(int)
        table = classification_metrics_by_class(y, predicted, self.probabilities, zero_division=0.0)
        return {name: [row[name] for row in table] for name in metrics}

    def of_genomes(self, y: np.ndarray, genome_ids: np.ndarray) -> tuple["Answers", np.ndarray]:
        """Give each genome the mean probabilities of its windows.

        Their mean and not that of their log odds: windows of one genome are alike in composition, so that
        they are no independent evidence to be multiplied; and a window whose probability rounds to 1, which
        networks give, would outvote all others.

        Parameters
        ----------
        y : ndarray of shape (n_samples,)
            Class of every window, the same within a genome.
        genome_ids : ndarray of shape (n_samples,)
            Genome of every window.

        Returns
        -------
        answers : Answers
            Of the genomes, in the order of their names.
        y : ndarray of shape (n_genomes,)
            Their classes.
        """
        names, first, genome = np.unique(genome_ids, return_index=True, return_inverse=True)
        means = np.zeros((len(names), self.probabilities.shape[1]))
        np.add.at(means, genome, self.probabilities)
        means /= np.bincount(genome)[:, None]
        return Answers(means, self.classes), y[first]
