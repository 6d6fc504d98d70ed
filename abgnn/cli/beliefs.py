"""`abgnn beliefs`: who is thought how likely right on a question, at what price."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from abgnn.cli.arguments import Parser

if TYPE_CHECKING:
    from rich.console import Console


def add_arguments(parser: Parser) -> None:
    """What is known, and the question."""
    parser.description = (
        "Show what a calibration says about one question: for every LLM in a role how likely its "
        "answer is right, with the middle 90 % of what is not known of the LLM, dollars and "
        "seconds of a call. Nothing is spent."
    )
    text = "a file of `abgnn calibrate`, or of `abgnn plan`"
    parser.add_argument("file", metavar="FILE", help=text)
    parser.add_argument("question", metavar="QUESTION", help="a text, in quotes")
    text = "who answers; left out: the role that would answer alone"
    parser.add_argument("--role", metavar="NAME", help=text)
    text = "the question's kind, where calibrations tell kinds apart; left out: as it reads"
    parser.add_argument("--kind", metavar="NAME", help=text)


def run(args: Namespace, console: Console) -> int:
    """Show the beliefs."""
    from abgnn.cli.views.question_beliefs import show_beliefs
    from abgnn.errors import ConfigError
    from abgnn.experiments.question_beliefs import beliefs_about, read_planner

    planner, encoder, label = read_planner(args.file)
    roles, kinds = planner.roles, planner.model.features.kinds
    if args.role is not None and args.role not in roles:
        raise ConfigError("--role", args.role, ", ".join(roles))
    if args.kind is not None and args.kind not in kinds:
        raise ConfigError("--kind", args.kind, ", ".join(kinds) or "none: there is one kind")
    slot = planner.template.lead if args.role is None else roles.index(args.role)
    belief, questions = beliefs_about(planner, encoder, args.question, args.kind)
    show_beliefs(planner, belief, questions, slot, label, console)
    return 0
