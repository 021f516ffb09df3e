"""What may go wrong while a network learns: a loss that is no number, a full disk, a folder that is gone."""

import errno
import math
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator

from skgenome.classification import SequenceClassifier
from skgenome.exceptions import SkgenomeWarning
from skgenome.nn import AWDLSTMLanguageModel, SequenceClassifierModule
from skgenome.preprocessing import KmerTokenizer
from skgenome.representation import LanguageModel
from skgenome.training import Place, _calls, unpack_state

LM = {
    "embedding_size": 4,
    "hidden_size": 6,
    "n_layers": 2,
    "batch_size": 4,
    "bptt": 10,
    "dropout_scale": 0.2,
    "max_epochs": 2,
    "validation_size": 60,
    "device": "cpu",
    "precision": "float32",
    "random_state": 0,
}
CLASSIFIER = {
    "training": "finetune",
    "early_stopping": False,
    "max_epochs": 2,
    "batch_size": 4,
    "device": "cpu",
    "precision": "float32",
    "random_state": 0,
}
ERRORS = {"full disk": errno.ENOSPC, "read-only disk": errno.EROFS, "forbidden": errno.EACCES}


def network_of(estimator):
    return estimator.module_ if isinstance(estimator, LanguageModel) else estimator.head_


def assert_same(estimator, other):
    states = network_of(estimator).state_dict(), network_of(other).state_dict()
    torch.testing.assert_close(*states, rtol=0, atol=0)


def is_good(weights):
    return all(bool(weight.isfinite().all()) for weight in weights.values())


@pytest.fixture
def tokens(rng):
    dna = ["".join(rng.choice(list("ACGT"), n)) for n in [300, *[30] * 12]] + ["TTTTT"]
    return KmerTokenizer(k=3, padding=False).transform(dna)


@pytest.fixture(params=["language model", "classifier"])
def job(request, tokens):
    """Make an estimator, and give what it is fitted on and the module that it trains."""
    if request.param == "language model":
        return lambda **params: LanguageModel(**{**LM, **params}), (tokens,), AWDLSTMLanguageModel
    lm = LanguageModel(**LM).initialize(tokens)
    make = lambda **params: SequenceClassifier(FrozenEstimator(lm), **{**CLASSIFIER, **params})  # noqa: E731
    return make, (tokens[1:13], np.arange(12) % 2), SequenceClassifierModule


class Ruins(torch.optim.SGD):
    """Gradient descent whose fourth step makes a weight nan: its loss had been a number."""

    n_steps = 0

    def step(self, closure=None):
        loss = super().step(closure)
        type(self).n_steps += 1
        if self.n_steps == 4:
            with torch.no_grad():
                for group in self.param_groups:
                    for weight in group["params"]:
                        weight.fill_(math.nan)
        return loss


@pytest.fixture
def ruins(monkeypatch):
    monkeypatch.setattr(Ruins, "n_steps", 0)
    return {"optimizer": Ruins, "schedule": "constant"}


@pytest.fixture
def explode(monkeypatch):
    """Make the module of a job give nan from its fifth training step on."""

    def set_up(kind):
        whole, seen = kind.forward, []

        def forward(self, *args, **kwargs):
            output = whole(self, *args, **kwargs)
            seen.extend([None] * self.training)
            if len(seen) < 5 or not self.training:
                return output
            return (output[0] * math.nan, output[1]) if isinstance(output, tuple) else output * math.nan

        monkeypatch.setattr(kind, "forward", forward)

    return set_up


def test_loss_that_is_no_number_leaves_good_weights_on_disk(job, explode, tmp_path):
    """The error names the file, which is the last one and holds what came before."""
    make, data, kind = job
    explode(kind)
    estimator = make(checkpoint_dir=tmp_path, checkpoint_minutes=0)
    with pytest.raises(FloatingPointError, match="The last good weights are kept in") as raised:
        estimator.fit(*data)
    file = max(tmp_path.rglob("0*.safetensors"), key=lambda path: path.name)
    assert f"kept in {file}: skgenome.training.unpack_state" in str(raised.value)
    assert is_good(unpack_state(file.read_bytes())["weights"])
    assert not estimator.__sklearn_is_fitted__()


def test_loss_that_is_no_number_lets_the_good_weights_go_on(tokens, explode, tmp_path, monkeypatch):
    """As the user guide says: from the file, with another learning rate."""
    lm = LanguageModel(**LM, checkpoint_dir=tmp_path, checkpoint_minutes=0)
    explode(AWDLSTMLanguageModel)
    with pytest.raises(FloatingPointError, match="became nan"):
        lm.fit(tokens)
    monkeypatch.undo()
    file = max(tmp_path.rglob("0*.safetensors"))
    lm.set_params(checkpoint_dir=None, learning_rate=1e-4).initialize(tokens)
    lm.module_.load_state_dict(unpack_state(file.read_bytes())["weights"])
    assert is_good(lm.partial_fit(tokens).module_.state_dict())


def test_loss_that_is_no_number_before_any_checkpoint(job, explode, tmp_path):
    make, data, kind = job
    explode(kind)
    with pytest.raises(FloatingPointError, match="No checkpoint had been written before"):
        make(checkpoint_dir=tmp_path).fit(*data)
    assert list(tmp_path.iterdir()) == []


def test_loss_that_is_no_number_without_checkpoints(job, explode):
    make, data, kind = job
    explode(kind)
    estimator = make()
    with pytest.raises(FloatingPointError, match="With checkpoint_dir, the last good weights would"):
        estimator.fit(*data)
    with pytest.raises(NotFittedError):
        (estimator.transform if isinstance(estimator, LanguageModel) else estimator.predict)(data[0])


def test_weights_that_are_no_numbers_are_not_written(job, ruins, tmp_path):
    """Non-regression test: the loss tells a step too late, when the last checkpoint had them already."""
    make, data, _ = job
    with pytest.raises(FloatingPointError, match=r"weights \S+ became NaN or infinite .* loss was neither"):
        make(**ruins, checkpoint_dir=tmp_path, checkpoint_minutes=0).fit(*data)
    files = list(tmp_path.rglob("0*.safetensors"))
    assert len(files) == 2
    assert all(is_good(unpack_state(file.read_bytes())["weights"]) for file in files)


def test_weights_that_are_no_numbers_after_the_last_step(tokens, ruins):
    """Without validation, no loss comes after them."""
    lm = LanguageModel(**{**LM, **ruins, "max_steps": 4, "validation_size": 0})
    with pytest.raises(FloatingPointError, match="became NaN or infinite"):
        lm.fit(tokens)
    with pytest.raises(NotFittedError):
        lm.transform(tokens)


@pytest.mark.parametrize("fault", ERRORS)
def test_fit_goes_on_where_no_checkpoint_can_be_written(fault, job, tmp_path, monkeypatch):
    make, data, _ = job
    whole, n_tries = make().fit(*data), 0

    def fail(_):
        nonlocal n_tries
        n_tries += 1
        if n_tries > 3:
            raise OSError(ERRORS[fault], os.strerror(ERRORS[fault]))

    monkeypatch.setattr(os, "fsync", fail)
    estimator = make(checkpoint_dir=tmp_path, checkpoint_minutes=0)
    with pytest.warns(SkgenomeWarning, match=rf"{os.strerror(ERRORS[fault])}.*training goes on"):
        estimator.fit(*data)
    assert n_tries > 4
    assert_same(estimator, whole)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("fault", ERRORS)
def test_fit_that_could_never_write_a_checkpoint_does_not_begin(fault, job, tmp_path, monkeypatch):
    """Better told at once than after a week."""
    make, data, _ = job

    def fail(_):
        raise OSError(ERRORS[fault], os.strerror(ERRORS[fault]))

    monkeypatch.setattr(_calls, "write_beside", fail)
    estimator = make(checkpoint_dir=tmp_path / "folder")
    with pytest.raises(OSError, match=f"checkpoint_dir=.*cannot be written to: {os.strerror(ERRORS[fault])}"):
        estimator.fit(*data)
    assert not estimator.__sklearn_is_fitted__()


def change_files(folder, fault):
    """Do to the checkpoints of a training what the name of the fault says."""
    files = sorted(folder.rglob("0*.safetensors"), key=lambda path: path.name)
    assert len(files) == 2
    if fault == "last one vanished":
        files[-1].unlink()
    elif fault == "all vanished":
        shutil.rmtree(files[0].parent)
    elif fault == "last one truncated":
        files[-1].write_bytes(files[-1].read_bytes()[:-20])
    else:
        for file in files:
            file.write_bytes(file.read_bytes()[:100])


FAULTS = {
    "last one vanished": None,
    "all vanished": None,
    "last one truncated": "The one before it is taken",
    "all truncated": "the training starts anew",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_fit_goes_on_with_what_is_left_between_two_tries(fault, job, tmp_path, interruptions):
    make, data, _ = job
    whole = make().fit(*data)
    estimator = make(checkpoint_dir=tmp_path, checkpoint_minutes=0)
    assert not interruptions.run(lambda: estimator.fit(*data), 18)
    change_files(tmp_path, fault)
    if FAULTS[fault] is None:
        estimator.fit(*data)
    else:
        with pytest.warns(SkgenomeWarning, match=FAULTS[fault]):
            estimator.fit(*data)
    assert_same(estimator, whole)
    assert list(tmp_path.iterdir()) == []


def test_fit_goes_on_where_the_folder_vanishes_under_it(job, tmp_path, monkeypatch):
    make, data, _ = job
    whole, save, n_saved = make().fit(*data), Place.save, 0

    def clear(self, state):
        nonlocal n_saved
        n_saved += 1
        if n_saved == 3:
            for folder in Path(tmp_path).iterdir():
                shutil.rmtree(folder)
        save(self, state)

    monkeypatch.setattr(Place, "save", clear)
    estimator = make(checkpoint_dir=tmp_path, checkpoint_minutes=0)
    with pytest.warns(SkgenomeWarning, match="had vanished and was made anew"):
        estimator.fit(*data)
    assert_same(estimator, whole)
    assert list(tmp_path.iterdir()) == []
