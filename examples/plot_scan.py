"""
Where on a genome are the promoters?
====================================

A classifier of short windows is slid along both strands of a genome that it has not learnt from, and its
peaks are set against the starts that are known. See :ref:`scanning`.
"""

# %%
import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skgenome.datasets import make_genomes, make_promoters
from skgenome.preprocessing import KmerCounter, KmerTokenizer
from skgenome.scanning import ScanDisplay, evaluate_track, scan
from skgenome.sequences import reverse_complement

# %%
# Learn from 81 bp around the starts of transcription of some genomes, and from other stretches of them. The
# scan reads both strands: so the other strand of everything is shown as well, as what is no promoter.
X, y = make_promoters(n_samples=4000, sequence_length=81, random_state=0, return_X_y=True)
y = np.where(y == 1, "promoter", "other")
X, y = [*X, *map(reverse_complement, X)], np.append(y, np.full_like(y, "other"))
# Composition, and 3-mers at their positions: a window is high where its start is, and not beside it.
features = make_union(
    make_pipeline(KmerCounter(k=4, k_min=1, sparse=False), StandardScaler()),
    make_pipeline(KmerTokenizer(k=3), OneHotEncoder(handle_unknown="ignore", sparse_output=False)),
)
classifier = make_pipeline(features, LogisticRegression(C=0.01, max_iter=1000)).fit(X, y)

# %%
# Another genome of the same species: nothing of it has been seen. An operon starts where transcription does.
genome = make_genomes(n_genomes=1, genome_length=60_000, random_state=1)
contigs = dict(zip(genome.contig_names, genome.data, strict=True))
sites = [
    (feature.contig, feature.start if feature.strand == "+" else feature.end - 1, feature.strand)
    for feature in genome.features
    if feature.kind == "operon"
]

# %%
# Both strands, a window every other base. In a window to learn from, the start was base 60.
track = scan(classifier, contigs, window_size=81, step=2, target="promoter")
found = evaluate_track(track, sites, tolerance=50, site_offset=60, random_state=0)
row = found.rows[0]
print(track)
print(f"recall of {found.n_sites} starts by as many peaks: {row['recall']:.2f}")
print(f"of starts put anywhere: {row['shuffled_recall_mean']:.2f} ± {row['shuffled_recall_std']:.2f}")
print(
    f"average precision of windows: {found.window_average_precision:.3f}, "
    f"share of windows with a start: {found.window_prevalence:.4f}"
)

# %%
# A piece of the genome, with the starts that there are.
figure, ax = plt.subplots(figsize=(9, 3.6), layout="constrained")
region = (sites[0][0], 12_000, 20_000)
ScanDisplay(track).plot(ax, region=region, sites=sites, site_offset=60)
plt.show()

# %%
# The forward strand points up, the reverse strand down. Known starts (triangles) stand at high places, yet
# many a high place has no start: one window in a thousand has one, so that even a classifier that is rarely
# wrong is wrong more often than there are starts. Hence the figures above, beside what peaks find of starts
# that were put anywhere.
