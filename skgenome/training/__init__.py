"""What feeds and drives a network: streams, skorch nets and callbacks, device and precision, checkpoints."""

from skgenome.training._callbacks import (
    BitsPerBase,
    FiniteLoss,
    PatchAccuracy,
    TrainingProgress,
    bits_per_base,
    n_steps_of,
)
from skgenome.training._calls import (
    NO_INFLUENCE,
    Checkpoints,
    agree_on_call,
    checkpoints_of,
    fingerprint,
    shared_random_state,
)
from skgenome.training._checkpoint import Checkpoint, Place, net_state, pack_state, unpack_state
from skgenome.training._device import (
    PRECISIONS,
    autocast,
    draw_seed,
    resolve_device,
    resolve_precision,
    seeded,
)
from skgenome.training._edits import pool_edits
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
from skgenome.training._processes import OneProcess, is_main_process, launched_processes
from skgenome.training._rows import LabelledRows, RowBatches
from skgenome.training._streams import Segment, SegmentStream, Stretches, cut_into_stretches, hold_out

__all__ = [
    "CHUNK",
    "NO_INFLUENCE",
    "OPTIMIZERS",
    "PRECISIONS",
    "SCHEDULES",
    "BitsPerBase",
    "Checkpoint",
    "Checkpoints",
    "ContrastiveNet",
    "FiniteLoss",
    "LabelledRows",
    "LanguageModelNet",
    "OneProcess",
    "PatchAccuracy",
    "Place",
    "RowBatches",
    "Segment",
    "SegmentStream",
    "Stage",
    "Stretches",
    "TrainingProgress",
    "agree_on_call",
    "autocast",
    "bits_per_base",
    "checkpoints_of",
    "contrastive_net",
    "cut_into_stretches",
    "draw_seed",
    "finetune",
    "fingerprint",
    "gradual_stages",
    "hold_out",
    "is_main_process",
    "language_model_net",
    "launched_processes",
    "mean_loss",
    "n_steps_of",
    "net_state",
    "pack_state",
    "pool_edits",
    "pool_rows",
    "pretraining_net",
    "recognise_patches",
    "resolve_device",
    "resolve_precision",
    "row_surprise",
    "schedule_callback",
    "seeded",
    "shared_random_state",
    "train_head",
    "unpack_state",
]
