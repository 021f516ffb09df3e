"""Run the command line: ``python -m skgenome``, installed as ``skgenome``."""

from skgenome._cli import cli


def main():
    """Run the command that ``sys.argv`` names, and exit with its code."""
    cli(prog_name="skgenome")


if __name__ == "__main__":
    main()
