"""
Which variants break a promoter?
================================

Every substitution around a start of transcription is predicted, and some insertions and deletions, with the
genome around them. See :ref:`inspection`.
"""

# %%
import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skgenome.datasets import make_genomes, make_promoters
from skgenome.inspection import variant_effects
from skgenome.preprocessing import KmerCounter

# %%
# Learn promoters of some genomes; k-mers of both strands count alike, as promoters on either one matter.
X, y = make_promoters(n_samples=4000, sequence_length=81, random_state=0, return_X_y=True)
classifier = make_pipeline(
    KmerCounter(k=6, k_min=3, canonical=True, sparse=False),
    StandardScaler(),
    LogisticRegression(C=1e-4, max_iter=1000),
).fit(X, y)

# %%
# A start of transcription on a genome that was not learnt from: of ten, that with the surest promoter.
genome = make_genomes(n_genomes=1, genome_length=60_000, random_state=1)
contig, sequence = genome.contig_names[0], genome.data[0]
starts = [f.start for f in genome.features if f.kind == "operon" and f.strand == "+" and f.start > 100][:10]
surest = np.argmax(classifier.predict_proba([sequence[s - 60 : s + 21] for s in starts])[:, 1])
start = starts[surest]

# %%
# Every substitution from 45 bases before the start to 5 behind it. Positions of rows count from 0.
variants = [
    (contig, position, sequence[position], base)
    for position in range(start - 45, start + 6)
    for base in "ACGT"
    if base != sequence[position]
]
substituted = variant_effects(classifier, variants, {contig: sequence}, window_size=81, target=1)
# As in VCF, an insertion and a deletion name the base before them too.
indels = [(contig, p, sequence[p], sequence[p] + "GCG") for p in range(start - 45, start, 3)]
indels += [(contig, p, sequence[p : p + 4], sequence[p]) for p in range(start - 45, start, 3)]
shifted = variant_effects(classifier, indels, {contig: sequence}, window_size=81, target=1)

# %%
# The change of the log odds of a promoter, by position.
figure, ax = plt.subplots(figsize=(9, 4), layout="constrained")
colours = dict(zip("ACGT", ("#009E73", "#0072B2", "#E69F00", "#D55E00"), strict=True))
for base, colour in colours.items():
    chosen = [i for i, variant in enumerate(substituted.variants) if variant.alt == base]
    x = [substituted.variants[i].position - start for i in chosen]
    label = f"to {base}"
    ax.scatter(
        x,
        substituted.log_odds_ratio[chosen, 0],
        color=colour,
        marker=rf"$\mathrm{{{base}}}$",
        s=40,
        label=label,
    )
half = len(indels) // 2
for name, marker, part in (("GCG inserted", "^", slice(half)), ("3 bases deleted", "v", slice(half, None))):
    x = [variant.position - start for variant in shifted.variants[part]]
    ax.scatter(x, shifted.log_odds_ratio[part, 0], color="0.6", marker=marker, s=22, label=name, zorder=0.9)
ax.axhline(0, color="0.6", linewidth=0.8)
for box in (-35, -10):
    ax.axvline(box, color="0.25", linestyle="--", linewidth=1, zorder=0.8)
ax.set_xlabel("position from the start of transcription (bp)")
ax.set_ylabel("change of the log odds\nof a promoter")
ax.set_xticks(range(-45, 6, 5), [f"{p:+d}" if p else "0" for p in range(-45, 6, 5)])
ax.spines[["top", "right"]].set_visible(False)
ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
plt.show()

# %%
# The substitutions that lower the log odds most are in the two boxes, around -10 and -35 (dashed).
# Elsewhere changes are smaller and go both ways, to T mostly up, to C and G rather down: counts of k-mers
# know composition too, and no places. What stands first in a list of candidates:
order = np.argsort(substituted.log_odds_ratio[:, 0])
for i in order[:3]:
    variant = substituted.variants[i]
    change = f"{substituted.reference[i, 0]:.2f} to {substituted.alternative[i, 0]:.2f}"
    print(f"{variant.ref} > {variant.alt} at {variant.position - start:+d}: probability from {change}")
