"""`PostgresEngine`: one connection in a thread of its own that carries out what it is asked.

All that has been asked since the last round trip goes into the next one, as one transaction in
pipeline mode, so that a wait for the disk or the network serves many calls. While the database is
away, settlements are kept on this machine (`Unbooked`), everything else waits, and is given up
when its time is over: then no call begins.
"""

from __future__ import annotations

import logging
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from abgnn.rollout.ledger.base import LedgerAway
from abgnn.rollout.ledger.postgres_connection import open_database
from abgnn.rollout.ledger.postgres_operations import Operation, Row, settled_again
from abgnn.rollout.ledger.postgres_transaction import transaction
from abgnn.rollout.ledger.postgres_url import schema_of, shown
from abgnn.rollout.ledger.unbooked import Unbooked, folder_of

if TYPE_CHECKING:
    from psycopg import Connection

AT_ONCE = 256  # operations in one transaction
_PAUSES_S = (0.05, 0.1, 0.2, 0.5, 1.0)  # between attempts to reach the database again
_log = logging.getLogger(__name__)


class PostgresEngine:
    """Carries out operations; of those in one transaction, what frees money comes first.

    Args:
        url: of the recording.
        owner: whose attempts begin here; it beats while the engine lives.
        lease_s: after so many silent seconds others take its attempts for lost.
        patience_s: how long what is asked waits for a database that is away.
        readonly: nothing is written.

    Raises:
        ConfigError: the database cannot be used.
    """

    def __init__(
        self, url: str, owner: str, *, lease_s: float, patience_s: float, readonly: bool
    ) -> None:
        self.url, self.owner, self.readonly = url, owner, readonly
        self.lease_s, self.patience_s, self.pid = lease_s, patience_s, os.getpid()
        self.freed: list[Callable[[], None]] = []  # called when money or an answer came free
        self._db: Connection[Any] | None = open_database(url, readonly=readonly)
        self._lock, self._asked = threading.Lock(), deque[Operation]()
        self._wake, self._knock = os.pipe()
        os.set_blocking(self._knock, False)
        self._unbooked = Unbooked(folder_of(url))
        self._next_beat, self._failures, self._ending = 0.0, 0, False
        self.ahead_ns = 0  # of the database's clock over this host's
        if not readonly:
            began = time.time_ns()
            self._prepare()
            self.ahead_ns = round(self._beat() * 1e9) - (began + time.time_ns()) // 2
            self._adopt()
        self._thread = threading.Thread(target=self._work, name="ledger", daemon=True)
        self._thread.start()

    def ask(self, operation: Operation) -> Operation:
        """Take an operation; its future gets the result."""
        operation.future.set_running_or_notify_cancel()  # from here on nobody can cancel it
        operation.until = time.monotonic() + self.patience_s
        with self._lock:
            self._asked.append(operation)
            first = len(self._asked) == 1  # else the thread has not come back to them yet
        if first:
            self._rouse()
        return operation

    def close(self) -> None:
        """Carry out what was asked, as far as the database is there, and end the thread."""
        self._ending = True
        self._rouse()
        self._thread.join()
        self._unbooked.close()
        for end in (self._wake, self._knock):
            os.close(end)
        if self._db is not None:
            self._db.close()

    # the thread

    def _work(self) -> None:
        while True:
            self._rest()
            batch = self._taken()
            if not batch and self._ending:
                return
            try:
                self._round(batch)
                self._failures = 0
            except _away_errors() as error:
                self._lost_connection(batch, error)
            except Exception as bug:  # never leave anybody waiting
                _log.exception("the ledger's thread")
                for operation in batch:
                    _fail(operation, bug)

    def _round(self, batch: list[Operation]) -> None:
        if self._db is None:
            self._db = open_database(self.url, readonly=self.readonly, again=True)
            if not self.readonly:
                self._prepare()
        if not self.readonly and time.monotonic() >= self._next_beat:
            self._beat()
        if batch:
            self._carry_out(self._db, batch)
        if any(True for _ in self._db.notifies(timeout=0)):
            for freed in self.freed:
                freed()

    def _carry_out(self, db: Connection[Any], batch: list[Operation]) -> None:
        """One transaction; if one operation cannot be, each in a transaction of its own."""
        import psycopg

        for operation in batch:
            operation.tries += 1
        try:
            rows = transaction(db, batch)
        except (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure):
            for operation in batch:
                operation.tries -= 1  # rolled back: nothing of it was carried out
            self._carry_out(db, batch)
            return
        except _away_errors():
            raise
        except psycopg.Error as error:
            if len(batch) == 1:
                _fail(batch[0], _translated(error))
                return
            for operation in batch:
                operation.tries -= 1
                self._carry_out(db, [operation])
            return
        for operation, its in zip(batch, rows, strict=True):
            self._finish(operation, its)

    def _finish(self, operation: Operation, rows: list[Row]) -> None:
        try:
            result = operation.read(rows, operation.tries)
        except Exception as error:
            _fail(operation, error)
        else:
            if not operation.future.done():
                operation.future.set_result(result)
        if operation.kept and operation.line is not None:
            self._unbooked.booked(operation.line["mark"])

    def _lost_connection(self, batch: list[Operation], error: Exception) -> None:
        """Keep settlements on disk, give up what has waited too long, queue the rest again."""
        if self._db is not None:
            self._db.close()
            self._db = None
        if not self._failures:
            _log.warning("the ledger %s is away: %s", shown(self.url), error)
        with self._lock:
            waiting = [*batch, *self._asked]
            self._asked.clear()
        again = [op for op in waiting if self._still_waits(op, error)]
        with self._lock:
            self._asked.extendleft(reversed(again))
        pause = _PAUSES_S[min(self._failures, len(_PAUSES_S) - 1)]
        self._failures += 1
        time.sleep(pause)

    def _still_waits(self, operation: Operation, error: Exception) -> bool:
        if operation.line is not None:
            if not operation.kept:
                operation.kept = self._kept(operation)
            return operation.kept and not self._ending
        if self._ending or time.monotonic() >= operation.until:
            away = LedgerAway(f"the ledger {shown(self.url)} is away ({error})")
            _fail(operation, away)
            return False
        return True

    def _kept(self, operation: Operation) -> bool:
        """The settlement is on this machine's disk, so its answer may go on its way."""
        assert operation.line is not None
        try:
            self._unbooked.keep(operation.line)
        except OSError as error:
            nowhere = f"neither the ledger nor {self._unbooked.folder} took a settlement"
            away = LedgerAway(f"{nowhere} ({error.strerror}); it counts as lost")
            _log.error("%s", away)  # also where nobody awaits it
            _fail(operation, away)
            return False
        if not operation.future.done():
            operation.future.set_result(None)
        return True

    def _taken(self) -> list[Operation]:
        with self._lock:
            return [self._asked.popleft() for _ in range(min(AT_ONCE, len(self._asked)))]

    def _rest(self) -> None:
        """Wait for something to do: asked for, notified, or a beat."""
        with self._lock:
            if self._asked or self._ending:
                return
        ends = [self._wake] if self._db is None else [self._wake, self._db.fileno()]
        seconds = None if self.readonly else max(0.0, self._next_beat - time.monotonic())
        ready, _, _ = select.select(ends, [], [], seconds)
        if self._wake in ready:
            os.read(self._wake, 4096)

    def _rouse(self) -> None:
        try:
            os.write(self._knock, b".")
        except BlockingIOError:  # it is full: the thread will wake
            return

    def _prepare(self) -> None:
        """Be told what comes free; plan each statement once, by indices however empty all is."""
        assert self._db is not None
        self._db.execute(f"LISTEN abgnn_{schema_of(self.url)}")
        for way in ("seqscan", "hashjoin", "mergejoin"):
            self._db.execute(f"SET enable_{way} TO off")
        self._db.execute("SET plan_cache_mode TO force_generic_plan")

    def _beat(self) -> float:
        """Say that the owner lives; seconds by the database's clock."""
        assert self._db is not None
        row = self._db.execute("SELECT beat(%s, %s)", (self.owner, self.lease_s)).fetchone()
        self._next_beat = time.monotonic() + self.lease_s / 4
        assert row is not None
        return float(row[0])

    def _adopt(self) -> None:
        """Book what processes that died left on this machine."""
        for path, file, lines in self._unbooked.left_by_others():
            operations = [settled_again(line) for line in lines]
            assert self._db is not None
            self._carry_out(self._db, operations)
            refused = [op for op in operations if op.future.exception() is not None]
            if refused:
                _log.warning("%d settlements in %s are of no attempt", len(refused), path)
                path.rename(path.with_suffix(".refused"))
            else:
                path.unlink()
            file.close()


def _fail(operation: Operation, error: Exception) -> None:
    if not operation.future.done():
        operation.future.set_exception(error)


def _away_errors() -> tuple[type[Exception], ...]:
    import psycopg

    return psycopg.OperationalError, psycopg.InterfaceError


def _translated(error: Exception) -> Exception:
    """As SQLite's ledger has it: a number that does not fit is an OverflowError."""
    import psycopg

    if isinstance(error, psycopg.errors.NumericValueOutOfRange):
        return OverflowError(str(error))
    return error
