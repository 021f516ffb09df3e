"""What must not change an output: padding, batches, order, the container, the spelling of a base."""

from copy import deepcopy
from importlib import import_module
from importlib.util import find_spec

import numpy as np

from skgenome.utils._sequence_checks.data import (
    assert_same,
    fitted,
    make_data,
    outputs,
    pick,
    take,
    takes_strings,
)


def _pad(token_ids, n_columns):
    """Append columns of padding."""
    return np.pad(token_ids, [(0, 0), (0, n_columns)])


def check_padding_does_not_change_output(estimator):
    """Give a sample the same output however far its batch is padded."""
    data = make_data(estimator)
    model = fitted(estimator, data)
    expected = outputs(model, data.X)
    if takes_strings(estimator):
        longer = "ACGTTGCA" * 12
        found = pick(outputs(model, [*data.X, longer]), range(len(data.X)))
    else:
        found = outputs(model, _pad(data.X, 7))
    assert_same(found, expected, "Padding changed the output")


def check_padding_does_not_change_fit(estimator):
    """Learn the same from a matrix of token ids however far it is padded."""
    data = make_data(estimator)
    expected = outputs(fitted(estimator, data), data.X)
    found = outputs(fitted(estimator, data._replace(X=_pad(data.X, 7))), data.X)
    assert_same(found, expected, "Padding changed what fit learns")


def check_padding_does_not_change_score(estimator):
    """Give token ids the same ``score`` however far they are padded."""
    data = make_data(estimator)
    model = fitted(estimator, data)
    found, expected = model.score(_pad(data.X, 7), data.y), model.score(data.X, data.y)
    np.testing.assert_allclose(found, expected, rtol=1e-4, err_msg="Padding changed the score")


def check_sample_order_does_not_change_output(estimator):
    """Give each sample its own output wherever it stands among the others."""
    data = make_data(estimator)
    model = fitted(estimator, data)
    order = np.random.default_rng(0).permutation(len(data.y))
    expected = pick(outputs(model, data.X), order)
    assert_same(outputs(model, take(data.X, order)), expected, "The order of samples changed the output")


def check_batch_size_does_not_change_output(estimator):
    """Give a sample alone the output it has among others, at any ``batch_size``."""
    data = make_data(estimator)
    model = fitted(estimator, data)
    expected = outputs(model, data.X)
    for i in range(0, len(data.y), 9):
        alone = outputs(model, take(data.X, [i]))
        assert_same(alone, pick(expected, [i]), f"Sample {i} alone differs from sample {i} among others")
    sizes = [name for name in model.get_params() if name.split("__")[-1] == "batch_size"]
    for batch_size in (1, 3) if sizes else ():
        found = outputs(model.set_params(**dict.fromkeys(sizes, batch_size)), data.X)
        assert_same(found, expected, f"batch_size={batch_size} changed the output")


def check_input_is_not_modified(estimator):
    """Leave X as it was, in ``fit`` and after."""
    data = make_data(estimator)
    X = np.array(data.X, dtype=object if takes_strings(estimator) else None)
    before = deepcopy(X)
    model = fitted(estimator, data._replace(X=X))
    np.testing.assert_array_equal(X, before, "fit changed X")
    outputs(model, X)
    np.testing.assert_array_equal(X, before, "An output method changed X")


def string_containers(sequences):
    """List every container of str that counts as a collection of sequences, by name."""
    objects = np.array(sequences, dtype=object)
    containers = {
        "a tuple": tuple(sequences),
        "an object array": objects,
        "a str array": np.array(sequences),
        "a StringDType array": np.array(sequences, dtype=np.dtypes.StringDType()),
        "a one-column array": objects[:, None],
    }
    # The index does not count from 0: code that looks samples up by label instead of place fails.
    if find_spec("pandas"):
        pandas = import_module("pandas")
        containers["a pandas Series"] = pandas.Series(sequences, index=range(100, 100 + len(sequences)))
        containers["a one-column pandas frame"] = containers["a pandas Series"].to_frame("sequence")
    if find_spec("polars"):
        polars = import_module("polars")
        containers["a polars Series"] = polars.Series("sequence", sequences)
        containers["a one-column polars frame"] = containers["a polars Series"].to_frame()
    return containers


def id_containers(token_ids):
    """List every form that a matrix of token ids may take, by name."""
    read_only = token_ids.copy()
    # joblib hands large arrays to its workers as read-only memory maps.
    read_only.flags.writeable = False
    return {
        "a list of 1-D arrays": [np.trim_zeros(row, "b") for row in token_ids],
        "uint32": token_ids.astype(np.uint32),
        "int64": token_ids.astype(np.int64),
        "a Fortran-ordered matrix": np.asfortranarray(token_ids),
        "a read-only matrix": read_only,
    }


def _containers(estimator, X):
    return string_containers(X) if takes_strings(estimator) else id_containers(X)


def check_containers_give_the_same_output(estimator):
    """Give the same bits for a list, a tuple, an array, a Series and a one-column frame of str.

    For token ids: for the padded matrix in any integer type and memory layout, and the ragged list.
    """
    data = make_data(estimator)
    model = fitted(estimator, data)
    expected = outputs(model, data.X)
    for name, container in _containers(estimator, data.X).items():
        assert_same(outputs(model, container), expected, f"The output for {name} differs")


def check_containers_give_the_same_fit(estimator):
    """Learn the same from every container."""
    data = make_data(estimator)
    expected = outputs(fitted(estimator, data), data.X)
    for name, container in _containers(estimator, data.X).items():
        found = outputs(fitted(estimator, data._replace(X=container)), data.X)
        assert_same(found, expected, f"The fit on {name} differs")


def _check_spelling(estimator, respell, what):
    """Compare outputs, and fits, of the same bases spelled in two ways."""
    data = make_data(estimator)
    respelled = [respell(sequence) for sequence in data.X]
    expected = outputs(fitted(estimator, data), data.X)
    assert_same(outputs(fitted(estimator, data), respelled), expected, f"The output for {what} differs")
    found = outputs(fitted(estimator, data._replace(X=respelled)), data.X)
    assert_same(found, expected, f"The fit on {what} differs")


def check_lower_case_equals_upper_case(estimator):
    """Read lower case (soft-masked repeats) as the same bases."""
    _check_spelling(estimator, str.lower, "lower case")


def check_rna_equals_dna(estimator):
    """Read U as T."""
    _check_spelling(estimator, lambda sequence: sequence.replace("T", "U"), "RNA")


def check_output_is_not_constant(estimator):
    """Tell sequences apart: every invariance above would hold for an output that ignores X."""
    data = make_data(estimator)
    found = outputs(fitted(estimator, data), data.X)
    for name, rows in found.items():
        distinct = {row.tobytes() for row in rows}
        assert len(distinct) > 1, f"{name} is the same for all of {len(rows)} different sequences."
