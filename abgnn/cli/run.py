"""`abgnn run`: one question, planned, executed and shown as a trace."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from abgnn.cli.arguments import Parser
from abgnn.cli.sources import add_bounds, add_sources, source_of

if TYPE_CHECKING:
    from rich.console import Console


def add_arguments(parser: Parser) -> None:
    """The question, what answers it, its budget."""
    parser.description = "Plan and execute one question; show its trace: tokens, USD, seconds."
    parser.add_argument("question", metavar="QUESTION", help="the question, in quotes")
    add_sources(parser)
    group = parser.add_argument_group("budget of the question, see `abgnn.System`")
    group.add_argument("--cost", type=float, metavar="USD", help="in USD")
    group.add_argument("--latency", type=float, metavar="S", help="in seconds")
    add_bounds(parser)


def run(args: Namespace, console: Console) -> int:
    """Answer the question; 1 if its rollout failed."""
    from abgnn.rollout.trace_tree import printable, trace_tree
    from abgnn.serve.sources import Bounds
    from abgnn.serve.system import System

    with System(source_of(args), bounds=Bounds.of(args)) as system:
        outcome = system.run(args.question, cost_usd=args.cost, latency_s=args.latency)
    console.print(trace_tree(outcome, system.label))
    text = outcome.answer or f"failed: {outcome.error}"
    console.print(printable(text), markup=False, highlight=False)
    return 0 if outcome.error is None else 1
