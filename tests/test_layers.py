"""The layers of the package, held by reading every import.

Low to high, and a file imports from lower layers (and its own sub-package) alone:
``sequences | nn`` < ``preprocessing | datasets | training`` < ``representation`` < ``classification`` <
``linear_model | manifold | metrics | model_selection | inspection | scanning | persistence`` < ``utils``.
"""

import ast
import re
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "skgenome"
# What every layer but nn and sequences may use: small modules that import nothing of ours.
GROUND = {
    "skgenome",
    "skgenome._hub",
    "skgenome._plotting",
    "skgenome._response",
    "skgenome._sklearn",
    "skgenome.exceptions",
}
LAYERS = (
    {"sequences", "nn"},
    {"preprocessing", "datasets", "training"},
    {"representation"},
    {"classification"},
    {"linear_model", "manifold", "metrics", "model_selection", "inspection", "scanning", "persistence"},
    {"utils"},
    {"_cli"},
)
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
TOP = sorted(LAYERS[4])


class Import(NamedTuple):
    """One imported name: ``from module import name`` at a line, or ``import module`` (name is empty)."""

    module: str
    name: str
    line: int


def imports_of(source):
    """List all imports of a source text, those inside functions and ``import_module("...")`` too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, "", node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import in line {node.lineno}"
            yield from (Import(node.module, alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            # A name put together at run time is read by its first, constant part.
            text = [part.value for part in ast.walk(node) if isinstance(part, ast.Constant)]
            if text and isinstance(text[0], str):
                yield Import(text[0].rstrip("."), "", node.lineno)


def subpackage(path):
    """Name the sub-package (or the module beside them) that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def target(imported):
    """Name the sub-package that an import of skgenome leads to, or None for the ground floor."""
    dotted = f"{imported.module}.{imported.name}" if imported.module == "skgenome" else imported.module
    if imported.module in GROUND and dotted.split(".")[-1] not in LEVEL:
        return None
    return dotted.split(".")[1]


def upward_imports(source, own):
    """List the imports of a file of sub-package `own` that do not lead to a lower layer."""
    level = LEVEL[own]
    found = [i for i in imports_of(source) if i.module.split(".")[0] == "skgenome"]
    return [i for i in found if (to := target(i)) not in (None, own) and LEVEL[to] >= level]


def foreign_packages(source):
    """Name the packages outside of the standard library that a file imports."""
    packages = {i.module.split(".")[0] for i in imports_of(source)}
    return packages - set(sys.stdlib_module_names)


def declared_packages(*extras):
    """Name the packages that pyproject.toml asks for, as they are imported."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + [w for e in extras for w in project["optional-dependencies"][e]]
    names = {re.match(r"[\w-]+", requirement)[0] for requirement in wanted}
    return {{"scikit-learn": "sklearn"}.get(name, name.replace("-", "_")) for name in names}


def private_sklearn(source):
    """List the imports of private scikit-learn names."""
    found = [i for i in imports_of(source) if i.module.split(".")[0] == "sklearn"]
    return [i for i in found if any(part.startswith("_") for part in f"{i.module}.{i.name}".split("."))]


def private_attributes(source):
    """List the private attributes that a file takes of anything but ``self``, ``cls`` and ``super()``."""
    return [
        f"{ast.unparse(node)} in line {node.lineno}"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute)
        and node.attr.startswith("_")
        and not node.attr.startswith("__")
        and ast.unparse(node.value) not in ("self", "cls", "super()")
    ]


def not_public(source):
    """List the imports of skgenome that are not in the ``__all__`` of a public module."""
    wrong = []
    for i in imports_of(source):
        if i.module.split(".")[0] != "skgenome":
            continue
        private = any(part.startswith("_") for part in i.module.split("."))
        if private or (i.name and i.name not in import_module(i.module).__all__):
            wrong.append(i)
    return wrong


def files(*folders, below=PACKAGE):
    """List the source files of some folders, as parameters with readable ids."""
    paths = sorted(p for folder in folders for p in (below / folder).rglob("*.py"))
    return [pytest.param(p, id=str(p.relative_to(ROOT))) for p in paths]


ALL_FILES = files(".")
IN_LAYERS = [p for p in ALL_FILES if subpackage(p.values[0]) in LEVEL]


def test_layers_name_every_subpackage():
    subpackages = {p.name for p in PACKAGE.iterdir() if (p / "__init__.py").is_file()}
    assert subpackages <= LEVEL.keys()


def test_layers_are_drawn_as_they_are():
    """The house in CONTRIBUTING.md, floor by floor from the top; what stands on the right is said of it."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    drawing = text.split("## The house")[1].split("```")[1]
    floors = [re.findall(r"^\w+(?:  ?\|? ?\w+)*", floor, re.M) for floor in re.split(r"\n  \|\n", drawing)]
    names = [{name for line in floor for name in re.findall(r"\w+", line)} for floor in floors]
    assert names == list(reversed(LAYERS))


@pytest.mark.parametrize("path", IN_LAYERS)
def test_layers_import_lower_layers_alone(path):
    assert upward_imports(path.read_text(), subpackage(path)) == []


@pytest.mark.parametrize("name", sorted(GROUND - {"skgenome"}))
def test_layers_ground_imports_nothing_of_ours(name):
    source = (ROOT / (name.replace(".", "/") + ".py")).read_text()
    assert "skgenome" not in foreign_packages(source)


@pytest.mark.parametrize("path", files("nn"))
def test_layers_nn_knows_torch_alone(path):
    assert foreign_packages(path.read_text()) <= {"torch", "skgenome"}
    # Not even the ground floor, which brings scikit-learn.
    assert {target(i) for i in imports_of(path.read_text()) if i.module.startswith("skgenome")} <= {"nn"}


@pytest.mark.parametrize("path", files("sequences"))
def test_layers_sequences_know_numpy_and_readers_alone(path):
    assert foreign_packages(path.read_text()) <= {"numpy", "dnaio", "xopen", "skgenome"}
    ground = {i.module for i in imports_of(path.read_text())} & GROUND
    assert ground <= {"skgenome", "skgenome.exceptions"}


@pytest.mark.parametrize("path", ALL_FILES)
def test_layers_every_dependency_is_declared(path):
    """What is there because something else needs it, may be gone tomorrow."""
    # The conformance suite takes pytest, and tables of either library, where it finds them.
    known = declared_packages("plots", "tracks", "deepsea", "hub", "accelerate") | {
        "skgenome",
        "pytest",
        "pandas",
        "polars",
    }
    assert foreign_packages(path.read_text()) <= known


@pytest.mark.parametrize("path", files("datasets"))
def test_layers_datasets_import_no_estimator(path):
    of_sklearn = {i.module for i in imports_of(path.read_text()) if i.module.split(".")[0] == "sklearn"}
    assert {module for module in of_sklearn if not module.startswith("sklearn.utils")} == set()


@pytest.mark.parametrize("path", [p for p in IN_LAYERS if subpackage(p.values[0]) in TOP])
def test_layers_top_calls_public_methods_alone(path):
    assert private_attributes(path.read_text()) == []


@pytest.mark.parametrize("path", ALL_FILES)
def test_layers_private_sklearn_enters_by_one_door(path):
    if path.name != "_sklearn.py":
        assert private_sklearn(path.read_text()) == []


@pytest.mark.parametrize("path", files("examples", "benchmarks", below=ROOT))
def test_layers_examples_and_benchmarks_import_public_names(path):
    assert not_public(path.read_text()) == []


@pytest.mark.parametrize(
    ("held", "source"),
    [
        (lambda s: upward_imports(s, "sequences"), "from skgenome.preprocessing import KmerTokenizer"),
        (lambda s: upward_imports(s, "nn"), "def f():\n    import skgenome.training"),
        (lambda s: upward_imports(s, "manifold"), "from skgenome.linear_model import Lasso"),
        (lambda s: upward_imports(s, "datasets"), "from skgenome import preprocessing"),
        (lambda s: upward_imports(s, "datasets"), "import_module('skgenome.utils')"),
        (lambda s: foreign_packages(s) - {"torch"}, "import torch\nimport sklearn"),
        (private_sklearn, "from sklearn.utils._param_validation import Interval"),
        (private_sklearn, "from sklearn.base import _fit_context"),
        (private_attributes, "estimator._encode(X)"),
        (not_public, "from skgenome.exceptions import UserWarning"),
        (not_public, "from skgenome._sklearn import Interval"),
    ],
)
def test_layers_rules_catch_a_breach(held, source):
    """A rule that finds nothing anywhere would look the same as a clean package."""
    assert held(source)


@pytest.mark.parametrize(
    ("held", "source"),
    [
        (lambda s: upward_imports(s, "nn"), "from skgenome.nn._dropout import LockedDropout"),
        (lambda s: upward_imports(s, "datasets"), "from skgenome.exceptions import DataIntegrityError"),
        (lambda s: upward_imports(s, "utils"), "from skgenome import preprocessing"),
        (lambda s: foreign_packages(s), "import os\nfrom collections.abc import Iterator"),
        (private_sklearn, "from sklearn.utils.validation import check_is_fitted"),
        (private_attributes, "self._net.__class__"),
        (not_public, "from skgenome.exceptions import SkgenomeWarning"),
    ],
)
def test_layers_rules_let_good_code_pass(held, source):
    assert not held(source)


def loaded_after(statement):
    """Run a statement in a fresh interpreter and list the modules it loaded."""
    program = f"{statement}\nimport sys\nprint(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_layers_import_is_lazy():
    loaded = loaded_after("import skgenome")
    assert "torch" not in loaded
    assert "sklearn" not in loaded
    assert {name for name in loaded if name.startswith("skgenome.")} == set()


def test_layers_subpackages_load_on_first_use():
    loaded = loaded_after("import skgenome\nskgenome.preprocessing.KmerTokenizer(k=3)")
    assert "skgenome.preprocessing" in loaded
    assert "skgenome.nn" not in loaded


def test_layers_no_torch_without_a_network():
    """k-mers and a lasso do not wait two seconds for torch to load."""
    names = (
        "datasets", "inspection", "linear_model", "manifold", "model_selection", "preprocessing", "scanning",
        "sequences",
    )  # fmt: skip
    statement = "\n".join(f"import skgenome.{name}" for name in names)
    assert "torch" not in loaded_after(statement)
