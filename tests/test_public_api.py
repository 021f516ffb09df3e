"""The public names: all there, none private, and the files that offer them as plain as promised."""

import ast
import inspect
from importlib import import_module
from pathlib import Path

import pytest
from sklearn.base import BaseEstimator

import skgenome

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "skgenome"
SOURCES = [pytest.param(p, id=str(p.relative_to(ROOT))) for p in sorted(PACKAGE.rglob("*.py"))]
SUBPACKAGES = sorted(skgenome._SUBPACKAGES)
MODULES = [f"skgenome.{name}" for name in SUBPACKAGES] + [
    "skgenome.exceptions",
    "skgenome.utils.estimator_checks",
]


def estimator_classes():
    """List all estimator classes on offer; skorch's nets in training are parts of them."""
    found = {
        obj
        for name in set(MODULES) - {"skgenome.training"}
        for obj in map(vars(import_module(name)).get, import_module(name).__all__)
        if inspect.isclass(obj) and issubclass(obj, BaseEstimator)
    }
    return sorted(found, key=lambda cls: cls.__name__)


@pytest.mark.parametrize("name", skgenome.__all__)
def test_public_api_top_level_name_is_importable(name):
    assert getattr(skgenome, name) is not None


@pytest.mark.parametrize("module", MODULES)
def test_public_api_all_is_importable_sorted_and_unique(module):
    offered = import_module(module).__all__
    assert len(set(offered)) == len(offered)
    assert [name for name in offered if not hasattr(import_module(module), name)] == []


@pytest.mark.parametrize("module", MODULES)
def test_public_api_offers_no_private_name(module):
    assert [name for name in import_module(module).__all__ if name.startswith("_")] == []


@pytest.mark.parametrize("module", MODULES)
def test_public_api_classes_and_functions_are_our_own(module):
    """A name of another package, offered by accident, would become ours to keep."""
    for name in import_module(module).__all__:
        obj = getattr(import_module(module), name)
        if inspect.isclass(obj) or inspect.isfunction(obj):
            assert obj.__module__.startswith("skgenome")


def test_public_api_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'skgenome' has no attribute 'Tokeniser'"):
        skgenome.Tokeniser  # noqa: B018 (the access is the test)


def test_public_api_dir_lists_the_public_names():
    assert set(skgenome.__all__) <= set(dir(skgenome))


@pytest.mark.parametrize(
    "path",
    [pytest.param(p, id=str(p.relative_to(ROOT))) for p in sorted(PACKAGE.glob("*/__init__.py"))],
)
def test_public_api_init_files_only_offer_names(path):
    """Docstring, imports and ``__all__``: what runs at import, runs for everybody."""
    first, *rest = ast.parse(path.read_text()).body
    assert isinstance(first, ast.Expr)
    assert isinstance(first.value, ast.Constant)
    for node in rest:
        is_all = isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
        assert is_all or isinstance(node, ast.Import | ast.ImportFrom), f"line {node.lineno}"


def assigned_attribute(statement):
    """Give NAME if a statement is ``self.NAME = NAME``, else None."""
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
        return None
    text = ast.unparse(statement)
    attribute = text.partition(" = ")[0].removeprefix("self.")
    return attribute if text == f"self.{attribute} = {attribute}" else None


def handed_up(statement):
    """List the parameters that ``super().__init__(x, y=y)`` hands on under their own names."""
    text = ast.unparse(statement)
    if not text.startswith("super().__init__("):
        return []
    call = statement.value
    return [ast.unparse(a) for a in call.args] + [
        k.arg for k in call.keywords if ast.unparse(k.value) == k.arg
    ]


@pytest.mark.parametrize("cls", estimator_classes(), ids=lambda cls: cls.__name__)
def test_public_api_estimator_init_only_assigns(cls):
    """``self.x = x`` for each parameter and nothing else; all parameters keyword-only.

    A class may leave parameters to the one above it, by ``super().__init__(x=x)``.
    """
    (function,) = ast.parse(inspect.cleandoc("\n" + inspect.getsource(cls.__init__))).body
    # One leading positional parameter, the estimator that a wrapper wraps, is scikit-learn's own custom.
    positional = [argument.arg for argument in function.args.args[1:]]
    assert positional in ([], ["estimator"], ["encoder"])
    parameters = positional + [argument.arg for argument in function.args.kwonlyargs]
    above, own = handed_up(function.body[0]), [assigned_attribute(node) for node in function.body]
    assert sorted(above + own[bool(above) :]) == sorted(parameters)


@pytest.mark.parametrize("path", SOURCES)
def test_public_api_no_print_global_or_star_import(path):
    for node in ast.walk(ast.parse(path.read_text())):
        assert not isinstance(node, ast.Global), f"global in line {node.lineno}"
        if isinstance(node, ast.ImportFrom):
            assert node.names[0].name != "*", f"import * in line {node.lineno}"
        if isinstance(node, ast.Call):
            assert ast.unparse(node.func) != "print", f"print in line {node.lineno}"


def test_public_api_reference_lists_every_module(monkeypatch):
    """The API page is made from one list; a sub-package that it forgets has no page."""
    monkeypatch.syspath_prepend(ROOT / "docs")
    listed = {f"skgenome.{name}" for name in SUBPACKAGES} | {"skgenome.exceptions"}
    assert listed <= set(import_module("api_reference").SECTIONS)
