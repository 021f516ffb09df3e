"""The tests in which something fails for real, run and counted."""

import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from benchmarks.records import ROOT

#: How a test notes the number of its kills: the name of a property, before what was killed.
KILLS = "kills of "


class Fault(NamedTuple):
    """A kind of fault, and the tests of it."""

    name: str
    arguments: tuple[str, ...]
    """For pytest."""


FAULTS = (
    Fault("A training is killed (SIGKILL)", ("tests/test_kills.py",)),
    Fault("A store is killed while it is built", ("tests/sequences/test_store.py", "-k", "kill or killed")),
    Fault(
        "A training dies within a step, a round, a fold or a phase",
        (
            "tests/representation/test_representation_checkpoints.py",
            "tests/classification/test_classifier_checkpoints.py",
        ),
    ),
    Fault(
        "The disk is full or read-only, a checkpoint is damaged, a loss is no number",
        ("tests/training/test_faults.py",),
    ),
    Fault("Memory runs out", ("tests/training/test_out_of_memory.py",)),
    Fault("A saved model is damaged, forged, or has a pickle in it", ("tests/test_persistence.py",)),
    Fault(
        "A sequence store is damaged, forged, or does not fit on the disk",
        ("tests/sequences/test_store.py", "-k", "not kill"),
    ),
)


def count(report: Path) -> dict:
    """Count the tests of a report that pytest has written.

    Parameters
    ----------
    report : Path
        In the format of JUnit.

    Returns
    -------
    dict
        ``passed``, ``failed``, ``skipped``, and ``kills`` by what was killed.
    """
    outcomes: Counter[str] = Counter()
    kills: Counter[str] = Counter()
    for case in ElementTree.parse(report).iter("testcase"):
        kinds = {child.tag for child in case}
        is_bad = kinds & {"failure", "error"}
        outcomes["failed" if is_bad else "skipped" if "skipped" in kinds else "passed"] += 1
        for note in case.iter("property"):
            if note.attrib["name"].startswith(KILLS) and not is_bad:
                kills[note.attrib["name"].removeprefix(KILLS)] += int(note.attrib["value"])
    return {**{name: outcomes[name] for name in ("passed", "failed", "skipped")}, "kills": dict(kills)}


def run_fault(fault: Fault) -> dict:
    """Run the tests of a fault.

    Parameters
    ----------
    fault : Fault
        Which.

    Returns
    -------
    dict
        As `count` gives it, with the name of the fault, what pytest was given, and the seconds.
    """
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}", "-o", "junit_family=xunit1"]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        subprocess.run([*command, *fault.arguments], cwd=ROOT, env=environment, check=False)
        counted = count(report)
    seconds = round(time.monotonic() - start, 1)
    return {"fault": fault.name, "tests": " ".join(fault.arguments), **counted, "seconds": seconds}
