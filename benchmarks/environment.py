"""What a result depends on besides its parameters: versions, commit, machine."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from benchmarks.records import ROOT
from skgenome.training import resolve_device

PACKAGES = (
    "skgenome",
    "numpy",
    "scipy",
    "scikit-learn",
    "torch",
    "skorch",
    "tokenizers",
    "biopython",
    "fastai",
)
#: What a benchmark writes itself does not make the code another one.
WRITTEN_BY_BENCHMARKS = ("benchmarks/results", "docs/benchmarks.md")


def package_versions() -> dict[str, str | None]:
    """Give the version of Python and of every package that a number may depend on.

    Returns
    -------
    dict
        Name to version; None for an optional package that is not installed.
    """
    versions: dict[str, str | None] = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = None
    return versions


def _git(*arguments: str, root: Path) -> str | None:
    """Run git and give what it prints, or None where there is no git or no repository."""
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def commit(root: Path = ROOT) -> dict[str, str | bool | None]:
    """Name the commit that is checked out, and say whether files differ from it.

    Parameters
    ----------
    root : pathlib.Path
        A folder of the working tree.

    Returns
    -------
    dict
        ``commit`` and ``dirty``; both None outside of a git repository. Results and the page made of
        them do not count as a difference.
    """
    excluded = [f":(exclude,top){path}" for path in WRITTEN_BY_BENCHMARKS]
    status = _git("status", "--porcelain", "--", ":/", *excluded, root=root)
    return {
        "commit": _git("rev-parse", "--verify", "HEAD", root=root),
        "dirty": None if status is None else bool(status),
    }


def cpu_name() -> str:
    """Give the name that the processor has for itself.

    Returns
    -------
    str
        The model, or the architecture where the system does not tell.
    """
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def device_name(device: torch.device) -> str:
    """Give the name of what a network runs on.

    Parameters
    ----------
    device : torch.device
        A device.

    Returns
    -------
    str
        Of the GPU, or of the processor.
    """
    return torch.cuda.get_device_name(device) if device.type == "cuda" else cpu_name()


def n_cores() -> int:
    """Count the cores that this process may use.

    Returns
    -------
    int
        Number of cores.
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def describe(device: str) -> dict:
    """Collect all facts about the machine and the code.

    Parameters
    ----------
    device : str
        As the estimators take it, ``"auto"`` included.

    Returns
    -------
    dict
        Ready for JSON.
    """
    resolved = resolve_device(device)
    return {
        "versions": package_versions(),
        **commit(),
        "device": str(resolved),
        "device_name": device_name(resolved),
        "cpu": cpu_name(),
        "n_cores": n_cores(),
        "n_threads": torch.get_num_threads(),
        "platform": platform.platform(terse=True),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }
