"""Curves, bars and intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from abgnn.data.arrays import Array
from abgnn.evaluation.frontier import performance_at
from abgnn.plots.style import COLOURS, DARK, FILL, INK, WIDTH, Look, log_axis, short, style


def curves_figure(series: Mapping[str, Array], label: str) -> Figure:
    """What a budget buys (Eq 12) per method. Logarithmic budgets.

    Marks are measured points; those that no budget calls for are small and pale. There is no
    legend: the page writes one beside it. Of series k, every part's gid starts with `sk-`.

    Args:
        series: method → (budget, performance) `[J, 2]`, budgets above 0; of one that has no point
            only the look is used up, so that figures with the same methods agree.
        label: of the axis.
    """
    budgets = np.concatenate([points[:, 0] for points in series.values()])
    grid = np.geomspace(budgets.min() / 1.2, budgets.max() * 1.2, 240)
    with style():
        figure = Figure(figsize=(WIDTH, 3.1), layout="constrained")
        axes = figure.subplots()
        for k, points in enumerate(series.values()):
            if not len(points):
                continue
            colour, marker, line = Look.of(k)
            x = np.union1d(grid[grid >= points[:, 0].min()], points[:, 0])
            y = np.array([performance_at(points, budget) for budget in x])
            axes.plot(x, y, color=colour, linestyle=line, linewidth=1.5, gid=f"s{k}-line")
            wanted = points[:, 1] >= y[np.searchsorted(x, points[:, 0])] - 1e-9
            hollow: dict[str, Any] = {"color": colour, "markerfacecolor": "white", "linestyle": ""}
            axes.plot(
                *points[~wanted].T, marker=marker, markersize=3.5, alpha=0.35, gid=f"s{k}-pale",
                **hollow,
            )  # fmt: skip
            axes.plot(*points[wanted].T, marker=marker, gid=f"s{k}-marks", **hollow)
        log_axis(axes)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g}%"))
        axes.set(xlabel=label, ylabel="performance")
        axes.grid()
    return figure


def bars_figure(values: Mapping[str, float], label: str, written: Sequence[str]) -> Figure:
    """Horizontal bars with their values written beside them."""
    names = list(values)
    with style():
        figure = Figure(figsize=(WIDTH, 0.9 + 0.27 * len(names)), layout="constrained")
        axes = figure.subplots()
        bars = axes.barh(range(len(names)), list(values.values()), color=FILL, edgecolor=DARK)
        axes.bar_label(bars, labels=list(written), padding=3, fontsize=8)
        axes.set_yticks(range(len(names)), [short(name) for name in names])
        axes.invert_yaxis()
        axes.margins(x=0.18)
        axes.set_xlim(left=0)
        axes.set_xlabel(label)
        axes.grid(axis="x")
    return figure


def intervals_figure(rows: Sequence[tuple[str, float, float, float]], label: str) -> Figure:
    """Value and bounds, each in shares of its budget; the budget is the line at 1.

    Args:
        rows: name, value, low, high.
        label: of the axis.
    """
    y = np.arange(len(rows))
    value, low, high = (np.array([row[k] for row in rows]) for k in (1, 2, 3))
    with style():
        figure = Figure(figsize=(WIDTH, 0.9 + 0.32 * len(rows)), layout="constrained")
        axes = figure.subplots()
        spread = np.clip(np.array([value - low, high - value]), 0, None)
        axes.errorbar(value, y, xerr=spread, fmt="o", color=COLOURS[0], capsize=4)
        axes.axvline(1, color=INK, linestyle="--", linewidth=1.2)
        axes.set_yticks(y, [short(row[0]) for row in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_xlabel(label)
        axes.grid(axis="x")
    return figure
