"""`ReadingPlanner`: plans that read the question, at the prices of any budget."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial

from abgnn.data.plan import Plan
from abgnn.data.query import Query
from abgnn.graph.base_mas import BaseMAS
from abgnn.models.questions import questions_of
from abgnn.models.reading_plans import forecasts_by, plans_by
from abgnn.planning.budgets import Budget
from abgnn.planning.calibration import Calibration
from abgnn.planning.closed_loop.loop_plan import LoopPlan
from abgnn.planning.offered import Expected, frontier_of
from abgnn.planning.reading_plan import BothPlans, ReadingPlan, any_plan
from abgnn.planning.simulation import Forecast
from abgnn.serve.paced import PacedLoops
from abgnn.serve.plan_batcher import Chooser
from abgnn.serve.planner_thread import PlannerThread
from abgnn.serve.query_budget import BudgetKind, ChooserMemory, Once, QueryBudget, done


@dataclass(frozen=True, eq=False)
class QuestionChooser:
    """Plans by a plan that reads the question.

    Args:
        plan: at its prices.
        mas: encodes the questions, and keeps none of them.
    """

    plan: ReadingPlan
    mas: BaseMAS

    def __call__(self, queries: Sequence[Query]) -> list[Plan]:
        return plans_by(self.plan, queries, questions_of(self.mas, queries, self.plan.by))

    def forecasts(self, queries: Sequence[Query]) -> list[Forecast]:
        return forecasts_by(self.plan, queries, questions_of(self.mas, queries, self.plan.by))

    def expected(self) -> Expected | None:
        return Expected.of(self.plan.expected, self.plan.predicted, self.plan.label)


class ReadingPlanner:
    """For each budget the prices at which the planner keeps it, found on a thread of its own.

    Args:
        source: a plan, whose own prices serve questions without a budget, or a calibration, by
            which they get the best team at any price.
        mas: encodes the questions.
        own: plans questions without a budget, in place of the source.
    """

    kind: BudgetKind = "planned"

    def __init__(
        self, source: ReadingPlan | Calibration, mas: BaseMAS, own: Chooser | None = None
    ) -> None:
        self._source, self._mas = source, mas.for_users()
        known = None if isinstance(source, Calibration) else source
        if own is None and known is not None:
            own = self._choosing(known)
        self._own = None if own is None else done(own)
        self._plan: ReadingPlan | BothPlans | None = known
        self._thread = PlannerThread()
        self._known = ChooserMemory(
            lambda budget: self._thread.submit(partial(self._chooser, budget))
        )
        self._frontier = Once(lambda: self._thread.submit(lambda: frontier_of(self._planned())))

    def of(self, budget: QueryBudget) -> Future[Chooser]:
        if not budget and self._own is not None:
            return self._own
        return self._known(budget)

    def _chooser(self, budget: QueryBudget) -> Chooser:
        """
        Raises:
            ConfigError: no plan is expected to meet the budgets.
        """
        made = self._planned().at(Budget(budget.cost_usd, budget.latency_s))
        return self._choosing(made)

    def _planned(self) -> ReadingPlan | BothPlans:
        """What plans, at any prices; on the planner's thread."""
        if self._plan is None:
            assert isinstance(self._source, Calibration)
            self._plan = any_plan(self._source)
        return self._plan

    def frontier(self) -> Future[tuple[Expected, ...]]:
        return self._frontier()

    def _choosing(self, plan: ReadingPlan) -> Chooser:
        if isinstance(plan, LoopPlan):
            return PacedLoops(plan, self._mas)
        return QuestionChooser(plan, self._mas)

    def close(self) -> None:
        self._thread.close()
