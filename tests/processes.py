"""A script that trains networks, as a user's would, alone or in processes that a launcher has started."""

import json
import os
import signal
import sys
import threading
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import nn

from skgenome.classification import SequenceClassifier
from skgenome.exceptions import SkgenomeWarning
from skgenome.nn import AWDLSTMLanguageModel
from skgenome.preprocessing import KmerTokenizer
from skgenome.representation import ContrastivePredictiveCoding, LanguageModel
from skgenome.training import launched_processes

RANDOM = np.random.default_rng(0)
GENOME = ["".join(RANDOM.choice(list("ACGT"), n)) for n in (300, 200, 90)]
# Tokens that count are not as many in each row.
GENOME[0] = GENOME[0][:20] + "N" * 60 + GENOME[0][80:]
ROWS = [genome[i : i + 30 + i % 9] for genome in GENOME[:2] for i in range(0, 150, 9)]
LABELS = np.arange(len(ROWS)) % 2
# Plain steps: those that go by the sign of a gradient make much of its last digits.
PLAIN = {"device": "cpu", "precision": "float32", "random_state": 0, "optimizer": "sgd", "learning_rate": 0.3}
LM = {"embedding_size": 4, "hidden_size": 6, "n_layers": 2, "batch_size": 5, "bptt": 10, "max_epochs": 2}
CPC = {"width": 1, "context_size": 3, "patch_length": 20, "patch_stride": 10, "n_patches": 6, "steps": (2, 3)}


class Patches(nn.Module):
    """Without dropout and batch normalisation, which are others in several processes."""

    n_features = 5

    def __init__(self):
        super().__init__()
        self.table = nn.Parameter(torch.randn(6, 20, 5, generator=torch.Generator().manual_seed(0)))

    def forward(self, patches):
        return self.table[patches, torch.arange(20)].sum(1).tanh()


def language_model(genome=GENOME, **params):
    lm = LanguageModel(**{**PLAIN, **LM, "validation_size": 60, **params})
    return lm.fit(KmerTokenizer(k=3, padding=False).transform(genome))


def classifier(y=LABELS, **params):
    # 23 rows to train on: the last batch has a single one, so that a process has none.
    options = {"early_stopping": "holdout", "validation_size": 0.3, "n_iter_no_change": 2, "batch_size": 11}
    model = SequenceClassifier(
        LanguageModel(**PLAIN, **LM), **{**PLAIN, **options, "max_epochs": 3, **params}
    )
    return model.fit(KmerTokenizer(k=3).transform(ROWS), y)


def contrastive(encoder=None, **params):
    # 8 windows to train on, the last one in a batch of its own.
    options = {"projection_size": 3, "batch_size": 7, "max_epochs": 3, "validation_size": 60}
    params = {**PLAIN, **CPC, **options, "learning_rate": 0.01, **params}
    cpc = ContrastivePredictiveCoding(encoder=encoder or Patches(), **params)
    return cpc.fit(KmerTokenizer(k=1, padding=False).transform(GENOME))


#: Trainings that end as in one process.
SAME = {
    "language model": language_model,
    "adamw": lambda: language_model(optimizer="adamw", learning_rate=0.01),
    # As good as without dropout, which is what scales the penalties.
    "penalties": lambda: language_model(dropout_scale=1e-7, alpha=2e7, beta=1e7),
    "classifier": lambda: classifier(dropout_scale=0.0),
    "labels of their own": lambda: classifier(y=np.stack([LABELS, LABELS[::-1]], axis=1), dropout_scale=0.0),
    "contrastive": contrastive,
    "other strand": lambda: contrastive(negatives="batch", reverse_complement=True),
}
#: Trainings that have other random numbers, or statistics of fewer rows.
DRAWN = {
    "dropout": lambda: language_model(dropout_scale=0.5),
    "no seed": lambda: language_model(random_state=None, max_epochs=1),
    "folds": lambda: classifier(early_stopping="cv", cv=2, max_epochs=1),
    "batch normalisation": lambda: contrastive("resnet18"),
}


def learnt(model):
    """Give what a training has come to, as arrays."""
    modules = [model.encoder_.module_, model.head_] if hasattr(model, "head_") else [model.module_]
    weights = [value.double().numpy().ravel() for module in modules for value in module.state_dict().values()]
    history = [[value for name, value in row.items() if name != "seconds"] for row in model.history_]
    return {"weights": np.concatenate(weights), "history": np.array(history, dtype=float)}


def error_of(call):
    """Say how a call fails, in this process alone."""
    try:
        call()
    except BaseException as err:  # noqa: BLE001
        return f"{type(err).__name__}: {err}"
    return None


def broken(owner, name, act, after=0):
    """Call `act` with what a method is given, once it has been called so often; give what undoes that."""
    method, n_calls = getattr(owner, name), 0

    def replaced(*args, **kwargs):
        nonlocal n_calls
        n_calls += 1
        if n_calls > after:
            act(*args)
        return method(*args, **kwargs)

    setattr(owner, name, replaced)
    return lambda: setattr(owner, name, method)


class Interrupted(BaseException):
    """What nothing in the package catches."""


def raises(error, when=lambda *_: True):
    """Make what raises an error where a condition holds."""

    def act(*args):
        if when(*args):
            raise error

    return act


def fail_in_one(is_second):
    """Fail in the second process alone, and train together after that."""
    mend = broken(AWDLSTMLanguageModel, "forward", raises(KeyError("broken"), lambda *_: is_second), 7)
    error = error_of(language_model)
    mend()
    return error, language_model()


def run_out_of_memory(is_second):
    """Have too little memory for more than a row, or two, in the second process alone."""
    memory, models = MemoryError("too many rows"), {}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        too_many = raises(memory, lambda _, token_ids, *__: is_second and len(token_ids) > 1)
        mend = broken(AWDLSTMLanguageModel, "forward", too_many)
        models["memory"] = language_model()
        mend()
        mend = broken(Patches, "forward", raises(memory, lambda _, patches: is_second and len(patches) > 6))
        models["contrastive, memory"] = contrastive(negatives="sequence")
        mend()
    return [str(w.message) for w in caught if issubclass(w.category, SkgenomeWarning)], models


def interrupt(folder):
    """Be interrupted in both processes after some steps, and go on."""
    params = {"dropout_scale": 0.5, "checkpoint_minutes": 0, "checkpoint_dir": folder}
    mend = broken(torch.optim.SGD, "step", raises(Interrupted()), 9)
    error = error_of(lambda: language_model(**params))
    mend()
    return error, language_model(**params)


def in_thread(call):
    errors = []
    thread = threading.Thread(target=lambda: errors.append(error_of(call)))
    thread.start()
    thread.join()
    return errors[0]


def draw_own(processes):
    """Draw from the generator that a process has in a training."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        processes.seed_own(0, torch.device("cpu"))
        return torch.rand(1).item()


def main(folder):
    """Make all trainings, and note how each process has seen them."""
    processes = launched_processes()
    is_second = processes.index == 1
    models = {name: train() for name, train in (SAME | DRAWN).items()}
    seen = {
        "random": draw_own(processes),
        "data": error_of(lambda: language_model(GENOME[processes.index :])),
        "batch_size": error_of(lambda: language_model(batch_size=1)),
        "thread": in_thread(language_model),
    }
    seen["failed"], models["after a failure"] = fail_in_one(is_second)
    seen["warned"], of_memory = run_out_of_memory(is_second)
    # The second process has no say in where, and makes no folder.
    seen["interrupted"], models["gone on"] = interrupt(folder / ("elsewhere" if is_second else "checkpoints"))
    language_model(verbose=1, max_epochs=1)
    for name, model in (models | of_memory).items():
        np.savez(folder / f"{name}-{processes.index}.npz", **learnt(model))
    broken(torch.optim.SGD, "step", lambda *_: is_second and os.kill(os.getpid(), signal.SIGKILL), 5)
    (folder / f"seen-{processes.index}.json").write_text(json.dumps(seen))
    seen["lost"] = error_of(language_model)
    (folder / f"seen-{processes.index}.json").write_text(json.dumps(seen))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
