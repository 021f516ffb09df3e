"""SequenceClassifier: an encoder of token ids with a head, trained on labels."""

import copy

import numpy as np
from sklearn.utils import check_random_state

from skgenome._sklearn import fit_context
from skgenome.classification._base import BaseSequenceClassifier
from skgenome.classification._targets import check_more_targets, check_targets, coder_of_classes, read_labels
from skgenome.classification._training import Labelled, start_head, train
from skgenome.sequences import check_token_ids
from skgenome.training import (
    Stage,
    agree_on_call,
    checkpoints_of,
    resolve_device,
    seeded,
    shared_random_state,
)


class SequenceClassifier(BaseSequenceClassifier):
    """Classifier of sequences: a pretrained encoder with a head, fine-tuned on labels.

    First the head is fitted on the features that the encoder gives as it is; the linear one is the logistic
    regression that cross-validates best. From there the network is trained further, layer group by layer
    group from the top, each at a lower rate than the one above it. What is kept are the weights that predict
    held-out rows best, and they may be those of the start: the classifier is not worse than its own linear
    probe wherever the held-out rows can tell.

    Read more in :ref:`classification`.

    Parameters
    ----------
    encoder : estimator
        A :class:`~skgenome.representation.LanguageModel`. A fitted one, in a
        :class:`~sklearn.frozen.FrozenEstimator` or not, gives the weights to start from and is itself never
        changed. One that is not fitted gives the network alone, with random weights: the baseline. The head
        then starts with all classes equally likely, and ``training='finetune'`` with a higher rate and
        ``learning_rate_ratio=1`` is the better choice, since there is nothing to keep.
    head : {'linear', 'mlp', 'concat-pool'}, default='linear'
        ``'linear'`` is a logistic regression on the pooled states, ``'mlp'`` has a hidden layer between,
        ``'concat-pool'`` has one on last, max and mean of the last layer, as published.
    training : {'gradual', 'finetune', 'frozen'}, default='gradual'
        ``'gradual'`` unfreezes one layer group after the other, ``'finetune'`` all at once, ``'frozen'``
        moves no weight of the encoder.
    unfreeze_schedule : list of (int, int, float) or None, default=None
        Stages of the training: number of layer groups from the head down (the head, each LSTM layer, the
        embedding), passes over the rows, peak learning rate of the head. None makes them of `training` and
        the next three. Not used with ``training='frozen'``.
    epochs_per_stage : int, default=1
        Passes for each layer group that is added, with ``training='gradual'``.
    max_epochs : int, default=6
        Passes with all layer groups.
    learning_rate : float, default=1e-3
        Peak of the learning rate of the head, in every stage.
    learning_rate_ratio : float, default=2.6
        How many times the rate of a layer group is that of the group below it.
    batch_size : int, default=32
        Rows in a training step, of all processes together where several train
        (:ref:`outgrowing_one_machine`).
    optimizer : {'adamw', 'adam', 'sgd'} or torch optimizer class, default='adamw'
        What changes the weights.
    schedule : {'one-cycle', 'cosine', 'constant'}, default='one-cycle'
        Course of the learning rate within a stage.
    weight_decay : float, default=0.01
        Of the optimiser.
    gradient_clip : float, default=1.0
        Largest norm of the gradient.
    output_p, hidden_p, input_p, embedding_p, weight_p : float, default=0.4, 0.2, 0.6, 0.1, 0.5
        Dropout on the features, between layers, after the embedding, of whole tokens, and of recurrent
        weights.
    dropout_scale : float, default=0.3
        Multiplies all five.
    head_size : int, default=50
        Units of the hidden layer of the head.
    head_p : float, default=0.1
        Dropout behind them.
    bptt : int, default=512
        Tokens through which the gradient is propagated back. In longer rows it is one piece of that length,
        drawn anew in every pass; all pieces are read and pooled. An encoder of patches has no use for it,
        nor for the four dropouts of the encoder: the gradient goes through all patches.
    class_weight : dict, 'balanced' or None, default=None
        Weights of the classes, as in :class:`sklearn.linear_model.LogisticRegression`. For labels of their
        own a dict of column to weight: how much a label counts in the loss of the network.
    early_stopping : {'auto', 'holdout', 'cv'} or False, default='auto'
        How the number of passes is chosen. ``'holdout'`` sets a share of the rows aside and keeps the weights
        that predict it best. ``'cv'`` trains on all but one of some folds, for each of them, to find the
        number of passes that predicts the left-out rows best, then trains on all rows for so many: dearer,
        and no label is lost. ``'auto'`` is ``'cv'`` for up to 250 rows. False makes all passes on all rows.
    validation_size : float, default=0.1
        Share of the rows, or groups, that ``'holdout'`` sets aside.
    cv : int, default=5
        Folds of ``'cv'``.
    n_iter_no_change : int or None, default=None
        Passes without improvement that end a training early. None: never.
    strand : {'forward', 'augment', 'average', 'concat'} or None, default=None
        Which strands are read, as in the encoder; ``'augment'`` trains on a strand drawn by chance and
        predicts from the one given. None is the encoder's own way.
    pooling : {'concat', 'mean', 'max', 'last'}, int or None, default=None
        How states become one vector; a number is that of equal parts of the sequence whose means are joined.
        None is the encoder's own way.
    layer : int, 'all' or None, default=None
        Which layer is read. None is the encoder's own.
    device : str or torch.device, default='auto'
        ``'auto'`` is CUDA where there is one, else the CPU.
    precision : {'auto', 'float32', 'bfloat16'}, default='auto'
        ``'auto'`` trains in bfloat16 where the hardware multiplies in it and predicts in float32.
    random_state : int, RandomState instance or None, default=None
        Of weights, dropout, order and held-out rows.
    verbose : int, default=0
        1 shows a progress bar with the loss.
    checkpoint_dir : str, path or None, default=None
        Folder for the state of a training that is going on. A `fit` that was killed or interrupted goes on
        where it was when the same call is made again, with the same parameters and data, and ends with the
        bits of one that was not; folds that have been trained are not trained again. Every call has a
        sub-folder of its own, which is removed when it has ended: :func:`skgenome.persistence.save` keeps a
        model. None writes nothing.
    checkpoint_minutes : float, default=10.0
        At least so many minutes lie between two checkpoints: what an interruption costs. 0 writes one after
        every step.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels; for labels of their own the numbers of the columns.
    encoder_ : LanguageModel
        The fine-tuned encoder, a model of its own: its ``transform`` gives what the head reads.
    head_ : torch.nn.Module
        The head.
    history_ : list of dict
        A row for the start and one for each pass of the training whose weights are kept: ``epoch``,
        ``stage``, ``train_loss``, ``valid_loss`` and ``seconds``; the last one is not kept when the model is
        pickled or saved. With ``'cv'`` the validation loss is that of the folds, and nothing else is known of
        passes after the best.
    best_epoch_ : int
        The pass whose weights are kept; 0 is the fitted head on the encoder as it was.
    k_, stride_ : int
        Geometry of the tokens.

    See Also
    --------
    ULMFiTClassifier : Fine-tunes the language model on the task's own sequences first.

    References
    ----------
    Howard and Ruder, "Universal Language Model Fine-tuning for Text Classification" (2018), sections 3.2
    (discriminative rates, one cycle) and 3.3 (gradual unfreezing, concat pooling).

    Kumar et al., "Fine-Tuning can Distort Pretrained Features and Underperform Out-of-Distribution" (2022).

    Examples
    --------
    >>> from sklearn.frozen import FrozenEstimator
    >>> from skgenome.classification import SequenceClassifier
    >>> from skgenome.datasets import make_genomes, make_promoters
    >>> from skgenome.preprocessing import KmerTokenizer
    >>> from skgenome.representation import LanguageModel
    >>> genomes = make_genomes(n_genomes=1, genome_length=20_000, random_state=0).data
    >>> lm = LanguageModel(embedding_size=8, hidden_size=16, max_epochs=2, random_state=0)
    >>> lm.fit(KmerTokenizer(k=3, padding=False).transform(genomes))  # doctest: +ELLIPSIS
    LanguageModel(...)
    >>> sequences, y = make_promoters(n_samples=40, random_state=1, return_X_y=True)
    >>> X = KmerTokenizer(k=3).transform(sequences)
    >>> classifier = SequenceClassifier(FrozenEstimator(lm), max_epochs=1, random_state=0).fit(X, y)
    >>> classifier.predict_proba(X).shape
    (40, 2)
    """

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None, groups=None):
        """Fit the head, then fine-tune.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_tokens) or list of 1-D arrays, unsigned integers
            Token ids, padded on the right with 0.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Class labels, or an indicator matrix of 0 and 1 for labels of their own. -1 or NaN in it stand for
            a label that is not known: it has no part in the loss. Rows without any known label are left out.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row in the losses. Rows without weight are left out.
        groups : array-like of shape (n_samples,), default=None
            Rows of one group stay on one side of every split.

        Returns
        -------
        self : SequenceClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If `y` has a single class, or a label is the same in all rows.
        ModelMismatchError
            If the ids come from another tokenizer than those that the encoder was fitted on.
        OSError
            If `checkpoint_dir` cannot be written to.

        Warns
        -----
        SkgenomeWarning
            If nothing can be held out to choose the number of passes by, so that the head alone is fitted. If
            a checkpoint cannot be written or read, or `checkpoint_dir` has one of another call alone.
        """
        token_ids, name = check_token_ids(X), type(self).__name__
        rows, targets = check_targets(
            read_labels(y, token_ids.n_rows, name),
            name,
            class_weight=self.class_weight,
            sample_weight=sample_weight,
            groups=groups,
        )
        with checkpoints_of(self, "fit", {"X": token_ids, "y": (rows, targets)}) as checkpoints:
            given = checkpoints.random_state(self.random_state)
            random_state = check_random_state(given)
            encoder, from_scratch = self._start_encoder(token_ids, given)
            token_ids, rows = token_ids.take(rows), np.arange(len(rows))
            return self._learn(encoder, token_ids, rows, targets, random_state, checkpoints, from_scratch)

    def _start_encoder(self, token_ids, random_state):
        """Give a copy of the fitted encoder, or a network with random weights; and say whether it is that."""
        encoder = self._copy_encoder(self.encoder, random_state).set_params(**self._reading())
        from_scratch = not hasattr(encoder, "module_")
        return encoder.initialize(token_ids) if from_scratch else encoder, from_scratch

    @fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Go on training, on these rows alone.

        The first call without a `fit` before it starts as `fit` does, with a head fitted on the features.
        From there, and in each later call, all layer groups are trained together for `max_epochs` passes, or
        the head alone with ``training='frozen'``. Nothing is held out, and the last weights are kept. Each
        call has a new optimiser. A call that fails leaves the classifier as it was. No checkpoints are
        written: `checkpoint_dir` is for `fit`.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_tokens) or list of 1-D arrays, unsigned integers
            Token ids of the same tokenizer.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Class labels, or an indicator matrix. Later calls need not have every class.
        classes : array-like of shape (n_classes,), default=None
            All classes there will be, in the first call. None: those of `y`. Where `y` lacks one of them, the
            head starts with all classes equally likely.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row in the loss, beside the other rows of this call: these weights, times those of
            `class_weight`, have a mean of 1 in every call. Rows without weight are left out.

        Returns
        -------
        self : SequenceClassifier
            The classifier, trained further. ``history_`` goes on, and ``best_epoch_`` is its last pass.

        Raises
        ------
        ValueError
            If `y` holds a label that is not among the classes, `classes` are others than in the first call,
            or ``class_weight='balanced'``, which needs all labels at once.
        ModelMismatchError
            If the ids come from another tokenizer than the first.
        """
        token_ids, name = check_token_ids(X), type(self).__name__
        y = read_labels(y, token_ids.n_rows, name)
        coder = self._known_classes(y, classes)
        rows, targets = check_more_targets(
            y, name, coder, class_weight=self.class_weight, sample_weight=sample_weight
        )
        agree_on_call(self, "partial_fit", {"X": token_ids, "y": (rows, targets)})
        given = shared_random_state(self.random_state)
        random_state = check_random_state(given)
        goes_on = hasattr(self, "head_")
        encoder, from_scratch = (
            (copy.deepcopy(self.encoder_), False) if goes_on else self._start_encoder(token_ids, given)
        )
        encoder.set_params(device=self.device, precision=self.precision)
        pooled = encoder.pooled_encoder()
        recipe = self._further_recipe(len(pooled.layer_groups()) + 1, from_scratch)
        token_ids = token_ids.take(rows)
        every = np.arange(len(rows))
        labelled = Labelled.of(encoder, token_ids, every, targets)
        with seeded(random_state, resolve_device(self.device)) as seed:
            if goes_on:
                head = copy.deepcopy(self.head_)
            else:
                head = start_head(labelled, every, recipe, seed, is_fitted=not recipe.starts_even)
            trained = train(pooled, head, labelled.rows, recipe, seed)
        history = _go_on(self.history_ if goes_on else [], trained.history)
        return self._keep(encoder, coder, trained._replace(history=history, best_epoch=len(history) - 1))

    def _known_classes(self, y, classes):
        """Give the classes of the first call, and see that later ones do not name others."""
        if not hasattr(self, "coder_"):
            return coder_of_classes(y, classes)
        if classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError(
                f"classes must be those of the first call, {self.classes_.tolist()}. Got "
                f"{np.unique(classes).tolist()} instead."
            )
        return self.coder_

    def _further_recipe(self, n_groups, from_scratch):
        """Train everything at once, or the head alone on features that hold still."""
        frozen = self.training == "frozen"
        stage = Stage(1 if frozen else n_groups, self.max_epochs, self.learning_rate)
        return self._recipe([stage], from_scratch and not frozen)._replace(holds_still=frozen)


def _go_on(before, history):
    """Put the passes of a training behind those of earlier ones."""
    if not before:
        return history
    last = before[-1]
    return before + [
        {**row, "epoch": last["epoch"] + row["epoch"], "stage": last["stage"] + row["stage"]}
        for row in history[1:]
    ]
