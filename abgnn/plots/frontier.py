"""Pictures: frontiers of several methods, and a plan as a layered graph. Figures, no pyplot."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from numpy.typing import ArrayLike, NDArray

from abgnn.data.plan import Plan
from abgnn.errors import ConfigError
from abgnn.evaluation.frontier import performance_at, upper_envelope
from abgnn.plots.plan_layout import Layout, Pen
from abgnn.plots.style import GRID, INK, WARNING, Look, short


def draw_frontiers(
    cost: Mapping[str, ArrayLike],
    latency: Mapping[str, ArrayLike] | None,
    path: str | Path,
    *,
    title: str,
    simulated: bool,
    budget_label: str = "mean per query",
    cost_unit: str = "USD",
    performance_label: str = "performance",
    log_x: bool = False,
    front: str | None = None,
) -> Path:
    """Save one picture: performance against USD, and in a second panel against seconds.

    A method has one colour, marker and line style in both. Its line is what a budget buys
    (`performance_at`): pale where it interpolates to the anchor (0, 0). Vertices of the envelope
    are filled, all other measured points hollow.

    Args:
        cost, latency: (budget, performance) points [J, 2] per method, in USD and in seconds;
            without latency there is one panel.
        path: where to; the ending says the format.
        title: what was measured.
        simulated: writes so, visibly.
        budget_label: what the cost is: `mean per query`, or `total over 153 questions`. Latency
            is always the mean per query.
        cost_unit: what the cost's points are in.
        log_x: logarithmic budgets (points at budget 0 are then out of view).
        front: the method that is drawn over all others, with a wider line.

    Raises:
        ConfigError: no method, or faulty points.
    """
    panels = [(cost, f"cost in {cost_unit}, {budget_label}")]
    if latency is not None:
        panels.append((latency, "latency in seconds, mean per query"))
    names = list(dict.fromkeys(name for series, _ in panels for name in series))
    if not all(series for series, _ in panels):
        raise ConfigError("series", names, "at least one method in each panel")
    width = 10.5 if latency is not None else 7.0
    figure = Figure(figsize=(width, 4.9), layout=ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.1))
    left, *_ = axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    styles = dict(zip(names, _styles(len(names)), strict=True))
    if front in styles:
        styles[front] |= {"linewidth": 3.0, "markersize": 9.0, "zorder": 5}
    for ax, (series, label) in zip(axes, panels, strict=True):
        _panel(ax, series, styles, label, log_x=log_x)
    left.set_ylabel(performance_label)
    left.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g}%"))
    left.set_ylim(*_y_limits([points for series, _ in panels for points in series.values()]))
    _title_and_legend(figure, left, title, styles, width)
    if simulated:
        stamp(figure, 0.988, 0.982)
    figure.savefig(path, dpi=160)
    return Path(path)


def _title_and_legend(
    figure: Figure, ax: Axes, title: str, styles: Mapping[str, dict[str, Any]], width: float
) -> None:
    figure.suptitle(
        textwrap.fill(title, int(8 * width)), x=0.012, ha="left", fontsize=12, weight="bold",
        color=INK,
    )  # fmt: skip
    longest = int(6 * width)  # wide letters that fit into a line
    handles = [
        ax.plot([], [], label=textwrap.fill(short(name, 120), longest), **style)[0]
        for name, style in styles.items()
    ]
    wide_legend(figure, handles)


def wide_legend(figure: Figure, handles: Sequence[Line2D | Patch], most: int = 6) -> Legend:
    """A legend below the axes, of as many columns as the figure is wide for, as it is measured;
    its rows are of equal length."""
    canvas = FigureCanvasAgg(figure)
    for columns in range(min(most, len(handles)), 0, -1):
        rows = math.ceil(len(handles) / columns)
        legend = figure.legend(
            handles=handles, loc="outside lower center", ncols=math.ceil(len(handles) / rows),
            frameon=False,
        )  # fmt: skip
        room = 0.97 * figure.bbox.width  # letters of another resolution are a little wider
        if columns == 1 or _width(legend, canvas) <= room:
            break
        legend.remove()
    return legend


def _width(legend: Legend, canvas: FigureCanvasAgg) -> float:
    """In pixels."""
    return float(legend.get_window_extent(canvas.get_renderer()).width)  # type: ignore[no-untyped-call]


def _styles(count: int) -> list[dict[str, Any]]:
    return [
        {"color": c, "marker": m, "linestyle": line, "linewidth": 1.8, "markersize": 6.5}
        for c, m, line in map(Look.of, range(count))
    ]


def _panel(
    ax: Axes,
    series: Mapping[str, ArrayLike],
    styles: Mapping[str, dict[str, Any]],
    label: str,
    *,
    log_x: bool,
) -> None:
    """Curves and points of all methods against one budget."""
    everything = np.concatenate([np.asarray(points, dtype=float) for points in series.values()])
    start, stop = _x_limits(everything[:, 0], log_x=log_x)
    for name, points in series.items():
        style = styles[name]
        plain = {k: v for k, v in style.items() if k not in ("marker", "markersize")}
        over = style.get("zorder", 3)
        raw, vertices = np.asarray(points, dtype=float), _vertices(points)
        first = vertices[0, 0]
        grid = (np.geomspace if log_x else np.linspace)(start, stop, 300)
        grid = np.union1d(grid, vertices[:, 0])
        value = np.array([performance_at(points, x) for x in grid])
        ax.plot(grid[grid <= first], value[grid <= first], **{**plain, "alpha": 0.3})
        ax.plot(grid[grid >= first], value[grid >= first], **plain)
        dots = {**style, "linestyle": "", "clip_on": False, "zorder": over}
        ax.plot(*raw.T, **{**dots, "markerfacecolor": "white", "alpha": 0.75})
        ax.plot(*vertices.T, **dots)
    if log_x:
        ax.set_xscale("log")
        ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        ax.xaxis.set_minor_formatter(NullFormatter())
    else:
        ax.xaxis.set_major_locator(MaxNLocator(6))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.set_xlim(start, stop)
    ax.set_xlabel(label)
    ax.grid(color=GRID, linewidth=0.8)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)


def _vertices(points: ArrayLike) -> NDArray[np.float64]:
    """The vertices that `performance_at` rests on, without the anchor."""
    envelope = upper_envelope(np.concatenate([np.asarray(points, dtype=float), [(0.0, 0.0)]]))
    rising = envelope[: int(envelope[:, 1].argmax()) + 1]
    return rising[(rising != 0).any(axis=1)] if len(rising) > 1 else rising


def _y_limits(scatters: Sequence[ArrayLike]) -> tuple[float, float]:
    """All measured points with a margin; lines to the anchor may leave the view."""
    values = np.concatenate([np.asarray(points, dtype=float)[:, 1] for points in scatters])
    pad = 0.06 * max(float(np.ptp(values)), 0.2)
    return float(values.min()) - pad, float(values.max()) + pad


def _x_limits(budgets: NDArray[np.float64], *, log_x: bool) -> tuple[float, float]:
    if not log_x:
        return 0.0, float(budgets.max()) * 1.05 or 1.0
    positive = budgets[budgets > 0]
    if not len(positive):
        raise ConfigError("log_x", True, "False: no budget is positive")
    return float(positive.min()) / 1.25, float(positive.max()) * 1.25


def stamp(figure: Figure, x: float, y: float) -> None:
    """Write `simulated` into the figure, its upper right corner at (x, y) as shares."""
    box = {"boxstyle": "round,pad=0.3", "facecolor": "white", "edgecolor": WARNING}
    figure.text(
        x, y, "simulated", ha="right", va="top", color=WARNING, fontsize=11, weight="bold", bbox=box
    )


def draw_plan(plan: Plan, *, simulated: bool, title: str | None = None) -> Figure:
    """A plan as a layered graph, messages running from left to right.

    A box names role and backbone; the agent whose output is the answer has a dark box. Messages
    of one agent share a colour, and a lane where they pass other agents. Messages between rounds
    are counted below, not drawn.
    """
    layout = Layout(plan)
    width, height = max(layout.width, 5.0), layout.height + 1.1
    figure = Figure(figsize=(width, height))
    ax = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(-height / 2, height / 2))
    ax.set_axis_off()
    paint_plan(ax, plan, layout, (width - layout.width) / 2)
    heading = title or f"Plan for {plan.query.id}"
    ax.text(0.15, height / 2 - 0.15, heading, va="top", fontsize=11, weight="bold", color=INK)
    if plan.rounds > 1:
        note = f"{plan.rounds} rounds, {len(plan.temporal_edges)} messages between them (not drawn)"
        ax.text(0.15, -height / 2 + 0.12, note, va="bottom", fontsize=8, color=INK)
    if simulated:
        stamp(figure, 1 - 0.15 / width, 1 - 0.15 / height)
    return figure


def paint_plan(ax: Axes, plan: Plan, layout: Layout, shift: float) -> None:
    """Messages, then boxes, on axes whose units are inches and whose y is 0 at half height."""
    pen = Pen(ax, shift)
    for source, segments in layout.segments.items():
        pen.lines(source, segments)
    for i, agent in enumerate(plan.agents):
        pen.box(layout.place[i], agent.role.name, agent.backbone, dark=i == plan.decision)
