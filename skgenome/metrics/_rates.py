"""Rates from counts, for many labels at once: what divides, averages and names the undefined."""

import warnings
from numbers import Real

import numpy as np
from sklearn.exceptions import UndefinedMetricWarning

from skgenome._sklearn import Options, StrOptions

# As scikit-learn's precision_score and its relatives have it.
ZERO_DIVISION = [Options(Real, {0.0, 1.0}), "nan", StrOptions({"warn"})]
# Sums of weights below this share of all weights are rounding, not weight.
ROUNDING = 1e-12


def divide(numerator, denominator, zero_division=np.nan, *, name="The metric", reason="no samples"):
    """Divide elementwise; where the denominator is 0, give `zero_division`, or 0 and a warning."""
    numerator, denominator = np.asarray(numerator, dtype=float), np.asarray(denominator, dtype=float)
    undefined = denominator == 0
    value = 0.0 if zero_division == "warn" else float(zero_division)
    result = np.full(numerator.shape, value)
    np.divide(numerator, denominator, out=result, where=~undefined)
    if zero_division == "warn" and undefined.any():
        warnings.warn(
            f"{name} is undefined and set to 0.0 in {undefined.sum()} of {undefined.size} cases, which have "
            f"{reason}. Set zero_division to choose the value and to silence this.",
            UndefinedMetricWarning,
            stacklevel=2,
        )
    return result


def average_defined(values, weights=None, axis=0):
    """Average what is not NaN, with equal weights where all weights are 0; NaN if nothing is left."""
    values = np.asarray(values, dtype=float)
    defined = ~np.isnan(values)
    weights = defined * (1.0 if weights is None else np.asarray(weights, dtype=float))
    weights = np.where(weights.sum(axis=axis, keepdims=True) > 0, weights, defined)
    total = weights.sum(axis=axis)
    summed = (weights * np.where(defined, values, 0.0)).sum(axis=axis)
    return np.divide(summed, total, out=np.full(np.shape(total), np.nan), where=total > 0)


def matthews(n_correct, true, predicted):
    """Compute Matthews' correlation from sums of weights, in Gorodkin's form for any number of classes.

    `true` and `predicted` have shape (n_classes, ...), one sum for each class; the rest is elementwise. As
    in scikit-learn, it is 0 where all samples are of one class or all are predicted to be.
    """
    total = true.sum(axis=0)
    total = np.where(total > 0, total, 1.0)
    # As shares of the whole, so that rounding can be told from a class with little weight.
    true, predicted, correct = true / total, predicted / total, n_correct / total
    covariance = correct - (true * predicted).sum(axis=0)
    variances = [1 - (share**2).sum(axis=0) for share in (true, predicted)]
    defined = np.minimum(*variances) > ROUNDING
    scale = np.sqrt(np.where(defined, variances[0] * variances[1], 1.0))
    return np.where(defined, covariance / scale, 0.0)
