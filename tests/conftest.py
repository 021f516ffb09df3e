"""Fixtures that all tests share."""

import errno
import os
from pathlib import Path

import pytest

from skgenome.sequences import _locks

# Where the real files lie when the repository is checked out beside them.
_SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def real_data_home():
    """Folder of the real files; the test is skipped where there is none."""
    folder = Path(os.environ.get("SKGENOME_DATA") or _SHARED_DATA).expanduser()
    if not (folder / "ecoli_k12").is_dir():
        pytest.skip(f"no real data in {folder}; set SKGENOME_DATA to a folder that has it")
    return folder


@pytest.fixture
def seed():
    """Seed of everything random in a test; CI tries others through SKGENOME_TEST_SEED."""
    return int(os.environ.get("SKGENOME_TEST_SEED", "0"))


@pytest.fixture(params=["none", "refused"])
def without_locks(request, monkeypatch):
    """A system that has no locks, or a file system that refuses them."""

    def refuse(*_):
        raise OSError(errno.ENOLCK, "no locks")

    if request.param == "none":
        monkeypatch.setattr(_locks, "fcntl", None)
    else:
        monkeypatch.setattr(_locks.fcntl, "flock", refuse)


class Killed(BaseException):
    """What nothing in the package catches: it ends a training as a kill does, in this process."""


class Interruptions:
    """Ends trainings at chosen events of skorch, and says which events there were.

    Attributes
    ----------
    names : list of str
        Events since the last `fatal` was set; those of validation steps end in "(validation)".
    fatal : int or None
        Events after which a training ends.
    """

    def __init__(self, notify):
        self.notify = notify
        self.die_after(None)

    def die_after(self, n_events):
        self.fatal, self.names = n_events, []

    def pass_on(self, net, name, **arguments):
        self.notify(net, name, **arguments)
        in_validation = name.startswith("on_batch") and not arguments["training"]
        self.names.append(f"{name} (validation)" if in_validation else name)
        if len(self.names) == self.fatal:
            raise Killed

    def run(self, fit, n_events=None):
        """Call `fit`; say whether it has lived."""
        self.die_after(n_events)
        try:
            fit()
        except Killed:
            return False
        finally:
            self.fatal = None
        return True

    def run_on(self, fit, rng, fewest=6, most=60):
        """Call `fit` again and again, killed each time after some events, until it lives; count the kills."""
        for n_kills in range(1000):
            if self.run(fit, int(rng.integers(fewest, most))):
                return n_kills
        raise AssertionError("1000 tries, and no end")


@pytest.fixture
def interruptions(monkeypatch):
    """A switch that ends trainings at chosen events."""
    skorch = pytest.importorskip("skorch")
    switch = Interruptions(skorch.NeuralNet.notify)
    monkeypatch.setattr(
        skorch.NeuralNet, "notify", lambda net, name, **arguments: switch.pass_on(net, name, **arguments)
    )
    return switch
