"""Tiny sequences and models that the command line is tried on."""

import csv
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skgenome._cli import cli
from skgenome.datasets import make_genomes, make_promoters
from skgenome.persistence import save
from skgenome.preprocessing import KmerCounter
from skgenome.sequences import write_fasta

TINY = ["--embedding-size", "8", "--hidden-size", "8", "--n-layers", "1", "--max-steps", "4"]
TINY += ["--batch-size", "8", "--quiet", "--device", "cpu"]


@pytest.fixture(scope="session")
def run():
    """Run a command and give its result; its exit code must be the one expected."""

    def call(*arguments, code=0):
        result = CliRunner().invoke(cli, [str(argument) for argument in arguments])
        assert result.exit_code == code, f"{result.output}\n{result.exception!r}"
        return result

    return call


@pytest.fixture(scope="session")
def error_of(run):
    """Run a command that must fail; give what it says, which must be one line where the code is 1."""

    def call(*arguments, code=1):
        result = run(*arguments, code=code)
        assert result.stdout == ""
        if code == 1:
            assert result.stderr.startswith("Error: ")
            assert result.stderr.count("\n") == 1
        return result.stderr

    return call


@pytest.fixture(scope="session")
def tiny():
    """Options of a network that is trained in no time."""
    return TINY


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """A genome, promoters and others in two FASTA files and in one table, and variants of the genome."""
    folder = tmp_path_factory.mktemp("cli")
    genome = make_genomes(n_genomes=1, genome_length=10_000, random_state=0).data[0]
    X, y = make_promoters(n_samples=60, sequence_length=60, random_state=1, return_X_y=True)
    found = SimpleNamespace(folder=folder, genome=folder / "genome.fa", sequence=genome[:2000], X=X, y=y)
    write_fasta(found.genome, [genome[:2000], genome[2000:3000]], names=["chr1", "chr2"])
    for name, label in (("promoter", 1), ("other", 0)):
        of_class = [s for s, given in zip(X, y, strict=True) if given == label]
        path = folder / f"{name}.fa.gz"
        write_fasta(path, of_class, names=[f"{name}{i}" for i in range(len(of_class))])
        setattr(found, name, path)
    found.table = folder / "labelled.csv"
    with found.table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["sequence", "label"])
        writer.writerows([s, "promoter" if label else "other"] for s, label in zip(X, y, strict=True))
    found.vcf = folder / "calls.vcf"
    ref = genome[500]
    alts = [base for base in "ACGT" if base != ref][:2]
    lines = [f"chr1\t501\trs1\t{ref}\t{','.join(alts)}", f"chr1\t900\t.\t{genome[899]}\t{genome[899]}A"]
    found.vcf.write_text("##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\n" + "\n".join(lines) + "\n")
    return found


@pytest.fixture(scope="session")
def model(run, files):
    """A pretrained model, by the command itself."""
    path = files.folder / "model"
    run("pretrain", files.genome, "-o", path, *TINY)
    return path


@pytest.fixture(scope="session")
def classifier(files):
    """A classifier of promoters without a network, whose answers differ."""
    y = np.where(np.asarray(files.y) == 1, "promoter", "other")
    pipeline = make_pipeline(KmerCounter(k=2), LogisticRegression()).fit(files.X, y)
    return save(pipeline, files.folder / "classifier")


@pytest.fixture(scope="session")
def tuned(run, files, model):
    """A lasso on the pretrained model, by the command itself; it tells sequences of A and T from others."""
    rng = np.random.default_rng(0)
    rows = [("".join(rng.choice(list(bases), 40)), bases) for bases in ("AT", "GC") * 20]
    table = files.folder / "bases.tsv"
    table.write_text("sequence\tlabel\n" + "".join(f"{s}\t{label}\n" for s, label in rows))
    path = files.folder / "tuned"
    run("fine-tune", table, "-m", model, "-o", path, "--method", "lasso", "--device", "cpu", "-q")
    return SimpleNamespace(path=path, X=[row[0] for row in rows], y=np.array([row[1] for row in rows]))
