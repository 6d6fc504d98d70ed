"""Killing everything that a job has started."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path


def kill_all(*, alone: bool) -> None:
    """Kill and reap all processes below this one, also those that hid in sessions of their own.

    Orphans come back to this process: it is the first of its namespace, or their subreaper.

    Args:
        alone: whether this is the first process of its process namespace.
    """
    while True:
        if alone:
            with suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)
        else:
            for child in _children():
                _kill(child)
        try:
            os.waitpid(-1, 0 if alone or Path("/proc/self").exists() else os.WNOHANG)
        except ChildProcessError:
            return


def _kill(child: int) -> None:
    for kill in (os.killpg, os.kill):
        with suppress(ProcessLookupError, PermissionError):
            kill(child, signal.SIGKILL)


def _children() -> list[int]:
    """Ids of this process's children; empty where there is no `/proc`."""
    pid = os.getpid()
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    with suppress(OSError):
        return [int(child) for child in listed.read_text().split()]
    children = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = status.read_text().rpartition(")")[2].split()
            if int(fields[1]) == pid:
                children.append(int(status.parent.name))
    return children
