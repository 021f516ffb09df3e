"""
How large a vocabulary can a genome fill?
=========================================

A token of k bases says more the longer it is, and there are four times as many of them with each base. From
some k on, a corpus has too few of each to learn anything about it. Counting k-mers tells where that is,
before anything is trained. What tokens are is told in :ref:`tokens`.
"""

# %%
import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import entropy

from skgenome.datasets import make_genomes
from skgenome.preprocessing import KmerCounter
from skgenome.sequences import dinucleotide_shuffle

# %%
# Two million bases of four made genomes, and the same bases in an order drawn by lot, but for pairs: nothing
# is to be found in these that reaches beyond two bases.
genomes = make_genomes(random_state=0).data
shuffled = [dinucleotide_shuffle(genome, random_state=0) for genome in genomes]
n_bases = sum(map(len, genomes))

# %%
# How often each k-mer stands in the genomes, for every k.
lengths = range(1, 11)
counts = {k: np.asarray(KmerCounter(k=k).transform(genomes).sum(axis=0)).ravel() for k in lengths}
counts_shuffled = {k: np.asarray(KmerCounter(k=k).transform(shuffled).sum(axis=0)).ravel() for k in lengths}
for k in (3, 6, 9):
    rare = np.mean(counts[k] < 20)
    print(f"k = {k}: {4**k:>7,} tokens, {n_bases / 4**k:>6,.0f} bases for each, {rare:.0%} seen < 20 times")

# %%
# From the entropy of k-mers follows what the last base of one costs if the others are known: the bits per
# base of a Markov model of order k - 1 that is asked about the very bases that it has counted.
figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 4), layout="constrained")
for k in (2, 4, 6, 8, 10):
    share = np.arange(1, 4**k + 1) / 4**k
    left.plot(share, np.sort(counts[k])[::-1], label=f"k = {k}")
left.axhline(1, color="0.6", linewidth=0.8)
left.set(
    yscale="log", xlabel="share of the vocabulary, frequent tokens first", ylabel="times that a token is seen"
)
left.legend(frameon=False, ncols=2, loc="upper right")
for label, numbers in (("genomes", counts), ("the same, shuffled", counts_shuffled)):
    bits = np.diff([0, *(entropy(numbers[k], base=2) for k in lengths)])
    right.plot(lengths, bits, marker="o", label=label)
right.set(xlabel="k", ylabel="bits for the last base of a k-mer", xticks=lengths)
right.legend(frameon=False)
for ax in (left, right):
    ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# Left: every 6-mer is there hundreds of times, while of the 10-mers a quarter is never seen and another
# quarter once. Right: up to k = 7 the shuffled bases cost what pairs of bases cost, and what genomes cost
# less is knowledge. From 8 on the shuffled ones become cheap too, though there is nothing to be known of
# them: a model of so many tokens learns its corpus by heart. Two million bases fill the vocabulary of
# 6-mers, and not that of 9-mers.
