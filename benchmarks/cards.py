"""The card of a model: what it has read, how good it is and what it is not for, as JSON and as a page."""

import json
from dataclasses import asdict
from pathlib import Path

from benchmarks.records import Record, fold, write_text
from benchmarks.tables import all_tables, machine, render_markdown

CARD_FILE, PAGE_FILE = "card.json", "README.md"

_FRONT = """---
library_name: skgenome
license: bsd-3-clause
tags:
- biology
- genomics
- DNA
---"""
_USE = """```python
import skgenome

lm = skgenome.load("{name}")
features = lm.transform(skgenome.KmerTokenizer(k={k}, stride={stride}).transform(["GATTACA"]))
```"""


def render_card(card: dict) -> str:
    """Write the page of a card.

    Parameters
    ----------
    card : dict
        Content of card.json.

    Returns
    -------
    str
        Markdown, with what the Hugging Face Hub reads at its head.
    """
    record = Record(**{name: value for name, value in card.items() if name != "weights_sha256"})
    (facts,) = record.pretraining
    parameters = ", ".join(f"{name}={value}" for name, value in sorted(facts["parameters"].items()))
    recipe = f"""{facts["n_weights"]:,} weights, trained for {facts["n_steps"]:,} steps on
        {facts["n_tokens"]:,} tokens in {facts["seconds"] / 3600:.2f} hours on {facts["device_name"]}.
        Parameters: {parameters}."""
    corpus = f"""{facts["description"]}; {facts["n_contigs"]:,} contigs, sha256 of all of them
        {facts["sha256"]}. Files, by the accessions of their assemblies, with those of the tasks:"""
    quick = "**A smoke run: of no use but to see that everything runs.**" if record.quick else ""
    parts = [
        _FRONT,
        f"# {record.title}",
        quick,
        _USE.format(name=record.name, k=facts["k"], stride=facts["stride"]),
        "## How it was made and measured",
        record.protocol,
        fold(recipe),
        f"Measured on {machine(record)} sha256 of the weights: {card['weights_sha256']}.",
        "## How good it is",
        *(render_markdown(table) for table in all_tables(record)),
        "## What it is not for",
        "\n".join(f"- {note}" for note in record.notes),
        "## What it has read",
        fold(corpus),
        "\n".join(f"- {row['file']}, sha256 {row['sha256']}" for row in record.data),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def write_card(record: Record, folder: Path, weights_sha256: str) -> None:
    """Write a card beside a model.

    Parameters
    ----------
    record : Record
        What was measured.
    folder : pathlib.Path
        Of the model.
    weights_sha256 : str
        Checksum of the file of weights that the card is about.
    """
    # As JSON gives it back, so that the page can be written from the file again.
    text = json.dumps({**asdict(record), "weights_sha256": weights_sha256}, indent=1, allow_nan=False)
    write_text(folder / CARD_FILE, text + "\n")
    write_text(folder / PAGE_FILE, render_card(json.loads(text)))
