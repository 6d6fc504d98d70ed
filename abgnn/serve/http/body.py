"""`received`: a request's body, within its limits."""

from __future__ import annotations

import asyncio

from starlette.requests import Request

from abgnn.serve.http.limits import ServeLimits
from abgnn.serve.http.request import ApiError


async def received(http: Request, limits: ServeLimits) -> bytes:
    """The whole body.

    Raises:
        ApiError: it is too large, which its length may say before it comes, or comes too slowly.
        ClientDisconnect: the client left.
    """
    length = http.headers.get("content-length", "0")
    if length.isascii() and length.isdigit() and int(length[:20]) > limits.body_bytes:
        raise _too_large(limits)
    try:
        return await asyncio.wait_for(_all(http, limits), limits.receive_s)
    except asyncio.TimeoutError:
        message = f"the body did not arrive within {limits.receive_s:g} s"
        raise ApiError(408, message, "request_timeout") from None


async def _all(http: Request, limits: ServeLimits) -> bytes:
    body = bytearray()
    async for part in http.stream():
        body += part
        if len(body) > limits.body_bytes:
            raise _too_large(limits)
    return bytes(body)


def _too_large(limits: ServeLimits) -> ApiError:
    message = f"the body is larger than {limits.body_bytes} bytes"
    return ApiError(413, message, "request_too_large")
