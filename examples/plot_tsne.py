"""
Does a language model tell genomes apart that it has never read?
================================================================

No label says which species a genome is of, yet whoever predicts its next base well must have an idea.
Windows of genomes that were not learnt from are turned into features, and t-SNE puts windows with like
features next to each other. See :ref:`language_model` for the features, :ref:`few_labels` for the
embedding.
"""

# %%
import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skgenome.datasets import make_genomes
from skgenome.manifold import TSNE, EmbeddingDisplay
from skgenome.preprocessing import KmerTokenizer
from skgenome.representation import LanguageModel

# %%
# Four species with the same GC content: what tells them apart is which codons they use, and more of that
# kind. Genes lie on both strands, so features are averaged over both (``strand="average"``); else each
# species would fall into two, by the strand that most genes of a window are on.
species = {"n_genomes": 4, "n_species": 4, "gc": 0.5}
tokenizer = KmerTokenizer(k=3, padding=False)
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
).fit(tokenizer.transform(make_genomes(**species, genome_length=300_000, random_state=0).data))

# %%
# Windows of 2 kb, side by side, of other genomes of these species.
new = make_genomes(**species, genome_length=300_000, random_state=1)
windows = [genome[start : start + 2000] for genome in new.data for start in range(0, 300_000, 2000)]
origin = np.repeat(new.species, 150)
features = lm.transform(KmerTokenizer(k=3).transform(windows))

# %%
# A figure before the picture, since t-SNE may join what is apart and part what is one: how often are the
# nearest neighbours among the features of the same species?
neighbours = make_pipeline(StandardScaler(), KNeighborsClassifier(10))
right = cross_val_score(neighbours, features, origin, cv=5).mean()
print(f"species told by the ten nearest windows: {right:.2f}, by chance: 0.25")

# %%
figure, ax = plt.subplots(figsize=(6.2, 5), layout="constrained")
embedding = TSNE(random_state=0).fit_transform(StandardScaler().fit_transform(features))
EmbeddingDisplay(embedding, origin).plot(ax)
plt.show()

# %%
# Each species has a region of its own. Where three of them meet, on the left, lie windows that tell little.
# How far regions are from each other means little in such a picture, and so does their size.
