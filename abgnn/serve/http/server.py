"""uvicorn, with deadlines for request heads and for readers that stall."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
import sys
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from abgnn.errors import ConfigError
from abgnn.serve.http.app import Service
from abgnn.serve.http.limits import ServeLimits

_HEAD_BYTES = 16 * 1024
_KEEP_ALIVE_S = 30


class PatientProtocol(H11Protocol):
    """HTTP/1.1 that closes connections whose head stays incomplete or whose reader stalls.

    uvicorn itself starts no clock before a request's head is complete, and restarts the one of
    kept-alive connections with every byte.
    """

    def __init__(self, *args: Any, limits: ServeLimits, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._limits = limits
        self._head: asyncio.TimerHandle | None = None
        self._stall: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # asyncio does so for sockets that it makes itself: else replies wait 40 ms for an ACK
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._watch_head(self._limits.receive_s)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._busy():
            self._watch_head(None)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self._busy():
            self._watch_head(_KEEP_ALIVE_S + self._limits.receive_s)

    def connection_lost(self, exc: Exception | None) -> None:
        self._watch_head(None)
        self.resume_writing()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stall = self.loop.call_later(self._limits.stalled_s, self.transport.abort)

    def resume_writing(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None
        super().resume_writing()

    def _busy(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _watch_head(self, seconds: float | None) -> None:
        if self._head is not None:
            self._head.cancel()
        self._head = None if seconds is None else self.loop.call_later(seconds, self._late)

    def _late(self) -> None:
        if not self._busy() and self.conn.our_state is not h11.ERROR:
            self.transport.abort()


def listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        ConfigError: the address cannot be used.
    """
    try:
        return socket.create_server((host, port), backlog=2048)
    except (OSError, OverflowError) as wrong:
        raise ConfigError("--host, --port", (host, port), f"a free address ({wrong})") from wrong


def make_server(service: Service) -> uvicorn.Server:
    """A server for a service; `run(sockets=[listen(...)])` blocks until it is stopped."""
    limits = service.limits
    protocol: Any = partial(PatientProtocol, limits=limits)
    config = uvicorn.Config(
        service.app(),
        http=protocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=limits.connections,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=max(1, round(limits.grace_s)),
        h11_max_incomplete_event_size=_HEAD_BYTES,
    )
    return uvicorn.Server(config)


def serve(service: Service, sock: socket.socket, started: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT: then no new requests, and those under way finish.

    Args:
        service: what to serve.
        sock: the listening socket.
        started: called with the base URL.
    """
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):  # uvicorn raises them again in the end
            signal.signal(number, _ignore)
    gc.collect()
    gc.freeze()  # loaded objects stay: collections that scan them take 100 ms and more
    sys.setswitchinterval(0.5e-3)  # three threads pass each question on: 5 ms each time is long
    host, port = sock.getsockname()[:2]
    started(f"http://{f'[{host}]' if ':' in host else host}:{port}/v1")
    make_server(service).run(sockets=[sock])


def _ignore(number: int, frame: object) -> None:
    """Ignore the signal, which uvicorn raises again after its own handler."""
