"""ULMFiTClassifier: pretrain, fine-tune the language model on the task's sequences, classify."""

import copy
from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_random_state

from skgenome._sklearn import Interval, fit_context
from skgenome.classification._base import BaseSequenceClassifier
from skgenome.classification._targets import UNKNOWN, check_targets, read_indicators, read_labels
from skgenome.representation import LanguageModel
from skgenome.sequences import check_token_ids
from skgenome.training import checkpoints_of


class ULMFiTClassifier(BaseSequenceClassifier):
    """Universal language model fine-tuning: the three phases as one estimator.

    1. *Pretrain* a language model without labels, or take a fitted one.
    2. *Fine-tune the language model* on the task's own sequences, with and without labels.
    3. *Classify*: fit a head and unfreeze the network from the top, as :class:`SequenceClassifier` does.

    Rows whose label is -1 are unlabelled, as in :mod:`sklearn.semi_supervised`: they serve the language model
    and the scale of the features. Labels that are text go into an object array with -1 between them; labels
    of their own (an indicator matrix) are missing where the whole row is -1.

    Read more in :ref:`classification`.

    Parameters
    ----------
    encoder : estimator or None, default=None
        A :class:`~skgenome.representation.LanguageModel`. A fitted one, in a
        :class:`~sklearn.frozen.FrozenEstimator` or not, is where phase 2 starts, and is itself never changed.
        One that is not fitted is pretrained on all rows of `X`, which then is phase 2 as well. None stands
        for ``LanguageModel()``.
    lm_max_epochs : int, default=6
        Passes over all rows in phase 2; 0 leaves the phase out.
    lm_learning_rate : float, default=1e-3
        Peak of the learning rate in phase 2.
    lm_dropout_scale : float or None, default=None
        Multiplies the dropouts of the language model in phase 2. None keeps those of phase 1.
    head, training, unfreeze_schedule, epochs_per_stage, max_epochs : as in SequenceClassifier
        Phase 3: what is trained and for how long.
    learning_rate, learning_rate_ratio, batch_size, optimizer, schedule : as in SequenceClassifier
        Phase 3: how.
    weight_decay, gradient_clip, output_p, hidden_p, input_p, embedding_p : as in SequenceClassifier
        Phase 3: what keeps the weights in bounds.
    weight_p, dropout_scale, head_size, head_p, bptt, class_weight : as in SequenceClassifier
        Phase 3: more of that, and the sizes of the head and of the gradient's reach.
    early_stopping, validation_size, cv, n_iter_no_change : as in SequenceClassifier
        Phase 3: how the number of passes is chosen, on labelled rows.
    strand, pooling, layer : as in SequenceClassifier
        Phase 3: how the encoder is read.
    device, precision, random_state, verbose : as in SequenceClassifier
        Of all phases. An encoder that is not fitted keeps a `random_state` of its own.
    checkpoint_dir, checkpoint_minutes : as in SequenceClassifier
        Of all phases; a phase that has ended is not run again. An encoder's own are not used beside it.

    Attributes
    ----------
    language_model_ : LanguageModel
        The language model after phase 2; its ``history_`` holds both phases.
    classes_, encoder_, head_, history_, best_epoch_, k_, stride_
        As in :class:`SequenceClassifier`.

    See Also
    --------
    SequenceClassifier : The third phase alone.
    skgenome.representation.LanguageModel : The first two.

    References
    ----------
    Howard and Ruder, "Universal Language Model Fine-tuning for Text Classification" (2018).

    Heyer, "Genomic-ULMFiT" (2019), https://github.com/kheyer/Genomic-ULMFiT.

    Examples
    --------
    >>> import numpy as np
    >>> from skgenome.classification import ULMFiTClassifier
    >>> from skgenome.datasets import make_promoters
    >>> from skgenome.preprocessing import KmerTokenizer
    >>> from skgenome.representation import LanguageModel
    >>> sequences, y = make_promoters(n_samples=60, random_state=1, return_X_y=True)
    >>> X = KmerTokenizer(k=3).transform(sequences)
    >>> y[20:] = -1
    >>> lm = LanguageModel(embedding_size=8, hidden_size=16, max_epochs=2)
    >>> classifier = ULMFiTClassifier(lm, max_epochs=1, random_state=0).fit(X, y)
    >>> classifier.classes_, classifier.predict(X).shape
    (array([0, 1]), (60,))
    """

    _parameter_constraints: dict = {
        **BaseSequenceClassifier._parameter_constraints,
        "lm_max_epochs": [Interval(Integral, 0, None, closed="left")],
        "lm_learning_rate": [Interval(Real, 0, None, closed="neither")],
        "lm_dropout_scale": [Interval(Real, 0, None, closed="left"), None],
    }

    def __init__(
        self,
        encoder=None,
        *,
        lm_max_epochs=6,
        lm_learning_rate=1e-3,
        lm_dropout_scale=None,
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
        super().__init__(
            encoder,
            head=head,
            training=training,
            unfreeze_schedule=unfreeze_schedule,
            epochs_per_stage=epochs_per_stage,
            max_epochs=max_epochs,
            learning_rate=learning_rate,
            learning_rate_ratio=learning_rate_ratio,
            batch_size=batch_size,
            optimizer=optimizer,
            schedule=schedule,
            weight_decay=weight_decay,
            gradient_clip=gradient_clip,
            output_p=output_p,
            hidden_p=hidden_p,
            input_p=input_p,
            embedding_p=embedding_p,
            weight_p=weight_p,
            dropout_scale=dropout_scale,
            head_size=head_size,
            head_p=head_p,
            bptt=bptt,
            class_weight=class_weight,
            early_stopping=early_stopping,
            validation_size=validation_size,
            cv=cv,
            n_iter_no_change=n_iter_no_change,
            strand=strand,
            pooling=pooling,
            layer=layer,
            device=device,
            precision=precision,
            random_state=random_state,
            verbose=verbose,
            checkpoint_dir=checkpoint_dir,
            checkpoint_minutes=checkpoint_minutes,
        )
        self.lm_max_epochs = lm_max_epochs
        self.lm_learning_rate = lm_learning_rate
        self.lm_dropout_scale = lm_dropout_scale

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None, groups=None):
        """Run the three phases.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_tokens) or list of 1-D arrays, unsigned integers
            Token ids of all rows, padded on the right with 0.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Class labels; -1 where there is none.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row in the third phase.
        groups : array-like of shape (n_samples,), default=None
            Rows of one group stay on one side of every split of the third phase.

        Returns
        -------
        self : ULMFiTClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If the labelled rows have a single class, or there is none.
        ModelMismatchError
            If the ids come from another tokenizer than those that the language model was fitted on.
        OSError
            If `checkpoint_dir` cannot be written to.
        """
        token_ids, name = check_token_ids(X), type(self).__name__
        y = read_labels(y, token_ids.n_rows, name)
        rows, targets = check_targets(
            y,
            name,
            labelled=_find_labelled(y),
            class_weight=self.class_weight,
            sample_weight=sample_weight,
            groups=groups,
        )
        reading = self._reading()
        with checkpoints_of(self, "fit", {"X": token_ids, "y": (rows, targets)}) as checkpoints:
            given = checkpoints.random_state(self.random_state)
            random_state = check_random_state(given)
            encoder = LanguageModel() if self.encoder is None else self.encoder
            lm = self._copy_encoder(encoder, given).set_params(device=self.device, precision=self.precision)
            lm = self._finetune_language_model(lm, token_ids, random_state, checkpoints)
            encoder = copy.deepcopy(lm).set_params(**reading)
            self._learn(encoder, token_ids, rows, targets, random_state, checkpoints)
        self.language_model_ = lm
        return self

    def _finetune_language_model(self, lm, token_ids, random_state, checkpoints):
        """Run the first two phases."""
        own = {}
        if checkpoints.folder is not None:
            # In a folder of this call, which keeps what has ended until all has.
            own |= {"checkpoint_dir": checkpoints.folder, "checkpoint_minutes": self.checkpoint_minutes}
        if not hasattr(lm, "module_"):
            # These rows are the corpus, so there is nothing else to fine-tune to.
            lm.set_params(verbose=lm.verbose or self.verbose)
            before = {name: getattr(lm, name) for name in own}
            return lm.set_params(**own).fit(token_ids).set_params(**before)
        if self.lm_max_epochs == 0:
            return lm
        own |= {
            "random_state": random_state.randint(np.iinfo(np.int32).max),
            "verbose": self.verbose,
            "max_epochs": self.lm_max_epochs,
            "learning_rate": self.lm_learning_rate,
            "max_steps": None,
        }
        if self.lm_dropout_scale is not None:
            if not hasattr(lm, "dropout_scale"):
                raise ValueError(
                    f"lm_dropout_scale={self.lm_dropout_scale} was given, but {type(lm).__name__} has no "
                    "dropouts to scale. Leave it None."
                )
            own["dropout_scale"] = self.lm_dropout_scale
        before = {name: getattr(lm, name) for name in own}
        return lm.set_params(**own).partial_fit(token_ids).set_params(**before)


def _find_labelled(y):
    """Say which rows have a label."""
    if y.dtype.kind in "UT" and (y == "-1").any():
        raise ValueError(
            "y is an array of str and holds '-1', which is no -1. Where labels are text, use an object array "
            "for y, with the number -1 where there is no label."
        )
    missing = read_indicators(y) == UNKNOWN
    # Of labels of their own a whole row is missing.
    labelled = ~missing.reshape(len(y), -1).all(axis=1)
    if not labelled.any():
        raise ValueError(
            f"None of the {len(y)} rows has a label: all are -1, which stands for unlabelled. Give at least "
            "two classes, or use LanguageModel, which needs none."
        )
    return labelled
