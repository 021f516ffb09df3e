"""What counts as a collection of sequences, checked in one place.

Libraries of tables are recognised by what their objects can do, so that none has to be installed.
"""

import numbers
from typing import Any

import numpy as np

_EXPECTED = "a list, tuple, 1-D array, Series or one-column frame of str"


def check_sequences(X: Any, *, name: str = "X") -> list[str]:
    """Check a collection of sequences and give it as a list.

    Only the container and the type of its elements are looked at; `encode_many` reads the letters.

    Parameters
    ----------
    X : collection of str
        List, tuple, NumPy array of shape (n,) or (n, 1) (object, str or StringDType), pandas or polars
        Series, or pandas or polars frame with one column.
    name : str, default="X"
        What to call it in an error.

    Returns
    -------
    list of str
        The sequences; `X` itself where that is a list. May be empty.

    Raises
    ------
    TypeError
        If X is a single str or no collection, or an element is no str.
    ValueError
        If an element is missing (None, NaN, NA), or X has more than one column.

    Examples
    --------
    >>> import numpy as np
    >>> from skgenome.sequences import check_sequences
    >>> check_sequences(np.array([["ACGT"], ["GGC"]]))
    ['ACGT', 'GGC']
    """
    if isinstance(X, str):
        raise TypeError(
            f"{name} must be {_EXPECTED}. Got a single str of {len(X)} characters. "
            f"Wrap it in a list: [{name}]."
        )
    sequences = _to_list(X, name)
    # The set of types costs 15 ns per element; asking each one costs ten times that.
    if not all(issubclass(kind, str) for kind in set(map(type, sequences))):
        _raise_no_str(sequences, name)
    return sequences


def _to_list(X: Any, name: str) -> list:
    if isinstance(X, list):
        return X
    if isinstance(X, tuple):
        return list(X)
    # A frame, then a Series; asked in this order, for a frame of pandas has no `to_list`, but one of polars
    # may get it.
    if hasattr(X, "columns") and hasattr(X, "to_numpy"):
        return _array_to_list(X.to_numpy(), name)
    if hasattr(X, "to_list") and hasattr(X, "to_numpy"):
        return X.to_list()
    if isinstance(X, np.ndarray):
        return _array_to_list(X, name)
    raise TypeError(f"{name} must be {_EXPECTED}. Got {type(X).__name__} instead.")


def _array_to_list(X: np.ndarray, name: str) -> list:
    if X.ndim == 2 and X.shape[1] == 1:
        X = X[:, 0]
    if X.ndim != 1:
        raise ValueError(f"{name} must be {_EXPECTED}. Got shape {X.shape}; pass one column.")
    return X.tolist()


def _raise_no_str(sequences: list, name: str) -> None:
    place, element = next((i, x) for i, x in enumerate(sequences) if not isinstance(x, str))
    if _is_missing(element):
        raise ValueError(
            f"{name}[{place}] must be a str of DNA or RNA, but is missing ({element!r}). Drop the records "
            "without a sequence first."
        )
    message = f"{name}[{place}] must be a str of DNA or RNA. Got {type(element).__name__} instead."
    raise TypeError(f"{message}{_advise(element)}")


def _is_missing(element: Any) -> bool:
    # pandas.NA answers a comparison with itself, not with a bool; its type says what it is.
    return element is None or type(element).__name__ in ("NAType", "NaTType") or _is_nan(element)


def _is_nan(element: Any) -> bool:
    return isinstance(element, float) and element != element


def _advise(element: Any) -> str:
    if isinstance(element, bytes | bytearray):
        return " Use .decode('ascii') on it."
    if hasattr(element, "sequence"):
        return " Pass [record.sequence for record in records]."
    if isinstance(element, numbers.Number | np.ndarray):
        return " Numbers are token ids already, or no sequences at all."
    return ""
