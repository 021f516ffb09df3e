"""Fetch sequences of yeast with their histone marks: ten labels, most of them missing."""

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.utils import Bunch

from skgenome._sklearn import StrOptions, validate_params
from skgenome.datasets._home import HOME_CONSTRAINTS, fetch_file
from skgenome.datasets._labelled import read_table
from skgenome.datasets._registry import RegistryEntry, registry_entries
from skgenome.exceptions import DataIntegrityError
from skgenome.sequences import linked_groups, similar_pairs

_PARTS = ("dev", "test")
# Two windows of 500 bases that overlap by about 110 share a fifth of their 15-mers.
_K, _THRESHOLD = 15, 0.2

_HISTONE_DESCR = """Histone marks of yeast

{n_samples:,} sequences of Saccharomyces cerevisiae, 500 bases with few exceptions, and for each of
{n_labels} histone marks whether it is there; {share_known:.0%} of the entries are known, the others -1.
Measured by Pokholok et al. 2005, made into ten sets by Nguyen et al. 2016, taken from the development and
test parts of GUE (Zhou et al. 2024) in the repository wds-seu/DeepGene, under Apache-2.0; the parts for
training are not in. The sequences overlap: split by groups.
"""


#: What stands in the target where a label is not known, as the classifiers and metrics take it.
UNKNOWN = -1


class _Joined(NamedTuple):
    """Distinct sequences, and what is known of them under each mark."""

    data: np.ndarray
    target: np.ndarray
    parts: np.ndarray


def _read_labels(
    entries: list[RegistryEntry], paths: list[Path], marks: list[str]
) -> tuple[dict[str, int], list[tuple[int, int, float, str]]]:
    """Read all tables; give the row of each distinct sequence, and row, column, label, part of each entry."""
    rows: dict[str, int] = {}
    cells = []
    for entry, path in zip(entries, paths, strict=True):
        column = marks.index(entry.label)
        for record, label in read_table(path, entry):
            row = rows.setdefault(record.sequence, len(rows))
            cells.append((row, column, float(label), entry.subset))
    return rows, cells


def _join(entries: list[RegistryEntry], paths: list[Path], marks: list[str]) -> _Joined:
    """Put the tables of the marks side by side, one row per sequence."""
    rows, cells = _read_labels(entries, paths, marks)
    target = np.full((len(rows), len(marks)), UNKNOWN, dtype=np.int8)
    parts = np.full(target.shape, "", dtype="<U4")
    for row, column, label, part in cells:
        if target[row, column] != UNKNOWN:
            raise DataIntegrityError(
                f"Each sequence must be in the files of a mark once. Row {row} has {marks[column]} twice."
            )
        target[row, column], parts[row, column] = label, part
    return _Joined(np.array(list(rows), dtype=object), target, parts)


@validate_params(
    {
        "subset": [StrOptions({"all", *_PARTS})],
        "return_X_y": ["boolean"],
        **HOME_CONSTRAINTS,
    },
    prefer_skip_nested_validation=True,
)
def fetch_yeast_histone_marks(
    *,
    subset: str = "all",
    return_X_y: bool = False,
    data_home: str | os.PathLike | None = None,
    download_if_missing: bool = True,
) -> Bunch | tuple[np.ndarray, np.ndarray]:
    """Fetch sequences of yeast with ten histone marks each, of which most are unknown.

    ==============  ==================  ==================  ==================
    `subset`        "all"               "dev"               "test"
    ==============  ==================  ==================  ==================
    Samples         32,055              21,238              21,261
    Known labels    57,482 (18 %)       28,741              28,741
    Size on disk    29 MB               14 MB               14 MB
    Licence         Apache-2.0          Apache-2.0          Apache-2.0
    ==============  ==================  ==================  ==================

    Marks: H3, H3K14ac, H3K36me3, H3K4me1, H3K4me2, H3K4me3, H3K79me3, H3K9ac, H4 and H4ac. Of each, between
    2,922 (H4) and 7,360 (H3K4me3) sequences are labelled, 44 to 59 % of them with 1. H3 and H4 are not
    marks but the histones themselves. A sequence has 1 to 7 labels: 14,891 have one, 17,164 more. The sets of
    the marks were made one by one, so a label is missing because the sequence was not in that set, not
    because the mark was weak.

    **How the split was made, and why not to use it.** By the authors of GUE, at random, mark by mark: 10,444
    sequences are in the development part of one mark and in the test part of another. For a model of one
    mark that is a split by sequence; a model of all marks would see test sequences. Either way it leaks, as
    windows of the genome overlap: of 32,055 sequences 29,394 share at least a fifth of their 15-mers with
    another. So use all, and split by ``groups``. The parts that GUE trains on are not in this set: figures
    cannot be compared with those published for it.

    Parameters
    ----------
    subset : {'all', 'dev', 'test'}, default='all'
        Which labels to take; sequences without any of these are left out.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch. Saves the 15 seconds that the groups take.
    data_home : str or path-like, default=None
        Folder of the files; see `get_data_home`.
    download_if_missing : bool, default=True
        Whether to download files that the folder lacks, instead of raising OSError.

    Returns
    -------
    marks : Bunch
        Has these fields.

        - data : ndarray of shape (n_samples,), object (str).
          500 bases; two sequences have 290 and 449.
        - target : ndarray of shape (n_samples, 10), int8.
          1 with the mark, 0 without it, -1 where nobody knows.
        - label_names : list of str of length 10
        - parts : ndarray of shape (n_samples, 10), str.
          "dev" or "test" for every label that is known, else empty.
        - groups : ndarray of shape (n_samples,), int64.
          Sequences that share a fifth of their 15-mers, directly or through others, share a number.
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

    References
    ----------
    Pokholok et al. (2005), Genome-wide map of nucleosome acetylation and methylation in yeast, Cell 122, 517.
    Nguyen et al. (2016), DNA sequence classification by convolutional neural network, Journal of Biomedical
    Science and Engineering 9, 280.
    Zhou et al. (2024), DNABERT-2: efficient foundation model and benchmark for multi-species genomes, ICLR.

    Examples
    --------
    >>> from skgenome.datasets import fetch_yeast_histone_marks
    >>> X, y = fetch_yeast_histone_marks(return_X_y=True)  # doctest: +SKIP
    >>> y.shape, float((y == -1).mean().round(2))  # doctest: +SKIP
    ((32055, 10), 0.82)
    """
    entries = [entry for entry in registry_entries("yeast_histone_marks") if subset in ("all", entry.subset)]
    paths = [fetch_file(e, data_home=data_home, download_if_missing=download_if_missing) for e in entries]
    marks = sorted({entry.label for entry in entries})
    joined = _join(entries, paths, marks)
    if return_X_y:
        return joined.data, joined.target
    pairs = similar_pairs(joined.data.tolist(), k=_K, threshold=_THRESHOLD)
    return Bunch(
        data=joined.data,
        target=joined.target,
        label_names=marks,
        parts=joined.parts,
        groups=linked_groups(len(joined.data), pairs),
        filenames=[str(path) for path in paths],
        DESCR=_HISTONE_DESCR.format(
            n_samples=len(joined.data),
            n_labels=len(marks),
            share_known=1 - float((joined.target == UNKNOWN).mean()),
        ),
    )
