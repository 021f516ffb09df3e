"""Bases as channels, against the definition."""

import pytest
import torch

from skgenome import sequences
from skgenome.nn import OneHotBases
from skgenome.nn._one_hot import real_positions


@pytest.mark.parametrize(("unknown", "value"), [("zero", 0.0), ("uniform", 0.25)])
def test_one_hot_bases_by_definition(unknown, value):
    ids = torch.tensor([[2, 3, 4, 5, 1], [5, 1, 0, 0, 0]])
    found = OneHotBases(unknown)(ids)
    assert found.shape == (2, 4, 5)
    for row in range(2):
        for position in range(5):
            token = int(ids[row, position])
            expected = [value] * 4 if token == 1 else [float(token == base + 2) for base in range(4)]
            assert found[row, :, position].tolist() == expected


def test_one_hot_bases_reads_the_ids_of_the_tokenizer():
    codes, _ = sequences.encode_many(["ACGTN"])
    ids = torch.from_numpy(sequences.kmer_ids(codes, 1).astype("int64"))[None]
    assert torch.equal(OneHotBases()(ids)[0], torch.cat([torch.eye(4), torch.zeros(4, 1)], dim=1))


@pytest.mark.parametrize("unknown", ["zero", "uniform"])
@pytest.mark.parametrize(("k", "stride"), [(2, 1), (3, 1), (3, 3), (5, 2)])
def test_one_hot_bases_of_kmers_are_those_of_their_bases(k, stride, unknown):
    codes, _ = sequences.encode_many(["ACGTTGCANTCGGATCTACCAAGT"])
    kmers = torch.from_numpy(sequences.kmer_ids(codes, k, stride).astype("int64"))
    single = torch.from_numpy(sequences.kmer_ids(codes, 1).astype("int64"))
    bases = single.unfold(0, k, stride).clone()  # (T, k)
    # A k-mer with an unknown base is not known at all.
    bases[(bases == 1).any(1)] = 1
    expected = OneHotBases(unknown)(bases).transpose(1, 2).flatten(1)  # (T, 4k)
    padded = torch.cat([kmers, torch.zeros(2, dtype=torch.long)])[None]
    found = OneHotBases(unknown, k=k)(padded)[0].T
    assert torch.equal(found[:-2], expected)
    assert (found[-2:] == 0).all()


def test_one_hot_bases_keeps_nothing_in_the_weights_but_follows_the_dtype():
    module = OneHotBases().double()
    assert module.state_dict() == {}
    assert module(torch.tensor([[2]])).dtype == torch.float64


def test_one_hot_bases_lie_in_memory_base_by_base():
    assert OneHotBases()(torch.full((2, 7), 3)).transpose(1, 2).is_contiguous()


def test_one_hot_bases_refuses_an_unknown_unknown():
    with pytest.raises(ValueError, match=r"unknown must be one of \['uniform', 'zero'\]. Got 'mean' instead"):
        OneHotBases("mean")


def test_one_hot_bases_refuses_ids_of_longer_kmers():
    with pytest.raises(IndexError):
        OneHotBases()(torch.tensor([[6]]))
    with pytest.raises(IndexError):
        OneHotBases(k=2)(torch.tensor([[18]]))


@pytest.mark.parametrize("row", [[2, 1, 5], [1, 1, 1]])
def test_real_positions_of_full_rows_need_no_mask(row):
    assert real_positions(torch.tensor([row])) is None


def test_real_positions_are_those_that_are_no_padding():
    found = real_positions(torch.tensor([[2, 1, 0], [0, 0, 0]]))
    assert found.tolist() == [[True, True, False], [False] * 3]
