"""`AttemptCounts`: figures of the attempts since they were last read."""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass, field

from abgnn.data.backbone import Usage
from abgnn.rollout.ledger.base import Attempt, Caller

_KEPT = 10_000


def _seconds() -> array[float]:
    """None yet; eight bytes each, as a server never takes them."""
    return array("d")


@dataclass(slots=True)
class AttemptCounts:
    """Counts and sums over attempts. `add` is called on the executor's loop, `take` between runs.

    Args:
        attempts, replayed, retried: counts; errors: by kind.
        usage: tokens of live attempts.
        service_time, queue_time: seconds of live attempts, the first 10,000 of them.
    """

    attempts: int = 0
    replayed: int = 0
    retried: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    usage: Usage = field(default_factory=Usage)
    service_time: dict[str, array[float]] = field(default_factory=dict)
    queue_time: array[float] = field(default_factory=_seconds)

    def add(self, caller: Caller, attempt: Attempt) -> None:
        """Count one attempt."""
        if attempt.error is not None:
            self.errors[attempt.error] += 1
        if caller.attempt == 0:
            self.replayed += 1
            return
        self.attempts += 1
        self.retried += caller.attempt > 1
        self.usage += attempt.usage
        if len(self.queue_time) < _KEPT:
            self.service_time.setdefault(caller.backbone, _seconds()).append(attempt.service_time)
            self.queue_time.append(attempt.queue_time)

    def take(self) -> AttemptCounts:
        """Return the counts and reset them."""
        taken = AttemptCounts(
            self.attempts,
            self.replayed,
            self.retried,
            self.errors,
            self.usage,
            self.service_time,
            self.queue_time,
        )
        self.attempts = self.replayed = self.retried = 0
        self.errors, self.usage = Counter(), Usage()
        self.service_time, self.queue_time = {}, _seconds()
        return taken
