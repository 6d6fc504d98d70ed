"""Which failures are tried again, and after how long."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

from abgnn.rollout.clients.base import CallError
from abgnn.rollout.settings import Retry

_STATUSES = frozenset({408, 409, 429})
_NUMBER = re.compile(r"\d+(\.\d*)?|\.\d+", re.ASCII)
_DOUBLINGS = 64  # from here on 2ⁿ exceeds any longest wait


def retryable(error: CallError) -> bool:
    """Whether another attempt may go better: HTTP 408, 409, 429, 5xx, lost connection, time-out."""
    if error.status is not None:
        return error.status in _STATUSES or error.status >= 500
    return error.kind in ("connection", "timeout")


def wait_before(retry: Retry, n: int, error: CallError, rng: random.Random) -> float | None:
    """Seconds before the n-th retry, or None if the server asks for too long a wait.

    Drawn from U(0, min(max_s, base_s·2ⁿ)). A server's Retry-After is a lower bound, to which up
    to `base_s` is added, so that callers with the same Retry-After do not all retry at once.

    Args:
        retry: the bounds.
        n: from 1.
        error: why the last attempt failed.
        rng: source of the jitter.
    """
    drawn = rng.uniform(0, min(retry.max_s, retry.base_s * 2.0 ** min(n, _DOUBLINGS)))
    if error.retry_after is None:
        return drawn
    if error.retry_after > retry.retry_after_max_s:
        return None
    return max(drawn, error.retry_after + rng.uniform(0, retry.base_s))


def parse_retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that a server asks to wait: `retry-after-ms`, else `Retry-After` in either form.

    Args:
        headers: of the response, names in any case.
        now: an aware time, which a date is compared with; a date that has passed is 0.

    Returns:
        None if there is no such header or it cannot be read.
    """
    fields = {name.lower(): value.strip() for name, value in headers.items()}
    milliseconds = _number(fields.get("retry-after-ms", ""))
    if milliseconds is not None:
        return milliseconds / 1000
    text = fields.get("retry-after", "")
    seconds = _number(text)
    return _seconds_until(text, now) if seconds is None else seconds


def _number(text: str) -> float | None:
    """A decimal number from 0; no sign, no exponent, no infinity."""
    value = float(text) if _NUMBER.fullmatch(text) else math.nan
    return value if math.isfinite(value) else None


def _seconds_until(text: str, now: datetime) -> float | None:
    try:
        then = parsedate_to_datetime(text)
        if then.tzinfo is None:  # "-0000": no zone stated; HTTP dates are UTC
            then = then.replace(tzinfo=timezone.utc)
        return max(0.0, (then - now).total_seconds())
    except (
        ValueError,
        TypeError,
        IndexError,
        OverflowError,
    ):  # of malformed dates
        return None
