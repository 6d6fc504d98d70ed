"""Errors of the SDK as `CallError`: kind, status, and whether tokens may have been billed."""

from __future__ import annotations

from datetime import datetime, timezone

import httpx2
import openai

from abgnn.data.backbone import Usage
from abgnn.rollout.clients.base import CallError
from abgnn.rollout.clients.openai_connections import OversizeError
from abgnn.rollout.clients.openai_reply import clean
from abgnn.rollout.limits.backoff import parse_retry_after

NO_KEY = "none"  # endpoints without keys ignore it; the SDK wants one
RAISED = (openai.OpenAIError, httpx2.RequestError, OversizeError, TimeoutError)
_NOT_SENT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,
    httpx2.UnsupportedProtocol,
    httpx2.LocalProtocolError,
)
_FILTERS = ("content_filter", "content_policy_violation", "data_inspection_failed")
_LONGEST = 500  # characters of a message


def typed(error: Exception, seconds: float) -> CallError:
    """The typed error for one of `RAISED`; the message may still hold the key.

    Usage is none where surely nothing was billed: a request that was not sent, and HTTP errors.
    It is None (unknown) where the request was sent and no whole reply came.
    """
    if isinstance(error, openai.APIStatusError):
        return _of_status(error, seconds)
    if isinstance(error, openai.APIConnectionError):
        return _of_connection(error.__cause__ or error, seconds)
    if isinstance(error, httpx2.RequestError):  # while a stream is read
        return _of_connection(error, seconds)
    if isinstance(error, OversizeError):
        return CallError("oversize", str(error), usage=None, service_time=seconds)
    if isinstance(error, TimeoutError):
        reason = f"no reply within {seconds:.1f} s"
        return CallError("timeout", reason, usage=None, service_time=seconds)
    return CallError("internal", f"{type(error).__name__}: {error}", service_time=seconds)


def redacted(error: CallError, key: str) -> CallError:
    """The error without the key, cut to `_LONGEST` characters."""
    message = clean(without_key(error.message, key))[:_LONGEST]
    return CallError(
        error.kind,
        message,
        status=error.status,
        usage=error.usage,
        service_time=error.service_time,
        retry_after=error.retry_after,
    )


def without_key(text: str, key: str) -> str:
    """A text that may be shown."""
    return text if key == NO_KEY else text.replace(key, "<key>")


def _of_status(error: openai.APIStatusError, seconds: float) -> CallError:
    reason = error.message.removeprefix(f"Error code: {error.status_code} - ")
    return CallError(
        "filter" if error.code in _FILTERS else "status",
        f"HTTP {error.status_code}: {reason}",
        status=error.status_code,
        service_time=seconds,
        retry_after=parse_retry_after(error.response.headers, datetime.now(timezone.utc)),
    )


def _of_connection(cause: BaseException, seconds: float) -> CallError:
    reason = f"{type(cause).__name__}: {cause}"
    if isinstance(cause, httpx2.DecodingError):
        return CallError("malformed", reason, usage=None, service_time=seconds)
    usage = Usage() if isinstance(cause, _NOT_SENT) else None
    late = isinstance(cause, httpx2.TimeoutException)
    return CallError("timeout" if late else "connection", reason, usage=usage, service_time=seconds)
