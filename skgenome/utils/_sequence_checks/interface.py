"""The estimator interface: parameters, fit, state, copies, names of the outputs."""

import io
import pickle
import random
import sys

import joblib
import numpy as np
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from skgenome.utils._sequence_checks.data import (
    assert_same,
    fitted,
    make_data,
    output_methods,
    outputs,
    seeded,
    takes_strings,
)


def check_clone_and_set_params_round_trip(estimator):
    """Give back every parameter as it was set, touching no other, and clone to the same parameters."""
    copy = clone(estimator)
    assert joblib.hash(copy.get_params()) == joblib.hash(estimator.get_params()), (
        "clone(estimator) has other parameters than estimator."
    )
    before = copy.get_params(deep=False)
    for name in before:
        marker = object()
        returned = copy.set_params(**{name: marker})
        assert returned is copy, (
            f"set_params must return the estimator itself, got {type(returned).__name__}."
        )
        wanted = {**before, name: marker}
        after = copy.get_params(deep=False)
        changed = sorted(key for key in wanted if after.get(key) is not wanted[key])
        assert not changed, f"After set_params({name}=...), get_params has another value of {changed}."
        copy.set_params(**{name: before[name]})


def check_init_only_assigns(estimator):
    """Take any object for any parameter in ``__init__``, keep it as it is and store nothing else."""
    given = {name: object() for name in estimator.get_params(deep=False)}
    name = type(estimator).__name__
    try:
        built = type(estimator)(**given)
    except Exception as error:
        raise AssertionError(
            f"{name}.__init__ does more than assign: given placeholder objects it raised {error!r}. "
            "Validate in fit."
        ) from error
    kept = vars(built)
    wrong = sorted(key for key in given if kept.get(key) is not given[key])
    assert not wrong, f"{name}.__init__ does not keep {wrong} as given; work defaults out in fit."
    extra = sorted(kept.keys() - given.keys())
    assert not extra, f"{name}.__init__ sets {extra}, which are no parameters."


def check_fit_returns_self(estimator):
    """Return the estimator itself from ``fit``."""
    data = make_data(estimator)
    unfitted = seeded(estimator)
    returned = unfitted.fit(data.X, data.y)
    assert returned is unfitted, f"fit must return self, got {type(returned).__name__}."


def check_fit_does_not_change_parameters(estimator):
    """Leave the parameters in ``fit`` as the user set them."""
    data = make_data(estimator)
    unfitted = seeded(estimator)
    before = {name: joblib.hash(value) for name, value in _plain_params(unfitted).items()}
    unfitted.fit(data.X, data.y)
    after = {name: joblib.hash(value) for name, value in _plain_params(unfitted).items()}
    changed = sorted(name for name in before if before[name] != after.get(name))
    assert not changed, f"fit changed the parameters {changed}; store what it works out under a name with _."


def _plain_params(estimator):
    """List the parameters that hold no estimator: the steps of a Pipeline are fitted in place."""
    return {
        name: value
        for name, value in estimator.get_params().items()
        if name.split("__")[-1] not in ("steps", "transformer_list") and not hasattr(value, "get_params")
    }


def check_refit_forgets(estimator):
    """Make a second ``fit`` give what a fresh estimator gives."""
    first, second = make_data(estimator), make_data(estimator, seed=1)
    refitted = fitted(estimator, first).fit(second.X, second.y)
    expected = outputs(fitted(estimator, second), second.X)
    assert_same(outputs(refitted, second.X), expected, "A second fit remembers the first")


def check_same_seed_same_bits(estimator):
    """Give the same bits twice for the same ``random_state``."""
    data = make_data(estimator)
    first, second = (outputs(fitted(estimator, data), data.X) for _ in range(2))
    assert_same(second, first, "Two fits with the same random_state differ", exact=True)


def check_repeated_output_is_the_same(estimator):
    """Give the same bits when asked twice: using a fitted estimator does not change it."""
    data = make_data(estimator)
    model = fitted(estimator, data)
    first = outputs(model, data.X)
    assert_same(outputs(model, data.X), first, "The second call on the same input differs", exact=True)


def check_instances_share_no_state(estimator):
    """Keep one instance's outputs as they are while another instance is fitted."""
    data, other = make_data(estimator), make_data(estimator, seed=1)
    model = fitted(estimator, data)
    before = outputs(model, data.X)
    fitted(estimator, other)
    assert_same(outputs(model, data.X), before, "Fitting another instance changed this one", exact=True)


def _generator_states():
    states = {"random": random.getstate(), "numpy.random": np.random.get_state()}  # noqa: NPY002 (the user's)
    # A torch that nobody has imported cannot have been drawn from.
    if "torch" in sys.modules:
        states["torch"] = sys.modules["torch"].get_rng_state().numpy()
    return {name: joblib.hash(state) for name, state in states.items()}


def check_global_generators_left_as_found(estimator):
    """Leave the global generators of random, numpy and torch as they were."""
    data = make_data(estimator)
    before = _generator_states()
    outputs(fitted(estimator, data), data.X)
    after = _generator_states()
    moved = sorted(name for name in before if before[name] != after[name])
    assert not moved, f"The global generators of {moved} were seeded or drawn from; use a local one."


def check_pickle_round_trip(estimator):
    """Give the same bits after a round trip through pickle."""
    data = make_data(estimator)
    model = fitted(estimator, data)
    expected = outputs(model, data.X)
    copy = pickle.loads(pickle.dumps(model))
    assert_same(outputs(copy, data.X), expected, "The pickled copy differs", exact=True)


def check_joblib_round_trip(estimator):
    """Give the same bits after a round trip through joblib."""
    data = make_data(estimator)
    model = fitted(estimator, data)
    expected = outputs(model, data.X)
    buffer = io.BytesIO()
    joblib.dump(model, buffer)
    buffer.seek(0)
    assert_same(outputs(joblib.load(buffer), data.X), expected, "The joblib copy differs", exact=True)


def check_joblib_hash_is_stable(estimator):
    """Keep ``joblib.hash`` through pickling, or no cached Pipeline step would ever be found again."""
    data = make_data(estimator)
    model = fitted(estimator, data)
    copy = pickle.loads(pickle.dumps(model))
    assert joblib.hash(copy) == joblib.hash(model), (
        "joblib.hash of a pickled copy differs, so Pipeline(memory=...) would compute its step again. "
        "Hand weights to pickle as numpy arrays (__getstate__)."
    )


def check_not_fitted_error(estimator):
    """Raise ``NotFittedError`` from every output method before ``fit``."""
    data = make_data(estimator)
    for name in output_methods(estimator):
        try:
            getattr(seeded(estimator), name)(data.X)
        except NotFittedError:
            continue
        raise AssertionError(f"{name} before fit must raise NotFittedError; it returned.")


def check_stateless_needs_no_fit(estimator):
    """Give the same outputs without ``fit`` as with it, as the tag ``requires_fit=False`` promises."""
    data = make_data(estimator)
    expected = outputs(fitted(estimator, make_data(estimator, seed=1)), data.X)
    assert_same(
        outputs(seeded(estimator), data.X), expected, "A stateless estimator learnt in fit", exact=True
    )


def check_feature_names_out(estimator):
    """Name each output column once."""
    data = make_data(estimator)
    model = fitted(estimator, data)
    names, n_columns = model.get_feature_names_out(), model.transform(data.X).shape[1]
    assert len(names) == n_columns, (
        f"get_feature_names_out gives {len(names)} names for {n_columns} columns of transform."
    )
    assert len(set(names)) == len(names), "get_feature_names_out gives a name twice."


def check_set_output_uses_feature_names(estimator):
    """Return a data frame with the names of ``get_feature_names_out`` after ``set_output``."""
    data = make_data(estimator)
    model = fitted(estimator, data)
    plain = model.transform(data.X)
    # scikit-learn refuses to put a sparse matrix into a frame.
    if issparse(plain):
        return
    # Set before fit: the steps of a Pipeline then agree on what they hand to each other.
    framed = seeded(estimator).set_output(transform="pandas").fit(data.X, data.y)
    frame = framed.transform(data.X)
    names = list(model.get_feature_names_out())
    assert list(getattr(frame, "columns", [])) == names, (
        f"set_output(transform='pandas') gave a {type(frame).__name__} whose columns are not the names of "
        "get_feature_names_out."
    )
    np.testing.assert_array_equal(np.asarray(frame), plain, "set_output changed the values")


def check_n_features_in(estimator):
    """Set ``n_features_in_`` to what X has, or not at all: strings are one column, ids a matrix."""
    data = make_data(estimator)
    expected = 1 if takes_strings(estimator) else data.X.shape[1]
    found = getattr(fitted(estimator, data), "n_features_in_", expected)
    assert found == expected, f"n_features_in_ is {found}, expected {expected} or no such attribute."
