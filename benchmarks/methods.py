"""The methods: each function gives an estimator that takes sequences, not fitted.

k-mers are the baseline that a representation has to beat, so they are treated as well as we know how: every
classifier chooses its own penalty, on standardised features, with classes of equal weight. Steps that learn
nothing from labels come first in each Pipeline, so that a curve over labels runs them once; the scale of the
features is one of them, since sequences without labels are free.
"""

import re
from collections.abc import Mapping, Sequence

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.decomposition import PCA, KernelPCA
from sklearn.dummy import DummyClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegressionCV
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from skgenome.linear_model import LassoLogisticRegressionCV
from skgenome.preprocessing import KmerCounter, KmerTokenizer
from skgenome.representation import ContrastivePredictiveCoding, LanguageModel

#: Strengths to choose from. For k-mers, promoters want .001 with few labels and Gram staining 1. k-mers at
#: their positions are not scaled: with 20 labels of E. coli's promoters they reach .86 with 10 among the
#: strengths, .60 without.
STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)

#: Principal components beside the features. With 500, a lasso on 1000 labels spends them on noise.
N_COMPONENTS = 20

#: Markov chains that k-mers are set against.
MARKOV_ORDERS = (0, 1, 2)

Step = tuple[str, BaseEstimator]
Representation = LanguageModel | ContrastivePredictiveCoding


def majority() -> DummyClassifier:
    """Give a classifier that always answers with the commonest class.

    Returns
    -------
    DummyClassifier
        Its accuracy is the chance level.
    """
    return DummyClassifier(strategy="most_frequent")


def lasso(random_state: int) -> list[Step]:
    """Give L1 logistic regression that chooses its penalty by 5-fold cross-validation.

    Parameters
    ----------
    random_state : int
        Of the folds.

    Returns
    -------
    list of (str, estimator)
        Last step of a Pipeline, for features that are scaled already. At least one feature is kept, since
        with 20 labels cross-validation prefers the model without any in one draw out of five.
    """
    options = {"standardize": False, "class_weight": "balanced", "min_nonzero": 1}
    return [("lasso", LassoLogisticRegressionCV(**options, random_state=random_state))]


def ridge() -> list[Step]:
    """Give L2 logistic regression that chooses its penalty by 5-fold cross-validation.

    Returns
    -------
    list of (str, estimator)
        Last step of a Pipeline, for features that are scaled already. Classes have equal weight because,
        with 20 labels and a strong penalty, the intercept alone would decide: .68 instead of .64 for k-mers
        of promoters.
    """
    logistic = LogisticRegressionCV(
        Cs=STRENGTHS,
        l1_ratios=(0,),
        cv=5,
        scoring="neg_log_loss",
        class_weight="balanced",
        max_iter=3000,
        use_legacy_attributes=False,
    )
    return [("logistic", logistic)]


def scaled(steps: list[Step], unlabelled: Sequence[str]) -> list[Step]:
    """Put a scaler behind features, with the means and deviations of sequences without labels.

    The scale of a thousand features can't be told from the 20 sequences that have a label: with it, L2
    logistic regression on a language model reaches .65 on the promoters, with that of all sequences .83
    (compared on rows of the training set).

    Parameters
    ----------
    steps : list of (str, estimator)
        Steps that need no labels: :func:`kmers`, :func:`frozen` or :func:`joined`.
    unlabelled : sequence of str
        What the scale is measured on.

    Returns
    -------
    list of (str, estimator)
        First steps of a Pipeline, fitted.
    """
    scaler = StandardScaler().fit(Pipeline(steps).transform(unlabelled))
    return [*steps, ("scale", FrozenEstimator(scaler))]


def rotated(steps: list[Step], unlabelled: Sequence[str]) -> list[Step]:
    """Put scaled features of which there are more than sequences onto as many directions as sequences.

    L2 logistic regression comes to the same in the directions that the sequences span, and in a fraction of
    the time.

    Parameters
    ----------
    steps : list of (str, estimator)
        What :func:`scaled` gives.
    unlabelled : sequence of str
        All that is learnt from and tested on.

    Returns
    -------
    list of (str, estimator)
        First steps of a Pipeline, fitted; `steps` where there are fewer features.
    """
    features = np.asarray(Pipeline(steps).transform(unlabelled), dtype=np.float32)
    if features.shape[1] <= len(features):
        return steps
    # A third of the time of PCA, which takes the features apart and not the products of sequences.
    rotation = KernelPCA(kernel="linear", eigen_solver="dense").fit(features)
    return [*steps, ("rotation", FrozenEstimator(rotation))]


def with_components(steps: list[Step], unlabelled: Sequence[str]) -> list[Step]:
    """Put the principal components of sequences without labels beside scaled features.

    A lasso keeps few features, and none of a thousand tells much alone; the directions in which unlabelled
    sequences differ most do. On rows of the training set the lasso on a language model reaches .82 instead
    of .68 with 20 labels, .83 instead of .82 with 50, the same with 100 to 200 and .90 instead of .91 with
    1000. L2 logistic regression has no need of them: they are sums of what it has.

    Parameters
    ----------
    steps : list of (str, estimator)
        What :func:`scaled` gives.
    unlabelled : sequence of str
        What the components are those of.

    Returns
    -------
    list of (str, estimator)
        First steps of a Pipeline, fitted.
    """
    features = Pipeline(steps).transform(unlabelled)
    components = PCA(min(N_COMPONENTS, *features.shape), svd_solver="randomized", random_state=0)
    union = FeatureUnion([("features", "passthrough"), ("components", components)]).fit(features)
    return [*steps, ("components", FrozenEstimator(union))]


def kmers(k: int, k_min: int | None = None, *, canonical: bool = False) -> list[Step]:
    """Give k-mer frequencies.

    Parameters
    ----------
    k : int
        Bases in a k-mer.
    k_min : int or None, default=None
        Count all lengths from this on; None counts k alone.
    canonical : bool, default=False
        Whether both strands count alike: .72 instead of .65 AUROC for Gram staining with 20 windows.

    Returns
    -------
    list of (str, estimator)
        First step of a Pipeline.
    """
    counter = KmerCounter(k=k, k_min=k_min, canonical=canonical, normalize="frequency", sparse=False)
    return [("kmers", counter)]


def z_scores(k: int) -> list[Step]:
    """Give k-mers of both strands, set against what shorter ones let expect: composition is taken away.

    Against single bases, dinucleotides and trinucleotides, side by side, so that there is no order to choose.
    On training genera of Gram staining (mean AUROC of 1 genome per class to all) they have .80, frequencies
    .76, a single order .78 to .81.

    Parameters
    ----------
    k : int
        Bases in a k-mer.

    Returns
    -------
    list of (str, estimator)
        First step of a Pipeline.
    """
    counter = KmerCounter(k=k, canonical=True, normalize="zscore", sparse=False)
    orders = [(f"order {m}", clone(counter).set_params(markov_order=m)) for m in MARKOV_ORDERS if m < k]
    return [("z-scores", FeatureUnion(orders))]


def positions(k: int, unlabelled: Sequence[str]) -> list[Step]:
    """Give the k-mer at every place, one-hot: all that can be told of aligned sequences without a model.

    Parameters
    ----------
    k : int
        Bases in a k-mer.
    unlabelled : sequence of str
        What places and k-mers there are.

    Returns
    -------
    list of (str, estimator)
        First steps of a Pipeline, fitted.
    """
    tokens = KmerTokenizer(k=k)
    token_ids = tokens.transform(unlabelled)
    width = FunctionTransformer(to_width, kw_args={"width": token_ids.shape[1]})
    one_hot = OneHotEncoder(handle_unknown="ignore", dtype=np.float32).fit(token_ids)
    return [("tokens", tokens), ("width", width), ("positions", FrozenEstimator(one_hot))]


def to_width(token_ids: np.ndarray, width: int) -> np.ndarray:
    """Cut off or pad rows that are longer or shorter than those that were learnt from.

    Parameters
    ----------
    token_ids : ndarray of unsigned integers, shape (n_rows, n_tokens)
        Token ids, padded on the right with 0.
    width : int
        Tokens of those learnt from.

    Returns
    -------
    ndarray of shape (n_rows, width)
        Padded on the right with 0.
    """
    token_ids = token_ids[:, :width]
    return np.pad(token_ids, [(0, 0), (0, width - token_ids.shape[1])])


def frozen(lm: Representation, **cut: object) -> list[Step]:
    """Give features of a representation that is not trained further.

    Parameters
    ----------
    lm : LanguageModel or ContrastivePredictiveCoding
        Fitted. It remembers the features of sequences it has seen, so no sequence is embedded twice.
    **cut
        What of a sequence is read, for the tokenizer; all of it by default.

    Returns
    -------
    list of (str, estimator)
        First steps of a Pipeline.
    """
    return [("tokens", KmerTokenizer(k=lm.k_, stride=lm.stride_, **cut)), ("lm", FrozenEstimator(lm))]


def joined(kmer_step: list[Step], *models: Representation) -> list[Step]:
    """Give k-mer frequencies and features of representations side by side.

    Parameters
    ----------
    kmer_step : list of (str, estimator)
        What :func:`kmers` gives.
    *models : LanguageModel or ContrastivePredictiveCoding
        Fitted.

    Returns
    -------
    list of (str, estimator)
        First step of a Pipeline.
    """
    read = [(type(model).__name__, Pipeline(frozen(model))) for model in models]
    return [("union", FeatureUnion([*kmer_step, *read]))]


def shared_out(blocks: Mapping[str, list[Step]], unlabelled: Sequence[str]) -> list[Step]:
    """Put blocks of features side by side, scaled, so that each has the same share in the whole.

    A penalty on all weights alike leaves most of the say to the block with most features. k-mers beside twice
    as many states of a language model: .870 and .879 instead of .863 and .868 (Matthews, mapped promoters of
    E. coli, two repeats of 5 folds).

    Parameters
    ----------
    blocks : mapping of str to list of (str, estimator)
        Steps that need no labels: :func:`kmers` or :func:`frozen`, by name.
    unlabelled : sequence of str
        What the scale is measured on.

    Returns
    -------
    list of (str, estimator)
        First step of a Pipeline, fitted. The features' mean variance is 1, as that of scaled ones is.
    """
    read = {name: Pipeline(scaled(steps, unlabelled)) for name, steps in blocks.items()}
    widths = {name: block.transform(unlabelled[:1]).shape[1] for name, block in read.items()}
    share = sum(widths.values()) / len(widths)
    weights = {name: (share / width) ** 0.5 for name, width in widths.items()}
    return [("union", FeatureUnion(list(read.items()), transformer_weights=weights))]


class MoreLabels(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """Learn from further labelled sequences too, always the same: those of a related species.

    Parameters
    ----------
    estimator : classifier
        What learns.
    X_more, y_more : ndarray of shape (n_more,)
        Sequences and classes that are added to those of every fit.
    """

    def __init__(self, estimator, X_more, y_more):
        self.estimator = estimator
        self.X_more = X_more
        self.y_more = y_more

    def fit(self, X, y):
        """Fit a clone on both.

        Parameters
        ----------
        X, y : ndarray of shape (n_samples,)
            Sequences and classes.

        Returns
        -------
        self : MoreLabels
            Itself.
        """
        both = np.concatenate([X, self.X_more]), np.concatenate([y, self.y_more])
        self.estimator_ = clone(self.estimator).fit(*both)
        self.classes_ = self.estimator_.classes_
        return self

    def predict(self, X):
        """Predict the class.

        Parameters
        ----------
        X : ndarray of shape (n_samples,)
            Sequences.

        Returns
        -------
        ndarray of shape (n_samples,)
            Classes.
        """
        return self.estimator_.predict(X)

    def predict_proba(self, X):
        """Predict the probability of every class.

        Parameters
        ----------
        X : ndarray of shape (n_samples,)
            Sequences.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Probabilities.
        """
        return self.estimator_.predict_proba(X)

    def __repr__(self, N_CHAR_MAX=700):
        # The sequences themselves would fill pages, and are others for each species.
        return f"MoreLabels({self.estimator.__repr__(N_CHAR_MAX)}, ...)"


def describe_method(estimator: BaseEstimator) -> str:
    """Write an estimator in one line, with every parameter that is not at its default.

    Parameters
    ----------
    estimator : estimator
        Any.

    Returns
    -------
    str
        Its representation, uncut; the same in every process, so that a part is known by it.
    """
    text = " ".join(estimator.__repr__(N_CHAR_MAX=100_000).split())
    # A function is shown with where it lies in memory.
    return re.sub(r" at 0x[0-9a-f]+(?=>)", "", text)
