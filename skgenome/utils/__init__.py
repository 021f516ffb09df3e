"""Tools for those who write estimators: the conformance suite for whatever takes sequences."""

from skgenome.utils import estimator_checks

__all__ = ["estimator_checks"]
