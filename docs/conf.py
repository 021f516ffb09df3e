"""Configuration of Sphinx. ``make docs`` builds with warnings as errors."""

import sys
from pathlib import Path

import skgenome

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS))

import api_reference  # noqa: E402 (it lies beside this file)

project = "skgenome"
author = "The skgenome developers"
project_copyright = f"2026, {author}"
release = skgenome.__version__
version = release

extensions = ["sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.mathjax", "numpydoc"]
exclude_patterns = ["_build"]
templates_path = ["_templates"]

html_theme = "pydata_sphinx_theme"
html_title = "skgenome"
html_show_sourcelink = False
html_theme_options = {"show_prev_next": False, "secondary_sidebar_items": ["page-toc"]}

autosummary_generate = True
# The template of a class documents the methods that it defines; a table of them all on top, with those
# of scikit-learn's mixins, would bury them.
numpydoc_show_class_members = False

api_reference.write_pages(DOCS / "api")


def setup(app):
    """Leave out what scikit-learn adds to a class (set_fit_request and its like); it is documented there."""
    app.connect(
        "autodoc-skip-member", lambda app, what, name, *_: True if name.endswith("_request") else None
    )
