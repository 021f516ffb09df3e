"""Semi-supervised learning on genomes, as scikit-learn estimators.

Sub-packages load on first use, so ``import skgenome`` is quick and does not import torch.
"""

from importlib import import_module
from importlib.metadata import version

__version__ = version("skgenome")

_SUBPACKAGES = (
    "classification",
    "datasets",
    "inspection",
    "linear_model",
    "manifold",
    "metrics",
    "model_selection",
    "nn",
    "persistence",
    "preprocessing",
    "representation",
    "scanning",
    "sequences",
    "training",
    "utils",
)
_EVERYDAY = {
    "KmerCounter": "preprocessing",
    "KmerTokenizer": "preprocessing",
    "LanguageModel": "representation",
    "SequenceClassifier": "classification",
    "list_models": "persistence",
    "load": "persistence",
    "push_to_hub": "persistence",
    "save": "persistence",
}

__all__ = [*_SUBPACKAGES, *_EVERYDAY, "__version__"]


def __getattr__(name):
    if name in _SUBPACKAGES:
        return import_module(f"skgenome.{name}")
    if name in _EVERYDAY:
        return getattr(import_module(f"skgenome.{_EVERYDAY[name]}"), name)
    raise AttributeError(f"module 'skgenome' has no attribute {name!r}")


def __dir__():
    return __all__
