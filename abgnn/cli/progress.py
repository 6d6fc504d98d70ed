"""How far a command is: rollouts or jobs done, money spent and left, the time to go.

Shown where the console is a terminal, and gone when the command is done; in a pipe there is
nothing but results.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Lines

from abgnn.experiments.progress import Progress


@contextmanager
def progress_on(console: Console) -> Iterator[Progress | None]:
    """A line at the bottom of the terminal; None where the console is no terminal."""
    if not console.is_terminal:
        yield None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(20),
        MofNCompleteColumn(),
        TextColumn("{task.fields[money]}"),
        TimeRemainingColumn(),
        TextColumn("to go"),
    )
    with Lines(*columns, console=console, transient=True) as lines:
        yield _Line(lines)


class _Line:
    """`Progress` as a line of the terminal; another `start` begins another line."""

    def __init__(self, lines: Lines) -> None:
        self._lines, self._lock = lines, Lock()
        self._task: TaskID | None = None
        self._spent: float = 0.0
        self._left: float | None = None

    def start(self, total: int, pieces: str, left_usd: float | None = None) -> None:
        """See `Progress`."""
        with self._lock:
            self._spent, self._left = 0.0, left_usd
            self._task = self._lines.add_task(pieces, total=total, money=self._money())

    def advance(self, paid_usd: float) -> None:
        """See `Progress`."""
        with self._lock:
            self._spent += paid_usd
            if self._task is not None:
                self._lines.update(self._task, advance=1, money=self._money())

    def _money(self) -> str:
        spent = f"${self._spent:.4f} spent"
        if self._left is None:
            return spent
        return f"{spent}, ${max(0.0, self._left - self._spent):.4f} left"
