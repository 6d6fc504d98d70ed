"""`abgnn cases`: plans for an easy, a medium and a hard question on two budgets."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from abgnn.cli.arguments import Parser

if TYPE_CHECKING:
    from rich.console import Console


def add_arguments(parser: Parser) -> None:
    """A compare config, and which policies are shown."""
    parser.description = (
        "Plans for an easy, a medium and a hard question on the lowest and the highest budget of "
        "a comparison, executed once each; writes one picture and cases.json. Of closed loops "
        "(--loop) also every decision: who was asked, what was answered, how likely it is right."
    )
    text = "a compare config, for example compare/simulated-general.yaml"
    parser.add_argument("--config", required=True, metavar="NAME", help=text)
    text = "a trained policy to show beside the planner; repeatable"
    parser.add_argument("--checkpoint", action="append", metavar="FILE", help=text)
    text = "show closed loops, too; every LLM is asked every training question for them"
    parser.add_argument("--loop", action="store_true", help=text)
    text = "plan the closed loops from this file of `abgnn calibrate --design complete`"
    parser.add_argument("--calibration", metavar="FILE", help=text)
    text = "entry of the questions' meta that says how hard they are; '': estimate it from the text"
    parser.add_argument("--by", default="level", metavar="ENTRY", help=text)
    text = "of the planner's calibration; 0: published profiles alone"
    parser.add_argument("--rollouts", type=int, default=320, metavar="N", help=text)
    parser.add_argument("--seed", type=int, help="left out: the config's first one")
    text = "folder of the results; left out: the config's, with -cases after it"
    parser.add_argument("--out", metavar="DIR", help=text)


def run(args: Namespace, console: Console) -> int:
    """Plan, execute, draw."""
    from abgnn.experiments.cases import cases_of, write_cases
    from abgnn.experiments.compare.config import Comparison

    comparison = Comparison.from_yaml(args.config)
    shown, label = cases_of(
        comparison,
        args.seed,
        by=args.by or None,
        rollouts=args.rollouts,
        checkpoints=args.checkpoint or [],
        loop=args.loop,
        calibration=args.calibration,
    )
    write_cases(shown, args.out or f"{comparison.out}-cases", label, console)
    return 0
