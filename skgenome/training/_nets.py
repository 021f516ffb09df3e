"""The skorch nets that train our modules, put together from parts."""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, GradientNormClipping, LRScheduler
from skorch.helper import predefined_split
from torch import nn

from skgenome.nn import InfoNCEOutput, LanguageModelLoss
from skgenome.sequences import N_SPECIAL
from skgenome.training._callbacks import (
    BitsPerBase,
    FiniteLoss,
    PatchAccuracy,
    TrainingProgress,
    check_weights,
)
from skgenome.training._checkpoint import Checkpoint, Place
from skgenome.training._device import autocast
from skgenome.training._memory import BatchMemory
from skgenome.training._processes import is_main_process, launched_processes
from skgenome.training._streams import Segment, SegmentStream, Stretches


class Share(NamedTuple):
    """What some rows of a segment contribute to it."""

    loss: torch.Tensor
    """The part that these rows have in the loss of the segment: those of all rows add up to it."""
    penalty: torch.Tensor | float
    """The same of the penalty."""
    figures: dict[str, float]
    """What is recorded: counts, and means over the predictions."""
    state: list[tuple[torch.Tensor, ...]] | None = None
    """What these rows carry into the next segment."""


class Measured(NamedTuple):
    """What a process contributes to a segment."""

    loss: torch.Tensor
    """Of its rows, as in :class:`Share`."""
    figures: list[dict[str, float]]
    """Of each of its parts."""


class SegmentNet(NeuralNet):
    """A net that learns from segments without labels; a subclass says what is lost on one.

    It is a subclass because skorch's steps know inputs and targets, and no loss that is minimised with a
    penalty and recorded without it. Everything else is a callback, a loss or an iterator.

    Where the memory runs out, a segment is read in parts of its rows; where several processes train together,
    each reads its share of them.

    Parameters
    ----------
    module : torch.nn.Module
        What is trained.
    *args
        As in :class:`skorch.NeuralNet`.
    memory : BatchMemory
        How many rows go through the module at once.
    dtype : torch.dtype, default=torch.float32
        What matrix products are computed in.
    **kwargs
        As in :class:`skorch.NeuralNet`.
    """

    def __init__(self, module, *args, memory: BatchMemory, dtype: torch.dtype = torch.float32, **kwargs):
        super().__init__(module, *args, **kwargs)
        self.memory = memory
        self.dtype = dtype
        self.processes = launched_processes()

    def _share(self, n_rows: int) -> slice:
        """Give the rows of a segment that are dealt into parts in this process."""
        return self.processes.share(n_rows)

    def _measure(self, segment: Segment, rows: slice, state: list | None) -> Share:
        """Compute what rows of a segment contribute, from the state that they have carried."""
        raise NotImplementedError

    def _measure_parts(self, segment: Segment, kind: str, parts: list[slice]) -> Measured:
        """Measure what parts of the own rows contribute, as 'train' with gradients or as 'valid'."""
        # Validation comes between two training segments and must not leave its state to the second.
        states = self.state_ = getattr(self, "state_", {})
        carried = None if segment.starts else states.get(kind)
        first = self._share(len(segment.token_ids)).start
        losses, figures, carried_on = [], [], []
        # A last batch may have fewer rows than there are processes.
        for rows in (part for part in parts if part.start < part.stop):
            state = carried if len(parts) == 1 else _rows_of(carried, rows)
            share = self._measure(segment, slice(first + rows.start, first + rows.stop), state)
            if kind == "train":
                (share.loss + share.penalty).backward()
            losses.append(share.loss.detach())
            figures.append(share.figures)
            if share.state is not None:
                carried_on.append(share.state)
        if carried_on:
            states[kind] = _join_rows(carried_on)
        return Measured(add_up(losses), figures)

    def _measure_segment(
        self, segment: Segment, kind: str, restart: Callable[[], object] = lambda: None
    ) -> torch.Tensor:
        """Give the loss of a segment, and record its figures."""
        rows = self._share(len(segment.token_ids))
        measure = partial(self._measure_parts, segment, kind)
        run = partial(self.memory.run, kind, rows.stop - rows.start, measure, restart)
        measured = self.processes.together(run)
        figures = _join_figures([figures for part in measured for figures in part.figures])
        for name, value in figures.items():
            self.history.record_batch(f"{kind}_{name}", value)
        return add_up([part.loss for part in measured])

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
        loss = self._measure_segment(batch, "train", self._zero_grad_optimizer)
        self.processes.add_gradients(self.module_)
        return {"loss": loss, "y_pred": None}

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
            loss = self._measure_segment(batch, "valid")
        return {"loss": loss, "y_pred": None}


def add_up(losses: list[torch.Tensor]) -> torch.Tensor:
    """Add up the losses of parts, of which a single one is left as it is.

    Parameters
    ----------
    losses : list of Tensor
        Scalars.

    Returns
    -------
    Tensor
        Their sum; 0 of none.
    """
    if len(losses) == 1:
        return losses[0]
    return torch.stack(losses).sum() if losses else torch.zeros(())


def _rows_of(state: list | None, rows: slice) -> list | None:
    """Give the states of some rows: they stand in the last dimension but one."""
    if state is None:
        return None
    return [tuple(part[..., rows, :].contiguous() for part in layer) for layer in state]


def _join_rows(states: list[list]) -> list:
    """Put the states of the parts of a batch together again."""
    if len(states) == 1:
        return states[0]
    return [
        tuple(torch.cat(parts, dim=-2) for parts in zip(*layers, strict=True))
        for layers in zip(*states, strict=True)
    ]


def _join_figures(figures: list[dict[str, float]]) -> dict[str, float]:
    """Sum the counts of the parts of a batch, and average what is a mean over predictions."""
    if len(figures) == 1:
        return figures[0]
    columns = {name: [part[name] for part in figures] for name in figures[0]}
    return {
        name: float(np.average(values, weights=columns["predictions"]))
        if isinstance(values[0], float)
        else sum(values)
        for name, values in columns.items()
    }


class LanguageModelNet(SegmentNet):
    """A net that carries the hidden state from one segment to the next: truncated back-propagation.

    Parameters
    ----------
    module : torch.nn.Module
        A :class:`skgenome.nn.BaseLanguageModel`: it maps (token_ids, state) to (logits, output).
    *args, memory, dtype, **kwargs : Any
        As in :class:`SegmentNet`.
    """

    def _measure(self, segment: Segment, rows: slice, state: list | None) -> Share:
        device = torch.device(self.device)
        token_ids = segment.token_ids[rows].to(device, non_blocking=True)
        with autocast(self.dtype, device):
            logits, output = self.module_(token_ids[:, :-1], state)
            nats, penalty = self.criterion_(logits, token_ids[:, 1:], output)
        is_known = segment.token_ids[:, 1:] >= N_SPECIAL
        # The loss is a mean over the known tokens of all rows, the penalties over all states of theirs.
        loss = nats.sum() / max(int(is_known.sum()), 1)
        return Share(
            loss,
            penalty * (len(token_ids) / len(segment.token_ids)),
            {"tokens": int(is_known[rows].sum())},
            [tuple(x.detach() for x in layer) for layer in output.state],
        )


class ContrastiveNet(SegmentNet):
    """A net whose module scores its own predictions.

    What is recognised in a segment, a batch of whole stretches, and how much of that by chance, is recorded
    beside the loss. Where a batch is read in parts, each has the candidates of its own rows alone. Processes
    that train together encode their shares of a part and compare all of its rows: candidates are as many as
    in one process.

    Parameters
    ----------
    module : torch.nn.Module
        Maps token ids to an :class:`skgenome.nn.InfoNCEOutput`. Several processes need a
        :class:`skgenome.nn.ContrastiveModule`, which can score rows that were encoded apart.
    *args, memory, dtype, **kwargs : Any
        As in :class:`SegmentNet`.
    """

    def _share(self, n_rows: int) -> slice:
        # All processes take the same parts, since they meet within each.
        return slice(0, n_rows)

    def _measure_parts(self, segment: Segment, kind: str, parts: list[slice]) -> Measured:
        # A meeting for each try: where the memory of one runs out, all begin again with smaller parts.
        measure = partial(super()._measure_parts, segment, kind, parts)
        measured = self.processes.together(measure)[self.processes.index]
        # Each has figures of all rows, which count once.
        return measured if self.processes.is_main else measured._replace(figures=[])

    def _score(self, token_ids: torch.Tensor) -> InfoNCEOutput:
        if self.processes.count == 1:
            return self.module_(token_ids)
        own = token_ids[self.processes.share(len(token_ids))]
        encode = partial(self.module_.encode, own) if len(own) else tuple
        return self.module_.info_nce(*self.processes.join_rows(encode, token_ids.device))

    def _measure(self, segment: Segment, rows: slice, state: list | None) -> Share:
        device = torch.device(self.device)
        token_ids = segment.token_ids[rows]
        with autocast(self.dtype, device):
            output = self._score(token_ids.to(device, non_blocking=True))
        figures = {name: float(getattr(output, name)) for name in ("accuracy", "chance")}
        counts = {"predictions": output.n_predictions, "tokens": int((token_ids >= N_SPECIAL).sum())}
        # By rows, since the number of predictions of a batch is not known before its last part.
        loss = output.loss * (len(token_ids) / len(segment.token_ids))
        return Share(loss / self.processes.count, 0.0, figures | counts)


#: Optimisers by name, with the options that differ from torch's.
OPTIMIZERS: dict[str, tuple[type[torch.optim.Optimizer], dict]] = {
    "adamw": (torch.optim.AdamW, {"betas": (0.8, 0.99), "fused": True}),
    "adam": (torch.optim.Adam, {"betas": (0.8, 0.99), "fused": True}),
    "sgd": (torch.optim.SGD, {"momentum": 0.9, "fused": True}),
}

#: Steps of the shortest cycle: warm-up and descent need two each to be told apart.
LEAST_CYCLE = 4

SCHEDULES = ("one-cycle", "cosine", "constant")


def schedule_callback(
    schedule: str, learning_rate: float | list[float], n_steps: int, optimizer: str | type = "adamw"
) -> Callback | None:
    """Make the callback that moves the learning rate.

    Parameters
    ----------
    schedule : {'one-cycle', 'cosine', 'constant'}
        One-cycle rises from a 25th of the peak over the first 30 % of the steps and falls along a cosine,
        while the first momentum, of an optimiser that has one, goes the other way, between .8 and .7. Cosine
        only falls.
    learning_rate : float or list of float
        The peak; one for each group of parameters, or the same for all.
    n_steps : int
        Steps of the whole training.
    optimizer : str or type, default='adamw'
        A name of ``OPTIMIZERS`` or a torch optimiser class.

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
        cycle_momentum=bool({"momentum", "betas"} & _options_of(_class_and_options(optimizer)[0])),
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

    Raises
    ------
    ValueError
        If the optimiser has no decay of the weights, and one is asked for.
    """
    chosen, options = _class_and_options(optimizer)
    if "weight_decay" in _options_of(chosen):
        options = {**options, "weight_decay": weight_decay}
    elif weight_decay:
        raise ValueError(
            f"optimizer={chosen.__name__} knows no weight_decay. Got weight_decay={weight_decay}: set it to "
            "0, or choose another optimizer."
        )
    return {"optimizer": chosen, **{f"optimizer__{name}": value for name, value in options.items()}}


def _class_and_options(optimizer: str | type) -> tuple[type, dict]:
    return OPTIMIZERS[optimizer] if isinstance(optimizer, str) else (optimizer, {})


def _options_of(optimizer: type) -> set[str]:
    return set(inspect.signature(optimizer).parameters)


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
        advice="Set a smaller bptt or a smaller network.",
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
        advice="Set a smaller n_patches, patch_length or width.",
        effect=(
            " But patches are told from those of a part alone: there are fewer negatives than asked for, and "
            "loss and accuracy are not comparable with those before. A smaller n_patches may keep them."
        ),
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
    advice: str,
    effect: str = "",
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
    advice, effect : str
        As in :class:`BatchMemory`.
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
        Whether to show a progress bar; only the main process does.
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
    memory = BatchMemory(advice, least_rows=least_rows, effect=effect)
    if place is not None and place.resumed is not None:
        # What goes on does so in the same parts, or its dropouts would draw other numbers.
        memory.limits.update(place.resumed.get("limits", {}))
    callbacks = {
        "finite": FiniteLoss(None if place is None else place.folder),
        "clip": GradientNormClipping(gradient_clip),
        "schedule": schedule_callback(schedule, learning_rate, n_steps, optimizer),
        "figures": figures,
        "checkpoint": None if place is None else Checkpoint(place, partial(_rest_of_state, module, memory)),
        "progress": TrainingProgress(
            n_steps, "pretraining", **shown, disable=not (progress and is_main_process())
        ),
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
        memory=memory,
        **net_options,
    )


def _rest_of_state(module: nn.Module, memory: BatchMemory) -> dict:
    """Give what belongs to a checkpoint beside the net, of which the weights must be worth keeping."""
    check_weights(module)
    return {"limits": memory.limits}
