"""The protocol of the 81-bp promoters, on invented ones and, where there are any, on real ones."""

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline

from benchmarks.methods import MoreLabels, describe_method, kmers, ridge, rotated, scaled
from benchmarks.parts import Parts
from benchmarks.records import Settings, UnknownChoiceError
from benchmarks.tables import show
from benchmarks.tasks import run_task
from benchmarks.tasks.bacterial_promoters import MEAN, MEMBERS, Plan, measure
from skgenome.datasets import make_promoters


def test_measure_gives_the_mean_of_the_folds_of_each_repeat():
    promoters = make_promoters(n_samples=80, random_state=0)
    counts = make_pipeline(
        CountVectorizer(analyzer="char", ngram_range=(3, 3)), LogisticRegression(max_iter=2000)
    )
    methods = {"majority": DummyClassifier(), "3-mers": counts}
    scores = measure(methods, promoters, "invented", Plan(4, 3), Settings(None, "cpu", 5))
    found = next(s for s in scores if s.method == "3-mers" and s.metric == "matthews_corrcoef")
    by_hand = []
    for repeat in range(3):
        folds = StratifiedKFold(4, shuffle=True, random_state=5 + repeat)
        scores = cross_val_score(
            counts, promoters.data, promoters.target, cv=folds, scoring="matthews_corrcoef"
        )
        by_hand.append(scores.mean())
    np.testing.assert_allclose(found.values, by_hand)
    assert found.condition == "invented"


class Certain(DummyClassifier):
    """Be as sure of every sequence."""

    def __init__(self, rate=0.5):
        super().__init__()
        self.rate = rate

    def predict_proba(self, X):
        return np.tile([1 - self.rate, self.rate], (len(X), 1))


def test_measure_averages_what_some_predict():
    promoters = make_promoters(n_samples=60, random_state=0)
    rates = dict(zip(MEMBERS, (0.9, 0.2, 0.4, 0.5, 0.6), strict=True))
    methods = {name: Certain(rate) for name, rate in rates.items()}
    scores = measure(methods, promoters, "invented", Plan(3, 1), Settings(None, "cpu", 0))
    accuracy = {s.method: s.values[0] for s in scores if s.metric == "accuracy"}
    share = promoters.target.mean()
    assert accuracy[MEMBERS[1]] == pytest.approx(1 - share)
    # Their mean is .52, more than one half.
    assert accuracy[MEAN] == pytest.approx(share)


@pytest.mark.parametrize(
    ("wanted", "measured"),
    [((MEMBERS[1],), {MEMBERS[1]}), ((MEAN,), {*MEMBERS, MEAN}), (("other",), {"other"})],
    ids=["a member", "their mean", "another"],
)
def test_measure_of_a_part_has_what_it_is_made_of(wanted, measured, tmp_path):
    promoters = make_promoters(n_samples=60, random_state=0)
    methods = {name: Certain() for name in (*MEMBERS, "other")}
    whole, part = (
        measure(
            methods, promoters, "x", Plan(3, 1), Settings(None, "cpu", 0, methods=chosen), Parts(tmp_path)
        )
        for chosen in ((), wanted)
    )
    assert {s.method for s in part} == measured
    assert all(score in whole for score in part)


def test_measure_names_what_can_be_asked_for():
    promoters = make_promoters(n_samples=20, random_state=0)
    with pytest.raises(UnknownChoiceError, match=f"Those it has: 'a', '{MEAN}'"):
        measure({"a": Certain()}, promoters, "x", Plan(2, 1), Settings(None, "cpu", methods=("b",)))


def test_rotated_features_give_the_same_model():
    promoters = make_promoters(n_samples=120, random_state=0)
    X, y = promoters.data, promoters.target
    wide = scaled(kmers(5, 1), X)
    # As many directions as differences between 120 sequences.
    assert Pipeline(rotated(wide, X)).transform(X).shape == (120, 119)
    by_hand, found = (
        Pipeline(steps + ridge()).fit(X[:90], y[:90]).decision_function(X[90:])
        for steps in (wide, rotated(wide, X))
    )
    np.testing.assert_allclose(found, by_hand, rtol=1e-2, atol=1e-2)


def test_more_labels_are_learnt_from_too():
    own, more = (make_promoters(n_samples=n, random_state=n) for n in (20, 50))
    counts = make_pipeline(CountVectorizer(analyzer="char"), LogisticRegression(max_iter=2000))
    both = MoreLabels(counts, more.data, more.target).fit(own.data, own.target)
    by_hand = counts.fit(np.r_[own.data, more.data], np.r_[own.target, more.target])
    np.testing.assert_allclose(both.predict_proba(own.data), by_hand.predict_proba(own.data))
    np.testing.assert_array_equal(both.predict(own.data), by_hand.predict(own.data))
    assert both.classes_.tolist() == [0, 1]
    assert describe_method(both).endswith(", ...)")
    assert more.data[0] not in describe_method(both)


@pytest.mark.slow
@pytest.mark.real_data
def test_quick_run_on_real_promoters(real_data_home, tmp_path):
    record = run_task("bacterial-promoters", Settings(str(real_data_home), "cpu", 0, tmp_path, quick=True))
    assert {row["condition"] for row in record.scores} == {"E. coli", "B. subtilis"}
    assert [row["corpus"] for row in record.pretraining] == ["everything", "Bacilli"]
    assert all(len(row["values"]) == 1 for row in record.scores)
    assert "published: CNNProm" in show(record)
