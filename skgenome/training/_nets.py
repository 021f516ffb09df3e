"""The skorch nets that train our modules, put together from parts."""

from typing import Any

import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, GradientNormClipping, LRScheduler
from skorch.helper import predefined_split
from torch import nn

from skgenome.nn import LanguageModelLoss
from skgenome.sequences import N_SPECIAL
from skgenome.training._callbacks import BitsPerBase, FiniteLoss, PatchAccuracy, TrainingProgress
from skgenome.training._checkpoint import Checkpoint, Place
from skgenome.training._device import autocast
from skgenome.training._streams import Segment, SegmentStream, Stretches


class SegmentNet(NeuralNet):
    """A net that learns from segments without labels; a subclass says what is lost on one.

    It is a subclass because skorch's steps know inputs and targets, and no loss that is minimised with a
    penalty and recorded without it. Everything else is a callback, a loss or an iterator.

    Parameters
    ----------
    module : torch.nn.Module
        What is trained.
    *args
        As in :class:`skorch.NeuralNet`.
    dtype : torch.dtype, default=torch.float32
        What matrix products are computed in.
    **kwargs
        As in :class:`skorch.NeuralNet`.
    """

    def __init__(self, module, *args, dtype: torch.dtype = torch.float32, **kwargs):
        super().__init__(module, *args, **kwargs)
        self.dtype = dtype

    def _measure(self, segment: Segment, part: str) -> tuple[torch.Tensor, torch.Tensor | float]:
        """Give loss and penalty of a segment; record what belongs to them, as 'train' or 'valid'."""
        raise NotImplementedError

    def train_step_single(self, batch: Segment, **fit_params) -> dict:
        """Compute the gradients of one segment.

        Parameters
        ----------
        batch : Segment
            The segment.
        **fit_params : dict
            Not used.

        Returns
        -------
        dict
            ``loss`` is the loss alone: what is minimised has the penalty added.
        """
        self._set_training(True)
        loss, penalty = self._measure(batch, "train")
        (loss + penalty).backward()
        return {"loss": loss.detach(), "y_pred": None}

    def validation_step(self, batch: Segment, **fit_params) -> dict:
        """Compute the loss of one segment.

        Parameters
        ----------
        batch : Segment
            The segment.
        **fit_params : dict
            Not used.

        Returns
        -------
        dict
            With the key ``loss``.
        """
        self._set_training(False)
        with torch.no_grad():
            loss, _ = self._measure(batch, "valid")
        return {"loss": loss, "y_pred": None}


class LanguageModelNet(SegmentNet):
    """A net that carries the hidden state from one segment to the next: truncated back-propagation.

    Parameters
    ----------
    module : torch.nn.Module
        A :class:`skgenome.nn.BaseLanguageModel`: it maps (token_ids, state) to (logits, output).
    *args, dtype, **kwargs : Any
        As in :class:`SegmentNet`.
    """

    def _measure(self, segment: Segment, part: str) -> tuple[torch.Tensor, torch.Tensor]:
        device = torch.device(self.device)
        token_ids = segment.token_ids.to(device, non_blocking=True)
        # Validation comes between two training segments and must not leave its state to the second.
        states = self.state_ = getattr(self, "state_", {})
        state = None if segment.starts else states[part]
        with autocast(self.dtype, device):
            logits, output = self.module_(token_ids[:, :-1], state)
            nats, penalty = self.criterion_(logits, token_ids[:, 1:], output)
        states[part] = [tuple(x.detach() for x in layer) for layer in output.state]
        n_tokens = int((segment.token_ids[:, 1:] >= N_SPECIAL).sum())
        self.history.record_batch(f"{part}_tokens", n_tokens)
        return nats.sum() / max(n_tokens, 1), penalty


class ContrastiveNet(SegmentNet):
    """A net whose module scores its own predictions.

    What is recognised in a segment, a batch of whole stretches, and how much of that by chance, is recorded
    beside the loss.

    Parameters
    ----------
    module : torch.nn.Module
        Maps token ids to an :class:`skgenome.nn.InfoNCEOutput`.
    *args, dtype, **kwargs : Any
        As in :class:`SegmentNet`.
    """

    def _measure(self, segment: Segment, part: str) -> tuple[torch.Tensor, float]:
        device = torch.device(self.device)
        with autocast(self.dtype, device):
            output = self.module_(segment.token_ids.to(device, non_blocking=True))
        self.history.record_batch(f"{part}_predictions", output.n_predictions)
        for figure in ("accuracy", "chance"):
            self.history.record_batch(f"{part}_{figure}", float(getattr(output, figure)))
        n_tokens = int((segment.token_ids >= N_SPECIAL).sum())
        self.history.record_batch(f"{part}_tokens", n_tokens)
        return output.loss, 0.0


#: Optimisers by name, with the options that differ from torch's.
OPTIMIZERS = {
    "adamw": (torch.optim.AdamW, {"betas": (0.8, 0.99), "fused": True}),
    "adam": (torch.optim.Adam, {"betas": (0.8, 0.99), "fused": True}),
    "sgd": (torch.optim.SGD, {"momentum": 0.9, "fused": True}),
}

#: Steps of the shortest cycle: warm-up and descent need two each to be told apart.
LEAST_CYCLE = 4

SCHEDULES = ("one-cycle", "cosine", "constant")


def schedule_callback(schedule: str, learning_rate: float | list[float], n_steps: int) -> Callback | None:
    """Make the callback that moves the learning rate.

    Parameters
    ----------
    schedule : {'one-cycle', 'cosine', 'constant'}
        One-cycle rises from a 25th of the peak over the first 30 % of the steps and falls along a cosine,
        while the first momentum goes the other way, between .8 and .7. Cosine only falls.
    learning_rate : float or list of float
        The peak; one for each group of parameters, or the same for all.
    n_steps : int
        Steps of the whole training.

    Returns
    -------
    skorch.callbacks.LRScheduler or None
        The callback; None for a constant rate.

    References
    ----------
    Smith, "A disciplined approach to neural network hyper-parameters" (2018); Howard and Ruder (2018).
    """
    if schedule == "constant":
        return None
    if schedule == "cosine":
        return LRScheduler(torch.optim.lr_scheduler.CosineAnnealingLR, step_every="batch", T_max=n_steps)
    return LRScheduler(
        torch.optim.lr_scheduler.OneCycleLR,
        step_every="batch",
        max_lr=learning_rate,
        total_steps=max(n_steps, LEAST_CYCLE),
        base_momentum=0.7,
        max_momentum=0.8,
    )


def optimizer_options(optimizer: str | type, weight_decay: float) -> dict:
    """Give skorch's options for an optimiser.

    Parameters
    ----------
    optimizer : str or type
        A name of ``OPTIMIZERS`` or a torch optimiser class.
    weight_decay : float
        Decay of the weights.

    Returns
    -------
    dict
        Keyword arguments of a net.
    """
    chosen, options = OPTIMIZERS[optimizer] if isinstance(optimizer, str) else (optimizer, {})
    options = {f"optimizer__{name}": value for name, value in options.items()}
    return {"optimizer": chosen, "optimizer__weight_decay": weight_decay, **options}


def language_model_net(
    module: nn.Module,
    train: Stretches,
    validation: Stretches | None,
    *,
    new_bases: int,
    alpha: float,
    beta: float,
    **options: Any,
) -> LanguageModelNet:
    """Put together the net that pretrains a language model.

    Parameters
    ----------
    module : torch.nn.Module
        The language model. It is trained in place.
    train, validation : Stretches
        The corpus; validation may be None.
    new_bases : int
        Bases that each token adds.
    alpha, beta : float
        Weights of the two penalties.
    **options
        As in :func:`pretraining_net`.

    Returns
    -------
    LanguageModelNet
        Ready for ``net.fit(train)``.
    """
    return pretraining_net(
        LanguageModelNet,
        module,
        train,
        validation,
        figures=BitsPerBase(new_bases),
        shown={"new_bases": new_bases},
        criterion=LanguageModelLoss,
        criterion__alpha=alpha,
        criterion__beta=beta,
        **options,
    )


def contrastive_net(
    module: nn.Module, train: Stretches, validation: Stretches | None, **options: Any
) -> ContrastiveNet:
    """Put together the net that pretrains a network to recognise the patches ahead.

    Parameters
    ----------
    module : torch.nn.Module
        As in :class:`ContrastiveNet`. It is trained in place.
    train, validation : Stretches
        The corpus; validation may be None.
    **options
        As in :func:`pretraining_net`; a segment is a whole stretch, so ``bptt`` is the longest of them.

    Returns
    -------
    ContrastiveNet
        Ready for ``net.fit(train)``.
    """
    return pretraining_net(
        ContrastiveNet,
        module,
        train,
        validation,
        figures=PatchAccuracy(),
        shown={"figures": ("accuracy", "chance")},
        # The loss is a part of the module, since it has weights.
        criterion=nn.Identity,
        **options,
    )


def pretraining_net(
    net_class: type[NeuralNet],
    module: nn.Module,
    train: Stretches,
    validation: Stretches | None,
    *,
    figures: Callback,
    shown: dict[str, Any],
    k: int | None,
    batch_size: int,
    bptt: int,
    max_epochs: int,
    max_steps: int | None,
    steps_per_round: int | None,
    optimizer: str | type,
    schedule: str,
    learning_rate: float,
    weight_decay: float,
    gradient_clip: float,
    device: torch.device,
    dtype: torch.dtype,
    seed: int,
    progress: bool,
    least_rows: int = 1,
    place: Place | None = None,
    **net_options: Any,
) -> NeuralNet:
    """Put together a net that learns from stretches of contigs without labels.

    Parameters
    ----------
    net_class : type
        What makes a step of a segment.
    module : torch.nn.Module
        What is trained, in place.
    train, validation : Stretches
        The corpus; validation may be None.
    figures : skorch.callbacks.Callback
        What turns the records of the batches into figures of a round.
    shown : dict
        Options of :class:`TrainingProgress`.
    k : int or None
        Bases in a token where both strands are to be read, None for the forward strand.
    batch_size, bptt : int
        As in :class:`SegmentStream`.
    max_epochs : int
        Passes over the corpus.
    max_steps : int or None
        Training steps, in place of `max_epochs`.
    steps_per_round : int or None
        Steps between two rows of the history; None for one pass.
    optimizer : str or type
        A name of ``OPTIMIZERS`` or a torch optimiser class.
    schedule : {'one-cycle', 'cosine', 'constant'}
        Course of the learning rate.
    learning_rate, weight_decay, gradient_clip : float
        Peak rate, decay of the weights and largest norm of the gradient.
    device : torch.device
        Where to train.
    dtype : torch.dtype
        In which precision.
    seed : int
        Of the order of the stretches.
    progress : bool
        Whether to show a progress bar.
    least_rows : int, default=1
        As in :class:`SegmentStream`.
    place : Place or None, default=None
        Where checkpoints are written, and read where a former try has left some.
    **net_options
        As `net_class` takes them.

    Returns
    -------
    skorch.NeuralNet
        Ready for ``net.fit(train)``.
    """
    stream = SegmentStream(train, batch_size, bptt, seed, least_rows=least_rows)
    n_steps = max_steps or stream.n_steps(max_epochs)
    per_round = min(steps_per_round or (n_steps if max_steps else -(-n_steps // max_epochs)), n_steps)
    n_rounds = -(-n_steps // per_round)
    callbacks = {
        "finite": FiniteLoss(),
        "clip": GradientNormClipping(gradient_clip),
        "schedule": schedule_callback(schedule, learning_rate, n_steps),
        "figures": figures,
        "checkpoint": None if place is None else Checkpoint(place),
        "progress": TrainingProgress(n_steps, "pretraining", **shown, disable=not progress),
    }
    return net_class(
        module,
        **optimizer_options(optimizer, weight_decay),
        lr=learning_rate,
        max_epochs=n_rounds,
        batch_size=batch_size,
        iterator_train=SegmentStream,
        iterator_train__bptt=bptt,
        iterator_train__seed=seed,
        iterator_train__k=k,
        iterator_train__steps_per_round=per_round,
        iterator_train__max_steps=n_steps,
        iterator_train__least_rows=least_rows,
        iterator_valid=SegmentStream,
        iterator_valid__bptt=bptt,
        iterator_valid__least_rows=least_rows,
        train_split=predefined_split(validation) if validation is not None else None,
        callbacks=[(name, callback) for name, callback in callbacks.items() if callback is not None],
        callbacks__train_loss=None,
        callbacks__valid_loss=None,
        callbacks__print_log=None,
        device=device,
        dtype=dtype,
        **net_options,
    )
