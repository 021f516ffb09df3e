"""Scorers by name, inside scikit-learn's own tools."""

import pickle

import numpy as np
import pytest
import sklearn
from sklearn import metrics as sklearn_metrics
from sklearn.base import BaseEstimator
from sklearn.datasets import make_classification, make_multilabel_classification
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict, cross_val_score, cross_validate
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skgenome import training
from skgenome.metrics import bits_per_base, get_scorer, get_scorer_names, specificity_score
from skgenome.preprocessing import KmerTokenizer
from skgenome.representation import LanguageModel

OURS = [
    "neg_bits_per_base",
    "specificity",
    "specificity_macro",
    "specificity_micro",
    "specificity_samples",
    "specificity_weighted",
]


class ConstantModel(BaseEstimator):
    """A model of bases that says the same of everything."""

    def __init__(self, *, bits=2.0):
        self.bits = bits

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def bits_per_base(self, X):
        return self.bits + len(X) / 1000


def test_scorer_names_are_ours_and_scikit_learns():
    names = get_scorer_names()
    assert names == sorted(set(names))
    assert set(names) == {*sklearn_metrics.get_scorer_names(), *OURS}


@pytest.mark.parametrize("name", OURS)
def test_scorer_names_of_ours_are_free_in_scikit_learn(name):
    assert name not in sklearn_metrics.get_scorer_names()
    assert callable(get_scorer(name))


def test_scorer_of_scikit_learn_is_scikit_learns():
    assert repr(get_scorer("roc_auc")) == repr(sklearn_metrics.get_scorer("roc_auc"))
    assert get_scorer(None) is None
    scorer = sklearn_metrics.make_scorer(specificity_score, pos_label="a")
    assert get_scorer(scorer) is scorer


def test_scorer_of_no_such_name_says_which_there_are():
    with pytest.raises(
        ValueError, match=r"no scorer 'specificity_mean'.*get_scorer_names.*'specificity_macro'"
    ):
        get_scorer("specificity_mean")


@pytest.mark.parametrize("average", ["macro", "micro", "weighted"])
def test_specificity_scorer_in_cross_validation(average):
    X, y = make_classification(150, n_classes=3, n_informative=4, random_state=0)
    scores = cross_val_score(
        LogisticRegression(), X, y, cv=KFold(3), scoring=get_scorer(f"specificity_{average}")
    )
    y_pred = cross_val_predict(LogisticRegression(), X, y, cv=KFold(3))
    expected = [specificity_score(y[test], y_pred[test], average=average) for _, test in KFold(3).split(X)]
    np.testing.assert_allclose(scores, expected)


def test_specificity_scorer_by_samples_takes_several_labels():
    X, y = make_multilabel_classification(100, random_state=0)
    # A row that has all labels has no negatives, and no specificity.
    X, y = X[y.sum(axis=1) < 5], y[y.sum(axis=1) < 5]
    model = KNeighborsClassifier().fit(X, y)
    assert get_scorer("specificity_samples")(model, X, y) == specificity_score(
        y, model.predict(X), average="samples"
    )


def test_specificity_scorer_in_a_grid_search_beside_others():
    X, y = make_classification(120, random_state=0)
    scoring = {name: get_scorer(name) for name in ("specificity", "recall", "roc_auc")}
    search = GridSearchCV(
        LogisticRegression(), {"C": [0.01, 1.0]}, scoring=scoring, refit="specificity", cv=3
    )
    results = search.fit(X, y).cv_results_
    assert search.best_score_ == results["mean_test_specificity"].max()


@pytest.mark.parametrize("name", OURS)
def test_scorer_pickles(name):
    scorer = pickle.loads(pickle.dumps(get_scorer(name)))
    assert repr(scorer) == repr(get_scorer(name))


def test_specificity_scorer_takes_sample_weight():
    X, y = make_classification(80, flip_y=0.3, random_state=0)
    weight = np.random.default_rng(0).random(80)
    model = LogisticRegression().fit(X, y)
    expected = specificity_score(y, model.predict(X), sample_weight=weight)
    assert get_scorer("specificity")(model, X, y, sample_weight=weight) == expected


def test_specificity_scorer_is_routed_its_sample_weight():
    X, y = make_classification(90, flip_y=0.3, random_state=0)
    weight = np.random.default_rng(0).random(90)
    with sklearn.config_context(enable_metadata_routing=True):
        scorer = get_scorer("specificity").set_score_request(sample_weight=True)
        model = LogisticRegression().set_fit_request(sample_weight=False)
        results = cross_validate(
            model, X, y, cv=KFold(3), scoring={"s": scorer}, params={"sample_weight": weight}
        )
    y_pred = cross_val_predict(LogisticRegression(), X, y, cv=KFold(3))
    expected = [
        specificity_score(y[test], y_pred[test], sample_weight=weight[test]) for _, test in KFold(3).split(X)
    ]
    np.testing.assert_allclose(results["test_s"], expected)


def test_scorer_that_is_changed_is_the_callers_own():
    with sklearn.config_context(enable_metadata_routing=True):
        get_scorer("specificity").set_score_request(sample_weight=True)
        assert get_scorer("specificity").get_metadata_routing().score.requests["sample_weight"] is None


@pytest.mark.parametrize("routing", [False, True])
def test_bits_scorer_chooses_the_model_with_fewer_bits(routing):
    with sklearn.config_context(enable_metadata_routing=routing):
        scoring = get_scorer("neg_bits_per_base")
        search = GridSearchCV(ConstantModel(), {"bits": [1.95, 1.9, 2.0]}, scoring=scoring, cv=2)
        search.fit(np.zeros((20, 3)))
        assert search.best_params_ == {"bits": 1.9}
        assert search.best_score_ == pytest.approx(-1.91)
        both = cross_validate(ConstantModel(), np.zeros((20, 3)), scoring={"bits": scoring}, cv=2)
        np.testing.assert_allclose(both["test_bits"], -2.01)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda model: Pipeline([("lm", model)]),
        lambda model: make_pipeline(StandardScaler(), model),
        lambda model: make_pipeline(StandardScaler(), make_pipeline(StandardScaler(), model)),
        lambda model: make_pipeline(StandardScaler(), FrozenEstimator(model.fit(None))),
    ],
    ids=["alone", "scaled", "nested", "frozen"],
)
def test_bits_scorer_reaches_the_model_in_what_wraps_it(wrap):
    X = np.random.default_rng(0).normal(size=(10, 2))
    assert get_scorer("neg_bits_per_base")(wrap(ConstantModel()).fit(X), X) == pytest.approx(-2.01)


@pytest.mark.parametrize("wrap", [lambda model: model, lambda model: make_pipeline(StandardScaler(), model)])
def test_bits_scorer_says_what_it_needs(wrap):
    model = wrap(LogisticRegression()).fit([[0], [1]], [0, 1])
    with pytest.raises(TypeError, match=r"method bits_per_base.*Got LogisticRegression\."):
        get_scorer("neg_bits_per_base")(model, [[0]])


def test_bits_scorer_compares_tokenizers_of_a_language_model(seed):
    """Bits per base are comparable between tokenizers, so that k can be searched for."""
    rng = np.random.default_rng(seed)
    sequences = ["".join(rng.choice(list("ACGT"), size=400)) for _ in range(8)]
    lm = LanguageModel(
        embedding_size=4, hidden_size=4, n_layers=1, batch_size=4, max_epochs=1, device="cpu", random_state=0
    )
    pipeline = Pipeline([("tokens", KmerTokenizer(stride=1)), ("lm", lm)])
    search = GridSearchCV(pipeline, {"tokens__k": [1, 2]}, scoring=get_scorer("neg_bits_per_base"), cv=2)
    search.fit(sequences)
    assert (search.cv_results_["mean_test_score"] < -1.9).all()
    fitted = search.best_estimator_
    expected = -fitted[-1].bits_per_base(fitted[0].transform(sequences))
    assert get_scorer("neg_bits_per_base")(fitted, sequences) == pytest.approx(expected)


def test_bits_per_base_is_the_one_of_training():
    assert bits_per_base is training.bits_per_base
