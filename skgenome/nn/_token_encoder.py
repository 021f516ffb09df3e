"""What reads token by token: layers of LSTMs on what a subclass makes of the ids, and the model on them."""

from typing import Any, NamedTuple

from torch import Tensor, nn

from skgenome.nn._dropout import DropConnectLSTM, LockedDropout

#: What a layer hands on to the next piece of a sequence. The rows of the batch lie along the last dimension
#: but one of every part.
LayerState = tuple[Tensor, ...]


def take_rows(state: list[LayerState], rows: Tensor) -> list[LayerState]:
    """Copy the states of some rows of a batch.

    Parameters
    ----------
    state : list of tuple of Tensor
        Of an :class:`EncoderOutput`.
    rows : LongTensor of shape (n_rows,)
        Which, also several times.

    Returns
    -------
    list of tuple of Tensor
        A state for a batch of these rows.
    """
    return [tuple(part.index_select(-2, rows) for part in of_layer) for of_layer in state]


class EncoderOutput(NamedTuple):
    """What an encoder gives for a batch."""

    raw: list[Tensor]
    """Output of each layer before dropout, (batch, time, features)."""
    dropped: list[Tensor]
    """Output of each layer after dropout; the last one is what a head reads."""
    state: list[LayerState]
    """What each part remembers after the last step: pass it in to go on."""


class BaseTokenEncoder(nn.Module):
    """What all encoders have in common that read a sequence token by token and never look ahead.

    A subclass says in :attr:`front` and ``_read_tokens`` how ids become features; LSTM layers with dropout
    follow. The state is passed in and out and holds all that a later token may depend on, so that a sequence
    can be read in pieces of any lengths; the module keeps none.

    This is the interface that :class:`PooledEncoder`, training and fine-tuning rely on: ``layer_sizes``, the
    features of each layer that can be read; :meth:`layer_groups`; :meth:`set_dropouts`; and :meth:`forward`.
    """

    layer_sizes: list[int]
    # Lists of modules, whose items torch's types know as any Module.
    layers: Any
    hidden_dropouts: Any

    def __init__(self):
        # Without it, the signature would be that of torch's Module, which takes anything.
        super().__init__()

    def _add_layers(
        self, input_size: int, layer_sizes: list[int], *, input_p: float, hidden_p: float, weight_p: float
    ) -> None:
        """Put the LSTM layers behind the front: to be called last at construction."""
        self.layer_sizes = layer_sizes
        self.input_dropout = LockedDropout(input_p)
        self.layers = nn.ModuleList(
            DropConnectLSTM(n_in, n_out, weight_p)
            for n_in, n_out in zip([input_size, *layer_sizes], layer_sizes, strict=False)
        )
        self.hidden_dropouts = nn.ModuleList(LockedDropout(hidden_p) for _ in layer_sizes[1:])

    @property
    def front(self) -> Any:
        """What the ids go through before the first LSTM; its ``p`` is the dropout of whole tokens."""
        raise NotImplementedError

    def _read_tokens(
        self, token_ids: Tensor, state: list[LayerState] | None
    ) -> tuple[Tensor, list[LayerState]]:
        """Give features (batch, time, features), and what the front itself remembers, if anything.

        That stands first in the state, before those of the layers.
        """
        raise NotImplementedError

    def layer_groups(self, n_layers: int | None = None) -> list[nn.Module]:
        """Give the parts that are unfrozen one after the other, from the input up.

        Parameters
        ----------
        n_layers : int, optional
            How many layers are run, from the first on. None: all.

        Returns
        -------
        list of torch.nn.Module
            The front, then each LSTM layer; all of them hold every parameter once.
        """
        return [self.front, *self.layers[:n_layers]]

    def set_dropouts(self, *, input_p: float, hidden_p: float, embedding_p: float, weight_p: float) -> None:
        """Change the four dropouts, in place: what is fine-tuned wants others than what is pretrained.

        Parameters
        ----------
        input_p, hidden_p, embedding_p, weight_p : float
            As at construction.
        """
        self.input_dropout.p = input_p
        self.front.p = embedding_p
        for dropout in self.hidden_dropouts:
            dropout.p = hidden_p
        for layer in self.layers:
            layer.weight_p = weight_p

    def forward(
        self, token_ids: Tensor, state: list[LayerState] | None = None, n_layers: int | None = None
    ) -> EncoderOutput:
        """Encode a batch.

        Parameters
        ----------
        token_ids : LongTensor of shape (batch, time)
            Token ids, padded on the right: padding has no influence on the real positions before it.
        state : list of tuple of Tensor, optional
            The ``state`` of the piece before. None starts afresh.
        n_layers : int, optional
            How many layers to run, from the first on. None runs all.

        Returns
        -------
        EncoderOutput
            Outputs of all layers, before and after dropout, and the state to go on with. The last
            layer's dropout is left to the head.
        """
        x, new_state = self._read_tokens(token_ids, state)
        before = None if state is None else state[len(new_state) :]
        x = self.input_dropout(x)  # (B, T, E)
        raw, dropped = [], []
        for i, layer in enumerate(self.layers[:n_layers]):
            x, layer_state = layer(x, None if before is None else before[i])  # (B, T, H)
            raw.append(x)
            new_state.append(layer_state)
            if i < len(self.hidden_dropouts):
                x = self.hidden_dropouts[i](x)
            dropped.append(x)
        return EncoderOutput(raw, dropped, new_state)


class BaseLanguageModel(nn.Module):
    """An encoder whose last layer predicts the next token at every position.

    A subclass says in :meth:`decode` how.

    Parameters
    ----------
    encoder : BaseTokenEncoder
        What reads the tokens.
    output_p : float
        Locked dropout before the softmax layer.
    """

    def __init__(self, encoder: BaseTokenEncoder, output_p: float):
        super().__init__()
        self.encoder = encoder
        self.output_dropout = LockedDropout(output_p)

    def decode(self, x: Tensor) -> Tensor:
        """Score all tokens from the states of the last layer.

        Parameters
        ----------
        x : Tensor of shape (batch, time, features)
            The states, after dropout.

        Returns
        -------
        Tensor of shape (batch, time, n_tokens)
            Scores before the softmax.
        """
        raise NotImplementedError

    def set_dropouts(self, *, output_p: float, **of_encoder: float) -> None:
        """Change all dropouts, in place.

        Parameters
        ----------
        output_p : float
            As at construction.
        **of_encoder : float
            As :meth:`BaseTokenEncoder.set_dropouts` takes them.
        """
        self.output_dropout.p = output_p
        self.encoder.set_dropouts(**of_encoder)

    def forward(
        self, token_ids: Tensor, state: list[LayerState] | None = None
    ) -> tuple[Tensor, EncoderOutput]:
        """Score what comes next at each position.

        Parameters
        ----------
        token_ids : LongTensor of shape (batch, time)
            Token ids.
        state : list of tuple of Tensor, optional
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
        return self.decode(x), output
