"""Options of our own commands."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from typing import Any

Options = Mapping[str, tuple[Any, Any, str]]


def parse(
    name: str,
    description: str,
    options: Options,
    args: Sequence[str],
    flags: Mapping[str, str] | None = None,
) -> Any:
    """What a command was given.

    Args:
        name: of the command.
        description: for its help.
        options: name → type, default, help. One of type `list` may be given repeatedly; a name
            without dashes is a place, which must be filled if its default is `...`.
        args: of the command line.
        flags: name → help.
    """
    parser = ArgumentParser(prog=f"abgnn {name}", description=description)
    for option, (kind, default, text) in options.items():
        how: dict[str, Any] = {"action": "append"} if kind is list else {"type": kind}
        if default is not ...:
            how |= {"default": default} | ({} if option.startswith("-") else {"nargs": "?"})
        parser.add_argument(option, help=text.replace("%", "%%"), **how)
    for flag, text in (flags or {}).items():
        parser.add_argument(flag, action="store_true", help=text.replace("%", "%%"))
    return parser.parse_args(args)
