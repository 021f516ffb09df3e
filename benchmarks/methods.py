"""The methods: each function gives an estimator that takes sequences, not fitted.

k-mers are the baseline that a representation has to beat, so they are treated as well as we know how: every
classifier chooses its own penalty, on standardised features.
"""

from collections.abc import Sequence

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegressionCV
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import StandardScaler

from skgenome.linear_model import LassoLogisticRegressionCV
from skgenome.preprocessing import KmerCounter, KmerTokenizer
from skgenome.representation import LanguageModel

#: Strengths to choose from. Weaker penalties lost at every number of labels on the promoters.
STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1)


def majority() -> DummyClassifier:
    """Give a classifier that always answers with the commonest class.

    Returns
    -------
    DummyClassifier
        Its accuracy is the chance level.
    """
    return DummyClassifier(strategy="most_frequent")


def ridge_logistic(random_state: int) -> LogisticRegressionCV:
    """Give L2 logistic regression that chooses its penalty by 5-fold cross-validation.

    Parameters
    ----------
    random_state : int
        Of the solver.

    Returns
    -------
    LogisticRegressionCV
        Choosing by AUROC and with balanced classes, since with 20 labels and a strong penalty the
        intercept alone would decide: on the promoters, .69 instead of .64 with 20 labels of k-mers.
    """
    return LogisticRegressionCV(
        Cs=STRENGTHS,
        l1_ratios=(0,),
        cv=5,
        scoring="roc_auc",
        class_weight="balanced",
        max_iter=2000,
        use_legacy_attributes=False,
        random_state=random_state,
    )


def kmer_features(k: int, k_min: int | None = None) -> Pipeline:
    """Give standardised k-mer frequencies.

    Parameters
    ----------
    k : int
        Bases in a k-mer.
    k_min : int or None, default=None
        Count all lengths from this on; None counts k alone.

    Returns
    -------
    Pipeline
        A transformer.
    """
    counter = KmerCounter(k=k, k_min=k_min, normalize="frequency", sparse=False)
    return Pipeline([("kmers", counter), ("scale", StandardScaler())])


def language_model_features(lm: LanguageModel) -> Pipeline:
    """Give standardised features of a language model that is not trained further.

    Parameters
    ----------
    lm : LanguageModel
        Fitted. It remembers the features of sequences it has seen, so no sequence is embedded twice.

    Returns
    -------
    Pipeline
        A transformer.
    """
    tokens = KmerTokenizer(k=lm.k_, stride=lm.stride_)
    return Pipeline([("tokens", tokens), ("lm", FrozenEstimator(lm)), ("scale", StandardScaler())])


def embed(lm: LanguageModel, sequences: Sequence[str]) -> np.ndarray:
    """Compute features once; the model remembers them, so the draws that follow only look them up.

    Parameters
    ----------
    lm : LanguageModel
        Fitted.
    sequences : collection of str
        All that will be learnt from or tested on.

    Returns
    -------
    ndarray of float32, shape (n_sequences, n_features)
        Not scaled.
    """
    return lm.transform(KmerTokenizer(k=lm.k_, stride=lm.stride_).transform(sequences))


def joined_features(lm: LanguageModel, k: int, k_min: int | None = None) -> FeatureUnion:
    """Give k-mer frequencies and features of a language model side by side, each block scaled.

    Parameters
    ----------
    lm : LanguageModel
        Fitted.
    k, k_min : int
        As in :func:`kmer_features`.

    Returns
    -------
    FeatureUnion
        A transformer.
    """
    return FeatureUnion([("kmers", kmer_features(k, k_min)), ("language_model", language_model_features(lm))])


def with_lasso(features: BaseEstimator, random_state: int) -> Pipeline:
    """Put a lasso behind features.

    Parameters
    ----------
    features : transformer
        Takes sequences.
    random_state : int
        Of the folds that the penalty is chosen on.

    Returns
    -------
    Pipeline
        A classifier.
    """
    lasso = LassoLogisticRegressionCV(random_state=random_state)
    return Pipeline([("features", features), ("lasso", lasso)])


def with_ridge(features: BaseEstimator, random_state: int) -> Pipeline:
    """Put L2 logistic regression behind features.

    Parameters
    ----------
    features : transformer
        Takes sequences.
    random_state : int
        Of the solver.

    Returns
    -------
    Pipeline
        A classifier.
    """
    return Pipeline([("features", features), ("logistic", ridge_logistic(random_state))])


def describe_method(estimator: BaseEstimator) -> str:
    """Write an estimator in one line, with every parameter that is not at its default.

    Parameters
    ----------
    estimator : estimator
        Any.

    Returns
    -------
    str
        Its representation, uncut.
    """
    return " ".join(estimator.__repr__(N_CHAR_MAX=100_000).split())
