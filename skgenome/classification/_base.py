"""What the classifiers share: parameters, the training on labels, predictions."""

import copy
import os
from numbers import Integral, Real

import torch
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted

from skgenome._sklearn import Interval, Options, StrOptions
from skgenome.classification._heads import restore_head
from skgenome.classification._targets import TargetCoder
from skgenome.classification._training import Labelled, Recipe, Trainer
from skgenome.nn import POOLINGS
from skgenome.training import (
    OPTIMIZERS,
    PRECISIONS,
    SCHEDULES,
    Stage,
    gradual_stages,
    resolve_device,
    resolve_precision,
    seeded,
)

_ENCODER_DROPOUTS = ("input_p", "hidden_p", "embedding_p", "weight_p")


def _read_schedule(schedule, n_groups):
    """Turn a user's stages into those that training knows."""
    stages = [_read_stage(stage, n_groups) for stage in schedule]
    if not stages or None in stages:
        raise ValueError(
            "unfreeze_schedule must be a list of (number of layer groups, epochs, learning rate) with 1 to "
            f"{n_groups} groups, at least one epoch and a positive rate each. Got {schedule!r} instead."
        )
    return stages


def _read_stage(stage, n_groups):
    """Give one stage, or None if it makes no sense."""
    if not isinstance(stage, list | tuple) or [isinstance(x, Real) for x in stage] != [True] * 3:
        return None
    n, n_epochs, learning_rate = stage
    whole = isinstance(n, Integral) and isinstance(n_epochs, Integral)
    good = whole and 1 <= n <= n_groups and n_epochs >= 1 and learning_rate > 0
    return Stage(int(n), int(n_epochs), float(learning_rate)) if good else None


class BaseSequenceClassifier(ClassifierMixin, BaseEstimator):
    """Encoder with a head: what :class:`SequenceClassifier` and :class:`ULMFiTClassifier` have in common."""

    _parameter_constraints: dict = {
        "encoder": "no_validation",
        "head": [StrOptions({"linear", "mlp", "concat-pool"})],
        "training": [StrOptions({"gradual", "finetune", "frozen"})],
        "unfreeze_schedule": [list, tuple, None],
        "epochs_per_stage": [Interval(Integral, 1, None, closed="left")],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "learning_rate_ratio": [Interval(Real, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "optimizer": [StrOptions(set(OPTIMIZERS)), type],
        "schedule": [StrOptions(set(SCHEDULES))],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "gradient_clip": [Interval(Real, 0, None, closed="neither")],
        "output_p": [Interval(Real, 0, 1, closed="left")],
        "hidden_p": [Interval(Real, 0, 1, closed="left")],
        "input_p": [Interval(Real, 0, 1, closed="left")],
        "embedding_p": [Interval(Real, 0, 1, closed="left")],
        "weight_p": [Interval(Real, 0, 1, closed="left")],
        "dropout_scale": [Interval(Real, 0, None, closed="left")],
        "head_size": [Interval(Integral, 1, None, closed="left")],
        "head_p": [Interval(Real, 0, 1, closed="left")],
        "bptt": [Interval(Integral, 1, None, closed="left")],
        "class_weight": [StrOptions({"balanced"}), dict, None],
        "early_stopping": [StrOptions({"auto", "holdout", "cv"}), Options(bool, {False})],
        "validation_size": [Interval(Real, 0, 1, closed="neither")],
        "cv": [Interval(Integral, 2, None, closed="left")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), None],
        "strand": [StrOptions({"forward", "augment", "average", "concat"}), None],
        "pooling": [StrOptions(set(POOLINGS)), Interval(Integral, 1, None, closed="left"), None],
        "layer": [Integral, StrOptions({"all"}), None],
        "device": [str, torch.device],
        "precision": [StrOptions(set(PRECISIONS))],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
        "checkpoint_dir": [str, os.PathLike, None],
        "checkpoint_minutes": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        encoder,
        *,
        head="linear",
        training="gradual",
        unfreeze_schedule=None,
        epochs_per_stage=1,
        max_epochs=6,
        learning_rate=1e-3,
        learning_rate_ratio=2.6,
        batch_size=32,
        optimizer="adamw",
        schedule="one-cycle",
        weight_decay=0.01,
        gradient_clip=1.0,
        output_p=0.4,
        hidden_p=0.2,
        input_p=0.6,
        embedding_p=0.1,
        weight_p=0.5,
        dropout_scale=0.3,
        head_size=50,
        head_p=0.1,
        bptt=512,
        class_weight=None,
        early_stopping="auto",
        validation_size=0.1,
        cv=5,
        n_iter_no_change=None,
        strand=None,
        pooling=None,
        layer=None,
        device="auto",
        precision="auto",
        random_state=None,
        verbose=0,
        checkpoint_dir=None,
        checkpoint_minutes=10.0,
    ):
        self.encoder = encoder
        self.head = head
        self.training = training
        self.unfreeze_schedule = unfreeze_schedule
        self.epochs_per_stage = epochs_per_stage
        self.max_epochs = max_epochs
        self.learning_rate = learning_rate
        self.learning_rate_ratio = learning_rate_ratio
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.schedule = schedule
        self.weight_decay = weight_decay
        self.gradient_clip = gradient_clip
        self.output_p = output_p
        self.hidden_p = hidden_p
        self.input_p = input_p
        self.embedding_p = embedding_p
        self.weight_p = weight_p
        self.dropout_scale = dropout_scale
        self.head_size = head_size
        self.head_p = head_p
        self.bptt = bptt
        self.class_weight = class_weight
        self.early_stopping = early_stopping
        self.validation_size = validation_size
        self.cv = cv
        self.n_iter_no_change = n_iter_no_change
        self.strand = strand
        self.pooling = pooling
        self.layer = layer
        self.device = device
        self.precision = precision
        self.random_state = random_state
        self.verbose = verbose
        self.checkpoint_dir = checkpoint_dir
        self.checkpoint_minutes = checkpoint_minutes

    def _copy_encoder(self, encoder, random_state):
        """Give a copy of the encoder that may be changed, with its weights if it is fitted."""
        inner = getattr(encoder, "estimator", encoder)
        if not hasattr(inner, "pooled_encoder"):
            raise TypeError(
                "encoder must be a LanguageModel, a ContrastivePredictiveCoding, or a FrozenEstimator of "
                f"one. Got {type(encoder).__name__} instead. A tokenizer goes before this classifier, in a "
                "Pipeline."
            )
        if hasattr(inner, "module_"):
            return copy.deepcopy(inner)
        if isinstance(encoder, FrozenEstimator):
            raise ValueError(
                "encoder is a FrozenEstimator of a model that was never fitted. Fit it on unlabelled "
                "sequences, or pass it as it is to train its network from scratch."
            )
        inner = clone(inner)
        return inner if inner.random_state is not None else inner.set_params(random_state=random_state)

    def _reading(self):
        """Say how an encoder is read: the parameters that are not None, and what the head demands."""
        own = {"strand": self.strand, "pooling": self.pooling, "layer": self.layer}
        if self.head == "concat-pool":
            if self.pooling not in (None, "concat") or self.layer not in (None, -1):
                raise ValueError(
                    "head='concat-pool' reads last, max and mean of the last layer. Got "
                    f"pooling={self.pooling!r} and layer={self.layer!r}: leave both None, or use head='mlp'."
                )
            own |= {"pooling": "concat", "layer": -1}
        reading = {name: value for name, value in own.items() if value is not None}
        return reading | {"device": self.device, "precision": self.precision}

    def _dropout(self, name):
        return min(float(getattr(self, name) * self.dropout_scale), 0.99)

    def _stages(self, n_groups):
        """Give the stages of the training, the user's or those of `training`."""
        if self.training == "frozen":
            return []
        if self.unfreeze_schedule is not None:
            return _read_schedule(self.unfreeze_schedule, n_groups)
        if self.training == "gradual":
            return gradual_stages(n_groups, self.epochs_per_stage, self.max_epochs, self.learning_rate)
        return [Stage(n_groups, self.max_epochs, self.learning_rate)]

    def _recipe(self, stages, from_scratch=False):
        """Gather what all trainings of one fit have in common."""
        device = resolve_device(self.device)
        return Recipe(
            head={
                "head": self.head,
                "hidden_size": self.head_size,
                "input_p": self._dropout("output_p"),
                "hidden_p": self.head_p,
            },
            dropouts={name: self._dropout(name) for name in _ENCODER_DROPOUTS},
            bptt=self.bptt,
            stages=stages,
            options={
                "batch_size": self.batch_size,
                "optimizer": self.optimizer,
                "schedule": self.schedule,
                "weight_decay": self.weight_decay,
                "gradient_clip": self.gradient_clip,
                "learning_rate_ratio": self.learning_rate_ratio,
                "patience": self.n_iter_no_change,
                "device": device,
                "dtype": resolve_precision(self.precision, device),
                # As the encoder predicts.
                "validation_dtype": torch.bfloat16 if self.precision == "bfloat16" else torch.float32,
                "progress": bool(self.verbose),
            },
            from_scratch=from_scratch,
        )

    def _learn(self, encoder, token_ids, rows, targets, random_state, checkpoints, from_scratch=False):
        """Fit head and network on some rows; all of them tell the scale of the features."""
        pooled = encoder.pooled_encoder()
        recipe = self._recipe(self._stages(len(pooled.layer_groups()) + 1), from_scratch)
        labelled = Labelled.of(encoder, token_ids, rows, targets)
        with seeded(random_state, resolve_device(self.device)) as seed:
            trainer = Trainer(pooled, labelled, recipe, seed, checkpoints)
            trained = trainer.choose(self.early_stopping, self.validation_size, self.cv)
        return self._keep(encoder, targets.coder, trained)

    def _keep(self, encoder, coder, trained):
        """Set what was learnt."""
        encoder.replace_encoder(trained.module.encoder.encoder)
        self.encoder_ = encoder
        self.head_ = trained.module.head.eval()
        self.history_, self.best_epoch_ = trained.history, trained.best_epoch
        self.coder_ = coder
        self.classes_ = coder.classes
        self.k_, self.stride_ = encoder.k_, encoder.stride_
        return self

    def _logits(self, X, origins=None):
        check_is_fitted(self)
        # Where it is run may have changed since: the model may have come to a machine without a GPU.
        encoder = self.encoder_.set_params(device=self.device, precision=self.precision)
        features = encoder.transform(X) if origins is None else encoder.transform_edits(X, origins)
        with torch.inference_mode():
            return self.head_(torch.from_numpy(features)).numpy()

    def _decision(self, logits):
        return logits[:, 0] if self.coder_.kind == "binary" else logits

    def decision_function(self, X):
        """Compute the scores before they become probabilities.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_tokens) or list of 1-D arrays, unsigned integers
            Token ids of the same tokenizer, of any length.

        Returns
        -------
        ndarray of float32, shape (n_samples,) or (n_samples, n_classes)
            Log odds of ``classes_[1]`` for two classes, else one score for each class or label.
        """
        return self._decision(self._logits(X))

    def decision_function_edits(self, X, origins):
        """Compute what :meth:`decision_function` does, for edits of a few sequences, in less time.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_tokens) or list of 1-D arrays, unsigned integers
            Token ids of the same tokenizer, of any length.
        origins : array-like of int, shape (n_samples,)
            The row that each is an edit of; its own number where it is none. What a row begins with as that
            one does is read once by a recurrent encoder that reads token by token; by others, every time.
            Nothing is looked up in the encoder's cache, nor kept there.

        Returns
        -------
        ndarray of float32, shape (n_samples,) or (n_samples, n_classes)
            Log odds of ``classes_[1]`` for two classes, else one score for each class or label.

        Raises
        ------
        ValueError
            If `origins` does not have the number of a row for each row.
        """
        return self._decision(self._logits(X, origins))

    def predict_proba(self, X):
        """Predict the probability of every class.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_tokens) or list of 1-D arrays, unsigned integers
            Token ids of the same tokenizer, of any length.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Columns in the order of `classes_`; rows sum to one. For labels of their own, the probability of
            each, whose sum means nothing.
        """
        logits = self._logits(X)
        return self.coder_.probabilities(logits)

    def predict_proba_edits(self, X, origins):
        """Predict what :meth:`predict_proba` does, for edits of a few sequences, in less time.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_tokens) or list of 1-D arrays, unsigned integers
            Token ids of the same tokenizer, of any length.
        origins : array-like of int, shape (n_samples,)
            As in :meth:`decision_function_edits`.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            As :meth:`predict_proba`.

        Raises
        ------
        ValueError
            If `origins` does not have the number of a row for each row.
        """
        return self.coder_.probabilities(self._logits(X, origins))

    def predict(self, X):
        """Predict the most probable class.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_tokens) or list of 1-D arrays, unsigned integers
            Token ids of the same tokenizer, of any length.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_labels)
            Class labels; for labels of their own an indicator matrix.
        """
        logits = self._logits(X)
        return self.coder_.decide(logits)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "head_")

    def __getstate__(self):
        # As with the encoder: weights travel as numpy arrays, and no time of a pass makes a fit its own.
        state = super().__getstate__().copy()
        if "head_" in state:
            head = state.pop("head_")
            state["head_weights_"] = {name: value.cpu().numpy() for name, value in head.state_dict().items()}
            state["history_"] = [
                {name: value for name, value in row.items() if name != "seconds"} for row in self.history_
            ]
            state["coder_"] = tuple(self.coder_)
        return state

    def __setstate__(self, state):
        state = state.copy()
        weights = state.pop("head_weights_", None)
        super().__setstate__(state)
        if weights is not None:
            self.coder_ = TargetCoder(*self.coder_)
            self.head_ = restore_head(weights, input_p=self._dropout("output_p"), hidden_p=self.head_p)

    def __sklearn_clone__(self):
        twin = super().__sklearn_clone__()
        # A fitted encoder keeps its weights: a plain clone of it would be trained from scratch, silently.
        if hasattr(self.encoder, "module_") and not isinstance(self.encoder, FrozenEstimator):
            twin.encoder = FrozenEstimator(self.encoder)
        return twin

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.categorical = True
        tags.input_tags.positive_only = True
        tags.classifier_tags.multi_label = True
        tags.target_tags.multi_output = False
        return tags
