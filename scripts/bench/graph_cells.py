"""What the experiments of `scripts/bench/graph` share: finished cells on disk."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console


@dataclass(frozen=True)
class Run:
    """One call of the command.

    Args:
        out: folder of finished cells.
        quick: as little as shows that everything runs.
        console: where tables go.
        path: folder of the recorded tables, if there is one.
        first: seed of the first world.
        worlds: how many; None: what the experiment takes by itself.
    """

    out: Path
    quick: bool
    console: Console
    path: Path | None = None
    first: int = 2500
    worlds: int | None = None

    def seeds(self, usual: int) -> list[int]:
        """Of the worlds."""
        return list(range(self.first, self.first + (1 if self.quick else self.worlds or usual)))

    def cell(self, name: str, make: Callable[[], Any]) -> Any:
        """What `make` gives, from the disk if it is there."""
        path = self.out / ("quick" if self.quick else "full") / f"{name}.json"
        if not path.exists():
            made = make()
            path.parent.mkdir(parents=True, exist_ok=True)
            path.with_suffix(".part").write_text(json.dumps(made))
            path.with_suffix(".part").rename(path)
        return json.loads(path.read_text())


def fails(claim: str, figures: str) -> str:
    """A line for under a table."""
    return f"Does not hold: {claim} ({figures})."
