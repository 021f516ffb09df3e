"""Does pretraining pay with few labels? The whole journey, on made genomes or on your own FASTA.

Without arguments, bacterial genomes are made up (no download), a language model is pretrained on them
without labels, and promoters are told from other stretches with 20 labels and more, next to k-mer counts.

    python examples/few_labels.py
    python examples/few_labels.py --unlabelled genomes/ --positive pos.fasta --negative neg.fasta
"""

# %%
import argparse
import logging
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from skgenome.datasets import make_genomes, make_promoters
from skgenome.linear_model import LassoLogisticRegressionCV
from skgenome.manifold import TSNE, EmbeddingDisplay
from skgenome.model_selection import LabelFractionCurveDisplay, label_fraction_curve
from skgenome.persistence import save
from skgenome.preprocessing import KmerCounter, KmerTokenizer
from skgenome.representation import LanguageModel
from skgenome.sequences import read_sequences

# %%
# What can be set.
parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
parser.add_argument("--unlabelled", nargs="+", help="FASTA files, folders or globs to pretrain on")
parser.add_argument("--positive", nargs="+", help="FASTA of the one class")
parser.add_argument("--negative", nargs="+", help="FASTA of the other class")
parser.add_argument("--labels", type=int, nargs="+", default=[20, 50, 100, 200, 500, 1000])
parser.add_argument("--steps", type=int, default=2000, help="training steps of 4480 tokens each")
parser.add_argument("--repeats", type=int, default=5, help="draws of the labels")
parser.add_argument("--output", type=Path, default=Path("demo-output"))
options = parser.parse_args()
if bool(options.positive) != bool(options.negative) or bool(options.positive) != bool(options.unlabelled):
    parser.error("give --unlabelled, --positive and --negative together, or none of them")
options.output.mkdir(parents=True, exist_ok=True)
logging.captureWarnings(True)

# %%
# The data: contigs without labels, sequences with labels.
if options.unlabelled:
    genomes = [record.sequence for record in read_sequences(options.unlabelled)]
    positive = [record.sequence for record in read_sequences(options.positive)]
    negative = [record.sequence for record in read_sequences(options.negative)]
    sequences, y = positive + negative, np.repeat([1, 0], [len(positive), len(negative)])
else:
    genomes = make_genomes(random_state=0).data
    sequences, y = make_promoters(n_samples=3000, random_state=1, return_X_y=True)
train, test, y_train, y_test = train_test_split(sequences, y, test_size=1 / 3, stratify=y, random_state=0)
print(f"{len(genomes)} contigs, {sum(map(len, genomes)) / 1e6:.1f} Mbp without labels")
print(f"{len(train)} sequences to draw labels from, {len(test)} to test on\n")

# %%
# Phase 1, without labels: learn to predict the next base.
tokens = KmerTokenizer(k=3, padding=False).transform(genomes)
# Layer 1, in the middle, is read: the last one knows the next token and less else.
rounds = {"max_steps": options.steps, "steps_per_round": max(options.steps // 5, 1)}
lm = LanguageModel(layer=1, **rounds, random_state=0, verbose=1)
lm.fit(tokens)
bits = lm.history_[-1]["valid_bits_per_base"]
print(f"\nbits per base on held-out stretches: {bits:.3f} (2: all bases are equally likely)")
save(make_pipeline(KmerTokenizer(k=3), lm), options.output / "language-model")

# %%
# Phase 2, with few labels: the same lasso on k-mer counts and on what the language model has learnt.
methods = {
    "k-mers + lasso": make_pipeline(KmerCounter(k=4, k_min=1), LassoLogisticRegressionCV()),
    "language model + lasso": make_pipeline(
        KmerTokenizer(k=3), FrozenEstimator(lm), LassoLogisticRegressionCV()
    ),
}
curve = label_fraction_curve(
    methods,
    train,
    y_train,
    X_test=test,
    y_test=y_test,
    fractions=[n for n in options.labels if n <= len(train)],
    n_repeats=options.repeats,
    scoring="accuracy",
    random_state=0,
)
print(curve)

# %%
# Two pictures: accuracy against labels, and the test sequences as the language model sees them.
figure, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
LabelFractionCurveDisplay(curve).plot(ax=ax)
figure.savefig(options.output / "label_fraction_curve.png", dpi=120)

# Means alone: what stands at the last position would part the sequences by their last bases.
lm.set_params(pooling="mean")
features = make_pipeline(KmerTokenizer(k=3), FrozenEstimator(lm)).transform(test)
figure, ax = plt.subplots(figsize=(6, 5), layout="constrained")
embedding = TSNE(random_state=0).fit_transform(features)
EmbeddingDisplay(embedding, np.where(y_test == 1, "positive", "negative")).plot(ax=ax)
figure.savefig(options.output / "tsne.png", dpi=120)
print(f"Pictures and the saved model are in {options.output}/")
