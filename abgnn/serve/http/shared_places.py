"""`SharedPlaces`: how many questions are under way in all workers of one server together."""

from __future__ import annotations

import fcntl
import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from abgnn.errors import ConfigError

_SLOTS, _WIDTH = 256, 8  # workers alive at once, bytes of a count


class SharedPlaces:
    """Of all processes that open one file: each keeps a count of its own in it.

    A process holds a lock on its count's bytes as long as it lives, so that the places of one that
    was killed are free at once. One object per file and process, on one event loop.

    Args:
        path: the file, made if need be; on a local disk.

    Raises:
        ConfigError: more than 256 processes.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.ftruncate(self._file, _SLOTS * _WIDTH)
        self._counts = memoryview(mmap.mmap(self._file, _SLOTS * _WIDTH)).cast("q")
        with self._alone():
            mine = next((i for i in range(_SLOTS) if self._lock(i)), None)
            if mine is None:
                raise ConfigError("workers", _SLOTS + 1, f"at most {_SLOTS}")
            self._mine = mine
            self._counts[mine] = 0

    def enter(self, most: int) -> bool:
        """Take a place, if fewer than `most` are taken."""
        with self._alone():
            if sum(self._counts) >= most:
                self._free_dead()
            free = sum(self._counts) < most
            self._counts[self._mine] += free
            return free

    def leave(self) -> None:
        """Give a place back."""
        self._counts[self._mine] -= 1  # nobody else writes it while this process lives

    def _free_dead(self) -> None:
        for i in range(_SLOTS):
            if i != self._mine and self._counts[i] and self._lock(i):
                self._counts[i] = 0
                fcntl.lockf(self._file, fcntl.LOCK_UN, _WIDTH, i * _WIDTH)

    def _lock(self, i: int) -> bool:
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, _WIDTH, i * _WIDTH)
        except OSError:
            return False
        return True

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """The lock behind all counts; held for microseconds, freed if its holder is killed."""
        fcntl.lockf(self._file, fcntl.LOCK_EX, 1, _SLOTS * _WIDTH)
        try:
            yield
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, _SLOTS * _WIDTH)
