"""Input at the edge of what makes sense, and input that makes none."""

import re

import numpy as np

from skgenome.utils._sequence_checks.data import (
    BAD_RECORD,
    assert_finite,
    assert_same,
    fitted,
    make_data,
    needs_fit,
    output_methods,
    outputs,
    pick,
    seeded,
    takes_strings,
)

PROTEIN = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQ"
# The first letters M, K, T, A and Y are nucleotide codes too; I is the first that is none.
PROTEIN_POSITION = 5


def _insert(data, record):
    """Put a record at place BAD_RECORD; a row of token ids is padded to the width of the matrix."""
    y = np.insert(data.y, BAD_RECORD, data.y[BAD_RECORD])
    if isinstance(data.X, list):
        return data._replace(X=[*data.X[:BAD_RECORD], record, *data.X[BAD_RECORD:]], y=y)
    row = np.zeros(data.X.shape[1], dtype=data.X.dtype)
    row[: len(record)] = record
    return data._replace(X=np.insert(data.X, BAD_RECORD, row, axis=0), y=y)


def _raised(call, *arguments):
    """Return the exception that a call raises, or None."""
    try:
        call(*arguments)
    except Exception as error:  # noqa: BLE001 (the caller judges its type and message)
        return error
    return None


def _errors(estimator, data, X, y):
    """Collect what fit and each output method raise for a wrong X, by the method's name."""
    model = fitted(estimator, data)
    errors = {name: _raised(getattr(model, name), X) for name in output_methods(model)}
    # Without anything to learn, fit need not look at X.
    if needs_fit(estimator):
        errors["fit"] = _raised(seeded(estimator).fit, X, y)
    return errors


def _names(message, number):
    """Say whether a message holds a number, as a word of its own."""
    return re.search(rf"(?<![\w.]){number}(?![\w.]*\d)", message) is not None


def _assert_names_record(error, what):
    assert _names(str(error), BAD_RECORD), f"The error for {what} does not name record {BAD_RECORD}: {error}"


def _check_handled(estimator, record, what):
    """Handle a degenerate record: finite output that leaves the others alone, or an error that names it."""
    data = make_data(estimator)
    with_record = _insert(data, record)
    model = fitted(estimator, data)
    try:
        found = outputs(model, with_record.X)
    except ValueError as error:
        _assert_names_record(error, what)
    else:
        assert_finite(found, f"The output with {what}")
        others = [i for i in range(len(with_record.y)) if i != BAD_RECORD]
        assert_same(pick(found, others), outputs(model, data.X), f"The output of the others with {what}")
    try:
        model = fitted(estimator, with_record)
    except ValueError as error:
        _assert_names_record(error, f"{what} in fit")
    else:
        assert_finite(outputs(model, data.X), f"The output after a fit with {what}")


def check_empty_string(estimator):
    """Handle a sequence without a base."""
    _check_handled(estimator, "", "an empty string")


def check_one_base(estimator):
    """Handle a sequence of one base."""
    _check_handled(estimator, "A", "a sequence of one base")


def check_shorter_than_k(estimator):
    """Handle a sequence one base short of a k-mer."""
    params = seeded(estimator).get_params()
    sizes = [int(np.max(k)) for name, k in params.items() if name.split("__")[-1] == "k" and k is not None]
    length = max(max(sizes, default=3) - 1, 1)
    _check_handled(estimator, ("ACGT" * length)[:length], f"a sequence of {length} bases, shorter than k")


def check_all_ambiguous(estimator):
    """Handle a sequence of N alone."""
    _check_handled(estimator, "N" * 30, "a sequence of N alone")


def check_no_token(estimator):
    """Handle a row that is padding alone."""
    _check_handled(estimator, [], "a row of padding alone")


def check_one_token(estimator):
    """Handle a row of one token."""
    _check_handled(estimator, [2], "a row of one token")


def check_all_unknown(estimator):
    """Handle a row of unknown tokens alone."""
    _check_handled(estimator, [1] * 20, "a row of unknown tokens alone")


def check_empty_collection(estimator):
    """Refuse a collection without a sample, in ``fit`` and after, with an error that says so."""
    data = make_data(estimator)
    for name, error in _errors(estimator, data, data.X[:0], data.y[:0]).items():
        assert isinstance(error, ValueError), (
            f"{name} of an empty collection must raise ValueError, got {error!r}."
        )
        assert re.search(r"(?i)empty|\bno\b|at least|\b0\b", str(error)), (
            f"The error of {name} for an empty collection does not say that it is empty: {error}"
        )


def _check_refused(estimator, record, what, numbers):
    """Refuse a record in ``fit`` and after, with an error that holds the numbers."""
    data = make_data(estimator)
    with_record = _insert(data, record)
    for name, error in _errors(estimator, data, with_record.X, with_record.y).items():
        assert isinstance(error, ValueError | TypeError), (
            f"{name} with {what} must raise ValueError or TypeError, got {error!r}."
        )
        missing = [number for number in numbers if not _names(str(error), number)]
        assert not missing, f"{name} with {what}: the error does not name {missing}: {error}"


def check_protein_is_named(estimator):
    """Refuse a protein with an error that names the record and the position."""
    _check_refused(estimator, PROTEIN, "a protein", [BAD_RECORD, PROTEIN_POSITION])


def check_missing_value_is_named(estimator):
    """Refuse None and NaN among the sequences with an error that names the record."""
    for missing in (None, float("nan")):
        _check_refused(estimator, missing, f"{missing} among the sequences", [BAD_RECORD])


def check_single_string_is_refused(estimator):
    """Refuse a str where a collection of str belongs: it would be read as many one-base sequences."""
    data = make_data(estimator)
    for name, error in _errors(estimator, data, data.X[0], data.y[:1]).items():
        assert isinstance(error, TypeError), f"{name} of a single str must raise TypeError, got {error!r}."


def check_inconsistent_numbers_are_refused(estimator):
    """Refuse X and y of unequal length where y is used."""
    data = make_data(estimator)
    error = _raised(seeded(estimator).fit, data.X, data.y[:-1])
    assert isinstance(error, ValueError), (
        f"fit on {len(data.y)} {'sequences' if takes_strings(estimator) else 'rows'} and {len(data.y) - 1} "
        f"labels must raise ValueError, got {error!r}."
    )
