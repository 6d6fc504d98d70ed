"""The table of commands: dispatch, help, completion and the README's table are made from it.

A command is a file of its name in this folder, with `add_arguments(parser)` and
`run(args, console)`, and one line here. Neither may load anything heavy: help and completion
import every command's file.
"""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from abgnn.cli.arguments import Parser, did_you_mean, nearest
from abgnn.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console


class CommandFile(Protocol):
    """What a command's file has."""

    def add_arguments(self, parser: Parser) -> None:
        """Describe the command and its arguments."""
        ...

    def run(self, args: Namespace, console: Console) -> int:
        """Carry the command out; returns the exit status."""
        ...


@dataclass(frozen=True, slots=True)
class Command:
    """A line of the table.

    Args:
        name: of the command, and of its file.
        usage: its usual arguments.
        does: what it does, in one line.
    """

    name: str
    usage: str
    does: str

    def file(self) -> CommandFile:
        """Its file, imported."""
        return cast(CommandFile, import_module(f"abgnn.cli.{self.name}"))

    def parser(self) -> Parser:
        """Its own parser."""
        parser = Parser(prog=f"abgnn {self.name}")
        self.file().add_arguments(parser)
        return parser


COMMANDS: list[Command] = [
    Command("init", "[DIR]", "asks a few questions; writes LLMs, a task, a run script"),
    Command("doctor", "--config NAME", "what is there, what is missing, and what mends it"),
    Command("quickstart", "--config NAME", "the main job: our plans at four budgets beside others"),
    Command("fit", "--config NAME", "train a policy by REINFORCE, on simulated or live LLMs"),
    Command("validate", "--config NAME", "evaluate a policy on the validation questions"),
    Command("test", "--config NAME --ckpt_path FILE", "evaluate a policy on the test questions"),
    Command("predict", "--config NAME --ckpt_path FILE", "plans as JSON lines; spends nothing"),
    Command(
        "calibrate", "--config NAME", "a few hundred random rollouts: what LLMs can do, and cost"
    ),
    Command(
        "plan", "FILE --cost USD --latency S", "the best team for every question within budgets"
    ),
    Command(
        "beliefs", 'FILE "QUESTION"', "how likely each LLM is right on a question, and its price"
    ),
    Command("explain", '"QUESTION" --checkpoint FILE', "why an agent takes part, as a picture"),
    Command("certify", "--config NAME --plan FILE --cost USD", "are budgets met, and how sure?"),
    Command("run", '"QUESTION" --checkpoint FILE', "plan and execute one question; its trace"),
    Command(
        "serve",
        "--checkpoint FILE",
        "an OpenAI-compatible endpoint and a page for the system",
    ),
    Command("mcp", "--checkpoint FILE", "the system as tools of the Model Context Protocol"),
    Command("compare", "--config NAME", "train and compare methods on equal budgets; resumable"),
    Command(
        "frontier", "--config NAME", "performance against budget, a policy trained at each point"
    ),
    Command("inductive", "--config NAME", "the same weights on other LLMs, without retraining"),
    Command("cases", "--config NAME", "plans for three questions on two budgets, as a picture"),
    Command("report", "RUNS… --out report.html", "one HTML page of what runs have left behind"),
    Command("recordings", "FILE", "what a recording holds and what was paid; JSON lines"),
    Command("outcomes", "FILE", "recorded answers of LLMs: means, votes, cascades, a catalogue"),
    Command("pools", "--catalogue FILE --domain D", "resource tiers of a catalogue, as a picture"),
    Command("difficulty", "fit|eval --path FILE", "estimate how hard questions are for LLMs"),
]


def find_command(name: str) -> Command:
    """The command of this name.

    Raises:
        ConfigError: there is none; the message names the nearest one.
    """
    names = [command.name for command in COMMANDS]
    if name in names:
        return COMMANDS[names.index(name)]
    near = nearest(name, names)
    hint = did_you_mean([near]) if near else f": {', '.join(names)}"
    raise ConfigError("command", name, f"one of `abgnn --help`{hint}")


def help_text() -> str:
    """All commands, one a line."""
    width = max(len(command.name) for command in COMMANDS)
    lines = [f"  {command.name:{width}}  {command.does}" for command in COMMANDS]
    return "\n".join(["commands:", *lines])


def commands_table() -> str:
    """All commands as a Markdown table, for the README."""
    rows = [
        f"| `abgnn {c.name} {c.usage}` | {c.does} |".replace("fit|", "fit\\|") for c in COMMANDS
    ]
    return "\n".join(["| command | does |", "|---|---|", *rows])


if __name__ == "__main__":
    import sys

    sys.stdout.write(commands_table() + "\n")
