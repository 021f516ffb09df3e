"""What the content of a window is replaced by."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from skgenome.sequences import decode, dinucleotide_shuffle, encode

_NAMED = ("random", "shuffle", "N")


class Replacement(NamedTuple):
    """A way to replace the contents of windows of one width."""

    replace: Callable[[list[str], np.random.Generator], list[str]]
    """Gives new contents, each as long as the old one."""
    is_random: bool
    """Whether another draw gives something else."""


def _draw_bases(contents, rng):
    width = len(contents[0])
    letters = decode(rng.integers(4, size=width * len(contents)))
    return [letters[i * width : (i + 1) * width] for i in range(len(contents))]


def _shuffle_contents(contents, rng):
    return [dinucleotide_shuffle(content, rng) for content in contents]


def _mask_contents(contents, rng):
    return ["N" * len(content) for content in contents]


def make_replacement(replacement: str, widths: list[int]) -> Replacement:
    """Give what a name stands for, or the replacement by an insert of the user's own.

    Parameters
    ----------
    replacement : {'random', 'shuffle', 'N'} or str of bases
        The name, or the insert.
    widths : list of int
        Of the windows, in bases. An insert fits those of its own length.

    Returns
    -------
    Replacement
        What to call.

    Raises
    ------
    ValueError
        If `replacement` is neither a name nor bases, or an insert has another length than a window.
    """
    named = dict(zip(_NAMED, (_draw_bases, _shuffle_contents, _mask_contents), strict=True))
    if replacement in named:
        return Replacement(named[replacement], is_random=replacement != "N")
    if not replacement:
        raise ValueError("replacement must be 'random', 'shuffle', 'N' or bases to insert. Got '' instead.")
    try:
        encode(replacement)
    except ValueError as err:
        raise ValueError(
            f"replacement must be 'random', 'shuffle', 'N' or bases to insert. Got {replacement[:30]!r}."
        ) from err
    n_bases = len(replacement)
    wrong = [width for width in widths if width != n_bases]
    if wrong:
        raise ValueError(
            f"An insert must be as long as the window that it replaces. Got an insert of {n_bases} bases for "
            f"windows of {wrong[0]}: pass widths={n_bases}."
        )
    return Replacement(lambda contents, rng: [replacement] * len(contents), is_random=False)
