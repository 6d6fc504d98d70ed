"""`QueryCap`: the cap on one rollout's money, with what its calls have spent and reserved."""

from __future__ import annotations

import asyncio
from collections import deque

from abgnn.rollout.clients.base import CallError
from abgnn.rollout.ledger.money import dollars


class QueryCap:
    """Picodollars of one rollout; used on one event loop.

    Args:
        cap: picodollars that may be spent; None: no limit.
    """

    def __init__(self, cap: int | None) -> None:
        self.cap, self.spent, self.reserved = cap, 0, 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def reserve(self, amount: int) -> None:
        """Set a worst case aside; waits while calls under way may leave enough of theirs.

        Raises:
            CallError: `budget`: what is left does not cover it.
        """
        while self.cap is not None and self.spent + self.reserved + amount > self.cap:
            if self.spent + amount > self.cap:
                left = f"${dollars(self.cap - self.spent):.6f}"
                refusal = (
                    f"the query's cap leaves {left}, this call may cost ${dollars(amount):.6f}"
                )
                raise CallError("budget", refusal)
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            await turn
        self.reserved += amount

    def settle(self, reserved: int, spent: int) -> None:
        """Release a reservation, book the cost, and let waiting calls try again."""
        self.reserved -= reserved
        self.spent += spent
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
