"""`QueryPlanners`: from a question's budget to what plans it (policy, planner, operating point)."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from abgnn.data.plan import Plan
from abgnn.data.query import Query
from abgnn.data.template import Template
from abgnn.errors import ConfigError
from abgnn.planning.budgets import Budget, Stratum, budgeted_mix
from abgnn.planning.calibration import Calibration
from abgnn.planning.offered import Expected, undominated
from abgnn.planning.plan_file import PlanFile
from abgnn.planning.planner import strata_of
from abgnn.planning.predictive import Prediction, predict
from abgnn.planning.reading_plan import ReadingPlan
from abgnn.serve.offer import foreseen
from abgnn.serve.plan_batcher import Chooser
from abgnn.serve.planner_thread import PlannerThread
from abgnn.serve.policy_source import PolicySource
from abgnn.serve.query_budget import (
    BudgetKind,
    ChooserMemory,
    Once,
    QueryBudget,
    QueryPlanners,
    done,
)

_SHRINK, _MOST_POINTS = 0.5, 10  # budgets of the frontier: each is half of the one before


class FixedPlanner:
    """One chooser for all budgets, which become bounds of the single question."""

    kind: BudgetKind = "bound"

    def __init__(self, chooser: Chooser) -> None:
        self._chooser = done(chooser)

    def of(self, budget: QueryBudget) -> Future[Chooser]:
        return self._chooser

    def frontier(self) -> Future[tuple[Expected, ...]]:
        point = foreseen(self._chooser.result())
        return done(() if point is None else (point,))

    def close(self) -> None:
        return


class CalibratedPlanner:
    """The planner's mixture for each budget, computed on a thread of its own and cached.

    Args:
        calibration: the beliefs about the backbones.
        template: the roles of plans, by name.
        own: plans questions without a budget; None: the planner's best plan at any price.
    """

    kind: BudgetKind = "planned"

    def __init__(self, calibration: Calibration, template: Template, own: Chooser | None) -> None:
        self._calibration, self._template = calibration, template
        self._strata: list[Stratum] | None = None  # one search serves all budgets
        self._own = None if own is None else done(own)
        self._thread = PlannerThread()
        self._known = ChooserMemory(lambda budget: self._thread.submit(partial(self._plan, budget)))
        self._frontier = Once(lambda: self._thread.submit(self._points))

    def of(self, budget: QueryBudget) -> Future[Chooser]:
        if not budget and self._own is not None:
            return self._own
        return self._known(budget)

    def _plan(self, budget: QueryBudget) -> Chooser:
        """
        Raises:
            ConfigError: no plan is expected to meet the budgets.
        """
        known = self._calibration
        if self._strata is None:
            self._strata = strata_of(known, known.model(), known.everything)
        mixture = budgeted_mix(self._strata, Budget(budget.cost_usd, budget.latency_s))
        mixture.required()
        ahead = predict(known.model(), mixture, known.kinds)
        return MixtureChooser(PlanFile.of(mixture, known, ahead), self._template)

    def frontier(self) -> Future[tuple[Expected, ...]]:
        return self._frontier()

    def _points(self) -> tuple[Expected, ...]:
        """At budgets of dollars, and of seconds, from what is bought at any price down."""
        dearest = foreseen(self._plan(QueryBudget()))
        assert dearest is not None, "a mixture states its means"
        shares = [_SHRINK**k for k in range(_MOST_POINTS)]
        points = [dearest]
        for budgets in (
            [QueryBudget(cost_usd=dearest.usd * share) for share in shares],
            [QueryBudget(latency_s=dearest.seconds * share) for share in shares],
        ):
            with suppress(ConfigError):  # from here on no plan meets them
                for budget in budgets:
                    point = foreseen(self._plan(budget))
                    points += [] if point is None else [point]
        return undominated(points)

    def close(self) -> None:
        self._thread.close()


@dataclass(frozen=True, eq=False)
class MixtureChooser:
    """Plans by a plan file; needs no tensors."""

    plan_file: PlanFile
    template: Template

    def __call__(self, queries: Sequence[Query]) -> list[Plan]:
        return self.plan_file.plans(queries, self.template)

    def expected(self) -> Expected | None:
        known = self.plan_file
        ahead = None if known.predicted is None else Prediction.from_dict(known.predicted)
        return Expected.of(known.expected, ahead, known.label)


def query_planners(source: PolicySource) -> QueryPlanners:
    """The query planners for what was loaded, which decide what a question's budget means."""
    mas = source.deployment.mas
    own: Chooser | None = None
    if source.question_plan is not None:
        return _reading(source, source.question_plan, None)
    if source.plan is not None:
        own = MixtureChooser(source.plan, mas.template)
    elif source.trained is not None:
        from abgnn.serve.policy_chooser import PolicyChooser

        chooser = PolicyChooser(source.trained.policy, source.trained.mas, source.device)
        if source.calibration is None and chooser.policy.has_operating_points:
            from abgnn.serve.conditioned import ConditionedPlanner

            return ConditionedPlanner(chooser)
        own = chooser
    if source.calibration is not None and source.calibration.questions is not None:
        return _reading(source, source.calibration, own)
    if source.calibration is not None:
        return CalibratedPlanner(source.calibration, mas.template, own)
    assert own is not None, "a policy, a plan, or a calibration to plan from"
    return FixedPlanner(own)


def _reading(
    source: PolicySource, known: ReadingPlan | Calibration, own: Chooser | None
) -> QueryPlanners:
    from abgnn.graph.base_mas import BaseMAS
    from abgnn.serve.reading import ReadingPlanner

    mas = source.trained.mas if source.trained is not None else source.deployment.mas
    assert isinstance(mas, BaseMAS), "what reads questions encodes them"
    mas.encode.to(source.device)
    return ReadingPlanner(known, mas, own)
