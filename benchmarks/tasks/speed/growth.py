"""How time and memory grow with the size of the input, and pretraining on more than should be in memory."""

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.footprint import Footprint, footprint
from benchmarks.records import Timing
from benchmarks.tasks.speed.memory import count, embed, prepare_embedding, tokenize
from benchmarks.tasks.speed.network import BATCH_SIZE, BPTT, STRETCH_LENGTH, Size
from benchmarks.tasks.speed.reading import COUNTED_K
from benchmarks.tasks.speed.scanning import repeat
from skgenome.preprocessing import KmerTokenizer
from skgenome.representation import LanguageModel
from skgenome.sequences import SequenceStore, build_store, read_sequences

WINDOW = 1000
#: Of the language model that embeds, so that 100 Mbp take minutes.
READER = Size(32, 64, 1)
CONTIG = 5_000_000
GROWTH_NOTE = (
    "Time and memory for each base beside those of the same with the smallest input, each in a process of "
    "its own: a ratio of 1 is growth in proportion."
)
STORE_NOTE = (
    "The same fit on a store on disk and on a list in memory, in turn, each in a process of its own. Memory "
    "is all that the process held, interpreter and torch too."
)
STORE_RATIO, STORE_MEGABYTES = 0.9, 1500.0


def write_genomes(contigs: Sequence[str], n_bases: int, path: Path) -> Path:
    """Write contigs to FASTA again and again under new names, up to a number of bases.

    Parameters
    ----------
    contigs : sequence of str
        What is written.
    n_bases : int
        How much in all.
    path : pathlib.Path
        The file.

    Returns
    -------
    pathlib.Path
        The file.
    """
    written = number = 0
    with path.open("w", encoding="ascii") as file:
        while written < n_bases:
            piece = contigs[number % len(contigs)][: n_bases - written]
            file.write(f">copy_{number // len(contigs)}_contig_{number % len(contigs)}\n{piece}\n")
            written, number = written + len(piece), number + 1
    return path


def store(path: Path) -> object:
    """Build a store of a FASTA file, beside it.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Returns
    -------
    SequenceStore
        Whose folder is gone.
    """
    with TemporaryDirectory(dir=path.parent) as folder:
        return build_store(path, Path(folder) / "store")


def _read_contigs(path: Path) -> list[str]:
    return [record.sequence for record in read_sequences(path)]


def read_windows(path: Path) -> tuple[list[str]]:
    """Read a file and cut it into windows.

    Parameters
    ----------
    path : pathlib.Path
        FASTA.

    Returns
    -------
    tuple of one list of str
        Windows, side by side.
    """
    contigs = _read_contigs(path)
    return ([c[i : i + WINDOW] for c in contigs for i in range(0, len(c) - WINDOW + 1, WINDOW)],)


def read_and_draw(path: Path) -> tuple[LanguageModel, object]:
    """Read a file, cut and tokenise windows, and draw a small language model.

    Parameters
    ----------
    path : pathlib.Path
        FASTA.

    Returns
    -------
    lm : LanguageModel
        Fitted.
    token_ids : ndarray
        Of the windows.
    """
    rows = tokenize(*read_windows(path))
    lm, _ = prepare_embedding(rows[:1], READER)
    return lm, rows


STEPS: dict[str, tuple[Callable, Callable | None]] = {
    "reading FASTA": (read_sequences, None),
    "building a store": (store, None),
    "KmerTokenizer k=3": (tokenize, read_windows),
    f"KmerCounter k={COUNTED_K}": (count, read_windows),
    f"features of a language model {READER}": (embed, read_and_draw),
}


def measure_growth(contig: str, sizes: Sequence[int]) -> list[Timing]:
    """Measure time and memory for inputs of several sizes.

    Parameters
    ----------
    contig : str
        Repeated under new names.
    sizes : sequence of int
        Bases, in ascending order.

    Returns
    -------
    list of Timing
        In seconds and MB for a Mbp; the peer is the same with the first size.
    """
    contigs = [repeat(contig, min(CONTIG, sizes[0]))]
    with TemporaryDirectory() as folder:
        files = [write_genomes(contigs, size, Path(folder) / f"{size}.fa") for size in sizes]
        found = {
            what: [footprint(work, prepare, file) for file in files]
            for what, (work, prepare) in STEPS.items()
        }
    return [
        row
        for what, footprints in found.items()
        for size, one in zip(sizes[1:], footprints[1:], strict=True)
        for row in _compare(what, size, one, sizes[0], footprints[0])
    ]


def _compare(what: str, size: int, one: Footprint, first_size: int, first: Footprint) -> list[Timing]:
    peer = f"the same, {first_size / 1e6:g} Mbp"
    rows = []
    for field, symbol in (("seconds", "s"), ("megabytes", "MB")):
        costs = [(getattr(cost, field), n / 1e6) for cost, n in ((one, size), (first, first_size))]
        values = [[] if cost is None else [cost / mbp] for cost, mbp in costs]
        name = f"{what}, {size / 1e6:g} Mbp"
        rows.append(Timing(name, peer, f"{symbol}/Mbp", *values, note=GROWTH_NOTE, lower_is_better=True))
    return rows


def read_token_ids(path: Path, size: Size, n_steps: int) -> tuple[LanguageModel, object]:
    """Make a language model, and token ids in memory.

    Parameters
    ----------
    path : pathlib.Path
        FASTA.
    size : Size
        Of the network.
    n_steps : int
        For how long is trained.

    Returns
    -------
    lm : LanguageModel
        Not fitted.
    token_ids : list of ndarray
        Of all contigs.
    """
    return _make_lm(size, n_steps), KmerTokenizer(k=3, padding=False).transform(_read_contigs(path))


def open_token_ids(path: Path, size: Size, n_steps: int) -> tuple[LanguageModel, object]:
    """Make a language model, and token ids that stay on the disk.

    Parameters
    ----------
    path : pathlib.Path
        A store.
    size, n_steps
        As in :func:`read_token_ids`.

    Returns
    -------
    lm : LanguageModel
        Not fitted.
    token_ids : StoredTokenIds
        Of all contigs.
    """
    return _make_lm(size, n_steps), KmerTokenizer(k=3).transform(SequenceStore(path))


def _make_lm(size: Size, n_steps: int) -> LanguageModel:
    shape = {"batch_size": BATCH_SIZE, "bptt": BPTT, "stretch_length": STRETCH_LENGTH}
    return LanguageModel(**size._asdict(), **shape, max_steps=n_steps, device="cpu", random_state=0)


def fit(lm: LanguageModel, token_ids: object) -> object:
    """Train.

    Parameters
    ----------
    lm : LanguageModel
        Not fitted.
    token_ids : StoredTokenIds or list of ndarray
        What is trained on.

    Returns
    -------
    LanguageModel
        Fitted.
    """
    return lm.fit(token_ids)


def measure_store(
    contigs: Sequence[str], n_bases: int, size: Size, n_steps: int, n_rounds: int
) -> list[Timing]:
    """Pretrain on a store and on the same in memory: throughput and memory of both.

    Parameters
    ----------
    contigs : sequence of str
        Repeated under new names.
    n_bases : int
        Of the corpus.
    size : Size
        Of the network, on the CPU.
    n_steps : int
        For how long is trained.
    n_rounds : int
        How often each is measured.

    Returns
    -------
    list of Timing
        Tokens/s, and megabytes of the whole process.
    """
    with TemporaryDirectory() as folder:
        fasta, stored = Path(folder) / "corpus.fa", Path(folder) / "store"
        write_genomes(contigs, n_bases, fasta)
        build_store(fasta, stored)
        pairs = [
            (
                footprint(fit, open_token_ids, stored, size, n_steps),
                footprint(fit, read_token_ids, fasta, size, n_steps),
            )
            for _ in range(n_rounds)
        ]
    what, peer = f"pretraining {size} on a store of {n_bases / 1e6:g} Mbp", "the same in memory"
    n_tokens = n_steps * BATCH_SIZE * BPTT
    rates = ([n_tokens / pair[side].seconds for pair in pairs] for side in (0, 1))
    sizes = ([pair[side].process_megabytes for pair in pairs] for side in (0, 1))
    held = ([one for one in of_side if one is not None] for of_side in sizes)
    throughput = Timing(what, peer, "tokens/s", *rates, target_ratio=STORE_RATIO, note=STORE_NOTE)
    memory = {"target_value": STORE_MEGABYTES, "note": STORE_NOTE, "lower_is_better": True}
    return [throughput, Timing(what, peer, "MB", *held, **memory)]
