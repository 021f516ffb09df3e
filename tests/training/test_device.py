"""Device, precision and seed: what is asked for, what exists, and that nothing global is moved."""

import math
from contextlib import nullcontext

import numpy as np
import pytest
import torch

from skgenome.training import autocast, bits_per_base, resolve_device, resolve_precision, seeded

CPU = torch.device("cpu")


@pytest.mark.parametrize(("has_cuda", "expected"), [(True, "cuda"), (False, "cpu")])
def test_resolve_device_auto_takes_what_there_is(has_cuda, expected, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_cuda)
    assert resolve_device("auto") == torch.device(expected)


@pytest.mark.parametrize("device", ["cpu", CPU])
def test_resolve_device_takes_names_and_devices(device):
    assert resolve_device(device) == CPU


@pytest.mark.parametrize("device", ["gpu", "cuda:x", ""])
def test_resolve_device_refuses_unknown_names(device):
    with pytest.raises(ValueError, match=f"device must be 'auto' or a torch device.*Got {device!r}"):
        resolve_device(device)


@pytest.mark.parametrize("device", ["cuda", "cuda:1", torch.device("cuda")])
def test_resolve_device_says_when_there_is_no_cuda(device, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match=r"cuda.* was asked for, but torch sees no CUDA.*device='auto'"):
        resolve_device(device)


@pytest.mark.parametrize(("name", "dtype"), [("float32", torch.float32), ("bfloat16", torch.bfloat16)])
def test_resolve_precision_does_as_told(name, dtype):
    assert resolve_precision(name, CPU) == dtype


@pytest.mark.parametrize(("avx", "amx"), [(False, False), (True, False), (False, True)])
def test_resolve_precision_auto_asks_the_cpu(avx, amx, monkeypatch):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx, raising=False)
    assert resolve_precision("auto", CPU) == (torch.bfloat16 if avx or amx else torch.float32)


def test_resolve_precision_auto_stands_a_torch_that_cannot_tell(monkeypatch):
    monkeypatch.delattr(torch.cpu, "_is_avx512_bf16_supported", raising=False)
    monkeypatch.delattr(torch.cpu, "_is_amx_tile_supported", raising=False)
    assert resolve_precision("auto", CPU) == torch.float32


@pytest.mark.parametrize("can", [True, False])
def test_resolve_precision_auto_asks_the_gpu_for_more_than_emulation(can, monkeypatch):
    asked = {}
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **options: asked.update(options) or can)
    expected = torch.bfloat16 if can else torch.float32
    assert resolve_precision("auto", torch.device("cuda")) == expected
    assert asked == {"including_emulation": False}


def test_resolve_precision_auto_is_float32_elsewhere():
    assert resolve_precision("auto", torch.device("mps")) == torch.float32


def test_resolve_precision_refuses_unknown_names():
    with pytest.raises(ValueError, match=r"precision must be one of .*bfloat16.*Got 'half' instead"):
        resolve_precision("half", CPU)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_autocast_sets_the_dtype_of_products_and_ends(dtype):
    x = torch.ones(2, 2)
    with autocast(dtype, CPU):
        assert (x @ x).dtype == dtype
    assert (x @ x).dtype == torch.float32


def test_seeded_leaves_the_global_generator_as_it_was(device):
    before = torch.random.get_rng_state()
    with seeded(np.random.RandomState(0), device):
        torch.rand(5)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_seeded_restores_the_generator_after_an_error(device):
    before = torch.random.get_rng_state()
    with pytest.raises(KeyError, match="broken"), seeded(np.random.RandomState(0), device):  # noqa: PT012
        torch.rand(5)
        raise KeyError("broken")
    assert torch.equal(torch.random.get_rng_state(), before)


def test_seeded_seeds_no_device_whose_state_it_does_not_keep(monkeypatch):
    """Non-regression: ``torch.manual_seed`` also moved the user's CUDA generators."""
    touched = []
    monkeypatch.setattr(torch.cuda, "manual_seed", lambda *_: touched.append("cuda"))
    monkeypatch.setattr(torch.cuda, "manual_seed_all", lambda *_: touched.append("cuda"))
    with seeded(np.random.RandomState(0), CPU):
        pass
    assert touched == []


def test_seeded_seeds_the_cuda_device_that_it_is_given(monkeypatch):
    """Without CUDA: what would be asked of it."""
    touched = []
    monkeypatch.setattr(torch.random, "fork_rng", lambda devices: nullcontext(touched.append(devices)))
    monkeypatch.setattr(torch.cuda, "device", lambda device: nullcontext(touched.append(device)))
    monkeypatch.setattr(torch.cuda, "manual_seed", touched.append)
    device, before = torch.device("cuda:1"), torch.random.get_rng_state()
    with seeded(np.random.RandomState(0), device) as seed:
        pass
    torch.random.set_rng_state(before)
    assert touched == [[device], device, seed]


def test_seeded_leaves_numpy_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002 (the global generator is what is looked at)
    with seeded(np.random.RandomState(0), CPU):
        pass
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002


def test_seeded_draws_by_its_seed(device):
    draws = []
    for value in (0, 0, 1):
        with seeded(np.random.RandomState(value), device) as seed:
            draws.append((seed, torch.rand(3, device=device).tolist()))
    assert draws[0] == draws[1]
    assert draws[0] != draws[2]


def test_seeded_goes_on_with_its_random_state():
    random_state = np.random.RandomState(0)
    seeds = []
    for _ in range(2):
        with seeded(random_state, CPU) as seed:
            seeds.append(seed)
    assert seeds[0] != seeds[1]


@pytest.mark.parametrize("stride", [1, 2, 5])
def test_bits_per_base_of_uniform_bases_is_two_at_any_stride(stride):
    """A token that adds so many bases has ``4**stride`` equal ways to go on."""
    assert bits_per_base(math.log(4**stride), stride) == pytest.approx(2)
