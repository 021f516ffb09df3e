"""InfoNCE: to recognise, among many patches, the one that lies ahead."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

#: Where the patches that a prediction must tell from the true one may lie.
NEGATIVES = ("batch", "both", "sequence")

#: Scores that are held at once, for each step: 64 MiB in float32.
MAX_SCORES = 2**24


class InfoNCEOutput(NamedTuple):
    """How well the patches ahead were recognised."""

    loss: Tensor
    """Mean cross entropy of the true patch among the candidates, in nats; a scalar."""
    accuracy: Tensor
    """Mean share of predictions whose true patch has the highest score; a scalar without gradient."""
    chance: Tensor
    """What guessing would reach, the mean of 1 / number of candidates; a scalar."""
    n_predictions: int
    """Over how many predictions the means are taken."""


class _Places(NamedTuple):
    """Row and position of patches, LongTensors of one length."""

    rows: Tensor
    positions: Tensor


class InfoNCE(nn.Module):
    """Recognise the patches ahead among others, from the context up to here.

    The context at patch t of a row predicts the latent at t + step, for every step. Both are projected, and
    their product divided by the temperature is the score of a candidate: the log-bilinear model of the
    paper's equation 3, of low rank. The loss is equation 4, averaged over all predictions of all steps.

    A prediction counts if both patches are real and it has a negative to be told from. Steps that reach
    beyond the rows are left out.

    Parameters
    ----------
    n_features, context_size : int
        Features of a latent and of a context.
    steps : sequence of int, default=(3, 4, 5)
        How many patches ahead. With patches of 500 bases every 200, the third is the first that shares none.
    projection_size : int, default=64
        Features that are compared. One projection of the latents serves all steps; each step has its own of
        the contexts.
    temperature : float, default=0.1
        The smaller, the more the closest negatives count. 1 / temperature is also known as scale.
    normalize : bool, default=True
        Whether vectors are scaled to length 1 before they are compared, which makes the score a cosine.
    negatives : {'batch', 'sequence', 'both'}, default='batch'
        ``'batch'``: all real patches of the other rows. ``'sequence'``: the other real patches of the same
        row. ``'both'``: all but the true one.
    reverse_complement : bool, default=False
        Whether it is the reverse complement of the patch ahead that must be recognised.
    exclude : int, optional
        Patches of the same row at most this far from the context's last one are no negatives. With patches
        of 500 bases every 200, those up to 2 share bases with it.

    Notes
    -----
    The scores of a step are one matrix product of all its predictions with all real patches of the batch,
    in float32 also under autocast. At most 2**24 of them are held at once for each step (64 MiB, and again
    for the gradient): 128 rows of 32 patches. Beyond, predictions are scored in parts, each again in the
    backward pass, so memory stays at that, for a third more time in this module.

    Where several candidates share the highest score with the true one, the prediction counts as one part
    among them. So the accuracy of an encoder that gives the same for all patches is chance, neither 0 nor 1.

    With `reverse_complement`, the context at t recognises one patch of the other strand. Self-GenomeNet has
    it recognise all that lies ahead, read by the context network from the far end.

    References
    ----------
    van den Oord, Li and Vinyals, "Representation Learning with Contrastive Predictive Coding" (2018),
    section 2.3. Gündüz et al., "A self-supervised deep learning method for data-efficient training in
    genomics", Communications Biology 6, 928 (2023), for the reverse complement.

    Examples
    --------
    >>> import torch
    >>> from skgenome.nn import InfoNCE
    >>> info_nce = InfoNCE(n_features=12, context_size=5, steps=(1, 2))
    >>> output = info_nce(torch.zeros(4, 8, 12), torch.zeros(4, 8, 5))
    >>> output.loss, output.n_predictions  # 24 negatives, none of which differs: log(25)
    (tensor(3.2189, grad_fn=<DivBackward0>), 52)
    """

    def __init__(
        self,
        n_features: int,
        context_size: int,
        *,
        steps: Sequence[int] = (3, 4, 5),
        projection_size: int = 64,
        temperature: float = 0.1,
        normalize: bool = True,
        negatives: str = "batch",
        reverse_complement: bool = False,
        exclude: int | None = None,
    ):
        super().__init__()
        if not steps or min(steps) < 1 or len(set(steps)) < len(steps):
            raise ValueError(f"steps must be different whole numbers from 1. Got {steps!r} instead.")
        if temperature <= 0:
            raise ValueError(f"temperature must be above 0. Got {temperature!r} instead.")
        if negatives not in NEGATIVES:
            raise ValueError(f"negatives must be one of {list(NEGATIVES)}. Got {negatives!r} instead.")
        self.steps, self.temperature, self.normalize = tuple(steps), temperature, normalize
        self.negatives, self.reverse_complement, self.exclude = negatives, reverse_complement, exclude
        self.projection = nn.Linear(n_features, projection_size, bias=False)
        self.predictors = nn.ModuleList(
            nn.Linear(context_size, projection_size, bias=False) for _ in self.steps
        )

    def forward(
        self,
        latents: Tensor,
        contexts: Tensor,
        mask: Tensor | None = None,
        reverse_latents: Tensor | None = None,
    ) -> InfoNCEOutput:
        """Score the predictions of a batch.

        Parameters
        ----------
        latents : Tensor of shape (batch, n_patches, n_features)
            What the encoder made of each patch.
        contexts : Tensor of shape (batch, n_patches, context_size)
            What the context network made of each patch and of those before it.
        mask : BoolTensor of shape (batch, n_patches), optional
            True where a patch is real; the others may hold anything. None: all are.
        reverse_latents : Tensor of shape (batch, n_patches, n_features), optional
            At each patch, what the encoder made of its reverse complement. With `reverse_complement`, they
            are the candidates in place of `latents`.

        Returns
        -------
        InfoNCEOutput
            Loss, accuracy, chance and the number of predictions.

        Raises
        ------
        ValueError
            If shapes do not fit together, `reverse_latents` are missing or not asked for, or nothing can be
            predicted.
        """
        targets = reverse_latents if self.reverse_complement else latents
        if targets is None or self.reverse_complement == (reverse_latents is None):
            raise ValueError(
                "reverse_latents must be given with reverse_complement=True, and only then. Got "
                f"reverse_complement={self.reverse_complement} and "
                f"{'no' if reverse_latents is None else 'some'} reverse_latents."
            )
        mask = torch.ones_like(contexts[..., 0], dtype=torch.bool) if mask is None else mask
        shapes = latents.shape[:2], contexts.shape[:2], targets.shape[:2], mask.shape
        if len(set(shapes)) > 1:
            raise ValueError(
                "latents, contexts, reverse_latents and mask must have the same rows and patches. Got "
                f"{', '.join(str(tuple(shape)) for shape in shapes)}."
            )
        # Scores are divided by a small temperature: half precision would make neighbours equal.
        with torch.autocast(latents.device.type, enabled=False):
            return self._forward(targets, contexts, mask)

    def _forward(self, targets: Tensor, contexts: Tensor, mask: Tensor) -> InfoNCEOutput:
        places = _Places(*mask.nonzero().unbind(1))
        # Real patches alone: what stands elsewhere may be no number, and has no gradient either.
        candidates = self._project(self.projection, targets[mask])  # (M, D)
        columns = torch.full(mask.shape, -1, device=mask.device)
        columns[mask] = torch.arange(len(candidates), device=mask.device)
        sums = torch.zeros(4, dtype=candidates.dtype, device=mask.device)
        for step, predictor in zip(self.steps, self.predictors, strict=True):
            real = mask[:, :-step] & mask[:, step:]  # no columns where the step reaches beyond
            here = _Places(*real.nonzero().unbind(1))
            predicted = self._project(predictor, contexts[here])  # (N, D)
            true_columns = columns[here.rows, here.positions + step]
            sums = sums + self._sum_scores(predicted, here, true_columns, candidates, places)
        loss, accuracy, chance, count = sums.unbind()
        n_predictions = int(count)
        if n_predictions == 0:
            self._refuse(mask)
        return InfoNCEOutput(
            loss / n_predictions,
            accuracy.detach() / n_predictions,
            chance.detach() / n_predictions,
            n_predictions,
        )

    def _project(self, linear: nn.Module, x: Tensor) -> Tensor:
        x = linear(x.to(self.projection.weight.dtype))
        return F.normalize(x, dim=1) if self.normalize else x

    def _sum_scores(
        self, predicted: Tensor, here: _Places, true_columns: Tensor, candidates: Tensor, places: _Places
    ) -> Tensor:
        """Sum loss, accuracy, chance and 1 over the predictions of a step, in parts of bounded size."""
        if len(predicted) == 0:
            return predicted.new_zeros(4)
        size = max(1, MAX_SCORES // len(candidates))
        parts = list(zip(*(x.split(size) for x in (predicted, *here, true_columns)), strict=True))
        total = predicted.new_zeros(4)
        for part, rows, positions, true_part in parts:
            arguments = (part, _Places(rows, positions), true_part, candidates, places)
            if len(parts) > 1:
                total = total + checkpoint(
                    self._score_part, *arguments, use_reentrant=False, preserve_rng_state=False
                )
            else:
                total = total + self._score_part(*arguments)
        return total

    def _score_part(
        self, predicted: Tensor, here: _Places, true_columns: Tensor, candidates: Tensor, places: _Places
    ) -> Tensor:
        allowed = self._allowed(here, places)
        allowed.scatter_(1, true_columns[:, None], True)
        scores = predicted @ candidates.T / self.temperature  # (N, M)
        scores = scores.masked_fill(~allowed, -torch.inf)
        nats = F.cross_entropy(scores, true_columns, reduction="none")
        with torch.no_grad():
            best = scores.amax(1, keepdim=True)
            found = scores.gather(1, true_columns[:, None]) == best
            shares = found[:, 0] / (scores == best).sum(1)
            n_candidates = allowed.sum(1)
            counts = (n_candidates > 1).to(scores.dtype)  # alone, the true one is no achievement
        return torch.stack([x.sum() for x in (nats * counts, shares * counts, counts / n_candidates, counts)])

    def _allowed(self, here: _Places, places: _Places) -> Tensor:
        """Tell which candidates are negatives of which predictions; the true ones may be among them."""
        same_row = here.rows[:, None] == places.rows  # (N, M)
        if self.negatives == "batch":
            return ~same_row
        if self.exclude is None:
            far = torch.ones_like(same_row)
        else:
            far = (here.positions[:, None] - places.positions).abs() > self.exclude
        return same_row & far if self.negatives == "sequence" else far | ~same_row

    def _refuse(self, mask: Tensor) -> None:
        """Say that nothing can be predicted."""
        n_rows, n_patches = mask.shape
        raise ValueError(
            f"With steps={self.steps} and negatives={self.negatives!r} nothing can be predicted in {n_rows} "
            f"rows of {n_patches} patches, {int(mask.sum())} of them real: no patch lies as far ahead of "
            "another, or there is none to tell it from. Give longer rows, smaller steps, or (for negatives "
            "from the batch) more rows."
        )
