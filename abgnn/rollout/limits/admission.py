"""`Admission`: reserves money under caps, the oldest rollout first, so that it can finish.

It keeps the line of this process. Where hosts share a database, the first in line of each process
also waits for those of other processes whose rollouts began earlier.
"""

from __future__ import annotations

import asyncio
import heapq
from functools import partial
from itertools import count

from abgnn.rollout.ledger.awaited import AwaitedLedger
from abgnn.rollout.ledger.base import Caller, Limits


class Admission:
    """Reserves worst cases in the ledger, waiting while attempts under way may leave enough.

    First come, first served would spend a small cap on the first calls of many rollouts, none of
    which could then finish. Used on one event loop.

    Args:
        ledger: where money is reserved.
    """

    def __init__(self, ledger: AwaitedLedger) -> None:
        self.ledger = ledger
        self._numbers = count()
        self._waiting: list[tuple[int, int, asyncio.Event]] = []

    async def reserve(
        self, caller: Caller, pusd: int, limits: Limits, age: int, *, alone: bool = False
    ) -> int | None:
        """A ticket of the ledger, or None if the money left can no longer suffice.

        Nobody overtakes those who wait; while nobody does, calls are asked for at once.

        Args:
            caller: who calls.
            pusd: worst case in picodollars.
            limits: caps of run and phase.
            age: when the rollout began, in ns; lower is served first.
            alone: see `Ledger.reserve`.
        """
        uncapped = limits.run is None and limits.phase is None
        reserve = partial(self.ledger.reserve, caller, pusd, limits, alone=alone)
        if uncapped:
            return await reserve()
        if not self._waiting and (ticket := await reserve(age=age)) is not None:
            return ticket
        woken = asyncio.Event()
        place = (age, next(self._numbers), woken)
        heapq.heappush(self._waiting, place)
        ticket = None
        try:
            while True:
                woken.clear()
                if self._waiting[0] is place:
                    ticket = await reserve(age=age)
                    if ticket is not None:
                        return ticket
                    if await self.ledger.hopeless(caller, pusd, limits):
                        return None
                    await self.ledger.change(woken)
                else:
                    await woken.wait()
        finally:
            if not ticket:  # given up, or made elsewhere: nobody need wait for it
                self.ledger.leave(caller.run, age)
            self._waiting.remove(place)
            heapq.heapify(self._waiting)
            self.wake()

    def wake(self) -> None:
        """Called when an attempt was settled: the first in line tries again."""
        if self._waiting:
            self._waiting[0][2].set()
