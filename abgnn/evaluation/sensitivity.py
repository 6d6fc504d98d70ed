"""Figure 5's layout: performance, USD and seconds against one parameter after another."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from rich.console import Console
from rich.table import Table

from abgnn.evaluation.compare_config import Comparison, Settings
from abgnn.evaluation.compare_job import Job, Result
from abgnn.evaluation.compare_table import interval
from abgnn.evaluation.plot import COLOURS, INK, WARNING

METRICS = ("performance", "mUSD", "s")


@dataclass(frozen=True, slots=True)
class Response:
    """What came of one value of a parameter.

    Args:
        parameter: the method's name.
        value: of the parameter.
        seeds: how many.
        figures: by metric, mean over seeds and half width of its 95 % interval (NaN with one).
    """

    parameter: str
    value: float
    seeds: int
    figures: Mapping[str, tuple[float, float]]


def responses(comparison: Comparison, results: Mapping[Job, Result]) -> list[Response]:
    """Every value of every parameter that has a result, by rising value."""
    found: list[Response] = []
    for method in comparison.methods:
        key = comparison.sensitivity.get(method.name)
        if key is None:
            continue
        for point, settings in sorted(method.points.items(), key=lambda p: _value(p[1], key)):
            rows = [
                result.rows[0]
                for job, result in results.items()
                if (job.method, job.point) == (method.name, point)
            ]
            if not rows:
                continue
            values = {
                "performance": [row.performance for row in rows],
                "mUSD": [1e3 * row.cost_usd for row in rows],
                "s": [row.latency_s for row in rows],
            }
            figures = {metric: interval(of) for metric, of in values.items()}
            found.append(Response(method.name, _value(settings, key), len(rows), figures))
    return found


def _value(settings: Settings, key: str) -> float:
    return float(settings[key])


def write_sensitivity(
    comparison: Comparison, results: Mapping[Job, Result], label: str, console: Console
) -> None:
    """Table, sensitivity.csv and picture, if the comparison varies parameters."""
    found = responses(comparison, results)
    if not found:
        return
    out = Path(comparison.out)
    console.print(_table(found, f"one parameter varied at a time, means per query ({label})"))
    with (out / "sensitivity.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        head = ["source", "parameter", "value", "seeds", "metric", "mean", "half_width_95"]
        writer.writerow(head)
        for r in found:
            for metric in METRICS:
                writer.writerow([label, r.parameter, r.value, r.seeds, metric, *r.figures[metric]])
    picture = out / f"sensitivity-{label}.png"
    draw_sensitivity(found, picture, simulated=label == "simulated")
    console.print(f"{out}/sensitivity.csv, {picture.name} ({label})", soft_wrap=True)


def draw_sensitivity(found: Sequence[Response], path: Path, *, simulated: bool) -> None:
    """A column per parameter, a row per metric; bars are 95 % intervals over seeds."""
    names = list(dict.fromkeys(r.parameter for r in found))
    size = (3.1 * len(names) + 0.6, 7.2)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(len(METRICS), len(names), squeeze=False, sharey="row")
    for column, name in enumerate(names):
        mine = [r for r in found if r.parameter == name]
        for row, metric in enumerate(METRICS):
            _curve(axes[row][column], mine, metric, COLOURS[row])
        axes[-1][column].set_xlabel(name)
    for row, metric in enumerate(METRICS):
        axes[row][0].set_ylabel(metric)
    said = "Sensitivity" + (" (simulated)" if simulated else "")
    figure.suptitle(said, fontweight="bold", color=WARNING if simulated else INK)
    figure.savefig(path, dpi=150)


def _curve(ax: Axes, mine: Sequence[Response], metric: str, colour: str) -> None:
    """Values stand at equal distances: they span orders of magnitude, and 0 is among them."""
    means = [r.figures[metric][0] for r in mine]
    halves = [0.0 if math.isnan(h) else h for h in (r.figures[metric][1] for r in mine)]
    at = range(len(mine))
    ax.errorbar(at, means, yerr=halves, marker="o", capsize=3, color=colour)
    ax.set_xticks(at, [f"{r.value:g}" for r in mine], fontsize=8)
    ax.grid(color="#E6E6E6", linewidth=0.8)
    ax.spines[["top", "right"]].set_visible(False)


def _table(found: Sequence[Response], title: str) -> Table:
    table = Table(title=title, title_justify="left")
    for head in ("parameter", "value", *METRICS):
        table.add_column(head, justify="left" if head == "parameter" else "right", no_wrap=True)
    for r in found:
        cells = [
            f"{mean:.3f}" + ("" if math.isnan(half) else f"±{half:.3f}")
            for mean, half in (r.figures[metric] for metric in METRICS)
        ]
        table.add_row(r.parameter, f"{r.value:g}", *cells)
    return table
