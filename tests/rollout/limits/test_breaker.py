"""The circuit of an endpoint: when it opens, who probes, what closes it."""

from __future__ import annotations

from typing import get_args

import pytest

from abgnn.data.outcome import ErrorKind
from abgnn.rollout.clients.base import CallError
from abgnn.rollout.limits.breaker import CircuitBreaker, counts
from abgnn.rollout.settings import Breaker


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def state(breaker: CircuitBreaker) -> str:
    return breaker.state


def opened(clock: Clock) -> CircuitBreaker:
    """A circuit that opened now, for 30 s."""
    breaker = CircuitBreaker(Breaker(failures=3, cooldown_s=30), clock)
    for _ in range(3):
        assert breaker.allow()
        breaker.record(False)
    return breaker


def test_opens_after_failures_in_a_row_only(clock: Clock) -> None:
    breaker = CircuitBreaker(Breaker(failures=3, cooldown_s=30), clock)
    for ok in (False, False, True, False, False):
        assert breaker.allow()
        breaker.record(ok)
    assert state(breaker) == "closed"
    breaker.record(False)
    assert (state(breaker), breaker.allow()) == ("open", False)


def test_one_probe_after_the_cooldown_closes_it(clock: Clock) -> None:
    breaker = opened(clock)
    clock.now += 29.9
    assert not breaker.allow()
    clock.now += 0.1
    assert state(breaker) == "half-open"
    assert [breaker.allow() for _ in range(3)] == [True, False, False]
    breaker.record(True)
    assert state(breaker) == "closed"
    assert [breaker.allow() for _ in range(3)] == [True] * 3
    breaker.record(False)
    assert state(breaker) == "closed", "the count starts anew"


def test_a_failing_probe_opens_it_anew(clock: Clock) -> None:
    breaker = opened(clock)
    clock.now += 30
    assert breaker.allow()
    clock.now += 5
    breaker.record(False)
    assert state(breaker) == "open"
    clock.now += 29
    assert not breaker.allow()
    clock.now += 1
    assert [breaker.allow(), breaker.allow()] == [True, False]


def test_an_abandoned_probe_passes_the_turn_on(clock: Clock) -> None:
    breaker = opened(clock)
    clock.now += 30
    assert breaker.allow()
    breaker.abandon()
    assert state(breaker) == "half-open"
    assert [breaker.allow(), breaker.allow()] == [True, False]


@pytest.mark.parametrize("ok", [True, False])
def test_late_news_from_before_the_opening_changes_nothing(clock: Clock, ok: bool) -> None:
    breaker = opened(clock)
    clock.now += 20
    breaker.record(ok)
    assert state(breaker) == "open"
    clock.now += 10
    assert state(breaker) == "half-open", "the cooldown was not prolonged"


def test_zero_failures_never_open_it(clock: Clock) -> None:
    breaker = CircuitBreaker(Breaker(failures=0), clock)
    for _ in range(100):
        breaker.record(False)
    assert breaker.allow()


def test_what_counts() -> None:
    assert {k for k in get_args(ErrorKind) if counts(CallError(k, ""))} == {"connection", "timeout"}
    statuses = (301, 400, 401, 408, 409, 429, 500, 503, 529)
    assert [s for s in statuses if counts(CallError("status", "", status=s))] == [500, 503, 529]
