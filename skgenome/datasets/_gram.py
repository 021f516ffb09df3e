"""Fetch windows of bacterial genomes, labelled with their Gram stain."""

import os
from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
from sklearn.utils import Bunch

from skgenome._sklearn import Interval, validate_params
from skgenome.datasets._genomes import GRAM_STAINS, Contig, describe_contigs
from skgenome.datasets._home import HOME_CONSTRAINTS, fetch_file
from skgenome.datasets._registry import RegistryEntry, registry_entries
from skgenome.datasets._seed import draw_seed
from skgenome.sequences import AMBIGUOUS, SequenceRecord, encode, iter_sequences

_GRAM_DESCR = """Gram staining

{n_windows:,} windows of {window_size:,} bp out of {n_genomes} bacterial genomes; the label is the Gram stain
of the genome's genus. Windows of one genome do not overlap. Split by genus (groups): a random split leaks.
Sequence from NCBI RefSeq, see fetch_bacterial_genomes for source, licence and citation.
"""


class _Window(NamedTuple):
    """A place for a window: which contig, from which base."""

    contig: int
    start: int


def _window_grid(lengths: list[int], window_size: int, rng: np.random.Generator) -> list[_Window]:
    """Lay windows side by side along every contig, from a random offset; none where a contig is too short."""
    grid = []
    for contig, length in enumerate(lengths):
        n_windows = length // window_size
        # Drawn for short contigs too, so that their number does not shift the draws of the others.
        offset = int(rng.integers(length - n_windows * window_size + 1))
        grid += [_Window(contig, offset + i * window_size) for i in range(n_windows)]
    return grid


def _draw_windows(
    contigs: list[str], window_size: int, n_windows: int, max_ambiguous: float, rng: np.random.Generator
) -> tuple[list[_Window], int]:
    """Draw windows without overlap; also return how many were passed over as too ambiguous."""
    grid = _window_grid([len(contig) for contig in contigs], window_size, rng)
    drawn: list[_Window] = []
    n_ambiguous = 0
    # One order for all, cut off where enough are found: so smaller draws are subsets of larger ones.
    for i in rng.permutation(len(grid)):
        if len(drawn) == n_windows:
            break
        contig, start = grid[i]
        codes = encode(contigs[contig][start : start + window_size])
        if np.mean(codes == AMBIGUOUS) > max_ambiguous:
            n_ambiguous += 1
        else:
            drawn.append(grid[i])
    return drawn, n_ambiguous


class _GramWindows:
    """Collect the windows of one genome after the other."""

    def __init__(self, window_size: int, n_windows: int, max_ambiguous: float) -> None:
        self._rule = (window_size, n_windows, max_ambiguous)
        self.data: list[str] = []
        self.contigs: list[Contig] = []
        self.starts: list[int] = []
        self.n_skipped_contigs = 0
        self.n_skipped_windows = 0

    def add(self, entry: RegistryEntry, records: list[SequenceRecord], rng: np.random.Generator) -> None:
        """Draw windows of a genome."""
        window_size = self._rule[0]
        windows, n_ambiguous = _draw_windows([r.sequence for r in records], *self._rule, rng)
        for contig, start in windows:
            self.data.append(records[contig].sequence[start : start + window_size])
            # The name alone: a whole record would keep the genome in memory.
            self.contigs.append(Contig(records[contig]._replace(sequence=""), entry))
            self.starts.append(start)
        self.n_skipped_contigs += sum(len(record.sequence) < window_size for record in records)
        self.n_skipped_windows += n_ambiguous


@validate_params(
    {
        "window_size": [Interval(Integral, 1, None, closed="left")],
        "n_windows_per_genome": [Interval(Integral, 1, None, closed="left")],
        "max_ambiguous": [Interval(Real, 0, 1, closed="both")],
        "random_state": ["random_state"],
        "return_X_y": ["boolean"],
        **HOME_CONSTRAINTS,
    },
    prefer_skip_nested_validation=True,
)
def fetch_gram_staining(
    *,
    window_size: int = 6700,
    n_windows_per_genome: int = 100,
    max_ambiguous: float = 0.01,
    random_state: int | np.random.RandomState | None = 0,
    return_X_y: bool = False,
    data_home: str | os.PathLike | None = None,
    download_if_missing: bool = True,
) -> Bunch | tuple[np.ndarray, np.ndarray]:
    """Fetch windows of bacterial genomes, labelled with the Gram stain of their genus.

    ==============  ==================================================================
    Samples         5,800 of 6,700 bp with the defaults: 100 from each of 58 genomes
    Classes         negative (34 genomes), positive (24 genomes)
    Size on disk    62 MB (the files of `fetch_bacterial_genomes`)
    Licence         none stated for the data; sequence from NCBI RefSeq
    ==============  ==================================================================

    There is no split: make one by genus, with ``groups``. Windows of one genome, and of related genomes, are
    so alike in composition that a random split measures whether a genome is recognised. Even between
    genera, k-mer counts are the method to beat.

    Windows are laid side by side along each contig from a random offset, so they do not overlap, and drawn
    at random out of those of the whole genome. Contigs shorter than a window are skipped; so are windows in
    which more than `max_ambiguous` of the letters are not A, C, G or T. The Bunch counts both. A genome that
    has fewer windows gives all it has. Draws are nested: with the same `random_state`, a smaller
    `n_windows_per_genome` gives a subset.

    Parameters
    ----------
    window_size : int, default=6700
        In bases.
    n_windows_per_genome : int, default=100
        At most so many are drawn from each genome.
    max_ambiguous : float, default=0.01
        Largest share of ambiguous letters in a window.
    random_state : int, RandomState instance or None, default=0
        Determines the windows. Each genome has its own stream of random numbers.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch.
    data_home : str or path-like, default=None
        Folder of the files; see `get_data_home`.
    download_if_missing : bool, default=True
        Whether to download files that the folder lacks, instead of raising OSError.

    Returns
    -------
    windows : Bunch
        Has these fields.

        data : ndarray of shape (n_samples,), object (str); genome by genome
        target : ndarray of shape (n_samples,), int64; 1 is Gram-positive
        target_names : ["negative", "positive"]
        groups : ndarray of shape (n_samples,), str; the genus
        contig_names, genome_ids, genus, species, group, gram : ndarray of shape (n_samples,), str
        starts : ndarray of shape (n_samples,), int64; first base on the contig, 0-based
        n_skipped_contigs, n_skipped_windows : int
        filenames : list of str, one per genome
        DESCR : str
            What it is, its source and its licence.
    (data, target) : tuple
        Only these two, if `return_X_y`.

    Raises
    ------
    DataIntegrityError
        If a file has another checksum than expected.
    OSError
        If a file is missing and cannot or may not be downloaded.

    See Also
    --------
    fetch_bacterial_genomes : The whole genomes, and their citation.

    Examples
    --------
    >>> from skgenome.datasets import fetch_gram_staining
    >>> X, y = fetch_gram_staining(n_windows_per_genome=5, return_X_y=True)  # doctest: +SKIP
    >>> X.shape  # doctest: +SKIP
    (290,)
    """
    seed = draw_seed(random_state)
    entries = registry_entries("bacterial_genomes")
    collected = _GramWindows(window_size, n_windows_per_genome, max_ambiguous)
    filenames = []
    for number, entry in enumerate(entries):
        path = fetch_file(entry, data_home=data_home, download_if_missing=download_if_missing)
        collected.add(entry, list(iter_sequences(path)), np.random.default_rng([seed, number]))
        filenames.append(str(path))
    data = np.array(collected.data, dtype=object)
    details = describe_contigs(collected.contigs)
    target = (details["gram"] == "positive").astype(np.int64)
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        target_names=list(GRAM_STAINS),
        groups=details["genus"].copy(),
        **details,
        starts=np.array(collected.starts, dtype=np.int64),
        n_skipped_contigs=collected.n_skipped_contigs,
        n_skipped_windows=collected.n_skipped_windows,
        filenames=filenames,
        DESCR=_GRAM_DESCR.format(n_windows=len(data), window_size=window_size, n_genomes=len(entries)),
    )
