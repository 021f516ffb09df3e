"""ULMFiTClassifier: three phases, and what rows without a label are good for."""

import inspect

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.semi_supervised import SelfTrainingClassifier

from skgenome.classification import SequenceClassifier, ULMFiTClassifier
from skgenome.representation import LanguageModel


@pytest.fixture
def half(data):
    """Labels of every fourth pair of rows; -1 for the others."""
    return np.where(np.arange(60) % 8 < 2, data.y, -1)


def test_parameters_are_those_of_sequence_classifier_and_three_more():
    own, other = (inspect.signature(cls).parameters for cls in (ULMFiTClassifier, SequenceClassifier))
    more = {"lm_max_epochs", "lm_learning_rate", "lm_dropout_scale"}
    assert set(own) - set(other) == more
    assert [name for name in own if name not in more] == list(other)
    for name in set(other) - {"encoder"}:
        assert own[name].default == other[name].default
        assert own[name].kind == other[name].kind
    # Each is handed on: what is given is what is kept.
    values = {name: object() for name in own}
    assert ULMFiTClassifier(**values).get_params(deep=False) == values


@pytest.mark.parametrize("encoder", ["frozen", "bare"])
@pytest.mark.parametrize("lm_max_epochs", [0, 2])
@pytest.mark.usefixtures("unchanged")
def test_fitted_language_model_that_is_passed_in_is_never_changed(
    encoder, lm_max_epochs, make_ulmfit, fitted_lm, small
):
    given = FrozenEstimator(fitted_lm) if encoder == "frozen" else fitted_lm
    classifier = make_ulmfit(given, lm_max_epochs=lm_max_epochs, lm_dropout_scale=0.5).fit(small.X, small.y)
    assert classifier.encoder is given
    assert classifier.language_model_ is not fitted_lm


def test_second_phase_is_partial_fit_on_all_rows(make_ulmfit, fitted_lm, data, half, weights_of):
    classifier = make_ulmfit(lm_max_epochs=3, lm_learning_rate=0.02).fit(data.X, half)
    lm = clone(fitted_lm)
    lm.__setstate__(fitted_lm.__getstate__())
    seed = np.random.RandomState(0).randint(np.iinfo(np.int32).max)
    lm.set_params(max_epochs=3, learning_rate=0.02, random_state=seed).partial_fit(data.X)
    found, expected = weights_of(classifier.language_model_), weights_of(lm)
    assert all((found[name] == expected[name]).all() for name in expected)
    assert [row["epoch"] for row in classifier.language_model_.history_] == [1, 2, 3, 4]
    # Its parameters are those that it came with.
    assert classifier.language_model_.get_params() == fitted_lm.get_params()


def test_third_phase_is_a_sequence_classifier_on_the_labelled_rows(make, make_ulmfit, data):
    """With all rows labelled, and no second phase, nothing else is left."""
    found = make_ulmfit(lm_max_epochs=0).fit(data.X, data.y)
    expected = make().fit(data.X, data.y)
    assert (found.decision_function(data.X) == expected.decision_function(data.X)).all()
    assert found.best_epoch_ == expected.best_epoch_


def test_language_model_is_left_as_the_second_phase_made_it(make_ulmfit, data, weights_of):
    classifier = make_ulmfit(training="finetune", early_stopping=False).fit(data.X, data.y)
    lm, encoder = weights_of(classifier.language_model_), weights_of(classifier.encoder_)
    assert any((lm[name] != encoder[name]).any() for name in lm)
    frozen = make_ulmfit(training="frozen").fit(data.X, data.y)
    lm, encoder = weights_of(frozen.language_model_), weights_of(frozen.encoder_)
    assert all((lm[name] == encoder[name]).all() for name in lm)


def test_rows_without_a_label_serve_the_language_model_and_the_scale_alone(
    make_ulmfit, data, half, weights_of
):
    labelled = half != -1
    both = make_ulmfit(training="frozen").fit(data.X, half)
    few = make_ulmfit(training="frozen").fit(data.X[labelled], half[labelled])
    one, other = weights_of(both.language_model_), weights_of(few.language_model_)
    assert any((one[name] != other[name]).any() for name in one)
    features = both.language_model_.transform(data.X)
    np.testing.assert_allclose(both.head_.standardize.mean, features.mean(axis=0), rtol=1e-4, atol=1e-6)
    # Which labels would they have? It makes no difference.
    assert both.classes_.tolist() == [0, 1]
    assert both.predict_proba(data.X).shape == (60, 2)


def test_unfitted_encoder_is_pretrained_on_all_rows(make_ulmfit, make_lm, data, half, weights_of):
    encoder = make_lm(random_state=5)
    classifier = make_ulmfit(encoder).fit(data.X, half)
    expected = weights_of(make_lm(random_state=5).fit(data.X))
    found = weights_of(classifier.language_model_)
    assert all((found[name] == expected[name]).all() for name in expected)
    assert len(classifier.language_model_.history_) == 1
    assert not hasattr(encoder, "module_")


def test_no_encoder_stands_for_a_language_model(monkeypatch, make_lm, data):
    assert isinstance(make_lm(), LanguageModel)
    monkeypatch.setattr("skgenome.classification._ulmfit.LanguageModel", make_lm)
    classifier = ULMFiTClassifier(training="frozen", device="cpu", random_state=0).fit(data.X, data.y)
    assert classifier.language_model_.hidden_size == make_lm().hidden_size
    assert classifier.encoder is None


@pytest.mark.parametrize(
    "as_given",
    [
        lambda y: np.array(["a", "b", -1], dtype=object)[y],
        lambda y: np.array([7, 3, -1])[y],
        lambda y: np.array([7, 3, -1])[y].astype(float),
        lambda y: np.array([7, 3, -1])[y][:, None],
        lambda y: pd.Series(np.array([7, 3, -1])[y], dtype="Int64"),
        lambda y: np.array([[1, 0], [0, 1], [-1, -1]])[y],
    ],
    ids=["text", "numbers", "floats", "column", "nullable", "indicators"],
)
@pytest.mark.filterwarnings("ignore:A column-vector y was passed")
def test_labels_of_every_kind_may_be_missing(as_given, make_ulmfit, data, half):
    y = as_given(half)
    classifier = make_ulmfit(training="frozen", lm_max_epochs=0).fit(data.X, y)
    predicted = classifier.predict(data.X)
    assert len(classifier.classes_) == 2
    assert not (predicted == -1).any()
    expected = make_ulmfit(training="frozen", lm_max_epochs=0).fit(data.X, half)
    if predicted.ndim == 1:
        assert (predicted == classifier.classes_[0]).sum() in (
            (expected.predict(data.X) == label).sum() for label in (0, 1)
        )


def test_missing_label_that_became_text_is_refused(make_ulmfit, data, half):
    """np.array(["promoter", -1]) holds "-1", which would be a class like any other."""
    y = np.array(["a", "b", "-1"])[half]
    with pytest.raises(ValueError, match=r"y is an array of str and holds '-1'.* use an object array"):
        make_ulmfit().fit(data.X, y)


def test_labels_that_are_text_need_no_objects_where_none_is_missing(make_ulmfit, data):
    classifier = make_ulmfit(training="frozen").fit(data.X, np.array(["a", "b"])[data.y])
    assert set(classifier.predict(data.X)) == {"a", "b"}


@pytest.mark.parametrize("y", [np.full(60, -1), np.full((60, 2), -1)], ids=["classes", "indicators"])
def test_all_rows_without_a_label_are_refused(y, make_ulmfit, data):
    with pytest.raises(ValueError, match=r"None of the 60 rows has a label: all are -1"):
        make_ulmfit().fit(data.X, y)


def test_single_class_among_the_labelled_is_refused_before_any_training(make_ulmfit, data, half):
    classifier = make_ulmfit()
    with pytest.raises(ValueError, match="ULMFiTClassifier needs rows of at least 2 classes"):
        classifier.fit(data.X, np.where(half == 1, 1, -1))
    assert not hasattr(classifier, "language_model_")


def test_weights_and_groups_belong_to_the_labelled_rows(make_ulmfit, data, half):
    labelled = half != -1
    weights, groups = 1.0 + np.arange(60) % 3, np.arange(60) // 8
    found = make_ulmfit(lm_max_epochs=0, training="frozen")
    found.fit(data.X, half, sample_weight=weights, groups=groups)
    # Weights and groups of the others have no influence.
    weights[~labelled], groups[~labelled] = 99.0, -5
    again = clone(found).fit(data.X, half, sample_weight=weights, groups=groups)
    assert (again.decision_function(data.X) == found.decision_function(data.X)).all()


def test_weights_that_are_zero_in_all_labelled_rows_are_refused(make_ulmfit, data, half):
    with pytest.raises(
        ValueError, match=r"positive somewhere among the rows with a label\. Got 0 for all 16"
    ):
        make_ulmfit().fit(data.X, half, sample_weight=half == -1)


@pytest.mark.parametrize(("scale", "p"), [(None, 0.0), (0.5, 0.125), (2.0, 0.5)])
def test_dropouts_of_the_second_phase(scale, p, make_ulmfit, fitted_lm, small):
    """Non-regression: the network kept the dropouts of the first phase, and the parameter did nothing."""
    classifier = make_ulmfit(lm_dropout_scale=scale).fit(small.X, small.y)
    assert fitted_lm.dropout_scale == 0
    assert classifier.language_model_.architecture_["output_p"] == p
    assert classifier.language_model_.module_.output_dropout.p == p
    assert classifier.language_model_.dropout_scale == 0
    plain = make_ulmfit().fit(small.X, small.y)
    same = (classifier.language_model_.transform(small.X) == plain.language_model_.transform(small.X)).all()
    assert same == (scale is None)


def test_partial_fit_of_a_language_model_takes_its_present_dropouts(fitted_lm, small):
    lm = clone(fitted_lm)
    lm.__setstate__(fitted_lm.__getstate__())
    lm.set_params(dropout_scale=1.0, weight_p=0.3).partial_fit(small.X)
    assert [layer.weight_p for layer in lm.module_.encoder.layers] == [0.3, 0.3]
    assert lm.architecture_["weight_p"] == 0.3
    assert lm.architecture_["hidden_size"] == 6


def test_partial_fit_is_not_offered(make_ulmfit):
    """Which phase should it go on with?"""
    assert not hasattr(make_ulmfit(), "partial_fit")


def test_parameters_of_all_phases_can_be_searched(make_ulmfit, make_lm, small):
    grid = {"lm_max_epochs": [0, 1], "encoder__hidden_size": [3, 5]}
    classifier = make_ulmfit(make_lm(), training="frozen")
    search = GridSearchCV(classifier, grid, cv=2, error_score="raise").fit(small.X, small.y)
    assert len(search.cv_results_["params"]) == 4


def test_rows_without_a_label_mean_the_same_to_scikit_learn(make, make_ulmfit, data, half):
    """-1 is scikit-learn's own sign for them; its meta-estimators take it and ours alike."""
    for classifier in (SelfTrainingClassifier(make(training="frozen")), make_ulmfit(training="frozen")):
        assert classifier.fit(data.X, half).score(data.X, data.y) > 0.5
