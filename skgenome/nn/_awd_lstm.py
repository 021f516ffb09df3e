"""AWD-LSTM: the encoder, and the language model that shares its embedding."""

from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F

from skgenome.nn._dropout import DropConnectLSTM, EmbeddingDropout, LockedDropout, LSTMState


class EncoderOutput(NamedTuple):
    """What an encoder gives for a batch."""

    raw: list[Tensor]
    """Output of each layer before dropout, (batch, time, features)."""
    dropped: list[Tensor]
    """Output of each layer after dropout; the last one is what a head reads."""
    state: list[LSTMState]
    """State of each layer after the last step: pass it in to go on."""


class AWDLSTM(nn.Module):
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
        self.layer_sizes = [hidden_size] * (n_layers - 1) + [embedding_size]
        embedding = nn.Embedding(n_tokens, embedding_size, padding_idx=0)
        # Small, as in the paper's section 5: the same matrix is the softmax layer.
        nn.init.uniform_(embedding.weight, -0.1, 0.1)
        self.embedding_dropout = EmbeddingDropout(embedding, embedding_p)
        self.input_dropout = LockedDropout(input_p)
        self.layers = nn.ModuleList(
            DropConnectLSTM(n_in, n_out, weight_p)
            for n_in, n_out in zip([embedding_size, *self.layer_sizes], self.layer_sizes, strict=False)
        )
        self.hidden_dropouts = nn.ModuleList(LockedDropout(hidden_p) for _ in range(n_layers - 1))

    @property
    def embedding(self) -> nn.Embedding:
        """The table, registered once: with the dropout that reads it."""
        return self.embedding_dropout.embedding

    def layer_groups(self, n_layers: int | None = None) -> list[nn.Module]:
        """Give the parts that are unfrozen one after the other, from the input up.

        Parameters
        ----------
        n_layers : int, optional
            How many layers are run, from the first on. None: all.

        Returns
        -------
        list of torch.nn.Module
            The embedding, then each LSTM layer; all of them hold every parameter once.
        """
        return [self.embedding_dropout, *self.layers[:n_layers]]

    def set_dropouts(self, *, input_p: float, hidden_p: float, embedding_p: float, weight_p: float) -> None:
        """Change the four dropouts, in place: what is fine-tuned wants others than what is pretrained.

        Parameters
        ----------
        input_p, hidden_p, embedding_p, weight_p : float
            As at construction.
        """
        self.input_dropout.p = input_p
        self.embedding_dropout.p = embedding_p
        for dropout in self.hidden_dropouts:
            dropout.p = hidden_p
        for layer in self.layers:
            layer.weight_p = weight_p

    def forward(
        self, token_ids: Tensor, state: list[LSTMState] | None = None, n_layers: int | None = None
    ) -> EncoderOutput:
        """Encode a batch.

        Parameters
        ----------
        token_ids : LongTensor of shape (batch, time)
            Token ids, padded on the right: padding has no influence on the real positions before it.
        state : list of LSTM states, optional
            The ``state`` of the piece before. None starts afresh.
        n_layers : int, optional
            How many layers to run, from the first on. None runs all.

        Returns
        -------
        EncoderOutput
            Outputs of all layers, before and after dropout, and the state to go on with. The last
            layer's dropout is left to the head.
        """
        x = self.input_dropout(self.embedding_dropout(token_ids))  # (B, T, E)
        raw, dropped, new_state = [], [], []
        for i, layer in enumerate(self.layers[:n_layers]):
            x, layer_state = layer(x, None if state is None else state[i])  # (B, T, H)
            raw.append(x)
            new_state.append(layer_state)
            if i < len(self.hidden_dropouts):
                x = self.hidden_dropouts[i](x)
            dropped.append(x)
        return EncoderOutput(raw, dropped, new_state)


class AWDLSTMLanguageModel(nn.Module):
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

    def __init__(self, n_tokens: int, output_p: float = 0.1, **encoder_params):
        super().__init__()
        self.encoder = AWDLSTM(n_tokens, **encoder_params)
        self.output_dropout = LockedDropout(output_p)
        self.bias = nn.Parameter(self.encoder.embedding.weight.new_zeros(n_tokens))

    def forward(
        self, token_ids: Tensor, state: list[LSTMState] | None = None
    ) -> tuple[Tensor, EncoderOutput]:
        """Score what comes next at each position.

        Parameters
        ----------
        token_ids : LongTensor of shape (batch, time)
            Token ids.
        state : list of LSTM states, optional
            The ``state`` of the piece before.

        Returns
        -------
        logits : Tensor of shape (batch, time, n_tokens)
            Scores of the token after each position.
        output : EncoderOutput
            What the encoder gave; its last ``dropped`` is what the softmax layer has read.
        """
        output = self.encoder(token_ids, state)
        x = self.output_dropout(output.raw[-1])  # (B, T, E)
        output.dropped[-1] = x
        return F.linear(x, self.encoder.embedding.weight, self.bias), output
