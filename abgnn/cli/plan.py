"""`abgnn plan`: the best team for every question within budgets."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from abgnn.cli.arguments import Parser
from abgnn.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console

    from abgnn.planning.budgets import Budget
    from abgnn.planning.calibration import Calibration
    from abgnn.planning.plan_file import PlanFile
    from abgnn.planning.reading_plan import ReadingPlan


def add_arguments(parser: Parser) -> None:
    """What is known of the LLMs, the budgets, what becomes of the plan."""
    parser.description = (
        "Choose for every question the team that is worth most for it, such that the means over "
        "questions keep the budgets. Takes seconds and executes nothing. If no plan is expected "
        "to meet the budgets, the nearest one is shown with what it takes, none is written, and "
        "the exit status is 1. A plan that does not read the question (--blind) is a mixture of "
        "at most three teams; --quantile, --pools and calibrations of abgnn 0.1 make one."
    )
    text = "a file of `abgnn calibrate`"
    parser.add_argument("calibration", nargs="?", metavar="FILE", help=text)
    text = (
        "in place of FILE, without any call: plan from the published scores of a config's LLMs, "
        "weighted by how near its training questions are to benchmarks"
    )
    parser.add_argument("--config", metavar="NAME", help=text)
    budget = parser.add_argument_group("budgets; one that is left out does not bind")
    budget.add_argument("--cost", type=float, metavar="USD", help="mean USD per query")
    budget.add_argument("--latency", type=float, metavar="S", help="mean seconds per query")
    text = "--latency is for this share of the queries (0.95), not for the mean"
    budget.add_argument("--quantile", type=float, metavar="P", help=text)
    text = "share of the budgets that is aimed at; left out: 0.99"
    budget.add_argument("--margin", type=float, metavar="P", help=text)
    text = "aim lower, so that the next 100 queries keep the budgets in 95 of 100 cases"
    budget.add_argument("--strict", action="store_true", help=text)
    kinds = parser.add_mutually_exclusive_group()
    text = "one mixture of teams for all questions (or for every kind of them)"
    kinds.add_argument("--blind", action="store_true", help=text)
    text = "a team for every question, decided before anybody answers"
    kinds.add_argument("--static", action="store_const", const="static", dest="kind", help=text)
    text = "closed loops: ask, read the answer, stop or ask again; if neither is stated, "
    text += "whichever is expected to do better, where answers can be compared or run"
    kinds.add_argument("--loop", action="store_const", const="loop", dest="kind", help=text)
    text = "mix LLMs within one resource tier only (`abgnn pools`)"
    parser.add_argument("--pools", action="store_true", help=text)
    text = "how many queries the stated intervals are for"
    parser.add_argument("--queries", type=int, default=100, metavar="N", help=text)
    text = "file of the plan, for `abgnn certify`, `abgnn run`, `abgnn serve`"
    parser.add_argument("--out", metavar="FILE", help=text)
    parser.add_argument("--json", action="store_true", help="print the plan as JSON")


def run(args: Namespace, console: Console) -> int:
    """Plan, print and write; 1 if no plan is expected to meet the budgets."""
    from abgnn.planning.budgets import Budget

    calibration = _calibration(args)
    budget = Budget(args.cost, args.latency, args.quantile, args.strict, args.margin)
    blind = args.blind or args.pools or budget.quantile is not None
    if blind and args.kind is not None:
        allowed = "neither --pools nor --quantile: they are of mixtures"
        raise ConfigError(f"--{args.kind}", True, allowed)
    made, show, refused = (_mixture if blind or calibration.questions is None else _by_question)(
        calibration, budget, args
    )
    if args.json:
        console.print_json(json.dumps(made.to_dict()))
    else:
        show(console)
    if refused is not None:
        from rich.console import Console

        Console(stderr=True).print(f"abgnn: {refused}", style="red", markup=False, soft_wrap=True)
        return 1
    if args.out:
        made.write(args.out)
        if not args.json:
            console.print(f"plan: {args.out}")
    return 0


def _by_question(
    calibration: Calibration, budget: Budget, args: Namespace
) -> tuple[ReadingPlan, Callable[[Console], None], ConfigError | None]:
    from abgnn.cli.views.question_plan import show_reading_plan
    from abgnn.planning.reading_plan import PlanKind, reading_plan

    kind: PlanKind = args.kind or "best"
    made = reading_plan(calibration, budget, args.queries, kind, nearest=True)
    return made, partial(show_reading_plan, made), made.refusal


def _mixture(
    calibration: Calibration, budget: Budget, args: Namespace
) -> tuple[PlanFile, Callable[[Console], None], ConfigError | None]:
    from abgnn.cli.views.plan import show_plan
    from abgnn.planning.design import PlanSpace
    from abgnn.planning.plan_file import PlanFile
    from abgnn.planning.planner import plan
    from abgnn.planning.predictive import predict

    tiers = PlanSpace(calibration.template, calibration.pools) if args.pools else None
    mixture = plan(calibration, budget, tiers, nearest=True)
    ahead = predict(calibration.model(), mixture, calibration.kinds, args.queries)
    made = PlanFile.of(mixture, calibration, ahead)
    return made, partial(show_plan, mixture, ahead, calibration), mixture.refusal


def _calibration(args: Namespace) -> Calibration:
    if (args.calibration is None) == (args.config is None):
        allowed = "a calibration file, or a config (profiles alone)"
        raise ConfigError("FILE / --config", (args.calibration, args.config), allowed)
    if args.calibration is not None:
        from abgnn.planning.calibration import Calibration

        return Calibration.load(args.calibration)
    from abgnn.experiments.calibrate import calibrate_experiment
    from abgnn.experiments.experiment import build

    return calibrate_experiment(build([args.config], ["--trainer.logger=false"]), 0)
