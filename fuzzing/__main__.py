"""The one entry: ``python -m fuzzing`` feeds every reader, each in a process of its own."""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from fuzzing.faults import FAULTS, run_fault
from fuzzing.records import PAGE, RESULT, Record, describe_environment, fill_page, read_record, write_record
from fuzzing.targets import TARGETS

# Seconds between two looks at a search.
_GLANCE = 20
_NOTHING = {"inputs": 0, "read": 0, "refused": 0, "violations": {}, "seconds": 0.0}
#: Where inputs go that broke a reader.
KEPT = Path("fuzzing-crashes")


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m fuzzing", description=__doc__)
    add = parser.add_argument
    add(
        "--target",
        action="append",
        choices=TARGETS,
        help="feed this reader alone; may be given several times",
    )
    add("--inputs", type=int, default=40_000, help="at most so many in all (default: %(default)s)")
    add("--seconds", type=float, default=60, help="at most so long for each target (default: %(default)s)")
    add("--random-state", type=int, default=0, help="seed of the search (default: %(default)s)")
    add(
        "--kept", type=Path, default=KEPT, help="folder for inputs that break a reader (default: %(default)s)"
    )
    add("--faults", action="store_true", help="run the tests of faults and kills too")
    add("--output", type=Path, help=f"file for the result, as {RESULT.name}; without it nothing is written")
    add("--write-docs", action="store_true", help="put the stored result into the user guide and stop")
    return parser


def run_target(name: str, n_inputs: int, arguments: argparse.Namespace) -> Iterator[dict]:
    """Feed a reader until one of the bounds is reached.

    Parameters
    ----------
    name : str
        Of the target.
    n_inputs : int
        At most so many.
    arguments : argparse.Namespace
        The other bounds.

    Yields
    ------
    dict
        What was seen so far: inputs, read, refused, crashes, seconds; and what crashed, by place. The last
        one is of the whole search.
    """
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        corpus, scratch, result, log = (folder / part for part in ("corpus", "scratch", "result", "log"))
        for made in (corpus, scratch):
            made.mkdir()
        for i, seed in enumerate(TARGETS[name].seeds(scratch)):
            (corpus / f"seed{i}").write_bytes(seed)
        options = {
            "inputs": n_inputs, "seconds": arguments.seconds, "seed": arguments.random_state,
            "corpus": corpus, "result": result, "kept": arguments.kept.absolute(),
        }  # fmt: skip
        flags = [part for key, value in options.items() for part in (f"--{key}", str(value))]
        command = [sys.executable, "-m", "fuzzing.worker", name, *flags]
        with log.open("wb") as file, subprocess.Popen(command, stdout=file, stderr=file) as process:
            status = None
            while status is None:
                with suppress(subprocess.TimeoutExpired):
                    status = process.wait(_GLANCE)
                yield _judge(name, result, log, status)


def _judge(name: str, result: Path, log: Path, status: int | None) -> dict:
    """Read what a process has left so far; `status` is None while it runs."""
    seen = json.loads(result.read_text()) if result.exists() else dict(_NOTHING)
    violations = seen.pop("violations")
    if status and not violations:
        # No exception that Python could tell of: it crashed, or an input took too long. libFuzzer keeps it.
        lines = log.read_text(errors="replace").splitlines()
        said = [line for line in lines if not line.startswith(("INFO", "WARNING"))]
        violations["the process died"] = "\n".join(said[-20:])
    return {"target": name, **seen, "crashes": len(violations), "violations": violations}


def _write(record: Record, path: Path | None) -> None:
    """Write what is known by now: a search of hours may be stopped at any time."""
    if path is not None:
        write_record(record, path)


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line says.

    Parameters
    ----------
    argv : sequence of str or None, default=None
        Arguments; None takes those of the process.

    Returns
    -------
    int
        Exit status: 1 if something broke.
    """
    arguments = _make_parser().parse_args(argv)
    if arguments.write_docs:
        PAGE.write_text(fill_page(PAGE.read_text(encoding="utf-8"), read_record()), encoding="utf-8")
        print(f"Written to {PAGE}")
        return 0
    arguments.kept.mkdir(parents=True, exist_ok=True)
    record = Record(arguments.random_state, environment=describe_environment())
    print(f"{'target':<16}{'inputs':>10}{'read':>10}{'refused':>10}{'seconds':>10}{'crashes':>10}")
    targets = [TARGETS[name] for name in arguments.target or TARGETS]
    for target in targets:
        n_inputs = round(arguments.inputs * target.share / sum(other.share for other in targets))
        record.fuzzing.append({})
        for row in run_target(target.name, n_inputs, arguments):
            record.fuzzing[-1] = row
            _write(record, arguments.output)
        numbers = [f"{row[key]:>10,}" for key in ("inputs", "read", "refused", "seconds", "crashes")]
        print(f"{target.name:<16}{''.join(numbers)}", flush=True)
        for where, message in row["violations"].items():
            print(f"  {where}: {message}", flush=True)
    for fault in FAULTS if arguments.faults else ():
        row = run_fault(fault)
        print(
            f"{fault.name}: {row['passed']} passed, {row['failed']} failed, kills {row['kills']}", flush=True
        )
        record.faults.append(row)
        _write(record, arguments.output)
    return int(record.n_failures > 0)


if __name__ == "__main__":
    sys.exit(main())
