"""What the tests of streams, nets and inference share."""

import numpy as np
import pytest
import torch

from skgenome.preprocessing import KmerTokenizer
from skgenome.sequences import check_token_ids


@pytest.fixture
def rng(seed):
    return np.random.default_rng(seed)


@pytest.fixture(params=["cpu", "cuda"])
def device(request):
    """Every device that a network may run on; CUDA is skipped where there is none."""
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("torch sees no CUDA device")
    return torch.device(request.param)


@pytest.fixture
def make_corpus(rng):
    """Tokenise random contigs of given lengths, in bases."""

    def make(lengths, k=2, stride=1):
        contigs = ["".join(rng.choice(list("ACGT"), n)) for n in lengths]
        tokens = KmerTokenizer(k=k, stride=stride, padding=False).transform(contigs)
        return check_token_ids(tokens)

    return make
