"""Scorers by name: ours beside scikit-learn's."""

from copy import deepcopy

from sklearn import metrics
from sklearn.pipeline import Pipeline

from skgenome.metrics._specificity import specificity_score


def neg_bits_per_base(estimator, X, y=None):
    """Score a language model, or a Pipeline that ends in one; the sign makes that higher is better."""
    if isinstance(estimator, Pipeline):
        return neg_bits_per_base(estimator[-1], estimator[:-1].transform(X) if len(estimator) > 1 else X)
    if not hasattr(estimator, "bits_per_base"):
        raise TypeError(
            "The scorer 'neg_bits_per_base' expects an estimator with a method bits_per_base, such as "
            f"LanguageModel, or a Pipeline that ends in one. Got {type(estimator).__name__}."
        )
    return -estimator.bits_per_base(X)


_SCORERS = {
    "neg_bits_per_base": neg_bits_per_base,
    "specificity": metrics.make_scorer(specificity_score, average="binary"),
    **{
        f"specificity_{average}": metrics.make_scorer(specificity_score, average=average)
        for average in ("macro", "micro", "samples", "weighted")
    },
}


def get_scorer(scoring):
    """Get a scorer by its name: one of ours or any of scikit-learn's.

    Ours are ``'specificity'``, the same with an average of :func:`specificity_score` as ending
    (``'specificity_macro'``, ``'_micro'``, ``'_weighted'``, ``'_samples'``), and ``'neg_bits_per_base'``. The
    latter calls ``bits_per_base`` of a language model, after the other steps of a Pipeline that ends in one,
    and changes the sign so that higher is better. scikit-learn does not know the names of ours: give its
    tools the scorer.

    Parameters
    ----------
    scoring : str, callable or None
        The name. A callable, or None, is given back as it is.

    Returns
    -------
    callable
        To be called with (estimator, X, y).

    Raises
    ------
    ValueError
        If there is no scorer of that name.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import cross_val_score
    >>> from skgenome.metrics import get_scorer
    >>> X, y = make_classification(random_state=0)
    >>> scores = cross_val_score(LogisticRegression(), X, y, scoring=get_scorer("specificity"))
    >>> bool(scores.min() > 0.5)
    True
    """
    if not isinstance(scoring, str):
        return metrics.get_scorer(scoring)
    if scoring in _SCORERS:
        # set_score_request changes a scorer, which must stay its owner's matter.
        return deepcopy(_SCORERS[scoring])
    if scoring not in metrics.get_scorer_names():
        raise ValueError(
            f"There is no scorer {scoring!r}. skgenome.metrics.get_scorer_names() lists all; those of this "
            f"package are {sorted(_SCORERS)}."
        )
    return metrics.get_scorer(scoring)


def get_scorer_names():
    """List the names that :func:`get_scorer` knows, scikit-learn's among them.

    Returns
    -------
    list of str
        In alphabetical order.

    Examples
    --------
    >>> from skgenome.metrics import get_scorer_names
    >>> {"specificity_macro", "neg_bits_per_base", "roc_auc"} <= set(get_scorer_names())
    True
    """
    return sorted({*metrics.get_scorer_names(), *_SCORERS})
