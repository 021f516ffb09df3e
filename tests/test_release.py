"""What a release is made of: lower bounds, fragments of the changelog, what the wheel holds."""

import re
import runpy
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOOLS = ROOT / "tools"
if not TOOLS.is_dir():
    pytest.skip("needs a checkout: the tools of a release are not in the wheel", allow_module_level=True)

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
lower_bounds = runpy.run_path(str(TOOLS / "lower_bounds.py"))["lower_bounds"]


def project(dependencies, **extras):
    return {"dependencies": dependencies, "optional-dependencies": extras}


def test_lower_bounds_are_those_of_all_requirements():
    found = lower_bounds(
        project(["numpy>=2.0", "torch>=2.6"], plots=["a-b>=0.8.7"], dev=["x[plots]", "ruff"])
    )
    assert found == {"numpy": "2.0", "a-b": "0.8.7"}


def test_lower_bounds_of_one_package_are_one():
    with pytest.raises(ValueError, match=r"two lower bounds of numpydoc: 1.8 and 1.9"):
        lower_bounds(project([], docs=["numpydoc>=1.8"], test=["numpydoc>=1.9"]))


def test_lower_bounds_miss_no_dependency():
    """A requirement written in another way would be left out of the oldest environment in silence."""
    names = {re.match(r"[\w.-]+", wanted)[0] for wanted in PYPROJECT["project"]["dependencies"]}
    assert names - {"torch"} <= lower_bounds(PYPROJECT["project"]).keys()


def test_lower_bounds_are_below_what_is_tested_with():
    pinned = re.findall(r"^([\w.-]+)==([\d.]+)", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.M)
    tested = {name.lower(): tuple(map(int, version.split("."))) for name, version in pinned}
    bounds = lower_bounds(PYPROJECT["project"])
    assert bounds
    for name, version in bounds.items():
        assert tuple(map(int, version.split("."))) <= tested[name.lower()], name


def test_fragments_are_of_a_kind_that_the_changelog_knows():
    """towncrier leaves out what it does not know."""
    kinds = {kind["directory"] for kind in PYPROJECT["tool"]["towncrier"]["type"]}
    for path in (ROOT / "changes").iterdir():
        match = re.fullmatch(r"(?:\d+|\+[\w-]+)\.(?P<kind>\w+)\.md", path.name)
        assert path.name == ".gitignore" or match is not None, path.name
        assert match is None or match["kind"] in kinds, path.name


def test_changelog_has_the_place_for_the_next_release():
    marker = PYPROJECT["tool"]["towncrier"]["start_string"]
    assert (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").count(marker) == 1
