"""Tables, files and the picture of an inductive comparison."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from abgnn.evaluation.frontier import narrow_area, performance_at
from abgnn.evaluation.rows import Row
from abgnn.experiments.compare.config import Comparison
from abgnn.experiments.compare.table import AXES, budgets_of, interval
from abgnn.experiments.inductive import ORIGINAL, SINGLE, WIDE, Measured
from abgnn.plots.inductive import draw_inductive


def figures(comparison: Comparison, rows: Sequence[Measured]) -> dict[str, float]:
    """P@ budgets and areas of one system on one catalogue with one seed.

    `AUC` runs to `WIDE` times the last budget, `narrow` to the last budget, both with the system's
    own value at the end, since Appendix D's base point differs between catalogues. Both are mean
    performances.
    """
    values: dict[str, float] = {}
    for axis, letter, short in AXES:
        points = _points(rows, axis)
        budgets = budgets_of(comparison, axis)
        for k, budget in enumerate(budgets, 1):
            values[f"P@{letter}{k}"] = performance_at(points, budget)
        values[f"AUC_{short}"] = narrow_area(points, WIDE * budgets[-1], normalise=True)
        values[f"narrow_{short}"] = narrow_area(points, budgets[-1], normalise=True)
    return values


def _points(rows: Sequence[Measured], axis: str) -> NDArray[np.float64]:
    return np.array([(getattr(m.row, axis), m.row.performance) for m in rows])


def shares(measured: Sequence[Measured], system: str, catalogue: str) -> dict[str, float]:
    """Share of LLM calls by backbone, over all points and seeds."""
    total: Counter[str] = Counter()
    for m in measured:
        if m.system == system and m.catalogue == catalogue:
            total.update(m.calls)
    return {name: count / total.total() for name, count in total.most_common()}


def write_inductive(
    comparison: Comparison, measured: Sequence[Measured], label: str, console: Console
) -> Path:
    """points.csv, shares.csv, tables and the picture in Figure 4's layout; returns the latter."""
    out = Path(comparison.out)
    out.mkdir(parents=True, exist_ok=True)
    _write_points(out / "points.csv", measured, label)
    by_seed: dict[tuple[str, str], list[dict[str, float]]] = {}
    for (system, catalogue, _), rows in _grouped(measured).items():
        by_seed.setdefault((system, catalogue), []).append(figures(comparison, rows))
    console.print(_table(by_seed, f"the same weights, other catalogues ({label})"))
    console.print(_differences(by_seed, f"minus {ORIGINAL}, paired by seed, ± 95 % ({label})"))
    used = {key: shares(measured, *key) for key in by_seed if key[0] != SINGLE}
    _write_shares(out / "shares.csv", used, label)
    means = {
        key: {axis: interval([v[axis] for v in values])[0] for axis in ("narrow_tok", "narrow_lat")}
        for key, values in by_seed.items()
        if key[0] != SINGLE
    }
    picture = out / f"inductive-{label}.png"
    draw_inductive(used, means, picture, simulated=label == "simulated")
    console.print(f"{out}/points.csv, shares.csv, {picture.name} ({label})", soft_wrap=True)
    return picture


def _grouped(measured: Sequence[Measured]) -> dict[tuple[str, str, int], list[Measured]]:
    groups: dict[tuple[str, str, int], list[Measured]] = {}
    for m in measured:
        groups.setdefault((m.system, m.catalogue, m.seed), []).append(m)
    return groups


def _table(by_seed: Mapping[tuple[str, str], Sequence[Mapping[str, float]]], title: str) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("system", no_wrap=True)
    table.add_column("catalogue", no_wrap=True)
    named = list(next(iter(by_seed.values()))[0])
    for column in named:
        table.add_column(column, justify="right")
    for (system, catalogue), values in by_seed.items():
        cells = [f"{100 * interval([v[c] for v in values])[0]:.1f}" for c in named]
        table.add_row(system, catalogue, *cells)
    return table


def _differences(
    by_seed: Mapping[tuple[str, str], Sequence[Mapping[str, float]]], title: str
) -> Table:
    """Areas on other catalogues less those on the first one, in points."""
    named = [f"{window}_{short}" for window in ("AUC", "narrow") for _, _, short in AXES]
    table = Table(title=title, title_justify="left")
    for head in ("system", "catalogue", *named):
        table.add_column(head, justify="right" if head in named else "left", no_wrap=True)
    for (system, catalogue), values in by_seed.items():
        if catalogue != ORIGINAL:
            base = by_seed[system, ORIGINAL]
            pairs = [
                interval([100 * (v[c] - b[c]) for v, b in zip(values, base, strict=True)])
                for c in named
            ]
            table.add_row(system, catalogue, *(f"{m:+.1f} ± {h:.1f}" for m, h in pairs))
    return table


def _write_points(path: Path, measured: Sequence[Measured], label: str) -> None:
    names = [f.name for f in fields(Row)]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["source", "system", "catalogue", "seed", *names])
        for m in measured:
            row = asdict(m.row)
            writer.writerow([label, m.system, m.catalogue, m.seed, *(row[n] for n in names)])


def _write_shares(
    path: Path, used: Mapping[tuple[str, str], Mapping[str, float]], label: str
) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["source", "system", "catalogue", "backbone", "share_of_calls"])
        for (system, catalogue), of in used.items():
            for backbone, share in of.items():
                writer.writerow([label, system, catalogue, backbone, f"{share:.4f}"])
