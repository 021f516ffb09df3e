"""What turns the vector of a sequence into scores of classes."""

from typing import Any

import torch
from torch import Tensor, nn

#: Least scale of a feature, as a share of the root mean square of all deviations.
FLOOR = 0.2


class Standardize(nn.Module):
    """Subtract a mean and divide by a scale, both fixed.

    They are measured once, before any training, on all sequences at hand, so that the head sees features
    of one size from the first step on. Batch normalisation would measure them on a batch of labelled rows:
    with 20 labels that is one batch, and behind a dropout it sees another variance than in prediction.

    Parameters
    ----------
    n_features : int
        Length of the vectors. Until :meth:`measure` is called, nothing is changed.

    Examples
    --------
    >>> import torch
    >>> from skgenome.nn import Standardize
    >>> x = torch.tensor([[1.0, 5.0], [3.0, 5.0]])
    >>> Standardize(2).measure(x)(x)
    tensor([[-1.,  0.],
            [ 1.,  0.]])
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, n_features: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_features))
        self.register_buffer("scale", torch.ones(n_features))

    def measure(self, x: Tensor) -> "Standardize":
        """Take mean and standard deviation from the rows of `x`.

        A deviation below a fifth of their root mean square is raised to that. States of an LSTM that have
        saturated vary by a millionth: divided by that, the least dropout below would shake the scores, and
        the probe loses nothing without them.

        Parameters
        ----------
        x : Tensor of shape (n_samples, n_features)
            Features.

        Returns
        -------
        self : Standardize
            The module.
        """
        deviation = x.double().std(0, correction=0)
        floor = FLOOR * deviation.pow(2).mean().sqrt()
        self.mean.copy_(x.double().mean(0))
        self.scale.copy_(deviation.clamp(min=float(floor) or 1.0))
        return self

    def forward(self, x: Tensor) -> Tensor:
        """Standardise.

        Parameters
        ----------
        x : Tensor of shape (batch, n_features)
            Features.

        Returns
        -------
        Tensor of shape (batch, n_features)
            In units of standard deviations.
        """
        return (x - self.mean) / self.scale


class LinearHead(nn.Module):
    """Logistic regression on standardised features.

    Parameters
    ----------
    n_features, n_outputs : int
        Length of the vectors; number of scores.
    input_p : float, default=0.0
        Dropout on the features.

    Examples
    --------
    >>> import torch
    >>> from skgenome.nn import LinearHead
    >>> LinearHead(8, 3)(torch.zeros(4, 8)).shape
    torch.Size([4, 3])
    """

    l2: Tensor

    def __init__(self, n_features: int, n_outputs: int, input_p: float = 0.0):
        super().__init__()
        self.standardize = Standardize(n_features)
        self.dropout = nn.Dropout(input_p)
        self.linear = nn.Linear(n_features, n_outputs)
        self.register_buffer("l2", torch.zeros(n_outputs))

    def penalty(self) -> Tensor:
        """Give what training adds to the loss: half the squared weights of each output, times its ``l2``.

        Returns
        -------
        Tensor of shape ()
            0 until ``l2`` is set: to the penalty under which the weights were fitted, so that training goes
            on from an optimum of what it minimises.
        """
        return (self.l2 * self.linear.weight.square().sum(1)).sum() / 2

    def forward(self, x: Tensor) -> Tensor:
        """Score the classes.

        Parameters
        ----------
        x : Tensor of shape (batch, n_features)
            Features.

        Returns
        -------
        Tensor of shape (batch, n_outputs)
            Logits.
        """
        return self.linear(self.dropout(self.standardize(x)))


class MLPHead(nn.Module):
    """A hidden layer between features and scores, as in ULMFiT's classifier but without batch statistics.

    Parameters
    ----------
    n_features, n_outputs : int
        Length of the vectors; number of scores.
    hidden_size : int, default=50
        Units of the hidden layer.
    input_p, hidden_p : float, default=0.4, 0.1
        Dropout on the features and on the hidden layer.

    References
    ----------
    Howard and Ruder, "Universal Language Model Fine-tuning for Text Classification" (2018), section 3.3,
    with layer normalisation (Ba, Kiros and Hinton, 2016) in place of batch normalisation.

    Examples
    --------
    >>> import torch
    >>> from skgenome.nn import MLPHead
    >>> MLPHead(8, 3)(torch.zeros(4, 8)).shape
    torch.Size([4, 3])
    """

    def __init__(
        self,
        n_features: int,
        n_outputs: int,
        hidden_size: int = 50,
        input_p: float = 0.4,
        hidden_p: float = 0.1,
    ):
        super().__init__()
        self.standardize = Standardize(n_features)
        self.layers = nn.Sequential(
            nn.Dropout(input_p),
            nn.Linear(n_features, hidden_size),
            nn.ReLU(),
            nn.LayerNorm(hidden_size),
            nn.Dropout(hidden_p),
            nn.Linear(hidden_size, n_outputs),
        )

    def penalty(self) -> Tensor:
        """Give what training adds to the loss: nothing, since dropout and the width keep this head small.

        Returns
        -------
        Tensor of shape ()
            0.
        """
        return self.standardize.mean.new_zeros(())

    def forward(self, x: Tensor) -> Tensor:
        """Score the classes.

        Parameters
        ----------
        x : Tensor of shape (batch, n_features)
            Features.

        Returns
        -------
        Tensor of shape (batch, n_outputs)
            Logits.
        """
        return self.layers(self.standardize(x))


class SequenceClassifierModule(nn.Module):
    """A pooled encoder with a head on it.

    Parameters
    ----------
    encoder : PooledEncoder
        Gives a vector for each row.
    head : torch.nn.Module
        Turns it into scores.
    encoder_holds_still : bool, default=False
        Whether the encoder is in eval mode in training too, without dropouts and with the statistics of its
        normalisations as they are: for a head that is trained alone.

    Examples
    --------
    >>> import torch
    >>> from skgenome.nn import AWDLSTM, LinearHead, PooledEncoder, SequenceClassifierModule
    >>> encoder = PooledEncoder(AWDLSTM(66, embedding_size=8, hidden_size=16), "concat", [-1])
    >>> module = SequenceClassifierModule(encoder, LinearHead(encoder.n_features, 2))
    >>> module(torch.randint(2, 66, (4, 70))).shape, len(module.layer_groups())
    (torch.Size([4, 2]), 5)
    """

    # Modules whose methods torch's Module has not: layer_groups and penalty.
    encoder: Any
    head: Any

    def __init__(self, encoder: nn.Module, head: nn.Module, encoder_holds_still: bool = False):
        super().__init__()
        self.encoder, self.head = encoder, head
        self.encoder_holds_still = encoder_holds_still

    def train(self, mode: bool = True) -> "SequenceClassifierModule":
        """Set training or eval mode.

        Parameters
        ----------
        mode : bool, default=True
            Whether to train. An encoder that holds still stays in eval mode.

        Returns
        -------
        self : SequenceClassifierModule
            The module.
        """
        super().train(mode)
        if self.encoder_holds_still:
            self.encoder.eval()
        return self

    def layer_groups(self) -> list[nn.Module]:
        """Give the parts that are unfrozen one after the other, from the input up; the head is the last.

        Returns
        -------
        list of torch.nn.Module
            The parts.
        """
        return [*self.encoder.layer_groups(), self.head]

    def penalty(self) -> Tensor:
        """Give what training adds to the loss of the labels.

        Returns
        -------
        Tensor of shape ()
            That of the head.
        """
        return self.head.penalty()

    def forward(self, token_ids: Tensor, reverse: Tensor | None = None) -> Tensor:
        """Score the classes of a batch.

        Parameters
        ----------
        token_ids : LongTensor of shape (batch, time)
            Token ids, padded on the right.
        reverse : LongTensor of shape (batch, time), optional
            The same rows on the other strand.

        Returns
        -------
        Tensor of shape (batch, n_outputs)
            Logits, float32.
        """
        return self.head(self.encoder(token_ids, reverse))
