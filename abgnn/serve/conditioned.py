"""`ConditionedPlanner`: a policy that was taught all budgets, at the operating point of each."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Lock

from abgnn.data.plan import Plan
from abgnn.data.query import Query
from abgnn.models.operating_point import OperatingPoint
from abgnn.planning.offered import Expected, undominated
from abgnn.serve.plan_batcher import Chooser
from abgnn.serve.planner_thread import PlannerThread
from abgnn.serve.policy_chooser import PolicyChooser
from abgnn.serve.query_budget import BudgetKind, ChooserMemory, Once, QueryBudget, done


class ConditionedPlanner:
    """Chooses the operating point that suits a budget best.

    Args:
        choose: plans with the policy, at the point that it is set to.
    """

    kind: BudgetKind = "taught"

    def __init__(self, choose: PolicyChooser) -> None:
        setting = _Setting(choose, choose.policy.operating_point)
        self._known = ChooserMemory(lambda budget: done(ConditionedChooser(setting, budget)))
        self._setting = setting
        self._thread = PlannerThread()
        self._frontier = Once(lambda: self._thread.submit(self._points))

    def of(self, budget: QueryBudget) -> Future[Chooser]:
        return self._known(budget)

    def frontier(self) -> Future[tuple[Expected, ...]]:
        return self._frontier()

    def _points(self) -> tuple[Expected, ...]:
        with self._setting.lock:
            points = self._setting.choose.policy.operating_points
        return undominated(_expected(point) for point in points)

    def close(self) -> None:
        self._thread.close()


class _Setting:
    """A policy whose operating point changes, one user at a time; its own is `own`."""

    def __init__(self, choose: PolicyChooser, own: tuple[float, float]) -> None:
        self.choose, self.own, self.lock = choose, own, Lock()

    def set(self, budget: QueryBudget) -> tuple[float, float]:
        """λ's of a budget, which the policy is at now.

        Raises:
            ConfigError: no point is expected to keep it.
        """
        if budget:
            return self.choose.policy.set_budget(budget.cost_usd, budget.latency_s)
        self.choose.policy.set_tradeoff(*self.own)
        return self.own


@dataclass(frozen=True, eq=False)
class ConditionedChooser:
    """Plans for one budget."""

    setting: _Setting
    budget: QueryBudget

    def __call__(self, queries: Sequence[Query]) -> Sequence[Plan]:
        with self.setting.lock:
            self.setting.set(self.budget)
            return self.setting.choose(queries)

    def expected(self) -> Expected | None:
        """
        Raises:
            ConfigError: no point is expected to keep the budget.
        """
        with self.setting.lock:
            point = self.setting.choose.policy.point_at(*self.setting.set(self.budget))
        return None if point is None else _expected(point)


def _expected(point: OperatingPoint) -> Expected:
    return Expected(point.accuracy, point.usd, point.seconds)
