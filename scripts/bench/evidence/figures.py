"""From kept rows to figures: comparisons with the results of the seeds that are complete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from abgnn.data.arrays import Array
from abgnn.evaluation.frontier import performance_at, upper_envelope
from abgnn.evaluation.rows import Row
from abgnn.experiments.compare.ahead import SINGLE
from abgnn.experiments.compare.config import Comparison, Method
from abgnn.experiments.compare.controls import COMPLETE
from abgnn.experiments.compare.job import Job, Result
from abgnn.experiments.compare.table import (
    Line,
    budgets_of,
    figures_of,
    interval,
    kept_rows,
    lines_of,
)

from .parts import Part, read_parts
from .rows import RESULTS, Made, rows_of

NAN = float("nan")
COST = "cost_usd"
UNIT = " mUSD"


@dataclass(frozen=True)
class Shown:
    """A comparison with what is there of its results.

    Args:
        comparison: whose seeds are the complete ones: every method has all its points.
        results: of their jobs.
        rows: as they are kept, of the complete seeds.
    """

    comparison: Comparison
    results: Mapping[Job, Result]
    rows: Sequence[Made]

    @property
    def seeds(self) -> int:
        """Complete ones."""
        return len(self.comparison.seeds)

    @cached_property
    def lines(self) -> dict[str, Line]:
        """P@ and areas by method; within a cost budget the best mixture of its points."""
        figures = figures_of(self.comparison, self.results)
        made = lines_of(figures, self.comparison, list(self.results), self.results)
        return {line.method: line for line in made}

    @cached_property
    def kept(self) -> dict[tuple[str, int], list[Row]]:
        """By method and seed the operating points that it may keep."""
        rows: dict[tuple[str, int], list[Row]] = {}
        for job, result in self.results.items():
            rows.setdefault((job.method, job.seed), []).extend(result.rows)
        return {key: kept_rows(mine, self.comparison) for key, mine in rows.items()}

    def points(self, method: str, seed: int, axis: str = COST) -> Array:
        """A method's operating points (budget, performance), those that it may keep, `[J, 2]`."""
        kept = self.kept[method, seed]
        return np.array([(getattr(row, axis), row.performance) for row in kept])

    def mean_within(self, method: str, axis: str = COST) -> list[float]:
        """By seed: performance within a budget, mean of all budgets."""
        budgets = budgets_of(self.comparison, axis)
        return [
            float(np.mean([performance_at(self.points(method, seed, axis), b) for b in budgets]))
            for seed in self.comparison.seeds
        ]

    def best_alone(self, axis: str = COST) -> list[float]:
        """By seed, the same of the best single LLM within each budget, in hindsight, unmixed.

        Where no LLM is that cheap it answers a share of the questions.
        """
        return [
            float(np.mean([_alone(self.points(self.comparison.base, seed, axis), b)
                           for b in budgets_of(self.comparison, axis)]))
            for seed in self.comparison.seeds
        ]  # fmt: skip

    def share_of_best(self, method: str) -> list[float]:
        """By seed: USD at which a method is as good as the best single LLM, over that LLM's USD.

        Infinite where it never is.
        """
        shares = []
        for seed in self.comparison.seeds:
            alone = self.points(self.comparison.base, seed).tolist()
            cost, best = max(alone, key=lambda p: (p[1], -p[0]))  # of equal ones the cheapest
            shares.append(usd_to_reach(self.points(method, seed), best) / cost)
        return shares


def _alone(points: Array, budget: float) -> float:
    able = [score for cost, score in points.tolist() if cost <= budget]
    return max(able) if able else performance_at(points, budget)


def usd_to_reach(points: Array, score: float) -> float:
    """The least budget at which the envelope of the points and the origin reaches a score."""
    hull = upper_envelope(np.concatenate([points, [(0.0, 0.0)]]))
    hull = hull[: int(hull[:, 1].argmax()) + 1]
    if hull[-1, 1] < score - 1e-12:
        return float("inf")
    return float(np.interp(score, hull[:, 1], hull[:, 0]))


def shown(part: Part, folder: Path = RESULTS) -> dict[str, Shown]:
    """By system; a part without a complete seed is left out."""
    rows = rows_of(part.name, folder)
    out = {}
    for on, comparison in part.comparisons().items():
        made = _shown(comparison, [row for row in rows.all if row.on == on])
        if made is not None:
            out[on] = made
    return out


def shown_parts(folder: Path = RESULTS) -> dict[str, dict[str, Shown]]:
    """Every part that `abgnn compare` made, by name."""
    parts = [part for part in read_parts() if part.command != "inductive"]
    made = {part.name: shown(part, folder) for part in parts}
    return {name: each for name, each in made.items() if each}


def _shown(comparison: Comparison, rows: Sequence[Made]) -> Shown | None:
    by_seed: dict[int, dict[str, set[str]]] = {}  # points by method
    for row in rows:
        by_seed.setdefault(row.seed, {}).setdefault(row.method, set()).add(row.point)
    needed = {
        m.name: set(m.operating_points(_backbones(comparison, rows))) for m in comparison.methods
    }
    complete = tuple(
        seed
        for seed, made in sorted(by_seed.items())
        if all(points == made.get(name) for name, points in needed.items())
    )
    if not complete:
        return None
    kept = [row for row in rows if row.seed in complete and row.method in needed]
    methods = {method.name: method for method in comparison.methods}
    results = dict(_result(methods, job) for job in _jobs(kept).values())
    return Shown(_with_budgets(replace(comparison, seeds=complete), kept), results, kept)


def _backbones(comparison: Comparison, rows: Sequence[Made]) -> list[str]:
    """Of the catalogue, as far as rows tell: of single LLMs, and of methods with a run for each."""
    each = {m.name for m in comparison.methods if m.per_backbone}
    alone = {m.name for m in comparison.methods if m.plain == SINGLE}
    names = [row.point for row in rows if row.method in each]
    return sorted({*names, *(row.row for row in rows if row.method in alone)})


def _with_budgets(comparison: Comparison, rows: Sequence[Made]) -> Comparison:
    """With the budgets of USD that were found in a table, where the config states none.

    Rows that plan are named after them, to three digits; the first is below the tightest (see
    `budgets_of_rows`).
    """
    if comparison.cost_budgets or not comparison.catalogue_from_table:
        return comparison
    planned = {m.name for m in comparison.methods if m.plain in COMPLETE}
    names = {row.row for row in rows if row.method in planned and row.row.endswith(UNIT)}
    costs = sorted(1e-3 * float(name.removesuffix(UNIT)) for name in names)
    return replace(comparison, cost_budgets=tuple(costs[1:]))


def _jobs(rows: Sequence[Made]) -> dict[tuple[int, str, str], list[Made]]:
    jobs: dict[tuple[int, str, str], list[Made]] = {}
    for row in rows:
        jobs.setdefault((row.seed, row.method, row.point), []).append(row)
    return jobs


def _result(methods: Mapping[str, Method], rows: Sequence[Made]) -> tuple[Job, Result]:
    first = rows[0]
    plain = methods[first.method].plain
    job = Job(first.method, first.point, first.seed, (), (), plain, first.train_calls, 1, (), "")
    made = tuple(
        Row(row.row, row.performance, NAN, row.cost_usd, row.latency_s, NAN, row.calls, NAN,
            row.rollouts)
        for row in rows
    )  # fmt: skip
    return job, Result(
        first.source, first.train_calls, made, (), first.seconds, first.paid_usd,
        first.train_questions,
    )  # fmt: skip


def points_text(values: Sequence[float], digits: int = 1) -> str:
    """A mean of differences in points with its 95 % interval over seeds: +1.2 ± .8."""
    return interval_text(*interval([100 * value for value in values]), digits)


def interval_text(mean: float, half: float, digits: int = 1, sign: str = "+") -> str:
    """A mean ± half of its interval, with its sign or (`sign=""`) without; one seed has no ±."""
    text = f"{mean:{sign}.{digits}f}".replace("-", "−")
    return text if np.isnan(half) else f"{text} ± {half:.{digits}f}"
