"""One SQLite connection that threads share and that survives forks."""

from __future__ import annotations

import os
import sqlite3
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from abgnn.rollout.ledger.schema import open_readonly, open_writable, stamp


class SharedConnection:
    """Opens its file when first used and again after `close`; one thread uses it at a time.

    SQLite forbids to carry a connection over a fork: it is closed right before one, and parent
    and child each open their own when they next need it.

    Args:
        path: the recording.
        readonly: open for reading only.
        opened: called with every connection that was opened for writing, before it is used.
    """

    def __init__(
        self, path: Path, readonly: bool, opened: Callable[[sqlite3.Connection], None]
    ) -> None:
        self.path, self.readonly, self._opened = path, readonly, opened
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        self._stamp: tuple[int, ...] | None = None
        _mind_forks(self)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, locked against other threads."""
        with self._lock:
            yield self._connected()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction over all processes: all of it is written, or nothing."""
        with self._lock:
            db = self._connected()
            try:
                db.execute("BEGIN IMMEDIATE")
                yield db
                db.execute("COMMIT")
            finally:
                if db.in_transaction:
                    db.execute("ROLLBACK")

    def close(self) -> None:
        """Close the file; may be called again."""
        with self._lock:
            self._close()

    def _connected(self) -> sqlite3.Connection:
        if self._stamp is not None and stamp(self.path) != self._stamp:
            self._close()  # somebody writes: from now on with regard to the log
        if self._db is None:
            if self.readonly:
                seen = stamp(self.path)
                self._db, self._stamp = open_readonly(self.path), seen
            else:
                self._db = open_writable(self.path)
                self._opened(self._db)
        return self._db

    def _close(self) -> None:
        if self._db is not None:
            self._db.close()
        self._db = self._stamp = None

    def _before_fork(self) -> None:
        self._lock.acquire()
        self._close()

    def _after_fork(self) -> None:
        if self._lock.locked():
            self._lock.release()


def _mind_forks(connection: SharedConnection) -> None:
    if sys.platform == "win32":  # knows no forks
        return
    alive = weakref.ref(connection)

    def before() -> None:
        if (shared := alive()) is not None:
            shared._before_fork()

    def after() -> None:
        if (shared := alive()) is not None:
            shared._after_fork()

    os.register_at_fork(before=before, after_in_parent=after, after_in_child=after)
