"""The planner as a method of a comparison: one calibration, a plan for every budget."""

from __future__ import annotations

from collections.abc import Sequence

from abgnn.experiments.calibrate import calibrate_experiment
from abgnn.experiments.experiment import Experiment
from abgnn.models.planned import PlannedMixture
from abgnn.models.policy import Policy
from abgnn.planning import calls_per_rollout
from abgnn.planning.budgets import Budget
from abgnn.planning.calibration import Calibration
from abgnn.planning.plan_file import PlanFile
from abgnn.planning.planner import plan


def planned_policies(
    experiment: Experiment,
    train_calls: int,
    costs: Sequence[float],
    waits: Sequence[float],
    seed: int,
) -> tuple[int, list[tuple[str, Policy]]]:
    """Number of calibration calls, and a plan for each budget (USD or seconds per query).

    Without training calls the plans are from the profiles alone.
    """
    calibration = calibrate_with(experiment, train_calls, seed)
    return len(calibration.observed), budget_policies(calibration, costs, waits, seed)


def calibrate_with(experiment: Experiment, calls: int, seed: int) -> Calibration:
    """A calibration of about so many LLM calls."""
    template = experiment.model.mas.template
    each = calls_per_rollout(len(template.roles) - 1)  # beside the decision agent
    return calibrate_experiment(experiment, int(calls / each), seed)


def budget_policies(
    calibration: Calibration, costs: Sequence[float], waits: Sequence[float], seed: int
) -> list[tuple[str, Policy]]:
    """A plan for each budget (USD or seconds per query), and one without any."""
    policies: list[tuple[str, Policy]] = []
    pairs = [(c, None) for c in costs] + [(None, w) for w in waits] + [(None, None)]
    for cost, wait in pairs:
        mixture = plan(calibration, Budget(cost, wait), seed=seed)  # aimed at as everywhere
        name = f"{1e3 * cost:g} mUSD" if cost else f"{wait:g} s" if wait else "no budget"
        policies.append((name, PlannedMixture(PlanFile.of(mixture, calibration), seed)))
    return policies
