"""`CircuitBreaker`: no calls for a while to an endpoint that keeps failing."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

from abgnn.rollout.clients.base import CallError
from abgnn.rollout.settings import Breaker

State = Literal["closed", "open", "half-open"]
News = Literal["opened", "closed", ""]


def counts(error: CallError) -> bool:
    """Whether a failure is the endpoint's: 5xx, no connection, time-out; not a 429 or a 4xx."""
    if error.status is not None:
        return error.status >= 500
    return error.kind in ("connection", "timeout")


class CircuitBreaker:
    """Closed until `failures` in a row, then open for `cooldown_s`, then one call at a time probes.

    After every `allow` that returns True comes one `record` or `abandon`. A probe that
    succeeds closes the circuit, one that fails opens it anew. Calls that
    began before the opening change nothing while it is open.

    Args:
        settings: how many failures, and how long; with 0 failures it never opens.
        clock: seconds that never go back.
    """

    def __init__(self, settings: Breaker, clock: Callable[[], float] = time.monotonic) -> None:
        self.settings, self._clock = settings, clock
        self._failures = 0  # in a row
        self._opened: float | None = None
        self._probing = False
        self._news: News = ""

    @property
    def state(self) -> State:
        """`open`: no call; `half-open`: one call at a time."""
        if self._opened is None:
            return "closed"
        return "open" if self._clock() < self._opened + self.settings.cooldown_s else "half-open"

    def allow(self) -> bool:
        """Whether a call may be made; in `half-open`, the caller that gets True is the probe."""
        state = self.state
        if state == "half-open" and not self._probing:
            self._probing = True
            return True
        return state == "closed"

    def record(self, ok: bool) -> None:
        """Record the result of an allowed call; `ok` unless the endpoint failed (`counts`)."""
        if self._opened is not None and not self._probing:
            return
        self._failures = 0 if ok else self._failures + 1
        if ok:
            self._news = "closed" if self._opened is not None else self._news
            self._opened = None
        elif self._probing or 0 < self.settings.failures <= self._failures:
            self._opened, self._news = self._clock(), "opened"
        self._probing = False

    def news(self) -> News:
        """What became of the circuit since this was last asked, for other processes."""
        news, self._news = self._news, ""
        return news

    def adopt(self, open_s: float) -> None:
        """What all processes know: open for so long; 0: closed; below 0: a call here may probe."""
        if self._news or self._probing:
            return
        if open_s == 0:
            self._opened = None
        else:
            self._opened = self._clock() - self.settings.cooldown_s + max(open_s, 0.0)

    def abandon(self) -> None:
        """An allowed call had no result (cancelled, no money): another one may probe."""
        self._probing = False
