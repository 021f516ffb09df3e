"""ContrastivePredictiveCoding: learn to recognise the patches ahead, give features for sequences."""

import copy
import warnings
from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
from sklearn.utils.validation import check_is_fitted
from torch import nn

from skgenome._sklearn import Interval, StrOptions
from skgenome.exceptions import ModelMismatchError, SkgenomeWarning
from skgenome.nn import (
    CONTEXTS,
    NEGATIVES,
    ContrastiveModule,
    DanQ,
    InfoNCE,
    PatchEncoder,
    PooledPatches,
    ResNet1d,
    make_context,
)
from skgenome.representation._base import BaseRepresentation
from skgenome.sequences import TokenGeometry, infer_geometry
from skgenome.training import SegmentStream, Stretches, contrastive_net, cut_into_stretches, recognise_patches

#: Encoders by name: what makes them, from their width.
ENCODERS = {
    "resnet18": lambda width: ResNet1d(18, width=width),
    "resnet34": lambda width: ResNet1d(34, width=width),
    "resnet50": lambda width: ResNet1d(50, width=width),
    "cnn-lstm": lambda width: DanQ(5 * width, hidden_size=5 * width),
}


class PatchScores(NamedTuple):
    """How well the patches ahead are recognised."""

    loss: float
    """Mean cross entropy, in nats."""
    accuracy: float
    """Share of predictions whose true patch has the highest score."""
    chance: float
    """What guessing would reach."""


class ContrastivePredictiveCoding(BaseRepresentation):
    """Contrastive Predictive Coding of DNA: pretrained on unlabelled bases, read as features.

    A sequence is read in overlapping patches. An encoder makes a latent of each, a context network reads the
    latents in order, and is trained to recognise, among many, the latents of the patches ahead. What must be
    kept for that is what a long stretch of a genome has in common: :meth:`transform` gives it as a vector
    for a sequence, which any scikit-learn estimator can work on.

    It reads single bases: ``KmerTokenizer(k=1)``.

    Read more in :ref:`contrastive`.

    Parameters
    ----------
    encoder : {'resnet18', 'resnet34', 'resnet50', 'cnn-lstm'} or torch.nn.Module, default='resnet18'
        What makes a latent of a patch. A module maps token ids of shape (batch, patch_length), int64, 0 where
        padded, 1 unknown, 2 to 5 A, C, G and T, to features of shape (batch, n_features), and says its
        ``n_features``; an estimator with such a one can be pickled, but not saved without code.
    width : int, default=64
        Channels of the first stage of a ResNet, as published; the last one has eight times as many. The
        cnn-lstm has five times as many filters and states.
    context : {'gru', 'lstm', 'causal-conv'}, default='gru'
        What reads the latents in order.
    context_size : int, default=256
        Features of a context.
    patch_length, patch_stride : int, default=500, 200
        Bases of a patch, and from the start of one to that of the next.
    n_patches : int, default=32
        Patches of a training window: contigs are cut into windows of
        ``patch_length + (n_patches - 1) * patch_stride`` bases, 6700 by default.
    steps : tuple of int, default=(3, 4, 5)
        How many patches ahead lies what is recognised; one prediction for each. A step below
        ``patch_length / patch_stride`` gives the answer away, since the patches overlap.
    projection_size : int, default=64
        Features that latents and predictions are compared in.
    temperature : float, default=0.1
        Divides the cosine of the two.
    negatives : {'both', 'batch', 'sequence'}, default='both'
        What the true patch is told from: all other patches of the batch, those of other windows alone, or
        those of the same window alone.
    reverse_complement : bool, default=False
        Whether the patches ahead are to be recognised by how they read on the other strand.
    batch_size : int, default=16
        Windows side by side in training, of all processes together where several train
        (:ref:`outgrowing_one_machine`); sequences side by side in :meth:`transform`.
    max_epochs : int, default=10
        Passes over the corpus.
    max_steps : int or None, default=None
        Training steps, in place of `max_epochs`.
    steps_per_round : int or None, default=None
        Steps between two validations, each of which is a row of ``history_``. None validates after each
        pass over the corpus, or at the end where `max_steps` is given.
    optimizer : {'adamw', 'adam', 'sgd'} or torch optimizer class, default='adamw'
        What changes the weights.
    learning_rate : float, default=1e-3
        Peak of the learning rate.
    schedule : {'one-cycle', 'cosine', 'constant'}, default='one-cycle'
        Course of the learning rate.
    weight_decay : float, default=0.01
        Of the optimiser.
    gradient_clip : float, default=1.0
        Largest norm of the gradient.
    validation_size : 'auto', float or int, default='auto'
        Bases to hold out: as a share (float below 1) or a number (int). ``'auto'`` is 5 %, at most 200,000.
        0 holds nothing out.
    validation_unit : {'stretches', 'contigs'}, default='stretches'
        What is held out: windows, or whole contigs.
    strand : {'forward', 'augment', 'average', 'concat'}, default='average'
        ``'forward'`` trains on and reads the sequence as given. The others train on either strand by chance.
        ``'augment'`` still reads the one given; ``'average'`` gives the mean of the features of both
        strands, ``'concat'`` joins them.
    pooling : {'mean', 'max', 'last', 'concat'} or int, default='mean'
        How the patches of a sequence become one vector. ``'concat'`` joins last, max and mean; a number joins
        the means of so many equal parts.
    layer : int or 'all', default='all'
        0 reads the latents, 1 or -1 the contexts, ``'all'`` joins them.
    cache_size : int, default=268435456
        Bytes of features that :meth:`transform` remembers in this process. 0 remembers nothing; of an
        `encoder` that is a module of your own nothing is remembered.
    device : str or torch.device, default='auto'
        ``'auto'`` is CUDA where there is one, else the CPU.
    precision : {'auto', 'float32', 'bfloat16'}, default='auto'
        ``'auto'`` trains in bfloat16 where the hardware multiplies in it, and predicts in float32.
    random_state : int, RandomState instance or None, default=None
        Of weights, order and held-out windows. The same seed gives the same bits on the same machine with
        the same number of threads.
    verbose : int, default=0
        1 shows a progress bar with loss, accuracy and chance.
    checkpoint_dir : str, path or None, default=None
        Folder for the state of a training that is going on. A `fit` that was killed or interrupted goes on
        where it was when the same call is made again, with the same parameters and data, and ends with the
        bits of one that was not. Every call has a sub-folder of its own, which is removed when it has ended:
        :func:`skgenome.persistence.save` keeps a model. None writes nothing.
    checkpoint_minutes : float, default=10.0
        At least so many minutes lie between two checkpoints: what an interruption costs. 0 writes one after
        every step.

    Attributes
    ----------
    module_ : skgenome.nn.ContrastiveModule
        The network.
    k_, stride_ : int
        1: it reads single bases.
    n_tokens_ : int
        6: four bases, padding and unknown.
    history_ : list of dict
        A row for each round of training: ``epoch``, ``step``, loss, accuracy and chance of training and
        validation (``train_loss``, ``valid_accuracy`` and so on), ``tokens`` and ``seconds``.

    See Also
    --------
    LanguageModel : Predicts the next token; better where the signal is local.
    skgenome.classification.SequenceClassifier : Fine-tunes it on labels.

    References
    ----------
    van den Oord, Li and Vinyals, "Representation Learning with Contrastive Predictive Coding" (2018),
    equation 4.

    Gündüz et al., "A self-supervised deep learning method for data-efficient training in genomics",
    Communications Biology 6, 928 (2023): on genomes, and the other strand as the target.

    Examples
    --------
    >>> from skgenome.datasets import make_genomes
    >>> from skgenome.preprocessing import KmerTokenizer
    >>> from skgenome.representation import ContrastivePredictiveCoding
    >>> genomes = make_genomes(n_genomes=1, genome_length=10_000, random_state=0).data
    >>> bases = KmerTokenizer(k=1, padding=False).transform(genomes)
    >>> cpc = ContrastivePredictiveCoding(
    ...     width=4, context_size=8, patch_length=60, patch_stride=30, n_patches=10, steps=(2, 3),
    ...     max_steps=3, random_state=0,
    ... ).fit(bases)
    >>> cpc.transform(KmerTokenizer(k=1).transform(["GATTACA", "TATAATG"])).shape
    (2, 40)
    >>> cpc.patch_scores(bases).chance < 0.1
    True
    """

    _parameter_constraints: dict = {
        **BaseRepresentation._parameter_constraints,
        "encoder": [StrOptions(set(ENCODERS)), nn.Module],
        "width": [Interval(Integral, 1, None, closed="left")],
        "context": [StrOptions(set(CONTEXTS))],
        "context_size": [Interval(Integral, 1, None, closed="left")],
        "patch_length": [Interval(Integral, 1, None, closed="left")],
        "patch_stride": [Interval(Integral, 1, None, closed="left")],
        "n_patches": [Interval(Integral, 2, None, closed="left")],
        "steps": [tuple, list],
        "projection_size": [Interval(Integral, 1, None, closed="left")],
        "temperature": [Interval(Real, 0, None, closed="neither")],
        "negatives": [StrOptions(set(NEGATIVES))],
        "reverse_complement": ["boolean"],
    }

    _figures = ("loss", "accuracy", "chance")
    #: Latents and contexts.
    _n_layers = 2

    def __init__(
        self,
        *,
        encoder="resnet18",
        width=64,
        context="gru",
        context_size=256,
        patch_length=500,
        patch_stride=200,
        n_patches=32,
        steps=(3, 4, 5),
        projection_size=64,
        temperature=0.1,
        negatives="both",
        reverse_complement=False,
        batch_size=16,
        max_epochs=10,
        max_steps=None,
        steps_per_round=None,
        optimizer="adamw",
        learning_rate=1e-3,
        schedule="one-cycle",
        weight_decay=0.01,
        gradient_clip=1.0,
        validation_size="auto",
        validation_unit="stretches",
        strand="average",
        pooling="mean",
        layer="all",
        cache_size=2**28,
        device="auto",
        precision="auto",
        random_state=None,
        verbose=0,
        checkpoint_dir=None,
        checkpoint_minutes=10.0,
    ):
        self.encoder = encoder
        self.width = width
        self.context = context
        self.context_size = context_size
        self.patch_length = patch_length
        self.patch_stride = patch_stride
        self.n_patches = n_patches
        self.steps = steps
        self.projection_size = projection_size
        self.temperature = temperature
        self.negatives = negatives
        self.reverse_complement = reverse_complement
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.max_steps = max_steps
        self.steps_per_round = steps_per_round
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.weight_decay = weight_decay
        self.gradient_clip = gradient_clip
        self.validation_size = validation_size
        self.validation_unit = validation_unit
        self.strand = strand
        self.pooling = pooling
        self.layer = layer
        self.cache_size = cache_size
        self.device = device
        self.precision = precision
        self.random_state = random_state
        self.verbose = verbose
        self.checkpoint_dir = checkpoint_dir
        self.checkpoint_minutes = checkpoint_minutes

    def _resolve_geometry(self, token_ids):
        found = infer_geometry(token_ids)
        if found.k != 1:
            raise ModelMismatchError(
                "ContrastivePredictiveCoding reads single bases, KmerTokenizer(k=1). X holds token id "
                f"{token_ids.largest}, which only k >= {found.k} has."
            )
        return TokenGeometry(1, 1)

    def _architecture(self):
        sizes = ("width", "context_size", "patch_length", "patch_stride", "projection_size")
        names = ("context", "negatives")
        return {
            **{name: int(getattr(self, name)) for name in sizes},
            **{name: getattr(self, name) for name in names},
            "encoder": self._check_encoder(),
            "steps": self._check_steps(),
            "temperature": float(self.temperature),
            "reverse_complement": bool(self.reverse_complement),
        }

    def _check_encoder(self):
        """Give the name of the encoder, or a copy of the module: a fit changes no parameter."""
        if isinstance(self.encoder, str):
            return self.encoder
        n_features = getattr(self.encoder, "n_features", None)
        if not isinstance(n_features, int):
            raise TypeError(
                "encoder must be a torch module that says how many features it gives in n_features, an int. "
                f"Got {type(self.encoder).__name__} with {n_features!r} instead."
            )
        return copy.deepcopy(self.encoder)

    def _check_steps(self):
        steps = tuple(self.steps)
        whole = all(isinstance(step, Integral) and step >= 1 for step in steps)
        if not steps or not whole or len(set(steps)) < len(steps) or max(steps) >= self.n_patches:
            raise ValueError(
                f"steps must be different whole numbers from 1, below n_patches={self.n_patches}. Got "
                f"{self.steps!r} instead."
            )
        if min(steps) * self.patch_stride < self.patch_length:
            warnings.warn(
                f"With steps={steps} a patch of {self.patch_length} bases is recognised from one that begins "
                f"{min(steps) * self.patch_stride} bases before it: they overlap, so what they share gives "
                "the answer away. Take larger steps or a larger patch_stride.",
                SkgenomeWarning,
                # From here over the architecture, the drawing and scikit-learn's wrapper of fit.
                stacklevel=6,
            )
        return tuple(int(step) for step in steps)

    def _make_module(self):
        sizes = self.architecture_
        encoder = sizes["encoder"]
        encoder = ENCODERS[encoder](sizes["width"]) if isinstance(encoder, str) else copy.deepcopy(encoder)
        context = make_context(sizes["context"], encoder.n_features, sizes["context_size"])
        info_nce = InfoNCE(
            encoder.n_features,
            sizes["context_size"],
            steps=sizes["steps"],
            projection_size=sizes["projection_size"],
            temperature=sizes["temperature"],
            negatives=sizes["negatives"],
            reverse_complement=sizes["reverse_complement"],
        )
        patches = PatchEncoder(encoder, context, sizes["patch_length"], sizes["patch_stride"])
        return ContrastiveModule(patches, info_nce)

    def _window_length(self):
        sizes = self.architecture_
        return sizes["patch_length"] + (self.n_patches - 1) * sizes["patch_stride"]

    def _cut(self, token_ids):
        # A stretch reaches one token into the next. Windows are whole, and the last one of a contig is what
        # is left: in equal parts, a contig that is a little longer than a window would be too short.
        return cut_into_stretches(token_ids, self._window_length() - 1, even=False)

    def _check_stretches(self, stretches, contigs, token_ids):
        sizes = self.architecture_
        if max(sizes["steps"]) >= self.n_patches:
            raise ValueError(
                f"n_patches={self.n_patches} is too small for steps={sizes['steps']}: a window must hold "
                "more patches than the largest step."
            )
        length, stride = sizes["patch_length"], sizes["patch_stride"]
        # Whole patches alone: a shorter one would be known by its length.
        n_bases = stretches.ends - stretches.starts
        ends = stretches.ends - np.where(n_bases > length, (n_bases - length) % stride, 0)
        whole = Stretches(stretches.corpus, stretches.starts, ends)
        # Long enough for a patch and, the nearest step ahead, for another one.
        shortest = length + min(sizes["steps"]) * stride
        long_enough = ends - stretches.starts >= shortest
        if not long_enough.any():
            longest = token_ids.lengths.max(initial=0)
            raise ValueError(
                f"X holds {token_ids.n_rows} sequence(s) of at most {longest} bases; to recognise a patch "
                f"{min(sizes['steps'])} ahead takes {shortest}. Give longer sequences, or a smaller "
                "patch_length, patch_stride or step."
            )
        return whole.subset(long_enough), contigs[long_enough]

    def _check_split(self, train, validation):
        self._check_rows(train)
        too_few = validation is not None and len(validation) < self._least_rows
        return train, None if too_few else validation

    def _check_rows(self, windows):
        if min(len(windows), self.batch_size) < self._least_rows:
            raise ValueError(
                "negatives='batch' tells a patch from those of other windows in its batch. Got "
                f"{len(windows)} window(s) and batch_size={self.batch_size}: give more sequence, a larger "
                "batch_size, or negatives='both'."
            )

    @property
    def _least_rows(self):
        # Other windows are what a patch is told from: a batch of one has none.
        return 2 if self.architecture_["negatives"] == "batch" else 1

    def _make_net(self, module, train, validation, **options):
        window = self._window_length()
        return contrastive_net(module, train, validation, bptt=window, least_rows=self._least_rows, **options)

    def pooled_encoder(self):
        """Give the network that :meth:`transform` reads: patches and contexts, pooled as the parameters say.

        Returns
        -------
        skgenome.nn.PooledPatches
            It shares the weights of ``module_``.
        """
        check_is_fitted(self)
        return PooledPatches(self.module_.encoder, self._pooling(), self._layers(), self.strand)

    def _max_cache_bytes(self):
        # What a module of the user's gives depends on more than its weights, and nobody knows on what.
        return self.cache_size if isinstance(self.architecture_["encoder"], str) else 0

    def _describe_reading(self):
        return "reads single bases", "KmerTokenizer(k=1)"

    def patch_scores(self, X):
        """Measure how well the patches ahead are recognised.

        Sequences are cut into windows as in training; the candidates of a prediction come from its batch, so
        that the figures can be compared at the same `batch_size` and `n_patches` alone.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_tokens), list of 1-D arrays, or StoredTokenIds
            Token ids of single bases. They are read as given, on the forward strand.

        Returns
        -------
        PatchScores
            ``loss`` in nats, ``accuracy`` and ``chance``.
        """
        check_is_fitted(self)
        token_ids = self.check_tokens(X)
        stretches, contigs = self._cut(token_ids)
        stretches, _ = self._check_stretches(stretches, contigs, token_ids)
        self._check_rows(stretches)
        options = self._prediction_options()
        batch_size = options.pop("batch_size")
        batches = SegmentStream(stretches, batch_size, self._window_length(), least_rows=self._least_rows)
        return PatchScores(*recognise_patches(self.module_, batches, **options))

    def score(self, X, y=None):
        """Compute the negative mean InfoNCE loss.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_tokens), list of 1-D arrays, or StoredTokenIds
            Token ids of single bases.
        y : None
            Not used.

        Returns
        -------
        float
            In nats; higher is better. See :meth:`patch_scores` for what it can be compared with.
        """
        return -self.patch_scores(X).loss
