"""Graph networks as rows of a comparison: the planner teaches them from its own calibration."""

from __future__ import annotations

from collections.abc import Sequence

from abgnn.experiments.calibrate import check_foreseeable
from abgnn.experiments.compare.budgets import budgets_of_rows
from abgnn.experiments.compare.controls import PLAN_NET, TAUGHT_BALANCE
from abgnn.experiments.compare.planner import calibrate_with
from abgnn.experiments.experiment import Experiment, build
from abgnn.experiments.taught import at_budget, taught
from abgnn.graph.base_mas import BaseMAS
from abgnn.models.policy import Policy

_CLASSES = {PLAN_NET: "abgnn.models.PlanNet", TAUGHT_BALANCE: "abgnn.models.AgentBalance"}


def taught_policies(
    kind: str,
    experiment: Experiment,
    configs: Sequence[str],
    overrides: Sequence[str],
    train_calls: int,
    costs: Sequence[float],
    waits: Sequence[float],
    seed: int,
) -> tuple[int, list[tuple[str, Policy]]]:
    """Number of calibration calls, and the taught policy at each budget.

    The calls are those of the row `planner` with the same seed and number; the lessons need no
    more.
    """
    calibration = calibrate_with(experiment, train_calls, seed)
    flags = [*overrides, *net_flags(kind, experiment.model.mas)]
    policy = taught(configs, flags, calibration, seed=seed).model.policy
    points = budgets_of_rows(costs, waits)
    return len(calibration.observed), [(name, at_budget(policy, b)) for name, b in points]


def check_teachable(
    kind: str, configs: Sequence[str], overrides: Sequence[str], mas: BaseMAS
) -> None:
    """
    Raises:
        ConfigError: the experiment does not take the network, or the planner that is to teach it
            cannot forecast what its framework calls.
    """
    check_foreseeable(mas)
    policy = build(configs, [*overrides, *net_flags(kind, mas)]).model.policy
    policy.attach(mas.table)


def net_flags(kind: str, mas: BaseMAS) -> list[str]:
    """Arguments of `abgnn fit` that put the network in place of the experiment's policy."""
    width = mas.table.embed.size(-1)
    own = [f"--model.policy={_CLASSES[kind]}", f"--model.policy.init_args.in_channels={width}"]
    serves_all = ["--model.policy.init_args.conditioned=true"] if kind == TAUGHT_BALANCE else []
    return own + serves_all
