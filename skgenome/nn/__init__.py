"""Torch modules and losses: what a network is made of, and nothing about data or training.

This sub-package knows torch alone.
"""

from skgenome.nn._awd_lstm import AWDLSTM, AWDLSTMLanguageModel, EncoderOutput
from skgenome.nn._dropout import DropConnectLSTM, EmbeddingDropout, LockedDropout
from skgenome.nn._heads import LinearHead, MLPHead, SequenceClassifierModule, Standardize
from skgenome.nn._losses import (
    ClassificationLoss,
    LanguageModelLoss,
    activation_regularization,
    row_nats,
    temporal_activation_regularization,
    token_nats,
)
from skgenome.nn._pooling import (
    BOTH_STRANDS,
    POOLINGS,
    PooledEncoder,
    PoolingAccumulator,
    SegmentAccumulator,
    join_strands,
    n_pooled,
    pool,
)

__all__ = [
    "AWDLSTM",
    "BOTH_STRANDS",
    "POOLINGS",
    "AWDLSTMLanguageModel",
    "ClassificationLoss",
    "DropConnectLSTM",
    "EmbeddingDropout",
    "EncoderOutput",
    "LanguageModelLoss",
    "LinearHead",
    "LockedDropout",
    "MLPHead",
    "PooledEncoder",
    "PoolingAccumulator",
    "SegmentAccumulator",
    "SequenceClassifierModule",
    "Standardize",
    "activation_regularization",
    "join_strands",
    "n_pooled",
    "pool",
    "row_nats",
    "temporal_activation_regularization",
    "token_nats",
]
