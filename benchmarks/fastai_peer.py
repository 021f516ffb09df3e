"""fastai's AWD-LSTM as a peer, where it is installed; it is no dependency of ours."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

#: Ours to fastai's.
DROPOUT_NAMES = {
    "output_p": "output_p",
    "hidden_p": "hidden_p",
    "input_p": "input_p",
    "embedding_p": "embed_p",
    "weight_p": "weight_p",
}


def make_fastai_lm(
    n_tokens: int,
    embedding_size: int,
    hidden_size: int,
    n_layers: int,
    dropouts: Mapping[str, float] | None = None,
    dropout_scale: float = 0.0,
) -> nn.Sequential | None:
    """Make fastai's language model in our sizes.

    Parameters
    ----------
    n_tokens, embedding_size, hidden_size, n_layers : int
        As in :class:`skgenome.nn.AWDLSTM`.
    dropouts : mapping of str to float, optional
        By the names of :class:`skgenome.nn.AWDLSTMLanguageModel`; none by default.
    dropout_scale : float, default=0.0
        What all are multiplied by.

    Returns
    -------
    torch.nn.Sequential or None
        Encoder and decoder; None where fastai is not installed.
    """
    try:
        from fastai.text.models.awdlstm import AWD_LSTM, awd_lstm_lm_config
        from fastai.text.models.core import get_language_model
    except ImportError:
        return None
    config = {
        **awd_lstm_lm_config,
        "emb_sz": embedding_size,
        "n_hid": hidden_size,
        "n_layers": n_layers,
        "pad_token": 0,
        **{theirs: (dropouts or {}).get(ours, 0.0) for ours, theirs in DROPOUT_NAMES.items()},
    }
    return get_language_model(AWD_LSTM, n_tokens, config=config, drop_mult=dropout_scale)


class FastaiTraining:
    """The shortest training loop of fastai's network: forward, loss, penalties, backward, clipping, AdamW.

    Parameters
    ----------
    model : torch.nn.Sequential
        Of :func:`make_fastai_lm`. Trained in place; it carries its state itself.
    token_ids : LongTensor of shape (batch, time + 1)
        The one batch that is trained on again and again.
    dtype : torch.dtype
        Of the autocast.
    alpha, beta : float
        Weights of the penalties on activations and on their changes.
    clip : float
        Largest norm of the gradient.
    """

    def __init__(
        self,
        model: nn.Sequential,
        token_ids: Tensor,
        dtype: torch.dtype,
        *,
        alpha: float,
        beta: float,
        clip: float,
    ):
        self.model, self.token_ids, self.dtype = model.train(), token_ids, dtype
        self.alpha, self.beta, self.clip = alpha, beta, clip
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)

    def step(self) -> Tensor:
        """Train on the batch once.

        Returns
        -------
        Tensor
            The loss, without penalties.
        """
        ids = self.token_ids
        with torch.autocast(ids.device.type, self.dtype, enabled=self.dtype != torch.float32):
            logits, raw, dropped = self.model(ids[:, :-1])
        loss = F.cross_entropy(logits.float().flatten(0, 1), ids[:, 1:].flatten())
        penalty = self.alpha * dropped.float().pow(2).mean()
        penalty = penalty + self.beta * (raw[:, 1:] - raw[:, :-1]).float().pow(2).mean()
        (loss + penalty).backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.clip)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return loss.detach()
