"""Commands that look things up: ``datasets`` what can be fetched, ``models`` what a folder holds."""

from inspect import getdoc, signature
from pathlib import Path

import click

from skgenome._cli.inputs import TABLES, load_pipeline, suffix_of
from skgenome._cli.options import force_option
from skgenome._cli.outputs import check_outputs, check_suffix, write_table


def _fetchers():
    """Give every fetcher under its name on the command line: 'ecoli-promoters' is fetch_ecoli_promoters."""
    import skgenome.datasets

    names = [name for name in skgenome.datasets.__all__ if name.startswith("fetch_")]
    return {n.removeprefix("fetch_").replace("_", "-"): getattr(skgenome.datasets, n) for n in names}


@click.group(
    epilog="""\b
Example:
  skgenome datasets list
  skgenome datasets fetch ecoli-promoters -o train.csv"""
)
def datasets():
    """List and fetch real data sets, checksummed."""


@datasets.command(
    "list",
    epilog="""\b
Example:
  skgenome datasets list""",
)
def list_datasets():
    """List what can be fetched, and where to."""
    from skgenome.datasets import get_data_home

    fetchers = _fetchers()
    width = max(map(len, fetchers))
    for name, fetch in fetchers.items():
        summary = getdoc(fetch).split("\n")[0].removeprefix("Fetch ").replace("*", "")
        click.echo(f"{name:<{width}}  {summary}")
    click.echo(f"\nFolder: {get_data_home()} (SKGENOME_DATA or --data-home set another)")


@datasets.command(
    "fetch",
    epilog="""\b
Example:
  skgenome datasets fetch ecoli-promoters --subset test -o test.csv""",
)
@click.argument("name")
@click.option("--data-home", type=click.Path(file_okay=False, path_type=Path), help="Folder for the files.")
@click.option("--subset", help="Part of the data set, where it has parts.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Also write the sequences: .csv or .tsv with their labels, .fa without.",
)
@click.option("--offline", is_flag=True, help="Download nothing: only look whether it is there, and whole.")
@force_option
def fetch_dataset(name, data_home, subset, output, offline, force):
    """Download a data set, unless it is there, and check it."""
    fetchers = _fetchers()
    if name not in fetchers:
        raise click.UsageError(f"There is no data set {name!r}; there are {', '.join(fetchers)}.")
    fetch, given = fetchers[name], {"data_home": data_home, "download_if_missing": not offline}
    if subset is not None:
        if "subset" not in signature(fetch).parameters:
            raise click.UsageError(f"{name} has no parts: leave --subset out.")
        given["subset"] = subset
    if output is not None:
        check_suffix(output, [*TABLES, ".fa", ".fasta"])
        check_outputs([output], force=force)
    bunch = fetch(**given)
    click.echo(f"{name}: {_count(bunch)}whole, in {_home(data_home)}")
    if output is not None:
        _write_dataset(output, bunch, name)
        click.echo(f"Wrote {output}")


def _home(data_home):
    from skgenome.datasets import get_data_home

    return get_data_home(data_home)


def _count(bunch):
    data = bunch.get("data")
    return "" if data is None else f"{len(data):,} sequences, "


def _write_dataset(path, bunch, name):
    """Write the sequences of a data set, with one label each where the suffix is that of a table."""
    import numpy as np

    from skgenome.sequences import write_fasta

    if bunch.get("data") is None:
        raise ValueError(f"{name} is not a list of sequences, and is written to no file. Leave --output out.")
    if suffix_of(path) not in TABLES:
        # Those of contigs, by which VCF and BED files know them, or of single sequences.
        names = bunch.get("contig_names", bunch.get("names"))
        write_fasta(path, list(bunch.data), names=None if names is None else list(names))
        return
    target = np.asarray(bunch.get("target"))
    if target.ndim != 1:
        raise ValueError(f"{name} has not one label for each sequence. Write a .fa file without labels.")
    names = bunch.get("target_names")
    labels = target if names is None or target.dtype.kind not in "iu" else np.asarray(names)[target]
    write_table(path, ["sequence", "label"], zip(bunch.data, labels.tolist(), strict=True))


@click.command(
    epilog="""\b
Example:
  skgenome models model classifier"""
)
@click.argument("folders", nargs=-1, metavar="[MODEL]...")
def models(folders):
    """Show what saved models are; those that come with the package if none is named.

    Their parts with their parameters, tokens, classes, size, and the last row of their history. A model is a
    folder, the name of one that comes with the package, or hf://user/name on the Hugging Face Hub.
    """
    from skgenome.persistence import list_models

    if not folders and not list_models():
        click.echo("No model comes with this package. Name a folder, or hf://user/name.")
    for folder in folders or list_models():
        # All lines first: a folder that is no model is an error, and nothing else.
        found = list(_describe(folder))
        width = max(len(label) for label, _ in found) + 2
        lines = [f"  {label:<{width}}{text}" for label, text in found]
        click.echo("\n".join([folder, *lines]))


def _describe(folder):
    """Give the lines on a saved model, as pairs of a word and a text."""
    model = load_pipeline(folder)
    for name, step in getattr(model, "steps", [("model", model)]):
        yield name, " ".join(repr(step).split())
        step = getattr(step, "estimator", step)
        yield from _describe_learnt(step)
    path = Path(folder)
    if path.is_dir():
        n_bytes = sum(file.stat().st_size for file in path.iterdir() if file.is_file())
        yield "size", f"{n_bytes / 1e6:.3g} MB"


def _describe_learnt(step):
    """Give the lines on what a part has learnt: tokens, classes, weights, the last row of its history."""
    if hasattr(step, "k_"):
        yield "tokens", f"k={step.k_}, stride={step.stride_}"
    if hasattr(step, "classes_"):
        yield "classes", ", ".join(map(str, step.classes_))
    network = getattr(step, "module_", None) or getattr(getattr(step, "encoder_", None), "module_", None)
    if network is not None:
        yield "weights", f"{sum(weights.numel() for weights in network.parameters()):,}"
    if getattr(step, "history_", None):
        last = step.history_[-1].items()
        yield "history", ", ".join(f"{k}={v:.4g}" if isinstance(v, float) else f"{k}={v}" for k, v in last)
