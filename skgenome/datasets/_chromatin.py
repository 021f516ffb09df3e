"""Fetch pieces of the human genome and the peaks of transcription factors on them."""

import os
import re
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from sklearn.utils import Bunch

from skgenome._sklearn import validate_params
from skgenome.datasets._home import HOME_CONSTRAINTS, fetch_file
from skgenome.datasets._registry import registry_entries
from skgenome.exceptions import DataIntegrityError
from skgenome.sequences import BedInterval, SequenceRecord, iter_sequences, read_bed

_PIECE_NAME = re.compile(r"(?P<chromosome>.+):(?P<start>\d+)-(?P<end>\d+)")

_CHROMATIN_DESCR = """Peaks of transcription factors on pieces of the human genome

{n_pieces} pieces of hg19 ({n_bases:,} bases, {n_unknown:,} of them N) and the {n_peaks:,} conservative
training peaks of the ENCODE-DREAM challenge that overlap them, in {n_labels} tracks CELL.FACTOR. Derived: the
peaks are from the repository uci-cbcl/FactorNet, the sequence was put together out of test data of
broadinstitute/gatk, vgteam/vg, samtools/htsjdk and others, and placed on hg19 by transcripts. No address
serves the two files. No licence is stated. Cite: Quang & Xie 2019, Methods 166, 40 (FactorNet); The ENCODE
Project Consortium 2012, Nature 489, 57.
"""


class Piece(NamedTuple):
    """A stretch of a chromosome that is a sequence of its own; 0-based half-open."""

    name: str
    chromosome: str
    start: int
    end: int


def parse_piece(record: SequenceRecord) -> Piece:
    """Read the place of a piece out of its name, and hold the sequence against it.

    Parameters
    ----------
    record : SequenceRecord
        Its name must be as ``chr2:197568-780500``, 0-based half-open.

    Returns
    -------
    piece : Piece
        As long as the sequence.

    Raises
    ------
    DataIntegrityError
        If the name is no place, or one of another length.
    """
    match = _PIECE_NAME.fullmatch(record.name)
    n_bases = len(record.sequence)
    if match is None or int(match["end"]) - int(match["start"]) != n_bases:
        raise DataIntegrityError(
            f"The name of a piece must be its place, as chr2:197568-780500, with an end as many bases behind "
            f"the start as it has. Got {record.name!r} for {n_bases:,} bases."
        )
    return Piece(record.name, match["chromosome"], int(match["start"]), int(match["end"]))


def place_on_pieces(intervals: Iterable[BedInterval], pieces: Iterable[Piece]) -> list[BedInterval]:
    """Translate intervals on chromosomes to pieces of these chromosomes.

    Parameters
    ----------
    intervals : iterable of BedInterval
        On the chromosomes that the pieces were cut from.
    pieces : iterable of Piece
        Where the pieces lie.

    Returns
    -------
    placed : list of BedInterval
        Contig is the name of the piece, start and end count from its first base and stay inside it. One for
        each piece that an interval overlaps, so that there may be none or several of an interval; in the
        order of `intervals`, then of `pieces`.
    """
    of_chromosome = defaultdict(list)
    for piece in pieces:
        of_chromosome[piece.chromosome].append(piece)
    return [
        interval._replace(
            contig=piece.name,
            start=max(interval.start, piece.start) - piece.start,
            end=min(interval.end, piece.end) - piece.start,
        )
        for interval in intervals
        for piece in of_chromosome.get(interval.contig, ())
        if interval.start < piece.end and piece.start < interval.end
    ]


@validate_params(HOME_CONSTRAINTS, prefer_skip_nested_validation=True)
def fetch_human_chromatin(
    *, data_home: str | os.PathLike | None = None, download_if_missing: bool = True
) -> Bunch:
    """Fetch pieces of the human genome with the peaks of 109 ChIP-seq tracks.

    ==============  ==================================================================
    Sequence        8 pieces of hg19, chromosomes 2, 17 and 20; 4,713,652 bases, of
                    which 100,000 are N
    Peaks           9,260 in 109 tracks: 31 transcription factors in 10 cell lines;
                    14 to 235 per track, median length 290 bases
    Size on disk    1.4 MB
    Licence         none stated
    ==============  ==================================================================

    A small set for learning many labels at once: windows of the pieces, each with the tracks that have a
    peak there. Figures reached on it cannot be compared with those of sets of the whole genome.

    The files were **derived** from public ones and cannot be downloaded: ``hg19_pieces.fa.gz`` and
    ``peaks_hg19.bed.gz`` have to be in the folder ``chromatin_human_dream`` of the data home.

    **Coordinates.** ``peaks`` are on the pieces: contig is a name in ``contig_names``, start and end count
    from the first base of that piece. A peak that reaches over the end of a piece is clipped there (16 are);
    one that overlaps two pieces would give an interval on each, which none does. ``genome_peaks`` has them
    as in the file, on the chromosomes of hg19. Both are 0-based half-open.

    **How to split.** There is no split; hold out whole pieces. Windows near each other share bases and peaks,
    and the two large pieces of chromosome 20 meet at base 1,052,000: keep these together.

    **What the labels are worth.** The peaks are the conservative ones of their challenge, so that a stretch
    without a peak may still be bound. Of the peaks, 58 repeat one of the same track base by base, and more
    overlap one: count bases or windows, not peaks. Tracks of one factor in several cells are much alike.

    Parameters
    ----------
    data_home : str or path-like, default=None
        Folder of the files; see `get_data_home`.
    download_if_missing : bool, default=True
        Changes nothing: the files cannot be downloaded. It is there because all fetchers have it.

    Returns
    -------
    Bunch
        Has these fields.

        - data : list of str of length n_pieces.
          Lower case where the sources mark repeats.
        - contig_names : ndarray of shape (n_pieces,), str.
          Names of the pieces, as "chr2:197568-780500".
        - chromosomes : ndarray of shape (n_pieces,), str
        - starts, ends : ndarray of shape (n_pieces,), int64.
          Where the pieces lie on hg19.
        - peaks : list of `skgenome.sequences.BedInterval`.
          On the pieces; their names are the labels.
        - genome_peaks : list of `skgenome.sequences.BedInterval`.
          On hg19, in the same order.
        - label_names : list of str of length n_labels.
          The tracks as "CELL.FACTOR", sorted.
        - filenames : list of str: pieces, peaks
        - DESCR : str.
          What it is, its source and its licence.

    Raises
    ------
    DataIntegrityError
        If a file has another checksum than expected.
    OSError
        If a file is missing.

    See Also
    --------
    fetch_human_enhancers : Regulatory sequences with one label each.

    References
    ----------
    Quang & Xie (2019), FactorNet: a deep learning framework for predicting cell type specific transcription
    factor binding from nucleotide-resolution sequential data, Methods 166, 40.
    The ENCODE Project Consortium (2012), An integrated encyclopedia of DNA elements in the human genome,
    Nature 489, 57.

    Examples
    --------
    >>> from skgenome.datasets import fetch_human_chromatin
    >>> chromatin = fetch_human_chromatin()  # doctest: +SKIP
    >>> len(chromatin.data), len(chromatin.peaks), len(chromatin.label_names)  # doctest: +SKIP
    (8, 9260, 109)
    """
    entries = {entry.label: entry for entry in registry_entries("human_chromatin")}
    paths = {
        label: fetch_file(entries[label], data_home=data_home, download_if_missing=download_if_missing)
        for label in ("pieces", "peaks")
    }
    records = list(iter_sequences(paths["pieces"]))
    pieces = [parse_piece(record) for record in records]
    genome_peaks = read_bed(paths["peaks"])
    label_names = sorted({peak.name for peak in genome_peaks})
    data = [record.sequence for record in records]
    return Bunch(
        data=data,
        contig_names=np.array([piece.name for piece in pieces]),
        chromosomes=np.array([piece.chromosome for piece in pieces]),
        starts=np.array([piece.start for piece in pieces], dtype=np.int64),
        ends=np.array([piece.end for piece in pieces], dtype=np.int64),
        peaks=place_on_pieces(genome_peaks, pieces),
        genome_peaks=genome_peaks,
        label_names=label_names,
        filenames=[str(path) for path in paths.values()],
        DESCR=_CHROMATIN_DESCR.format(
            n_pieces=len(data),
            n_bases=sum(map(len, data)),
            n_unknown=sum(sequence.upper().count("N") for sequence in data),
            n_peaks=len(genome_peaks),
            n_labels=len(label_names),
        ),
    )
