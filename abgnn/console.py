"""One console for every command: wide enough for our tables where no terminal says its width."""

from __future__ import annotations

import sys

from rich.console import Console


def make_console(width: int = 120) -> Console:
    """A console of the terminal's width, or of `width` where output goes to a file or a pipe."""
    return Console(width=None if sys.stdout.isatty() else width)
