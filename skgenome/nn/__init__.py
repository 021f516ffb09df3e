"""Torch modules and losses: what a network is made of, and nothing about data or training.

This sub-package knows torch alone.
"""

from skgenome.nn._awd_lstm import AWDLSTM, AWDLSTMLanguageModel, EncoderOutput
from skgenome.nn._dropout import DropConnectLSTM, EmbeddingDropout, LockedDropout
from skgenome.nn._losses import (
    LanguageModelLoss,
    activation_regularization,
    temporal_activation_regularization,
    token_nats,
)
from skgenome.nn._pooling import POOLINGS, PoolingAccumulator, pool

__all__ = [
    "AWDLSTM",
    "POOLINGS",
    "AWDLSTMLanguageModel",
    "DropConnectLSTM",
    "EmbeddingDropout",
    "EncoderOutput",
    "LanguageModelLoss",
    "LockedDropout",
    "PoolingAccumulator",
    "activation_regularization",
    "pool",
    "temporal_activation_regularization",
    "token_nats",
]
