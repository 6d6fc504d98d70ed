"""`LoopAgents`: who a closed loop may ask, as (role, LLM) of a planner."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from abgnn.data.arrays import Array
from abgnn.planning.by_question import QuestionPlanner
from abgnn.planning.lone_beliefs import one_role


@dataclass(frozen=True)
class LoopAgents:
    """Who may answer or read: (slot, backbone) of A agents, slots and backbones of a planner."""

    agents: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, planner: QuestionPlanner) -> LoopAgents:
        """Every LLM in every role; where one role answers, in that one."""
        lone, decision = one_role(planner.template), planner.template.decision
        slots = [s for s in range(len(planner.roles)) if not (lone and s == decision)]
        return cls(tuple((s, m) for s in slots for m in range(len(planner.backbones))))

    def answering(self, decision: int) -> list[int]:
        """Those who may answer alone: all but the decision agent."""
        return [a for a, (slot, _) in enumerate(self.agents) if slot != decision]

    def names(self, planner: QuestionPlanner) -> tuple[str, ...]:
        """`Role: LLM` of each."""
        return tuple(f"{planner.roles[s]}: {planner.backbones[m]}" for s, m in self.agents)

    def columns(self, values: Array) -> Array:
        """`[Q, S, M]` to `[Q, A]`."""
        slots, backbones = np.array(self.agents).T
        out: Array = values[:, slots, backbones]
        return out
