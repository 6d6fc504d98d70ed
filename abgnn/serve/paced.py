"""`PacedLoops`: closed loops whose price of a dollar follows what questions have really cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from threading import Lock

from abgnn.data.plan import Plan
from abgnn.data.query import Query
from abgnn.graph.base_mas import BaseMAS
from abgnn.models.questions import questions_of
from abgnn.models.reading_plans import plans_by
from abgnn.planning.closed_loop.loop_plan import LoopPlan


class PacedLoops:
    """A chooser of plans for one budget, shared by all questions that state it.

    Money that earlier questions left over, or took too much of, is made up for over the next 50
    (`abgnn.planning.closed_loop.pacing.Pacer`), so that the mean keeps the budget even when calls
    cost other than was calibrated. Seconds are not paced: their price stays.

    Args:
        plan: at the prices of the budget.
        mas: encodes the questions, and keeps none of them.
        usd: budget per question.
    """

    def __init__(self, plan: LoopPlan, mas: BaseMAS, usd: float) -> None:
        self._plan, self._mas = plan, mas
        self._pacer, self._lock = plan.loop.pacer(usd), Lock()

    @property
    def lambda_tok(self) -> float:
        """Price of a dollar for the next question."""
        with self._lock:
            return self._pacer.lambda_tok

    def __call__(self, queries: Sequence[Query]) -> list[Plan]:
        plan = replace(self._plan, loop=replace(self._plan.loop, lambda_tok=self.lambda_tok))
        return plans_by(plan, queries, questions_of(self._mas, queries, plan.by))

    def spent(self, usd: float) -> None:
        """A question was answered and cost this; any thread may say so."""
        with self._lock:
            self._pacer.add(usd)
