"""`PatientProtocol`: uvicorn's HTTP/1.1, with deadlines for request heads and stalled readers."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from abgnn.serve.http.limits import ServeLimits

KEEP_ALIVE_S = 30


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
            self._watch_head(KEEP_ALIVE_S + self._limits.receive_s)

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
