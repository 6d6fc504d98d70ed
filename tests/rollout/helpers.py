"""Small worlds for rollout tests: a letter task, plans, a client that plays by script."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Semaphore

from abgnn.data.backbone import Backbone, Usage
from abgnn.data.query import Query, Task
from abgnn.data.template import Role
from abgnn.rollout import Agent, Completion, Messages, Plan
from abgnn.rollout.clients.base import Client

GENERAL = ("Knowledgeable Expert", "Wiki Searcher", "Mathematician", "Historian", "Critic")


class Letters:
    """Right is the query's answer letter, standing alone on the last line."""

    domain = "general"

    def score(self, query: Query, response: str) -> float:
        return float(response.splitlines()[-1].strip() == query.answer)

    def specimen(self, query: Query, *, correct: bool) -> str:
        return query.answer if correct else "Z"


class Bare(Client):
    """A client that needs nothing; subclasses say what an LLM answers."""

    label = "simulated"

    def bind(self, task: object) -> None:
        return

    def check(self, backbones: object) -> None:
        return

    async def aclose(self) -> None:
        return


@dataclass
class Scripted:
    """Answers `<role><sample>` after the seconds that a script gives; notes what it was told.

    A role in `fails` raises what is written there. With `sleeps`, service seconds really pass;
    with a `gate`, a call ends when it gets one of its permits.
    """

    seconds: Mapping[str, float] = field(default_factory=dict)
    fails: Mapping[str, BaseException] = field(default_factory=dict)
    sleeps: bool = False
    gate: Semaphore | None = None
    label: str = "scripted"
    told: list[tuple[str, Messages]] = field(default_factory=list)
    running: int = 0
    most: int = 0
    closed: int = 0

    def check(self, backbones: Iterable[Backbone]) -> None:
        self.checked = [b.name for b in backbones]

    def bind(self, task: Task) -> None:
        self.task = task

    def endpoint(self, backbone: Backbone) -> str | None:
        return None

    def request(self, backbone: Backbone, messages: Messages, query: Query) -> dict[str, object]:
        return {"model": backbone.model, "messages": messages.chat(), "parameters": {}}

    async def complete(
        self, backbone: Backbone, messages: Messages, *, query: Query, sample: int
    ) -> Completion:
        name = messages.role.name
        self.told.append((name, messages))
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            if self.sleeps:
                await asyncio.sleep(self.seconds.get(name, 0.0))
            while self.gate is not None and not self.gate.acquire(blocking=False):
                await asyncio.sleep(0.002)
            if name in self.fails:
                raise self.fails[name]
        finally:
            self.running -= 1
        return Completion(f"{name}{sample}", Usage(100, 10), self.seconds.get(name, 1.0))

    async def aclose(self) -> None:
        self.closed += 1


def backbone(name: str, **changes: object) -> Backbone:
    """A cheap backbone; prices are 1 and 10 USD per million tokens."""
    fields: dict[str, object] = {
        "name": name,
        "model": name,
        "type": "standard",
        "price_in": 1.0,
        "price_out": 10.0,
        "active_params_b": 8,
        "benchmarks": {"general": {"MMLU-Redux": 79.5}, "math": {"MATH-500": 87.4}},
    }
    return Backbone(**(fields | changes))  # type: ignore[arg-type]


def query(i: int = 0, **meta: object) -> Query:
    """The i-th question; its answer is B."""
    return Query(f"q/{i}", f"Question {i}?", "general", "B", meta)


def plan(
    roles: Sequence[str],
    edges: Iterable[tuple[int, int]],
    *,
    of: Query | None = None,
    on: str | Sequence[str] = "small",
    **more: object,
) -> Plan:
    """A plan whose last role decides unless `decision` says otherwise."""
    names = [on] * len(roles) if isinstance(on, str) else on
    agents = tuple(Agent(Role(r, f"You are {r}."), b) for r, b in zip(roles, names, strict=True))
    more.setdefault("decision", len(roles) - 1)
    return Plan(of or query(), agents, tuple(edges), **more)  # type: ignore[arg-type]


def committee(i: int = 0, size: int = 5, on: str = "small") -> Plan:
    """A chain of `size` role agents, all of whom the decision agent reads."""
    chain = [(a, a + 1) for a in range(size - 1)]
    roles = [*GENERAL[:size], "Decision Maker"]
    return plan(roles, [*chain, *((a, size) for a in range(size))], of=query(i), on=on)
