"""The one entry: ``python -m benchmarks NAME --data-home DIR``."""

import argparse
import logging
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.assembly import DifferentRunError, put_together
from benchmarks.page import write_page
from benchmarks.records import (
    RESULTS,
    ROOT,
    Settings,
    UnknownChoiceError,
    read_record,
    record_path,
    write_record,
)
from benchmarks.tables import show
from benchmarks.tasks import TASKS, NoModelError, NoPictureError, draw_task, install_model, run_task

#: Where models that come with the package lie.
BOX = ROOT / "skgenome" / "weights"


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    add = parser.add_argument
    add("name", nargs="?", metavar="NAME", choices=sorted(TASKS), help="which benchmark; see --list")
    add("--list", action="store_true", help="name the benchmarks and stop")
    add("--table", action="store_true", help="print the stored result of NAME instead of running")
    add("--write-docs", action="store_true", help="write docs/benchmarks.md from all stored results")
    add("--data-home", help="folder with the data (default: SKGENOME_DATA, or the user's cache)")
    add("--device", default="auto", help="auto, cpu, cuda or cuda:1 (default: %(default)s)")
    add("--random-state", type=int, default=0, help="seed of everything (default: %(default)s)")
    add("--output", type=Path, help=f"folder of the results (default: {RESULTS})")
    add("--work-dir", type=Path, help="folder of pretrained models (default: the user's cache)")
    add("--method", action="append", default=[], help="measure this method alone; may be given several times")
    add("--fraction", action="append", default=[], help="under this condition alone, as its column is called")
    add("--keep", action="store_true", help="put what --method and --fraction ask for into the stored result")
    add("--picture", type=Path, metavar="PATH", help="draw the picture of NAME, and nothing else")
    add("--install", action="store_true", help=f"put the model of NAME and its card into --output, or {BOX}")
    add("--quick", action="store_true", help="smoke run of minutes, written as NAME-quick.json")
    return parser


def _list_tasks() -> str:
    width = max(map(len, TASKS))
    return "\n".join(f"{name:<{width}}  {summary}" for name, (_, summary) in TASKS.items())


def _folder_of_results(arguments: argparse.Namespace) -> Path:
    if arguments.output is None and arguments.quick and not arguments.table:
        # A smoke run is no result: it has no place in the repository.
        return Path(tempfile.mkdtemp(prefix="skgenome-benchmark-"))
    return arguments.output or RESULTS


def _settings(arguments: argparse.Namespace) -> Settings:
    return Settings(
        arguments.data_home,
        arguments.device,
        arguments.random_state,
        arguments.work_dir,
        arguments.quick,
        tuple(arguments.method),
        tuple(arguments.fraction),
    )


def _run(arguments: argparse.Namespace) -> None:
    settings = _settings(arguments)
    if arguments.picture is not None:
        print(f"Written to {draw_task(arguments.name, settings, arguments.picture)}")
        return
    if arguments.install:
        box = _folder_of_results(arguments) if arguments.output or arguments.quick else BOX
        print(f"Written to {install_model(arguments.name, settings, box)}")
        return
    record = run_task(arguments.name, settings)
    if settings.is_part and not arguments.keep:
        # No result yet: the run of the whole finds these parts again, and puts the table together.
        print(show(record))
        return
    folder = _folder_of_results(arguments)
    path = record_path(record.name, folder, quick=record.quick)
    if settings.is_part and path.is_file():
        record = put_together(read_record(path), record)
    write_record(record, folder)
    print(show(record))
    print(f"\nWritten to {path}")


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line says.

    Parameters
    ----------
    argv : sequence of str or None, default=None
        Arguments; None takes those of the process.

    Returns
    -------
    int
        Exit status.
    """
    parser = _make_parser()
    arguments = parser.parse_args(argv)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    if arguments.list:
        print(_list_tasks())
    elif arguments.write_docs:
        print(f"Written to {write_page(_folder_of_results(arguments))}")
    elif arguments.name is None:
        parser.error("NAME, --list or --write-docs is needed")
    elif arguments.table:
        path = record_path(arguments.name, _folder_of_results(arguments), quick=arguments.quick)
        try:
            print(show(read_record(path)))
        except (FileNotFoundError, ValueError) as err:
            parser.error(str(err))
    else:
        try:
            _run(arguments)
        except (UnknownChoiceError, NoPictureError, NoModelError, DifferentRunError) as err:
            parser.error(str(err))
    return 0


if __name__ == "__main__":
    sys.exit(main())
