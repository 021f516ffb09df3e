"""The CNN-LSTM that predicts the next token: a convolution that does not look ahead, LSTMs behind it."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from skgenome.nn._dropout import keep_mask
from skgenome.nn._motifs import MotifFilters
from skgenome.nn._one_hot import OneHotBases
from skgenome.nn._token_encoder import BaseLanguageModel, BaseTokenEncoder, LayerState


def _bases_in_a_token(n_tokens: int) -> int:
    """Tell k from the size of the vocabulary."""
    # 4**k is the bit 2k.
    k = max(n_tokens - 2, 0).bit_length() // 2
    if k < 1 or n_tokens != 4**k + 2:
        raise ValueError(
            "n_tokens must be 4**k + 2, all k-mers with padding and unknown: 6, 18, 66 and so on. Got "
            f"{n_tokens} instead."
        )
    return k


class _CausalMotifs(nn.Module):
    """How well each filter matches the tokens that end at a position."""

    def __init__(self, n_tokens: int, n_filters: int, kernel_size: int, p: float):
        super().__init__()
        k = _bases_in_a_token(n_tokens)
        self.one_hot = OneHotBases(k=k)
        self.filters = MotifFilters(4 * k, n_filters, kernel_size)
        self.n_tokens, self.n_before, self.p = n_tokens, kernel_size - 1, p

    def forward(self, token_ids: Tensor, before: Tensor | None) -> tuple[Tensor, Tensor]:
        """Give matches (batch, time, n_filters), and the ids that the next piece has to see again."""
        if before is None:
            # Padding, which is nothing, as all that lies before the beginning.
            before = token_ids.new_zeros(len(token_ids), self.n_before)
        # Ids rather than channels, as they are a fraction of the size; and no gradient goes through them.
        seen = torch.cat([before, token_ids], dim=1)
        matches = F.relu(self.filters(self._look_up(seen)))  # (B, T, n_filters)
        return matches, seen[:, token_ids.shape[1] :]

    def _look_up(self, token_ids: Tensor) -> Tensor:
        """Give the channels of each token, (batch, length, 4 * k)."""
        x = self.one_hot(token_ids).transpose(1, 2)
        if not self.training or self.p == 0:
            return x
        # As in EmbeddingDropout: a token is missing everywhere in the batch.
        return x * keep_mask((self.n_tokens, 1), self.p, x)[token_ids]

    def extra_repr(self) -> str:
        return f"p={self.p}"


class CNNLSTM(BaseTokenEncoder):
    """Motifs found by a convolution that does not look ahead, their order read by LSTM layers.

    Every filter sees the `kernel_size` tokens that end at a position: the sequence is padded on the left
    alone. What lies left of a piece belongs to the state, as the states of the LSTMs do, so that pieces read
    one after the other give what the whole gives.

    Tokens are read as their bases, four channels each: there is no embedding to learn. An unknown token is
    nothing, as is what lies before the beginning.

    Parameters
    ----------
    n_tokens : int
        Size of the vocabulary, padding and unknown included: ``4**k + 2``.
    n_filters : int, default=320
        Motifs.
    kernel_size : int, default=26
        Tokens of a motif.
    hidden_size : int, default=320
        Units of each LSTM.
    n_layers : int, default=1
        Number of LSTM layers.
    input_p, hidden_p, embedding_p, weight_p : float
        Dropout of the motifs, between layers, of whole tokens, and of recurrent weights.

    References
    ----------
    Quang and Xie, "DanQ: a hybrid convolutional and recurrent deep neural network for quantifying the
    function of DNA sequences", Nucleic Acids Research 44 (2016), e107: the sizes. Without its maximum over 13
    positions, since a state is wanted at each, and with the LSTM reading forward alone.

    Examples
    --------
    >>> import torch
    >>> from skgenome.nn import CNNLSTM
    >>> encoder = CNNLSTM(6, n_filters=8, kernel_size=12, hidden_size=16, n_layers=2)
    >>> output = encoder(torch.randint(2, 6, (4, 70)))
    >>> [layer.shape[-1] for layer in output.raw]
    [16, 16]
    """

    def __init__(
        self,
        n_tokens: int,
        n_filters: int = 320,
        kernel_size: int = 26,
        hidden_size: int = 320,
        n_layers: int = 1,
        *,
        input_p: float = 0.2,
        hidden_p: float = 0.1,
        embedding_p: float = 0.02,
        weight_p: float = 0.15,
    ):
        super().__init__()
        self.motifs = _CausalMotifs(n_tokens, n_filters, kernel_size, embedding_p)
        layer_sizes = [hidden_size] * n_layers
        self._add_layers(n_filters, layer_sizes, input_p=input_p, hidden_p=hidden_p, weight_p=weight_p)

    @property
    def front(self) -> nn.Module:
        """The convolution."""
        return self.motifs

    def _read_tokens(
        self, token_ids: Tensor, state: list[LayerState] | None
    ) -> tuple[Tensor, list[LayerState]]:
        x, before = self.motifs(token_ids, None if state is None else state[0][0])
        return x, [(before,)]


class CNNLSTMLanguageModel(BaseLanguageModel):
    """A CNN-LSTM that predicts the next token at every position, by a softmax layer of its own.

    Parameters
    ----------
    n_tokens : int
        Size of the vocabulary, padding and unknown included: ``4**k + 2``.
    output_p : float, default=0.1
        Locked dropout before the softmax layer.
    **encoder_params
        Parameters of :class:`CNNLSTM`.

    Examples
    --------
    >>> import torch
    >>> from skgenome.nn import CNNLSTMLanguageModel
    >>> model = CNNLSTMLanguageModel(6, n_filters=8, hidden_size=16)
    >>> logits, output = model(torch.randint(2, 6, (4, 70)))
    >>> logits.shape
    torch.Size([4, 70, 6])
    """

    def __init__(self, n_tokens: int, output_p: float = 0.1, **encoder_params):
        super().__init__(CNNLSTM(n_tokens, **encoder_params), output_p)
        self.decoder = nn.Linear(self.encoder.layer_sizes[-1], n_tokens)

    def decode(self, x: Tensor) -> Tensor:
        """Score all tokens from the states of the last layer.

        Parameters
        ----------
        x : Tensor of shape (batch, time, hidden_size)
            The states, after dropout.

        Returns
        -------
        Tensor of shape (batch, time, n_tokens)
            Scores before the softmax.
        """
        return self.decoder(x)
