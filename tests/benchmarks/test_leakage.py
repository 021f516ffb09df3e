"""How near test sets are to what is learnt from."""

import numpy as np
import pytest
from sklearn.utils import Bunch

from benchmarks.records import Settings, UnknownChoiceError
from benchmarks.tasks import leakage, run_task
from benchmarks.tasks.leakage import Split, at_random, list_tasks, measure
from skgenome.sequences import reverse_complement


def draw(n, length=200, seed=0):
    rng = np.random.RandomState(seed)
    return ["".join(rng.choice(list("ACGT"), length)) for _ in range(n)]


@pytest.fixture
def split():
    """Of ten test sequences one is equal to one for training, one its other strand, one two thirds of it."""
    train = draw(20)
    test = [*draw(7, seed=1), train[0], reverse_complement(train[1]), train[2][:140] + draw(1, 60, 2)[0]]
    return Split("toy", [(train, test)], ["a.fa"])


def test_measure_counts_what_is_near(split):
    shares = {score.condition: score.values for score in measure(split)}
    assert shares == {"equal": [0.2], "containment of 0.9": [0.2], "containment of 0.3": [0.3]}
    assert {(score.method, score.n_labels, score.metric) for score in measure(split)} == {
        ("toy", 20, "share of the test sequences")
    }


def test_measure_has_a_value_for_every_split(split):
    twice = split._replace(parts=[*split.parts, (draw(5), draw(4, seed=3))])
    assert measure(twice)[0].values == [0.2, 0.0]


def test_windows_are_compared_by_longer_kmers(monkeypatch):
    asked = []
    monkeypatch.setattr(leakage, "leakage_report", lambda *_, **how: asked.append(how))
    leakage._report(draw(2), draw(2))
    leakage._report(draw(2), draw(2, 1000))
    assert asked == [{"k": 11, "threshold": 0.3, "n_hashes": None}, {"k": 15, "threshold": 0.3}]


def test_at_random_has_the_same_sequences_and_sizes(split):
    (train, test), (old_train, old_test) = at_random(split, 0).parts[0], split.parts[0]
    assert (len(train), len(test)) == (len(old_train), len(old_test))
    assert sorted([*train, *test]) == sorted([*old_train, *old_test])
    assert list(train) != list(old_train)
    assert at_random(split, 0).name == "toy, at random"


def test_a_split_at_random_is_not_split_again(monkeypatch, split):
    splits = [split._replace(filenames=()), split._replace(name="folds", filenames=(), is_random=True)]
    monkeypatch.setattr(leakage, "iter_splits", lambda _: splits)
    record = run_task("leakage", Settings())
    assert list(dict.fromkeys(row["method"] for row in record.scores)) == ["toy", "toy, at random", "folds"]


def test_every_task_with_a_split_is_read(monkeypatch):
    """What the tasks' own readers give becomes splits; all are asked for, each once."""
    own = Bunch(data=draw(3), target=np.zeros(3), filenames=["own.fa"])
    sets = [Bunch(train=own, tests={"one": own, "": own})]
    windows = Bunch(
        data=np.array(draw(4)), splits=[([0, 1], [2]), ([0], [1, 2, 3])], filenames=["windows.fa"]
    )
    asked = []

    def read_module(name):
        asked.append(name.rpartition(".")[2])
        found = sets if asked[-1] in leakage.OF_SETS.values() else windows
        return Bunch(read=lambda *_: (found, None))

    monkeypatch.setattr(leakage, "import_module", read_module)
    monkeypatch.setattr(leakage.bacterial_promoters, "read", lambda *_: ({"species": take_many(own)}, None))
    splits = list(leakage.iter_splits(Settings()))
    assert asked == [*leakage.OF_SETS.values(), *leakage.OF_WINDOWS.values()]
    names = [split.name for split in splits]
    assert names[:2] == ["ecoli-promoters one", "ecoli-promoters"]
    assert names[-5:] == ["bacterial-promoters species", *leakage.OF_WINDOWS]
    assert [[len(part) for part in parts] for parts in splits[-1].parts] == [[2, 1], [1, 3]]
    assert len(splits[-5].parts) == 5
    assert splits[-5].is_random


def take_many(bunch):
    return Bunch(data=draw(20), target=np.arange(20) % 2, filenames=bunch.filenames)


def test_tasks_are_chosen_by_name():
    assert len(list_tasks()) == len(set(list_tasks())) == 10
    with pytest.raises(UnknownChoiceError, match="Those it has: 'ecoli-promoters'"):
        run_task("leakage", Settings(methods=("x",)))


@pytest.mark.real_data
def test_split_of_real_enhancers_parts_relatives(real_data_home):
    """A split at random does not."""
    record = run_task("leakage", Settings(data_home=str(real_data_home), methods=("human-enhancers",)))
    found = {(row["method"], row["condition"]): row["mean"] for row in record.scores}
    assert (
        found["human-enhancers", "containment of 0.3"]
        < found["human-enhancers, at random", "containment of 0.3"]
    )
