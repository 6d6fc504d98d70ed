"""`abgnn cases`: plans for an easy, a medium and a hard question on two budgets."""

from __future__ import annotations

from rich.console import Console

from abgnn.cli.arguments import parse
from abgnn.errors import ConfigError
from abgnn.experiments.cases import cases, write_cases
from abgnn.experiments.compare.config import Comparison, arguments
from abgnn.experiments.compare.job import QUIET
from abgnn.experiments.experiment import build
from abgnn.planning.budgets import Budget


def cases_command(args: list[str], console: Console) -> int:
    """Carry out `abgnn cases`."""
    given = parse(
        "cases",
        "Plans for an easy, a medium and a hard question on a low and a high budget, executed once "
        "each; writes one picture and cases.json.",
        {
            "--config": (str, None, "a compare config: its experiment, its budgets"),
            "--checkpoint": (list, None, "a policy; repeatable"),
            "--by": (str, "level", "entry of meta that says how hard it is"),
            "--rollouts": (int, 320, "of the planner's calibration"),
            "--seed": (int, None, "the config's first seed, or this"),
            "--out": (str, None, "folder of the results"),
        },
        args,
    )
    if given.config is None:
        raise ConfigError("--config", None, "a compare config, see configs/compare")
    comparison = Comparison.from_yaml(given.config)
    seed = comparison.seeds[0] if given.seed is None else given.seed
    seeded = arguments({**dict.fromkeys(comparison.seeded, seed), **comparison.set})
    experiment = build(comparison.fit, [*seeded, *QUIET])
    costs, waits = comparison.cost_budgets, comparison.latency_budgets
    budgets = [Budget(costs[k], waits[k]) for k in (0, -1)]
    found = cases(
        experiment,
        budgets,
        by=given.by or None,
        rollouts=given.rollouts,
        seed=seed,
        checkpoints=given.checkpoint or [],
    )
    out = given.out or f"{comparison.out}-cases"
    write_cases(found, out, experiment.model.label, console)
    return 0
