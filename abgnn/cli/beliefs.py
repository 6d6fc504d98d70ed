"""`abgnn beliefs`: how likely each LLM is right on a question, and at what price."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from abgnn.cli.arguments import Parser

if TYPE_CHECKING:
    from rich.console import Console

    from abgnn.planning.closed_loop.decision_graph import DecisionGraph


def add_arguments(parser: Parser) -> None:
    """What is known, and the question."""
    parser.description = (
        "Show what a calibration says about one question: for every LLM in a role, how likely "
        "its answer is right (with a 90 % interval), and the dollars and seconds of a call. For "
        "a plan of closed loops also every decision that it may take. Nothing is spent."
    )
    text = "a file of `abgnn calibrate`, or of `abgnn plan`"
    parser.add_argument("file", metavar="FILE", help=text)
    parser.add_argument("question", metavar="QUESTION", help="a text, in quotes")
    text = "who answers; left out: the role that would answer alone"
    parser.add_argument("--role", metavar="NAME", help=text)
    text = "the question's kind, where the calibration has kinds; left out: judged by its text"
    parser.add_argument("--kind", metavar="NAME", help=text)

    text = "write the decision graph of a plan of closed loops to this file (.svg, .png, .mmd)"
    parser.add_argument("--graph", metavar="PATH", help=text)


def run(args: Namespace, console: Console) -> int:
    """Show the beliefs."""
    from abgnn.cli.views.question_beliefs import show_beliefs
    from abgnn.errors import ConfigError
    from abgnn.experiments.question_beliefs import beliefs_about, decisions_about, read_planner

    planner, encoder, label = read_planner(args.file)
    roles, kinds = planner.roles, planner.model.features.kinds
    if args.role is not None and args.role not in roles:
        raise ConfigError("--role", args.role, ", ".join(roles))
    if args.kind is not None and args.kind not in kinds:
        raise ConfigError("--kind", args.kind, ", ".join(kinds) or "none: there is one kind")
    slot = planner.template.lead if args.role is None else roles.index(args.role)
    belief, questions = beliefs_about(planner, encoder, args.question, args.kind)
    show_beliefs(planner, belief, questions, slot, label, console)
    graph = decisions_about(args.file, questions)
    if graph is None and args.graph is not None:
        raise ConfigError("--graph", args.graph, "none: FILE is no plan of closed loops")
    if graph is not None and args.graph is None:
        console.print(graph.to_mermaid(), markup=False, highlight=False, soft_wrap=True)
    elif graph is not None:
        _draw(graph, args, label, console)
    return 0


def _draw(graph: DecisionGraph, args: Namespace, label: str, console: Console) -> None:
    from pathlib import Path

    from abgnn.plots import draw_decision_graph

    path = Path(args.graph)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".mmd":
        path.write_text(graph.to_mermaid() + "\n", encoding="utf-8")
    else:
        draw_decision_graph(graph, path, args.question, simulated=label == "simulated")
    console.print(f"decision graph: {path}")
