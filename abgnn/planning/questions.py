"""`Questions`: what beliefs read of questions, as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from abgnn.data.arrays import Array, Index, Mask
from abgnn.data.query import Query
from abgnn.data.surface_features import SURFACE_NAMES, surface_counts
from abgnn.errors import ConfigError


@dataclass(frozen=True)
class Questions:
    """Q questions.

    Args:
        ids, texts: of the questions.
        embedding: unit rows, `[Q, H]`.
        counts: `surface_counts` of the texts, `[Q, 22]`.
        difficulty: standardised over the training questions, `[Q]`; 0 where nothing is known.
        kinds: what `Query.meta` calls each question's kind; empty where it says nothing.
        by: the entry of `Query.meta` that does.
    """

    ids: tuple[str, ...]
    texts: tuple[str, ...]
    embedding: Array
    counts: Array
    difficulty: Array
    kinds: tuple[str, ...]
    by: str | None = None

    def __post_init__(self) -> None:
        n = len(self.ids)
        shapes = {
            "texts": (len(self.texts), n),
            "embedding": (len(self.embedding), n),
            "counts": (self.counts.shape, (n, len(SURFACE_NAMES))),
            "difficulty": (self.difficulty.shape, (n,)),
            "kinds": (len(self.kinds), n),
        }
        for field, (is_, allowed) in shapes.items():
            if is_ != allowed:
                raise ConfigError(f"Questions.{field}", is_, f"{allowed}, for {n} questions")

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def of(
        cls,
        queries: Sequence[Query],
        embedding: Array,
        difficulty: Array | None = None,
        by: str | None = None,
    ) -> Questions:
        """Queries with their embeddings.

        Args:
            queries: Q of them.
            embedding: `[Q, H]`.
            difficulty: `[Q]`; None: 0 for all.
            by: entry of `Query.meta` that names the kind of a question; None: none does.
        """
        texts = tuple(query.text for query in queries)
        return cls(
            tuple(query.id for query in queries),
            texts,
            np.asarray(embedding, dtype=np.float64).reshape(len(queries), -1),
            surface_counts(texts),
            np.zeros(len(queries)) if difficulty is None else np.asarray(difficulty, dtype=float),
            tuple("" if by is None else str(q.meta.get(by, "")) for q in queries),
            by,
        )

    def rows(self, at: Index | Mask) -> Questions:
        """Some of them: indices `[n]` or a mask `[Q]`."""
        index = np.arange(len(self))[at]
        return Questions(
            tuple(self.ids[i] for i in index),
            tuple(self.texts[i] for i in index),
            self.embedding[index],
            self.counts[index],
            self.difficulty[index],
            tuple(self.kinds[i] for i in index),
            self.by,
        )


def kind_entry(queries: Sequence[Query], fewest: int = 5, most: int = 20) -> str | None:
    """The entry of `Query.meta` whose texts tell the most kinds of questions apart.

    Only entries count that every question has, as a text, with 2 to `most` values, each of at
    least `fewest` questions; None: there is none.
    """
    best: tuple[int, str] | None = None
    for name in queries[0].meta if queries else ():
        values = [query.meta.get(name) for query in queries]
        if all(isinstance(value, str) and value for value in values):
            counts = np.unique(np.array(values, dtype=str), return_counts=True)[1]
            if 2 <= len(counts) <= most and counts.min() >= fewest:
                best = max(best or (0, ""), (len(counts), name))
    return None if best is None else best[1]
