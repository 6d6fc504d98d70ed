"""`abgnn serve --workers N` beside one worker, in alternating runs; and workers that are killed.

Teams of two and a decision agent by a plan file, on one LLM of the stub's, every call recorded in
one SQLite file under a cap. Questions per second are those of servers that have more to do than
they can (replies of .1 s); overhead, as in `serve.py`, and errors are those of replies of
`--delay` seconds. Server, stub, clients and whatever else runs share the cores, so the cores that
the servers really had are printed, and what their CPU per question would come to on free ones.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

import numpy as np
from rich.console import Console
from rich.table import Table

from scripts.bench.serve import Seen, cpu_seconds, request
from tests.servers.fixtures import Server, spawned

_BUSY_S, _BUSY_CLIENTS = 0.1, 40  # seconds per reply, and clients, where servers are saturated
_IDS = count(random.randrange(10**9))


@dataclass
class Load(Seen):
    """What the clients saw, with the ports of those whose connection was lost."""

    seconds: float = 0.0
    lost: list[int] = field(default_factory=list)
    cpu: float = 0.0
    rest: float = 0.0

    @property
    def rate(self) -> float:
        return len(self.wall) / self.seconds

    @property
    def failed(self) -> int:
        return sum(self.status.values()) - self.status[200] + len(self.lost)


def files(folder: Path, url: str) -> list[str]:
    """A plan and a config for it; the command line's arguments."""
    backbone = {
        **{"name": "small", "model": "small", "type": "standard", "active_params_b": 8.0},
        **{"price_in": 1.0, "price_out": 4.0, "max_tokens": 64},
        "benchmarks": {"math": {"GSM8K": 80.0}},
    }
    defaults = {"base_url": url, "max_concurrency": 4000, "family": "stub"}
    catalogue = {"currency": "USD", "source": "a stub", "defaults": defaults}
    mas = {"domain": "math", "role_set": "roles/calculator.yaml", "n_pools": 1}
    rollout = {"caps": {"run_usd": 1e4}, "recording": {"path": str(folder / "calls.sqlite")}}
    client = {"class_path": "abgnn.rollout.OpenAIClient"}
    mas["catalogue"] = str(folder / "catalogue.yaml")
    config = {"model": {"mas": mas, "client": client, "rollout": rollout}}
    agents = [["Calculator", "small"], ["Checker", "small"]]
    part = {"share": 1.0, "agents": agents, "edges": [], "decision": "small"}
    for name, data in (
        ("catalogue.yaml", {**catalogue, "backbones": [backbone]}),
        ("config.yaml", config),
        ("plan.json", {"format": "abgnn plan 1", "parts": [part]}),
    ):
        (folder / name).write_text(json.dumps(data), encoding="utf-8")
    return ["--plan", str(folder / "plan.json"), "--config", str(folder / "config.yaml")]


@contextmanager
def served(
    workers: int,
    arguments: list[str],
    concurrent: int,
    program: Sequence[str] = ("abgnn",),
    log: IO[str] | None = None,
) -> Iterator[tuple[int, int]]:
    """`abgnn serve` in a process of its own: its PID and its port; `log` gets what it logs."""
    command = [sys.executable, "-m", *program, "serve", "--port", "0", *arguments]
    command += ["--workers", str(workers), "--concurrent", str(2 * concurrent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True) as process:
        assert process.stdout is not None
        try:
            line = next(line for line in process.stdout if line.startswith("serving at"))
            yield process.pid, int(line.split()[2].removesuffix("/v1").rpartition(":")[2])
        finally:
            process.terminate()
            process.wait(300)


def workers_of(pid: int) -> list[int]:
    """The workers of a server; a server without is one itself."""
    path = Path(f"/proc/{pid}/task/{pid}/children")
    spawned_ = [int(child) for child in path.read_text().split()]
    return [child for child in spawned_ if b"spawn_main" in _cmdline(child)] or [pid]


def _cmdline(pid: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


async def client(port: int, until: float, load: Load) -> None:
    """One question after the other on one connection, and on another one if that is lost."""
    reader = writer = None
    while time.monotonic() < until:
        if reader is None or writer is None:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        mine = writer.get_extra_info("sockname")[1]
        began = time.perf_counter()
        try:
            code, reply = await request(reader, writer, f"What is {next(_IDS)} and 7?")
        except (OSError, asyncio.IncompleteReadError):
            load.lost.append(mine)
            reader = writer = None
            continue
        wall = time.perf_counter() - began
        load.status[code] += 1
        if code == 200:
            load.overhead.append(wall - reply["abgnn"]["latency_s"])
            load.wall.append(wall)
    if writer is not None:
        writer.close()


async def clients(port: int, seconds: float, concurrent: int, killer=None) -> Load:  # type: ignore[no-untyped-def]
    """So many clients for so long, each from a moment of its own on."""
    load, began = Load(), time.monotonic()
    until = began + seconds

    async def late(i: int) -> None:
        await asyncio.sleep(min(3.0, seconds / 4) * i / concurrent)
        await client(port, until, load)

    other = asyncio.ensure_future(killer(until)) if killer else None
    await asyncio.gather(*(late(i) for i in range(concurrent)))
    load.seconds = time.monotonic() - began
    if other is not None:
        await other
    return load


def measured(workers: int, arguments: list[str], concurrent: int, seconds: float) -> Load:
    """One run of a server."""
    with served(workers, arguments, concurrent) as (pid, port):
        of = workers_of(pid)
        before, mine = sum(map(cpu_seconds, of)), time.process_time()
        load = asyncio.run(clients(port, seconds, concurrent))
        load.cpu = sum(map(cpu_seconds, of)) - before
        load.rest = time.process_time() - mine
        load.memory = [memory(worker) for worker in of]
    return load


def memory(pid: int) -> tuple[float, float]:
    """PSS and RSS of a process, in MiB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    used = {line.split(":")[0]: line.split()[1] for line in lines[1:]}
    return int(used["Pss"]) / 1024, int(used["Rss"]) / 1024


def compare(workers: int, concurrent: int, seconds: float, delay: float, rounds: int = 2) -> None:
    """One worker and several, in turns, saturated and not."""
    table = Table(title="replies of a stub", title_justify="left")
    for column in ("", "1 worker", f"{workers} workers", "ratio"):
        table.add_column(column, justify="left" if not column else "right")
    busy, steady = (_BUSY_S, _BUSY_CLIENTS, 15.0), (delay, concurrent, seconds / rounds)
    for wait, n_clients, each in (busy, steady):
        loads: dict[int, list[Load]] = {1: [], workers: []}
        for _ in range(rounds):
            for n in loads:
                with TemporaryDirectory() as folder, spawned("--delay", str(wait)) as stub:
                    arguments = files(Path(folder), stub.base_url)
                    loads[n].append(measured(n, arguments, n_clients, each))
        _rows(
            table, f"{n_clients} at once, replies of {wait:g} s", workers, loads[1], loads[workers]
        )
    Console().print(table)
    Console().print(f"load of the machine: {os.getloadavg()}, cores: {os.cpu_count()}")


def _rows(table: Table, title: str, workers: int, one: list[Load], several: list[Load]) -> None:
    def row(name: str, values: list[float], form: str) -> None:
        table.add_row(name, *(form.format(v) for v in values), f"{values[1] / values[0]:.2f}")

    both = (one, several)
    table.add_row(f"[bold]{title}", "", "", "")
    rates = [[load.rate for load in loads] for loads in both]
    for i, (a, b) in enumerate(zip(*rates, strict=True)):
        row(f"  questions per second, run {i + 1}", [a, b], "{:.1f}")
    row("  questions per second", [float(np.mean(r)) for r in rates], "{:.1f}")
    for q in (50, 95):
        over = [np.concatenate([load.overhead for load in loads]) for loads in both]
        row(f"  overhead, p{q}, ms", [1e3 * float(np.percentile(o, q)) for o in over], "{:.1f}")

    def shares(name: str, of: list[list[float]], per: list[float], form: str) -> None:
        row(name, [sum(part) / whole for part, whole in zip(of, per, strict=True)], form)

    n = [float(sum(len(load.wall) for load in loads)) / 1e3 for loads in both]
    seconds = [sum(load.seconds for load in loads) for loads in both]
    cpu = [[load.cpu for load in loads] for loads in both]
    shares("  cores that the server had", cpu, seconds, "{:.2f}")
    shares("  its CPU per question, ms", cpu, n, "{:.1f}")
    shares("  the clients', ms", [[x.rest for x in loads] for loads in both], n, "{:.1f}")
    one_s, all_s = (sum(c) / k for c, k in zip(cpu, n, strict=True))
    at_best = f"{workers * one_s / all_s:.2f}"
    table.add_row(f"  with {workers} free cores for it, by that CPU", "", "", at_best)
    failed = [sum(load.failed for load in loads) for loads in both]
    table.add_row("  errors", *map(str, failed), "")
    used = [np.mean([m for load in loads for m in load.memory], axis=0) for loads in both]
    row("  memory of a worker: PSS, MiB", [float(u[0]) for u in used], "{:.0f}")
    row("  memory of a worker: RSS, MiB", [float(u[1]) for u in used], "{:.0f}")


def ports_of(pid: int) -> set[int]:
    """The client ports of the connections that a process has accepted."""
    inodes = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            inodes.add(os.readlink(link).removeprefix("socket:[").removesuffix("]"))
    lines = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    return {int(line[2].split(":")[1], 16) for line in lines if line[9] in inodes}


def kill(workers: int, concurrent: int, seconds: float, delay: float, every: float) -> None:
    """Kill a worker every so often; whose questions fail, and what is booked."""
    theirs: set[int] = set()
    kills = 0
    with TemporaryDirectory() as name, spawned("--delay", str(delay)) as stub:
        folder = Path(name)
        with served(workers, files(folder, stub.base_url), concurrent) as (pid, port):

            async def killer(until: float) -> None:
                nonlocal kills
                while time.monotonic() + every < until:
                    await asyncio.sleep(every)
                    worker = random.choice(workers_of(pid))
                    os.kill(worker, signal.SIGSTOP)  # what it has now is what it loses
                    theirs.update(ports_of(worker))
                    os.kill(worker, signal.SIGKILL)
                    kills += 1

            load = asyncio.run(clients(port, seconds, concurrent, killer))
        _judge(load, theirs, kills, folder / "calls.sqlite", stub)


def _judge(load: Load, theirs: set[int], kills: int, path: Path, stub: Server) -> None:
    from abgnn.rollout.ledger.sqlite import SqliteLedger

    SqliteLedger(path).close()  # what a worker that was killed last left open is lost, too
    log = stub.log()
    charged = sum(line["prompt_tokens"] + 4 * line["completion_tokens"] for line in log) * 10**6
    with closing(sqlite3.connect(path)) as file:
        [(spent, uncertain, lost, reserved)] = file.execute(
            "SELECT SUM(spent), SUM(uncertain), SUM(lost), SUM(reserved) FROM accounts"
        ).fetchall()
        [(attempts, n_lost)] = file.execute(
            "SELECT COUNT(*), SUM(state = 'lost') FROM attempts"
        ).fetchall()
    others = {code: n for code, n in load.status.items() if code != 200}
    strange = sum(port not in theirs for port in load.lost)
    fine = spent <= charged <= spent + lost + uncertain and not reserved
    fine = fine and attempts - n_lost <= len(log) <= attempts
    show = Console(width=120).print
    show(f"{kills} workers killed; {len(load.wall)} questions answered, {load.rate:.1f} a second")
    show(f"connections lost: {len(load.lost)}, of them not a killed worker's: {strange}")
    show(f"other errors: {others or 0}")
    show(f"calls: provider {len(log)}, recording {attempts}, of which lost {n_lost}")
    usd = [f"{pusd / 1e12:.6f}" for pusd in (charged, spent, lost + uncertain, reserved)]
    show("USD: provider {}, for certain {}, lost or uncertain {}, reserved {}".format(*usd))
    show("books hold" if fine and not strange else "books DO NOT hold")
