"""A rate per minute as a token bucket that refills continuously."""

from __future__ import annotations

from collections.abc import Callable

BURST_S = 6.0
_ROUNDING = 1e-6  # of one token: what floating point may lose


class TokenBucket:
    """So many units a minute, a few of them at once.

    It holds what `BURST_S` seconds bring, at least one unit, and starts full. A bucket of a whole
    minute would let twice the rate through in its first minute; this one exceeds the rate by a
    tenth at most, after idling, and endpoints often enforce a rate per minute in shorter windows.
    The small bucket delays only the start of a burst: the rate in the long run is the same.

    Args:
        per_minute: units a minute, above 0.
        clock: seconds that never go back.
    """

    def __init__(self, per_minute: float, clock: Callable[[], float]) -> None:
        assert per_minute > 0
        self.per_second = per_minute / 60
        self.capacity = max(1.0, self.per_second * BURST_S)
        self._clock, self._level, self._at = clock, self.capacity, clock()

    @property
    def level(self) -> float:
        """Units that are there now; below 0: owed."""
        now = self._clock()
        self._level = min(self.capacity, self._level + (now - self._at) * self.per_second)
        self._at = now
        return self._level

    def wait(self, units: float) -> float:
        """Seconds until `units` may be taken, 0: now; more than fits is due when it is full."""
        missing = min(units, self.capacity) - self.level
        return missing / self.per_second if missing > _ROUNDING else 0.0

    def take(self, units: float) -> None:
        """Take units, on credit if need be."""
        self._level = self.level - units

    def give(self, units: float) -> None:
        """Return units that were not used; below 0: more were used than were taken."""
        self._level = min(self.capacity, self.level + units)
