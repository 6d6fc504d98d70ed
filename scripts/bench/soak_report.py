"""What a soak showed, and the bars it is held against.

No result but those that are right for their request, and no exception in the server's log; the
memory at the end (median of the last twentieth of the time) within some percent of that after the
first tenth (of the twentieth that follows it); the idle server's descriptors, asyncio tasks and
threads of no pool as before; and the provider's own log, in calls and in USD, between what is
booked for certain and that with the worst case of the calls whose reply told nothing.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

import numpy as np
from rich.console import Console
from rich.table import Table

from scripts.bench.soak_clients import Seen
from scripts.bench.soak_questions import KINDS

POOLED = 2 * min(32, (os.cpu_count() or 1) + 4)
"""Threads that asyncio starts when first needed and keeps: two event loops have a pool each."""


@dataclass(frozen=True, slots=True)
class Held:
    """What the idle server holds; `alone`: threads of no pool."""

    descriptors: int
    threads: int
    tasks: int
    alone: int


@dataclass(frozen=True, slots=True)
class Books:
    """USD and calls, of the recording and of the provider's own log."""

    provider_usd: float
    certain_usd: float
    most_usd: float
    reserved_usd: float
    provider_calls: int
    certain_calls: int
    most_calls: int
    left: int
    unrecorded: int


@dataclass
class Soaked:
    """All that one run showed; memory in MiB by seconds."""

    seconds: float
    memory: list[tuple[float, float]] = field(default_factory=list)
    crashes: int = 0
    seen: Seen = field(default_factory=Seen)
    before: Held | None = None
    after: Held | None = None
    books: Books | None = None
    log: str = ""

    def at(self, begin: float, end: float) -> float:
        """Memory between two shares of the time."""
        times = [m for t, m in self.memory if begin <= t / self.seconds <= end]
        return float(np.median(times))

    @property
    def growth(self) -> float:
        return self.at(0.95, 1.0) / self.at(0.10, 0.15) - 1

    @property
    def raised(self) -> int:
        return self.log.count("Traceback (most recent call last)")


def bars(soaked: Soaked, percent: float) -> list[tuple[str, str, bool]]:
    """What was measured against each bar, and whether it holds."""
    of, before, after = soaked.books, soaked.before, soaked.after
    assert of is not None
    assert before is not None
    assert after is not None
    first, last = soaked.at(0.10, 0.15), soaked.at(0.95, 1.0)
    rows = [
        ("errors: injected; others (wanted: 0)",
         f"{soaked.seen.injected}; {soaked.seen.others}", not soaked.seen.others),
        ("exceptions in the server's log (0)", f"{soaked.raised}", not soaked.raised),
        (f"MiB after the first tenth, at the end (± {percent:g} %)",
         f"{first:.1f}, {last:.1f}: {soaked.growth:+.2%}", abs(soaked.growth) <= percent / 100),
    ]  # fmt: skip
    for name in ("descriptors", "tasks"):
        a, b = getattr(before, name), getattr(after, name)
        rows.append((f"{name}, idle: before, after", f"{a}, {b}", a == b))
    rows.append(
        ("threads, idle: before, after; of no pool (pools fill)",
         f"{before.threads}, {after.threads}; {before.alone}, {after.alone}",
         before.alone == after.alone and after.threads <= before.threads + POOLED)
    )  # fmt: skip
    usd = (of.certain_usd, of.provider_usd, of.most_usd)
    calls = (of.certain_calls, of.provider_calls, of.most_calls)
    return [
        *rows,
        ("USD: certain ≤ provider's log ≤ with the worst case",
         " ≤ ".join(f"{x:.6f}" for x in usd), sorted(usd) == list(usd)),
        ("calls: told ≤ provider's log ≤ with those untold",
         " ≤ ".join(map(str, calls)), sorted(calls) == list(calls)),
        ("USD still reserved; files not booked; answers not recorded (0)",
         f"{of.reserved_usd:g}; {of.left}; {of.unrecorded}",
         not (of.reserved_usd or of.left or of.unrecorded)),
    ]  # fmt: skip


def show(console: Console, soaked: Soaked, percent: float) -> bool:
    """Both tables; whether all bars hold."""
    table = Table("request", "sent", "results", title="what clients saw", title_justify="left")
    for kind in KINDS:
        results = soaked.seen.results[kind.name]
        told = ", ".join(f"{name} {n}" for name, n in results.most_common())
        table.add_row(kind.name, str(results.total()), told)
    console.print(table)
    n = sum(results.total() for results in soaked.seen.results.values())
    title = f"{n:,} requests in {soaked.seconds / 60:g} min, {soaked.crashes} crashes of the ledger"
    title += f", the slowest {soaked.seen.slowest:.1f} s (replies of a stub)"
    table = Table("bar", "measured", "", title=title, title_justify="left")
    course = " ".join(f"{soaked.at(k / 10, k / 10 + 0.05):.1f}" for k in range(10))
    table.caption = f"MiB at the beginning of each tenth: {course}"
    rows = bars(soaked, percent)
    for name, told, holds in rows:
        table.add_row(name, told, "holds" if holds else "MISSED")
    console.print(table)
    for line in soaked.seen.strange[:20]:
        console.print(line)
    if soaked.raised:
        console.print(soaked.log[soaked.log.index("Traceback") :][:4000], markup=False)
    return all(holds for *_, holds in rows)
