"""The conformance of all estimators: scikit-learn's suite on matrices, ours on strings and token ids."""

import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from skgenome.classification import SequenceClassifier, ULMFiTClassifier
from skgenome.linear_model import LassoLogisticRegressionCV
from skgenome.model_selection import LabelFractionClassifier
from skgenome.preprocessing import KmerCounter, KmerTokenizer
from skgenome.representation import ContrastivePredictiveCoding, LanguageModel
from skgenome.utils.estimator_checks import parametrize_with_sequence_checks

# As small as a network can be. Without a cache: an answer from memory would prove no invariance.
TINY = {"embedding_size": 4, "hidden_size": 6, "n_layers": 2, "max_epochs": 1, "batch_size": 8, "bptt": 10}
LANGUAGE_MODEL = LanguageModel(**TINY, cache_size=0, device="cpu")

ANY_WIDTH = "a row is a sequence, so a matrix may be wider or narrower than that of fit"
ZERO_ONE = "the check's ids are 0 and 1, padding and unknown, and there is no known token to score"
LANGUAGE_MODEL_EXPECTED = {
    "check_n_features_in": ANY_WIDTH,
    "check_n_features_in_after_fitting": ANY_WIDTH,
    "check_transformer_general": ANY_WIDTH,
    "check_fit2d_1feature": "one token is followed by none; the error says so in terms of tokens",
    "check_fit_score_takes_y": ZERO_ONE,
    "check_pipeline_consistency": ZERO_ONE,
}

TINY_CPC = {"encoder": "cnn-lstm", "width": 1, "context": "causal-conv", "context_size": 3}
TINY_CPC |= {"n_patches": 6, "projection_size": 3, "max_epochs": 1, "batch_size": 64}
# scikit-learn's rows are two or three ids wide: patches of one base can lie ahead of others there.
CPC_OF_BASES = ContrastivePredictiveCoding(
    **TINY_CPC, patch_length=1, patch_stride=1, steps=(1,), cache_size=0, device="cpu"
)
CPC = ContrastivePredictiveCoding(
    **TINY_CPC, patch_length=4, patch_stride=3, steps=(2,), cache_size=0, device="cpu"
)
SINGLE_BASES = "the check's ids go beyond 5, the last one of a single base; the error says so"
CPC_EXPECTED = {
    "check_n_features_in": ANY_WIDTH,
    "check_n_features_in_after_fitting": ANY_WIDTH,
    "check_transformer_general": ANY_WIDTH,
    "check_fit2d_1feature": "no patch lies ahead of a single base; the error says so in terms of bases",
    "check_estimators_overwrite_params": SINGLE_BASES,
    "check_estimators_fit_returns_self": SINGLE_BASES,
    "check_readonly_memmap_input": SINGLE_BASES,
}

# An encoder of one layer and one batch for a pass: the suites fit each classifier some hundred times.
ENCODER = LanguageModel(**{**TINY, "n_layers": 1, "batch_size": 64}, cache_size=0, device="cpu")
QUICK = {"max_epochs": 1, "batch_size": 64, "early_stopping": False, "device": "cpu"}
GRADUAL = SequenceClassifier(ENCODER, **QUICK)
CHOSEN_BY_FOLDS = SequenceClassifier(ENCODER, **{**QUICK, "early_stopping": "cv"}, cv=2)
FROZEN = SequenceClassifier(ENCODER, training="frozen", **QUICK)
FROZEN_MLP = SequenceClassifier(ENCODER, training="frozen", head="mlp", **QUICK)
GRADUAL_MLP = SequenceClassifier(ENCODER, head="mlp", **QUICK)
FINETUNED_CPC = SequenceClassifier(CPC, training="finetune", **QUICK)
ULMFIT = ULMFiTClassifier(ENCODER, training="finetune", **QUICK)

FLOATS = "the check draws floats, which are no token ids; the error says so"
CLASSIFIER_EXPECTED = {
    "check_n_features_in": ANY_WIDTH,
    "check_n_features_in_after_fitting": ANY_WIDTH,
    "check_classifiers_train": ANY_WIDTH,
    "check_classifiers_one_label_sample_weights": FLOATS,
    "check_class_weight_classifiers": FLOATS,
    "check_decision_proba_consistency": FLOATS,
    "check_sample_weight_equivalence_on_dense_data": "the check hands its own folds to `cv`, a number here",
}
SEQUENCE_CLASSIFIER_EXPECTED = CLASSIFIER_EXPECTED | {"check_estimators_partial_fit_n_features": ANY_WIDTH}
ULMFIT_EXPECTED = CLASSIFIER_EXPECTED | {
    "check_classifiers_classes": "one of the check's labels is -1, which stands for unlabelled",
    "check_fit2d_1feature": LANGUAGE_MODEL_EXPECTED["check_fit2d_1feature"],
}

NOT_KEPT = "which rows are kept does not depend on their weights"
SHARE_EXPECTED = {
    "check_sample_weight_equivalence_on_dense_data": NOT_KEPT,
    "check_sample_weight_equivalence_on_sparse_data": NOT_KEPT,
    "check_dtype_object": "the faulty row is among those that are not kept",
}

# LassoLogisticRegressionCV and TSNE run the suite in tests of their own.
MATRIX_ESTIMATORS = [
    (LANGUAGE_MODEL, LANGUAGE_MODEL_EXPECTED),
    (CPC_OF_BASES, CPC_EXPECTED),
    (GRADUAL, SEQUENCE_CLASSIFIER_EXPECTED),
    (FROZEN_MLP, SEQUENCE_CLASSIFIER_EXPECTED),
    (ULMFIT, ULMFIT_EXPECTED),
    (LabelFractionClassifier(LogisticRegression()), {}),
    (LabelFractionClassifier(LogisticRegression(), fraction=0.8, random_state=0), SHARE_EXPECTED),
]

LASSO = LassoLogisticRegressionCV(Cs=4, cv=2)
KMERS = KmerCounter(k=2, normalize="frequency", sparse=False)

SEQUENCE_ESTIMATORS = [
    KmerTokenizer(),
    KmerTokenizer(k=5, stride=2, padding=False),
    KmerTokenizer(k=2, max_length=10, truncation="left"),
    KmerCounter(k=4),
    KmerCounter(k=3, k_min=1, canonical=True),
    KMERS,
    LANGUAGE_MODEL,
    make_pipeline(KmerTokenizer(k=3), LANGUAGE_MODEL),
    # Token ids of the sequence suite are those of k = 3, so that what reads bases is in a Pipeline.
    make_pipeline(KmerTokenizer(k=1), CPC),
    make_pipeline(KmerTokenizer(k=1), FINETUNED_CPC),
    CHOSEN_BY_FOLDS,
    FROZEN,
    GRADUAL_MLP,
    ULMFIT,
    make_pipeline(KmerTokenizer(k=3), GRADUAL),
    make_pipeline(KmerTokenizer(k=3), FROZEN_MLP),
    make_pipeline(KmerTokenizer(k=3), ULMFIT),
    make_pipeline(KMERS, LASSO),
    make_pipeline(KMERS, StandardScaler(), LabelFractionClassifier(LASSO, fraction=0.8, random_state=0)),
    FeatureUnion([("kmers", KMERS), ("lm", make_pipeline(KmerTokenizer(k=3), LANGUAGE_MODEL))]),
]


@pytest.fixture(autouse=True)
def _short_training_of_heads(monkeypatch):
    """What holds after 20 steps of a head's training holds after all 600."""
    monkeypatch.setattr("skgenome.classification._heads._HEAD_STEPS", 20)


def expected_failures(estimator):
    return next((failures for known, failures in MATRIX_ESTIMATORS if known is estimator), {})


@parametrize_with_checks(
    [estimator for estimator, _ in MATRIX_ESTIMATORS], expected_failed_checks=expected_failures
)
def test_common_scikit_learn_conformance(estimator, check):
    check(estimator)


@parametrize_with_sequence_checks(SEQUENCE_ESTIMATORS)
def test_common_sequence_conformance(estimator, check):
    check(estimator)
