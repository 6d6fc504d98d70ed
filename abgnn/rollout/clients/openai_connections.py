"""HTTP connections for `OpenAIClient`: pooled, with bounded bodies, never redirected."""

from __future__ import annotations

import asyncio
import ssl
import time
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx2
import openai

from abgnn.rollout.clients.trace_headers import TRACE_HEADERS

MAX_BODY_BYTES = 16 * 2**20
_ERROR_BYTES = 2**16  # as much of an error's body as is read
_WIDTH = 32  # calls per pool: what a pool does per call grows with its connections
_CONNECT_S = 10.0
_QUIET_S = (
    5.0  # a pool that is unused for so long is closed: it drops old connections only when used
)
_LIMITS = httpx2.Limits(
    max_connections=1000,  # never reached: who calls is limited elsewhere
    max_keepalive_connections=1000,
    keepalive_expiry=4.0,  # below the 5 s after which common servers close idle connections
)


class OversizeError(Exception):
    """A body longer than allowed; the rest of it was not read."""


@dataclass(slots=True)
class _Pool:
    sdk: openai.AsyncOpenAI
    busy: int = 0
    used: float = 0.0


class Connections:
    """The SDK clients of one event loop, by URL and key, with `_WIDTH` calls on each.

    Args:
        timeout_s: of a call; half of it, at most 10 s, is for connecting.
        max_body_bytes: of a decompressed body.
    """

    def __init__(self, timeout_s: float, max_body_bytes: int) -> None:
        self._timeout = httpx2.Timeout(None, connect=min(_CONNECT_S, timeout_s / 2))
        self._max_body_bytes = max_body_bytes
        self._ssl: ssl.SSLContext | None = None
        self._pools: dict[tuple[str, str], list[_Pool]] = {}
        self._closing: set[asyncio.Task[None]] = set()

    @contextmanager
    def client(self, url: str, key: str) -> Iterator[openai.AsyncOpenAI]:
        """An SDK client for one call."""
        pools = self._pools.setdefault((url, key), [])
        pool = next((pool for pool in pools if pool.busy < _WIDTH), None)
        if pool is None:
            pool = _Pool(self._connect(url, key))
            pools.append(pool)
            self._look_after(pools, pool)
        pool.busy += 1
        try:
            yield pool.sdk
        finally:
            pool.busy -= 1
            pool.used = time.monotonic()

    async def aclose(self) -> None:
        """Close all connections."""
        open_ = [pool for pools in self._pools.values() for pool in pools]
        for pools in self._pools.values():
            pools.clear()
        for pool in open_:
            await pool.sdk.close()
        await asyncio.gather(*self._closing)

    def _look_after(self, pools: list[_Pool], pool: _Pool) -> None:
        """Look again and again whether a pool is unused."""
        asyncio.get_running_loop().call_later(_QUIET_S, self._close_unused, pools, pool)

    def _close_unused(self, pools: list[_Pool], pool: _Pool) -> None:
        if pool not in pools:
            return
        if pool.busy or time.monotonic() - pool.used < _QUIET_S:
            self._look_after(pools, pool)
            return
        pools.remove(pool)
        closing = asyncio.ensure_future(pool.sdk.close())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    def _connect(self, url: str, key: str) -> openai.AsyncOpenAI:
        if self._ssl is None:
            self._ssl = httpx2.create_ssl_context()  # costs much, so once
        http = openai.DefaultAsyncHttpxClient(
            verify=self._ssl,
            limits=_LIMITS,
            timeout=self._timeout,
            follow_redirects=False,  # another host must not get our key and prompts
            event_hooks={"request": [_traced], "response": [self._bound]},
        )
        return openai.AsyncOpenAI(
            base_url=url,
            api_key=key,
            timeout=self._timeout,
            max_retries=0,
            default_headers={"Accept-Encoding": "gzip"},
            http_client=http,
        )

    async def _bound(self, response: httpx2.Response) -> None:
        """Called after the headers and before the body is read; decompression is done here."""
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        gzipped = response.headers.pop("content-encoding", "").lower() in ("gzip", "x-gzip")
        if response.is_success:
            bounded = _Bounded(response.stream, gzipped, self._max_body_bytes, cut=False)
        else:
            bounded = _Bounded(response.stream, gzipped, _ERROR_BYTES, cut=True)
        response.stream = bounded


async def _traced(request: httpx2.Request) -> None:
    """Send the trace context of the call along, if there is one."""
    for name, value in TRACE_HEADERS.get().items():
        request.headers[name] = value


class _Bounded(httpx2.AsyncByteStream):
    """At most `limit` decompressed bytes of a stream: what is beyond raises, or is cut off."""

    def __init__(
        self, stream: httpx2.AsyncByteStream, gzipped: bool, limit: int, *, cut: bool
    ) -> None:
        self._stream, self._limit, self._cut = stream, limit, cut
        self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 16) if gzipped else None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = self._limit
        async for chunk in self._stream:
            plain = self._plain(chunk, left + 1)
            if len(plain) > left:
                if not self._cut:
                    raise OversizeError(f"a body of more than {self._limit} bytes")
                yield plain[:left]
                return
            left -= len(plain)
            yield plain

    async def aclose(self) -> None:
        await self._stream.aclose()

    def _plain(self, chunk: bytes, most: int) -> bytes:
        if self._inflate is None:
            return chunk
        try:
            return self._inflate.decompress(chunk, most)
        except zlib.error as error:
            raise httpx2.DecodingError(str(error)) from error
