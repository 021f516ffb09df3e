"""One report on a classifier's predictions, for two classes, several classes and several labels."""

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from skgenome._sklearn import StrOptions, validate_params
from skgenome.metrics._rates import ZERO_DIVISION, average_defined, divide, matthews
from skgenome.metrics._targets import read_targets

# What says nothing of a label that all samples have, or none.
NEEDS_BOTH = ("balanced_accuracy", "matthews_corrcoef", "roc_auc", "average_precision", "prevalence")
_CONSTRAINTS = {
    "y_true": ["array-like", "sparse matrix"],
    "y_pred": ["array-like", "sparse matrix"],
    "y_score": ["array-like", None],
    "labels": ["array-like", None],
    "sample_weight": ["array-like", None],
    "zero_division": ZERO_DIVISION,
}


def _count(targets):
    """Sum the weights of true negatives, false positives, false negatives and true positives."""
    truth, predicted, weight = targets.truth, targets.predicted, targets.weight
    cells = (~truth & ~predicted, ~truth & predicted, truth & ~predicted, truth & predicted)
    # Each is a sum of its own: as differences, sums of weights that should be 0 would be 1e-17.
    return [(weight * cell).sum(axis=0) for cell in cells]


def _rates(targets, zero_division):
    """Compute what the counts tell, for each label against its absence."""
    negative, false_positive, false_negative, positive = _count(targets)
    true = np.stack([negative + false_positive, false_negative + positive])
    predicted = np.stack([negative + false_negative, false_positive + positive])
    right = negative + positive
    # Of a label that is known nowhere nothing can be said, whatever zero_division is.
    unknown = true.sum(axis=0) == 0

    def rate(part, whole, name, reason):
        return divide(part, np.where(unknown, np.nan, whole), zero_division, name=name, reason=reason)

    return {
        "accuracy": divide(right, true.sum(axis=0)),
        "balanced_accuracy": average_defined(divide([negative, positive], true)),
        "precision": rate(positive, predicted[1], "Precision", "no predicted positives"),
        "recall": rate(positive, true[1], "Recall", "no positives"),
        "specificity": rate(negative, true[0], "Specificity", "no negatives"),
        "f1": rate(2 * positive, true[1] + predicted[1], "F1", "no positives, true or predicted"),
        "matthews_corrcoef": np.where(unknown, np.nan, matthews(right, true, predicted)),
    }


def _areas(targets):
    """Compute the areas under both curves for each label; NaN where only one class is present."""
    areas = np.full((2, len(targets.labels)), np.nan)
    for j in np.flatnonzero(_has_both(targets)):
        # What is not known has weight 0, and scikit-learn drops it.
        truth, score, weight = targets.truth[:, j], targets.score[:, j], targets.weight[:, j]
        areas[0, j] = roc_auc_score(truth, score, sample_weight=weight)
        areas[1, j] = average_precision_score(truth, score, sample_weight=weight)
    return dict(zip(("roc_auc", "average_precision"), areas, strict=True))


def _has_both(targets):
    return (targets.support() > 0).all(axis=0)


def _figures(targets, zero_division):
    """Compute all figures, each an array with one value for each label."""
    areas = {} if targets.score is None else _areas(targets)
    support = targets.support()
    prevalence = divide(support[1], support.sum(axis=0))
    return {**_rates(targets, zero_division), **areas, "prevalence": prevalence}


def _average(targets, average, zero_division):
    """Average the figures over labels, those that need both classes over the labels that have both."""
    if average == "micro":
        # Of all decisions as if of one label; a label of one class has its part in the whole.
        return {name: values[0] for name, values in _figures(targets.pooled(), zero_division).items()}
    weights = targets.support()[1] if average == "weighted" else None
    has_both = _has_both(targets)
    return {
        name: average_defined(np.where(has_both, values, np.nan) if name in NEEDS_BOTH else values, weights)
        for name, values in _figures(targets, zero_division).items()
    }


def _whole_rows(targets):
    """Compute the figures that take a row as a whole, all of its labels at once."""
    unknown = targets.weight == 0
    right = ((targets.truth == targets.predicted) | unknown).all(axis=1)
    accuracy = np.average(right, weights=targets.weight.max(axis=1))
    if targets.kind == "multilabel":
        return {"accuracy": accuracy}
    true, predicted, hit = (
        (targets.weight * matrix).sum(axis=0)
        for matrix in (targets.truth, targets.predicted, targets.truth & targets.predicted)
    )
    return {
        "accuracy": accuracy,
        "balanced_accuracy": average_defined(divide(hit, true)),
        "matthews_corrcoef": matthews(hit.sum(), true, predicted),
    }


def _positive_column(targets, pos_label):
    """Find the column of the positive class; by default it is the second, as in predict_proba."""
    if targets.kind != "binary":
        if pos_label is not None:
            raise ValueError(
                f"pos_label is for two classes. Got pos_label={pos_label!r}, but y_true is {targets.kind},"
                f" with {len(targets.labels)} labels: leave it out, and see average."
            )
        return None
    if pos_label is None:
        return 1
    if pos_label not in targets.labels:
        raise ValueError(f"pos_label must be one of the classes {targets.labels!r}. Got {pos_label!r}.")
    return targets.labels.index(pos_label)


@validate_params(
    {**_CONSTRAINTS, "average": [StrOptions({"macro", "micro", "weighted"})]},
    prefer_skip_nested_validation=True,
)
def classification_metrics(
    y_true,
    y_pred,
    y_score=None,
    *,
    labels=None,
    pos_label=None,
    average="macro",
    sample_weight=None,
    zero_division="warn",
):
    """Compute the figures that a classifier is judged by, under scikit-learn's names.

    Two classes, several classes, and several labels at once (an indicator matrix) are told apart by `y_true`
    and `labels`. The numbers are those of scikit-learn's functions wherever it has them.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or array or sparse matrix of shape (n_samples, n_labels)
        True classes, or an indicator matrix of 0 and 1, in which -1 says that an entry is not known. Unknown
        entries are left out label by label; a row with some of them counts for its other labels. In 1-D, -1
        is a class like any other: drop unlabelled rows before.
    y_pred : array-like of shape (n_samples,) or array or sparse matrix of shape (n_samples, n_labels)
        What ``predict`` gives.
    y_score : array-like of shape (n_samples,), (n_samples, n_classes) or (n_samples, n_labels), optional
        What ``predict_proba`` or ``decision_function`` gives, with a column for each class or label; for two
        classes one value for each sample, higher for the second class, will do. A list of (n_samples, 2)
        probabilities, one for each label, is taken too. Without it there is no ``roc_auc`` and no
        ``average_precision``.
    labels : array-like, optional
        All classes in the order of the columns of `y_score`, as in ``classes_``; by default those that occur,
        sorted. Of an indicator matrix, the names of the columns.
    pos_label : int, float, bool or str, optional
        Of two classes, the positive one. By default the second.
    average : {'macro', 'micro', 'weighted'}, default='macro'
        How several classes, each against the rest, or labels become one figure: the mean; the figure of all
        decisions pooled; the mean weighted by the number of true samples. Two classes need none.
    sample_weight : array-like of shape (n_samples,), optional
        Weights; a row of weight 0 is as if it were not there.
    zero_division : {'warn', 0.0, 1.0, nan}, default='warn'
        What precision, recall, specificity and F1 are where they would be 0 / 0. ``'warn'`` gives 0 and
        warns; NaN is left out of means.

    Returns
    -------
    dict of str to float
        ``accuracy``, ``balanced_accuracy``, ``precision``, ``recall``, ``specificity``, ``f1``,
        ``matthews_corrcoef``, ``roc_auc``, ``average_precision`` (AUPRC), and ``prevalence``, which is the
        chance level of the latter. With several classes or labels also ``n_labels_averaged``: how many have
        positives and negatives both. For ``'macro'`` and ``'weighted'`` only these enter ``roc_auc``,
        ``average_precision`` and ``prevalence``, and of an indicator matrix ``balanced_accuracy`` and
        ``matthews_corrcoef``. What has nothing to be computed of is NaN.

    Raises
    ------
    ValueError
        If shapes do not fit, values are missing, an indicator matrix holds something else than 0, 1 and (in
        `y_true`) -1, classes are not in `labels`, or there is one class and no `labels` that name others.
    TypeError
        If one of `y_true` and `y_pred` holds strings and the other numbers.

    Warns
    -----
    UndefinedMetricWarning
        If a figure is 0 / 0 and `zero_division` is ``'warn'``.

    See Also
    --------
    classification_metrics_by_class : The same for each class or label.
    specificity_score : Specificity alone.

    Notes
    -----
    With several classes ``accuracy``, ``balanced_accuracy`` and ``matthews_corrcoef`` are those of all
    classes at once, which need no average. Of an indicator matrix, ``accuracy`` is the share of rows in which
    every known label is right, as in :func:`sklearn.metrics.accuracy_score`, and the other two are averaged
    over labels.

    Examples
    --------
    >>> from skgenome.metrics import classification_metrics
    >>> y_true = ["gene", "gene", "promoter", "promoter"]
    >>> y_pred = ["gene", "promoter", "promoter", "promoter"]
    >>> report = classification_metrics(y_true, y_pred, y_score=[0.1, 0.6, 0.7, 0.9])
    >>> report["recall"], report["specificity"], report["roc_auc"], report["prevalence"]
    (1.0, 0.5, 1.0, 0.5)
    """
    targets = read_targets(y_true, y_pred, y_score, labels, sample_weight)
    positive = _positive_column(targets, pos_label)
    if positive is not None:
        figures = _figures(targets.column(positive), zero_division)
        return {name: float(values[0]) for name, values in figures.items()}
    figures = _average(targets, average, zero_division) | _whole_rows(targets)
    report = {name: float(value) for name, value in figures.items()}
    return report | {"n_labels_averaged": int(_has_both(targets).sum())}


@validate_params(_CONSTRAINTS, prefer_skip_nested_validation=True)
def classification_metrics_by_class(
    y_true, y_pred, y_score=None, *, labels=None, sample_weight=None, zero_division="warn"
):
    """Compute the figures of each class against the rest, or of each label of an indicator matrix.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or array or sparse matrix of shape (n_samples, n_labels)
        True classes, or an indicator matrix of 0 and 1, with -1 where an entry is not known.
    y_pred : array-like of shape (n_samples,) or array or sparse matrix of shape (n_samples, n_labels)
        What ``predict`` gives.
    y_score : array-like of shape (n_samples,), (n_samples, n_classes) or (n_samples, n_labels), optional
        What ``predict_proba`` or ``decision_function`` gives, as in :func:`classification_metrics`.
    labels : array-like, optional
        All classes in the order of the columns of `y_score`, as in ``classes_``; by default those that occur,
        sorted. Of an indicator matrix, the names of the columns.
    sample_weight : array-like of shape (n_samples,), optional
        Weights.
    zero_division : {'warn', 0.0, 1.0, nan}, default='warn'
        What precision, recall, specificity and F1 are where they would be 0 / 0. ``'warn'`` gives 0 and
        warns.

    Returns
    -------
    list of dict
        A row for each class or label, what ``pandas.DataFrame`` takes: ``label``; ``n_samples``, the rows in
        which it is known, and ``n_positives`` among them, both without rows of weight 0; and the figures of
        :func:`classification_metrics`. Both classes of two have a row. ``roc_auc`` and ``average_precision``
        are NaN where there are no positives or no negatives, all figures where nothing is known.

    See Also
    --------
    classification_metrics : One figure for all classes or labels, and what is raised.

    Examples
    --------
    >>> import numpy as np
    >>> from skgenome.metrics import classification_metrics_by_class
    >>> y_true = np.array([[1, 0], [1, -1], [0, 1], [0, 0]])
    >>> y_pred = np.array([[1, 0], [1, 1], [1, 1], [0, 0]])
    >>> table = classification_metrics_by_class(y_true, y_pred, labels=["promoter", "enhancer"])
    >>> [(row["label"], row["n_samples"], row["specificity"]) for row in table]
    [('promoter', 4, 0.5), ('enhancer', 3, 1.0)]
    """
    targets = read_targets(y_true, y_pred, y_score, labels, sample_weight)
    figures = _figures(targets, zero_division)
    known = targets.weight > 0
    return [
        {
            "label": label,
            "n_samples": int(known[:, j].sum()),
            "n_positives": int((known & targets.truth)[:, j].sum()),
            **{name: float(values[j]) for name, values in figures.items()},
        }
        for j, label in enumerate(targets.labels)
    ]
