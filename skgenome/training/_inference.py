"""Run a trained network over rows of any lengths, in the memory of one batch."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import nn

from skgenome.nn import POOLINGS, PoolingAccumulator, token_nats
from skgenome.sequences import N_SPECIAL, PAD_ID, TokenIds, pad_rows
from skgenome.training._device import autocast

#: Tokens that go through the network at once for each row; longer rows pass the state on. A size at
#: which the states of a batch stay in the cache; it changes nothing in the result.
CHUNK = 256


def pool_rows(
    encoder: nn.Module,
    token_ids: TokenIds,
    *,
    pooling: str,
    layers: list[int],
    batch_size: int,
    device: torch.device,
    dtype: torch.dtype,
) -> np.ndarray:
    """Encode every row and pool the states of the chosen layers over its real tokens.

    Parameters
    ----------
    encoder : torch.nn.Module
        Maps (token_ids, state) to an :class:`skgenome.nn.EncoderOutput`, with the attribute
        ``layer_sizes``.
    token_ids : TokenIds
        The rows.
    pooling : {'mean', 'max', 'last', 'concat'}
        As in :class:`skgenome.nn.PoolingAccumulator`.
    layers : list of int
        Which layers; their pooled vectors are joined in this order.
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
    sizes = [encoder.layer_sizes[layer] for layer in layers]
    features = np.zeros((token_ids.n_rows, POOLINGS[pooling] * sum(sizes)), dtype=np.float32)

    def pool_batch(ids: torch.Tensor) -> torch.Tensor:
        accumulators = [PoolingAccumulator(pooling) for _ in layers]
        state = None
        for piece in ids.split(CHUNK, dim=1):
            output = encoder(piece, state)
            state = output.state
            for accumulator, layer in zip(accumulators, layers, strict=True):
                accumulator.update(output.raw[layer].float(), piece != PAD_ID)
        return torch.cat([accumulator.result() for accumulator in accumulators], dim=1)

    for rows, result in _run(encoder, pool_batch, token_ids, batch_size, device, dtype, shortest=1):
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

    for rows, result in _run(model, sum_batch, token_ids, batch_size, device, dtype, shortest=2):
        nats[rows], n_predicted[rows] = result.T
    return nats, n_predicted


def _run(
    module: nn.Module,
    compute: Callable[[torch.Tensor], torch.Tensor],
    token_ids: TokenIds,
    batch_size: int,
    device: torch.device,
    dtype: torch.dtype,
    shortest: int,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Give the rows of each batch and what was computed for them; the module is left as it was found."""
    was_training = module.training
    home = next(module.parameters()).device
    module.eval().to(device)
    try:
        with torch.inference_mode(), autocast(dtype, device):
            for rows in _batches_of_similar_length(token_ids.lengths, batch_size, shortest):
                ids = pad_rows([token_ids.row(i) for i in rows], np.dtype(np.int64))
                yield rows, compute(torch.from_numpy(ids).to(device)).cpu().numpy()
    finally:
        module.train(was_training).to(home)


def _batches_of_similar_length(lengths: np.ndarray, batch_size: int, shortest: int) -> Iterator[np.ndarray]:
    order = np.argsort(lengths, kind="stable")
    order = order[np.searchsorted(lengths[order], shortest) :]
    for start in range(0, len(order), batch_size):
        yield order[start : start + batch_size]
