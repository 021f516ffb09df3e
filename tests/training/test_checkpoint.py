"""The state of a training on disk: whole or not at all, read without code, and never worth a training."""

import errno
import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save as save_tensors

from skgenome.exceptions import DataIntegrityError, SkgenomeWarning
from skgenome.training import Place, _checkpoint, pack_state, unpack_state
from skgenome.training._checkpoint import Clock


def read(place):
    """Open the place anew, as the next process does, and give what it goes on from."""
    return Place(place.folder, place.clock, place.renew).resumed


def make_place(folder, name="training", minutes=0.0):
    return Place(folder / name, Clock(minutes), lambda: None)


@pytest.fixture
def place(tmp_path):
    return make_place(tmp_path)


@pytest.mark.parametrize(
    "state",
    [
        {"a": 1, "b": None, "c": True, "d": "text", "e": 0.1, "f": float("inf")},
        {"betas": (0.8, 0.99), "list": [1, [2, (3,)]], "empty": [{}, [], ()]},
        {0: {"step": 3}, 1: {}, "one": {2: {(1, 2): 3}}},
        {"tensor": 1, "dict": 2, "pairs": {"tuple": 3}, "rest": 4},
    ],
    ids=["scalars", "containers", "keys", "names of its own"],
)
def test_pack_state_round_trip(state):
    assert unpack_state(pack_state(state)) == state


@pytest.mark.parametrize("value", [0.1, 1e-300, -0.0, 1 / 3, 2**53 + 1])
def test_pack_state_keeps_every_bit_of_numbers(value):
    found = unpack_state(pack_state({"x": value}))["x"]
    assert repr(found) == repr(value)


def test_pack_state_takes_numbers_of_numpy():
    found = unpack_state(pack_state({"x": np.float64(0.1), "y": np.int64(3), "z": np.True_}))
    assert found == {"x": 0.1, "y": 3, "z": True}


@pytest.mark.parametrize(
    "tensor",
    [
        torch.randn(3, 4),
        torch.randn(3, 4).to(torch.bfloat16),
        torch.tensor(7.0),
        torch.zeros(0, 5),
        torch.randn(2, 3, 1, 5).to(memory_format=torch.channels_last),
        torch.randn(4, 6).T,
        torch.arange(10)[::2],
        torch.get_rng_state(),
        torch.tensor([float("nan"), float("inf")]),
        torch.randn(3, requires_grad=True),
    ],
    ids=["float", "bfloat16", "0-d", "empty", "channels", "transposed", "strided", "bytes", "nan", "grad"],
)
def test_pack_state_keeps_tensors_and_how_they_lie(tensor):
    found = unpack_state(pack_state({"x": [tensor]}))["x"][0]
    assert found.dtype == tensor.dtype
    assert torch.equal(found.nan_to_num(), tensor.detach().nan_to_num())
    # As a weight that is trained on: an optimiser makes its state in this layout.
    assert found.stride() == torch.empty_like(tensor).stride()


def test_pack_state_takes_tied_weights():
    weight = torch.randn(3)
    found = unpack_state(pack_state({"encoder": weight, "decoder": weight}))
    assert torch.equal(found["encoder"], found["decoder"])


@pytest.mark.parametrize("value", [{1, 2}, object(), lambda: None], ids=["set", "object", "function"])
def test_pack_state_refuses_what_takes_code(value):
    with pytest.raises(TypeError, match=r"holds a \w+, .*cannot be written without code"):
        pack_state({"x": [value]})


class Bomb:
    """Goes off when it is unpickled."""

    def __reduce__(self):
        return os.system, ("touch /tmp/skgenome-bomb-went-off",)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"rubbish" * 100,
        pack_state({"x": torch.ones(3)})[:-1],
        pickle.dumps(Bomb()),
        save_tensors({"x": torch.zeros(1)}),
        save_tensors({"rest": torch.frombuffer(bytearray(b"{}"), dtype=torch.uint8)}),
        save_tensors({"rest": torch.frombuffer(bytearray(b'{"tensor": ["0", [1]]}'), dtype=torch.uint8)}),
        save_tensors({"rest": torch.frombuffer(bytearray(b'{"code": 1}'), dtype=torch.uint8)}),
    ],
    ids=["empty", "rubbish", "truncated", "pickle", "no rest", "no kind", "no tensor", "other kind"],
)
def test_unpack_state_refuses_what_is_none(content):
    with pytest.raises(DataIntegrityError, match="no state of a training can be read"):
        unpack_state(content)
    assert not Path("/tmp/skgenome-bomb-went-off").exists()


def test_place_gives_the_last_state_and_keeps_two(place):
    assert place.resumed is None
    for step in range(5):
        place.save({"step": step})
        assert read(place) == {"step": step}
    assert [file.name[:8] for file in sorted(place.folder.iterdir())] == ["00000004", "00000005"]


def test_place_of_another_name_is_another_place(tmp_path):
    make_place(tmp_path, "fold-1").save({"step": 1})
    assert make_place(tmp_path, "fold-2").resumed is None


@pytest.mark.parametrize("damage", ["truncated", "empty", "a bit", "gone", "unreadable"])
def test_place_falls_back_to_the_checkpoint_before(damage, place):
    for step in range(2):
        place.save({"step": step, "weights": torch.ones(100)})
    last = max(place.folder.iterdir())
    content = bytearray(last.read_bytes())
    content[-300] ^= 1
    if damage == "gone":
        last.unlink()
        assert read(place)["step"] == 0
        return
    if damage == "unreadable":
        last.unlink()
        last.mkdir()
    else:
        last.write_bytes({"truncated": content[:100], "empty": b"", "a bit": content}[damage])
    with pytest.warns(SkgenomeWarning, match=r"00000002-\w+\.safetensors is left out, since .*one before it"):
        assert read(place)["step"] == 0


def test_place_without_a_whole_checkpoint_starts_anew(place):
    for step in range(2):
        place.save({"step": step})
    for file in place.folder.iterdir():
        file.write_bytes(b"")
    with pytest.warns(SkgenomeWarning, match="0 bytes are damaged") as record:
        assert read(place) is None
    assert len(record) == 2
    # And what is written from now on is the last one.
    place.save({"step": 7})
    assert read(place) == {"step": 7}


def test_place_opens_no_pickle(place):
    place.save({"step": 0})
    content = pickle.dumps(Bomb())
    (place.folder / f"00000009-{_checkpoint._digest(content)}.safetensors").write_bytes(content)
    with pytest.warns(SkgenomeWarning, match="no state of a training"):
        assert read(place) == {"step": 0}
    assert not Path("/tmp/skgenome-bomb-went-off").exists()


@pytest.mark.parametrize("step", ["write", "fsync", "replace"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_place_that_is_interrupted_leaves_the_checkpoint_before(step, error, place, monkeypatch):
    place.save({"step": 0})
    before = sorted(place.folder.iterdir())

    def interrupted(*_, **__):
        raise error

    with monkeypatch.context() as patch:
        if step == "write":
            patch.setattr(_checkpoint, "pack_state", interrupted)
        elif step == "fsync":
            patch.setattr(os, "fsync", interrupted)
        else:
            patch.setattr(Path, "replace", interrupted)
        with pytest.raises(error):
            place.save({"step": 1})
    assert sorted(place.folder.iterdir()) == before
    assert read(place) == {"step": 0}


def test_place_removes_what_a_killed_process_was_writing(place):
    place.save({"step": 0})
    (place.folder / ".0123456789abcdef.00000002-0123456789abcdef.safetensors").write_bytes(b"half of i")
    assert read(place) == {"step": 0}
    assert len(list(place.folder.iterdir())) == 1


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (errno.ENOSPC, "No space left on device"),
        (errno.EROFS, "Read-only file system"),
        (errno.EACCES, "Perm"),
    ],
    ids=["full", "read-only", "forbidden"],
)
def test_place_that_cannot_be_written_to_warns_and_goes_on(code, text, place, monkeypatch):
    place.save({"step": 0})
    before = sorted(place.folder.iterdir())

    def fail(_):
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.warns(
            SkgenomeWarning, match=rf"No checkpoint could be written .*{text}.*training goes on"
        ):
            place.save({"step": 1})
    assert sorted(place.folder.iterdir()) == before
    place.save({"step": 2})
    assert read(place) == {"step": 2}


def test_place_is_not_tried_again_before_it_is_due(tmp_path, monkeypatch):
    """A full disk must not cost a try after each step."""
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    place = make_place(tmp_path, minutes=10.0)
    now[0] = 599.0
    assert not place.is_due
    now[0] = 600.0
    assert place.is_due
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
        with pytest.warns(SkgenomeWarning, match="next try comes after checkpoint_minutes"):
            place.save({})
    assert not place.is_due


def test_place_warns_of_a_state_that_takes_code(place):
    with pytest.warns(SkgenomeWarning, match="holds a set.*an optimizer whose state"):
        place.save({"optimizer": {1, 2}})


def test_place_writes_json_and_tensors_alone(place):
    place.save({"step": 3, "weights": torch.ones(2)})
    (file,) = place.folder.iterdir()
    content = file.read_bytes()
    size = int.from_bytes(content[:8], "little")
    assert set(json.loads(content[8 : 8 + size])) == {"0", "rest"}


@pytest.mark.parametrize("content", [3, "text", [1, 2], None])
def test_a_checkpoint_that_holds_no_state_is_damaged(content, tmp_path):
    packed = _checkpoint.pack_state(content)
    path = tmp_path / f"00000001-{_checkpoint._digest(packed)}{_checkpoint.SUFFIX}"
    path.write_bytes(packed)
    with pytest.raises(DataIntegrityError, match="and no state"):
        _checkpoint._read(path)
