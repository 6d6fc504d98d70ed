"""What is tried again, and when."""

from __future__ import annotations

import random
from datetime import datetime, timezone
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abgnn.data.outcome import ErrorKind
from abgnn.rollout.clients.base import CallError
from abgnn.rollout.limits.backoff import parse_retry_after, retryable, wait_before
from abgnn.rollout.settings import Retry

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("status", "again"),
    [
        *((s, True) for s in (408, 409, 429, 500, 502, 503, 504, 529)),
        *((s, False) for s in (301, 400, 401, 402, 403, 404, 413, 418, 422, 451)),
    ],
)
def test_statuses(status: int, again: bool) -> None:
    assert retryable(CallError("status", "", status=status)) is again


def test_kinds() -> None:
    again = {kind for kind in get_args(ErrorKind) if retryable(CallError(kind, ""))}
    assert again == {"connection", "timeout"}


def test_full_jitter_doubles_up_to_the_longest_wait() -> None:
    retry, error, rng = Retry(base_s=0.5, max_s=3.0), CallError("timeout", ""), random.Random(0)
    for n, longest in [(1, 1.0), (2, 2.0), (3, 3.0), (4, 3.0), (5000, 3.0)]:
        drawn = [wait_before(retry, n, error, rng) for _ in range(400)]
        assert all(wait is not None for wait in drawn)
        waits = sorted(wait or 0.0 for wait in drawn)
        assert 0 <= waits[0] < 0.05 * longest
        assert 0.95 * longest < waits[-1] <= longest
        assert waits[200] == pytest.approx(longest / 2, rel=0.2), "spread over the whole range"


@given(st.integers(1, 100), st.floats(0, 60), st.integers(0, 2**32))
def test_never_before_retry_after(n: int, after: float, seed: int) -> None:
    error = CallError("status", "", status=429, retry_after=after)
    wait = wait_before(Retry(), n, error, random.Random(seed))
    assert wait is not None
    assert after <= wait <= max(Retry().max_s, after + Retry().base_s)


def test_those_who_were_told_the_same_come_back_apart() -> None:
    error, rng = CallError("status", "", status=429, retry_after=20.0), random.Random(0)
    waits = {wait_before(Retry(), 1, error, rng) for _ in range(20)}
    assert len(waits) == 20


def test_gives_up_on_too_patient_a_server() -> None:
    error = CallError("status", "", status=503, retry_after=60.1)
    assert wait_before(Retry(), 1, error, random.Random(0)) is None
    assert wait_before(Retry(retry_after_max_s=61), 1, error, random.Random(0)) is not None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"Retry-After": " 0.25 "}, 0.25),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9.0),
        ({"retry-after": "Sun, 01 Mar 2026 12:00:07 GMT"}, 7.0),
        ({"retry-after": "Sunday, 01-Mar-26 12:00:07 GMT"}, 7.0),
        ({"retry-after": "Sun, 01 Mar 2026 14:00:07 +0200"}, 7.0),
        ({"retry-after": "Sun, 01 Mar 2026 12:00:07 -0000"}, 7.0),
        ({"retry-after": "Sun, 01 Mar 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "1e3"}, None),
        ({"retry-after": "9" * 400}, None),
        ({"retry-after": "٣"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "a little"}, None),
        ({"retry-after": "Sun, 99 Mar 2026 12:00:07 GMT"}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert parse_retry_after(headers, NOW) == seconds


@given(st.text())
def test_retry_after_survives_any_text(text: str) -> None:
    seconds = parse_retry_after({"retry-after": text}, NOW)
    assert seconds is None or seconds >= 0
