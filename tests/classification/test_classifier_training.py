"""Stages, rates, and how the number of passes is chosen."""

import numpy as np
import pytest
import torch
from sklearn import config_context
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline

from skgenome.classification import _training
from skgenome.classification._splits import holdout_split
from skgenome.classification._targets import check_targets
from skgenome.exceptions import SkgenomeWarning
from skgenome.preprocessing import KmerTokenizer

CONSTANT = {"schedule": "constant", "weight_decay": 0.0, "dropout_scale": 0.0, "early_stopping": False}


def moves(classifier, fitted_lm):
    """Largest change of a weight in the embedding and each layer."""
    before, after = (lm.module_.encoder.layer_groups() for lm in (fitted_lm, classifier.encoder_))
    return [
        max(
            float((b - a).detach().abs().max())
            for a, b in zip(old.parameters(), new.parameters(), strict=True)
        )
        for old, new in zip(before, after, strict=True)
    ]


@pytest.fixture
def trainings(monkeypatch):
    """Record the arguments of each call of finetune."""
    calls = []

    def record(module, train, validation, stages, **options):
        calls.append({"train": train, "validation": validation, "stages": stages, **options})
        return finetune(module, train, validation, stages, **options)

    finetune = _training.finetune
    monkeypatch.setattr(_training, "finetune", record)
    return calls


@pytest.mark.parametrize("n_groups", [1, 2, 3, 4])
def test_schedule_leaves_lower_groups_as_they_were(n_groups, make, fitted_lm, small):
    classifier = make(unfreeze_schedule=[(n_groups, 1, 1e-2)], **CONSTANT).fit(small.X, small.y)
    moved = [move > 0 for move in moves(classifier, fitted_lm)]
    # From below: embedding and two layers; the head is the uppermost group.
    assert moved == [n_groups > 3, n_groups > 2, n_groups > 1]
    assert [row["stage"] for row in classifier.history_] == [0, 1]


def test_gradual_unfreezes_from_the_top(make, small, trainings):
    classifier = make(epochs_per_stage=2, max_epochs=3, learning_rate=1e-3, early_stopping=False)
    classifier.fit(small.X, small.y)
    assert trainings[0]["stages"] == [(2, 2, 1e-3), (3, 2, 1e-3), (4, 3, 1e-3)]
    assert [row["stage"] for row in classifier.history_] == [0, 1, 1, 2, 2, 3, 3, 3]
    assert [row["epoch"] for row in classifier.history_] == list(range(8))
    assert classifier.best_epoch_ == 7


def test_finetune_trains_all_groups_at_once(make, fitted_lm, small):
    classifier = make(training="finetune", max_epochs=3, **CONSTANT).fit(small.X, small.y)
    assert [row["stage"] for row in classifier.history_] == [0, 1, 1, 1]
    assert min(moves(classifier, fitted_lm)) > 0


def test_layers_above_the_one_that_is_read_are_no_groups(make, fitted_lm, small):
    classifier = make(layer=0, training="finetune", **CONSTANT).fit(small.X, small.y)
    embedding, first, second = moves(classifier, fitted_lm)
    assert embedding > 0
    assert first > 0
    assert second == 0
    with pytest.raises(ValueError, match=r"unfreeze_schedule .* with 1 to 3 groups"):
        make(layer=0, unfreeze_schedule=[(4, 1, 1e-3)]).fit(small.X, small.y)


def test_learning_rate_ratio_moves_lower_groups_less(make, fitted_lm, small):
    """One step of Adam moves each weight by its rate, whatever its gradient."""
    classifier = make(
        unfreeze_schedule=[(4, 1, 1e-2)], learning_rate_ratio=2.0, optimizer="adam", batch_size=20, **CONSTANT
    )
    classifier.fit(small.X, small.y)
    np.testing.assert_allclose(moves(classifier, fitted_lm), [1e-2 / 8, 1e-2 / 4, 1e-2 / 2], rtol=0.02)


@pytest.mark.parametrize(
    "schedule",
    [
        [],
        [(0, 1, 1e-3)],
        [(5, 1, 1e-3)],
        [(2, 0, 1e-3)],
        [(2, 1, 0.0)],
        [(2, 1)],
        [(2.5, 1, 1e-3)],
        ["2, 1, 1e-3"],
        [(2, 1, 1e-3), 3],
        [(2, "x", 1e-3)],
    ],
    ids=repr,
)
def test_schedule_that_makes_no_sense_is_refused(schedule, make, small):
    """Non-regression: 2.5 groups were 2, and a stage without a rate failed on unpacking."""
    with pytest.raises(
        ValueError, match=r"unfreeze_schedule must be a list of .* with 1 to 4 groups.* Got \["
    ):
        make(unfreeze_schedule=schedule).fit(small.X, small.y)


@pytest.mark.parametrize("early_stopping", ["holdout", "cv"])
@pytest.mark.parametrize("head", ["linear", "mlp"])
def test_best_pass_is_that_of_least_validation_loss(early_stopping, head, make, data):
    classifier = make(head=head, early_stopping=early_stopping, max_epochs=4).fit(data.X, data.y)
    losses = [row["valid_loss"] for row in classifier.history_]
    assert np.isfinite(losses).all()
    assert classifier.best_epoch_ == int(np.argmin(losses))
    assert classifier.history_[classifier.best_epoch_]["epoch"] == classifier.best_epoch_


def test_holdout_restores_the_weights_of_the_best_pass(make, data):
    """The validation loss, computed from the predictions, is that of the row of the best pass."""
    params = {"head": "mlp", "training": "finetune", "max_epochs": 6, "learning_rate": 1e-2}
    classifier = make(early_stopping="holdout", validation_size=0.3, **params).fit(data.X, data.y)
    assert 0 < classifier.best_epoch_ < 6
    seed = int(np.random.RandomState(0).randint(np.iinfo(np.int32).max))
    _, targets = check_targets(data.y, "Model")
    ((_, held_out),) = holdout_split(targets, 0.3, seed)
    found = log_loss(data.y[held_out], classifier.predict_proba(data.X[held_out]))
    np.testing.assert_allclose(found, classifier.history_[classifier.best_epoch_]["valid_loss"], rtol=1e-4)


@pytest.mark.parametrize("early_stopping", ["holdout", "cv"])
def test_without_a_better_pass_the_frozen_head_on_all_rows_is_kept(early_stopping, make, data):
    """A rate that ruins the network leaves the linear probe, fitted on the held-out rows too."""
    params = {"early_stopping": early_stopping, "learning_rate": 10.0, "training": "finetune"}
    classifier = make(**params).fit(data.X, data.y)
    assert classifier.best_epoch_ == 0
    frozen = make(training="frozen").fit(data.X, data.y)
    assert (classifier.decision_function(data.X) == frozen.decision_function(data.X)).all()
    assert len(classifier.history_) == 3


@pytest.mark.parametrize("early_stopping", ["holdout", "cv"])
def test_n_iter_no_change_ends_a_training_early(early_stopping, make, data):
    params = {"learning_rate": 10.0, "training": "finetune", "max_epochs": 9}
    classifier = make(early_stopping=early_stopping, n_iter_no_change=2, **params).fit(data.X, data.y)
    assert len(classifier.history_) == 3
    assert len(make(early_stopping=early_stopping, **params).fit(data.X, data.y).history_) == 10


def test_auto_is_cv_for_few_rows_and_holdout_for_many(make, data, trainings, monkeypatch):
    make(training="finetune", max_epochs=1, cv=3).fit(data.X, data.y)
    assert [call["validation"] is None for call in trainings] == [False] * 3 + [True]
    trainings.clear()
    monkeypatch.setattr(_training, "MOST_ROWS_FOR_FOLDS", 59)
    make(training="finetune", max_epochs=1, learning_rate=1e-6).fit(data.X, data.y)
    assert trainings[0]["validation"] is not None
    assert len(trainings[0]["validation"]) == 6
    assert len(trainings) <= 2


@pytest.mark.parametrize("groups", [None, "pairs"])
def test_cv_holds_every_row_out_once_and_trains_on_all_at_last(groups, make, data, trainings):
    groups = None if groups is None else np.arange(60) // 4
    make(training="finetune", max_epochs=1, cv=3).fit(data.X, data.y, groups=groups)
    *folds, last = trainings
    assert sum(len(fold["validation"]) for fold in folds) == 60
    assert all(len(fold["train"]) + len(fold["validation"]) == 60 for fold in folds)
    assert len(last["train"]) == 60


@pytest.mark.parametrize("early_stopping", ["holdout", "cv"])
def test_groups_stay_on_one_side(early_stopping, make, data, trainings):
    """Rows of a group are copies of one sequence here, so that the ids tell the group."""
    X, y = np.repeat(data.X[:20], 3, axis=0), np.repeat(data.y[:20], 3)
    groups = np.repeat(list("abcdefghijklmnopqrst"), 3)
    make(training="finetune", max_epochs=1, early_stopping=early_stopping).fit(X, y, groups=groups)
    with_validation = [call for call in trainings if call["validation"] is not None]
    assert with_validation
    for call in with_validation:
        sides = [
            {call[side].token_ids.row(i).tobytes() for i in range(len(call[side]))}
            for side in ("train", "validation")
        ]
        assert not sides[0] & sides[1]


def test_groups_reach_a_pipeline_and_metadata_routing(make, data):
    groups = np.arange(60) // 2
    direct = make().fit(data.X, data.y, groups=groups)
    pipe = make_pipeline(KmerTokenizer(k=3), make())
    pipe.fit(data.sequences, data.y, sequenceclassifier__groups=groups)
    assert (pipe.decision_function(data.sequences) == direct.decision_function(data.X)).all()
    with config_context(enable_metadata_routing=True):
        routed = make_pipeline(KmerTokenizer(k=3), clone(make().set_fit_request(groups=True)))
        routed.fit(data.sequences, data.y, groups=groups)
    assert (routed.decision_function(data.sequences) == direct.decision_function(data.X)).all()


def test_validation_loss_of_folds_is_the_mean_over_all_rows(make, data, monkeypatch):
    """Weights of rows included: the loss at the start is that of logistic regressions, fold by fold."""
    monkeypatch.setattr("skgenome.classification._heads.STRENGTHS", (0.01,))
    weights = 1.0 + np.arange(60) % 4
    classifier = make(training="finetune", max_epochs=1, cv=3, learning_rate=1e-9)
    classifier.fit(data.X, data.y, sample_weight=weights)
    seed = int(np.random.RandomState(0).randint(np.iinfo(np.int32).max))
    x = classifier.head_.standardize(torch.from_numpy(classifier.encoder.transform(data.X))).double().numpy()
    predicted = np.empty(60)
    scaled = weights / weights.mean()
    for train, test in StratifiedKFold(3, shuffle=True, random_state=seed).split(x, data.y):
        model = LogisticRegression(C=0.01, max_iter=1000).fit(x[train], data.y[train], scaled[train])
        predicted[test] = model.predict_proba(x[test])[:, 1]
    expected = log_loss(data.y, predicted, sample_weight=weights)
    np.testing.assert_allclose(classifier.history_[0]["valid_loss"], expected, rtol=1e-4)


@pytest.mark.parametrize("early_stopping", ["auto", "cv", "holdout"])
@pytest.mark.parametrize("why", ["one row of a class", "one group of a class"])
def test_head_alone_is_fitted_where_nothing_can_be_held_out(early_stopping, why, make, small):
    y = np.arange(20) == 19 if why == "one row of a class" else small.y
    groups = None if why == "one row of a class" else small.y
    with pytest.warns(SkgenomeWarning, match=r"none can be held out .* the head alone is fitted"):
        classifier = make(early_stopping=early_stopping).fit(small.X, y, groups=groups)
    assert classifier.best_epoch_ == 0
    frozen = make(training="frozen").fit(small.X, y, groups=groups)
    assert (classifier.decision_function(small.X) == frozen.decision_function(small.X)).all()


def test_early_stopping_true_is_refused(make, small):
    """Non-regression: it passed for 'holdout' without a word."""
    with pytest.raises(ValueError, match=r"'early_stopping' parameter .* Got True instead"):
        make(early_stopping=True).fit(small.X, small.y)


def test_no_early_stopping_makes_all_passes_on_all_rows(make, data, trainings):
    classifier = make(early_stopping=False, max_epochs=3, training="finetune").fit(data.X, data.y)
    (call,) = trainings
    assert call["validation"] is None
    assert len(call["train"]) == 60
    assert classifier.best_epoch_ == 3
    assert np.isnan([row["valid_loss"] for row in classifier.history_]).all()
    assert np.isfinite([row["train_loss"] for row in classifier.history_[1:]]).all()


def test_rows_longer_than_bptt_train_and_predict_the_same(make, fitted_lm, small):
    classifier = make(bptt=7, training="finetune", early_stopping=False).fit(small.X, small.y)
    assert np.isfinite(classifier.predict_proba(small.X)).all()
    # In one piece or in many: what is read of a row is the same.
    pieces = make(bptt=7, training="frozen").fit(small.X, small.y).decision_function(small.X)
    whole = make(bptt=512, training="frozen").fit(small.X, small.y).decision_function(small.X)
    assert (pieces == whole).all()


def test_training_of_rows_without_a_token_does_not_fail(make, small):
    X = small.X.copy()
    X[[3, 4]] = 0
    classifier = make(training="finetune", batch_size=1, early_stopping=False).fit(X, small.y)
    assert np.isfinite(classifier.predict_proba(X)).all()


def test_from_scratch_a_motif_is_learnt_that_random_features_do_not_show(make, make_lm, draw):
    """The last state of a random network has forgotten the motifs; a trained one remembers them."""
    train, test = draw(400, seed=3), draw(200, seed=4)
    encoder = make_lm(pooling="last")
    params = {"max_epochs": 8, "learning_rate": 2e-2, "learning_rate_ratio": 1.0, "dropout_scale": 0.0}
    scratch = make(encoder, training="finetune", early_stopping=False, **params).fit(train.X, train.y)
    frozen = make(encoder, training="frozen").fit(train.X, train.y)
    assert scratch.score(test.X, test.y) > 0.9
    assert frozen.score(test.X, test.y) < 0.75


@pytest.mark.parametrize("head", ["linear", "mlp"])
@pytest.mark.parametrize("early_stopping", [False, "cv", "holdout"])
def test_from_scratch_all_classes_are_equally_likely_at_the_start(make, make_lm, draw, head, early_stopping):
    """A head that is fitted on random features has weights so large that the first steps are thrown away."""
    train = draw(60, seed=3)
    params = {"head": head, "early_stopping": early_stopping, "max_epochs": 1, "training": "finetune"}
    classifier = make(make_lm(), **params).fit(train.X, train.y)
    if early_stopping:
        assert classifier.history_[0]["valid_loss"] == pytest.approx(np.log(2), rel=1e-6)
    assert (classifier.best_epoch_ == 0) == bool((classifier.head_.standardize.scale != 1).any())
    if classifier.best_epoch_ == 0 and head == "linear":
        frozen = make(make_lm(), head=head, training="frozen").fit(train.X, train.y)
        np.testing.assert_array_equal(
            classifier.decision_function(train.X), frozen.decision_function(train.X)
        )


@pytest.mark.parametrize(("training", "n_times"), [("finetune", 0), ("frozen", 1)])
def test_from_scratch_features_are_worked_out_for_a_head_that_is_fitted_alone(
    make, make_lm, draw, caplog, training, n_times
):
    train = draw(60, seed=3)
    with caplog.at_level("INFO", logger="skgenome"):
        make(make_lm(), training=training, max_epochs=1, early_stopping=False).fit(train.X, train.y)
    assert [record.message for record in caplog.records if "embedding" in record.message] == n_times * [
        f"embedding 60 sequences of {train.X.astype(bool).sum()} tokens"
    ]


def test_from_scratch_the_head_alone_is_fitted_on_the_features(make, make_lm, draw):
    train = draw(60, seed=3)
    frozen = make(make_lm(), training="frozen").fit(train.X, train.y)
    assert (frozen.head_.standardize.scale != 1).any()
    assert (frozen.head_.linear.weight != 0).any()
