"""Policies that the planner teaches from a calibration, without a further call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from abgnn.errors import ConfigError
from abgnn.experiments.experiment import Experiment, build
from abgnn.models.at_point import AtPoint
from abgnn.models.policy import Policy
from abgnn.planning.budgets import Budget
from abgnn.planning.calibration import Calibration
from abgnn.training.teacher import Teacher


def taught(
    configs: Sequence[str],
    overrides: Sequence[str],
    calibration: Calibration,
    texts: int = 0,
    seed: int = 0,
) -> Experiment:
    """An experiment whose policy has had `Teacher`'s lessons, and no REINFORCE.

    Args:
        configs, overrides: of the experiment, as for `abgnn fit`.
        calibration: of its LLMs and roles, on its training questions.
        texts: further questions, without answers, that are learned on; seed: of the lessons.

    Raises:
        ConfigError: a policy that cannot be taught, or another calibration.
    """
    experiment = build(configs, [*overrides, "--trainer.max_epochs=0"])
    teacher = Teacher("", texts=texts, seed=seed)
    teacher.known = calibration
    trainer: Any = experiment.trainer
    trainer.callbacks.append(teacher)
    experiment.fit()
    return experiment


def at_budget(policy: Policy, budget: Budget) -> AtPoint:
    """A taught policy at the λ's that keep a budget; where none do, at those that come nearest.

    Raises:
        ConfigError: a policy without operating points.
    """
    limits = (budget.cost_usd, budget.latency_s)
    try:
        return AtPoint(policy, policy.set_budget(*limits, budget.aim))
    except ConfigError:
        points = policy.operating_points
        if not points:
            raise

    def excess(usd: float, seconds: float) -> float:
        pairs = zip((usd, seconds), limits, strict=True)
        return max(use / limit for use, limit in pairs if limit is not None)

    least = min(points, key=lambda p: (excess(p.usd, p.seconds), -p.accuracy))
    return AtPoint(policy, (least.lambda_tok, least.lambda_lat))
