"""As many operating points for every method: those that serve it best, where it has more.

A frontier over sixty points is higher than one over four by nothing but choice. So every method
keeps the same number, chosen on the same questions by the same rule.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from abgnn.data.arrays import Array
from abgnn.evaluation.frontier import performance_at, upper_envelope

Budgets = tuple[Sequence[float], Sequence[float]]  # USD, seconds


def keep_points(points: Array, budgets: Budgets, most: int | None) -> list[int]:
    """Which operating points a method keeps, by index; all of them if there are no more.

    One after the other, the point that adds most to the mean performance within all budgets of
    both axes. Points on neither frontier are never needed.

    Args:
        points: (score, USD, seconds) `[J, 3]`.
        budgets: of both axes.
        most: how many; None: any number.
    """
    if most is None or len(points) <= most:
        return list(range(len(points)))
    able, kept = on_a_frontier(points), list[int]()
    while len(kept) < min(most, len(able)):
        rest = [j for j in able if j not in kept]
        kept.append(max(rest, key=lambda j: _within(points[[*kept, j]], budgets)))
    return sorted(kept)


def on_a_frontier(points: Array) -> list[int]:
    """Indices of the points `[J, 3]` (score, USD, seconds) that are on either upper envelope."""
    vertices: set[int] = set()
    for axis in (1, 2):
        pairs = points[:, [axis, 0]]
        for vertex in upper_envelope(pairs):
            vertices.add(int(np.flatnonzero((pairs == vertex).all(1))[0]))
    return sorted(vertices)


def _within(points: Array, budgets: Budgets) -> float:
    """Mean performance within the budgets."""
    reached = [
        performance_at(points[:, [axis, 0]], budget)
        for axis, some in enumerate(budgets, 1)
        for budget in some
    ]
    return float(np.mean(reached))
