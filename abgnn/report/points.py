"""Rows of points by method, and what is drawn of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from abgnn.data.arrays import Array
from abgnn.evaluation.frontier import performance_at
from abgnn.report.records import PointRow

_FREE = 1e-9  # mUSD or seconds: below, a logarithmic axis has no place for it
AXES = (
    ("cost_usd", "cost", "mUSD", 1e3, "T"),
    ("latency_s", "latency", "seconds", 1.0, "L"),
)


def by_method(rows: Sequence[PointRow]) -> dict[str, list[PointRow]]:
    """Method → its rows, in the file's order."""
    named: dict[str, list[PointRow]] = {}
    for row in rows:
        named.setdefault(row.method, []).append(row)
    return named


def means(rows: Sequence[PointRow], axis: str, scale: float) -> Array:
    """(budget, performance) per operating point that is not free, means over seeds."""
    seen: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        seen.setdefault(row.name, []).append((scale * getattr(row, axis), row.performance))
    made = np.array([np.mean(pairs, axis=0) for pairs in seen.values()]).reshape(-1, 2)
    return made[made[:, 0] > _FREE]


def best(series: Mapping[str, Array], most: int) -> list[str]:
    """The first method and those that do best over all budgets, in the file's order."""
    everything = np.concatenate([points[:, 0] for points in series.values()])
    if not len(everything):
        return list(series)[:most]
    budgets = np.geomspace(everything.min(), everything.max(), 40)
    mean = {
        m: float(np.mean([performance_at(points, b) for b in budgets])) if len(points) else 0.0
        for m, points in series.items()
    }
    first = next(iter(series))
    ranked = [first, *(m for m in sorted(mean, key=lambda m: -mean[m]) if m != first)]
    return [m for m in series if m in ranked[:most]]


def spanning(values: Sequence[float]) -> tuple[float, ...]:
    """Four budgets that span these, in round figures."""
    positive = [v for v in values if v > 0]
    if not positive:
        return ()
    grid = np.geomspace(min(positive), max(positive), 6)[1:5]
    return tuple(dict.fromkeys(float(f"{b:.2g}") for b in grid))
