"""Completion scripts of all commands, flags, files and packaged configs, by shtab."""

from __future__ import annotations

from argparse import Action, ArgumentParser
from collections.abc import Iterator
from typing import Any

import shtab

from abgnn.cli.arguments import Parser
from abgnn.cli.table import COMMANDS
from abgnn.data.resources import config_root


def completion(parser: Parser, shell: str) -> str:
    """The script; pressing tab starts no Python.

    Args:
        parser: of `abgnn` itself; all commands are added to it.
        shell: one that shtab knows.
    """
    commands = parser.add_subparsers(metavar="COMMAND")
    for command in COMMANDS:
        command.file().add_arguments(commands.add_parser(command.name, help=command.does))
    by_metavar = {
        "NAME": _configs(),
        "FILE": shtab.FILE,
        "RUNS": shtab.FILE,
        "DIR": shtab.DIRECTORY,
    }
    for action in _actions(parser):
        if action.metavar in by_metavar:
            vars(action)["complete"] = by_metavar[str(action.metavar)]
    return shtab.complete(parser, shell)


def _actions(parser: ArgumentParser) -> Iterator[Action]:
    """Every argument of a parser and of its subparsers."""
    for action in parser._actions:
        yield action
        if isinstance(action.choices, dict):
            for below in action.choices.values():
                yield from _actions(below)


def _configs() -> dict[str, Any]:
    """Packaged configs by their names, and the user's own files."""
    root = config_root()
    names = " ".join(sorted(p.relative_to(root).as_posix() for p in root.rglob("*.yaml")))
    bash = f'_abgnn_configs() {{ compgen -W "{names}" -- "$1"; compgen -f -- "$1"; }}'
    zsh = f"_abgnn_configs() {{ compadd -f -- {names}; _files; }}"
    shells = {"bash": "_abgnn_configs", "zsh": "_abgnn_configs"}
    return {**shtab.FILE, **shells, "preamble": {"bash": bash, "zsh": zsh}}
