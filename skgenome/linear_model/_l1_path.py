"""The solver behind the lasso: L1-penalised logistic regression along a path of penalties.

Proximal Newton steps on a working set. Every step looks at the gradient of all features (one matrix-vector
product), takes the features that are in the model or violate the optimality conditions, solves the
quadratic model of the loss on them exactly, and backtracks along the way there. Solutions of one penalty
are the start of the next. A fold of a cross-validation is a vector of weights with zeros on its validation
rows, so that all folds share one matrix.
"""

import math
from typing import NamedTuple

import numpy as np
from scipy.linalg.lapack import dposv
from scipy.special import logsumexp

# Features that may enter the working set in one step, beside as many as the model already has.
_MIN_ENTRIES = 50
# Up to so many coefficients the classes of a multinomial model are updated together; beyond, one by one.
_MAX_JOINT = 3000
# Share of the mean diagonal that is added to a Hessian: two equal columns would make it singular.
_RIDGE = 1e-10
_MAX_ROUNDS = 200
# Sweeps and linear systems in a round of the quadratic problem.
_SWEEPS = 10
_SYSTEMS = 10
_MAX_HALVINGS = 30


class Moments(NamedTuple):
    """Weighted mean and standard deviation of every column."""

    mean: np.ndarray
    scale: np.ndarray


def column_moments(X, sample_weight):
    """Compute the weighted mean and standard deviation of every column.

    Parameters
    ----------
    X : ndarray or sparse matrix of shape (n_samples, n_features)
    sample_weight : ndarray of shape (n_samples,)

    Returns
    -------
    Moments
        Both float64. The scale of a column that is constant up to rounding is 0.
    """
    share = sample_weight / sample_weight.sum()
    if isinstance(X, np.ndarray):
        mean, variance = _dense_moments(X, share)
    else:
        mean, variance = _sparse_moments(X, share)
    noise = (10 * np.finfo(X.dtype).eps * mean) ** 2
    return Moments(mean, np.sqrt(np.where(variance > noise, variance, 0.0)))


def _dense_moments(X, share):
    """Compute mean and variance in blocks, which keep the float64 copies small beside X."""
    mean = np.empty(X.shape[1])
    variance = np.empty(X.shape[1])
    for start in range(0, X.shape[1], 256):
        block = X[:, start : start + 256].astype(np.float64)
        mean[start : start + 256] = share @ block
        block -= mean[start : start + 256]
        variance[start : start + 256] = share @ block**2
    return mean, variance


def _sparse_moments(X, share):
    """Compute mean and variance from the stored entries and the share of the others."""
    X = X.astype(np.float64).tocsc()
    X.sum_duplicates()
    mean = X.T @ share
    X.data = (X.data - np.repeat(mean, np.diff(X.indptr))) ** 2
    variance = X.T @ share
    X.data = np.ones_like(X.data)
    missing = 1.0 - X.T @ share
    # Without rounding, which would make a column without zeros vary.
    return mean, variance + np.where(missing > 1e-12, missing, 0.0) * mean**2


class Design:
    """A matrix with standardised columns, of which few are looked at in a time.

    A dense matrix is standardised once, into a copy in column order. A sparse one stays sparse and its
    columns are standardised when they are taken.

    Parameters
    ----------
    X : ndarray or sparse matrix of shape (n_samples, n_features)
        float32 or float64, which is also the precision of the matrix products.
    moments : Moments
        What to subtract and divide by. Columns of scale 0 become zeros.
    """

    def __init__(self, X, moments):
        self.dtype = X.dtype
        self.shape = X.shape
        # What float32 can hold is subtracted below, so just that is added back by `unscale`.
        self._mean = moments.mean.astype(X.dtype).astype(np.float64)
        scale = moments.scale.astype(X.dtype).astype(np.float64)
        self._inverse = np.divide(1.0, scale, out=np.zeros_like(scale), where=scale > 0)
        self._sparse = not isinstance(X, np.ndarray)
        if self._sparse:
            self._columns = X.tocsc()
        else:
            self._columns = np.empty(X.shape, dtype=X.dtype, order="F")
            np.subtract(X, self._mean.astype(X.dtype), out=self._columns)
            self._columns *= self._inverse.astype(X.dtype)

    def unscale(self, coef, intercept):
        """Translate a model of the standardised columns into one of the columns as they were given.

        Parameters
        ----------
        coef : ndarray of shape (n_features, n_outputs)
        intercept : ndarray of shape (n_outputs,)

        Returns
        -------
        coef : ndarray of shape (n_outputs, n_features)
        intercept : ndarray of shape (n_outputs,)
        """
        coef = coef.T * self._inverse
        intercept = intercept - coef @ self._mean
        # What is common to all classes has no effect; a sum of zero makes the intercepts unique.
        return coef, intercept - intercept.mean() if len(intercept) > 1 else intercept

    def take(self, features):
        """Give the standardised columns `features` as a dense array in column order."""
        if not self._sparse:
            return self._columns.T[features].T
        taken = self._columns[:, features].toarray(order="F")
        taken -= self._mean[features].astype(self.dtype)
        taken *= self._inverse[features].astype(self.dtype)
        return taken

    def project(self, residuals):
        """Multiply the transposed standardised matrix with `residuals` (n_samples, n_outputs)."""
        if not self._sparse:
            return (self._columns.T @ residuals.astype(self.dtype)).astype(np.float64)
        product = np.asarray(self._columns.T @ residuals, dtype=np.float64)
        return (product - np.outer(self._mean, residuals.sum(axis=0))) * self._inverse[:, None]

    def spread(self, weights):
        """Compute the standard deviation of every standardised column under each row of `weights`.

        Parameters
        ----------
        weights : ndarray of shape (n_weightings, n_samples)

        Returns
        -------
        ndarray of shape (n_weightings, n_features)
            0 where a column is constant on the rows with a weight.
        """
        shares = weights / weights.sum(axis=1, keepdims=True)
        spreads = np.empty((len(weights), self.shape[1]))
        for start in range(0, self.shape[1], 256):
            block = self.take(np.arange(start, min(start + 256, self.shape[1]))).astype(np.float64)
            mean = shares @ block
            spreads[:, start : start + 256] = shares @ block**2 - mean**2
        # The columns have a variance of about 1 in all: what is left of a constant one is rounding.
        return np.sqrt(np.where(spreads > 100 * np.finfo(self.dtype).eps, spreads, 0.0))


def solve_quadratic_lasso(hessian, linear, penalty, start, *, tol=1e-6):
    """Minimise ``x @ hessian @ x / 2 - linear @ x + sum(penalty * abs(x))``.

    In rounds: sweeps of coordinate descent find which coefficients are zero and the signs of the others; a
    linear system then gives the minimum under these signs, which is where we go, or as far as the objective
    falls. Correlated features would need thousands of sweeps alone, and systems alone crawl when many
    coefficients enter at once.

    Parameters
    ----------
    hessian : ndarray of shape (n, n), float64
        Positive semi-definite.
    linear : ndarray of shape (n,)
    penalty : ndarray of shape (n,)
        Positive.
    start : ndarray of shape (n,)
        A point to start from.
    tol : float, default=1e-6
        Largest violation of the optimality conditions, as a share of the penalty.

    Returns
    -------
    ndarray of shape (n,)
        The minimiser, or the best point after 200 rounds.
    """
    x = start.copy()
    slope = hessian @ x - linear
    for _ in range(_MAX_ROUNDS):
        if violations(x, slope, penalty).max(initial=0.0) <= tol:
            break
        _sweep(hessian, slope, penalty, x, range(len(x)))
        for _ in range(_SWEEPS - 1):
            _sweep(hessian, slope, penalty, x, np.flatnonzero(x).tolist())
        for _ in range(_SYSTEMS):
            active = np.flatnonzero(x)
            if not active.size or _orthant_step(hessian, slope, penalty, x, active):
                break
        slope = hessian @ x - linear
    return x


def violations(coef, gradient, penalty):
    """Measure how far every coefficient is from the optimality conditions of the lasso.

    Parameters
    ----------
    coef, gradient, penalty : ndarray, all of one shape
        The gradient is that of the loss alone. A coefficient of infinite penalty violates nothing.

    Returns
    -------
    ndarray of the same shape
        As a share of the penalty; 0 or less where the conditions hold.
    """
    finite = np.isfinite(penalty)
    # Infinity times the sign of zero is no number.
    penalty = np.where(finite, penalty, 1.0)
    excess = np.where(coef != 0, np.abs(gradient + penalty * np.sign(coef)), np.abs(gradient) - penalty)
    return np.where(finite, excess / penalty, 0.0)


def _sweep(hessian, slope, penalty, x, coordinates):
    """Minimise over one coordinate after the other, in place; keeps `slope` up to date."""
    # Floats of Python: reading single entries of an array would take most of the time.
    diagonal, shrink, values = hessian.diagonal().tolist(), penalty.tolist(), x.tolist()
    for j in coordinates:
        if diagonal[j] <= 0.0:
            continue
        pull = values[j] * diagonal[j] - float(slope[j])
        new = math.copysign(max(abs(pull) - shrink[j], 0.0), pull) / diagonal[j]
        if new != values[j]:
            slope += (new - values[j]) * hessian[j]
            x[j] = new


def _orthant_step(hessian, slope, penalty, x, active):
    """Go towards the minimum under the present signs, in place; say whether it was reached."""
    here = x[active]
    block = hessian[np.ix_(active, active)]
    step = _solve(block, -(slope[active] + penalty[active] * np.sign(here)))
    crossings = np.divide(-here, step, out=np.zeros_like(here), where=step != 0)
    passing = np.flatnonzero((crossings > 0) & (crossings < 1))
    # The objective is quadratic between the points where a coefficient passes zero: look at those.
    lengths = np.append(crossings[passing], 1.0)
    values = lengths * (slope[active] @ step) + 0.5 * lengths**2 * (step @ block @ step)
    values += np.abs(here + lengths[:, None] * step) @ penalty[active]
    best = np.argmin(values)
    x[active] += lengths[best] * step
    # What stops at zero is zero exactly, not within rounding.
    x[active[passing[best : best + 1]]] = 0.0
    slope += lengths[best] * (hessian[:, active] @ step)
    return not passing.size


def _solve(matrix, target):
    """Solve a symmetric system, with a ridge that grows until the matrix is positive definite."""
    matrix = matrix.copy()
    diagonal = np.einsum("ii->i", matrix)
    ridge = _RIDGE * max(diagonal.mean(), np.finfo(np.float64).tiny)
    while True:
        diagonal += ridge
        _, solution, info = dposv(matrix, target)
        if info == 0:
            return solution
        ridge *= 100


class L1Path:
    """One weighted problem, solved at one penalty after the other from where the last solution stands.

    The objective is ``sum(sample_weight * loss) + sum(factors * abs(coef)) / C`` on the standardised columns,
    with the logistic loss for one output and the multinomial loss for several. Intercepts are free.

    Parameters
    ----------
    design : Design
    targets : ndarray of shape (n_samples, n_outputs)
        0 and 1; one column for two classes, else one per class.
    sample_weight : ndarray of shape (n_samples,)
        Rows of weight 0 are predicted but not learnt from.
    factors : ndarray of shape (n_features,)
        Weight of each coefficient in the penalty; infinite keeps it at zero.
    tol : float
        Largest violation of the optimality conditions, as a share of the penalty.
    max_iter : int
        Most Newton steps for one penalty.

    Attributes
    ----------
    coef : ndarray of shape (n_features, n_outputs)
    intercept : ndarray of shape (n_outputs,)
    decision : ndarray of shape (n_samples, n_outputs)
        The linear predictor of every row; of several outputs, up to a number that is common to them.
    n_iter : int
        Newton steps since the start, at least one per penalty.
    converged : bool
        Whether every penalty so far was solved to `tol`.
    """

    def __init__(self, design, targets, sample_weight, factors, *, tol, max_iter):
        self._design = design
        self._targets = targets
        self._weight = sample_weight
        self._factors = factors
        self._tol = tol
        self._max_iter = max_iter
        n_outputs = targets.shape[1]
        self.coef = np.zeros((design.shape[1], n_outputs))
        self.intercept = null_intercept(targets, sample_weight)
        self.decision = np.tile(self.intercept, (design.shape[0], 1))
        self.n_iter = 0
        self.converged = True

    @property
    def n_nonzero(self):
        """Number of features with a coefficient other than zero for any output."""
        return int((self.coef != 0).any(axis=1).sum())

    def smallest_C(self):
        """Give the largest C at which all coefficients are still zero, in closed form; call before `advance`.

        Returns
        -------
        float
            Infinite if no column tells anything about the target.
        """
        steepest = (np.abs(self._gradient(self._probabilities())) / self._factors[:, None]).max(initial=0.0)
        rounding = 10 * np.finfo(self._design.dtype).eps * self._weight.sum()
        return 1.0 / steepest if steepest > rounding else np.inf

    def advance(self, C):
        """Solve the problem at penalty 1 / `C`, starting from the present coefficients."""
        penalty = np.broadcast_to(self._factors[:, None] / C, self.coef.shape)
        for _ in range(self._max_iter):
            self.n_iter += 1
            probabilities = self._probabilities()
            gradient = self._gradient(probabilities)
            working = self._working_set(gradient, penalty, probabilities)
            # A step that gains nothing means that rounding hides any further descent.
            if working is None or not self._step(working, gradient, penalty, probabilities):
                break
        else:
            self.converged = False
        if self.coef.shape[1] > 1:
            self.coef -= _surplus(self.coef)
        return self

    def _probabilities(self):
        return probabilities(self.decision)

    def _gradient(self, probabilities):
        return self._design.project(self._weight[:, None] * (probabilities - self._targets))

    def _working_set(self, gradient, penalty, probabilities):
        """Give a mask (n_features, n_outputs) of what to update, None if all is optimal."""
        violation = violations(self.coef, gradient, penalty)
        residual = self._weight @ (probabilities - self._targets)
        balanced = np.abs(residual).max() <= self._tol * penalty.min(initial=np.inf)
        if violation.max(initial=0.0) <= self._tol and balanced:
            return None
        inside = self.coef != 0
        return inside | _strongest(
            np.where(inside, 0.0, violation), self._tol, max(_MIN_ENTRIES, inside.sum())
        )

    def _step(self, working, gradient, penalty, probabilities):
        """Update the working set, all outputs at once or in turn; say whether the objective fell."""
        n_outputs = working.shape[1]
        if n_outputs == 1 or working.sum() <= _MAX_JOINT:
            return self._newton(range(n_outputs), working, gradient, penalty, probabilities)
        fell = False
        for output in range(n_outputs):
            if output:
                probabilities = self._probabilities()
                gradient = self._gradient(probabilities)
            fell |= self._newton([output], working, gradient, penalty, probabilities)
        return fell

    def _newton(self, outputs, working, gradient, penalty, probabilities):
        """Take one proximal Newton step on the coefficients of `outputs` in the working set."""
        features = np.flatnonzero(working[:, outputs].any(axis=1))
        columns = self._design.take(features)
        if self.coef.shape[1] > 1:
            # Shifts common to all classes leave the loss as it is. A float32 Hessian would not be flat along
            # them but indefinite, with which the quadratic solver took up to a hundred times as long.
            columns = columns.astype(np.float64)
        picks = [np.flatnonzero(working[features, output]) for output in outputs]
        where = (
            np.concatenate([features[pick] for pick in picks]),
            np.repeat(outputs, [len(pick) for pick in picks]),
        )
        residual = (self._weight @ (probabilities - self._targets))[list(outputs)]
        hessian, cross, corner = _curvature(columns, picks, outputs, probabilities, self._weight)
        # float32 products may leave a Hessian slightly indefinite; a shift of their rounding mends that and
        # moves no optimum, because the gradient is not touched.
        hessian[np.diag_indices_from(hessian)] += (
            10 * np.finfo(columns.dtype).eps * hessian.diagonal().max(initial=0.0)
        )
        # The intercepts carry no penalty, so they are eliminated from the quadratic model.
        corner_inverse = _inverse(corner)
        reduced = hessian - cross @ corner_inverse @ cross.T
        here, slope = self.coef[where], gradient[where]
        linear = reduced @ here - slope + cross @ (corner_inverse @ residual)
        there = solve_quadratic_lasso(reduced, linear, penalty[where], here, tol=0.01 * self._tol)
        change = there - here
        shift = -corner_inverse @ (residual + cross.T @ change)
        direction = self._direction(columns, picks, outputs, change, shift)
        expected = slope @ change + residual @ shift
        expected += penalty[where] @ (np.abs(here + change) - np.abs(here))
        length = self._line_search(direction, expected, penalty[where], here, change)
        if length:
            self.coef[where] = np.where(change == -here, (1 - length) * here, here + length * change)
            self.intercept[list(outputs)] += length * shift
            self.decision += length * direction
        return length > 0

    def _direction(self, columns, picks, outputs, change, shift):
        """Compute how the linear predictor of every row moves along a step."""
        dense = np.zeros((columns.shape[1], len(picks)), dtype=columns.dtype)
        ends = np.cumsum([len(pick) for pick in picks])
        for position, pick in enumerate(picks):
            dense[pick, position] = change[ends[position] - len(pick) : ends[position]]
        direction = np.zeros_like(self.decision)
        direction[:, list(outputs)] = columns @ dense + shift
        return direction

    def _line_search(self, direction, expected, penalty, here, change):
        """Halve the step until the objective falls by a share of what its linear model promised."""
        before = self._loss(self.decision) + penalty @ np.abs(here)
        length = 1.0
        if expected > -1e-13 * abs(before):
            return 0.0
        for _ in range(_MAX_HALVINGS):
            after = self._loss(self.decision + length * direction) + penalty @ np.abs(here + length * change)
            if after <= before + 0.01 * length * expected:
                return length
            length /= 2
        return 0.0

    def _loss(self, decision):
        return self._weight @ log_losses(decision, self._targets)


def _surplus(coef):
    """Find what to subtract from all classes of a feature so that the sum of magnitudes is least.

    The likelihood does not see such a shift. The penalty does, except between the two medians of an even
    number of classes: of these equal solutions we take the one with most zeros.
    """
    ordered = np.sort(coef, axis=1)
    last = coef.shape[1] - 1
    low, high = ordered[:, [last // 2]], ordered[:, [last - last // 2]]
    nearest = np.where(np.abs(low) < np.abs(high), low, high)
    settled = (low <= 0) & (high >= 0) & (coef == 0).any(axis=1, keepdims=True)
    return np.where(settled, 0.0, nearest)


def _strongest(values, threshold, count):
    """Mark the `count` largest of the values above a threshold."""
    above = values > threshold
    if above.sum() > count:
        above &= values >= np.partition(values, -count, axis=None)[-count]
    return above


def _curvature(columns, picks, outputs, probabilities, weight):
    """Compute the Hessian of the loss: coefficients, coefficients by intercepts, intercepts."""
    n_outputs = len(picks)
    parts = [columns if len(pick) == columns.shape[1] else columns.T[pick].T for pick in picks]
    ends = np.cumsum([0, *(len(pick) for pick in picks)])
    hessian = np.empty((ends[-1], ends[-1]))
    cross = np.empty((ends[-1], n_outputs))
    corner = np.empty((n_outputs, n_outputs))
    for a, first in enumerate(outputs):
        for b, second in enumerate(outputs):
            curve = weight * probabilities[:, first] * ((first == second) - probabilities[:, second])
            # float32 columns give a Hessian good to 1e-6, which costs no accuracy: the gradient decides.
            weighted = parts[b] * curve.astype(columns.dtype)[:, None]
            if b >= a:
                hessian[ends[a] : ends[a + 1], ends[b] : ends[b + 1]] = parts[a].T @ weighted
                hessian[ends[b] : ends[b + 1], ends[a] : ends[a + 1]] = hessian[
                    ends[a] : ends[a + 1], ends[b] : ends[b + 1]
                ].T
            cross[ends[b] : ends[b + 1], a] = weighted.sum(axis=0, dtype=np.float64)
            corner[a, b] = curve.sum()
    # A saturated model has no curvature left within rounding.
    corner[np.diag_indices(n_outputs)] += np.finfo(np.float64).eps * weight.sum()
    return hessian, cross, corner


def _inverse(corner):
    """Invert the Hessian of the intercepts, which knows no shift common to all classes."""
    if len(corner) > 1:
        corner = corner + np.einsum("ii->i", corner).mean() / len(corner)
    return np.linalg.inv(corner)


def null_intercept(targets, sample_weight):
    """Give the intercepts of the model without coefficients: the log odds, or centred log shares.

    Parameters
    ----------
    targets : ndarray of shape (n_samples, n_outputs)
    sample_weight : ndarray of shape (n_samples,)

    Returns
    -------
    ndarray of shape (n_outputs,)
    """
    shares = sample_weight @ targets / sample_weight.sum()
    if len(shares) == 1:
        return np.log(shares / (1 - shares))
    return np.log(shares) - np.log(shares).mean()


def probabilities(decision):
    """Turn the linear predictor into class probabilities, of the positive class alone if there are two.

    Parameters
    ----------
    decision : ndarray of shape (n_samples, n_outputs)

    Returns
    -------
    ndarray of shape (n_samples, n_outputs)
    """
    if decision.shape[1] == 1:
        return np.exp(-np.logaddexp(0.0, -decision))
    return np.exp(decision - logsumexp(decision, axis=1, keepdims=True))


def log_losses(decision, targets):
    """Compute the log loss of every row.

    Parameters
    ----------
    decision : ndarray of shape (n_samples, n_outputs)
    targets : ndarray of shape (n_samples, n_outputs)

    Returns
    -------
    ndarray of shape (n_samples,)
        In nats.
    """
    if decision.shape[1] == 1:
        return (np.logaddexp(0.0, decision) - targets * decision).ravel()
    return logsumexp(decision, axis=1) - (targets * decision).sum(axis=1)
