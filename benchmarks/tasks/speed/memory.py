"""Memory of what others do as well, each side in a process of its own."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from sklearn.feature_extraction.text import CountVectorizer

from benchmarks.bare import BareLanguageModel, BareTraining
from benchmarks.footprint import footprint
from benchmarks.records import Timing
from benchmarks.tasks.speed.network import BATCH_SIZE, BPTT, STRETCH_LENGTH, Size, fixed_batch
from benchmarks.tasks.speed.network import PEER as LSTM
from benchmarks.tasks.speed.reading import COUNTED_K, FastaFile, make_biopython_reader
from benchmarks.tasks.speed.tokens import make_hugging_face_tokenizer
from skgenome.preprocessing import KmerCounter, KmerTokenizer
from skgenome.representation import LanguageModel
from skgenome.sequences import read_sequences

N_STEPS = 20
NOTE = (
    "The most resident memory that the call held beyond what was there before it, result included; inputs "
    "and libraries do not count."
)

Work = Callable[..., object]


def tokenize(windows: list[str]) -> object:
    """Give token ids.

    Parameters
    ----------
    windows : list of str
        What is read.

    Returns
    -------
    ndarray
        Token ids.
    """
    return KmerTokenizer(k=3).transform(windows)


def call(function: Work, *arguments: object) -> object:
    """Call a function that was prepared.

    Parameters
    ----------
    function : callable
        What is called.
    *arguments : object
        Its arguments.

    Returns
    -------
    object
        What it returns.
    """
    return function(*arguments)


def count(windows: list[str]) -> object:
    """Count k-mers.

    Parameters
    ----------
    windows : list of str
        What is read.

    Returns
    -------
    csr_matrix
        The counts.
    """
    return KmerCounter(k=COUNTED_K).transform(windows)


def count_by_letters(windows: list[str]) -> object:
    """Count k-mers with scikit-learn.

    Parameters
    ----------
    windows : list of str
        What is read.

    Returns
    -------
    csr_matrix
        The counts.
    """
    options = {"analyzer": "char", "ngram_range": (COUNTED_K, COUNTED_K), "lowercase": False}
    return CountVectorizer(**options).fit_transform(windows)


def read_with_biopython(kind: str, path: Path) -> object:
    """Read a file with Biopython, which is there.

    Parameters
    ----------
    kind : str
        As in :func:`benchmarks.tasks.speed.reading.make_biopython_reader`.
    path : pathlib.Path
        FASTA.

    Returns
    -------
    list
        What is in it.
    """
    return make_biopython_reader(kind)(path)


def train(token_ids: np.ndarray, size: Size) -> object:
    """Train a language model for some steps.

    Parameters
    ----------
    token_ids : ndarray of unsigned integers, shape (n_ids,)
        Of one contig.
    size : Size
        Of the network.

    Returns
    -------
    LanguageModel
        Fitted.
    """
    shape = {"batch_size": BATCH_SIZE, "bptt": BPTT, "stretch_length": STRETCH_LENGTH}
    lm = LanguageModel(**size._asdict(), **shape, max_steps=N_STEPS, device="cpu", precision="float32")
    return lm.fit([token_ids])


def train_bare(token_ids: np.ndarray, size: Size) -> object:
    """Train torch's own layers for as many steps.

    Parameters
    ----------
    token_ids, size
        As in :func:`train`.

    Returns
    -------
    BareTraining
        After its steps.
    """
    bare = BareTraining(BareLanguageModel(66, *size), fixed_batch(token_ids), torch.float32)
    for _ in range(N_STEPS):
        bare.step()
    return bare


def prepare_embedding(rows: np.ndarray, size: Size) -> tuple[LanguageModel, np.ndarray]:
    """Draw a language model.

    Parameters
    ----------
    rows : ndarray of unsigned integers, shape (n_rows, n_tokens)
        What it will read.
    size : Size
        Of the network.

    Returns
    -------
    lm : LanguageModel
        Fitted.
    rows : ndarray
        The same.
    """
    options = {"max_steps": 1, "strand": "forward", "cache_size": 0, "device": "cpu", "random_state": 0}
    return LanguageModel(**size._asdict(), **options).fit(rows), rows


def embed(lm: LanguageModel, rows: np.ndarray) -> object:
    """Embed rows.

    Parameters
    ----------
    lm, rows
        Of :func:`prepare_embedding`.

    Returns
    -------
    ndarray of shape (n_rows, n_features)
        Features.
    """
    return lm.transform(rows)


def prepare_bare_embedding(rows: np.ndarray, size: Size) -> tuple[BareLanguageModel, np.ndarray]:
    """Draw torch's own layers.

    Parameters
    ----------
    rows, size
        As in :func:`prepare_embedding`.

    Returns
    -------
    bare : BareLanguageModel
        In eval mode.
    rows : ndarray
        The same.
    """
    return BareLanguageModel(66, *size).eval(), rows


def embed_bare(bare: BareLanguageModel, rows: np.ndarray) -> object:
    """Compute the last states of every row and keep their mean, a batch at a time.

    Parameters
    ----------
    bare, rows
        Of :func:`prepare_bare_embedding`.

    Returns
    -------
    Tensor of shape (n_rows, embedding_size)
        Means.
    """
    with torch.inference_mode():
        batches = torch.from_numpy(rows.astype(np.int64)).split(BATCH_SIZE)
        return torch.cat([bare.encode(batch)[0].mean(dim=1) for batch in batches])


def measure_memory(
    contig: str, windows: list[str], file: FastaFile, rows: np.ndarray, size: Size, n_rounds: int
) -> list[Timing]:
    """Measure the memory of reading, tokenising, counting, training and embedding beside that of peers.

    Parameters
    ----------
    contig : str
        What is trained on.
    windows : list of str
        What is tokenised and counted.
    file : FastaFile
        What is read.
    rows : ndarray of unsigned integers, shape (n_rows, n_tokens)
        What is embedded.
    size : Size
        Of the networks, on the CPU.
    n_rounds : int
        How often each is measured.

    Returns
    -------
    list of Timing
        In megabytes; without values where the system does not tell, or a peer is not installed.
    """
    ids = KmerTokenizer(k=3, padding=False).transform([contig])[0]
    hugging_face = make_hugging_face_tokenizer(windows[:1])
    biopython = make_biopython_reader("simple")
    amount = f"{sum(map(len, windows)) / 1e6:.2g} Mbp in windows of {len(windows[0]):,} bp"
    measure = partial(_measure, n_rounds)
    return [
        measure(
            f"memory of reading FASTA: {file.name}",
            (read_sequences, None, file.path),
            "Biopython SimpleFastaParser",
            biopython and (read_with_biopython, None, "simple", file.path),
        ),
        measure(
            f"memory of KmerTokenizer k=3: {amount}",
            (tokenize, None, windows),
            "Hugging Face tokenizers",
            hugging_face and (call, make_hugging_face_tokenizer, windows),
        ),
        measure(
            f"memory of KmerCounter k={COUNTED_K}: {amount}",
            (count, None, windows),
            "scikit-learn CountVectorizer",
            (count_by_letters, None, windows),
        ),
        measure(
            f"memory of training {size}, batch {BATCH_SIZE} x {BPTT}, {len(contig) / 1e6:.2g} Mbp",
            (train, None, ids, size),
            f"{LSTM} on one batch",
            (train_bare, None, ids, size),
        ),
        measure(
            f"memory of features {size}, {len(rows):,} rows of {rows.shape[1]} tokens",
            (embed, prepare_embedding, rows, size),
            LSTM,
            (embed_bare, prepare_bare_embedding, rows, size),
        ),
    ]


def _measure(n_rounds: int, what: str, ours: tuple, peer: str, theirs: tuple | None) -> Timing:
    row = Timing(what, peer, "MB", [], [], note=NOTE, lower_is_better=True)
    if theirs is None:
        return row
    pairs = [(footprint(*ours).megabytes, footprint(*theirs).megabytes) for _ in range(n_rounds)]
    known = [pair for pair in pairs if None not in pair]
    return row._replace(values=[one for one, _ in known], peer_values=[other for _, other in known])
