"""The protocol of Gram staining: who is split from whom, and who is labelled."""

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils import Bunch

from benchmarks.records import Settings
from benchmarks.tasks import run_task
from benchmarks.tasks.gram_staining import Plan, measure, split_by_genus

PLAN = Plan(200, 5, 2, 4, (1, 3), (8, 20))


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
    splits = split_by_genus(windows.genus, windows.target, 4, 3, seed)
    assert len(splits) == 3
    for train, test in splits:
        assert set(windows.genus[train]).isdisjoint(windows.genus[test])
        assert sorted([*train, *test]) == list(range(100))
        assert len(set(windows.genus[test])) == 4
        assert windows.target[test].mean() == 0.5


def test_split_by_genus_draws_other_genera_each_time(windows, seed):
    tests = [tuple(test) for _, test in split_by_genus(windows.genus, windows.target, 4, 5, seed)]
    assert len(set(tests)) > 1


def test_measure_tells_chance_from_knowledge(windows):
    methods = {
        "majority": DummyClassifier(),
        "GC": make_pipeline(CountVectorizer(analyzer="char", lowercase=False), LogisticRegression()),
    }
    scores = measure(methods, windows, PLAN, random_state=0)
    means = {(s.metric, s.method, s.condition): np.mean(s.values) for s in scores}
    assert {condition for _, _, condition in means} == {
        *("1 genome per class", "3 genomes per class", "all genomes", "8 windows", "20 windows")
    }
    assert all(len(s.values) == 2 for s in scores)
    assert means["roc_auc", "majority", "all genomes"] == 0.5
    assert means["balanced_accuracy", "majority", "8 windows"] == 0.5
    assert means["roc_auc", "GC", "all genomes"] > 0.95


def test_measure_labels_whole_genomes(windows):
    scores = measure({"majority": DummyClassifier()}, windows, PLAN, random_state=0)
    n_labels = {s.condition: s.n_labels for s in scores}
    # Genomes have five windows, but for the two of genus 0, which have three and two.
    assert 8 <= n_labels["1 genome per class"] <= 10
    assert 26 <= n_labels["3 genomes per class"] <= 30
    assert n_labels["all genomes"] == 80
    assert n_labels["20 windows"] == 20


@pytest.mark.slow
@pytest.mark.real_data
def test_quick_run_on_real_genomes(real_data_home, tmp_path):
    settings = Settings(str(real_data_home), "cpu", 0, tmp_path, quick=True)
    record = run_task("gram-staining", settings)
    conditions = {row["condition"] for row in record.scores}
    assert conditions == {"1 genome per class", "all genomes", "20 windows"}
    assert len({row["method"] for row in record.scores}) == 6
    assert len(record.data) == 58
    assert record.pretraining[0]["n_bases"] == 300_000
