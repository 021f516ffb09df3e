"""training="frozen": scikit-learn's logistic regression on features, and no weight of the encoder moves."""

import numpy as np
import pytest
import torch
from sklearn.datasets import make_multilabel_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV

from skgenome.classification._heads import STRENGTHS, fit_head, make_head
from skgenome.classification._splits import fold_splits
from skgenome.classification._targets import check_targets
from skgenome.nn import BasePooled, Standardize
from skgenome.preprocessing import KmerTokenizer
from skgenome.representation import ContrastivePredictiveCoding
from skgenome.sequences import reverse_complement

HEADS = ("linear", "mlp", "concat-pool")
STRANDS = ("forward", "augment", "average", "concat")


def standardised(features):
    features = torch.from_numpy(features)
    return Standardize(features.shape[1]).measure(features)(features).double().numpy()


@pytest.fixture
def three_classes(data):
    return np.array(["x", "y", "z"])[np.arange(len(data.y)) % 2 + (np.arange(len(data.y)) % 5 == 0)]


@pytest.mark.parametrize("n_classes", [2, 3])
def test_frozen_linear_head_is_logistic_regression_on_the_features(
    n_classes, make, fitted_lm, data, three_classes, monkeypatch
):
    y = data.y if n_classes == 2 else three_classes
    monkeypatch.setattr("skgenome.classification._heads.STRENGTHS", (0.01,))
    classifier = make(training="frozen").fit(data.X, y)
    x = standardised(fitted_lm.transform(data.X))
    oracle = LogisticRegression(C=0.01, max_iter=1000).fit(x, y)
    np.testing.assert_allclose(classifier.decision_function(data.X), oracle.decision_function(x), atol=1e-4)
    np.testing.assert_allclose(classifier.predict_proba(data.X), oracle.predict_proba(x), atol=1e-5)
    assert (classifier.predict(data.X) == oracle.predict(x)).all()


@pytest.mark.parametrize(("noise", "C"), [(0.5, 1.0), (3, 1e-1), (8, 1e-2), (30, 1e-4)])
def test_linear_head_has_the_strength_that_cross_validates_best(noise, C):
    rng = np.random.default_rng(1)
    features = rng.normal(size=(120, 20)).astype(np.float32)
    y = (features[:, :5].sum(axis=1) + noise * rng.normal(size=120) > 0).astype(int)
    _, targets = check_targets(y, "Model")
    head = make_head("linear", 20, 1, hidden_size=1, input_p=0, hidden_p=0)
    head.standardize.measure(torch.from_numpy(features))
    fit_head(head, features, targets, weight_decay=0, seed=3)
    x = standardised(features)
    oracle = LogisticRegressionCV(
        Cs=STRENGTHS,
        cv=fold_splits(targets, 5, 3),
        scoring="neg_log_loss",
        max_iter=1000,
        use_legacy_attributes=False,
        l1_ratios=(0,),
    ).fit(x, y)
    assert oracle.C_ == C
    np.testing.assert_allclose(head.linear.weight.detach().numpy(), oracle.coef_, atol=1e-3)


def test_frozen_multilabel_head_is_a_logistic_regression_for_each_label(make, fitted_lm, data, monkeypatch):
    monkeypatch.setattr("skgenome.classification._heads.STRENGTHS", (0.01,))
    _, y = make_multilabel_classification(len(data.y), n_classes=3, random_state=0)
    classifier = make(training="frozen").fit(data.X, y)
    x = standardised(fitted_lm.transform(data.X))
    for i in range(3):
        oracle = LogisticRegression(C=0.01, max_iter=1000).fit(x, y[:, i])
        np.testing.assert_allclose(
            classifier.predict_proba(data.X)[:, i], oracle.predict_proba(x)[:, 1], atol=1e-5
        )


@pytest.mark.filterwarnings(f"error::{ConvergenceWarning.__module__}.{ConvergenceWarning.__name__}")
def test_frozen_head_converges_on_features_of_very_different_sizes():
    """Non-regression: in float32 the line search of the probe gave up, with a warning."""
    rng = np.random.default_rng(0)
    features = (rng.normal(size=(30, 8)) * 10.0 ** np.arange(-4, 4)).astype(np.float32)
    features[:, 3] = features[:, 4]
    _, targets = check_targets(np.arange(30) % 2, "Model")
    head = make_head("linear", 8, 1, hidden_size=1, input_p=0, hidden_p=0)
    fit_head(head, features, targets, weight_decay=0, seed=0)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("strand", STRANDS)
def test_frozen_moves_no_weight_of_the_encoder(head, strand, make, fitted_lm, weights_of, small):
    params = {"pooling": "mean", "layer": "all"} if head != "concat-pool" else {}
    classifier = make(training="frozen", head=head, strand=strand, **params).fit(small.X, small.y)
    before, after = weights_of(fitted_lm), weights_of(classifier.encoder_)
    assert all((before[name] == after[name]).all() for name in before)
    assert classifier.best_epoch_ == 0
    assert [row["epoch"] for row in classifier.history_] == [0]


@pytest.mark.parametrize("encoder", ["frozen", "bare"])
@pytest.mark.parametrize("training", ["gradual", "finetune", "frozen"])
@pytest.mark.usefixtures("unchanged")
def test_fitted_language_model_is_never_changed(encoder, training, make, fitted_lm, small):
    given = FrozenEstimator(fitted_lm) if encoder == "frozen" else fitted_lm
    classifier = make(given, training=training, strand="average", pooling="mean").fit(small.X, small.y)
    assert classifier.encoder is given
    assert classifier.encoder_ is not fitted_lm
    classifier.partial_fit(small.X, small.y)


def test_frozen_ignores_rows_without_weight(make, data):
    weights = (np.arange(len(data.y)) % 3 > 0).astype(float)
    kept = weights > 0
    classifier = make(training="frozen").fit(data.X, data.y, sample_weight=weights)
    alone = make(training="frozen").fit(data.X[kept], data.y[kept])
    assert (classifier.decision_function(data.X) == alone.decision_function(data.X)).all()


@pytest.mark.parametrize("head", ["linear", "mlp"])
def test_frozen_class_weights_are_weights_of_rows(head, make, data):
    by_class = make(training="frozen", head=head, class_weight={0: 1, 1: 4}).fit(data.X, data.y)
    by_row = make(training="frozen", head=head).fit(data.X, data.y, sample_weight=1 + 3 * data.y)
    assert (by_class.decision_function(data.X) == by_row.decision_function(data.X)).all()
    plain = make(training="frozen", head=head).fit(data.X, data.y)
    assert by_class.decision_function(data.X).mean() > plain.decision_function(data.X).mean()


def test_frozen_scale_of_weights_changes_nothing(make, data):
    one, ten = (make(training="frozen").fit(data.X, data.y, sample_weight=w * np.ones(60)) for w in (1, 10))
    np.testing.assert_allclose(ten.decision_function(data.X), one.decision_function(data.X), rtol=1e-5)


@pytest.mark.parametrize("training", ["frozen", "gradual"])
@pytest.mark.parametrize("head", ["linear", "mlp"])
def test_strand_average_does_not_tell_the_strands_apart(training, head, make, small, seed):
    classifier = make(training=training, head=head, strand="average", early_stopping=False)
    classifier.fit(small.X, small.y)
    other = KmerTokenizer(k=3).transform([reverse_complement(s) for s in small.sequences])
    np.testing.assert_allclose(
        classifier.decision_function(other), classifier.decision_function(small.X), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("strand", STRANDS)
@pytest.mark.parametrize("training", ["frozen", "finetune"])
def test_every_strand_trains_and_has_the_features_it_should(strand, training, make, fitted_lm, small):
    classifier = make(training=training, strand=strand, early_stopping=False).fit(small.X, small.y)
    width = classifier.encoder_.transform(small.X).shape[1]
    assert width == 3 * 4 * (2 if strand == "concat" else 1)
    probabilities = classifier.predict_proba(small.X)
    assert np.isfinite(probabilities).all()
    assert len(classifier.history_) == (1 if training == "frozen" else 3)


@pytest.mark.parametrize(
    ("params", "n_features"),
    [
        ({}, 12),
        ({"pooling": "mean"}, 4),
        ({"pooling": 5}, 20),
        ({"layer": 0, "pooling": "last"}, 6),
        ({"layer": "all", "pooling": "max"}, 10),
        ({"head": "concat-pool"}, 12),
    ],
)
def test_pooling_and_layer_say_what_the_head_reads(params, n_features, make, small):
    classifier = make(training="finetune", early_stopping=False, **params).fit(small.X, small.y)
    assert classifier.encoder_.transform(small.X).shape[1] == n_features
    assert len(classifier.head_.standardize.mean) == n_features


def test_concat_pool_head_refuses_another_pooling(make, small):
    """Non-regression: pooling and layer were overridden without a word."""
    for params in ({"pooling": "mean"}, {"layer": 0}):
        with pytest.raises(
            ValueError, match=r"head='concat-pool' reads last, max and mean of the last layer"
        ):
            make(head="concat-pool", **params).fit(small.X, small.y)


def test_scores_are_read_from_the_encoder_by_the_head(make, data):
    """`encoder_` is a model of its own, whose features the head turns into the scores."""
    classifier = make(training="finetune", early_stopping=False).fit(data.X, data.y)
    with torch.inference_mode():
        scores = classifier.head_(torch.from_numpy(classifier.encoder_.transform(data.X))).numpy()
    assert (classifier.decision_function(data.X) == scores[:, 0]).all()
    assert np.isfinite(classifier.encoder_.bits_per_base(data.X))


class Normalised(torch.nn.Module):
    """An encoder of a user's, with what is another thing in training: a normalisation and a dropout."""

    n_features = 3

    def __init__(self):
        super().__init__()
        self.table = torch.nn.Embedding(6, 3)
        self.norm = torch.nn.BatchNorm1d(3)

    def forward(self, token_ids):
        return torch.nn.functional.dropout(self.norm(self.table(token_ids).mean(1)), 0.5, self.training)


def test_partial_fit_of_the_head_alone_leaves_the_encoder_as_it_predicts(data, make, monkeypatch):
    """Neither dropouts nor the statistics of a normalisation move what the head learns from."""
    X = KmerTokenizer(k=1).transform(data.sequences)
    cpc = ContrastivePredictiveCoding(
        encoder=Normalised(), context_size=3, patch_length=10, patch_stride=5, n_patches=4, steps=(2,),
        strand="forward", max_epochs=1, device="cpu", precision="float32", random_state=0,
    ).fit(X)  # fmt: skip
    seen, forward = [], BasePooled.forward

    def note(self, *arguments, **named):
        features = forward(self, *arguments, **named)
        if torch.is_grad_enabled():
            seen.append(features.detach())
        return features

    monkeypatch.setattr(BasePooled, "forward", note)
    classifier = make(FrozenEstimator(cpc), training="frozen", batch_size=60).partial_fit(X, data.y)
    monkeypatch.undo()
    expected = cpc.transform(X)
    for features in seen:
        np.testing.assert_allclose(np.sort(features.numpy(), axis=0), np.sort(expected, axis=0), atol=1e-5)
    assert len(seen) == classifier.max_epochs
    before, after = cpc.module_.state_dict(), classifier.encoder_.module_.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
