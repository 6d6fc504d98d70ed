"""The report's figures: legible in grey (markers, line styles), small enough for a phone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import StringIO
from itertools import cycle, islice
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from abgnn.evaluation.frontier import performance_at
from abgnn.evaluation.plot import COLOURS, LINES, MARKERS
from abgnn.report.markup import Html, badge, tag, text
from abgnn.report.records import Array, Beliefs

WIDTH = 4.5  # inches: text stays legible where a phone shrinks or shows it in full
_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "abgnn",
    "text.parse_math": False,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Arial", "Helvetica", "sans-serif"],
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "#DDDDDD",
}


@contextmanager
def style() -> Iterator[None]:
    """Settings under which a figure is made and written; those from before come back."""
    with mpl.rc_context(_STYLE):
        yield


def svg(figure: Figure, title: str, key: str) -> Html:
    """Inline SVG with a title; ids start with `key`, so that pictures on a page do not clash."""
    out = StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with style():
        figure.savefig(out, format="svg", metadata=nothing)
    body = out.getvalue()
    body = body[body.index("<svg") :]
    body = re.sub(r'\bid="', f'id="{key}-', body)
    body = re.sub(r'href="#', f'href="#{key}-', body)
    body = re.sub(r"url\(#", f"url(#{key}-", body)
    named = f'<svg role="img" aria-labelledby="{key}-title"'
    head, _, rest = body.removeprefix("<svg").partition(">")
    return Html(f'{named}{head}><title id="{key}-title">{text(title)}</title>{rest.strip()}')


def shown(figure: Figure, caption: str, label: str, key: str, least: float = 0.7) -> Html:
    """A figure with caption and label; it shrinks to a share of its width, then its box scrolls."""
    width = 96 * float(figure.get_size_inches()[0])  # CSS pixels
    limits = f"max-width: {1.25 * width:.0f}px; min-width: {least * width:.0f}px"
    drawn = tag("div", svg(figure, f"{caption} ({label})", key), style=limits)
    told = tag("figcaption", caption, " ", badge(label))
    return tag("figure", tag("div", drawn, class_="picture", tabindex="0"), told)


def beliefs_figure(beliefs: Beliefs) -> Figure:
    """Accuracy of each backbone alone: published (hollow), calibrated (filled) with its 90 %."""
    order = np.argsort(beliefs.accuracy, kind="stable")
    y = np.arange(len(order))
    with style():
        figure = Figure(figsize=(WIDTH, 1.3 + 0.27 * len(order)), layout="constrained")
        axes = figure.subplots()
        spread = (beliefs.accuracy - beliefs.low, beliefs.high - beliefs.accuracy)
        axes.errorbar(
            beliefs.accuracy[order], y, xerr=np.clip(np.array(spread)[:, order], 0, None), fmt="o",
            color=COLOURS[0], capsize=3, markersize=5, label="calibrated, 90 %",
        )  # fmt: skip
        axes.plot(
            beliefs.published[order], y, "D", markerfacecolor="white", markeredgecolor=COLOURS[1],
            markersize=5, label="published",
        )  # fmt: skip
        axes.set_yticks(y, [short(beliefs.names[m]) for m in order])
        axes.set_xlabel("accuracy alone")
        axes.grid(axis="x")
        figure.suptitle(f"what the model believes ({short(beliefs.label)})", fontsize=9)
        figure.legend(loc="outside lower center", ncols=2, frameon=False)
    return figure


def bills_figure(beliefs: Beliefs) -> Figure:
    """Dollars and seconds of a call of each backbone, logarithmic; ordered as the beliefs."""
    order = np.argsort(beliefs.accuracy, kind="stable")
    y = np.arange(len(order))
    with style():
        figure = Figure(figsize=(WIDTH, 1.3 + 0.27 * len(order)), layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True)
        for axes, values, marker, unit in (
            (left, 1e3 * beliefs.usd, "s", "mUSD a call"),
            (right, beliefs.seconds, "^", "seconds a call"),
        ):
            axes.plot(values[order], y, marker, color=COLOURS[0], markersize=5)
            wide = values.max() > 20 * values.min()
            _log_axis(axes, subs=(1.0,) if wide else (1.0, 2.0, 5.0))
            axes.set_xlabel(unit)
            axes.grid(axis="x")
        left.set_yticks(y, [short(beliefs.names[m]) for m in order])
        figure.suptitle(f"what a call takes ({short(beliefs.label)})", fontsize=9)
    return figure


def _log_axis(axes: Axes, subs: tuple[float, ...] = (1.0, 2.0, 5.0)) -> None:
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=subs, numticks=8))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def curves_figure(series: Mapping[str, Array], label: str) -> Figure:
    """What a budget buys (Eq 12) per method. Logarithmic budgets.

    Marks are measured points; those that no budget calls for are small and pale.

    Args:
        series: method → (budget, performance) `[J, 2]`, budgets above 0; of one that has no point
            only the look is used up, so that figures with the same methods agree.
        label: of the axis.
    """
    budgets = np.concatenate([points[:, 0] for points in series.values()])
    grid = np.geomspace(budgets.min() / 1.2, budgets.max() * 1.2, 240)
    looks = islice(zip(cycle(COLOURS), cycle(MARKERS), cycle(LINES), strict=False), len(series))
    with style():
        rows = -(-len(series) // 2)
        figure = Figure(figsize=(WIDTH, 3.1 + 0.19 * rows), layout="constrained")
        axes = figure.subplots()
        for (name, points), (colour, marker, line) in zip(series.items(), looks, strict=True):
            if not len(points):
                continue
            x = np.union1d(grid[grid >= points[:, 0].min()], points[:, 0])
            y = np.array([performance_at(points, budget) for budget in x])
            axes.plot(x, y, color=colour, linestyle=line, linewidth=1.5)
            wanted = points[:, 1] >= y[np.searchsorted(x, points[:, 0])] - 1e-9
            hollow: dict[str, Any] = {"color": colour, "markerfacecolor": "white", "linestyle": ""}
            axes.plot(*points[~wanted].T, marker=marker, markersize=3.5, alpha=0.35, **hollow)
            axes.plot(*points[wanted].T, marker=marker, **hollow)
            axes.plot([], [], marker=marker, color=colour, linestyle=line, label=short(name, 30),
                      markerfacecolor="white")  # fmt: skip
        _log_axis(axes)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g}%"))
        axes.set(xlabel=label, ylabel="performance")
        axes.grid()
        figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    return figure


def bars_figure(values: Mapping[str, float], label: str, written: Sequence[str]) -> Figure:
    """Horizontal bars with their values written beside them."""
    names = list(values)
    with style():
        figure = Figure(figsize=(WIDTH, 0.9 + 0.27 * len(names)), layout="constrained")
        axes = figure.subplots()
        bars = axes.barh(
            range(len(names)), list(values.values()), color="#9DB7CC", edgecolor="#22384F"
        )
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
        axes.axvline(1, color="#222222", linestyle="--", linewidth=1.2)
        axes.set_yticks(y, [short(row[0]) for row in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_xlabel(label)
        axes.grid(axis="x")
    return figure


def short(name: str, most: int = 26) -> str:
    """A name that fits beside a figure."""
    one = " ".join("".join(c if c.isprintable() else " " for c in name).split())
    one = f"\u200a{one}" if one.startswith("_") else one  # else no legend would show it
    return one if len(one) <= most else f"{one[: most - 1]}…"
