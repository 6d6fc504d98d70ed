"""Programs: executions that decide as they go, one per file."""

from abgnn.rollout.programs.feedback import FeedbackProgram
from abgnn.rollout.programs.linear import LinearProgram
from abgnn.rollout.programs.planner import PlannerProgram
from abgnn.rollout.programs.self_consistency import SelfConsistencyProgram
from abgnn.rollout.programs.star import StarProgram

__all__ = [
    "FeedbackProgram",
    "LinearProgram",
    "PlannerProgram",
    "SelfConsistencyProgram",
    "StarProgram",
]
