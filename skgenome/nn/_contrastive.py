"""Contrastive Predictive Coding as one module: patches, contexts, and the loss that tells patches apart."""

import torch
from torch import Tensor, nn

from skgenome.nn._info_nce import InfoNCE, InfoNCEOutput
from skgenome.nn._one_hot import PAD_ID
from skgenome.nn._patches import PatchEncoder

#: Ids of A and T, as of C and G, add up to this.
_PAIR_SUM = 7
#: The first id that is a base.
_FIRST_BASE = 2


def reverse_complement_patches(patches: Tensor) -> Tensor:
    """Read patches on the other strand.

    Parameters
    ----------
    patches : LongTensor of shape (..., length)
        Token ids of single bases, padded on the right.

    Returns
    -------
    LongTensor of the same shape
        Padded on the right too; what is unknown stays so.

    Examples
    --------
    >>> import torch
    >>> from skgenome.nn import reverse_complement_patches
    >>> reverse_complement_patches(torch.tensor([[2, 2, 3, 1, 0]]))  # AAC and an unknown base
    tensor([[1, 4, 5, 5, 0]])
    """
    complement = torch.where(patches >= _FIRST_BASE, _PAIR_SUM - patches, patches)
    n_real = (patches != PAD_ID).sum(-1, keepdim=True)
    places = n_real - 1 - torch.arange(patches.shape[-1], device=patches.device)
    return torch.where(places >= 0, complement.gather(-1, places.clamp(min=0)), PAD_ID)


class ContrastiveModule(nn.Module):
    """Recognise, from the patches so far, those that lie ahead.

    Parameters
    ----------
    encoder : PatchEncoder
        Gives latents and contexts.
    info_nce : InfoNCE
        Scores the predictions. With ``reverse_complement``, what is recognised are the patches ahead read on
        the other strand, so that the latent of a patch must hold what both strands have in common.

    References
    ----------
    van den Oord, Li and Vinyals, "Representation Learning with Contrastive Predictive Coding" (2018).

    Examples
    --------
    >>> import torch
    >>> from skgenome.nn import ContrastiveModule, InfoNCE, PatchEncoder, ResNet1d, make_context
    >>> resnet = ResNet1d(18, width=4)
    >>> patches = PatchEncoder(resnet, make_context("gru", resnet.n_features, 6), 50, 25)
    >>> module = ContrastiveModule(patches, InfoNCE(resnet.n_features, 6, steps=(2, 3)))
    >>> module(torch.randint(2, 6, (4, 200))).n_predictions
    36
    """

    def __init__(self, encoder: PatchEncoder, info_nce: InfoNCE):
        super().__init__()
        self.encoder, self.info_nce = encoder, info_nce

    def forward(self, token_ids: Tensor) -> InfoNCEOutput:
        """Score the predictions of a batch.

        Parameters
        ----------
        token_ids : LongTensor of shape (batch, length)
            Token ids of single bases, padded on the right.

        Returns
        -------
        InfoNCEOutput
            Loss, accuracy, chance and the number of predictions.
        """
        return self.info_nce(*self.encode(token_ids))

    def encode(self, token_ids: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
        """Compute what is compared: rows that were encoded apart can be scored together.

        Parameters
        ----------
        token_ids : LongTensor of shape (batch, length)
            Token ids of single bases, padded on the right.

        Returns
        -------
        latents, contexts, mask, reverse_latents : Tensor
            As :class:`InfoNCE` takes them; the last one is None where it has no use for it.
        """
        (latents, contexts), mask = self.encoder(token_ids)
        reverse = None
        if self.info_nce.reverse_complement:
            reverse = self.encoder.encode(reverse_complement_patches(self.encoder.cut(token_ids)))
        return latents, contexts, mask, reverse
