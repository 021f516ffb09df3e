"""Train a classifier in stages: more of the network each time, every layer group at a rate of its own."""

import copy
import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, GradientNormClipping
from skorch.helper import predefined_split
from torch import nn

from skgenome.nn import ClassificationLoss, SequenceClassifierModule, row_nats
from skgenome.training._callbacks import FiniteLoss, TrainingProgress, check_weights
from skgenome.training._checkpoint import Checkpoint, Place, module_state, restore_module
from skgenome.training._device import autocast
from skgenome.training._inference import borrowed
from skgenome.training._memory import BatchMemory
from skgenome.training._nets import LEAST_CYCLE, add_up, optimizer_options, schedule_callback
from skgenome.training._processes import is_main_process, launched_processes
from skgenome.training._rows import Inputs, Labelled, LabelledRows, RowBatches

ADVICE = "Give shorter sequences, or set a smaller bptt or a smaller encoder."


class Stage(NamedTuple):
    """What is trained for how long."""

    n_groups: int
    """Layer groups that are trained, counted from the head down."""
    n_epochs: int
    """Passes over the labelled rows."""
    learning_rate: float
    """Peak rate of the head; every group below it has a lower one."""


class ClassifierNet(NeuralNet):
    """A net that computes in a precision of its own, in parts of a batch where the memory runs out.

    It is a subclass because skorch has no hook for autocast, nor for a loss that is minimised with a penalty
    and recorded without it.

    Parameters
    ----------
    module : torch.nn.Module
        Maps (token_ids, reverse) to logits.
    *args
        As in :class:`skorch.NeuralNet`.
    memory : BatchMemory
        How many rows go through the module at once.
    dtype : torch.dtype, default=torch.float32
        What matrix products are computed in while training.
    validation_dtype : torch.dtype, default=torch.float32
        The same for rows that are held out: that of predictions, since what is chosen is used for them.
    **kwargs
        As in :class:`skorch.NeuralNet`.
    """

    def __init__(
        self,
        module,
        *args,
        memory: BatchMemory,
        dtype: torch.dtype = torch.float32,
        validation_dtype: torch.dtype = torch.float32,
        **kwargs,
    ):
        super().__init__(module, *args, **kwargs)
        self.memory = memory
        self.dtype = dtype
        self.validation_dtype = validation_dtype
        self.processes = launched_processes()

    def infer(self, x: Inputs, **fit_params) -> torch.Tensor:
        """Compute the scores of one batch.

        Parameters
        ----------
        x : dict of Tensor
            The batch.
        **fit_params : dict
            Not used.

        Returns
        -------
        Tensor of shape (batch, n_outputs)
            Logits, float32.
        """
        dtype = self.dtype if self.module_.training else self.validation_dtype
        with autocast(dtype, torch.device(self.device)):
            return super().infer(x, **fit_params).float()

    def train_step_single(self, batch: tuple[Inputs, Any], **fit_params) -> dict:
        """Compute the gradients of one batch.

        Parameters
        ----------
        batch : tuple
            Inputs, and targets with weights.
        **fit_params : dict
            Not used.

        Returns
        -------
        dict
            ``loss`` is that of the labels alone: what is minimised has the module's penalty added. ``y_pred``
            are the scores of the rows that this process has computed.
        """
        self._set_training(True)
        step = self._measure_batch(batch, "train", self._zero_grad_optimizer)
        self.processes.add_gradients(self.module_)
        return step

    def validation_step(self, batch: tuple[Inputs, Any], **fit_params) -> dict:
        """Compute the loss of one batch.

        Parameters
        ----------
        batch : tuple
            Inputs, and targets with weights.
        **fit_params : dict
            Not used.

        Returns
        -------
        dict
            As :meth:`train_step_single` gives it.
        """
        self._set_training(False)
        with torch.no_grad():
            return self._measure_batch(batch, "valid")

    def _measure_batch(
        self, batch: tuple[Inputs, Any], kind: str, restart: Callable[[], object] = lambda: None
    ) -> dict:
        """Give the loss of a batch, and the logits of the own rows."""
        own, logits = self.processes.share(len(batch[1][1])), []
        measure = partial(self._measure_parts, batch, kind)

        def run() -> torch.Tensor:
            loss, scores = self.memory.run(kind, own.stop - own.start, measure, restart)
            logits.extend(scores)
            return loss

        loss = add_up(self.processes.together(run))
        return {
            "loss": loss,
            "y_pred": logits[0] if len(logits) == 1 else torch.cat(logits) if logits else None,
        }

    def _measure_parts(
        self, batch: tuple[Inputs, Any], kind: str, parts: list[slice]
    ) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Give what parts of the own rows contribute, as 'train' with gradients or as 'valid', and logits."""
        n_rows, losses, logits = len(batch[1][1]), [], []
        first = self.processes.share(n_rows).start
        for part in parts:
            n_own = part.stop - part.start
            if n_own == 0:
                # A last batch may have fewer rows than there are processes.
                continue
            rows = slice(first + part.start, first + part.stop)
            inputs, labelled = batch if n_own == n_rows else _rows_of(batch, rows)
            scores = self.infer(inputs)
            # The loss is a mean over rows, so that of a part counts as its share of them, and with it a
            # share of the penalty, which is the same for each part.
            share = n_own / n_rows
            loss = share * self.get_loss(scores, labelled, X=inputs, training=kind == "train")
            if kind == "train":
                (loss + share * self.module_.penalty()).backward()
            losses.append(loss.detach())
            logits.append(scores.detach())
        return add_up(losses), logits


def _rows_of(batch: tuple[Inputs, Labelled], rows: slice) -> tuple[Inputs, Labelled]:
    """Take some rows of a batch."""
    inputs, (targets, weights) = batch
    return {name: part[rows] for name, part in inputs.items()}, (targets[rows], weights[rows])


class BestWeights(Callback):
    """Keep the weights of the round that has the least validation loss.

    Parameters
    ----------
    loss : float
        Of the weights as they are before the training.
    module : torch.nn.Module
        Which weights.
    patience : int or None, default=None
        Rounds without a smaller loss after which the training ends. None: never.
    """

    def __init__(self, loss: float, module: nn.Module, patience: int | None = None):
        self.loss, self.patience = loss, patience
        self.epoch, self.n_epochs = 0, 0
        self.weights = copy.deepcopy(module.state_dict())

    @property
    def exhausted(self) -> bool:
        """Whether there has been no smaller loss for too long."""
        return self.patience is not None and self.n_epochs - self.epoch >= self.patience

    @property
    def state(self) -> dict:
        """What is kept, and since when."""
        return {name: getattr(self, name) for name in ("loss", "epoch", "n_epochs", "weights")}

    def restore(self, state: dict) -> None:
        """Set what was kept.

        Parameters
        ----------
        state : dict
            As ``state`` was.
        """
        for name, value in state.items():
            setattr(self, name, value)

    def on_epoch_end(self, net: NeuralNet, **kwargs) -> None:
        """Compare, and keep or not.

        Parameters
        ----------
        net : skorch.NeuralNet
            The net.
        **kwargs : dict
            Not used.

        Raises
        ------
        KeyboardInterrupt
            Where the training is to end: skorch stops on it and keeps its history.
        """
        self.n_epochs += 1
        loss = net.history[-1, "valid_loss"]
        if loss < self.loss:
            self.loss, self.epoch = loss, self.n_epochs
            self.weights = copy.deepcopy(net.module_.state_dict())
        if self.exhausted:
            raise KeyboardInterrupt


def gradual_stages(
    n_groups: int, epochs_per_stage: int, max_epochs: int, learning_rate: float
) -> list[Stage]:
    """Unfreeze one layer group after the other, from the top; the whole network is trained last.

    Parameters
    ----------
    n_groups : int
        Layer groups, the head counted in.
    epochs_per_stage : int
        Passes for each group that is added, before all are trained.
    max_epochs : int
        Passes for the whole network.
    learning_rate : float
        Peak rate of the head.

    Returns
    -------
    list of Stage
        From head and top layer to everything.

    References
    ----------
    Howard and Ruder, "Universal Language Model Fine-tuning for Text Classification" (2018), section 3.3.

    Examples
    --------
    >>> from skgenome.training import gradual_stages
    >>> [stage.n_groups for stage in gradual_stages(5, 1, 3, 1e-3)]
    [2, 3, 4, 5]
    """
    stages = [Stage(n, epochs_per_stage, learning_rate) for n in range(2, n_groups)]
    return [*stages, Stage(n_groups, max_epochs, learning_rate)]


def mean_loss(
    module: nn.Module,
    rows: LabelledRows,
    *,
    batch_size: int,
    strand: str,
    device: torch.device,
    dtype: torch.dtype = torch.float32,
) -> float:
    """Compute the weighted log loss of labelled rows, each process that of some of them.

    Parameters
    ----------
    module : torch.nn.Module
        Maps (token_ids, reverse) to logits. It is left as it was found.
    rows : LabelledRows
        The rows.
    batch_size : int
        Rows in a batch.
    strand : str
        As in :class:`RowBatches`.
    device : torch.device
        Where to run.
    dtype : torch.dtype, default=torch.float32
        In which precision.

    Returns
    -------
    float
        In nats.
    """
    memory, processes = BatchMemory(ADVICE, quiet=True), launched_processes()

    def sum_parts(batch: tuple[Inputs, Labelled], first: int, parts: list[slice]) -> float:
        total = 0.0
        for part in (part for part in parts if part.start < part.stop):
            inputs, (targets, weights) = _rows_of(batch, slice(first + part.start, first + part.stop))
            logits = module(**{name: x.to(device) for name, x in inputs.items()})
            total += float((row_nats(logits, targets.to(device)) * weights.to(device)).sum())
        return total

    def sum_own() -> float:
        total = 0.0
        for batch in RowBatches(rows, batch_size, strand):
            own = processes.share(len(batch[1][1]))
            total += memory.run("prediction", own.stop - own.start, partial(sum_parts, batch, own.start))
        return total

    with borrowed(module, device, dtype):
        return sum(processes.together(sum_own)) / len(rows)


def _freeze_below(module: SequenceClassifierModule, n_groups: int) -> None:
    """Let gradients reach the uppermost layer groups alone."""
    module.requires_grad_(False)
    for group in module.layer_groups()[-n_groups:]:
        group.requires_grad_(True)


def _group_rates(module: SequenceClassifierModule, stage: Stage, ratio: float) -> list[tuple[str, dict]]:
    """Give skorch a learning rate for each layer group, by a pattern of the names of its parameters."""
    names = {id(part): name for name, part in module.named_modules()}
    patterns = []
    for depth, group in enumerate(reversed(module.layer_groups())):
        # skorch makes no group of a pattern that matches nothing, as of a layer that only counts.
        if next(group.parameters(), None) is None:
            continue
        rate = stage.learning_rate / ratio**depth if depth < stage.n_groups else 0.0
        patterns.append((f"{names[id(group)]}.*", {"lr": rate}))
    # Layers that are not run are in no group; skorch would give them one of its own.
    n_grouped = sum(len(list(group.parameters())) for group in module.layer_groups())
    if n_grouped < len(list(module.parameters())):
        patterns.append(("*", {"lr": 0.0}))
    return patterns


def _stage_callbacks(
    stage: Stage,
    rates: list[float],
    steps_per_epoch: int,
    n_epochs: int,
    *,
    optimizer: str | type,
    schedule: str,
    gradient_clip: float,
    best: BestWeights | None,
    place: Place | None,
    more: Callable[[], dict],
    progress: bool,
) -> list[tuple[str, Callback]]:
    """Make what watches and steers a stage, of which `n_epochs` passes are made."""
    title = f"fine-tuning {stage.n_groups} layer groups"
    callbacks = {
        "finite": FiniteLoss(None if place is None else place.folder),
        "clip": GradientNormClipping(gradient_clip),
        # The schedule is that of the whole stage, also where it is left early.
        "schedule": schedule_callback(schedule, rates, steps_per_epoch * stage.n_epochs, optimizer),
        "best": best,
        "checkpoint": None if place is None else Checkpoint(place, more),
        "progress": TrainingProgress(
            steps_per_epoch * n_epochs, title, disable=not (progress and is_main_process())
        ),
    }
    return [(name, callback) for name, callback in callbacks.items() if callback is not None]


def _net_maker(
    module: nn.Module,
    validation: LabelledRows | None,
    *,
    batch_size: int,
    strand: str,
    optimizer: str | type,
    weight_decay: float,
    device: torch.device,
    dtype: torch.dtype,
    validation_dtype: torch.dtype,
    memory: BatchMemory,
) -> Callable[..., ClassifierNet]:
    """Make what makes the net of a stage: all that is the same in every stage is given already."""
    return partial(
        ClassifierNet,
        module,
        criterion=ClassificationLoss,
        **optimizer_options(optimizer, weight_decay),
        batch_size=batch_size,
        iterator_train=RowBatches,
        iterator_train__strand=strand,
        iterator_valid=RowBatches,
        iterator_valid__strand=strand,
        train_split=None if validation is None else predefined_split(validation),
        callbacks__print_log=None,
        device=device,
        dtype=dtype,
        validation_dtype=validation_dtype,
        memory=memory,
    )


def _fit_stage(net: ClassifierNet, train: LabelledRows, best: BestWeights | None) -> None:
    """Train until all passes are made or the patience is at its end."""
    net.fit(train)
    n_epochs = sum("dur" in row for row in net.history)
    if n_epochs < net.max_epochs and not (best is not None and best.exhausted):
        # skorch ends a training that the user interrupts as if it were whole.
        raise KeyboardInterrupt


def _rows_of_history(rounds: list, stage: int, n_before: int) -> list[dict]:
    return [
        {
            "epoch": n_before + i,
            "stage": stage,
            "train_loss": float(row["train_loss"]),
            "valid_loss": float(row.get("valid_loss", math.nan)),
            "seconds": row["dur"],
        }
        for i, row in enumerate(rounds)
        if "dur" in row
    ]


class _Course:
    """How far a training has come: which stage is next or being made, and what those before it have left.

    Parameters
    ----------
    module : torch.nn.Module
        What is trained.
    measure : callable or None
        Gives the validation loss of the module as it is. None: nothing is held out.
    patience : int or None
        As in :class:`BestWeights`.
    device : torch.device
        Where it is trained.
    place : Place or None
        Where checkpoints are written, and read where a former try has left some.
    memory : BatchMemory
        How many rows go through the module at once.
    """

    def __init__(
        self,
        module: nn.Module,
        measure: Callable[[], float] | None,
        patience: int | None,
        device: torch.device,
        place: Place | None,
        memory: BatchMemory,
    ):
        self.module, self.device, self.place, self.memory = module, device, place, memory
        self.stage, self.saved_stage = 1, 0
        resumed = None if place is None else place.resumed
        # A former try has measured it, with the weights of the start.
        loss = math.nan if measure is None or resumed is not None else measure()
        self.history = [{"epoch": 0, "stage": 0, "train_loss": math.nan, "valid_loss": loss, "seconds": 0.0}]
        self.best = None if measure is None else BestWeights(loss, module, patience)
        if resumed is not None:
            self._restore(resumed)

    @property
    def is_over(self) -> bool:
        """Whether there has been no smaller loss for too long."""
        return self.best is not None and self.best.exhausted

    def _restore(self, state: dict) -> None:
        restore_module(self.module, state, self.device)
        # What goes on does so in the same parts, or its dropouts would draw other numbers.
        self.memory.limits.update(state.get("limits", {}))
        course = state["course"]
        self.stage, self.history = course["stage"], course["history"]
        if self.best is not None:
            self.best.restore(course["best"])
        if "net" not in state and self.place is not None:
            # It was written between two stages, so that no net is to take it.
            self.place.resumed, self.saved_stage = None, self.stage

    def state(self) -> dict:
        """Give what belongs to a checkpoint beside the net, of which the weights must be worth keeping."""
        check_weights(self.module)
        best = None if self.best is None else self.best.state
        course = {"stage": self.stage, "history": self.history, "best": best}
        return {"course": course, "limits": self.memory.limits}

    def _save(self, place: Place) -> None:
        place.save({**module_state(self.module, self.device), **self.state()})
        self.saved_stage = self.stage

    def end_stage(self, rounds: list) -> None:
        """Put the rounds of a stage behind those before it."""
        self.history = self.history + _rows_of_history(rounds, self.stage, len(self.history))
        self.stage += 1
        if self.place is not None and self.place.is_due:
            self._save(self.place)

    def end(self) -> tuple[list[dict], int]:
        """Go back to the best weights, and say how it went."""
        if self.place is not None and self.saved_stage != self.stage:
            # One training of several, as that of a fold, is not made again.
            self._save(self.place)
        if self.best is None:
            return self.history, len(self.history) - 1
        self.module.load_state_dict(self.best.weights)
        return self.history, self.best.epoch


def _give_back(module: nn.Module) -> None:
    """Leave a module as prediction and the next training want it, whatever has happened to it."""
    module.requires_grad_(True)
    # Gradients would travel with every copy.
    module.zero_grad(set_to_none=True)
    module.to("cpu").eval()


def finetune(
    module: SequenceClassifierModule,
    train: LabelledRows,
    validation: LabelledRows | None,
    stages: Sequence[Stage],
    *,
    strand: str,
    batch_size: int,
    optimizer: str | type,
    schedule: str,
    weight_decay: float,
    gradient_clip: float,
    learning_rate_ratio: float,
    n_epochs: int | None,
    patience: int | None,
    device: torch.device,
    dtype: torch.dtype,
    validation_dtype: torch.dtype,
    seed: int,
    progress: bool,
    place: Place | None = None,
) -> tuple[list[dict], int]:
    """Train a classifier stage by stage, in place, and go back to the weights that validate best.

    Parameters
    ----------
    module : SequenceClassifierModule
        The classifier; its head has been fitted already. It is left on the CPU in eval mode with nothing
        frozen, also after an error.
    train, validation : LabelledRows
        The rows; validation may be None, which keeps the last weights.
    stages : sequence of Stage
        What is trained, in order.
    strand : {'forward', 'augment', 'average', 'concat'}
        As in :class:`RowBatches`.
    batch_size : int
        Rows in a batch.
    optimizer : str or type
        A name of ``OPTIMIZERS`` or a torch optimiser class.
    schedule : {'one-cycle', 'cosine', 'constant'}
        Course of the learning rate within a stage.
    weight_decay, gradient_clip : float
        Decay of the weights and largest norm of the gradient.
    learning_rate_ratio : float
        How many times the rate of a layer group is that of the group below it.
    n_epochs : int or None
        Passes after which to stop, in all stages together. None: all of them.
    patience : int or None
        Passes without a smaller validation loss after which to stop.
    device : torch.device
        Where to train.
    dtype : torch.dtype
        In which precision to train.
    validation_dtype : torch.dtype
        In which precision to compute the loss of held-out rows: that of predictions.
    seed : int
        Of the order of the rows.
    progress : bool
        Whether to show a progress bar; only the main process does.
    place : Place or None, default=None
        Where checkpoints are written, and read where a former try has left some.

    Returns
    -------
    history : list of dict
        A row for the start and one for each pass: ``epoch``, ``stage``, ``train_loss``, ``valid_loss``,
        ``seconds``.
    best_epoch : int
        The pass whose weights are kept; 0 is the start.

    Raises
    ------
    FloatingPointError
        If the loss becomes NaN or infinite.
    KeyboardInterrupt
        If the user interrupts the training.
    """
    of_rows: dict[str, Any] = {"batch_size": batch_size, "strand": strand}
    processes = launched_processes()
    # Heads were fitted in each process, which on a GPU need not give the same last digits.
    processes.align(module)
    processes.seed_own(seed, device)
    # One for all stages: what was too large for one is so for the next, which trains more.
    memory = BatchMemory(ADVICE)
    make_net = _net_maker(
        module,
        validation,
        **of_rows,
        optimizer=optimizer,
        weight_decay=weight_decay,
        device=device,
        dtype=dtype,
        validation_dtype=validation_dtype,
        memory=memory,
    )
    measure = None
    if validation is not None:
        measure = partial(mean_loss, module, validation, **of_rows, device=device, dtype=validation_dtype)
    try:
        course = _Course(module, measure, patience, device, place, memory)
        for stage in stages[course.stage - 1 :]:
            n_before = len(course.history) - 1
            left = stage.n_epochs if n_epochs is None else min(stage.n_epochs, n_epochs - n_before)
            if left <= 0 or course.is_over:
                break
            _freeze_below(module, stage.n_groups)
            groups = _group_rates(module, stage, learning_rate_ratio)
            callbacks = _stage_callbacks(
                stage,
                [group["lr"] for _, group in groups],
                len(RowBatches(train, **of_rows)),
                left,
                optimizer=optimizer,
                schedule=schedule,
                gradient_clip=gradient_clip,
                best=course.best,
                place=place,
                more=course.state,
                progress=progress,
            )
            net = make_net(
                optimizer__param_groups=groups,
                lr=stage.learning_rate,
                max_epochs=left,
                iterator_train__seed=seed + course.stage,
                callbacks=callbacks,
            )
            _fit_stage(net, train, course.best)
            course.end_stage(net.history)
        ended = course.end()
        processes.align(module)
        return ended
    finally:
        _give_back(module)


def train_head(
    head: nn.Module,
    features: np.ndarray,
    targets: np.ndarray,
    weights: np.ndarray,
    *,
    n_steps: int,
    learning_rate: float,
    weight_decay: float,
    batch_size: int,
    seed: int,
) -> None:
    """Train a head on features that do not change, in place.

    Parameters
    ----------
    head : torch.nn.Module
        Maps features to logits.
    features : ndarray of float32, shape (n_rows, n_features)
        What the encoder gives.
    targets, weights : ndarray
        As in :class:`LabelledRows`.
    n_steps : int
        Training steps.
    learning_rate, weight_decay : float
        Peak rate of the one-cycle schedule, decay of the weights.
    batch_size : int
        Rows in a step, drawn without replacement until fewer than that are left.
    seed : int
        Of the draws.
    """
    x, y, w = (torch.from_numpy(part) for part in (features, targets, weights.astype(np.float32)))
    optimizer = torch.optim.AdamW(head.parameters(), lr=learning_rate, weight_decay=weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, learning_rate, total_steps=max(n_steps, LEAST_CYCLE)
    )
    loss_of, rng = ClassificationLoss(), np.random.RandomState(seed)
    order = np.empty(0, dtype=np.intp)
    head.train()
    for _ in range(n_steps):
        if len(order) < min(batch_size, len(x)):
            order = rng.permutation(len(x))
        rows, order = order[:batch_size], order[batch_size:]
        optimizer.zero_grad()
        loss_of(head(x[rows]), (y[rows], w[rows])).backward()
        optimizer.step()
        schedule.step()
    head.eval()
