"""LanguageModel: learn to predict the next token, give features for sequences."""

import inspect
import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skgenome._sklearn import Interval, StrOptions
from skgenome.exceptions import ModelMismatchError, SkgenomeWarning
from skgenome.nn import AWDLSTMLanguageModel, CNNLSTMLanguageModel, PooledEncoder
from skgenome.representation._base import BaseRepresentation
from skgenome.representation._sampling import sample_token_ids
from skgenome.sequences import TokenGeometry, infer_geometry, overlaps_by
from skgenome.training import (
    CHUNK,
    bits_per_base,
    cut_into_stretches,
    language_model_net,
    resolve_device,
    row_surprise,
)

#: With more tokens than this k gives, the softmax layer alone would outgrow a workstation.
LARGEST_K = 9

#: Architectures by name: what makes the network.
ARCHITECTURES = {"awd-lstm": AWDLSTMLanguageModel, "cnn-lstm": CNNLSTMLanguageModel}

#: The sizes that each has, beside the number of layers and their size.
OWN_SIZES = {"awd-lstm": ("embedding_size",), "cnn-lstm": ("n_filters", "kernel_size")}


class LanguageModel(BaseRepresentation):
    """Language model of DNA: pretrained on unlabelled tokens, read as features.

    An AWD-LSTM, or a convolution with LSTMs behind it, learns to predict the next token of every contig.
    What it has learnt is then read off its states: :meth:`transform` gives a vector for a sequence, which any
    scikit-learn estimator can work on.

    k and stride need not be told: they are read off the ids. Contigs of very different lengths stay a
    list of 1-D arrays (``KmerTokenizer(padding=False)``); a matrix padded with 0 works alike. The hidden
    state runs on along a contig and never crosses its end; contigs longer than `stretch_length` are cut,
    so that many places are learnt from side by side.

    Read more in :ref:`language_model`.

    Parameters
    ----------
    architecture : {'awd-lstm', 'cnn-lstm'}, default='awd-lstm'
        ``'awd-lstm'`` learns an embedding of the tokens, shared with the softmax layer, and reads it with
        LSTM layers. ``'cnn-lstm'`` reads the bases of the tokens with filters that do not look ahead, and
        what they find with LSTM layers; with ``KmerTokenizer(k=1)`` it is the model of one next base.
        A size that the chosen one does not have, and that is not left at its default, is warned of.
    embedding_size : int, default=128
        Features of a token and of the last layer, of an ``'awd-lstm'`` alone. The published model has 400.
    n_filters : int, default=128
        Filters, of a ``'cnn-lstm'`` alone. The published model has 320.
    kernel_size : int, default=26
        Tokens that a filter sees, of a ``'cnn-lstm'`` alone.
    hidden_size : int, default=256
        Features of the layers: of those before the last in an ``'awd-lstm'``, whose published model has 1150;
        of all in a ``'cnn-lstm'``, whose published model has 320.
    n_layers : int, default=3
        Number of LSTM layers. The published ``'cnn-lstm'`` has one.
    output_p, hidden_p, input_p, embedding_p, weight_p : float, default=0.25, 0.1, 0.2, 0.02, 0.15
        Dropout before the softmax layer, between layers, after the embedding or the filters, of whole tokens,
        and of recurrent weights.
    dropout_scale : float, default=0.0
        Multiplies all five, and both penalties. A network of this size can't learn a corpus of tens of
        Mbp by heart, and reads it with the fewest errors without any of them. The published AWD-LSTM, 20
        times larger, has .2 to .35; so wants one that reads a few Mbp many times over.
    alpha, beta : float, default=2.0, 1.0
        Weights of the activation and of the temporal activation regularisation, times `dropout_scale`.
    bptt : int, default=70
        Tokens through which the gradient is propagated back.
    stretch_length : int or None, default=2100
        Longest piece of a contig that is read without the hidden state starting afresh, in tokens. None
        leaves contigs whole. Shortened where the corpus would not fill a batch.
    batch_size : int, default=64
        Stretches side by side in training, of all processes together where several train
        (:ref:`outgrowing_one_machine`); rows side by side in :meth:`transform`.
    max_epochs : int, default=10
        Passes over the corpus.
    max_steps : int or None, default=None
        Training steps, each of ``batch_size * bptt`` tokens, in place of `max_epochs`.
    steps_per_round : int or None, default=None
        Steps between two validations, each of which is a row of ``history_``. None validates after each
        pass over the corpus, or at the end where `max_steps` is given.
    optimizer : {'adamw', 'adam', 'sgd'} or torch optimizer class, default='adamw'
        What changes the weights.
    learning_rate : float, default=5e-3
        Peak of the learning rate.
    schedule : {'one-cycle', 'cosine', 'constant'}, default='one-cycle'
        Course of the learning rate.
    weight_decay : float, default=0.01
        Of the optimiser.
    gradient_clip : float, default=0.25
        Largest norm of the gradient.
    validation_size : 'auto', float or int, default='auto'
        Predicted tokens to hold out: as a share (float below 1) or a number (int). ``'auto'`` is 5 %, at
        most 200,000. 0 holds nothing out.
    validation_unit : {'stretches', 'contigs'}, default='stretches'
        What is held out: pieces of contigs, or whole ones.
    strand : {'forward', 'augment', 'average', 'concat'}, default='concat'
        ``'forward'`` trains on and reads the sequence as given. The others train on either strand by
        chance. ``'augment'`` still reads the one given; ``'average'`` gives the mean of the features of
        both strands, so that a sequence and its reverse complement have the same; ``'concat'`` joins
        them, the given strand's first, so that what lies before and behind every base is read.
    pooling : {'concat', 'mean', 'max', 'last'} or int, default='concat'
        How the states of a sequence become one vector, over real tokens alone. ``'concat'`` joins last,
        max and mean. A number joins the means of so many equal parts of the sequence, which keeps what
        stands where: for sequences that are aligned, as promoters are by their start, that is worth more
        than anything else.
    layer : int or 'all', default=-1
        Which LSTM layer is read; ``'all'`` joins them.
    k, stride : int or None, default=None
        Geometry of the tokens. None reads it off the ids that the model is fitted on.
    cache_size : int, default=268435456
        Bytes of features that :meth:`transform` remembers in this process, so that searches and
        cross-validation embed each sequence once. 0 remembers nothing.
    device : str or torch.device, default='auto'
        ``'auto'`` is CUDA where there is one, else the CPU.
    precision : {'auto', 'float32', 'bfloat16'}, default='auto'
        ``'auto'`` trains in bfloat16 where the hardware multiplies in it, and predicts in float32, so that
        a row's features do not depend on the batch it is in. ``'bfloat16'`` is used for both.
    random_state : int, RandomState instance or None, default=None
        Of weights, dropout, order and held-out stretches. The same seed gives the same bits on the same
        machine with the same number of threads.
    verbose : int, default=0
        1 shows a progress bar with the bits per base.
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
    module_ : skgenome.nn.AWDLSTMLanguageModel or skgenome.nn.CNNLSTMLanguageModel
        The network.
    k_, stride_ : int
        Geometry of the tokens. A stride of k or more reads as k.
    n_tokens_ : int
        Size of the vocabulary, padding and unknown included.
    history_ : list of dict
        A row for each round of training: ``epoch``, ``step``, ``train_bits_per_base``,
        ``valid_bits_per_base``, ``tokens`` and ``seconds``; the last one is not kept when the model is
        pickled or saved. ``pandas.DataFrame(lm.history_)`` is a table.

    See Also
    --------
    skgenome.preprocessing.KmerTokenizer : Makes the token ids.
    skgenome.persistence.save : Write a fitted model to disk.

    Notes
    -----
    A base that nothing is known of costs 2 bits. A network that has not learnt yet that adjacent tokens
    share bases scores above that: log2(66) = 6.04 for 3-mers at stride 1. Bits per base can be compared
    between tokenizers, perplexity can't.

    The published one-next-base model sees windows of 500 bases and predicts the base behind each. Here the
    same network goes over a contig once: since neither filters nor LSTMs look ahead, what it says at a base
    is what it would say of the window that ends there, and all windows are learnt from in one pass. They
    begin where the stretch does, rather than 500 bases before. The maximum over 13 positions is left out: a
    prediction at every base takes a state at every base.

    References
    ----------
    Merity, Keskar and Socher, "Regularizing and Optimizing LSTM Language Models" (2017): ``'awd-lstm'``.

    Quang and Xie, "DanQ: a hybrid convolutional and recurrent deep neural network for quantifying the
    function of DNA sequences" (2016): the filters and the LSTM of ``'cnn-lstm'``.

    Howard and Ruder, "Universal Language Model Fine-tuning for Text Classification" (2018): the first of
    its three phases.

    Examples
    --------
    >>> from skgenome.datasets import make_genomes
    >>> from skgenome.preprocessing import KmerTokenizer
    >>> from skgenome.representation import LanguageModel
    >>> genomes = make_genomes(n_genomes=1, genome_length=20_000, random_state=0).data
    >>> token_ids = KmerTokenizer(k=3, padding=False).transform(genomes)
    >>> lm = LanguageModel(embedding_size=8, hidden_size=16, max_epochs=2, random_state=0).fit(token_ids)
    >>> lm.transform(KmerTokenizer(k=3).transform(["GATTACA", "TATAATG"])).shape
    (2, 48)
    >>> lm.history_[-1]["valid_bits_per_base"] < lm.history_[0]["valid_bits_per_base"]
    True
    """

    _parameter_constraints: dict = {
        **BaseRepresentation._parameter_constraints,
        "architecture": [StrOptions(set(ARCHITECTURES))],
        "embedding_size": [Interval(Integral, 1, None, closed="left")],
        "n_filters": [Interval(Integral, 1, None, closed="left")],
        "kernel_size": [Interval(Integral, 1, None, closed="left")],
        "hidden_size": [Interval(Integral, 1, None, closed="left")],
        "n_layers": [Interval(Integral, 1, None, closed="left")],
        "output_p": [Interval(Real, 0, 1, closed="left")],
        "hidden_p": [Interval(Real, 0, 1, closed="left")],
        "input_p": [Interval(Real, 0, 1, closed="left")],
        "embedding_p": [Interval(Real, 0, 1, closed="left")],
        "weight_p": [Interval(Real, 0, 1, closed="left")],
        "dropout_scale": [Interval(Real, 0, None, closed="left")],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "beta": [Interval(Real, 0, None, closed="left")],
        "bptt": [Interval(Integral, 1, None, closed="left")],
        "stretch_length": [Interval(Integral, 1, None, closed="left"), None],
        "k": [Interval(Integral, 1, LARGEST_K, closed="both"), None],
        "stride": [Interval(Integral, 1, None, closed="left"), None],
    }

    def __init__(
        self,
        *,
        architecture="awd-lstm",
        embedding_size=128,
        n_filters=128,
        kernel_size=26,
        hidden_size=256,
        n_layers=3,
        output_p=0.25,
        hidden_p=0.1,
        input_p=0.2,
        embedding_p=0.02,
        weight_p=0.15,
        dropout_scale=0.0,
        alpha=2.0,
        beta=1.0,
        bptt=70,
        stretch_length=2100,
        batch_size=64,
        max_epochs=10,
        max_steps=None,
        steps_per_round=None,
        optimizer="adamw",
        learning_rate=5e-3,
        schedule="one-cycle",
        weight_decay=0.01,
        gradient_clip=0.25,
        validation_size="auto",
        validation_unit="stretches",
        strand="concat",
        pooling="concat",
        layer=-1,
        k=None,
        stride=None,
        cache_size=2**28,
        device="auto",
        precision="auto",
        random_state=None,
        verbose=0,
        checkpoint_dir=None,
        checkpoint_minutes=10.0,
    ):
        self.architecture = architecture
        self.embedding_size = embedding_size
        self.n_filters = n_filters
        self.kernel_size = kernel_size
        self.hidden_size = hidden_size
        self.n_layers = n_layers
        self.output_p = output_p
        self.hidden_p = hidden_p
        self.input_p = input_p
        self.embedding_p = embedding_p
        self.weight_p = weight_p
        self.dropout_scale = dropout_scale
        self.alpha = alpha
        self.beta = beta
        self.bptt = bptt
        self.stretch_length = stretch_length
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
        self.k = k
        self.stride = stride
        self.cache_size = cache_size
        self.device = device
        self.precision = precision
        self.random_state = random_state
        self.verbose = verbose
        self.checkpoint_dir = checkpoint_dir
        self.checkpoint_minutes = checkpoint_minutes

    _figures = ("bits_per_base",)

    def _architecture(self):
        self._warn_of_sizes_without_use()
        sizes = {name: int(getattr(self, name)) for name in self._sizes()}
        return {"architecture": self.architecture} | sizes | self._dropouts()

    def _sizes(self):
        return (*OWN_SIZES[self.architecture], "hidden_size", "n_layers")

    def _warn_of_sizes_without_use(self):
        others = {name for names in OWN_SIZES.values() for name in names}.difference(self._sizes())
        defaults = inspect.signature(LanguageModel).parameters
        given = [
            f"{name}={getattr(self, name)!r}"
            for name in sorted(others)
            if getattr(self, name) != defaults[name].default
        ]
        if given:
            warnings.warn(
                f"{', '.join(given)} was given, but architecture={self.architecture!r} has no such size: its "
                f"own are {', '.join(self._sizes())}. Leave the others at their defaults.",
                SkgenomeWarning,
                # From here over the architecture, the drawing and scikit-learn's wrapper of fit.
                stacklevel=6,
            )

    def _dropouts(self):
        names = ("output_p", "hidden_p", "input_p", "embedding_p", "weight_p")
        return {name: min(float(getattr(self, name) * self.dropout_scale), 0.99) for name in names}

    def _resolve_geometry(self, token_ids):
        inferred = infer_geometry(token_ids)
        k = self.k or inferred.k
        if inferred.k > k:
            raise ModelMismatchError(
                f"k={k} was given, but X holds token id {token_ids.largest}, which only k >= "
                f"{inferred.k} has. Leave k=None, or tokenise with k={k}."
            )
        if k > LARGEST_K:
            raise ValueError(
                f"X holds tokens of k = {k} bases; a vocabulary of {4**k + 2:,} is too large for a language "
                f"model. Use KmerTokenizer(k <= {LARGEST_K})."
            )
        stride = min(self.stride or (inferred.stride if inferred.k == k else k), k)
        if stride < k and not overlaps_by(token_ids, k, stride):
            raise ModelMismatchError(
                f"stride={self.stride} was given, but adjacent tokens of X do not overlap by {k - stride} "
                f"bases. Leave stride=None, or tokenise with k={k}, stride={stride}."
            )
        return TokenGeometry(k, stride)

    def _make_module(self):
        options = dict(self.architecture_)
        # Models that were saved when there was no choice say nothing of it.
        make = ARCHITECTURES[options.pop("architecture", "awd-lstm")]
        return make(self.n_tokens_, **options)

    def _renew_dropouts(self, module):
        dropouts = self._dropouts()
        module.set_dropouts(**dropouts)
        return dropouts

    def replace_encoder(self, encoder):
        """Take an encoder that was trained further in the place of the own one: for what fine-tunes.

        Parameters
        ----------
        encoder : skgenome.nn.BaseTokenEncoder
            Of the same architecture, with other weights. Its dropouts become those of the language model.
        """
        super().replace_encoder(encoder)
        # It is a language model still, with dropouts of its own.
        self.module_.set_dropouts(**{name: self.architecture_[name] for name in self._dropouts()})

    def _check_stretches(self, stretches, contigs, token_ids):
        if len(stretches) == 0:
            raise ValueError(
                f"X holds {token_ids.n_rows} sequence(s), none with two tokens or more, so there is no next "
                "token to predict. Are the sequences shorter than k + stride bases?"
            )
        return stretches, contigs

    def _make_net(self, module, train, validation, **options):
        return language_model_net(
            module,
            train,
            validation,
            new_bases=self.stride_,
            bptt=self.bptt,
            alpha=self.alpha * self.dropout_scale,
            beta=self.beta * self.dropout_scale,
            **options,
        )

    def _cut(self, token_ids):
        longest = self.stretch_length
        if longest is not None:
            fills_a_batch = int(token_ids.lengths.sum()) // self.batch_size
            longest = min(longest, max(fills_a_batch, self.bptt))
        return cut_into_stretches(token_ids, longest)

    def pooled_encoder(self):
        """Give the network that :meth:`transform` reads: the encoder, pooled as the parameters say.

        Returns
        -------
        skgenome.nn.PooledEncoder
            It shares the weights of ``module_``.
        """
        check_is_fitted(self)
        return PooledEncoder(self.module_.encoder, self._pooling(), self._layers(), self.strand, CHUNK)

    @property
    def _n_layers(self):
        return self.architecture_["n_layers"]

    def _surprise(self, X):
        check_is_fitted(self)
        parts = self.check_tokens(X).parts()
        options = self._prediction_options()
        nats, n_predicted = zip(*(row_surprise(self.module_, part, **options) for part in parts), strict=True)
        return np.concatenate(nats), np.concatenate(n_predicted)

    def _mean_nats(self, X):
        nats, n_predicted = self._surprise(X)
        if n_predicted.sum() == 0:
            raise ValueError(
                f"X holds {len(nats)} sequence(s), none with a known token behind another, so there is "
                "nothing to score."
            )
        return float(nats.sum() / n_predicted.sum())

    def score_samples(self, X):
        """Compute the log-likelihood of each sequence, given its first token.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_tokens), list of 1-D arrays, or StoredTokenIds
            Token ids. They are read as given, on the forward strand.

        Returns
        -------
        ndarray of float64, shape (n_samples,)
            In nats; 0 for a sequence with fewer than two tokens.
        """
        return -self._surprise(X)[0]

    def score(self, X, y=None):
        """Compute the mean log-likelihood for each newly predicted base.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_tokens), list of 1-D arrays, or StoredTokenIds
            Token ids.
        y : None
            Not used.

        Returns
        -------
        float
            In nats; -1.386 where all four bases are taken to be equally likely. Higher is better.
        """
        return -self._mean_nats(X) / self.stride_

    def bits_per_base(self, X):
        """Compute the mean surprise for each newly predicted base.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_tokens), list of 1-D arrays, or StoredTokenIds
            Token ids.

        Returns
        -------
        float
            In bits; 2 where all four bases are taken to be equally likely. Lower is better.
        """
        return bits_per_base(self._mean_nats(X), self.stride_)

    def perplexity(self, X):
        """Compute exp(mean nats per token). Not comparable between tokenizers.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_tokens), list of 1-D arrays, or StoredTokenIds
            Token ids.

        Returns
        -------
        float
            Between 1 and the size of the vocabulary, for a model that has learnt anything.
        """
        return float(np.exp(self._mean_nats(X)))

    def sample(self, n_samples=1, *, n_tokens=100, temperature=1.0, random_state=None):
        """Draw new sequences from the model.

        Parameters
        ----------
        n_samples : int, default=1
            How many.
        n_tokens : int, default=100
            Length of each, in tokens.
        temperature : float, default=1.0
            Divides the scores before the softmax: below 1 the likely becomes likelier.
        random_state : int, RandomState instance or None, default=None
            Of the draw.

        Returns
        -------
        ndarray of shape (n_samples, n_tokens), unsigned integers
            Token ids; ``KmerTokenizer(k=lm.k_, stride=lm.stride_).inverse_transform`` makes DNA of them.
            The first token of each is drawn evenly; tokens that contradict the one before are not drawn.

        Raises
        ------
        ValueError
            If `n_samples`, `n_tokens` or `temperature` is not positive.
        """
        check_is_fitted(self)
        return sample_token_ids(
            self.module_,
            TokenGeometry(self.k_, self.stride_),
            n_samples=n_samples,
            n_tokens=n_tokens,
            temperature=temperature,
            random_state=check_random_state(random_state),
            device=resolve_device(self.device),
        )
