"""Specificity: the share of negatives that are left alone."""

import numpy as np
from sklearn.metrics import multilabel_confusion_matrix, recall_score

from skgenome._sklearn import StrOptions, validate_params
from skgenome.metrics._rates import ROUNDING, ZERO_DIVISION, average_defined, divide


@validate_params(
    {
        "y_true": ["array-like", "sparse matrix"],
        "y_pred": ["array-like", "sparse matrix"],
        "labels": ["array-like", None],
        "average": [StrOptions({"micro", "macro", "samples", "weighted", "binary"}), None],
        "sample_weight": ["array-like", None],
        "zero_division": ZERO_DIVISION,
    },
    prefer_skip_nested_validation=True,
)
def specificity_score(
    y_true,
    y_pred,
    *,
    labels=None,
    pos_label=1,
    average="binary",
    sample_weight=None,
    zero_division="warn",
):
    """Compute the specificity: of the negatives, the share that is predicted to be negative.

    It is tn / (tn + fp), the recall of the negatives, also known as the true negative rate. Parameters,
    averages and errors are those of :func:`sklearn.metrics.recall_score`.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or sparse matrix or array of shape (n_samples, n_labels)
        True classes, or an indicator matrix of labels.
    y_pred : array-like of shape (n_samples,) or sparse matrix or array of shape (n_samples, n_labels)
        Predictions, of the same kind.
    labels : array-like, optional
        The classes, or the columns of an indicator matrix, that are scored when `average` is not
        ``'binary'``, and their order if `average` is None. By default all.
    pos_label : int, float, bool or str, default=1
        The positive class when `average` is ``'binary'``; without meaning otherwise.
    average : {'binary', 'macro', 'micro', 'weighted', 'samples'} or None, default='binary'
        ``'binary'``: of `pos_label`, for two classes. ``'macro'``: the mean over classes, each against the
        rest. ``'micro'``: of the counts of all classes together. ``'weighted'``: the mean weighted by the
        number of true samples of each class. ``'samples'``: the mean over the rows of an indicator matrix.
        None: one value for each class.
    sample_weight : array-like of shape (n_samples,), optional
        Weights.
    zero_division : {'warn', 0.0, 1.0, nan}, default='warn'
        What is given where there are no negatives. ``'warn'`` gives 0 and warns; NaN is left out of means.

    Returns
    -------
    float or ndarray of float, shape (n_classes,)
        The specificity, or one for each class if `average` is None.

    Raises
    ------
    ValueError
        If `average` does not go with the kind of labels, or `pos_label` is not one of the two classes.

    Warns
    -----
    UndefinedMetricWarning
        If there are no negatives and `zero_division` is ``'warn'``.

    See Also
    --------
    classification_metrics : Specificity and nine other figures at once.
    sklearn.metrics.recall_score : The same of the positives, known as sensitivity.

    Examples
    --------
    >>> from skgenome.metrics import specificity_score
    >>> specificity_score([0, 0, 0, 0, 1, 1], [0, 0, 0, 1, 1, 0])
    0.75
    >>> specificity_score(["gene", "gene", "none"], ["gene", "none", "none"], average=None)
    array([1. , 0.5])
    """
    # Its checks are the checks here: both accept and refuse the same input, with the same words.
    recall_score(
        y_true,
        y_pred,
        labels=labels,
        pos_label=pos_label,
        average=average,
        sample_weight=sample_weight,
        zero_division=0,
    )
    counts = multilabel_confusion_matrix(
        y_true,
        y_pred,
        labels=[pos_label] if average == "binary" else labels,
        sample_weight=sample_weight,
        samplewise=average == "samples",
    ).astype(float)
    # True negatives come as a difference there: with weights, none at all may read 1e-17.
    counts[np.abs(counts) < ROUNDING * counts.sum(axis=(1, 2), keepdims=True)] = 0
    support = counts[:, 1].sum(axis=1)
    if average == "micro":
        counts = counts.sum(axis=0, keepdims=True)
    (negative, false_positive) = counts[:, 0].T
    specificity = divide(
        negative,
        negative + false_positive,
        zero_division,
        name="Specificity",
        reason="no negatives",
    )
    if average is None:
        return specificity
    weights = {"weighted": support, "samples": sample_weight}.get(average)
    return float(average_defined(specificity, weights))
