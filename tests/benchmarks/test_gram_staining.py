"""The protocol of Gram staining: who is split from whom, and who is labelled."""

import numpy as np
import pytest
from sklearn.utils import Bunch

from benchmarks.records import Settings
from benchmarks.tasks import run_task
from benchmarks.tasks.gram_staining import Plan, draw_labels, make_draws, split_by_genus

PLAN = Plan(2, 4, 5, (1, 3, None), (8, 20))


@pytest.fixture
def windows(seed):
    """Ten genera of each class, five windows each; positives are rich in GC. One genus has two genomes."""
    rng = np.random.RandomState(seed)
    target = np.repeat([0, 1], 50)
    genus = np.repeat([f"genus{i}" for i in range(20)], 5)
    genome_ids = genus.copy()
    genome_ids[3:5] = "genus0 again"
    shares = [[0.3, 0.2, 0.2, 0.3], [0.2, 0.3, 0.3, 0.2]]
    data = ["".join(rng.choice(list("ACGT"), 200, p=shares[label])) for label in target]
    return Bunch(data=np.array(data, dtype=object), target=target, genus=genus, genome_ids=genome_ids)


def test_split_by_genus_divides_no_genus_and_keeps_the_classes(windows, seed):
    rng = np.random.RandomState(seed)
    train, test = split_by_genus(windows.genus, windows.target, 4, rng)
    assert set(windows.genus[train]).isdisjoint(windows.genus[test])
    assert sorted([*train, *test]) == list(range(100))
    assert len(set(windows.genus[test])) == 4
    assert windows.target[test].mean() == 0.5


def test_draw_labels_have_the_genomes_and_windows_asked_for(windows, seed):
    train = np.arange(10, 90)
    draws = draw_labels(windows.target, windows.genome_ids, train, PLAN, np.random.RandomState(seed))
    rows = dict(draws)
    assert list(rows) == [
        "1 genome per class",
        "3 genomes per class",
        "all genomes",
        "8 windows",
        "20 windows",
    ]
    genomes = {condition: set(windows.genome_ids[chosen]) for condition, chosen in rows.items()}
    assert [len(genomes[condition]) for condition in list(rows)[:3]] == [2, 6, 16]
    assert np.array_equal(rows["all genomes"], train)
    for condition, chosen in rows.items():
        assert windows.target[chosen].mean() == 0.5, condition
        assert len(set(chosen)) == len(chosen)
        assert set(chosen) <= set(train)


def test_draw_labels_are_nested_and_spread(windows, seed):
    train = np.arange(10, 90)
    draws = draw_labels(windows.target, windows.genome_ids, train, PLAN, np.random.RandomState(seed))
    rows = {condition: set(chosen) for condition, chosen in draws}
    assert rows["1 genome per class"] < rows["3 genomes per class"] < rows["all genomes"]
    assert rows["8 windows"] < rows["20 windows"]
    # Eight genomes of each class: 4 windows are of 4 genomes, 10 of all, at most two of each.
    counts = np.unique(windows.genome_ids[sorted(rows["20 windows"])], return_counts=True)[1]
    assert len(counts) == 16
    assert counts.max() == 2


def test_draw_labels_take_the_whole_genome(windows, seed):
    train = np.arange(100)
    draws = draw_labels(windows.target, windows.genome_ids, train, PLAN, np.random.RandomState(seed))
    _, chosen = next(draws)
    is_of_them = np.isin(windows.genome_ids, windows.genome_ids[chosen])
    assert np.array_equal(np.flatnonzero(is_of_them), chosen)


def test_make_draws_test_on_genera_without_labels(windows):
    draws = list(make_draws(windows, PLAN, 0))
    assert len(draws) == 2 * 5
    for draw in draws:
        assert set(windows.genus[draw.train]).isdisjoint(windows.genus[draw.test])
    assert not np.array_equal(draws[0].test, draws[5].test)


def test_make_draws_are_the_same_for_one_seed(windows):
    for first, second in zip(make_draws(windows, PLAN, 1), make_draws(windows, PLAN, 1), strict=True):
        assert np.array_equal(first.train, second.train)
        assert np.array_equal(first.test, second.test)


@pytest.mark.real_data
def test_quick_run_on_real_genomes(real_data_home, tmp_path):
    settings = Settings(str(real_data_home), "cpu", 0, tmp_path, quick=True)
    record = run_task("gram-staining", settings)
    conditions = {row["condition"] for row in record.scores}
    assert conditions == {"1 genome per class", "all genomes", "20 windows"}
    assert len({row["method"] for row in record.scores}) == 6
    assert len(record.data) == 58
    assert record.pretraining[0]["n_bases"] == 300_000
