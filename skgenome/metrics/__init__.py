"""How good are predictions: specificity, one report for every kind of labels, bits per base, scorers."""

from skgenome.metrics._report import classification_metrics, classification_metrics_by_class
from skgenome.metrics._scorers import get_scorer, get_scorer_names
from skgenome.metrics._specificity import specificity_score
from skgenome.training import bits_per_base

__all__ = [
    "bits_per_base",
    "classification_metrics",
    "classification_metrics_by_class",
    "get_scorer",
    "get_scorer_names",
    "specificity_score",
]
