"""How many labels are needed: label fractions, curves, their picture. And groups that may not be split."""

from skgenome.model_selection._curve import LabelFractionCurve, label_fraction_curve, split_prefix
from skgenome.model_selection._display import LabelFractionCurveDisplay
from skgenome.model_selection._label_fraction import LabelFractionClassifier, nested_label_subset
from skgenome.model_selection._similarity import group_similar

__all__ = [
    "LabelFractionClassifier",
    "LabelFractionCurve",
    "LabelFractionCurveDisplay",
    "group_similar",
    "label_fraction_curve",
    "nested_label_subset",
    "split_prefix",
]
