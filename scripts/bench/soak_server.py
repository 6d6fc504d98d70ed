"""The command line of `abgnn` as it is, in a process that tells what it has at work.

    python -m scripts.bench.soak_server FILE serve …

At SIGUSR1 it writes into FILE how many asyncio tasks are not done, over all its event loops, and
how many threads belong to no pool.
"""

from __future__ import annotations

import asyncio
import gc
import os
import re
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

from abgnn.cli.main import main


def tasks() -> int:
    """Tasks of this process that are not done."""
    gc.collect()
    return sum(isinstance(o, asyncio.Task) and not o.done() for o in gc.get_objects())


def alone() -> int:
    """Threads outside of pools, whose threads are numbered."""
    names = (thread.name for thread in threading.enumerate())
    return sum(not re.search(r"_\d+$|^AnyIO worker", name) for name in names)


def tell(path: Path) -> None:
    """Answer to SIGUSR1, so that readers see both numbers or no file."""

    def answer(number: int, frame: FrameType | None) -> None:
        made = path.with_suffix(".new")
        made.write_text(f"{tasks()} {alone()}", encoding="ascii")
        os.replace(made, path)

    signal.signal(signal.SIGUSR1, answer)


if __name__ == "__main__":
    tell(Path(sys.argv.pop(1)))
    sys.exit(main())
