"""`Admission`: reserves money under caps, the oldest rollout first, so that it can finish."""

from __future__ import annotations

import asyncio
import heapq
from contextlib import suppress
from itertools import count

from abgnn.rollout.ledger.base import Caller, Ledger, Limits

_POLL_S = 0.05  # how often settlements of other processes are looked for


class Admission:
    """Reserves worst cases in the ledger, waiting while attempts under way may leave enough.

    First come, first served would spend a small cap on the first calls of many rollouts, none of
    which could then finish. Used on one event loop.

    Args:
        ledger: where money is reserved.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self._numbers = count()
        self._waiting: list[tuple[int, int, asyncio.Event]] = []

    async def reserve(self, caller: Caller, pusd: int, limits: Limits, age: int) -> int | None:
        """A ticket of the ledger, or None if the money left can no longer suffice.

        Args:
            caller: who calls.
            pusd: worst case in picodollars.
            limits: caps of run and phase.
            age: of the rollout; lower is served first.
        """
        if limits.run is None and limits.phase is None:
            return self.ledger.reserve(caller, pusd, limits)
        woken = asyncio.Event()
        place = (age, next(self._numbers), woken)
        heapq.heappush(self._waiting, place)
        try:
            while True:
                woken.clear()
                if self._waiting[0] is place:
                    ticket = self.ledger.reserve(caller, pusd, limits)
                    if ticket is not None or self.ledger.hopeless(caller, pusd, limits):
                        return ticket
                    with suppress(asyncio.TimeoutError):
                        await asyncio.wait_for(woken.wait(), _POLL_S)
                else:
                    await woken.wait()
        finally:
            self._waiting.remove(place)
            heapq.heapify(self._waiting)
            self.wake()

    def wake(self) -> None:
        """Called when an attempt was settled: the first in line tries again."""
        if self._waiting:
            self._waiting[0][2].set()
