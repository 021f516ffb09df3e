"""
When is counting k-mers enough?
===============================

Gram-positive bacteria differ from Gram-negative ones all over their genomes, in GC content and in the
codons that they use. Then every base of a window says a little, and counting sums it up. Here are made
species of two kinds that differ like this, of which some are learnt from and others are tested on.
"""

# %%
import matplotlib.pyplot as plt
import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegressionCV
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skgenome.datasets import make_genomes
from skgenome.preprocessing import KmerCounter, KmerTokenizer
from skgenome.representation import LanguageModel

# %%
# 24 species of two kinds, whose GC contents overlap: every other one is of the kind with more GC. Twelve are
# learnt from, twelve are tested on.
n_species = 24
kind = np.arange(n_species) % 2
gc = np.random.default_rng(0).normal(np.where(kind, 0.53, 0.47), 0.03)
genomes = make_genomes(n_genomes=n_species, n_species=n_species, gc=gc, genome_length=50_000, random_state=0)
learnt_from = np.arange(n_species) < n_species // 2

# %%
# A language model that has read the first twelve, without their kinds. Features are averaged over both
# strands.
lm = LanguageModel(
    embedding_size=64,
    n_layers=1,
    batch_size=32,
    max_steps=400,
    learning_rate=0.02,
    pooling="mean",
    strand="average",
    device="cpu",
    random_state=0,
).fit(KmerTokenizer(k=3, padding=False).transform(genomes.data[: n_species // 2]))

# %%
# The same logistic regression on three views of a window, for windows of several lengths: 16 of each genome.
ridge = make_pipeline(
    StandardScaler(),
    LogisticRegressionCV(
        Cs=(1e-3, 1e-2, 1e-1), l1_ratios=(0,), scoring="neg_log_loss", use_legacy_attributes=False
    ),
)
methods = {
    "GC content": make_pipeline(KmerCounter(k=1, canonical=True, normalize="frequency", sparse=False), ridge),
    "4-mers": make_pipeline(KmerCounter(k=4, canonical=True, normalize="frequency", sparse=False), ridge),
    "language model": make_pipeline(KmerTokenizer(k=3), FrozenEstimator(lm), ridge),
}
lengths = [100, 300, 1000]
origin = np.repeat(np.arange(n_species), 16)
train, test = learnt_from[origin], ~learnt_from[origin]
scores = {name: [] for name in methods}
for length in lengths:
    X = np.array([genome[i * 2500 : i * 2500 + length] for genome in genomes.data for i in range(16)])
    for name, method in methods.items():
        method.fit(X[train], kind[origin][train])
        scores[name].append(roc_auc_score(kind[origin][test], method.predict_proba(X[test])[:, 1]))
for name, values in scores.items():
    print(f"{name:<15} {' '.join(f'{value:.3f}' for value in values)}")

# %%
figure, ax = plt.subplots(figsize=(6.5, 4.2), layout="constrained")
for name, values in scores.items():
    ax.plot(lengths, values, marker="o", label=name)
ax.axhline(0.5, color="0.6", linewidth=0.8)
ax.set(xscale="log", xlabel="length of a window (bp)", ylabel="ROC AUC on species not learnt from")
ax.set_xticks(lengths, lengths)
ax.minorticks_off()
ax.legend(frameon=False)
ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# One number is best at every length, since it is all in which these two kinds differ, and it gains with
# every base of the window. The language model has found it by itself and comes close, but there is nothing
# more to be found. 4-mers hold the number too, among 136: from twelve species they learn what these are
# like, which says less about others. Where species differ in more than GC content, as in nature, longer
# k-mers do better: see :ref:`choosing`.
