"""Configuration of Sphinx. ``make docs`` builds with warnings as errors."""

import sys
from pathlib import Path

import skgenome

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS))

import api_reference  # noqa: E402 (these lie beside this file)
import result_tables  # noqa: E402

project = "skgenome"
author = "The skgenome developers"
project_copyright = f"2026, {author}"
release = skgenome.__version__
version = release

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
    "myst_parser",  # the benchmarks and the changelog are markdown
]
exclude_patterns = ["_build", "auto_examples/*.ipynb", "auto_examples/*.py"]
templates_path = ["_templates"]

html_theme = "pydata_sphinx_theme"
html_title = "skgenome"
html_show_sourcelink = False
html_static_path = ["_static"]
html_css_files = ["skgenome.css"]
html_theme_options = {
    "show_prev_next": False,
    "secondary_sidebar_items": ["page-toc"],
    "header_links_before_dropdown": 5,
}
# Single pages have no neighbours to list, and the benchmarks need the width.
html_sidebars = {page: [] for page in ("get_started", "benchmarks", "glossary", "whats_new")}

autosummary_generate = True
# The template of a class documents the methods that it defines; a table of them all on top, with those
# of scikit-learn's mixins, would bury them.
numpydoc_show_class_members = False

api_reference.write_pages(DOCS / "api")
result_tables.write_tables(DOCS / "tables")

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    # The journey takes minutes, and may be long: it is told of, not run.
    "ignore_pattern": r"^few_labels\.py$",
    "within_subsection_order": "gallery_order.GalleryOrder",
    "show_signature": False,
    "download_all_examples": False,
    "write_computation_times": False,
    # Names of ours in the code link to the reference, and the reference to the scripts that use them.
    "reference_url": {"skgenome": None},
    "doc_module": ("skgenome",),
    "backreferences_dir": "auto_examples/backreferences",
}


def setup(app):
    """Leave out what scikit-learn adds to a class (set_fit_request and its like); it is documented there."""
    app.connect(
        "autodoc-skip-member", lambda app, what, name, *_: True if name.endswith("_request") else None
    )
