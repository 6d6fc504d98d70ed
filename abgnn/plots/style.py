"""The look of all figures: size, fonts, axes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

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


def _log_axis(axes: Axes, subs: tuple[float, ...] = (1.0, 2.0, 5.0)) -> None:
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=subs, numticks=8))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def short(name: str, most: int = 26) -> str:
    """A name that fits beside a figure."""
    one = " ".join("".join(c if c.isprintable() else " " for c in name).split())
    one = f"\u200a{one}" if one.startswith("_") else one  # else no legend would show it
    return one if len(one) <= most else f"{one[: most - 1]}…"
