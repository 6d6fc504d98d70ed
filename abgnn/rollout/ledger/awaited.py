"""`AwaitedLedger`: a ledger as an event loop asks it, so that no call waits for another's booking.

A ledger in memory or in a file answers at once. One across a network (`RemoteLedger`) hands out
futures, and tells when money or an awaited answer came free.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import Any, Protocol, runtime_checkable

from abgnn.rollout.ledger.base import Attempt, Caller, Ledger, Limits, Response
from abgnn.rollout.ledger.postgres_limits import Grant, Wish

_POLL_S = 0.05  # how often settlements of other processes are looked for in a file
_REMOTE_S = 1.0  # how often orphans are looked for in a database, which tells all else by itself


Lease = Callable[[Wish], Awaitable[Grant]]


@runtime_checkable
class RemoteLedger(Protocol):
    """What a ledger across a network offers beside `Ledger`."""

    def looking_up(self, key: str) -> Future[Response | None]: ...
    def reserving(
        self,
        caller: Caller,
        pusd: int,
        limits: Limits,
        *,
        alone: bool = False,
        age: int | None = None,
    ) -> Future[int | None]: ...
    def settling(
        self, ticket: int, attempt: Attempt, response: Response | None, request: str | None
    ) -> Future[None]: ...
    def booking(
        self, caller: Caller, attempt: Attempt, response: Response | None, request: str | None
    ) -> Future[None]: ...
    def calling_off(self, ticket: int) -> Future[None]: ...
    def leaving(self, run: str, age: int) -> Future[None]: ...
    def leasing(self, wish: Wish) -> Future[Grant]: ...
    def when_freed(self, freed: Callable[[], None]) -> None: ...


class AwaitedLedger:
    """Used on one event loop.

    Args:
        ledger: that is asked.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self._remote = ledger if isinstance(ledger, RemoteLedger) else None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: set[asyncio.Future[None]] = set()

    async def lookup(self, key: str) -> Response | None:
        """See `Ledger.lookup`."""
        if self._remote is None:
            return self.ledger.lookup(key)
        return await asyncio.wrap_future(self._remote.looking_up(key))

    async def reserve(
        self,
        caller: Caller,
        pusd: int,
        limits: Limits,
        *,
        alone: bool = False,
        age: int | None = None,
    ) -> int | None:
        """See `Ledger.reserve`; cancelled, an attempt that was opened meanwhile is withdrawn.

        With `age`, when its rollout began in ns, None also while one that began earlier waits for
        money of this run in another process, on any host; see `leave`.
        """
        if self._remote is None:
            return self.ledger.reserve(caller, pusd, limits, alone=alone)
        asked = self._remote.reserving(caller, pusd, limits, alone=alone, age=age)
        try:
            return await asyncio.wrap_future(asked)
        except asyncio.CancelledError:
            asked.add_done_callback(partial(self._withdraw, caller.run, age))
            raise

    def leave(self, run: str, age: int) -> None:
        """A rollout that was refused waits for money no more: others need not wait for it."""
        if self._remote is not None:
            self._remote.leaving(run, age)

    async def hopeless(self, caller: Caller, pusd: int, limits: Limits) -> bool:
        """See `Ledger.hopeless`."""
        if self._remote is None:
            return self.ledger.hopeless(caller, pusd, limits)
        return await asyncio.to_thread(self.ledger.hopeless, caller, pusd, limits)

    def settle(
        self, ticket: int, attempt: Attempt, response: Response | None, request: str | None
    ) -> Future[None] | None:
        """See `Ledger.settle`: it will happen, awaited or not; None: it has happened."""
        if self._remote is None:
            self.ledger.settle(ticket, attempt, response, request)
            return None
        return self._remote.settling(ticket, attempt, response, request)

    def book(
        self,
        caller: Caller,
        attempt: Attempt,
        response: Response | None = None,
        request: str | None = None,
    ) -> Future[None] | None:
        """See `Ledger.book`: it will happen, awaited or not; None: it has happened."""
        if self._remote is None:
            self.ledger.book(caller, attempt, response, request)
            return None
        return self._remote.booking(caller, attempt, response, request)

    @property
    def leases(self) -> Lease | None:
        """Renews this process's part of an endpoint's limits; None: processes do not share them."""
        return None if self._remote is None else self._lease

    async def _lease(self, wish: Wish) -> Grant:
        assert self._remote is not None
        return await asyncio.wrap_future(self._remote.leasing(wish))

    async def change(self, woken: asyncio.Event | None = None) -> None:
        """Wait until other processes may have freed money or recorded an answer, or `woken`.

        By `asyncio.wait`: `wait_for` drops a cancellation that comes in the same moment.
        """
        freed = self._freed()
        waits: list[asyncio.Future[Any]] = [freed]
        if woken is not None:
            waits.append(asyncio.ensure_future(woken.wait()))
        seconds = _POLL_S if self._remote is None else _REMOTE_S
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._waiting.discard(freed)
            for wait in waits:
                wait.cancel()

    def _freed(self) -> asyncio.Future[None]:
        """Done when the ledger tells that something came free; a file tells nothing."""
        if self._remote is None:
            return asyncio.get_running_loop().create_future()
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._remote.when_freed(self._rouse)
        future: asyncio.Future[None] = self._loop.create_future()
        self._waiting.add(future)
        return future

    def _rouse(self) -> None:
        """In the ledger's thread."""
        assert self._loop is not None
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._wake_all)

    def _wake_all(self) -> None:
        for future in self._waiting:
            if not future.done():
                future.set_result(None)
        self._waiting.clear()

    def _withdraw(self, run: str, age: int | None, asked: Future[int | None]) -> None:
        """In the ledger's thread: nobody waits for the ticket, or for its turn, any more."""
        if asked.cancelled() or asked.exception() is not None:
            return
        assert self._remote is not None
        if ticket := asked.result():
            self._remote.calling_off(ticket)
        elif age is not None:
            self._remote.leaving(run, age)


async def booked(pending: Future[None] | None) -> None:
    """Wait until a settlement is on disk."""
    if pending is not None:
        await asyncio.wrap_future(pending)
