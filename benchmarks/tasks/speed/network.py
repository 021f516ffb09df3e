"""Speed of the language model's training step and of its features beside torch's bare layers."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import torch

from benchmarks.bare import BareLanguageModel, BareTraining
from benchmarks.fastai_peer import DROPOUT_NAMES, FastaiTraining, make_fastai_lm
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
FASTAI = "fastai AWD_LSTM"
STEP_NOTE = (
    "One round of skgenome's net (stream, callbacks, dropouts, penalties, clipping) against forward, loss, "
    "backward and AdamW alone on a fixed batch; both carry the state."
)
EMBED_NOTE = (
    "transform (pooling included, strand='forward', nothing cached) against the bare layers' forward."
)


FASTAI_STEP_NOTE = (
    "The same round against fastai's network with the same dropouts and penalties: forward, loss, backward, "
    "clipping and AdamW on a fixed batch, without its Learner; none where fastai is not installed."
)
FASTAI_EMBED_NOTE = "The same transform against the forward pass of fastai's encoder in eval mode."


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
    torch.manual_seed(0)
    module = AWDLSTMLanguageModel(
        66, **size._asdict(), **{name: defaults[name] * DROPOUT_SCALE for name in DROPOUT_NAMES}
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
    peer: str = PEER,
    **fields: object,
) -> Timing:
    """Time skgenome and a peer in turn, on the same tokens.

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
    peer : str, default="torch.nn.LSTM stack"
        Its name.
    **fields
        The other fields of :class:`benchmarks.records.Timing`.

    Returns
    -------
    Timing
        In tokens/s.
    """
    seconds = in_turn(synchronised(ours, device), synchronised(bare, device), n_rounds)
    rates = [[n_tokens / each for each in of_one] for of_one in seconds]
    return Timing(what, peer, UNIT, *rates, **fields)


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
    batch = fixed_batch(contig_ids).to(device)
    bare = BareTraining(BareLanguageModel(66, *size).to(device), batch, dtype)
    return time_networks(
        _describe_step(size, dtype),
        run_round,
        _repeat(bare.step, n_steps),
        n_tokens=n_steps * BATCH_SIZE * BPTT,
        device=device,
        n_rounds=n_rounds,
        target_ratio=0.8,
        note=STEP_NOTE,
    )


def measure_training_beside_fastai(
    contig_ids: np.ndarray, size: Size, dtype: torch.dtype, device: torch.device, n_steps: int, n_rounds: int
) -> Timing:
    """Time training steps of skgenome and of fastai's network in turn.

    Parameters
    ----------
    contig_ids, size, dtype, device, n_steps, n_rounds
        As in :func:`measure_training`.

    Returns
    -------
    Timing
        In tokens/s; without values where fastai is not installed.
    """
    what, defaults = _describe_step(size, dtype), LanguageModel().get_params()
    dropouts = {name: defaults[name] for name in DROPOUT_NAMES}
    lm = make_fastai_lm(66, *size, dropouts, DROPOUT_SCALE)
    if lm is None:
        return Timing(what, FASTAI, UNIT, [], [], note=FASTAI_STEP_NOTE)
    penalties = {name: defaults[name] * DROPOUT_SCALE for name in ("alpha", "beta")}
    batch = fixed_batch(contig_ids).to(device)
    theirs = FastaiTraining(lm.to(device), batch, dtype, clip=defaults["gradient_clip"], **penalties)
    _, run_round = make_net(contig_ids, size, n_steps, device, dtype)
    return time_networks(
        what,
        run_round,
        _repeat(theirs.step, n_steps),
        n_tokens=n_steps * BATCH_SIZE * BPTT,
        device=device,
        n_rounds=n_rounds,
        peer=FASTAI,
        note=FASTAI_STEP_NOTE,
    )


def _describe_step(size: Size, dtype: torch.dtype) -> str:
    return f"training step {size}, batch {BATCH_SIZE} x {BPTT}, {str(dtype).removeprefix('torch.')}"


def fixed_batch(contig_ids: np.ndarray) -> torch.Tensor:
    """Cut the one batch that peers are trained on again and again.

    Parameters
    ----------
    contig_ids : ndarray of unsigned integers, shape (n_ids,)
        Tokens.

    Returns
    -------
    LongTensor of shape (BATCH_SIZE, BPTT + 1)
        The first of them.
    """
    return torch.from_numpy(contig_ids[: BATCH_SIZE * (BPTT + 1)].astype(np.int64)).view(BATCH_SIZE, -1)


def _repeat(step: Callable[[], object], n_steps: int) -> Callable[[], None]:
    def run_round() -> None:
        for _ in range(n_steps):
            step()

    return run_round


def measure_embedding(
    rows: np.ndarray, size: Size, device: torch.device, n_rounds: int, random_state: int
) -> list[Timing]:
    """Time ``LanguageModel.transform`` and the forward pass of both peers in turn, in float32.

    Parameters
    ----------
    rows : ndarray of unsigned integers, shape (n_rows, n_tokens)
        What to embed.
    size : Size
        Of all networks.
    device : torch.device
        Where to run.
    n_rounds : int
        How often each is timed.
    random_state : int
        Of the weights.

    Returns
    -------
    list of Timing
        In tokens/s, beside the bare stack and beside fastai; the latter without values where fastai is not
        installed.
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
    fastai = make_fastai_lm(lm.n_tokens_, *size)
    peers = {PEER: (bare.encode, EMBED_NOTE)}
    if fastai is not None:
        peers[FASTAI] = (fastai.to(device).eval()[0], FASTAI_EMBED_NOTE)
    batches = torch.from_numpy(rows.astype(np.int64)).to(device).split(lm.batch_size)
    what = f"features {size}, {rows.shape[1]} tokens a row, float32"

    def forward(encode: Callable[[torch.Tensor], object]) -> None:
        with torch.inference_mode():
            for batch in batches:
                encode(batch)

    timings = [
        time_networks(
            what,
            lambda: lm.transform(rows),
            partial(forward, encode),
            n_tokens=rows.size,
            device=device,
            n_rounds=n_rounds,
            peer=peer,
            note=note,
        )
        for peer, (encode, note) in peers.items()
    ]
    missing = [Timing(what, FASTAI, UNIT, [], [], note=FASTAI_EMBED_NOTE)] if fastai is None else []
    return timings + missing
