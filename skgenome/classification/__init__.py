"""Classifiers whose network is fine-tuned: from a pretrained encoder, or from scratch."""

from skgenome.classification._sequence_classifier import SequenceClassifier
from skgenome.classification._ulmfit import ULMFiTClassifier

__all__ = ["SequenceClassifier", "ULMFiTClassifier"]
