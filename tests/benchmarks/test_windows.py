"""The protocol of windows of genomes: who is split from whom, who is labelled, what is compared."""

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils import Bunch

from benchmarks.records import Settings
from benchmarks.tasks import run_task
from benchmarks.windows import Plan, Windows, make_methods, measure, split_by_group
from skgenome.representation import ContrastivePredictiveCoding, LanguageModel

PLAN = Plan(2, (1, 3), (8, 20))
SETTINGS = Settings(None, "cpu", 0)


@pytest.fixture
def drawn(seed):
    """Ten genera of each class, five windows each; positives are rich in GC. One genus has two genomes."""
    rng = np.random.RandomState(seed)
    target = np.repeat([0, 1], 50)
    genus = np.repeat([f"genus{i}" for i in range(20)], 5)
    genome_ids = genus.copy()
    genome_ids[3:5] = "genus0 again"
    shares = [[0.3, 0.2, 0.2, 0.3], [0.2, 0.3, 0.3, 0.2]]
    data = ["".join(rng.choice(list("ACGT"), 200, p=shares[label])) for label in target]
    return Bunch(data=np.array(data, dtype=object), target=target, genus=genus, genome_ids=genome_ids)


@pytest.fixture
def windows(drawn):
    splits = split_by_group(drawn.genus, drawn.target, 4, 2, 0)
    return Windows(drawn.data, drawn.target, drawn.genome_ids, splits, [])


def test_split_by_group_divides_no_group_and_keeps_the_classes(drawn, seed):
    splits = split_by_group(drawn.genus, drawn.target, 4, 3, seed)
    assert len(splits) == 3
    for train, test in splits:
        assert set(drawn.genus[train]).isdisjoint(drawn.genus[test])
        assert sorted([*train, *test]) == list(range(100))
        assert len(set(drawn.genus[test])) == 4
        assert drawn.target[test].mean() == 0.5


def test_split_by_group_draws_others_each_time(drawn, seed):
    tests = [tuple(test) for _, test in split_by_group(drawn.genus, drawn.target, 4, 5, seed)]
    assert len(set(tests)) > 1


def test_measure_tells_chance_from_knowledge(windows):
    methods = {
        "majority": DummyClassifier(),
        "GC": make_pipeline(CountVectorizer(analyzer="char", lowercase=False), LogisticRegression()),
    }
    scores = measure(methods, windows, PLAN, ("roc_auc", "balanced_accuracy"), SETTINGS)
    means = {(s.metric, s.method, s.condition): np.mean(s.values) for s in scores}
    assert {condition for _, _, condition in means} == {
        *("1 genome per class", "3 genomes per class", "all genomes", "8 windows", "20 windows")
    }
    assert all(len(s.values) == 2 for s in scores)
    assert means["roc_auc", "majority", "all genomes"] == 0.5
    assert means["balanced_accuracy", "majority", "8 windows"] == 0.5
    assert means["roc_auc", "GC", "all genomes"] > 0.95


def test_measure_labels_whole_genomes(windows):
    scores = measure({"majority": DummyClassifier()}, windows, PLAN, ("roc_auc",), SETTINGS)
    n_labels = {s.condition: s.n_labels for s in scores}
    # Genomes have five windows, but for the two of genus 0, which have three and two.
    assert 8 <= n_labels["1 genome per class"] <= 10
    assert 26 <= n_labels["3 genomes per class"] <= 30
    assert n_labels["all genomes"] == 80
    assert n_labels["20 windows"] == 20


@pytest.fixture(scope="module")
def models():
    """Two representations as small as can be, with random weights."""
    rng = np.random.RandomState(0)
    tiny = {"batch_size": 4, "device": "cpu", "random_state": 0}
    lm = LanguageModel(embedding_size=4, hidden_size=6, n_layers=2, strand="average", pooling="mean", **tiny)
    contrastive = ContrastivePredictiveCoding(
        width=4, context_size=6, patch_length=50, patch_stride=25, n_patches=6, steps=(2,), **tiny
    )
    return lm.initialize([rng.randint(2, 66, 300)]), contrastive.initialize([rng.randint(2, 6, 300)])


def test_make_methods_have_both_representations_in_all_ways(models, windows):
    methods = make_methods(*models, windows.data, 3, SETTINGS)
    features = ["3-mers", "language model", "contrastive", "contrastive network, untrained"]
    lassos = [f"{name} + lasso" for name in (*features, "3-mers, language model and contrastive")]
    networks = [
        f"{name}{how}"
        for name in ("language model", "contrastive")
        for how in (" + linear head", ", fine-tuned", "'s network from scratch")
    ]
    assert list(methods) == ["majority", *lassos, "3-mers + L2 logistic regression", *networks]
    joined = methods["3-mers, language model and contrastive + lasso"][:-1].transform(windows.data[:2])
    alone = [methods[f"{name} + lasso"][:-1].transform(windows.data[:2]) for name in features[:3]]
    np.testing.assert_allclose(joined, np.hstack(alone), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["contrastive + linear head", "language model, fine-tuned"])
def test_make_methods_learn_from_windows(models, windows, name):
    method = make_methods(*models, windows.data, 3, SETTINGS)[name]
    method.set_params(classifier__max_epochs=1).fit(windows.data[::5], windows.target[::5])
    assert method.predict_proba(windows.data[:3]).shape == (3, 2)


@pytest.mark.slow
@pytest.mark.real_data
def test_quick_run_on_real_genomes(real_data_home, tmp_path):
    settings = Settings(str(real_data_home), "cpu", 0, tmp_path, quick=True)
    record = run_task("gram-staining", settings)
    assert {row["condition"] for row in record.scores} == {"1 genome per class", "all genomes"}
    assert len({row["method"] for row in record.scores}) == 13
    assert len(record.data) == 58
    assert [row["n_bases"] for row in record.pretraining] == [300_000, 300_000]
