"""Pictures of high-dimensional features: t-SNE and its display."""

from skgenome.manifold._display import EmbeddingDisplay
from skgenome.manifold._tsne import TSNE

__all__ = ["TSNE", "EmbeddingDisplay"]
