"""Fetch windows of bacterial genomes, labelled with their Gram stain."""

import os
from numbers import Integral, Real

import numpy as np
from sklearn.utils import Bunch

from skgenome._sklearn import Interval, validate_params
from skgenome.datasets._genomes import GRAM_STAINS, Contig, describe_contigs
from skgenome.datasets._home import HOME_CONSTRAINTS, fetch_file
from skgenome.datasets._registry import registry_entries
from skgenome.datasets._seed import draw_seed
from skgenome.datasets._window_draws import WindowCollector, WindowRule
from skgenome.sequences import SequenceRecord, iter_sequences

_GRAM_DESCR = """Gram staining

{n_windows:,} windows of {window_size:,} bp out of {n_genomes} bacterial genomes; the label is the Gram stain
of the genome's genus. Windows of one genome do not overlap. Split by genus (groups): a random split leaks.
Sequence from NCBI RefSeq, see fetch_bacterial_genomes for source, licence and citation.
"""


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

        - data : ndarray of shape (n_samples,), object (str); genome by genome
        - target : ndarray of shape (n_samples,), int64; 1 is Gram-positive
        - target_names : ["negative", "positive"]
        - groups : ndarray of shape (n_samples,), str; the genus
        - contig_names, genome_ids, genus, species, group, gram : ndarray of shape (n_samples,), str
        - starts : ndarray of shape (n_samples,), int64; first base on the contig, 0-based
        - n_skipped_contigs, n_skipped_windows : int
        - filenames : list of str, one per genome
        - DESCR : str.
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
    collected = WindowCollector(WindowRule(window_size, n_windows_per_genome, max_ambiguous, window_size))
    filenames = []
    for number, entry in enumerate(entries):
        path = fetch_file(entry, data_home=data_home, download_if_missing=download_if_missing)
        collected.add(entry, list(iter_sequences(path)), np.random.default_rng([seed, number]))
        filenames.append(str(path))
    data = np.array(collected.data, dtype=object)
    places = zip(collected.contig_names, collected.owners, strict=True)
    # The names alone: whole records would keep the genomes in memory.
    details = describe_contigs([Contig(SequenceRecord(name, ""), entry) for name, entry in places])
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
