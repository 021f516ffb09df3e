"""The protocol of the promoters, on invented ones and, where there are any, on real ones."""

import numpy as np
import pytest
from sklearn.pipeline import Pipeline

from benchmarks.corpora import Corpus
from benchmarks.methods import (
    describe_method,
    frozen,
    joined,
    kmers,
    lasso,
    majority,
    ridge,
    scaled,
    with_components,
)
from benchmarks.parts import Parts
from benchmarks.pretraining import TINY_SIZE, draw_untrained, pretrain
from benchmarks.records import Record, Settings, UnknownChoiceError
from benchmarks.tables import show
from benchmarks.tasks import run_task
from benchmarks.tasks.ecoli_promoters import NETWORK, Plan, make_methods, measure
from skgenome.datasets import make_genomes, make_promoters
from skgenome.model_selection import split_prefix
from skgenome.representation import LanguageModel


@pytest.fixture(scope="module")
def promoters():
    train = make_promoters(n_samples=120, random_state=0)
    return train, make_promoters(n_samples=60, random_state=1)


@pytest.fixture(scope="module")
def corpus():
    return Corpus("toy", make_genomes(n_genomes=1, genome_length=20_000, random_state=0).data, "invented")


@pytest.fixture(scope="module")
def methods(corpus, promoters, tmp_path_factory):
    lm = LanguageModel(**{**NETWORK, **TINY_SIZE}, max_steps=2, device="cpu", random_state=0)
    untrained = draw_untrained(lm, corpus)
    return make_methods(
        [pretrain(lm, corpus, tmp_path_factory.mktemp("work"))], untrained, promoters[0].data, 0
    )


def test_make_methods_have_the_baselines(methods):
    assert list(methods) == [
        "majority",
        "k-mers up to 4 + L2 logistic regression",
        "k-mers up to 4 + lasso",
        "language model, untrained + lasso",
        "language model, toy + lasso",
        "language model, toy + L2 logistic regression",
        "language model, toy, and k-mers + lasso",
    ]


def test_make_methods_do_the_unlearnt_work_first(methods):
    """Else each draw of labels would embed all sequences again."""
    for name, method in methods.items():
        prefix, rest = split_prefix(method)
        if name != "majority":
            assert prefix is not None
            assert not isinstance(rest, Pipeline)


def test_joined_features_are_both_blocks(methods, promoters):
    data = promoters[1].data
    union = methods["language model, toy, and k-mers + lasso"][:-2]
    blocks = [methods[f"{name} + lasso"][:-2] for name in ("k-mers up to 4", "language model, toy")]
    expected = np.hstack([block.transform(data) for block in blocks])
    np.testing.assert_allclose(union.transform(data), expected, rtol=1e-4, atol=1e-5)


def test_describe_method_is_one_uncut_line(methods):
    text = describe_method(methods["language model, toy, and k-mers + lasso"])
    assert "\n" not in text
    assert "..." not in text
    for part in (
        "KmerCounter(k_min=1",
        "FrozenEstimator",
        "LassoLogisticRegressionCV(class_weight='balanced'",
    ):
        assert part in text


def test_measure_gives_a_curve_for_every_method(methods, promoters):
    train, test = promoters
    scores = measure(methods, train, test, Plan((20,), 2), Settings())
    assert len(scores) == 3 * len(methods) * 2
    assert {s.condition: (s.n_labels, len(s.values)) for s in scores} == {"20": (20, 2), "120": (120, 1)}
    record = Record("toy", "t", "p", 0, scores=[s.as_row() for s in scores])
    assert {row["metric"] for row in record.scores} == {"accuracy", "roc_auc", "matthews_corrcoef"}
    baseline = {s.metric: s.values for s in scores if s.method == "majority" and s.condition == "20"}
    assert baseline["roc_auc"] == [0.5, 0.5]
    assert baseline["matthews_corrcoef"] == [0.0, 0.0]


def test_measure_of_a_part_is_found_by_the_whole(methods, promoters, tmp_path):
    some = {name: methods[name] for name in ("majority", "k-mers up to 4 + L2 logistic regression")}
    rest = (some, *promoters, Plan((20,), 2))
    part = measure(*rest, Settings(methods=("majority",), conditions=("120",)), Parts(tmp_path))
    assert {(s.method, s.condition) for s in part} == {("majority", "120")}
    assert len(list(tmp_path.iterdir())) == 1
    whole = measure(*rest, Settings(), Parts(tmp_path))
    assert len(list(tmp_path.iterdir())) == 4
    assert all(score in whole for score in part)


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"methods": ("lasso",)}, r"no methods 'lasso'\. Those it has: 'majority', 'k-mers up to 4 \+ L2"),
        ({"conditions": ("50",)}, r"no conditions '50'\. Those it has: '20', '120'\."),
    ],
    ids=["method", "condition"],
)
def test_measure_names_what_can_be_asked_for(methods, promoters, choice, message):
    with pytest.raises(UnknownChoiceError, match=message):
        measure(methods, *promoters, Plan((20,), 2), Settings(**choice))


@pytest.mark.parametrize("classifier", [lasso(0), ridge()], ids=["lasso", "ridge"])
def test_kmer_baselines_learn(classifier, promoters):
    """Composition alone tells the invented promoters apart about two times in three."""
    train, test = promoters
    fitted = Pipeline(scaled(kmers(4, 1), train.data) + classifier).fit(train.data, train.target)
    assert np.mean(fitted.predict(test.data) == test.target) > 0.58
    assert majority().fit(train.data, train.target).score(test.data, test.target) == pytest.approx(0.5)


def test_frozen_model_is_not_trained_further(methods, promoters):
    train, _ = promoters
    method = methods["language model, toy + lasso"]
    lm = method["lm"].estimator
    before = [p.detach().clone() for p in lm.module_.parameters()]
    method.fit(train.data, train.target)
    assert all((a == b).all() for a, b in zip(before, lm.module_.parameters(), strict=True))
    assert frozen(lm)[1][1].estimator is lm
    assert joined(kmers(4), lm)[0][0] == "union"


def test_components_stand_beside_the_features_and_see_no_labels(promoters):
    train, test = promoters
    read = scaled(kmers(2, 1), train.data)
    features = Pipeline(read).transform(test.data)
    both = Pipeline(with_components(read, train.data)).transform(test.data)
    np.testing.assert_array_equal(both[:, : features.shape[1]], features)
    components = both[:, features.shape[1] :]
    of_train = Pipeline(with_components(read, train.data)).transform(train.data)[:, features.shape[1] :]
    variances = of_train.var(axis=0)
    assert (np.diff(variances) <= 1e-9).all()
    # As many as there are features: a rotation, which keeps lengths.
    np.testing.assert_allclose((components**2).sum(axis=1), (features**2).sum(axis=1), rtol=1e-5)


@pytest.mark.slow
@pytest.mark.real_data
def test_quick_run_on_real_promoters(real_data_home, tmp_path):
    settings = Settings(str(real_data_home), "cpu", 0, tmp_path, quick=True)
    record = run_task("ecoli-promoters-few-labels", settings)
    assert [row["corpus"] for row in record.pretraining] == ["everything", "without relatives"]
    assert {row["condition"] for row in record.scores} == {"20", "100", "680"}
    assert record.chance["accuracy"] == 0.5
    # K-12, eleven relatives, and four files of promoters.
    assert len(record.data) == 16
    assert not any("/" in row["file"][:1] for row in record.data)
    assert "published: Genomic-ULMFiT" in show(record)
