"""The main job's table: accuracy at each budget, and how far ours is above or below."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from abgnn.experiments.quickstart.measured import OURS
from abgnn.experiments.quickstart.rivals import Line, Paired

NOTES = (
    "under each accuracy: ours less it, in points, paired by question, with a 95 % interval",
    "*  the best on these very questions, in hindsight; may spend the budget, or as much as ours",
    "–  nothing of it is that cheap",
)


def quickstart_table(lines: Sequence[Line], budgets: Sequence[float], title: str) -> Table:
    """A row per method; two lines in a cell."""
    table = Table(title=title, title_justify="left", show_lines=True)
    table.add_column("at most, in mUSD a question", no_wrap=True)
    for usd in budgets:
        table.add_column(f"{1e3 * usd:g}", justify="right", no_wrap=True)
    table.add_column("mean", justify="right", no_wrap=True)
    for line in lines:
        cells = [_cell(a, gap) for a, gap in zip(line.accuracy, line.against, strict=True)]
        able = [a for a in line.accuracy if a is not None]
        whole = sum(able) / len(able) if len(able) == len(budgets) else None
        mean = _gap(line.mean) if whole is None else _cell(whole, line.mean)
        table.add_row(line.method, *cells, mean, style="bold" if line.method == OURS else None)
    return table


def _cell(accuracy: float | None, gap: Paired | None) -> str:
    if accuracy is None:
        return "–"
    return f"{100 * accuracy:.1f} %" + (f"\n{_gap(gap)}" if gap is not None else "")


def _gap(gap: Paired | None) -> str:
    return "–" if gap is None else f"{100 * gap.mean:+.1f} ± {100 * gap.half:.1f}"
