"""Speed of the contrastive network and of its ResNet beside torch's bare layers in one dimension."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch

from benchmarks.bare import BareContrastive, BarePatchClassifier, BarePatches, make_training_pass
from benchmarks.records import Timing
from benchmarks.tasks.speed.classifier import time_finetuning
from benchmarks.tasks.speed.network import time_networks
from skgenome.classification import SequenceClassifier
from skgenome.nn import LinearHead, PooledPatches, SequenceClassifierModule
from skgenome.representation import ContrastivePredictiveCoding
from skgenome.sequences import check_token_ids
from skgenome.training import ContrastiveNet, contrastive_net, cut_into_stretches

UNIT = "bases/s"
PEER = "torch.nn.Conv1d ResNet-18"
#: Patches that overlap by half: the nearest one that shares no base is the second.
STEPS = (2, 3, 4)
STEP_NOTE = (
    "One round of skgenome's net (stream, strands, callbacks, accuracy, clipping, schedule) against forward, "
    "InfoNCE as products and cross entropy, backward and AdamW alone on a fixed batch. A base counts once, "
    "though two patches hold it."
)
EMBED_NOTE = (
    "transform (layer='all', pooling included, strand='forward', nothing cached) against the bare layers' "
    "forward."
)


class PatchSize(NamedTuple):
    """Of a contrastive network, of its windows and of a batch of them."""

    width: int
    context_size: int
    patch_length: int
    patch_stride: int
    n_patches: int
    batch_size: int

    @property
    def window(self) -> int:
        """Bases of a window."""
        return self.patch_length + (self.n_patches - 1) * self.patch_stride

    def __str__(self) -> str:
        return f"ResNet-18 of width {self.width}"


def make_representation(
    size: PatchSize, device: torch.device, random_state: int
) -> ContrastivePredictiveCoding:
    """Make the representation with random weights: what is trained and what embeds.

    Parameters
    ----------
    size : PatchSize
        Of the network.
    device : torch.device
        Where to run.
    random_state : int
        Of the weights.

    Returns
    -------
    ContrastivePredictiveCoding
        Fitted to nothing.
    """
    cpc = ContrastivePredictiveCoding(
        **size._asdict(),
        steps=STEPS,
        strand="forward",
        cache_size=0,
        device=device,
        precision="float32",
        random_state=random_state,
    )
    return cpc.initialize(np.arange(6, dtype=np.uint8)[None])


def make_bare_patches(size: PatchSize, device: torch.device) -> BarePatches:
    """Make the peer of the same sizes.

    Parameters
    ----------
    size : PatchSize
        Of the network.
    device : torch.device
        Where to run.

    Returns
    -------
    BarePatches
        With random weights.
    """
    return BarePatches(size.width, size.context_size, size.patch_length, size.patch_stride).to(device)


def cut_windows(contig_ids: np.ndarray, size: PatchSize, n_windows: int) -> np.ndarray:
    """Cut windows out of a contig, one behind the other, and again from its start where it is too short.

    Parameters
    ----------
    contig_ids : ndarray of unsigned integers, shape (n_ids,)
        Ids of single bases.
    size : PatchSize
        Of a window.
    n_windows : int
        How many.

    Returns
    -------
    ndarray of unsigned integers, shape (n_windows, size.window)
        Ids of single bases.
    """
    return np.resize(contig_ids, (n_windows, size.window))


def make_net(
    contig_ids: np.ndarray, size: PatchSize, n_steps: int, device: torch.device, dtype: torch.dtype
) -> tuple[ContrastiveNet, Callable[[], object]]:
    """Set up the net that ``ContrastivePredictiveCoding.fit`` trains, on both strands.

    Parameters
    ----------
    contig_ids : ndarray of unsigned integers, shape (n_ids,)
        Ids of single bases; at least a batch of windows.
    size : PatchSize
        Of the network, its windows and batches.
    n_steps : int
        Steps in a round.
    device : torch.device
        Where to train.
    dtype : torch.dtype
        Of the autocast.

    Returns
    -------
    net : ContrastiveNet
        Initialised.
    run_round : callable
        Trains for ``n_steps`` steps.
    """
    # A stretch reaches one base into the next: so many ids are cut into windows of full length.
    n_ids = (len(contig_ids) - 1) // (size.window - 1) * (size.window - 1) + 1
    stretches, _ = cut_into_stretches(check_token_ids([contig_ids[:n_ids]]), size.window - 1)
    cpc = make_representation(size, device, random_state=0)
    defaults = cpc.get_params()
    copied = ("optimizer", "schedule", "learning_rate", "weight_decay", "gradient_clip")
    net = contrastive_net(
        cpc.module_.train(),
        stretches,
        None,
        bptt=size.window,
        k=1,
        batch_size=size.batch_size,
        max_epochs=1,
        # Rounds are run one by one below; the schedule only has to reach beyond them.
        max_steps=100_000,
        steps_per_round=n_steps,
        device=device,
        dtype=dtype,
        seed=0,
        progress=False,
        **{name: defaults[name] for name in copied},
    )
    net.initialize()
    net.notify("on_train_begin", X=stretches, y=None)
    return net, lambda: net.fit_loop(stretches, epochs=1)


def measure_contrastive_training(
    contig_ids: np.ndarray,
    size: PatchSize,
    dtype: torch.dtype,
    device: torch.device,
    n_steps: int,
    n_rounds: int,
) -> Timing:
    """Time training steps of skgenome and of the bare layers in turn.

    Parameters
    ----------
    contig_ids : ndarray of unsigned integers, shape (n_ids,)
        Ids of single bases.
    size : PatchSize
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
        In bases/s.
    """
    net, run_round = make_net(contig_ids, size, n_steps, device, dtype)
    info_nce = net.module_.info_nce
    bare = BareContrastive(
        make_bare_patches(size, device), STEPS, info_nce.projection.out_features, info_nce.temperature
    ).to(device)
    windows = cut_windows(contig_ids, size, size.batch_size).astype(np.int64)
    batches = [(torch.from_numpy(windows).to(device),)] * n_steps
    timing = time_networks(
        f"contrastive training step {size}, batch {size.batch_size} x {size.window}, "
        f"{str(dtype).removeprefix('torch.')}",
        run_round,
        make_training_pass(bare, bare, batches, dtype),
        n_tokens=n_steps * windows.size,
        device=device,
        n_rounds=n_rounds,
        target_ratio=0.8,
        note=STEP_NOTE,
    )
    return timing._replace(peer=PEER, unit=UNIT)


def measure_resnet_classifier_training(
    windows: np.ndarray, size: PatchSize, dtype: torch.dtype, device: torch.device, n_rounds: int
) -> Timing:
    """Time a pass over labelled windows of skgenome's ResNet and of the bare one in turn.

    Parameters
    ----------
    windows : ndarray of unsigned integers, shape (n_windows, size.window)
        Ids of single bases.
    size : PatchSize
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
        In bases/s.
    """
    # The latents alone: the context network has no part in it.
    pooled = PooledPatches(make_representation(size, device, random_state=0).module_.encoder, "mean", [0])
    defaults = SequenceClassifier(None).get_params()
    timing = time_finetuning(
        str(size),
        SequenceClassifierModule(pooled, LinearHead(pooled.n_features, 1, defaults["output_p"])),
        BarePatchClassifier(make_bare_patches(size, device)).to(device),
        windows,
        dtype=dtype,
        device=device,
        n_rounds=n_rounds,
    )
    return timing._replace(peer=PEER, unit=UNIT)


def measure_contrastive_embedding(
    windows: np.ndarray, size: PatchSize, device: torch.device, n_rounds: int, random_state: int
) -> Timing:
    """Time ``ContrastivePredictiveCoding.transform`` and the bare layers' forward in turn, in float32.

    Parameters
    ----------
    windows : ndarray of unsigned integers, shape (n_windows, size.window)
        What to embed.
    size : PatchSize
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
        In bases/s.
    """
    cpc = make_representation(size, device, random_state)
    bare = make_bare_patches(size, device).eval()
    batches = torch.from_numpy(windows.astype(np.int64)).to(device).split(size.batch_size)

    def forward() -> None:
        with torch.inference_mode():
            for batch in batches:
                bare(batch)

    timing = time_networks(
        f"features {size}, {windows.size / 1e6:.1f} Mbp in windows of {size.window}, float32",
        lambda: cpc.transform(windows),
        forward,
        n_tokens=windows.size,
        device=device,
        n_rounds=n_rounds,
        target_ratio=0.8,
        note=EMBED_NOTE,
    )
    return timing._replace(peer=PEER, unit=UNIT)
