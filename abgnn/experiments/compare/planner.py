"""The planner as a method of a comparison: one calibration, a plan for every budget."""

from __future__ import annotations

from collections.abc import Sequence

from abgnn.experiments.calibrate import calibrate_experiment
from abgnn.experiments.compare.budgets import budgets_of_rows, named_budgets
from abgnn.experiments.experiment import Experiment
from abgnn.models.planned import PlannedMixture
from abgnn.models.planned_questions import PlannedQuestions
from abgnn.models.policy import Policy
from abgnn.planning import Budget, QuestionPlan, calls_per_rollout
from abgnn.planning.calibration import Calibration
from abgnn.planning.plan_file import PlanFile
from abgnn.planning.planner import plan


def planned_policies(
    experiment: Experiment,
    train_calls: int,
    costs: Sequence[float],
    waits: Sequence[float],
    seed: int,
    *,
    blind: bool = False,
) -> tuple[int, list[tuple[str, Policy]]]:
    """Number of calibration calls, and a plan for each budget (USD or seconds per query).

    The budgets are those of all planned rows (`budgets_of_rows`); where no plan keeps one, it is
    the plan that comes nearest. Without training calls the plans are from the profiles alone;
    `blind` ones are mixtures of teams for all questions alike.
    """
    calibration = calibrate_with(experiment, train_calls, seed)
    policies = [
        (name, budget_policy(calibration, budget, seed, blind=blind, nearest=True))
        for name, budget in budgets_of_rows(costs, waits)
    ]
    return len(calibration.observed), policies


def calibrate_with(experiment: Experiment, calls: int, seed: int) -> Calibration:
    """A calibration of about so many LLM calls."""
    template = experiment.model.mas.template
    each = calls_per_rollout(len(template.roles) - 1)  # beside the decision agent
    return calibrate_experiment(experiment, round(calls / each), seed)


def budget_policies(
    calibration: Calibration,
    costs: Sequence[float],
    waits: Sequence[float],
    seed: int,
) -> list[tuple[str, Policy]]:
    """A plan for each budget (USD or seconds per query), and one without any."""
    return [
        (name, budget_policy(calibration, budget, seed))
        for name, budget in named_budgets(costs, waits)
    ]


def budget_policy(
    calibration: Calibration,
    budget: Budget,
    seed: int,
    *,
    blind: bool = False,
    nearest: bool = False,
) -> Policy:
    """A plan for a budget: one that reads the question, or a mixture of teams for all alike.

    Raises:
        ConfigError: no plan is expected to keep the budget, unless `nearest` will do.
    """
    if not blind and calibration.questions is not None:
        return PlannedQuestions(QuestionPlan.of(calibration, budget, nearest=nearest))
    mixture = plan(calibration, budget, seed=seed, nearest=nearest)
    return PlannedMixture(PlanFile.of(mixture, calibration), seed)
