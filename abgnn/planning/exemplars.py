"""`Exemplars`: a few questions in the manner of each family of published benchmarks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import yaml

from abgnn.data.arrays import Array
from abgnn.data.catalogue import Catalogue
from abgnn.errors import ConfigError
from abgnn.pools.estimates import RATINGS

FILE = Path(__file__).with_name("exemplars.yaml")


@dataclass(frozen=True)
class Family:
    """Benchmarks that ask alike.

    Args:
        name: of the family.
        benchmarks: what catalogues call them; case does not matter.
        texts: questions in their manner.
    """

    name: str
    benchmarks: tuple[str, ...]
    texts: tuple[str, ...]


@cache
def read_families(path: Path = FILE) -> tuple[Family, ...]:
    """Families of a file like the packaged one."""
    entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    return tuple(
        Family(e["family"], tuple(map(str, e["names"])), tuple(e["texts"])) for e in entries
    )


def texts_of(families: Sequence[Family]) -> list[str]:
    """All their texts, to be embedded."""
    return [text for family in families for text in family.texts]


def centroids_of(families: Sequence[Family], embedding: Array) -> Array:
    """Mean embedding of each family, `[B, H]`.

    Args:
        embedding: of `texts_of(families)`, `[n, H]`.
    """
    sizes = [len(family.texts) for family in families]
    if len(embedding) != sum(sizes):
        raise ConfigError("embedding", len(embedding), f"{sum(sizes)}, one per exemplar")
    parts = np.split(np.asarray(embedding, dtype=np.float64), np.cumsum(sizes)[:-1])
    return np.stack([part.mean(0) for part in parts])


def published_logits(catalogue: Catalogue, families: Sequence[Family]) -> Array:
    """Mean logit of each backbone's scores on each family's benchmarks, `[M, B]`; nan: none.

    Ratings, which are no percentages, are left out.
    """
    place = {name.lower(): b for b, family in enumerate(families) for name in family.benchmarks}
    total = np.zeros((len(catalogue), len(families)))
    count = np.zeros_like(total)
    for m, backbone in enumerate(catalogue):
        for scores in backbone.benchmarks.values():
            for name, score in scores.items():
                b = place.get(name.lower())
                if b is not None and name not in RATINGS:
                    p = min(max(score / 100, 0.005), 0.995)
                    total[m, b] += np.log(p / (1 - p))
                    count[m, b] += 1
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
