"""Fetch published sets of human promoters and enhancers."""

import os

import numpy as np
from sklearn.utils import Bunch

from skgenome._sklearn import StrOptions, validate_params
from skgenome.datasets._home import HOME_CONSTRAINTS
from skgenome.datasets._labelled import Labelled, bunch_of, load_labelled
from skgenome.datasets._promoters import TARGET_NAMES
from skgenome.datasets._registry import registry_entries
from skgenome.sequences import linked_groups, similar_pairs

_ENHANCER_NAMES = ("non-enhancer", "enhancer")
# How the tables write the classes 0 and 1.
_LABELS = ("0", "1")

_PROMOTER_DESCR = {
    "nontata": """Human promoters without TATA box, 251 bp

{n_samples:,} sequences: the test part of human_nontata_promoters of Genomic Benchmarks (Gresova et al. 2023),
which is made of the set of Umarov & Solovyev 2017. File from allison-eunse/ai4h-inspired-fm-benchmark-hub
(MIT); Genomic Benchmarks is under Apache-2.0.
""",
    "tata": """Human promoters with TATA box, 300 bp

{n_samples:,} sequences of prom_300_tata of the benchmark GUE (Zhou et al. 2023, DNABERT-2). Files from the
repository wds-seu/DeepGene, under Apache-2.0.
""",
}
_ENHANCER_DESCR = """Human enhancers, 500 bp

{n_samples:,} sequences: the test part of human_enhancers_cohn of Genomic Benchmarks (Gresova et al. 2023),
which is made of the set of Cohn et al. 2018. File from allison-eunse/ai4h-inspired-fm-benchmark-hub (MIT);
Genomic Benchmarks is under Apache-2.0.
"""

_CONSTRAINTS = {"return_X_y": ["boolean"], **HOME_CONSTRAINTS}


def _similarity_groups(loaded: Labelled) -> np.ndarray:
    """Group sequences by the defaults of `similar_pairs`, which the docstrings below state."""
    return linked_groups(len(loaded.data), similar_pairs(loaded.data))


@validate_params(
    {
        "kind": [StrOptions({"nontata", "tata"})],
        "subset": [StrOptions({"train", "dev", "test", "all"})],
        **_CONSTRAINTS,
    },
    prefer_skip_nested_validation=True,
)
def fetch_human_promoters(
    *,
    kind: str = "nontata",
    subset: str = "all",
    return_X_y: bool = False,
    data_home: str | os.PathLike | None = None,
    download_if_missing: bool = True,
) -> Bunch | tuple[np.ndarray, np.ndarray]:
    """Fetch human promoters with or without a TATA box, and non-promoters.

    ==============  ==============================  ===================================
    `kind`          "nontata"                       "tata"
    ==============  ==============================  ===================================
    Samples         test 9,034 (4,915 promoters)    train 4,904, dev 613, test 613
                                                    (2,444, 323 and 298 promoters)
    Length          251 bases                       300 bases
    Size on disk    2.3 MB                          1.9 MB
    Licence         MIT; the set itself Apache-2.0  Apache-2.0
    ==============  ==============================  ===================================

    **How the splits were made.** By the authors of either benchmark, who did not keep similar sequences
    together. Of "nontata" there is the test part of Genomic Benchmarks alone, so that it has to be split
    again: by ``groups``.

    **Leakage.** The non-promoters of "nontata" lie densely: 8,717 pairs of them overlap by 24 bases or more.
    Grouped by shared k-mers, 3,899 of the 9,034 sequences have company, nearly all of them non-promoters; a
    random split rewards their recognition. The published coordinates
    of this set come in another order than its sequences and without names, so that there are no
    chromosomes to split by. Of "tata", 14 sequences of dev and 6 of test are in train too, and 48 of test are
    in a group with one of train; train has 56 rows twice, and 15 sequences have both labels.

    Parameters
    ----------
    kind : {'nontata', 'tata'}, default='nontata'
        Which set.
    subset : {'train', 'dev', 'test', 'all'}, default='all'
        Which part; 'train' and 'dev' exist of 'tata' alone. 'all' gives train, dev and test in this order.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch. Saves the second that the groups take.
    data_home : str or path-like, default=None
        Folder of the files; see `get_data_home`.
    download_if_missing : bool, default=True
        Whether to download files that the folder lacks, instead of raising OSError.

    Returns
    -------
    promoters : Bunch
        Has these fields.

        - data : ndarray of shape (n_samples,), object (str).
          Of 'nontata' non-promoters first, so shuffle before taking the first n.
        - target : ndarray of shape (n_samples,), int64; 1 is a promoter
        - target_names : ["non-promoter", "promoter"]
        - names, subsets : ndarray of shape (n_samples,), str.
          Part and row, as "test_0"; 'train', 'dev' or 'test'.
        - groups : ndarray of shape (n_samples,), int64.
          Sequences that share .3 of their 11-mers on either strand, directly or through others; see
          `skgenome.model_selection.similarity_groups`. Overlaps of less than about 80 bases stay apart.
        - filenames : list of str
        - DESCR : str.
          What it is, its source and its licence.
    (data, target) : tuple
        Only these two, if `return_X_y`.

    Raises
    ------
    ValueError
        If `subset` is a part that the set does not have.
    DataIntegrityError
        If a file has another checksum than expected.
    OSError
        If a file is missing and cannot or may not be downloaded.

    See Also
    --------
    fetch_human_enhancers : Another kind of regulatory sequence.
    fetch_bacterial_promoters : By the same authors as "nontata".

    References
    ----------
    Umarov & Solovyev (2017), Recognition of prokaryotic and eukaryotic promoters using convolutional deep
    learning neural networks, PLoS ONE 12, e0171410.
    Gresova et al. (2023), Genomic benchmarks: a collection of datasets for genomic sequence
    classification, BMC Genomic Data 24, 25.
    Zhou et al. (2023), DNABERT-2: efficient foundation model and benchmark for multi-species genome,
    arXiv:2306.15006.

    Examples
    --------
    >>> from skgenome.datasets import fetch_human_promoters
    >>> X, y = fetch_human_promoters(kind="tata", subset="test", return_X_y=True)  # doctest: +SKIP
    >>> X.shape, int(y.sum())  # doctest: +SKIP
    ((613,), 298)
    """
    entries = registry_entries(f"human_promoters_{kind}")
    parts = [entry.subset for entry in entries]
    if subset not in ("all", *parts):
        raise ValueError(
            f"subset must be one of {', '.join(parts)} or all for kind={kind!r}. Got {subset!r}, which is no "
            "part of this set. Take all of it and split by groups."
        )
    loaded = load_labelled(
        [entry for entry in entries if subset in ("all", entry.subset)],
        _LABELS,
        data_home=data_home,
        download_if_missing=download_if_missing,
    )
    if return_X_y:
        return loaded.data, loaded.target
    groups = _similarity_groups(loaded)
    return bunch_of(loaded, TARGET_NAMES, _PROMOTER_DESCR[kind], subsets=loaded.subsets, groups=groups)


@validate_params(_CONSTRAINTS, prefer_skip_nested_validation=True)
def fetch_human_enhancers(
    *,
    return_X_y: bool = False,
    data_home: str | os.PathLike | None = None,
    download_if_missing: bool = True,
) -> Bunch | tuple[np.ndarray, np.ndarray]:
    """Fetch human enhancers and other stretches of the genome, 500 bp.

    ==============  ==================================================================
    Samples         6,948, half of them enhancers
    Classes         non-enhancer, enhancer
    Length          500 bases
    Size on disk    3.5 MB
    Licence         MIT (the file's repository); the set itself Apache-2.0
    ==============  ==================================================================

    **How the split was made.** This is the test part of human_enhancers_cohn of Genomic Benchmarks, a
    quarter of the set. It has to be split again: by ``groups``, or in folds.

    **Leakage.** No sequence is there twice. Copies of the same repeat are: 172 sequences share .3 of their
    11-mers with another one, nearly all of them no enhancers. The published coordinates come in another
    order than the sequences, so that there are no chromosomes to split by.

    Parameters
    ----------
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch. Saves the seconds that the groups take.
    data_home : str or path-like, default=None
        Folder of the files; see `get_data_home`.
    download_if_missing : bool, default=True
        Whether to download files that the folder lacks, instead of raising OSError.

    Returns
    -------
    enhancers : Bunch
        Has these fields.

        - data : ndarray of shape (n_samples,), object (str).
          Non-enhancers first, so shuffle before taking the first n.
        - target : ndarray of shape (n_samples,), int64; 1 is an enhancer
        - target_names : ["non-enhancer", "enhancer"]
        - names : ndarray of shape (n_samples,), str; the row, as "test_0"
        - groups : ndarray of shape (n_samples,), int64.
          Sequences that share .3 of their 11-mers on either strand, directly or through others; see
          `skgenome.model_selection.similarity_groups`.
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
    fetch_human_promoters : Another kind of regulatory sequence.

    References
    ----------
    Cohn et al. (2018), Enhancer identification using transfer and adversarial deep learning of DNA
    sequences, bioRxiv 264200.
    Gresova et al. (2023), Genomic benchmarks: a collection of datasets for genomic sequence
    classification, BMC Genomic Data 24, 25.

    Examples
    --------
    >>> from skgenome.datasets import fetch_human_enhancers
    >>> X, y = fetch_human_enhancers(return_X_y=True)  # doctest: +SKIP
    >>> X.shape, int(y.sum())  # doctest: +SKIP
    ((6948,), 3474)
    """
    entries = registry_entries("human_enhancers")
    loaded = load_labelled(entries, _LABELS, data_home=data_home, download_if_missing=download_if_missing)
    if return_X_y:
        return loaded.data, loaded.target
    return bunch_of(loaded, _ENHANCER_NAMES, _ENHANCER_DESCR, groups=_similarity_groups(loaded))
