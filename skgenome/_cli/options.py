"""Options and arguments that several commands share."""

from pathlib import Path

import click

fasta_argument = click.argument("fasta", nargs=-1, required=True, metavar="FASTA...")
labelled_argument = click.argument("labelled", nargs=-1, required=True, metavar="LABELLED...")
model_option = click.option("-m", "--model", required=True, help="Folder of a saved model, or its name.")
output_option = click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="What to write."
)
force_option = click.option("--force", is_flag=True, help="Replace what is there.")
quiet_option = click.option("-q", "--quiet", is_flag=True, help="No progress bar.")
device_option = click.option(
    "--device", default="auto", show_default=True, help="'auto' is CUDA where there is one, else the CPU."
)
seed_option = click.option(
    "--random-state", type=int, default=0, show_default=True, help="Seed of everything random."
)
checkpoint_option = click.option(
    "--checkpoint-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder in which a training that was killed is found again by the same command.",
)


def column_options(command):
    """Add the names of the columns of a labelled table."""
    for part in ("label", "sequence"):
        command = click.option(
            f"--{part}-column", default=part, show_default=True, help=f"Column of a table with the {part}s."
        )(command)
    return command
