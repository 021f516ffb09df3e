"""
Does a language model know more than counts of k-mers?
======================================================

Whoever counts k-mers can predict the next base too: a Markov model of order k says how often each base has
followed the last k. It takes a second to fit, and a network that does not pass it has not been worth
training. How a language model is pretrained is told in :ref:`pretraining`.
"""

# %%
import matplotlib.pyplot as plt
import numpy as np

from skgenome.datasets import make_genomes
from skgenome.preprocessing import KmerCounter, KmerTokenizer
from skgenome.representation import LanguageModel

# %%
# Two million bases to learn from; other genomes of the same species to test on.
genomes = make_genomes(random_state=0).data
others = make_genomes(n_genomes=2, genome_length=100_000, random_state=1).data

# %%
# Markov models. Each row of the counts has the four bases that may follow the same k; one is added to every
# count, so that nothing is impossible that has not been seen.
orders = range(10)
markov = []
for order in orders:
    seen, new = (
        KmerCounter(k=order + 1, sparse=False).transform(contigs).sum(axis=0, dtype=float).reshape(-1, 4)
        for contigs in (genomes, others)
    )
    probabilities = (seen + 1) / (seen + 1).sum(axis=1, keepdims=True)
    markov.append(-np.average(np.log2(probabilities), weights=new))
best = int(np.argmin(markov))
print(f"best of the Markov models: order {best}, {markov[best]:.3f} bits per base")

# %%
# A language model of one layer, small for the sake of a quick page. ``history_`` has a row for every round.
tokenizer = KmerTokenizer(k=3, padding=False)
lm = LanguageModel(
    embedding_size=128,
    n_layers=1,
    batch_size=32,
    max_steps=700,
    steps_per_round=70,
    learning_rate=0.01,
    device="cpu",
    random_state=0,
).fit(tokenizer.transform(genomes))
print(f"language model on other genomes: {lm.bits_per_base(tokenizer.transform(others)):.3f} bits per base")

# %%
# Both against the same scale: what a base costs that is drawn by lot is 2 bits.
figure, ax = plt.subplots(figsize=(7, 4.2), layout="constrained")
steps = [row["step"] for row in lm.history_]
for part, label in (("train", "language model, training"), ("valid", "language model, held-out stretches")):
    style = {"train": "--", "valid": "-"}[part]
    ax.plot(steps, [row[f"{part}_bits_per_base"] for row in lm.history_], style, color="#0072B2", label=label)
for order, colour in ((0, "0.6"), (best, "#D55E00"), (9, "0.2")):
    ax.axhline(markov[order], color=colour, linewidth=1.2, zorder=0.9)
    ax.text(1.01, markov[order], f"order {order}", va="center", transform=ax.get_yaxis_transform())
ax.axhline(2, color="0.6", linestyle=":", zorder=0.8)
ax.set(xlabel="training steps", ylabel="bits per base", ylim=(1.85, 2.1))
ax.legend(frameon=False)
ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# For some hundred steps the network knows less than how frequent the four bases are (order 0). Then it
# passes the best of the Markov models, and it is still falling at the end: more steps would pay. Order 9
# has learnt its corpus by heart and costs more than guessing (2 bits, dotted) on other genomes. The network
# has not: held-out stretches cost no more than those of the training.
