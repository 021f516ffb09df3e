"""How many labels are needed: label fractions, curves over them, and their picture."""

from skgenome.model_selection._curve import LabelFractionCurve, label_fraction_curve, split_prefix
from skgenome.model_selection._display import LabelFractionCurveDisplay
from skgenome.model_selection._label_fraction import LabelFractionClassifier, nested_label_subset

__all__ = [
    "LabelFractionClassifier",
    "LabelFractionCurve",
    "LabelFractionCurveDisplay",
    "label_fraction_curve",
    "nested_label_subset",
    "split_prefix",
]
