"""Genomes and labelled sequences: real ones, checksummed, and invented ones that need no network."""

from skgenome.datasets._annotated import RegulonPromoter, fetch_genome
from skgenome.datasets._exclusion import Match, find_matches, split_at_matches
from skgenome.datasets._genomes import fetch_bacterial_genomes
from skgenome.datasets._gram import fetch_gram_staining
from skgenome.datasets._home import get_data_home
from skgenome.datasets._promoters import fetch_bacterial_promoters, fetch_ecoli_promoters
from skgenome.datasets._synthetic import make_genomes, make_promoters

__all__ = [
    "Match",
    "RegulonPromoter",
    "fetch_bacterial_genomes",
    "fetch_bacterial_promoters",
    "fetch_ecoli_promoters",
    "fetch_genome",
    "fetch_gram_staining",
    "find_matches",
    "get_data_home",
    "make_genomes",
    "make_promoters",
    "split_at_matches",
]
