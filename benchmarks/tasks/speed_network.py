"""Speed of the language model's training step and of its features beside torch's bare layers."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch

from benchmarks.bare import BareLanguageModel, BareTraining
from benchmarks.records import Timing
from benchmarks.stopwatch import in_turn
from skgenome.nn import AWDLSTMLanguageModel
from skgenome.representation import LanguageModel
from skgenome.sequences import check_token_ids
from skgenome.training import LanguageModelNet, cut_into_stretches, language_model_net

UNIT = "tokens/s"
BATCH_SIZE, BPTT, STRETCH_LENGTH = 64, 70, 2100
#: The default of LanguageModel is none at all; the published pretraining has .2 to .35.
DROPOUT_SCALE = 0.25
PEER = "torch.nn.LSTM stack"
STEP_NOTE = (
    "One round of skgenome's net (stream, callbacks, dropouts, penalties, clipping) against forward, loss, "
    "backward and AdamW alone on a fixed batch; both carry the state."
)
EMBED_NOTE = (
    "transform (pooling included, strand='forward', nothing cached) against the bare layers' forward."
)


class Size(NamedTuple):
    """Of a network."""

    embedding_size: int
    hidden_size: int
    n_layers: int

    def __str__(self) -> str:
        return f"{self.embedding_size}/{self.hidden_size} x {self.n_layers}"


def synchronised(function: Callable[[], object], device: torch.device) -> Callable[[], None]:
    """Wait for the device, which otherwise returns before its work is done.

    Parameters
    ----------
    function : callable
        What is timed.
    device : torch.device
        Where it runs.

    Returns
    -------
    callable
        Without arguments.
    """

    def call() -> None:
        function()
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    return call


def make_net(
    token_ids: np.ndarray, size: Size, n_steps: int, device: torch.device, dtype: torch.dtype
) -> tuple[LanguageModelNet, Callable[[], object]]:
    """Set up the net that ``LanguageModel.fit`` trains, with the published dropouts and penalties.

    Parameters
    ----------
    token_ids : ndarray of unsigned integers, shape (n_ids,)
        Of one contig, k = 3; at least a batch of stretches.
    size : Size
        Of the network.
    n_steps : int
        Steps in a round.
    device : torch.device
        Where to train.
    dtype : torch.dtype
        Of the autocast.

    Returns
    -------
    net : LanguageModelNet
        Initialised.
    run_round : callable
        Trains for ``n_steps`` steps.
    """
    stretches, _ = cut_into_stretches(check_token_ids([token_ids]), STRETCH_LENGTH)
    defaults = LanguageModel().get_params()
    dropouts = ("output_p", "hidden_p", "input_p", "embedding_p", "weight_p")
    torch.manual_seed(0)
    module = AWDLSTMLanguageModel(
        66, **size._asdict(), **{name: defaults[name] * DROPOUT_SCALE for name in dropouts}
    )
    copied = ("optimizer", "schedule", "learning_rate", "weight_decay", "gradient_clip")
    net = language_model_net(
        module,
        stretches,
        None,
        new_bases=1,
        k=3,
        batch_size=BATCH_SIZE,
        bptt=BPTT,
        max_epochs=1,
        # Rounds are run one by one below; the schedule only has to reach beyond them.
        max_steps=100_000,
        steps_per_round=n_steps,
        alpha=defaults["alpha"] * DROPOUT_SCALE,
        beta=defaults["beta"] * DROPOUT_SCALE,
        device=device,
        dtype=dtype,
        seed=0,
        progress=False,
        **{name: defaults[name] for name in copied},
    )
    net.initialize()
    net.notify("on_train_begin", X=stretches, y=None)
    return net, lambda: net.fit_loop(stretches, epochs=1)


def time_networks(
    what: str,
    ours: Callable[[], object],
    bare: Callable[[], object],
    *,
    n_tokens: int,
    device: torch.device,
    n_rounds: int,
    **fields: object,
) -> Timing:
    """Time skgenome and the bare stack in turn, on the same tokens.

    Parameters
    ----------
    what : str
        What is timed.
    ours, bare : callable
        Without arguments; each goes over all tokens once.
    n_tokens : int
        How many that are.
    device : torch.device
        Where both run; its queue is waited for.
    n_rounds : int
        How often each is timed.
    **fields
        The other fields of :class:`benchmarks.records.Timing`.

    Returns
    -------
    Timing
        In tokens/s.
    """
    seconds = in_turn(synchronised(ours, device), synchronised(bare, device), n_rounds)
    rates = [[n_tokens / each for each in of_one] for of_one in seconds]
    return Timing(what, PEER, UNIT, *rates, **fields)


def measure_training(
    contig_ids: np.ndarray, size: Size, dtype: torch.dtype, device: torch.device, n_steps: int, n_rounds: int
) -> Timing:
    """Time training steps of skgenome and of the bare stack in turn.

    Parameters
    ----------
    contig_ids : ndarray of unsigned integers, shape (n_ids,)
        Tokens of k = 3.
    size : Size
        Of both networks.
    dtype : torch.dtype
        Of the autocast of both.
    device : torch.device
        Where to train.
    n_steps, n_rounds : int
        Steps in a round, and rounds of each.

    Returns
    -------
    Timing
        In tokens/s.
    """
    _, run_round = make_net(contig_ids, size, n_steps, device, dtype)
    batch = torch.from_numpy(contig_ids[: BATCH_SIZE * (BPTT + 1)].astype(np.int64)).view(BATCH_SIZE, -1)
    bare = BareTraining(BareLanguageModel(66, *size).to(device), batch.to(device), dtype)

    def run_bare_round() -> None:
        for _ in range(n_steps):
            bare.step()

    return time_networks(
        f"training step {size}, batch {BATCH_SIZE} x {BPTT}, {str(dtype).removeprefix('torch.')}",
        run_round,
        run_bare_round,
        n_tokens=n_steps * BATCH_SIZE * BPTT,
        device=device,
        n_rounds=n_rounds,
        target_ratio=0.8,
        note=STEP_NOTE,
    )


def measure_embedding(
    rows: np.ndarray, size: Size, device: torch.device, n_rounds: int, random_state: int
) -> Timing:
    """Time ``LanguageModel.transform`` and the bare stack's forward in turn, in float32.

    Parameters
    ----------
    rows : ndarray of unsigned integers, shape (n_rows, n_tokens)
        What to embed.
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
    lm = LanguageModel(
        **size._asdict(),
        max_steps=1,
        strand="forward",
        cache_size=0,
        device=device,
        random_state=random_state,
    ).fit(rows)
    bare = BareLanguageModel(lm.n_tokens_, *size).to(device).eval()
    batches = torch.from_numpy(rows.astype(np.int64)).to(device).split(lm.batch_size)

    def forward() -> None:
        with torch.inference_mode():
            for batch in batches:
                bare.encode(batch)

    return time_networks(
        f"features {size}, {rows.shape[1]} tokens a row, float32",
        lambda: lm.transform(rows),
        forward,
        n_tokens=rows.size,
        device=device,
        n_rounds=n_rounds,
        note=EMBED_NOTE,
    )
