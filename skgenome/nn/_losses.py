"""What a network is asked to make small."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

#: Ids of padding and of unknown k-mers are never a target: neither is a base that could be predicted.
N_SPECIAL = 2


def token_nats(logits: Tensor, targets: Tensor) -> Tensor:
    """Compute the surprise at each token, -log p(target), in nats.

    Parameters
    ----------
    logits : Tensor of shape (batch, time, n_tokens)
        Scores before the softmax, of any floating dtype; the softmax is computed in float32.
    targets : LongTensor of shape (batch, time)
        What was to be predicted. Padding (0) and unknown (1) do not count.

    Returns
    -------
    Tensor of shape (batch, time), float32
        The surprise; 0 where the target does not count.

    Examples
    --------
    >>> import torch
    >>> from skgenome.nn import token_nats
    >>> token_nats(torch.zeros(1, 2, 4), torch.tensor([[3, 0]]))
    tensor([[1.3863, 0.0000]])
    """
    targets = targets.masked_fill(targets < N_SPECIAL, -100)
    flat = F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), reduction="none")
    return flat.view_as(targets)


def activation_regularization(dropped: Tensor, alpha: float) -> Tensor:
    """Penalise large activations (AR).

    Parameters
    ----------
    dropped : Tensor of shape (batch, time, features)
        Output of the last layer after its dropout.
    alpha : float
        Weight of the penalty.

    Returns
    -------
    Tensor of shape ()
        ``alpha * mean(dropped ** 2)``.

    References
    ----------
    Merity, Keskar and Socher (2017), section 4.6.
    """
    return alpha * dropped.float().pow(2).mean()


def temporal_activation_regularization(raw: Tensor, beta: float) -> Tensor:
    """Penalise activations that jump from one step to the next (TAR).

    Parameters
    ----------
    raw : Tensor of shape (batch, time, features)
        Output of the last layer before its dropout.
    beta : float
        Weight of the penalty.

    Returns
    -------
    Tensor of shape ()
        ``beta * mean((raw[:, 1:] - raw[:, :-1]) ** 2)``; 0 for a single step.

    References
    ----------
    Merity, Keskar and Socher (2017), section 4.6.
    """
    if raw.shape[1] < 2:
        return raw.new_zeros(())
    return beta * (raw[:, 1:] - raw[:, :-1]).float().pow(2).mean()


class LanguageModelLoss(nn.Module):
    """Mean surprise for each token that counts, with AWD-LSTM's two penalties.

    Parameters
    ----------
    alpha : float, default=2.0
        Weight of the activation regularisation.
    beta : float, default=1.0
        Weight of the temporal activation regularisation.

    References
    ----------
    Merity, Keskar and Socher (2017), section 4.6; the weights are those of section 5.

    Examples
    --------
    >>> import torch
    >>> from skgenome.nn import AWDLSTMLanguageModel, LanguageModelLoss
    >>> ids = torch.randint(2, 66, (2, 8))
    >>> logits, output = AWDLSTMLanguageModel(66, embedding_size=4, hidden_size=6)(ids[:, :-1])
    >>> nats, penalty = LanguageModelLoss()(logits, ids[:, 1:], output)
    >>> nats.shape, penalty.shape
    (torch.Size([2, 7]), torch.Size([]))
    """

    def __init__(self, alpha: float = 2.0, beta: float = 1.0):
        super().__init__()
        self.alpha = alpha
        self.beta = beta

    def forward(self, logits: Tensor, targets: Tensor, output) -> tuple[Tensor, Tensor]:
        """Compute surprise and penalty apart, so that each can be reported.

        Parameters
        ----------
        logits : Tensor of shape (batch, time, n_tokens)
            Scores before the softmax.
        targets : LongTensor of shape (batch, time)
            What was to be predicted.
        output : EncoderOutput
            What the encoder gave.

        Returns
        -------
        nats : Tensor of shape (batch, time)
            The surprise at each token.
        penalty : Tensor of shape ()
            The sum of both penalties.
        """
        penalty = activation_regularization(output.dropped[-1], self.alpha)
        penalty = penalty + temporal_activation_regularization(output.raw[-1], self.beta)
        return token_nats(logits, targets), penalty


class ClassificationLoss(nn.Module):
    """Weighted log loss of a batch, in nats.

    One column of scores is the log odds of the second class, several columns with class numbers as
    targets are a multinomial model, several with an indicator matrix are labels of their own. Entries of it
    that are not known, or that count more than others, have weights beside them: see :func:`row_nats`.

    Examples
    --------
    >>> import torch
    >>> from skgenome.nn import ClassificationLoss
    >>> ClassificationLoss()(torch.zeros(2, 4), (torch.tensor([0, 3]), torch.ones(2)))
    tensor(1.3863)
    """

    def __init__(self):
        # Without it, the signature would be that of torch's Module, which takes anything.
        super().__init__()

    def forward(self, logits: Tensor, labelled: tuple[Tensor, Tensor]) -> Tensor:
        """Compute the loss.

        Parameters
        ----------
        logits : Tensor of shape (batch, n_outputs)
            Scores.
        labelled : tuple of two Tensors
            The targets as :func:`row_nats` takes them, and the weights of the rows, of shape
            (batch,) and mean 1 over the whole set.

        Returns
        -------
        Tensor of shape ()
            ``mean(weight * loss)``; over labels, the mean.
        """
        targets, weights = labelled
        return torch.mean(weights * row_nats(logits, targets))


def row_nats(logits: Tensor, targets: Tensor) -> Tensor:
    """Compute the log loss of every row.

    Parameters
    ----------
    logits : Tensor of shape (batch, n_outputs)
        Scores, of any floating dtype; the loss is computed in float32 at least.
    targets : Tensor
        LongTensor of shape (batch,) for classes; float Tensor of shape (batch, n_outputs) for labels, or of
        shape (batch, 2 * n_outputs): the labels, then the weight of each in the loss. What is not known has
        weight 0; over the whole set the mean is 1.

    Returns
    -------
    Tensor of shape (batch,)
        In nats.
    """
    logits = logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits
    if targets.is_floating_point():
        labels, weights = targets.chunk(2, dim=1) if targets.shape[1] > logits.shape[1] else (targets, None)
        return F.binary_cross_entropy_with_logits(logits, labels, weights, reduction="none").mean(1)
    return F.cross_entropy(logits, targets, reduction="none")
