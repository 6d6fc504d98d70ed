"""Types of `abgnn.data` that can also be imported from `abgnn.rollout`."""

from abgnn.data.outcome import CallRecord, Outcome
from abgnn.data.plan import Agent, Plan, RoundGraph
from abgnn.data.program import AgentAnswer, Program, Stage

__all__ = [
    "Agent",
    "AgentAnswer",
    "CallRecord",
    "Outcome",
    "Plan",
    "Program",
    "RoundGraph",
    "Stage",
]
