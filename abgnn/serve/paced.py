"""`PacedLoops`: closed loops whose prices follow what questions have really cost and taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from threading import Lock

from abgnn.data.plan import Plan
from abgnn.data.query import Query
from abgnn.graph.base_mas import BaseMAS
from abgnn.models.questions import questions_of
from abgnn.models.reading_plans import forecasts_by, plans_by
from abgnn.planning.closed_loop.loop_plan import LoopPlan
from abgnn.planning.offered import Expected
from abgnn.planning.simulation import Forecast


class PacedLoops:
    """A chooser of plans for one budget, shared by all questions that state it.

    Money and seconds that earlier questions left over, or took too much of, are made up for over
    the next 50 (`abgnn.planning.closed_loop.pacing.Pacer`), so that the means keep the budgets
    even when calls cost other than was calibrated.

    Args:
        plan: at the prices of its budgets.
        mas: encodes the questions, and keeps none of them.
    """

    def __init__(self, plan: LoopPlan, mas: BaseMAS) -> None:
        self._plan, self._mas, self._lock = plan, mas, Lock()
        self._paced = plan.loop.paced(plan.budget["cost_usd"], plan.budget["latency_s"])

    @property
    def prices(self) -> tuple[float, float]:
        """Of a dollar and of a second, for the next question."""
        with self._lock:
            return self._paced.next

    def __call__(self, queries: Sequence[Query]) -> list[Plan]:
        plan = self._next()
        return plans_by(plan, queries, questions_of(self._mas, queries, plan.by))

    def forecasts(self, queries: Sequence[Query]) -> list[Forecast]:
        plan = self._next()
        return forecasts_by(plan, queries, questions_of(self._mas, queries, plan.by))

    def _next(self) -> LoopPlan:
        """The plan at the prices of the next question."""
        tok, lat = self.prices
        return replace(self._plan, loop=replace(self._plan.loop, lambda_tok=tok, lambda_lat=lat))

    def expected(self) -> Expected | None:
        """At the prices of its budgets, before what earlier questions have cost moves them."""
        return Expected.of(self._plan.expected, self._plan.predicted, self._plan.label)

    def spent(self, usd: float, seconds: float) -> None:
        """A question was answered, cost this and took so long; any thread may say so."""
        with self._lock:
            self._paced.add(usd, seconds)
