"""Write the lower bounds of pyproject.toml as constraints: what ``make test-oldest`` installs.

pyproject.toml is the only place that says how old a package may be; nothing here has to follow it.
"""

import re
import sys
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"

#: The Makefile installs torch by itself, in the tested version: older builds for CPUs alone are on an index
#: that not everybody reaches, and those of PyPI bring gigabytes.
LEFT_OUT = {"torch"}

#: A requirement as pyproject.toml writes it; those of our own extras and of tools have no bound.
_REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)>=(?P<version>[\w.]+)")


def lower_bounds(project: dict) -> dict[str, str]:
    """Give the oldest version of every requirement that has one.

    Parameters
    ----------
    project : dict
        The table ``project`` of pyproject.toml.

    Returns
    -------
    dict of str to str
        Name to version.

    Raises
    ------
    ValueError
        If two bounds of one package differ: then one of them is never tested.
    """
    extras = project["optional-dependencies"].values()
    bounds: dict[str, str] = {}
    for requirement in [*project["dependencies"], *(wanted for extra in extras for wanted in extra)]:
        match = _REQUIREMENT.fullmatch(requirement)
        if match is None or match["name"] in LEFT_OUT:
            continue
        if bounds.setdefault(match["name"], match["version"]) != match["version"]:
            raise ValueError(
                f"pyproject.toml has two lower bounds of {match['name']}: {bounds[match['name']]} and "
                f"{match['version']}. Make them one."
            )
    return bounds


if __name__ == "__main__":
    bounds = lower_bounds(tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"])
    sys.stdout.writelines(f"{name}=={version}\n" for name, version in bounds.items())
