"""What feeds and drives a network: streams of segments, skorch nets and callbacks, device and precision."""

from skgenome.training._callbacks import (
    BitsPerBase,
    FiniteLoss,
    PatchAccuracy,
    TrainingProgress,
    bits_per_base,
)
from skgenome.training._device import PRECISIONS, autocast, resolve_device, resolve_precision, seeded
from skgenome.training._finetuning import Stage, finetune, gradual_stages, mean_loss, train_head
from skgenome.training._inference import CHUNK, pool_rows, recognise_patches, row_surprise
from skgenome.training._nets import (
    OPTIMIZERS,
    SCHEDULES,
    ContrastiveNet,
    LanguageModelNet,
    contrastive_net,
    language_model_net,
    pretraining_net,
    schedule_callback,
)
from skgenome.training._rows import LabelledRows, RowBatches
from skgenome.training._streams import Segment, SegmentStream, Stretches, cut_into_stretches, hold_out

__all__ = [
    "CHUNK",
    "OPTIMIZERS",
    "PRECISIONS",
    "SCHEDULES",
    "BitsPerBase",
    "ContrastiveNet",
    "FiniteLoss",
    "LabelledRows",
    "LanguageModelNet",
    "PatchAccuracy",
    "RowBatches",
    "Segment",
    "SegmentStream",
    "Stage",
    "Stretches",
    "TrainingProgress",
    "autocast",
    "bits_per_base",
    "contrastive_net",
    "cut_into_stretches",
    "finetune",
    "gradual_stages",
    "hold_out",
    "language_model_net",
    "mean_loss",
    "pool_rows",
    "pretraining_net",
    "recognise_patches",
    "resolve_device",
    "resolve_precision",
    "row_surprise",
    "schedule_callback",
    "seeded",
    "train_head",
]
