"""AWD-LSTM: the encoder, and the language model that shares its embedding."""

from torch import Tensor, nn
from torch.nn import functional as F

from skgenome.nn._dropout import EmbeddingDropout
from skgenome.nn._token_encoder import BaseLanguageModel, BaseTokenEncoder, LayerState


class AWDLSTM(BaseTokenEncoder):
    """LSTM layers with dropout on tokens, on activations and on recurrent weights.

    The first layer goes from `embedding_size` to `hidden_size`, the last one back to `embedding_size`.
    The hidden state is passed in and out; the module keeps none.

    Parameters
    ----------
    n_tokens : int
        Size of the vocabulary, padding and unknown included.
    embedding_size : int, default=400
        Features of a token, and of the last layer.
    hidden_size : int, default=1150
        Features of the layers in between.
    n_layers : int, default=3
        Number of LSTM layers.
    input_p, hidden_p, embedding_p, weight_p : float
        Dropout after the embedding, between layers, of whole tokens, and of recurrent weights.

    References
    ----------
    Merity, Keskar and Socher, "Regularizing and Optimizing LSTM Language Models" (2017), section 4.

    Examples
    --------
    >>> import torch
    >>> from skgenome.nn import AWDLSTM
    >>> output = AWDLSTM(66, embedding_size=8, hidden_size=16)(torch.randint(2, 66, (4, 70)))
    >>> [layer.shape[-1] for layer in output.raw]
    [16, 16, 8]
    """

    def __init__(
        self,
        n_tokens: int,
        embedding_size: int = 400,
        hidden_size: int = 1150,
        n_layers: int = 3,
        *,
        input_p: float = 0.25,
        hidden_p: float = 0.1,
        embedding_p: float = 0.02,
        weight_p: float = 0.15,
    ):
        super().__init__()
        embedding = nn.Embedding(n_tokens, embedding_size, padding_idx=0)
        # Small, as in the paper's section 5: the same matrix is the softmax layer.
        nn.init.uniform_(embedding.weight, -0.1, 0.1)
        self.embedding_dropout = EmbeddingDropout(embedding, embedding_p)
        layer_sizes = [hidden_size] * (n_layers - 1) + [embedding_size]
        self._add_layers(embedding_size, layer_sizes, input_p=input_p, hidden_p=hidden_p, weight_p=weight_p)

    @property
    def embedding(self) -> nn.Embedding:
        """The table, registered once: with the dropout that reads it."""
        return self.embedding_dropout.embedding

    @property
    def front(self) -> nn.Module:
        """The embedding, with its dropout."""
        return self.embedding_dropout

    def _read_tokens(
        self, token_ids: Tensor, state: list[LayerState] | None
    ) -> tuple[Tensor, list[LayerState]]:
        return self.embedding_dropout(token_ids), []


class AWDLSTMLanguageModel(BaseLanguageModel):
    """An AWD-LSTM that predicts the next token with the transposed embedding (tied weights).

    Parameters
    ----------
    n_tokens : int
        Size of the vocabulary, padding and unknown included.
    output_p : float, default=0.1
        Locked dropout before the softmax layer.
    **encoder_params
        Parameters of :class:`AWDLSTM`.

    References
    ----------
    Merity, Keskar and Socher (2017), section 4.4 (variable sizes) and 4.5 (tied weights).

    Examples
    --------
    >>> import torch
    >>> from skgenome.nn import AWDLSTMLanguageModel
    >>> model = AWDLSTMLanguageModel(66, embedding_size=8, hidden_size=16)
    >>> logits, output = model(torch.randint(2, 66, (4, 70)))
    >>> logits.shape
    torch.Size([4, 70, 66])
    """

    encoder: AWDLSTM

    def __init__(self, n_tokens: int, output_p: float = 0.1, **encoder_params):
        super().__init__(AWDLSTM(n_tokens, **encoder_params), output_p)
        self.bias = nn.Parameter(self.encoder.embedding.weight.new_zeros(n_tokens))

    def decode(self, x: Tensor) -> Tensor:
        """Compare the states of the last layer with the embedding of every token.

        Parameters
        ----------
        x : Tensor of shape (batch, time, embedding_size)
            The states, after dropout.

        Returns
        -------
        Tensor of shape (batch, time, n_tokens)
            Scores before the softmax.
        """
        return F.linear(x, self.encoder.embedding.weight, self.bias)
