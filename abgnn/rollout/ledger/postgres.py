"""`PostgresLedger`: responses, attempts and money in a PostgreSQL database that hosts share."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from io import UnsupportedOperation
from typing import Any

from abgnn.rollout.ledger import postgres_operations as operations
from abgnn.rollout.ledger.base import Account, Attempt, Caller, Limits, Response
from abgnn.rollout.ledger.owners import lives, this_process
from abgnn.rollout.ledger.postgres_engine import PostgresEngine
from abgnn.rollout.ledger.postgres_limits import Grant, Wish, lease
from abgnn.rollout.ledger.postgres_operations import Operation
from abgnn.rollout.ledger.postgres_url import check_url, shown

LEASE_S = 20.0
PATIENCE_S = 60.0
_forked: list[PostgresEngine] = []  # a parent's: its connection is not ours to close


class PostgresLedger:
    """`Ledger` in a PostgreSQL database, for any number of processes on any number of hosts.

    Every method is one operation of a transaction that is on disk when it returns. A process
    (`owner`) beats; the attempts of one that is silent for its lease, or that is known to be dead
    on this machine, become lost: their worst case stays committed, since it may have been billed.
    While the database is away nothing can be reserved, and what was paid is kept on this machine
    until it can be booked; see `PostgresEngine`.

    Pickling keeps the URL; forked children use connections of their own.

    Args:
        path: `postgresql://user@host/database`, see `postgres_url`.
        owner: whose attempts these are; default: this process.
        readonly: for replays; the recording must exist and is not changed.
        lease_s: seconds of silence after which others take our attempts for lost.
        patience_s: seconds that a call waits for a database that is away.

    Raises:
        ConfigError: the database cannot be used, or holds no recording of abgnn.
    """

    def __init__(
        self,
        path: str,
        *,
        owner: str | None = None,
        readonly: bool = False,
        lease_s: float = LEASE_S,
        patience_s: float = PATIENCE_S,
    ) -> None:
        check_url(path)
        self.path, self.readonly = path, readonly
        self._chosen_owner, self._mark = owner, secrets.token_hex(4)
        self._lease_s, self._patience_s = lease_s, patience_s
        self._engine: PostgresEngine | None = None
        self._runs: dict[int, str] = {}  # of our attempts under way
        self._freed: list[Callable[[], None]] = []
        self._ready()
        if not readonly:
            self.end_orphans()

    # what the event loop asks: a future at once

    def looking_up(self, key: str) -> Future[Response | None]:
        """The recorded response of a call."""
        return self._ask(operations.lookup(key))

    def reserving(
        self,
        caller: Caller,
        pusd: int,
        limits: Limits,
        *,
        alone: bool = False,
        age: int | None = None,
    ) -> Future[int | None]:
        """See `reserve`; with `age`, by this host's clock, see `AwaitedLedger.reserve`."""
        self._writes()
        ticket, engine = _drawn(), self._ready()
        age = None if age is None else age + engine.ahead_ns
        asked = operations.reserve(ticket, caller, engine.owner, pusd, limits, alone, age)
        assert asked.run is not None
        self._runs[ticket] = asked.run
        future = engine.ask(asked).future
        future.add_done_callback(partial(self._opened, ticket))
        return future

    def settling(
        self, ticket: int, attempt: Attempt, response: Response | None, request: str | None
    ) -> Future[None]:
        """See `settle`."""
        self._writes()
        run = self._run_of(ticket)
        return self._ask(operations.settle(ticket, run, _drawn(), attempt, response, request))

    def booking(
        self, caller: Caller, attempt: Attempt, response: Response | None, request: str | None
    ) -> Future[None]:
        """See `book`."""
        self._writes()
        ticket, mark, owner = _drawn(), _drawn(), self._ready().owner
        return self._ask(operations.book(ticket, caller, owner, mark, attempt, response, request))

    def calling_off(self, ticket: int) -> Future[None]:
        """See `release`."""
        self._writes()
        return self._ask(operations.release(ticket, self._run_of(ticket)))

    def leaving(self, run: str, age: int) -> Future[None]:
        """A rollout of that age waits for money no more."""
        engine = self._ready()
        return engine.ask(operations.leave(run, engine.owner, age + engine.ahead_ns)).future

    def losing_hope(self, caller: Caller, pusd: int, limits: Limits) -> Future[bool]:
        """See `hopeless`; orphans are not looked for."""
        return self._ask(operations.hopeless(caller, pusd, limits))

    def leasing(self, wish: Wish) -> Future[Grant]:
        """Renew this process's part of an endpoint's limits."""
        return self._ask(lease(self._ready().owner, wish))

    def when_freed(self, freed: Callable[[], None]) -> None:
        """Have `freed` called, in the ledger's thread, when money or an awaited answer came."""
        self._freed.append(freed)

    # the interface of every ledger

    def lookup(self, key: str) -> Response | None:
        """The recorded response of a call."""
        return self.looking_up(key).result()

    def reserve(
        self, caller: Caller, pusd: int, limits: Limits, *, alone: bool = False
    ) -> int | None:
        """Open an attempt and set its worst case aside; its ticket, or None if a cap forbids it.

        Raises:
            LedgerAway: the database was not there for so long.
        """
        return self.reserving(caller, pusd, limits, alone=alone).result()

    def hopeless(self, caller: Caller, pusd: int, limits: Limits) -> bool:
        """Whether `pusd` would not fit even if every attempt under way cost nothing."""
        if not self.readonly:
            self.end_orphans()
        return self.losing_hope(caller, pusd, limits).result()

    def settle(
        self,
        ticket: int,
        attempt: Attempt,
        response: Response | None = None,
        request: str | None = None,
    ) -> None:
        """Release the reservation, book what the attempt cost, record its response.

        Returns when that is on disk: in the database, or on this machine while that is away.

        Raises:
            LookupError: no such attempt is under way.
        """
        self.settling(ticket, attempt, response, request).result()

    def book(
        self,
        caller: Caller,
        attempt: Attempt,
        response: Response | None = None,
        request: str | None = None,
    ) -> None:
        """Book a call that was made without us, or not at all; no cap refuses it."""
        self.booking(caller, attempt, response, request).result()

    def release(self, ticket: int) -> None:
        """Withdraw an attempt that was never dispatched; LookupError if none is under way."""
        self.calling_off(ticket).result()

    def accounts(self) -> list[Account]:
        """All runs and phases, sorted."""
        accounts: list[Account] = self._ask(operations.accounts()).result()
        return accounts

    def end_orphans(self) -> None:
        """Attempts whose owner died, or is silent for longer than its lease, become lost."""
        under_way = self._ask(operations.owners_under_way()).result()
        if lost := [owner for owner, over in under_way if gone(owner, over)]:
            self._ask(operations.lose(lost)).result()

    def close(self) -> None:
        """Attempts still under way here count as lost, until someone settles them after all."""
        engine, self._engine = self._engine, None
        if engine is None:
            return
        if engine.pid != os.getpid():
            _forked.append(engine)
            return
        if not self.readonly:
            engine.patience_s = min(engine.patience_s, 2.0)
            engine.ask(operations.lose([engine.owner]))
        engine.close()

    def _ready(self) -> PostgresEngine:
        engine = self._engine
        if engine is not None and engine.pid != os.getpid():
            _forked.append(engine)
            self._runs, engine = {}, None
        if engine is None:
            engine = self._engine = PostgresEngine(
                self.path,
                self._chosen_owner or this_process(self._mark),
                lease_s=self._lease_s,
                patience_s=self._patience_s,
                readonly=self.readonly,
            )
            engine.freed = self._freed
        return engine

    def _ask(self, operation: Operation) -> Future[Any]:
        return self._ready().ask(operation).future

    def _opened(self, ticket: int, future: Future[int | None]) -> None:
        if future.exception() is not None or future.result() != ticket:
            self._runs.pop(ticket, None)

    def _run_of(self, ticket: int) -> str:
        """Ours are known; another process's is looked up."""
        if (run := self._runs.pop(ticket, None)) is None:
            run = self._ask(operations.run_of(ticket)).result()
        if run is None:
            raise LookupError(f"ticket {ticket}: no attempt under way")
        return run

    def _writes(self) -> None:
        if self.readonly:
            raise UnsupportedOperation(f"{shown(self.path)} was opened for reading only")

    def __reduce__(self) -> tuple[Callable[..., PostgresLedger], tuple[str]]:
        make = partial(
            PostgresLedger,
            owner=self._chosen_owner,
            readonly=self.readonly,
            lease_s=self._lease_s,
            patience_s=self._patience_s,
        )
        return make, (self.path,)


def _drawn() -> int:
    """A number above 0 that nobody else draws."""
    return secrets.randbits(62) + 1


def gone(owner: str, over: bool) -> bool:
    """Known to be dead here, or silent for longer than its lease and not known to live here."""
    alive = lives(owner)
    return alive is False or (alive is None and over)
