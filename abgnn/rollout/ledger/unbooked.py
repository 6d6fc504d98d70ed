"""Settlements that the database could not take yet: a file on this machine, line by line.

A line is on disk (fsync) before the answer that it paid for goes on its way. Every process writes
a file of its own and keeps it locked; a file that nobody locks is of a process that died, and
whoever opens the ledger next books its lines. Every line carries a mark, so it is booked once.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

try:
    import fcntl
except ImportError:  # Windows: no locks, so files of the dead stay until someone looks
    fcntl = None  # type: ignore[assignment]

Line = dict[str, Any]


def folder_of(url: str) -> Path:
    """Where this machine's files of one recording lie."""
    state = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return Path(state, "abgnn", "unbooked", hashlib.sha256(url.encode()).hexdigest()[:16])


class Unbooked:
    """The lines of this process; the file exists only while there are any.

    Args:
        folder: see `folder_of`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file: IO[str] | None = None
        self._waiting: set[int] = set()

    def keep(self, line: Line) -> None:
        """Write a line and wait until it is on disk. OSError: it is not."""
        if self._file is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            path = self.folder / f"{os.getpid()}-{secrets.token_hex(6)}.jsonl"
            self._file = path.open("x", encoding="utf-8")
            _lock(self._file)
            _sync_folder(self.folder)
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._waiting.add(line["mark"])

    def booked(self, mark: int) -> None:
        """A line was booked; with the last one the file goes."""
        self._waiting.discard(mark)
        if self._file is not None and not self._waiting:
            os.unlink(self._file.name)
            self._file.close()
            self._file = None

    def close(self) -> None:
        """Leave the lines that are not booked to whoever opens the ledger next."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def left_by_others(self) -> Iterator[tuple[Path, IO[str], list[Line]]]:
        """Files of dead processes, locked, with their lines; the caller books and removes them."""
        for path in sorted(self.folder.glob("*.jsonl")) if fcntl else ():
            try:
                file = path.open("r+", encoding="utf-8")
            except OSError:
                continue
            if _lock(file):
                yield path, file, list(_lines(file))
            else:
                file.close()


def _lock(file: IO[str]) -> bool:
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _lines(file: IO[str]) -> Iterator[Line]:
    """Whole lines; what a crash cut off belongs to an answer that nobody got."""
    for text in file:
        if text.endswith("\n"):
            yield json.loads(text)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
