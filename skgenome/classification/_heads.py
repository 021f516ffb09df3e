"""The head, fitted on the features of an encoder that is not moved: where fine-tuning starts from."""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from scipy.linalg import blas, lapack, solve_triangular
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from torch import nn

from skgenome.classification._splits import complete_splits, fold_splits
from skgenome.classification._targets import UNKNOWN, Targets
from skgenome.nn import LinearHead, MLPHead, rebuild
from skgenome.training import train_head

#: Strengths that the linear probe chooses from.
STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
_FOLDS = 5
#: Features that are turned into double precision at once.
_COLUMNS = 1024

# The hidden layer is trained for so many steps of so many rows, on features: seconds.
_HEAD_STEPS, _HEAD_BATCH, _HEAD_RATE = 600, 64, 3e-3


def make_head(
    head: str, n_features: int, n_outputs: int, *, hidden_size: int, input_p: float, hidden_p: float
):
    """Make a head with random weights.

    Parameters
    ----------
    head : {'linear', 'mlp', 'concat-pool'}
        Which.
    n_features, n_outputs : int
        Its sizes.
    hidden_size : int
        Units of the hidden layer.
    input_p, hidden_p : float
        Dropouts.

    Returns
    -------
    LinearHead or MLPHead
        The head.
    """
    if head == "linear":
        return LinearHead(n_features, n_outputs, input_p)
    return MLPHead(n_features, n_outputs, hidden_size, input_p, hidden_p)


def restore_head(weights: dict[str, np.ndarray], *, input_p: float, hidden_p: float) -> nn.Module:
    """Make a head of its weights, whatever the parameters are by now.

    Parameters
    ----------
    weights : dict of str to ndarray
        The state dict of a head.
    input_p, hidden_p : float
        Dropouts.

    Returns
    -------
    LinearHead or MLPHead
        The head, in eval mode.
    """
    kind = "linear" if "linear.weight" in weights else "mlp"
    first, last = ("linear", "linear") if kind == "linear" else ("layers.1", "layers.5")
    hidden_size, n_features = weights[f"{first}.weight"].shape
    make = partial(
        make_head,
        kind,
        n_features,
        len(weights[f"{last}.bias"]),
        hidden_size=hidden_size,
        input_p=input_p,
        hidden_p=hidden_p,
    )
    return rebuild(make, weights)


def fit_head(
    head: nn.Module, features: np.ndarray, targets: Targets, *, weight_decay: float, seed: int
) -> None:
    """Fit a head on features that do not change, in place; it standardises them already.

    Parameters
    ----------
    head : LinearHead or MLPHead
        A linear one becomes the L2 logistic regression whose strength cross-validates best: the optimum,
        from which fine-tuning starts without tearing the features apart (Kumar et al. 2022). The other is
        trained.
    features : ndarray of float32, shape (n_samples, n_features)
        Of the labelled rows.
    targets : Targets
        Their labels, each class among them.
    weight_decay : float
        Of a head that is trained.
    seed : int
        Of folds and draws.

    References
    ----------
    Kumar, Raghunathan, Jones, Ma and Liang, "Fine-Tuning can Distort Pretrained Features and Underperform
    Out-of-Distribution" (2022), section 4: linear probing, then fine-tuning.
    """
    y, coder, weights = targets.y, targets.coder, targets.weights
    if isinstance(head, MLPHead):
        train_head(
            head,
            features,
            targets.encode(),
            weights,
            n_steps=_HEAD_STEPS,
            learning_rate=_HEAD_RATE,
            weight_decay=weight_decay,
            batch_size=_HEAD_BATCH,
            seed=seed,
        )
        return
    with torch.no_grad():
        x, restore = _rotate(head.standardize(torch.from_numpy(features)).numpy())
        splits = fold_splits(targets, _FOLDS, seed)
        if coder.kind == "multilabel":
            fits = [_probe_known(x, column, weights, splits) for column in y.T]
        else:
            fits = [_probe(x, y, weights, splits)]
        head.linear.weight.copy_(torch.from_numpy(restore(np.vstack([fit.coef_ for fit in fits]))))
        # In training the mean loss is minimised: the same optimum, with the penalty divided alike.
        n_labels = len(fits) if coder.kind == "multilabel" else 1
        strengths = [fit.C * len(y) * n_labels for fit in fits for _ in range(len(fit.coef_))]
        head.l2.copy_(1 / torch.tensor(strengths))
        head.linear.bias.copy_(torch.from_numpy(np.concatenate([fit.intercept_ for fit in fits])))


def _rotate(x: np.ndarray) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """Rotate features of which there are more than rows, so that there are as many as rows.

    The weights of an L2-penalised model are sums of its rows, and have the same norm in any rotation: what is
    fitted on the one is what is fitted on the other, in a fraction of the time. Any factor of the products of
    the rows is such a rotation. That of Cholesky takes a twentieth of the time of singular values, and with
    pivots it stops at the rank.

    Parameters
    ----------
    x : ndarray of float32, shape (n_rows, n_features)
        Features.

    Returns
    -------
    rotated : ndarray of float64, shape (n_rows, n_directions)
        The same rows; `x` itself where it is not wider than high.
    restore : callable
        Turns weights for the one, of shape (n_outputs, n_directions), into weights for the other.
    """
    n_rows, n_features = x.shape
    if n_features <= n_rows:
        return x.astype(np.float64), lambda weights: weights
    products = np.zeros((n_rows, n_rows), order="F")
    for start in range(0, n_features, _COLUMNS):
        # Columns by columns, so that there is no copy of everything in double precision.
        part = x[:, start : start + _COLUMNS].astype(np.float64)
        products = blas.dsyrk(1.0, part.T, trans=1, lower=1, beta=1.0, c=products, overwrite_c=1)
    if not products.any():
        # All rows are alike: there is one direction, and nothing in it.
        return np.zeros((n_rows, 1)), lambda weights: np.zeros((len(weights), n_features))
    factor, order, rank, _ = lapack.dpstrf(products, lower=1, overwrite_a=1)
    factor, order = np.tril(factor)[:, :rank], order - 1
    rotated = np.empty_like(factor)
    rotated[order] = factor

    def restore(weights: np.ndarray) -> np.ndarray:
        shares = solve_triangular(factor[:rank], weights.T, lower=True, trans="T")
        # A sum of rows; in double precision, since for rows that are nearly alike the shares are large.
        parts = (
            x[order[:rank], start : start + _COLUMNS].astype(np.float64)
            for start in range(0, n_features, _COLUMNS)
        )
        return np.hstack([shares.T @ part for part in parts])

    return rotated, restore


def _probe_known(x: np.ndarray, y: np.ndarray, weights: np.ndarray, splits: list) -> LogisticRegression:
    """Fit one label of its own on the rows of which it is known."""
    is_known = y != UNKNOWN
    number = np.cumsum(is_known) - 1
    splits = [tuple(number[part[is_known[part]]] for part in split) for split in splits]
    splits = [split for split in splits if all(map(len, split))]
    return _probe(x[is_known], y[is_known], weights[is_known], splits)


def _probe(x: np.ndarray, y: np.ndarray, weights: np.ndarray, splits: list) -> LogisticRegression:
    """Fit the logistic regression whose strength predicts held-out rows best."""
    classes = np.unique(y)
    splits = complete_splits(y, splits)
    losses = np.zeros(len(STRENGTHS))
    # Single precision will do to choose.
    folds = x.astype(np.float32) if splits else x
    for train, test in splits:
        model = LogisticRegression(max_iter=1000, warm_start=True)
        for i, C in enumerate(STRENGTHS):
            model.set_params(C=C).fit(folds[train], y[train], sample_weight=weights[train])
            losses[i] += log_loss(
                y[test],
                model.predict_proba(folds[test]),
                sample_weight=weights[test],
                labels=classes,
                normalize=False,
            )
            if losses[i] > 1.2 * losses[: i + 1].min():
                # Weaker penalties take longest and only overfit more.
                losses[i + 1 :] = np.inf
                break
    # Without anything to compare on, the middle of the grid for standardised features.
    C = STRENGTHS[int(np.argmin(losses))] if splits else STRENGTHS[1]
    return LogisticRegression(C=C, max_iter=1000).fit(x, y, sample_weight=weights)
