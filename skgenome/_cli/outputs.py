"""What commands write: nothing is overwritten unasked, and nothing is left half-written."""

import csv

import click

from skgenome._cli.inputs import TABLES, is_compressed, suffix_of

_MODEL_FILES = {"model.json", "weights.safetensors"}
#: Formats that whoever reads them wants as they are.
_BINARY = {".npy", ".parquet", ".bw", ".bigwig", ".png"}


def check_suffix(path, allowed):
    """Give the suffix of an output; end as a wrong use of the command where it is none of `allowed`."""
    suffix = suffix_of(path)
    if suffix not in allowed:
        raise click.UsageError(f"{path} must end in {', '.join(allowed)}, which says what to write.")
    if suffix in _BINARY and is_compressed(path):
        raise click.UsageError(f"{path} can't be compressed: text is, {suffix} is not. Name it *{suffix}.")
    return suffix


def check_outputs(paths, *, force):
    """Raise, before any work, where a file is in the way or its folder is missing."""
    for path in paths:
        if path.is_dir():
            raise IsADirectoryError(f"{path} is a folder, where a file is to be written. Give another name.")
        if path.exists() and not force:
            raise FileExistsError(f"{path} exists and is left alone. Add --force to replace it.")
        if not path.absolute().parent.is_dir():
            raise FileNotFoundError(f"Folder {path.absolute().parent} does not exist. Make it first.")


def check_model_folder(path, *, force):
    """Raise, before a training of hours, where `save` would refuse to write at its end."""
    if not path.exists():
        return
    if not force:
        raise FileExistsError(f"{path} exists and is left alone. Add --force to replace it.")
    if not path.is_dir() or not {file.name for file in path.iterdir()} <= _MODEL_FILES:
        raise FileExistsError(
            f"{path} holds more than a saved model, and is not replaced. Give another name."
        )
    if not (path / "model.json").is_file():
        raise FileExistsError(f"{path} is no saved model, and is not replaced. Give another name.")


class _Encoded:
    """A binary file that takes text."""

    def __init__(self, file):
        self.file = file

    def write(self, text):
        return self.file.write(text.encode())


def write_table(path, header, rows):
    """Write rows as they come, with commas or tabs as the suffix says; floats with nine digits."""
    from skgenome.sequences import write_beside

    with write_beside(path) as file:
        writer = csv.writer(_Encoded(file), delimiter=TABLES[suffix_of(path)], lineterminator="\n")
        writer.writerow(header)
        writer.writerows([f"{v:.9g}" if isinstance(v, float) else v for v in row] for row in rows)


def write_parquet(path, columns):
    """Write a dict of columns as Parquet, by whichever of polars and pandas can."""
    from io import BytesIO

    from skgenome.sequences import write_beside

    content = BytesIO()
    require_parquet()(columns, content)
    with write_beside(path) as file:
        file.write(content.getvalue())


def require_package(package, what, extra):
    """Raise, before any work, where an optional package is missing that an output needs."""
    from importlib.util import find_spec

    if not find_spec(package):
        raise ImportError(f"{what} needs {package}. Install it with: pip install 'skgenome[{extra}]'")


def require_parquet():
    """Give a function that writes columns to a file as Parquet, or say what to install."""
    from importlib import import_module
    from importlib.util import find_spec

    if find_spec("polars"):
        return lambda columns, file: import_module("polars").DataFrame(columns).write_parquet(file)
    if find_spec("pandas") and find_spec("pyarrow"):
        return lambda columns, file: import_module("pandas").DataFrame(columns).to_parquet(file, index=False)
    raise ImportError(
        "Parquet needs polars, or pandas with pyarrow. Install one (pip install polars), or write .csv."
    )
