"""What a reader owes to whoever hands it a damaged file."""

import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from skgenome.exceptions import DataIntegrityError, ModelMismatchError, SkgenomeWarning

#: Errors that are meant for users. Subclasses are not: a UnicodeDecodeError is a ValueError too, and comes
#: out of a depth that no user knows.
OURS = (DataIntegrityError, ModelMismatchError, ValueError, TypeError)
#: A message is read by people. One that repeats a damaged file at length is none.
LONGEST_MESSAGE = 1500

READ, REFUSED = "read", "refused"


class Violation(AssertionError):
    """A reader did what it must not."""


class Target(NamedTuple):
    """A reader, and what it is fed with."""

    name: str
    read: Callable[[bytes, Path], None]
    """Puts the bytes into a folder and reads them; raises Violation if the result cannot be right."""
    seeds: Callable[[Path], list[bytes]]
    """Makes whole inputs, by our own writers where there are some; it may use the folder."""
    place: str
    """A pattern that each message must have: where the file is wrong, or that there is nothing in it."""
    share: int
    """Of the inputs of a whole search: readers that take longer get fewer."""
    is_json: bool = False
    """Whether the input begins with a JSON document, up to `fuzzing.mutation.SEPARATOR`."""


def check(target: Target, content: bytes, folder: Path) -> str:
    """Read an input and judge what happens.

    Parameters
    ----------
    target : Target
        The reader.
    content : bytes
        The input.
    folder : Path
        Where it may be written. Files of an earlier input may lie there.

    Returns
    -------
    {'read', 'refused'}
        Whether there was a result or an error of ours.

    Raises
    ------
    Violation
        If the result is wrong, the error is not one of ours, or its message does not help.
    """
    with warnings.catch_warnings():
        # A warning of NumPy or torch says that something was computed that should have been refused.
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", SkgenomeWarning)
        try:
            target.read(content, folder)
        except Violation:
            raise
        # All that a reader may let through is to be seen here.
        except Exception as err:  # noqa: BLE001
            _judge(target, err, folder)
            return REFUSED
    return READ


def _judge(target: Target, err: Exception, folder: Path) -> None:
    message = str(err)
    if type(err) not in OURS:
        raise Violation(f"{type(err).__name__} is no error of ours: {message[:200]}") from err
    if str(folder) not in message:
        raise Violation(f"The message names no file: {message[:200]}") from err
    if not re.search(target.place, message):
        raise Violation(f"The message names no place: {message[:200]}") from err
    if len(message) > LONGEST_MESSAGE:
        raise Violation(f"The message has {len(message):,} characters: {message[:200]}") from err


def require(condition: bool, what: str) -> None:
    """Raise Violation unless a condition holds.

    Parameters
    ----------
    condition : bool
        What a result must be like.
    what : str
        The same in words.

    Raises
    ------
    Violation
        If it does not hold.
    """
    if not condition:
        raise Violation(f"The result is wrong: {what}")
