"""The networks that our training steps are measured against: torch's own layers and nothing else."""

from collections.abc import Callable, Sequence
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


class _BareBlock(nn.Module):
    """Two convolutions of three positions, to whose result the input is added."""

    def __init__(self, n_in: int, n_out: int, stride: int):
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv1d(n_in, n_out, 3, stride, padding=1, bias=False),
            nn.BatchNorm1d(n_out),
            nn.ReLU(),
            nn.Conv1d(n_out, n_out, 3, padding=1, bias=False),
            nn.BatchNorm1d(n_out),
        )
        self.shortcut = nn.Identity()
        if n_in != n_out:
            self.shortcut = nn.Sequential(
                nn.Conv1d(n_in, n_out, 1, stride, bias=False), nn.BatchNorm1d(n_out)
            )

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.branch(x) + self.shortcut(x))


class BareResNet(nn.Module):
    """ResNet-18 in one dimension as the paper has it for images: rows of one length, nothing masked.

    Parameters
    ----------
    width : int
        Channels of the first stage, as in :class:`skgenome.nn.ResNet1d`.
    """

    def __init__(self, width: int):
        super().__init__()
        self.register_buffer("table", torch.cat([torch.zeros(2, 4), torch.eye(4)]), persistent=False)
        self.stem = nn.Sequential(
            nn.Conv1d(4, width, 5, stride=2, padding=2, bias=False),
            nn.BatchNorm1d(width),
            nn.ReLU(),
            nn.MaxPool1d(2, ceil_mode=True),
        )
        sizes = [width, *(width * 2**stage for stage in range(4))]
        self.blocks = nn.Sequential()
        for stage, (n_in, n_out) in enumerate(pairwise(sizes)):
            self.blocks.append(_BareBlock(n_in, n_out, 2 if stage else 1))
            self.blocks.append(_BareBlock(n_out, n_out, 1))
        self.n_features = sizes[-1]

    def forward(self, token_ids: Tensor) -> Tensor:
        """Encode rows of one length.

        Parameters
        ----------
        token_ids : LongTensor of shape (batch, length)
            Ids of single bases.

        Returns
        -------
        Tensor of shape (batch, n_features)
            Means of the last channels.
        """
        x = F.embedding(token_ids, self.table).transpose(1, 2)  # (B, 4, L)
        return self.blocks(self.stem(x)).mean(2)


class BarePatches(nn.Module):
    """The bare ResNet on each patch of a window, ``torch.nn.GRU`` over the patches.

    Parameters
    ----------
    width, context_size, patch_length, patch_stride : int
        As in :class:`skgenome.representation.ContrastivePredictiveCoding`.
    """

    def __init__(self, width: int, context_size: int, patch_length: int, patch_stride: int):
        super().__init__()
        self.encoder = BareResNet(width)
        self.context = nn.GRU(self.encoder.n_features, context_size, batch_first=True)
        self.patch_length, self.patch_stride = patch_length, patch_stride

    def encode(self, token_ids: Tensor) -> Tensor:
        """Give the latents.

        Parameters
        ----------
        token_ids : LongTensor of shape (batch, length)
            Windows of whole patches.

        Returns
        -------
        Tensor of shape (batch, n_patches, n_features)
            One for each patch.
        """
        patches = token_ids.unfold(1, self.patch_length, self.patch_stride)
        return self.encoder(patches.flatten(0, 1)).unflatten(0, patches.shape[:2])

    def forward(self, token_ids: Tensor) -> tuple[Tensor, Tensor]:
        """Give the latents and the contexts.

        Parameters
        ----------
        token_ids : LongTensor of shape (batch, length)
            Windows of whole patches.

        Returns
        -------
        latents : Tensor of shape (batch, n_patches, n_features)
            As :meth:`encode` gives them.
        contexts : Tensor of shape (batch, n_patches, context_size)
            What the GRU makes of each patch and of those before it.
        """
        latents = self.encode(token_ids)
        return latents, self.context(latents)[0]


class BareContrastive(nn.Module):
    """Patches, and the loss of recognising those ahead among all of the batch: products and cross entropy.

    Parameters
    ----------
    patches : BarePatches
        What is trained.
    steps : sequence of int
        How many patches ahead.
    projection_size : int
        Features that are compared.
    temperature : float
        Divides the cosines.
    """

    def __init__(self, patches: BarePatches, steps: Sequence[int], projection_size: int, temperature: float):
        super().__init__()
        self.patches, self.steps, self.temperature = patches, steps, temperature
        self.projection = nn.Linear(patches.encoder.n_features, projection_size, bias=False)
        context_size = patches.context.hidden_size
        self.predictors = nn.ModuleList(nn.Linear(context_size, projection_size, bias=False) for _ in steps)

    def forward(self, token_ids: Tensor) -> Tensor:
        """Compute the loss of a batch.

        Parameters
        ----------
        token_ids : LongTensor of shape (batch, length)
            Windows of whole patches.

        Returns
        -------
        Tensor of shape ()
            Mean cross entropy over all predictions, in nats.
        """
        latents, contexts = self.patches(token_ids)
        candidates = F.normalize(self.projection(latents).flatten(0, 1), dim=1)  # (B * P, D)
        numbers = torch.arange(len(candidates), device=latents.device).view(latents.shape[:2])
        scores, targets = [], []
        for step, predictor in zip(self.steps, self.predictors, strict=True):
            predicted = F.normalize(predictor(contexts[:, :-step]).flatten(0, 1), dim=1)
            scores.append(predicted @ candidates.T / self.temperature)
            targets.append(numbers[:, step:].flatten())
        scores = torch.cat(scores)
        # Single precision under autocast, but not less than what is given.
        scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
        return F.cross_entropy(scores, torch.cat(targets))


class BarePatchClassifier(nn.Module):
    """The bare ResNet on each patch, the mean over the patches, a linear layer.

    Parameters
    ----------
    patches : BarePatches
        Its context network is not run.
    """

    def __init__(self, patches: BarePatches):
        super().__init__()
        self.patches = patches
        self.head = nn.Linear(patches.encoder.n_features, 1)

    def forward(self, token_ids: Tensor) -> Tensor:
        """Score a batch of rows of one length.

        Parameters
        ----------
        token_ids : LongTensor of shape (batch, length)
            Windows of whole patches.

        Returns
        -------
        Tensor of shape (batch, 1)
            Logits.
        """
        return self.head(self.patches.encode(token_ids).mean(1))


def make_training_pass(
    model: nn.Module,
    loss_of: Callable[..., Tensor],
    batches: Sequence[tuple[Tensor, ...]],
    dtype: torch.dtype,
) -> Callable[[], None]:
    """Make the shortest training loop: forward, loss, backward, AdamW, for each batch.

    Parameters
    ----------
    model : torch.nn.Module
        Trained in place.
    loss_of : callable
        Computes the loss of a batch.
    batches : sequence of tuple of Tensor
        What `loss_of` takes; the same ones in each pass, so that reading data costs the peer nothing.
    dtype : torch.dtype
        Of the autocast.

    Returns
    -------
    callable
        Trains on every batch once.
    """
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)

    def run_pass() -> None:
        for batch in batches:
            with torch.autocast(batch[0].device.type, dtype, enabled=dtype != torch.float32):
                loss = loss_of(*batch)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()

    return run_pass
