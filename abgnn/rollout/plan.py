"""What crosses from the policy to execution (`Plan`) and what comes back (`Outcome`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from abgnn.catalogue import Usage
from abgnn.query import Query
from abgnn.rollout.client import ErrorKind
from abgnn.templates import Role

Edges = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Agent:
    """A role with the name of the backbone that plays it."""

    role: Role
    backbone: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be executed for one query.

    Args:
        query: the question.
        agents: who takes part; edges hold indices into it.
        edges: messages (u, v) of one round, those into the decision agent included; a DAG.
        decision: index of the agent whose output is the answer: the decision agent, or the lone
            agent of a plan of one.
        temporal_edges: messages from one round to the next.
        rounds: how often the graph is executed.
    """

    query: Query
    agents: tuple[Agent, ...]
    edges: Edges
    decision: int
    temporal_edges: Edges = ()
    rounds: int = 1

    def to_dict(self) -> dict[str, Any]:
        """JSON-able; `from_dict` restores it (the query's gold answer and meta are left out)."""
        return {
            "query": {"id": self.query.id, "text": self.query.text, "domain": self.query.domain},
            "agents": [
                {
                    "role": a.role.name,
                    "prompt": a.role.prompt,
                    "tool": a.role.tool,
                    "backbone": a.backbone,
                }
                for a in self.agents
            ],
            "edges": [list(e) for e in self.edges],
            "temporal_edges": [list(e) for e in self.temporal_edges],
            "rounds": self.rounds,
            "decision": self.decision,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Plan:
        """The plan that `to_dict` wrote."""
        return cls(
            query=Query(**data["query"]),
            agents=tuple(
                Agent(Role(a["role"], a["prompt"], a["tool"]), a["backbone"])
                for a in data["agents"]
            ),
            edges=tuple((u, v) for u, v in data["edges"]),
            decision=data["decision"],
            temporal_edges=tuple((u, v) for u, v in data["temporal_edges"]),
            rounds=data["rounds"],
        )

    def to_mermaid(self) -> str:
        """The plan as a Mermaid flow chart; temporal edges are dotted."""
        lines = ["flowchart LR"]
        for i, a in enumerate(self.agents):
            left, right = ("([", "])") if i == self.decision else ("[", "]")
            lines.append(f'  a{i}{left}"{a.role.name}<br/>{a.backbone}"{right}')
        lines += [f"  a{u} --> a{v}" for u, v in self.edges]
        lines += [f"  a{u} -.-> a{v}" for u, v in self.temporal_edges]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One LLM call inside a rollout. Times are seconds of service time from the plan's start.

    Args:
        agent, role, round: who was called, and when.
        backbone: who answered: the plan's, or its fallback.
        usage: tokens of all attempts; where a failure did not say, the most that they can be.
        cost: USD for them; paid: USD of this that was paid now, 0 for a recorded call.
        service_time: of the attempt that succeeded; tool_time: of the tool run after it.
        start: on the plan's clock.
        text: the reply.
        error: None, or what failed; kind: of failure.
        turn: replies after the first one to a tool's output count from 1.
        finish: `stop`, or `length` if the reply was cut.
        attempts: 0 if answered from the recording.
        retry_time, queue_time: seconds for failed attempts, and waiting for slots, limits, money.
    """

    agent: int
    role: str
    backbone: str
    usage: Usage
    cost: float
    service_time: float
    start: float
    text: str
    error: str | None = None
    round: int = 0
    kind: ErrorKind | None = None
    paid: float = 0.0
    tool_time: float = 0.0
    turn: int = 0
    finish: str = "stop"
    attempts: int = 1
    retry_time: float = 0.0
    queue_time: float = 0.0

    @property
    def end(self) -> float:
        """When it ended on the plan's clock."""
        return self.start + self.service_time + self.tool_time


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one rollout of one plan gave.

    Args:
        plan: what was executed.
        answer: the decision agent's (or lone agent's) text; empty after an error.
        score: the task's judgement of the answer in [0, 1]; 0 after an error or if not asked for.
        usage: tokens over all calls.
        cost: USD over all calls that were billed, failed rollouts included.
        latency: seconds on the critical path of service times that leads to the answer; after an
            error, to the last call that ended.
        wall_time: seconds from start to end, waiting included.
        calls: every call, by round, then in agent order.
        error: None, or what failed.
        sample: which of the K rollouts of the query.
        kind: None, or the kind of failure.
        late: agents that the deadline cancelled or kept from starting; the answer lacks them.
        paid: USD that this execution paid: `cost` less what came from a recording.
    """

    plan: Plan
    answer: str
    score: float
    usage: Usage
    cost: float
    latency: float
    wall_time: float
    calls: tuple[CallRecord, ...]
    error: str | None = None
    sample: int = 0
    kind: ErrorKind | None = None
    late: tuple[int, ...] = ()
    paid: float = 0.0
