"""`SqliteLedger`: responses, attempts and money in one file that threads and processes share."""

from __future__ import annotations

import os
import secrets
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from io import UnsupportedOperation
from operator import attrgetter
from pathlib import Path
from typing import Any

from abgnn.data.backbone import Usage
from abgnn.errors import ConfigError
from abgnn.rollout.ledger.base import (
    ELSEWHERE,
    Account,
    Attempt,
    Caller,
    Ledger,
    Limits,
    Response,
)
from abgnn.rollout.ledger.connection import SharedConnection
from abgnn.rollout.ledger.lost import end_open, end_orphans, lost_until
from abgnn.rollout.ledger.owners import this_process

_CALLER = attrgetter(
    "run", "phase", "query", "sample", "round", "agent", "turn", "role", "backbone", "model",
    "key", "attempt",
)  # fmt: skip
_USAGE = attrgetter("prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens")

_LOOKUP = """SELECT text, prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens,
    service_time, retry_time, finish, error, message, status FROM responses WHERE key = ?"""
_MONEY = """SELECT phase, spent + uncertain + lost, reserved FROM accounts WHERE run = ?"""
_OPEN = """INSERT INTO attempts (run, phase, query, sample, round, agent, turn, role, backbone,
    model, key, attempt, owner, started_at, reserved)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_SET_ASIDE = """INSERT INTO accounts (run, phase, reserved) VALUES (?, ?, ?)
    ON CONFLICT (run, phase) DO UPDATE SET reserved = reserved + excluded.reserved"""
_SAME = """SELECT owner, started_at FROM attempts
    WHERE state = 'open' AND key = ? AND owner <> ?"""
_REPLIED = "SELECT 1 FROM responses WHERE key = ? AND error IS NULL"
_TAKEN = """SELECT run, phase, state, reserved, key, model, sample FROM attempts
    WHERE id = ? AND state <> 'settled'"""
_SETTLE = """UPDATE attempts SET state = 'settled', prompt_tokens = ?, completion_tokens = ?,
    cached_tokens = ?, reasoning_tokens = ?, pusd = ?, uncertain = ?, service_time = ?,
    queue_time = ?, error = ?, ended_at = ? WHERE id = ?"""
_BOOK = """UPDATE accounts SET calls = calls + ?, spent = spent + ?, uncertain = uncertain + ?,
    reserved = reserved - ?, lost = lost - ? WHERE run = ? AND phase = ?"""
_RECORD = """INSERT OR REPLACE INTO responses
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""


class SqliteLedger(Ledger):
    """`Ledger` in one SQLite file (WAL).

    Every method is one transaction, safe among threads and processes. Killing a process loses
    nothing that a method has returned from (`synchronous=NORMAL`; a power cut may lose the last
    moments). Attempts of a process that died become lost: their worst case stays committed, since
    it may have been billed. They are found when the file is opened and when money is short.

    Pickling keeps the path; forked children use connections of their own.

    Args:
        path: the file; made with its folders if need be.
        owner: whose attempts these are; default: this process.
        readonly: for replays; the file must exist and is not changed.

    Raises:
        ConfigError: the file cannot be used, or is no recording of abgnn.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, owner: str | None = None, readonly: bool = False
    ) -> None:
        if not os.fspath(path):
            raise ConfigError("recording.path", path, "a file")
        self.path = Path(os.path.expanduser(path))
        self._chosen_owner, self._mark = owner, secrets.token_hex(4)
        self._owner, self._pid = "", 0
        self._file = SharedConnection(self.path, readonly, self._opened)
        if readonly:
            self.accounts()  # an unusable file raises now
        else:
            end_orphans(self._file)

    def lookup(self, key: str) -> Response | None:
        """The recorded response of a call."""
        with self._file.reading() as db:
            row = db.execute(_LOOKUP, (key,)).fetchone()
        if row is None:
            return None
        text, prompt, completion, cached, reasoning, *rest = row
        return Response(_read(text), Usage(prompt, completion, cached, reasoning), *rest)

    def reserve(
        self, caller: Caller, pusd: int, limits: Limits, *, alone: bool = False
    ) -> int | None:
        """Open an attempt and set its worst case aside; its ticket, or None if a cap forbids it.

        With `alone`, `ELSEWHERE` while another living process makes the same call.
        """
        who = [_clean(part) if type(part) is str else part for part in _CALLER(caller)]
        with self._writing() as db:
            if alone and _elsewhere(db, caller.key, self._owner):
                return ELSEWHERE
            if not _fits(db, who, pusd, limits, under_way=True):
                return None
            opened = db.execute(_OPEN, (*who, self._owner, time.time(), pusd))
            db.execute(_SET_ASIDE, (who[0], who[1], pusd))
        return opened.lastrowid

    def hopeless(self, caller: Caller, pusd: int, limits: Limits) -> bool:
        """Whether `pusd` would not fit even if every attempt under way cost nothing."""
        who = (_clean(caller.run), _clean(caller.phase))
        if not self._file.readonly:
            end_orphans(self._file)
        with self._file.reading() as db:
            return not _fits(db, who, pusd, limits, under_way=False)

    def settle(
        self,
        ticket: int,
        attempt: Attempt,
        response: Response | None = None,
        request: str | None = None,
    ) -> None:
        """Release the reservation, book what the attempt cost, record its response.

        An attempt that was marked lost is booked like any other.

        Raises:
            LookupError: no such attempt is under way.
        """
        now, paid = time.time(), attempt.pusd
        spent, uncertain = (0, paid) if attempt.uncertain else (paid, 0)
        with self._writing() as db:
            identity = _close(db, ticket, (1, spent, uncertain))
            times = (attempt.service_time, attempt.queue_time, attempt.error, now)
            row = (*_USAGE(attempt.usage), paid, bool(attempt.uncertain), *times, ticket)
            db.execute(_SETTLE, row)
            if response is not None:
                db.execute(_RECORD, (*identity, request, *_row(response), now))

    def release(self, ticket: int) -> None:
        """Withdraw an attempt that was never dispatched; LookupError if none is under way."""
        with self._writing() as db:
            _close(db, ticket, (0, 0, 0))
            db.execute("DELETE FROM attempts WHERE id = ?", (ticket,))

    def accounts(self) -> list[Account]:
        """All runs and phases, sorted."""
        names = "run, phase, calls, spent, uncertain, reserved, lost"
        with self._file.reading() as db:
            rows = db.execute(f"SELECT {names} FROM accounts ORDER BY run, phase").fetchall()
        return [Account(*row) for row in rows]

    def close(self) -> None:
        """Attempts still under way here count as lost, until someone settles them after all."""
        if self._pid == os.getpid():  # a forked child has none of its own
            with self._file.writing() as db:
                end_open(db, self._owner)
        self._pid = 0
        self._file.close()

    def _opened(self, db: sqlite3.Connection) -> None:
        self._owner = self._chosen_owner or this_process(self._mark)
        self._pid = os.getpid()

    def _writing(self) -> AbstractContextManager[sqlite3.Connection]:
        if self._file.readonly:
            raise UnsupportedOperation(f"{self.path} was opened for reading only")
        return self._file.writing()

    def __reduce__(self) -> tuple[Callable[..., SqliteLedger], tuple[str]]:
        make = partial(SqliteLedger, owner=self._chosen_owner, readonly=self._file.readonly)
        return make, (str(self.path),)


def _elsewhere(db: sqlite3.Connection, key: str, owner: str) -> bool:
    """Whether a living process has an attempt of this call under way, or its reply is here."""
    if db.execute(_REPLIED, (key,)).fetchone() is not None:
        return True
    for other, since in db.execute(_SAME, (key, owner)):
        until = lost_until(other)
        if until is None or since > until:
            return True
    return False


def _fits(
    db: sqlite3.Connection, who: Sequence[Any], pusd: int, limits: Limits, *, under_way: bool
) -> bool:
    """Whether both caps have room, with or without what is reserved."""
    if limits.run is None and limits.phase is None:
        return True
    run = phase = pusd
    for name, fixed, reserved in db.execute(_MONEY, (who[0],)):
        committed = fixed + reserved if under_way else fixed
        run += committed
        if name == who[1]:
            phase += committed
    return (limits.run is None or run <= limits.run) and (
        limits.phase is None or phase <= limits.phase
    )


def _close(
    db: sqlite3.Connection, ticket: int, booked: tuple[int, int, int]
) -> tuple[str, str, int]:
    """Free a reservation and add calls, spent, uncertain; key, model and sample of the attempt."""
    row = db.execute(_TAKEN, (ticket,)).fetchone()
    if row is None:
        raise LookupError(f"ticket {ticket}: no attempt under way")
    run, phase, state, reserved, *identity = row
    freed = (0, reserved) if state == "lost" else (reserved, 0)
    db.execute(_BOOK, (*booked, *freed, run, phase))
    key, model, sample = identity
    return key, model, sample


def _row(response: Response) -> tuple[Any, ...]:
    return (
        _kept(response.text),
        *_USAGE(response.usage),
        response.service_time,
        response.retry_time,
        response.finish,
        response.error,
        _clean(response.message),
        response.status,
    )


def _clean(text: str) -> str:
    """Without lone surrogates, which SQLite's text cannot hold."""
    return text if text.isascii() else text.encode(errors="replace").decode()


def _kept(text: str) -> str | bytes:
    """The text unchanged: as bytes where SQLite's text cannot hold it, so a replay returns it."""
    if _clean(text) == text:
        return text
    return text.encode(errors="surrogatepass")


def _read(text: str | bytes) -> str:
    return text.decode(errors="surrogatepass") if isinstance(text, bytes) else text
