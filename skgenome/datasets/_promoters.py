"""Fetch published sets of bacterial promoters."""

import os

import numpy as np
from sklearn.utils import Bunch

from skgenome._sklearn import StrOptions, validate_params
from skgenome.datasets._home import HOME_CONSTRAINTS
from skgenome.datasets._labelled import bunch_of, load_labelled
from skgenome.datasets._registry import registry_entries

TARGET_NAMES = ("non-promoter", "promoter")
_SPECIES = {"ecoli": "Escherichia coli", "bsubtilis": "Bacillus subtilis"}

_ECOLI_DESCR = """Promoters of Escherichia coli, 150 bp

{n_samples:,} sequences of the set of Genomic-ULMFiT (Heyer 2019, github.com/kheyer/Genomic-ULMFiT), from
the repository simecek/dspracticum2020, under Apache-2.0. Nearly all positives reach from 100 bases before
a coding sequence to 50 inside it, nearly all negatives lie inside one. Not every positive is a promoter:
genes inside operons have none.
"""
_BACTERIAL_DESCR = """Promoters of {species}, 81 bp

{n_samples:,} sequences. Cite: Umarov & Solovyev 2017, PLoS ONE 12, e0171410 (CNNProm). Files from the
author's repository solovictor/CNNPromoterData; no licence is stated. Negatives are stretches of coding
sequences.
"""

_CONSTRAINTS = {"return_X_y": ["boolean"], **HOME_CONSTRAINTS}


@validate_params(
    {"subset": [StrOptions({"train", "test", "all"})], **_CONSTRAINTS}, prefer_skip_nested_validation=True
)
def fetch_ecoli_promoters(
    *,
    subset: str = "train",
    return_X_y: bool = False,
    data_home: str | os.PathLike | None = None,
    download_if_missing: bool = True,
) -> Bunch | tuple[np.ndarray, np.ndarray]:
    """Fetch 150-bp promoters and non-promoters of *Escherichia coli* K-12.

    ==============  ==================================================================
    Samples         train 6,791 (3,567 promoters), test 750 (375 promoters)
    Classes         non-promoter, promoter
    Length          150 bases: 100 before a coding sequence and its first 50
    Size on disk    1.4 MB
    Licence         Apache-2.0 (the repository simecek/dspracticum2020)
    ==============  ==================================================================

    **How the split was made.** The test promoters are those of one stretch of the genome (bases 605,836 to
    1,175,326), as are 351 of the 375 test non-promoters, but 154 promoters and 129 non-promoters of the
    same stretch are in the training set.

    **Leakage.** No test sequence is in the training set. Where genes lie close or overlap, so do the
    sequences: 48 of the test promoters and 11 of the test non-promoters share some bases with a training
    sequence. The training set holds 16 promoters twice, and one sequence with both labels. A language model
    pretrained on *E. coli* or close relatives has read the test sequences, without labels; see
    `split_at_matches`.

    Parameters
    ----------
    subset : {'train', 'test', 'all'}, default='train'
        Which part. 'all' gives the training part first; the Bunch says which is which.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch.
    data_home : str or path-like, default=None
        Folder of the files; see `get_data_home`.
    download_if_missing : bool, default=True
        Whether to download files that the folder lacks, instead of raising OSError.

    Returns
    -------
    promoters : Bunch
        Has these fields.

        - data : ndarray of shape (n_samples,), object (str).
          In each part non-promoters first, so shuffle before taking the first n.
        - target : ndarray of shape (n_samples,), int64; 1 is a promoter
        - target_names : ["non-promoter", "promoter"]
        - names, subsets : ndarray of shape (n_samples,), str.
          `subsets` is 'train' or 'test'.
        - filenames : list of str
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
    fetch_bacterial_promoters : Mapped promoters, 81 bp.
    make_promoters : Invented ones, offline.

    References
    ----------
    Heyer (2019), Genomic-ULMFiT, https://github.com/kheyer/Genomic-ULMFiT.

    Examples
    --------
    >>> from skgenome.datasets import fetch_ecoli_promoters
    >>> X, y = fetch_ecoli_promoters(subset="test", return_X_y=True)  # doctest: +SKIP
    >>> X.shape, int(y.sum())  # doctest: +SKIP
    ((750,), 375)
    """
    subsets = ("train", "test") if subset == "all" else (subset,)
    entries = [entry for part in subsets for entry in registry_entries("ecoli_promoters", subset=part)]
    loaded = load_labelled(
        entries, TARGET_NAMES, data_home=data_home, download_if_missing=download_if_missing
    )
    if return_X_y:
        return loaded.data, loaded.target
    return bunch_of(loaded, TARGET_NAMES, _ECOLI_DESCR, subsets=loaded.subsets)


@validate_params({"species": [StrOptions(set(_SPECIES))], **_CONSTRAINTS}, prefer_skip_nested_validation=True)
def fetch_bacterial_promoters(
    *,
    species: str = "ecoli",
    return_X_y: bool = False,
    data_home: str | os.PathLike | None = None,
    download_if_missing: bool = True,
) -> Bunch | tuple[np.ndarray, np.ndarray]:
    """Fetch 81-bp promoters and non-promoters of two bacteria.

    ==============  ==================================================================
    Samples         *E. coli* 839 promoters and 3,000 others; *B. subtilis* 373 and 1,000
    Classes         non-promoter, promoter
    Length          81 bases: 60 before the start of transcription, 20 after it
    Size on disk    .4 MB and .1 MB
    Licence         none stated
    ==============  ==================================================================

    There is no split; the published figures are from random ones. Promoters of one gene overlap in part
    (347 names among the 373 of *B. subtilis*), so a random split is a little optimistic. k-mer counts up
    to 6 with logistic regression reach a Matthews correlation of .78 and .75 in 5-fold cross-validation.

    Parameters
    ----------
    species : {'ecoli', 'bsubtilis'}, default='ecoli'
        Which set.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch.
    data_home : str or path-like, default=None
        Folder of the files; see `get_data_home`.
    download_if_missing : bool, default=True
        Whether to download files that the folder lacks, instead of raising OSError.

    Returns
    -------
    promoters : Bunch
        Has these fields.

        - data : ndarray of shape (n_samples,), object (str).
          Non-promoters first, so shuffle before taking the first n.
        - target : ndarray of shape (n_samples,), int64; 1 is a promoter
        - target_names : ["non-promoter", "promoter"]
        - names : ndarray of shape (n_samples,), str.
          Not unique.
        - filenames : list of str
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
    fetch_ecoli_promoters : A larger set, 150 bp, with a split.

    References
    ----------
    Umarov & Solovyev (2017), Recognition of prokaryotic and eukaryotic promoters using convolutional deep
    learning neural networks, PLoS ONE 12, e0171410.

    Examples
    --------
    >>> from skgenome.datasets import fetch_bacterial_promoters
    >>> bunch = fetch_bacterial_promoters(species="bsubtilis")  # doctest: +SKIP
    >>> bunch.data.shape  # doctest: +SKIP
    (1373,)
    """
    entries = registry_entries("bacterial_promoters", species=_SPECIES[species])
    loaded = load_labelled(
        entries, TARGET_NAMES, data_home=data_home, download_if_missing=download_if_missing
    )
    if return_X_y:
        return loaded.data, loaded.target
    # Without `subsets`: these sets come without a split.
    # The name is filled in first: the rest of the text keeps its place for the number.
    descr = _BACTERIAL_DESCR.replace("{species}", _SPECIES[species])
    return bunch_of(loaded, TARGET_NAMES, descr)
