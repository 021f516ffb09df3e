"""Any classifier of sequences as one function, through its public methods.

What inspects and what scans asks in this way, so that both take the same classifiers, call classes and labels
by the same names, and refuse in the same words.

An estimator that can save time where rows are edits of one another says so by a method of its own:
``predict_proba_edits(X, origins)`` beside ``predict_proba(X)``, and so for ``decision_function`` and, of a
step of a pipeline, ``transform``. It gives the same; ``origins`` holds the number of the row that each row is
an edit of.
"""

from typing import Any, NamedTuple

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline

#: What an estimator may be asked by, in the order in which it is tried.
RESPONSE_METHODS = ("predict_proba", "decision_function")
# An error lists no more labels than this.
_SHOWN = 20


class Predictor(NamedTuple):
    """A fitted classifier as a function of sequences, with a column for each class or label.

    Attributes
    ----------
    estimator : classifier
        What was given.
    method : str
        One of `RESPONSE_METHODS`.
    kind : {'binary', 'multiclass', 'multilabel'}
        Whether the columns are two classes, several, or labels of which a sequence may have any.
    labels : list
        What the columns stand for: classes, or numbers of labels.
    """

    estimator: Any
    method: str
    kind: str
    labels: list

    def predict(self, sequences: list[str]) -> np.ndarray:
        """Ask about sequences, all at once.

        Parameters
        ----------
        sequences : list of str
            At least one: classifiers refuse to predict nothing.

        Returns
        -------
        ndarray of shape (n_sequences, n_labels), float64
            What the estimator says.

        Raises
        ------
        ValueError
            If that is not a row for each sequence with a number for each label.
        """
        return self._read(_ask(self.estimator, self.method, sequences), len(sequences))

    @property
    def knows_edits(self) -> bool:
        """Whether the estimator, or a step of it, saves time where it is told what is an edit of what."""
        steps = _list_steps(self.estimator, self.method)
        return any(hasattr(step, f"{method}_edits") for step, method in steps)

    def predict_edits(self, sequences: list[str], origins: np.ndarray) -> np.ndarray:
        """Ask about sequences of which some are edits of others.

        Parameters
        ----------
        sequences : list of str
            At least one.
        origins : ndarray of int, shape (n_sequences,)
            The number of the sequence that each is an edit of; its own where it is none.

        Returns
        -------
        ndarray of shape (n_sequences, n_labels), float64
            As `predict`, to float tolerance.
        """
        output = sequences
        for step, method in _list_steps(self.estimator, self.method):
            of_edits = getattr(step, f"{method}_edits", None)
            output = getattr(step, method)(output) if of_edits is None else of_edits(output, origins)
        return self._read(output, len(sequences))

    def _read(self, output: Any, n_sequences: int) -> np.ndarray:
        matrix = _as_matrix(output, self.estimator, self.method, n_sequences)
        # Checked each time: rows of another width would be read as other labels, unnoticed.
        _check_columns(matrix, self.labels, self.estimator, self.method)
        return matrix

    def predict_batches(self, sequences: list[str], batch_size: int) -> np.ndarray:
        """Ask about sequences, a batch at a time.

        Parameters
        ----------
        sequences : list of str
            At least one.
        batch_size : int
            Sequences for which the estimator is called at once.

        Returns
        -------
        ndarray of shape (n_sequences, n_labels), float64
            As `predict`.
        """
        starts = range(0, len(sequences), batch_size)
        return np.concatenate([self.predict(sequences[i : i + batch_size]) for i in starts])

    def find_column(self, target: Any) -> int:
        """Give the column of a class or label.

        Parameters
        ----------
        target : class, number of a label or None
            None stands for the second of two classes.

        Returns
        -------
        int
            The column.

        Raises
        ------
        ValueError
            If there is no such label, or `target` is None where there are not two classes.
        """
        if target is None and self.kind == "binary":
            return 1
        found = [i for i, label in enumerate(self.labels) if label == target]
        if not found:
            what = "the number of a label" if self.kind == "multilabel" else "a class"
            shown = ", ".join(map(repr, self.labels[:_SHOWN])) + (
                ", ..." if len(self.labels) > _SHOWN else ""
            )
            hint = " There is no default but for two classes." if target is None else ""
            raise ValueError(
                f"target must be {what} of the estimator: {shown}. Got {target!r} instead.{hint}"
            )
        return found[0]

    def choose_columns(self, target: Any, predictions: np.ndarray) -> np.ndarray:
        """Give the column to look at for each sequence.

        Parameters
        ----------
        target : class, number of a label or None
            As in `find_column`; None also stands for the predicted one of several classes.
        predictions : ndarray of shape (n_sequences, n_labels)
            What `predict` says of the sequences.

        Returns
        -------
        ndarray of shape (n_sequences,), int64
            The columns.

        Raises
        ------
        ValueError
            As `find_column`.
        """
        if target is None and self.kind == "multiclass":
            return predictions.argmax(axis=1)
        return np.full(len(predictions), self.find_column(target))


def _name(estimator: Any, method: str) -> str:
    return f"{method} of {type(estimator).__name__}"


def _list_steps(estimator: Any, method: str) -> list[tuple[Any, str]]:
    """List what is called one after the other: the steps of a pipeline, or the estimator itself."""
    # A class derived from it may do something else between the steps.
    if type(estimator) is not Pipeline:
        return [(estimator, method)]
    *before, (_, last) = estimator.steps
    calls = [(step, "transform") for _, step in before] + [(last, method)]
    return [
        call for step, name in calls if step not in (None, "passthrough") for call in _list_steps(step, name)
    ]


def _ask(estimator: Any, method: str, sequences: list[str]) -> Any:
    # To ask is to check: what has learnt and what needs no fit only the estimator knows.
    try:
        return getattr(estimator, method)(sequences)
    except NotFittedError as err:
        raise NotFittedError(
            f"estimator must be fitted before it is asked about sequences. Call fit first. {err}"
        ) from err


def _choose_method(estimator: Any, response_method: str) -> str:
    if isinstance(estimator, type):
        raise TypeError(f"estimator must be a fitted classifier. Got the class {estimator.__name__} itself.")
    # A method may exist for some settings alone (SVC's probabilities), so that the instance is asked.
    wanted = RESPONSE_METHODS if response_method == "auto" else (response_method,)
    found = [method for method in wanted if hasattr(estimator, method)]
    if not found:
        raise TypeError(
            f"estimator must have {' or '.join(wanted)}. {type(estimator).__name__} has not; pass a "
            "classifier, or a Pipeline that ends in one. CalibratedClassifierCV adds probabilities to others."
        )
    return found[0]


def _is_by_label(output: Any) -> bool:
    """Tell the list that forests, neighbours and MultiOutputClassifier give: for each label, (n, 2)."""
    return isinstance(output, list | tuple) and len(output) > 0 and np.ndim(output[0]) == 2


def _as_matrix(output: Any, estimator: Any, method: str, n_sequences: int) -> np.ndarray:
    """Bring what an estimator gives into one form, float64 of shape (n_sequences, n_labels)."""
    asked = _name(estimator, method)
    if _is_by_label(output):
        widths = [np.shape(columns)[1] for columns in output]
        if set(widths) != {2}:
            raise ValueError(
                f"{asked} gives a list with {widths} columns, where 2 for each label are expected. "
                "Outputs of more than two classes, or of one, are not supported."
            )
        output = np.stack([np.asarray(columns)[:, 1] for columns in output], axis=1)
    try:
        matrix = np.asarray(output, dtype=np.float64)
    except (TypeError, ValueError) as err:
        raise ValueError(
            f"{asked} must give an array of numbers. Got {type(output).__name__}: {err}"
        ) from err
    if matrix.shape == (n_sequences,) and method == "decision_function":
        # The one value of two classes speaks for the second; its negative for the first.
        return np.stack([-matrix, matrix], axis=1)
    if matrix.ndim != 2 or len(matrix) != n_sequences:
        raise ValueError(
            f"{asked} must give a row for each of {n_sequences} sequences, with a column for each class or "
            f"label. Got shape {matrix.shape}. Does it take a collection of str, and leave none out?"
        )
    return matrix


def _check_columns(matrix: np.ndarray, labels: list, estimator: Any, method: str) -> None:
    if matrix.shape[1] != len(labels):
        raise ValueError(
            f"{_name(estimator, method)} gives {matrix.shape[1]} columns for {len(labels)} classes or "
            "labels. One column for each is expected; for an SVC, set decision_function_shape='ovr'."
        )


def _tell_kind(estimator: Any, output: Any, n_columns: int, sequence: str) -> str:
    """Tell classes from labels of their own: probabilities of both have a column for each."""
    if _is_by_label(output):
        return "multilabel"
    is_matrix = np.ndim(output) == 2 and hasattr(estimator, "predict")
    if is_matrix and np.ndim(estimator.predict([sequence])) == 2:
        return "multilabel"
    return "binary" if n_columns == 2 else "multiclass"


def make_predictor(estimator: Any, response_method: str, sequence: str) -> Predictor:
    """Find out how an estimator is asked and what it answers.

    Parameters
    ----------
    estimator : classifier
        Fitted; anything with one of `RESPONSE_METHODS` that takes a list of str.
    response_method : {'auto', 'predict_proba', 'decision_function'}
        'auto' is the first that there is.
    sequence : str
        The estimator is tried on it; of the kind that it will be asked about.

    Returns
    -------
    Predictor
        The estimator as a function.

    Raises
    ------
    NotFittedError
        If it is not fitted.
    TypeError
        If it is no instance, or lacks the method.
    ValueError
        If what it answers is not a number for each of its classes or labels.
    """
    method = _choose_method(estimator, response_method)
    output = _ask(estimator, method, [sequence])
    matrix = _as_matrix(output, estimator, method, 1)
    kind = _tell_kind(estimator, output, matrix.shape[1], sequence)
    # Some multi-label estimators have classes_ that are a list of arrays, one for each label.
    classes = None if kind == "multilabel" else getattr(estimator, "classes_", None)
    labels = list(range(matrix.shape[1])) if classes is None else np.asarray(classes).tolist()
    _check_columns(matrix, labels, estimator, method)
    return Predictor(estimator, method, kind, labels)
