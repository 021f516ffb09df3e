"""What all tests of networks share: weights and inputs that the seed of the run decides on."""

import pytest
import torch


@pytest.fixture(autouse=True)
def _seeded(seed):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
