"""t-SNE as a scikit-learn transformer, over openTSNE."""

import logging
from numbers import Integral, Real

import numpy as np
import openTSNE
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from skgenome._sklearn import Interval, StrOptions, fit_context

logger = logging.getLogger(__name__)

#: Affinities reach this many times the perplexity: with fewer other points they can't be computed.
NEIGHBOURS_PER_PERPLEXITY = 3


class TSNE(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Place samples in the plane so that neighbours stay neighbours.

    openTSNE does the work: in time that grows with the number of samples, not with its square, and with
    new samples placed among the old ones by :meth:`transform`.

    Read more in :ref:`few_labels`.

    Parameters
    ----------
    n_components : int, default=2
        Dimensions of the embedding; openTSNE's fast gradient is for 1 and 2.
    tsne_perplexity : float or 'auto', default='auto'
        Effective number of neighbours; a third of the samples at most. ``'auto'`` is 30, or what the
        samples allow.
    early_exaggeration : float or 'auto', default='auto'
        How much tighter clusters are pulled at first. ``'auto'`` is 12.
    exaggeration : float or None, default=None
        How much tighter they stay. None is 1.
    learning_rate : float or 'auto', default='auto'
        ``'auto'`` is the number of samples over the exaggeration.
    early_n_iter, n_iter : int, default=250, 500
        Steps of the optimisation, in either phase.
    initialization : {'pca', 'random', 'spectral'}, default='pca'
        Where samples start. Only ``'pca'`` and ``'spectral'`` keep the large structure.
    metric : str, default='euclidean'
        Distance between samples.
    n_jobs : int or None, default=None
        Threads; None is one.
    random_state : int, RandomState instance or None, default=None
        Of initialisation and neighbour search.
    verbose : int, default=0
        openTSNE's reports.

    Attributes
    ----------
    embedding_ : ndarray of shape (n_samples, n_components)
        Where the samples are.
    kl_divergence_ : float
        What was made small, in nats.
    tsne_perplexity_ : float
        The perplexity used.
    n_features_in_ : int
        Number of features.

    See Also
    --------
    EmbeddingDisplay : The picture.

    References
    ----------
    van der Maaten and Hinton, "Visualizing Data using t-SNE" (2008), equations 1 to 5.

    Poličar, Stražar and Zupan, "openTSNE: A Modular Python Library for t-SNE" (2024).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skgenome.manifold import TSNE
    >>> TSNE(random_state=0, n_iter=50).fit_transform(load_iris().data).shape
    (150, 2)
    """

    _parameter_constraints = {
        "n_components": [Interval(Integral, 1, 2, closed="both")],
        "tsne_perplexity": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
        "early_exaggeration": [Interval(Real, 1, None, closed="left"), StrOptions({"auto"})],
        "exaggeration": [Interval(Real, 1, None, closed="left"), None],
        "learning_rate": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
        "early_n_iter": [Interval(Integral, 0, None, closed="left")],
        "n_iter": [Interval(Integral, 1, None, closed="left")],
        "initialization": [StrOptions({"pca", "random", "spectral"})],
        "metric": [str],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        *,
        n_components=2,
        tsne_perplexity="auto",
        early_exaggeration="auto",
        exaggeration=None,
        learning_rate="auto",
        early_n_iter=250,
        n_iter=500,
        initialization="pca",
        metric="euclidean",
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.n_components = n_components
        self.tsne_perplexity = tsne_perplexity
        self.early_exaggeration = early_exaggeration
        self.exaggeration = exaggeration
        self.learning_rate = learning_rate
        self.early_n_iter = early_n_iter
        self.n_iter = n_iter
        self.initialization = initialization
        self.metric = metric
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Place the samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.
        y : None
            Not used.

        Returns
        -------
        self : TSNE
            With the embedding.

        Raises
        ------
        ValueError
            If there are fewer than 4 samples, or too few for the perplexity.
        """
        X = validate_data(
            self, X, dtype=[np.float64, np.float32], ensure_min_samples=4, ensure_min_features=2
        )
        self.tsne_perplexity_ = self._resolve_perplexity(len(X))
        rng = check_random_state(self.random_state)
        fitted = openTSNE.TSNE(
            n_components=self.n_components,
            perplexity=self.tsne_perplexity_,
            early_exaggeration=self.early_exaggeration,
            exaggeration=self.exaggeration,
            learning_rate=self.learning_rate,
            early_exaggeration_iter=self.early_n_iter,
            n_iter=self.n_iter,
            initialization=self.initialization,
            metric=self.metric,
            # Exact up to sizes at which it is quick: small sets then do not depend on an index.
            neighbors="exact" if len(X) < 1000 else "auto",
            negative_gradient_method="bh" if len(X) < 5000 else "auto",
            n_jobs=self.n_jobs or 1,
            random_state=int(rng.randint(np.iinfo(np.int32).max)),
            verbose=bool(self.verbose),
        ).fit(X)
        # Centred now, since openTSNE would do it in place when it first places new samples.
        fitted -= fitted.mean(axis=0)
        self.tsne_ = fitted
        self.embedding_ = np.array(fitted)
        self.kl_divergence_ = float(fitted.kl_divergence)
        self._n_features_out = self.n_components
        return self

    def _resolve_perplexity(self, n_samples):
        largest = (n_samples - 1) / NEIGHBOURS_PER_PERPLEXITY
        if self.tsne_perplexity == "auto":
            return min(30.0, largest)
        if self.tsne_perplexity > largest:
            raise ValueError(
                f"tsne_perplexity={self.tsne_perplexity} is too large for {n_samples} samples: it needs "
                f"{NEIGHBOURS_PER_PERPLEXITY} times as many neighbours. Use {largest:.0f} or less, or 'auto'."
            )
        return float(self.tsne_perplexity)

    def fit_transform(self, X, y=None):
        """Place the samples and give their places.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.
        y : None
            Not used.

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            ``embedding_``. This differs from ``transform(X)``, which would place them as new samples.
        """
        return self.fit(X).embedding_

    def transform(self, X):
        """Place new samples among those of fit, which stay where they are.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            New samples. Each is placed by itself: the others have no influence.

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            Their places.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        return np.asarray(self.tsne_.transform(X, perplexity=min(5, self.tsne_perplexity_)))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags
