"""Rows that are planned from one complete calibration: every LLM alone on every training question.

All of them have the same questions, calls and beliefs; thresholds, prices and choices are found by
replay of the calibration, for each budget, never on test questions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from abgnn.experiments.calibrate import calibrate_experiment
from abgnn.experiments.compare.budgets import budgets_of_rows
from abgnn.experiments.compare.controls import (
    CASCADE,
    CLOSED_LOOP,
    MAJORITY,
    ROUTED_CASCADE,
    ROUTER,
)
from abgnn.experiments.experiment import Experiment
from abgnn.models.cascade import FixedCascade
from abgnn.models.cascade_routing import CascadeRouting
from abgnn.models.lone_programs import LoneProgram
from abgnn.models.planned_loops import PlannedLoops
from abgnn.models.planned_questions import PlannedQuestions
from abgnn.models.policy import Policy
from abgnn.models.programs import StarProgram
from abgnn.planning import Budget, QuestionPlan
from abgnn.planning.calibration import Calibration
from abgnn.planning.closed_loop.cascades import cascades_of
from abgnn.planning.closed_loop.loop_plan import LoopPlan
from abgnn.planning.closed_loop.majorities import majorities_of

Maker = Callable[[Budget], Policy]


def complete_policies(
    kind: str, experiment: Experiment, costs: Sequence[float], waits: Sequence[float]
) -> tuple[int, list[tuple[str, Policy]]]:
    """Number of calibration calls, and a policy for each budget.

    - `closed loop`: asks, reads what was answered, stops or asks again (`LoopPlan`).
    - `router`: one LLM for each question, by the same beliefs (`QuestionPlan`).
    - `cascade`: a fixed order of up to three LLMs (`FixedCascade`).
    - `cascade routing`: sets of LLMs that are worth their whole price (`CascadeRouting`).
    - `majority`: three LLMs, whose votes are counted by key (`StarProgram`); one LLM where the
      budget does not buy three.
    """
    calibration = complete_calibration(experiment)
    make = _MAKERS[kind](calibration)
    policies = [(name, make(budget)) for name, budget in budgets_of_rows(costs, waits)]
    return len(calibration.observed), policies


def complete_calibration(experiment: Experiment) -> Calibration:
    """Every LLM of the catalogue on every training question."""
    experiment.data.setup("fit")
    questions = len(experiment.data.queries("train"))
    calls = questions * len(experiment.model.mas.catalogue)
    return calibrate_experiment(experiment, calls, design="complete")


def _loops(calibration: Calibration) -> Maker:
    plan = LoopPlan.of(calibration, Budget())
    return lambda budget: PlannedLoops(plan.at(budget, nearest=True))


def _router(calibration: Calibration) -> Maker:
    return lambda budget: PlannedQuestions(QuestionPlan.of(calibration, budget, nearest=True))


def _cascade(calibration: Calibration) -> Maker:
    plan = LoopPlan.of(calibration, Budget())
    cascades = cascades_of(plan.loop)
    return lambda budget: FixedCascade(plan, cascades.best(budget))


def _routed_cascade(calibration: Calibration) -> Maker:
    plan = LoopPlan.of(calibration, Budget())
    return lambda budget: CascadeRouting(plan, budget)


def _majority(calibration: Calibration) -> Maker:
    plan = LoopPlan.of(calibration, Budget())
    table, agents = plan.loop.table, plan.agents.agents
    three, alone = majorities_of(table), majorities_of(table, voters=1)

    def make(budget: Budget) -> Policy:
        llms = three.best(budget, alone)
        names = [plan.planner.backbones[agents[m][1]] for m in llms]
        return LoneProgram(names, StarProgram(len(names)))

    return make


_MAKERS: dict[str, Callable[[Calibration], Maker]] = {
    CLOSED_LOOP: _loops,
    ROUTER: _router,
    CASCADE: _cascade,
    ROUTED_CASCADE: _routed_cascade,
    MAJORITY: _majority,
}
