"""`abgnn calibrate`, `plan` and `certify`: from a few rollouts to budgets that are met."""

from __future__ import annotations

import json
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from abgnn.cli.arguments import parse
from abgnn.errors import ConfigError
from abgnn.experiments.calibrate import calibrate_experiment
from abgnn.experiments.experiment import build
from abgnn.planning import Mixture, PlanSpace
from abgnn.planning.budgets import Budget
from abgnn.planning.calibration import Calibration
from abgnn.planning.plan_file import PlanFile
from abgnn.planning.planner import plan
from abgnn.planning.predictive import Prediction, predict


def plan_command(args: Sequence[str], console: Console) -> int:
    """The best mixture within budgets, from a calibration file or from profiles alone."""
    options = {
        "calibration": (str, None, "a file that `abgnn calibrate` wrote"),
        "--config": (
            str,
            None,
            "a config: plan from its profiles, without any rollout",
        ),
        "--cost": (float, None, "budget: mean USD per query"),
        "--latency": (float, None, "budget: mean seconds per query"),
        "--quantile": (float, None, "--latency is for this share of the queries, for example 0.95"),
        "--margin": (float, None, "share of the budgets that is aimed at (0.99)"),
        "--queries": (int, 100, "how many the stated intervals are for"),
        "--out": (str, None, "file of the plan, for PlannedMixture and `abgnn certify`"),
    }
    flags = {
        "--strict": "aim so low that the next 100 queries keep the budgets with 95 %",
        "--json": "print JSON",
        "--pools": "mix LLMs within one resource tier only",
    }
    given = parse("plan", "Plans within budgets, in seconds.", options, args, flags)
    if (given.calibration is None) == (given.config is None):
        found = (given.calibration, given.config)
        raise ConfigError(
            "FILE / --config", found, "a calibration file, or a config (profiles alone)"
        )
    if given.calibration is not None:
        calibration = Calibration.load(given.calibration)
    else:
        calibration = calibrate_experiment(build([given.config], ["--trainer.logger=false"]), 0)
    budget = Budget(given.cost, given.latency, given.quantile, given.strict, given.margin)
    tiers = PlanSpace(calibration.template, calibration.pools) if given.pools else None
    mixture = plan(calibration, budget, tiers)
    ahead = predict(calibration.model(), mixture, calibration.kinds, given.queries)
    made = PlanFile.of(mixture, calibration, ahead)
    if given.out:
        made.write(given.out)
    if given.json:
        console.print_json(json.dumps(made.to_dict()))
        return 0
    _show(mixture, ahead, calibration, console)
    if given.out:
        console.print(f"plan: {given.out}")
    return 0 if mixture.feasible else 1


def _show(mixture: Mixture, ahead: Prediction, calibration: Calibration, console: Console) -> None:
    said = f"{calibration.rollouts} calibration rollouts" if calibration.rollouts else "no rollout"
    table = Table(title=f"plan from {said} ({calibration.label})", title_justify="left")
    for head in ("share", calibration.by or "kind", "team", "accuracy", "mUSD", "s"):
        if head != "kind" or calibration.by:
            left = head in ("team", calibration.by)
            table.add_column(head, justify="left" if left else "right")
    for part in sorted(mixture.parts, key=lambda p: p.group):
        design, forecast = part.candidate.design, part.candidate.forecast
        table.add_row(
            f"{part.share:.0%}",
            *([part.group] if calibration.by else []),
            design.describe(calibration.template, calibration.profile.names),
            f"{forecast.accuracy:.3f}",
            f"{1e3 * forecast.usd:.3g}",
            f"{forecast.seconds:.3g}",
        )
    console.print(table)
    most = mixture.budget.quantile
    of = f" for {most:.0%} of the queries" if most else ""
    budget = [
        f"{1e3 * mixture.cost_usd:g} mUSD" if mixture.cost_usd else "",
        f"{mixture.latency_s:g} s{of}" if mixture.latency_s else "",
    ]
    console.print(
        f"expected: accuracy {mixture.accuracy:.3f}, {1e3 * mixture.usd:.3g} mUSD, "
        f"{mixture.seconds:.3g} s per query; "
        f"budget {' and '.join(b for b in budget if b) or 'none'}"
    )
    accuracy, usd, seconds = ahead.accuracy, ahead.usd, ahead.seconds
    console.print(
        f"means over the next {ahead.queries} queries, 90 % in the model: accuracy "
        f"{accuracy.low:.3f} … {accuracy.high:.3f}, {1e3 * usd.low:.3g} … {1e3 * usd.high:.3g} "
        f"mUSD, {seconds.low:.3g} … {seconds.high:.3g} s"
    )
    if not mixture.feasible:
        console.print(
            "the model expects no plan to meet these budgets; this one comes nearest", style="red"
        )
    console.print(
        "Expectations are for ranking and a little optimistic: `abgnn certify` measures them."
    )
