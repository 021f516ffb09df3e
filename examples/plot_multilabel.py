"""
Which features lie in a window?
===============================

A window of a genome may hold a gene and a promoter, or neither: that is a label for each kind of feature
rather than one class. Windows are cut out of annotated genomes with
:func:`~skgenome.datasets.make_multilabel_windows`, and a forest of k-mer counts learns all labels at once.
See :ref:`datasets`.
"""

# %%
import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline

from skgenome.datasets import make_genomes, make_multilabel_windows
from skgenome.metrics import classification_metrics_by_class
from skgenome.preprocessing import KmerCounter
from skgenome.sequences import BedInterval

# %%
# Four genomes of one species, and their features, with a label of its own for either strand.
genomes = make_genomes(n_genomes=4, n_species=1, genome_length=100_000, random_state=0)
kinds = {"CDS": "gene", "promoter": "promoter", "terminator": "terminator"}
features = [
    BedInterval(feature.contig, feature.start, feature.end, f"{kinds[feature.kind]} {feature.strand}")
    for feature in genomes.features
    if feature.kind in kinds
]
windows = make_multilabel_windows(
    dict(zip(genomes.contig_names, genomes.data, strict=True)),
    features,
    bin_size=100,
    window_size=200,
    min_overlap=0.2,
    keep_unlabelled=True,
)
print(windows.DESCR)

# %%
# Windows of neighbouring bins overlap, so genomes are the groups: three are learnt from, one is tested on.
test = windows.groups == windows.groups[-1]
X, y = np.asarray(windows.data), windows.target
classifier = make_pipeline(
    KmerCounter(k=5, k_min=2, sparse=False),
    RandomForestClassifier(100, max_features=0.03, min_samples_leaf=3, random_state=0),
).fit(X[~test], y[~test])
probabilities = np.column_stack([of_label[:, 1] for of_label in classifier.predict_proba(X[test])])
rows = classification_metrics_by_class(
    y[test], classifier.predict(X[test]), probabilities, labels=windows.label_names, zero_division=0.0
)
for row in rows:
    print(f"{row['label']:<13} {row['n_positives']:>4} windows, {row['average_precision']:.2f}")

# %%
# Average precision, label by label; by chance it is the share of windows that have the label.
figure, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
places = np.arange(len(rows))
ax.barh(places, [row["average_precision"] for row in rows], color="#56B4E9", label="forest of k-mer counts")
chance = [row["prevalence"] for row in rows]
ax.plot(chance, places, "|", color="k", markersize=22, markeredgewidth=2, label="by chance")
ax.set_yticks(places, [row["label"] for row in rows])
ax.invert_yaxis()
ax.set(xlabel="average precision on a genome not learnt from", ylabel="label (kind and strand)", xlim=(0, 1))
ax.legend(frameon=False, loc="lower right")
ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# Genes are found nearly always, and on the right strand: codons are counted. Terminators, a hairpin and
# some T, are found twenty times as well as by chance; of promoters, two short boxes apart, counts know
# least. Chance differs from label to label, so that one average over all labels would hide all of this.
