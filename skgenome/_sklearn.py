"""The private parts of scikit-learn that skgenome leans on, in one place.

Everything that scikit-learn does not promise to keep enters through this file, so that a new release
is met by one edit.
"""

from typing import Any

from sklearn.base import BaseEstimator
from sklearn.base import _fit_context as fit_context
from sklearn.utils import _safe_indexing as safe_indexing
from sklearn.utils import get_tags
from sklearn.utils._param_validation import HasMethods, Hidden, Interval, Options, StrOptions, validate_params
from sklearn.utils.validation import _check_sample_weight as check_sample_weight

__all__ = [
    "REQUESTS",
    "HasMethods",
    "Hidden",
    "Interval",
    "Options",
    "StrOptions",
    "check_sample_weight",
    "fit_context",
    "get_tags",
    "list_requests",
    "restore_requests",
    "safe_indexing",
    "validate_params",
]

#: The attribute that keeps what ``set_fit_request`` and the like have set.
REQUESTS = "_metadata_request"


def list_requests(estimator: BaseEstimator) -> dict[str, dict[str, Any]]:
    """Give what an estimator asks a router for, as plain values.

    Parameters
    ----------
    estimator : estimator
        Anything of scikit-learn.

    Returns
    -------
    dict of dict
        For each method the metadata: True, False, None, or the name that it has elsewhere.
    """
    return estimator._get_metadata_request()._serialize()


def restore_requests(estimator: BaseEstimator, requests: dict[str, dict[str, Any]]) -> None:
    """Set what :func:`list_requests` gave.

    Parameters
    ----------
    estimator : estimator
        Of the same class.
    requests : dict of dict
        As listed.

    Raises
    ------
    ValueError
        If the estimator has no such method or metadata, or the value is none of those.
    """
    known = estimator._get_metadata_request()
    for method, metadata in requests.items():
        offered = getattr(known, method).requests if method in list_requests(estimator) else {}
        for name, value in metadata.items():
            if name not in offered:
                raise ValueError(f"{type(estimator).__name__}.{method} takes no metadata {name!r}")
            getattr(known, method).add_request(param=name, alias=value)
    setattr(estimator, REQUESTS, known)
