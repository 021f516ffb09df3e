"""One training of a classifier, and how the number of its passes is chosen."""

import copy
import warnings
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.base import TransformerMixin

from skgenome.classification._heads import fit_head, make_head
from skgenome.classification._splits import complete_splits, fold_splits, holdout_split, shows_all
from skgenome.classification._targets import Targets
from skgenome.exceptions import SkgenomeWarning
from skgenome.nn import BasePooled, SequenceClassifierModule
from skgenome.sequences import TokenIds
from skgenome.training import Checkpoints, LabelledRows, Place, Stage, finetune

#: early_stopping="auto": up to so many rows every row is held out once, beyond that a share of them.
MOST_ROWS_FOR_FOLDS = 250


class Features:
    """What an encoder makes of sequences before any training, worked out when first asked for.

    A head that starts even, or where a former try has left it, needs none of it.

    Parameters
    ----------
    encoder : LanguageModel or ContrastivePredictiveCoding
        Fitted, or with random weights. It must stay as it is.
    token_ids : TokenIds
        The sequences.
    labelled : ndarray of int
        Which of them have a label.

    Raises
    ------
    ModelMismatchError
        If the ids come from another tokenizer than those that the encoder was fitted on.
    """

    def __init__(self, encoder: TransformerMixin, token_ids: TokenIds, labelled: np.ndarray):
        self._encoder, self._token_ids, self._labelled = encoder, encoder.check_tokens(token_ids), labelled
        self.n_features = encoder.pooled_encoder().n_features

    @cached_property
    def of_all(self) -> np.ndarray:
        """Those of all sequences, which tell the scale: float32, (n_sequences, n_features)."""
        return self._encoder.transform(self._token_ids)

    def of_labelled(self, rows: np.ndarray) -> np.ndarray:
        """Give those of some labelled sequences.

        Parameters
        ----------
        rows : ndarray of int
            Which, counted among the labelled ones.

        Returns
        -------
        ndarray of float32, shape (n_rows, n_features)
            In the order of `rows`.
        """
        return self.of_all[self._labelled[rows]]


class Labelled(NamedTuple):
    """The rows to learn from, and all that is worked out of them once."""

    rows: LabelledRows
    """Token ids on the strands that are read, with targets and weights."""
    features: Features
    """Of these rows, and of those without a label."""
    targets: Targets
    """Labels and groups."""

    @classmethod
    def of(
        cls, encoder: TransformerMixin, token_ids: TokenIds, labelled: np.ndarray, targets: Targets
    ) -> "Labelled":
        """Put the parts together.

        Parameters
        ----------
        encoder : LanguageModel or ContrastivePredictiveCoding
            What is trained next, as it is before that.
        token_ids : TokenIds
            All sequences.
        labelled : ndarray of int
            Which of them have a label.
        targets : Targets
            Of those.

        Returns
        -------
        Labelled
            The rows.

        Raises
        ------
        ModelMismatchError
            If the ids come from another tokenizer than those that the encoder was fitted on.
        """
        features = Features(encoder, token_ids, labelled)
        own = token_ids if len(labelled) == token_ids.n_rows else token_ids.take(labelled)
        encoded, weights = targets.encode(), targets.weights
        return cls(
            LabelledRows.of_strand(own, encoded, weights, encoder.strand, encoder.k_), features, targets
        )


class Recipe(NamedTuple):
    """What all trainings of one fit have in common."""

    head: dict[str, Any]
    """Options of :func:`make_head`."""
    dropouts: dict[str, float]
    """Of the encoder."""
    bptt: int
    """Tokens through which the gradient goes back."""
    stages: list[Stage]
    """What is trained for how long; none leaves the network at its fitted head."""
    options: dict[str, Any]
    """The other options of :func:`skgenome.training.finetune`."""
    from_scratch: bool = False
    """Whether the encoder has random weights."""
    holds_still: bool = False
    """Whether the encoder is run as it predicts, and the head is trained alone."""

    @property
    def starts_even(self) -> bool:
        """Whether training starts from a head to which all classes are equally likely.

        Features of random weights vary little and tell little: a head that is fitted on them has large
        weights, through which the first steps of the encoder throw the scores about. Promoters of *E. coli*,
        5300 labels: accuracy .973 from a head of zeros, .949 from a fitted one that no pass of training could
        improve on.
        """
        return self.from_scratch and bool(self.stages)


class Trained(NamedTuple):
    """What a training gives."""

    module: SequenceClassifierModule
    """The network, in eval mode."""
    history: list[dict]
    """A row for the start and one for each pass."""
    best_epoch: int
    """The pass whose weights these are."""


def start_head(
    labelled: Labelled,
    rows: np.ndarray,
    recipe: Recipe,
    seed: int,
    *,
    is_fitted: bool = True,
) -> torch.nn.Module:
    """Make a head, and fit it on the features as they are.

    Parameters
    ----------
    labelled : Labelled
        Rows and labels.
    rows : ndarray of int
        Which of them.
    recipe : Recipe
        The kind of head.
    seed : int
        Of folds and draws.
    is_fitted : bool, default=True
        Whether it is fitted.

    Returns
    -------
    LinearHead or MLPHead
        The head. Where it is not fitted, and where a class is missing from the labels, its last layer is
        zero: all classes are equally likely.
    """
    targets, features = labelled.targets.subset(rows), labelled.features
    head = make_head(n_features=features.n_features, n_outputs=targets.coder.n_outputs, **recipe.head)
    if not is_fitted:
        return _even(head)
    head.standardize.measure(torch.from_numpy(features.of_all))
    known = targets.y if targets.y.ndim == 2 else targets.coder.classes
    if not shows_all(targets.y, known):
        return _even(head)
    weight_decay = recipe.options["weight_decay"]
    fit_head(head, features.of_labelled(rows), targets, weight_decay=weight_decay, seed=seed)
    return head


def _even(head: torch.nn.Module) -> torch.nn.Module:
    """Make all classes equally likely."""
    last = [layer for layer in head.modules() if isinstance(layer, torch.nn.Linear)][-1]
    torch.nn.init.zeros_(last.weight)
    torch.nn.init.zeros_(last.bias)
    return head


def train(
    pooled: BasePooled,
    head: torch.nn.Module,
    rows: LabelledRows,
    recipe: Recipe,
    seed: int,
    *,
    validation: LabelledRows | None = None,
    n_epochs: int | None = None,
    place: Place | None = None,
) -> Trained:
    """Fine-tune a copy of an encoder under a head.

    Parameters
    ----------
    pooled : BasePooled
        The encoder, which is left as it is.
    head : LinearHead or MLPHead
        The fitted head, which is trained in place.
    rows : LabelledRows
        What to learn from.
    recipe : Recipe
        How.
    seed : int
        Of the order of the rows.
    validation : LabelledRows or None
        What to choose the best pass by.
    n_epochs : int or None
        Passes after which to stop. None: those of all stages; 0 leaves the network as it is.
    place : Place or None
        Of checkpoints.

    Returns
    -------
    Trained
        The network and how it came about.
    """
    module = SequenceClassifierModule(copy.deepcopy(pooled), head, recipe.holds_still)
    module.encoder.prepare_training(recipe.bptt, recipe.dropouts)
    history, best_epoch = finetune(
        module,
        rows,
        validation,
        recipe.stages,
        strand=pooled.strand,
        n_epochs=n_epochs,
        seed=seed,
        place=place,
        **recipe.options,
    )
    return Trained(module, history, best_epoch)


class Trainer:
    """The trainings of one fit: from the same encoder and rows, on some or all of them.

    Parameters
    ----------
    pooled : BasePooled
        The encoder, which is left as it is.
    labelled : Labelled
        Rows and labels.
    recipe : Recipe
        How to train.
    seed : int
        Of everything random.
    checkpoints : Checkpoints
        Of the fit.
    """

    def __init__(
        self,
        pooled: BasePooled,
        labelled: Labelled,
        recipe: Recipe,
        seed: int,
        checkpoints: Checkpoints,
    ):
        self.pooled, self.labelled, self.recipe = pooled, labelled, recipe
        self.seed, self.checkpoints = seed, checkpoints

    def train(
        self,
        name: str,
        rows: np.ndarray,
        held_out: np.ndarray | None = None,
        n_epochs: int | None = None,
    ):
        """Fit a head on some rows and fine-tune on them.

        Parameters
        ----------
        name : str
            Of the training, where its checkpoints are.
        rows : ndarray of int
            Which.
        held_out : ndarray of int or None
            What to choose the best pass by.
        n_epochs : int or None
            Passes after which to stop.

        Returns
        -------
        Trained
            The network and how it came about.
        """
        place = self.checkpoints.place(name)
        # The weights of a checkpoint take the place of those that a head starts with.
        is_resumed = place is not None and place.resumed is not None
        is_fitted = not is_resumed and not (self.recipe.starts_even and n_epochs != 0)
        head = start_head(self.labelled, rows, self.recipe, self.seed, is_fitted=is_fitted)
        validation = None if held_out is None else self.labelled.rows.subset(held_out)
        part = self.labelled.rows.subset(rows)
        return train(
            self.pooled,
            head,
            part,
            self.recipe,
            self.seed,
            validation=validation,
            n_epochs=n_epochs,
            place=place,
        )

    def train_on_all(self, n_epochs: int | None = None) -> Trained:
        """Train on every row.

        Parameters
        ----------
        n_epochs : int or None
            Passes after which to stop.

        Returns
        -------
        Trained
            The network and how it came about.
        """
        return self.train("all", np.arange(len(self.labelled.targets.y)), n_epochs=n_epochs)

    def choose(self, how: str | bool, validation_size: float, n_folds: int) -> Trained:
        """Choose the number of passes on held-out rows, and give the network of so many.

        Parameters
        ----------
        how : {'auto', 'holdout', 'cv'} or False
            What is held out.
        validation_size : float
            Share of the rows for 'holdout'.
        n_folds : int
            For 'cv'.

        Returns
        -------
        Trained
            The network and how it came about.
        """
        targets = self.labelled.targets
        if not self.recipe.stages or how is False:
            return self.train_on_all()
        if how == "auto":
            how = "cv" if len(targets.y) <= MOST_ROWS_FOR_FOLDS else "holdout"
        if how == "cv":
            splits = complete_splits(targets.y, fold_splits(targets, n_folds, self.seed))
        else:
            splits = holdout_split(targets, validation_size, self.seed)
        if not splits:
            _warn_nothing_to_hold_out()
            return self.train_on_all(n_epochs=0)
        return self._by_folds(splits) if how == "cv" else self._by_holdout(*splits[0])

    def _by_holdout(self, rows: np.ndarray, held_out: np.ndarray) -> Trained:
        trained = self.train("holdout", rows, held_out)
        if trained.best_epoch > 0:
            return trained
        # The head alone was best: then it may as well learn from the rows that were held out.
        return self.train_on_all(n_epochs=0)._replace(history=trained.history)

    def _by_folds(self, splits: list[tuple[np.ndarray, np.ndarray]]) -> Trained:
        histories = [self.train(f"fold-{i}", *split).history for i, split in enumerate(splits, start=1)]
        mean = mean_fold_loss(histories, splits, self.labelled.rows.weights)
        best_epoch = int(np.argmin(mean))
        trained = self.train_on_all(n_epochs=best_epoch)
        return Trained(trained.module, join_histories(trained.history, histories[0], mean), best_epoch)


def mean_fold_loss(
    histories: list[list[dict]], splits: list[tuple[np.ndarray, np.ndarray]], weights: np.ndarray
) -> np.ndarray:
    """Average the validation loss of folds, pass by pass, over all rows that were held out.

    Parameters
    ----------
    histories : list of list of dict
        Of each fold. A fold that was stopped early ends the comparison for all.
    splits : list of (train, validation)
        Row numbers.
    weights : ndarray of shape (n_rows,)
        Of the rows.

    Returns
    -------
    ndarray of shape (n_epochs + 1,)
        In nats; the first is that of the start.
    """
    n_epochs = min(map(len, histories))
    losses = np.array([[row["valid_loss"] for row in rows[:n_epochs]] for rows in histories])
    # A fold's loss is a mean over its rows, of weights that need not have mean 1 there.
    counts = np.array([len(held_out) for _, held_out in splits])
    return counts @ losses / sum(weights[held_out].sum() for _, held_out in splits)


def join_histories(history: list[dict], of_fold: list[dict], valid_loss: np.ndarray) -> list[dict]:
    """Put the losses of folds beside the passes of the training on all rows.

    Parameters
    ----------
    history : list of dict
        Of the training on all rows, which ends at the best pass.
    of_fold : list of dict
        Of a fold, for the stages of the passes after that.
    valid_loss : ndarray of shape (n_epochs + 1,)
        Of the folds.

    Returns
    -------
    list of dict
        A row for the start and each pass that was compared; of those after the best, nothing but the
        validation loss is known.
    """
    rest = [{**row, "train_loss": np.nan, "seconds": 0.0} for row in of_fold[len(history) : len(valid_loss)]]
    rows = [*history, *rest]
    return [{**row, "valid_loss": loss} for row, loss in zip(rows, valid_loss.tolist(), strict=True)]


def _warn_nothing_to_hold_out() -> None:
    warnings.warn(
        "A class or label has a single row, or its rows are all of one group, so that none can be held out "
        "to choose the number of passes by: the head alone is fitted. Give more labels, or set "
        "early_stopping=False to fine-tune without a choice.",
        SkgenomeWarning,
        stacklevel=2,
    )
