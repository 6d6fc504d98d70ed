"""A recording's size and age, and its calls, tokens and USD by model, phase and day."""

from __future__ import annotations

import time
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from abgnn.rollout.ledger.money import dollars
from abgnn.rollout.ledger.postgres_url import is_url, shown
from abgnn.rollout.ledger.read import Summary, Sums, utc

_CAPTION = "USD; at most +: for attempts whose reply did not say; lost, under way: their worst case"


def show(summary: Summary, path: str | Path, console: Console) -> None:
    """The tables."""
    console.print(_overview(summary, path))
    if summary.total is None:
        return
    for title, names, groups in (
        ("By model", ("model", "backbone"), summary.by_model),
        ("By run and phase", ("run", "phase"), summary.by_phase),
        ("By day (UTC)", ("day",), summary.by_day),
    ):
        console.print(_sums(title, names, groups, summary.total))
    console.print(_CAPTION, highlight=False)
    if summary.errors:
        table = Table("error", title="Failed attempts", title_justify="left")
        table.add_column("attempts", justify="right")
        for kind, count in summary.errors.items():
            table.add_row(Text(plain(kind)), f"{count:,}")
        console.print(table)


def plain(text: str) -> str:
    """Without what would steer a terminal: control characters are written out."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _overview(summary: Summary, path: str | Path) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_row("database" if is_url(path) else "file", Text(plain(shown(str(path)))))
    table.add_row("size", _size(summary.size))
    failures = f", {summary.failures:,} of them failures" if summary.failures else ""
    table.add_row("responses", f"{summary.responses:,}{failures}")
    if summary.first is not None and summary.last is not None:
        table.add_row("first", f"{utc(summary.first)}  ({_age(summary.first)})")
        table.add_row("last", f"{utc(summary.last)}  ({_age(summary.last)})")
    if summary.under_way:
        table.add_row("under way", f"{summary.under_way:,} attempts")
    if summary.lost:
        table.add_row("lost", f"{summary.lost:,} attempts, their process died; maybe billed")
    return table


def _sums(title: str, names: tuple[str, ...], groups: tuple[Sums, ...], total: Sums) -> Table:
    """One row per group; what is nowhere but 0 has no column."""
    table = Table(title=title, title_justify="left")
    for name in names:
        table.add_column(name, overflow="fold")
    for name in _numbers(total):
        table.add_column(name, justify="right", no_wrap=True)
    columns = tuple(_numbers(total))
    for group in groups:
        numbers = _numbers(group, columns)
        table.add_row(*(Text(plain(name)) for name in group.names), *numbers.values())
    if len(groups) > 1:
        table.add_section()
        table.add_row("all", *[""] * (len(names) - 1), *_numbers(total).values())
    return table


def _numbers(sums: Sums, columns: tuple[str, ...] = ()) -> dict[str, str]:
    """Column → number; the named columns, by default those that are not 0."""
    counts = {
        "calls": sums.calls,
        "failed": sums.failed,
        "prompt": sums.prompt_tokens,
        "completion": sums.completion_tokens,
    }
    money = {
        "USD": sums.spent,
        "at most +": sums.uncertain,
        "lost": sums.lost,
        "under way": sums.reserved,
    }
    shown = {name: f"{count:,}" for name, count in counts.items()}
    shown |= {name: f"{dollars(pusd):,.6f}" if pusd else "0" for name, pusd in money.items()}
    always = ("calls", "prompt", "completion", "USD")
    kept = columns or tuple(n for n, number in shown.items() if n in always or number != "0")
    return {name: shown[name] for name in kept}


def _size(count: int) -> str:
    for power, unit in ((3, "GB"), (2, "MB"), (1, "kB")):
        if count >= 1000**power:
            return f"{count / 1000**power:,.1f} {unit}"
    return f"{count} bytes"


def _age(moment: float) -> str:
    seconds = time.time() - moment
    for unit, name in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.0f} {name} ago"
    return f"{max(0.0, seconds):.0f} seconds ago"
