"""DNA as bytes: alphabet, reverse complement, k-mer ids, windows, and reading and writing of files.

This sub-package knows NumPy alone, and dnaio and xopen for files.
"""

from skgenome.sequences._alphabet import (
    AMBIGUOUS,
    decode,
    encode,
    encode_many,
    reverse_complement,
    reverse_complement_codes,
)
from skgenome.sequences._bed import BedInterval, read_bed
from skgenome.sequences._collection import check_sequences
from skgenome.sequences._contigs import iter_contigs
from skgenome.sequences._files import COMPRESSIONS, write_beside
from skgenome.sequences._gff import GffFeature, iter_gff, read_gff
from skgenome.sequences._kmers import (
    N_SPECIAL,
    PAD_ID,
    SPECIAL_TOKENS,
    UNKNOWN_ID,
    has_ambiguous,
    id_dtype,
    kmer_ids,
    kmer_words,
    kmers_of_ids,
    reverse_complement_ids,
    reverse_complement_words,
)
from skgenome.sequences._locks import is_locked, lock_folder
from skgenome.sequences._records import (
    SequenceRecord,
    iter_sequences,
    read_sequences,
    write_fasta,
    write_fastq,
)
from skgenome.sequences._shuffle import dinucleotide_shuffle, dinucleotide_shuffle_codes
from skgenome.sequences._similarity import (
    NearestSimilar,
    linked_groups,
    nearest_similar,
    similar_groups,
    similar_pairs,
)
from skgenome.sequences._store import SequenceStore
from skgenome.sequences._store_building import build_store
from skgenome.sequences._stored_token_ids import StoredTokenIds
from skgenome.sequences._token_ids import (
    TokenGeometry,
    TokenIds,
    TokenRows,
    check_token_ids,
    check_token_rows,
    infer_geometry,
    overlaps_by,
    pad_rows,
    reverse_complement_rows,
)
from skgenome.sequences._vcf import Variant, iter_vcf, read_vcf
from skgenome.sequences._windows import iter_windows, window_starts
from skgenome.sequences._within import number_within

__all__ = [
    "AMBIGUOUS",
    "COMPRESSIONS",
    "N_SPECIAL",
    "PAD_ID",
    "SPECIAL_TOKENS",
    "UNKNOWN_ID",
    "BedInterval",
    "GffFeature",
    "NearestSimilar",
    "SequenceRecord",
    "SequenceStore",
    "StoredTokenIds",
    "TokenGeometry",
    "TokenIds",
    "TokenRows",
    "Variant",
    "build_store",
    "check_sequences",
    "check_token_ids",
    "check_token_rows",
    "decode",
    "dinucleotide_shuffle",
    "dinucleotide_shuffle_codes",
    "encode",
    "encode_many",
    "has_ambiguous",
    "id_dtype",
    "infer_geometry",
    "is_locked",
    "iter_contigs",
    "iter_gff",
    "iter_sequences",
    "iter_vcf",
    "iter_windows",
    "kmer_ids",
    "kmer_words",
    "kmers_of_ids",
    "linked_groups",
    "lock_folder",
    "nearest_similar",
    "number_within",
    "overlaps_by",
    "pad_rows",
    "read_bed",
    "read_gff",
    "read_sequences",
    "read_vcf",
    "reverse_complement",
    "reverse_complement_codes",
    "reverse_complement_ids",
    "reverse_complement_rows",
    "reverse_complement_words",
    "similar_groups",
    "similar_pairs",
    "window_starts",
    "write_beside",
    "write_fasta",
    "write_fastq",
]
