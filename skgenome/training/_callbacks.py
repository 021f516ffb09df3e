"""What watches a training run."""

import math
from pathlib import Path

import torch
from skorch import NeuralNet
from skorch.callbacks import Callback
from tqdm.auto import tqdm


def bits_per_base(nats_per_token: float, new_bases: int) -> float:
    """Turn nats for each token into bits for each newly predicted base.

    Parameters
    ----------
    nats_per_token : float
        Mean surprise.
    new_bases : int
        Bases that each token adds: the stride, or k where tokens do not overlap.

    Returns
    -------
    float
        2 for a model that knows nothing.

    Examples
    --------
    >>> import math
    >>> from skgenome.training import bits_per_base
    >>> bits_per_base(math.log(4), new_bases=1)
    2.0
    """
    return nats_per_token / (math.log(2) * new_bases)


def _total(batches: list[dict], name: str) -> float:
    """Sum what some batches have a record of: a round holds training and validation."""
    return sum(batch[name] for batch in batches if name in batch)


def _weighted_mean(batches: list[dict], name: str, weight: str) -> float:
    """Average over the batches that have a weight."""
    rows = [batch for batch in batches if weight in batch]
    return sum(batch[name] * batch[weight] for batch in rows) / _total(rows, weight)


def n_steps_of(row: dict) -> int:
    """Count the training steps of a round, which may not have ended.

    Parameters
    ----------
    row : dict
        Of skorch's history.

    Returns
    -------
    int
        How many.
    """
    n_steps = row.get("train_batch_count")
    return sum("train_loss" in batch for batch in row["batches"]) if n_steps is None else n_steps


class BitsPerBase(Callback):
    """Record bits per base of each round, over its tokens, for training and validation.

    Parameters
    ----------
    new_bases : int
        Bases that each token adds.
    """

    def __init__(self, new_bases: int):
        self.new_bases = new_bases

    def on_epoch_end(self, net: NeuralNet, **kwargs) -> None:
        """Record the figures of the round.

        Parameters
        ----------
        net : skorch.NeuralNet
            The net.
        **kwargs : dict
            Not used.
        """
        batches = net.history[-1]["batches"]
        for prefix in ("train", "valid"):
            n_tokens = _total(batches, f"{prefix}_tokens")
            if n_tokens:
                nats = _weighted_mean(batches, f"{prefix}_loss", f"{prefix}_tokens")
                net.history.record(f"{prefix}_bits_per_base", bits_per_base(nats, self.new_bases))
                net.history.record(f"{prefix}_tokens", n_tokens)


class PatchAccuracy(Callback):
    """Record loss, accuracy and chance of each round, over its predictions, for training and validation."""

    def on_epoch_end(self, net: NeuralNet, **kwargs) -> None:
        """Record the figures of the round.

        Parameters
        ----------
        net : skorch.NeuralNet
            The net.
        **kwargs : dict
            Not used.
        """
        batches = net.history[-1]["batches"]
        for part in ("train", "valid"):
            if not _total(batches, f"{part}_predictions"):
                continue
            for figure in ("loss", "accuracy", "chance"):
                mean = _weighted_mean(batches, f"{part}_{figure}", f"{part}_predictions")
                net.history.record(f"{part}_{figure}", mean)
            net.history.record(f"{part}_tokens", _total(batches, f"{part}_tokens"))


def check_weights(module: torch.nn.Module) -> None:
    """See that all weights are numbers.

    A step whose loss is one may have a gradient that is none, so that the loss tells it a step too late.

    Parameters
    ----------
    module : torch.nn.Module
        Its parameters are looked at.

    Raises
    ------
    FloatingPointError
        If one is NaN or infinite.
    """
    for name, weight in module.named_parameters():
        if not weight.isfinite().all():
            raise FloatingPointError(
                f"The weights {name} became NaN or infinite in a training step whose loss was neither. They "
                "are not kept: the last checkpoint, where there is one, has those before. Lower "
                "learning_rate or gradient_clip, or set precision='float32'."
            )


class FiniteLoss(Callback):
    """Stop a training that has run away.

    Parameters
    ----------
    folder : Path or None, default=None
        Where checkpoints are: the error says where the last good weights lie.
    """

    def __init__(self, folder: Path | None = None):
        self.folder = folder

    def on_batch_end(self, net: NeuralNet, training: bool = False, **kwargs) -> None:
        """Look at the loss of the step.

        Parameters
        ----------
        net : skorch.NeuralNet
            The net.
        training : bool
            Whether it was a training step, not one of validation.
        **kwargs : dict
            Not used.

        Raises
        ------
        FloatingPointError
            If the loss is NaN or infinite.
        """
        loss, name = ("loss", "train_loss") if training else ("validation loss", "valid_loss")
        value = net.history[-1, "batches", -1].get(name, 0.0)
        if not math.isfinite(value):
            step = sum(map(n_steps_of, net.history))
            raise FloatingPointError(
                f"The {loss} became {value} at training step {step}. Lower learning_rate "
                f"(now {net.lr:g}) or gradient_clip, or set precision='float32'.{self._last_good_weights()}"
            )

    def on_train_end(self, net: NeuralNet, **kwargs) -> None:
        """Look at the weights: after the last step no loss tells what they have become.

        Parameters
        ----------
        net : skorch.NeuralNet
            The net.
        **kwargs : dict
            Not used.

        Raises
        ------
        FloatingPointError
            If one is NaN or infinite.
        """
        check_weights(net.module_)

    def _last_good_weights(self) -> str:
        if self.folder is None:
            return " With checkpoint_dir, the last good weights would have been kept."
        file = max(self.folder.glob("[0-9]*.safetensors"), default=None)
        if file is None:
            return " No checkpoint had been written before."
        return (
            f" The last good weights are kept in {file}: skgenome.training.unpack_state(file.read_bytes())"
            "['weights']. The same call would go on from there, and run away again."
        )


class TrainingProgress(Callback):
    """Show a bar with the loss, of training as a running mean and of the last validation.

    Parameters
    ----------
    n_steps : int
        Steps of the whole training.
    title : str
        What is going on.
    new_bases : int or None, default=None
        Bases that each token adds: losses are then shown as bits per base. None shows nats.
    figures : tuple of str, default=()
        What else is shown of training, as a running mean: records of a batch.
    disable : bool, default=False
        Show nothing.
    """

    # Weight of the newest step in the running mean; the figure is for reading, not for deciding.
    NEWEST = 0.05

    def __init__(
        self,
        n_steps: int,
        title: str,
        new_bases: int | None = None,
        figures: tuple[str, ...] = (),
        disable: bool = False,
    ):
        self.n_steps, self.title, self.new_bases = n_steps, title, new_bases
        self.figures, self.disable = figures, disable

    def _figure(self, nats: float) -> str:
        value = nats if self.new_bases is None else bits_per_base(nats, self.new_bases)
        return f"{value:.3f}"

    def on_train_begin(self, net: NeuralNet, **kwargs) -> None:
        """Open the bar.

        Parameters
        ----------
        net : skorch.NeuralNet
            The net.
        **kwargs : dict
            Not used.
        """
        # Steps of a former try, where the training goes on from a checkpoint.
        initial = sum(map(n_steps_of, net.history))
        self.bar_ = tqdm(
            total=self.n_steps, initial=initial, desc=self.title, unit="step", disable=self.disable
        )
        self.means_: dict[str, float] = {}
        self.shown_: dict[str, float | str] = {}

    def on_batch_end(self, net: NeuralNet, training: bool = False, **kwargs) -> None:
        """Move the bar.

        Parameters
        ----------
        net : skorch.NeuralNet
            The net.
        training : bool
            Whether it was a training step.
        **kwargs : dict
            Not used.
        """
        if self.disable or not training:
            return
        name = "loss" if self.new_bases is None else "bits/base"
        self.shown_[name] = self._figure(self._running_mean(net, "loss"))
        for figure in self.figures:
            self.shown_[figure] = f"{self._running_mean(net, figure):.3f}"
        self.bar_.set_postfix(self.shown_, refresh=False)
        self.bar_.update()

    def _running_mean(self, net: NeuralNet, figure: str) -> float:
        value = net.history[-1, "batches", -1, f"train_{figure}"]
        mean = self.means_.get(figure, value)
        self.means_[figure] = mean + self.NEWEST * (value - mean)
        return self.means_[figure]

    def on_epoch_end(self, net: NeuralNet, **kwargs) -> None:
        """Show the validation figure.

        Parameters
        ----------
        net : skorch.NeuralNet
            The net.
        **kwargs : dict
            Not used.
        """
        row = net.history[-1]
        figure = "valid_loss" if self.new_bases is None else "valid_bits_per_base"
        if figure in row:
            self.shown_["valid"] = f"{row[figure]:.3f}"
            self.bar_.set_postfix(self.shown_)

    def on_train_end(self, net: NeuralNet, **kwargs) -> None:
        """Close the bar.

        Parameters
        ----------
        net : skorch.NeuralNet
            The net.
        **kwargs : dict
            Not used.
        """
        self.bar_.close()
