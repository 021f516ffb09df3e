"""Torch modules and losses: what a network is made of, and nothing about data or training.

This sub-package knows torch alone.
"""

from skgenome.nn._awd_lstm import AWDLSTM, AWDLSTMLanguageModel, EncoderOutput
from skgenome.nn._cnn_lstm import DanQ
from skgenome.nn._context import CONTEXTS, CausalConvContext, RecurrentContext, make_context
from skgenome.nn._dropout import DropConnectLSTM, EmbeddingDropout, LockedDropout
from skgenome.nn._heads import LinearHead, MLPHead, SequenceClassifierModule, Standardize
from skgenome.nn._info_nce import NEGATIVES, InfoNCE, InfoNCEOutput
from skgenome.nn._losses import (
    ClassificationLoss,
    LanguageModelLoss,
    activation_regularization,
    row_nats,
    temporal_activation_regularization,
    token_nats,
)
from skgenome.nn._one_hot import OneHotBases
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
from skgenome.nn._resnet import ResNet1d

__all__ = [
    "AWDLSTM",
    "BOTH_STRANDS",
    "CONTEXTS",
    "NEGATIVES",
    "POOLINGS",
    "AWDLSTMLanguageModel",
    "CausalConvContext",
    "ClassificationLoss",
    "DanQ",
    "DropConnectLSTM",
    "EmbeddingDropout",
    "EncoderOutput",
    "InfoNCE",
    "InfoNCEOutput",
    "LanguageModelLoss",
    "LinearHead",
    "LockedDropout",
    "MLPHead",
    "OneHotBases",
    "PooledEncoder",
    "PoolingAccumulator",
    "RecurrentContext",
    "ResNet1d",
    "SegmentAccumulator",
    "SequenceClassifierModule",
    "Standardize",
    "activation_regularization",
    "join_strands",
    "make_context",
    "n_pooled",
    "pool",
    "row_nats",
    "temporal_activation_regularization",
    "token_nats",
]
