"""Residual networks in one dimension, on rows of unequal length.

A batch is held as images of height one, (batch, channels, 1, length), whose channels lie side by side in
memory. Convolutions are then faster on a CPU than torch's own in one dimension, and a norm over channels
costs next to nothing.

What stands behind the end of a row is zero before every convolution, as if the row were alone and the
convolution had padded it: that is why padding has no influence.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from skgenome.nn._one_hot import OneHotBases, real_positions

#: Blocks in each of the four stages, by depth (He et al., table 1).
BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}

#: Depths whose blocks are bottlenecks, which give this many times the channels they work on.
BOTTLENECKS = (50,)
EXPANSION = 4

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"relu": F.relu, "gelu": F.gelu}


def hide_padding(x: Tensor, mask: Tensor | None) -> Tensor:
    """Set what is not real to zero.

    Parameters
    ----------
    x : Tensor of shape (batch, channels, 1, length)
        Activations.
    mask : BoolTensor of shape (batch, 1, 1, length) or None
        True where a position is real. None: all are.

    Returns
    -------
    Tensor of shape (batch, channels, 1, length)
        The activations.
    """
    # A factor of another dtype would raise half precision to single.
    return x if mask is None else x * mask.to(x.dtype)


def max_pool(x: Tensor, mask: Tensor | None, size: int) -> tuple[Tensor, Tensor | None]:
    """Take the maximum over the real positions of pieces of a size.

    Parameters
    ----------
    x : Tensor of shape (batch, channels, 1, length)
        Activations.
    mask : BoolTensor of shape (batch, 1, 1, length) or None
        True where a position is real. None: all are.
    size : int
        Positions in a piece. The last piece may be shorter.

    Returns
    -------
    pooled : Tensor of shape (batch, channels, 1, ceil(length / size))
        The maxima; 0 for a piece without a real position.
    mask : BoolTensor of shape (batch, 1, 1, ceil(length / size)) or None
        True for a piece with a real position.
    """
    if mask is not None:
        x = x.masked_fill(~mask, -torch.inf)
    x = F.max_pool2d(x, (1, size), ceil_mode=True)
    if mask is None:
        return x, None
    mask = mask[..., ::size]
    return x.masked_fill(~mask, 0), mask


class _BatchNorm(nn.BatchNorm2d):
    """Batch normalisation that measures real positions alone."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        # Frozen, it must not move either: its statistics are part of what was learnt.
        if not (self.training and self.weight.requires_grad):
            return self._with_running_statistics(x)
        n_real = x.shape[0] * x.shape[3] if mask is None else int(mask.sum())
        if n_real < 2:  # one position has no variance
            return self._with_running_statistics(x)
        if mask is None:
            return super().forward(x)
        # The real positions of all rows, one after the other, are a batch of one long row.
        positions, real = x.permute(0, 2, 3, 1), mask[:, 0]  # (B, 1, L, C), (B, 1, L)
        normalized = super().forward(positions[real].t()[None, :, None])  # (1, C, 1, n_real)
        result = torch.zeros_like(positions, dtype=normalized.dtype)
        result[real] = normalized[0, :, 0].t()
        return result.permute(0, 3, 1, 2)  # (B, C, 1, L)

    def _with_running_statistics(self, x: Tensor) -> Tensor:
        return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)


class _PositionNorm(nn.LayerNorm):
    """Layer normalisation over the channels of each position."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


NORMS: dict[str, type[_BatchNorm] | type[_PositionNorm]] = {"batch": _BatchNorm, "layer": _PositionNorm}


class _Convolution(NamedTuple):
    """What a convolution is made from."""

    n_in: int
    n_out: int
    kernel_size: int
    stride: int = 1
    dilation: int = 1


class _ConvNorm(nn.Module):
    """A convolution that keeps the length, or divides it by its stride, and a norm."""

    def __init__(self, plan: _Convolution, norm: str):
        super().__init__()
        self.stride = plan.stride
        self.conv = nn.Conv2d(
            plan.n_in,
            plan.n_out,
            (1, plan.kernel_size),
            stride=(1, plan.stride),
            padding=(0, plan.dilation * (plan.kernel_size - 1) // 2),
            dilation=(1, plan.dilation),
            bias=False,  # the norm has one
        )
        nn.init.kaiming_normal_(self.conv.weight, mode="fan_out", nonlinearity="relu")
        self.norm = NORMS[norm](plan.n_out)

    def forward(self, x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        mask = mask if mask is None else mask[..., :: self.stride]
        return self.norm(self._convolve(x), mask), mask

    def _convolve(self, x: Tensor) -> Tensor:
        if x.shape[-1] > self.stride:
            return self.conv(x)
        # What is no longer than a stride gives one position. Torch then leaves the gradient of the taps that
        # meet no base unset, where a CPU multiplies bfloat16 in tiles (2.13): it is what the memory held,
        # often NaN. Without a stride it is right.
        conv = self.conv
        return F.conv2d(x, conv.weight, padding=conv.padding, dilation=conv.dilation)[..., :1]


class _Stem(nn.Module):
    """From ids to the channels of the first stage."""

    def __init__(self, plan: _Convolution, pool_size: int, norm: str, activation: str, unknown: str):
        super().__init__()
        self.one_hot = OneHotBases(unknown)
        self.layer = _ConvNorm(plan, norm)
        self.pool_size, self.activation = pool_size, activation

    def forward(self, token_ids: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        x, mask = self.layer(self.one_hot(token_ids).unsqueeze(2), mask)  # (B, C, 1, L)
        return max_pool(ACTIVATIONS[self.activation](x), mask, self.pool_size)


class _Block(nn.Module):
    """A chain of convolutions, to whose result the input is added."""

    def __init__(self, plans: Sequence[_Convolution], norm: str, activation: str):
        super().__init__()
        layers = [_ConvNorm(plan, norm) for plan in plans]
        self.branch = nn.ModuleList(layers)
        # The block starts as the identity (Goyal et al. 2017, section 5.1): deep networks train from it.
        nn.init.zeros_(layers[-1].norm.weight)
        n_in, n_out = plans[0].n_in, plans[-1].n_out
        stride = max(plan.stride for plan in plans)
        changes = n_in != n_out or stride > 1
        self.shortcut = _ConvNorm(_Convolution(n_in, n_out, 1, stride), norm) if changes else None
        self.activation = activation

    def forward(self, x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        activation = ACTIVATIONS[self.activation]
        shortcut = x if self.shortcut is None else self.shortcut(x, mask)[0]  # (B, C, 1, L)
        *layers, last = self.branch
        for layer in layers:
            x, mask = layer(x, mask)
            x = hide_padding(activation(x), mask)
        x, mask = last(x, mask)
        return hide_padding(activation(x + shortcut), mask), mask


def _block_plan(
    n_in: int, width: int, kernel_size: int, stride: int, dilation: int, bottleneck: bool
) -> list[_Convolution]:
    """List the convolutions of a block."""
    if not bottleneck:
        return [
            _Convolution(n_in, width, kernel_size, stride, dilation),
            _Convolution(width, width, kernel_size, 1, dilation),
        ]
    return [
        _Convolution(n_in, width, 1),
        _Convolution(width, width, kernel_size, stride, dilation),
        _Convolution(width, EXPANSION * width, 1),
    ]


def _check_choice(name: str, value, choices) -> None:
    if value not in choices:
        raise ValueError(f"{name} must be one of {sorted(choices)}. Got {value!r} instead.")


def _check_kernel_size(name: str, value: int) -> None:
    # Odd also keeps clear of the sizes that torch's convolution gets wrong in bfloat16 (see MotifFilters),
    # which all have an even number of taps.
    if value < 1 or value % 2 == 0:
        raise ValueError(f"{name} must be odd and at least 1, to have a centre. Got {value!r} instead.")


def _check_stages(name: str, values: Sequence[int]) -> None:
    if len(values) != 4 or min(values) < 1:
        raise ValueError(f"{name} must be four whole numbers from 1, one a stage. Got {values!r} instead.")


class ResNet1d(nn.Module):
    """A residual network over bases, whose last channels are averaged over the sequence.

    A stem (convolution, norm, activation, maximum over `stem_pool` positions), four stages of residual
    blocks, the mean over all positions. Padding on the right has no influence on a row: the network sees
    it nowhere, and it takes no part in means.

    Parameters
    ----------
    depth : {18, 34, 50}, default=18
        18 has 2, 2, 2, 2 blocks of two convolutions in its stages, 34 has 3, 4, 6, 3 of them, and 50 has
        3, 4, 6, 3 bottlenecks of three, which give four times the channels.
    width : int, default=64
        Channels of the stem and of the first stage; each stage works on twice those of the one before.
    kernel_size, stem_kernel_size : int, default=3, 5
        Positions that a convolution sees, in the blocks and in the stem. Odd.
    stem_stride, stem_pool : int, default=2, 2
        The stem divides the length by their product.
    strides : sequence of four int, default=(1, 2, 2, 2)
        By what each stage divides the length, in its first block. A bottleneck does it in its middle
        convolution, not in the first, which would skip positions unseen.
    dilations : sequence of four int, default=(1, 1, 1, 1)
        Distance between the positions that the convolutions of a stage see.
    norm : {'batch', 'layer'}, default='batch'
        ``'batch'`` normalises each channel over the real positions of the batch; in training, padding has
        no influence either. With its weights frozen, or for a batch of a single position, it uses its running
        statistics, and leaves them, in training too. ``'layer'`` normalises each position over its channels:
        a row's result depends on that row alone, in training as in prediction.
    activation : {'relu', 'gelu'}, default='relu'
        The function between convolutions.
    unknown : {'zero', 'uniform'}, default='zero'
        As in :class:`OneHotBases`.

    Notes
    -----
    Batches in which all rows have one length are the fastest: nothing has to be masked. Else a training step
    on a CPU takes about a third longer with norms over the batch, a tenth with norms over channels.

    References
    ----------
    He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition" (2015), table 1, here in one
    dimension.

    Examples
    --------
    >>> import torch
    >>> from skgenome.nn import ResNet1d
    >>> network = ResNet1d(18, width=8)
    >>> network(torch.randint(2, 6, (4, 500))).shape, network.n_features
    (torch.Size([4, 64]), 64)
    """

    def __init__(
        self,
        depth: int = 18,
        *,
        width: int = 64,
        kernel_size: int = 3,
        stem_kernel_size: int = 5,
        stem_stride: int = 2,
        stem_pool: int = 2,
        strides: Sequence[int] = (1, 2, 2, 2),
        dilations: Sequence[int] = (1, 1, 1, 1),
        norm: str = "batch",
        activation: str = "relu",
        unknown: str = "zero",
    ):
        super().__init__()
        _check_choice("depth", depth, BLOCKS)
        _check_choice("norm", norm, NORMS)
        _check_choice("activation", activation, ACTIVATIONS)
        _check_kernel_size("kernel_size", kernel_size)
        _check_kernel_size("stem_kernel_size", stem_kernel_size)
        _check_stages("strides", strides)
        _check_stages("dilations", dilations)
        plan = _Convolution(4, width, stem_kernel_size, stem_stride)
        self.stem = _Stem(plan, stem_pool, norm, activation, unknown)
        self.stages = nn.ModuleList()
        bottleneck, n_in = depth in BOTTLENECKS, width
        for i, n_blocks in enumerate(BLOCKS[depth]):
            stage = nn.ModuleList()
            for j in range(n_blocks):
                stride = strides[i] if j == 0 else 1
                plans = _block_plan(n_in, width * 2**i, kernel_size, stride, dilations[i], bottleneck)
                stage.append(_Block(plans, norm, activation))
                n_in = plans[-1].n_out
            self.stages.append(stage)
        self.n_features = n_in
        # Weights in the order of the activations spare the CPU a copy of them at every step.
        to: Callable[..., ResNet1d] = self.to  # the overloads of torch leave out the format of memory
        to(memory_format=torch.channels_last)

    def layer_groups(self) -> list[nn.Module]:
        """Give the parts that are unfrozen one after the other, from the input up.

        Returns
        -------
        list of torch.nn.Module
            The stem, then each stage; together they hold every parameter once.
        """
        return [self.stem, *self.stages]

    def forward(self, token_ids: Tensor) -> Tensor:
        """Encode a batch.

        Parameters
        ----------
        token_ids : LongTensor of shape (batch, length)
            Ids of single bases as in :class:`OneHotBases`, padded on the right.

        Returns
        -------
        Tensor of shape (batch, n_features)
            One vector for each row, float32 also under autocast; zeros for a row without bases.
        """
        mask = real_positions(token_ids)
        x, mask = self.stem(token_ids, mask if mask is None else mask[:, None, None])  # (B, C, 1, L)
        for stage in self.stages:
            for block in stage.children():
                x, mask = block(x, mask)
        # A mean is a sum over many positions, for which half precision is too coarse.
        total = x.sum((2, 3), dtype=torch.promote_types(x.dtype, torch.float32))  # (B, C)
        return total / (x.shape[3] if mask is None else mask.sum((2, 3)).clamp(min=1))
