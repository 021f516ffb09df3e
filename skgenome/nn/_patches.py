"""Sequences read patch by patch: an encoder for each patch, a context network over them."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from skgenome.nn._one_hot import PAD_ID

#: Patches that are encoded at once where no gradient is kept: memory does not grow with the sequence.
PATCHES_AT_ONCE = 256


class PatchOutput(NamedTuple):
    """What a patch encoder gives for a batch."""

    states: list[Tensor]
    """Of the encoder and, if it was run, of the context network; each (batch, n_patches, features)."""
    mask: Tensor
    """True where a patch is real; BoolTensor of shape (batch, n_patches)."""


class PatchEncoder(nn.Module):
    """An encoder over overlapping patches of a sequence, and a context network over what it makes of them.

    Patches begin every `patch_stride` bases, and every base is in one: the last patch reaches over the end
    where it must, and what lies behind the end is padding. A sequence shorter than a patch is one patch.

    Parameters
    ----------
    encoder : torch.nn.Module
        Maps token ids of single bases (batch, patch_length) to (batch, n_features); attribute ``n_features``.
        Its ``layer_groups()``, where it has them, are unfrozen one by one.
    context : torch.nn.Module
        Maps (batch, n_patches, n_features) to (batch, n_patches, hidden_size) and does not look ahead;
        attribute ``hidden_size``.
    patch_length, patch_stride : int
        In bases; the stride is at most the length.

    References
    ----------
    van den Oord, Li and Vinyals, "Representation Learning with Contrastive Predictive Coding" (2018),
    section 2.1: the encoder is g_enc, the context network g_ar.

    Examples
    --------
    >>> import torch
    >>> from skgenome.nn import PatchEncoder, ResNet1d, make_context
    >>> resnet = ResNet1d(18, width=4)
    >>> patches = PatchEncoder(resnet, make_context("gru", resnet.n_features, 6), 50, 20)
    >>> states, mask = patches(torch.randint(2, 6, (3, 110)))
    >>> [tuple(state.shape) for state in states], mask.shape
    ([(3, 4, 32), (3, 4, 6)], torch.Size([3, 4]))
    """

    # Any modules with the attributes that the docstring names.
    encoder: Any
    context: Any

    def __init__(self, encoder: nn.Module, context: nn.Module, patch_length: int, patch_stride: int):
        super().__init__()
        if not 1 <= patch_stride <= patch_length:
            raise ValueError(
                f"patch_stride must be from 1 to patch_length={patch_length}, or bases between two patches "
                f"would never be read. Got {patch_stride} instead."
            )
        self.encoder, self.context = encoder, context
        self.patch_length, self.patch_stride = patch_length, patch_stride
        self.layer_sizes = [encoder.n_features, context.hidden_size]

    def layer_groups(self, n_layers: int | None = None) -> list[nn.Module]:
        """Give the parts that are unfrozen one after the other, from the input up.

        Parameters
        ----------
        n_layers : int, optional
            1 leaves the context network out.

        Returns
        -------
        list of torch.nn.Module
            Those of the encoder, then the context network.
        """
        groups = self.encoder.layer_groups() if hasattr(self.encoder, "layer_groups") else [self.encoder]
        return groups if n_layers == 1 else [*groups, self.context]

    def set_dropouts(self, **dropouts: float) -> None:
        """Change the dropouts that the encoder has, in place.

        Parameters
        ----------
        **dropouts : float
            By name; what the encoder does not have is left out.
        """
        if hasattr(self.encoder, "set_dropouts"):
            self.encoder.set_dropouts(**dropouts)

    def count_patches(self, lengths: Tensor) -> Tensor:
        """Count the patches of sequences.

        Parameters
        ----------
        lengths : LongTensor
            In bases.

        Returns
        -------
        LongTensor of the same shape
            None for an empty sequence, else one for the first `patch_length` bases and one for every
            `patch_stride` more, begun ones included.
        """
        beyond = (lengths - self.patch_length).clamp(min=0)
        return (lengths > 0) * (1 + (beyond + self.patch_stride - 1) // self.patch_stride)

    def cut(self, token_ids: Tensor) -> Tensor:
        """Cut a batch into patches.

        Parameters
        ----------
        token_ids : LongTensor of shape (batch, length)
            Token ids of single bases, padded on the right.

        Returns
        -------
        LongTensor of shape (batch, n_patches, patch_length)
            A view where nothing had to be padded.
        """
        length = token_ids.shape[1]
        n_patches = max(int(self.count_patches(torch.tensor(length))), 1)
        missing = self.patch_length + (n_patches - 1) * self.patch_stride - length
        if missing:
            token_ids = F.pad(token_ids, (0, missing), value=PAD_ID)
        return token_ids.unfold(1, self.patch_length, self.patch_stride)

    def forward(self, token_ids: Tensor, n_layers: int | None = None) -> PatchOutput:
        """Encode a batch.

        Parameters
        ----------
        token_ids : LongTensor of shape (batch, length)
            Token ids of single bases, padded on the right.
        n_layers : int, optional
            1 leaves the context network out.

        Returns
        -------
        PatchOutput
            States of each layer, and which patches are real.
        """
        patches = self.cut(token_ids)
        counts = self.count_patches((token_ids != PAD_ID).sum(1))
        mask = torch.arange(patches.shape[1], device=token_ids.device) < counts[:, None]  # (B, P)
        latents = self._encode_real(patches, mask)  # (B, P, F)
        states = [latents] if n_layers == 1 else [latents, self.context(latents)]
        return PatchOutput(states, mask)

    def _encode_real(self, patches: Tensor, mask: Tensor) -> Tensor:
        """Encode the patches that are real; padding has zeros, and no part in a normalisation."""
        if mask.all() or not mask.any():
            return self.encode(patches)
        real = self.encode(patches[mask].unsqueeze(0)).squeeze(0)  # (N, F)
        latents = real.new_zeros(*mask.shape, real.shape[-1])
        latents[mask] = real
        return latents

    def encode(self, patches: Tensor) -> Tensor:
        """Encode patches, each by itself.

        Parameters
        ----------
        patches : LongTensor of shape (batch, n_patches, patch_length)
            As :meth:`cut` gives them.

        Returns
        -------
        Tensor of shape (batch, n_patches, n_features)
            Latents.
        """
        flat = patches.flatten(0, 1)
        # Without a gradient to keep, memory need not grow with the sequence.
        parts = [flat] if torch.is_grad_enabled() else flat.split(PATCHES_AT_ONCE)
        return torch.cat([self.encoder(part) for part in parts]).unflatten(0, patches.shape[:2])
