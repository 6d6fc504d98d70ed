"""`CascadeRouting`: sets of LLMs that are worth their whole price, as a policy."""

from __future__ import annotations

from dataclasses import replace

from abgnn.data.program import Program
from abgnn.errors import ConfigError
from abgnn.models.planned_loops import PlannedLoops
from abgnn.models.programs import CascadeRoutingProgram
from abgnn.planning.budgets import Budget
from abgnn.planning.closed_loop.ahead import AIM
from abgnn.planning.closed_loop.loop_plan import LoopPlan
from abgnn.planning.closed_loop.problem import LoopProblem
from abgnn.planning.closed_loop.replay import Replay, prices_of_budgets
from abgnn.planning.closed_loop.whole_sets import SetReplay


class CascadeRouting(PlannedLoops):
    """Each query gets a `CascadeRoutingProgram` at one price for all; nothing in it is learned.

    Args:
        path: of the plan, or the plan, whose beliefs and candidates they are.
        budget: its own prices are found for it, by replay of the plan's calibration under this
            rule.

    Raises:
        ConfigError: a calibration with gaps: nothing can be replayed.
    """

    def __init__(self, path: str | LoopPlan, budget: Budget) -> None:
        super().__init__(path)
        replay = self.loop_plan.loop.replay
        if not isinstance(replay, Replay):
            allowed = "answers of every LLM to every question: `--design complete`"
            raise ConfigError("calibration", "calls that are missing", allowed)
        usd = float("inf") if budget.cost_usd is None else budget.cost_usd
        aim = AIM if budget.margin is None else budget.margin
        own = SetReplay(replay.problems, replay.table)
        tok, lat = prices_of_budgets(own, usd, budget.latency_s, aim)
        loop = replace(self.loop_plan.loop, lambda_tok=tok, lambda_lat=lat, reading=None)
        self.loop_plan = replace(self.loop_plan, loop=loop)

    def program(self, problem: LoopProblem) -> Program:
        return CascadeRoutingProgram.of(problem)
