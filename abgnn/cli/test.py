"""`abgnn test`: evaluate a policy on the test questions."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from abgnn.cli.arguments import Parser
from abgnn.cli.lightning import add_lightning_arguments, run_lightning

if TYPE_CHECKING:
    from rich.console import Console


def add_arguments(parser: Parser) -> None:
    """Lightning's."""
    parser.description = (
        "Execute a policy's most probable plans for the test questions; print mean reward, "
        "performance, USD and seconds."
    )
    add_lightning_arguments(parser, "the policy; without it the config's untrained one")


def run(args: Namespace, console: Console) -> int:
    """Evaluate; Lightning prints the table."""
    run_lightning("test", args)
    return 0
