"""What a classifier owes its labels."""

import numpy as np

from skgenome.utils._sequence_checks.data import fitted, make_data


def _check_labels(estimator, labels, n_classes=2):
    """Fit on labels of any type and expect those labels back."""
    data = make_data(estimator, n_classes=n_classes)
    y = np.asarray(labels)[data.y]
    model = fitted(estimator, data._replace(y=y))
    np.testing.assert_array_equal(model.classes_, np.unique(y), "classes_ must be the sorted labels")
    predicted = model.predict(data.X)
    assert predicted.shape == y.shape, f"predict gives shape {predicted.shape}, expected {y.shape}."
    strange = sorted(set(predicted.tolist()) - set(y.tolist()))
    assert not strange, f"predict gives {strange}, which are not among the labels {labels}."


def check_string_labels(estimator):
    """Take labels that are str and predict them."""
    _check_labels(estimator, ["promoter", "background"])


def check_labels_need_not_be_consecutive(estimator):
    """Take the labels 1 and 5 and predict them, not 0 and 1."""
    _check_labels(estimator, [5, 1])


def check_three_classes(estimator):
    """Learn three classes."""
    _check_labels(estimator, ["archaea", "bacteria", "eukaryota"], n_classes=3)


def check_single_class(estimator):
    """Refuse labels of one class with an error that speaks of classes."""
    data = make_data(estimator)
    try:
        fitted(estimator, data._replace(y=np.ones_like(data.y)))
    except ValueError as error:
        assert "class" in str(error).lower(), f"The error does not speak of classes: {error}"  # noqa: PT017
        return
    raise AssertionError("fit on labels of a single class must raise ValueError; it returned.")


def check_probabilities(estimator):
    """Give one probability per class of ``classes_``, from 0 to 1, that sum to 1."""
    data = make_data(estimator, n_classes=2)
    model = fitted(estimator, data)
    probabilities = np.asarray(model.predict_proba(data.X))
    expected = (len(data.y), len(model.classes_))
    assert probabilities.shape == expected, (
        f"predict_proba has shape {probabilities.shape}, expected {expected}."
    )
    assert ((probabilities >= 0) & (probabilities <= 1)).all(), "predict_proba leaves the range from 0 to 1."
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5, err_msg="Rows of predict_proba")


def check_predict_is_the_most_probable_class(estimator):
    """Predict the class that ``predict_proba`` puts first."""
    data = make_data(estimator)
    y = np.array(["b", "a"])[data.y]
    model = fitted(estimator, data._replace(y=y))
    first = model.classes_[np.argmax(model.predict_proba(data.X), axis=1)]
    np.testing.assert_array_equal(
        model.predict(data.X), first, "predict differs from argmax of predict_proba"
    )
