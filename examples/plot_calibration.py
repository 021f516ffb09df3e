"""
Can the probabilities be believed?
==================================

Of the windows that a classifier gives 90 %, nine in ten should be promoters. Calibration on held-out
sequences sees to that, if what is held out is new: where relatives of it were learnt from, a classifier
looks surer than it may be about sequences without relatives. See :ref:`splits`.
"""

# %%
import matplotlib.pyplot as plt
import numpy as np
from sklearn.calibration import CalibratedClassifierCV, calibration_curve
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skgenome.datasets import make_promoters
from skgenome.model_selection import HomologyGroupKFold
from skgenome.preprocessing import KmerCounter
from skgenome.sequences import reverse_complement

# %%
# Promoters on a strand that is not known. 250 sequences to learn from have three relatives each, in which
# one base in twenty has changed, as families of genes have; 1500 sequences of other genomes, without
# relatives, are what the probabilities will be asked about.
rng = np.random.default_rng(0)
founders, y = make_promoters(n_samples=250, random_state=1, return_X_y=True)
letters = np.repeat([list(founder) for founder in founders], 4, axis=0)
changed = rng.random(letters.shape) < 0.05
changed[::4] = False
letters[changed] = rng.choice(list("ACGT"), changed.sum())
X, y = np.array(["".join(row) for row in letters]), np.repeat(y, 4)
X_new, y_new = make_promoters(n_samples=1500, random_state=2, return_X_y=True)
X, X_new = (
    np.array([x if rng.random() < 0.5 else reverse_complement(x) for x in sequences])
    for sequences in (X, X_new)
)

# %%
# Both strands count as one (``canonical=True``): a sequence and its reverse complement have the same
# counts, and so the same probability. A network does the same with ``strand="average"``.
classifier = make_pipeline(
    KmerCounter(k=5, k_min=1, canonical=True, sparse=False),
    StandardScaler(),
    LogisticRegression(C=0.01, max_iter=2000),
)

# %%
# The same classifier three times: as it is, calibrated on random folds, and on folds that divide no
# relatives.
at_random = StratifiedKFold(5, shuffle=True, random_state=0).split(X, y)
by_homology = HomologyGroupKFold(5).split(X, y)
fitted = {
    "as it is": classifier.fit(X, y),
    "calibrated, random folds": CalibratedClassifierCV(classifier, cv=list(at_random), ensemble=False).fit(
        X, y
    ),
    "calibrated, no relatives divided": CalibratedClassifierCV(
        classifier, cv=list(by_homology), ensemble=False
    ).fit(X, y),
}
figure, ax = plt.subplots(figsize=(5.6, 5), layout="constrained")
ax.plot([0, 1], [0, 1], color="0.6", linewidth=0.8)
for name, estimator in fitted.items():
    positive = estimator.predict_proba(X_new)[:, 1]
    share, stated = calibration_curve(y_new, positive, n_bins=6, strategy="quantile")
    ax.plot(stated, share, marker="o", label=f"{name} (log loss {log_loss(y_new, positive):.2f})")
ax.set(xlabel="probability of a promoter as stated", ylabel="share of promoters", aspect="equal")
ax.legend(frameon=False, loc="upper left")
ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# A curve on the diagonal states what is true. As it is, the classifier is too sure at both ends; calibrated
# on random folds it is surer still, since held-out sequences had relatives in the training and nearly all
# were right. On folds of :class:`~skgenome.model_selection.HomologyGroupKFold` it is near the diagonal, and
# has the lowest log loss.
