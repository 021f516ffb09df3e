"""How many labels are needed: label fractions, curves, their picture. And splits that part no relatives."""

from skgenome.model_selection._curve import LabelFractionCurve, label_fraction_curve, split_prefix
from skgenome.model_selection._display import LabelFractionCurveDisplay
from skgenome.model_selection._homology import HomologyGroupKFold
from skgenome.model_selection._label_fraction import LabelFractionClassifier, nested_label_subset
from skgenome.model_selection._leakage import LeakageReport, leakage_report
from skgenome.model_selection._similarity import similarity_groups

__all__ = [
    "HomologyGroupKFold",
    "LabelFractionClassifier",
    "LabelFractionCurve",
    "LabelFractionCurveDisplay",
    "LeakageReport",
    "label_fraction_curve",
    "leakage_report",
    "nested_label_subset",
    "similarity_groups",
    "split_prefix",
]
