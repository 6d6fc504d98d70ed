"""Microseconds per call of identity, lookup, reserve and settle; several processes at one file."""

from __future__ import annotations

import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from abgnn.data.backbone import Usage
from abgnn.rollout.ledger.base import (
    Attempt,
    Caller,
    Ledger,
    Limits,
    Response,
)
from abgnn.rollout.ledger.identity import identity
from abgnn.rollout.ledger.memory import MemoryLedger
from abgnn.rollout.ledger.sqlite import SqliteLedger

LIMITS = Limits(run=10**18, phase=10**18)
TEXT = "A reply of the usual length, some three hundred tokens or so. " * 20
REQUEST = {
    "model": "Qwen3-8B",
    "messages": [
        {"role": "system", "content": "You are a mathematician. " * 10},
        {"role": "user", "content": TEXT * 3},
    ],
    "parameters": {"max_tokens": 4096, "temperature": 0.0, "enable_thinking": False},
}
DONE = Attempt(Usage(800, 300), 10**8, False, 2.5, 0.1, None)


def call(ledger: Ledger, i: int, *, tag: str = "") -> None:
    """What one live call asks of the books."""
    key, request = identity(REQUEST, i)
    ledger.lookup(key + tag)
    pay(ledger, i, key + tag, Response(TEXT, DONE.usage, 2.5), request)


def pay(ledger: Ledger, i: int, key: str, response: Response | None, request: str | None) -> None:
    """Reserve and settle."""
    caller = Caller("bench", "train", "q", i, 0, 0, 0, "Mathematician", "b", "m", key)
    ticket = ledger.reserve(caller, 10**9, LIMITS)
    assert ticket is not None
    ledger.settle(ticket, DONE, response, request)


def timed(run: Callable[[int], object], n: int) -> tuple[float, float]:
    """CPU and wall microseconds per round."""
    wall, cpu = time.perf_counter(), time.process_time()
    for i in range(n):
        run(i)
    return (time.process_time() - cpu) / n * 1e6, (time.perf_counter() - wall) / n * 1e6


def worker(path: str, tag: str, n: int) -> None:
    """One of several processes."""
    ledger = SqliteLedger(path)
    for i in range(n):
        call(ledger, i, tag=tag)
    ledger.close()


def together(path: str, n: int, processes: int) -> float:
    """Wall microseconds per call over all processes, their start left out."""
    context = multiprocessing.get_context("spawn")
    crew = [
        context.Process(target=worker, args=(path, f"-{p}", n // processes))
        for p in range(processes)
    ]
    begin = time.time()
    for one in crew:
        one.start()
    for one in crew:
        one.join()
    first = min(row[0] for row in started(path))
    return (time.time() - max(begin, first)) / n * 1e6


def started(path: str) -> list[tuple[float]]:
    """When attempts began."""
    from abgnn.rollout.ledger.schema import open_readonly

    db = open_readonly(Path(path))
    rows = db.execute("SELECT started_at FROM attempts WHERE key LIKE '%-%'").fetchall()
    db.close()
    return rows


def main() -> None:
    """One table."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    table = Table(title=f"Microseconds per call, {n} calls")
    table.add_column("what")
    table.add_column("CPU", justify="right")
    table.add_column("wall", justify="right")
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "calls.sqlite")
        ledger, memory = SqliteLedger(path), MemoryLedger()
        rows: dict[str, Callable[[int], object]] = {
            "identity": lambda i: identity(REQUEST, i),
            "MemoryBooks: reserve, settle": lambda i: pay(memory, i, "k", None, None),
            "SqliteBooks: identity, lookup, reserve, settle": lambda i: call(ledger, i),
            "SqliteBooks: reserve, settle, nothing recorded": lambda i: pay(
                ledger, i, "k", None, None
            ),
            "SqliteBooks: identity, lookup (found)": lambda i: ledger.lookup(
                identity(REQUEST, i)[0]
            ),
        }
        for what, run in rows.items():
            table.add_row(what, *(f"{t:.1f}" for t in timed(run, n)))
        table.add_row("4 processes, one file", "", f"{together(path, n, 4):.1f}")
        ledger.close()
        size = Path(path).stat().st_size / 2e6
        table.caption = f"{size / n * 1e3:.1f} kB a recorded call"
    Console().print(table)


if __name__ == "__main__":
    main()
