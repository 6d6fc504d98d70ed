"""`FixedCascade`: one cascade of LLMs for all questions, as a policy."""

from __future__ import annotations

from dataclasses import replace

from abgnn.data.program import Program
from abgnn.models.planned_loops import PlannedLoops
from abgnn.models.programs import CascadeProgram
from abgnn.planning.closed_loop.cascades import Cascade
from abgnn.planning.closed_loop.forms import FormScale
from abgnn.planning.closed_loop.loop_plan import LoopPlan
from abgnn.planning.closed_loop.problem import LoopProblem


class FixedCascade(PlannedLoops):
    """LLMs in one order, each answer weighed against a threshold; see `CascadeProgram`.

    Args:
        path: of the plan, or the plan, whose beliefs say how likely an answer is right.
        cascade: order and thresholds.
    """

    def __init__(self, path: str | LoopPlan, cascade: Cascade) -> None:
        super().__init__(path)
        loop = replace(self.loop_plan.loop, chosen={"": cascade.llms}, reading=None)
        self.loop_plan = replace(self.loop_plan, loop=loop)
        self.cascade = cascade

    def program(self, problem: LoopProblem, scales: tuple[FormScale, ...]) -> Program:
        return CascadeProgram.of(problem, scales, thresholds=self.cascade.thresholds)
