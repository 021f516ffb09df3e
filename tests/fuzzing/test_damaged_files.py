"""Whatever the bytes, a reader gives a result or an error that names file and place."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuzzing.contract import READ, REFUSED, Violation, check
from fuzzing.mutation import SEPARATOR, mutate_bytes, mutate_json
from fuzzing.targets import TARGETS

EACH_TARGET = pytest.mark.parametrize("name", TARGETS)


@pytest.fixture(scope="module")
def seeds(tmp_path_factory):
    """Whole inputs of each target."""
    return {name: target.seeds(tmp_path_factory.mktemp(name)) for name, target in TARGETS.items()}


@EACH_TARGET
def test_whole_files_are_read(name, seeds, tmp_path):
    """What our own writers make is read: else damage to it would show nothing."""
    assert seeds[name]
    for seed in seeds[name]:
        assert check(TARGETS[name], seed, tmp_path) == READ


@EACH_TARGET
@given(content=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(name, content, tmp_path):
    assert check(TARGETS[name], content, tmp_path) in (READ, REFUSED)


@EACH_TARGET
@given(choice=st.integers(0, 99), seed=st.integers(0, 2**32 - 1))
def test_damaged_files_are_read_or_refused(name, choice, seed, seeds, tmp_path):
    target, random = TARGETS[name], Random(seed)
    content = seeds[name][choice % len(seeds[name])]
    damage = lambda content: mutate_bytes(content, random)  # noqa: E731
    damaged = mutate_json(content, random, damage) if target.is_json else damage(content)
    assert check(target, damaged, tmp_path) in (READ, REFUSED)


@EACH_TARGET
@given(data=st.data())
def test_truncated_files_are_read_or_refused(name, data, seeds, tmp_path):
    content = data.draw(st.sampled_from(seeds[name]))
    end = data.draw(st.integers(0, len(content)))
    assert check(TARGETS[name], content[:end], tmp_path) in (READ, REFUSED)


def raise_this(error):
    def read(content, folder):
        raise error

    return read


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (KeyError("x"), "KeyError is no error of ours"),
        (MemoryError(), "MemoryError is no error of ours"),
        (RecursionError("deep"), "RecursionError is no error of ours"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), "UnicodeDecodeError is no error of ours"),
        (RuntimeWarning("overflow"), "RuntimeWarning is no error of ours"),
        (ValueError("line 3 is wrong"), "names no file"),
        (ValueError("FOLDER/a.bed is wrong"), "names no place"),
        (ValueError("FOLDER/a.bed, line 3: " + "x" * 2000), "has 2,0.. characters"),
    ],
)
def test_contract_finds_what_is_no_help(error, message, tmp_path):
    """The judge itself: it would pass everything if it passed these."""
    text = error.args[0] if error.args and type(error) is ValueError else None
    error = ValueError(text.replace("FOLDER", str(tmp_path))) if text else error
    target = TARGETS["bed"]._replace(read=raise_this(error))
    with pytest.raises(Violation, match=message):
        check(target, b"", tmp_path)


def test_contract_passes_an_error_with_file_and_place(tmp_path):
    target = TARGETS["bed"]._replace(read=raise_this(ValueError(f"{tmp_path}/a.bed, line 3: no number")))
    assert check(target, b"", tmp_path) == REFUSED


def test_mutations_change_and_keep(seeds):
    """Most inputs are changed, and most documents stay documents, which get past the first check."""
    (content, *_), random = seeds["model"], Random(0)
    damaged = [mutate_json(content, random, lambda rest: mutate_bytes(rest, random)) for _ in range(200)]
    assert len(set(damaged)) > 150
    assert sum(text.startswith((b"{", b"[")) and SEPARATOR in text for text in damaged) > 100
