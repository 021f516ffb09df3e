"""Linear models that choose their features, for few labels and many features."""

from skgenome.linear_model._lasso_logistic import LassoLogisticRegressionCV

__all__ = ["LassoLogisticRegressionCV"]
