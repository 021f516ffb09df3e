"""The package holds nothing that runs code found in a file, or puts files where an archive says."""

import ast
from pathlib import Path, PurePosixPath

import pytest

from skgenome.datasets._registry import registry

PACKAGE = Path(__file__).parents[2] / "skgenome"
MODULES = {
    "pickle", "_pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle", "code", "runpy",
    "tarfile", "zipfile", "zipimport", "py7zr", "yaml",
}  # fmt: skip
CALLS = {
    "eval", "exec", "compile", "__import__", "torch.load", "np.load", "numpy.load", "joblib.load",
    "pooch.Unzip", "pooch.Untar", "shutil.unpack_archive", "pd.read_pickle",
}  # fmt: skip
# Its own bytes, just made: the suite asks whether an estimator can be pickled.
ALLOWED = {("utils/_sequence_checks/interface.py", use) for use in ("pickle", "joblib.load")}


def uses_of(source):
    """Name the modules that a source imports and the functions that it calls."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module.partition(".")[0]
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call):
            yield ast.unparse(node.func)
            # import_module("pickle") is an import as well.
            if ast.unparse(node.func).endswith("import_module") and isinstance(node.args[0], ast.Constant):
                yield node.args[0].value


@pytest.mark.parametrize(
    "source",
    ["import pickle", "from torch import load", "x = torch.load(f)", "import_module('dill')", "eval('1')"],
)
def test_uses_of_finds_what_is_forbidden(source):
    assert set(uses_of(source)) & (MODULES | CALLS)


def test_package_runs_no_code_of_files():
    found = {
        (path.relative_to(PACKAGE).as_posix(), use)
        for path in PACKAGE.rglob("*.py")
        for use in uses_of(path.read_text(encoding="utf-8"))
        if use in MODULES | CALLS
    }
    assert found == ALLOWED


def test_downloads_stay_below_the_data_home():
    """Names of files are joined to a folder of the user: none may lead out of it."""
    for entry in registry():
        path = PurePosixPath(entry.path)
        assert not path.is_absolute()
        assert ".." not in path.parts
        assert "\\" not in entry.path
        assert path.suffix not in (".zip", ".tar", ".tgz", ".pkl", ".pt", ".npy")
        assert not entry.url or entry.url.startswith("https://")
