"""`abgnn recordings FILE`: what a recording holds and what was paid, as tables or as JSON lines.

Reads the recording and changes nothing of it, also while a run writes to it.
"""

from __future__ import annotations

import json
import os
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from abgnn.errors import ConfigError
from abgnn.rollout.ledger.money import dollars
from abgnn.rollout.ledger.read import (
    Summary,
    Sums,
    attempts,
    summarise,
    utc,
)
from abgnn.rollout.ledger.schema import open_readonly

_CAPTION = "USD; at most +: for attempts whose reply did not say; lost, under way: their worst case"


def recordings_command(args: Sequence[str], console: Console) -> int:
    """Show or export a recording.

    Raises:
        ConfigError: there is no such recording, or nowhere to write.
    """
    given = _parser().parse_args(args)
    path = Path(given.file)
    if given.export is None:
        if given.out is not None or given.texts:
            raise ConfigError("--export", None, "jsonl, with --out or --texts")
        show(summarise(path), path, console)
        return 0
    open_readonly(path).close()  # what is wrong with it is told before anything is written
    lines = (json.dumps(line) + "\n" for line in attempts(path, texts=given.texts))
    if given.out is None:
        _to_pipe(lines, console.file)
        return 0
    count = _to_file(lines, path, Path(given.out))
    console.print(f"{count} attempts: {plain(given.out)}", markup=False, highlight=False)
    return 0


def show(summary: Summary, path: Path, console: Console) -> None:
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


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="abgnn recordings",
        description="Size and age of a recording; calls, tokens and USD by model, phase and day.",
    )
    parser.add_argument("file", help="a recording (rollout.recording.path of a config)")
    parser.add_argument("--export", choices=["jsonl"], help="one JSON object per attempt instead")
    parser.add_argument("--out", help="with --export: a file instead of the standard output")
    parser.add_argument(
        "--texts", action="store_true", help="with --export: requests and replies as well"
    )
    return parser


def _overview(summary: Summary, path: Path) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_row("file", Text(plain(str(path))))
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


def _to_pipe(lines: Iterator[str], out: IO[str]) -> None:
    """A reader that has seen enough (`| head`) is no error."""
    try:
        for line in lines:
            out.write(line)
        out.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _to_file(lines: Iterator[str], recording: Path, out: Path) -> int:
    if out.exists() and out.samefile(recording):
        raise ConfigError("--out", str(out), "another file than the recording")
    count = 0
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with out.open("w", encoding="utf-8") as file:
            for line in lines:
                file.write(line)
                count += 1
    except OSError as e:
        raise ConfigError("--out", str(out), f"a file that can be written ({e.strerror})") from e
    return count
