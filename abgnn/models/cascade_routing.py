"""`CascadeRouting`: sets of LLMs that are worth their whole price, as a policy."""

from __future__ import annotations

from dataclasses import replace

from abgnn.data.program import Program
from abgnn.models.planned_loops import PlannedLoops
from abgnn.models.programs import CascadeRoutingProgram
from abgnn.planning.budgets import Budget
from abgnn.planning.closed_loop.forms import FormScale
from abgnn.planning.closed_loop.loop_plan import LoopPlan
from abgnn.planning.closed_loop.problem import LoopProblem
from abgnn.planning.closed_loop.whole_sets import set_prices


class CascadeRouting(PlannedLoops):
    """Each query gets a `CascadeRoutingProgram` at the same prices; nothing in it is learned.

    Args:
        path: of the plan, or the plan, whose beliefs and candidates they are.
        budget: for which its own prices are found (`set_prices`).

    Raises:
        ConfigError: a plan of a calibration with gaps: nothing can be replayed.
    """

    def __init__(self, path: str | LoopPlan, budget: Budget) -> None:
        super().__init__(path)
        tok, lat, self.later = set_prices(self.loop_plan.loop, budget)
        loop = replace(self.loop_plan.loop, lambda_tok=tok, lambda_lat=lat, reading=None)
        self.loop_plan = replace(self.loop_plan, loop=loop)

    def program(self, problem: LoopProblem, scales: tuple[FormScale, ...]) -> Program:
        return CascadeRoutingProgram.of(problem, scales, later=self.later)
