"""Sequences to what estimators read: token ids, and counts of k-mers."""

from skgenome.preprocessing._kmer_counter import KmerCounter
from skgenome.preprocessing._kmer_tokenizer import KmerTokenizer
from skgenome.preprocessing._vocabulary import KmerVocabulary

__all__ = ["KmerCounter", "KmerTokenizer", "KmerVocabulary"]
