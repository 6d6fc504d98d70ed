"""10^6 questions a day, from minutes of them: 2,000 questions, as fast as they come on such a day.

`abgnn serve` with several workers, a stub provider and a PostgreSQL ledger, each in processes of
their own on this machine; questions arrive at random (Poisson), whether or not others are answered.
Figures a call are CPU of workers and database, transactions, bytes and fsyncs as PostgreSQL counts
them; the plan is arithmetic on them (`scale_plan.py`). The provider is a stub: its replies are
short, and its seconds are those of `--delay`, which the plan does not use. A hundredth of the day,
five times as fast: `--questions 10000 --speed 5`; then several operations share a transaction.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from scripts.bench.scale_plan import DAY_S, Costs, Load, Need, needed
from scripts.bench.serve import cpu_seconds, request
from scripts.bench.serve_workers import files, served, workers_of
from tests.servers.fixtures import Server, spawned
from tests.servers.postgres import Postgres, started

_SCHEMA = "scale"
_DEPTH = 2  # two agents at once, then the decision agent


@dataclass
class Asked:
    """What the clients saw: seconds of every answer, and how many had none."""

    wall: list[float] = field(default_factory=list)
    failed: int = 0
    connections: int = 0


@dataclass(frozen=True)
class Count:
    """Counters that grow, of the workers and of the database, at one moment."""

    at: float
    workers: float
    database: float
    transactions: int
    fsyncs: int
    wal: int


def question(rng: random.Random, words: list[str], number: int) -> str:
    """A new one, of about 1,200 characters that compress about as text does."""
    return f"Question {number}: " + " ".join(rng.choices(words, k=180))


async def ask_all(port: int, questions: int, rate: float, seed: int = 0) -> Asked:
    """Questions at random moments, on as many connections as are needed."""
    asked, idle, rng = Asked(), list[Any](), random.Random(seed)
    words = ["".join(rng.choices("etaoinshrdlu", k=rng.randint(2, 9))) for _ in range(2000)]

    async def one(text: str) -> None:
        began = time.perf_counter()
        while True:
            pair = idle.pop() if idle else None
            used = pair is not None
            if pair is None:
                asked.connections += 1
                pair = await asyncio.open_connection("127.0.0.1", port)
            try:
                code, _ = await request(*pair, text)
                break
            except (OSError, asyncio.IncompleteReadError):
                if not used:  # else the server had closed what was idle for long
                    asked.failed += 1
                    return
        idle.append(pair)
        asked.failed += code != 200
        asked.wall.append(time.perf_counter() - began)

    due, tasks = time.perf_counter(), []
    for number in range(questions):
        tasks.append(asyncio.ensure_future(one(question(rng, words, number))))
        due += rng.expovariate(rate)
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
    await asyncio.gather(*tasks)
    for _, writer in idle:
        writer.close()
    return asked


class Database:
    """What the server counts; it is asked by a connection of its own."""

    def __init__(self, server: Postgres) -> None:
        import psycopg

        self.server = server
        self._db = psycopg.connect(server.url(_SCHEMA).partition("&options")[0], autocommit=True)
        self._main = int((server.folder / "data" / "postmaster.pid").read_text().split()[0])

    def count(self, workers: list[int]) -> Count:
        """All counters; statistics of other connections reach them within a second."""
        time.sleep(1.5)
        [commits] = self._one(
            "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"
        )
        fsyncs, wal = self._one("SELECT wal_sync, wal_bytes::bigint FROM pg_stat_wal")
        spent = sum(map(cpu_seconds, workers))
        return Count(time.perf_counter(), spent, self._cpu(), commits, fsyncs, wal)

    def connections(self) -> int:
        """Of ledgers."""
        [n] = self._one("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'abgnn'")
        return int(n)

    def sizes(self) -> tuple[int, int, int, int]:
        """Attempts; bytes of their table and the replies', of all requests and replies as texts."""
        tables = " + ".join(
            f"pg_total_relation_size('{_SCHEMA}.{name}')" for name in ("attempts", "responses")
        )
        [n, size] = self._one(f"SELECT count(*), {tables} FROM {_SCHEMA}.attempts")
        [asked, said] = self._one(
            f"SELECT sum(length(request)), sum(length(text)) FROM {_SCHEMA}.responses"
        )
        return int(n), int(size), int(asked), int(said)

    def _one(self, statement: Any) -> tuple[Any, ...]:
        row = self._db.execute(statement).fetchone()
        assert row is not None
        return tuple(row)

    def _cpu(self) -> float:
        """Seconds of the server and all its processes, those that have ended included."""
        with open(f"/proc/{self._main}/stat", encoding="ascii") as file:
            own = file.read().rpartition(")")[2].split()
        children = Path(f"/proc/{self._main}/task/{self._main}/children").read_text().split()
        whole = sum(map(int, own[11:15])) / os.sysconf("SC_CLK_TCK")
        return whole + sum(cpu_seconds(int(child)) for child in children)


def fsync_seconds(folder: Path, n: int = 200) -> float:
    """Of 8 KiB at the end of a file: the median."""
    took = []
    with open(folder / "fsync", "wb") as file:
        for _ in range(n):
            file.write(os.urandom(8192))
            file.flush()
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - began)
    return float(np.median(took))


@contextmanager
def serving(
    server: Postgres, stub: Server, workers: int, concurrent: int
) -> Iterator[tuple[list[int], int]]:
    """`abgnn serve` on the database: its workers and its port."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        arguments = files(folder, stub.base_url)
        path = folder / "config.yaml"
        config = json.loads(path.read_text())
        config["model"]["rollout"]["recording"]["path"] = server.url(_SCHEMA)
        path.write_text(json.dumps(config), encoding="utf-8")
        with served(workers, arguments, concurrent) as (pid, port):
            yield workers_of(pid), port


def measure(args: argparse.Namespace, console: Console) -> Costs:
    """One run; its figures are printed."""
    rate = args.day / DAY_S * args.speed
    with started() as server, spawned("--delay", str(args.delay)) as stub:
        with serving(server, stub, args.workers, 2000) as (workers, port):
            asyncio.run(ask_all(port, 50, 20.0, seed=1))  # connections, plans of statements
            database = Database(server)
            old, before = database.sizes(), database.count(workers)
            billed = stub.stats()["billed"]
            began = time.perf_counter()
            asked = asyncio.run(ask_all(port, args.questions, rate))
            wall = time.perf_counter() - began
            after, connections = database.count(workers), database.connections()
            new = database.sizes()
        billed = stub.stats()["billed"] - billed
        fsync_s = fsync_seconds(server.folder)
    calls, size, prompt, said = (b - a for a, b in zip(old, new, strict=True))
    costs = Costs(
        calls=calls / args.questions,
        depth=_DEPTH,
        worker_cpu=(after.workers - before.workers) / calls,
        database_cpu=(after.database - before.database) / calls,
        transactions=(after.transactions - before.transactions) / calls,
        fsyncs=(after.fsyncs - before.fsyncs) / calls,
        wal=(after.wal - before.wal) / calls,
        disk=size / calls,
        tokens=billed / calls,
        fsync_s=fsync_s,
    )
    _show(console, args, costs, asked, wall, connections, (prompt / calls, said / calls))
    return costs


def _show(
    console: Console,
    args: argparse.Namespace,
    costs: Costs,
    asked: Asked,
    wall: float,
    connections: int,
    texts: tuple[float, float],
) -> None:
    title = (
        f"{args.questions:,} questions in {wall:.0f} s, {args.workers} workers (a stub's replies)"
    )
    table = Table("measured", "a question", "a call", title=title, title_justify="left")

    def row(name: str, each: float, form: str = "{:.2f}") -> None:
        table.add_row(name, form.format(each * costs.calls), form.format(each))

    row("calls", 1.0)
    row("CPU of the workers, ms", 1e3 * costs.worker_cpu)
    row("CPU of the database, ms", 1e3 * costs.database_cpu)
    row("transactions (round trips)", costs.transactions)
    row("fsyncs of the log", costs.fsyncs)
    row("bytes in tables and indices", costs.disk, "{:,.0f}")
    row("bytes in the log", costs.wal, "{:,.0f}")
    row("of a request, of a reply, as texts", texts[0] + texts[1], "{:,.0f}")
    p50, p99 = (1e3 * float(np.percentile(asked.wall, q)) for q in (50, 99))
    table.caption = (
        f"answers after {p50:.0f} ms (p50), {p99:.0f} (p99); the provider's part: "
        f"{_DEPTH * args.delay * 1e3:.0f}; {asked.failed} failed; {connections} connections to "
        f"the database, {asked.connections} of clients; an fsync: {1e3 * costs.fsync_s:.2f} ms"
    )
    console.print(table)


def show_plan(console: Console, args: argparse.Namespace, need: Need, load: Load) -> None:
    """What such a day takes."""
    told = f"{load.questions:,.0f} questions a day, its busiest hour × {load.peak:g}"
    table = Table("plan", "", title=f"{told}, {load.call_s:g} s a call", title_justify="left")
    for name, text in (
        ("calls a second: mean, peak", f"{need.calls_s:.0f}, {need.peak_calls_s:.0f}"),
        ("under way at peak: questions, calls",
         f"{need.questions_in_flight:,.0f}, {need.calls_in_flight:,.0f}"),
        ("of the provider at peak: rpm, tpm", f"{need.rpm:,.0f}, {need.tpm:,.0f}"),
        ("workers, by their cores at 60 %", f"{need.workers}, {need.worker_cores:.2f}"),
        ("database: cores at 60 %, connections",
         f"{need.database_cores:.2f}, {need.connections}"),
        ("transactions, fsyncs a second at peak",
         f"{need.transactions_s:.0f}, {need.fsyncs_s:.0f}"),
        ("GB a day: tables and indices, log", f"{need.gigabytes:.1f}, {need.wal_gigabytes:.1f}"),
        *((f"used at peak: {name}", f"{share:.0%}") for name, share in need.first),
    ):  # fmt: skip
        table.add_row(name, text)
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--day", type=float, default=1e6, help="questions a day that are planned")
    parser.add_argument("--questions", type=int, default=2_000)
    parser.add_argument("--speed", type=float, default=1.0, help="times the day's mean rate")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--delay", type=float, default=0.05, help="seconds per reply of the stub")
    parser.add_argument("--call-seconds", type=float, default=10.0, help="of a real provider")
    parser.add_argument("--peak", type=float, default=3.0, help="busiest hour over the mean")
    args, console = parser.parse_args(), Console(width=110)
    load = Load(args.day, args.peak, args.call_seconds)
    show_plan(console, args, needed(measure(args, console), load), load)


if __name__ == "__main__":
    main()
