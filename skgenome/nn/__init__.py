"""Torch modules and losses: what a network is made of, and nothing about data or training.

This sub-package knows torch alone.
"""

from skgenome.nn._awd_lstm import AWDLSTM, AWDLSTMLanguageModel
from skgenome.nn._causal_cnn_lstm import CNNLSTM, CNNLSTMLanguageModel
from skgenome.nn._cnn_lstm import DanQ
from skgenome.nn._context import CONTEXTS, CausalConvContext, RecurrentContext, make_context
from skgenome.nn._contrastive import ContrastiveModule, reverse_complement_patches
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
from skgenome.nn._patches import PatchEncoder, PatchOutput
from skgenome.nn._pooled import (
    BOTH_STRANDS,
    BasePooled,
    PooledEncoder,
    PooledPatches,
    PooledReading,
    join_strands,
)
from skgenome.nn._pooling import (
    POOLINGS,
    PoolingAccumulator,
    SegmentAccumulator,
    make_accumulator,
    n_pooled,
    pool,
)
from skgenome.nn._rebuilding import rebuild
from skgenome.nn._resnet import ResNet1d
from skgenome.nn._token_encoder import BaseLanguageModel, BaseTokenEncoder, EncoderOutput

__all__ = [
    "AWDLSTM",
    "BOTH_STRANDS",
    "CNNLSTM",
    "CONTEXTS",
    "NEGATIVES",
    "POOLINGS",
    "AWDLSTMLanguageModel",
    "BaseLanguageModel",
    "BasePooled",
    "BaseTokenEncoder",
    "CNNLSTMLanguageModel",
    "CausalConvContext",
    "ClassificationLoss",
    "ContrastiveModule",
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
    "PatchEncoder",
    "PatchOutput",
    "PooledEncoder",
    "PooledPatches",
    "PooledReading",
    "PoolingAccumulator",
    "RecurrentContext",
    "ResNet1d",
    "SegmentAccumulator",
    "SequenceClassifierModule",
    "Standardize",
    "activation_regularization",
    "join_strands",
    "make_accumulator",
    "make_context",
    "n_pooled",
    "pool",
    "rebuild",
    "reverse_complement_patches",
    "row_nats",
    "temporal_activation_regularization",
    "token_nats",
]
