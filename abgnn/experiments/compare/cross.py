"""P@ budgets without hindsight: operating points chosen on some questions, judged on others.

An envelope over points that were measured on the same questions by which it is judged is
optimistic, and more so the more points a method has (eleven backbones, or sixty roles of them,
against four operating points). Here both the points that a method keeps and the mixture that Eq 12
implies for a budget are fixed on one half of the held-out questions, and its performance is read
off on the other half.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from abgnn.data.arrays import Array
from abgnn.evaluation.frontier import ORIGIN, upper_envelope
from abgnn.experiments.compare.config import Comparison
from abgnn.experiments.compare.job import Job, Result
from abgnn.experiments.compare.points import Budgets, keep_points
from abgnn.experiments.compare.table import (
    AXES,
    Figures,
    Line,
    budgets_of,
    lines_of,
)

SPLITS = 20  # halvings of the questions; each half is judged once per halving


def cross_columns(comparison: Comparison) -> tuple[str, ...]:
    """cross P@T1, …, cross P@L1, …"""
    return tuple(
        f"cross P@{letter}{k}"
        for axis, letter, _ in AXES
        for k in range(1, len(budgets_of(comparison, axis)) + 1)
    )


def cross_lines(
    comparison: Comparison, jobs: Sequence[Job], results: Mapping[Job, Result]
) -> list[Line]:
    """A row per method; columns as in `cross_columns`."""
    return lines_of(cross_figures(comparison, results), comparison, jobs, results)


def cross_figures(comparison: Comparison, results: Mapping[Job, Result]) -> Figures:
    """The columns' values by seed and method."""
    return {seed: _figures(comparison, results, seed) for seed in comparison.seeds}


def mixture(points: Array, budget: float) -> Array:
    """Share of each point [J] in the mixture that Eq 12 takes at a budget; the rest is (0, 0).

    Args:
        points: (budget, performance) `[J, 2]`.
        budget: mean per query.
    """
    vertices = upper_envelope(np.concatenate([points, [ORIGIN]]))
    vertices = vertices[: int(vertices[:, 1].argmax()) + 1]
    share = np.zeros(len(points))
    right = int(np.searchsorted(vertices[:, 0], budget))
    if right == len(vertices):
        pairs = [(vertices[-1], 1.0)]
    elif right == 0:
        pairs = [(vertices[0], 1.0)]
    else:
        left = vertices[right - 1]
        weight = float((budget - left[0]) / (vertices[right][0] - left[0]))
        pairs = [(left, 1 - weight), (vertices[right], weight)]
    for vertex, weight in pairs:
        matching = np.flatnonzero((points == vertex).all(1))
        share[matching[:1]] += weight  # none matches (0, 0)
    return share


def cross_performances(
    by_query: Array, budgets: Budgets, seed: int, most: int | None = None
) -> list[float]:
    """Mean performance on one half of the mixtures chosen on the other, over halvings.

    Args:
        by_query: score, USD, seconds per point and question `[J, Q, 3]`.
        budgets: means per query, USD and seconds; the result is in this order.
        seed: of the halvings, the same for all methods.
        most: points that the choosing half keeps; None: any number.
    """
    rng, n = np.random.default_rng(seed), by_query.shape[1]
    reached = []
    for _ in range(SPLITS):
        halves = np.array_split(rng.permutation(n), 2) if n > 1 else [np.arange(n)] * 2
        for chosen, judged in (halves, halves[::-1]):
            seen = by_query[:, chosen].mean(1)  # [J, 3]
            kept = keep_points(seen, budgets, most)
            score = by_query[kept][:, judged, 0].mean(1)
            reached.append([
                float(mixture(seen[kept][:, [axis, 0]], budget) @ score)
                for axis, some in enumerate(budgets, 1)
                for budget in some
            ])  # fmt: skip
    mean: list[float] = np.mean(reached, 0).tolist()
    return mean


def _figures(
    comparison: Comparison, results: Mapping[Job, Result], seed: int
) -> dict[str, dict[str, float]]:
    points: dict[str, list[Array]] = defaultdict(list)
    for job, result in results.items():
        if job.seed == seed:
            points[job.method].append(np.array(result.by_query))  # [rows, Q, 3]
    most, named = comparison.operating_points, cross_columns(comparison)
    made = {
        method: cross_performances(np.concatenate(mine), comparison.budgets, seed, most)
        for method, mine in points.items()
    }
    return {method: dict(zip(named, values, strict=True)) for method, values in made.items()}
