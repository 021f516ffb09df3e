"""A conformance suite for estimators that take sequences or token ids.

scikit-learn's own suite runs next to nothing on an estimator that takes text. This one holds any such
estimator or Pipeline to scikit-learn's interface and to what biologists take for granted: padding,
batches and the order of samples change nothing, lower case is upper case, U is T, and a protein, an
empty record or a missing value never passes silently.
"""

import functools
import re
import warnings

from sklearn import config_context
from sklearn.base import is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.utils import get_tags

from skgenome.exceptions import SkgenomeWarning
from skgenome.utils._sequence_checks import classifiers, inputs, interface, invariance
from skgenome.utils._sequence_checks.data import needs_fit, output_methods, takes_strings

__all__ = ["check_sequence_estimator", "parametrize_with_sequence_checks", "sequence_checks_generator"]


def _names_its_output(estimator):
    """Say whether get_feature_names_out can work; a Pipeline has the method whatever its steps are."""
    if isinstance(estimator, Pipeline):
        return all(_names_its_output(step) for _, step in estimator.steps)
    if isinstance(estimator, FeatureUnion):
        return all(_names_its_output(part) for _, part in estimator.transformer_list)
    return hasattr(estimator, "get_feature_names_out")


def _interface_checks(estimator):
    yield interface.check_clone_and_set_params_round_trip
    yield interface.check_init_only_assigns
    yield interface.check_fit_returns_self
    yield interface.check_fit_does_not_change_parameters
    yield interface.check_refit_forgets
    yield interface.check_same_seed_same_bits
    yield interface.check_repeated_output_is_the_same
    yield interface.check_instances_share_no_state
    yield interface.check_global_generators_left_as_found
    yield interface.check_pickle_round_trip
    yield interface.check_joblib_round_trip
    # What ends a Pipeline is never cached, and scikit-learn's own linear models would fail.
    if hasattr(estimator, "transform"):
        yield interface.check_joblib_hash_is_stable
    if needs_fit(estimator):
        yield interface.check_not_fitted_error
    else:
        yield interface.check_stateless_needs_no_fit
    if hasattr(estimator, "transform") and _names_its_output(estimator):
        yield interface.check_feature_names_out
        yield interface.check_set_output_uses_feature_names
    yield interface.check_n_features_in


def _invariance_checks(estimator):
    yield invariance.check_output_is_not_constant
    yield invariance.check_padding_does_not_change_output
    if not takes_strings(estimator):
        yield invariance.check_padding_does_not_change_fit
        if hasattr(estimator, "score"):
            yield invariance.check_padding_does_not_change_score
    yield invariance.check_sample_order_does_not_change_output
    yield invariance.check_batch_size_does_not_change_output
    yield invariance.check_input_is_not_modified
    yield invariance.check_containers_give_the_same_output
    yield invariance.check_containers_give_the_same_fit
    if takes_strings(estimator):
        yield invariance.check_lower_case_equals_upper_case
        yield invariance.check_rna_equals_dna


def _input_checks(estimator):
    yield inputs.check_empty_collection
    if takes_strings(estimator):
        yield inputs.check_empty_string
        yield inputs.check_one_base
        yield inputs.check_shorter_than_k
        yield inputs.check_all_ambiguous
        yield inputs.check_protein_is_named
        yield inputs.check_missing_value_is_named
        yield inputs.check_single_string_is_refused
    else:
        yield inputs.check_no_token
        yield inputs.check_one_token
        yield inputs.check_all_unknown
    if get_tags(estimator).target_tags.required or is_classifier(estimator):
        yield inputs.check_inconsistent_numbers_are_refused


def _classifier_checks(estimator):
    yield classifiers.check_string_labels
    yield classifiers.check_labels_need_not_be_consecutive
    if get_tags(estimator).classifier_tags.multi_class:
        yield classifiers.check_three_classes
    yield classifiers.check_single_class
    if hasattr(estimator, "predict_proba"):
        yield classifiers.check_probabilities
        yield classifiers.check_predict_is_the_most_probable_class


def _quiet(check):
    """Run a check without the warnings that tiny data call forth."""

    @functools.wraps(check)
    def run(estimator):
        with warnings.catch_warnings():
            for category in (SkgenomeWarning, ConvergenceWarning):
                warnings.simplefilter("ignore", category)
            check(estimator)

    return run


def sequence_checks_generator(estimator):
    """Generate the checks that apply to an estimator, in order.

    Parameters
    ----------
    estimator : estimator instance
        An unfitted estimator or Pipeline that takes sequences (tag ``input_tags.string``, its own or that
        of the first step) or token ids.

    Yields
    ------
    check : callable
        A function of one argument, the estimator. It raises where the estimator does not conform.

    Raises
    ------
    TypeError
        If `estimator` is a class, or has no transform, predict_proba, decision_function, score_samples
        or predict.

    Examples
    --------
    >>> from skgenome.preprocessing import KmerTokenizer
    >>> from skgenome.utils.estimator_checks import sequence_checks_generator
    >>> next(sequence_checks_generator(KmerTokenizer())).__name__
    'check_clone_and_set_params_round_trip'
    """
    if isinstance(estimator, type):
        raise TypeError(f"Expected an estimator instance, got the class {estimator.__name__}; call it.")
    if not output_methods(estimator):
        raise TypeError(
            f"{type(estimator).__name__} has no transform, predict_proba, decision_function, score_samples "
            "or predict, so there is no output to check."
        )
    for group in (_interface_checks, _invariance_checks, _input_checks):
        yield from map(_quiet, group(estimator))
    if is_classifier(estimator):
        yield from map(_quiet, _classifier_checks(estimator))


def check_sequence_estimator(estimator, *, expected_failed_checks=None):
    """Check that an estimator keeps the conventions for sequences or token ids.

    Use it in a notebook or a script; in a test suite,
    :func:`~skgenome.utils.estimator_checks.parametrize_with_sequence_checks` reports each check on its
    own. The estimator itself is not changed: checks work on clones, on 40 sequences of 24 to 40 bases,
    and fit some sixty times, so choose small sizes and few epochs. Turn a cache of outputs off
    (``LanguageModel(cache_size=0)``): an answer from memory proves no invariance.

    Parameters
    ----------
    estimator : estimator instance
        An unfitted estimator or Pipeline that takes sequences or token ids.
    expected_failed_checks : dict of str to str, default=None
        Names of checks that may fail, with the reason.

    Returns
    -------
    results : list of dict
        One per check, with keys ``check_name``, ``status`` (``"passed"`` or ``"xfail"``) and ``reason``
        (of the expected failure, else None).

    Raises
    ------
    AssertionError
        If the estimator fails a check; the note names it. An error that the estimator itself raises
        where it should not comes through as it is, with the same note.
    TypeError
        If `estimator` is a class, or has no output method.

    See Also
    --------
    sklearn.utils.estimator_checks.check_estimator : The suite for estimators that take a matrix.

    Examples
    --------
    >>> from skgenome.preprocessing import KmerCounter
    >>> from skgenome.utils.estimator_checks import check_sequence_estimator
    >>> results = check_sequence_estimator(KmerCounter(k=2))
    >>> {result["status"] for result in results}
    {'passed'}
    """
    expected = expected_failed_checks or {}
    results = []
    for check in sequence_checks_generator(estimator):
        name, status = check.__name__, "passed"
        try:
            check(estimator)
        except Exception as error:
            if name not in expected:
                error.add_note(f"{type(estimator).__name__} failed {name}: {check.__doc__}")
                raise
            status = "xfail"
        results.append({"check_name": name, "status": status, "reason": expected.get(name)})
    return results


def parametrize_with_sequence_checks(estimators, *, expected_failed_checks=None):
    """Parametrise a test with every check for every estimator, as pytest decorator.

    Parameters
    ----------
    estimators : list of estimator instances
        Unfitted estimators or Pipelines that take sequences or token ids.
    expected_failed_checks : callable, default=None
        Takes an estimator and returns a dict of check names to reasons. Those checks are marked as
        expected failures.

    Returns
    -------
    decorator : pytest.MarkDecorator
        For a test function with the arguments ``estimator`` and ``check``.

    Raises
    ------
    TypeError
        If an estimator is a class, or has no output method.

    See Also
    --------
    sklearn.utils.estimator_checks.parametrize_with_checks : The suite for estimators that take a matrix.

    Examples
    --------
    >>> from skgenome.preprocessing import KmerTokenizer
    >>> from skgenome.utils.estimator_checks import parametrize_with_sequence_checks
    >>> @parametrize_with_sequence_checks([KmerTokenizer(k=3), KmerTokenizer(k=5, stride=2)])
    ... def test_conformance(estimator, check):
    ...     check(estimator)
    """
    # pytest is needed by those who test alone.
    import pytest

    def params():
        for estimator in estimators:
            expected = expected_failed_checks(estimator) if expected_failed_checks else {}
            with config_context(print_changed_only=True):
                label = re.sub(r"\s", "", str(estimator))
            for check in sequence_checks_generator(estimator):
                name = check.__name__
                marks = [pytest.mark.xfail(reason=expected[name])] if name in expected else []
                yield pytest.param(estimator, check, id=f"{label}-{name}", marks=marks)

    return pytest.mark.parametrize(("estimator", "check"), list(params()))
