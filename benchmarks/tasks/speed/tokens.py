"""Speed of KmerTokenizer beside a rolling id in NumPy, CountVectorizer and Hugging Face tokenizers."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer
from threadpoolctl import threadpool_limits

from benchmarks.records import Timing
from benchmarks.stopwatch import in_turn
from skgenome.preprocessing import KmerTokenizer
from skgenome.sequences import encode_many

K = 3
READ_LENGTH = 150
UNIT = "Mbp/s"
#: The slow peers read a part of the input, so that a round takes a second and not a minute.
BASES_FOR_SLOW_PEERS = 300_000


class Workload(NamedTuple):
    """Sequences to tokenise and what is asked for them."""

    name: str
    sequences: list[str]
    target: float | None


class Peer(NamedTuple):
    """Something to be faster than."""

    name: str
    run: Callable[[], object]
    n_bases: int
    note: str


def make_workloads(contig: str, n_reads: int, random_state: int) -> list[Workload]:
    """Prepare a contig and reads from it.

    Parameters
    ----------
    contig : str
        The contig.
    n_reads : int
        Number of reads, of 150 bases each.
    random_state : int
        Of where the reads lie.

    Returns
    -------
    list of Workload
        The contig and the reads.
    """
    starts = np.random.RandomState(random_state).randint(len(contig) - READ_LENGTH, size=n_reads)
    reads = [contig[start : start + READ_LENGTH] for start in starts.tolist()]
    return [
        Workload(f"contig of {len(contig) / 1e6:.1f} Mbp", [contig], 300.0),
        Workload(f"{n_reads:,} reads of {READ_LENGTH} bp", reads, 150.0),
    ]


def rolling_ids(codes: np.ndarray) -> np.ndarray:
    """Compute ids of 3-mers from codes, as anybody would write it down; ambiguous bases are not seen.

    Parameters
    ----------
    codes : ndarray of uint8, shape (..., n_bases)
        0 to 3.

    Returns
    -------
    ndarray of uint8, shape (..., n_bases - 2)
        Lexicographic ids from 2.
    """
    return codes[..., :-2] * 16 + codes[..., 1:-1] * 4 + codes[..., 2:] + 2


def _numpy_peer(workload: Workload) -> Peer:
    codes, offsets = encode_many(workload.sequences)
    # All sequences of a workload have one length.
    codes = codes.reshape(len(offsets) - 1, -1)
    note = "The peer is given the codes: reading the text costs it nothing."
    return Peer("NumPy rolling id on codes", lambda: rolling_ids(codes), codes.size, note)


def _part(sequences: list[str]) -> list[str]:
    """Take the first bases of the input, whole reads or a piece of the contig."""
    if len(sequences) == 1:
        return [sequences[0][:BASES_FOR_SLOW_PEERS]]
    return sequences[: max(BASES_FOR_SLOW_PEERS // len(sequences[0]), 1)]


def _scikit_learn_peer(workload: Workload) -> Peer:
    part = _part(workload.sequences)
    vectorizer = CountVectorizer(analyzer="char", ngram_range=(K, K), lowercase=False).fit(part)
    n_bases = sum(map(len, part))
    note = f"On {n_bases:,} bases; the peer counts k-mers and gives no order."
    return Peer("scikit-learn CountVectorizer", lambda: vectorizer.transform(part), n_bases, note)


def make_hugging_face_tokenizer(sequences: list[str]) -> tuple[Callable[[list[str]], list], list[str]] | None:
    """Give a tokenizer of Hugging Face with our vocabulary, and what it reads.

    Parameters
    ----------
    sequences : list of str
        Of A, C, G and T.

    Returns
    -------
    encode : callable
        From a list of str to the encodings.
    words : list of str
        The k-mers of each sequence, with blanks between them.
    None
        In place of both, where the package is not installed.
    """
    try:
        from tokenizers import Tokenizer, models, pre_tokenizers
    except ImportError:
        return None
    words = [" ".join(sequence[i : i + K] for i in range(len(sequence) - K + 1)) for sequence in sequences]
    vocabulary = {word: i for i, word in enumerate(KmerTokenizer(k=K).vocabulary_)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return tokenizer.encode_batch, words


def _hugging_face_peer(workload: Workload) -> Peer | None:
    part = _part(workload.sequences)
    made = make_hugging_face_tokenizer(part)
    if made is None:
        return None
    encode, words = made
    n_bases = sum(map(len, part))
    note = f"On {n_bases:,} bases; the peer is given the k-mers already cut, with blanks between them."
    return Peer("Hugging Face tokenizers", lambda: encode(words), n_bases, note)


@contextmanager
def one_core() -> Iterator[None]:
    """Keep libraries to one core within a with block."""
    name = "TOKENIZERS_PARALLELISM"
    before = os.environ.get(name)
    os.environ[name] = "false"
    try:
        with threadpool_limits(1):
            yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _measure(workload: Workload, peer: Peer | None, n_rounds: int) -> Timing:
    tokenizer = KmerTokenizer(k=K)
    what = f"KmerTokenizer k={K}, stride 1: {workload.name}"
    if peer is None:
        row = Timing(what, "Hugging Face tokenizers", UNIT, [], [])
        return row._replace(note="The package tokenizers is not installed, so there is nothing to compare.")
    n_bases = sum(map(len, workload.sequences))
    ours, theirs = in_turn(lambda: tokenizer.transform(workload.sequences), peer.run, n_rounds)
    return Timing(
        what,
        peer.name,
        UNIT,
        [n_bases / 1e6 / seconds for seconds in ours],
        [peer.n_bases / 1e6 / seconds for seconds in theirs],
        target_value=workload.target,
        note=peer.note,
    )


def measure_tokenizer(workloads: list[Workload], n_rounds: int) -> list[Timing]:
    """Time the tokenizer and its peers in turn, on one core.

    Parameters
    ----------
    workloads : list of Workload
        What to tokenise; the sequences of one have the same length and no ambiguous bases.
    n_rounds : int
        How often each is timed.

    Returns
    -------
    list of Timing
        In Mbp/s, one for each workload and peer.
    """
    make_peers = (_numpy_peer, _scikit_learn_peer, _hugging_face_peer)
    with one_core():
        return [_measure(workload, make(workload), n_rounds) for workload in workloads for make in make_peers]
