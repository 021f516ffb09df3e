"""What every check needs: which input an estimator takes, data to try it on, outputs to compare."""

from typing import NamedTuple

import numpy as np
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.utils import get_tags

from skgenome.preprocessing import KmerTokenizer

# Float32 sums in another order (another batch, more padding) differ in the last digits.
RTOL, ATOL = 1e-4, 1e-5
N_SAMPLES = 40
# The place where a faulty record is put; an error must name it, and no other number may pass for it.
BAD_RECORD = 7


class CheckData(NamedTuple):
    """Inputs of one estimator (a list of str, or a matrix of token ids) and their labels."""

    X: list | np.ndarray
    y: np.ndarray


def entries(estimator):
    """List the estimators inside a composite that X reaches first."""
    if isinstance(estimator, Pipeline):
        steps = [step for _, step in estimator.steps if step not in (None, "passthrough")]
        return steps[:1]
    if isinstance(estimator, FeatureUnion):
        return [part for _, part in estimator.transformer_list if part not in ("drop", "passthrough")]
    inner = getattr(estimator, "estimator", None)
    return [inner] if hasattr(inner, "get_params") else []


def takes_strings(estimator):
    """Say whether X is a collection of str; composites are judged by what X reaches first."""
    # Pipelines and searches do not hand on the string tag of their first step (scikit-learn 1.9).
    return get_tags(estimator).input_tags.string or any(map(takes_strings, entries(estimator)))


def needs_fit(estimator):
    """Say whether an estimator has anything to learn before it can be used."""
    if isinstance(estimator, Pipeline):
        return any(needs_fit(step) for _, step in estimator.steps if hasattr(step, "get_params"))
    if isinstance(estimator, FeatureUnion):
        return any(needs_fit(part) for part in entries(estimator))
    return get_tags(estimator).requires_fit


def make_sequences(seed=0, n_classes=2):
    """Draw short sequences of unequal length whose classes differ in GC content."""
    rng = np.random.default_rng(seed)
    y = np.arange(N_SAMPLES) % n_classes
    gc = np.linspace(0.25, 0.75, n_classes)[y]
    lengths = rng.integers(24, 41, size=N_SAMPLES)
    sequences = [
        "".join(rng.choice(list("ACGT"), size=n, p=[(1 - g) / 2, g / 2, g / 2, (1 - g) / 2]))
        for n, g in zip(lengths, gc, strict=True)
    ]
    return sequences, y


def make_data(estimator, seed=0, n_classes=2):
    """Make data of the kind that `estimator` takes."""
    sequences, y = make_sequences(seed, n_classes)
    if takes_strings(estimator):
        return CheckData(sequences, y)
    return CheckData(KmerTokenizer(k=3).transform(sequences), y)


def seeded(estimator):
    """Clone an estimator with every ``random_state`` in it set to 0."""
    estimator = clone(estimator)
    names = [name for name in estimator.get_params() if name.split("__")[-1] == "random_state"]
    return estimator.set_params(**dict.fromkeys(names, 0))


def fitted(estimator, data):
    """Fit a seeded clone."""
    return seeded(estimator).fit(data.X, data.y)


def output_methods(estimator):
    """Name the methods whose results are compared: one row per sample."""
    methods = ("transform", "predict_proba", "decision_function", "score_samples")
    names = [name for name in methods if hasattr(estimator, name)]
    # Where a score is given, labels add nothing but ties that rounding may flip.
    return names or (["predict"] if hasattr(estimator, "predict") else [])


def rows_of(output):
    """Bring any output to a list with one array per sample."""
    if issparse(output):
        output = output.toarray()
    rows = [np.asarray(row) for row in output]
    # Token ids are padded to the longest sequence at hand; the zeros on the right carry no meaning.
    return [np.trim_zeros(row, "b") if row.dtype.kind == "u" and row.ndim else row for row in rows]


def outputs(estimator, X):
    """Run every output method; return a dict of lists with one array per sample."""
    return {name: rows_of(getattr(estimator, name)(X)) for name in output_methods(estimator)}


def pick(found, indices):
    """Keep some samples of a result of `outputs`."""
    return {name: [rows[i] for i in indices] for name, rows in found.items()}


def take(X, indices):
    """Keep some samples of a list or a matrix."""
    return [X[i] for i in indices] if isinstance(X, list) else X[list(indices)]


def assert_same(actual, expected, what, *, exact=False):
    """Compare two results of `outputs`, to float tolerance or to the bit."""
    tolerance = {"rtol": 0, "atol": 0} if exact else {"rtol": RTOL, "atol": ATOL}
    for name, rows in expected.items():
        assert len(actual[name]) == len(rows), (
            f"{what}: {name} gives {len(actual[name])} rows where {len(rows)} were expected."
        )
        for i, (row, wanted) in enumerate(zip(actual[name], rows, strict=True)):
            np.testing.assert_equal(row.shape, wanted.shape, f"{what}: shape of {name} of sample {i}")
            if wanted.dtype.kind in "fc":
                np.testing.assert_allclose(row, wanted, err_msg=f"{what}: {name} of sample {i}", **tolerance)
            else:
                np.testing.assert_array_equal(row, wanted, err_msg=f"{what}: {name} of sample {i}")


def assert_finite(found, what):
    """Assert that numeric outputs hold neither NaN nor infinity."""
    for name, rows in found.items():
        for i, row in enumerate(rows):
            assert row.dtype.kind not in "fc" or np.isfinite(row).all(), (
                f"{what}: {name} of sample {i} is not finite."
            )
