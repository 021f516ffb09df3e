"""Draw sequences from a language model, token by token."""

import numpy as np
import torch

from skgenome.nn import BaseLanguageModel
from skgenome.sequences import N_SPECIAL, TokenGeometry, id_dtype
from skgenome.training import seeded


def sample_token_ids(
    model: BaseLanguageModel,
    geometry: TokenGeometry,
    *,
    n_samples: int,
    n_tokens: int,
    temperature: float,
    random_state: np.random.RandomState,
    device: torch.device,
) -> np.ndarray:
    """Draw rows of tokens.

    Parameters
    ----------
    model : BaseLanguageModel
        In eval mode.
    geometry : TokenGeometry
        Of its tokens: only those that overlap the one before are drawn.
    n_samples, n_tokens : int
        Rows, and tokens in each.
    temperature : float
        Divides the scores.
    random_state : numpy.random.RandomState
        Of the draw.
    device : torch.device
        Where to run.

    Returns
    -------
    ndarray of unsigned integers, shape (n_samples, n_tokens)
        Token ids; the first of each row is drawn evenly.

    Raises
    ------
    ValueError
        If a number is not positive.
    """
    for name, value in {"n_samples": n_samples, "n_tokens": n_tokens, "temperature": temperature}.items():
        if not value > 0:
            raise ValueError(f"{name} must be positive. Got {value!r} instead.")
    model.to(device)
    with seeded(random_state, device), torch.inference_mode():
        token = torch.randint(N_SPECIAL, geometry.n_tokens, (n_samples, 1), device=device)
        drawn, state = [token], None
        for _ in range(n_tokens - 1):
            logits, output = model(token, state)
            state = output.state
            scores = logits[:, 0] / temperature + _contradictions(token[:, 0], geometry)
            token = torch.multinomial(torch.softmax(scores, dim=1), 1)
            drawn.append(token)
    model.to("cpu")
    return torch.cat(drawn, dim=1).cpu().numpy().astype(id_dtype(geometry.k))


def _contradictions(token: torch.Tensor, geometry: TokenGeometry) -> torch.Tensor:
    """Give minus infinity for tokens that can't follow, zero for those that can: (batch, n_tokens)."""
    shared = 4 ** (geometry.k - geometry.stride)
    kmers = torch.arange(geometry.n_tokens, device=token.device) - N_SPECIAL
    follows = (token[:, None] - N_SPECIAL) % shared == torch.div(
        kmers, 4**geometry.stride, rounding_mode="floor"
    )
    return torch.zeros(follows.shape, device=token.device).masked_fill(~follows | (kmers < 0), -torch.inf)
