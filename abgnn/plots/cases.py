"""Plans of several systems for several questions as one picture."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from abgnn.data.outcome import Outcome
from abgnn.plots.frontier import paint_plan, stamp
from abgnn.plots.plan_layout import Layout
from abgnn.plots.style import INK

HEAD, QUESTION, CAPTION, LEAST, SIDE = 0.95, 0.45, 0.4, 3.0, 0.2  # inches
Grid = Mapping[str, Mapping[str, tuple[Outcome, str]]]


def draw_cases(grid: Grid, path: str | Path, *, simulated: bool) -> Path:
    """A row per question, a column per system and budget; below each plan its outcome.

    Args:
        grid: question → column → outcome and the text below its plan.
        path: where to; the ending says the format.
        simulated: writes so, visibly.
    """
    columns = list(dict.fromkeys(c for row in grid.values() for c in row))
    layouts = {(q, c): Layout(o.plan) for q, row in grid.items() for c, (o, _) in row.items()}
    widths = [max([LEAST, *(x.width for (_, c), x in layouts.items() if c == n)]) for n in columns]
    heights = [max(x.height for (q, _), x in layouts.items() if q == n) for n in grid]
    width = sum(widths) + 2 * SIDE
    height = HEAD + sum(h + QUESTION + CAPTION for h in heights)
    figure = Figure(figsize=(width, height))
    _heads(figure, columns, widths, width, height)
    top = height - HEAD
    for (question, row), tall in zip(grid.items(), heights, strict=True):
        title = textwrap.fill(" ".join(question.split()), int(12.5 * width), max_lines=2)
        figure.text(SIDE / width, top / height, title, va="top", fontsize=9, style="italic")
        left, bottom = SIDE, top - QUESTION - tall - CAPTION
        for column, wide in zip(columns, widths, strict=True):
            if column in row:
                outcome, below = row[column]
                where = (left / width, bottom / height, wide / width, (tall + CAPTION) / height)
                ax = figure.add_axes(where, xlim=(0, wide), ylim=(-tall / 2 - CAPTION, tall / 2))
                ax.set_axis_off()
                layout = layouts[question, column]
                paint_plan(ax, outcome.plan, layout, (wide - layout.width) / 2)
                ax.text(wide / 2, -tall / 2 - 0.05, below, ha="center", va="top", fontsize=9)
            left += wide
        top = bottom
    if simulated:
        stamp(figure, 1 - 0.15 / width, 1 - 0.12 / height)
    figure.savefig(path, dpi=130)
    return Path(path)


def _heads(
    figure: Figure, columns: Sequence[str], widths: Sequence[float], width: float, height: float
) -> None:
    title = "Plans by question and mean budget"
    figure.text(SIDE / width, 1 - 0.12 / height, title, va="top", fontsize=12, weight="bold")
    left = SIDE
    for column, wide in zip(columns, widths, strict=True):
        where = ((left + wide / 2) / width, 1 - 0.46 / height)
        figure.text(*where, column, ha="center", va="top", fontsize=10, weight="bold", color=INK)
        left += wide
