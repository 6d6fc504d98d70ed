"""The command `abgnn`: its own flags, and dispatch by the table of commands."""

from __future__ import annotations

import os
import sys
from argparse import Action, ArgumentParser, Namespace
from collections.abc import Sequence
from typing import Any

from abgnn.cli.arguments import Parser
from abgnn.cli.table import find_command, help_text
from abgnn.errors import ConfigError, EndpointError, JobError

SHELLS = ("bash", "zsh", "fish", "tcsh")
DESCRIPTION = "Graph neural networks that design LLM multi-agent systems under budgets."
EPILOG = """
NAME is a file, or a packaged config such as simulated/general.yaml or live/smollm2.yaml.
`abgnn COMMAND --help` tells more."""


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    args = list(sys.argv[1:] if argv is None else argv)
    sys.path.insert(0, os.getcwd())  # a user's class_path: my_layers.MyGate
    # the policy is small: more threads only wait for each other, most of all beside a local LLM
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        return _dispatch(args)
    except (ConfigError, EndpointError, JobError) as error:
        from rich.console import Console

        Console(stderr=True).print(f"abgnn: {error}", style="red", markup=False, soft_wrap=True)
        return 1 if isinstance(error, JobError) else 2
    except SystemExit as stop:  # a parser has printed help, or what is wrong
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)


def _dispatch(argv: list[str]) -> int:
    first = argv[0] if argv else "--help"
    if first == "help":
        return _dispatch([*argv[1:2], "--help"])
    if first.startswith("-"):
        main_parser().read(argv or [first])
        return 0
    command = find_command(first)
    args = command.parser().read(argv[1:])
    from abgnn.console import make_console

    return command.file().run(args, make_console())


def main_parser() -> Parser:
    """The flags of `abgnn` itself; every one of them prints something and stops."""
    epilog = f"{help_text()}\n{EPILOG}"
    parser = Parser("abgnn", "abgnn COMMAND [ARGUMENTS]", DESCRIPTION, epilog)
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version")
    text = "print a completion script"
    parser.add_argument("--print-completion", action=_Completion, choices=SHELLS, help=text)
    text = "write the completion script where the shell looks for it"
    parser.add_argument("--install-completion", action=_Completion, choices=SHELLS, help=text)
    return parser


class _Version(Action):
    def __call__(self, parser: ArgumentParser, *_: Any) -> None:
        from importlib.metadata import version

        sys.stdout.write(f"abgnn {version('abgnn')}\n")
        parser.exit()


class _Completion(Action):
    def __call__(self, parser: ArgumentParser, args: Namespace, shell: Any, flag: Any = "") -> None:
        from abgnn.cli.completion import completion
        from abgnn.cli.completion_files import install

        assert isinstance(parser, Parser), "the parser of `abgnn` itself"
        text = completion(parser, shell)
        if flag == "--install-completion":
            path, more = install(shell, text)
            text = f"{path}: new {shell} sessions complete `abgnn`" + f"\n{more}" * bool(more)
        sys.stdout.write(text + "\n")
        parser.exit()
