"""Arguments of commands that answer questions (`run`, `serve`, `mcp`); the policy they name."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from abgnn.cli.arguments import Parser
from abgnn.errors import ConfigError

if TYPE_CHECKING:
    from abgnn.serve.policy_source import PolicySource
    from abgnn.serve.recipe import SourceFiles, SystemRecipe


def add_sources(parser: Parser) -> None:
    """What answers (`source_of`)."""
    title = "what answers: a checkpoint, or a config, alone or with a plan or a calibration"
    group = parser.add_argument_group(title)
    text = "a trained policy, of `abgnn fit`, or a folder of `System.save_pretrained`"
    group.add_argument("--checkpoint", metavar="FILE", help=text)
    text = "an experiment config: its untrained policy, or the LLMs of --plan or --calibration"
    group.add_argument("--config", metavar="NAME", help=text)
    group.add_argument("--plan", metavar="FILE", help="a plan of `abgnn plan --out`")
    text = "a file of `abgnn calibrate`, from which the budget of a question is planned"
    group.add_argument("--calibration", metavar="FILE", help=text)
    text = "where encoder and policy run: cpu, cuda, cuda:1, mps (left out: cpu)"
    group.add_argument("--device", metavar="NAME", help=text)
    group = parser.add_argument_group("what a saved folder may do: nothing, unless you say so")
    text = "load classes of this module (repeatable), whose code you have read, or a text encoder"
    group.add_argument("--trust", action="append", default=[], metavar="MODULE", help=text)
    text = "a catalogue of your own with its LLMs: calls go there, with your keys and prices"
    group.add_argument("--endpoints", metavar="FILE", help=text)
    text = "call the addresses that are in the folder, with keys from the variables it names"
    group.add_argument("--trust-endpoints", action="store_true", help=text)


def add_query_budget(parser: Parser) -> None:
    """A budget of every question that states none."""
    group = parser.add_argument_group("budget of questions that state none")
    group.add_argument("--cost", type=float, metavar="USD", help="in USD")
    group.add_argument("--latency", type=float, metavar="S", help="in seconds")


def add_bounds(parser: Parser) -> None:
    """Hard limits of every question (`Bounds.of`)."""
    group = parser.add_argument_group("hard limits of every question")
    group.add_argument("--max-usd", type=float, metavar="USD", help="most that an answer may cost")
    text = "longest reply in tokens, for LLMs whose catalogue entry states none"
    group.add_argument("--max-tokens", type=int, metavar="N", help=text)
    text = "seconds until an answer; agents that are late are left out"
    group.add_argument("--deadline", type=float, metavar="S", help=text)
    text = "SQLite file or postgresql:// URL: calls that it holds are free, others are added"
    group.add_argument("--recording", metavar="FILE", help=text)
    group = parser.add_argument_group("OpenTelemetry, needs the extra: pip install 'abgnn[otel]'")
    text = "send spans and metrics by OTLP; variables OTEL_… state where to, keys and sampling"
    group.add_argument("--otel", action="store_true", help=text)
    text = "the same, to this receiver, e.g. http://localhost:4318"
    group.add_argument("--otel-endpoint", metavar="URL", help=text)
    text = "the same, with questions, prompts and replies in the spans"
    group.add_argument("--otel-texts", action="store_true", help=text)


def source_of(args: Namespace) -> PolicySource:
    """What `add_sources` names: a checkpoint or a config, or a plan or calibration beside one.

    Telemetry is set up for it, if it or a flag asks for that.
    """
    from abgnn.rollout.telemetry.switch import set_up
    from abgnn.serve.sources import Bounds

    source = source_files(args).load()
    set_up(Bounds.of(args).over(source.deployment.rollout).telemetry)
    return source


def recipe_of(args: Namespace) -> SystemRecipe:
    """The system that sources, budget and bounds describe, not yet made."""
    from abgnn.serve.query_budget import QueryBudget
    from abgnn.serve.recipe import SystemRecipe
    from abgnn.serve.sources import Bounds

    return SystemRecipe(source_files(args), QueryBudget(args.cost, args.latency), Bounds.of(args))


def source_files(args: Namespace) -> SourceFiles:
    """The files of `source_of`, not yet read."""
    from abgnn.serve.pretrained.consent import Consent
    from abgnn.serve.recipe import SourceFiles

    consent = Consent(tuple(args.trust), args.endpoints, args.trust_endpoints)
    if args.plan is not None:
        if args.checkpoint is not None:
            raise ConfigError("--checkpoint", args.checkpoint, "none beside --plan")
        return SourceFiles(args.plan, args.config, args.calibration, args.device, consent)
    if (args.checkpoint is None) == (args.config is None):
        both = (args.checkpoint, args.config)
        raise ConfigError("--checkpoint / --config", both, "exactly one of the two")
    source = args.checkpoint or args.config
    return SourceFiles(source, None, args.calibration, args.device, consent)
