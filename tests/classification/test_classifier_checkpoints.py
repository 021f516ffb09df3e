"""Stop and go on, in each training of a fit: folds, stages of unfreezing, phases."""

from functools import partial

import numpy as np
import pytest
import torch
from sklearn.frozen import FrozenEstimator

from skgenome.classification import _training
from skgenome.exceptions import SkgenomeWarning
from skgenome.preprocessing import KmerTokenizer
from skgenome.representation import ContrastivePredictiveCoding, LanguageModel

EVERY_STEP = {"checkpoint_minutes": 0}


def without_seconds(history):
    return [{name: value for name, value in row.items() if name != "seconds"} for row in history]


def weights_of(classifier):
    parts = {"encoder": classifier.encoder_.module_, "head": classifier.head_}
    if hasattr(classifier, "language_model_"):
        parts["language model"] = classifier.language_model_.module_
    return {f"{part}.{n}": w for part, module in parts.items() for n, w in module.state_dict().items()}


def assert_same(classifier, other, X):
    """Every weight, every figure, every prediction, every bit."""
    weights, others = weights_of(classifier), weights_of(other)
    assert weights.keys() == others.keys()
    assert [name for name in weights if not torch.equal(weights[name], others[name])] == []
    # repr, since nan differs from itself.
    assert repr(without_seconds(classifier.history_)) == repr(without_seconds(other.history_))
    assert classifier.best_epoch_ == other.best_epoch_
    assert (classifier.predict_proba(X) == other.predict_proba(X)).all()


WAYS = {
    "cv": {"early_stopping": "cv", "cv": 2, "max_epochs": 1},
    "holdout": {"early_stopping": "holdout", "validation_size": 0.3},
    "no early stopping": {"early_stopping": False},
    "finetune, augment": {"training": "finetune", "strand": "augment", "early_stopping": "holdout"},
    "patience": {
        "early_stopping": "cv", "cv": 2, "n_iter_no_change": 1, "learning_rate": 0.5, "schedule": "constant",
        "unfreeze_schedule": [(2, 2, 0.5), (4, 1, 0.01), (1, 1, 0.01)],
    },
    "mlp": {"head": "mlp", "training": "finetune", "early_stopping": "cv", "cv": 2, "max_epochs": 1},
    "bfloat16": {"precision": "bfloat16", "training": "finetune", "early_stopping": "holdout"},
    "frozen": {"training": "frozen"},
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_fit_goes_on_again_and_again(way, make, small, tmp_path, interruptions, seed):
    """Killed a few steps further each time, so in every fold and every stage."""
    params = {"batch_size": 4, "random_state": 0, **WAYS[way]}
    whole = make(**params).fit(small.X, small.y)
    classifier = make(**params, **EVERY_STEP, checkpoint_dir=tmp_path)
    rng = np.random.default_rng(seed)
    n_kills = interruptions.run_on(lambda: classifier.fit(small.X, small.y), rng, most=24)
    assert n_kills > 1 or way == "frozen"
    assert_same(classifier, whole, small.X)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("i_stage", range(9))
def test_fit_goes_on_in_each_fold_and_stage(i_stage, make, small, tmp_path, interruptions, monkeypatch):
    """Three stages in each of two folds, and in the training on all rows."""
    # The last pass is the best, so that the training on all rows makes all of them.
    monkeypatch.setattr(
        _training, "mean_fold_loss", lambda histories, *_: -np.arange(len(histories[0]), dtype=float)
    )
    params = {"batch_size": 4, "early_stopping": "cv", "cv": 2, "max_epochs": 1, "learning_rate": 0.02}
    whole = make(**params)
    interruptions.run(lambda: whole.fit(small.X, small.y))
    begins = [i for i, name in enumerate(interruptions.names) if name == "on_train_begin"]
    assert len(begins) == 9
    n_in_all = len(interruptions.names)
    classifier = make(**params, **EVERY_STEP, checkpoint_dir=tmp_path)
    assert not interruptions.run(lambda: classifier.fit(small.X, small.y), begins[i_stage] + 8)
    assert interruptions.run(lambda: classifier.fit(small.X, small.y))
    # What has ended is not trained again.
    assert len(interruptions.names) < n_in_all - begins[i_stage]
    assert_same(classifier, whole, small.X)


def test_fit_does_not_fit_the_head_of_a_fold_again(make, small, tmp_path, interruptions, monkeypatch):
    fit_head, n_fitted = _training.fit_head, 0

    def counting(*args, **kwargs):
        nonlocal n_fitted
        n_fitted += 1
        fit_head(*args, **kwargs)

    monkeypatch.setattr(_training, "fit_head", counting)
    params = {"batch_size": 4, "early_stopping": "cv", "cv": 2, "max_epochs": 1}
    classifier = make(**params, **EVERY_STEP, checkpoint_dir=tmp_path)
    interruptions.run(lambda: classifier.fit(small.X, small.y))
    begins = [i for i, name in enumerate(interruptions.names) if name == "on_train_begin"]
    in_second_fold, n_fitted = begins[3] + 8, 0
    interruptions.run(lambda: classifier.fit(small.X, small.y), in_second_fold)
    assert n_fitted == 2
    interruptions.run(lambda: classifier.fit(small.X, small.y))
    assert n_fitted == 3


def test_fit_goes_on_from_a_network_from_scratch(make, make_lm, small, tmp_path, interruptions, seed):
    params = {"encoder": make_lm(random_state=None), "batch_size": 4, "training": "finetune", "cv": 2}
    whole = make(**params).fit(small.X, small.y)
    classifier = make(**params, **EVERY_STEP, checkpoint_dir=tmp_path)
    rng = np.random.default_rng(seed)
    assert interruptions.run_on(lambda: classifier.fit(small.X, small.y), rng, most=24) > 1
    assert_same(classifier, whole, small.X)


def test_fit_goes_on_without_a_seed(make, make_lm, small, tmp_path, interruptions, seed):
    """Every fold begins with the same random weights, also one that a later try begins."""
    params = {"encoder": make_lm(random_state=None), "batch_size": 4, "training": "finetune", "cv": 2}
    classifier = make(**{**params, "random_state": None}, **EVERY_STEP, checkpoint_dir=tmp_path)
    assert not interruptions.run(lambda: classifier.fit(small.X, small.y), 12)
    (note,) = tmp_path.glob("*/call.json")
    drawn = int(note.read_text().split('"seed": ')[1].rstrip("}\n"))
    rng = np.random.default_rng(seed)
    interruptions.run_on(lambda: classifier.fit(small.X, small.y), rng, most=24)
    assert_same(classifier, make(**{**params, "random_state": drawn}).fit(small.X, small.y), small.X)


def test_fit_goes_on_above_a_contrastive_encoder(make, small, tmp_path, interruptions, seed):
    """Its weights lie in memory with their channels last, and so must what the optimiser knows of them."""
    sizes = {"encoder": "resnet18", "width": 2, "context_size": 3, "patch_length": 20, "patch_stride": 10}
    options = {"n_patches": 8, "steps": (2,), "batch_size": 4, "max_epochs": 1, "device": "cpu"}
    X = KmerTokenizer(k=1).transform([sequence * 5 for sequence in small.sequences])
    cpc = ContrastivePredictiveCoding(**sizes, **options, random_state=0).fit(X)
    params = {"batch_size": 4, "training": "finetune", "early_stopping": "holdout", "max_epochs": 3}
    whole = make(FrozenEstimator(cpc), **params).fit(X, small.y)
    classifier = make(FrozenEstimator(cpc), **params, **EVERY_STEP, checkpoint_dir=tmp_path)
    rng = np.random.default_rng(seed)
    assert interruptions.run_on(lambda: classifier.fit(X, small.y), rng, fewest=8, most=20) > 1
    assert_same(classifier, whole, X)


@pytest.mark.parametrize("is_fitted", [True, False], ids=["three phases", "two phases"])
def test_ulmfit_goes_on_in_each_phase(is_fitted, make_ulmfit, make_lm, small, tmp_path, interruptions):
    encoder = {} if is_fitted else {"encoder": make_lm(batch_size=4, max_epochs=2)}
    params = {**encoder, "training": "finetune", "batch_size": 4, "early_stopping": "cv", "max_epochs": 1}
    params |= {"lm_dropout_scale": 0.2}
    y = np.where(np.arange(20) < 14, small.y, -1)
    whole = make_ulmfit(**params)
    interruptions.run(lambda: whole.fit(small.X, y))
    names = interruptions.names
    begins = [i for i, name in enumerate(names) if name == "on_train_begin"]
    for begin in begins:
        classifier = make_ulmfit(**params, **EVERY_STEP, checkpoint_dir=tmp_path)
        fit = partial(classifier.fit, small.X, y)
        assert not interruptions.run(fit, begin + 8)
        assert interruptions.run(fit)
        # Of a phase that has ended, no step is made again.
        assert interruptions.names.count("on_batch_end") < names[begin:].count("on_batch_end")
        assert_same(classifier, whole, small.X)
        lm = classifier.language_model_
        assert repr(without_seconds(lm.history_)) == repr(without_seconds(whole.language_model_.history_))
        assert lm.get_params() == whole.language_model_.get_params()
        assert list(tmp_path.iterdir()) == []


def test_ulmfit_leaves_an_encoder_its_own_folder(make_ulmfit, make_lm, small, tmp_path):
    """Where the classifier has none, the encoder's is used for what the encoder learns."""
    lm = make_lm(checkpoint_dir=tmp_path / "own", checkpoint_minutes=0)
    classifier = make_ulmfit(lm, training="finetune", early_stopping=False).fit(small.X, small.y)
    assert list((tmp_path / "own").iterdir()) == []
    assert classifier.language_model_.checkpoint_dir == tmp_path / "own"


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        ({"learning_rate": 0.1}, r"learning_rate \(0\.001, now 0\.1\)"),
        ({"class_weight": {0: 1, 1: 2}}, "class_weight"),
        ({"encoder": None}, r"encoder \(FrozenEstimator \w+, now FrozenEstimator \w+\)"),
    ],
    ids=["rate", "weights", "encoder"],
)
def test_another_call_starts_anew_and_says_so(
    change, differs, make, small, tmp_path, interruptions, fitted_lm
):
    params = {"batch_size": 4, "early_stopping": False, "checkpoint_dir": tmp_path}
    classifier = make(**params, **EVERY_STEP)
    assert not interruptions.run(lambda: classifier.fit(small.X, small.y), 30)
    if "encoder" in change:
        other = LanguageModel(**fitted_lm.get_params()).set_params(random_state=7)
        change = {"encoder": FrozenEstimator(other.fit(small.X))}
    with pytest.warns(SkgenomeWarning, match=differs):
        make(**{**params, **change}).fit(small.X, small.y)


@pytest.mark.parametrize("what", ["y", "sample_weight", "groups"])
def test_other_labels_weights_or_groups_start_anew(what, make, small, tmp_path, interruptions):
    classifier = make(batch_size=4, early_stopping=False, checkpoint_dir=tmp_path, **EVERY_STEP)
    assert not interruptions.run(lambda: classifier.fit(small.X, small.y), 30)
    given = {"y": small.y, what: np.arange(20) // 2 % 2 + (what == "sample_weight")}
    with pytest.warns(SkgenomeWarning, match=r"differs in y \("):
        classifier.fit(small.X, **given)


def test_a_damaged_checkpoint_does_not_leave_a_head_that_is_not_fitted(make, small, tmp_path, interruptions):
    """The head of a training that goes on is not fitted, since its weights come from the checkpoint."""
    params = {"batch_size": 4, "early_stopping": False}
    classifier = make(**params, **EVERY_STEP, checkpoint_dir=tmp_path)
    assert not interruptions.run(lambda: classifier.fit(small.X, small.y), 30)
    for file in tmp_path.rglob("*.safetensors"):
        file.write_bytes(file.read_bytes()[:-1])
    with pytest.warns(SkgenomeWarning, match="bytes are damaged") as record:
        classifier.fit(small.X, small.y)
    assert len(record) == 2
    assert_same(classifier, make(**params).fit(small.X, small.y), small.X)
