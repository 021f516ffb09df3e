"""Who checks the checks: good estimators pass all of them, and for each check a broken one fails it."""

import random
from itertools import pairwise

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.base import ClassNamePrefixFeaturesOutMixin as NamesMixin
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from skgenome.sequences import check_sequences, encode_many
from skgenome.utils._sequence_checks.data import make_data, needs_fit, rows_of, takes_strings
from skgenome.utils._sequence_checks.inputs import _names
from skgenome.utils.estimator_checks import (
    check_sequence_estimator,
    parametrize_with_sequence_checks,
    sequence_checks_generator,
)


def base_shares(X):
    """Give the shares of A, C, G and T of each sequence."""
    sequences = check_sequences(X)
    if not sequences:
        raise ValueError("X is empty; expected at least one sequence.")
    codes, offsets = encode_many(sequences)
    counts = [np.bincount(codes[a:b], minlength=5)[:4] for a, b in pairwise(offsets)]
    return np.array(counts) / np.maximum(np.diff(offsets), 1)[:, None]


class Shares(NamesMixin, TransformerMixin, BaseEstimator):
    """Takes strings: shares of the bases, less their means in the data that it was fitted on."""

    def __init__(self, *, shift=0.0, random_state=None):
        self.shift = shift
        self.random_state = random_state

    def _features(self, X):
        return base_shares(X) + self.shift

    def fit(self, X, y=None):
        self.mean_ = self._features(X).mean(axis=0)
        self._n_features_out = len(self.mean_)
        return self

    def transform(self, X):
        check_is_fitted(self)
        return self._features(X) - self.mean_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags


class StatelessShares(Shares):
    """The same without anything to learn."""

    def fit(self, X, y=None):
        self._features(X)
        return self

    def transform(self, X):
        return self._features(X)

    @property
    def _n_features_out(self):
        return 4

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        return tags


class IdShares(NamesMixin, TransformerMixin, BaseEstimator):
    """Takes token ids: shares of the 64 codons among the real tokens, less their means."""

    def __init__(self, *, batch_size=64):
        self.batch_size = batch_size

    def _features(self, X):
        if len(X) == 0:
            raise ValueError("X is empty; expected at least one row.")
        counts = [np.bincount(np.asarray(row)[np.asarray(row) > 0], minlength=66)[1:] for row in X]
        counts = np.array(counts)
        return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)

    def fit(self, X, y=None):
        self.mean_ = self._features(X).mean(axis=0)
        self._n_features_out = len(self.mean_)
        return self

    def transform(self, X):
        check_is_fitted(self)
        return self._features(X) - self.mean_

    def score(self, X, y=None):
        return float(-(self.transform(X) ** 2).sum(axis=1).mean())


class NearestLabel(ClassifierMixin, BaseEstimator):
    """Takes strings: the class whose mean shares are nearest, without probabilities."""

    def fit(self, X, y):
        features = base_shares(X)
        check_consistent_length(features, y)
        check_classification_targets(y)
        self.classes_ = np.unique(y)
        if len(self.classes_) < 2:
            raise ValueError(f"y holds the class {self.classes_[0]} alone; two classes are needed.")
        self.means_ = np.array([features[np.asarray(y) == c].mean(axis=0) for c in self.classes_])
        return self

    def _probabilities(self, X):
        check_is_fitted(self)
        distances = ((base_shares(X)[:, None] - self.means_) ** 2).sum(axis=2)
        weights = np.exp(-10 * distances)
        return weights / weights.sum(axis=1, keepdims=True)

    def predict(self, X):
        places = self._probabilities(X).argmax(axis=1)
        return self.classes_[places]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        return tags


class NearestClass(NearestLabel):
    """The same with probabilities."""

    def predict_proba(self, X):
        return self._probabilities(X)


GOOD = [
    Shares(),
    StatelessShares(),
    IdShares(),
    NearestLabel(),
    NearestClass(),
    make_pipeline(Shares(), StandardScaler()),
    FeatureUnion([("learnt", Shares()), ("stateless", StatelessShares())]),
]


@parametrize_with_sequence_checks(GOOD)
def test_checks_pass_a_good_estimator(estimator, check):
    check(estimator)


# The broken: each differs from a good one in one point, and stands below the check it must fail.


class SetsWrongParameter(Shares):
    def set_params(self, **params):
        return super().set_params(**dict.fromkeys(params, 0.0))


class SetParamsReturnsNone(Shares):
    def set_params(self, **params):
        super().set_params(**params)


class InitStoresMore(Shares):
    def __init__(self, *, shift=0.0, random_state=None):
        super().__init__(shift=shift, random_state=random_state)
        self.cache = {}


class InitValidates(Shares):
    def __init__(self, *, shift=0.0, random_state=None):
        super().__init__(shift=shift, random_state=random_state)
        if shift < 0:
            raise ValueError(shift)


class InitWorksOutDefault(Shares):
    def __init__(self, *, shift=None, random_state=None):
        self.shift = shift if isinstance(shift, float) else 0.0
        self.random_state = random_state


class FitReturnsNone(Shares):
    def fit(self, X, y=None):
        super().fit(X, y)


class FitSetsParameter(Shares):
    def fit(self, X, y=None):
        self.shift = 0.5
        return super().fit(X, y)


class RemembersFirstFit(Shares):
    def fit(self, X, y=None):
        return self if hasattr(self, "mean_") else super().fit(X, y)


class IgnoresSeed(Shares):
    def fit(self, X, y=None):
        super().fit(X, y)
        self.mean_ = self.mean_ + np.random.default_rng().normal(size=4)
        return self


class CountsItsCalls(Shares):
    n_calls = 0

    def transform(self, X):
        self.n_calls += 1
        return super().transform(X) + self.n_calls


class SharesState(Shares):
    def fit(self, X, y=None):
        type(self).common = self._features(X).mean(axis=0)
        return super().fit(X, y)

    def transform(self, X):
        return super().transform(X) + self.common


class SeedsNumpy(Shares):
    def fit(self, X, y=None):
        np.random.seed(7)  # noqa: NPY002 (the fault to be found)
        return super().fit(X, y)


class DrawsFromRandom(Shares):
    def fit(self, X, y=None):
        random.random()
        return super().fit(X, y)


class PicklesHalf(Shares):
    def __getstate__(self):
        state = super().__getstate__()
        return state | {"mean_": state["mean_"].astype(np.float16)} if "mean_" in state else state


class HashesByAddress(Shares):
    def __getstate__(self):
        return super().__getstate__() | {"address": id(self)}


class WorksUnfitted(Shares):
    def transform(self, X):
        return self._features(X) - getattr(self, "mean_", 0)


class CallsItselfStateless(WorksUnfitted):
    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        return tags


class NamesTooMany(Shares):
    def get_feature_names_out(self, input_features=None):
        return np.array(["a", "c", "g", "t", "n"], dtype=object)


class NamesTwice(Shares):
    def get_feature_names_out(self, input_features=None):
        return np.array(["a", "c", "g", "g"], dtype=object)


class IgnoresSetOutput(Shares):
    def set_output(self, *, transform=None):
        return self


class CountsSamplesAsFeatures(Shares):
    def fit(self, X, y=None):
        self.n_features_in_ = len(X)
        return super().fit(X, y)


class IgnoresX(Shares):
    def _features(self, X):
        return np.zeros_like(super()._features(X))


class DividesByLongest(Shares):
    def _features(self, X):
        return super()._features(X) / max(map(len, check_sequences(X)))


class CountsPaddingInFit(IdShares):
    def fit(self, X, y=None):
        super().fit(X, y)
        self.mean_ = self.mean_ + max(map(len, X))
        return self


class CountsPadding(IdShares):
    def transform(self, X):
        return super().transform(X) / max(map(len, X))


class CountsPaddingInScore(IdShares):
    def score(self, X, y=None):
        return super().score(X, y) / max(map(len, X))


class CountsPlaces(Shares):
    def transform(self, X):
        features = super().transform(X)
        return features + np.arange(len(features))[:, None]


class CentresTheBatch(Shares):
    def transform(self, X):
        features = super().transform(X)
        return features - features.mean(axis=0)


class DependsOnBatchSize(IdShares):
    def transform(self, X):
        return super().transform(X) * self.batch_size


class WritesIntoX(Shares):
    def _features(self, X):
        features = super()._features(X)
        if isinstance(X, np.ndarray):
            X[0] = "ACGT"
        return features


class WritesIntoXAfterFit(WritesIntoX):
    def fit(self, X, y=None):
        return super().fit(list(X), y)


class KnowsLists(Shares):
    def transform(self, X):
        return super().transform(X) + isinstance(X, list)


class FitKnowsLists(Shares):
    def fit(self, X, y=None):
        super().fit(X, y)
        self.mean_ = self.mean_ + isinstance(X, list)
        return self


class IdsMayBeWritten(IdShares):
    def _features(self, X):
        if isinstance(X, np.ndarray):
            X[0, 0] += 0
        return super()._features(X)


class SpellsUpperCase(Shares):
    def _features(self, X):
        return super()._features([s.replace("a", "n") for s in check_sequences(X)])


class SpellsDNA(Shares):
    def _features(self, X):
        return super()._features([s.replace("U", "N") for s in check_sequences(X)])


class FitSpellsDNA(Shares):
    def fit(self, X, y=None):
        return super().fit([s.replace("U", "N") for s in check_sequences(X)], y)


class TakesNothing(Shares):
    def _features(self, X):
        return super()._features(X) if len(X) else np.zeros((0, 4))

    def fit(self, X, y=None):
        return super().fit(X if len(X) else ["A"], y)


class SaysInvalidInput(Shares):
    def _features(self, X):
        if len(X) == 0:
            raise ValueError("Invalid input.")
        return super()._features(X)


class NaNForLength(Shares):
    def __init__(self, *, length=0, random_state=None):
        self.length = length
        self.random_state = random_state

    def _features(self, X):
        lengths = np.array([len(sequence) for sequence in check_sequences(X)])
        return base_shares(X) + np.where(lengths == self.length, np.nan, 0)[:, None]


class NaNForN(Shares):
    def _features(self, X):
        shares = super()._features(X)
        return np.where(shares.sum(axis=1, keepdims=True) == 0, np.nan, shares)


class RefusesWithoutPlace(Shares):
    def _features(self, X):
        if "" in check_sequences(X):
            raise ValueError("Invalid input.")
        return super()._features(X)


class FitRefusesWithoutPlace(Shares):
    def fit(self, X, y=None):
        if "" in check_sequences(X):
            raise ValueError("Invalid input.")
        return super().fit(X, y)


class MovesOthers(Shares):
    def transform(self, X):
        return super().transform(X) + ("" in check_sequences(X))


class FitBreaksOnEmpty(Shares):
    def fit(self, X, y=None):
        super().fit(X, y)
        if "" in check_sequences(X):
            self.mean_ = self.mean_ * np.nan
        return self


class NaNForIds(IdShares):
    def __init__(self, *, ids=(), batch_size=64):
        self.ids = ids
        self.batch_size = batch_size

    def _features(self, X):
        features = super()._features(X)
        real = [tuple(np.asarray(row)[np.asarray(row) > 0]) for row in X]
        return np.where([[row == tuple(self.ids)] for row in real], np.nan, features)


class TakesProteins(Shares):
    def _features(self, X):
        known = str.maketrans(dict.fromkeys("IQFLEP", "N"))
        return super()._features([s.translate(known) for s in check_sequences(X)])


class SaysInvalidProtein(Shares):
    def _features(self, X):
        try:
            return super()._features(X)
        except ValueError as error:
            raise ValueError("Sequence 7 is invalid.") from error


class TakesMissing(Shares):
    def _features(self, X):
        filled = [s if isinstance(s, str) else "" for s in list(X)] if isinstance(X, list) else X
        return super()._features(filled)


class TakesOneString(Shares):
    def _features(self, X):
        return super()._features(list(X) if isinstance(X, str) else X)


class CutsLabels(NearestClass):
    def fit(self, X, y):
        n = min(len(X), len(y))
        return super().fit(X[:n], y[:n])


class PredictsPlaces(NearestClass):
    def predict(self, X):
        return self.predict_proba(X).argmax(axis=1)


class ForgetsClasses(NearestClass):
    def fit(self, X, y):
        super().fit(X, y)
        self.classes_, self.means_ = self.classes_[:2], self.means_[:2]
        return self


class TakesOneClass(NearestClass):
    def fit(self, X, y):
        return super().fit(X, y if len(np.unique(y)) > 1 else np.arange(len(y)) % 2)


class GivesOdds(NearestClass):
    def predict_proba(self, X):
        return super().predict_proba(X) * 2


class PredictsTheLeastProbable(NearestClass):
    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmin(axis=1)]


BROKEN = [
    ("check_clone_and_set_params_round_trip", SetsWrongParameter()),
    ("check_clone_and_set_params_round_trip", SetParamsReturnsNone()),
    ("check_init_only_assigns", InitStoresMore()),
    ("check_init_only_assigns", InitValidates()),
    ("check_init_only_assigns", InitWorksOutDefault()),
    ("check_fit_returns_self", FitReturnsNone()),
    ("check_fit_does_not_change_parameters", FitSetsParameter()),
    ("check_refit_forgets", RemembersFirstFit()),
    ("check_same_seed_same_bits", IgnoresSeed()),
    ("check_repeated_output_is_the_same", CountsItsCalls()),
    ("check_instances_share_no_state", SharesState()),
    ("check_global_generators_left_as_found", SeedsNumpy()),
    ("check_global_generators_left_as_found", DrawsFromRandom()),
    ("check_pickle_round_trip", PicklesHalf()),
    ("check_joblib_round_trip", PicklesHalf()),
    ("check_joblib_hash_is_stable", HashesByAddress()),
    ("check_not_fitted_error", WorksUnfitted()),
    ("check_stateless_needs_no_fit", CallsItselfStateless()),
    ("check_feature_names_out", NamesTooMany()),
    ("check_feature_names_out", NamesTwice()),
    ("check_set_output_uses_feature_names", IgnoresSetOutput()),
    ("check_n_features_in", CountsSamplesAsFeatures()),
    ("check_output_is_not_constant", IgnoresX()),
    ("check_padding_does_not_change_output", DividesByLongest()),
    ("check_padding_does_not_change_output", CountsPadding()),
    ("check_padding_does_not_change_fit", CountsPaddingInFit()),
    ("check_padding_does_not_change_score", CountsPaddingInScore()),
    ("check_sample_order_does_not_change_output", CountsPlaces()),
    ("check_batch_size_does_not_change_output", CentresTheBatch()),
    ("check_batch_size_does_not_change_output", DependsOnBatchSize()),
    ("check_input_is_not_modified", WritesIntoX()),
    ("check_input_is_not_modified", WritesIntoXAfterFit()),
    ("check_containers_give_the_same_output", KnowsLists()),
    ("check_containers_give_the_same_output", IdsMayBeWritten()),
    ("check_containers_give_the_same_fit", FitKnowsLists()),
    ("check_lower_case_equals_upper_case", SpellsUpperCase()),
    ("check_rna_equals_dna", SpellsDNA()),
    ("check_rna_equals_dna", FitSpellsDNA()),
    ("check_empty_collection", TakesNothing()),
    ("check_empty_collection", SaysInvalidInput()),
    ("check_empty_string", NaNForLength(length=0)),
    ("check_empty_string", RefusesWithoutPlace()),
    ("check_empty_string", FitRefusesWithoutPlace()),
    ("check_empty_string", MovesOthers()),
    ("check_empty_string", FitBreaksOnEmpty()),
    ("check_one_base", NaNForLength(length=1)),
    ("check_shorter_than_k", NaNForLength(length=2)),
    ("check_all_ambiguous", NaNForN()),
    ("check_no_token", NaNForIds(ids=())),
    ("check_one_token", NaNForIds(ids=(2,))),
    ("check_all_unknown", NaNForIds(ids=(1,) * 20)),
    ("check_protein_is_named", TakesProteins()),
    ("check_protein_is_named", SaysInvalidProtein()),
    ("check_missing_value_is_named", TakesMissing()),
    ("check_single_string_is_refused", TakesOneString()),
    ("check_inconsistent_numbers_are_refused", CutsLabels()),
    ("check_string_labels", PredictsPlaces()),
    ("check_labels_need_not_be_consecutive", PredictsPlaces()),
    ("check_three_classes", ForgetsClasses()),
    ("check_single_class", TakesOneClass()),
    ("check_probabilities", GivesOdds()),
    ("check_predict_is_the_most_probable_class", PredictsTheLeastProbable()),
]


def check_named(name, estimator):
    return next(check for check in sequence_checks_generator(estimator) if check.__name__ == name)


@pytest.mark.parametrize(
    ("name", "estimator"), [pytest.param(n, e, id=f"{n}-{type(e).__name__}") for n, e in BROKEN]
)
def test_check_fails_a_broken_estimator(name, estimator):
    # The message is the check's own, or that of the error a fault leads to (a read-only array).
    with pytest.raises((AssertionError, ValueError), match=r"\w"):
        check_named(name, estimator)(estimator)


def test_checks_are_all_proved_to_fail():
    names = {check.__name__ for estimator in GOOD for check in sequence_checks_generator(estimator)}
    assert names == {name for name, _ in BROKEN}


def test_checks_have_unique_names_and_a_docstring():
    checks = [
        check for estimator in (NearestClass(), IdShares()) for check in sequence_checks_generator(estimator)
    ]
    assert all(check.__doc__.endswith(".") or "\n" in check.__doc__ for check in checks)
    names = [check.__name__ for check in sequence_checks_generator(NearestClass())]
    assert len(set(names)) == len(names)


def test_check_sequence_estimator_lists_the_results():
    results = check_sequence_estimator(StatelessShares())
    names = [check.__name__ for check in sequence_checks_generator(StatelessShares())]
    assert [result["check_name"] for result in results] == names
    assert {result["status"] for result in results} == {"passed"}


def test_check_sequence_estimator_names_the_failed_check():
    with pytest.raises(AssertionError, match="fit must return self, got NoneType") as caught:
        check_sequence_estimator(FitReturnsNone())
    assert "FitReturnsNone failed check_fit_returns_self" in caught.value.__notes__[0]


def test_check_sequence_estimator_reports_an_expected_failure():
    expected = {"check_protein_is_named": "reads proteins, too"}
    results = check_sequence_estimator(TakesProteins(), expected_failed_checks=expected)
    (failed,) = [result for result in results if result["status"] == "xfail"]
    assert failed == {
        "check_name": "check_protein_is_named",
        "status": "xfail",
        "reason": "reads proteins, too",
    }


def test_parametrize_marks_expected_failures_and_names_tests():
    decorator = parametrize_with_sequence_checks(
        [TakesProteins(shift=1)],
        expected_failed_checks=lambda estimator: {"check_protein_is_named": "reads them"},
    )
    marked = {param.id: param.marks for param in decorator.mark.args[1] if param.marks}
    ((name, (mark,)),) = marked.items()
    assert name == "TakesProteins(shift=1)-check_protein_is_named"
    assert mark.name == "xfail"
    assert mark.kwargs["reason"] == "reads them"


def test_generator_refuses_a_class():
    with pytest.raises(TypeError, match="instance, got the class Shares"):
        next(sequence_checks_generator(Shares))


def test_generator_refuses_an_estimator_without_output():
    with pytest.raises(TypeError, match="BaseEstimator has no transform"):
        next(sequence_checks_generator(BaseEstimator()))


@pytest.mark.parametrize(
    ("estimator", "expected"),
    [
        (Shares(), True),
        (IdShares(), False),
        (make_pipeline(Shares(), StandardScaler()), True),
        (make_pipeline("passthrough", Shares()), True),
        (make_pipeline(IdShares(), StandardScaler()), False),
        (FeatureUnion([("a", Shares()), ("b", StatelessShares())]), True),
        (GridSearchCV(Pipeline([("a", Shares()), ("b", NearestClass())]), {}), True),
        (FrozenEstimator(Shares()), True),
    ],
    ids=lambda value: type(value).__name__,
)
def test_takes_strings_looks_into_composites(estimator, expected):
    assert takes_strings(estimator) is expected


@pytest.mark.parametrize(
    ("estimator", "expected"),
    [
        (Shares(), True),
        (StatelessShares(), False),
        (make_pipeline(StatelessShares(), "passthrough"), False),
        (make_pipeline(StatelessShares(), StandardScaler()), True),
        (FeatureUnion([("a", StatelessShares()), ("b", Shares())]), True),
        (FeatureUnion([("a", StatelessShares())]), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_needs_fit_looks_into_composites(estimator, expected):
    assert needs_fit(estimator) is expected


def test_make_data_gives_strings_or_token_ids():
    strings, ids = make_data(Shares()).X, make_data(IdShares()).X
    assert all(isinstance(sequence, str) for sequence in strings)
    assert ids.dtype == np.uint8
    np.testing.assert_array_equal((ids > 0).sum(axis=1), [len(sequence) - 2 for sequence in strings])


def test_rows_of_drops_padding_of_token_ids_alone():
    ids, features = np.array([[5, 0]], dtype=np.uint8), np.array([[5.0, 0.0]])
    assert rows_of(ids)[0].tolist() == [5]
    assert rows_of(features)[0].tolist() == [5.0, 0.0]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Sequence 7 has", True),
        ("X[7] is missing", True),
        ("record 7.", True),
        ("position 7, which", True),
        ("Sequence 17 has", False),
        ("Sequence 70 has", False),
        ("0.7 of", False),
        ("7.5 of", False),
        ("k7", False),
    ],
)
def test_names_finds_a_number_as_a_word(message, expected):
    assert _names(message, 7) is expected
