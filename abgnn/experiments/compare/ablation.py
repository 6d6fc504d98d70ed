"""The layout of the paper's Table 3: every method at one operating point, compared with ours."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from abgnn.evaluation.rows import Row
from abgnn.experiments.compare.config import Comparison
from abgnn.experiments.compare.job import Job, Result
from abgnn.experiments.compare.table import interval

COLUMNS = ("performance", "mUSD", "s", "reward")
Figures = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Compared:
    """One method at the operating point.

    Args:
        method: its name.
        seeds: how many it was run with.
        mean: by column, over seeds.
        less: this method minus ours, paired by seed: mean and half width of its 95 % interval by
            column (NaN with one seed); nothing for ours.
    """

    method: str
    seeds: int
    mean: Figures
    less: Mapping[str, tuple[float, float]]


def compared_with_ours(
    comparison: Comparison, point: str, results: Mapping[Job, Result]
) -> list[Compared]:
    """Performance, mUSD and seconds per query, and Eq 9's reward with the λ's of our point.

    Methods without that point, or without a result, are left out.
    """
    ours = next(method for method in comparison.methods if method.name == comparison.ours)
    prices = {**comparison.set, **ours.set, **ours.points[point]}
    weights = [float(prices.get(f"model.lambda_{axis}", 0.0)) for axis in ("tok", "lat")]
    seen: dict[str, dict[int, Figures]] = {}
    for job, result in results.items():
        if job.point == point and job.plain is None:
            seen.setdefault(job.method, {})[job.seed] = _figures(result.rows[0], *weights)
    against = seen.get(comparison.ours, {})
    methods = [method.name for method in comparison.methods if method.name in seen]
    return [
        _compared(name, seen[name], {} if name == comparison.ours else against) for name in methods
    ]


def _figures(row: Row, lambda_tok: float, lambda_lat: float) -> Figures:
    reward = row.reward(lambda_tok, lambda_lat)
    values = (row.performance, 1e3 * row.cost_usd, row.latency_s, reward)
    return dict(zip(COLUMNS, values, strict=True))


def _compared(name: str, mine: Mapping[int, Figures], ours: Mapping[int, Figures]) -> Compared:
    mean = {c: interval([figures[c] for figures in mine.values()])[0] for c in COLUMNS}
    paired = [seed for seed in mine if seed in ours]
    less = {c: interval([mine[s][c] - ours[s][c] for s in paired]) for c in COLUMNS if paired}
    return Compared(name, len(mine), mean, less)


def write_ablation(
    comparison: Comparison, results: Mapping[Job, Result], label: str, console: Console
) -> None:
    """The table on the console and ablation.csv, if the comparison names a point for it."""
    if comparison.ablation is None:
        return
    lines = compared_with_ours(comparison, comparison.ablation, results)
    console.print(_table(lines, f"{comparison.ablation}: means per query ({label})"))
    console.print(
        f"(in brackets: minus {comparison.ours}, paired by seed, ± 95 % interval; "
        "reward: Eq 9 with the point's λ's)",
        markup=False,
        highlight=False,
    )
    path = Path(comparison.out) / "ablation.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        head = ["mean", "minus_ours", "half_width_95"]
        writer.writerow(["source", "method", "point", "seeds", "column", *head])
        for line in lines:
            for column in COLUMNS:
                values = (line.mean[column], *line.less.get(column, ("", "")))
                row = (label, line.method, comparison.ablation, line.seeds, column)
                writer.writerow([*row, *values])


def _table(lines: Sequence[Compared], title: str) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("method", no_wrap=True)
    for column in COLUMNS:
        table.add_column(column, justify="right", no_wrap=True)
    for line in lines:
        table.add_row(line.method, *(_cell(line, column) for column in COLUMNS))
    return table


def _cell(line: Compared, column: str) -> str:
    digits = 1 if column == "s" else 2 if column == "mUSD" else 3
    text = f"{line.mean[column]:.{digits}f}"
    if column not in line.less:
        return text
    mean, half = line.less[column]
    spread = "" if math.isnan(half) else f"±{half:.{digits}f}"
    return f"{text} ({mean:+.{digits}f}{spread})"
