"""`LeasedLimits`: an endpoint's limits where processes share them through their ledger.

A process leases requests, tokens and slots in small blocks, renewed a few times a second, so that
no call waits for a round trip while there is enough. What it has not used goes back with the next
renewal; what it holds when it dies is either spent (requests, tokens) or free again once its lease
is over (slots). Rates are leased at 97 %, so that a block that is used late fits in its minute.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from abgnn.rollout.clients.base import CallError
from abgnn.rollout.ledger.awaited import Lease
from abgnn.rollout.ledger.postgres_limits import Grant, Wish, per_second
from abgnn.rollout.limits.breaker import CircuitBreaker
from abgnn.rollout.limits.rate import EndpointLimits

RENEW_S = 0.25
SHORT_S = 0.05  # after getting less than was wanted


class LeasedBucket:
    """Units that were leased; like a `TokenBucket` that others fill."""

    def __init__(self, per_second: float) -> None:
        self.capacity, self.level, self.used = max(1.0, per_second / 2), 0.0, 0.0

    def wait(self, units: float) -> float:
        """0: they may be taken now; else when to look again."""
        return 0.0 if self.level + 1e-6 >= min(units, self.capacity) else SHORT_S

    def take(self, units: float) -> None:
        """Take units, on credit if need be."""
        self.level -= units
        self.used += units

    def give(self, units: float) -> None:
        """Return units that were not used; below 0: more were used than were taken."""
        self.level += units
        self.used -= units

    def renewed(self, needed: float) -> tuple[float, float]:
        """What is wanted at a renewal, and what goes back: what nobody needs, and debts."""
        target, self.used = min(needed + self.used, self.capacity) if needed else 0.0, 0.0
        back = min(self.level, 0.0) + max(self.level - target, 0.0)
        wanted = max(target - max(self.level, 0.0), 0.0)
        self.level -= back
        return wanted, back


class LeasedLimits(EndpointLimits):
    """Slots and rates that are leased; else as `EndpointLimits`.

    Args:
        endpoint: whose they are.
        max_concurrency, rpm, tpm: of all processes together.
        breaker: whose state is shared as well.
        lease: asks the ledger.
    """

    def __init__(
        self,
        endpoint: str,
        max_concurrency: int,
        rpm: int | None,
        tpm: int | None,
        *,
        breaker: CircuitBreaker,
        lease: Lease,
    ) -> None:
        super().__init__(max_concurrency)
        self.endpoint, self._breaker, self._lease = endpoint, breaker, lease
        self._rates = per_second(rpm), per_second(tpm)
        self._leased = [None if rate is None else LeasedBucket(rate) for rate in self._rates]
        self._requests, self._tokens = self._leased
        self._slots = 0
        self._keeper: asyncio.Task[None] | None = None
        self._hungry = asyncio.Event()

    async def acquire(self, tokens: int, age: int = 0) -> None:
        """See `EndpointLimits`.

        Raises:
            CallError: `ledger`: it is away, so that nobody knows what others use.
        """
        if self._keeper is None or self._keeper.done():
            self._keeper = asyncio.ensure_future(self._keep())
        await super().acquire(tokens, age)

    def _delay(self, tokens: int) -> float | None:
        delay = None if self.in_flight >= self._slots else super()._delay(tokens)
        if delay != 0:
            self._hungry.set()
        return delay

    async def _keep(self) -> None:
        """Renew until nothing is wanted any more and all has gone back."""
        while True:
            self._hungry.clear()
            wish, idle = self._wish(), self._idle
            self._slots = min(self._slots, wish.slots)  # the others go back
            try:
                grant = await self._lease(wish)
            except Exception as error:  # never leave anybody waiting
                self._give_up(error)
                return
            self._take_up(grant)
            short = grant.slots < wish.slots or grant.requests < wish.requests
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._hungry.wait(), RENEW_S)
                await asyncio.sleep(SHORT_S if short else 0.0)
            if idle and self._idle:  # nobody came while the last of it went back
                return

    @property
    def _idle(self) -> bool:
        return not (self._waiting or self._granted or self.in_flight)

    def _wish(self) -> Wish:
        """For those who wait and, by what was used since the last renewal, for those to come."""
        waiting, busy = len(self._waiting), self.in_flight
        wanted, back = [0.0, 0.0], [0.0, 0.0]
        tokens = float(sum(place[3] for place in self._waiting))
        for i, (bucket, need) in enumerate(zip(self._leased, (waiting, tokens), strict=True)):
            if bucket is not None:
                wanted[i], back[i] = bucket.renewed(need + busy)
        slots = min(self.max_concurrency, busy + waiting + self._granted)
        return Wish(
            endpoint=self.endpoint,
            rpm=self._rates[0],
            requests=float(int(wanted[0])),
            requests_back=back[0],
            tpm=self._rates[1],
            tokens=wanted[1],
            tokens_back=back[1],
            most=self.max_concurrency,
            slots=slots,
            busy=busy,
            news=self._breaker.news(),
            cooldown_s=self._breaker.settings.cooldown_s,
        )

    def _take_up(self, grant: Grant) -> None:
        for bucket, units in zip(self._leased, (grant.requests, grant.tokens), strict=True):
            if bucket is not None:
                bucket.level += units
        self._slots = grant.slots
        self._breaker.adopt(grant.open_s)
        self._serve()

    def _give_up(self, error: Exception) -> None:
        for _, _, turn, _ in self._waiting:
            if not turn.done():
                turn.set_exception(CallError("ledger", str(error)))
        self._waiting.clear()
