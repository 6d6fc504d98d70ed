"""The figures of a comparison: P@ budgets and areas per method, mean and interval over seeds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from abgnn.errors import ConfigError
from abgnn.evaluation.frontier import area_under_curve, narrow_area, performance_at
from abgnn.evaluation.rows import Row
from abgnn.experiments.compare.config import Comparison
from abgnn.experiments.compare.controls import CALIBRATED
from abgnn.experiments.compare.job import Job, Result
from abgnn.experiments.compare.points import keep_points

Axis = str  # cost_usd or latency_s
Figures = Mapping[int, Mapping[str, Mapping[str, float]]]  # seed → method → column → value
AXES: tuple[tuple[Axis, str, str], ...] = (("cost_usd", "T", "tok"), ("latency_s", "L", "lat"))


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure of one method.

    Args:
        mean: over seeds.
        half: half width of the 95 % interval over seeds (Student's t); NaN with one seed.
        beats: this method's mean is higher than ours.
        clear: the interval of the difference, paired by seed, lies above 0.
    """

    mean: float
    half: float
    beats: bool = False
    clear: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One method's row.

    Args:
        method: its name.
        cells: by column, see `columns`.
        runs: training runs per seed; calls: LLM calls of one of them, mean.
        done, jobs: how many of its jobs have a result.
        questions: different ones that it has learned from at each operating point, mean.
        points, of: operating points that it keeps, of those that it has; mean over seeds.
    """

    method: str
    cells: Mapping[str, Cell]
    runs: int
    calls: float
    done: int
    jobs: int
    questions: float = 0.0
    points: float = 0.0
    of: float = 0.0


def axes_of(comparison: Comparison) -> tuple[tuple[Axis, str, str], ...]:
    """Those that have budgets."""
    return tuple(axis for axis in AXES if budgets_of(comparison, axis[0]))


def columns(comparison: Comparison) -> dict[Axis, tuple[str, ...]]:
    """Names of the columns, by axis that has budgets: P@T1 …, AUC_tok, narrow_tok; P@L1 …"""
    return {
        axis: (
            *(f"P@{letter}{k}" for k in range(1, len(budgets_of(comparison, axis)) + 1)),
            f"AUC_{name}",
            f"narrow_{name}",
        )
        for axis, letter, name in axes_of(comparison)
    }


def table_lines(
    comparison: Comparison, jobs: Sequence[Job], results: Mapping[Job, Result]
) -> list[Line]:
    """A row per method that has any result.

    `AUC` is Appendix D's area, in which the base MAS's most expensive point is the right end of
    every frontier; `narrow` is the area up to the last budget without it. Both are divided by their
    window: mean performances in [0, 1].

    Raises:
        ConfigError: the base row has no result.
    """
    return lines_of(figures_of(comparison, results), comparison, jobs, results)


def figures_of(comparison: Comparison, results: Mapping[Job, Result]) -> Figures:
    """The columns' values by seed and method; as `table_lines` raises."""
    return {seed: _figures(comparison, results, seed) for seed in comparison.seeds}


def lines_of(
    figures: Figures, comparison: Comparison, jobs: Sequence[Job], results: Mapping[Job, Result]
) -> list[Line]:
    """A row per method from its figures by seed."""
    by_method: dict[str, dict[str, dict[int, float]]] = defaultdict(lambda: defaultdict(dict))
    for seed, methods in figures.items():
        for method, values in methods.items():
            for column, value in values.items():
                by_method[method][column][seed] = value
    ours = by_method.get(comparison.ours, {})
    return [
        _line(method.name, by_method[method.name], ours, jobs, results, comparison)
        for method in comparison.methods
        if method.name in by_method
    ]


def mean_points(
    comparison: Comparison, results: Mapping[Job, Result], axis: Axis
) -> dict[str, NDArray[np.float64]]:
    """Per drawn method its points (budget, performance) `[J, 2]`, means over seeds."""
    seen: dict[str, dict[str, list[tuple[float, float]]]] = defaultdict(lambda: defaultdict(list))
    for job, result in results.items():
        for row in result.rows:
            pair = (float(getattr(row, axis)), row.performance)
            seen[job.method][row.name].append(pair)
    drawn = comparison.drawn or tuple(m.name for m in comparison.methods)
    return {
        method: np.array([np.mean(pairs, axis=0) for pairs in seen[method].values()])
        for method in drawn
        if method in seen
    }


def _figures(
    comparison: Comparison, results: Mapping[Job, Result], seed: int
) -> dict[str, dict[str, float]]:
    """Method → column → value of one seed; nothing where the base row is missing."""
    rows: dict[str, list[Row]] = defaultdict(list)
    for job, result in results.items():
        if job.seed == seed:
            rows[job.method] += result.rows
    if not rows[comparison.base]:
        raise ConfigError("base", comparison.base, f"a row with a result; it failed (seed {seed})")
    named = columns(comparison)
    kept = {method: kept_rows(mine, comparison) for method, mine in rows.items()}
    return {
        method: dict(
            pair
            for axis in named
            for pair in zip(
                named[axis],
                _values(_pairs(mine, axis), _end(rows[comparison.base], axis), comparison, axis),
                strict=True,
            )
        )
        for method, mine in kept.items()
        if mine
    }


def kept_rows(rows: Sequence[Row], comparison: Comparison) -> list[Row]:
    """A method's operating points, no more than every method may have."""
    points = np.array([(r.performance, r.cost_usd, r.latency_s) for r in rows]).reshape(-1, 3)
    return [rows[j] for j in keep_points(points, comparison.budgets, comparison.operating_points)]


def _values(
    points: NDArray[np.float64], end: tuple[float, float], comparison: Comparison, axis: Axis
) -> Iterable[float]:
    budgets = budgets_of(comparison, axis)
    yield from (performance_at(points, budget) for budget in budgets)
    yield area_under_curve(points, end) / end[0]
    yield narrow_area(points, budgets[-1], normalise=True)


def _end(base: Sequence[Row], axis: Axis) -> tuple[float, float]:
    """The base MAS's most expensive, or slowest, point."""
    row = max(base, key=lambda r: float(getattr(r, axis)))
    return float(getattr(row, axis)), row.performance


def _line(
    method: str,
    values: Mapping[str, Mapping[int, float]],
    ours: Mapping[str, Mapping[int, float]],
    jobs: Sequence[Job],
    results: Mapping[Job, Result],
    comparison: Comparison,
) -> Line:
    mine = [job for job in jobs if job.method == method]
    done = [job for job in mine if job in results]
    learned = [results[job] for job in done if job.plain in (None, *CALIBRATED)]
    rows: dict[int, list[Row]] = defaultdict(list)
    for job in done:
        rows[job.seed] += results[job].rows
    kept = [len(kept_rows(some, comparison)) for some in rows.values()]
    return Line(
        method,
        {column: _cell(seen, ours.get(column, {})) for column, seen in values.items()},
        runs=len({job.point for job in mine}) if learned else 0,
        calls=_mean([result.train_calls for result in learned]),
        done=len(done),
        jobs=len(mine),
        questions=_mean([result.train_questions for result in learned]),
        points=_mean(kept),
        of=_mean([len(some) for some in rows.values()]),
    )


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else 0.0


def _cell(values: Mapping[int, float], ours: Mapping[int, float]) -> Cell:
    mean, half = interval(list(values.values()))
    differences = [values[seed] - ours[seed] for seed in values if seed in ours]
    if not differences:
        return Cell(mean, half)
    ahead, spread = interval(differences)
    return Cell(mean, half, beats=ahead > 1e-12, clear=ahead > spread)


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Mean and half width of its 95 % interval by Student's t; NaN for a single value."""
    n = len(values)
    mean = float(np.mean(values))
    if n < 2:
        return mean, float("nan")
    return mean, float(stdtrit(n - 1, 0.975) * np.std(values, ddof=1) / np.sqrt(n))


def budgets_of(comparison: Comparison, axis: Axis) -> tuple[float, ...]:
    """P@'s budgets on an axis: mean USD, or mean seconds, per query."""
    return comparison.cost_budgets if axis == "cost_usd" else comparison.latency_budgets


def _pairs(rows: Sequence[Row], axis: Axis) -> NDArray[np.float64]:
    return np.array([(getattr(r, axis), r.performance) for r in rows], dtype=np.float64)
