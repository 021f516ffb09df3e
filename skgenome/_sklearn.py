"""The private parts of scikit-learn that skgenome leans on, in one place.

Everything that scikit-learn does not promise to keep enters through this file, so that a new release
is met by one edit.
"""

from sklearn.base import _fit_context as fit_context
from sklearn.utils import _safe_indexing as safe_indexing
from sklearn.utils import get_tags
from sklearn.utils._param_validation import HasMethods, Hidden, Interval, Options, StrOptions, validate_params
from sklearn.utils.validation import _check_sample_weight as check_sample_weight

__all__ = [
    "HasMethods",
    "Hidden",
    "Interval",
    "Options",
    "StrOptions",
    "check_sample_weight",
    "fit_context",
    "get_tags",
    "safe_indexing",
    "validate_params",
]
