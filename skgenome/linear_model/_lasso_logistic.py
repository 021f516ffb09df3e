"""Logistic regression with an L1 penalty whose strength is chosen by cross-validation."""

import warnings
from numbers import Integral, Real

import numpy as np
from joblib import Parallel, delayed
from scipy.special import expit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import get_scorer, get_scorer_names
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, check_cv
from sklearn.utils import check_array, compute_class_weight
from sklearn.utils.extmath import safe_sparse_dot
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data
from threadpoolctl import threadpool_limits

from skgenome._sklearn import Interval, StrOptions, fit_context
from skgenome.exceptions import SkgenomeWarning
from skgenome.linear_model._l1_path import Design, L1Path, column_moments, log_losses

_DEFAULT_FOLDS = 5
# So many penalties in a row must score below the best by more than its standard error to end the path.
_PATIENCE = 3


def _check_weights(sample_weight, n_samples):
    """Give the weights as float64, ones by default."""
    if sample_weight is None:
        return np.ones(n_samples)
    weights = check_array(sample_weight, ensure_2d=False, dtype=np.float64, input_name="sample_weight")
    if weights.shape != (n_samples,):
        raise ValueError(
            f"sample_weight must have one number for each of the {n_samples} rows of X. "
            f"Got an array of shape {weights.shape} instead."
        )
    if weights.min() < 0:
        row = int(np.argmin(weights))
        raise ValueError(f"sample_weight must not be negative. Got {weights[row]:g} in row {row}.")
    if not weights.any():
        raise ValueError(f"sample_weight must not be zero everywhere. Got {n_samples} times zero.")
    return weights


def _n_folds(n_wanted, codes, classes, groups):
    """Give as many folds as wanted, or as the smallest class has rows (or groups)."""
    units, name = (np.arange(len(codes)), "rows") if groups is None else (np.asarray(groups), "groups")
    counts = [len(np.unique(units[codes == code])) for code in range(len(classes))]
    rarest = int(np.argmin(counts))
    if counts[rarest] < 2:
        raise ValueError(
            f"Cross-validation needs at least 2 {name} of each class, one to learn from and one to test on. "
            f"Class {classes.tolist()[rarest]!r} has {counts[rarest]}. Label more of it or leave it out."
        )
    if counts[rarest] < n_wanted:
        warnings.warn(
            f"Class {classes.tolist()[rarest]!r} has {counts[rarest]} {name}, fewer than cv={n_wanted}: "
            f"C is chosen with {counts[rarest]} folds.",
            SkgenomeWarning,
            stacklevel=5,
        )
    return min(n_wanted, counts[rarest])


def _make_splits(cv, X, y, codes, classes, groups, random_state):
    """Give the pairs of training and test rows."""
    if cv is None or isinstance(cv, Integral):
        n_folds = _n_folds(_DEFAULT_FOLDS if cv is None else cv, codes, classes, groups)
        # Without a seed the folds are the same in every call, which scikit-learn's own defaults promise too.
        shuffle = random_state is not None
        folds = StratifiedKFold if groups is None else StratifiedGroupKFold
        cv = folds(n_folds, shuffle=shuffle, random_state=random_state)
    return list(check_cv(cv, y, classifier=True).split(X, y, groups))


def _fold_weights(weight, splits, codes, classes):
    """Give the weights of the whole set and of every training part, one row each, zero on the other rows."""
    n = len(weight)
    # Counted, as the training part of a bootstrap holds rows more than once.
    weights = np.vstack([weight, *(weight * np.bincount(train, minlength=n) for train, _ in splits)])
    shares = np.stack([weights[:, codes == code].sum(axis=1) for code in range(len(classes))], axis=1)
    if (shares == 0).any():
        part, code = np.argwhere(shares == 0)[0]
        where = f"the training rows of fold {part - 1}" if part else "y"
        raise ValueError(
            f"No row in {where} has class {classes.tolist()[code]!r} and a positive weight. Use stratified "
            "or fewer folds, or leave this class out."
        )
    for fold, (_, test) in enumerate(splits):
        if not weight[test].sum() > 0:
            raise ValueError(f"The test rows of fold {fold} have no weight: {len(test)} rows.")
    return weights


def _penalty_factors(design, moments, weights, standardize):
    """Give the weight of every standardised coefficient in the penalty, one row for each row of `weights`."""
    if standardize:
        spread = design.spread(weights)
    else:
        spread = np.tile(1.0 / np.where(moments.scale > 0, moments.scale, np.inf), (len(weights), 1))
    # What is constant on the rows that are learnt from stays out of the model.
    return np.where(spread > 0, spread, np.inf)


def _make_grid(Cs, eps, smallest_C):
    """Give the values of C to try, ascending."""
    if not isinstance(Cs, Integral):
        grid = np.unique(check_array(Cs, ensure_2d=False, dtype=np.float64, input_name="Cs"))
        if grid[0] <= 0:
            raise ValueError(f"Cs must be positive. Got {grid[0]:g}.")
        return grid
    if not np.isfinite(smallest_C):
        warnings.warn(
            "No feature varies with the classes: the model is the frequency of the classes.",
            SkgenomeWarning,
            stacklevel=4,
        )
        smallest_C = 1.0
    return np.geomspace(smallest_C, smallest_C / eps, Cs)


def _one_standard_error(mean, error):
    """Give the position of the first score that is within one standard error of the best."""
    best = np.argmax(mean)
    return int(np.argmax(mean >= mean[best] - error[best]))


def _past_the_best(scores):
    """Say whether the last scores are worse than the best by more than its standard error.

    `scores` is a list of arrays (n_folds,), one for each C.
    """
    mean, error = _summary(np.column_stack(scores))
    best = np.argmax(mean)
    return len(mean) - best > _PATIENCE and bool((mean[-_PATIENCE:] < mean[best] - error[best]).all())


def _summary(scores):
    """Compute mean and standard error over the folds of an array (n_folds, n_Cs)."""
    n_folds = len(scores)
    if n_folds == 1:
        return scores[0], np.zeros(scores.shape[1])
    return scores.mean(axis=0), scores.std(axis=0, ddof=1) / np.sqrt(n_folds)


def _advance(path, C, score, fold):
    """Solve a fold at one more C and score its test rows."""
    value = float(score(path.advance(C), fold))
    if not np.isfinite(value):
        raise ValueError(f"Scores must be finite. Scoring gave {value} in fold {fold} at C={C:.4g}.")
    return value


class LassoLogisticRegressionCV(ClassifierMixin, BaseEstimator):
    """Logistic regression with an L1 penalty, its strength chosen by cross-validation.

    Features are standardised, models are fitted along a path from the smallest `C` that lets any feature in
    towards larger ones, each fit starting from the last, and the `C` that predicts held-out rows best is used
    for the final fit on all rows. Made for few labels and many features: a fit on 50 rows takes a tenth
    of a second, one on 7000 rows of 1000 features a few seconds. Two classes give a logistic model, more
    a multinomial one.

    Parameters
    ----------
    Cs : int or array-like of shape (n_Cs,), default=20
        Inverse strengths of the penalty to try. An integer asks for so many on a logarithmic grid that starts
        at the largest `C` at which all coefficients are zero and ends at that divided by `eps`. An array is
        sorted.
    eps : float, default=1e-3
        First `C` of the grid divided by the last. Not used if `Cs` is an array.
    cv : int, cross-validation generator or iterable, default=5
        An integer asks for stratified folds, which keep groups whole if `fit` is given `groups`. There
        are fewer folds, with a warning, where a class has fewer members. None means 5.
    selection : {'min', '1se'}, default='min'
        'min' takes the `C` with the best mean score, '1se' the smallest `C`, and so in general the sparsest
        model, whose mean score is within one standard error of the best.
    min_nonzero : int, default=0
        Least number of features in the model. With few labels, cross-validation may prefer the model without
        any feature, which gives every row the same answer; 1 rules that out. Where the chosen `C` lets too
        few features in, the fit goes on to the first of the following values that lets in enough.
    scoring : str or callable, default='neg_log_loss'
        What to choose `C` by: a name known to :func:`sklearn.metrics.get_scorer`, or a callable
        ``scorer(estimator, X, y)``. Named scores take `sample_weight` into account, callables do not.
        'neg_log_loss' needs no calls to the estimator and is the fastest.
    standardize : bool, default=True
        Whether the penalty treats the features as if each had standard deviation 1 on the rows that are
        learnt from (each fold has its own). Coefficients are those of the features as given in either case.
        Centring makes no difference to the solution as the intercept is free; a sparse `X` stays sparse.
    class_weight : dict or 'balanced', default=None
        Weights of the classes, as in :class:`sklearn.linear_model.LogisticRegression`.
    early_stopping : bool, default=True
        Whether to leave the path, if `Cs` is an integer, once three values of `C` in a row have scored below
        the best by more than its standard error. The largest values of `C` take most of the time.
    max_iter : int, default=100
        Most Newton steps for each `C`; four or five are usual.
    tol : float, default=1e-4
        Largest violation of the optimality conditions, as a share of the penalty ``1 / C``.
    n_jobs : int, default=None
        Number of folds that are fitted at the same time, in threads. None means 1.
    random_state : int or RandomState instance, default=None
        How rows are shuffled before they are dealt into folds if `cv` is an integer. None deals them in
        their order. The fit itself has no randomness.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The class labels.
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
        Coefficients of the features as given, float64.
    intercept_ : ndarray of shape (1,) or (n_classes,)
        Intercepts, never penalised.
    C_ : float
        The `C` of the final fit: `C_min_` or `C_1se_`, as `selection` says, or the first larger one with
        `min_nonzero` features.
    C_min_ : float
        The `C` with the best mean score.
    C_1se_ : float
        The smallest `C` whose mean score is within one standard error of the best.
    Cs_ : ndarray of shape (n_Cs,)
        The values of `C` that were tried, ascending.
    scores_path_ : ndarray of shape (n_folds, n_Cs)
        Score of each fold at each `C`.
    scores_mean_, scores_se_ : ndarray of shape (n_Cs,)
        Mean of the folds and its standard error.
    coefs_path_ : ndarray of shape (n_fitted, 1 or n_classes, n_features)
        Coefficients of the fits on all rows for the values of `Cs_` up to `C_`.
    n_nonzero_ : int
        Number of features with a coefficient other than zero.
    n_iter_ : int
        Newton steps of the fits on all rows, at least one for each `C`.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if `X` had string column names.

    See Also
    --------
    sklearn.linear_model.LogisticRegressionCV : Other penalties and solvers.
    skgenome.model_selection.LabelFractionClassifier : Learn from a share of the labels.

    Notes
    -----
    The objective is that of :class:`sklearn.linear_model.LogisticRegression` with ``l1_ratio=1`` after a
    :class:`~sklearn.preprocessing.StandardScaler`: ``C`` times the sum of the weighted log losses plus the
    sum of the absolute coefficients. A fold uses the same `C` as the final fit, as in scikit-learn; glmnet's
    folds share the penalty per row instead. With an even number of classes the solution need not be unique;
    of equal ones we take the one with most zeros.

    Solved by proximal Newton steps on a working set. Matrix products run in the precision of `X` (float32
    stays float32) and on one BLAS thread per fold, so that results do not depend on the number of cores.
    Memory: one copy of a dense `X`, plus for each fold the columns of the features in the model.

    References
    ----------
    J. Friedman, T. Hastie, R. Tibshirani, "Regularization paths for generalized linear models via coordinate
    descent", Journal of Statistical Software 33(1), 2010: the path and the one-standard-error rule.

    G.-X. Yuan, C.-H. Ho, C.-J. Lin, "An improved GLMNET for L1-regularized logistic regression", JMLR 13,
    2012: proximal Newton steps.

    Examples
    --------
    >>> import numpy as np
    >>> from skgenome.linear_model import LassoLogisticRegressionCV
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 500))
    >>> y = np.where(X[:, 3] - X[:, 7] + 0.5 * rng.normal(size=200) > 0, "promoter", "other")
    >>> lasso = LassoLogisticRegressionCV(selection="1se").fit(X, y)
    >>> bool(lasso.n_nonzero_ < 50)
    True
    >>> np.argsort(-np.abs(lasso.coef_[0]))[:2]
    array([7, 3])
    """

    _parameter_constraints: dict = {
        "Cs": [Interval(Integral, 2, None, closed="left"), "array-like"],
        "eps": [Interval(Real, 0, 1, closed="neither")],
        "cv": ["cv_object"],
        "selection": [StrOptions({"min", "1se"})],
        "min_nonzero": [Interval(Integral, 0, None, closed="left")],
        "scoring": [StrOptions(set(get_scorer_names())), callable],
        "standardize": ["boolean"],
        "class_weight": [StrOptions({"balanced"}), dict, None],
        "early_stopping": ["boolean"],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        *,
        Cs=20,
        eps=1e-3,
        cv=5,
        selection="min",
        min_nonzero=0,
        scoring="neg_log_loss",
        standardize=True,
        class_weight=None,
        early_stopping=True,
        max_iter=100,
        tol=1e-4,
        n_jobs=None,
        random_state=None,
    ):
        self.Cs = Cs
        self.eps = eps
        self.cv = cv
        self.selection = selection
        self.min_nonzero = min_nonzero
        self.scoring = scoring
        self.standardize = standardize
        self.class_weight = class_weight
        self.early_stopping = early_stopping
        self.max_iter = max_iter
        self.tol = tol
        self.n_jobs = n_jobs
        self.random_state = random_state

    def _make_scorer(self, X, y, design, targets, splits, score_weight):
        """Give a function (path, fold) -> score of the test rows."""
        if self.scoring == "neg_log_loss":

            def score(path, fold):
                test = splits[fold][1]
                return -np.average(log_losses(path.decision[test], targets[test]), weights=score_weight[test])

            return score
        tests = [(X[test], y[test], score_weight[test]) for _, test in splits]

        def score(path, fold):
            model = clone(self)
            model.classes_, model.n_features_in_ = self.classes_, X.shape[1]
            model.coef_, model.intercept_ = design.unscale(path.coef, path.intercept)
            X_test, y_test, weight = tests[fold]
            if callable(self.scoring):
                return self.scoring(model, X_test, y_test)
            return get_scorer(self.scoring)(model, X_test, y_test, sample_weight=weight)

        return score

    def _cross_validate(self, Cs, paths, score):
        """Fit and score all folds at one C after the other, and choose among the values of C."""
        scores = []
        # All folds go along the path together, so that it can end as soon as their mean falls.
        with Parallel(n_jobs=self.n_jobs, prefer="threads") as parallel:
            for C in Cs:
                jobs = (delayed(_advance)(path, C, score, fold) for fold, path in enumerate(paths))
                scores.append(parallel(jobs))
                if self.early_stopping and isinstance(self.Cs, Integral) and _past_the_best(scores):
                    break
        self.Cs_ = Cs[: len(scores)]
        self.scores_path_ = np.column_stack(scores)
        self.scores_mean_, self.scores_se_ = _summary(self.scores_path_)
        self.C_min_ = float(self.Cs_[np.argmax(self.scores_mean_)])
        self.C_1se_ = float(self.Cs_[_one_standard_error(self.scores_mean_, self.scores_se_)])

    def _refit(self, path, design, Cs):
        """Fit all rows along the path up to the chosen C, and on until there are features enough."""
        chosen = self.C_min_ if self.selection == "min" else self.C_1se_
        steps = []
        for C in Cs:
            if chosen < C and path.n_nonzero >= self.min_nonzero:
                break
            steps.append(design.unscale(path.advance(C).coef, path.intercept))
            self.C_ = float(C)
        if not path.converged:
            warnings.warn(
                f"The optimality conditions do not hold to tol={self.tol:g} after max_iter={self.max_iter} "
                f"steps for a C up to {self.C_:.4g}. Raise max_iter or tol.",
                ConvergenceWarning,
                stacklevel=4,
            )
        self.coefs_path_ = np.stack([coef for coef, _ in steps])
        self.coef_, self.intercept_ = steps[-1]
        self.n_nonzero_ = path.n_nonzero
        if self.n_nonzero_ < self.min_nonzero:
            warnings.warn(
                f"min_nonzero={self.min_nonzero} features were asked for, but the model has "
                f"{self.n_nonzero_} at the largest C of {self.C_:.4g}. Add larger values to Cs or lower eps.",
                SkgenomeWarning,
                stacklevel=4,
            )
        self.n_iter_ = path.n_iter

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, groups=None):
        """Choose `C` by cross-validation and fit on all rows.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            float32 and float64 are kept, all else becomes float64.
        y : array-like of shape (n_samples,)
            Class labels, at least two different ones.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row in losses, standard deviations and scores.
        groups : array-like of shape (n_samples,), default=None
            Rows of one group stay on one side of every split. Passed on to `cv`, or to
            :class:`~sklearn.model_selection.StratifiedGroupKFold` if `cv` is an integer.

        Returns
        -------
        self : LassoLogisticRegressionCV
            The fitted estimator.

        Raises
        ------
        ValueError
            If `y` has one class only, a class has a single member (or group), or a training fold lacks a
            class.

        Warns
        -----
        SkgenomeWarning
            If there are fewer folds than `cv` asks for, or no feature tells the classes apart.
        ConvergenceWarning
            If `max_iter` steps did not reach `tol` for the model that is kept.
        """
        X, y = validate_data(self, X, y, accept_sparse="csc", dtype=[np.float64, np.float32])
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                "LassoLogisticRegressionCV needs rows of at least 2 classes, but y has only one class: "
                f"{self.classes_.tolist()[0]!r}."
            )
        score_weight = _check_weights(sample_weight, len(y))
        class_weights = compute_class_weight(
            self.class_weight, classes=self.classes_, y=y, sample_weight=score_weight
        )
        weight = score_weight * class_weights[codes]
        splits = _make_splits(self.cv, X, y, codes, self.classes_, groups, self.random_state)
        weights = _fold_weights(weight, splits, codes, self.classes_)
        # Idle BLAS threads that spin cost more than they bring on matrices of this size.
        with threadpool_limits(limits=1, user_api="blas"):
            moments = column_moments(X, weight)
            design = Design(X, moments)
            targets = np.eye(len(self.classes_))[codes]
            if len(self.classes_) == 2:
                targets = targets[:, 1:]
            factors = _penalty_factors(design, moments, weights, self.standardize)
            paths = [
                L1Path(design, targets, *part, tol=self.tol, max_iter=self.max_iter)
                for part in zip(weights, factors, strict=True)
            ]
            Cs = _make_grid(self.Cs, self.eps, paths[0].smallest_C())
            score = self._make_scorer(X, y, design, targets, splits, score_weight)
            self._cross_validate(Cs, paths[1:], score)
            self._refit(paths[0], design, Cs)
        return self

    def decision_function(self, X):
        """Compute the linear predictor.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Features, in the order of `fit`.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            Log odds of ``classes_[1]`` for two classes, else a score per class.
        """
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse="csr", dtype=[np.float64, np.float32], reset=False)
        decision = safe_sparse_dot(X, self.coef_.T, dense_output=True) + self.intercept_
        return decision.ravel() if len(self.classes_) == 2 else decision

    def predict(self, X):
        """Predict the most probable class.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Features, in the order of `fit`.

        Returns
        -------
        ndarray of shape (n_samples,)
            Class labels.
        """
        decision = self.decision_function(X)
        best = (decision > 0).astype(np.intp) if decision.ndim == 1 else decision.argmax(axis=1)
        return self.classes_[best]

    def predict_proba(self, X):
        """Predict the probability of every class.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Features, in the order of `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Columns in the order of `classes_`.
        """
        decision = self.decision_function(X)
        if decision.ndim == 1:
            return np.column_stack([expit(-decision), expit(decision)])
        return softmax(decision, axis=1)

    def predict_log_proba(self, X):
        """Predict the logarithm of the probability of every class.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Features, in the order of `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Columns in the order of `classes_`.
        """
        return np.log(self.predict_proba(X))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
