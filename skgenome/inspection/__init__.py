"""Which bases a fitted classifier reads, and what variants do to its predictions."""

from skgenome.inspection._mutagenesis import in_silico_mutagenesis
from skgenome.inspection._mutagenesis_display import MutagenesisDisplay
from skgenome.inspection._perturbation import perturbation_importance
from skgenome.inspection._perturbation_display import PerturbationDisplay
from skgenome.inspection._variants import variant_effects

__all__ = [
    "MutagenesisDisplay",
    "PerturbationDisplay",
    "in_silico_mutagenesis",
    "perturbation_importance",
    "variant_effects",
]
