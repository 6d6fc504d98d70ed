"""Published scores by family of benchmarks, with where the families lie in a text encoder."""

from __future__ import annotations

from abgnn.graph.base_mas import BaseMAS
from abgnn.planning.exemplars import centroids_of, published_logits, read_families, texts_of
from abgnn.planning.nearness import Published


def published_scores(mas: BaseMAS) -> Published:
    """Of the catalogue; the families' exemplars are encoded."""
    families = read_families()
    embedding = mas.encode(texts_of(families)).double().cpu().numpy()
    return Published(centroids_of(families, embedding), published_logits(mas.catalogue, families))
