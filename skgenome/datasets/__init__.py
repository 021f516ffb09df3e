"""Genomes and labelled sequences: real ones, checksummed, and invented ones that need no network."""

from skgenome.datasets._annotated import RegulonPromoter, fetch_genome
from skgenome.datasets._chromatin import fetch_human_chromatin
from skgenome.datasets._deepsea import load_deepsea
from skgenome.datasets._domains import fetch_bacteria_phages_viruses
from skgenome.datasets._exclusion import Match, find_matches, split_at_matches
from skgenome.datasets._gene_starts import make_gene_start_windows
from skgenome.datasets._genomes import fetch_bacterial_genomes
from skgenome.datasets._gram import fetch_gram_staining
from skgenome.datasets._histone_marks import fetch_yeast_histone_marks
from skgenome.datasets._home import get_data_home
from skgenome.datasets._human import fetch_human_enhancers, fetch_human_promoters
from skgenome.datasets._metagenomics import fetch_16s_reads
from skgenome.datasets._multilabel import make_multilabel_windows
from skgenome.datasets._promoters import fetch_bacterial_promoters, fetch_ecoli_promoters
from skgenome.datasets._reads import simulate_reads
from skgenome.datasets._synthetic import make_genomes, make_promoters
from skgenome.datasets._transcripts import fetch_mrna_lncrna

__all__ = [
    "Match",
    "RegulonPromoter",
    "fetch_16s_reads",
    "fetch_bacteria_phages_viruses",
    "fetch_bacterial_genomes",
    "fetch_bacterial_promoters",
    "fetch_ecoli_promoters",
    "fetch_genome",
    "fetch_gram_staining",
    "fetch_human_chromatin",
    "fetch_human_enhancers",
    "fetch_human_promoters",
    "fetch_mrna_lncrna",
    "fetch_yeast_histone_marks",
    "find_matches",
    "get_data_home",
    "load_deepsea",
    "make_gene_start_windows",
    "make_genomes",
    "make_multilabel_windows",
    "make_promoters",
    "simulate_reads",
    "split_at_matches",
]
