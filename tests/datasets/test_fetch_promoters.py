from collections import Counter

import numpy as np
import pytest

from skgenome.datasets import (
    fetch_bacterial_genomes,
    fetch_bacterial_promoters,
    fetch_ecoli_promoters,
    fetch_genome,
    find_matches,
    split_at_matches,
)


@pytest.mark.parametrize(("subset", "n_samples"), [("train", 14), ("test", 6), ("all", 20)])
def test_fetch_ecoli_promoters_subsets(toy_data_home, subset, n_samples):
    bunch = fetch_ecoli_promoters(subset=subset, data_home=toy_data_home)
    assert bunch.data.shape == bunch.target.shape == bunch.names.shape == bunch.subsets.shape == (n_samples,)
    assert bunch.target.sum() == n_samples / 2
    for name, label, part in zip(bunch.names, bunch.target, bunch.subsets, strict=True):
        assert name.startswith(f"{bunch.target_names[label]}_{part}_")


def test_fetch_ecoli_promoters_default_is_the_training_part(toy_data_home):
    X, y = fetch_ecoli_promoters(return_X_y=True, data_home=toy_data_home)
    bunch = fetch_ecoli_promoters(subset="train", data_home=toy_data_home)
    np.testing.assert_array_equal(X, bunch.data)
    np.testing.assert_array_equal(y, bunch.target)
    assert "14 sequences" in bunch.DESCR


def test_fetch_ecoli_promoters_all_is_train_then_test(toy_data_home):
    parts = [fetch_ecoli_promoters(subset=s, data_home=toy_data_home).data for s in ("train", "test", "all")]
    np.testing.assert_array_equal(np.concatenate(parts[:2]), parts[2])


@pytest.mark.parametrize("species", ["ecoli", "bsubtilis"])
def test_fetch_bacterial_promoters_takes_one_species(toy_data_home, species):
    bunch = fetch_bacterial_promoters(species=species, data_home=toy_data_home)
    X, y = fetch_bacterial_promoters(species=species, return_X_y=True, data_home=toy_data_home)
    np.testing.assert_array_equal(X, bunch.data)
    np.testing.assert_array_equal(y, [0] * 4 + [1] * 4)
    # A header of the real negatives has a blank before its only word.
    assert bunch.names.tolist() == ["0", "1", "2", "3", *["gene"] * 4]


@pytest.mark.parametrize(
    ("fetch", "name"), [(fetch_ecoli_promoters, "subset"), (fetch_bacterial_promoters, "species")]
)
def test_fetch_promoters_refuse_an_unknown_choice(fetch, name):
    with pytest.raises(ValueError, match=f"'{name}' parameter"):
        fetch(**{name: "human"})


@pytest.mark.parametrize("fetch", [fetch_ecoli_promoters, fetch_bacterial_promoters])
def test_fetch_promoters_raise_for_a_missing_file(toy_data_home, tmp_path, fetch):
    with pytest.raises(OSError, match="download_if_missing is False"):
        fetch(data_home=tmp_path, download_if_missing=False)


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("subset", "counts"),
    [("train", {1: 3567, 0: 3224}), ("test", {1: 375, 0: 375}), ("all", {1: 3942, 0: 3599})],
)
def test_fetch_ecoli_promoters_real_counts(real_data_home, subset, counts):
    X, y = fetch_ecoli_promoters(
        subset=subset, return_X_y=True, data_home=real_data_home, download_if_missing=False
    )
    assert Counter(y.tolist()) == counts
    assert {len(sequence) for sequence in X} == {150}
    assert set("".join(X)) == set("ACGT")


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("species", "counts"), [("ecoli", {1: 839, 0: 3000}), ("bsubtilis", {1: 373, 0: 1000})]
)
def test_fetch_bacterial_promoters_real_counts(real_data_home, species, counts):
    bunch = fetch_bacterial_promoters(species=species, data_home=real_data_home, download_if_missing=False)
    assert Counter(bunch.target.tolist()) == counts
    assert {len(sequence) for sequence in bunch.data} == {81}
    assert all(bunch.names)


@pytest.mark.real_data
def test_ecoli_promoters_real_facts_of_the_docstring(real_data_home):
    settings = {"data_home": real_data_home, "download_if_missing": False}
    bunch = fetch_ecoli_promoters(subset="all", **settings)
    is_train, is_promoter = bunch.subsets == "train", bunch.target == 1
    genome = fetch_genome(**settings).data
    # A repeat stands in several places, and each of them counts.
    places = [[] for _ in bunch.data]
    for match in find_matches(genome, bunch.data):
        places[match.query].append(match.start)
    assert all(places)
    inside = np.array([any(605_836 <= start <= 1_175_326 for start in starts) for starts in places])
    assert inside[~is_train & is_promoter].all()
    assert inside[~is_train & ~is_promoter].sum() == 351
    assert (inside & is_train & is_promoter).sum() == 154
    assert (inside & is_train & ~is_promoter).sum() == 129
    train = bunch.data[is_train]
    assert not set(train) & set(bunch.data[~is_train])
    assert len(bunch.data[is_train & is_promoter]) - len(set(bunch.data[is_train & is_promoter])) == 16
    assert len(set(bunch.data[is_train & is_promoter]) & set(bunch.data[is_train & ~is_promoter])) == 1
    read_in_training = np.concatenate([places[i] for i in np.flatnonzero(is_train)])
    for label, n_overlapping in ((1, 48), (0, 11)):
        tested = [places[i] for i in np.flatnonzero(~is_train & (bunch.target == label))]
        nearest = [np.abs(np.subtract.outer(starts, read_in_training)).min() for starts in tested]
        assert np.sum(np.array(nearest) < 150) == n_overlapping


@pytest.mark.real_data
def test_split_at_matches_takes_the_test_set_out_of_the_genome(real_data_home):
    settings = {"data_home": real_data_home, "download_if_missing": False}
    genome = fetch_genome(**settings).data
    X, _ = fetch_ecoli_promoters(subset="test", return_X_y=True, **settings)
    pieces = split_at_matches(genome, X, flank=50)
    assert not find_matches(pieces, X)
    removed = len(genome[0]) - sum(map(len, pieces))
    assert 375 * 150 < removed < 760 * 250


@pytest.mark.real_data
def test_split_at_matches_finds_promoters_in_a_relative(real_data_home):
    """Shigella carries many of the test sequences letter by letter: why the benchmark leaves it out."""
    settings = {"data_home": real_data_home, "download_if_missing": False}
    relative = fetch_bacterial_genomes(genera=["Shigella"], **settings).data
    X, _ = fetch_ecoli_promoters(subset="test", return_X_y=True, **settings)
    assert len({match.query for match in find_matches(relative, X)}) > 100
