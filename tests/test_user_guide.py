"""The snippets of the user guide and the README: text that nobody runs goes out of date."""

import ast
import doctest
import re
from importlib import import_module
from pathlib import Path

import pytest

from skgenome.datasets import make_promoters
from skgenome.sequences import write_fasta

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


def readme_snippets():
    return re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


@pytest.mark.slow
def test_readme_example_runs_as_written(tmp_path, monkeypatch, capsys):
    """On two FASTA files in the folder, with the weights that come with the package."""
    X, y = make_promoters(n_samples=260, sequence_length=60, random_state=0, return_X_y=True)
    for label, name in ((1, "promoters.fa"), (0, "others.fa")):
        write_fasta(tmp_path / name, [row for row, given in zip(X, y, strict=True) if given == label])
    monkeypatch.chdir(tmp_path)
    exec(compile(readme_snippets()[0], "README.md", "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["20", "50", "100", "200"]
    assert [line.split("  ")[0] for line in lines[2:]] == ["k-mers", "language model", "chance"]


def test_readme_examples_import_what_exists():
    """The second one downloads genomes and trains for long: its names are checked, not its run."""
    snippets = readme_snippets()
    assert len(snippets) == 2
    imports = [node for code in snippets for node in ast.parse(code).body if isinstance(node, ast.ImportFrom)]
    for node in imports:
        for alias in node.names:
            assert hasattr(import_module(node.module), alias.name), f"{node.module} has no {alias.name}"


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_documents_link_to_files_that_exist(document):
    links = re.findall(r"\]\(([^)#]+)\)", (ROOT / document).read_text())
    missing = [link for link in links if not link.startswith("https://") and not (ROOT / link).exists()]
    assert missing == []
