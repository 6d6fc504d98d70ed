"""What execution returns: `Outcome`, a rollout, and `CallRecord`, one call of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from abgnn.data.backbone import Usage
from abgnn.data.loop_step import LoopStep
from abgnn.data.plan import Plan

ErrorKind = Literal[
    "timeout",
    "connection",
    "status",
    "malformed",
    "empty",
    "filter",
    "oversize",
    "usage",
    "deadline",
    "budget",
    "ledger",
    "circuit",
    "unrecorded",
    "tool",
    "cancelled",
    "internal",
]


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
    """The result of one rollout of a plan.

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
        steps: decisions of a closed loop, in order; empty for other plans.
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
    steps: tuple[LoopStep, ...] = ()
