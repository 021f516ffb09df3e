"""What a classifier goes through in scikit-learn's hands: clones, pickles, searches, ensembles, more data."""

import copy
import json
import pickle

import joblib
import numpy as np
import pytest
import torch
from sklearn import config_context
from sklearn.base import clone
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline

from skgenome.classification import SequenceClassifier, _training
from skgenome.exceptions import DataIntegrityError, ModelMismatchError
from skgenome.persistence import load, save
from skgenome.preprocessing import KmerTokenizer

INDICATORS = np.random.default_rng(0).integers(0, 2, (60, 3))


@pytest.mark.parametrize(
    "y",
    [
        lambda y: np.array(["promoter", "other"])[y],
        lambda y: np.array(["promoter", "other"], dtype=object)[y],
        lambda y: np.array([5, 1])[y],
        lambda y: y.astype(bool),
        lambda y: np.array(["a", "b", "c"])[y + (np.arange(60) % 7 == 0)],
        lambda y: INDICATORS,
    ],
    ids=["str", "object", "1 and 5", "bool", "three classes", "indicators"],
)
@pytest.mark.parametrize("training", ["frozen", "gradual"])
def test_labels_of_every_kind(y, training, make, data):
    y = y(data.y)
    classifier = make(training=training, max_epochs=1, early_stopping=False).fit(data.X, y)
    n_outputs = 3 if y.ndim == 2 else len(np.unique(y))
    probabilities, decided = classifier.predict_proba(data.X), classifier.predict(data.X)
    assert probabilities.shape == (60, n_outputs)
    assert decided.shape == y.shape
    assert set(np.unique(decided)) <= set(np.unique(y))
    assert classifier.classes_.tolist() == (list(range(3)) if y.ndim == 2 else np.unique(y).tolist())
    scores = classifier.decision_function(data.X)
    assert scores.shape == ((60,) if n_outputs == 2 else (60, n_outputs))
    if y.ndim == 1:
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-12)
        assert (decided == classifier.classes_[probabilities.argmax(axis=1)]).all()
    else:
        assert (decided == (probabilities > 0.5)).all()


@pytest.mark.parametrize("early_stopping", ["cv", "holdout"])
@pytest.mark.parametrize("rare", [0, 59])
def test_rare_label_of_an_indicator_matrix_is_no_obstacle(early_stopping, rare, make, data):
    """Non-regression: the fold that held the only positive out failed on a label that is always 0."""
    y = INDICATORS.copy()
    y[:, 2] = np.arange(60) == rare
    classifier = make(early_stopping=early_stopping, cv=5, max_epochs=1, training="finetune")
    classifier.fit(data.X, y)
    assert np.isfinite(classifier.predict_proba(data.X)).all()


@pytest.mark.parametrize("head", ["linear", "mlp"])
def test_twenty_rows_and_a_batch_of_one(head, make, small):
    classifier = make(head=head, batch_size=1, max_epochs=1).fit(small.X, small.y)
    one = [classifier.predict_proba(small.X[i : i + 1]) for i in range(20)]
    np.testing.assert_allclose(np.vstack(one), classifier.predict_proba(small.X), rtol=1e-4)


def test_single_class_and_tokens_of_another_kind_are_refused(make, small):
    with pytest.raises(ValueError, match="SequenceClassifier needs rows of at least 2 classes"):
        make().fit(small.X, np.zeros(20))
    with pytest.raises(ModelMismatchError, match=r"Use KmerTokenizer\(k=3, stride=1\)"):
        make().fit(KmerTokenizer(k=4).transform(small.sequences), small.y)
    with pytest.raises(NotFittedError):
        make().predict(small.X)


@pytest.mark.parametrize(
    ("encoder", "error", "message"),
    [
        (None, TypeError, r"encoder must be a LanguageModel, .* Got NoneType"),
        (LogisticRegression(), TypeError, r"Got LogisticRegression instead"),
        (make_pipeline(KmerTokenizer()), TypeError, r"Got Pipeline .* A tokenizer goes before"),
    ],
    ids=["None", "classifier", "pipeline"],
)
def test_encoder_that_is_none_is_refused(encoder, error, message, small):
    with pytest.raises(error, match=message):
        SequenceClassifier(encoder).fit(small.X, small.y)


def test_encoder_that_is_frozen_before_it_is_fitted_is_refused(make_lm, small):
    with pytest.raises(ValueError, match="FrozenEstimator of a model that was never fitted"):
        SequenceClassifier(FrozenEstimator(make_lm())).fit(small.X, small.y)


def test_three_ways_in_give_the_same(make, fitted_lm, small, tmp_path):
    loaded = load(save(fitted_lm, tmp_path / "lm"))
    ways = [
        make(encoder).fit(small.X, small.y) for encoder in (FrozenEstimator(fitted_lm), fitted_lm, loaded)
    ]
    scores = [classifier.decision_function(small.X) for classifier in ways]
    assert (scores[0] == scores[1]).all()
    assert (scores[0] == scores[2]).all()


def test_unfitted_encoder_is_a_network_from_scratch(make, make_lm, small, weights_of):
    encoder = make_lm(random_state=7)
    classifier = make(encoder, training="frozen").fit(small.X, small.y)
    start = weights_of(make_lm(random_state=7).initialize(small.X))
    assert all((start[name] == w).all() for name, w in weights_of(classifier.encoder_).items())
    assert not hasattr(encoder, "module_")
    seeded = make(make_lm(random_state=None), training="frozen", random_state=7).fit(small.X, small.y)
    assert all((start[name] == w).all() for name, w in weights_of(seeded.encoder_).items())


@pytest.mark.usefixtures("unchanged")
def test_bare_fitted_encoder_survives_a_clone_with_its_weights(make, fitted_lm, data):
    twin = clone(make(fitted_lm))
    assert isinstance(twin.encoder, FrozenEstimator)
    assert twin.encoder.estimator is fitted_lm
    frozen = make(FrozenEstimator(fitted_lm), training="frozen")
    expected = cross_val_predict(frozen, data.X, data.y, cv=2, method="decision_function")
    found = cross_val_predict(
        make(fitted_lm, training="frozen"), data.X, data.y, cv=2, method="decision_function"
    )
    assert (found == expected).all()


def test_clone_keeps_metadata_requests_and_parameters(make, fitted_lm):
    """Non-regression: set_fit_request was lost on the way."""
    with config_context(enable_metadata_routing=True):
        twin = clone(make(fitted_lm, head="mlp").set_fit_request(groups=True))
        assert twin.get_metadata_routing().fit.requests["groups"] is True
    assert twin.head == "mlp"


def test_grid_search_reaches_training_head_and_the_sizes_of_the_network(make, make_lm, small):
    grid = {
        "training": ["frozen", "finetune"],
        "head": ["linear", "concat-pool"],
        "encoder__hidden_size": [3, 5],
    }
    classifier = make(make_lm(), max_epochs=1, early_stopping=False)
    search = GridSearchCV(classifier, grid, cv=2, error_score="raise").fit(small.X, small.y)
    assert len(search.cv_results_["params"]) == 8
    size = search.best_params_["encoder__hidden_size"]
    assert search.best_estimator_.encoder_.module_.encoder.layer_sizes == [size, 4]


def test_searches_in_processes_give_the_same(make, small):
    classifier = make(max_epochs=1, early_stopping=False)
    one, two = (cross_val_score(classifier, small.X, small.y, cv=2, n_jobs=n) for n in (1, 2))
    assert (one == two).all()


@pytest.mark.parametrize("training", ["frozen", "gradual"])
@pytest.mark.parametrize("head", ["linear", "mlp"])
def test_copies_give_the_same_bits(training, head, make, small, tmp_path):
    classifier = make(training=training, head=head, head_size=7).fit(small.X, small.y)
    expected = classifier.decision_function(small.X)
    joblib.dump(classifier, tmp_path / "model")
    copies = [
        pickle.loads(pickle.dumps(classifier)),
        joblib.load(tmp_path / "model", mmap_mode="r"),
        copy.deepcopy(classifier),
        load(save(classifier, tmp_path / "folder")),
    ]
    for other in copies:
        assert (other.decision_function(small.X) == expected).all()
        assert other.best_epoch_ == classifier.best_epoch_
        assert [row["epoch"] for row in other.history_] == [row["epoch"] for row in classifier.history_]
        assert (other.partial_fit(small.X, small.y).predict(small.X)).shape == (20,)
    assert joblib.hash(copies[0]) == joblib.hash(copies[2])


def test_pickle_of_an_unfitted_classifier(make):
    assert pickle.loads(pickle.dumps(make(head="mlp"))).head == "mlp"


def test_pickle_of_a_classifier_whose_parameters_were_changed_since(make, small):
    """Non-regression: the head was rebuilt of the present parameters, and its weights did not fit."""
    classifier = make(training="frozen", head="mlp", head_size=7).fit(small.X, small.y)
    expected = classifier.decision_function(small.X)
    classifier.set_params(head="linear", head_size=3)
    assert (pickle.loads(pickle.dumps(classifier)).decision_function(small.X) == expected).all()


def test_voting_and_bagging_take_it(make, data):
    members = [(f"seed{i}", make(max_epochs=1, early_stopping=False, random_state=i)) for i in range(2)]
    voting = VotingClassifier(members, voting="soft").fit(data.X, data.y)
    mean = np.mean([e.predict_proba(data.X) for e in voting.estimators_], axis=0)
    np.testing.assert_allclose(voting.predict_proba(data.X), mean)
    labels = np.array(["a", "b"])[data.y]
    bagging = BaggingClassifier(make(training="frozen"), n_estimators=3, random_state=0).fit(data.X, labels)
    mean = np.mean([e.predict_proba(data.X) for e in bagging.estimators_], axis=0)
    np.testing.assert_allclose(bagging.predict_proba(data.X), mean)
    assert bagging.score(data.X, labels) > 0.5
    assert len({e.decision_function(data.X).tobytes() for e in bagging.estimators_}) == 3


def test_fit_that_fails_leaves_the_classifier_as_it_was(make, data):
    classifier = make(training="frozen").fit(data.X, data.y)
    expected = classifier.decision_function(data.X)
    with pytest.raises(ValueError, match="only one class"):
        classifier.fit(data.X, np.zeros(60))
    assert (classifier.decision_function(data.X) == expected).all()


def test_partial_fit_starts_from_the_fitted_head_and_goes_on(make, data):
    rate = 1e-7
    frozen = make(training="frozen").fit(data.X, data.y)
    classifier = make(learning_rate=rate, max_epochs=2).partial_fit(data.X, data.y)
    np.testing.assert_allclose(
        classifier.decision_function(data.X), frozen.decision_function(data.X), atol=1e-3
    )
    classifier.partial_fit(data.X, data.y)
    assert [row["epoch"] for row in classifier.history_] == list(range(5))
    assert [row["stage"] for row in classifier.history_] == [0, 1, 1, 2, 2]
    assert classifier.best_epoch_ == 4


def test_partial_fit_goes_on_from_where_fit_has_ended(make, data):
    """The start of the second training is the end of the first: at a tiny rate nothing moves."""
    classifier = make(early_stopping=False).fit(data.X, data.y)
    before = classifier.decision_function(data.X)
    n_rows = len(classifier.history_)
    classifier.set_params(learning_rate=1e-8).partial_fit(data.X[:10], data.y[:10])
    np.testing.assert_allclose(classifier.decision_function(data.X), before, atol=1e-3)
    assert len(classifier.history_) == n_rows + 2


def test_partial_fit_learns(make, make_lm, draw):
    train, test = draw(300, seed=3), draw(100, seed=4)
    params = {"max_epochs": 2, "learning_rate": 2e-2, "learning_rate_ratio": 1.0, "dropout_scale": 0.0}
    classifier = make(make_lm(pooling="last", k=3), **params)
    for _ in range(3):
        for part in np.array_split(np.arange(300), 2):
            classifier.partial_fit(train.X[part], train.y[part], classes=[0, 1])
    assert classifier.score(test.X, test.y) > 0.9


def test_partial_fit_frozen_moves_the_head_alone(make, fitted_lm, data, weights_of):
    classifier = make(training="frozen", learning_rate=1e-2).partial_fit(data.X[:30], data.y[:30])
    first = classifier.decision_function(data.X)
    classifier.partial_fit(data.X[30:], data.y[30:])
    assert (classifier.decision_function(data.X) != first).any()
    before, after = weights_of(fitted_lm), weights_of(classifier.encoder_)
    assert all((before[name] == after[name]).all() for name in before)


@pytest.mark.parametrize("head", ["linear", "mlp"])
@pytest.mark.parametrize("classes", [["a", "b"], ["c", "a", "b"]])
def test_partial_fit_may_begin_with_rows_of_one_class(head, classes, make, data):
    labels = np.array(["a", "b"])[data.y]
    ones = data.y == 1
    classifier = make(head=head, max_epochs=1, learning_rate=1e-9)
    classifier.partial_fit(data.X[ones], labels[ones], classes=classes)
    assert classifier.classes_.tolist() == sorted(classes)
    # All classes are equally likely before anything was learnt.
    np.testing.assert_allclose(classifier.predict_proba(data.X), 1 / len(classes), atol=1e-3)
    classifier.set_params(learning_rate=1e-2).partial_fit(data.X[~ones], labels[~ones])
    assert (classifier.predict_proba(data.X)[:, 0] > 1 / len(classes)).mean() > 0.5


def test_partial_fit_of_indicators(make, data):
    classifier = make(max_epochs=1).partial_fit(data.X, INDICATORS)
    classifier.partial_fit(data.X[:3], INDICATORS[:3] * 0, sample_weight=[1, 0, 2])
    assert classifier.predict(data.X).shape == (60, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (lambda d: (d.X, d.y + 1), r"knows the classes \[0, 1\], but y holds 2"),
        (lambda d: (d.X, d.y, [0, 1, 2]), r"those of the first call, \[0, 1\]\. Got \[0, 1, 2\]"),
        (lambda d: (d.X, d.y[:-1]), r"X has 60, y has 59"),
        (lambda d: (KmerTokenizer(k=3, stride=2).transform(d.sequences), d.y), r"do not overlap by 2 bases"),
        (lambda d: (d.X, d.y, None, np.full(60, 0.0)), r"at least one non-zero"),
    ],
    ids=["label", "classes", "length", "tokens", "weights"],
)  # fmt: skip
def test_partial_fit_that_fails_leaves_the_classifier_as_it_was(arguments, message, make, data):
    classifier = make(training="frozen").fit(data.X, data.y)
    before = classifier.decision_function(data.X)
    with pytest.raises(ValueError, match=message):
        classifier.partial_fit(*arguments(data))
    assert (classifier.decision_function(data.X) == before).all()
    assert len(classifier.history_) == 1


def test_partial_fit_that_is_interrupted_leaves_the_classifier_as_it_was(make, data, monkeypatch):
    classifier = make(early_stopping=False).fit(data.X, data.y)
    before, n_rows = classifier.decision_function(data.X), len(classifier.history_)

    def interrupt(*args, **kwargs):
        finetune(*args, **kwargs)
        raise KeyboardInterrupt

    finetune = _training.finetune
    monkeypatch.setattr(_training, "finetune", interrupt)
    with pytest.raises(KeyboardInterrupt):
        classifier.partial_fit(data.X, data.y)
    assert (classifier.decision_function(data.X) == before).all()
    assert len(classifier.history_) == n_rows


def test_partial_fit_refuses_balanced_weights_and_a_single_class(make, small):
    with pytest.raises(ValueError, match="class_weight='balanced' needs all labels at once"):
        make(class_weight="balanced").partial_fit(small.X, small.y)
    with pytest.raises(ValueError, match="only one class: 0"):
        make().partial_fit(small.X, np.zeros(20, dtype=int))


def test_device_and_precision_count_when_they_are_set_after_fit(small, make):
    """A classifier that was trained on a GPU is told to predict where there is none."""
    classifier = make(training="frozen").fit(small.X, small.y)
    expected = classifier.predict_proba(small.X)
    classifier.encoder_.set_params(device="cuda:0", precision="bfloat16")  # as a fit there leaves it
    np.testing.assert_array_equal(classifier.predict_proba(small.X), expected)
    classifier.set_params(precision="bfloat16").predict_proba(small.X)
    assert classifier.encoder_.precision == "bfloat16"


def test_saved_requests_for_metadata_are_there_again(small, make, tmp_path):
    with config_context(enable_metadata_routing=True):
        classifier = (
            make(training="frozen").set_fit_request(groups=True, sample_weight="own").fit(small.X, small.y)
        )
    save(classifier, tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert loaded.get_metadata_routing().fit.requests == classifier.get_metadata_routing().fit.requests
    assert loaded.get_metadata_routing().fit.requests["groups"] is True
    np.testing.assert_array_equal(loaded.predict_proba(small.X), classifier.predict_proba(small.X))


@pytest.mark.parametrize(
    "requests", [{"fit": {"x": True}}, {"reset": {"groups": True}}, {"fit": {"groups": 3}}]
)
def test_requests_that_no_estimator_has_are_refused(requests, small, make, tmp_path):
    save(make(training="frozen").fit(small.X, small.y), tmp_path / "model")
    config = tmp_path / "model" / "model.json"
    content = json.loads(config.read_text())
    content["estimator"]["requests"] = requests
    config.write_text(json.dumps(content))
    with pytest.raises(DataIntegrityError, match=r"model\.json"):
        load(tmp_path / "model")


def test_a_device_of_torch_is_saved_as_its_name(fitted_lm, tmp_path):
    save(copy.copy(fitted_lm).set_params(device=torch.device("cpu")), tmp_path / "model")
    assert load(tmp_path / "model").device == "cpu"
