"""Speed of the classifier's training step and of its predictions beside torch's bare layers."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from benchmarks.bare import BareClassifier, make_training_pass
from benchmarks.records import Timing
from benchmarks.tasks.speed.network import Size, time_networks
from skgenome.classification import SequenceClassifier
from skgenome.nn import AWDLSTM, LinearHead, PooledEncoder, SequenceClassifierModule
from skgenome.representation import LanguageModel
from skgenome.sequences import check_token_ids
from skgenome.training import LabelledRows, Stage, finetune

BATCH_SIZE = 32
TRAINING_NOTE = (
    "One pass of finetune over the rows, all layer groups (batches, callbacks, dropouts, clipping, "
    "schedule), against forward, loss, backward and AdamW alone on the same rows in fixed batches."
)
PREDICTION_NOTE = "predict_proba (nothing cached) against the bare layers' forward, in float32."


def _labels(n_rows: int) -> np.ndarray:
    return (np.arange(n_rows) % 2).astype(np.float32)[:, None]


def time_finetuning(
    what: str,
    module: SequenceClassifierModule,
    bare: nn.Module,
    rows: np.ndarray,
    *,
    dtype: torch.dtype,
    device: torch.device,
    n_rounds: int,
) -> Timing:
    """Time a pass over labelled rows of skgenome and of a bare network in turn.

    Parameters
    ----------
    what : str
        What is trained.
    module : skgenome.nn.SequenceClassifierModule
        Ours, with one output.
    bare : torch.nn.Module
        The peer, on the device.
    rows : ndarray of unsigned integers, shape (n_rows, n_tokens)
        Token ids.
    dtype : torch.dtype
        Of the autocast of both.
    device : torch.device
        Where to train.
    n_rounds : int
        How often each is timed.

    Returns
    -------
    Timing
        In tokens/s.
    """
    defaults = SequenceClassifier(None).get_params()
    labelled = LabelledRows(check_token_ids(rows), _labels(len(rows)), np.ones(len(rows)))
    copied = ("optimizer", "schedule", "weight_decay", "gradient_clip", "learning_rate_ratio")

    def run_pass() -> None:
        finetune(
            module,
            labelled,
            None,
            [Stage(len(module.layer_groups()), 1, defaults["learning_rate"])],
            strand="forward",
            batch_size=BATCH_SIZE,
            n_epochs=None,
            patience=None,
            device=device,
            dtype=dtype,
            validation_dtype=torch.float32,
            seed=0,
            progress=False,
            **{name: defaults[name] for name in copied},
        )

    def loss_of(token_ids: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return F.binary_cross_entropy_with_logits(bare(token_ids).float(), targets)

    token_ids = torch.from_numpy(rows.astype(np.int64)).to(device).split(BATCH_SIZE)
    targets = torch.from_numpy(_labels(len(rows))).to(device).split(BATCH_SIZE)
    return time_networks(
        f"classifier training {what}, batch {BATCH_SIZE} x {rows.shape[1]}, "
        f"{str(dtype).removeprefix('torch.')}",
        run_pass,
        make_training_pass(bare, loss_of, list(zip(token_ids, targets, strict=True)), dtype),
        n_tokens=rows.size,
        device=device,
        n_rounds=n_rounds,
        target_ratio=0.8,
        note=TRAINING_NOTE,
    )


def measure_classifier_training(
    rows: np.ndarray, size: Size, dtype: torch.dtype, device: torch.device, n_rounds: int
) -> Timing:
    """Time a pass over labelled rows of skgenome and of the bare stack in turn.

    Parameters
    ----------
    rows : ndarray of unsigned integers, shape (n_rows, n_tokens)
        Tokens of k = 3.
    size : Size
        Of both networks.
    dtype : torch.dtype
        Of the autocast of both.
    device : torch.device
        Where to train.
    n_rounds : int
        How often each is timed.

    Returns
    -------
    Timing
        In tokens/s.
    """
    defaults = SequenceClassifier(None).get_params()
    dropouts = ("hidden_p", "input_p", "embedding_p", "weight_p")
    torch.manual_seed(0)
    encoder = AWDLSTM(
        66, **size._asdict(), **{name: defaults[name] * defaults["dropout_scale"] for name in dropouts}
    )
    pooled = PooledEncoder(encoder, "concat", [-1])
    module = SequenceClassifierModule(pooled, LinearHead(pooled.n_features, 1, defaults["output_p"]))
    bare = BareClassifier(66, *size).to(device)
    return time_finetuning(str(size), module, bare, rows, dtype=dtype, device=device, n_rounds=n_rounds)


def measure_prediction(
    rows: np.ndarray, size: Size, device: torch.device, n_rounds: int, random_state: int
) -> Timing:
    """Time ``SequenceClassifier.predict_proba`` and the bare stack's forward in turn.

    Parameters
    ----------
    rows : ndarray of unsigned integers, shape (n_rows, n_tokens)
        What to predict.
    size : Size
        Of both networks.
    device : torch.device
        Where to run.
    n_rounds : int
        How often each is timed.
    random_state : int
        Of the weights.

    Returns
    -------
    Timing
        In tokens/s.
    """
    lm = LanguageModel(**size._asdict(), strand="forward", cache_size=0, random_state=random_state)
    classifier = SequenceClassifier(lm, training="frozen", device=device, random_state=random_state)
    classifier.fit(rows[:64], _labels(64)[:, 0])
    bare = BareClassifier(66, *size).to(device).eval()
    batches = torch.from_numpy(rows.astype(np.int64)).to(device).split(lm.batch_size)

    def forward() -> None:
        with torch.inference_mode():
            for batch in batches:
                bare(batch)

    return time_networks(
        f"classifier prediction {size}, {rows.shape[1]} tokens a row, float32",
        lambda: classifier.predict_proba(rows),
        forward,
        n_tokens=rows.size,
        device=device,
        n_rounds=n_rounds,
        target_ratio=0.8,
        note=PREDICTION_NOTE,
    )
