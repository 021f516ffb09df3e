"""The networks that our training steps are measured against: torch's own layers and nothing else."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

State = list[tuple[Tensor, Tensor]]


class BareLanguageModel(nn.Module):
    """Embedding, a stack of ``torch.nn.LSTM``, a linear layer: no dropout, no penalties, no tied weights.

    Parameters
    ----------
    n_tokens : int
        Size of the vocabulary.
    embedding_size, hidden_size, n_layers : int
        As in :class:`skgenome.nn.AWDLSTM`, so that both multiply matrices of the same sizes.
    """

    def __init__(self, n_tokens: int, embedding_size: int, hidden_size: int, n_layers: int):
        super().__init__()
        sizes = [embedding_size] + [hidden_size] * (n_layers - 1) + [embedding_size]
        self.embedding = nn.Embedding(n_tokens, embedding_size)
        self.layers = nn.ModuleList(nn.LSTM(n_in, n_out, batch_first=True) for n_in, n_out in pairwise(sizes))
        self.decoder = nn.Linear(embedding_size, n_tokens)

    def encode(self, token_ids: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Give the top layer's outputs, and the state to go on with.

        Parameters
        ----------
        token_ids : LongTensor of shape (batch, time)
            Token ids.
        state : list of (hidden, cell), optional
            Of the segment before.

        Returns
        -------
        outputs : Tensor of shape (batch, time, embedding_size)
            Of the last layer.
        state : list of (hidden, cell)
            Cut from the graph.
        """
        x, new_state = self.embedding(token_ids), []  # (B, T, E)
        for i, layer in enumerate(self.layers):
            x, last = layer(x, None if state is None else state[i])
            new_state.append(tuple(part.detach() for part in last))
        return x, new_state


class BareTraining:
    """The shortest training loop that carries the state: forward, loss, backward, AdamW.

    Parameters
    ----------
    model : BareLanguageModel
        Trained in place.
    token_ids : LongTensor of shape (batch, time + 1)
        The one batch that is trained on again and again: reading data costs the peer nothing.
    dtype : torch.dtype
        Of the autocast.
    """

    def __init__(self, model: BareLanguageModel, token_ids: Tensor, dtype: torch.dtype):
        self.model, self.token_ids, self.dtype = model, token_ids, dtype
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
        self.state: State | None = None

    def step(self) -> Tensor:
        """Train on the batch once.

        Returns
        -------
        Tensor
            The loss.
        """
        ids = self.token_ids
        with torch.autocast(ids.device.type, self.dtype, enabled=self.dtype != torch.float32):
            outputs, self.state = self.model.encode(ids[:, :-1], self.state)
            logits = self.model.decoder(outputs)
        loss = F.cross_entropy(logits.float().flatten(0, 1), ids[:, 1:].flatten())
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        return loss


class BareClassifier(nn.Module):
    """The bare encoder, last, max and mean of its outputs, a linear layer.

    Parameters
    ----------
    n_tokens : int
        Size of the vocabulary.
    embedding_size, hidden_size, n_layers : int
        As in :class:`BareLanguageModel`.
    """

    def __init__(self, n_tokens: int, embedding_size: int, hidden_size: int, n_layers: int):
        super().__init__()
        self.encoder = BareLanguageModel(n_tokens, embedding_size, hidden_size, n_layers)
        self.head = nn.Linear(3 * embedding_size, 1)

    def forward(self, token_ids: Tensor) -> Tensor:
        """Score a batch of rows of one length.

        Parameters
        ----------
        token_ids : LongTensor of shape (batch, time)
            Token ids.

        Returns
        -------
        Tensor of shape (batch, 1)
            Logits.
        """
        x, _ = self.encoder.encode(token_ids)  # (B, T, E)
        return self.head(torch.cat([x[:, -1], x.amax(1), x.mean(1)], dim=1))
