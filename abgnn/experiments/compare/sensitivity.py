"""Sensitivity to one parameter: accuracy, USD and seconds against its values (Figure 5)."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from rich.console import Console
from rich.table import Table

from abgnn.experiments.compare.config import Comparison
from abgnn.experiments.compare.job import Job, Result
from abgnn.experiments.compare.table import interval
from abgnn.plots.frontier import stamp
from abgnn.plots.style import COLOURS, GRID, MARKERS

METRICS: Mapping[str, tuple[str, float]] = {
    "performance": ("accuracy in %", 100.0),
    "cost_usd": ("mUSD per query", 1e3),
    "latency_s": ("seconds per query", 1.0),
}


@dataclass(frozen=True, slots=True)
class Reading:
    """One metric at one value of one parameter.

    Args:
        parameter, value: the varied parameter and its value.
        metric: of `METRICS`.
        mean: over seeds; half: half width of its 95 % interval (NaN with one seed).
        seeds: how many.
    """

    parameter: str
    value: str
    metric: str
    mean: float
    half: float
    seeds: int


def readings(comparison: Comparison, results: Mapping[Job, Result]) -> list[Reading]:
    """All metrics of the comparison's varied methods, in the order of its points."""
    points: list[Reading] = []
    for method in comparison.methods:
        if method.name not in comparison.varied:
            continue
        for point in method.points:
            rows = [
                result.rows[0]
                for job, result in results.items()
                if (job.method, job.point) == (method.name, point)
            ]
            for metric in METRICS if rows else ():
                mean, half = interval([float(getattr(row, metric)) for row in rows])
                points.append(Reading(method.name, point, metric, mean, half, len(rows)))
    return points


def write_sensitivity(
    comparison: Comparison, results: Mapping[Job, Result], label: str, console: Console
) -> None:
    """A table, sensitivity.csv and the picture, if the comparison varies parameters."""
    points = readings(comparison, results)
    if not points:
        return
    out = Path(comparison.out)
    console.print(_table(points, label))
    _write(out / "sensitivity.csv", points, label)
    picture = out / f"sensitivity-{label}.png"
    draw_sensitivity(points, picture, title=f"{out.name}", simulated=label == "simulated")
    files = f"{out}/sensitivity.csv, {picture.name} ({label})"
    console.print(files, markup=False, highlight=False, soft_wrap=True)


def draw_sensitivity(
    points: Sequence[Reading], path: str | Path, *, title: str, simulated: bool
) -> Path:
    """One column per parameter, one row per metric; bars are 95 % intervals over seeds."""
    names = list(dict.fromkeys(r.parameter for r in points))
    layout = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.1)
    figure = Figure(figsize=(0.8 + 2.7 * len(names), 6.6), layout=layout)
    panels = figure.subplots(len(METRICS), len(names), sharex="col", sharey="row", squeeze=False)
    for row, (metric, (label, scale)) in enumerate(METRICS.items()):
        for column, name in enumerate(names):
            mine = [r for r in points if (r.parameter, r.metric) == (name, metric)]
            _panel(panels[row, column], mine, scale, row)
        panels[row, 0].set_ylabel(label)
    for column, name in enumerate(names):
        panels[0, column].set_title(f"({chr(97 + column)}) {name}", fontsize=11)
        panels[-1, column].set_xlabel(name)
    figure.suptitle(f"One parameter at a time: {title}", x=0.012, ha="left", weight="bold")
    if simulated:
        stamp(figure, 0.988, 0.988)
    figure.savefig(path, dpi=160)
    return Path(path)


def _panel(ax: Axes, mine: Sequence[Reading], scale: float, row: int) -> None:
    """Values at equal distances, since they are not evenly spread."""
    ax.errorbar(
        range(len(mine)),
        [scale * r.mean for r in mine],
        yerr=[scale * r.half for r in mine],
        color=COLOURS[row],
        marker=MARKERS[row],
        capsize=3,
        linewidth=1.8,
    )
    ax.set_xticks(range(len(mine)), [r.value for r in mine])
    ax.grid(color=GRID, linewidth=0.8)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)


def _table(points: Sequence[Reading], label: str) -> Table:
    table = Table(title=f"one parameter at a time ({label})", title_justify="left")
    for head in ("parameter", "value", "accuracy", "mUSD", "s"):
        table.add_column(head, justify="left" if head == "parameter" else "right", no_wrap=True)
    by_value: dict[tuple[str, str], list[str]] = {}
    for r in points:
        digits, scale = {"performance": (1, 100.0), "cost_usd": (2, 1e3)}.get(r.metric, (1, 1.0))
        spread = f" ± {scale * r.half:.{digits}f}" if r.seeds > 1 else ""
        cells = by_value.setdefault((r.parameter, r.value), [])
        cells.append(f"{scale * r.mean:.{digits}f}{spread}")
    for key, cells in by_value.items():
        table.add_row(*key, *cells)
    return table


def _write(path: Path, points: Sequence[Reading], label: str) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        head = ["source", "parameter", "value", "metric", "mean", "half_width_95", "seeds"]
        writer.writerow(head)
        for r in points:
            writer.writerow([label, r.parameter, r.value, r.metric, r.mean, r.half, r.seeds])
