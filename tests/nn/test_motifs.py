"""Motif filters: torch's convolution in float64 as reference, in every precision."""

import pytest
import torch
from torch.nn import functional as F

from skgenome.nn._motifs import MotifFilters

#: Taps around the sizes that torch's own convolution gets wrong on some CPUs.
KERNEL_SIZES = pytest.mark.parametrize("kernel_size", [1, 8, 13, 16, 24, 26, 32])


def convolution(filters, x):
    """Compute the same by torch's convolution, in float64."""
    weight = filters.weight.double().unflatten(1, (-1, filters.n_channels)).transpose(1, 2)
    x = F.conv1d(x.double().transpose(1, 2), weight, filters.bias.double())
    return x.transpose(1, 2)


@KERNEL_SIZES
@pytest.mark.parametrize("n_channels", [1, 4, 8, 12])
def test_motif_filters_are_a_convolution(n_channels, kernel_size):
    filters, x = MotifFilters(n_channels, 7, kernel_size).double(), torch.randn(3, 40, n_channels).double()
    found = filters(x)
    assert found.shape == (3, 41 - kernel_size, 7)
    torch.testing.assert_close(found, convolution(filters, x))
    torch.testing.assert_close(filters.without_bias(x) + filters.bias, found)


@pytest.mark.parametrize("method", ["forward", "without_bias"])
def test_motif_filters_have_the_gradient_of_a_convolution(method):
    filters, x = MotifFilters(4, 3, 5).double(), torch.randn(2, 9, 4).double().requires_grad_()
    assert torch.autograd.gradcheck(getattr(filters, method), x)
    weights = list(filters.parameters())
    expected = torch.autograd.grad(convolution(filters, x).sin().sum(), weights)
    torch.testing.assert_close(torch.autograd.grad(filters(x).sin().sum(), weights), expected)


@KERNEL_SIZES
@pytest.mark.parametrize("n_channels", [4, 8, 12])
def test_motif_filters_in_bfloat16_are_close(n_channels, kernel_size):
    """Non-regression: torch's own convolution has nothing to do with the sum for some of these sizes."""
    filters, x = MotifFilters(n_channels, 32, kernel_size), torch.randn(4, 200, n_channels)
    with torch.autocast("cpu", torch.bfloat16):
        found = filters(x)
    expected = convolution(filters, x)
    assert found.dtype == torch.bfloat16
    assert (found - expected).norm() < 0.01 * expected.norm()


def test_motif_filters_see_one_window_alone():
    """A window that is cut out scores what it scores in its place."""
    filters, x = MotifFilters(4, 3, 6).double(), torch.randn(2, 30, 4).double()
    for start in (0, 7, 24):
        torch.testing.assert_close(filters(x[:, start : start + 6]), filters(x)[:, start : start + 1])
