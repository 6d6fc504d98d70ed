"""Executing plans: no torch in here, and nothing that a plan or a reply could change.

The clients of real endpoints load their SDK when they are first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from abgnn.rollout.client import CallError, Client, Completion, Messages
from abgnn.rollout.executor import Executor
from abgnn.rollout.plan import Agent, CallRecord, Outcome, Plan, RoundGraph
from abgnn.rollout.program import Program, Said, Stage
from abgnn.rollout.programs import (
    FeedbackProgram,
    LinearProgram,
    PlannerProgram,
    SelfConsistencyProgram,
    StarProgram,
)
from abgnn.rollout.recorded import RecordedClient
from abgnn.rollout.settings import (
    Breaker,
    Caps,
    Deadline,
    Recording,
    Retry,
    RolloutSettings,
    Tools,
)
from abgnn.rollout.simulated import SimulatedClient

if TYPE_CHECKING:
    from abgnn.rollout.local_client import LocalClient
    from abgnn.rollout.openai_client import OpenAIClient

__all__ = [
    "Agent",
    "Breaker",
    "CallError",
    "CallRecord",
    "Caps",
    "Client",
    "Completion",
    "Deadline",
    "Executor",
    "FeedbackProgram",
    "LinearProgram",
    "LocalClient",
    "Messages",
    "OpenAIClient",
    "Outcome",
    "Plan",
    "PlannerProgram",
    "Program",
    "RecordedClient",
    "Recording",
    "Retry",
    "RolloutSettings",
    "RoundGraph",
    "Said",
    "SelfConsistencyProgram",
    "SimulatedClient",
    "Stage",
    "StarProgram",
    "Tools",
]

_LATE = {"LocalClient": "local_client", "OpenAIClient": "openai_client"}


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LATE[name]}"), name)
