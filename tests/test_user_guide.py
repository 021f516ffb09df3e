"""The snippets of the user guide and the README: text that nobody runs goes out of date."""

import ast
import doctest
import re
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
GUIDE = sorted((ROOT / "docs" / "user_guide").glob("*.rst"))
PAGES = [ROOT / "docs" / "get_started.rst", *GUIDE]
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_user_guide_snippets_run(page):
    result = doctest.testfile(str(page), module_relative=False, optionflags=FLAGS)
    assert result.failed == 0


def test_user_guide_index_lists_every_page():
    listed = re.findall(r"^   (\w+)$", (ROOT / "docs" / "user_guide" / "index.rst").read_text(), re.MULTILINE)
    assert sorted([*listed, "index"]) == [page.stem for page in GUIDE]


def test_readme_example_imports_what_exists():
    """It downloads data and trains for long, so that its names are checked, not its run."""
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    imports = [node for node in ast.parse(code).body if isinstance(node, ast.ImportFrom)]
    assert imports
    for node in imports:
        for alias in node.names:
            assert hasattr(import_module(node.module), alias.name), f"{node.module} has no {alias.name}"


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_documents_link_to_files_that_exist(document):
    links = re.findall(r"\]\(([^)#]+)\)", (ROOT / document).read_text())
    missing = [link for link in links if not link.startswith("https://") and not (ROOT / link).exists()]
    assert missing == []
