"""What `abgnn serve` adds to the critical path of its plans, under many requests at once.

Three processes: the stub provider (every reply takes `--delay` seconds), the server, and here the
clients: each asks a new question as soon as the last one is answered. A question's overhead is
its wall time at the client less the critical path of its calls, as the account states it (service
times as the server's own client measured them): HTTP, reading, encoding the question, the policy,
scheduling, writing. Memory is the server's, CPU its process time per question.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

import numpy as np
from rich.console import Console
from rich.table import Table

from tests.servers.fixtures import spawned

_RAMP_S = 5.0


@dataclass
class Seen:
    """What the clients saw, and the server's memory over time."""

    overhead: list[float] = field(default_factory=list)
    latency: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    status: Counter[int] = field(default_factory=Counter)
    memory: list[tuple[float, float]] = field(default_factory=list)


async def client(number: int, port: int, until: float, ids: Iterator[int], seen: Seen) -> None:
    """One after the other on one connection, from a moment of its own on."""
    await asyncio.sleep(_RAMP_S * number / 200)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.monotonic() < until:
        began = time.perf_counter()
        text = f"What is the {next(ids)}th question about, and who asked it first?"
        code, reply = await request(reader, writer, text)
        wall = time.perf_counter() - began
        seen.status[code] += 1
        if code == 200:
            latency = reply["abgnn"]["latency_s"]
            seen.overhead.append(wall - latency)
            seen.latency.append(latency)
            seen.wall.append(wall)
    writer.close()


async def request(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, text: str
) -> tuple[int, dict]:  # type: ignore[type-arg]
    """Ask; the status and the JSON of the reply."""
    body = json.dumps({"model": "abgnn", "messages": [{"role": "user", "content": text}]}).encode()
    head = "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: "
    writer.write(f"{head}{len(body)}\r\n\r\n".encode() + body)
    lines = (await reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
    length = next(int(line.split(":")[1]) for line in lines if line.startswith("content-length"))
    return int(lines[0].split()[1]), json.loads(await reader.readexactly(length))


async def watch(pid: int, until: float, seen: Seen) -> None:
    """The server's resident memory, every second, in MiB."""
    began = time.monotonic()
    while time.monotonic() < until:
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            pages = int(file.read().split()[1])
        used = pages * os.sysconf("SC_PAGE_SIZE") / 2**20
        seen.memory.append((time.monotonic() - began, used))
        await asyncio.sleep(1)


async def load(port: int, pid: int, concurrent: int, seconds: float) -> Seen:
    """All clients for so long."""
    seen, ids = Seen(), count()
    until = time.monotonic() + seconds
    clients = [client(i, port, until, ids, seen) for i in range(concurrent)]
    await asyncio.gather(watch(pid, until, seen), *clients)
    return seen


@contextmanager
def server(url: str, policy: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The server in a process of its own, and its port."""
    command = [sys.executable, "-m", "scripts.bench.serve", "--worker", url, "--policy", policy]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            line = next(line for line in process.stdout if line.startswith("http://"))
            yield process, int(line.strip().removesuffix("/v1").rpartition(":")[2])
        finally:
            process.terminate()
            process.wait(60)


def work(url: str, policy: str) -> None:
    """Be the server: the general roles on two LLMs of the stub's."""
    from abgnn.experiments.trained import Trained
    from abgnn.graph.base_mas import BaseMAS
    from abgnn.models import AgentBalance, FixedGraph
    from abgnn.rollout import OpenAIClient
    from abgnn.serve.http.app import Service
    from abgnn.serve.http.server import listen, serve
    from abgnn.serve.policy_source import PolicySource
    from abgnn.serve.system import System

    mas = BaseMAS("general", encoder="offline", n_pools=1).with_catalogue(catalogue(url))
    roles = ["Knowledgeable Expert", "Critic"]
    chosen = AgentBalance() if policy == "balance" else FixedGraph("small", roles, edges="none")
    chosen.set_tradeoff(1e-3, 0.0)
    trained = Trained(chosen, mas, OpenAIClient())
    with System(PolicySource(trained.deployment, trained)) as system:
        system.plan("Warm up?")
        serve(Service(system), listen("127.0.0.1", 0), lambda at: print(at, flush=True))


def catalogue(url: str):  # type: ignore[no-untyped-def]
    """A cheap LLM and a dear one."""
    from abgnn.data.backbone import Backbone
    from abgnn.data.catalogue import Catalogue

    scores = {"general": {"MMLU-Redux": 79.5}}
    return Catalogue(
        tuple(
            Backbone(
                *(name, name, "standard", price, 4 * price, 8.0, scores),
                base_url=url,
                max_tokens=64,
                max_concurrency=2000,
            )
            for name, price in (("small", 0.1), ("large", 0.4))
        )
    )


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def show(seen: Seen, cpu: float, console: Console, title: str) -> None:
    """One table."""
    table = Table(title=title, title_justify="left")
    table.add_column("")
    table.add_column("", justify="right")
    n = len(seen.wall)
    table.add_row("questions answered", str(n))
    others = {code: k for code, k in seen.status.items() if code != 200}
    table.add_row("errors", str(others or 0))
    table.add_row("critical path, mean", f"{np.mean(seen.latency):.2f} s")
    for q in (50, 95, 99):
        table.add_row(f"overhead, p{q}", f"{1e3 * np.percentile(seen.overhead, q):.1f} ms")
    ratio = np.percentile(np.array(seen.wall) / np.array(seen.latency), 95)
    table.add_row("wall / critical path, p95", f"{ratio:.4f}")
    table.add_row("CPU per question", f"{1e3 * cpu / max(n, 1):.1f} ms")
    used = np.array([m for _, m in seen.memory])
    parts = [used[int(f * (len(used) - 1))] for f in (0.1, 0.5, 1.0)]
    table.add_row("memory at 10 %, 50 %, 100 %", " / ".join(f"{m:.0f}" for m in parts) + " MiB")
    console.print(table)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--concurrent", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--delay", type=float, default=2.0, help="seconds per reply of the stub")
    parser.add_argument("--policy", choices=("balance", "fixed"), default="balance")
    parser.add_argument("--workers", type=int, default=1, help="beside one, see serve_workers.py")
    text = "kill a worker every so many seconds instead"
    parser.add_argument("--kill", type=float, metavar="S", help=text)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        work(given.worker, given.policy)
        return
    if given.workers > 1:
        from scripts.bench import serve_workers as several

        load = (given.workers, given.concurrent, given.seconds, given.delay)
        several.compare(*load) if given.kill is None else several.kill(*load, given.kill)
        return
    with (
        spawned("--delay", str(given.delay)) as stub,
        server(stub.base_url, given.policy) as (process, port),
    ):
        before = cpu_seconds(process.pid)
        seen = asyncio.run(load(port, process.pid, given.concurrent, given.seconds))
        cpu = cpu_seconds(process.pid) - before
        title = f"{given.concurrent} at once, {given.seconds:g} s, {given.delay:g} s a reply"
        show(seen, cpu, Console(), f"{title}, policy {given.policy} (replies of a stub)")


if __name__ == "__main__":
    main()
