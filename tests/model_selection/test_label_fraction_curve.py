"""label_fraction_curve and its display, against the same scores computed by hand."""

import tracemalloc

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.dummy import DummyClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GroupKFold, StratifiedKFold
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import StandardScaler

from skgenome.model_selection import (
    LabelFractionCurve,
    LabelFractionCurveDisplay,
    label_fraction_curve,
    split_prefix,
)
from skgenome.preprocessing import KmerCounter

CALLS = []


class Counting(TransformerMixin, BaseEstimator):
    """A stateless transformer that notes the rows of every call."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        CALLS.append(len(X))
        return np.asarray(X) * 2.0

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        return tags


class Noting(DummyClassifier):
    """A classifier that notes what it is fitted on and predicts the first row's class."""

    seen = []

    def fit(self, X, y):
        Noting.seen.append(tuple(np.asarray(X)[:, 0]))
        return super().fit(X, y)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 5))
    y = (X[:, 0] + rng.normal(size=300) > 0.3).astype(int)
    return X[:200], y[:200], X[200:], y[200:]


@pytest.fixture
def split(data):
    X, y, X_test, y_test = data
    return {"X": X, "y": y, "X_test": X_test, "y_test": y_test, "random_state": 0}


def test_curve_has_a_score_for_each_fraction_and_draw(split):
    curve = label_fraction_curve(LogisticRegression(), fractions=[10, 0.25], n_repeats=3, **split)
    scores = curve.scores["LogisticRegression"]["accuracy"]
    assert scores.shape == (2, 3)
    assert ((scores > 0.4) & (scores <= 1)).all()
    np.testing.assert_array_equal(curve.n_labels, [10, 50])
    np.testing.assert_allclose(curve.mean("LogisticRegression"), scores.mean(axis=1))
    np.testing.assert_allclose(curve.std("LogisticRegression"), scores.std(axis=1, ddof=1))


def test_curve_with_all_labels_is_the_plain_score(split, data):
    X, y, X_test, y_test = data
    curve = label_fraction_curve(LogisticRegression(), fractions=[1.0], **split)
    expected = accuracy_score(y_test, LogisticRegression().fit(X, y).predict(X_test))
    np.testing.assert_allclose(curve.mean("LogisticRegression"), [expected])


def test_estimators_see_the_same_nested_draws(split):
    Noting.seen.clear()
    estimators = {"one": Noting(), "two": Noting(strategy="stratified", random_state=0)}
    label_fraction_curve(estimators, fractions=[10, 40], n_repeats=2, **split)
    half = len(Noting.seen) // 2
    assert sorted(Noting.seen[:half]) == sorted(Noting.seen[half:])
    by_size = sorted(Noting.seen[:half], key=len)
    assert sum(set(few) <= set(more) for few in by_size[:2] for more in by_size[2:]) == 2


def test_curve_repeats_with_its_seed(split):
    one, two = (label_fraction_curve(LogisticRegression(), fractions=[20], **split) for _ in range(2))
    np.testing.assert_array_equal(
        one.scores["LogisticRegression"]["accuracy"], two.scores["LogisticRegression"]["accuracy"]
    )


def test_processes_change_nothing(split):
    one, two = (
        label_fraction_curve(LogisticRegression(), fractions=[20], n_repeats=2, n_jobs=n, **split)
        for n in (1, 2)
    )
    assert one.to_rows() == two.to_rows()


def test_stateless_steps_run_once_for_all_cells(split):
    CALLS.clear()
    pipeline = make_pipeline(Counting(), LogisticRegression())
    label_fraction_curve(pipeline, fractions=[10, 40, 100], n_repeats=4, **split)
    assert CALLS == [200, 100]


def test_prefix_changes_no_score(split, data):
    frozen = FrozenEstimator(StandardScaler().fit(data[0]))
    pipeline = make_pipeline(frozen, Counting(), LogisticRegression())
    whole = make_pipeline(
        clone(frozen), StandardScaler(with_mean=False, with_std=False), LogisticRegression(C=4.0)
    )
    curve = label_fraction_curve({"split": pipeline, "whole": whole}, fractions=[50], **split)
    # Doubled features under a penalty are features under a fourth of it.
    np.testing.assert_allclose(curve.mean("split"), curve.mean("whole"))


@pytest.mark.parametrize(
    ("steps", "n_prefix"),
    [
        ([KmerCounter(), LogisticRegression()], 1),
        ([KmerCounter(), StandardScaler(with_mean=False), LogisticRegression()], 1),
        ([StandardScaler(), LogisticRegression()], 0),
        (["passthrough", FrozenEstimator(StandardScaler()), LogisticRegression()], 2),
        ([make_pipeline(KmerCounter(), FrozenEstimator(StandardScaler())), LogisticRegression()], 1),
        ([FeatureUnion([("a", KmerCounter()), ("b", KmerCounter(k=2))]), LogisticRegression()], 1),
        ([FeatureUnion([("a", KmerCounter()), ("b", StandardScaler())]), LogisticRegression()], 0),
    ],
    ids=["kmers", "scaled", "learnt", "frozen", "nested", "union", "learnt-union"],
)
def test_split_prefix_stops_at_what_learns(steps, n_prefix):
    prefix, rest = split_prefix(make_pipeline(*steps))
    assert (0 if prefix is None else len(prefix.steps)) == n_prefix
    n_rest = len(rest.steps) if hasattr(rest, "steps") else 1
    assert n_prefix + n_rest == len(steps)


def test_curve_takes_sequences():
    rng = np.random.default_rng(0)
    X = [
        "".join(rng.choice(list("ACGT"), p=p, size=60))
        for p in ([0.4, 0.1, 0.1, 0.4], [0.2, 0.3, 0.3, 0.2]) * 40
    ]
    y = np.array(["at", "gc"] * 40)
    curve = label_fraction_curve(
        make_pipeline(KmerCounter(k=2), LogisticRegression()), X, y, fractions=[8, 1.0], cv=4, random_state=0
    )
    assert curve.mean("Pipeline")[1] > 0.9


def test_each_split_of_cv_is_a_repeat(data):
    X, y = data[:2]
    curve = label_fraction_curve(LogisticRegression(), X, y, fractions=[1.0], cv=StratifiedKFold(4))
    expected = [
        LogisticRegression().fit(X[train], y[train]).score(X[test], y[test])
        for train, test in StratifiedKFold(4).split(X, y)
    ]
    np.testing.assert_allclose(curve.scores["LogisticRegression"]["accuracy"], [expected])


def test_groups_are_split_and_drawn_as_a_whole(data):
    X, y = data[:2]
    groups = 2 * (np.arange(200) // 20) + y
    Noting.seen.clear()
    label_fraction_curve(Noting(), X, y, fractions=[2], cv=GroupKFold(5), groups=groups)
    of_value = dict(zip(X[:, 0], groups, strict=True))
    for values in Noting.seen:
        drawn = [of_value[value] for value in values]
        assert len(set(drawn)) == 4
        assert len(drawn) == np.isin(groups, drawn).sum()


def test_curve_takes_several_metrics(split):
    curve = label_fraction_curve(
        LogisticRegression(), fractions=[50], scoring=["accuracy", "roc_auc"], **split
    )
    assert curve.metrics == ["accuracy", "roc_auc"]
    assert curve.mean("LogisticRegression", "roc_auc") > curve.mean("LogisticRegression", "accuracy")


def test_chance_is_the_score_of_the_class_proportions(split, data):
    curve = label_fraction_curve(
        LogisticRegression(), fractions=[50], scoring=["accuracy", "roc_auc"], **split
    )
    assert curve.chance["roc_auc"] == 0.5
    assert curve.chance["accuracy"] == pytest.approx(np.mean(data[3] == np.bincount(data[1]).argmax()))


def test_table_has_a_row_for_each_point(split):
    curve = label_fraction_curve({"a": LogisticRegression(), "b": Noting()}, fractions=[10, 50], **split)
    rows = curve.to_rows()
    assert [(row["estimator"], row["fraction"]) for row in rows] == [
        ("a", 10),
        ("a", 50),
        ("b", 10),
        ("b", 50),
    ]
    assert all(row["n_repeats"] == 5 for row in rows)
    assert "chance" in str(curve)
    assert "±" in str(curve)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"y_test": None}, "go together"),
        ({"cv": 3}, "cv=3 has nothing to split"),
        ({"fractions": []}, "fractions is empty"),
        ({"fractions": [1]}, "2 classes and each needs"),
    ],
)
def test_curve_says_what_is_wrong(split, changes, message):
    with pytest.raises(ValueError, match=message):
        label_fraction_curve(LogisticRegression(), **{"fractions": [20], **split, **changes})


@pytest.mark.parametrize(("name", "metric"), [("nobody", None), ("a", "nothing")])
def test_curve_names_what_it_has(name, metric):
    curve = LabelFractionCurve([10], np.array([10]), {"a": {"accuracy": np.array([[0.5]])}})
    with pytest.raises(KeyError, match="there are"):
        curve.mean(name, metric)


def test_display_draws_every_estimator_and_chance(split):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("Agg")
    estimators = {"k-mers": LogisticRegression(), "none": Noting()}
    display = LabelFractionCurveDisplay.from_estimators(estimators, fractions=[10, 100], **split)
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts == ["k-mers", "none", "chance"]
    np.testing.assert_allclose(display.lines_[0].get_ydata(), display.curve.mean("k-mers"))
    assert [label.get_text() for label in display.ax_.get_xticklabels()] == ["10", "100"]
    assert display.ax_.get_xscale() == "log"
    pyplot.close(display.figure_)


def test_display_draws_on_axes_that_are_given(split):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("Agg")
    figure, ax = pyplot.subplots()
    curve = label_fraction_curve(
        LogisticRegression(), fractions=[10, 100], scoring=["accuracy", "roc_auc"], **split
    )
    display = LabelFractionCurveDisplay(curve).plot(ax, metric="roc_auc")
    assert display.ax_ is ax
    assert ax.get_ylabel() == "roc auc"
    pyplot.close(figure)


class Halves(DummyClassifier):
    """A classifier that notes which rows came with which labels."""

    seen = []

    def fit(self, X, y):
        Halves.seen.append((np.asarray(X)[:, 0], np.asarray(y)))
        labelled = y != -1
        return super().fit(X[labelled], np.asarray(y)[labelled].tolist())


@pytest.mark.parametrize("as_text", [False, True], ids=["numbers", "text"])
def test_semi_supervised_estimators_get_all_rows_and_the_labels_drawn(data, as_text):
    X, y, X_test, y_test = data
    names = np.array(["no", "yes"])
    y, y_test = (names[part] if as_text else part for part in (y, y_test))
    Halves.seen, Noting.seen = [], []
    label_fraction_curve(
        {"all rows": Halves(), "labelled": Noting()}, X, y, X_test=X_test, y_test=y_test,
        fractions=[10, 50], n_repeats=2, semi_supervised=["all rows"], random_state=0,
    )  # fmt: skip
    assert len(Halves.seen) == len(Noting.seen) == 4
    for (rows, labels), drawn in zip(Halves.seen, Noting.seen, strict=True):
        np.testing.assert_array_equal(rows, X[:, 0])
        labelled = labels != -1
        assert tuple(rows[labelled]) == drawn
        np.testing.assert_array_equal(labels[labelled], y[labelled])


def test_semi_supervised_rows_stay_in_their_split(data):
    X, y, *_ = data
    Halves.seen = []
    folds = list(StratifiedKFold(4).split(X, y))
    label_fraction_curve({"all": Halves()}, X, y, fractions=[20], cv=folds, semi_supervised={"all"})
    for (rows, labels), (train, _) in zip(Halves.seen, folds, strict=True):
        np.testing.assert_array_equal(rows, X[train, 0])
        assert (labels != -1).sum() == 20


@pytest.mark.parametrize("names", ["all", ["al"], ["all", "other"]], ids=str)
def test_semi_supervised_must_name_estimators(data, names):
    X, y, *_ = data
    with pytest.raises(ValueError, match=r"semi_supervised must hold names of estimators, some of \['all'\]"):
        label_fraction_curve({"all": Halves()}, X, y, fractions=[20], semi_supervised=names)


def test_semi_supervised_refuses_minus_one_as_a_class(data):
    X, y, *_ = data
    y = np.where(y == 1, 1, -1)
    with pytest.raises(ValueError, match=rf"-1 is a class of y, in row {np.argmax(y == -1)}"):
        label_fraction_curve({"all": Halves()}, X, y, fractions=[20], semi_supervised=["all"])


def test_display_draws_fractions_from_few_to_many():
    """They may be given in any order."""
    scores = {"a": {"accuracy": np.array([[0.9, 0.9], [0.6, 0.8], [0.7, 0.9]])}}
    curve = LabelFractionCurve([1.0, 0.01, 0.1], np.array([1000, 10, 100]), scores, {})
    display = LabelFractionCurveDisplay(curve).plot()
    (line,) = display.lines_
    np.testing.assert_array_equal(line.get_xdata(), [10, 100, 1000])
    np.testing.assert_allclose(line.get_ydata(), [0.7, 0.8, 0.9])
    assert [tick.get_text() for tick in display.ax_.get_xticklabels()] == ["10", "100", "1,000"]


def test_rows_are_cut_when_their_turn_comes():
    """All cells at once would be many times the data."""
    X = np.zeros((4000, 100))
    y = np.arange(4000) % 2
    estimators = {name: DummyClassifier() for name in "ab"}
    tracemalloc.start()
    label_fraction_curve(estimators, X, y, fractions=[0.2, 0.5, 0.8, 1.0], cv=5, random_state=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * X.nbytes
