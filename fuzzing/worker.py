"""One target under a search guided by coverage: ``python -m fuzzing.worker NAME ...``, a process of its own.

libFuzzer, which atheris brings, keeps inputs that reach new lines of the readers and changes those further.
The process ends by the count of inputs, or by the clock, and leaves a file that says what it saw.
"""

import argparse
import json
import os
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path
from random import Random

import atheris

# What is to be told about its coverage has to be imported here, before anything else imports it.
with atheris.instrument_imports(include=["skgenome", "dnaio", "safetensors", "json"]):
    from fuzzing.contract import READ, REFUSED, Target, Violation, check
    from fuzzing.mutation import mutate_bytes, mutate_json
    from fuzzing.targets import TARGETS

#: Memory that an input may claim on top of what the process has already.
ROOM = 2 * 2**30
#: Seconds after which an input counts as one that never ends.
PATIENCE = 60
#: Inputs of one kind of violation are alike; so many are kept in all.
MOST_KEPT = 20
_LONGEST_INPUT = 2**17


class Tally:
    """What the inputs did, and where the process keeps it.

    Parameters
    ----------
    target : Target
        What they are fed to.
    arguments : argparse.Namespace
        Bounds and places of the process.
    """

    def __init__(self, target: Target, arguments: argparse.Namespace):
        self.target, self.arguments = target, arguments
        self.counts = {READ: 0, REFUSED: 0}
        self.violations: dict[str, str] = {}
        self.start = time.monotonic()
        # Within a folder that whoever started the process removes: this process ends without a farewell.
        self.folder = arguments.corpus.parent / "files"
        self.folder.mkdir()

    def take(self, content: bytes) -> None:
        """Feed one input; end the process when there were enough."""
        try:
            self.counts[check(self.target, content, self.folder)] += 1
        except Violation as violation:
            self._keep(violation, content)
        n_inputs, seconds = self._progress()
        is_over = n_inputs >= self.arguments.inputs or seconds >= self.arguments.seconds
        if is_over or n_inputs % 1000 == 0:
            self.write()
        if is_over:
            # libFuzzer would go on; and its own end skips what Python does at exit.
            os._exit(0)

    def _progress(self) -> tuple[int, float]:
        n_inputs = sum(self.counts.values()) + len(self.violations)
        return n_inputs, time.monotonic() - self.start

    def _keep(self, violation: Violation, content: bytes) -> None:
        frames = traceback.extract_tb((violation.__cause__ or violation).__traceback__)
        ours = [
            f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames if "skgenome" in frame.filename
        ]
        where = f"{type(violation.__cause__ or violation).__name__} {ours[-1] if ours else frames[-1].name}"
        if where in self.violations:
            self.counts["again"] = self.counts.get("again", 0) + 1
            return
        name = f"{self.target.name}-{len(self.violations)}"
        self.violations[where] = str(violation)[:300]
        (self.arguments.kept / name).write_bytes(content)
        sys.stderr.write(f"VIOLATION {where}: {str(violation)[:300]} (kept as {name})\n")
        if len(self.violations) >= MOST_KEPT:
            self.write()
            os._exit(1)

    def write(self) -> None:
        """Say what was seen so far."""
        n_inputs, seconds = self._progress()
        seen = {
            "inputs": n_inputs,
            "read": self.counts[READ],
            "refused": self.counts[REFUSED],
            "violations": self.violations,
            "seconds": round(seconds, 1),
        }
        # Beside and renamed: it is read while the search goes on.
        part = self.arguments.result.with_suffix(".part")
        part.write_text(json.dumps(seen))
        part.replace(self.arguments.result)


def _limit_memory() -> None:
    """Let a reader fail that believes a header; it would take the machine down otherwise."""
    with suppress(ImportError):
        import resource

        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + ROOM, used + ROOM))


def _mutator(target: Target):
    def mutate(content: bytes, most: int, seed: int) -> bytes:
        random = Random(seed)

        def any_bytes(old: bytes) -> bytes:
            return mutate_bytes(old, random) if random.random() < 0.3 else atheris.Mutate(old, most)

        new = mutate_json(content, random, any_bytes) if target.is_json else any_bytes(content)
        return new[:most]

    return mutate


def main() -> None:
    """Search until the bounds are reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=TARGETS)
    parser.add_argument("--inputs", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--corpus", type=Path, required=True, help="holds the seeds; grows")
    parser.add_argument("--result", type=Path, required=True, help="what is written at the end")
    parser.add_argument("--kept", type=Path, required=True, help="folder for inputs that broke a reader")
    arguments = parser.parse_args()
    target = TARGETS[arguments.name]
    tally = Tally(target, arguments)
    options = [
        sys.argv[0],
        str(arguments.corpus),
        f"-seed={arguments.seed + 1}",
        f"-timeout={PATIENCE}",
        f"-max_len={_LONGEST_INPUT}",
        f"-artifact_prefix={arguments.kept}/{target.name}-",
        "-len_control=0",
        "-rss_limit_mb=0",
        "-verbosity=0",
        "-print_final_stats=0",
    ]
    atheris.Setup(options, tally.take, custom_mutator=_mutator(target))
    _limit_memory()
    atheris.Fuzz()


if __name__ == "__main__":
    main()
