"""
How many labels does pretraining save?
======================================

Two methods learn promoters from the same labels with the same lasso: one counts k-mers, the other reads
features of a language model that has seen genomes without labels before. The curve says where the two
differ, and whether more labels would help. See :ref:`few_labels`.
"""

# %%
import matplotlib.pyplot as plt
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline

from skgenome.datasets import make_genomes, make_promoters
from skgenome.linear_model import LassoLogisticRegressionCV
from skgenome.model_selection import LabelFractionCurveDisplay, label_fraction_curve
from skgenome.preprocessing import KmerCounter, KmerTokenizer
from skgenome.representation import LanguageModel

# %%
# Without labels: two million bases, and a language model that is small for the sake of a quick page.
genomes = make_genomes(random_state=0).data
lm = LanguageModel(
    embedding_size=128,
    n_layers=1,
    batch_size=32,
    max_steps=700,
    learning_rate=0.01,
    device="cpu",
    random_state=0,
).fit(KmerTokenizer(k=3, padding=False).transform(genomes))

# %%
# With labels: promoters of other genomes, a third of them to test on. Draws of labels are nested and the
# same for both methods; ``FrozenEstimator`` keeps the language model as it is.
X, y = make_promoters(n_samples=1500, random_state=1, return_X_y=True)
curve = label_fraction_curve(
    {
        "k-mers + lasso": make_pipeline(KmerCounter(k=4, k_min=1), LassoLogisticRegressionCV()),
        "language model + lasso": make_pipeline(
            KmerTokenizer(k=3), FrozenEstimator(lm), LassoLogisticRegressionCV()
        ),
    },
    X[:1000],
    y[:1000],
    X_test=X[1000:],
    y_test=y[1000:],
    fractions=[20, 50, 200, 1000],
    n_repeats=3,
    scoring="roc_auc",
    random_state=0,
)
print(curve)

# %%
# Means of three draws of the labels, with their standard deviation.
figure, ax = plt.subplots(figsize=(7, 4.2), layout="constrained")
LabelFractionCurveDisplay(curve).plot(ax)
plt.show()

# %%
# With 20 labels neither knows much, and which 20 they are matters more than the method. From 50 on the
# language model is ahead, and with 200 labels it is better than k-mers with five times as many. Both curves
# still climb at their right ends, so that more labels would help either.
