"""Programs: executions that decide as they go, one per file."""

from abgnn.rollout.programs.self_consistency import SelfConsistencyProgram

__all__ = ["SelfConsistencyProgram"]
