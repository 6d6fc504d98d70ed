"""Rows as a terminal table and as CSV, labelled as simulated, recorded or live."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path

from rich.table import Table

from abgnn.evaluation.rows import Row


def rows_table(
    rows: Sequence[Row], title: str, *, label: str, lambdas: tuple[float, float] | None = None
) -> Table:
    """Means per query (USD total: over all); `lambdas` adds the reward of Eq 9.

    `label` is the client's.
    """
    table = Table(title=f"{title} ({label})", title_justify="left")
    table.add_column("policy", no_wrap=True)
    for column in ("accuracy", "± se", "mUSD", "USD total", "s", "tokens", "calls"):
        table.add_column(column, justify="right")
    if lambdas is not None:
        table.add_column("reward", justify="right")
    for r in rows:
        cells = [
            f"{r.performance:.3f}",
            f"{r.performance_se:.3f}",
            f"{1e3 * r.cost_usd:.4g}",
            f"{r.total_usd:.3g}",
            f"{r.latency_s:.3g}",
            f"{r.tokens:.0f}",
            f"{r.calls:.2f}",
        ]
        if lambdas is not None:
            cells.append(f"{r.reward(*lambdas):.3f}")
        table.add_row(r.name + (f" [{r.failed:.0%} failed]" if r.failed else ""), *cells)
    return table


def write_rows(rows: Sequence[Row], path: Path, *, label: str) -> None:
    """Write rows as CSV with the label in the first column."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        names = [f.name for f in fields(Row)]
        writer.writerow(["source", *names])
        for row in rows:
            values = asdict(row)
            writer.writerow([label, *(values[n] for n in names)])
