"""The command line: each command reads files, calls the public API, and writes files.

A module imports click and the standard library alone; what a command needs is imported when it runs, so that
``skgenome --help`` does not wait for torch.
"""

from skgenome._cli.group import cli

__all__ = ["cli"]
