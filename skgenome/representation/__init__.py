"""Estimators that learn from unlabelled token ids and turn sequences into features."""

from skgenome.representation._contrastive import ContrastivePredictiveCoding, PatchScores
from skgenome.representation._language_model import LanguageModel

__all__ = ["ContrastivePredictiveCoding", "LanguageModel", "PatchScores"]
