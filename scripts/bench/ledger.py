"""Reserve, settle, record: calls per second of 1, 2 and 4 processes at one recording, by ledger.

A process has 64 calls under way, as an event loop has; the PostgreSQL server is this script's own,
on the same machine, with fsync. CPU is the processes' own, and the server's beside it.
"""

from __future__ import annotations

import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from abgnn.data.backbone import Usage
from abgnn.rollout.ledger.awaited import RemoteLedger
from abgnn.rollout.ledger.base import Attempt, Caller, Ledger, Limits, Response
from abgnn.rollout.ledger.identity import identity
from abgnn.rollout.ledger.memory import MemoryLedger
from abgnn.rollout.ledger.opening import open_ledger
from tests.servers.postgres import binaries, started

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
REPLY = Response(TEXT, DONE.usage, 2.5)
WINDOW = 64


def calls(ledger: Ledger, tag: str, n: int) -> None:
    """What `n` live calls ask of a ledger, 64 under way at a time."""
    for start in range(0, n, WINDOW):
        some = [identity(REQUEST, i) for i in range(start, min(start + WINDOW, n))]
        who = [
            Caller("bench", "train", "q", 0, 0, 0, 0, "Mathematician", "b", "m", f"{key}{tag}")
            for key, _ in some
        ]
        if isinstance(ledger, RemoteLedger):
            _all([ledger.looking_up(one.key) for one in who])
            tickets = _all([ledger.reserving(one, 10**9, LIMITS, alone=True) for one in who])
            pairs = zip(tickets, some, strict=True)
            _all([ledger.settling(t, DONE, REPLY, body) for t, (_, body) in pairs if t])
            continue
        for one, (_, body) in zip(who, some, strict=True):
            ledger.lookup(one.key)
            ticket = ledger.reserve(one, 10**9, LIMITS, alone=True)
            assert ticket
            ledger.settle(ticket, DONE, REPLY, body)


def _all(futures: Sequence[Future[Any]]) -> list[Any]:
    return [future.result() for future in futures]


def worker(path: str | None, tag: str, n: int, start: Barrier, results: str) -> None:
    """One of several processes; writes its CPU seconds."""
    ledger = MemoryLedger() if path is None else open_ledger(path)
    start.wait()
    cpu = time.process_time()
    calls(ledger, tag, n)
    Path(results, tag).write_text(str(time.process_time() - cpu))
    start.wait()
    ledger.close()


def together(path: str | None, n: int, processes: int) -> tuple[float, float]:
    """Calls per second, and CPU microseconds per call in the processes."""
    context = multiprocessing.get_context("spawn")
    start, share = context.Barrier(processes + 1), n // processes
    with tempfile.TemporaryDirectory() as results:
        crew = [
            context.Process(target=worker, args=(path, f"-{p}", share, start, results))
            for p in range(processes)
        ]
        for one in crew:
            one.start()
        start.wait()
        began = time.perf_counter()
        start.wait()
        wall = time.perf_counter() - began
        for one in crew:
            one.join()
        cpu = sum(float(file.read_text()) for file in Path(results).iterdir())
    return share * processes / wall, cpu / (share * processes) * 1e6


@contextmanager
def places() -> Iterator[dict[str, Callable[[], str | None]]]:
    """Makes a new recording of each kind at every call."""
    with tempfile.TemporaryDirectory() as folder:
        number = iter(range(1000))
        kinds: dict[str, Callable[[], str | None]] = {
            "memory (each its own)": lambda: None,
            "SQLite": lambda: f"{folder}/{next(number)}.sqlite",
        }
        if binaries() is None:
            yield kinds
            return
        with started() as database:
            kinds["PostgreSQL"] = lambda: database.url(f"bench_{next(number)}")
            yield kinds


def main() -> None:
    """One table."""
    n, console = int(sys.argv[1]) if len(sys.argv) > 1 else 4000, Console(width=110)
    table = Table("ledger", title=f"calls per second (CPU µs a call), {n} calls")
    for processes in (1, 2, 4):
        table.add_column(f"{processes} processes", justify="right")
    began = time.process_time()
    for i in range(1000):
        identity(REQUEST, i)
    table.caption = (
        f"of which identity, by the caller: {(time.process_time() - began) * 1e3:.0f} µs"
    )
    with places() as kinds:
        for name, place in kinds.items():
            rates = [together(place(), n, processes) for processes in (1, 2, 4)]
            table.add_row(name, *(f"{rate:,.0f} ({cpu:.0f})" for rate, cpu in rates))
    console.print(table)


if __name__ == "__main__":
    main()
