"""`abgnn explain`: why an agent takes part in the plan of one question."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from abgnn.cli.arguments import Parser

if TYPE_CHECKING:
    from rich.console import Console

    from abgnn.experiments.explain import GateExplanation
    from abgnn.experiments.trained import Trained

_SHOWN = 12  # words and messages
_KINDS = {"--checkpoint": ("checkpoint", "folder"), "--config": ("config",)}


def add_arguments(parser: Parser) -> None:
    """The question, the policy, the agent."""
    parser.description = (
        "Explain a gate of AgentBalance with PyG's Explainer: which roles, which parts of their "
        "features and which messages it depends on, and which words of the LLM's profile moved "
        "it. Plans the question; executes and spends nothing."
    )
    parser.add_argument("question", metavar="QUESTION", help="the question, in quotes")
    group = parser.add_argument_group("whose choice: exactly one of the two")
    text = "a trained policy, of `abgnn fit`, or a folder of `System.save_pretrained`"
    group.add_argument("--checkpoint", metavar="FILE", help=text)
    text = "an experiment config, with its untrained policy"
    group.add_argument("--config", metavar="NAME", help=text)
    text = "load a saved folder's classes of this module (repeatable), whose code you have read"
    group.add_argument("--trust", action="append", default=[], metavar="MODULE", help=text)
    text = "the agent; left out: the one that most surely takes part"
    parser.add_argument("--role", metavar="NAME", help=text)
    text = "steps in which the masks are fitted"
    parser.add_argument("--epochs", type=int, default=100, metavar="N", help=text)
    text = "write a picture to this file (.svg, .png)"
    parser.add_argument("--out", metavar="PATH", help=text)


def run(args: Namespace, console: Console) -> int:
    """Explain, print, draw.

    Raises:
        ConfigError: not exactly one of checkpoint and config, and as `explain_gate` raises.
    """
    from abgnn.errors import ConfigError

    if (args.checkpoint is None) == (args.config is None):
        both = (args.checkpoint, args.config)
        raise ConfigError("--checkpoint / --config", both, "exactly one of the two")
    if args.epochs < 1:
        raise ConfigError("--epochs", args.epochs, "an integer from 1")
    if args.out is not None and not args.out.endswith((".svg", ".png")):
        raise ConfigError("--out", args.out, "a file whose name ends in .svg or .png")
    from abgnn.experiments.explain import explain_gate

    trained = _trained(args)
    made = explain_gate(trained, args.question, args.role, args.epochs)
    _show(made, console)
    if args.out is not None:
        _draw(made, args, trained.client.label == "simulated", console)
    return 0


def _trained(args: Namespace) -> Trained:
    """The policy. Nothing is called here, so that a folder's addresses need no leave."""
    from abgnn.errors import ConfigError
    from abgnn.serve.pretrained.consent import Consent
    from abgnn.serve.sources import kind_of, load_source

    flag = "--config" if args.checkpoint is None else "--checkpoint"
    source = args.config if args.checkpoint is None else args.checkpoint
    kind = kind_of(source)
    if kind not in _KINDS[flag]:
        raise ConfigError(flag, source, f"a {' or a '.join(_KINDS[flag])}, not a {kind}")
    consent = Consent(tuple(args.trust), trust_endpoints=kind == "folder")
    trained = load_source(source, None, None, consent).trained
    if trained is None:
        raise ConfigError(flag, source, "a saved folder that has a policy")
    return trained


def _show(made: GateExplanation, console: Console) -> None:
    from rich.table import Table

    from abgnn.experiments.explain import PARTS

    title = (
        f"{made.role}: {made.backbone} takes part with {made.chance:.0%}; mask by agent and part"
    )
    table = Table(title=title, title_justify="left")
    table.add_column("agent")
    for part in PARTS:
        table.add_column(part, justify="right")
    for agent, row in zip(made.agents, made.weight, strict=True):
        table.add_row(agent, *(f"{value:.2f}" for value in row))
    console.print(table)
    for sender, reader, weight in made.messages[:_SHOWN]:
        console.print(f"message {sender} → {reader}: {weight:.2f}", markup=False, highlight=False)
    for word, part, loss in made.words[:_SHOWN]:
        text = f"without “{word}” ({part}) its logit is {-loss:+.3f}"
        console.print(text, markup=False, highlight=False)


def _draw(made: GateExplanation, args: Namespace, simulated: bool, console: Console) -> None:
    from pathlib import Path

    from abgnn.experiments.explain import PARTS
    from abgnn.plots.explain import draw_explanation

    path = Path(args.out)
    path.parent.mkdir(parents=True, exist_ok=True)
    title = f"{made.role}: {made.backbone}, takes part with {made.chance:.0%}"
    draw_explanation(
        path, title, made.agents, PARTS, made.weight, made.words[:_SHOWN], simulated=simulated
    )
    console.print(f"picture: {path}", soft_wrap=True)
