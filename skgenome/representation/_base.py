"""What representations have in common: training on unlabelled tokens, features of sequences, saving."""

import copy
import logging
import os
import warnings
from hashlib import blake2b
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skgenome._sklearn import Interval, StrOptions, fit_context
from skgenome.exceptions import ModelMismatchError, SkgenomeWarning
from skgenome.nn import POOLINGS, rebuild
from skgenome.representation._cache import compute_missing
from skgenome.sequences import check_token_rows, overlaps_by
from skgenome.training import (
    OPTIMIZERS,
    PRECISIONS,
    SCHEDULES,
    checkpoints_of,
    draw_seed,
    hold_out,
    launched_processes,
    n_steps_of,
    net_state,
    pool_edits,
    pool_rows,
    resolve_device,
    resolve_precision,
    seeded,
)

logger = logging.getLogger(__name__)

#: validation_size="auto": a share of the corpus, and as many tokens as tell the third decimal.
AUTO_VALIDATION_SHARE = 0.05
AUTO_VALIDATION_TOKENS = 200_000


class BaseRepresentation(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """A network that is pretrained on unlabelled token ids and read as features.

    A subclass says how its network is made (:meth:`_resolve_geometry`, :meth:`_architecture`,
    :meth:`_make_module`), trained (:meth:`_make_net`, :meth:`_longest_stretch`) and read
    (:meth:`pooled_encoder`), and in ``_figures`` what is measured in training.
    """

    _parameter_constraints: dict = {
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "max_steps": [Interval(Integral, 1, None, closed="left"), None],
        "steps_per_round": [Interval(Integral, 1, None, closed="left"), None],
        "optimizer": [StrOptions(set(OPTIMIZERS)), type],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "schedule": [StrOptions(set(SCHEDULES))],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "gradient_clip": [Interval(Real, 0, None, closed="neither")],
        "validation_size": [
            StrOptions({"auto"}),
            Interval(Real, 0, 1, closed="left"),
            Interval(Integral, 0, None, closed="left"),
        ],
        "validation_unit": [StrOptions({"stretches", "contigs"})],
        "strand": [StrOptions({"forward", "augment", "average", "concat"})],
        "pooling": [StrOptions(set(POOLINGS)), Interval(Integral, 1, None, closed="left")],
        "layer": [Integral, StrOptions({"all"})],
        "cache_size": [Interval(Integral, 0, None, closed="left")],
        "device": [str, torch.device],
        "precision": [StrOptions(set(PRECISIONS))],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
        "checkpoint_dir": [str, os.PathLike, None],
        "checkpoint_minutes": [Interval(Real, 0, None, closed="left")],
    }

    #: What a round of training is judged by: columns of ``history_``, for training and validation.
    _figures: tuple[str, ...] = ()
    #: Parameters that the training has no use for.
    _of_reading = ("pooling", "layer")

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Pretrain from scratch.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_tokens), list of 1-D arrays, or StoredTokenIds
            Token ids, unsigned integers, padded on the right with 0; a row is a contig or a sequence. Those
            of a store on disk are read as they are needed: memory does not grow with the corpus.
        y : None
            Not used.

        Returns
        -------
        self : estimator
            The fitted estimator.

        Raises
        ------
        ValueError
            If there is nothing to predict: every row is too short.
        FloatingPointError
            If the loss becomes NaN or infinite.
        OSError
            If `checkpoint_dir` cannot be written to.
        KeyboardInterrupt
            If the user interrupts the training.

        Warns
        -----
        SkgenomeWarning
            If the training is interrupted: the estimator is fitted, with the weights it has come to. If a
            checkpoint cannot be written or read, or `checkpoint_dir` has one of another call alone.
        """
        token_ids = check_token_rows(X)
        with checkpoints_of(self, "fit", {"X": token_ids}, self._of_reading) as checkpoints:
            random_state = check_random_state(checkpoints.random_state(self.random_state))
            module = self._draw_network(token_ids, random_state)
            return self._train(module, token_ids, random_state, checkpoints)

    @fit_context(prefer_skip_nested_validation=True)
    def initialize(self, X, y=None):
        """Draw random weights and train nothing: the network from scratch, to compare with.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_tokens), list of 1-D arrays, or StoredTokenIds
            Token ids, which tell k and stride.
        y : None
            Not used.

        Returns
        -------
        self : estimator
            The estimator, with the weights that :meth:`fit` starts from.
        """
        module = self._draw_network(check_token_rows(X), check_random_state(self.random_state))
        self.module_ = module.eval()
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None):
        """Go on training, on other sequences for instance: the fine-tuning of the representation itself.

        Each call is a training of its own, with a new optimiser and the present `learning_rate`,
        `schedule`, `max_epochs`, `max_steps` and dropouts, from the weights that the last one has left. The
        network stays that of the first fit, in kind and sizes.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_tokens), list of 1-D arrays, or StoredTokenIds
            Token ids of the same tokenizer.
        y : None
            Not used.

        Returns
        -------
        self : estimator
            The estimator, trained further.
        """
        if not hasattr(self, "module_"):
            return self.fit(X)
        token_ids = self.check_tokens(X)
        # A copy, so that a training that fails or is interrupted leaves the model as it was.
        module = copy.deepcopy(self.module_)
        renewed = self._renew_dropouts(module)
        with checkpoints_of(self, "partial_fit", {"X": token_ids}, self._of_reading) as checkpoints:
            random_state = check_random_state(checkpoints.random_state(self.random_state))
            # `fit` draws weights first. So from the same seed the same rows are held out of the same corpus,
            # and none is judged by that was trained on.
            draw_seed(random_state)
            self._train(module, token_ids, random_state, checkpoints)
        self.architecture_ = self.architecture_ | renewed
        return self

    def _draw_network(self, token_ids, random_state):
        """Draw the weights and set all that is known before training."""
        geometry = self._resolve_geometry(token_ids)
        # Until the training has ended there is no model: one that failed must not look fitted.
        vars(self).pop("module_", None)
        self.architecture_ = self._architecture()
        self._layers()  # A wrong `layer` is better told before the training than after it.
        self.k_, self.stride_ = geometry
        self.n_tokens_ = geometry.n_tokens
        self.history_ = []
        with seeded(random_state, resolve_device(self.device)):
            return self._make_module()

    def _renew_dropouts(self, module):
        """Set the present dropouts in a network; give those that changed the architecture."""
        return {}

    def _train(self, module, token_ids, random_state, checkpoints):
        self._layers()
        device = resolve_device(self.device)
        stretches, contigs = self._cut(token_ids)
        stretches, contigs = self._check_stretches(stretches, contigs, token_ids)
        train, validation = hold_out(
            stretches, contigs, self._n_held_out(stretches), self.validation_unit, random_state
        )
        train, validation = self._check_split(train, validation)
        place, processes = checkpoints.place("training"), launched_processes()
        with seeded(random_state, device) as seed:
            processes.align(module)
            processes.seed_own(seed, device)
            net = self._make_net(
                module,
                train,
                validation,
                k=None if self.strand == "forward" else self.k_,
                batch_size=self.batch_size,
                max_epochs=self.max_epochs,
                max_steps=self.max_steps,
                steps_per_round=self.steps_per_round,
                optimizer=self.optimizer,
                schedule=self.schedule,
                learning_rate=self.learning_rate,
                weight_decay=self.weight_decay,
                gradient_clip=self.gradient_clip,
                device=device,
                dtype=resolve_precision(self.precision, device),
                seed=seed,
                progress=bool(self.verbose),
                place=place,
            )
            net.fit(train)
            n_rounds = sum("dur" in row for row in net.history)
            if n_rounds < net.max_epochs:
                # skorch ends a training that the user interrupts as if it were whole.
                self._keep_interrupted(net, n_rounds)
                raise KeyboardInterrupt
            processes.align(net.module_)
            if checkpoints.is_nested:
                # The call that this one is a part of may still be killed.
                place.save(net_state(net))
        return self._keep(net, n_rounds)

    def _keep(self, net, n_rounds):
        """Set what was learnt."""
        self.module_ = net.module_.to("cpu").eval()
        self.history_ = self.history_ + self._rows_of_history(net.history[:n_rounds])
        return self

    def _keep_interrupted(self, net, n_rounds):
        """Set what was learnt so far; a model that there is already stays what it was."""
        n_steps = sum(map(n_steps_of, net.history))
        if hasattr(self, "module_") or not n_steps:
            return
        self._keep(net, n_rounds)
        goes_on = "goes on from the last checkpoint" if self.checkpoint_dir is not None else "starts anew"
        warnings.warn(
            f"The training was interrupted after {n_steps} step(s), in round {n_rounds + 1} of "
            f"{net.max_epochs}. This {type(self).__name__} is fitted, with the weights of the last step, and "
            f"history_ has the rounds that ended. The same call of fit {goes_on}.",
            SkgenomeWarning,
            # From here over the training, fit and scikit-learn's wrapper of it.
            stacklevel=5,
        )

    def _check_split(self, train, validation):
        """See that there is enough on both sides of the split."""
        return train, validation

    def _n_held_out(self, stretches):
        n_predicted = stretches.n_predicted
        if self.validation_size == "auto":
            return min(AUTO_VALIDATION_SHARE * n_predicted, AUTO_VALIDATION_TOKENS)
        if isinstance(self.validation_size, Integral):
            return self.validation_size
        return self.validation_size * n_predicted

    def _rows_of_history(self, rounds):
        """Turn skorch's history into rows that go on from those of an earlier training."""
        step = self.history_[-1]["step"] if self.history_ else 0
        columns = [f"{part}_{figure}" for figure in self._figures for part in ("train", "valid")]
        rows = []
        for i, row in enumerate(rounds, start=len(self.history_) + 1):
            step += row["train_batch_count"]
            figures = {name: row.get(name, float("nan")) for name in columns}
            seen = {"tokens": row.get("train_tokens", 0), "seconds": row["dur"]}
            rows.append({"epoch": i, "step": step, **figures, **seen})
        return rows

    def transform(self, X):
        """Give one vector for each sequence.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_tokens), list of 1-D arrays, or StoredTokenIds
            Token ids of the same tokenizer, of any length. Contigs of a store are read one after the other.

        Returns
        -------
        ndarray of float32, shape (n_samples, n_features)
            Pooled states of the layer. Neither padding nor the other rows have an influence. A sequence
            without tokens gives zeros.

        Raises
        ------
        ModelMismatchError
            If the ids come from another tokenizer than those of fit.
        """
        check_is_fitted(self)
        token_ids = self.check_tokens(X)
        max_bytes = self._max_cache_bytes()
        fingerprint = self._fingerprint() if max_bytes else b""
        n_features = self._n_features_out
        parts = [
            compute_missing(part, n_features, fingerprint, self._embed, max_bytes)
            for part in token_ids.parts()
        ]
        # What is in memory is a single part: its features are not copied.
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def check_tokens(self, X):
        """See that token ids are those that the network reads.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_tokens), list of 1-D arrays, or StoredTokenIds
            Token ids.

        Returns
        -------
        TokenIds or StoredTokenIds
            The same ids, row after row.

        Raises
        ------
        ModelMismatchError
            If they come from another tokenizer than those of fit.
        """
        token_ids = check_token_rows(X)
        largest = token_ids.largest
        reading, tokenizer = self._describe_reading()
        if largest >= self.n_tokens_:
            raise ModelMismatchError(
                f"X holds token id {largest}, but this model {reading} and knows ids below {self.n_tokens_}. "
                f"Use {tokenizer}."
            )
        if self.stride_ < self.k_ and not overlaps_by(token_ids, self.k_, self.stride_):
            raise ModelMismatchError(
                f"This model was fitted on tokens of k={self.k_}, stride={self.stride_}, but adjacent tokens "
                f"of X do not overlap by {self.k_ - self.stride_} bases. Use {tokenizer}."
            )
        return token_ids

    def _describe_reading(self):
        """Say what the network reads, and which tokenizer gives that."""
        return f"was fitted on k={self.k_}", f"KmerTokenizer(k={self.k_}, stride={self.stride_})"

    def transform_edits(self, X, origins):
        """Give what :meth:`transform` does, for edits of a few sequences, in less time.

        What a row begins with as the one that it is an edit of does is read once by a network that reads
        token by token; by others, every time. Nothing is looked up in the cache, nor kept there.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_tokens) or list of 1-D arrays, unsigned integers
            Token ids of the same tokenizer, of any length.
        origins : array-like of int, shape (n_samples,)
            The row that each is an edit of; its own number where it is none.

        Returns
        -------
        ndarray of float32, shape (n_samples, n_features)
            As :meth:`transform`, to float tolerance.

        Raises
        ------
        ModelMismatchError
            If the ids come from another tokenizer than those of fit.
        ValueError
            If `origins` does not have the number of a row for each row.
        """
        check_is_fitted(self)
        token_ids = self.check_tokens(X)
        return pool_edits(self.pooled_encoder(), token_ids, origins, k=self.k_, **self._prediction_options())

    def _embed(self, token_ids):
        logger.info("embedding %d sequences of %d tokens", token_ids.n_rows, len(token_ids.values))
        return pool_rows(self.pooled_encoder(), token_ids, k=self.k_, **self._prediction_options())

    def replace_encoder(self, encoder):
        """Take an encoder that was trained further in the place of the own one: for what fine-tunes.

        Parameters
        ----------
        encoder : torch.nn.Module
            As ``pooled_encoder().encoder``, with other weights.
        """
        self.module_.encoder = encoder

    def _pooling(self):
        # A number from a grid may be one of numpy's, which torch does not take for a size.
        return self.pooling if isinstance(self.pooling, str) else int(self.pooling)

    def _prediction_options(self):
        dtype = torch.bfloat16 if self.precision == "bfloat16" else torch.float32
        return {"batch_size": self.batch_size, "device": resolve_device(self.device), "dtype": dtype}

    def _layers(self):
        n_layers = self._n_layers
        if self.layer == "all":
            return list(range(n_layers))
        if not -n_layers <= self.layer < n_layers:
            raise ValueError(
                f"layer={self.layer} was asked for, but the network has {n_layers} layers: use "
                f"-{n_layers} to {n_layers - 1}, or 'all'."
            )
        return [self.layer]

    @property
    def _n_features_out(self):
        # Worked out when asked, since pooling, layer and strand may be set after fit.
        return self.pooled_encoder().n_features

    def _fingerprint(self):
        digest = blake2b(digest_size=32)
        for name, weight in self.module_.state_dict().items():
            digest.update(name.encode())
            digest.update(weight.cpu().numpy().tobytes())
        # Weights do not tell all: patches may be cut in another way and the network be of the same sizes.
        sizes = {name: value for name, value in self.architecture_.items() if not name.endswith("_p")}
        reading = (self.strand, self._pooling(), self._layers(), self.precision, self.k_, self.stride_)
        digest.update(repr((sorted(sizes.items()), reading)).encode())
        return digest.digest()

    def _max_cache_bytes(self):
        return self.cache_size

    def __sklearn_is_fitted__(self):
        return hasattr(self, "module_")

    def __getstate__(self):
        # Weights travel as numpy arrays: an equal model then has an equal joblib.hash, so that a cached
        # Pipeline step is found again, and weights from a GPU open on a machine without one.
        state = super().__getstate__().copy()
        if "module_" in state:
            weights = state.pop("module_").state_dict()
            state["weights_"] = {name: value.cpu().numpy() for name, value in weights.items()}
            # How long a round took would make every fit's hash its own.
            state["history_"] = [
                {name: value for name, value in row.items() if name != "seconds"} for row in self.history_
            ]
        return state

    def __setstate__(self, state):
        state = state.copy()
        weights = state.pop("weights_", None)
        super().__setstate__(state)
        if weights is not None:
            # Layers are made one by one, so that their number is a size too.
            n_layers = self.architecture_.get("n_layers", 0)
            if n_layers > len(weights):
                raise ValueError(f"there are {len(weights)} weights for {n_layers} layers")
            self.module_ = rebuild(self._make_module, weights)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.categorical = True
        tags.input_tags.positive_only = True
        tags.transformer_tags.preserves_dtype = []
        return tags
