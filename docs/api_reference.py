"""The one list behind the API pages: modules in order, with a line on each; names come from ``__all__``."""

import inspect
from importlib import import_module

SECTIONS = {
    "skgenome.sequences": "DNA as text and bytes: files, IUPAC codes, k-mer ids, windows.",
    "skgenome.preprocessing": "From sequences to token ids or k-mer counts.",
    "skgenome.datasets": "Real data, checksummed, and synthetic data that needs no network.",
    "skgenome.representation": "Representations learnt from sequences without labels.",
    "skgenome.classification": "Classifiers whose network is fine-tuned.",
    "skgenome.linear_model": "Linear models for many features and few labels.",
    "skgenome.model_selection": "How many labels does a task need?",
    "skgenome.manifold": "Embeddings in two dimensions, to look at.",
    "skgenome.metrics": "How good predictions are: figures, reports and scorers.",
    "skgenome.inspection": "Which bases a fitted classifier reads, and what variants do to its predictions.",
    "skgenome.scanning": "A classifier along a genome: tracks, peaks, files, known sites, the picture.",
    "skgenome.persistence": "Save and load; loading runs no code.",
    "skgenome.nn": "The networks' parts: torch modules and losses, usable on their own.",
    "skgenome.training": "What feeds and drives a network.",
    "skgenome.utils": "Tools for those who write estimators.",
    "skgenome.utils.estimator_checks": "The conformance suite.",
    "skgenome.exceptions": "Warnings and errors.",
}


def title(text, mark="="):
    """Underline a title."""
    return f"{text}\n{mark * len(text)}\n"


def module_page(module, intro):
    """Write the page of one module: its names, those of classes and functions as links to pages."""
    names = [name for name in import_module(module).__all__ if not _is_module(module, name)]
    lines = [title(module), intro, "", f".. currentmodule:: {module}", ""]
    documented = [name for name in names if callable(getattr(import_module(module), name))]
    if documented:
        lines += [
            ".. autosummary::",
            "   :toctree: generated/",
            "",
            *(f"   {name}" for name in documented),
            "",
        ]
    constants = [name for name in names if name not in documented]
    if constants:
        values = [f"``{name} = {getattr(import_module(module), name)!r}``" for name in constants]
        lines += ["Constants: " + ", ".join(values) + ".", ""]
    return "\n".join(lines)


def _is_module(module, name):
    return inspect.ismodule(getattr(import_module(module), name))


def write_pages(folder):
    """Write a page per module and an index; a page that has not changed keeps its date."""
    folder.mkdir(exist_ok=True)
    pages = {module: module_page(module, intro) for module, intro in SECTIONS.items()}
    pages["index"] = "\n".join(
        [
            title("API reference"),
            ".. toctree::",
            "   :maxdepth: 1",
            "",
            *(f"   {name}" for name in SECTIONS),
            "",
        ]
    )
    for name, text in pages.items():
        path = folder / f"{name}.rst"
        if not path.is_file() or path.read_text() != text:
            path.write_text(text)
