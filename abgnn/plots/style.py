"""The look of all figures: the palette, markers and line styles, size, fonts, axes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

# Okabe and Ito's colours, which colour-blind readers can tell apart, and a brown
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8B6D3F")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">")
LINES: tuple[Any, ...] = (
    "-",
    (0, (6, 2)),
    (0, (1, 1.5)),
    (0, (6, 2, 1, 2)),
    (0, (3, 1, 1, 1, 1, 1)),
)
INK, WARNING, GRID = "#222222", "#A3001E", "#DDDDDD"
DARK, PALE, FILL = "#22384F", "#F3F6F9", "#9DB7CC"  # of boxes and bars
DIM = "#767676"  # of what stands back

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
    "grid.color": GRID,
}


class Look(NamedTuple):
    """Colour, marker and line style of a series; all three tell series apart."""

    colour: str
    marker: str
    line: Any

    @classmethod
    def of(cls, k: int) -> Look:
        """The look of series k."""
        return cls(COLOURS[k % len(COLOURS)], MARKERS[k % len(MARKERS)], LINES[k % len(LINES)])


@contextmanager
def style() -> Iterator[None]:
    """The settings for making and writing a figure; earlier settings are restored."""
    with mpl.rc_context(_STYLE):
        yield


def log_axis(axes: Axes, subs: tuple[float, ...] = (1.0, 2.0, 5.0)) -> None:
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=subs, numticks=8))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def short(name: str, most: int = 26) -> str:
    """A name that fits beside a figure."""
    one = " ".join("".join(c if c.isprintable() else " " for c in name).split())
    one = f"\u200a{one}" if one.startswith("_") else one  # else no legend would show it
    return one if len(one) <= most else f"{one[: most - 1]}…"
