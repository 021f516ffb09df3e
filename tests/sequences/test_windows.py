import pytest

from skgenome.sequences import iter_windows, window_starts


@pytest.mark.parametrize("length", [0, 3, 4, 5, 8, 21])
@pytest.mark.parametrize("step", [1, 3, 4, 9])
def test_window_starts_are_all_multiples_of_step_that_fit(length, step):
    expected = [start for start in range(0, length, step) if start + 4 <= length]
    starts = window_starts(length, 4, step)
    assert starts.dtype == "int64"
    assert starts.tolist() == expected


def test_windows_lie_side_by_side_by_default():
    assert window_starts(11, 5).tolist() == [0, 5]
    assert list(iter_windows("GATTACATTAG", 5)) == ["GATTA", "CATTA"]


@pytest.mark.parametrize("step", [1, 2, 6])
def test_iter_windows_cuts_at_the_starts(step):
    sequence = "ACGTTGCAACGT"
    starts = window_starts(len(sequence), 5, step)
    assert list(iter_windows(sequence, 5, step)) == [sequence[start : start + 5] for start in starts]


def test_iter_windows_of_a_short_sequence_has_none():
    assert list(iter_windows("ACG", 4)) == []


@pytest.mark.parametrize(
    ("arguments", "name"),
    [((-1, 4, 1), "length"), ((9, 0, 1), "window_size"), ((9, 4, 0), "step"), ((9, -2), "window_size")],
)
def test_window_starts_refuses_sizes_out_of_range(arguments, name):
    with pytest.raises(ValueError, match=rf"{name} must be at least \d, in bases. Got -?\d instead"):
        window_starts(*arguments)
