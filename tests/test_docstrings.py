"""numpydoc's validation of every public name, and what the house asks of estimators beyond it."""

import ast
import inspect
import re
from dataclasses import is_dataclass
from importlib import import_module
from itertools import pairwise

import pytest
from numpydoc.validate import validate
from sklearn.base import BaseEstimator

import skgenome

# Checks of numpydoc that are not made, each with the reason.
IGNORED = {
    "GL01": "the summary starts on the line of the quotes, as in PEP 257 and ruff's formatter",
    "GL02": "the same, for the closing quotes of a one-line docstring",
    "ES01": "a method that a summary explains needs no second paragraph",
    "SA01": "not every name has a relative",
    "EX01": "estimators need examples (tested below); for the rest they are a choice",
    "SS06": "ruff's D rules hold the summary to one line",
    "PR06": "'unsigned integer' is a kind of dtype, not the type int",
    "RT05": "what a Bunch holds is a list, and its last line an entry",
    "RT02": "returned values are named, as scikit-learn does",
    "RT04": "the description of a returned value may start with the name of a parameter or a formula",
    "PR08": "the same, for a parameter",
    "RT01": "`return self` of a method inherited or trivial; ruff holds the rest",
    "YD01": "generators document what they yield under Returns or Yields",
}


def public_objects():
    """List (dotted name, object) of every public class, function, and method defined in the package."""
    modules = [f"skgenome.{name}" for name in skgenome._SUBPACKAGES]
    modules += ["skgenome.exceptions", "skgenome.utils.estimator_checks"]
    for module in modules:
        for name in import_module(module).__all__:
            obj = getattr(import_module(module), name)
            if inspect.isclass(obj) or inspect.isfunction(obj):
                yield f"{module}.{name}", obj
            if inspect.isclass(obj):
                yield from methods(f"{module}.{name}", obj)


def methods(dotted, cls):
    """List the public methods and properties that a class defines itself."""
    for name, member in vars(cls).items():
        function = getattr(member, "fget", member)
        if not name.startswith("_") and (inspect.isfunction(function) or isinstance(member, property)):
            yield f"{dotted}.{name}", member


PUBLIC = dict(public_objects())
# skorch's nets inherit from BaseEstimator, but are parts of estimators, not estimators.
ESTIMATORS = [
    name
    for name, obj in PUBLIC.items()
    if inspect.isclass(obj) and issubclass(obj, BaseEstimator) and not name.startswith("skgenome.training.")
]
RECORDS = [name for name, obj in PUBLIC.items() if hasattr(obj, "_fields") or is_dataclass(obj)]


@pytest.mark.parametrize("name", PUBLIC)
def test_docstring_is_valid_numpydoc(name):
    # The fields of a record are read far more often than given, and documented as such (tested below).
    ignored = {*IGNORED, "PR01"} if name in RECORDS else IGNORED
    errors = [f"{code}: {text}" for code, text in validate(name)["errors"] if code not in ignored]
    assert errors == []


@pytest.mark.parametrize("name", RECORDS)
def test_docstring_documents_every_field_of_a_record(name):
    """In the docstring of the class, or each field in a docstring below it."""
    (body,) = ast.parse(inspect.cleandoc("\n" + inspect.getsource(PUBLIC[name]))).body
    fields = [node.target.id for node in body.body if isinstance(node, ast.AnnAssign)]
    below = [
        field.target.id
        for field, text in pairwise(body.body)
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr)
    ]
    above = re.findall(r"^([\w, ]+) : ", inspect.getdoc(PUBLIC[name]), re.MULTILINE)
    assert set(fields) <= {*below, *", ".join(above).split(", ")}


@pytest.mark.parametrize("section", ["Parameters", "References", "Examples"])
@pytest.mark.parametrize("name", ESTIMATORS)
def test_docstring_of_estimator_has_section(name, section):
    assert f"\n{section}\n{'-' * len(section)}\n" in inspect.getdoc(PUBLIC[name])


@pytest.mark.parametrize("name", ESTIMATORS)
def test_docstring_example_of_estimator_runs(name):
    """An example in a code block is not run, and rots."""
    examples = inspect.getdoc(PUBLIC[name]).partition("\nExamples\n--------\n")[2]
    assert ">>> " in examples
    assert "# doctest: +SKIP" not in examples
