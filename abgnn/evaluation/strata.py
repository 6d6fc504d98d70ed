"""`Strata`: which part of a mixture each query got, where the parts' shares are known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from abgnn.evaluation.bounds import Part, combined

Bounds = Callable[[NDArray[np.float64]], tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Strata:
    """Cells of queries, in each of which the parts of a mixture are drawn by known shares.

    A mixture for all questions is one cell; kinds of questions with mixtures of their own are a
    cell each. Queries whose plan is not drawn are one cell with one part.

    Args:
        part: query id → its cell and its part.
        shares: cell → part → share within the cell; they sum to 1.
    """

    part: Mapping[str, tuple[str, str]]
    shares: Mapping[str, Mapping[str, float]]

    @classmethod
    def none(cls, ids: Sequence[str]) -> Strata:
        """All queries alike: nothing is drawn."""
        return cls(dict.fromkeys(ids, ("", "")), {"": {"": 1.0}})

    def counts(self) -> list[tuple[str, float, int]]:
        """Part, share of all queries, and number of queries that got it."""
        places = list(self.part.values())
        in_cell = {cell: sum(c == cell for c, _ in places) for cell in self.shares}
        return [
            (part or cell, share * in_cell[cell] / len(places), places.count((cell, part)))
            for cell, shares in self.shares.items()
            for part, share in shares.items()
        ]

    def mean(
        self,
        ids: Sequence[str],
        values: NDArray[np.float64],
        bounds: Bounds,
        confidence: float,
        limits: tuple[float, float],
    ) -> tuple[float, float, float]:
        """The mixture's mean with its lower and upper bound.

        Args:
            ids, values: of the queries, `[n]`.
            bounds: of the mean of one part's values, at `confidence`.
            limits: the least and the most that a query's value can be: what is said of a part
                that fewer than two queries got.
        """
        places = [self.part[i] for i in ids]
        cells = []
        for cell, shares in self.shares.items():
            rows = [np.array([p == (cell, part) for p in places]) for part in shares]
            share = float(sum(r.sum() for r in rows)) / len(places)
            if share:
                drawn = zip(shares.values(), rows, strict=True)
                cells.append((share, _parts([(s, values[r]) for s, r in drawn], bounds, limits)))
        mean, low, high = combined(cells, len(places), confidence)
        return mean, max(low, limits[0]), min(high, limits[1])


def _parts(
    drawn: Sequence[tuple[float, NDArray[np.float64]]], bounds: Bounds, limits: tuple[float, float]
) -> list[Part]:
    """A part without a query gets the mean of the others, and the widest bounds that can be."""
    seen = sum(share for share, x in drawn if len(x))
    others = sum(share * float(x.mean()) for share, x in drawn if len(x)) / seen
    return [
        Part(share, float(x.mean()), *bounds(x))
        if len(x) > 1
        else Part(share, float(x.mean()) if len(x) else others, *limits)
        for share, x in drawn
    ]
