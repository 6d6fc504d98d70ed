"""The planner as a method of a comparison: one calibration, a plan for every budget."""

from __future__ import annotations

from collections.abc import Sequence

from abgnn.experiments.calibrate import calibrate_experiment
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

    Without training calls the plans are from the profiles alone; `blind` ones are mixtures of
    teams for all questions alike.
    """
    calibration = calibrate_with(experiment, train_calls, seed)
    policies = budget_policies(calibration, costs, waits, seed, blind=blind)
    return len(calibration.observed), policies


def calibrate_with(experiment: Experiment, calls: int, seed: int) -> Calibration:
    """A calibration of about so many LLM calls."""
    template = experiment.model.mas.template
    each = calls_per_rollout(len(template.roles) - 1)  # beside the decision agent
    return calibrate_experiment(experiment, int(calls / each), seed)


def budget_policies(
    calibration: Calibration,
    costs: Sequence[float],
    waits: Sequence[float],
    seed: int,
    *,
    blind: bool = False,
) -> list[tuple[str, Policy]]:
    """A plan for each budget (USD or seconds per query), and one without any."""
    return [
        (name, budget_policy(calibration, budget, seed, blind=blind))
        for name, budget in named_budgets(costs, waits)
    ]


def named_budgets(costs: Sequence[float], waits: Sequence[float]) -> list[tuple[str, Budget]]:
    """Each budget of USD, each of seconds, and none; aimed at as everywhere."""
    rows = [(f"{1e3 * cost:.3g} mUSD", Budget(cost)) for cost in costs]
    rows += [(f"{wait:g} s", Budget(None, wait)) for wait in waits]
    return [*rows, ("no budget", Budget())]


def budget_policy(
    calibration: Calibration, budget: Budget, seed: int, *, blind: bool = False
) -> Policy:
    """A plan for a budget: one that reads the question, or a mixture of teams for all alike."""
    if not blind and calibration.questions is not None:
        return PlannedQuestions(QuestionPlan.of(calibration, budget))
    mixture = plan(calibration, budget, seed=seed)
    return PlannedMixture(PlanFile.of(mixture, calibration), seed)
