"""The command line as a whole: start-up, help, exit codes, errors in one line, layers."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

import skgenome._cli
from skgenome._cli import cli
from skgenome._cli.group import OneLineGroup

SOURCES = sorted(Path(skgenome._cli.__file__).parent.glob("*.py"))
SOURCES.append(Path(skgenome._cli.__file__).parents[1] / "__main__.py")


def commands(group=cli, names=()):
    """List all commands as the words that call them."""
    for name, command in group.commands.items():
        yield [*names, name]
        if isinstance(command, click.Group):
            yield from commands(command, [*names, name])


def imports_of(path):
    """List (module, name, whether at the top) of all imports of a file."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield from ((node.module, alias.name, node in tree.body) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "", node in tree.body) for alias in node.names)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_cli_calls_the_public_api_alone(path):
    for module, name, _ in imports_of(path):
        if module.split(".")[0] == "skgenome" and not module.startswith("skgenome._cli"):
            assert not any(part.startswith("_") for part in [*module.split("."), name]), f"{module}.{name}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_cli_imports_nothing_slow_before_a_command_runs(path):
    at_the_top = {module.split(".")[0] for module, _, top in imports_of(path) if top}
    assert at_the_top - set(sys.stdlib_module_names) <= {"click", "skgenome"}


def test_cli_help_starts_without_torch():
    program = (
        "import sys\nfrom skgenome.__main__ import main\nsys.argv = ['skgenome', '--help']\n"
        "try:\n    main()\nexcept SystemExit as exit:\n    assert not exit.code\n"
        "print(sorted({'torch', 'numpy', 'sklearn', 'tqdm'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Usage: skgenome")
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("words", [[], *commands()], ids=lambda words: "-".join(words) or "skgenome")
def test_cli_help_has_an_example(run, words):
    said = run(*words, "--help").stdout
    assert re.search(r"Example:\n +skgenome " + " ".join(words), said)


@pytest.mark.parametrize("words", [[], *commands()], ids=lambda words: "-".join(words) or "skgenome")
def test_cli_examples_are_understood(words):
    """Every option that an example names is one of the command's."""
    command = cli
    for word in words:
        command = command.commands[word]
    lines = command.epilog.replace("\\\n", " ").splitlines()
    for line in lines:
        called = re.search(r"skgenome (.*)", line)
        if called:
            arguments = called[1].split("   (")[0].split()
            sub, at = cli, 0
            while isinstance(sub, click.Group):
                sub, at = sub.commands[arguments[at]], at + 1
            sub.make_context(sub.name, arguments[at:], resilient_parsing=False)


def test_cli_version(run):
    assert skgenome.__version__ in run("--version").stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["no-such-command"], "No such command"),
        (["embed"], "Missing argument"),
        (["embed", "a.fa", "-m", "model"], "Missing option '-o'"),
        (["embed", "a.fa", "-m", "model", "-o", "a.txt"], "must end in .npy, .csv, .tsv, .parquet"),
        (["classify", "a.fa", "-m", "model", "-o", "a.npy"], "must end in .tsv, .csv"),
        (["scan", "a.fa", "-m", "model", "-o", "a.txt", "--window-size", "9"], "must end in .bw"),
        (["variants", "a.vcf", "a.fa", "-m", "m", "-o", "a.vcf", "--window-size", "9"], "must end in .tsv"),
        (["few-labels", "a.csv", "-m", "m", "-o", "a.tsv", "--labels", "20,x"], "whole numbers from 2 on"),
        (["few-labels", "a.csv", "-m", "m", "-o", "a.tsv", "--figure", "a.svg"], "must end in .png"),
        (["pretrain", "-o", "model"], "or a --store"),
        (["pretrain", "a.fa", "-o", "model", "--k", "20"], "Invalid value for '--k'"),
        (["fine-tune", "a.csv", "-m", "m", "-o", "x", "--method", "lasso", "--lm-epochs", "1"], "give one"),
        (["datasets", "fetch", "no-such-set"], "there are 16s-reads"),
        (["datasets", "fetch", "gram-staining", "--subset", "a"], "has no parts"),
    ],
    ids=lambda value: None if isinstance(value, str) else "-".join(value)[:40],
)
def test_cli_wrong_use_has_exit_code_2(error_of, arguments, said):
    assert said in error_of(*arguments, code=2)


def failing_group(error):
    """Make a group with one command, which raises."""

    @click.group(cls=OneLineGroup)
    @click.option("--debug", is_flag=True)
    def group(debug):
        pass

    @group.command()
    def fail():
        raise error

    return group


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("first\nand   second"), "Error: first and second\n"),
        (KeyError("no 'chr1'"), "Error: no 'chr1'\n"),
        (OSError(28, "No space left on device"), "Error: [Errno 28] No space left on device\n"),
        (ImportError("install it"), "Error: install it\n"),
        (RuntimeError("out of memory"), "Error: out of memory\n"),
        (MemoryError(), "Error: MemoryError\n"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_cli_error_is_one_line_with_exit_code_1(error, line):
    result = click.testing.CliRunner().invoke(failing_group(error), ["fail"])
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", line)


def test_cli_debug_shows_where_an_error_came_from():
    error = ValueError("wrong")
    result = click.testing.CliRunner().invoke(failing_group(error), ["--debug", "fail"])
    assert result.exit_code == 1
    assert result.exception is error


def test_cli_exit_of_click_is_passed_on():
    result = click.testing.CliRunner().invoke(failing_group(click.exceptions.Exit(3)), ["fail"])
    assert result.exit_code == 3


@pytest.mark.filterwarnings("always")
def test_cli_warnings_are_one_line_each(run, classifier, tmp_path):
    fasta = tmp_path / "short.fa"
    fasta.write_text(">long\n" + "ACGTTGCAAC" * 8 + "\n>short\nACGT\n")
    result = run(
        "scan", fasta, "-m", classifier, "--window-size", 60, "--target", "promoter", "-q",
        "-o", tmp_path / "a.bedgraph",
    )  # fmt: skip
    assert "Warning: 1 of 2 contigs have no value: shorter than a window of 60 bases" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [
        ["embed", "FASTA", "-m", "MODEL", "-o", "there.npy"],
        ["classify", "FASTA", "-m", "CLASSIFIER", "-o", "there.tsv"],
        ["scan", "FASTA", "-m", "CLASSIFIER", "--window-size", "60", "-o", "there.bed"],
        ["variants", "VCF", "FASTA", "-m", "CLASSIFIER", "--window-size", "60", "-o", "there.tsv"],
        ["few-labels", "TABLE", "-m", "MODEL", "-o", "there.tsv"],
        ["fine-tune", "TABLE", "-m", "MODEL", "-o", "there.model"],
        ["pretrain", "FASTA", "-o", "there.model"],
    ],
    ids=lambda words: words[0],
)
def test_cli_nothing_is_overwritten_unasked(error_of, files, model, classifier, tmp_path, words):
    stand_for = {"FASTA": files.genome, "MODEL": model, "CLASSIFIER": classifier}
    stand_for |= {"VCF": files.vcf, "TABLE": files.table}
    there = tmp_path / words[-1]
    there.write_text("mine")
    said = error_of(*(stand_for.get(word, word) for word in words[:-1]), there)
    assert "exists and is left alone. Add --force" in said
    assert there.read_text() == "mine"


@pytest.mark.parametrize("command", ["embed", "classify"])
def test_cli_missing_files_are_named(error_of, model, classifier, files, tmp_path, command):
    output, saved = tmp_path / "a.csv", model if command == "embed" else classifier
    assert "none.fa" in error_of(command, tmp_path / "none.fa", "-m", saved, "-o", output)
    said = error_of(command, files.genome, "-m", tmp_path / "no-model", "-o", output)
    assert "is no folder that skgenome.save has written" in said
    assert "does not exist. Make it first." in error_of(
        command, files.genome, "-m", model, "-o", tmp_path / "no" / "a.csv"
    )
    (tmp_path / "folder.csv").mkdir()
    said = error_of(command, files.genome, "-m", model, "-o", tmp_path / "folder.csv", "--force")
    assert "is a folder" in said
    assert {path.name for path in tmp_path.iterdir()} == {"folder.csv"}
