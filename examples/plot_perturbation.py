"""
Which bases does a classifier read?
===================================

Windows of promoters are replaced by random bases, then every base by every other one. What becomes of the
prediction says what it rested on. What the functions do is told in :ref:`inspection`.
"""

# %%
import matplotlib.pyplot as plt
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from skgenome.datasets import make_promoters
from skgenome.inspection import (
    MutagenesisDisplay,
    PerturbationDisplay,
    in_silico_mutagenesis,
    perturbation_importance,
)
from skgenome.preprocessing import KmerTokenizer

# %%
# Promoters of 81 bp, aligned: transcription starts at base 60. 3-mers are read at their positions.
X, y = make_promoters(n_samples=4000, sequence_length=81, random_state=0, return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=0)
classifier = make_pipeline(
    KmerTokenizer(k=3), OneHotEncoder(handle_unknown="ignore"), LogisticRegression(C=0.1, max_iter=1000)
).fit(X_train, y_train)
print(f"accuracy on sequences that were not learnt from: {classifier.score(X_test, y_test):.2f}")

# %%
# Log odds, since a probability near 1 hardly moves. Promoters alone, and none that was learnt from.
promoters = X_test[y_test == 1][:150]
options = {"response_method": "decision_function"}
perturbed = perturbation_importance(
    classifier, promoters, widths=[3, 7, 11, 15], n_repeats=2, random_state=0, **options
)
mutated = in_silico_mutagenesis(classifier, promoters, positions=range(20, 62), **options)

# %%
# The map of all widths, the profile of one, and the letters that are preferred.
figure, axes = plt.subplots(3, 1, figsize=(8, 8.5), layout="constrained")
sites = {"-35": 25, "-10": 50}
display = PerturbationDisplay(perturbed)
display.plot(axes[0], sites=sites, origin=60)
display.plot(axes[1], kind="profile", width=7, band="se", sites=sites, origin=60)
axes[1].legend(frameon=False, loc="lower left")
MutagenesisDisplay(mutated).plot(axes[2], kind="logo", sites=sites, origin=60)
plt.show()

# %%
# Both the map and the profile are lowest at the two boxes of a promoter, around -10 and -35: without what
# stands there the prediction falls most. The logo has the letters that the classifier wants, there and hardly
# elsewhere.
