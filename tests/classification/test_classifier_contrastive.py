"""A classifier on a contrastive encoder: frozen, fine-tuned, from scratch; what was passed never changes."""

import pickle

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline

from skgenome.classification import SequenceClassifier, ULMFiTClassifier
from skgenome.exceptions import ModelMismatchError
from skgenome.persistence import load, save
from skgenome.preprocessing import KmerTokenizer
from skgenome.representation import ContrastivePredictiveCoding
from skgenome.sequences import reverse_complement

TINY = {
    "encoder": "cnn-lstm",
    "width": 1,
    "context_size": 3,
    "patch_length": 16,
    "patch_stride": 8,
    "n_patches": 8,
    "steps": (2,),
    "projection_size": 3,
    "batch_size": 16,
    "max_epochs": 2,
    "learning_rate": 0.03,
    "strand": "forward",
    "cache_size": 0,
    "device": "cpu",
    "precision": "float32",
    "random_state": 0,
}
QUICK = {
    "max_epochs": 2,
    "batch_size": 16,
    "early_stopping": False,
    "device": "cpu",
    "precision": "float32",
    "random_state": 0,
}
HEADS = ("linear", "mlp", "concat-pool")


def weights_of(cpc):
    return {name: value.clone() for name, value in cpc.module_.state_dict().items()}


def moved(before, after):
    """Name the parts of the network whose weights are others."""
    names = {name for name in before if not torch.equal(before[name], after[name])}
    parts = ("encoder.encoder.motifs", "encoder.encoder.order", "encoder.context", "info_nce")
    return {part for part in parts if any(name.startswith(part) for name in names)}


@pytest.fixture(scope="module")
def task():
    """Sequences of 40 to 60 bases, poor and rich in G and C."""
    rng = np.random.default_rng(0)
    y = np.arange(40) % 2
    shares = np.array([[0.4, 0.1, 0.1, 0.4], [0.1, 0.4, 0.4, 0.1]])
    sequences = ["".join(rng.choice(list("ACGT"), rng.integers(40, 61), p=shares[label])) for label in y]
    return sequences, KmerTokenizer(k=1).transform(sequences), y


@pytest.fixture(scope="module")
def fitted_cpc():
    rng = np.random.default_rng(1)
    contigs = ["".join(rng.choice(list("ACGT"), n)) for n in (900, 400)]
    X = KmerTokenizer(k=1, padding=False).transform(contigs)
    return ContrastivePredictiveCoding(**TINY).fit(X)


@pytest.fixture
def unchanged_cpc(fitted_cpc):
    """Assert at the end of the test that the shared model is what it was."""
    weights, params, digest = weights_of(fitted_cpc), fitted_cpc.get_params(), joblib.hash(fitted_cpc)
    yield
    assert moved(weights, weights_of(fitted_cpc)) == set()
    assert fitted_cpc.get_params() == params
    assert joblib.hash(fitted_cpc) == digest
    assert all(parameter.requires_grad for parameter in fitted_cpc.module_.parameters())
    assert not fitted_cpc.module_.training


@pytest.fixture
def make_classifier(fitted_cpc):
    def build(encoder=None, **params):
        encoder = FrozenEstimator(fitted_cpc) if encoder is None else encoder
        return SequenceClassifier(encoder, **{**QUICK, **params})

    return build


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("strand", ["forward", "average", "concat"])
@pytest.mark.usefixtures("unchanged_cpc")
def test_frozen_moves_no_weight_of_the_contrastive_encoder(head, strand, make_classifier, fitted_cpc, task):
    _, X, y = task
    classifier = make_classifier(training="frozen", head=head, strand=strand).fit(X, y)
    assert moved(weights_of(fitted_cpc), weights_of(classifier.encoder_)) == set()
    np.testing.assert_allclose(classifier.predict_proba(X).sum(axis=1), 1, rtol=1e-6)
    assert classifier.score(X, y) > 0.8


@pytest.mark.parametrize("training", ["gradual", "finetune"])
@pytest.mark.parametrize("head", HEADS)
@pytest.mark.usefixtures("unchanged_cpc")
def test_training_moves_encoder_and_context_but_not_what_pretrained_them(
    training, head, make_classifier, fitted_cpc, task
):
    _, X, y = task
    classifier = make_classifier(training=training, head=head, learning_rate=0.01).fit(X, y)
    network = {"encoder.encoder.motifs", "encoder.encoder.order", "encoder.context"}
    assert moved(weights_of(fitted_cpc), weights_of(classifier.encoder_)) == network
    np.testing.assert_allclose(classifier.predict_proba(X).sum(axis=1), 1, rtol=1e-6)
    assert not classifier.encoder_.module_.training


def test_gradual_stages_go_from_the_head_down(make_classifier, task):
    """Head and context, then the LSTM, then the convolution and all together for `max_epochs`."""
    _, X, y = task
    classifier = make_classifier(training="gradual").fit(X, y)
    assert [row["stage"] for row in classifier.history_[1:]] == [1, 2, 3, 3]


@pytest.mark.parametrize(
    ("n_groups", "expected"),
    [
        (1, set()),
        (2, {"encoder.context"}),
        (3, {"encoder.context", "encoder.encoder.order"}),
        (4, {"encoder.context", "encoder.encoder.order", "encoder.encoder.motifs"}),
    ],
)
def test_unfreeze_schedule_counts_groups_from_the_head_down(
    n_groups, expected, make_classifier, fitted_cpc, task
):
    _, X, y = task
    classifier = make_classifier(unfreeze_schedule=[(n_groups, 1, 0.01)]).fit(X, y)
    assert moved(weights_of(fitted_cpc), weights_of(classifier.encoder_)) == expected


def test_layer_0_leaves_the_context_out(make_classifier, fitted_cpc, task):
    _, X, y = task
    classifier = make_classifier(training="finetune", layer=0, learning_rate=0.01).fit(X, y)
    assert "encoder.context" not in moved(weights_of(fitted_cpc), weights_of(classifier.encoder_))
    assert classifier.encoder_.transform(X).shape == (len(y), 5)


@pytest.mark.parametrize("encoder", ["cnn-lstm", "resnet18"])
def test_unfitted_contrastive_encoder_is_a_network_from_scratch(encoder, make_classifier, task):
    _, X, y = task
    cpc = ContrastivePredictiveCoding(**{**TINY, "encoder": encoder, "random_state": 7})
    frozen = make_classifier(cpc, training="frozen").fit(X, y)
    start = weights_of(clone(cpc).initialize(X))
    assert moved(start, weights_of(frozen.encoder_)) == set()
    trained = make_classifier(cpc, training="finetune", learning_rate=0.01).fit(X, y)
    assert not all(torch.equal(value, start[name]) for name, value in weights_of(trained.encoder_).items())
    assert not hasattr(cpc, "module_")


def test_from_scratch_takes_sequences_too_short_to_pretrain_on(make_classifier, task):
    """A classifier predicts no patch: one patch is enough, and so is a part of one."""
    _, X, y = task
    cpc = ContrastivePredictiveCoding(**{**TINY, "patch_length": 200, "patch_stride": 100})
    classifier = make_classifier(cpc, training="finetune").fit(X, y)
    assert np.isfinite(classifier.decision_function(X)).all()


def test_frozen_norms_of_a_resnet_do_not_move(make_classifier, task):
    """Running statistics are no parameters, and still part of what was learnt."""
    _, X, y = task
    cpc = ContrastivePredictiveCoding(**{**TINY, "encoder": "resnet18"}).fit(X)
    classifier = make_classifier(cpc, training="gradual", unfreeze_schedule=[(2, 2, 0.01)]).fit(X, y)
    before, after = weights_of(cpc), weights_of(classifier.encoder_)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert all(name.startswith("encoder.context") for name in changed)


def test_gradients_of_all_patches_reach_the_encoder_whatever_bptt_says(make_classifier, task):
    """`bptt` is for encoders that read token by token."""
    _, X, y = task
    short, long = (make_classifier(training="finetune", bptt=bptt).fit(X, y) for bptt in (1, 512))
    assert (short.decision_function(X) == long.decision_function(X)).all()


@pytest.mark.parametrize("early_stopping", ["cv", "holdout"])
def test_early_stopping_with_a_contrastive_encoder(early_stopping, make_classifier, task):
    _, X, y = task
    classifier = make_classifier(early_stopping=early_stopping, cv=2, training="finetune").fit(X, y)
    losses = [row["valid_loss"] for row in classifier.history_]
    assert np.isfinite(losses).all()
    assert classifier.best_epoch_ == int(np.argmin(losses))


def test_multilabel_with_a_contrastive_encoder(make_classifier, task):
    _, X, y = task
    labels = np.column_stack([y, np.arange(len(y)) % 3 == 0, 1 - y]).astype(int)
    classifier = make_classifier(training="finetune").fit(X, labels)
    probabilities = classifier.predict_proba(X)
    assert probabilities.shape == (len(y), 3)
    assert ((probabilities > 0) & (probabilities < 1)).all()
    assert (classifier.predict(X) == (probabilities > 0.5)).all()


def test_partial_fit_goes_on_with_a_contrastive_encoder(make_classifier, task):
    _, X, y = task
    classifier = make_classifier(training="finetune").partial_fit(X[:20], y[:20], classes=[0, 1])
    before = weights_of(classifier.encoder_)
    classifier.partial_fit(X[20:], y[20:])
    assert moved(before, weights_of(classifier.encoder_))
    assert [row["epoch"] for row in classifier.history_] == [0, 1, 2, 3, 4]


def test_strand_average_with_a_contrastive_encoder(make_classifier, task):
    sequences, X, y = task
    classifier = make_classifier(training="finetune", strand="average").fit(X, y)
    other = KmerTokenizer(k=1).transform([reverse_complement(sequence) for sequence in sequences])
    np.testing.assert_allclose(
        classifier.decision_function(other), classifier.decision_function(X), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("training", ["frozen", "finetune"])
def test_same_seed_gives_the_same_bits_and_hash(training, make_classifier, task):
    _, X, y = task
    first, again = (make_classifier(training=training).fit(X, y) for _ in range(2))
    assert (first.decision_function(X) == again.decision_function(X)).all()
    assert joblib.hash(first) == joblib.hash(again)


@pytest.mark.parametrize("training", ["frozen", "gradual"])
def test_classifier_on_a_contrastive_encoder_is_saved_and_pickled(training, make_classifier, task, tmp_path):
    _, X, y = task
    classifier = make_classifier(training=training).fit(X, y)
    scores = classifier.decision_function(X)
    for copy in (load(save(classifier, tmp_path / "model")), pickle.loads(pickle.dumps(classifier))):
        assert (copy.decision_function(X) == scores).all()
        assert (copy.encoder_.transform(X) == classifier.encoder_.transform(X)).all()


def test_pipeline_from_strings_to_a_contrastive_classifier(make_classifier, task):
    sequences, X, y = task
    pipe = make_pipeline(KmerTokenizer(k=1), make_classifier(training="frozen")).fit(sequences, y)
    expected = make_classifier(training="frozen").fit(X, y).predict_proba(X)
    np.testing.assert_allclose(pipe.predict_proba(sequences), expected, rtol=1e-6)


def test_classifier_refuses_tokens_that_the_contrastive_encoder_does_not_read(make_classifier, task):
    sequences, _, y = task
    with pytest.raises(ModelMismatchError, match=r"Use KmerTokenizer\(k=1\)"):
        make_classifier().fit(KmerTokenizer(k=3).transform(sequences), y)


@pytest.mark.usefixtures("unchanged_cpc")
def test_ulmfit_goes_on_pretraining_a_contrastive_encoder(fitted_cpc, task):
    """Phase 2 is its partial_fit on all rows; those without a label are among them."""
    _, X, y = task
    y = np.where(np.arange(len(y)) < 20, y, -1)
    params = {**QUICK, "lm_max_epochs": 3, "training": "frozen"}
    classifier = ULMFiTClassifier(FrozenEstimator(fitted_cpc), **params).fit(X, y)
    tuned = classifier.language_model_
    assert [row["epoch"] for row in tuned.history_] == [1, 2, 3, 4, 5]
    assert moved(weights_of(fitted_cpc), weights_of(tuned))
    assert moved(weights_of(tuned), weights_of(classifier.encoder_)) == set()
    np.testing.assert_allclose(classifier.predict_proba(X).sum(axis=1), 1, rtol=1e-6)


def test_ulmfit_pretrains_a_contrastive_encoder_that_is_not_fitted(task):
    _, X, y = task
    cpc = ContrastivePredictiveCoding(**TINY)
    classifier = ULMFiTClassifier(cpc, **QUICK, training="frozen").fit(X, np.where(np.arange(40) < 30, y, -1))
    assert moved(weights_of(clone(cpc).fit(X)), weights_of(classifier.language_model_)) == set()
