"""How close rollouts come to what their plans and servers allow, and what a call costs in CPU.

Ratios within one run: wall time over the critical path (a client that sleeps), wall time over the
server's own limit (a stub server in a process of its own, 50 ms per answer), CPU per call of the
orchestration alone (a client that does nothing) and with the SDK.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from abgnn.data.backbone import Backbone
from abgnn.data.catalogue import Catalogue
from abgnn.data.query import Query
from abgnn.data.template import Role
from abgnn.rollout import (
    Agent,
    Caps,
    Completion,
    Executor,
    Messages,
    OpenAIClient,
    Plan,
    Recording,
    RolloutSettings,
)
from tests.rollout.helpers import Scripted
from tests.servers.fixtures import spawned

ROLES = ("Expert", "Searcher", "Mathematician", "Historian", "Decision Maker")
SHAPES = {
    "chain": [(i, i + 1) for i in range(4)],
    "star": [(i, 4) for i in range(4)],
    "complete": [(i, j) for i in range(5) for j in range(i + 1, 5)],
}
DEPTH = {"chain": 5, "star": 2, "complete": 5}


class Sleeper(Scripted):
    """Answers after `pause` seconds that really pass; an endpoint without limits."""

    def __init__(self, pause: float) -> None:
        super().__init__(seconds=dict.fromkeys(ROLES, pause), sleeps=pause > 0)

    def endpoint(self, backbone: Backbone) -> str | None:
        return "http://bench"

    async def complete(
        self, backbone: Backbone, messages: Messages, *, query: Query, sample: int
    ) -> Completion:
        done = await super().complete(backbone, messages, query=query, sample=sample)
        self.told.clear()
        return done


def plans(n: int, shape: str = "chain", first: int = 0) -> list[Plan]:
    agents = tuple(Agent(Role(r, f"You are the {r}."), "small") for r in ROLES)
    edges = tuple(SHAPES[shape])
    ids = range(first, first + n)
    questions = [Query(f"q/{i}", f"What is {i} times 7?", "math") for i in ids]
    return [Plan(q, agents, edges, 4) for q in questions]


def catalogue(concurrency: int, url: str | None = None) -> Catalogue:
    return Catalogue(
        (
            Backbone(
                *("small", "small", "standard", 0.1, 0.4, 8.0, {}),
                base_url=url,
                max_tokens=64,
                max_concurrency=concurrency,
            ),
        )
    )


def critical_path(table: Table, pause: float = 0.2, repetitions: int = 7) -> None:
    """64 queries × 5 agents, nothing in their way: the median and the worst of some runs."""
    for shape in SHAPES:
        ideal, walls = pause * DEPTH[shape], []
        with Executor(Sleeper(pause), catalogue(1000)) as executor:
            executor.run(plans(2, shape))
            for _ in range(repetitions):
                began = time.perf_counter()
                executor.run(plans(64, shape))
                walls.append(time.perf_counter() - began)
        median, worst = statistics.median(walls), max(walls)
        ratios = f"{median / ideal:.3f} (worst of {repetitions}: {worst / ideal:.3f})"
        table.add_row(f"64 × 5, {shape}", f"{median:.3f} s", f"{ideal:.3f} s", ratios)


def orchestration(table: Table, n: int = 2000) -> None:
    """CPU per call without SDK and server."""
    with tempfile.TemporaryDirectory() as folder:
        recording = Recording(str(Path(folder) / "calls.sqlite"), "record")
        kinds = {
            "in memory": RolloutSettings(),
            "recorded, capped": RolloutSettings(recording, Caps(run_usd=100.0, query_usd=1.0)),
            "replayed": RolloutSettings(Recording(recording.path, "replay")),
        }
        for name, settings in kinds.items():
            with Executor(Sleeper(0), catalogue(1000), settings=settings) as executor:
                executor.run(plans(20))
                began = time.process_time()
                executor.run(plans(n))
                spent = (time.process_time() - began) / (5 * n) * 1e3
            table.add_row(f"CPU per call, {name}", f"{spent:.3f} ms", "1 ms", f"{spent:.3f}")


def against_server(table: Table, n: int, slots: int, delay: float = 0.05) -> None:
    """Chains through the real client and a server that works on `slots` requests at a time."""
    with (
        tempfile.TemporaryDirectory() as folder,
        spawned("--delay", str(delay), "--slots", str(slots)) as server,
    ):
        settings = RolloutSettings(
            Recording(str(Path(folder) / "calls.sqlite")), Caps(run_usd=1e3, max_tokens=64)
        )
        many = catalogue(2 * slots, server.base_url)  # more than the server takes: it never idles
        with Executor(OpenAIClient(), many, settings=settings, max_in_flight=256) as executor:
            executor.run(plans(64, first=n))
            memory, spent = resident(), time.process_time()
            began = time.perf_counter()
            marks, calls = [], 0
            tenth = max(n // 10, 1)
            for start in range(0, n, tenth):
                calls += checked(executor, plans(min(tenth, n - start), first=start))
                marks.append(resident() - memory)
            wall, spent = time.perf_counter() - began, time.process_time() - spent
        assert server.stats()["requests"] == 5 * (n + 64) == calls + 5 * 64, "every call once"
        limit = max(delay * 5, calls * delay / slots)
        name = f"{n:,} rollouts × 5, server of {slots} × {delay * 1e3:.0f} ms"
        table.add_row(name, f"{wall:.1f} s", f"{limit:.1f} s", f"{wall / limit:.3f}")
        cpu = spent / calls * 1e3
        table.add_row("  CPU per call, SDK and books included", f"{cpu:.2f} ms", "", "")
        grown = " ".join(f"{mark / 2**20:.0f}" for mark in marks)
        table.add_row("  memory after each tenth, MiB above the start", grown, "", "")


def checked(executor: Executor, todo: list[Plan]) -> int:
    """Run plans; none is lost, order is kept, nothing fails. The number of calls."""
    outcomes = executor.run(todo)
    assert [o.plan for o in outcomes] == todo
    assert all(o.error is None and len(o.calls) == 5 for o in outcomes)
    return sum(len(o.calls) for o in outcomes)


def resident() -> int:
    """Bytes of this process in memory."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rollouts", type=int, default=10_000)
    parser.add_argument("--slots", type=int, default=20, help="what the server works on at a time")
    parser.add_argument("--otel", action="store_true", help="only what OpenTelemetry costs")
    given = parser.parse_args()
    table = Table("what", "measured", "limit", "ratio", title="rollouts")
    if given.otel:
        from scripts.bench.rollouts_otel import telemetry

        telemetry(table)
    else:
        critical_path(table)
        orchestration(table)
        against_server(table, given.rollouts, given.slots)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
