"""Stop and go on: a training that was killed anywhere ends with the bits of one that was not."""

import gc
import warnings

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from skorch import NeuralNet

from skgenome.exceptions import SkgenomeWarning
from skgenome.training import Place

ROUNDS = {"max_epochs": 3, "validation_size": 60, "checkpoint_minutes": 0}
#: An event within the second of these rounds.
IN_SECOND_ROUND = 100


def without_seconds(history):
    return [{name: value for name, value in row.items() if name != "seconds"} for row in history]


def assert_same(model, other):
    """Every weight, every figure, every bit."""
    weights, others = model.module_.state_dict(), other.module_.state_dict()
    assert weights.keys() == others.keys()
    assert [name for name in weights if not torch.equal(weights[name], others[name])] == []
    # repr, since nan differs from itself.
    assert repr(without_seconds(model.history_)) == repr(without_seconds(other.history_))


def moment(names, label):
    """Say after how many events a training of three rounds is to end."""
    rounds = [i for i, name in enumerate(names) if name == "on_epoch_begin"]
    return (
        1
        + {
            "first step": names.index("on_batch_end"),
            "within a step": names.index("on_grad_computed", rounds[1] + 10),
            "within a round": names.index("on_batch_end", rounds[1] + 10),
            "validation": names.index("on_batch_end (validation)", rounds[1]),
            "before validation": names.index("on_batch_begin (validation)", rounds[1]),
            "end of a round": names.index("on_epoch_end", rounds[1]),
            "start of a round": rounds[2],
            "last round": names.index("on_batch_end (validation)", rounds[2]),
            "last event": len(names) - 1,
        }[label]
    )


MOMENTS = (
    "first step", "within a step", "within a round", "before validation", "validation", "end of a round",
    "start of a round", "last round", "last event",
)  # fmt: skip


@pytest.mark.parametrize("label", MOMENTS)
def test_fit_goes_on_from_any_moment(label, make_lm, corpus, tmp_path, interruptions):
    whole = make_lm(**ROUNDS)
    interruptions.run(lambda: whole.fit(corpus))
    n_events, n_in_all = moment(interruptions.names, label), len(interruptions.names)
    lm = make_lm(**ROUNDS, checkpoint_dir=tmp_path)
    assert not interruptions.run(lambda: lm.fit(corpus), n_events)
    # What goes on is another process: nothing of the first one is left but the folder.
    lm = make_lm(**ROUNDS, checkpoint_dir=tmp_path)
    gc.collect()
    assert interruptions.run(lambda: lm.fit(corpus))
    assert_same(lm, whole)
    # At most a step or a validation is made again.
    assert len(interruptions.names) < n_in_all - n_events + 20
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"max_steps": 23, "steps_per_round": 5},
        {"max_steps": 20, "steps_per_round": 5, "validation_size": 0},
        {"optimizer": "sgd", "schedule": "cosine", "strand": "forward"},
        {"optimizer": torch.optim.RMSprop, "schedule": "constant"},
        {"optimizer": "adam", "precision": "float32"},
        {"precision": "bfloat16"},
    ],
    ids=["epochs", "rounds", "no-validation", "sgd-cosine", "rmsprop-constant", "adam", "bfloat16"],
)
def test_fit_goes_on_again_and_again(params, make_lm, corpus, tmp_path, interruptions, rng):
    params = {**ROUNDS, **params}
    whole = make_lm(**params).fit(corpus)
    lm = make_lm(**params, checkpoint_dir=tmp_path)
    assert interruptions.run_on(lambda: lm.fit(corpus), rng) > 1
    assert_same(lm, whole)


def test_fit_goes_on_from_a_checkpoint_that_is_some_steps_old(
    make_lm, corpus, tmp_path, interruptions, rng, monkeypatch
):
    asked = iter(range(10**6))
    monkeypatch.setattr(
        "skgenome.training._checkpoint.Clock.is_due", property(lambda _: next(asked) % 7 == 0)
    )
    whole = make_lm(**ROUNDS).fit(corpus)
    lm = make_lm(**ROUNDS, checkpoint_dir=tmp_path)
    assert interruptions.run_on(lambda: lm.fit(corpus), rng, fewest=50, most=150) > 0
    assert_same(lm, whole)


@pytest.mark.parametrize("params", [{}, {"encoder": "resnet18"}, {"negatives": "batch"}, {"context": "lstm"}])
def test_contrastive_fit_goes_on(params, make_cpc, bases, tmp_path, interruptions, rng):
    params = {"max_epochs": 5, "validation_size": 200, "checkpoint_minutes": 0, **params}
    whole = make_cpc(**params).fit(bases)
    cpc = make_cpc(**params, checkpoint_dir=tmp_path)
    assert interruptions.run_on(lambda: cpc.fit(bases), rng, most=20) > 0
    assert_same(cpc, whole)
    assert (cpc.transform(bases) == whole.transform(bases)).all()


def test_partial_fit_goes_on(make_lm, corpus, tmp_path, interruptions, rng):
    whole = make_lm(**ROUNDS).fit(corpus).set_params(max_epochs=2)
    lm = clone(whole).set_params(checkpoint_dir=tmp_path)
    lm.__setstate__(whole.__getstate__() | {"checkpoint_dir": tmp_path})
    whole.partial_fit(corpus)
    assert interruptions.run_on(lambda: lm.partial_fit(corpus), rng) > 1
    assert_same(lm, whole)


def test_fit_goes_on_without_a_seed(make_lm, corpus, tmp_path, interruptions):
    """The folder remembers what was drawn: where nothing is asked for, a new process would draw anew."""
    lm = make_lm(**ROUNDS, random_state=None, checkpoint_dir=tmp_path)
    assert not interruptions.run(lambda: lm.fit(corpus), IN_SECOND_ROUND)
    (note,) = tmp_path.glob("*/call.json")
    seed = int(note.read_text().split('"seed": ')[1].rstrip("}\n"))
    assert interruptions.run(lambda: lm.fit(corpus))
    assert interruptions.names.count("on_epoch_begin") == 2
    assert_same(lm, make_lm(**ROUNDS, random_state=seed).fit(corpus))


def test_fit_with_a_generator_leaves_it_as_without_checkpoints(make_lm, corpus, tmp_path, interruptions):
    generators = [np.random.RandomState(3) for _ in range(3)]
    whole = make_lm(**ROUNDS, random_state=generators[0]).fit(corpus)
    lm = make_lm(**ROUNDS, checkpoint_dir=tmp_path, random_state=generators[1])
    assert not interruptions.run(lambda: lm.fit(corpus), IN_SECOND_ROUND)
    lm.set_params(random_state=generators[2])
    assert interruptions.run(lambda: lm.fit(corpus))
    assert_same(lm, whole)
    assert generators[2].rand() == generators[0].rand()


def test_fit_forgets_what_has_ended(make_lm, corpus, tmp_path, interruptions):
    """A fit that has ended leaves nothing that a second one could begin with."""
    lm = make_lm(**ROUNDS, checkpoint_dir=tmp_path)
    for _ in range(2):
        assert interruptions.run(lambda: lm.fit(corpus))
        assert interruptions.names.count("on_epoch_end") == 3
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        ({"learning_rate": 0.1}, r"learning_rate \(0\.005, now 0\.1\)"),
        ({"random_state": 1}, r"random_state \(0, now 1\)"),
        ({"precision": "float32"}, r"precision \('auto', now 'float32'\)"),
        ({"hidden_size": 7, "bptt": 9}, r"bptt .*, hidden_size \(6, now 7\)"),
    ],
    ids=["rate", "seed", "precision", "two"],
)
def test_another_call_starts_anew_and_says_so(change, differs, make_lm, corpus, tmp_path, interruptions):
    first = make_lm(**ROUNDS, checkpoint_dir=tmp_path)
    assert not interruptions.run(lambda: first.fit(corpus), IN_SECOND_ROUND)
    other = make_lm(**{**ROUNDS, "checkpoint_dir": tmp_path, **change})
    with pytest.warns(SkgenomeWarning, match=differs) as record:
        other.fit(corpus)
    assert [warning.filename for warning in record] == [__file__]
    assert_same(other, make_lm(**{**ROUNDS, **change}).fit(corpus))
    # And the first one is still there.
    assert interruptions.run(lambda: first.fit(corpus))
    assert interruptions.names.count("on_epoch_begin") == 2
    assert_same(first, make_lm(**ROUNDS).fit(corpus))


def test_other_data_start_anew(make_lm, corpus, tmp_path, interruptions):
    lm = make_lm(**ROUNDS, checkpoint_dir=tmp_path)
    assert not interruptions.run(lambda: lm.fit(corpus), IN_SECOND_ROUND)
    with pytest.warns(SkgenomeWarning, match=r"starts anew, but 1 unfinished.* differs in X \("):
        lm.fit(corpus[:1] + corpus[2:])
    assert_same(lm, make_lm(**ROUNDS).fit(corpus[:1] + corpus[2:]))


@pytest.mark.parametrize(
    "change",
    [{"verbose": 1}, {"cache_size": 0}, {"pooling": "mean"}, {"layer": 0}, {"checkpoint_minutes": 1e3}],
    ids=lambda change: next(iter(change)),
)
def test_what_has_no_influence_may_change(change, make_lm, corpus, tmp_path, interruptions):
    lm = make_lm(**ROUNDS, checkpoint_dir=tmp_path)
    assert not interruptions.run(lambda: lm.fit(corpus), IN_SECOND_ROUND)
    lm = make_lm(**{**ROUNDS, "checkpoint_dir": str(tmp_path), **change})
    assert interruptions.run(lambda: lm.fit(corpus))
    assert interruptions.names.count("on_epoch_begin") == 2
    assert_same(lm, make_lm(**ROUNDS).fit(corpus))


def test_progress_goes_on_where_it_was(make_lm, corpus, tmp_path, interruptions, capsys):
    lm = make_lm(**ROUNDS, checkpoint_dir=tmp_path, verbose=1)
    assert not interruptions.run(lambda: lm.fit(corpus), IN_SECOND_ROUND)
    capsys.readouterr()
    interruptions.run(lambda: lm.fit(corpus))
    n_steps = lm.history_[-1]["step"]
    assert f"{n_steps}/{n_steps}" in capsys.readouterr().err


def test_seconds_are_those_of_both_tries(make_lm, corpus, tmp_path, interruptions, monkeypatch):
    times = iter(range(10**6))
    monkeypatch.setattr("time.time", lambda: float(next(times)))
    lm = make_lm(max_epochs=1, checkpoint_minutes=0, checkpoint_dir=tmp_path)
    assert not interruptions.run(lambda: lm.fit(corpus), 60)
    assert interruptions.run(lambda: lm.fit(corpus))
    # The clock ticks when it is read: at the start of a round, at each checkpoint within it, at its end.
    assert lm.history_[0]["seconds"] > lm.history_[0]["step"] / 2


def test_search_shares_a_folder(corpus, token_ids, make_lm, tmp_path):
    """Clones have the same checkpoint_dir, and searches fit many."""
    search = GridSearchCV(
        make_pipeline(make_lm(checkpoint_dir=tmp_path, checkpoint_minutes=0), LogisticRegression()),
        {f"{type(make_lm()).__name__.lower()}__learning_rate": [0.01, 0.1]},
        cv=2,
        error_score="raise",
    )
    X, y = corpus[:3] * 2 + token_ids[:1] * 2, np.arange(8) % 2
    with_checkpoints = search.fit(X, y).cv_results_["mean_test_score"]
    search.set_params(estimator__languagemodel__checkpoint_dir=None)
    assert (search.fit(X, y).cv_results_["mean_test_score"] == with_checkpoints).all()
    assert list(tmp_path.iterdir()) == []


class Interrupted(Exception):
    """Within a checkpoint."""


def test_fit_leaves_the_folder_after_an_error(make_lm, corpus, tmp_path, monkeypatch):
    save, n_saved = Place.save, 0

    def fail(self, state):
        nonlocal n_saved
        save(self, state)
        n_saved += 1
        if n_saved == 20:
            raise Interrupted

    monkeypatch.setattr(Place, "save", fail)
    lm = make_lm(**ROUNDS, checkpoint_dir=tmp_path)
    with pytest.raises(Interrupted):
        lm.fit(corpus)
    (folder,) = tmp_path.iterdir()
    names = sorted(str(file.relative_to(folder)).partition("-")[0] for file in folder.rglob("*"))
    assert names == ["call.json", "lock", "training", "training/00000019", "training/00000020"]
    assert_same(lm.fit(corpus), make_lm(**ROUNDS).fit(corpus))


def test_fit_that_fails_before_any_checkpoint_leaves_nothing(make_lm, tmp_path):
    with pytest.raises(ValueError, match="no next token"):
        make_lm(checkpoint_dir=tmp_path, k=3, stride=1).fit([np.array([65], dtype=np.uint8)])
    assert list(tmp_path.iterdir()) == []


def interrupt_at(monkeypatch, n_steps):
    """Press Ctrl-C, once, before a training step."""
    train_step, seen = NeuralNet.train_step, []

    def interrupted(self, *args, **kwargs):
        seen.append(None)
        if len(seen) == n_steps + 1:
            raise KeyboardInterrupt
        return train_step(self, *args, **kwargs)

    monkeypatch.setattr(NeuralNet, "train_step", interrupted)


@pytest.mark.parametrize("with_checkpoints", [True, False])
def test_ctrl_c_leaves_a_model_and_says_so(
    with_checkpoints, make_lm, corpus, token_ids, tmp_path, monkeypatch
):
    folder = {"checkpoint_dir": tmp_path} if with_checkpoints else {}
    lm = make_lm(**ROUNDS, **folder)
    interrupt_at(monkeypatch, 20)
    goes_on = "goes on from the last checkpoint" if with_checkpoints else "starts anew"
    with (
        pytest.warns(SkgenomeWarning, match=rf"after 20 step.s., in round 2 of 3.*{goes_on}") as record,
        pytest.raises(KeyboardInterrupt),
    ):
        lm.fit(corpus)
    assert [warning.filename for warning in record] == [__file__]
    assert len(lm.history_) == 1
    assert np.isfinite(lm.transform(token_ids)).all()
    assert lm.bits_per_base(token_ids) > 0
    # The same call goes on, or begins anew, and both end alike.
    assert_same(lm.fit(corpus), make_lm(**ROUNDS).fit(corpus))


def test_ctrl_c_before_the_first_step_leaves_no_model(make_lm, corpus, token_ids, monkeypatch):
    lm = make_lm()
    interrupt_at(monkeypatch, 0)
    with pytest.raises(KeyboardInterrupt):
        lm.fit(corpus)
    with pytest.raises(NotFittedError):
        lm.transform(token_ids)


def test_ctrl_c_in_partial_fit_leaves_the_model_as_it_was(make_lm, corpus, monkeypatch):
    lm = make_lm().fit(corpus)
    before = clone(lm)
    before.__setstate__(lm.__getstate__())
    interrupt_at(monkeypatch, 5)
    with pytest.raises(KeyboardInterrupt):
        lm.partial_fit(corpus)
    assert_same(lm, before)


def test_no_folder_writes_nothing(make_lm, corpus, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make_lm(checkpoint_minutes=0).fit(corpus)
    assert list(tmp_path.iterdir()) == []
