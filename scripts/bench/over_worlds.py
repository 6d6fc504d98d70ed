"""Means with intervals over worlds, and tables of them; what several benchmarks print."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean, stdev

from rich.table import Table
from scipy import stats


def plus_minus(values: Sequence[float], digits: int = 2, sign: str = "+") -> str:
    """A mean with its 95 % interval over worlds."""
    if len(values) < 2:
        return f"{mean(values):{sign}.{digits}f}"
    return f"{mean(values):{sign}.{digits}f} ± {half_width(values):.{digits}f}"


def half_width(values: Sequence[float]) -> float:
    """Of the 95 % interval of a mean, by Student's t."""
    quantile = float(stats.t.ppf(0.975, len(values) - 1))
    return quantile * stdev(values) / len(values) ** 0.5


def table_of(title: str, heads: Sequence[str]) -> Table:
    """A table whose first column is text."""
    table = Table(title=title, title_justify="left")
    for k, head in enumerate(heads):
        table.add_column(head, justify="right" if k else "left")
    return table
