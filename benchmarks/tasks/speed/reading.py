"""Speed of reading FASTA beside Biopython's two readers, and of counting k-mers beside scikit-learn."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from sklearn.feature_extraction.text import CountVectorizer

from benchmarks.records import Timing
from benchmarks.stopwatch import in_turn
from benchmarks.tasks.speed.tokens import UNIT, Workload, one_core
from skgenome.preprocessing import KmerCounter
from skgenome.sequences import read_sequences

COUNTED_K = 6
LINE = 80
BIOPYTHON = {"Biopython SimpleFastaParser": "simple", "Biopython SeqIO": "records"}
READING_NOTE = (
    "read_sequences gives name, sequence and description of every record, of any line ends and compression, "
    "and looks for records without a sequence and for equal names."
)
COUNTING_NOTE = "On {n:,} windows; both give counts as a sparse matrix."


class FastaFile(NamedTuple):
    """A file to read."""

    name: str
    path: Path
    n_bases: int


def write_files(workloads: list[Workload], folder: Path) -> list[FastaFile]:
    """Write the sequences of workloads to FASTA, those of the first compressed as well.

    Parameters
    ----------
    workloads : list of Workload
        What to write.
    folder : pathlib.Path
        Where to.

    Returns
    -------
    list of FastaFile
        A file each, and one more.
    """
    files = []
    for number, workload in enumerate(workloads):
        path = folder / f"{number}.fa"
        with path.open("w", encoding="ascii") as file:
            for i, sequence in enumerate(workload.sequences):
                file.write(f">record_{i}\n")
                file.writelines(sequence[j : j + LINE] + "\n" for j in range(0, len(sequence), LINE))
        files.append(FastaFile(workload.name, path, sum(map(len, workload.sequences))))
    packed = folder / "0.fa.gz"
    packed.write_bytes(gzip.compress(files[0].path.read_bytes(), 6))
    return [*files, FastaFile(f"{files[0].name}, gzip", packed, files[0].n_bases)]


def make_biopython_reader(kind: str) -> Callable[[Path], list] | None:
    """Give a reader of Biopython.

    Parameters
    ----------
    kind : {'simple', 'records'}
        Its fast parser, or that which gives SeqRecord.

    Returns
    -------
    callable or None
        From a path to a list of what is in the file; None where Biopython is not installed.
    """
    try:
        from Bio.SeqIO import parse
        from Bio.SeqIO.FastaIO import SimpleFastaParser
    except ImportError:
        return None

    def read(path: Path) -> list:
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open(encoding="ascii") as file:
            return list(SimpleFastaParser(file) if kind == "simple" else parse(file, "fasta"))

    return read


def measure_reading(files: list[FastaFile], n_rounds: int) -> list[Timing]:
    """Time reading whole files, beside both readers of Biopython in turn.

    Parameters
    ----------
    files : list of FastaFile
        What to read; they are in the system's cache by then.
    n_rounds : int
        How often each is timed.

    Returns
    -------
    list of Timing
        In Mbp/s, one for each file and reader.
    """
    return [_measure_file(file, peer, kind, n_rounds) for file in files for peer, kind in BIOPYTHON.items()]


def _measure_file(file: FastaFile, peer: str, kind: str, n_rounds: int) -> Timing:
    read = make_biopython_reader(kind)
    row = Timing(f"reading FASTA: {file.name}", peer, UNIT, [], [], note=READING_NOTE)
    if read is None:
        return row
    times = in_turn(lambda: read_sequences(file.path), lambda: read(file.path), n_rounds)
    values, peer_values = ([file.n_bases / 1e6 / seconds for seconds in one] for one in times)
    return row._replace(values=values, peer_values=peer_values)


def measure_counting(windows: list[str], n_rounds: int) -> Timing:
    """Time the k-mer spectrum of windows beside scikit-learn's counter of letters, on one core.

    Parameters
    ----------
    windows : list of str
        Of A, C, G and T.
    n_rounds : int
        How often each is timed.

    Returns
    -------
    Timing
        In Mbp/s.
    """
    counter = KmerCounter(k=COUNTED_K).fit(windows)
    peer = CountVectorizer(analyzer="char", ngram_range=(COUNTED_K, COUNTED_K), lowercase=False).fit(windows)
    with one_core():
        times = in_turn(lambda: counter.transform(windows), lambda: peer.transform(windows), n_rounds)
    n_bases = sum(map(len, windows))
    return Timing(
        f"KmerCounter k={COUNTED_K}: windows of {len(windows[0]):,} bp",
        "scikit-learn CountVectorizer",
        UNIT,
        *([n_bases / 1e6 / seconds for seconds in one] for one in times),
        note=COUNTING_NOTE.format(n=len(windows)),
    )
