"""Many rollouts at once, so many of them in flight; their outcomes in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence

from abgnn.data.outcome import Outcome
from abgnn.rollout.rollout import Rollout

OnOutcome = Callable[[Outcome], None]


async def in_flight(
    rollouts: Sequence[Rollout], most: int, on_outcome: OnOutcome | None
) -> list[Outcome]:
    """Run rollouts, at most `most` at once; `on_outcome` is called with each outcome."""
    outcomes: dict[int, Outcome] = {}
    todo = iter(enumerate(rollouts))
    crew: list[asyncio.Future[None]] = []
    try:
        for _ in range(min(most, len(rollouts))):
            crew.append(asyncio.ensure_future(_work(todo, outcomes, on_outcome)))
            await asyncio.sleep(0)  # replies are read in between: else the first ones look slow
        await asyncio.gather(*crew)
    finally:
        for worker in crew:
            worker.cancel()
    return [outcomes[i] for i in range(len(rollouts))]


async def _work(
    todo: Iterator[tuple[int, Rollout]], outcomes: dict[int, Outcome], on_outcome: OnOutcome | None
) -> None:
    """One worker: run the next rollout until none is left."""
    for i, rollout in todo:
        outcomes[i] = await rollout.run()
        if on_outcome is not None:
            on_outcome(outcomes[i])
