"""Run a trained network over rows of any lengths, in the memory of one batch."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import numpy as np
import torch
from torch import nn

from skgenome.nn import BOTH_STRANDS, BasePooled, InfoNCEOutput, token_nats
from skgenome.sequences import N_SPECIAL, PAD_ID, TokenIds, pad_rows, reverse_complement_rows
from skgenome.training._device import autocast
from skgenome.training._memory import BatchMemory
from skgenome.training._streams import Segment

#: Tokens that go through the network at once for each row; longer rows pass the state on. A size at
#: which the states of a batch stay in the cache; it changes nothing in the result.
CHUNK = 256
#: So many times as long as the shortest row of its batch is the longest, or one chromosome would have all
#: plasmids beside it padded to its length.
SPREAD = 2.0


@contextmanager
def borrowed(module: nn.Module, device: torch.device, dtype: torch.dtype) -> Iterator[None]:
    """Predict with a module for the time of a with block, and give it back as it was found.

    Parameters
    ----------
    module : torch.nn.Module
        It is put on the device, into eval mode; afterwards it is where and what it was, also after an error.
    device : torch.device
        Where to run.
    dtype : torch.dtype
        In which precision.

    Yields
    ------
    None
        Gradients are off and autocast is on.
    """
    was_training = module.training
    home = next(module.parameters()).device
    module.eval().to(device)
    try:
        with torch.inference_mode(), autocast(dtype, device):
            yield
    finally:
        module.train(was_training).to(home)


def pool_rows(
    encoder: BasePooled,
    token_ids: TokenIds,
    *,
    k: int,
    batch_size: int,
    device: torch.device,
    dtype: torch.dtype,
) -> np.ndarray:
    """Encode every row and pool the states over its real tokens.

    Parameters
    ----------
    encoder : BasePooled
        Says which layers are read, and on which strand.
    token_ids : TokenIds
        The rows.
    k : int
        Bases in a token.
    batch_size : int
        Rows in a batch. Rows of similar length go together.
    device : torch.device
        Where to run.
    dtype : torch.dtype
        In which precision.

    Returns
    -------
    ndarray of float32, shape (n_rows, n_features)
        One vector for each row; zeros for a row without tokens.
    """
    features = np.zeros((token_ids.n_rows, encoder.n_features), dtype=np.float32)
    strands = [token_ids]
    if encoder.strand in BOTH_STRANDS:
        strands.append(reverse_complement_rows(token_ids, k))
    for rows, result in _run(encoder, encoder, strands, batch_size, device, dtype, shortest=1):
        features[rows] = result
    return features


def row_surprise(
    model: nn.Module, token_ids: TokenIds, *, batch_size: int, device: torch.device, dtype: torch.dtype
) -> tuple[np.ndarray, np.ndarray]:
    """Compute how surprised a language model is by each row.

    Parameters
    ----------
    model : torch.nn.Module
        Maps (token_ids, state) to (logits, output).
    token_ids : TokenIds
        The rows.
    batch_size : int
        Rows in a batch.
    device : torch.device
        Where to run.
    dtype : torch.dtype
        In which precision.

    Returns
    -------
    nats : ndarray of float64, shape (n_rows,)
        Summed surprise, -log p, of the tokens after the first; unknown ones do not count.
    n_predicted : ndarray of int64, shape (n_rows,)
        How many tokens that are.
    """
    nats = np.zeros(token_ids.n_rows)
    n_predicted = np.zeros(token_ids.n_rows, dtype=np.int64)

    def sum_batch(ids: torch.Tensor) -> torch.Tensor:
        total, state = torch.zeros(len(ids), dtype=torch.float64, device=ids.device), None
        for start in range(0, ids.shape[1] - 1, CHUNK):
            piece = ids[:, start : start + CHUNK + 1]
            logits, output = model(piece[:, :-1], state)
            state = output.state
            total += token_nats(logits, piece[:, 1:]).double().sum(1)
        return torch.stack([total, (ids[:, 1:] >= N_SPECIAL).sum(1).double()], dim=1)

    for rows, result in _run(model, sum_batch, [token_ids], batch_size, device, dtype, shortest=2):
        nats[rows], n_predicted[rows] = result.T
    return nats, n_predicted


def recognise_patches(
    module: nn.Module, batches: Iterable[Segment], *, device: torch.device, dtype: torch.dtype
) -> tuple[float, float, float]:
    """Measure how well a contrastive network recognises what lies ahead.

    Parameters
    ----------
    module : torch.nn.Module
        Maps token ids to an :class:`skgenome.nn.InfoNCEOutput`.
    batches : iterable of Segment
        Whole stretches; the candidates of a prediction are those of its batch.
    device : torch.device
        Where to run.
    dtype : torch.dtype
        In which precision.

    Returns
    -------
    loss, accuracy, chance : float
        Means over all predictions; the loss in nats.
    """

    def score(batch: Segment, _: list[slice]) -> InfoNCEOutput:
        return module(batch.token_ids.to(device))

    with borrowed(module, device, dtype):
        outputs = []
        for batch in batches:
            n_rows = len(batch.token_ids)
            # Never in parts, which would have fewer candidates: figures are those of the batch asked for.
            memory = BatchMemory("Set a smaller batch_size, which has fewer candidates.", least_rows=n_rows)
            outputs.append(memory.run("scoring", n_rows, partial(score, batch)))
        counts = np.array([output.n_predictions for output in outputs], dtype=float)
        figures = np.array([[float(figure) for figure in output[:3]] for output in outputs])
    loss, accuracy, chance = (counts @ figures / counts.sum()).tolist()
    return loss, accuracy, chance


def _run(
    module: nn.Module,
    compute: Callable[..., torch.Tensor],
    strands: Sequence[TokenIds],
    batch_size: int,
    device: torch.device,
    dtype: torch.dtype,
    shortest: int,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Give the rows of each batch and what was computed for them."""
    memory = BatchMemory("Give shorter sequences.", quiet=True)

    def compute_parts(batch: list[torch.Tensor], parts: list[slice]) -> np.ndarray:
        results = [compute(*(ids[part] for ids in batch)).cpu().numpy() for part in parts]
        return results[0] if len(parts) == 1 else np.concatenate(results)

    with borrowed(module, device, dtype):
        for rows in batches_of_similar_length(strands[0].lengths, batch_size, shortest, SPREAD):
            batch = [gather_rows(token_ids, rows).to(device) for token_ids in strands]
            yield rows, memory.run("prediction", len(rows), partial(compute_parts, batch))


def gather_rows(token_ids: TokenIds, rows: np.ndarray) -> torch.Tensor:
    """Put rows into a batch.

    Parameters
    ----------
    token_ids : TokenIds
        All rows.
    rows : ndarray of int
        Which.

    Returns
    -------
    LongTensor of shape (n_rows, longest)
        Padded on the right with 0; a single column of it where no row has a token, since no network runs
        over nothing.
    """
    batch = pad_rows([token_ids.row(i) for i in rows], np.dtype(np.int64))
    return torch.from_numpy(batch if batch.shape[1] else np.full((len(rows), 1), PAD_ID))


def batches_of_similar_length(
    lengths: np.ndarray, batch_size: int, shortest: int = 0, spread: float | None = None
) -> Iterator[np.ndarray]:
    """Deal rows into batches, the shortest rows first.

    Parameters
    ----------
    lengths : ndarray of int, shape (n_rows,)
        Tokens in each row.
    batch_size : int
        Most rows in a batch.
    shortest : int, default=0
        Rows with fewer tokens are left out.
    spread : float, optional
        Most times that a row may be as long as the shortest of its batch, beyond `CHUNK` tokens: batches are
        smaller then. By default rows of any length stand together.

    Yields
    ------
    ndarray of int
        The rows of a batch.
    """
    order = np.argsort(lengths, kind="stable")
    order = order[np.searchsorted(lengths[order], shortest) :]
    ascending = lengths[order]
    start = 0
    while start < len(order):
        stop = min(start + batch_size, len(order))
        if spread is not None:
            longest = max(spread * ascending[start], CHUNK)
            stop = min(stop, int(np.searchsorted(ascending, longest, side="right")))
        yield order[start:stop]
        start = stop
