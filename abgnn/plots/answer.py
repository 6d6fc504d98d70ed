"""One system within a budget, beside single LLMs: accuracy against cost, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from abgnn.plots.style import COLOURS, DIM, GRID, INK, WIDTH, Look, log_axis, style

LOOKS = (
    Look(COLOURS[0], "o", "-"),  # the system
    Look(COLOURS[1], "D", "-"),  # the best single LLM
    Look(COLOURS[2], "s", "-"),  # one at random
    Look(DIM, "^", "-"),  # every single LLM
    Look(COLOURS[5], "v", "-"),  # the system at other budgets
)
"""Of the five series, in this order; every part of series k has a gid that starts with `sk-`."""


class Dot(NamedTuple):
    """USD and accuracy; where an interval is known, its ends, else the accuracy twice."""

    usd: float
    accuracy: float
    low: float
    high: float


def answer_figure(series: Sequence[Sequence[Dot]], most: float | None, unit: str) -> Figure:
    """The five series of `LOOKS`, any of them empty; at least one has a point.

    Args:
        series: costs above 0.
        most: the budget, a line; dearer points lie beyond it in grey. None: none was set.
        unit: of the cost.
    """
    with style():
        figure = Figure(figsize=(WIDTH, 3.3), layout="constrained")
        axes = figure.subplots()
        dots = [dot for of in series for dot in of]
        costs = [dot.usd for dot in dots] + ([most] if most else [])
        left, right = min(costs) / 1.3, max(costs) * 1.3
        axes.set_xlim(left, right)
        log_axis(axes, subs=(1.0,) if right > 1e3 * left else (1.0, 2.0, 5.0))
        if most:
            axes.axvspan(most, right, color=GRID, alpha=0.35, linewidth=0)
            axes.axvline(most, color=INK, linestyle="--", linewidth=1.2)
        for k in (3, 4, 2, 1, 0):  # what matters most lies on top
            _draw(axes, k, series[k])
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g}%"))
        axes.set(xlabel=f"cost in {unit}, mean per question (dashed: the budget)" if most
                 else f"cost in {unit}, mean per question", ylabel="accuracy")  # fmt: skip
        axes.grid()
    return figure


def _draw(axes: Axes, k: int, dots: Sequence[Dot]) -> None:
    if not dots:
        return
    look, front = LOOKS[k], k < 3
    usd, accuracy, low, high = np.array(dots).T
    lines = axes.vlines(usd, low, high, color=look.colour, linewidth=2.2 if front else 1.0,
                        alpha=1.0 if front else 0.6, zorder=3 + front)  # fmt: skip
    lines.set_gid(f"s{k}-bars")
    face = look.colour if front else "white"
    axes.plot(usd, accuracy, look.marker, color=look.colour, markerfacecolor=face,
              markersize=8 if front else 5, zorder=4 + front, gid=f"s{k}-marks")  # fmt: skip
