"""Fetch messenger RNAs and long non-coding RNAs."""

import os
import re
from typing import NamedTuple

import numpy as np
from sklearn.utils import Bunch

from skgenome._sklearn import StrOptions, validate_params
from skgenome.datasets._home import HOME_CONSTRAINTS
from skgenome.datasets._labelled import bunch_of, load_labelled
from skgenome.datasets._links import equal_links, overlap_links
from skgenome.datasets._registry import registry_entries
from skgenome.exceptions import DataIntegrityError
from skgenome.sequences import linked_groups

_TARGET_NAMES = ("lncRNA", "mRNA")
_STRANDS = {"1": "+", "-1": "-", "+": "+", "-": "-"}
# The places as the Genome Browser and as Ensembl write them; of the first, a gene is not known.
_UCSC = re.compile(r"range=(?P<contig>\S+):(?P<start>\d+)-(?P<end>\d+) .*strand=(?P<strand>[+-])")
_ENSEMBL = re.compile(
    r"\S+ chromosome:[^:]+:(?P<contig>[^:]+):(?P<start>\d+):(?P<end>\d+):(?P<strand>-?1) "
    r"gene:(?P<gene>[^. ]+)"
)

_SOURCES = {
    "human": """the test set of CPAT (Wang et al. 2013), from the repository liguowang/cpat (see its
LICENSE.txt). Places on hg19.
""",
    "mouse": """the training set for mouse of PreLnc (Cao et al. 2020), from the repository
LeiCao97/PreLncData; no licence is stated. Places on GRCm38.
""",
    "mouse-lncrna": """the test lncRNAs for mouse of PreLnc (Cao et al. 2020), from the repository
LeiCao97/PreLncData, which has no test mRNAs; no licence is stated. Places on GRCm38.
""",
}


class _Locus(NamedTuple):
    """Where a transcript's gene lies, 0-based half-open, and which it is if that is known."""

    contig: str
    start: int
    end: int
    strand: str
    gene: str


def _parse_locus(name: str, description: str) -> _Locus:
    """Read a transcript's place out of its header; both kinds of headers count from 1."""
    match = _UCSC.match(description) or _ENSEMBL.match(description)
    if match is None:
        raise DataIntegrityError(
            f"The header of transcript {name!r} must have its place, as range=chr1:5-9 ... strand=+ or "
            f"chromosome:GRCm38:1:5:9:1. Got {description[:60]!r}."
        )
    found = match.groupdict()
    # A transcript without a known gene is the only one of its own.
    gene = found.get("gene", name)
    return _Locus(
        found["contig"], int(found["start"]) - 1, int(found["end"]), _STRANDS[found["strand"]], gene
    )


def _group(loci: list[_Locus], sequences: np.ndarray) -> np.ndarray:
    """Group transcripts that overlap on the genome, are of one gene, or are equal."""
    contigs, starts, ends, _, genes = (np.array(column) for column in zip(*loci, strict=True))
    links = [overlap_links(contigs, starts, ends), equal_links(genes.tolist()), equal_links(sequences)]
    return linked_groups(len(loci), np.concatenate(links))


@validate_params(
    {
        "subset": [StrOptions(set(_SOURCES))],
        "return_X_y": ["boolean"],
        **HOME_CONSTRAINTS,
    },
    prefer_skip_nested_validation=True,
)
def fetch_mrna_lncrna(
    *,
    subset: str = "human",
    return_X_y: bool = False,
    data_home: str | os.PathLike | None = None,
    download_if_missing: bool = True,
) -> Bunch | tuple[np.ndarray, np.ndarray]:
    """Fetch transcripts that code for a protein and long ones that do not, of human or mouse.

    ==============  ==========================  ===========================  =====================
    `subset`        "human"                     "mouse"                      "mouse-lncrna"
    ==============  ==========================  ===========================  =====================
    Samples         4,000 mRNA, 4,000 lncRNA    6,500 mRNA, 6,500 lncRNA     6,534 lncRNA
    Length (bases)  202 to 27,748               202 to 123,179               202 to 93,147
    Size on disk    4.7 MB                      6.4 MB                       2.6 MB
    Licence         CPAT's LICENSE.txt          none stated                  none stated
    ==============  ==========================  ===========================  =====================

    "human" (CPAT) is the standard set: split it by ``groups``, as it comes without a split. "mouse" (PreLnc)
    is the challenge: train on human, test on mouse. "mouse-lncrna" has further lncRNAs, all of other genes
    than those of "mouse", and only one class.

    **Leakage.** Two mRNAs of "human" repeat another one, and seven of "mouse"; no sequence is in both classes
    or in both species. What is not equal may still be nearly so: a gene has several transcripts. Groups put
    together what overlaps on the genome (introns included, whatever the strand), is of one gene, or is
    equal. Genes of one family, and of human and mouse, are related.

    Length tells much of the classes apart: the median human mRNA has 2,484 bases, the median lncRNA 579. A
    method that sees the length, or pools over it, has this for free.

    Parameters
    ----------
    subset : {'human', 'mouse', 'mouse-lncrna'}, default='human'
        Which set.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch.
    data_home : str or path-like, default=None
        Folder of the files; see `get_data_home`.
    download_if_missing : bool, default=True
        Whether to download files that the folder lacks, instead of raising OSError.

    Returns
    -------
    transcripts : Bunch
        Has these fields.

        - data : ndarray of shape (n_samples,), object (str).
          DNA letters, of very different lengths; lncRNAs first, so shuffle before taking the first n.
        - target : ndarray of shape (n_samples,), int64; 1 is an mRNA
        - target_names : ["lncRNA", "mRNA"]
        - names, contig_names, strands : ndarray of shape (n_samples,), str
        - starts, ends : ndarray of shape (n_samples,), int64.
          The stretch of the genome that the transcript is spliced from, 0-based half-open.
        - groups : ndarray of shape (n_samples,), int64
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
    Wang et al. (2013), CPAT: Coding-Potential Assessment Tool using an alignment-free logistic regression
    model, Nucleic Acids Research 41, e74.
    Cao et al. (2020), PreLnc: an accurate tool for predicting lncRNAs based on multiple features, Genes 11,
    981.

    Examples
    --------
    >>> from skgenome.datasets import fetch_mrna_lncrna
    >>> X, y = fetch_mrna_lncrna(return_X_y=True)  # doctest: +SKIP
    >>> X.shape, int(y.sum())  # doctest: +SKIP
    ((8000,), 4000)
    """
    entries = registry_entries("mrna_lncrna", subset=subset)
    loaded = load_labelled(
        entries, _TARGET_NAMES, data_home=data_home, download_if_missing=download_if_missing
    )
    if return_X_y:
        return loaded.data, loaded.target
    loci = [_parse_locus(*header) for header in zip(loaded.names, loaded.descriptions, strict=True)]
    descr = "Messenger and long non-coding RNAs\n\n{n_samples:,} transcripts: " + _SOURCES[subset]
    return bunch_of(
        loaded,
        _TARGET_NAMES,
        descr,
        contig_names=np.array([locus.contig for locus in loci]),
        starts=np.array([locus.start for locus in loci], dtype=np.int64),
        ends=np.array([locus.end for locus in loci], dtype=np.int64),
        strands=np.array([locus.strand for locus in loci]),
        groups=_group(loci, loaded.data),
    )
